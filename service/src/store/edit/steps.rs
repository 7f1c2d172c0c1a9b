//! The steps of a batch of writes. Each is a function that gives one statement. PostgreSQL joins them into one statement
//! (`joined.rs`). SQLite, and edits of many tasks, send them one after the other in a transaction (`sequence.rs`).

use ::entity::task::{Column, Entity};
use ::entity::{task_change, task_owner, task_request};
use sea_orm::sea_query::{
    Alias, DeleteStatement, Expr, ExprTrait, InsertStatement, OnConflict, Query, SelectStatement, TableRef,
    UpdateStatement,
};

use crate::store::columns::{ACTOR, AT, FINGERPRINT, ID, IF_UPDATED_AT, IMAGE, KEY, OWNER, WRITTEN, returned};
use crate::store::dialect::{Dialect, request, task};

/// What a change did to its task, as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Created = 1,
    Changed = 2,
    Deleted = 3,
    Restored = 4,
    /// A reminder of the task has fired. The task stays as it is, so the change has no image.
    Reminded = 5,
}

impl Kind {
    /// The stored number, for the text of a statement.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Created => "1",
            Self::Changed => "2",
            Self::Deleted => "3",
            Self::Restored => "4",
            Self::Reminded => "5",
        }
    }
}

/// The condition that a task is the one that a request names.
pub(super) fn is_named(dialect: Dialect) -> Expr {
    task(Column::Id).eq(request(ID.name)).and(task(Column::UserId).eq(dialect.owner()))
}

/// The condition that a task has the version that its request demands, if it demands one.
pub(super) fn has_version() -> Expr {
    request(IF_UPDATED_AT.name).is_null().or(task(Column::UpdatedAt).eq(request(IF_UPDATED_AT.name)))
}

/// The condition that a change or a deletion of a task needs no more than its statement. The others are done by `scheduled.rs`.
/// The deletion of a completed task makes no next occurrence, and such a task has no reminders.
pub(super) fn is_plain(kind: Kind) -> Expr {
    let is_plain = task(Column::Schedule).is_null();
    if kind == Kind::Deleted { is_plain.or(task(Column::Completed)) } else { is_plain }
}

/// `INSERT INTO task (…) SELECT … FROM (…) AS request`, with ids. PostgreSQL only.
pub(super) fn insert(requests: TableRef) -> InsertStatement {
    let id = (Column::Id, request(ID.name));
    let columns = WRITTEN.iter().map(|written| (written.column, written.created(Dialect::Postgres)));
    let (columns, values): (Vec<_>, Vec<_>) = [id].into_iter().chain(columns).unzip();
    let rows = Query::select().from(requests).exprs(values).to_owned();
    let mut insert = Query::insert();
    insert.into_table(Entity).columns(columns);
    // The columns and the values come from one list, so their numbers are equal.
    let _ = insert.select_from(rows);
    insert
}

/// `UPDATE task SET … FROM (…) AS request WHERE … RETURNING …`, without FROM if the request is parameters.
pub(super) fn update(dialect: Dialect, requests: impl Into<Option<TableRef>>) -> UpdateStatement {
    let mut update = Query::update();
    update.table(Entity);
    for written in &WRITTEN {
        if let Some(value) = written.changed(dialect, task) {
            update.value(written.column, value);
        }
    }
    if let Some(requests) = requests.into() {
        update.from(requests);
    }
    update.and_where(is_named(dialect)).returning(returned());
    update
}

/// `DELETE FROM task WHERE …`, for the one request that is parameters.
pub(super) fn delete_one(is_found: Expr) -> DeleteStatement {
    Query::delete().from_table(Entity).and_where(is_found).to_owned()
}

/// `DELETE FROM task WHERE (id, user_id) IN (…)`.
pub(super) fn delete(dialect: Dialect, found: SelectStatement) -> DeleteStatement {
    let key = Expr::tuple([task(Column::Id), task(Column::UserId)]);
    let mut delete = Query::delete().from_table(Entity).and_where(key.in_subquery(found)).to_owned();
    if dialect == Dialect::PostgresByOwner {
        delete.and_where(task(Column::UserId).eq(dialect.owner()));
    }
    delete
}

/// `INSERT INTO task_change (…) SELECT …`: one change for each row of `rows`, which is a FROM clause and conditions. `image` is
/// the value of a column of the task as it was.
pub(super) fn log(
    kind: Kind,
    mut rows: SelectStatement,
    id: Expr,
    image: Option<fn(Column) -> Expr>,
) -> InsertStatement {
    let mut columns = vec![
        task_change::Column::UserId,
        task_change::Column::At,
        task_change::Column::TaskId,
        task_change::Column::Kind,
        task_change::Column::Actor,
    ];
    // A constant in the text: the kind is the same for the whole batch.
    let kind = Expr::cust(kind.text());
    rows.exprs([request(OWNER.name), request(AT.name), id, kind, request(ACTOR.name)]);
    if let Some(image) = image {
        columns.extend(IMAGE.iter().map(|(_, kept, _)| *kept));
        rows.exprs(IMAGE.iter().map(|(column, ..)| image(*column)));
    }
    let mut insert = Query::insert();
    insert.into_table(task_change::Entity).columns(columns);
    // The columns and the values come from the same lists, so their numbers are equal.
    let _ = insert.select_from(rows);
    insert
}

/// `INSERT INTO task_request (…) SELECT … ON CONFLICT DO NOTHING RETURNING user_id, at`: claims the keys of the requests that
/// have one. A key that was claimed before returns no row. `image` is the value of a column of the task as it will be.
pub(super) fn claim(requests: TableRef, image: fn(Column) -> Option<Expr>) -> InsertStatement {
    use task_request::Column::{At, Fingerprint, Key, TaskId, UserId};
    let fixed = [(UserId, OWNER), (Key, KEY), (At, AT), (Fingerprint, FINGERPRINT), (TaskId, ID)];
    let fixed = fixed.map(|(column, input)| (column, request(input.name)));
    let kept = IMAGE.iter().filter_map(|(column, _, kept)| Some((*kept, image(*column)?)));
    let (columns, values): (Vec<_>, Vec<_>) = fixed.into_iter().chain(kept).unzip();
    let rows = Query::select().from(requests).exprs(values).and_where(request(KEY.name).is_not_null()).to_owned();
    let mut insert = Query::insert();
    insert.into_table(task_request::Entity).columns(columns);
    // The columns and the values come from one list, so their numbers are equal.
    let _ = insert.select_from(rows);
    insert.on_conflict(OnConflict::columns([UserId, Key]).do_nothing().to_owned());
    insert.returning(Query::returning().columns([UserId, At]));
    insert
}

/// The requests that have no key, or whose key `claimed` returned.
pub(super) fn unclaimed_before(requests: TableRef, claimed: &'static str) -> SelectStatement {
    let numbers = Query::select().columns([OWNER.name, AT.name]).from(claimed).to_owned();
    let has_claimed = Expr::tuple([request(OWNER.name), request(AT.name)]).in_subquery(numbers);
    let mut requests = Query::select().from(requests).expr(Expr::cust("request.*")).to_owned();
    requests.and_where(request(KEY.name).is_null().or(has_claimed));
    requests
}

/// `UPDATE task_owner SET clock = … FROM (…) AS done WHERE …`: moves the clock of each owner to the last number of `done`, and
/// adds `tasks` for each of its rows.
///
/// It comes last, with what was really done. A row can be written only once in a statement, and a count that was written first
/// would drift with each request that finds nothing.
pub(super) fn spend(done: &'static str, tasks: i64) -> UpdateStatement {
    let column = |name| Expr::col((Alias::new("done"), Alias::new(name)));
    let mut sums = Query::select();
    sums.expr(request(OWNER.name))
        .expr_as(request(AT.name).max(), Alias::new("clock"))
        .expr_as(Expr::cust("count(*)"), Alias::new("rows"))
        .from(crate::store::dialect::found_requests(done))
        .add_group_by([request(OWNER.name)]);
    let mut update = Query::update();
    update.table(task_owner::Entity).value(task_owner::Column::Clock, column("clock"));
    if tasks != 0 {
        let all = Expr::col((task_owner::Entity, task_owner::Column::Tasks));
        update.value(task_owner::Column::Tasks, all.add(column("rows").mul(Expr::cust(tasks.to_string()))));
    }
    update
        .from(TableRef::SubQuery(sums.into(), Alias::new("done").into()))
        .and_where(Expr::col((task_owner::Entity, task_owner::Column::UserId)).eq(column("user_id")));
    update
}
