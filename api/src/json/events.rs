//! Server-sent events (HTML Living Standard, section 9.2).

use std::hash::{BuildHasher, RandomState};

use actix_web::web::Bytes;
use serde::{Deserialize, Deserializer};
use service::live::{End, Part};
use service::tasks::FeedItem;
use utoipa::IntoParams;

use super::changes;
use super::task::RESERVED;
use crate::config::TaskAliases;
use crate::error::FieldError;
use crate::extract::Input;

/// A comment, which keeps the connection alive.
pub(crate) const BEAT: Bytes = Bytes::from_static(b":\n\n");

/// The shortest time after which a client connects again, and the part of it that is random, in milliseconds. Clients that lost
/// their connections together do not come back together.
const RETRY: (u64, u64) = (1000, 4000);

/// From which state to listen.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Listen {
    /// The state that you have. Without it, and without `Last-Event-ID`, the events begin now.
    #[serde(default, deserialize_with = "state_or_none")]
    #[param(value_type = i64, minimum = 0, required = false)]
    since: Option<i64>,
}

impl Input for Listen {
    type Checked = Option<i64>;

    fn check(self, _: bool) -> Result<Option<i64>, FieldError> {
        Ok(self.since)
    }
}

fn state_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    changes::state(deserializer).map(Some)
}

/// Returns the first event: the state after which the changes begin, and after which time to connect again.
pub(crate) fn state(state: i64) -> Bytes {
    let (least, random) = RETRY;
    // The standard library seeds each of these at random.
    let retry = least + RandomState::new().hash_one(()) % (random + 1);
    format!("retry: {retry}\nevent: state\nid: {state}\ndata: {{\"state\":{state}}}\n\n").into()
}

/// Writes changes as events.
pub(crate) fn encode(items: Vec<FeedItem>, aliases: TaskAliases) -> Part {
    let mut text = Vec::with_capacity(items.len() * (RESERVED + 96));
    let mut starts = Vec::with_capacity(items.len());
    for item in items {
        let version = item.version();
        starts.push((version, text.len()));
        let event = if matches!(item, FeedItem::Reminded(_)) { "reminder" } else { "change" };
        text.extend_from_slice(format!("event: {event}\nid: {version}\ndata: ").as_bytes());
        // JSON has no line breaks.
        changes::write_change(item, aliases, &mut text);
        text.extend_from_slice(b"\n\n");
    }
    text.shrink_to_fit();
    Part { bytes: text.into(), starts }
}

/// Returns the last event of a stream.
pub(crate) fn end(reason: End) -> Bytes {
    if reason == End::Resync {
        // Without an id, because the position would lead to the same end again.
        return Bytes::from_static(b"event: resync\nid:\ndata: {}\n\n");
    }
    format!("event: end\ndata: {{\"reason\":\"{}\"}}\n\n", self::reason(reason)).into()
}

/// Returns the name of the reason why a stream has ended.
pub(crate) const fn reason(reason: End) -> &'static str {
    match reason {
        End::Resync => "resync",
        End::Expired => "token_expired",
        End::Stopping => "restart",
        End::Slow => "slow",
    }
}
