use ::entity::task::Column;
use sea_orm::sea_query::{Query, ReturningClause};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, QueryResult, StatementBuilder};

use super::due::Due;
use super::priority::Priority;
use super::tag::Tags;
use super::task::Task;

/// What is read of a row, in the order that [`Task::from_query_result`] takes it in: neither the owner, who is asking, nor what
/// is only there to be searched.
pub(super) const READ: [Column; 10] = [
    Column::Id,
    Column::Title,
    Column::Description,
    Column::Completed,
    Column::CreatedAt,
    Column::UpdatedAt,
    Column::CompletedAt,
    Column::Priority,
    Column::Tags,
    Column::DueDate,
];

/// By place and not by name: a list reads many rows.
impl FromQueryResult for Task {
    fn from_query_result(row: &QueryResult, _: &str) -> Result<Self, DbErr> {
        let time = |index| row.try_get_by_index(index);
        let (created_at, updated_at): (chrono::DateTime<chrono::FixedOffset>, _) = (time(4)?, time(5)?);
        let completed_at: Option<chrono::DateTime<chrono::FixedOffset>> = row.try_get_by_index(6)?;
        let priority: i16 = row.try_get_by_index(7)?;
        let tags: String = row.try_get_by_index(8)?;
        let due: Option<String> = row.try_get_by_index(9)?;
        Ok(Self {
            id: row.try_get_by_index(0)?,
            title: row.try_get_by_index(1)?,
            description: row.try_get_by_index(2)?,
            completed: row.try_get_by_index(3)?,
            created_at: created_at.to_utc(),
            updated_at: updated_at.to_utc(),
            completed_at: completed_at.map(|time| time.to_utc()),
            priority: Priority::from_stored(priority).ok_or_else(|| DbErr::Type(format!("priority {priority}")))?,
            tags: Tags::from_stored(&tags)?,
            due: due.map(Due::parse).transpose().map_err(|error| DbErr::Type(format!("due_date {error}")))?,
        })
    }
}

/// What a write answers with.
pub(super) fn returning() -> ReturningClause {
    Query::returning().columns(READ)
}

/// Runs a statement that answers with tasks. To its end: sqlx's one-row calls stop at the row, which on SQLite comes before the
/// commit, and do not learn that this failed.
pub(super) async fn fetch(db: &impl ConnectionTrait, statement: &impl StatementBuilder) -> Result<Vec<Task>, DbErr> {
    db.query_all(statement).await?.iter().map(|row| Task::from_query_result(row, "")).collect()
}
