//! The steps of a batch as one statement of PostgreSQL.
//!
//! 1. `held` locks the owners, sorted by bytes, and waits for those that another server holds.
//! 2. `turns` gives each owner the time from which the numbers of this batch count: now, or their clock if it is ahead.
//! 3. `found` locks the tasks and reads them as they are. A plain join would read the snapshot of the statement, which is older
//!    than the lock.
//! 4. `claimed` claims the keys, each with the task as it will be. `new` leaves out the requests whose keys were claimed
//!    before. A batch without keys has neither.
//! 5. `written` writes the tasks.
//! 6. `logged` adds a change for each, with the task as it was.
//! 7. `spent` moves the clocks to the last numbers that were really given.
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
    Alias, CommonTableExpression, Expr, InsertStatement, JoinType, LockType, Order, Query, SelectStatement,
    SubQueryStatement, TableRef,
};

use super::steps::{self, Kind};
use crate::store::columns::{
    ACTOR, AT, FINGERPRINT, ID, IF_UPDATED_AT, IMAGE, KEY, OWNER, OWNER_PLACE, PLACE, READ, STEP, change_inputs,
    create_inputs, written,
};
use crate::store::dialect::{Dialect, REQUEST, found_requests, request, task};
use crate::store::input::Input;
use crate::store::request::EditRequest;
use crate::store::row::AFTER_TASK;
use crate::store::statement::{Scalar, Statement};

const TURNS: &str = "turns";
const FOUND: &str = "found";
const CLAIMED: &str = "claimed";
const NEW: &str = "new";

/// The position of the owners that have a row, in the rows of [`CHANGE`] and [`DELETE`]: behind the task and its owner.
pub(super) const HELD_OWNERS: usize = AFTER_TASK + 1;
/// The same in the rows of [`CREATE`]: behind the place, the number and the id.
pub(super) const HELD_OWNERS_OF_NEW: usize = 3;

/// The two texts of a statement. That for a batch with keys is slower.
pub(super) struct Joined {
    without_keys: LazyLock<Statement<EditRequest>>,
    with_keys: LazyLock<Statement<EditRequest>>,
}

impl Joined {
    const fn new(without_keys: fn() -> Statement<EditRequest>, with_keys: fn() -> Statement<EditRequest>) -> Self {
        Self { without_keys: LazyLock::new(without_keys), with_keys: LazyLock::new(with_keys) }
    }

    /// The statement for a batch.
    pub(super) fn of(&'static self, has_keys: bool) -> &'static Statement<EditRequest> {
        if has_keys { &self.with_keys } else { &self.without_keys }
    }
}

/// Adds tasks. Each row has the place of a request, the number of its write and the new id.
pub(super) static CREATE: Joined = Joined::new(|| create(false), || create(true));

/// Changes tasks. Each row has the task after the change, and its owner.
pub(super) static CHANGE: Joined = Joined::new(|| change(false), || change(true));

/// Deletes tasks. Each row has the task before, and its owner.
pub(super) static DELETE: Joined = Joined::new(|| delete(false), || delete(true));

fn create(has_keys: bool) -> Statement<EditRequest> {
    let inputs = [create_inputs(), vec![OWNER_PLACE, STEP, PLACE, ACTOR]].concat();
    joined(inputs, has_keys, |parameters, requests, new| {
        let mut found = parameters.turns_of(requests);
        let next_id = "nextval((SELECT pg_get_serial_sequence('task', 'id')::regclass))";
        // The place of a new task in the quota: the tasks that its owner has, and those of this batch.
        let fits = format!("turns.counts[request.owner] + request.step <= {}", parameters.max_tasks());
        found.expr_as(Expr::cust(next_id), Alias::new(ID.name)).and_where(Expr::cust(fits));
        let log = steps::log(Kind::Created, Query::select().from(new()).to_owned(), request(ID.name), None);
        Parts {
            found,
            after: |column| Some(written(column)?.created(Dialect::Postgres)),
            written: steps::insert(new()).into(),
            log,
            tasks: 1,
            returned: Returned::Requests(vec![PLACE.name.to_owned(), AT.name.to_owned(), ID.name.to_owned()]),
        }
    })
}

fn change(has_keys: bool) -> Statement<EditRequest> {
    let inputs = [change_inputs(), vec![OWNER_PLACE, STEP, IF_UPDATED_AT, ACTOR]].concat();
    joined(inputs, has_keys, |parameters, requests, new| {
        let returned = READ.iter().map(Iden::to_string).chain([OWNER.name.to_owned()]);
        Parts {
            found: parameters.found(requests, Kind::Changed),
            after: |column| Some(written(column)?.changed(Dialect::Postgres, before).unwrap_or_else(|| before(column))),
            written: steps::update(Dialect::Postgres, new()).into(),
            log: log_before(Kind::Changed, new()),
            tasks: 0,
            returned: Returned::Written(returned.collect()),
        }
    })
}

fn delete(has_keys: bool) -> Statement<EditRequest> {
    joined(vec![OWNER, ID, OWNER_PLACE, STEP, IF_UPDATED_AT, ACTOR], has_keys, |parameters, requests, new| {
        let keys = Query::select().from(new()).exprs([ID, OWNER].map(|input| request(input.name))).to_owned();
        let image = |column: &Column| if matches!(column, Column::Id) { ID.name.to_owned() } else { was(*column) };
        Parts {
            found: parameters.found(requests, Kind::Deleted),
            after: |column| Some(before(column)),
            written: steps::delete(Dialect::Postgres, keys).into(),
            log: log_before(Kind::Deleted, new()),
            tasks: -1,
            returned: Returned::Requests(READ.iter().map(image).chain([OWNER.name.to_owned()]).collect()),
        }
    })
}

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
    /// A column of the task as it will be, which a key keeps.
    after: fn(Column) -> Option<Expr>,
    written: SubQueryStatement,
    log: InsertStatement,
    /// What each write adds to the number of its owner's tasks.
    tasks: i64,
    returned: Returned,
}

/// The part whose rows are returned, and their columns.
enum Returned {
    /// The requests that are done.
    Requests(Vec<String>),
    /// The tasks that are written.
    Written(Vec<String>),
}

/// Joins the steps. `parts` gets the requests of the batch, and the function that gives those that are to be done.
fn joined(
    mut inputs: Vec<Input<EditRequest>>,
    has_keys: bool,
    parts: impl FnOnce(&Parameters, SelectStatement, &dyn Fn() -> TableRef) -> Parts,
) -> Statement<EditRequest> {
    if has_keys {
        inputs.extend([KEY, FINGERPRINT]);
    }
    let columns = inputs.iter().map(|input| (input.name, input.value.input_type()));
    let requests = Dialect::Postgres.requests(columns);
    let parameters = Parameters { inputs: inputs.len() };
    let done = if has_keys { NEW } else { FOUND };
    let Parts { found, after, written, log, tasks, returned } = parts(&parameters, requests, &|| found_requests(done));
    let (returned, columns) = match returned {
        Returned::Requests(columns) => (done, columns),
        Returned::Written(columns) => ("written", columns),
    };
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
    let mut all = Query::with();
    all.cte(once("held", parameters.held())).cte(once(TURNS, parameters.turns())).cte(once(FOUND, found));
    if has_keys {
        all.cte(part(CLAIMED, steps::claim(found_requests(FOUND), after).into()))
            .cte(once(NEW, steps::unclaimed_before(found_requests(FOUND), CLAIMED)));
    }
    all.cte(part("written", written))
        .cte(part("logged", log.into()))
        .cte(part("spent", steps::spend(done, tasks).into()));
    Statement::for_postgres(inputs, Dialect::Postgres.text(&all.query(rows)))
}

/// A change for each task, with the task as it was.
fn log_before(kind: Kind, requests: TableRef) -> InsertStatement {
    steps::log(kind, Query::select().from(requests).to_owned(), request(ID.name), Some(before))
}

/// A column of the task as `found` has read it.
fn before(column: Column) -> Expr {
    Expr::col((Alias::new(REQUEST), Alias::new(was(column))))
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
    fn found(&self, requests: SelectStatement, kind: Kind) -> SelectStatement {
        let mut found = self.turns_of(requests);
        found
            .join(JoinType::InnerJoin, Entity, steps::is_named(Dialect::Postgres))
            .and_where(steps::has_version())
            .and_where(steps::is_plain(kind))
            .lock_with_tables(LockType::Update, [Entity]);
        for (column, ..) in IMAGE {
            found.expr_as(task(column), Alias::new(was(column)));
        }
        found
    }
}
