use sea_orm::sea_query::{
    Alias, CommonTableExpression, DeleteStatement, InsertStatement, Query, SelectStatement, UpdateStatement,
};

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

    /// The text of the joined statement.
    pub(super) fn text(self, dialect: Dialect) -> String {
        let Some(lock) = self.lock else {
            return match self.write {
                Write::Insert(insert) => dialect.text(&insert),
                Write::Update(update) => dialect.text(&update),
                Write::Delete(delete) => dialect.text(&delete),
            };
        };
        let mut held = CommonTableExpression::new();
        held.table_name(Alias::new(HELD)).materialized(true).query(lock);
        let with = Query::with().cte(held).to_owned();
        dialect.text(&match self.write {
            Write::Insert(insert) => with.query(insert),
            Write::Update(update) => with.query(update),
            Write::Delete(delete) => with.query(delete),
        })
    }
}
