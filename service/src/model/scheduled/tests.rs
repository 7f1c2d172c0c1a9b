use super::*;
use crate::model::{Due, LeadTime};
use crate::recurrence::{Missed, RecurFrom};

const DAY: i64 = 24 * 60 * 60;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

/// 2026-01-31T12:00:00Z.
const NOON: i64 = 1_769_860_800;

fn utc() -> Zone {
    Zone::parse("UTC").unwrap()
}

fn rule(text: &str) -> ScheduleChanges {
    ScheduleChanges {
        recurrence: Change::To(Some(RuleText { text: text.to_owned(), is_optional: false })),
        zone: Change::To(Some(utc())),
        ..ScheduleChanges::default()
    }
}

fn changes(schedule: ScheduleChanges) -> Changes {
    Changes { schedule: Some(Box::new(schedule)), ..Changes::default() }
}

fn with_due(due: &str, changes: Changes) -> Changes {
    Changes { due: Change::To(Some(Due::parse(due).unwrap())), ..changes }
}

fn task(due: &str, schedule: ScheduleChanges) -> Task {
    Task { id: 1, ..created(&with_due(due, changes(schedule)), at(NOON)).unwrap() }
}

fn edit(task: &Task, edit: ScheduledEdit, changes: &Changes, around: &Surroundings) -> Result<Outcome, Error> {
    apply(task, edit, changes, around, (at(NOON + 1), at(NOON + 1)))
}

fn toggle(task: &Task, around: &Surroundings) -> Outcome {
    edit(task, ScheduledEdit::Toggle, &Changes::default(), around).unwrap()
}

fn change(task: &Task, changes: &Changes) -> Result<Task, InvalidSchedule> {
    match edit(task, ScheduledEdit::Change, changes, &Surroundings::default()) {
        Ok(outcome) => Ok(outcome.changed.unwrap()),
        Err(Error::InvalidSchedule(problem)) => Err(problem),
        Err(other) => panic!("{other}"),
    }
}

fn slot(task: &Task) -> &str {
    task.occurrence.as_ref().unwrap().as_str()
}

fn around(last_other: &str) -> Surroundings {
    Surroundings { last_other: Some(Slot::parse(last_other).unwrap()), ..Surroundings::default() }
}

fn before(texts: &[&str]) -> Change<Vec<Reminder>> {
    Change::To(texts.iter().map(|text| Reminder::Before(LeadTime::parse(*text).unwrap())).collect())
}

#[test]
fn a_completion_makes_the_next_occurrence_after_now() {
    let old = task("2026-01-01", rule("daily"));
    let done = toggle(&old, &Surroundings::default());
    let changed = done.changed.unwrap();
    assert!(changed.completed && changed.completed_at == Some(at(NOON + 1)) && changed.occurrence == old.occurrence);
    // 31 January is not over yet.
    assert_eq!(slot(&done.next.unwrap()), "2026-01-31");

    let kept = task("2026-01-01", ScheduleChanges { missed: Change::To(Missed::Keep), ..rule("daily") });
    assert_eq!(slot(&toggle(&kept, &Surroundings::default()).next.unwrap()), "2026-01-02");
    let from = ScheduleChanges { from: Change::To(RecurFrom::Completion), ..rule("FREQ=DAILY;INTERVAL=3") };
    assert_eq!(slot(&toggle(&task("2026-02-20", from.clone()), &Surroundings::default()).next.unwrap()), "2026-02-21");
    assert_eq!(slot(&toggle(&task("2026-01-01", from), &Surroundings::default()).next.unwrap()), "2026-02-03");
}

#[test]
fn only_the_last_occurrence_of_a_series_makes_a_next_one() {
    let old = task("2026-02-01", rule("daily"));
    assert_eq!(toggle(&old, &around("2026-02-02")).next, None);
    assert!(toggle(&old, &around("2026-01-31")).next.is_some());
    let deleted = |around| edit(&old, ScheduledEdit::Delete, &Changes::default(), &around).unwrap();
    assert_eq!(deleted(around("2026-02-02")), Outcome { deleted: vec![old.clone()], ..Outcome::default() });
    assert_eq!(slot(&deleted(Surroundings::default()).next.unwrap()), "2026-02-02");
}

#[test]
fn a_completed_task_makes_no_further_occurrence_when_it_is_completed_again_or_deleted() {
    let done = toggle(&task("2026-02-01", rule("daily")), &Surroundings::default()).changed.unwrap();
    let completed = Changes { completed: Change::To(true), ..Changes::default() };
    let again = edit(&done, ScheduledEdit::Change, &completed, &Surroundings::default()).unwrap();
    assert_eq!((again.next, again.changed.unwrap().completed_at), (None, done.completed_at));
    let deleted = edit(&done, ScheduledEdit::Delete, &Changes::default(), &Surroundings::default()).unwrap();
    assert_eq!(deleted.next, None);
}

#[test]
fn count_is_counted_down_and_kept_if_the_same_rule_is_sent_again() {
    let first = task("2026-02-01", rule("FREQ=DAILY;COUNT=3"));
    let second = Task { id: 2, ..toggle(&first, &Surroundings::default()).next.unwrap() };
    let same = change(&second, &changes(rule("freq=daily;count=3"))).unwrap();
    assert_eq!(same.schedule, second.schedule);
    let third = toggle(&same, &around("2026-02-01")).next.unwrap();
    assert_eq!(toggle(&third, &around("2026-02-02")).next, None);
    let other = change(&second, &changes(rule("FREQ=WEEKLY;COUNT=3"))).unwrap();
    assert_eq!(other.schedule.unwrap().series.unwrap().left, Some(2));
}

#[test]
fn the_next_occurrence_has_the_relative_reminders_only() {
    let mut reminders = vec![Reminder::At(super::super::ReminderInstant::parse("2026-02-01T00:00:00Z").unwrap())];
    reminders.extend(before(&["PT15M"]).value().unwrap().clone());
    let old = task("2026-02-01T10:00", ScheduleChanges { reminders: Change::To(reminders), ..rule("daily") });
    // 1 February, 00:00 and 09:45.
    let first = NOON + DAY / 2;
    assert_eq!(reminder_times(&old), [(1, first * 1_000_000), (2, (first + 35_100) * 1_000_000)]);
    let done = toggle(&old, &Surroundings::default());
    assert_eq!(reminder_times(&done.changed.unwrap()), []);
    assert_eq!(reminder_times(&done.next.unwrap()), [(1, (first + DAY + 35_100) * 1_000_000)]);
}

#[test]
fn an_untouched_next_occurrence_is_deleted_when_the_completion_is_taken_back() {
    let outcome = toggle(&task("2026-02-01", rule("daily")), &Surroundings::default());
    let mut done = outcome.changed.unwrap();
    let made = at(NOON + 2);
    let next = Task { id: 2, created_at: made, updated_at: made, ..outcome.next.unwrap() };
    done.schedule.as_mut().unwrap().next = Some(2);
    let with = |next: Option<Task>, last: Option<&str>| {
        let last_other = last.map(|last| Slot::parse(last).unwrap());
        toggle(&done, &Surroundings { next, last_other, open: Vec::new() })
    };
    let untouched = with(Some(next.clone()), Some("2026-02-02"));
    assert_eq!(untouched.deleted, std::slice::from_ref(&next));
    let open = untouched.changed.unwrap();
    assert_eq!((open.completed_at, open.schedule.unwrap().next), (None, None));
    for touched in [Task { updated_at: at(NOON + 3), ..next.clone() }, Task { completed: true, ..next }] {
        let stays = with(Some(touched.clone()), Some("2026-02-02"));
        assert_eq!(stays.deleted, []);
        let last_other = touched.occurrence.as_deref().cloned();
        let around = Surroundings { next: Some(touched), last_other, open: Vec::new() };
        let again = toggle(&stays.changed.unwrap(), &around);
        assert_eq!((again.next, again.changed.unwrap().schedule.unwrap().next), (None, Some(2)), "it is named again");
    }
    // It was skipped, and the series goes on; or the series was deleted.
    assert!(with(None, Some("2026-02-03")).changed.unwrap().schedule.unwrap().series.is_some());
    assert_eq!(with(None, None).changed.unwrap().schedule, None);
}

#[test]
fn a_series_that_is_deleted_takes_all_open_tasks_with_it() {
    let first = task("2026-02-01", rule("daily"));
    let second = Task { id: 2, ..first.clone() };
    let around = Surroundings { open: vec![second.clone(), first.clone()], ..Surroundings::default() };
    let outcome = edit(&first, ScheduledEdit::DeleteSeries, &Changes::default(), &around).unwrap();
    assert_eq!(outcome, Outcome { deleted: vec![first, second], ..Outcome::default() });
}

#[test]
fn a_rule_that_changes_or_ends_does_so_for_the_later_open_occurrences_too() {
    let first = task("2026-01-31", rule("daily"));
    let completed = Task { completed: true, ..first.clone() };
    let next = Task { id: 2, ..toggle(&first, &Surroundings::default()).next.unwrap() };
    let around = Surroundings { open: vec![first.clone(), next.clone()], ..around("2026-02-01") };
    let later = |task: &Task, schedule: ScheduleChanges| {
        let changes = changes(schedule);
        assert!(needs_open(task, ScheduledEdit::Change, &changes, &around));
        let later = edit(task, ScheduledEdit::Change, &changes, &around).unwrap().later;
        assert!(later.iter().all(|(before, _)| *before == next));
        later.into_iter().map(|(_, after)| after).collect::<Vec<_>>()
    };
    let end = ScheduleChanges { recurrence: Change::To(None), ..ScheduleChanges::default() };
    for task in [&first, &completed] {
        // The word means the 31st or the last day for both, although the later one is due on the 1st.
        let monthly = later(task, rule("monthly"));
        let series = monthly[0].schedule.as_ref().unwrap().series.as_ref().unwrap();
        assert_eq!(series.rule.as_str(), "FREQ=MONTHLY;BYMONTHDAY=28,29,30,31;BYSETPOS=-1");
        assert_eq!((slot(&monthly[0]), &monthly[0].due), ("2026-02-01", &next.due));
        assert_eq!(later(task, end.clone())[0].schedule, None);
        assert_eq!(later(task, rule("daily")), [], "a form sends the rule that it has read");
    }
    assert!(!needs_open(&first, ScheduledEdit::Change, &changes(end), &Surroundings::default()));
}

#[test]
fn a_moved_due_date_is_the_new_phase_unless_it_is_before_another_occurrence() {
    let old = task("2026-02-10", rule("FREQ=WEEKLY"));
    let move_to = |due: &str, around| {
        let changes = with_due(due, Changes::default());
        edit(&old, ScheduledEdit::Change, &changes, &around).unwrap().changed.unwrap()
    };
    assert_eq!(slot(&move_to("2026-02-12", around("2026-02-03"))), "2026-02-12");
    assert_eq!(slot(&move_to("2026-02-04T08:00", around("2026-02-03"))), "2026-02-04T08:00:00");
    assert_eq!(slot(&move_to("2026-02-03", around("2026-02-03"))), "2026-02-10");
    let until = task("2026-02-10", rule("FREQ=DAILY;UNTIL=20260212"));
    assert!(change(&until, &with_due("2026-03-01", Changes::default())).is_ok(), "behind the end of the series");
}

#[test]
fn a_rule_and_reminders_before_need_a_due_date_and_a_time_zone() {
    let plain = created(&Changes::default(), at(NOON)).unwrap();
    let without_zone = |changes: ScheduleChanges| ScheduleChanges { zone: Change::Keep, ..changes };
    let relative = ScheduleChanges { reminders: before(&["PT0S"]), ..ScheduleChanges::default() };
    assert_eq!(change(&plain, &changes(rule("daily"))), Err(InvalidSchedule::RuleWithoutDueDate));
    assert_eq!(change(&plain, &changes(relative.clone())), Err(InvalidSchedule::ReminderWithoutDueDate));
    let dated = |schedule| with_due("2026-02-01", changes(schedule));
    assert_eq!(change(&plain, &dated(without_zone(rule("daily")))), Err(InvalidSchedule::NoZone));
    assert_eq!(change(&plain, &dated(relative.clone())), Err(InvalidSchedule::NoZone));
    let bad = Err(InvalidSchedule::Rule(InvalidRecurrence::TooOften));
    assert_eq!(change(&plain, &dated(rule("FREQ=HOURLY"))), bad);
    let many = ScheduleChanges { reminders: before(&["PT1M"; 6]), ..rule("daily") };
    assert_eq!(change(&plain, &dated(many)), Err(InvalidSchedule::TooManyReminders));

    let recurring = change(&plain, &dated(rule("daily"))).unwrap();
    let no_due = Changes { due: Change::To(None), ..Changes::default() };
    assert_eq!(change(&recurring, &no_due), Err(InvalidSchedule::DueDateOfSeries));
    let no_zone = ScheduleChanges { zone: Change::To(None), ..ScheduleChanges::default() };
    assert_eq!(change(&recurring, &changes(no_zone)), Err(InvalidSchedule::NoZone));
    let reminded = task("2026-02-01", ScheduleChanges { zone: Change::To(Some(utc())), ..relative });
    assert_eq!(change(&reminded, &no_due), Err(InvalidSchedule::DueDateOfReminders));
    let end = ScheduleChanges { recurrence: Change::To(None), ..ScheduleChanges::default() };
    assert!(change(&recurring, &Changes { due: Change::To(None), ..changes(end) }).unwrap().schedule.is_none());
}

#[test]
fn an_optional_rule_is_ignored_without_a_due_date_or_a_time_zone() {
    let optional = |zone| ScheduleChanges {
        recurrence: Change::To(Some(RuleText { text: "weekly".to_owned(), is_optional: true })),
        zone: Change::To(zone),
        ..ScheduleChanges::default()
    };
    let schedule = |changes: &Changes| created(changes, at(NOON)).unwrap().schedule;
    assert_eq!(schedule(&changes(optional(Some(utc())))), None);
    assert_eq!(schedule(&with_due("2026-02-01", changes(optional(None)))), None);
    assert!(schedule(&with_due("2026-02-01", changes(optional(Some(utc()))))).is_some());
}

#[test]
fn a_task_keeps_its_series_when_the_rule_changes_and_gets_a_new_one_after_it_ended() {
    let first = task("2026-02-01", rule("daily"));
    assert_eq!(first.series_id, Some(NOON * 1_000_000));
    let other = change(&first, &changes(rule("weekly"))).unwrap();
    assert_eq!(other.series_id, first.series_id);
    let end = ScheduleChanges { recurrence: Change::To(None), ..ScheduleChanges::default() };
    let ended = change(&other, &changes(end)).unwrap();
    assert_eq!((ended.series_id, ended.schedule.clone()), (first.series_id, None));
    let again = change(&ended, &changes(rule("daily"))).unwrap();
    assert_eq!(again.series_id, Some((NOON + 1) * 1_000_000));
}

#[test]
fn a_task_that_gets_a_rule_and_is_completed_in_one_edit_has_a_next_occurrence_also_if_its_old_series_has_a_later_one() {
    let end = ScheduleChanges { recurrence: Change::To(None), ..ScheduleChanges::default() };
    let ended = change(&task("2026-02-01", rule("daily")), &changes(end)).unwrap();
    let completed = Changes { completed: Change::To(true), ..changes(rule("weekly")) };
    let outcome = edit(&ended, ScheduledEdit::Change, &completed, &around("2026-02-02")).unwrap();
    assert_eq!(outcome.next.as_ref().map(slot), Some("2026-02-08"));
}

#[test]
fn a_schedule_is_stored_as_json_and_read_back() {
    let reminders = before(&["PT15M", "P1D"]);
    let task = task("2026-02-01", ScheduleChanges { reminders, ..rule("FREQ=DAILY;COUNT=3") });
    let schedule = *task.schedule.unwrap();
    assert_eq!(Schedule::from_stored(&schedule.to_stored()).unwrap(), schedule);
    assert_eq!(
        schedule.to_stored(),
        r#"{"series":{"rule":"FREQ=DAILY;COUNT=3","tz":"UTC","from":"due","missed":"skip","left":2},"reminders":[{"before":"PT15M"},{"before":"P1D"}]}"#
    );
}
