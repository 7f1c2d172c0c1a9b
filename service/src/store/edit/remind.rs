//! The firing of reminders of one owner.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use ::entity::{task_change, task_reminder};
use sea_orm::sea_query::{Expr, ExprTrait, Func, IntoIden, Query};
use sea_orm::{DbBackend, DbErr};
use tokio::time::timeout;

use super::held;
use super::sequence::{self, NamedClock};
use super::steps::Kind;
use crate::db::{DEADLINE, Transaction};
use crate::model::{LoggedReminder, now};
use crate::store::Store;
use crate::store::dialect::request;
use crate::store::input::{Input, InputValue, Sent};
use crate::store::row::StoredRow;
use crate::store::statement::{Cell, Inserted, Statement};
use crate::{Caller, Cause, Error};

/// The time for which a reminder waits for the lock of its owner. The others of the round wait with it.
const LOCK_TIMEOUT: &str = "200ms";
/// The same for an owner who is written by this process.
const HOLD_TIMEOUT: Duration = Duration::from_millis(200);

/// The number of reminders that have fired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fired {
    pub(crate) total: u64,
    /// Those among them that were late.
    pub(crate) late: u64,
}

impl Store {
    /// Fires reminders of one owner, named by their tasks and numbers: those that have not fired yet, and whose time has come.
    /// Each gets a change of its own in the log, in the transaction that marks it as fired, so it fires once, whichever server
    /// comes first. The task and its version stay.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if another write of the owner takes longer than 0.2 s, or an error of the database. Nothing has
    /// fired then.
    pub(crate) async fn fire(&self, owner: &Caller, named: Vec<(i64, i16)>) -> Result<Fired, Error> {
        let late = |_| Error::Unavailable(Cause::of("other writes of the user did not end in time"));
        let holds = &self.shared.holds;
        let held = timeout(HOLD_TIMEOUT, holds.hold(owner.user_id().clone())).await.map_err(late)?;
        let now = now().timestamp_micros();
        let name = || owner.user_id().as_str().to_owned();
        let named = named.into_iter().map(|(task_id, number)| Named { user_id: name(), task_id, number, now });
        let named: Arc<Vec<Named>> = Arc::new(named.collect());
        let work = |transaction| {
            let (owner, named) = (owner.clone(), Arc::clone(&named));
            async move { fire(transaction, &owner, &named).await }
        };
        let fired = self.db.transact(DEADLINE, work).await;
        drop(held);
        let fired = fired?;
        if fired.total > 0 {
            self.listeners().wrote(std::iter::once(owner.user_id()));
        }
        Ok(fired)
    }
}

async fn fire(mut transaction: Transaction, owner: &Caller, named: &[Named]) -> Result<Fired, DbErr> {
    if transaction.backend() == DbBackend::Postgres {
        let timeout = format!("SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'");
        transaction.execute(&sea_orm::Statement::from_string(DbBackend::Postgres, timeout)).await?;
    }
    // Without a row, all data of the owner was erased.
    let Some(mut clock) = held::lock(&mut transaction, owner).await? else { return Ok(Fired::default()) };
    let (mut logged, now) = (Vec::with_capacity(named.len()), now().timestamp_micros());
    let keep = |row: &dyn StoredRow| {
        let number = i16::try_from(row.number(1)?).map_err(|error| DbErr::Type(error.to_string()))?;
        clock.last = clock.after(now);
        let reminder = LoggedReminder::new(number, row.number(2)?, row.number(3)?);
        logged.push(Logged::new(owner, clock.last, row.number(0)?, reminder));
        Ok(())
    };
    FIRE.fetch_in(&mut transaction, &Sent::all(named), keep).await?;
    if logged.is_empty() {
        return Ok(Fired::default());
    }
    LOG.fetch_in(&mut transaction, &Sent::all(&logged), |_| Ok(())).await?;
    let moved: [NamedClock; 1] = [(owner.user_id().as_str().to_owned(), clock)];
    sequence::SPEND.fetch_in(&mut transaction, &Sent::all(&moved), |_| Ok(())).await?;
    transaction.commit().await?;
    let count = |logged: usize| u64::try_from(logged).unwrap_or(u64::MAX);
    Ok(Fired { total: count(logged.len()), late: count(logged.iter().filter(|logged| logged.is_late).count()) })
}

/// A reminder that is to fire.
#[derive(Debug)]
struct Named {
    user_id: String,
    task_id: i64,
    number: i16,
    /// The time of this process, for SQLite.
    now: i64,
}

/// `UPDATE task_reminder SET fired_at = … FROM (…) AS request WHERE … RETURNING …`: the task, the number, the time for which the
/// reminder was set, and the time at which it fires.
static FIRE: LazyLock<Statement<Named>> = LazyLock::new(|| {
    let inputs = vec![
        Input { name: "user_id", value: InputValue::Text(|sent: &Sent<'_, Named>| Some(&sent.request.user_id)) },
        Input { name: "id", value: InputValue::BigInt(|sent| Some(sent.request.task_id)) },
        Input { name: "number", value: InputValue::SmallInt(|sent| Some(sent.request.number)) },
        Input { name: "now", value: InputValue::BigInt(|sent| Some(sent.request.now)) },
    ];
    Statement::new(inputs, |dialect, requests| {
        use task_reminder::Column::{At, FiredAt, N, TaskId, UserId};
        let of_reminder = |column| Expr::col((task_reminder::Entity, column));
        let mut fire = Query::update();
        fire.table(task_reminder::Entity)
            .value(FiredAt, dialect.shared_now(request("now")))
            .and_where(of_reminder(UserId).eq(dialect.owner()))
            .and_where(of_reminder(TaskId).eq(request("id")))
            .and_where(of_reminder(N).eq(request("number")))
            // Both conditions in a form that the index of unfired reminders does not serve, which has those of all owners.
            .and_where(Expr::from(Func::coalesce([of_reminder(FiredAt), Expr::val(0)])).eq(0))
            // It may have been put off since it was read.
            .and_where(dialect.shared_now(request("now")).sub(of_reminder(At)).gte(0))
            .returning(Query::returning().columns([TaskId, N, At, FiredAt]));
        if let Some(requests) = requests.table() {
            fire.from(requests);
        }
        dialect.text(&fire)
    })
});

/// A change of the log for a reminder that has fired.
#[derive(Debug)]
struct Logged {
    user_id: String,
    /// The number of the change.
    at: i64,
    task_id: i64,
    reminder: String,
    is_late: bool,
}

impl Logged {
    fn new(owner: &Caller, at: i64, task_id: i64, reminder: LoggedReminder) -> Self {
        let user_id = owner.user_id().as_str().to_owned();
        Self { user_id, at, task_id, reminder: reminder.to_stored(), is_late: reminder.is_late() }
    }
}

static LOG: LazyLock<Statement<Logged>> = LazyLock::new(|| {
    let inputs = vec![
        Input { name: "user_id", value: InputValue::Text(|sent: &Sent<'_, Logged>| Some(&sent.request.user_id)) },
        Input { name: "at", value: InputValue::BigInt(|sent| Some(sent.request.at)) },
        Input { name: "id", value: InputValue::BigInt(|sent| Some(sent.request.task_id)) },
        Input { name: "reminder", value: InputValue::Text(|sent| Some(&sent.request.reminder)) },
    ];
    Statement::insert(inputs, || {
        use task_change::Column::{At, Kind as KindOf, Reminder, TaskId, UserId};
        let columns = [(UserId, "user_id"), (At, "at"), (TaskId, "id"), (Reminder, "reminder")];
        let mut columns: Vec<_> =
            columns.into_iter().map(|(column, input)| (column.into_iden(), Cell::Input(input))).collect();
        columns.push((KindOf.into_iden(), Cell::Constant(Kind::Reminded.text())));
        Inserted { insert: Query::insert().into_table(task_change::Entity).to_owned(), columns }
    })
});

/// The statements, by name.
#[cfg(test)]
pub(super) fn texts() -> [crate::store::statement::Texts; 2] {
    [FIRE.texts("fire", false, ""), LOG.texts("log_reminded", false, "")]
}
