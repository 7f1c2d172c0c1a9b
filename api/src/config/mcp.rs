use std::net::SocketAddr;
use std::num::NonZeroU32;

use url::{Host, Url};

use super::variables::{ConfigError, Variables};
use super::{AllowedOrigins, Config};

/// The endpoint of agents, `/mcp`.
#[derive(Debug)]
pub struct McpConfig {
    /// `MCP_RESOURCE`: its public address. `None` is the address that the server listens on, if that is a loopback address.
    pub resource: Option<Url>,
    /// `MCP_REQUIRE_OAUTH`: whether only access tokens of OAuth open it.
    pub requires_oauth: bool,
    /// `MCP_DELETES_PER_HOUR`: how many tasks a client may delete for a user, in each process. `None` is no limit.
    pub deletes_per_hour: Option<NonZeroU32>,
}

/// What the endpoint needs to know once the server listens.
#[derive(Clone, Debug)]
pub struct McpEndpoint {
    /// The public address. Access tokens must name it as their audience.
    pub resource: Url,
    /// The issuer of access tokens, if it is known.
    pub issuer: Option<String>,
    /// The origins whose pages may call it.
    pub origins: AllowedOrigins,
    /// Whether only access tokens of OAuth open it.
    pub requires_oauth: bool,
}

/// More than a person deletes by hand, and few enough to restore.
const DEFAULT_DELETES: u32 = 50;

impl McpConfig {
    pub(super) fn load(variables: &Variables) -> Result<Self, ConfigError> {
        let resource = variables.get("MCP_RESOURCE").map(|text| {
            let invalid = "must be the public address of /mcp, like https://tasks.example.com/mcp: https, or http on a loopback \
                           address, without a query or a fragment";
            address(text).ok_or_else(|| ConfigError::new("MCP_RESOURCE", invalid))
        });
        let deletes = "a number of tasks, 0 for no limit";
        Ok(Self {
            resource: resource.transpose()?,
            requires_oauth: variables.parse("MCP_REQUIRE_OAUTH", false, "true or false")?,
            deletes_per_hour: variables.parse("MCP_DELETES_PER_HOUR", DEFAULT_DELETES, deletes).map(NonZeroU32::new)?,
        })
    }
}

impl Config {
    /// Returns the endpoint of agents of a server that listens on this address. `None` if its public address is not known.
    #[must_use]
    pub fn mcp_endpoint(&self, address: SocketAddr) -> Option<McpEndpoint> {
        let here = || Url::parse(&format!("http://{address}/mcp")).ok().filter(|_| address.ip().is_loopback());
        Some(McpEndpoint {
            resource: self.mcp.resource.clone().or_else(here)?,
            issuer: self.auth.key_server.as_ref().and_then(|server| server.oauth_issuer.clone()),
            origins: self.cors.allowed_origins.clone(),
            requires_oauth: self.mcp.requires_oauth,
        })
    }
}

/// Parses the address of a resource (RFC 8707, section 2).
fn address(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    let is_safe = url.scheme() == "https" || url.scheme() == "http" && is_loopback(&url);
    (is_plain && is_safe && url.password().is_none() && url.has_host()).then_some(url)
}

/// Whether the host of an address is this machine.
#[must_use]
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<Config, String> {
        let secret = ("BETTER_AUTH_SECRET", "a secret that is longer than 32 bytes");
        let variables: Variables = variables.iter().copied().chain([secret]).collect();
        Config::load(&variables).map_err(|error| error.to_string())
    }

    fn resource(variables: &[(&str, &str)], address: &str) -> Option<String> {
        let endpoint = config(variables).unwrap().mcp_endpoint(address.parse().unwrap());
        endpoint.map(|endpoint| endpoint.resource.to_string())
    }

    #[test]
    fn only_a_loopback_address_is_its_own_public_address() {
        assert_eq!(resource(&[], "127.0.0.1:8000").as_deref(), Some("http://127.0.0.1:8000/mcp"));
        assert_eq!(resource(&[], "[::1]:8000").as_deref(), Some("http://[::1]:8000/mcp"));
        assert_eq!(resource(&[], "0.0.0.0:8000"), None);
        assert_eq!(resource(&[], "192.0.2.1:8000"), None);
        let public = "https://tasks.example.com/mcp";
        for address in ["0.0.0.0:8000", "127.0.0.1:8000"] {
            assert_eq!(resource(&[("MCP_RESOURCE", public)], address).as_deref(), Some(public));
        }
    }

    #[test]
    fn a_public_address_must_be_safe_and_name_nothing_but_the_resource() {
        for valid in
            ["http://localhost:8000/mcp", "http://127.0.0.1/mcp", "http://[::1]:1/mcp", "https://a.example/x/mcp"]
        {
            assert!(config(&[("MCP_RESOURCE", valid)]).is_ok(), "{valid}");
        }
        for invalid in [
            "tasks.example.com/mcp",
            "http://tasks.example.com/mcp",
            "http://localhost.evil.example/mcp",
            "https://a.example/mcp?a=b",
            "https://a.example/mcp#a",
            "https://user@a.example/mcp",
            "https://user:password@a.example/mcp",
            "ftp://localhost/mcp",
        ] {
            let message = config(&[("MCP_RESOURCE", invalid)]).unwrap_err();
            assert!(message.starts_with("MCP_RESOURCE must be the public address of /mcp"), "{invalid}");
            assert!(!message.contains("evil") && !message.contains("password"), "{message}");
        }
    }

    #[test]
    fn the_issuer_of_access_tokens_has_the_path_of_better_auth() {
        let endpoint = |variables| config(variables).unwrap().mcp_endpoint("127.0.0.1:1".parse().unwrap()).unwrap();
        let issuer = endpoint(&[("BETTER_AUTH_URL", "https://a.example/")]).issuer;
        assert_eq!(issuer.as_deref(), Some("https://a.example/api/auth"));
        assert_eq!(endpoint(&[]).issuer, None);
    }
}
