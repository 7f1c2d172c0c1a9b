//! The arguments of the tools of agents that are not a body or a query of the API.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use service::tasks::{Filter, ListQuery, Search, Sort};

use super::list_query::{DueIn, SortItem, Status, filter_tags, parse, parse_zone, words};
use super::{ListRequest, Priority};
use crate::error::FieldError;
use crate::extract::Input;

/// The id of a task.
#[derive(Debug, Deserialize)]
pub(crate) struct OneTask {
    #[serde(deserialize_with = "integer")]
    task_id: i64,
}

impl Input for OneTask {
    type Checked = i64;

    const REQUIRED: &'static [(&'static str, &'static str)] = &[("task_id", "0")];

    fn check(self, _: bool) -> Result<i64, FieldError> {
        Ok(self.task_id)
    }
}

/// The id of a task, and the version that it must have.
#[derive(Debug, Deserialize)]
pub(crate) struct OneVersion {
    #[serde(deserialize_with = "integer")]
    task_id: i64,
    #[serde(default, deserialize_with = "integer_or_null")]
    version: Option<i64>,
}

impl OneVersion {
    /// The names of the arguments.
    pub(crate) const NAMES: [&str; 2] = ["task_id", "version"];
}

impl Input for OneVersion {
    type Checked = (i64, Option<i64>);

    const REQUIRED: &'static [(&'static str, &'static str)] = &[("task_id", "0")];

    fn check(self, _: bool) -> Result<(i64, Option<i64>), FieldError> {
        Ok((self.task_id, self.version))
    }
}

/// The id of a task, and whether it is to be completed.
#[derive(Debug, Deserialize)]
pub(crate) struct CompleteArguments {
    #[serde(deserialize_with = "integer")]
    task_id: i64,
    completed: Option<bool>,
}

impl Input for CompleteArguments {
    type Checked = (i64, bool);

    const REQUIRED: &'static [(&'static str, &'static str)] = &[("task_id", "0")];

    fn check(self, _: bool) -> Result<(i64, bool), FieldError> {
        Ok((self.task_id, self.completed.unwrap_or(true)))
    }
}

/// Which tasks to list, in which order, and how many at a time.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ListArguments {
    #[serde(deserialize_with = "word")]
    status: Option<Status>,
    search: Option<String>,
    #[serde(deserialize_with = "comma_list")]
    priority: Vec<Priority>,
    tags: Vec<String>,
    #[serde(deserialize_with = "word")]
    due: Option<DueIn>,
    tz: Option<String>,
    #[serde(deserialize_with = "comma_list")]
    sort: Vec<SortItem>,
    #[serde(deserialize_with = "limit")]
    limit: Option<u32>,
    cursor: Option<String>,
}

impl ListArguments {
    /// The number of tasks of a page, if it is not sent.
    pub(crate) const DEFAULT_LIMIT: u32 = 50;
    /// The most tasks of a page.
    pub(crate) const MAX_LIMIT: u32 = 100;
}

impl Input for ListArguments {
    type Checked = ListRequest;

    fn check(self, _: bool) -> Result<ListRequest, FieldError> {
        let filter = Filter {
            status: self.status.unwrap_or_default().into(),
            priorities: self.priority.into_iter().map(Into::into).collect(),
            tags: filter_tags("tags", &self.tags)?,
            due: self.due.map(Into::into),
            zone: parse_zone(self.tz.as_deref())?,
            search: parse("search", self.search.as_deref(), Search::parse)?,
            ..Filter::default()
        };
        let sort =
            if self.sort.is_empty() { Sort::default() } else { Sort::new(self.sort.into_iter().map(SortItem::by)) };
        let limit = Some(self.limit.unwrap_or(Self::DEFAULT_LIMIT));
        Ok(ListRequest { query: ListQuery { filter, sort }, limit, cursor: self.cursor })
    }
}

fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    serde_json::Number::deserialize(deserializer).ok().and_then(|number| number.as_i64()).ok_or_else(|| {
        // The form of serde's own messages, of which a sentence is made.
        serde::de::Error::custom("invalid type: other, expected an integer")
    })
}

fn integer_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let number = Option::<serde_json::Value>::deserialize(deserializer)?;
    let invalid = || serde::de::Error::custom("invalid type: other, expected an integer");
    number.map(|number| number.as_i64().ok_or_else(invalid)).transpose()
}

fn limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let limit = u32::try_from(integer(deserializer).unwrap_or_default()).unwrap_or_default();
    if (1..=ListArguments::MAX_LIMIT).contains(&limit) {
        return Ok(Some(limit));
    }
    let expected = format!("invalid value, expected an integer from 1 to {}", ListArguments::MAX_LIMIT);
    Err(serde::de::Error::custom(expected))
}

/// Deserializes one word.
fn word<'de, T: DeserializeOwned + PartialEq, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    let text = Cow::<str>::deserialize(deserializer)?;
    Ok(words(std::iter::once(&*text))?.pop())
}

/// Deserializes words that are separated by commas, with or without spaces.
fn comma_list<'de, T: DeserializeOwned + PartialEq, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let text = Cow::<str>::deserialize(deserializer)?;
    words(text.split(',').map(str::trim).filter(|word| !word.is_empty()))
}
