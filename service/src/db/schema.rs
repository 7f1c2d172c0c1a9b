use migration::{SchemaChange, SchemaOutcome};
use sea_orm::{Database, DatabaseConnection};

use super::destination::{Destination, named};
use super::{DbConfig, postgres};
use crate::Error;

/// The schema of the database, to change it by hand. A server applies pending migrations itself, see
/// [`Db::migrate`](super::Db::migrate).
#[derive(Debug)]
pub struct Schema {
    db: DatabaseConnection,
    /// The name of the address, for errors.
    name: String,
}

impl Schema {
    /// Connects to the address for migrations. `notice` receives sentences for the operator.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database cannot be reached. [`Error::Database`] if it refuses the connection, if the
    /// address is invalid, or if the encoding of the database is not UTF8. No error contains the password.
    pub async fn open(config: &DbConfig<'_>, mut notice: impl FnMut(&str)) -> Result<Self, Error> {
        let destination = match Destination::of_migrations(config)? {
            Some(direct) => direct,
            None => Destination::of_requests(config)?,
        };
        let name = destination.name();
        let mut address = destination.address;
        address.notices.iter().for_each(|text| notice(text));
        if let Some(postgres) = &address.postgres {
            postgres::wait_for(&name, postgres, config.startup_wait, &mut notice).await?;
        }
        let connecting = async {
            let db = Database::connect(address.options.sqlx_logging(false).max_connections(1).clone()).await?;
            migration::refuse_other_encodings(&db).await?;
            Ok(db)
        };
        let db = connecting.await.map_err(named(&name))?;
        Ok(Self { db, name })
    }

    /// Returns the name of every migration, oldest first, and whether it is applied, as lines for the operator.
    ///
    /// # Errors
    /// An error of the database, or one that names a migration of a newer version of this program.
    pub async fn status(&self) -> Result<String, Error> {
        migration::status_report(&self.db).await.map_err(|error| named(&self.name)(error.into()))
    }

    /// Makes a change. One that deletes data is only made if `is_confirmed` is set. Several processes may apply migrations at the
    /// same time.
    ///
    /// # Errors
    /// An error of the database, or that a table was not created by these migrations. The schema is then unchanged.
    pub async fn change(&self, change: SchemaChange, is_confirmed: bool) -> Result<SchemaOutcome, Error> {
        let changed = migration::change_schema(&self.db, change, is_confirmed).await;
        changed.map_err(|error| named(&self.name)(error.into()))
    }

    /// Closes the connection.
    ///
    /// # Errors
    /// An error of the database.
    pub async fn close(self) -> Result<(), Error> {
        Ok(self.db.close().await?)
    }
}
