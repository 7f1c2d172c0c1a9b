use url::{Host, Url};

use super::variables::{ConfigError, Variables};

/// The origins whose pages may call the API from a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// These.
    Listed(Vec<String>),
    /// Every port of `http://localhost` and `http://127.0.0.1`: the page of whatever development server is used.
    LocalPorts,
}

impl AllowedOrigins {
    /// Returns whether the pages of this origin may call. Takes the value of the header `Origin`.
    #[must_use]
    pub fn contains(&self, origin: &str) -> bool {
        match self {
            Self::Listed(origins) => origins.iter().any(|allowed| allowed == origin),
            Self::LocalPorts => origin_url(origin).is_some_and(|url| {
                let is_local = match url.host() {
                    Some(Host::Domain(name)) => name == "localhost",
                    Some(Host::Ipv4(ip)) => ip == std::net::Ipv4Addr::LOCALHOST,
                    _ => false,
                };
                is_local && url.scheme() == "http"
            }),
        }
    }
}

/// Which pages may call the API from a browser.
#[derive(Debug)]
pub struct CorsConfig {
    /// `CORS_ALLOWED_ORIGINS`, or else `BETTER_AUTH_TRUSTED_ORIGINS`, or else the default.
    pub allowed_origins: AllowedOrigins,
}

impl CorsConfig {
    /// Reads the origins. Better Auth's list also holds app schemes and patterns, which are not origins of pages. They are
    /// skipped with a notice. `is_development` is whether the server has only a development secret.
    pub(super) fn load(
        variables: &Variables,
        is_development: bool,
        notices: &mut Vec<String>,
    ) -> Result<Self, ConfigError> {
        let configured = variables.list("CORS_ALLOWED_ORIGINS")?;
        if !configured.is_empty() {
            if configured.iter().all(|origin| origin_url(origin).is_some()) {
                return Ok(Self { allowed_origins: AllowedOrigins::Listed(configured) });
            }
            let expected = "must be a comma list of origins as browsers send them, like https://app.example.com";
            return Err(ConfigError::new("CORS_ALLOWED_ORIGINS", expected));
        }
        let trusted = variables.list("BETTER_AUTH_TRUSTED_ORIGINS")?;
        let (origins, others): (Vec<_>, Vec<_>) = trusted.into_iter().partition(|origin| origin_url(origin).is_some());
        if !others.is_empty() {
            notices.push(format!(
                "BETTER_AUTH_TRUSTED_ORIGINS: these entries are not origins and are not used for CORS: {}",
                others.join(", ")
            ));
        }
        let allowed_origins = if !origins.is_empty() {
            AllowedOrigins::Listed(origins)
        } else if is_development {
            let notice = "CORS_ALLOWED_ORIGINS is not set: pages of http://localhost and http://127.0.0.1, on any port, may \
                          call this development server";
            notices.push(notice.to_owned());
            AllowedOrigins::LocalPorts
        } else {
            AllowedOrigins::Listed(vec!["http://localhost:3000".to_owned()])
        };
        Ok(Self { allowed_origins })
    }
}

/// Parses an origin as browsers send it (RFC 6454, section 6.2): a scheme, a host, and a port unless it is the scheme's default.
/// Any other text would never match a request.
fn origin_url(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| url.origin().is_tuple() && url.origin().ascii_serialization() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(variables: &[(&str, &str)], is_development: bool) -> AllowedOrigins {
        let variables: Variables = variables.iter().copied().collect();
        CorsConfig::load(&variables, is_development, &mut Vec::new()).unwrap().allowed_origins
    }

    #[test]
    fn a_development_server_allows_every_port_of_this_machine_and_no_other_origin() {
        let allowed = load(&[], true);
        for origin in ["http://localhost:5173", "http://localhost:3000", "http://127.0.0.1:8080", "http://localhost"] {
            assert!(allowed.contains(origin), "{origin}");
        }
        for origin in [
            "http://localhost.evil.com:3000",
            "http://evil.com:3000",
            "http://localhost:3000.evil.com",
            "http://localhost@evil.com",
            "http://user@localhost:3000",
            "http://localhost:3000/",
            "http://localhost:3000/path",
            "http://localhost:80",
            "http://LOCALHOST:3000",
            "http://localhost:99999",
            "http://localhost.:3000",
            "http://127.1:3000",
            "http://127.0.0.2:3000",
            "http://2130706433:3000",
            "http://[::1]:3000",
            "https://localhost:3000",
            "ftp://localhost:3000",
            "localhost:3000",
            "null",
            "",
        ] {
            assert!(!allowed.contains(origin), "{origin}");
        }
    }

    #[test]
    fn the_setting_and_better_auths_list_come_before_the_default() {
        let default = AllowedOrigins::Listed(vec!["http://localhost:3000".to_owned()]);
        assert_eq!(load(&[], false), default);
        let ours = AllowedOrigins::Listed(vec!["https://a.example".to_owned()]);
        for variable in ["CORS_ALLOWED_ORIGINS", "BETTER_AUTH_TRUSTED_ORIGINS"] {
            for is_development in [true, false] {
                assert_eq!(load(&[(variable, "https://a.example")], is_development), ours);
            }
        }
    }
}
