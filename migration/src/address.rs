//! Parses the address of a database and chooses the connection's options.

use std::str::FromStr;

use sea_orm_migration::sea_orm::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::sqlite::SqliteConnectOptions;
use url::{Host, Url};

use crate::private::{create_private_file, create_private_folder};

/// The TLS that a connection to PostgreSQL on another machine needs (`DATABASE_TLS`). On this machine the address decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tls {
    /// Encrypted, and the server's certificate and name are checked, also with `sslmode=require`. Encryption alone does not
    /// protect from an attacker who answers in the server's place.
    #[default]
    Verify,
    /// Encrypted. `sslmode` decides whether the certificate is checked, as in PostgreSQL's own tools.
    Unverified,
    /// As `sslmode` requests, even without encryption.
    Off,
}

impl FromStr for Tls {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "verify" => Ok(Self::Verify),
            "unverified" => Ok(Self::Unverified),
            "off" => Ok(Self::Off),
            _ => Err(()),
        }
    }
}

/// A parsed address.
#[derive(Clone, Debug)]
pub struct Address {
    /// The options for SeaORM.
    pub options: ConnectOptions,
    /// The same options for sqlx; only for PostgreSQL.
    pub postgres: Option<PgConnectOptions>,
    /// Where the address leads, for messages: host, port and database, or the file. It contains neither a user's name nor a
    /// password.
    pub place: String,
    /// Notices for the operator, to be logged at the start.
    pub notices: Vec<String>,
}

impl Address {
    /// Parses `sqlite:…`, `postgres://…` and `postgresql://…`. Creates an SQLite file and its folder, with access only for their
    /// owner, if they are missing.
    ///
    /// # Errors
    /// One sentence. It does not repeat the address, which may contain a password.
    pub fn parse(url: &str, tls: Tls) -> Result<Self, String> {
        if let Some(remedy) = other_form(url) {
            return Err(remedy);
        }
        if url.starts_with("sqlite:") {
            return sqlite(url);
        }
        let mut parsed = Url::parse(url).map_err(|_| INVALID)?;
        if !matches!(parsed.scheme(), "postgres" | "postgresql") {
            return Err("must begin with sqlite:, postgres:// or postgresql://".to_owned());
        }
        let parameters: Vec<(String, String)> = parsed.query_pairs().into_owned().collect();
        let value_of = |name| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let channel_binding = value_of("channel_binding") == Some("require");
        let asked = value_of("sslmode").or(value_of("ssl-mode"));
        let asked = asked.map(PgSslMode::from_str).transpose().map_err(|_| "has an sslmode that does not exist")?;
        let is_local = is_local(&parsed, &parameters);

        for (name, file) in parameters.iter().filter(|(name, _)| FILES.contains(&name.as_str())) {
            std::fs::File::open(file).map_err(|error| format!("has an {name} that cannot be read: {error}"))?;
        }

        // Remove unknown parameters: the driver would log a warning with their values.
        let known = parameters.iter().filter(|(key, _)| KNOWN.contains(&key.as_str()));
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(known).finish();
        parsed.set_query(Some(&query).filter(|query| !query.is_empty()).map(String::as_str));

        let mut notices = Vec::new();
        let mode = ssl_mode(asked, tls, is_local, channel_binding, &mut notices)?;
        let configure = move |postgres: PgConnectOptions| {
            // PgBouncer refuses the startup parameter `extra_float_digits`.
            let postgres = postgres.ssl_mode(mode).extra_float_digits(None).application_name("task-api");
            postgres.statement_cache_capacity(STATEMENT_CACHE)
        };
        let postgres = PgConnectOptions::from_str(parsed.as_str()).map(configure).map_err(|_| INVALID)?;
        let mut options = ConnectOptions::new(parsed.as_str());
        options.map_sqlx_postgres_opts(configure);
        let place = place(&postgres);
        Ok(Self { options, postgres: Some(postgres), place, notices })
    }
}

/// Describes where the options lead.
fn place(postgres: &PgConnectOptions) -> String {
    let server = match postgres.get_socket() {
        Some(socket) => format!("{}, port {}", socket.display(), postgres.get_port()),
        None => format!("{}:{}", postgres.get_host(), postgres.get_port()),
    };
    // Without a name, PostgreSQL takes that of the user.
    postgres.get_database().map_or_else(|| server.clone(), |database| format!("{server}, database {database}"))
}

/// Returns what to write instead of an address in the form of `SQLAlchemy` or JDBC.
fn other_form(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once(':')?;
    let family = |name: &str| matches!(name, "postgres" | "postgresql" | "sqlite").then(|| name.to_owned());
    if let Some((name, driver)) = scheme.split_once('+') {
        let is_driver = driver.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let name = family(name).filter(|_| is_driver)?;
        let remedy = if name == "sqlite" { SQLITE_FORM } else { "write postgresql:// instead" };
        return Some(format!("begins with {scheme}:, which names a driver of SQLAlchemy: {remedy}"));
    }
    if scheme == "jdbc" {
        let name = family(rest.split(':').next()?)?;
        return Some(format!("begins with jdbc:, which is the form of Java: write {name}: instead"));
    }
    if scheme == "sqlite" && rest.starts_with("///.") {
        return Some(format!("begins with sqlite:///., which is SQLAlchemy's form of a relative path: {SQLITE_FORM}"));
    }
    None
}

const SQLITE_FORM: &str =
    "write sqlite://tasks.db for a file in the working directory, or sqlite:///srv/tasks.db for an absolute path";

/// The maximum number of prepared statements that a connection keeps: several times those that most requests use. Each takes
/// memory in the server or in PostgreSQL, and filters and orders can be combined in thousands of ways.
pub const STATEMENT_CACHE: usize = 64;

const INVALID: &str =
    "is not a valid address: special characters of the user's name and the password must be percent-encoded";

/// The parameters of an address that the driver supports.
const KNOWN: [&str; 11] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslrootcert",
    "user",
];

/// The parameters that name a file.
const FILES: [&str; 3] = ["sslcert", "sslkey", "sslrootcert"];

fn sqlite(url: &str) -> Result<Address, String> {
    let sqlite = SqliteConnectOptions::from_str(url).map_err(|_| "is not a valid address")?;
    if let Some(folder) = sqlite.get_filename().parent().filter(|folder| !folder.as_os_str().is_empty()) {
        create_private_folder(folder)
            .map_err(|error| format!("names the folder {}, which cannot be created: {error}", folder.display()))?;
    }
    // SQLite would make a file that others can read. Its other files get the mode of this one.
    if !is_in_memory(url) && !url.contains("mode=ro") {
        let made = create_private_file(sqlite.get_filename());
        made.map_err(|error| {
            format!("names the file {}, which cannot be created: {error}", sqlite.get_filename().display())
        })?;
    }
    let mut options = ConnectOptions::new(url);
    options.map_sqlx_sqlite_opts(|sqlite| sqlite.create_if_missing(true));
    let place = format!("file {}", sqlite.get_filename().display());
    Ok(Address { options, postgres: None, place, notices: Vec::new() })
}

/// Whether the address of an SQLite database is that of one in memory.
#[must_use]
pub fn is_in_memory(url: &str) -> bool {
    url.contains(":memory:") || url.contains("mode=memory")
}

/// Whether the server is on this machine: a loopback address, or a socket in the file system.
fn is_local(url: &Url, parameters: &[(String, String)]) -> bool {
    let is_local_name = |name: &str| {
        name == "localhost"
            || name.starts_with('/')
            || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    };
    let elsewhere = parameters.iter().filter(|(key, _)| key == "host" || key == "hostaddr");
    let host_is_local = match url.host() {
        // The driver then reads the host from these variables.
        None => ["PGHOST", "PGHOSTADDR"]
            .iter()
            .all(|name| std::env::var(name).is_ok_and(|host| is_local_name(&host)) || std::env::var_os(name).is_none()),
        // The folder of a socket, percent-encoded.
        Some(Host::Domain(name)) => is_local_name(&name.replace("%2F", "/").replace("%2f", "/")),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
    };
    host_is_local && elsewhere.into_iter().all(|(_, name)| is_local_name(name))
}

fn ssl_mode(
    asked: Option<PgSslMode>,
    tls: Tls,
    is_local: bool,
    channel_binding: bool,
    notices: &mut Vec<String>,
) -> Result<PgSslMode, String> {
    let asked = asked.unwrap_or_default();
    if tls == Tls::Verify && channel_binding && !matches!(asked, PgSslMode::VerifyFull) {
        notices.push(
            "channel_binding=require: the driver cannot bind the password to the channel, so the server's certificate and \
             name are checked instead (sslmode=verify-full), which protects from the same"
                .to_owned(),
        );
        return Ok(PgSslMode::VerifyFull);
    }
    if channel_binding && tls != Tls::Verify {
        notices.push("channel_binding=require is not kept: DATABASE_TLS asks for less".to_owned());
    }
    match tls {
        _ if is_local || matches!(asked, PgSslMode::VerifyFull) => Ok(asked),
        Tls::Off => Ok(asked),
        _ if matches!(asked, PgSslMode::Disable) => {
            Err("asks for an unencrypted connection to another machine: set DATABASE_TLS=off if that is meant"
                .to_owned())
        }
        Tls::Verify => {
            if matches!(asked, PgSslMode::Require) {
                notices.push(
                    "sslmode=require: the server's certificate and name are checked too (DATABASE_TLS=unverified would not)"
                        .to_owned(),
                );
            }
            Ok(PgSslMode::VerifyFull)
        }
        Tls::Unverified if matches!(asked, PgSslMode::VerifyCa) => Ok(asked),
        Tls::Unverified => Ok(PgSslMode::Require),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str, tls: Tls) -> Result<(String, usize), String> {
        let address = Address::parse(url, tls)?;
        Ok((format!("{:?}", address.postgres.unwrap().get_ssl_mode()), address.notices.len()))
    }

    #[test]
    fn another_machine_must_prove_who_it_is() {
        let neon = "postgresql://u:p@ep-x-pooler.eu.aws.neon.tech/db?sslmode=require&channel_binding=require";
        for (url, expected, notices) in [
            (neon, "VerifyFull", 1),
            ("postgres://u:p@db.example/db", "VerifyFull", 0),
            ("postgres://u:p@db.example/db?sslmode=prefer", "VerifyFull", 0),
            ("postgres://u:p@db.example/db?sslmode=require", "VerifyFull", 1),
            ("postgres://u:p@10.0.0.5/db?sslmode=verify-ca", "VerifyFull", 0),
            ("postgres://u:p@db.example/db?sslmode=verify-full&channel_binding=require", "VerifyFull", 0),
            ("postgres://u:p@localhost/db?host=db.example", "VerifyFull", 0),
        ] {
            assert_eq!(mode(url, Tls::Verify), Ok((expected.to_owned(), notices)), "{url}");
        }
        let plain = mode("postgres://u:p@db.example/db?sslmode=disable", Tls::Verify).unwrap_err();
        assert!(plain.contains("DATABASE_TLS=off"), "{plain}");
    }

    #[test]
    fn less_must_be_asked_for() {
        let ask = |url, tls| mode(url, tls).unwrap().0;
        assert_eq!(ask("postgres://u:p@db.example/db", Tls::Unverified), "Require");
        assert_eq!(
            ask("postgres://u:p@db.example/db?sslmode=require&channel_binding=require", Tls::Unverified),
            "Require"
        );
        assert!(mode("postgres://u:p@db.example/db?sslmode=disable", Tls::Unverified).is_err());
        assert_eq!(ask("postgres://u:p@db.example/db?sslmode=disable", Tls::Off), "Disable");
        assert_eq!(ask("postgres://u:p@db.example/db", Tls::Off), "Prefer");
    }

    #[test]
    fn on_this_machine_the_address_decides() {
        for host in ["localhost", "127.0.0.1", "[::1]", "%2Fvar%2Frun%2Fpostgresql"] {
            assert_eq!(mode(&format!("postgres://u:p@{host}/db"), Tls::Verify).unwrap().0, "Prefer", "{host}");
            assert_eq!(mode(&format!("postgres://u:p@{host}/db?sslmode=disable"), Tls::Verify).unwrap().0, "Disable");
        }
        assert_eq!(mode("postgres://u:p@localhost/db?channel_binding=require", Tls::Verify).unwrap().0, "VerifyFull");
    }

    #[test]
    fn an_address_in_the_form_of_another_library_is_answered_with_what_to_write_instead() {
        for (url, remedy) in [
            ("postgresql+asyncpg://u:hunter2@h/db", "write postgresql:// instead"),
            ("postgres+psycopg2://u:hunter2@h/db", "write postgresql:// instead"),
            ("jdbc:postgresql://h/db?password=hunter2", "write postgresql: instead"),
            ("sqlite+aiosqlite:///./hunter2.db", "write sqlite://tasks.db for a file in the working directory"),
            ("sqlite:///./hunter2.db", "write sqlite://tasks.db for a file in the working directory"),
        ] {
            let told = Address::parse(url, Tls::Verify).unwrap_err();
            assert!(told.contains(remedy) && !told.contains("hunter2"), "{told}");
        }
        let told = Address::parse("mysql+pymysql://u:hunter2@h/db", Tls::Verify).unwrap_err();
        assert_eq!(told, "must begin with sqlite:, postgres:// or postgresql://");
    }

    #[test]
    fn the_place_of_an_address_has_host_port_and_database_and_no_password() {
        for (url, place) in [
            ("postgres://u:hunter2@localhost/tasks", "localhost:5432, database tasks"),
            ("postgres://u:hunter2@db.example:6432/a%20b", "db.example:6432, database a b"),
            ("postgres://u:hunter2@%2Frun%2Fpostgresql/tasks", "/run/postgresql, port 5432, database tasks"),
            ("postgres://u:hunter2@[::1]/tasks", "[::1]:5432, database tasks"),
            ("sqlite::memory:", "file "),
        ] {
            let found = Address::parse(url, Tls::Verify).unwrap().place;
            assert!(found.starts_with(place) && !found.contains("hunter2"), "{found}");
        }
    }

    #[test]
    fn an_address_that_is_none_is_refused_without_its_password() {
        for url in [
            "postgres://u:hunter2#@h/db",
            "postgres://u:hunter2/x@h/db",
            "postgres://u:hunter2@h/db?sslmode=hunter2",
            "mysql://u:hunter2@h/db",
            "hunter2",
        ] {
            let told = Address::parse(url, Tls::Verify).unwrap_err();
            assert!(!told.contains("hunter2"), "{told}");
        }
    }
}
