use actix_web::web::{Data, Json, ReqData};
use serde::{Deserialize, Serialize};
use service::{Caller, Db, tasks};
use utoipa::{IntoParams, ToSchema};

use crate::error::Error;
use crate::extract::{NoQuery, Query};
use crate::json::list_query::parse_zone;
use crate::json::schema::zone;

/// How many tasks you have, of each kind.
#[derive(Debug, Serialize, ToSchema)]
pub struct Summary {
    /// All of them.
    all: u64,
    /// Those that are not done.
    pending: u64,
    /// Those that are done.
    completed: u64,
    /// Those of `?due=overdue`.
    overdue: u64,
    /// Those of `?due=today&status=pending`.
    due_today: u64,
    /// All of them, by priority.
    by_priority: ByPriority,
    /// All of them, by tag, in the order of the tags' names.
    by_tag: Vec<TagCount>,
}

/// How many tasks have each priority.
#[derive(Debug, Serialize, ToSchema)]
pub struct ByPriority {
    none: u64,
    low: u64,
    medium: u64,
    high: u64,
}

/// How many tasks have a tag.
#[derive(Debug, Serialize, ToSchema)]
pub struct TagCount {
    /// The tag, as most of the tasks spell it.
    name: String,
    /// Tasks that have it.
    count: u64,
}

/// Where you are.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct InZone {
    /// The name of a time zone of the IANA database: days begin and end there. UTC without it.
    #[param(schema_with = zone, required = false)]
    tz: Option<String>,
}

/// Count your tasks
///
/// Of each kind, in one look: what the badges of a page show.
#[utoipa::path(get, path = "/api/tasks/summary", tag = "tasks", params(InZone),
    responses((status = 200, description = "The counts", body = Summary, example = json!({
        "all": 3, "pending": 2, "completed": 1, "overdue": 1, "due_today": 0,
        "by_priority": {"none": 2, "low": 0, "medium": 0, "high": 1}, "by_tag": [{"name": "shopping", "count": 2}]
    }))))]
pub async fn summarize_tasks(
    db: Data<Db>,
    caller: ReqData<Caller>,
    Query(place): Query<InZone>,
) -> Result<Json<Summary>, Error> {
    let zone = parse_zone(place.tz.as_deref())?;
    Ok(Json(tasks::summary(&db, &caller, zone).await?.into()))
}

/// List your tags
///
/// Every tag of your tasks, in the order of their names, and how many tasks have it.
#[utoipa::path(get, path = "/api/tags", tag = "tasks", responses((status = 200, description = "The tags", body = [TagCount],
    example = json!([{"name": "shopping", "count": 2}, {"name": "Work", "count": 5}]))))]
pub async fn list_tags(db: Data<Db>, caller: ReqData<Caller>, _: NoQuery) -> Result<Json<Vec<TagCount>>, Error> {
    let tags = tasks::tags(&db, &caller).await?;
    Ok(Json(tags.into_iter().map(TagCount::from).collect()))
}

impl From<tasks::TagCount> for TagCount {
    fn from(tag: tasks::TagCount) -> Self {
        Self { name: tag.name, count: tag.count }
    }
}

impl From<tasks::Summary> for Summary {
    fn from(summary: tasks::Summary) -> Self {
        let [none, low, medium, high] = summary.by_priority;
        Self {
            all: summary.all,
            pending: summary.pending,
            completed: summary.completed,
            overdue: summary.overdue,
            due_today: summary.due_today,
            by_priority: ByPriority { none, low, medium, high },
            by_tag: summary.by_tag.into_iter().map(TagCount::from).collect(),
        }
    }
}
