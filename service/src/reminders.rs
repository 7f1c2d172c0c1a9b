//! The firing of reminders. Every server does it, and none leads: each looks for what is due without a lock, and then fires it
//! owner by owner, in transactions that lock the owner first like every write.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::iter;
use tokio::time::sleep;

use crate::store::{DueBehind, DueReminder, Store};
use crate::{Caller, Error, UserId};

/// The time between two looks for what is due, if nothing is known to be due before.
const EVERY: Duration = Duration::from_secs(5);
/// The maximum number of owners whose reminders fire at the same time.
const MAX_AT_ONCE: usize = 4;
/// The number of reminders of one page with which an owner waits for the next round, so that one owner with very many does not
/// delay the others.
const LARGE_SHARE: usize = 50;
/// The time for which an owner is left out whose other writes did not end in time.
const REST: Duration = Duration::from_secs(1);
/// The time for which an owner is left out whose reminders the database has refused: a defect.
const LONG_REST: Duration = Duration::from_secs(30);
/// The maximum number of owners that are left out.
const MAX_LEFT_OUT: usize = 1000;

/// Fires the reminders of all owners when their time has come, until [`Firing::stop`](crate::Firing::stop). Each worker calls it,
/// and one of them does the work at a time: if its thread ends, another one takes over.
///
/// Several servers do so at the same time. Each reminder fires once, whichever server comes first, and also if servers are
/// killed. On PostgreSQL the time is that of the database, so a server whose clock is wrong fires neither early nor late. What
/// became due while no server was there fires late. `notice` receives at most one error of each round.
pub async fn fire(store: Store, notice: impl Fn(&Error)) {
    let firing = Arc::clone(store.firing());
    let work = async {
        let _turn = firing.turn.lock().await;
        let mut resting = Resting::default();
        loop {
            // Boxed, because the future is large and this one is kept by every worker.
            let Round { problem, wait } = Box::pin(round(&store, &mut resting)).await;
            if let Some(problem) = problem {
                notice(&problem);
            }
            sleep(wait).await;
        }
    };
    tokio::select! {
        biased;
        () = firing.stopped() => {}
        () = work => {}
    }
}

/// A look for all that is due.
struct Round {
    /// The first error.
    problem: Option<Error>,
    /// The time until the next round.
    wait: Duration,
}

/// Fires what is due, except for what the owners with very many reminders have behind their share.
async fn round(store: &Store, resting: &mut Resting) -> Round {
    let (begun, mut problem, mut behind) = (Instant::now(), None, DueBehind::default());
    // Owners with reminders behind their share.
    let mut large: Vec<UserId> = Vec::new();
    let next_in = loop {
        let left_out: Vec<UserId> = resting.owners().chain(large.iter().cloned()).collect();
        let page = match store.due_reminders(&behind, EVERY, &left_out).await {
            Ok(page) => page,
            Err(error) => return Round { problem: Some(error), wait: EVERY },
        };
        behind = page.due.last().map_or(behind, DueBehind::from);
        let (has_more, next_in) = (page.has_more(), page.next_in);
        let owners = by_owner(page.due);
        if has_more && large.len() < MAX_LEFT_OUT {
            let is_large =
                |(owner, named): &(Caller, Vec<_>)| (named.len() >= LARGE_SHARE).then(|| owner.user_id().clone());
            large.extend(owners.iter().filter_map(is_large));
        }
        let firing = owners.into_iter().map(async |(owner, named)| {
            let fired = store.fire(&owner, named).await;
            (owner, fired)
        });
        let mut firing = iter(firing).buffer_unordered(store.db().max_connections().div_ceil(4).min(MAX_AT_ONCE));
        while let Some((owner, fired)) = firing.next().await {
            match fired {
                Ok(fired) => store.firing().add(fired.total, fired.late),
                Err(error) => {
                    let rest = if matches!(error, Error::Unavailable(_)) { REST } else { LONG_REST };
                    resting.add(owner.user_id().clone(), Instant::now() + rest);
                    problem.get_or_insert(error);
                }
            }
        }
        if !has_more {
            break next_in;
        }
    };
    let wait = if large.is_empty() {
        // At most half of the time is for owners with very many reminders.
        next_in.unwrap_or(EVERY).min(resting.next_in().unwrap_or(EVERY))
    } else {
        begun.elapsed().min(EVERY)
    };
    Round { problem, wait }
}

/// The reminders of each owner, in the order in which the owners come first.
fn by_owner(due: Vec<DueReminder>) -> Vec<(Caller, Vec<(i64, i16)>)> {
    let mut owners: Vec<(Caller, Vec<(i64, i16)>)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for DueReminder { owner, task_id, number, .. } in due {
        let place = *places.entry(owner.user_id().clone()).or_insert_with(|| {
            owners.push((owner, Vec::new()));
            owners.len() - 1
        });
        owners[place].1.push((task_id, number));
    }
    owners
}

/// The owners that are left out for a while, because their reminders could not fire.
#[derive(Debug, Default)]
struct Resting(VecDeque<(UserId, Instant)>);

impl Resting {
    fn add(&mut self, owner: UserId, until: Instant) {
        if self.0.len() == MAX_LEFT_OUT {
            self.0.pop_front();
        }
        self.0.push_back((owner, until));
    }

    fn owners(&mut self) -> impl Iterator<Item = UserId> {
        let now = Instant::now();
        self.0.retain(|(_, until)| *until > now);
        self.0.iter().map(|(owner, _)| owner.clone())
    }

    /// The time until the first of them is tried again.
    fn next_in(&self) -> Option<Duration> {
        self.0.iter().map(|(_, until)| until.saturating_duration_since(Instant::now())).min()
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test looks into the tables")]
mod tests {
    use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
    use testing::{TestDatabase, on_both_databases};

    use super::*;
    use crate::DbConfig;

    async fn unfired(connection: &DatabaseConnection, user: &str) -> i64 {
        let query = format!("SELECT COUNT(*) FROM task_reminder WHERE user_id = '{user}' AND fired_at IS NULL");
        let statement = Statement::from_string(connection.get_database_backend(), query);
        connection.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
    }

    async fn add(connection: &DatabaseConnection, user: &str, reminders: u32, first_at: i64) {
        let owner = format!("INSERT INTO task_owner (user_id, clock, \"begin\", tasks) VALUES ('{user}', 1, 1, 0)");
        let reminders = format!(
            "INSERT INTO task_reminder (user_id, task_id, n, at)
            WITH RECURSIVE number(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n < {reminders} - 1)
            SELECT '{user}', n, 1, {first_at} + n FROM number"
        );
        for statement in [owner, reminders] {
            connection.execute_unprepared(&statement).await.unwrap();
        }
    }

    #[on_both_databases]
    async fn an_owner_with_very_many_reminders_has_a_share_of_each_round_and_the_others_fire_in_it(
        database: TestDatabase,
    ) {
        let (store, connection) =
            (Store::open(&DbConfig::new(database.url()), |_| {}).await.unwrap(), database.connect().await);
        add(&connection, "hostile", 1200, 1).await;
        // Behind all of them, and more than fit on the rest of a page.
        for number in 0..3 {
            add(&connection, &format!("user {number}"), 40, 1_000_000).await;
        }
        let mut resting = Resting::default();
        let mut rests = Vec::new();
        for _ in 0..3 {
            let Round { problem, wait } = round(&store, &mut resting).await;
            assert!(problem.is_none());
            rests.push((unfired(&connection, "hostile").await, unfired(&connection, "user 2").await, wait == EVERY));
        }
        assert_eq!(rests, [(700, 0, false), (200, 0, false), (0, 0, true)]);
    }

    #[on_both_databases]
    async fn the_next_round_begins_when_the_next_reminder_is_due(database: TestDatabase) {
        let (store, connection) =
            (Store::open(&DbConfig::new(database.url()), |_| {}).await.unwrap(), database.connect().await);
        let mut resting = Resting::default();
        let now = crate::model::now().timestamp_micros();
        add(&connection, "alice", 1, now + 3600 * 1_000_000).await;
        assert_eq!(round(&store, &mut resting).await.wait, EVERY);
        add(&connection, "bob", 2, crate::model::now().timestamp_micros() + 3_000_000).await;
        let wait = round(&store, &mut resting).await.wait;
        assert!(wait <= Duration::from_secs(3), "{wait:?}");
    }

    #[on_both_databases]
    async fn an_owner_whose_reminders_are_refused_is_left_out_for_a_while(database: TestDatabase) {
        let (store, connection) =
            (Store::open(&DbConfig::new(database.url()), |_| {}).await.unwrap(), database.connect().await);
        add(&connection, "alice", 2, 1).await;
        add(&connection, "bob", 2, 9).await;
        // The next number of the owner's clock is taken.
        let clock = crate::model::now().timestamp_micros() + 3_600_000_000;
        for statement in [
            format!("UPDATE task_owner SET clock = {clock} WHERE user_id = 'alice'"),
            format!("INSERT INTO task_change (user_id, at, task_id, kind) VALUES ('alice', {clock} + 2, 7, 2)"),
        ] {
            connection.execute_unprepared(&statement).await.unwrap();
        }
        let mut resting = Resting::default();
        let Round { problem, wait } = round(&store, &mut resting).await;
        assert!(matches!(problem, Some(Error::Database(_))) && wait == EVERY, "{problem:?}");
        assert_eq!((unfired(&connection, "alice").await, unfired(&connection, "bob").await), (2, 0));
        assert!(round(&store, &mut resting).await.problem.is_none());
        // The one that was refused is there in a later round.
        connection.execute_unprepared("DELETE FROM task_change WHERE kind = 2").await.unwrap();
        round(&store, &mut Resting::default()).await;
        assert_eq!(unfired(&connection, "alice").await, 0);
    }
}
