use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;
use sea_orm::sea_query::SelectStatement;
use sea_orm::sqlx;
use sea_orm::sqlx::postgres::{PgArguments, Postgres};
use sea_orm::sqlx::query::Query;
use sea_orm::sqlx::sqlite::{Sqlite, SqliteArguments};
use sea_orm::{DatabaseConnection, DbBackend, DbErr, SqlxError};
use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};

use super::dialect::Dialect;
#[cfg(test)]
use super::dialect::InputType;
use super::input::{Input, InputValue, Sent};
use super::row::StoredRow;
use crate::batch::{Batch, Operation};
use crate::db::Transaction;
use crate::db::fault::query_error;

/// A parameter of the whole batch.
#[derive(Clone, Debug)]
pub(super) enum Scalar<'a> {
    Text(&'static str),
    BigInt(i64),
    /// An array of texts. PostgreSQL only.
    Texts(Vec<&'a str>),
}

/// A statement for a batch of requests. Its texts are built once, because SeaQuery takes about 7 µs for one.
pub(super) struct Statement<R: 'static> {
    inputs: Vec<Input<R>>,
    postgres: String,
    /// `None` if SQLite has no such statement.
    sqlite: Option<String>,
}

impl<R> Statement<R> {
    /// The statement that `build` makes for either database from the derived table of the requests.
    pub(super) fn new(inputs: Vec<Input<R>>, build: impl Fn(Dialect, SelectStatement) -> String) -> Self {
        let text = |dialect: Dialect| {
            let columns = inputs.iter().map(|input| (input.name, input.value.input_type()));
            build(dialect, dialect.requests(columns))
        };
        Self { postgres: text(Dialect::Postgres), sqlite: Some(text(Dialect::Sqlite)), inputs }
    }

    /// A statement that only SQLite has.
    pub(super) fn for_sqlite(inputs: Vec<Input<R>>, build: impl Fn(Dialect, SelectStatement) -> String) -> Self {
        Self { postgres: String::new(), ..Self::new(inputs, build) }
    }

    /// A statement that only PostgreSQL has.
    pub(super) fn for_postgres(inputs: Vec<Input<R>>, postgres: String) -> Self {
        Self { inputs, postgres, sqlite: None }
    }

    /// Sends the statement and passes each row to `on_row`, to the end: only the end of the rows shows that a write was
    /// committed.
    pub(super) async fn fetch<O: Operation>(
        &'static self,
        db: &DatabaseConnection,
        batch: &Batch<O>,
        sent: &[Sent<'_, R>],
        scalars: &[Scalar<'_>],
        mut on_row: impl FnMut(&dyn StoredRow) -> Result<(), DbErr> + Send,
    ) -> Result<(), DbErr> {
        if db.get_database_backend() == DbBackend::Postgres {
            let query = self.bind_postgres(sent, scalars);
            let mut connection = batch.connection(db).await?;
            each(query.fetch(&mut *connection), on_row).await?;
            batch.keep(connection);
            Ok(())
        } else {
            let query = self.bind_sqlite(sent, scalars)?;
            each(query.fetch(db.get_sqlite_connection_pool()), &mut on_row).await
        }
    }

    /// The same as [`Self::fetch`], within a transaction and without scalars.
    pub(super) async fn fetch_in(
        &'static self,
        transaction: &mut Transaction,
        sent: &[Sent<'_, R>],
        mut on_row: impl FnMut(&dyn StoredRow) -> Result<(), DbErr> + Send,
    ) -> Result<(), DbErr> {
        match transaction {
            Transaction::Postgres(transaction) => {
                each(self.bind_postgres(sent, &[]).fetch(&mut **transaction), on_row).await
            }
            Transaction::Sqlite(transaction) => {
                each(self.bind_sqlite(sent, &[])?.fetch(transaction.connection()?), &mut on_row).await
            }
        }
    }

    /// One array for each input, then the scalars.
    fn bind_postgres<'q>(
        &'static self,
        sent: &[Sent<'q, R>],
        scalars: &[Scalar<'q>],
    ) -> Query<'q, Postgres, PgArguments> {
        let mut query = sqlx::query(self.postgres.as_str());
        for input in &self.inputs {
            query = match input.value {
                InputValue::Text(value) => query.bind(sent.iter().map(value).collect::<Vec<_>>()),
                InputValue::BigInt(value) => query.bind(sent.iter().map(value).collect::<Vec<_>>()),
                InputValue::SmallInt(value) => query.bind(sent.iter().map(value).collect::<Vec<_>>()),
                InputValue::Bool(value) => query.bind(sent.iter().map(value).collect::<Vec<_>>()),
                InputValue::Time(value) => query.bind(sent.iter().map(value).collect::<Vec<_>>()),
            };
        }
        for scalar in scalars {
            query = match scalar {
                Scalar::Text(text) => query.bind(*text),
                Scalar::BigInt(number) => query.bind(*number),
                Scalar::Texts(texts) => query.bind(texts.clone()),
            };
        }
        query
    }

    /// One JSON array with an array for each request, then the scalars.
    fn bind_sqlite(
        &'static self,
        sent: &[Sent<'_, R>],
        scalars: &[Scalar<'_>],
    ) -> Result<Query<'static, Sqlite, SqliteArguments>, DbErr> {
        let text = self.sqlite.as_deref().ok_or_else(|| DbErr::Custom("SQLite has no such statement".to_owned()))?;
        let requests = JsonRows { inputs: &self.inputs, sent };
        // Texts and numbers always serialize.
        let mut query = sqlx::query(text).bind(serde_json::to_string(&requests).unwrap_or_default());
        for scalar in scalars {
            query = match scalar {
                Scalar::Text(text) => query.bind(*text),
                Scalar::BigInt(number) => query.bind(*number),
                Scalar::Texts(_) => return Err(DbErr::Custom("SQLite has no arrays".to_owned())),
            };
        }
        Ok(query)
    }

    /// The texts under a name. `scalars` are PostgreSQL's, behind an array of the owners if `has_owners`.
    #[cfg(test)]
    pub(super) fn texts(&'static self, name: &'static str, has_owners: bool, scalars: &'static str) -> Texts {
        let inputs = self.inputs.iter().map(|input| (input.name, input.value.input_type())).collect();
        let postgres = Some(self.postgres.as_str()).filter(|text| !text.is_empty());
        Texts { name, postgres, sqlite: self.sqlite.as_deref(), inputs, has_owners, scalars }
    }
}

/// The texts of a statement for the tests of plans.
#[cfg(test)]
pub(super) struct Texts {
    pub(super) name: &'static str,
    pub(super) postgres: Option<&'static str>,
    pub(super) sqlite: Option<&'static str>,
    inputs: Vec<(&'static str, InputType)>,
    has_owners: bool,
    scalars: &'static str,
}

#[cfg(test)]
impl Texts {
    /// PostgreSQL's arguments for a batch of as many requests, each of another user. Their numbers are behind `after`.
    pub(super) fn arguments(&self, requests: usize, after: usize) -> String {
        let mut arguments: Vec<String> = self.inputs.iter().map(|input| self.array(input, requests, after)).collect();
        if self.has_owners {
            arguments.push(self.array(&("user_id", InputType::Text), requests, after));
        }
        arguments.extend((!self.scalars.is_empty()).then(|| self.scalars.to_owned()));
        arguments.join(", ")
    }

    fn array(&self, (name, of): &(&str, InputType), requests: usize, after: usize) -> String {
        let is_new = self.name.contains("create") || self.name == "change_whole";
        let value = |n: usize| match (*name, of) {
            ("user_id" | "actor", _) => format!("'user {}'", 1000 + n),
            ("id", _) if self.name == "recreate" => (1_000_000 + after + n).to_string(),
            ("id", _) => (1000 + n).to_string(),
            ("at" | "clock" | "begin" | "tasks" | "task_id", _) => (after + n).to_string(),
            ("place", _) => n.to_string(),
            ("owner", _) => (1 + n).to_string(),
            ("most" | "step" | "kind" | "n", _) => "1".to_owned(),
            ("key" | "fingerprint", _) => format!("'key {}'", after + n),
            ("time_of_write" | "created_at" | "updated_at", _) => {
                format!("timestamptz 'epoch' + {} * interval '1 microsecond'", after + n)
            }
            ("title" | "title_folded", _) if is_new => "'t'".to_owned(),
            ("tags" | "tags_folded", _) if is_new => "'[]'".to_owned(),
            ("priority", _) if is_new => "0".to_owned(),
            (_, InputType::Bool) => "false".to_owned(),
            _ => "NULL".to_owned(),
        };
        let values: Vec<String> = (0..requests).map(value).collect();
        format!("ARRAY[{}]::{}", values.join(", "), of.array())
    }
}

async fn each<R: StoredRow>(
    mut rows: BoxStream<'_, Result<R, SqlxError>>,
    mut on_row: impl FnMut(&dyn StoredRow) -> Result<(), DbErr>,
) -> Result<(), DbErr> {
    while let Some(row) = rows.try_next().await.map_err(query_error)? {
        on_row(&row)?;
    }
    Ok(())
}

/// A time as the driver stores it in SQLite.
fn sqlite_time(time: DateTime<Utc>) -> String {
    time.fixed_offset().to_rfc3339_opts(SecondsFormat::AutoSi, false)
}

struct JsonRows<'a, 'r, R: 'static> {
    inputs: &'a [Input<R>],
    sent: &'a [Sent<'r, R>],
}

struct JsonRow<'a, 'r, R: 'static> {
    inputs: &'a [Input<R>],
    sent: &'a Sent<'r, R>,
}

impl<R> Serialize for JsonRows<'_, '_, R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.sent.iter().map(|sent| JsonRow { inputs: self.inputs, sent }))
    }
}

impl<R> Serialize for JsonRow<'_, '_, R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut values = serializer.serialize_seq(Some(self.inputs.len()))?;
        for input in self.inputs {
            match input.value {
                InputValue::Text(value) => values.serialize_element(&value(self.sent))?,
                InputValue::BigInt(value) => values.serialize_element(&value(self.sent))?,
                InputValue::SmallInt(value) => values.serialize_element(&value(self.sent))?,
                InputValue::Bool(value) => values.serialize_element(&value(self.sent))?,
                InputValue::Time(value) => values.serialize_element(&value(self.sent).map(sqlite_time))?,
            }
        }
        values.end()
    }
}
