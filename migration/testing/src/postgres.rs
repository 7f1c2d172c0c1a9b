//! Databases on the PostgreSQL server of this test run.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sea_orm_migration::sea_orm::ConnectionTrait;

use crate::connection::{block_on, connect};
use crate::shared_cluster::{PARTITIONED, TEMPLATE, partition};
use crate::{not_run, shared_cluster};

/// The server of this test run, and the databases on it that new ones are copied from.
struct Server {
    /// The address up to and without the database's name.
    base: String,
    /// The database to connect to for `CREATE DATABASE`.
    maintenance: String,
    /// Whether there are migrated databases to copy. On the server of `TEST_DATABASE_URL` there are none, so that nothing is left
    /// behind there.
    has_templates: bool,
}

#[derive(Debug)]
pub(crate) struct OwnDatabase {
    url: String,
    name: String,
}

impl OwnDatabase {
    pub(crate) async fn migrated() -> Option<Self> {
        if std::env::var("TEST_PARTITIONED").as_deref() == Ok("1") {
            return Self::partitioned().await;
        }
        if server()?.has_templates {
            return Some(Self::create(&template(Some(TEMPLATE))).await);
        }
        let database = Self::empty().await?;
        migration::apply_pending(&connect(&database.url).await).await.expect("PostgreSQL migrates");
        Some(database)
    }

    pub(crate) async fn partitioned() -> Option<Self> {
        if server()?.has_templates {
            return Some(Self::create(&template(Some(PARTITIONED))).await);
        }
        let database = Self::empty().await?;
        let connection = connect(&database.url).await;
        migration::apply_pending(&connection).await.expect("PostgreSQL migrates");
        partition(&connection).await;
        Some(database)
    }

    pub(crate) async fn empty() -> Option<Self> {
        server()?;
        Some(Self::create(&template(None)).await)
    }

    pub(crate) async fn with_encoding(encoding: &str) -> Option<Self> {
        server()?;
        let options = format!("ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
        Some(Self::create(&options).await)
    }

    async fn create(options: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server = server().expect("the caller has checked");
        let name = format!("test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        connect(&format!("{}{}", server.base, server.maintenance))
            .await
            .execute_unprepared(&format!("CREATE DATABASE {name} {options}"))
            .await
            .expect("CREATE DATABASE");
        Self { url: format!("{}{name}", server.base), name }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for OwnDatabase {
    fn drop(&mut self) {
        let Some(server) = server() else { return };
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        block_on(async move {
            let connection = connect(&format!("{}{}", server.base, server.maintenance)).await;
            connection.execute_unprepared(&statement).await.expect("DROP DATABASE");
        });
    }
}

fn template(name: Option<&str>) -> String {
    format!("TEMPLATE {}", name.unwrap_or("template1"))
}

fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(find_server).as_ref()
}

fn find_server() -> Option<Server> {
    if let Ok(url) = std::env::var("TEST_DATABASE_URL") {
        let (base, maintenance) = url.rsplit_once('/').expect("TEST_DATABASE_URL names a database: postgres://…/NAME");
        return Some(Server { base: format!("{base}/"), maintenance: maintenance.to_owned(), has_templates: false });
    }
    match shared_cluster::base_url() {
        Ok(base) => Some(Server { base, maintenance: "postgres".to_owned(), has_templates: true }),
        Err(problem) => {
            not_run::report(&problem);
            None
        }
    }
}
