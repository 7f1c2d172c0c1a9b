use migration::Address;

use super::DbConfig;
use crate::{Cause, Error};

/// The address of a database, and the name of the setting that it is from.
pub(super) struct Destination {
    pub(super) address: Address,
    variable: &'static str,
}

impl Destination {
    /// Parses the address for requests.
    ///
    /// # Errors
    /// [`Error::Database`] with a sentence that names the setting.
    pub(super) fn of_requests(config: &DbConfig<'_>) -> Result<Self, Error> {
        Self::parse("DATABASE_URL", config.url, config)
    }

    /// Parses the address for migrations, if it is a different one.
    ///
    /// # Errors
    /// As [`Self::of_requests`].
    pub(super) fn of_migrations(config: &DbConfig<'_>) -> Result<Option<Self>, Error> {
        config.direct_url.map(|url| Self::parse("DATABASE_DIRECT_URL", url, config)).transpose()
    }

    fn parse(variable: &'static str, url: &str, config: &DbConfig<'_>) -> Result<Self, Error> {
        let address = Address::parse(url, config.tls);
        let address = address.map_err(|problem| Error::Database(Cause::of(format!("{variable} {problem}"))))?;
        Ok(Self { address, variable })
    }

    /// Returns the name of the setting and where it leads, for messages.
    pub(super) fn name(&self) -> String {
        format!("{} ({})", self.variable, self.address.place)
    }
}

/// Adds the name of a [`Destination`] to an error.
pub(super) fn named(name: &str) -> impl Fn(Error) -> Error {
    let named = move |cause: &Cause| Cause::of(format!("{name}: {}", migration::innermost(&cause.0)));
    move |error| match error {
        Error::Unavailable(cause) => Error::Unavailable(named(&cause)),
        Error::Database(cause) => Error::Database(named(&cause)),
        other => other,
    }
}
