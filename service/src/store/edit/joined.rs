//! The steps of a batch as one statement of PostgreSQL.
//!
//! 1. `held` locks the owners, sorted by bytes, and waits for those that another server holds.
//! 2. `turns` gives each owner the time from which the numbers of this batch count: now, or their clock if it is ahead.
//! 3. `found` locks the tasks and reads them as they are. A plain join would read the snapshot of the statement, which is older
//!    than the lock.
//! 4. `written` writes the tasks.
//! 5. `logged` adds a change for each, with the task as it was.
//! 6. `spent` moves the clocks to the last numbers that were really given.
//!
//! If an owner has no row, `turns` has fewer places than there are owners. Then nothing is written, and the statement returns the
//! owners that have one.
//!
//! The place of an owner is looked up in an array. A join of clocks and requests by text would become a nested loop, because
//! PostgreSQL does not know how many there are of either.

use std::sync::LazyLock;

use ::entity::task::{Column, Entity};
use ::entity::task_owner;
use sea_orm::Iden;
use sea_orm::sea_query::{
    Alias, CommonTableExpression, Expr, JoinType, LockType, Order, Query, SelectStatement, SubQueryStatement,
};

use super::steps::{self, Kind};
use crate::store::columns::{
    ACTOR, AT, ID, IF_UPDATED_AT, IMAGE, OWNER, OWNER_PLACE, PLACE, READ, STEP, change_inputs, create_inputs,
};
use crate::store::dialect::{Dialect, REQUEST, found_requests, request, task};
use crate::store::input::Input;
use crate::store::request::EditRequest;
use crate::store::row::AFTER_TASK;
use crate::store::statement::{Scalar, Statement};

const TURNS: &str = "turns";
const FOUND: &str = "found";

/// The position of the owners that have a row, in the rows of [`CHANGE`] and [`DELETE`]: behind the task and its owner.
pub(super) const HELD_OWNERS: usize = AFTER_TASK + 1;
/// The same in the rows of [`CREATE`]: behind the place, the number and the id.
pub(super) const HELD_OWNERS_OF_NEW: usize = 3;

/// Adds tasks. Each row has the place of a request, the number of its write and the new id.
pub(super) static CREATE: LazyLock<Statement<EditRequest>> = LazyLock::new(|| {
    joined([create_inputs(), vec![OWNER_PLACE, STEP, PLACE, ACTOR]].concat(), |parameters, requests| {
        let mut new = parameters.turns_of(requests);
        let next_id = "nextval((SELECT pg_get_serial_sequence('task', 'id')::regclass))";
        // The place of a new task in the quota: the tasks that its owner has, and those of this batch.
        let fits = format!("turns.counts[request.owner] + request.step <= {}", parameters.max_tasks());
        new.expr_as(Expr::cust(next_id), Alias::new(ID.name)).and_where(Expr::cust(fits));
        let found = || found_requests(FOUND);
        let log = steps::log(Kind::Created, Query::select().from(found()).to_owned(), request(ID.name), None);
        Parts {
            found: new,
            written: steps::insert(Dialect::Postgres, found(), true).into(),
            log,
            tasks: 1,
            returned: (FOUND, vec![PLACE.name.to_owned(), AT.name.to_owned(), ID.name.to_owned()]),
        }
    })
});

/// Changes tasks. Each row has the task after the change, and its owner.
pub(super) static CHANGE: LazyLock<Statement<EditRequest>> = LazyLock::new(|| {
    joined([change_inputs(), vec![OWNER_PLACE, STEP, IF_UPDATED_AT, ACTOR]].concat(), |parameters, requests| {
        let written = READ.iter().map(Iden::to_string).chain([OWNER.name.to_owned()]);
        Parts {
            found: parameters.found(requests),
            written: steps::update(Dialect::Postgres, found_requests(FOUND)).into(),
            log: log_found(Kind::Changed),
            tasks: 0,
            returned: ("written", written.collect()),
        }
    })
});

/// Deletes tasks. Each row has the task before, and its owner.
pub(super) static DELETE: LazyLock<Statement<EditRequest>> = LazyLock::new(|| {
    joined(vec![OWNER, ID, OWNER_PLACE, STEP, IF_UPDATED_AT, ACTOR], |parameters, requests| {
        let keys = Query::select().columns([ID.name, OWNER.name]).from(FOUND).to_owned();
        let image = |column: &Column| if matches!(column, Column::Id) { ID.name.to_owned() } else { was(*column) };
        Parts {
            found: parameters.found(requests),
            written: steps::delete(keys).into(),
            log: log_found(Kind::Deleted),
            tasks: -1,
            returned: (FOUND, READ.iter().map(image).chain([OWNER.name.to_owned()]).collect()),
        }
    })
});

/// The scalars of these statements. Only [`CREATE`] has a maximum of tasks.
pub(super) fn scalars<'a>(
    owners: Vec<&'a str>,
    now: i64,
    lock_timeout: &'static str,
    max_tasks: Option<i64>,
) -> impl Iterator<Item = Scalar<'a>> {
    let all = [Scalar::Texts(owners), Scalar::BigInt(now), Scalar::Text(lock_timeout)];
    all.into_iter().chain(max_tasks.map(Scalar::BigInt))
}

/// What differs between the kinds of writes.
struct Parts {
    found: SelectStatement,
    written: SubQueryStatement,
    log: sea_orm::sea_query::InsertStatement,
    /// What each write adds to the number of its owner's tasks.
    tasks: i64,
    /// The part whose rows are returned, and their columns.
    returned: (&'static str, Vec<String>),
}

fn joined(
    inputs: Vec<Input<EditRequest>>,
    parts: impl FnOnce(&Parameters, SelectStatement) -> Parts,
) -> Statement<EditRequest> {
    let columns = inputs.iter().map(|input| (input.name, input.value.input_type()));
    let requests = Dialect::Postgres.requests(columns);
    let parameters = Parameters { inputs: inputs.len() };
    let Parts { found, written, log, tasks, returned: (returned, columns) } = parts(&parameters, requests);
    let part = |name: &'static str, query: SubQueryStatement| {
        CommonTableExpression::new().table_name(Alias::new(name)).query(query).to_owned()
    };
    let once = |name, select: SelectStatement| part(name, select.into()).materialized(true).to_owned();
    let of_returned = |name: &String| Expr::col((Alias::new(returned), Alias::new(name)));
    let missing = format!(
        "CASE WHEN turns.n < cardinality({}) THEN (SELECT COALESCE(json_agg(user_id), '[]')::text FROM held) END",
        parameters.owners()
    );
    let rows = Query::select()
        .exprs(columns.iter().map(of_returned))
        .expr(Expr::cust(missing))
        .from(TURNS)
        .join(JoinType::LeftJoin, returned, Expr::val(true))
        .to_owned();
    let all = Query::with()
        .cte(once("held", parameters.held()))
        .cte(once(TURNS, parameters.turns()))
        .cte(once(FOUND, found))
        .cte(part("written", written))
        .cte(part("logged", log.into()))
        .cte(part("spent", steps::spend(FOUND, tasks).into()))
        .to_owned()
        .query(rows);
    Statement::for_postgres(inputs, Dialect::Postgres.text(&all))
}

/// A change for each task that was found.
fn log_found(kind: Kind) -> sea_orm::sea_query::InsertStatement {
    let found = Query::select().from(found_requests(FOUND)).to_owned();
    steps::log(kind, found, request(ID.name), Some(|column| Expr::col((Alias::new(REQUEST), Alias::new(was(column))))))
}

/// The name under which `found` has a column of the task. The requests have inputs with the names of the columns.
fn was(column: Column) -> String {
    format!("was_{}", Iden::to_string(&column))
}

/// The parameters behind the inputs, see [`scalars`].
struct Parameters {
    inputs: usize,
}

impl Parameters {
    fn owners(&self) -> String {
        format!("${}::text[]", self.inputs + 1)
    }

    fn max_tasks(&self) -> String {
        format!("${}::bigint", self.inputs + 4)
    }

    fn held(&self) -> SelectStatement {
        use task_owner::Column::{Clock, Tasks, UserId};
        let mut held = Query::select();
        held.columns([UserId, Clock, Tasks].map(|column| (task_owner::Entity, column)));
        if let Some(set) = Dialect::Postgres.lock_timeout(Expr::cust(format!("${}::text", self.inputs + 3))) {
            held.from_function(set, Alias::new("lock_timeout"));
        }
        // A SELECT of its own hides the number of owners from the planner, see `Dialect::requests`.
        let is_owner = format!("task_owner.user_id = ANY ((SELECT {})::text[])", self.owners());
        held.from(task_owner::Entity)
            .and_where(Expr::cust(is_owner))
            .order_by_expr(Expr::cust("task_owner.user_id COLLATE \"C\""), Order::Asc)
            .lock_with_tables(LockType::Update, [task_owner::Entity]);
        held
    }

    fn turns(&self) -> SelectStatement {
        let sorted = |value: &str| Expr::cust(format!("array_agg({value} ORDER BY user_id COLLATE \"C\")"));
        let now = format!("${}::bigint", self.inputs + 2);
        Query::select()
            .expr_as(Expr::cust("count(*)"), Alias::new("n"))
            .expr_as(sorted(&format!("GREATEST(clock, {now})")), Alias::new("clocks"))
            .expr_as(sorted("tasks"), Alias::new("counts"))
            .from("held")
            .to_owned()
    }

    /// The requests with their numbers, unless an owner has no row.
    fn turns_of(&self, requests: SelectStatement) -> SelectStatement {
        let mut numbered = Query::select();
        numbered
            .expr(Expr::cust("request.*"))
            .expr_as(Expr::cust("turns.clocks[request.owner] + request.step"), Alias::new(AT.name))
            .from(TURNS)
            .from(Dialect::request_table(requests))
            .and_where(Expr::cust(format!("turns.n = cardinality({})", self.owners())));
        numbered
    }

    /// The same for requests that name a task, with the task as it is.
    fn found(&self, requests: SelectStatement) -> SelectStatement {
        let mut found = self.turns_of(requests);
        found
            .join(JoinType::InnerJoin, Entity, steps::is_named())
            .and_where(steps::has_version())
            .lock_with_tables(LockType::Update, [Entity]);
        for (column, _) in IMAGE {
            found.expr_as(task(column), Alias::new(was(column)));
        }
        found
    }
}
