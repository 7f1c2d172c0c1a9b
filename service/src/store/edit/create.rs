use std::sync::LazyLock;

use ::entity::task::Entity;
use sea_orm::DbErr;
use sea_orm::sea_query::{Query, SelectStatement};

use super::steps::{Steps, Write};
use crate::store::columns::{ReadPosition, WRITTEN, WrittenColumn, create_inputs, returned};
use crate::store::dialect::Dialect;
use crate::store::input::Sent;
use crate::store::request::EditRequest;
use crate::store::row::StoredRow;
use crate::store::statement::Statement;

pub(super) static STATEMENT: LazyLock<Statement<EditRequest>> =
    LazyLock::new(|| Statement::new(create_inputs(), |dialect, requests| steps(requests).text(dialect)));

/// `INSERT INTO task (…) SELECT … FROM (…) AS request RETURNING …`.
fn steps(requests: SelectStatement) -> Steps {
    let mut rows = Query::select();
    rows.from(Dialect::request_table(requests)).exprs(WRITTEN.iter().map(WrittenColumn::created));
    let mut insert = Query::insert();
    insert.into_table(Entity).columns(WRITTEN.iter().map(|written| written.column)).returning(returned());
    // The columns and the values come from one list, so their numbers are equal.
    let _ = insert.select_from(rows);
    Steps::one(Write::Insert(insert))
}

/// The place of the request that created a row. The rows can come back in any order, so the creation time identifies it.
pub(super) fn place(sent: &[Sent<'_, EditRequest>], row: &dyn StoredRow) -> Result<Option<usize>, DbErr> {
    let created_at = row.time(ReadPosition::CreatedAt as usize)?;
    let first = sent.first().map_or(created_at, Sent::created_at);
    Ok((created_at - first).num_microseconds().and_then(|place| usize::try_from(place).ok()))
}
