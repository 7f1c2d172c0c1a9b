use std::fmt::Write as _;
use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use secrecy::SecretString;

use super::variables::{ConfigError, Variables};

/// The secret that signs tokens.
const VARIABLE: &str = "BETTER_AUTH_SECRET";
/// Where the development secret is kept, in the working directory.
const DEVELOPMENT_SECRET: &str = "data/development-secret";
/// Fewer bytes than the hash has are easier to guess than to forge (RFC 7518, section 3.2).
const SHORT: usize = 32;

/// Secrets that the whole world knows: Better Auth's own default, and what examples print.
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

/// The configured secret; on a loopback address without one, a random secret of this working directory's.
pub(super) fn load(
    variables: &Variables,
    host: IpAddr,
    notices: &mut Vec<String>,
) -> Result<SecretString, ConfigError> {
    let Some(secret) = variables.get_even_empty(VARIABLE) else {
        if !host.is_loopback() {
            return Err(ConfigError::new(
                VARIABLE,
                format!("must be set when HOST is not a loopback address ({host})"),
            ));
        }
        return development_secret(Path::new(DEVELOPMENT_SECRET), notices);
    };
    if secret.trim().is_empty() {
        return Err(ConfigError::new(VARIABLE, "must not be empty"));
    }
    if PUBLIC.iter().any(|public| secret.trim().eq_ignore_ascii_case(public)) {
        return Err(ConfigError::new(VARIABLE, "is a publicly known example: make one with `openssl rand -base64 32`"));
    }
    if secret.len() < SHORT {
        notices.push(format!("{VARIABLE} is shorter than {SHORT} bytes: make one with `openssl rand -base64 32`"));
    }
    Ok(secret.into())
}

/// Makes the secret once, in a file that only its owner can read, and reads it from then on.
fn development_secret(path: &Path, notices: &mut Vec<String>) -> Result<SecretString, ConfigError> {
    let shown = path.display();
    let failed = |error: io::Error| ConfigError::new(VARIABLE, format!("is not set, and {shown} failed: {error}"));
    if !path.exists() {
        create(path).map_err(failed)?;
    }
    if fs::metadata(path).map_err(failed)?.permissions().mode() & 0o077 != 0 {
        return Err(ConfigError::new(VARIABLE, format!("is not set, and others can read {shown}: chmod 600 it")));
    }
    let secret = fs::read_to_string(path).map_err(failed)?;
    if secret.trim().len() < SHORT {
        return Err(ConfigError::new(VARIABLE, format!("is not set, and {shown} holds no secret: delete that file")));
    }
    notices.push(format!("{VARIABLE} is not set: this development server signs with a random secret kept in {shown}"));
    Ok(secret.trim().into())
}

/// Whole or not at all: of two servers that start at once, both end up with the same secret.
fn create(path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(io::Error::from)?;
    let mut secret = String::new();
    for byte in random {
        let _ = write!(secret, "{byte:02x}");
    }
    // Temporary files are made for their owner only.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    writeln!(file, "{secret}")?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != ErrorKind::AlreadyExists => Err(error.error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use secrecy::ExposeSecret;

    use super::*;

    fn refusal(secret: &str) -> String {
        let host = IpAddr::V4(Ipv4Addr::LOCALHOST);
        load(&Variables::from_iter([(VARIABLE, secret)]), host, &mut Vec::new()).unwrap_err().to_string()
    }

    #[test]
    fn an_empty_or_public_secret_is_refused_and_the_variable_named() {
        assert_eq!(refusal(""), "BETTER_AUTH_SECRET must not be empty");
        assert_eq!(refusal("  "), "BETTER_AUTH_SECRET must not be empty");
        for public in PUBLIC {
            assert!(refusal(public).starts_with("BETTER_AUTH_SECRET is a publicly known example"), "{public}");
        }
    }

    #[test]
    fn without_a_secret_only_a_loopback_address_is_served() {
        let error = load(&Variables::from_iter([("HOST", "")]), IpAddr::V4(Ipv4Addr::UNSPECIFIED), &mut Vec::new())
            .unwrap_err();
        assert_eq!(error.to_string(), "BETTER_AUTH_SECRET must be set when HOST is not a loopback address (0.0.0.0)");
    }

    #[test]
    fn the_bytes_of_a_secret_are_kept_and_a_short_one_is_warned_of() {
        let mut notices = Vec::new();
        let host = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let secret = load(&Variables::from_iter([(VARIABLE, " sp ce ")]), host, &mut notices).unwrap();
        assert_eq!(secret.expose_secret(), " sp ce ");
        assert_eq!(notices.len(), 1);
    }

    #[test]
    fn the_development_secret_is_made_once_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/secret");
        let first = development_secret(&path, &mut Vec::new()).unwrap();
        let second = development_secret(&path, &mut Vec::new()).unwrap();
        assert_eq!(first.expose_secret(), second.expose_secret());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(development_secret(&path, &mut Vec::new()).unwrap_err().to_string().contains("chmod 600"));
    }
}
