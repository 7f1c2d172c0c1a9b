//! The requests of a batch in the text of a statement.

use sea_orm::sea_query::{Expr, IntoTableRef, SelectStatement, TableRef};

use super::dialect::{Dialect, NAME_OF_OWNER, REQUEST};
use super::input::Input;

/// The form in which a statement gets the requests of its batch.
pub(super) enum Requests {
    /// A derived table with one row for each request and one column for each input.
    Table(Box<SelectStatement>),
    /// Parameters, because there is only one request. The statement needs no join.
    Parameters,
}

impl Requests {
    /// The derived table for a FROM clause, if there is one.
    pub(super) fn table(self) -> Option<TableRef> {
        match self {
            Self::Table(requests) => Some(Dialect::request_table(*requests)),
            Self::Parameters => None,
        }
    }

    /// Selects the rows of a table for which `condition` holds, which compares them with a request.
    pub(super) fn join(
        self,
        select: &mut SelectStatement,
        dialect: Dialect,
        table: impl IntoTableRef,
        condition: Expr,
    ) {
        match self.table() {
            Some(requests) => dialect.join(select.from(requests), table, condition),
            None => {
                select.from(table).and_where(condition);
            }
        }
    }
}

/// A statement for one request of one owner, who is its first parameter.
pub(super) struct OfOne<R: 'static> {
    pub(super) text: String,
    /// The inputs that are the other parameters.
    pub(super) inputs: Vec<Input<R>>,
}

impl<R> OfOne<R> {
    /// Takes a text with [`Requests::Parameters`]. Each column of the derived table that it names becomes a parameter. An input
    /// that it does not name is none, because PostgreSQL could not know its type.
    pub(super) fn new(inputs: &[Input<R>], mut text: String) -> Self {
        let mut used = Vec::new();
        for input in inputs {
            let column = format!(r#""{REQUEST}"."{}""#, input.name);
            if text.contains(&column) {
                let number = if input.name == NAME_OF_OWNER {
                    1
                } else {
                    used.push(*input);
                    used.len() + 1
                };
                text = text.replace(&column, &format!("${number}::{}", input.value.input_type().name()));
            }
        }
        Self { text, inputs: used }
    }
}
