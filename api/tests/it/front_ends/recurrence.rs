//! What front ends send for recurrence and reminders.

use serde_json::json;

use super::{Habit, habit};

pub(super) fn rules() -> Vec<Habit> {
    const POST: &str = "POST /api/tasks";
    // The task has a due date and no time zone.
    const PUT: &str = "PUT /api/tasks/{id}";
    let rule = |line, body, expects, refused| habit("16 of 48", line, body, expects, refused);
    let ignored = |status| (status, json!({"title": "t", "recurrence": null, "series_id": null}));
    let day = "2030-01-31";
    let mut habits = vec![
        rule(POST, json!({"title": "t", "recurrence": null}), ignored(201), ""),
        rule(POST, json!({"title": "t", "recurrence": "weekly"}), ignored(201), "due_date"),
        rule(POST, json!({"title": "t", "recurrence": "DAILY", "due_date": day}), ignored(201), "time_zone"),
        rule(PUT, json!({"title": "t", "recurrence": "monthly"}), ignored(200), "time_zone"),
        rule(
            POST,
            json!({"title": "t", "recurrence": "Weekly", "due_date": day, "time_zone": "Europe/Berlin"}),
            (201, json!({"recurrence": "FREQ=WEEKLY"})),
            "",
        ),
        rule(POST, json!({"title": "t", "time_zone": ""}), ignored(201), "time_zone"),
        rule(POST, json!({"title": "t", "time_zone": "CEST+1"}), (422, json!({"code": "invalid_field"})), "time_zone"),
        rule(
            POST,
            json!({"title": "t", "is_recurring": true, "recurrence_pattern": "weekly", "repeat": {"every": 1}, "recurring": "d"}),
            ignored(201),
            "is_recurring, recurrence_pattern, repeat, recurring",
        ),
    ];
    for none in [json!("none"), json!("None"), json!(""), json!(false)] {
        habits.push(rule(POST, json!({"title": "t", "recurrence": none}), ignored(201), "recurrence"));
    }
    let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
    for foreign in
        [json!("biweekly"), json!({"frequency": "daily", "interval": 1}), json!(["MO"]), json!(7), json!(1.5), deep]
    {
        habits.push(rule(PUT, json!({"title": "t", "recurrence": foreign}), ignored(200), "recurrence"));
    }
    habits.push(rule(PUT, json!({"title": "t", "recurrence": true}), ignored(200), "recurrence"));
    for wrong in ["FREQ=HOURLY", "every freq=daily", "RRULE:", "RRULE:FREQ=DAILY;X=1"] {
        let body = json!({"title": "x", "recurrence": wrong, "due_date": day, "time_zone": "UTC"});
        for line in [POST, PUT] {
            habits.push(rule(line, body.clone(), (422, json!({"code": "invalid_field"})), "recurrence"));
        }
    }
    habits
}

pub(super) fn reminders() -> Vec<Habit> {
    let habit = |body, expects, refused| habit("9 of 48", "POST /api/tasks", body, expects, refused);
    let ignored = || (201, json!({"title": "t", "reminders": null}));
    let mut habits = vec![habit(
        json!({"title": "t", "reminder": "15m", "remind_at": "2030-01-31T09:00", "reminder_at": null, "reminder_minutes": 15}),
        ignored(),
        "reminder, remind_at, reminder_at, reminder_minutes",
    )];
    for none in [json!("none"), json!(""), json!(false)] {
        habits.push(habit(json!({"title": "t", "reminders": none}), ignored(), "reminders"));
    }
    for wrong in [json!("15 minutes"), json!(["2030-01-31T09:00:00Z"]), json!([{"minutes": 15}]), json!(15)] {
        let expects = (422, json!({"code": "invalid_field"}));
        habits.push(habit(json!({"title": "t", "reminders": wrong}), expects, "reminders"));
    }
    let unknown = json!({"title": "t", "reminders": [{"at": "2030-01-31T09:00:00Z", "method": "email"}]});
    habits.push(habit(unknown, (201, json!({"reminders": [{"at": "2030-01-31T09:00:00Z"}]})), "method"));
    habits
}
