use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{DbBackend, Statement, Value};

use crate::by_hand::Loss;
use crate::fold::fold;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The folded texts can be computed again, and the key of the server was never needed.
pub(crate) const LOSSES: &[Loss] = &[Loss::Columns("task", &["completed_at", "priority", "tags", "due_date"])];

/// The new columns, after the existing ones. Each has a default, so that only the folded texts must be written for existing tasks.
const COLUMNS: [(&str, &str); 8] = [
    // Null if the task is not completed.
    ("completed_at", "TIME"),
    // 0 none, 1 low, 2 medium, 3 high.
    ("priority", "smallint NOT NULL DEFAULT 0"),
    // A JSON array of texts, as they were sent.
    ("tags", "text NOT NULL DEFAULT '[]'"),
    // Each tag without case, between line feeds.
    ("tags_folded", "text NOT NULL DEFAULT ''"),
    // As it was sent: a day, or an RFC 3339 instant.
    ("due_date", "text BINARY"),
    // The value for comparing and sorting: the instant, or the last microsecond of the day in UTC.
    ("due_at", "TIME"),
    ("title_folded", "text BINARY NOT NULL DEFAULT ''"),
    ("description_folded", "text BINARY"),
];

/// One index for each sort, scanned forwards and backwards. The sort by due date needs two, because tasks without one come last in both
/// directions. There is no index on `updated_at`: with it every write would change every index (no HOT update on PostgreSQL).
const INDEXES: [(&str, &str); 4] = [
    ("task_user_id_priority_id", "user_id, priority, id"),
    ("task_user_id_title_folded_id", "user_id, title_folded, id"),
    ("task_user_id_due_at_id", "user_id, DUE_OR_LATEST, id"),
    ("task_user_id_due_at_id_descending", "user_id, DUE_OR_EARLIEST, id"),
];

/// The keys of the two indexes by due date. On SQLite they are virtual columns: with an expression in the index, SQLite prepares the statement
/// again each time that a value compared with the expression is bound.
const COMPUTED: [(&str, &str); 2] =
    [("due_or_latest", "COALESCE(due_at, LATEST)"), ("due_or_earliest", "COALESCE(due_at, EARLIEST)")];

/// The values for "no due date" in the indexes, after and before every other.
const LATEST: &str = "9999-12-31T23:59:59.999999+00:00";
const EARLIEST: &str = "0001-01-01T00:00:00+00:00";

/// The number of rows that are folded with one statement.
const CHUNK: usize = 1000;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        let dialect = Dialect(db.get_database_backend());
        for (name, kind) in COLUMNS {
            db.execute_unprepared(&dialect.translate(&format!("ALTER TABLE task ADD COLUMN {name} {kind}"))).await?;
        }
        // The time of completion is unknown; it is not later than this.
        db.execute_unprepared("UPDATE task SET completed_at = updated_at WHERE completed").await?;
        fold_texts(db).await?;
        if db.get_database_backend() == DbBackend::Sqlite {
            for (name, expression) in COMPUTED {
                let column =
                    format!("ALTER TABLE task ADD COLUMN {name} text GENERATED ALWAYS AS ({expression}) VIRTUAL");
                db.execute_unprepared(&dialect.translate(&column)).await?;
            }
        }
        for (name, columns) in INDEXES {
            db.execute_unprepared(&dialect.translate(&format!("CREATE INDEX {name} ON task ({columns})"))).await?;
        }
        create_server_key(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        manager.drop_table(Table::drop().table(ServerKey::Table).to_owned()).await?;
        for (name, _) in INDEXES {
            db.execute_unprepared(&format!("DROP INDEX {name}")).await?;
        }
        if db.get_database_backend() == DbBackend::Sqlite {
            for (name, _) in COMPUTED {
                db.execute_unprepared(&format!("ALTER TABLE task DROP COLUMN {name}")).await?;
            }
        }
        for (name, _) in COLUMNS {
            db.execute_unprepared(&format!("ALTER TABLE task DROP COLUMN {name}")).await?;
        }
        Ok(())
    }
}

struct Dialect(DbBackend);

impl Dialect {
    /// The two databases write times and byte order differently.
    fn translate(&self, sql: &str) -> String {
        let (time, binary, literal) = match self.0 {
            DbBackend::Postgres => ("timestamp with time zone", "text COLLATE \"C\"", "timestamptz "),
            _ => ("timestamp_with_timezone_text", "text", ""),
        };
        let sql = match self.0 {
            DbBackend::Postgres => sql
                .replace("DUE_OR_LATEST", &format!("({})", COMPUTED[0].1))
                .replace("DUE_OR_EARLIEST", &format!("({})", COMPUTED[1].1)),
            _ => sql.replace("DUE_OR_LATEST", COMPUTED[0].0).replace("DUE_OR_EARLIEST", COMPUTED[1].0),
        };
        sql.replace("TIME", time)
            .replace("text BINARY", binary)
            .replace("LATEST", &format!("{literal}'{LATEST}'"))
            .replace("EARLIEST", &format!("{literal}'{EARLIEST}'"))
    }
}

async fn fold_texts(db: &SchemaManagerConnection<'_>) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    let mut last = i64::MIN;
    loop {
        let query = format!("SELECT id, title, description FROM task WHERE id > $1 ORDER BY id LIMIT {CHUNK}");
        let rows = db.query_all_raw(Statement::from_sql_and_values(backend, query, [last.into()])).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let mut values: Vec<Value> = Vec::with_capacity(rows.len() * 3);
        let mut places = Vec::with_capacity(rows.len());
        for row in &rows {
            last = row.try_get("", "id")?;
            let description: Option<String> = row.try_get("", "description")?;
            let n = values.len();
            places.push(format!("(${}, ${}, ${})", n + 1, n + 2, n + 3));
            let title: String = row.try_get("", "title")?;
            values.extend([last.into(), fold(&title).into(), description.map(|text| fold(&text)).into()]);
        }
        let update = format!(
            "WITH folded(id, title, description) AS (VALUES {})
             UPDATE task SET title_folded = folded.title, description_folded = folded.description
             FROM folded WHERE task.id = folded.id",
            places.join(", ")
        );
        db.execute_raw(Statement::from_sql_and_values(backend, update, values)).await?;
    }
}

/// Creates secret keys that all servers on this database share.
pub(crate) async fn create_server_key(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table(ServerKey::Table)
                .col(ColumnDef::new(ServerKey::Name).text().not_null().primary_key())
                .col(ColumnDef::new(ServerKey::Value).text().not_null())
                .to_owned(),
        )
        .await?;
    // 256 bits.
    let random = || getrandom::u64().map_err(|error| DbErr::Migration(format!("no randomness: {error}")));
    let key = format!("{:016x}{:016x}{:016x}{:016x}", random()?, random()?, random()?, random()?);
    let insert = Query::insert()
        .into_table(ServerKey::Table)
        .columns([ServerKey::Name, ServerKey::Value])
        .values_panic(["cursor".into(), key.into()])
        .to_owned();
    manager.execute(insert).await
}

#[derive(DeriveIden)]
pub(crate) enum ServerKey {
    Table,
    Name,
    Value,
}
