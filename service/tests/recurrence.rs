//! Recurring tasks and the rows of reminders.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed expectation must fail the test")]
#![expect(clippy::disallowed_methods, reason = "a test chooses its callers, and looks into the tables")]

use std::collections::HashSet;
use std::slice;

use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use service::recurrence::Slot;
use service::tasks::{
    self, Change, Changes, Conditions, Due, IdempotencyKey, InvalidSchedule, LeadTime, ListQuery, NewTask,
    Precondition, Reminder, ReminderInstant, RuleText, ScheduleChanges, Start, Task, Title, Zone,
};
use service::{Caller, DbConfig, Error, Store, UserId, me};
use testing::{TestDatabase, on_both_databases};

const ANY: Conditions = Conditions { precondition: Precondition::Exists, key: None };

async fn open(database: &TestDatabase) -> (Store, Caller) {
    let store = Store::open(&DbConfig::new(database.url()), |_| {}).await.unwrap();
    (store, Caller::authenticated(UserId::parse("alice").unwrap()))
}

fn rule(text: &str) -> ScheduleChanges {
    ScheduleChanges {
        recurrence: Change::To(Some(RuleText { text: text.to_owned(), is_optional: false })),
        zone: Change::To(Some(Zone::parse("Europe/Berlin").unwrap())),
        ..ScheduleChanges::default()
    }
}

fn before(texts: &[&str]) -> Change<Vec<Reminder>> {
    Change::To(texts.iter().map(|text| Reminder::Before(LeadTime::parse(*text).unwrap())).collect())
}

fn new(due: &str, schedule: ScheduleChanges) -> NewTask {
    NewTask {
        due: Some(Due::parse(due).unwrap()),
        schedule: Some(Box::new(schedule)),
        ..NewTask::new(Title::parse("t").unwrap())
    }
}

fn due(text: &str) -> Changes {
    Changes { due: Change::To(Some(Due::parse(text).unwrap())), ..Changes::default() }
}

fn scheduled(schedule: ScheduleChanges) -> Changes {
    Changes { schedule: Some(Box::new(schedule)), ..Changes::default() }
}

async fn create(store: &Store, caller: &Caller, new: NewTask) -> Task {
    tasks::create(store, caller, new, None).await.unwrap().value
}

async fn set(store: &Store, caller: &Caller, id: i64, completed: bool) -> Task {
    tasks::set_completed(store, caller, id, completed, &ANY).await.unwrap().value
}

async fn all(store: &Store, caller: &Caller) -> Vec<Task> {
    tasks::list(store, caller, &ListQuery::default(), 1000, Start::Beginning).await.unwrap().tasks
}

fn occurrence(task: &Task) -> &str {
    task.occurrence.as_deref().map_or("", Slot::as_str)
}

fn next(task: &Task) -> Option<i64> {
    task.schedule.as_ref()?.next
}

async fn numbers(connection: &DatabaseConnection, query: &str) -> Vec<Vec<i64>> {
    let statement = Statement::from_string(connection.get_database_backend(), query);
    let rows = connection.query_all_raw(statement).await.unwrap();
    let columns = |row: &sea_orm::QueryResult| {
        let value = |column: &String| {
            let wide = row.try_get::<i64>("", column);
            wide.or_else(|_| row.try_get::<i16>("", column).map(i64::from)).unwrap()
        };
        row.column_names().iter().map(value).collect()
    };
    rows.iter().map(columns).collect()
}

/// The reminders: task, number and time.
async fn reminders(database: &TestDatabase) -> Vec<Vec<i64>> {
    let query = "SELECT task_id, n, at FROM task_reminder WHERE fired_at IS NULL ORDER BY task_id, n";
    numbers(&database.connect().await, query).await
}

#[on_both_databases]
async fn a_completed_occurrence_makes_the_next_one_with_the_same_fields(database: TestDatabase) {
    let (store, alice) = open(&database).await;
    let schedule = ScheduleChanges { reminders: before(&["PT15M"]), ..rule("daily") };
    let first = create(&store, &alice, new("2096-01-31T10:00", schedule)).await;
    assert_eq!((first.series_id, occurrence(&first)), (Some(first.version()), "2096-01-31T10:00:00"));

    let done = set(&store, &alice, first.id, true).await;
    assert!(done.completed && done.completed_at == Some(done.updated_at));
    let next = tasks::get(&store, &alice, next(&done).unwrap()).await.unwrap();
    assert_eq!(occurrence(&next), "2096-02-01T10:00:00");
    assert_eq!(next.due.as_ref().unwrap().as_str(), "2096-02-01T10:00");
    assert!(!next.completed && next.created_at == next.updated_at && next.created_at > done.updated_at);
    assert_eq!((next.series_id, &next.title, next.id), (first.series_id, &first.title, done.id + 1));
    assert_eq!(tasks::get(&store, &alice, first.id).await.unwrap(), done);
    // 2096-02-01T08:45Z.
    assert_eq!(reminders(&database).await, [[next.id, 1, 3_978_924_300_000_000]]);

    let page = tasks::occurrences(&store, &alice, next.id, 10, None).await.unwrap();
    assert_eq!((page.tasks, page.next), (vec![done], None));
}

#[on_both_databases]
async fn a_completion_that_is_taken_back_removes_the_next_occurrence_if_it_is_untouched(database: TestDatabase) {
    let (store, alice) = open(&database).await;
    let first = create(&store, &alice, new("2096-01-31", rule("FREQ=WEEKLY"))).await;
    let done = set(&store, &alice, first.id, true).await;
    let open = tasks::toggle_completed(&store, &alice, first.id, &ANY).await.unwrap().value;
    assert_eq!((open.completed, next(&open), open.completed_at), (false, None, None));
    assert_eq!(all(&store, &alice).await, [open]);
    assert!(
        tasks::trash(&store, &alice, 10, None).await.unwrap().tasks.iter().any(|it| Some(it.task.id) == next(&done))
    );

    // A second one, which is touched.
    let again = set(&store, &alice, first.id, true).await;
    let touched = next(&again).unwrap();
    tasks::update(&store, &alice, touched, due("2096-02-09"), &ANY).await.unwrap();
    set(&store, &alice, first.id, false).await;
    assert_eq!(all(&store, &alice).await.len(), 2);
    let again = set(&store, &alice, first.id, true).await;
    assert_eq!(next(&again), Some(touched), "the series goes on with the task that was touched");
    assert_eq!(all(&store, &alice).await.len(), 2);
}

#[on_both_databases]
async fn a_deleted_occurrence_is_skipped_and_a_deleted_series_ends(database: TestDatabase) {
    let (store, alice) = open(&database).await;
    let first = create(&store, &alice, new("2096-01-31", rule("FREQ=DAILY"))).await;
    let deleted = tasks::delete(&store, &alice, first.id, &ANY).await.unwrap().value;
    let second = tasks::get(&store, &alice, next(&deleted).unwrap()).await.unwrap();
    assert_eq!(occurrence(&second), "2096-02-01");

    let done = set(&store, &alice, second.id, true).await;
    let third = next(&done).unwrap();
    let ended = tasks::delete_series(&store, &alice, third, &ANY).await.unwrap().value;
    assert_eq!((occurrence(&ended), ended.completed), ("2096-02-02", false));
    assert_eq!(all(&store, &alice).await, slice::from_ref(&done));
    // It does not begin again.
    set(&store, &alice, done.id, false).await;
    let done = set(&store, &alice, done.id, true).await;
    assert_eq!((next(&done), all(&store, &alice).await.len()), (None, 1));

    // A completed occurrence is history.
    tasks::delete(&store, &alice, done.id, &ANY).await.unwrap();
    assert!(all(&store, &alice).await.is_empty());
}

#[on_both_databases]
async fn a_series_ends_by_count_and_by_null(database: TestDatabase) {
    let (store, alice) = open(&database).await;
    let first = create(&store, &alice, new("2096-01-31", rule("FREQ=DAILY;COUNT=2"))).await;
    let second = next(&set(&store, &alice, first.id, true).await).unwrap();
    assert_eq!(next(&set(&store, &alice, second, true).await), None);
    assert_eq!(all(&store, &alice).await.len(), 2);

    let other = create(&store, &alice, new("2096-01-31", rule("FREQ=DAILY"))).await;
    let refused =
        tasks::update(&store, &alice, other.id, Changes { due: Change::To(None), ..Changes::default() }, &ANY);
    assert!(matches!(refused.await, Err(Error::InvalidSchedule(InvalidSchedule::DueDateOfSeries))));
    let end = ScheduleChanges { recurrence: Change::To(None), ..ScheduleChanges::default() };
    let ended = tasks::update(&store, &alice, other.id, scheduled(end), &ANY).await.unwrap().value;
    assert_eq!((ended.schedule.as_deref(), ended.series_id), (None, other.series_id));
    assert_eq!(next(&set(&store, &alice, other.id, true).await), None);
    assert_eq!(all(&store, &alice).await.len(), 3);
}

#[on_both_databases]
async fn a_changed_due_date_is_the_new_phase_and_moves_the_reminders(database: TestDatabase) {
    let (store, alice) = open(&database).await;
    let schedule = ScheduleChanges { reminders: before(&["PT0S", "P1D"]), ..rule("FREQ=WEEKLY") };
    let task = create(&store, &alice, new("2096-01-02", schedule)).await;
    let moved = tasks::update(&store, &alice, task.id, due("2096-01-03"), &ANY).await.unwrap().value;
    assert_eq!((occurrence(&moved), moved.series_id), ("2096-01-03", task.series_id));
    // 2096-01-03T08:00Z, and a day before.
    let at = 3_976_416_000_000_000;
    assert_eq!(reminders(&database).await, [[task.id, 1, at], [task.id, 2, at - 86_400_000_000]]);
    let done = set(&store, &alice, task.id, true).await;
    let second = tasks::get(&store, &alice, next(&done).unwrap()).await.unwrap();
    assert_eq!(occurrence(&second), "2096-01-10");

    // A date before another occurrence moves the due date only.
    let back = tasks::update(&store, &alice, second.id, due("2096-01-01"), &ANY).await.unwrap().value;
    assert_eq!((occurrence(&back), back.due.as_ref().unwrap().as_str()), ("2096-01-10", "2096-01-01"));
    let done = set(&store, &alice, second.id, true).await;
    let third = tasks::get(&store, &alice, next(&done).unwrap()).await.unwrap();
    assert_eq!(occurrence(&third), "2096-01-17");
}

#[on_both_databases]
async fn of_1000_parallel_completions_one_makes_the_next_occurrence(database: TestDatabase) {
    let (store, alice) = open(&database).await;
    let first = create(&store, &alice, new("2096-01-31", rule("FREQ=DAILY"))).await;
    // Writes of one task are done one after the other. Those that waited too long are sent again.
    let complete = async |_| loop {
        match tasks::set_completed(&store, &alice, first.id, true, &ANY).await {
            Err(Error::Unavailable(_)) => {}
            done => break next(&done.unwrap().value),
        }
    };
    let named: HashSet<Option<i64>> = join_all((0..1000).map(complete)).await.into_iter().collect();
    assert_eq!(named.len(), 1);
    let tasks = all(&store, &alice).await;
    assert_eq!(tasks.len(), 2);
    assert!(tasks.iter().any(|task| named.contains(&Some(task.id)) && !task.completed));
}

#[on_both_databases]
async fn a_key_a_version_and_a_stranger_are_judged_as_for_plain_tasks(database: TestDatabase) {
    let (store, alice) = open(&database).await;
    let key = |key: &str| Some(IdempotencyKey::parse(key, "f".to_owned()).unwrap());
    let with =
        |version: i64, name: &str| Conditions { precondition: Precondition::OneOf(vec![version]), key: key(name) };
    let first = tasks::create(&store, &alice, new("2096-01-31", rule("daily")), key("a")).await.unwrap();
    let replay = tasks::create(&store, &alice, new("2096-01-31", rule("daily")), key("a")).await.unwrap();
    assert_eq!((replay.is_replay, &replay.value), (true, &first.value));

    let id = first.value.id;
    let stale = tasks::set_completed(&store, &alice, id, true, &with(1, "b")).await;
    assert!(matches!(stale, Err(Error::Stale(_))));
    assert_eq!(all(&store, &alice).await, slice::from_ref(&first.value));
    let conditions = with(first.value.version(), "b");
    let done = tasks::set_completed(&store, &alice, id, true, &conditions).await.unwrap();
    let replay = tasks::set_completed(&store, &alice, id, true, &conditions).await.unwrap();
    assert_eq!((replay.is_replay, &replay.value), (true, &done.value));
    let merged = tasks::merge(&store, &alice, id, due("2096-03-01"), &with(first.value.version(), "c")).await.unwrap();
    assert!(merged.is_merged && merged.task.value.due != done.value.due);
    assert_eq!(all(&store, &alice).await.len(), 2);

    let bob = Caller::authenticated(UserId::parse("bob").unwrap());
    assert!(matches!(tasks::toggle_completed(&store, &bob, id, &ANY).await, Err(Error::NotOwner)));
    assert!(matches!(tasks::delete_series(&store, &bob, id, &ANY).await, Err(Error::NotOwner)));
    assert!(matches!(tasks::delete_series(&store, &bob, id + 100, &ANY).await, Err(Error::NotFound)));
}

#[on_both_databases]
async fn the_quota_counts_the_next_occurrence_and_a_refused_completion_writes_nothing(database: TestDatabase) {
    let (store, alice) = open(&database).await;
    let store = store.with_max_tasks(std::num::NonZero::new(1));
    let first = create(&store, &alice, new("2096-01-31", rule("daily"))).await;
    let refused = tasks::set_completed(&store, &alice, first.id, true, &ANY).await;
    assert!(matches!(refused, Err(Error::TooManyTasks)));
    assert_eq!(all(&store, &alice).await, slice::from_ref(&first));
    assert!(matches!(
        tasks::create(&store, &alice, new("2096-01-31", rule("daily")), None).await,
        Err(Error::TooManyTasks)
    ));
    assert_eq!(tasks::complete_all(&store, &alice, &ANY).await.unwrap().value, 0);
    // A skipped occurrence makes room for the next one, also if the limit was lowered since.
    let higher = store.clone().with_max_tasks(std::num::NonZero::new(2));
    create(&higher, &alice, NewTask::new(Title::parse("plain").unwrap())).await;
    let deleted = tasks::delete(&store, &alice, first.id, &ANY).await.unwrap().value;
    assert!(next(&deleted).is_some());
}

#[on_both_databases]
async fn complete_all_makes_the_next_occurrences_and_clear_completed_makes_none(database: TestDatabase) {
    let (store, alice) = open(&database).await;
    for _ in 0..3 {
        create(&store, &alice, new("2096-01-31", rule("FREQ=DAILY"))).await;
        create(&store, &alice, NewTask::new(Title::parse("plain").unwrap())).await;
    }
    assert_eq!(tasks::complete_all(&store, &alice, &ANY).await.unwrap().value, 6);
    let (done, open): (Vec<Task>, Vec<Task>) = all(&store, &alice).await.into_iter().partition(|task| task.completed);
    assert_eq!((done.len(), open.len()), (6, 3));
    assert!(open.iter().all(|task| occurrence(task) == "2096-02-01"));
    assert_eq!(tasks::delete_completed(&store, &alice, &ANY).await.unwrap().value, 6);
    assert_eq!(all(&store, &alice).await.len(), 3);
}

#[on_both_databases]
async fn a_restored_occurrence_comes_back_with_its_reminders_unless_it_was_made_again(database: TestDatabase) {
    let (store, alice) = open(&database).await;
    let schedule = ScheduleChanges { reminders: before(&["PT0S"]), ..rule("FREQ=DAILY") };
    let first = create(&store, &alice, new("2096-01-31", schedule)).await;
    let second = next(&set(&store, &alice, first.id, true).await).unwrap();
    set(&store, &alice, first.id, false).await;
    let before = reminders(&database).await;
    let third = next(&set(&store, &alice, first.id, true).await).unwrap();
    assert!(third > second);
    assert!(matches!(tasks::restore(&store, &alice, second, None).await, Err(Error::OccurrenceExists)));

    tasks::delete(&store, &alice, first.id, &ANY).await.unwrap();
    tasks::restore(&store, &alice, first.id, None).await.unwrap();
    set(&store, &alice, first.id, false).await;
    assert_eq!(reminders(&database).await, before);
    tasks::delete(&store, &alice, first.id, &ANY).await.unwrap();
    let skipped = reminders(&database).await;
    tasks::restore(&store, &alice, first.id, None).await.unwrap();
    assert_eq!(reminders(&database).await.len(), skipped.len() + 1);
}

#[on_both_databases]
async fn reminders_of_open_tasks_have_rows_and_erasure_deletes_them(database: TestDatabase) {
    let (store, alice) = open(&database).await;
    let at = |text: &str| Reminder::At(ReminderInstant::parse(text).unwrap());
    let both = vec![at("2000-01-01T00:00:00Z"), at("2096-01-01T00:00:00+01:00")];
    let changes = ScheduleChanges { reminders: Change::To(both), ..ScheduleChanges::default() };
    let plain = create(&store, &alice, NewTask::new(Title::parse("t").unwrap())).await;
    let task = tasks::update(&store, &alice, plain.id, scheduled(changes), &ANY).await.unwrap().value;
    assert_eq!((task.series_id, task.schedule.as_ref().unwrap().reminders.len()), (None, 2));
    // The first one has passed. 2095-12-31T23:00Z.
    let second = vec![task.id, 2, 3_976_210_800_000_000];
    assert_eq!(reminders(&database).await, slice::from_ref(&second));
    set(&store, &alice, task.id, true).await;
    assert!(reminders(&database).await.is_empty());
    set(&store, &alice, task.id, false).await;
    assert_eq!(reminders(&database).await, [second]);

    let version = tasks::get(&store, &alice, task.id).await.unwrap().version();
    tasks::snooze(&store, &alice, task.id, (1, 10)).await.unwrap();
    assert_eq!(tasks::get(&store, &alice, task.id).await.unwrap().version(), version);
    assert_eq!(reminders(&database).await.len(), 2);
    for number in [0, 3] {
        let missing = tasks::snooze(&store, &alice, task.id, (number, 10)).await;
        assert!(matches!(missing, Err(Error::NoReminder)));
    }
    let none = ScheduleChanges { reminders: Change::To(Vec::new()), ..ScheduleChanges::default() };
    let plain = tasks::update(&store, &alice, task.id, scheduled(none), &ANY).await.unwrap().value;
    assert!(plain.schedule.is_none() && reminders(&database).await.is_empty());

    create(&store, &alice, new("2096-01-31", ScheduleChanges { reminders: before(&["PT0S"]), ..rule("daily") })).await;
    me::erase(&store, &alice).await.unwrap();
    assert!(reminders(&database).await.is_empty());
}

#[on_both_databases]
async fn the_history_and_the_feed_have_the_schedule(database: TestDatabase) {
    let (store, alice) = open(&database).await;
    let first = create(&store, &alice, new("2096-01-31", rule("daily"))).await;
    let done = set(&store, &alice, first.id, true).await;
    let history = tasks::history(&store, &alice, first.id, 10, None).await.unwrap().entries;
    assert_eq!(history.len(), 2);
    assert_eq!((history[0].before.as_ref(), history[0].after.as_ref()), (Some(&first), Some(&done)));
    let feed = tasks::changes(&store, &alice, first.version() - 1, 10).await;
    let from_begin = tasks::changes(&store, &alice, first.version(), 10).await.unwrap();
    assert!(feed.is_err() || feed.is_ok_and(|feed| feed.items.len() == 2));
    assert_eq!(from_begin.items.len(), 2, "the completed task and the next one");
    let changed = |change: &tasks::FeedItem| match change {
        tasks::FeedItem::Changed(task) => task.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(changed(&from_begin.items[0]), done);
}
