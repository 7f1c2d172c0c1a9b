use std::borrow::Cow;
use std::collections::HashSet;

use serde::de::value::{Error as ValueError, StrDeserializer};
use serde::de::{DeserializeOwned, Error as _, IntoDeserializer};
use serde::{Deserialize, Deserializer};
use service::tasks::{self, Due, Filter, ListQuery, Search, Sort, SortBy, Tag, Tags, Zone};
use utoipa::{IntoParams, ToSchema};

use super::Priority;
use super::invalid::Reason;
use super::schemas::{due_after, due_before, limit as limit_schema, search, tag_list, zone};
use crate::compat::{MAX_LIMIT, check_offset};
use crate::error::{FieldCode, FieldError};
use crate::extract::Input;

/// Which tasks to list, in which order, and how many at a time.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct ListTasks {
    /// Only these tasks. The default is all of them. Case is ignored. `done` is `completed`; `active`, `todo`, `incomplete` and
    /// `in_progress` are `pending`.
    #[param(inline, required = false)]
    status: Status,
    /// Only tasks of one of these priorities, separated by commas, such as `high,medium`. Case is ignored. `urgent` and
    /// `critical` are `high`, and `normal` is `medium`.
    #[serde(deserialize_with = "comma_list")]
    #[param(value_type = Vec<Priority>, style = Form, explode = false, required = false)]
    priority: Vec<Priority>,
    /// Only tasks with this tag. With several, only tasks with all of these tags: at most 20 different ones. Case is ignored.
    #[param(schema_with = tag_list, style = Form, explode = true, required = false)]
    tag: Vec<String>,
    /// Only tasks that are due before this.
    #[param(schema_with = due_before, required = false)]
    due_before: Option<String>,
    /// Only tasks that are due after this.
    #[param(schema_with = due_after, required = false)]
    due_after: Option<String>,
    /// Only tasks that are due in this period, in the time zone `tz`.
    #[param(inline, required = false)]
    due: Option<DueIn>,
    /// Your time zone: a name of the IANA database. Days begin and end in it.
    #[param(schema_with = zone, required = false)]
    tz: Option<String>,
    /// Only tasks with this text in their title or description. Case and accents are ignored, in any script.
    #[param(schema_with = search, required = false)]
    search: Option<String>,
    /// The sort keys, separated by commas, such as `-priority,due_date`. `-` is descending. Tasks without a due date come last in
    /// both directions. Tasks that are equal in all keys are sorted by id, in the direction of the last key. The default is
    /// newest first.
    #[serde(deserialize_with = "comma_list")]
    #[param(value_type = Vec<SortItem>, style = Form, explode = false, required = false)]
    sort: Vec<SortItem>,
    /// The same as `sort` with this one key. It is ignored if `sort` is sent. With an unknown key the list is in its usual order.
    /// Camel case (`createdAt`), `created`, `updated` and the name `sortBy` are understood too.
    #[param(inline, required = false)]
    sort_by: Option<SortKey>,
    /// The direction of `sort_by`. The names `sort_order` and `sortOrder` are understood too.
    #[param(inline, required = false)]
    order: Option<Direction>,
    /// The maximum number of tasks of a page.
    #[serde(deserialize_with = "limit")]
    #[param(schema_with = limit_schema, required = false)]
    limit: Option<u32>,
    /// The position after the previous page, from its `Link`. It is only valid with the same filters and the same order.
    #[param(value_type = String, required = false)]
    cursor: Option<String>,
}

/// Which tasks a list shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    /// Every task.
    #[default]
    All,
    /// Tasks that are not completed.
    Pending,
    /// Tasks that are completed.
    Completed,
}

/// When tasks are due: in the past and not completed, today, today or in the next six days, or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum DueIn {
    Overdue,
    Today,
    Week,
    None,
}

/// A sort key.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SortKey {
    CreatedAt,
    UpdatedAt,
    DueDate,
    Priority,
    Title,
}

/// A sort key, ascending, or descending with `-`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
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

/// The time zone of the caller.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct InZone {
    /// Your time zone: a name of the IANA database. Days begin and end in it. The default is UTC.
    #[param(schema_with = zone, required = false)]
    tz: Option<String>,
}

impl Input for InZone {
    type Checked = Zone;

    fn check(self, _: bool) -> Result<Zone, FieldError> {
        parse_zone(self.tz.as_deref())
    }
}

/// A request for a list, whose values are valid.
#[derive(Debug)]
pub struct ListRequest {
    /// The filters and the order.
    pub query: ListQuery,
    /// The size of a page. `None` is the whole list.
    pub limit: Option<u32>,
    /// The position after the previous page, which is not decoded.
    pub cursor: Option<String>,
}

impl Input for ListTasks {
    type Checked = ListRequest;

    fn check(self, strict: bool) -> Result<ListRequest, FieldError> {
        Ok(ListRequest { query: self.query(strict)?, limit: self.limit, cursor: self.cursor })
    }
}

impl ListTasks {
    /// Converts the filters and the order. With `strict`, due dates must have a form of RFC 3339.
    fn query(&self, strict: bool) -> Result<ListQuery, FieldError> {
        let filter = Filter {
            status: self.status.into(),
            priorities: self.priority.iter().copied().map(Into::into).collect(),
            tags: filter_tags("tag", &self.tag)?,
            due_before: parse_due("due_before", self.due_before.as_deref(), strict)?,
            due_after: parse_due("due_after", self.due_after.as_deref(), strict)?,
            due: self.due.map(Into::into),
            zone: parse_zone(self.tz.as_deref())?,
            search: parse("search", self.search.as_deref(), Search::parse)?,
        };
        Ok(ListQuery { filter, sort: self.sort() })
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

impl From<Status> for tasks::Status {
    fn from(status: Status) -> Self {
        match status {
            Status::All => Self::All,
            Status::Pending => Self::Pending,
            Status::Completed => Self::Completed,
        }
    }
}

impl From<DueIn> for tasks::DueIn {
    fn from(due: DueIn) -> Self {
        match due {
            DueIn::Overdue => Self::Overdue,
            DueIn::Today => Self::Today,
            DueIn::Week => Self::Week,
            DueIn::None => Self::None,
        }
    }
}

/// Returns the tags of a filter without repeats, which would change nothing.
pub(super) fn filter_tags(name: &'static str, texts: &[String]) -> Result<Vec<Tag>, FieldError> {
    let (mut tags, mut seen) = (Vec::new(), HashSet::new());
    for text in texts {
        let Some(tag) = parse(name, Some(text.as_str()), Tag::parse)? else { continue };
        if !seen.insert(tag.folded()) {
            continue;
        }
        if tags.len() == Tags::MAX {
            let problem = format!("{name} must name at most {} different tags", Tags::MAX);
            return Err(FieldError::of_parameter(name, FieldCode::TooMany, problem));
        }
        tags.push(tag);
    }
    Ok(tags)
}

/// Parses a due date of a filter.
fn parse_due(name: &'static str, text: Option<&str>, strict: bool) -> Result<Option<Due>, FieldError> {
    if strict {
        parse(name, text, check_offset)?;
    }
    parse(name, text, Due::parse)
}

/// Parses the parameter `tz`. The default is UTC.
pub(super) fn parse_zone(name: Option<&str>) -> Result<Zone, FieldError> {
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
    pub(super) fn by(self) -> SortBy {
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

/// Parses a parameter as a value of the service. Its error continues the sentence that begins with the parameter's name.
pub(super) fn parse<'a, T, E: Reason>(
    name: &'static str,
    text: Option<&'a str>,
    parse: impl FnOnce(&'a str) -> Result<T, E>,
) -> Result<Option<T>, FieldError> {
    let invalid = |reason: E| FieldError::of_parameter(name, reason.code(), format!("{name} {reason}"));
    text.map(parse).transpose().map_err(invalid)
}

/// Deserializes values that are separated by commas. A repeated parameter adds to them. Repeated values are dropped, so that the
/// result is never longer than the number of possible values.
fn comma_list<'de, T: DeserializeOwned + PartialEq, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let texts = Vec::<Cow<'_, str>>::deserialize(deserializer)?;
    words(texts.iter().flat_map(|text| text.split(',')))
}

/// Deserializes each word as a value, without repeats.
pub(super) fn words<'a, T: DeserializeOwned + PartialEq, E: serde::de::Error>(
    words: impl Iterator<Item = &'a str>,
) -> Result<Vec<T>, E> {
    let mut values = Vec::new();
    for word in words {
        let deserializer: StrDeserializer<'_, ValueError> = word.into_deserializer();
        let value = T::deserialize(deserializer).map_err(E::custom)?;
        if !values.contains(&value) {
            values.push(value);
        }
    }
    Ok(values)
}

/// Deserializes the size of a page. One that is too large is an error, and is not replaced by a smaller one.
pub(super) fn limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let text = Cow::<str>::deserialize(deserializer)?;
    let limit = text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
    let invalid = || D::Error::custom(format!("invalid value, expected an integer from 1 to {MAX_LIMIT}"));
    limit.map(Some).ok_or_else(invalid)
}
