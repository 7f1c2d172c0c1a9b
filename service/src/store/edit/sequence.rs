//! The steps of a batch as statements of their own in one transaction. SQLite's batches and all edits of many tasks run so. The
//! numbers and the times of the writes are computed here.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use ::entity::task::{Column, Entity};
use ::entity::task_owner;
use migration::Layout;
use sea_orm::sea_query::{Expr, ExprTrait, IntoIden, LockType, OnConflict, Order, Query, SelectStatement};
use sea_orm::{DatabaseConnection, DbErr, IdenStatic};

use super::owners::owner;
use super::steps::{self, Kind};
use super::whole::{self, LoggedTask};
use crate::UserId;
use crate::batch::{Batch, Operation};
use crate::db::Transaction;
use crate::model::{Task, now};
use crate::store::columns::{
    ACTOR, AT, ID, IF_UPDATED_AT, OWNER, ReadPosition, TIME_OF_WRITE, WRITTEN, change_inputs, create_inputs, read,
    returned,
};
use crate::store::dialect::{Dialect, request, task};
use crate::store::input::{Input, InputValue, Sent};
use crate::store::keys::{self, Claim};
use crate::store::request::{EditKind, EditRequest};
use crate::store::requests::Requests;
use crate::store::row::{AFTER_TASK, StoredRow};
use crate::store::statement::{Cell, Inserted, Statement};

/// The clock of an owner.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// The last number that was given.
    pub(super) last: i64,
    /// The number of the owner's tasks.
    pub(super) tasks: i64,
    /// The number at which the owner's history begins.
    pub(super) begin: i64,
    /// The last number and the number of tasks that the row has already, if they were written with the lock.
    pub(super) written: Option<(i64, i64)>,
}

impl Clock {
    /// The clock of an owner without tasks, which begins at this time.
    pub(super) fn beginning(now: i64) -> Self {
        Self { last: now, tasks: 0, begin: now, written: None }
    }

    /// The next number, at this time or later.
    pub(super) fn after(&self, now: i64) -> i64 {
        Ord::max(self.last, now) + 1
    }
}

/// The clocks of the owners of a batch.
pub(super) type Clocks<'a> = HashMap<&'a str, Clock>;

/// What a batch has done: for each place of a request the task, or the reason why its row cannot be read.
pub(super) type Done = Vec<(usize, Result<Task, DbErr>)>;

type EditStatement = LazyLock<Statement<EditRequest>>;

/// `SELECT … FROM task_owner WHERE user_id IN (…)`: locks the owners.
static HOLD: EditStatement = LazyLock::new(|| {
    Statement::new(vec![OWNER], |dialect, requests| {
        use task_owner::Column::{Begin, Clock, Tasks, UserId};
        let mut hold = Query::select();
        hold.columns([UserId, Clock, Tasks, Begin]).from(task_owner::Entity);
        if dialect == Dialect::PostgresByOwner {
            hold.and_where(Expr::col(UserId).eq(dialect.owner())).lock(LockType::Update);
            return dialect.text(&hold);
        }
        let mut names = Query::select().expr(request(OWNER.name)).to_owned();
        if let Some(requests) = requests.table() {
            names.from(requests);
        }
        hold.and_where(Expr::col(UserId).in_subquery(names));
        if dialect == Dialect::Postgres {
            hold.order_by_expr(Expr::cust("user_id COLLATE \"C\""), Order::Asc).lock(LockType::Update);
        }
        dialect.text(&hold)
    })
});

static INSERT: EditStatement = LazyLock::new(|| {
    let inserted = || {
        let insert = Query::insert().into_table(Entity).returning(returned()).to_owned();
        let columns = WRITTEN.iter().map(|written| (written.column.into_iden(), written.cell()));
        Inserted { insert, columns: columns.collect() }
    };
    Statement::insert([create_inputs(), vec![TIME_OF_WRITE]].concat(), inserted).for_sequences()
});

/// A new task is found by its time of creation, which no other task of its owner has.
static LOG_CREATED: EditStatement = LazyLock::new(|| {
    Statement::for_sqlite(vec![OWNER, AT, TIME_OF_WRITE, ACTOR], |dialect, requests| {
        let is_new =
            task(Column::UserId).eq(request(OWNER.name)).and(task(Column::CreatedAt).eq(dialect.time_of_write()));
        dialect.text(&steps::log(Kind::Created, joined(dialect, requests, is_new), task(Column::Id), None))
    })
});

static LOG_CHANGED: EditStatement = LazyLock::new(|| log_before(Kind::Changed));
static LOG_DELETED: EditStatement = LazyLock::new(|| log_before(Kind::Deleted));

static FOUND_TO_CHANGE: EditStatement = LazyLock::new(|| found(Kind::Changed));
static FOUND_TO_DELETE: EditStatement = LazyLock::new(|| found(Kind::Deleted));

/// Reads the tasks as they are before their change, and their owner.
fn found(kind: Kind) -> Statement<EditRequest> {
    let found = Statement::new(vec![OWNER, ID, IF_UPDATED_AT], |dialect, requests| {
        let is_found = steps::is_named(dialect).and(steps::has_version()).and(steps::is_plain(kind));
        let mut found = joined(dialect, requests, is_found);
        dialect.text(found.columns(read()).expr(task(Column::UserId)))
    });
    found.for_one_owner()
}

static UPDATE: EditStatement = LazyLock::new(|| {
    Statement::new([change_inputs(), vec![AT, TIME_OF_WRITE, IF_UPDATED_AT]].concat(), |dialect, requests| {
        let mut update = steps::update(dialect, requests.table());
        dialect.text(update.and_where(steps::has_version()).and_where(steps::is_plain(Kind::Changed)))
    })
});

static DELETE: EditStatement = LazyLock::new(|| {
    Statement::new(vec![OWNER, ID, IF_UPDATED_AT], |dialect, requests| {
        let is_found = steps::is_named(dialect).and(steps::has_version()).and(steps::is_plain(Kind::Deleted));
        if let Requests::Parameters = requests {
            return dialect.text(steps::delete_one(is_found).returning(returned()));
        }
        let mut found = joined(dialect, requests, is_found);
        found.columns([Column::Id, Column::UserId].map(|column| (Entity, column)));
        dialect.text(steps::delete(dialect, found).returning(returned()))
    })
});

/// Logs the tasks as they are before their change.
fn log_before(kind: Kind) -> Statement<EditRequest> {
    Statement::whole(vec![OWNER, ID, AT, ACTOR, IF_UPDATED_AT], |dialect, requests| {
        let is_found = steps::is_named(dialect).and(steps::has_version()).and(steps::is_plain(kind));
        let found = joined(dialect, requests, is_found);
        dialect.text(&steps::log(kind, found, task(Column::Id), Some(task)))
    })
}

/// The requests with their tasks, without columns.
pub(super) fn joined(dialect: Dialect, requests: Requests, condition: Expr) -> SelectStatement {
    let mut joined = Query::select();
    requests.join(&mut joined, dialect, Entity, condition);
    joined
}

pub(super) type NamedClock = (String, Clock);

/// Moves clocks.
pub(super) static SPEND: LazyLock<Statement<NamedClock>> = LazyLock::new(|| {
    insert_owners(
        OnConflict::column(task_owner::Column::UserId)
            .update_columns([task_owner::Column::Clock, task_owner::Column::Tasks]),
    )
});

/// Adds owners that have no row.
static ADD: LazyLock<Statement<NamedClock>> =
    LazyLock::new(|| insert_owners(OnConflict::column(task_owner::Column::UserId).do_nothing()));

/// `INSERT INTO task_owner … ON CONFLICT (user_id) DO …`.
fn insert_owners(on_conflict: &OnConflict) -> Statement<NamedClock> {
    use task_owner::Column::{Begin, Clock, Tasks, UserId};
    let inputs: Vec<Input<NamedClock>> = vec![
        Input { name: "user_id", value: InputValue::Text(|sent| Some(sent.request.0.as_str())) },
        Input { name: "clock", value: InputValue::BigInt(|sent| Some(sent.request.1.last)) },
        Input { name: "begin", value: InputValue::BigInt(|sent| Some(sent.request.1.begin)) },
        Input { name: "tasks", value: InputValue::BigInt(|sent| Some(sent.request.1.tasks)) },
    ];
    Statement::insert(inputs, || Inserted {
        insert: Query::insert().into_table(task_owner::Entity).on_conflict(on_conflict.clone()).to_owned(),
        columns: [UserId, Clock, Begin, Tasks].map(|column| (column.into_iden(), Cell::Input(column.as_str()))).into(),
    })
}

/// New clocks for these users, in the order in which every server adds them, so that two servers do not wait for each other. They
/// begin now, so that no number comes twice, also not for a user whose data was erased.
fn new_clocks<'u>(users: impl Iterator<Item = &'u str>) -> Vec<NamedClock> {
    let now = now().timestamp_micros();
    let mut clocks: Vec<NamedClock> = users.map(|user| (user.to_owned(), Clock::beginning(now))).collect();
    clocks.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    clocks
}

/// Adds a row for each of these users, unless another server has just done it, over the connection of the batch.
pub(super) async fn add_owners<O: Operation>(
    db: &DatabaseConnection,
    batch: &Batch<O>,
    users: &HashSet<UserId>,
) -> Result<(), DbErr> {
    let owners = new_clocks(users.iter().map(UserId::as_str));
    ADD.fetch(db, batch, &Sent::all(&owners), &[], |_| Ok(())).await
}

/// Locks the owners of a batch, and reads their clocks. An owner without a row has none.
pub(super) async fn hold<'a>(
    transaction: &mut Transaction,
    sent: &[Sent<'a, EditRequest>],
) -> Result<Clocks<'a>, DbErr> {
    let names: HashMap<&str, &'a str> = sent.iter().map(|sent| (owner(sent), owner(sent))).collect();
    let mut clocks = Clocks::new();
    let keep = |row: &dyn StoredRow| {
        if let Some(name) = names.get(row.text(0)?) {
            let clock = Clock { last: row.number(1)?, tasks: row.number(2)?, begin: row.number(3)?, written: None };
            clocks.insert(*name, clock);
        }
        Ok(())
    };
    HOLD.fetch_in(transaction, sent, keep).await?;
    Ok(clocks)
}

/// The same after rows are added for these users, unless another server has just done it. Two servers then do not begin two clocks
/// for a user.
pub(super) async fn hold_new<'a>(
    transaction: &mut Transaction,
    new: HashSet<&str>,
    sent: &[Sent<'a, EditRequest>],
) -> Result<Clocks<'a>, DbErr> {
    ADD.fetch_in(transaction, &Sent::all(&new_clocks(new.into_iter())), |_| Ok(())).await?;
    hold(transaction, sent).await
}

/// Does a batch of one kind. The owners are locked already, and `clocks` are theirs.
///
/// A request whose key was claimed before is not done. Of several requests with one key, each is done or not before the next one
/// is looked at.
pub(super) async fn run<'a>(
    transaction: &mut Transaction,
    kind: EditKind,
    mut sent: Vec<Sent<'a, EditRequest>>,
    clocks: &mut Clocks<'a>,
    now: i64,
    max_tasks: i64,
) -> Result<Done, DbErr> {
    if sent.iter().all(|sent| sent.request.key.is_none()) {
        return run_without_keys(transaction, kind, sent, clocks, now, max_tasks).await;
    }
    let mut all_done = Vec::with_capacity(sent.len());
    while !sent.is_empty() {
        // First, so that all repetitions of a request that was done are dropped together.
        drop_claimed(transaction, &mut sent).await?;
        let later = take_repeated_keys(&mut sent);
        let requests: HashMap<usize, &EditRequest> = sent.iter().map(|sent| (sent.place, sent.request)).collect();
        let done = run_without_keys(transaction, kind, sent, clocks, now, max_tasks).await?;
        let claims = done.iter().filter_map(|(place, task)| Claim::of(requests.get(place)?, now, task.as_ref().ok()?));
        keys::claim_in(transaction, claims.collect()).await?;
        all_done.extend(done);
        sent = later;
    }
    Ok(all_done)
}

/// Takes the requests out whose key an earlier request of the batch has too, of the same owner.
pub(super) fn take_repeated_keys<'a>(sent: &mut Vec<Sent<'a, EditRequest>>) -> Vec<Sent<'a, EditRequest>> {
    let mut seen = HashSet::new();
    let is_repeated = |sent: &mut Sent<'a, EditRequest>| {
        sent.request.key.as_ref().is_some_and(|key| !seen.insert((owner(sent), key.as_str())))
    };
    sent.extract_if(.., is_repeated).collect()
}

/// Drops the requests whose keys are claimed.
pub(super) async fn drop_claimed(
    transaction: &mut Transaction,
    sent: &mut Vec<Sent<'_, EditRequest>>,
) -> Result<(), DbErr> {
    let with_key =
        |sent: &Sent<'_, EditRequest>| Some((sent.place, (sent.request.caller.clone(), sent.request.key.clone()?)));
    let (places, wanted): (Vec<usize>, Vec<_>) = sent.iter().filter_map(with_key).unzip();
    if !wanted.is_empty() {
        let claimed = keys::find_in(transaction, &wanted).await?;
        let claimed: HashSet<Option<&usize>> = claimed.iter().map(|(place, _)| places.get(*place)).collect();
        sent.retain(|sent| !claimed.contains(&Some(&sent.place)));
    }
    Ok(())
}

async fn run_without_keys<'a>(
    transaction: &mut Transaction,
    kind: EditKind,
    mut sent: Vec<Sent<'a, EditRequest>>,
    clocks: &mut Clocks<'a>,
    now: i64,
    max_tasks: i64,
) -> Result<Done, DbErr> {
    sent.retain_mut(|sent| {
        let clock = match kind {
            EditKind::Create => {
                let clock = clocks.entry(owner(sent)).or_insert(Clock::beginning(now));
                Some(clock).filter(|clock| clock.tasks < max_tasks)
            }
            EditKind::Change | EditKind::Delete => clocks.get_mut(owner(sent)),
        };
        let Some(clock) = clock else { return false };
        clock.last = clock.after(now);
        clock.tasks += i64::from(kind == EditKind::Create);
        sent.turn.at = clock.last;
        true
    });
    if sent.is_empty() {
        return Ok(Vec::new());
    }
    let is_by_owner = transaction.layout() == Layout::ByOwner;
    let (mut done, mut unreadable) = (Vec::with_capacity(sent.len()), Done::new());
    match kind {
        EditKind::Create => {
            let by_time: HashMap<(&str, i64), &Sent<'_, EditRequest>> =
                sent.iter().map(|sent| ((owner(sent), sent.turn.at), sent)).collect();
            let keep = |row: &dyn StoredRow| {
                let at = row.time(ReadPosition::CreatedAt as usize)?.timestamp_micros();
                let sent = by_time.get(&(row.text(AFTER_TASK)?, at));
                done.extend(sent.map(|sent| (sent.place, row.task())));
                Ok(())
            };
            INSERT.fetch_in(transaction, &sent, keep).await?;
            if is_by_owner {
                log_created(transaction, &sent, &done).await?;
            } else {
                LOG_CREATED.fetch_in(transaction, &sent, |_| Ok(())).await?;
            }
        }
        EditKind::Change | EditKind::Delete => {
            let (kind, log, write) = match kind {
                EditKind::Change => (Kind::Changed, &LOG_CHANGED, &UPDATE),
                _ => (Kind::Deleted, &LOG_DELETED, &DELETE),
            };
            if is_by_owner {
                unreadable = log_found(transaction, kind, &mut sent).await?;
            } else {
                log.fetch_in(transaction, &sent, |_| Ok(())).await?;
            }
            let by_id = by_id(&sent);
            let keep = |row: &dyn StoredRow| {
                let id_and_owner = (Some(row.number(ReadPosition::Id as usize)?), row.text(AFTER_TASK)?);
                let sent = by_id.get(&id_and_owner);
                done.extend(sent.map(|sent| (sent.place, row.task())));
                Ok(())
            };
            write.fetch_in(transaction, &sent, keep).await?;
        }
    }
    spend(transaction, kind, &sent, &done, clocks).await?;
    done.extend(unreadable);
    Ok(done)
}

/// The requests by the ids and the owners of their tasks.
fn by_id<'s, 'a>(sent: &'s [Sent<'a, EditRequest>]) -> HashMap<(Option<i64>, &'a str), &'s Sent<'a, EditRequest>> {
    sent.iter().map(|sent| (sent.request.id_and_owner(), sent)).collect()
}

/// Logs the tasks that were created.
async fn log_created(transaction: &mut Transaction, sent: &[Sent<'_, EditRequest>], done: &Done) -> Result<(), DbErr> {
    let by_place: HashMap<usize, &Sent<'_, EditRequest>> = sent.iter().map(|sent| (sent.place, sent)).collect();
    let logged = |(place, task): &(usize, Result<Task, DbErr>)| {
        let sent = by_place.get(place)?;
        Some(LoggedTask::new(sent.request, Kind::Created, sent.turn.at, task.as_ref().ok()?.id, None))
    };
    let created: Vec<LoggedTask> = done.iter().filter_map(logged).collect();
    whole::LOG.fetch_in(transaction, &Sent::all(&created), |_| Ok(())).await
}

/// Reads the tasks as they are before their change, and logs them. The owner is locked, so nothing changes them in between.
///
/// A request whose row cannot be read, because another program has written it, is taken out, and returned with the reason.
async fn log_found(
    transaction: &mut Transaction,
    kind: Kind,
    sent: &mut Vec<Sent<'_, EditRequest>>,
) -> Result<Done, DbErr> {
    let (mut found, mut unreadable) = (Vec::new(), Done::new());
    {
        let by_id = by_id(sent);
        let keep = |row: &dyn StoredRow| {
            let id = row.number(ReadPosition::Id as usize)?;
            if let Some(sent) = by_id.get(&(Some(id), row.text(AFTER_TASK)?)) {
                match row.task() {
                    Ok(task) => found.push(LoggedTask::new(sent.request, kind, sent.turn.at, id, Some(task))),
                    Err(error) => unreadable.push((sent.place, Err(error))),
                }
            }
            Ok(())
        };
        let statement = if kind == Kind::Changed { &FOUND_TO_CHANGE } else { &FOUND_TO_DELETE };
        statement.fetch_in(transaction, sent, keep).await?;
    }
    sent.retain(|sent| unreadable.iter().all(|(place, _)| *place != sent.place));
    whole::LOG.fetch_in(transaction, &Sent::all(&found), |_| Ok(())).await?;
    Ok(unreadable)
}

/// Moves the clocks of the owners for whom something was done, unless they were moved so with the lock.
async fn spend<'a>(
    transaction: &mut Transaction,
    kind: EditKind,
    sent: &[Sent<'a, EditRequest>],
    done: &Done,
    clocks: &mut Clocks<'a>,
) -> Result<(), DbErr> {
    let numbers: HashMap<usize, (&'a str, i64)> =
        sent.iter().map(|sent| (sent.place, (owner(sent), sent.turn.at))).collect();
    let mut moved: HashMap<&str, Clock> = HashMap::new();
    for (place, _) in done {
        if let Some((name, at)) = numbers.get(place)
            && let Some(clock) = clocks.get_mut(name)
        {
            clock.tasks -= i64::from(kind == EditKind::Delete);
            // Requests that found nothing had numbers too, which were not given.
            let last = moved.get(name).map_or(*at, |moved| Ord::max(moved.last, *at));
            moved.insert(*name, Clock { last, ..*clock });
        }
    }
    moved.retain(|_, clock| clock.written != Some((clock.last, clock.tasks)));
    let moved: Vec<NamedClock> = moved.into_iter().map(|(name, clock)| (name.to_owned(), clock)).collect();
    if moved.is_empty() { Ok(()) } else { SPEND.fetch_in(transaction, &Sent::all(&moved), |_| Ok(())).await }
}

/// The statements, by name.
#[cfg(test)]
pub(super) fn texts() -> [crate::store::statement::Texts; 11] {
    [
        HOLD.texts("hold", false, ""),
        FOUND_TO_CHANGE.texts("found_to_change", false, ""),
        FOUND_TO_DELETE.texts("found_to_delete", false, ""),
        INSERT.texts("create_one_by_one", false, ""),
        LOG_CREATED.texts("log_created", false, ""),
        LOG_CHANGED.texts("log_changed", false, ""),
        LOG_DELETED.texts("log_deleted", false, ""),
        UPDATE.texts("change_one_by_one", false, ""),
        DELETE.texts("delete_one_by_one", false, ""),
        SPEND.texts("spend", false, ""),
        ADD.texts("add_owners", false, ""),
    ]
}
