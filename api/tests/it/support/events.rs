//! A client of a stream of events, which reads what a browser would.

use std::time::Duration;

use reqwest::{RequestBuilder, Response};
use serde_json::Value;

use super::User;

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub name: String,
    pub id: Option<String>,
    pub data: Value,
}

impl Event {
    /// The state or the number of the change, which is the id too.
    pub fn number(&self) -> i64 {
        self.id.as_deref().unwrap_or_else(|| panic!("{self:?} has no id")).parse().unwrap()
    }
}

/// An open stream.
pub struct Events {
    response: Response,
    received: Vec<u8>,
    /// The comments that have arrived.
    pub comments: usize,
    /// The values of `retry` that have arrived.
    pub retry: Vec<u64>,
}

impl User {
    /// Opens a stream with this query, and checks that it begins with a state.
    pub async fn listen(&self, query: &str) -> (Events, i64) {
        Events::open(self.request(reqwest::Method::GET, &format!("/api/tasks/events{query}"))).await
    }
}

impl Events {
    pub async fn open(request: RequestBuilder) -> (Self, i64) {
        let response = request.send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (200, &"text/event-stream".parse().unwrap())
        );
        let mut events = Self::of(response);
        let first = events.next().await.unwrap();
        assert_eq!((first.name.as_str(), first.data["state"].as_i64()), ("state", Some(first.number())));
        let state = first.number();
        (events, state)
    }

    pub fn of(response: Response) -> Self {
        Self { response, received: Vec::new(), comments: 0, retry: Vec::new() }
    }

    pub fn response(&self) -> &Response {
        &self.response
    }

    /// Waits for the next event. `None` is the end of the stream, or its break. Fails only if nothing comes at all.
    pub async fn next(&mut self) -> Option<Event> {
        tokio::time::timeout(Duration::from_mins(2), self.read()).await.expect("no event has come")
    }

    /// Waits for the next event, for however long it takes. `None` is the end of the stream, or its break. A future that is
    /// dropped loses nothing.
    pub async fn try_next(&mut self) -> Option<Event> {
        self.read().await
    }

    /// Waits for the next event, which must be a change, and returns its data.
    pub async fn change(&mut self) -> Value {
        let event = self.next().await.expect("the stream has ended");
        assert_eq!(event.name, "change", "{event:?}");
        let version =
            if event.data["type"] == "changed" { &event.data["task"]["version"] } else { &event.data["version"] };
        assert_eq!(version.as_i64(), Some(event.number()), "the id is the number of the change");
        event.data
    }

    /// Waits for the end of the stream, and returns its last event.
    pub async fn last(&mut self) -> Event {
        let event = self.next().await.expect("the stream has ended without an event");
        assert_eq!(self.next().await, None, "nothing follows {event:?}");
        event
    }

    async fn read(&mut self) -> Option<Event> {
        loop {
            while let Some(end) = self.received.windows(2).position(|window| window == b"\n\n") {
                let block: Vec<u8> = self.received.drain(..end + 2).collect();
                if let Some(event) = self.parse(str::from_utf8(&block).unwrap()) {
                    return Some(event);
                }
            }
            let part = self.response.chunk().await.ok().flatten()?;
            self.received.extend_from_slice(&part);
        }
    }

    fn parse(&mut self, block: &str) -> Option<Event> {
        let (mut name, mut id, mut data) = (None, None, None);
        for line in block.lines().filter(|line| !line.is_empty()) {
            match line.split_once(':').map(|(field, value)| (field, value.trim_start())) {
                Some(("", _)) => self.comments += 1,
                Some(("event", value)) => name = Some(value.to_owned()),
                Some(("id", value)) => id = Some(value.to_owned()).filter(|id| !id.is_empty()),
                Some(("data", value)) => data = Some(serde_json::from_str(value).unwrap()),
                Some(("retry", value)) => self.retry.push(value.parse().unwrap()),
                _ => panic!("no line of an event: {line:?}"),
            }
        }
        Some(Event { name: name?, id, data: data.expect("an event has data") })
    }
}
