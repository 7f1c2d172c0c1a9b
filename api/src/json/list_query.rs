//! The parameters of a list.

use std::borrow::Cow;

use serde::de::value::{Error as Words, StrDeserializer};
use serde::de::{DeserializeOwned, Error as _, IntoDeserializer};
use serde::{Deserialize, Deserializer};
use service::tasks::{self, Due, Filter, ListQuery, Search, Sort, SortBy, Tag, Tags, Zone};
use utoipa::{IntoParams, ToSchema};

use crate::error::Error;
use crate::json::schema::{due_after, due_before, limit as limit_schema, search, tag_list, zone};
use crate::json::task::Priority;

/// The most tasks of a page.
pub(crate) const MAX_LIMIT: u32 = 1000;

/// Which tasks to list, in which order, and how many at a time.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct ListTasks {
    /// Only these tasks; without it all of them.
    #[param(inline, required = false)]
    status: Status,
    /// Only tasks of one of these priorities, separated by commas.
    #[serde(deserialize_with = "comma_list")]
    #[param(value_type = Vec<Priority>, style = Form, explode = false, required = false, example = json!(["high", "medium"]))]
    priority: Vec<Priority>,
    /// Only tasks with this tag; with all of them where it is repeated. Case does not count.
    #[param(schema_with = tag_list, style = Form, explode = true, required = false)]
    tag: Vec<String>,
    /// Only tasks that are due before this.
    #[param(schema_with = due_before, required = false)]
    due_before: Option<String>,
    /// Only tasks that are due after this.
    #[param(schema_with = due_after, required = false)]
    due_after: Option<String>,
    /// Only tasks that are due in this time, in the time zone `tz`.
    #[param(inline, required = false)]
    due: Option<DueIn>,
    /// Where you are: the name of a time zone of the IANA database. A day begins and ends there.
    #[param(schema_with = zone, required = false)]
    tz: Option<String>,
    /// Only tasks with this in their title or description. Case and accents do not count, in any script.
    #[param(schema_with = search, required = false, example = "milk")]
    search: Option<String>,
    /// What to sort by, separated by commas; `-` is descending. Tasks without a due date come last in both directions; where
    /// nothing tells two tasks apart, their ids do, in the direction of the last key. Without it, newest first.
    #[serde(deserialize_with = "comma_list")]
    #[param(value_type = Vec<SortItem>, style = Form, explode = false, required = false, example = json!(["-priority", "due_date"]))]
    sort: Vec<SortItem>,
    /// The same as `sort` with this one key; `sort` comes first.
    #[param(inline, required = false)]
    sort_by: Option<SortKey>,
    /// The direction of `sort_by`.
    #[param(inline, required = false)]
    order: Option<Direction>,
    /// At most so many tasks.
    #[serde(deserialize_with = "limit")]
    #[param(schema_with = limit_schema, required = false, example = 20)]
    pub(crate) limit: Option<u32>,
    /// Where to go on: from the `Link` of the page before. It is valid for the same filters and the same order only.
    #[param(value_type = String, required = false)]
    pub(crate) cursor: Option<String>,
}

/// Which tasks a list shows.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    /// Every task.
    #[default]
    All,
    /// Those that are not done.
    Pending,
    /// Those that are done.
    Completed,
}

/// A time that tasks are due in: past and not done, today, today or one of the six days after it, never.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum DueIn {
    Overdue,
    Today,
    Week,
    None,
}

/// What tasks can be sorted by.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SortKey {
    CreatedAt,
    UpdatedAt,
    DueDate,
    Priority,
    Title,
}

/// What tasks can be sorted by, ascending, or descending with `-`.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
pub(crate) enum SortItem {
    #[serde(rename = "created_at")]
    CreatedAt,
    #[serde(rename = "-created_at")]
    CreatedAtDescending,
    #[serde(rename = "updated_at")]
    UpdatedAt,
    #[serde(rename = "-updated_at")]
    UpdatedAtDescending,
    #[serde(rename = "due_date")]
    DueDate,
    #[serde(rename = "-due_date")]
    DueDateDescending,
    #[serde(rename = "priority")]
    Priority,
    #[serde(rename = "-priority")]
    PriorityDescending,
    #[serde(rename = "title")]
    Title,
    #[serde(rename = "-title")]
    TitleDescending,
}

/// Ascending or descending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Direction {
    Asc,
    Desc,
}

impl ListTasks {
    /// What is asked for, apart from how much of it.
    pub(crate) fn query(&self) -> Result<ListQuery, Error> {
        let filter = Filter {
            status: match self.status {
                Status::All => tasks::Status::All,
                Status::Pending => tasks::Status::Pending,
                Status::Completed => tasks::Status::Completed,
            },
            priorities: self.priority.iter().copied().map(Into::into).collect(),
            tags: self.tags()?,
            due_before: parse("due_before", self.due_before.as_deref(), Due::parse)?,
            due_after: parse("due_after", self.due_after.as_deref(), Due::parse)?,
            due: self.due.map(|due| match due {
                DueIn::Overdue => tasks::DueIn::Overdue,
                DueIn::Today => tasks::DueIn::Today,
                DueIn::Week => tasks::DueIn::Week,
                DueIn::None => tasks::DueIn::None,
            }),
            zone: parse_zone(self.tz.as_deref())?,
            search: parse("search", self.search.as_deref(), Search::parse)?,
        };
        Ok(ListQuery { filter, sort: self.sort() })
    }

    fn tags(&self) -> Result<Vec<Tag>, Error> {
        if self.tag.len() > Tags::MAX {
            return Err(Error::invalid("invalid_parameter", format!("tag must come at most {} times", Tags::MAX)));
        }
        let tags = self.tag.iter().map(|tag| parse("tag", Some(tag.as_str()), Tag::parse));
        Ok(tags.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    fn sort(&self) -> Sort {
        if !self.sort.is_empty() {
            return Sort::new(self.sort.iter().copied().map(SortItem::by));
        }
        match (self.sort_by, self.order) {
            (None, None) => Sort::default(),
            (key, order) => {
                let key = key.unwrap_or(SortKey::CreatedAt).key();
                Sort::new([SortBy { key, descending: order == Some(Direction::Desc) }])
            }
        }
    }
}

/// The time zone of a parameter `tz`, UTC without one.
pub(crate) fn parse_zone(name: Option<&str>) -> Result<Zone, Error> {
    Ok(parse("tz", name, Zone::parse)?.unwrap_or_default())
}

impl SortKey {
    fn key(self) -> tasks::SortKey {
        match self {
            Self::CreatedAt => tasks::SortKey::CreatedAt,
            Self::UpdatedAt => tasks::SortKey::UpdatedAt,
            Self::DueDate => tasks::SortKey::DueDate,
            Self::Priority => tasks::SortKey::Priority,
            Self::Title => tasks::SortKey::Title,
        }
    }
}

impl SortItem {
    fn by(self) -> SortBy {
        let (key, descending) = match self {
            Self::CreatedAt => (tasks::SortKey::CreatedAt, false),
            Self::CreatedAtDescending => (tasks::SortKey::CreatedAt, true),
            Self::UpdatedAt => (tasks::SortKey::UpdatedAt, false),
            Self::UpdatedAtDescending => (tasks::SortKey::UpdatedAt, true),
            Self::DueDate => (tasks::SortKey::DueDate, false),
            Self::DueDateDescending => (tasks::SortKey::DueDate, true),
            Self::Priority => (tasks::SortKey::Priority, false),
            Self::PriorityDescending => (tasks::SortKey::Priority, true),
            Self::Title => (tasks::SortKey::Title, false),
            Self::TitleDescending => (tasks::SortKey::Title, true),
        };
        SortBy { key, descending }
    }
}

/// A parameter as a value of the service's; its error's words go on after the parameter's name.
fn parse<'a, T, E: std::fmt::Display>(
    name: &str,
    text: Option<&'a str>,
    parse: impl FnOnce(&'a str) -> Result<T, E>,
) -> Result<Option<T>, Error> {
    let invalid = |words| Error::invalid("invalid_parameter", format!("{name} {words}"));
    text.map(parse).transpose().map_err(invalid)
}

/// Values separated by commas; a parameter that comes again adds to them.
fn comma_list<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let texts = Vec::<Cow<'_, str>>::deserialize(deserializer)?;
    let value = |text: &str| {
        let deserializer: StrDeserializer<'_, Words> = text.into_deserializer();
        T::deserialize(deserializer).map_err(D::Error::custom)
    };
    texts.iter().flat_map(|text| text.split(',')).map(value).collect()
}

/// A number of tasks; one that is too large is an error, never a smaller number.
fn limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let text = Cow::<str>::deserialize(deserializer)?;
    let limit = text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
    let invalid = || D::Error::custom(format!("invalid value, expected an integer from 1 to {MAX_LIMIT}"));
    limit.map(Some).ok_or_else(invalid)
}
