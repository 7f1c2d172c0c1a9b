use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;
use migration::Layout;
use sea_orm::sea_query::{DynIden, Expr, InsertStatement, Query as SelectQuery};
use sea_orm::sqlx;
use sea_orm::sqlx::postgres::{PgArguments, Postgres};
use sea_orm::sqlx::query::Query;
use sea_orm::sqlx::sqlite::{Sqlite, SqliteArguments};
use sea_orm::{DatabaseConnection, DbBackend, DbErr, SqlxError};
use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};

#[cfg(test)]
use super::dialect::InputType;
use super::dialect::{Dialect, NAME_OF_OWNER, request};
use super::input::{Input, InputValue, Sent};
use super::requests::{OfOne, Requests};
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
    /// Empty if PostgreSQL has no such statement.
    postgres: String,
    by_owner: ByOwner<R>,
    /// `None` if SQLite has no such statement.
    sqlite: Option<String>,
}

/// A statement for PostgreSQL whose tables are split by owner.
enum ByOwner<R: 'static> {
    /// There is none.
    Missing,
    /// The one for whole tables, with requests of several owners.
    Whole,
    /// A statement for requests of one owner, who is the first parameter. The others are an array for each other input.
    Arrays(String),
    /// The same with a second text for one request. Most batches have one: few users send several writes at once. Such a text has
    /// no join if the tables of the statement are one, and Citus keeps a generic plan only then.
    OneOrArrays(OfOne<R>, String),
    /// An INSERT of values for requests of one owner, who is the first parameter. The others are the other inputs of each request.
    Values(Vec<(usize, String)>),
}

/// The numbers of rows for which there are INSERTs of values. More are inserted by several statements, so that the texts do not
/// depend on the number of requests.
const ROWS: [usize; 3] = [64, 8, 1];

/// The rows that a statement inserts.
pub(super) struct Inserted {
    /// The statement without columns and rows.
    pub(super) insert: InsertStatement,
    pub(super) columns: Vec<(DynIden, Cell)>,
}

/// The value of a column of an inserted row.
pub(super) enum Cell {
    /// The input with this name.
    Input(&'static str),
    /// A constant.
    Constant(&'static str),
}

impl Cell {
    fn value(&self, input: impl Fn(&'static str) -> Expr) -> Expr {
        match self {
            Self::Input(name) => input(name),
            Self::Constant(text) => Expr::cust(*text),
        }
    }
}

impl<R> Statement<R> {
    /// The statement that `build` makes for each dialect from the derived table of the requests.
    pub(super) fn new(inputs: Vec<Input<R>>, build: impl Fn(Dialect, Requests) -> String) -> Self {
        let text = |dialect: Dialect| {
            let columns = inputs.iter().map(|input| (input.name, input.value.input_type()));
            build(dialect, Requests::Table(dialect.requests(columns).into()))
        };
        let of_one = OfOne::new(&inputs, build(Dialect::PostgresByOwner, Requests::Parameters));
        Self {
            postgres: text(Dialect::Postgres),
            by_owner: ByOwner::OneOrArrays(of_one, text(Dialect::PostgresByOwner)),
            sqlite: Some(text(Dialect::Sqlite)),
            inputs,
        }
    }

    /// A statement that has requests of several owners also if the tables are split by owner. It reads all parts of them.
    pub(super) fn for_all_owners(inputs: Vec<Input<R>>, build: impl Fn(Dialect, Requests) -> String) -> Self {
        Self { by_owner: ByOwner::Whole, ..Self::new(inputs, build) }
    }

    /// A statement that inserts a row for each request.
    pub(super) fn insert(inputs: Vec<Input<R>>, inserted: impl Fn() -> Inserted) -> Self {
        let text = |dialect: Dialect| {
            let Inserted { mut insert, columns } = inserted();
            let requests = dialect.requests(inputs.iter().map(|input| (input.name, input.value.input_type())));
            let rows = SelectQuery::select()
                .exprs(columns.iter().map(|(_, cell)| cell.value(request)))
                .from(Dialect::request_table(requests))
                // Otherwise SQLite would read ON CONFLICT as a part of the SELECT.
                .and_where(Expr::cust("true"))
                .to_owned();
            insert.columns(columns.into_iter().map(|(column, _)| column));
            // The columns and the values come from one list, so their numbers are equal.
            let _ = insert.select_from(rows);
            dialect.text(&insert)
        };
        let values = ROWS.map(|rows| (rows, insert_of_values(&inputs, inserted(), rows))).to_vec();
        Self {
            postgres: text(Dialect::Postgres),
            by_owner: ByOwner::Values(values),
            sqlite: Some(text(Dialect::Sqlite)),
            inputs,
        }
    }

    /// The statement without a text for PostgreSQL whose tables are whole, where the joined statements do the same.
    pub(super) fn for_sequences(self) -> Self {
        Self { postgres: String::new(), ..self }
    }

    /// A statement that PostgreSQL does not have whose tables are split by owner.
    pub(super) fn whole(inputs: Vec<Input<R>>, build: impl Fn(Dialect, Requests) -> String) -> Self {
        Self { by_owner: ByOwner::Missing, ..Self::new(inputs, build) }
    }

    /// A statement that only SQLite has.
    pub(super) fn for_sqlite(inputs: Vec<Input<R>>, build: impl Fn(Dialect, Requests) -> String) -> Self {
        Self::whole(inputs, build).for_sequences()
    }

    /// A statement that only PostgreSQL has whose tables are whole.
    pub(super) fn for_postgres(inputs: Vec<Input<R>>, postgres: String) -> Self {
        Self { inputs, postgres, by_owner: ByOwner::Missing, sqlite: None }
    }

    /// A statement that only PostgreSQL has whose tables are split by owner, without the derived table of the requests.
    ///
    /// Citus keeps a generic plan only of a statement on one table, with conditions and without joins. It plans every other one
    /// each time, which costs about as much as the statement itself.
    pub(super) fn on_one_table(inputs: Vec<Input<R>>, build: impl Fn(Dialect) -> String) -> Self {
        let by_owner = ByOwner::Arrays(build(Dialect::PostgresByOwner));
        Self { inputs, postgres: String::new(), by_owner, sqlite: None }
    }

    /// A statement that only PostgreSQL has whose tables are split by owner.
    pub(super) fn for_one_owner(self) -> Self {
        Self { sqlite: None, ..self.for_sequences() }
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
        if db.get_database_backend() != DbBackend::Postgres {
            let query = self.bind_sqlite(sent, scalars)?;
            return each(query.fetch(db.get_sqlite_connection_pool()), &mut on_row).await;
        }
        if sent.is_empty() {
            return Ok(());
        }
        let mut connection = batch.connection(db).await?;
        if batch.layout() == Layout::ByOwner && !matches!(self.by_owner, ByOwner::Whole) {
            for (text, part) in self.by_owner.parts(sent)? {
                each(self.bind_by_owner(text, part)?.fetch(&mut *connection), &mut on_row).await?;
            }
        } else {
            each(self.bind_postgres(sent, scalars).fetch(&mut *connection), on_row).await?;
        }
        batch.keep(connection);
        Ok(())
    }

    /// The same as [`Self::fetch`], within a transaction and without scalars.
    pub(super) async fn fetch_in(
        &'static self,
        transaction: &mut Transaction,
        sent: &[Sent<'_, R>],
        mut on_row: impl FnMut(&dyn StoredRow) -> Result<(), DbErr> + Send,
    ) -> Result<(), DbErr> {
        match transaction {
            _ if sent.is_empty() => Ok(()),
            Transaction::Postgres(transaction, Layout::ByOwner) => {
                for (text, part) in self.by_owner.parts(sent)? {
                    each(self.bind_by_owner(text, part)?.fetch(&mut **transaction), &mut on_row).await?;
                }
                Ok(())
            }
            Transaction::Postgres(transaction, Layout::Whole) => {
                each(self.bind_postgres(sent, &[]).fetch(&mut **transaction), on_row).await
            }
            Transaction::Sqlite(transaction) => {
                each(self.bind_sqlite(sent, &[])?.fetch(transaction.connection()?), &mut on_row).await
            }
        }
    }

    /// The owner, then what [`ByOwner`] describes.
    fn bind_by_owner<'q>(&'static self, text: &'static str, sent: &[Sent<'q, R>]) -> Result<PgQuery<'q>, DbErr> {
        let owner = self.owner(sent)?;
        let mut query = sqlx::query(text).bind(owner);
        let others = self.inputs.iter().filter(|input| input.name != NAME_OF_OWNER);
        let of_each: Vec<&Input<R>> = match (&self.by_owner, sent.len()) {
            (ByOwner::Values(_), _) => others.collect(),
            (ByOwner::OneOrArrays(of_one, _), 1) => of_one.inputs.iter().collect(),
            _ => return Ok(others.fold(query, |query, input| bind_array(query, input, sent))),
        };
        for one in sent {
            for input in &of_each {
                query = bind_one(query, input, one);
            }
        }
        Ok(query)
    }

    /// The owner of all requests.
    fn owner<'q>(&self, sent: &[Sent<'q, R>]) -> Result<&'q str, DbErr> {
        let value = self.inputs.iter().find_map(|input| match input.value {
            InputValue::Text(value) if input.name == NAME_OF_OWNER => Some(value),
            _ => None,
        });
        let mut owners = sent.iter().filter_map(|sent| value?(sent));
        let first = owners.next().ok_or_else(|| DbErr::Custom("a batch without an owner".to_owned()))?;
        // The first owner's rows would be written for the others.
        if owners.all(|owner| owner == first) {
            Ok(first)
        } else {
            Err(DbErr::Custom("a batch of several owners".to_owned()))
        }
    }

    /// One array for each input, then the scalars.
    fn bind_postgres<'q>(&'static self, sent: &[Sent<'q, R>], scalars: &[Scalar<'q>]) -> PgQuery<'q> {
        let mut query = sqlx::query(self.postgres.as_str());
        for input in &self.inputs {
            query = bind_array(query, input, sent);
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
        let text = self.sqlite.as_deref().ok_or_else(|| missing("SQLite"))?;
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
        let of_one = match &self.by_owner {
            ByOwner::OneOrArrays(of_one, _) => Some(of_one.text.as_str()),
            _ => None,
        };
        Texts { name, postgres, sqlite: self.sqlite.as_deref(), of_one, inputs, has_owners, scalars }
    }
}

/// The texts of a statement for the tests of plans.
#[cfg(test)]
pub(super) struct Texts {
    pub(super) name: &'static str,
    pub(super) postgres: Option<&'static str>,
    pub(super) sqlite: Option<&'static str>,
    /// The text for one request on tables that are split by owner.
    pub(super) of_one: Option<&'static str>,
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
        format!("ARRAY[{}]::{}[]", values.join(", "), of.name())
    }
}

type PgQuery<'q> = Query<'q, Postgres, PgArguments>;

fn bind_array<'q, R>(query: PgQuery<'q>, input: &Input<R>, sent: &[Sent<'q, R>]) -> PgQuery<'q> {
    match input.value {
        InputValue::Text(value) => query.bind(sent.iter().map(value).collect::<Vec<_>>()),
        InputValue::BigInt(value) => query.bind(sent.iter().map(value).collect::<Vec<_>>()),
        InputValue::SmallInt(value) => query.bind(sent.iter().map(value).collect::<Vec<_>>()),
        InputValue::Bool(value) => query.bind(sent.iter().map(value).collect::<Vec<_>>()),
        InputValue::Time(value) => query.bind(sent.iter().map(value).collect::<Vec<_>>()),
    }
}

fn bind_one<'q, R>(query: PgQuery<'q>, input: &Input<R>, sent: &Sent<'q, R>) -> PgQuery<'q> {
    match input.value {
        InputValue::Text(value) => query.bind(value(sent)),
        InputValue::BigInt(value) => query.bind(value(sent)),
        InputValue::SmallInt(value) => query.bind(value(sent)),
        InputValue::Bool(value) => query.bind(value(sent)),
        InputValue::Time(value) => query.bind(value(sent)),
    }
}

type Parts<'s, 'q, R> = Vec<(&'static str, &'s [Sent<'q, R>])>;

impl<R> ByOwner<R> {
    /// The texts that are sent, each with the requests that are its parameters.
    ///
    /// # Errors
    /// If there is no statement for requests of one owner.
    fn parts<'s, 'q>(&'static self, sent: &'s [Sent<'q, R>]) -> Result<Parts<'s, 'q, R>, DbErr> {
        Ok(match self {
            Self::Missing | Self::Whole => return Err(missing("PostgreSQL with tables split by owner")),
            Self::OneOrArrays(of_one, _) if sent.len() == 1 => vec![(of_one.text.as_str(), sent)],
            Self::Arrays(text) | Self::OneOrArrays(_, text) => vec![(text.as_str(), sent)],
            Self::Values(texts) => {
                let (mut parts, mut rest) = (Vec::new(), sent);
                for (rows, text) in texts {
                    while let Some((part, behind)) = rest.split_at_checked(*rows) {
                        parts.push((text.as_str(), part));
                        rest = behind;
                    }
                }
                parts
            }
        })
    }
}

/// The text of an INSERT of so many rows of values.
fn insert_of_values<R>(inputs: &[Input<R>], Inserted { mut insert, columns }: Inserted, rows: usize) -> String {
    let others: Vec<_> = inputs.iter().filter(|input| input.name != NAME_OF_OWNER).collect();
    insert.columns(columns.iter().map(|(column, _)| column.clone()));
    for row in 0..rows {
        let parameter = |name: &'static str| {
            let place = others.iter().position(|input| input.name == name);
            let number = |place| 2 + row * others.len() + place;
            Expr::cust(match place {
                Some(place) => format!("${}::{}", number(place), others[place].value.input_type().name()),
                None if name == NAME_OF_OWNER => "$1::text".to_owned(),
                // The database refuses it.
                None => format!("no_input.{name}"),
            })
        };
        // As many values as columns.
        let _ = insert.values(columns.iter().map(|(_, cell)| cell.value(parameter)));
    }
    Dialect::PostgresByOwner.text(&insert)
}

fn missing(database: &str) -> DbErr {
    DbErr::Custom(format!("{database} has no such statement"))
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
