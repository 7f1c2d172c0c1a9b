//! `POST /api/recurrence/preview`. The rules themselves are tested in `service/src/recurrence`.

use reqwest::Method;
use serde_json::{Value, json};
use testing::on_both_databases;

use crate::support::{Answer, TestApp, User};

const PATH: &str = "/api/recurrence/preview";

async fn preview(user: &User, status: u16, body: &Value) -> Answer {
    Answer::expect(status, user.request(Method::POST, PATH).json(body)).await
}

fn request(recurrence: &str, due_date: &str, time_zone: &str) -> Value {
    json!({"recurrence": recurrence, "due_date": due_date, "time_zone": time_zone})
}

#[on_both_databases]
async fn a_preview_has_the_rule_and_its_dates_and_writes_nothing(app: TestApp) {
    let alice = app.user("alice");
    let before = alice.get(200, "/api/tasks").await.header("etag").to_owned();
    let mut asked = request("Weekly", "2026-03-22T02:30", "europe/berlin");
    asked["count"] = json!(3);
    let expected = json!({
        "recurrence": "FREQ=WEEKLY",
        "occurrences": [
            {"due_date": "2026-03-22T02:30", "occurrence": "2026-03-22T02:30:00", "at": "2026-03-22T01:30:00.000000Z"},
            {"due_date": "2026-03-29T03:30", "occurrence": "2026-03-29T02:30:00", "at": "2026-03-29T01:30:00.000000Z", "shifted": "gap"},
            {"due_date": "2026-04-05T02:30", "occurrence": "2026-04-05T02:30:00", "at": "2026-04-05T00:30:00.000000Z"},
        ]
    });
    assert_eq!(preview(&alice, 200, &asked).await.json(), expected);
    let list = alice.get(200, "/api/tasks").await;
    assert_eq!((list.json(), list.header("etag")), (json!([]), before.as_str()));
}

#[on_both_databases]
async fn an_instant_keeps_its_wall_time_and_a_day_is_due_at_its_end(app: TestApp) {
    let alice = app.user("alice");
    let asked = request("RRULE:FREQ=DAILY;COUNT=2", "2026-10-24T02:30:00+02:00", "Europe/Berlin");
    let answer = preview(&alice, 200, &asked).await.json();
    assert_eq!(
        answer["occurrences"][1],
        json!({
            "due_date": "2026-10-25T02:30:00+02:00", "occurrence": "2026-10-25T02:30:00",
            "at": "2026-10-25T00:30:00.000000Z", "shifted": "overlap"
        })
    );
    assert_eq!(answer["occurrences"].as_array().unwrap().len(), 2);

    let days = preview(&alice, 200, &request("monthly", "2026-01-31", "Asia/Kathmandu")).await.json();
    assert_eq!(days["recurrence"], "FREQ=MONTHLY;BYMONTHDAY=28,29,30,31;BYSETPOS=-1");
    assert_eq!(days["occurrences"].as_array().unwrap().len(), 10);
    assert_eq!(
        days["occurrences"][1],
        json!({"due_date": "2026-02-28", "occurrence": "2026-02-28", "at": "2026-02-28T18:14:59.999999Z"})
    );
}

#[on_both_databases]
async fn each_mistake_is_422_with_the_name_of_its_field(app: TestApp) {
    let alice = app.user("alice");
    let fields = |answer: &Answer| -> Vec<String> {
        let errors = answer.json()["errors"].as_array().unwrap().clone();
        errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
    };
    let all = json!({"recurrence": "FREQ=HOURLY", "due_date": "tomorrow", "time_zone": "CEST", "count": 0});
    assert_eq!(fields(&preview(&alice, 422, &all).await), ["recurrence", "due_date", "time_zone", "count"]);
    assert_eq!(fields(&preview(&alice, 422, &json!({})).await), ["recurrence", "due_date", "time_zone"]);
    for rule in [
        "",
        "sometimes",
        "FREQ=MINUTELY",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYHOUR=1",
        "FREQ=DAILY;UNTIL=20270101T000000Z",
        &format!("FREQ=DAILY;BYMONTHDAY={}", "1,".repeat(300)),
    ] {
        let answer = preview(&alice, 422, &request(rule, "2026-01-31", "Europe/Berlin")).await;
        assert_eq!(fields(&answer), ["recurrence"]);
        assert!(answer.detail().starts_with("recurrence must "), "{}", answer.detail());
    }
    for count in [json!(51), json!(-1), json!("3"), json!(1.5), json!(true)] {
        let mut asked = request("daily", "2026-01-31", "UTC");
        asked["count"] = count;
        assert_eq!(fields(&preview(&alice, 422, &asked).await), ["count"]);
    }
}

#[on_both_databases]
async fn strict_handling_names_unknown_fields_and_otherwise_they_are_ignored(app: TestApp) {
    let alice = app.user("alice");
    let mut asked = request("daily", "2026-01-31", "UTC");
    asked["title"] = json!("t");
    preview(&alice, 200, &asked).await;
    let strict = alice.request(Method::POST, PATH).header("prefer", "handling=strict").json(&asked);
    assert_eq!(Answer::expect(422, strict).await.code(), "unknown_field");
}
