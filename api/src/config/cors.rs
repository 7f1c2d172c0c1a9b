use url::Url;

use super::variables::{ConfigError, Variables};

/// Which pages may call the API from a browser.
#[derive(Debug)]
pub struct CorsConfig {
    /// `CORS_ALLOWED_ORIGINS`, or else `BETTER_AUTH_TRUSTED_ORIGINS`.
    pub allowed_origins: Vec<String>,
}

impl CorsConfig {
    /// Reads the origins. Better Auth's list also holds app schemes and patterns, which are not origins of pages. They are
    /// skipped with a notice.
    pub(super) fn load(variables: &Variables, notices: &mut Vec<String>) -> Result<Self, ConfigError> {
        let configured = variables.list("CORS_ALLOWED_ORIGINS");
        if !configured.is_empty() {
            if configured.iter().all(|origin| is_origin(origin)) {
                return Ok(Self { allowed_origins: configured });
            }
            let expected = "must be a comma list of origins as browsers send them, like https://app.example.com";
            return Err(ConfigError::new("CORS_ALLOWED_ORIGINS", expected));
        }
        let (origins, others): (Vec<_>, Vec<_>) =
            variables.list("BETTER_AUTH_TRUSTED_ORIGINS").into_iter().partition(|origin| is_origin(origin));
        if !others.is_empty() {
            notices.push(format!(
                "BETTER_AUTH_TRUSTED_ORIGINS: these entries are not origins and are not used for CORS: {}",
                others.join(", ")
            ));
        }
        let default = || vec!["http://localhost:3000".to_owned()];
        Ok(Self { allowed_origins: if origins.is_empty() { default() } else { origins } })
    }
}

/// Returns whether the text is an origin as browsers send it (RFC 6454, section 6.2): a scheme, a host, and a port unless it is the
/// scheme's default. Any other text would never match a request.
fn is_origin(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| url.origin().is_tuple() && url.origin().ascii_serialization() == text)
}
