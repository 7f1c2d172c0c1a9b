//! The turns of other requests while edits are computed.
#![expect(clippy::disallowed_methods, reason = "a test makes its callers")]

use std::cell::Cell;

use testing::{Backend, TestDatabase};
use tokio::task::yield_now;

use super::*;
use crate::model::{Change, Changes, Conditions, Due, NewTask, RuleText, ScheduleChanges, Title, Zone};
use crate::recurrence::STEPS;
use crate::store::Store;
use crate::{Caller, DbConfig, tasks};

const TASKS: u64 = 12;
/// The steps of a search for a date that never comes.
pub(in crate::store::edit) const STEPS_OF_SLOW_RULE: u64 = 100_000;

/// Creates a task whose rule has no further date, which takes the longest search: every seventh day from a Wednesday on, but only on
/// Tuesdays. Such a task can be made by moving its due date.
pub(in crate::store::edit) async fn create_slow(store: &Store, caller: &Caller) {
    let due = |text: &str| Due::parse(text).unwrap();
    let rule = RuleText { text: "FREQ=DAILY;INTERVAL=7;BYDAY=TU".to_owned(), is_optional: false };
    let zone = Change::To(Some(Zone::parse("UTC").unwrap()));
    let schedule = ScheduleChanges { recurrence: Change::To(Some(rule)), zone, ..ScheduleChanges::default() };
    let new = NewTask {
        due: Some(due("2099-01-06")),
        schedule: Some(Box::new(schedule)),
        ..NewTask::new(Title::parse("slow").unwrap())
    };
    let task = tasks::create(store, caller, new, None).await.unwrap().value;
    let moved = Changes { due: Change::To(Some(due("2099-01-07"))), ..Changes::default() };
    tasks::update(store, caller, task.id, moved, &Conditions::default()).await.unwrap();
}

/// On one thread, as in a worker of the server.
#[tokio::test]
async fn other_requests_of_the_thread_have_their_turn_after_at_most_four_slow_rules() {
    let database = TestDatabase::migrated(Backend::Sqlite).await.unwrap();
    let store = Store::open(&DbConfig::new(database.url()), |_| {}).await.unwrap();
    let alice = Caller::authenticated(UserId::parse("alice").unwrap());
    for _ in 0..TASKS {
        create_slow(&store, &alice).await;
    }

    let (before, has_ended) = (STEPS.get(), Cell::new(false));
    let completing = async {
        let written = tasks::complete_all(&store, &alice, &Conditions::default()).await.unwrap();
        has_ended.set(true);
        written.value
    };
    // Another request, which has its turn as often as it can.
    let other = async {
        let (mut longest, mut last) = (0, STEPS.get());
        while !has_ended.get() {
            yield_now().await;
            longest = longest.max(STEPS.get() - last);
            last = STEPS.get();
        }
        longest
    };
    let (completed, longest) = tokio::join!(completing, other);
    assert_eq!(completed, TASKS);
    assert!(STEPS.get() - before >= TASKS * STEPS_OF_SLOW_RULE, "the rules are slow");
    let most = u64::try_from(COMPUTED_AT_ONCE).unwrap() * (STEPS_OF_SLOW_RULE + 1000);
    assert!(longest <= most, "{longest} steps without a turn");
}
