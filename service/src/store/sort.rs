use ::entity::task::Column;
use sea_orm::sea_query::{Condition, Expr, ExprTrait, Order, SelectStatement, Value};

use super::dialect::Dialect;
use crate::model::{Position, PositionKey, Sort, SortBy, SortKey};

/// Sorts a list, and starts it behind `after`.
pub(super) fn apply(sort: &Sort, list: &mut SelectStatement, after: Option<&Position>, dialect: Dialect) {
    for (column, descending) in columns(sort, dialect) {
        list.order_by_expr(column, if descending { Order::Desc } else { Order::Asc });
    }
    if let Some(position) = after {
        list.cond_where(behind(sort, position, dialect));
    }
}

/// The keys and the id as they are compared, and whether each descends.
fn columns(sort: &Sort, dialect: Dialect) -> Vec<(Expr, bool)> {
    let id_descends = sort.keys().last().is_some_and(|by| by.descending);
    let keys = sort.keys().iter().map(|by| (column(*by, dialect), by.descending));
    keys.chain([(Expr::col(Column::Id), id_descends)]).collect()
}

/// The condition that a task comes after `position`. An index with these columns is entered at this position, no matter how far
/// down the list it is.
fn behind(sort: &Sort, position: &Position, dialect: Dialect) -> Condition {
    let columns = columns(sort, dialect);
    let values: Vec<Value> = position.keys().iter().map(value).chain([position.id().into()]).collect();
    let (first, descends) = columns[0].clone();
    // This follows from the rest. If the directions differ, it is the condition by which the index is entered.
    let from = Expr::val(values[0].clone());
    let all = Condition::all().add(if descends { first.lte(from) } else { first.gte(from) });
    if columns.iter().all(|(_, descending)| *descending == descends) {
        let columns = Expr::tuple(columns.into_iter().map(|(column, _)| column));
        let values = Expr::tuple(values.into_iter().map(Expr::val));
        return all.add(if descends { columns.lt(values) } else { columns.gt(values) });
    }
    // Equal in the first keys, and behind in the next one.
    let mut behind = Condition::any();
    for (n, (column, descending)) in columns.iter().enumerate() {
        let mut here = Condition::all();
        for ((column, _), value) in columns.iter().zip(&values).take(n) {
            here = here.add(column.clone().eq(value.clone()));
        }
        let value = values[n].clone();
        here = here.add(if *descending { column.clone().lt(value) } else { column.clone().gt(value) });
        behind = behind.add(here);
    }
    all.add(behind)
}

/// The key as the database compares it. The indexes have the same expressions.
fn column(by: SortBy, dialect: Dialect) -> Expr {
    match by.key {
        SortKey::CreatedAt => Expr::col(Column::CreatedAt),
        SortKey::UpdatedAt => Expr::col(Column::UpdatedAt),
        SortKey::Priority => Expr::col(Column::Priority),
        SortKey::Title => Expr::col(Column::TitleFolded),
        SortKey::DueDate => dialect.sorted_due_date(by.descending),
    }
}

fn value(key: &PositionKey) -> Value {
    match key {
        PositionKey::Time(time) => time.fixed_offset().into(),
        PositionKey::Number(number) => (*number).into(),
        PositionKey::Text(text) => text.clone().into(),
    }
}
