use migration::Address;
use sea_orm::{Database, DatabaseConnection, DbErr};

use super::{DbConfig, postgres};
use crate::Error;

/// The schema of the database, to change it by hand. A server applies pending migrations itself, see
/// [`Db::migrate`](super::Db::migrate).
#[derive(Debug)]
pub struct Schema(DatabaseConnection);

impl Schema {
    /// Connects to the address for migrations. `notice` receives sentences for the operator.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database cannot be reached. [`Error::Database`] if it refuses the connection, if the address is
    /// invalid, or if the encoding of the database is not UTF8. No error contains the password.
    pub async fn open(config: &DbConfig<'_>, mut notice: impl FnMut(&str)) -> Result<Self, Error> {
        let (variable, url) = match config.direct_url {
            Some(url) => ("DATABASE_DIRECT_URL", url),
            None => ("DATABASE_URL", config.url),
        };
        let address = Address::parse(url, config.tls);
        let mut address = address.map_err(|problem| DbErr::Custom(format!("{variable} {problem}")))?;
        address.notices.iter().for_each(|text| notice(text));
        if let Some(postgres) = &address.postgres {
            postgres::wait_for(postgres, config.startup_wait, &mut notice).await?;
        }
        let db = Database::connect(address.options.sqlx_logging(false).max_connections(1).clone()).await?;
        migration::refuse_other_encodings(&db).await?;
        Ok(Self(db))
    }

    /// Returns the name of every migration, oldest first, and whether it is applied.
    ///
    /// # Errors
    /// An error of the database, or one that names a migration of a newer version of this program.
    pub async fn status(&self) -> Result<Vec<(String, bool)>, Error> {
        Ok(migration::status(&self.0).await?)
    }

    /// Applies all pending migrations. Several processes may do so at the same time.
    ///
    /// # Errors
    /// An error of the database. The schema is then unchanged.
    pub async fn up(&self) -> Result<(), Error> {
        Ok(migration::apply_pending(&self.0).await?)
    }

    /// Undoes the last migration that is applied, and deletes the data that it added.
    ///
    /// # Errors
    /// An error of the database, or that the table was not created by these migrations.
    pub async fn down(&self) -> Result<(), Error> {
        Ok(migration::undo_last(&self.0).await?)
    }

    /// Closes the connection.
    ///
    /// # Errors
    /// An error of the database.
    pub async fn close(self) -> Result<(), Error> {
        Ok(self.0.close().await?)
    }
}
