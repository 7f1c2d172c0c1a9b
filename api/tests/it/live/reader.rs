use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::{Run, below};
use crate::support::events::{Event, Events};
use crate::support::{SECRET, User};

/// How a reader behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It reads as fast as it can.
    Steady,
    /// It hangs up again and again.
    Hasty,
    /// Its network stalls again and again.
    Slow,
    /// Its tokens expire after two or three seconds.
    Expiring,
}

/// A reader of one user's stream, and its replica.
pub struct Reader {
    address: String,
    name: &'static str,
    kind: Kind,
    run: Arc<Run>,
    tasks: BTreeMap<i64, Value>,
    position: i64,
}

impl Reader {
    pub fn new(address: &str, name: &'static str, kind: Kind, run: Arc<Run>) -> Self {
        Self { address: address.to_owned(), name, kind, run, tasks: BTreeMap::new(), position: 0 }
    }

    fn user(&self) -> User {
        let lifetime = if self.kind == Kind::Expiring { 3 } else { 600 };
        let claims = json!({ "sub": self.name, "exp": get_current_timestamp() + lifetime });
        let token = encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap();
        User::new(&self.address, Some(&token))
    }

    /// Reads until the replica has the final state of the user with this number. Returns its tasks by their ids.
    pub async fn read_to(mut self, number: usize) -> Vec<Value> {
        while !self.load().await {
            sleep(Duration::from_millis(50)).await;
        }
        let run = Arc::clone(&self.run);
        let goal = || run.goals[number].load(Ordering::SeqCst);
        while goal() == 0 || self.position < goal() {
            self.read_a_stream(&goal).await;
            // Shorter than `retry`, so that more happens.
            sleep(Duration::from_millis(below(200))).await;
        }
        assert_eq!(self.position, goal(), "a reader has events that are newer than the list");
        self.tasks.into_values().collect()
    }

    /// Loads the whole list. Returns whether that succeeded.
    async fn load(&mut self) -> bool {
        let Ok(answer) = self.user().request(Method::GET, "/api/tasks").send().await else { return false };
        let state = answer.headers().get("etag").map(|tag| tag.to_str().unwrap().trim_matches('"').parse().unwrap());
        let (Some(state), Ok(Value::Array(list))) = (state, answer.json().await) else { return false };
        self.tasks = list.into_iter().map(|task| (task["id"].as_i64().unwrap(), task)).collect();
        self.position = state;
        true
    }

    /// Reads a stream to its end, or until the final state is reached.
    async fn read_a_stream(&mut self, goal: &impl Fn() -> i64) {
        let request = self.user().request(Method::GET, "/api/tasks/events").header("last-event-id", self.position);
        let Ok(Ok(response)) = timeout(Duration::from_secs(10), request.send()).await else { return };
        if response.status() != 200 {
            return;
        }
        self.run.streams.fetch_add(1, Ordering::SeqCst);
        let mut events = Events::of(response);
        let mut is_first = true;
        while goal() == 0 || self.position < goal() {
            // Not for ever, because the final state may have been reached by the last event.
            let event = match timeout(Duration::from_millis(500), events.try_next()).await {
                Err(_) => continue,
                Ok(Some(event)) => event,
                Ok(None) => {
                    self.run.broken.fetch_add(1, Ordering::SeqCst);
                    return;
                }
            };
            if std::mem::take(&mut is_first) {
                assert_eq!((event.name.as_str(), event.number()), ("state", self.position));
                continue;
            }
            if !self.apply(&event) {
                return;
            }
            if self.kind == Kind::Hasty && below(200) == 0 {
                return;
            }
        }
    }

    /// Applies an event. Returns false if it is the last one.
    fn apply(&mut self, event: &Event) -> bool {
        match event.name.as_str() {
            "change" => {
                self.run.events.fetch_add(1, Ordering::SeqCst);
                let number = event.number();
                assert!(number > self.position, "{} after {}, by a {:?} reader", number, self.position, self.kind);
                self.position = number;
                if event.data["type"] == "changed" {
                    let task = &event.data["task"];
                    assert_eq!(task["version"], number);
                    self.tasks.insert(task["id"].as_i64().unwrap(), task.clone());
                } else {
                    assert_eq!((&event.data["type"], &event.data["version"]), (&json!("deleted"), &json!(number)));
                    self.tasks.remove(&event.data["id"].as_i64().unwrap());
                }
                true
            }
            "end" => {
                let counter = match event.data["reason"].as_str().unwrap() {
                    "token_expired" => &self.run.expired,
                    "slow" => &self.run.slow,
                    "restart" => &self.run.restarted,
                    other => panic!("a stream ended for the reason {other}"),
                };
                counter.fetch_add(1, Ordering::SeqCst);
                false
            }
            // Nothing is erased, so every state is known.
            other => panic!("an event {other} at {}", self.position),
        }
    }
}
