use sea_orm::sea_query::{
    Alias, CommonTableExpression, DeleteStatement, InsertStatement, Query, SelectStatement, UpdateStatement, WithQuery,
};
use sea_orm::{DbBackend, Statement};

use crate::store::dialect::Dialect;

/// The name of the step that locks rows.
pub(super) const HELD: &str = "held";

/// The statements of one batch of edits, in their order. They become one statement, of which every part sees the same snapshot.
pub(super) struct Steps {
    /// Locks the rows in a defined order.
    pub(super) lock: Option<SelectStatement>,
    /// Writes the rows.
    pub(super) write: Write,
}

/// The statement that writes.
pub(super) enum Write {
    Insert(InsertStatement),
    Update(UpdateStatement),
    Delete(DeleteStatement),
}

impl Steps {
    /// A single step.
    pub(super) fn one(write: Write) -> Self {
        Self { lock: None, write }
    }

    /// The text of the joined statement, without bound values.
    pub(super) fn text(self, dialect: Dialect) -> String {
        match self.joined() {
            Joined::Insert(insert) => dialect.text(&insert),
            Joined::Update(update) => dialect.text(&update),
            Joined::Delete(delete) => dialect.text(&delete),
            Joined::With(with) => dialect.text(&with),
        }
    }

    /// The joined statement with its values.
    pub(super) fn statement(self, backend: DbBackend) -> Statement {
        match self.joined() {
            Joined::Insert(insert) => backend.build(&insert),
            Joined::Update(update) => backend.build(&update),
            Joined::Delete(delete) => backend.build(&delete),
            Joined::With(with) => backend.build(&with),
        }
    }

    fn joined(self) -> Joined {
        let Some(lock) = self.lock else {
            return match self.write {
                Write::Insert(insert) => Joined::Insert(insert),
                Write::Update(update) => Joined::Update(update),
                Write::Delete(delete) => Joined::Delete(delete),
            };
        };
        let mut held = CommonTableExpression::new();
        held.table_name(Alias::new(HELD)).materialized(true).query(lock);
        let with = Query::with().cte(held).to_owned();
        Joined::With(match self.write {
            Write::Insert(insert) => with.query(insert),
            Write::Update(update) => with.query(update),
            Write::Delete(delete) => with.query(delete),
        })
    }
}

/// The steps as one statement.
enum Joined {
    Insert(InsertStatement),
    Update(UpdateStatement),
    Delete(DeleteStatement),
    With(WithQuery),
}
