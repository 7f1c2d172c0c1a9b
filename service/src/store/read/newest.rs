use std::cmp::Reverse;
use std::mem::replace;
use std::sync::{Arc, LazyLock};

use ::entity::task::{Column, Entity};
use ::entity::task_owner;
use migration::Layout;
use sea_orm::DbErr;
use sea_orm::sea_query::{Expr, ExprTrait, Order, Query, SelectStatement};

use super::place;
use crate::batch::{Batch, Operation};
use crate::db::Db;
use crate::model::Task;
use crate::store::columns::{ReadPosition, read};
use crate::store::dialect::{Dialect, task};
use crate::store::input::{Input, InputValue, Sent};
use crate::store::list::MAX_BATCHED;
use crate::store::row::{AFTER_TASK, Rows, StoredRow};
use crate::store::statement::Statement;
use crate::{Caller, Error, UserId};

/// Reads the newest tasks of a caller, up to the requested number. Only PostgreSQL has it: SQLite has no round trips to share.
#[derive(Debug)]
pub(in crate::store) struct Newest;

/// A request for the newest tasks.
#[derive(Debug)]
pub(in crate::store) struct NewestRequest {
    pub(in crate::store) caller: Caller,
    /// The maximum number of tasks, at most [`MAX_BATCHED`].
    pub(in crate::store) most: i64,
    /// Tasks behind those with so many bytes of text are left out.
    pub(in crate::store) max_bytes: usize,
}

/// The maxima for which there are statements.
const MAXIMA: [i64; 5] = [6, 21, 51, 101, MAX_BATCHED as i64];

const OWNER: Input<NewestRequest> =
    Input { name: "user_id", value: InputValue::Text(|sent| Some(sent.request.caller.user_id().as_str())) };
const MOST: Input<NewestRequest> = Input { name: "most", value: InputValue::BigInt(|sent| Some(sent.request.most)) };

/// A statement for each of a few maxima, of which a batch takes the smallest that is sufficient for all of its requests.
///
/// The inner query is generated. The text around it is written by hand, because SeaQuery has neither `WITH ORDINALITY` nor
/// `LIMIT` with an expression.
///
/// The constant `LIMIT` is for the planner, which cannot know the value of `request.most`. Without it the planner expects a tenth
/// of the average owner's tasks. One owner with very many tasks raises that average for all owners, until PostgreSQL compiles the
/// statement, which takes longer than to run it.
///
/// A caller without tasks has one row, with the state of the list.
///
/// The lists come one after the other, so that each is known to be complete when the next one begins. `ORDER BY` costs nothing:
/// PostgreSQL knows that `unnest` returns the places in this order.
pub(super) static STATEMENTS: LazyLock<[(i64, Statement<NewestRequest>); 5]> = LazyLock::new(|| {
    let newest = Dialect::Postgres.text(&newest(Dialect::Postgres));
    MAXIMA.map(|maximum| {
        let text = format!(
            "SELECT task.*, request.place - 1, task_owner.clock
            FROM unnest((SELECT $1::text[]), (SELECT $2::bigint[])) WITH ORDINALITY AS request(user_id, most, place)
            LEFT JOIN task_owner ON task_owner.user_id = request.user_id
            LEFT JOIN LATERAL (
                SELECT * FROM ({newest} LIMIT {maximum}) AS task LIMIT request.most
            ) AS task ON true
            ORDER BY request.place"
        );
        (maximum, Statement::for_postgres(vec![OWNER, MOST], text))
    })
});

/// The newest tasks of an owner, without a limit.
fn newest(dialect: Dialect) -> SelectStatement {
    let mut newest = Query::select();
    newest
        .columns(read())
        .from(Entity)
        .and_where(task(Column::UserId).eq(dialect.owner()))
        .order_by((Entity, Column::CreatedAt), Order::Desc)
        .order_by((Entity, Column::Id), Order::Desc);
    newest
}

/// The statement for a batch whose longest list has `most` tasks.
fn statement(
    statements: &'static [(i64, Statement<NewestRequest>); 5],
    most: i64,
) -> &'static Statement<NewestRequest> {
    let [.., (_, last)] = statements;
    statements.iter().find(|(maximum, _)| *maximum >= most).map_or(last, |(_, statement)| statement)
}

impl Operation for Newest {
    type Request = NewestRequest;
    type Answer = Rows;
    type Key = UserId;

    fn max_batch(&self) -> usize {
        64
    }

    fn key(request: &NewestRequest) -> Option<UserId> {
        Some(request.caller.user_id().clone())
    }

    async fn run(&self, db: &Db, batch: &Arc<Batch<Self>>) -> Result<(), Error> {
        if batch.layout() == Layout::ByOwner {
            return of_one_owner(db, batch).await;
        }
        let batch = Arc::clone(batch);
        db.read(async move |db| {
            let sent = Sent::all(&batch.requests);
            // The place of the list that is being read, and its tasks so far.
            let (mut reading, mut list, mut is_first) = (0, Ok(Rows::default()), true);
            let most = batch.requests.iter().map(|request| request.most).max().unwrap_or_default();
            let collect = |row: &dyn StoredRow| {
                let place = place(row.number(AFTER_TASK)?);
                if place < reading {
                    return Err(DbErr::Custom("the lists did not come one after the other".to_owned()));
                }
                if place > reading {
                    batch.answer(replace(&mut reading, place), replace(&mut list, Ok(Rows::default())).map(in_order));
                    is_first = true;
                }
                if let Ok(rows) = &mut list {
                    // All rows of a list have the same state.
                    if replace(&mut is_first, false) {
                        rows.state = row.optional_number(AFTER_TASK + 1)?.unwrap_or_default();
                        if row.optional_number(ReadPosition::Id as usize)?.is_none() {
                            // A caller without tasks.
                            return Ok(());
                        }
                    }
                    match row.task() {
                        Ok(task) => rows.add(task, batch.requests.get(place).map_or(0, |request| request.max_bytes)),
                        Err(unreadable) => list = Err(Error::Database(unreadable.into())),
                    }
                }
                Ok(())
            };
            statement(&STATEMENTS, most).fetch(db, &batch, &sent, &[], collect).await?;
            batch.answer(reading, list.map(in_order));
            Ok(())
        })
        .await
    }

    /// Each request has a row.
    fn no_row(&self) -> Result<Rows, Error> {
        Ok(Rows::default())
    }
}

/// The same for one owner, whose lists are the beginnings of one. The state is read by a statement of its own, because each of the
/// two is then on one table.
static OF_ONE_OWNER: LazyLock<[(i64, Statement<NewestRequest>); 5]> = LazyLock::new(|| {
    MAXIMA.map(|maximum| {
        let text = |dialect: Dialect| dialect.text(newest(dialect).limit(maximum.unsigned_abs()));
        (maximum, Statement::on_one_table(vec![OWNER], text))
    })
});

/// `SELECT clock FROM task_owner WHERE user_id = $1`: the state of an owner's lists.
static STATE_OF_ONE_OWNER: LazyLock<Statement<NewestRequest>> = LazyLock::new(|| {
    Statement::on_one_table(vec![OWNER], |dialect| {
        let is_owner = Expr::col(task_owner::Column::UserId).eq(dialect.owner());
        dialect.text(Query::select().column(task_owner::Column::Clock).from(task_owner::Entity).and_where(is_owner))
    })
});

/// Reads the lists of one owner. Their state is read first: a list can have tasks that are newer than its state, but must not lack
/// a change that its state includes.
async fn of_one_owner(db: &Db, batch: &Arc<Batch<Newest>>) -> Result<(), Error> {
    let batch = Arc::clone(batch);
    db.read(async move |db| {
        let most = batch.requests.iter().map(|request| request.most).max().unwrap_or_default();
        let (mut tasks, mut state) = (Ok(Vec::new()), 0);
        let sent = Sent::all(&batch.requests);
        let read_state = |row: &dyn StoredRow| {
            state = row.number(0)?;
            Ok(())
        };
        STATE_OF_ONE_OWNER.fetch(db, &batch, &sent, &[], read_state).await?;
        let collect = |row: &dyn StoredRow| {
            match (&mut tasks, row.task()) {
                (Ok(tasks), Ok(task)) => tasks.push(task),
                (_, Err(unreadable)) => tasks = Err(Error::Database(unreadable.into())),
                (Err(_), Ok(_)) => {}
            }
            Ok(())
        };
        statement(&OF_ONE_OWNER, most).fetch(db, &batch, &sent, &[], collect).await?;
        for (place, request) in batch.requests.iter().enumerate() {
            let list = tasks.as_ref().map(|tasks| {
                let mut rows = Rows::default();
                rows.state = state;
                let wanted = usize::try_from(request.most).unwrap_or_default();
                tasks.iter().take(wanted).for_each(|task| rows.add(task.clone(), request.max_bytes));
                rows
            });
            batch.answer(place, list.map_err(Error::clone));
        }
        Ok(())
    })
    .await
}

/// A join does not promise to keep the order of its inner rows, although it does.
fn in_order(mut list: Rows) -> Rows {
    let place = |task: &Task| Reverse((task.created_at, task.id));
    if !list.tasks.is_sorted_by_key(place) {
        list.tasks.sort_by_key(place);
    }
    list
}
