//! The first lines on the terminal: the address, the documentation and a request to try.

use std::env;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// Returns the lines. `token` is the text that a request to try has as its token.
pub(super) fn greeting(address: SocketAddr, has_docs: bool, token: &str) -> String {
    let reachable = reachable(address);
    let docs = if has_docs { format!("http://{reachable}/docs") } else { "turned off (DOCS=false)".to_owned() };
    format!(
        "Listening on http://{address}\n\
         Documentation: {docs}\n\
         Try it:        curl -H \"Authorization: Bearer {token}\" http://{reachable}/api/tasks"
    )
}

/// Returns an address of this machine for "all addresses", which clients cannot send requests to on every system.
pub(super) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// How a program was started.
#[derive(Clone, Debug, Default)]
pub(super) struct Launch {
    /// The name with which it was called.
    program: String,
    /// Whether `cargo run` started it.
    by_cargo: bool,
    /// Whether it is optimized, as with `cargo run --release`.
    is_release: bool,
    /// The container engine and the container, if it is the main process of one.
    container: Option<(&'static str, String)>,
}

impl Launch {
    /// Describes how this process was started, as far as the environment shows it.
    pub(super) fn of_this_process() -> Self {
        let variable = |name| env::var(name).unwrap_or_default();
        let program = env::args_os().next().unwrap_or_default().to_string_lossy().into_owned();
        Self {
            program: if program.is_empty() { "api".to_owned() } else { program },
            // Cargo sets both for the programs that it runs.
            by_cargo: !variable("CARGO").is_empty() && variable("CARGO_PKG_NAME") == env!("CARGO_PKG_NAME"),
            is_release: !cfg!(debug_assertions),
            container: engine().map(|engine| (engine, container(&variable("HOSTNAME")))),
        }
    }

    /// Returns a shell command that prints a token for the user `alice`.
    pub(super) fn token_command(&self) -> String {
        let program = quoted(&self.program);
        let command = match &self.container {
            _ if self.by_cargo && self.is_release => "cargo run -qp api --release --".to_owned(),
            _ if self.by_cargo => "cargo run -qp api --".to_owned(),
            Some((engine, container)) => format!("{engine} exec {container} {program}"),
            None => program,
        };
        format!("{command} token alice")
    }
}

/// Returns the engine whose container this is the main process of. A process that was started by hand in a container is not:
/// the shell that started it can run other commands too.
fn engine() -> Option<&'static str> {
    if std::process::id() != 1 {
        return None;
    }
    let engines = [("/run/.containerenv", "podman"), ("/.dockerenv", "docker")];
    engines.into_iter().find(|(file, _)| Path::new(file).exists()).map(|(_, engine)| engine)
}

/// Returns the name of a container: its id, which is its host name by default, or a placeholder.
fn container(host_name: &str) -> String {
    let is_id = host_name.len() == 12 && host_name.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id { host_name.to_owned() } else { "CONTAINER".to_owned() }
}

/// Returns a text as one word of a shell.
fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@%,".contains(&byte);
    if text.bytes().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_command_fits_how_the_program_was_started() {
        let started = |program: &str| Launch { program: program.to_owned(), ..Launch::default() };
        let in_container = |name: &str| Launch { container: Some(("docker", container(name))), ..started("task-api") };
        for (launch, command) in [
            (started("api"), "api token alice"),
            (started("/opt/task-api"), "/opt/task-api token alice"),
            (started("./my programs/alice's"), r"'./my programs/alice'\''s' token alice"),
            (Launch { by_cargo: true, ..started("target/debug/api") }, "cargo run -qp api -- token alice"),
            (
                Launch { by_cargo: true, is_release: true, ..started("target/release/api") },
                "cargo run -qp api --release -- token alice",
            ),
            (in_container("0123456789ab"), "docker exec 0123456789ab task-api token alice"),
            (in_container("web"), "docker exec CONTAINER task-api token alice"),
        ] {
            assert_eq!(launch.token_command(), command, "{launch:?}");
        }
    }

    #[test]
    fn a_server_on_all_addresses_is_tried_on_this_machine() {
        for (address, tried) in
            [("0.0.0.0:8000", "127.0.0.1:8000"), ("[::]:8000", "[::1]:8000"), ("192.0.2.1:80", "192.0.2.1:80")]
        {
            let lines = greeting(address.parse().unwrap(), true, "t");
            assert!(lines.starts_with(&format!("Listening on http://{address}\n")), "{lines}");
            assert!(lines.contains(&format!("http://{tried}/docs\n")), "{lines}");
            assert!(lines.ends_with(&format!("http://{tried}/api/tasks")), "{lines}");
        }
    }
}
