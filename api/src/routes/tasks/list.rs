use actix_web::http::header::{HeaderName, HeaderValue, LINK};
use actix_web::web::{Data, ReqData};
use actix_web::{HttpRequest, HttpResponse};
use service::tasks::{self, ListQuery, Page, cursor};
use service::{Caller, Db};

use crate::error::Error;
use crate::extract::{Prefer, Query};
use crate::json::list_query::ListTasks;
use crate::json::task::Task;
use crate::routes::stream;
use crate::server::headers::JSON;

/// How many tasks the whole list has.
const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");
/// Which wishes were granted (RFC 7240, section 3).
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// List your tasks
///
/// Newest first unless `sort` says otherwise, in one array: all of them, or with `limit` a page. Where there are more, the answer has
/// `Link: <…>; rel="next"` (RFC 8288), the address of the next page relative to this one's. A task that is created or deleted meanwhile
/// makes no other one appear twice or not at all.
///
/// Filters work together. With `Prefer: count=exact`, `X-Total-Count` tells how many tasks the whole list has.
#[utoipa::path(get, path = "/api/tasks", tag = "tasks",
    params(
        ListTasks,
        ("Prefer" = inline(Option<String>), Header, description = "`count=exact` for `X-Total-Count`", example = "count=exact"),
    ),
    responses((status = 200, description = "Your tasks", body = [Task],
        headers(
            ("Link" = Option<String>, description = "Where the next page is, if there is one"),
            ("X-Total-Count" = Option<u64>, description = "How many tasks the whole list has, where that was asked for"),
            ("Preference-Applied" = Option<String>, description = "`count=exact` where it was"),
        ),
        example = json!([
            {"id": 2, "title": "Call Bob", "description": null, "completed": true,
             "created_at": "2026-01-31T09:31:00.000000Z", "updated_at": "2026-01-31T10:00:00.000000Z",
             "priority": "none", "tags": [], "due_date": null, "completed_at": "2026-01-31T10:00:00.000000Z"},
            {"id": 1, "title": "Buy milk", "description": "Two litres", "completed": false,
             "created_at": "2026-01-31T09:30:00.000000Z", "updated_at": "2026-01-31T09:30:00.000000Z",
             "priority": "high", "tags": ["shopping"], "due_date": "2026-02-01", "completed_at": null}
        ]),
    ))
)]
pub async fn list_tasks(
    db: Data<Db>,
    caller: ReqData<Caller>,
    Query(list): Query<ListTasks>,
    prefer: Prefer,
    request: HttpRequest,
) -> Result<HttpResponse, Error> {
    let (query, caller) = (list.query()?, caller.into_inner());
    let after = match &list.cursor {
        Some(cursor) => Some(cursor::open(&db, &caller, &query, cursor).await?),
        None => None,
    };
    let page = tasks::list(&db, &caller, &query, list.limit.unwrap_or(query.page_size()), after.as_ref()).await?;
    let mut answer = HttpResponse::Ok();
    if prefer.counts {
        let is_all = after.is_none() && page.next.is_none();
        let total = if is_all { page.tasks.len() as u64 } else { tasks::count(&db, &caller, &query.filter).await? };
        answer.insert_header((TOTAL_COUNT, total)).insert_header((PREFERENCE_APPLIED, "count=exact"));
    }
    if list.limit.is_none() && page.next.is_some() {
        let all = stream::array(db, caller, query, page, String::new(), "");
        return Ok(answer.insert_header(JSON).streaming(all));
    }
    if let Some(link) = next(&db, &caller, &query, &page, &request).await? {
        answer.insert_header((LINK, link));
    }
    Ok(answer.insert_header(JSON).body(stream::whole(page.tasks)))
}

/// The address of the next page: this one's, with another cursor.
async fn next(
    db: &Db,
    caller: &Caller,
    query: &ListQuery,
    page: &Page,
    request: &HttpRequest,
) -> Result<Option<HeaderValue>, Error> {
    let Some(position) = &page.next else { return Ok(None) };
    let cursor = cursor::seal(db, caller, query, position).await?;
    let others = form_urlencoded::parse(request.query_string().as_bytes()).filter(|(name, _)| name != "cursor");
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    let pairs = pairs.extend_pairs(others).append_pair("cursor", &cursor).finish();
    let link = format!(r#"<{}?{pairs}>; rel="next""#, request.uri().path());
    HeaderValue::from_str(&link).map(Some).map_err(|error| Error::Internal(error.to_string()))
}
