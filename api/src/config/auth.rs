use std::net::IpAddr;
use std::path::Path;

use secrecy::SecretString;
use url::{Host, Url};

use super::development_secret;
use super::variables::{ConfigError, Variables};

/// How tokens are verified: with a secret shared with Better Auth, with the keys that it publishes, or both.
#[derive(Debug)]
pub struct AuthConfig {
    /// `BETTER_AUTH_SECRET` (or `AUTH_SECRET`) and `BETTER_AUTH_SECRETS`. The bytes of each are a key for HS256. The first
    /// one signs.
    pub secrets: Vec<SecretString>,
    /// `BETTER_AUTH_ISSUER`: if not empty, `iss` must be one of them.
    pub issuers: Vec<String>,
    /// `BETTER_AUTH_AUDIENCE`: if not empty, `aud` must contain one of them.
    pub audiences: Vec<String>,
    /// The origin of `BETTER_AUTH_URL`. A token that is signed with a secret need not name it in `iss` and `aud`, but must not
    /// name another one, unless the settings above state what it must name.
    pub origin: Option<String>,
    /// `BETTER_AUTH_URL` and `BETTER_AUTH_JWKS_URL`: the server that publishes the keys of the other tokens.
    pub key_server: Option<KeyServerConfig>,
    /// `BETTER_AUTH_LEEWAY_SECONDS`: how far the clocks of issuer and server may differ.
    pub leeway_seconds: u32,
    /// Whether the only secret is a random development secret, because neither a secret nor a key server is configured.
    pub is_development: bool,
}

/// The server that publishes keys, and the claims required of tokens that are signed with them.
#[derive(Clone, Debug)]
pub struct KeyServerConfig {
    /// The address of the JSON Web Key Set (RFC 7517, section 5).
    pub jwks_url: Url,
    /// `iss` must be one of these.
    pub issuers: Vec<String>,
    /// `aud` must contain one of these.
    pub audiences: Vec<String>,
    /// The issuer of access tokens: the address of Better Auth with its path. `None` without `BETTER_AUTH_URL`.
    pub oauth_issuer: Option<String>,
}

/// The path of Better Auth, if its address has none.
const DEFAULT_PATH: &str = "/api/auth";

/// A secret shorter than the hash weakens the signature (RFC 7518, section 3.2). It is accepted with a warning.
const RECOMMENDED_SECRET_BYTES: usize = 32;
/// In seconds. A larger value would accept tokens long after they expire.
const MAX_LEEWAY: u32 = 300;

/// Publicly known secrets: Better Auth's default, and those of examples. They are refused.
const PUBLIC: [&str; 9] = [
    "better-auth-secret-12345678901234567890",
    "better-auth-secret-123456789",
    "your-secret-key",
    "your-secret-here",
    "your-better-auth-secret",
    "your-super-secret-key",
    "change-me",
    "changeme",
    "secret",
];

impl AuthConfig {
    /// Reads the settings. If there is neither a secret nor a key server, a server on a loopback address gets a random
    /// development secret. On any other address that is an error.
    pub(super) fn load(variables: &Variables, host: IpAddr, notices: &mut Vec<String>) -> Result<Self, ConfigError> {
        let mut secrets = configured_secrets(variables, notices)?;
        let (issuers, audiences) = (variables.list("BETTER_AUTH_ISSUER")?, variables.list("BETTER_AUTH_AUDIENCE")?);
        let base = address(variables, "BETTER_AUTH_URL")?;
        // Better Auth's default for both claims is its origin.
        let origin = base.as_ref().map(|base| base.origin().ascii_serialization());
        let key_server = key_server(variables, base, [&issuers, &audiences], notices)?;
        let is_development = secrets.is_empty() && key_server.is_none();
        if is_development {
            if !host.is_loopback() {
                let problem =
                    format!("or BETTER_AUTH_URL must be set when HOST is not a loopback address (it is {host})");
                return Err(ConfigError::new("BETTER_AUTH_SECRET", problem));
            }
            secrets.push(development_secret::load(Path::new(development_secret::PATH), notices)?);
        }
        let leeway_expected = format!("a number of seconds, at most {MAX_LEEWAY}");
        let leeway_seconds = variables.parse("BETTER_AUTH_LEEWAY_SECONDS", 30, &leeway_expected)?;
        if leeway_seconds > MAX_LEEWAY {
            return Err(ConfigError::new("BETTER_AUTH_LEEWAY_SECONDS", format!("must be {leeway_expected}")));
        }
        Ok(Self { secrets, issuers, audiences, origin, key_server, leeway_seconds, is_development })
    }
}

/// Reads the secrets, the newest first. `BETTER_AUTH_SECRETS` is Better Auth's list for rotation, like `2:new,1:old`.
fn configured_secrets(variables: &Variables, notices: &mut Vec<String>) -> Result<Vec<SecretString>, ConfigError> {
    let mut secrets = Vec::new();
    for entry in variables.list("BETTER_AUTH_SECRETS")? {
        let (version, secret) = entry.split_once(':').unwrap_or_default();
        if version.parse::<u32>().is_err() {
            let expected = "must be a comma list of VERSION:SECRET, the newest first, like 2:new,1:old";
            return Err(ConfigError::new("BETTER_AUTH_SECRETS", expected));
        }
        // Trimmed as Better Auth does, because the list may be written with spaces.
        secrets.push(check_secret("BETTER_AUTH_SECRETS", secret.trim(), notices)?);
    }
    let single = ["BETTER_AUTH_SECRET", "AUTH_SECRET"]
        .into_iter()
        .find_map(|variable| variables.get_even_empty(variable).map(|secret| (variable, secret)));
    if let Some((variable, secret)) = single {
        secrets.push(check_secret(variable, secret, notices)?);
    }
    Ok(secrets)
}

fn check_secret(variable: &str, secret: &str, notices: &mut Vec<String>) -> Result<SecretString, ConfigError> {
    if secret.trim().is_empty() {
        return Err(ConfigError::new(variable, "must not be empty"));
    }
    if PUBLIC.iter().any(|public| secret.trim().eq_ignore_ascii_case(public)) {
        return Err(ConfigError::new(variable, "is a publicly known example: make one with `openssl rand -base64 32`"));
    }
    if secret.len() < RECOMMENDED_SECRET_BYTES {
        notices.push(format!(
            "{variable} is shorter than {RECOMMENDED_SECRET_BYTES} bytes: make one with `openssl rand -base64 32`"
        ));
    }
    Ok(secret.into())
}

fn key_server(
    variables: &Variables,
    base: Option<Url>,
    [issuers, audiences]: [&[String]; 2],
    notices: &mut Vec<String>,
) -> Result<Option<KeyServerConfig>, ConfigError> {
    let jwks = address(variables, "BETTER_AUTH_JWKS_URL")?;
    let path = |base: &Url| {
        let path = Some(base.path().trim_end_matches('/')).filter(|path| !path.is_empty());
        path.unwrap_or(DEFAULT_PATH).to_owned()
    };
    let (variable, jwks_url) = match (&base, jwks) {
        (_, Some(jwks)) => ("BETTER_AUTH_JWKS_URL", jwks),
        (Some(base), None) => {
            let mut jwks = base.clone();
            jwks.set_path(&format!("{}/jwks", path(base)));
            ("BETTER_AUTH_URL", jwks)
        }
        (None, None) => return Ok(None),
    };
    let oauth_issuer = base.as_ref().map(|base| format!("{}{}", base.origin().ascii_serialization(), path(base)));
    let origin = base.map(|base| base.origin().ascii_serialization());
    let expected = |variable, configured: &[String]| match (configured, &origin) {
        ([], Some(origin)) => Ok(vec![origin.clone()]),
        ([], None) => {
            Err(ConfigError::new(variable, "must be set when BETTER_AUTH_JWKS_URL is and BETTER_AUTH_URL is not"))
        }
        (configured, _) => Ok(configured.to_vec()),
    };
    let is_local = match jwks_url.host() {
        Some(Host::Domain(name)) => !name.contains('.'),
        Some(Host::Ipv4(ip)) => ip.is_loopback() || ip.is_private(),
        Some(Host::Ipv6(ip)) => ip.is_loopback() || ip.is_unique_local(),
        None => false,
    };
    if jwks_url.scheme() == "http" && !is_local {
        notices.push(format!("{variable} is not https: an attacker on the network could publish keys of their own"));
    }
    Ok(Some(KeyServerConfig {
        jwks_url,
        issuers: expected("BETTER_AUTH_ISSUER", issuers)?,
        audiences: expected("BETTER_AUTH_AUDIENCE", audiences)?,
        oauth_issuer,
    }))
}

fn address(variables: &Variables, variable: &str) -> Result<Option<Url>, ConfigError> {
    let Some(text) = variables.get(variable) else { return Ok(None) };
    let mut url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if let Some(url) = &mut url {
        url.set_fragment(None);
    }
    url.map(Some).ok_or_else(|| ConfigError::new(variable, "must be an address like https://app.example.com"))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use secrecy::ExposeSecret;

    use super::*;

    fn load(variables: &[(&str, &str)]) -> Result<(AuthConfig, Vec<String>), String> {
        let mut notices = Vec::new();
        let variables: Variables = variables.iter().copied().collect();
        let config = AuthConfig::load(&variables, IpAddr::V4(Ipv4Addr::UNSPECIFIED), &mut notices);
        config.map(|config| (config, notices)).map_err(|error| error.to_string())
    }

    fn secrets(variables: &[(&str, &str)]) -> Vec<String> {
        let (config, _) = load(variables).unwrap();
        config.secrets.iter().map(|secret| secret.expose_secret().to_owned()).collect()
    }

    const LONG: &str = "a secret that is longer than 32 bytes";

    #[test]
    fn an_empty_or_publicly_known_secret_is_refused_and_the_variable_named() {
        for variable in ["BETTER_AUTH_SECRET", "AUTH_SECRET"] {
            assert_eq!(load(&[(variable, " ")]).unwrap_err(), format!("{variable} must not be empty"));
            for public in PUBLIC {
                let message = load(&[(variable, public)]).unwrap_err();
                assert!(message.starts_with(&format!("{variable} is a publicly known example")), "{message}");
            }
        }
        assert_eq!(load(&[("BETTER_AUTH_SECRETS", "1:")]).unwrap_err(), "BETTER_AUTH_SECRETS must not be empty");
    }

    #[test]
    fn without_secret_and_key_server_only_a_loopback_address_is_accepted() {
        let message = load(&[]).unwrap_err();
        assert_eq!(
            message,
            "BETTER_AUTH_SECRET or BETTER_AUTH_URL must be set when HOST is not a loopback address (it is 0.0.0.0)"
        );
        assert!(load(&[("BETTER_AUTH_URL", "https://a.example")]).unwrap().0.secrets.is_empty());
    }

    #[test]
    fn a_secret_is_not_trimmed_and_a_short_one_causes_a_warning() {
        assert_eq!(secrets(&[("BETTER_AUTH_SECRET", " sp ce ")]), [" sp ce "]);
        assert_eq!(load(&[("BETTER_AUTH_SECRET", "short")]).unwrap().1.len(), 1);
        assert_eq!(load(&[("BETTER_AUTH_SECRET", LONG)]).unwrap().1.len(), 0);
    }

    #[test]
    fn all_secrets_of_a_rotation_are_used_the_newest_first() {
        assert_eq!(
            secrets(&[("BETTER_AUTH_SECRETS", "2:new:er,1:old"), ("BETTER_AUTH_SECRET", "single")]),
            ["new:er", "old", "single"]
        );
        assert_eq!(secrets(&[("BETTER_AUTH_SECRET", "ours"), ("AUTH_SECRET", "other")]), ["ours"]);
        assert_eq!(secrets(&[("AUTH_SECRET", "other")]), ["other"]);
        assert!(
            load(&[("BETTER_AUTH_SECRETS", "old,new")])
                .unwrap_err()
                .starts_with("BETTER_AUTH_SECRETS must be a comma list")
        );
    }

    #[test]
    fn the_key_server_is_derived_from_better_auths_address() {
        for (url, jwks, origin) in [
            ("http://localhost:3000", "http://localhost:3000/api/auth/jwks", "http://localhost:3000"),
            ("https://a.example/", "https://a.example/api/auth/jwks", "https://a.example"),
            ("https://a.example/auth/", "https://a.example/auth/jwks", "https://a.example"),
        ] {
            let server = load(&[("BETTER_AUTH_URL", url)]).unwrap().0.key_server.unwrap();
            assert_eq!(server.oauth_issuer.as_deref(), jwks.strip_suffix("/jwks"));
            assert_eq!(
                (server.jwks_url.as_str(), server.issuers, server.audiences),
                (jwks, vec![origin.to_owned()], vec![origin.to_owned()])
            );
        }
        let message = load(&[("BETTER_AUTH_JWKS_URL", "https://keys.example/jwks")]).unwrap_err();
        assert_eq!(message, "BETTER_AUTH_ISSUER must be set when BETTER_AUTH_JWKS_URL is and BETTER_AUTH_URL is not");
        for wrong in ["a.example", "ftp://a.example", "javascript:alert(1)", "http://"] {
            assert!(
                load(&[("BETTER_AUTH_URL", wrong)]).unwrap_err().starts_with("BETTER_AUTH_URL must be an address"),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_list_of_commas_only_is_refused_because_it_would_check_nothing() {
        for variable in ["BETTER_AUTH_ISSUER", "BETTER_AUTH_AUDIENCE", "BETTER_AUTH_SECRETS"] {
            for value in [",", " , ,"] {
                let message = load(&[("BETTER_AUTH_SECRET", LONG), (variable, value)]).unwrap_err();
                assert_eq!(message, format!("{variable} must be a comma list with at least one value, or empty"));
            }
            assert!(load(&[("BETTER_AUTH_SECRET", LONG), (variable, " ")]).is_ok());
        }
    }

    #[test]
    fn fetching_keys_without_tls_over_a_public_network_causes_a_warning() {
        for (url, warnings) in
            [("http://a.example", 1), ("https://a.example", 0), ("http://127.0.0.1:3000", 0), ("http://web:3000", 0)]
        {
            assert_eq!(load(&[("BETTER_AUTH_URL", url)]).unwrap().1.len(), warnings, "{url}");
        }
    }
}
