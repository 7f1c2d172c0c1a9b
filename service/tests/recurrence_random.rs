//! Random edits of recurring tasks through several connections, with repetitions and restarts.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed expectation must fail the test")]
#![expect(clippy::disallowed_methods, reason = "a test chooses its callers, and looks into the tables")]

use std::collections::HashSet;

use futures_util::future::join_all;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use sea_orm::{ConnectionTrait, Statement};
use service::tasks::{
    self, Change, Changes, Conditions, Due, IdempotencyKey, ListQuery, NewTask, Precondition, RuleText,
    ScheduleChanges, Start, Task, Title, Zone,
};
use service::{Caller, DbConfig, Error, Store, UserId};
use testing::{Backend, TestDatabase};

#[derive(Clone, Debug)]
enum Step {
    Create(&'static str),
    Toggle(Index),
    Complete(Index),
    Reopen(Index),
    Delete(Index),
    DeleteSeries(Index),
    Restore(Index),
    Move(Index, i64),
    Rule(Index, &'static str),
    End(Index),
    CompleteAll,
    DeleteCompleted,
}

fn step() -> impl Strategy<Value = Step> {
    let rule = prop::sample::select(vec!["daily", "FREQ=WEEKLY", "FREQ=DAILY;COUNT=3", "FREQ=MONTHLY;BYMONTHDAY=31"]);
    let which = any::<Index>;
    prop_oneof![
        2 => rule.clone().prop_map(Step::Create),
        4 => which().prop_map(Step::Toggle),
        6 => which().prop_map(Step::Complete),
        3 => which().prop_map(Step::Reopen),
        2 => which().prop_map(Step::Delete),
        1 => which().prop_map(Step::DeleteSeries),
        2 => which().prop_map(Step::Restore),
        2 => (which(), -40..40_i64).prop_map(|(which, days)| Step::Move(which, days)),
        1 => (which(), rule).prop_map(|(which, rule)| Step::Rule(which, rule)),
        1 => which().prop_map(Step::End),
        1 => Just(Step::CompleteAll),
        1 => Just(Step::DeleteCompleted),
    ]
}

fn rule(text: &str) -> ScheduleChanges {
    ScheduleChanges {
        recurrence: Change::To(Some(RuleText { text: text.to_owned(), is_optional: false })),
        zone: Change::To(Some(Zone::parse("UTC").unwrap())),
        ..ScheduleChanges::default()
    }
}

fn day(days: i64) -> Due {
    // 2026-01-10, in the past.
    let day = chrono::NaiveDate::from_ymd_opt(2026, 1, 10).unwrap() + chrono::TimeDelta::days(days);
    Due::parse(day.to_string()).unwrap()
}

/// Does a step to one of these tasks. Returns the id of a task that it creates.
async fn act(db: &Store, caller: &Caller, step: &Step, ids: &[i64], key: &str) -> Result<Option<i64>, Error> {
    let key = IdempotencyKey::parse(key, "f".to_owned()).ok();
    let any = Conditions { precondition: Precondition::Exists, key: key.clone() };
    let id = |which: &Index| if ids.is_empty() { 0 } else { *which.get(ids) };
    match step {
        Step::Create(text) => {
            let task = NewTask {
                due: Some(day(0)),
                schedule: Some(Box::new(rule(text))),
                ..NewTask::new(Title::parse("t").unwrap())
            };
            return tasks::create(db, caller, task, key).await.map(|created| Some(created.value.id));
        }
        Step::Toggle(which) => drop(tasks::toggle_completed(db, caller, id(which), &any).await?),
        Step::Complete(which) => drop(tasks::set_completed(db, caller, id(which), true, &any).await?),
        Step::Reopen(which) => drop(tasks::set_completed(db, caller, id(which), false, &any).await?),
        Step::Delete(which) => drop(tasks::delete(db, caller, id(which), &any).await?),
        Step::DeleteSeries(which) => drop(tasks::delete_series(db, caller, id(which), &any).await?),
        Step::Restore(which) => {
            let trash = tasks::trash(db, caller, 1000, None).await?.tasks;
            if !trash.is_empty() {
                tasks::restore(db, caller, which.get(&trash).task.id, key).await?;
            }
        }
        Step::Move(which, days) => {
            let moved = Changes { due: Change::To(Some(day(*days))), ..Changes::default() };
            tasks::update(db, caller, id(which), moved, &any).await?;
        }
        Step::Rule(which, text) => {
            let ruled =
                Changes { due: Change::To(Some(day(0))), schedule: Some(Box::new(rule(text))), ..Changes::default() };
            tasks::update(db, caller, id(which), ruled, &any).await?;
        }
        Step::End(which) => {
            let end = ScheduleChanges { recurrence: Change::To(None), ..ScheduleChanges::default() };
            let ended = Changes { schedule: Some(Box::new(end)), ..Changes::default() };
            tasks::update(db, caller, id(which), ended, &any).await?;
        }
        Step::CompleteAll => _ = tasks::complete_all(db, caller, &any).await?,
        Step::DeleteCompleted => _ = tasks::delete_completed(db, caller, &any).await?,
    }
    Ok(None)
}

async fn list(db: &Store, caller: &Caller) -> Vec<Task> {
    tasks::list(db, caller, &ListQuery::default(), 10_000, Start::Beginning).await.unwrap().tasks
}

async fn check(database: &TestDatabase, round: u32, steps: &[Step]) {
    let caller = Caller::authenticated(UserId::parse(format!("user {round}")).unwrap());
    let open = async || Store::open(&DbConfig::new(database.url()), |_| {}).await.unwrap();
    let (mut first, second) = (open().await, open().await);
    let mut created = HashSet::new();
    // Three steps at a time, each sent through both connections with one key.
    for (number, at_once) in steps.chunks(3).enumerate() {
        if number % 4 == 3 {
            first = open().await;
        }
        let ids: Vec<i64> = list(&first, &caller).await.iter().map(|task| task.id).collect();
        let (caller, ids) = (&caller, &ids);
        let sent = at_once.iter().enumerate().flat_map(|(n, step)| {
            let key = format!("{number}.{n}");
            [&first, &second].map(|db| {
                let key = key.clone();
                async move { act(db, caller, step, ids, &key).await }
            })
        });
        for answer in join_all(sent.collect::<Vec<_>>()).await {
            match answer {
                Ok(id) => created.extend(id),
                Err(
                    Error::NotFound
                    | Error::NotOwner
                    | Error::OccurrenceExists
                    | Error::InvalidSchedule(_)
                    | Error::KeyReused,
                ) => {}
                Err(other) => panic!("{other:?} in {steps:?}"),
            }
        }
    }
    let tasks = list(&second, &caller).await;
    let mut slots = HashSet::new();
    for task in &tasks {
        let slot = task.series_id.map(|series| (series, task.occurrence.as_ref().unwrap().clone()));
        assert!(slot.is_none_or(|slot| slots.insert(slot)), "twice: {task:?} in {steps:?}");
        if !created.contains(&task.id) && task.created_at == task.updated_at {
            let today = task.created_at.date_naive().to_string();
            assert!(task.due.as_ref().unwrap().as_str() >= today.as_str(), "in the past: {task:?} in {steps:?}");
        }
    }
    let count = format!("SELECT tasks FROM task_owner WHERE user_id = 'user {round}'");
    let connection = database.connect().await;
    let row = connection.query_one_raw(Statement::from_string(connection.get_database_backend(), count)).await.unwrap();
    let counted = row.map_or(0, |row| row.try_get_by_index::<i64>(0).unwrap());
    assert_eq!(usize::try_from(counted).unwrap(), tasks.len(), "{steps:?}");
}

#[test]
fn each_occurrence_exists_at_most_once_and_none_is_made_in_the_past() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let backends = [Backend::Sqlite, Backend::Postgres];
    let databases: Vec<TestDatabase> =
        backends.into_iter().filter_map(|backend| runtime.block_on(TestDatabase::migrated(backend))).collect();
    let round = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(Config { cases: 8, failure_persistence: None, ..Config::default() });
    let result = runner.run(&prop::collection::vec(step(), 1..40), |steps| {
        round.set(round.get() + 1);
        for database in &databases {
            runtime.block_on(check(database, round.get(), &steps));
        }
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
}
