use actix_web::http::Method;
use actix_web::http::header::{HeaderName, HeaderValue, LINK};
use actix_web::web::{Bytes, Data, ReqData};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use futures_util::StreamExt;
use service::tasks::{self, ListQuery, MAX_OFFSET, Start, WholeList, cursor};
use service::{Caller, Store};

use crate::compat::{Paging, is_paging};
use crate::error::{Error, FieldCode, FieldError};
use crate::etag;
use crate::extract::{self, IfNoneMatch, PREFERENCE_APPLIED, Prefer};
use crate::json::{JSON, ListRequest, ListTasks, Task, array};
use crate::routes::{MAPPED, stream};
use crate::server::State;

/// The total number of tasks of a list.
const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

/// A list with a larger `limit` takes memory for its answer before it is read.
pub(super) const LARGE_LIMIT: u32 = 100;
/// How many bytes a task of such a list is expected to take. Most take less. What is missing is taken when the answer is built.
pub(super) const EXPECTED_BYTES: u32 = 1024;

/// List your tasks
///
/// Returns one array, newest first unless `sort` is sent: all tasks, or a page of them with `limit`. If there are more, the
/// response has `Link: <…>; rel="next"` (RFC 8288), the address of the next page relative to this one. If tasks are created or
/// deleted between two pages, no other task is repeated or left out. A list of more than 50,000 tasks in an order that is not
/// that of one of `created_at`, `due_date`, `priority` and `title` needs `limit`.
///
/// Pages by number (`page` from 1, or `skip` or `offset`, with `limit`, `per_page` or `page_size`) are understood too, for the
/// first 10,000 tasks of a list, but without that promise.
///
/// The `ETag` is the state of all your tasks: the number of the last change. With `If-None-Match` the answer is 304 if nothing
/// has changed since. Lists with `due=overdue`, `due=today` or `due=week` have none, because they depend on the time.
///
/// Filters are combined. With `Prefer: count=exact`, `X-Total-Count` is the number of tasks of the whole list.
#[utoipa::path(get, path = MAPPED, tag = "tasks",
    params(
        ListTasks,
        ("Prefer" = inline(Option<String>), Header, description = "`count=exact` for `X-Total-Count`"),
        ("If-None-Match" = inline(Option<String>), Header, description = "The states of the list that the client has, in quotes"),
    ),
    responses((status = 304, description = "The client has this state of the list",
        headers(("ETag" = String, description = "The state, in quotes"))),
    (status = 200, description = "Your tasks", body = [Task],
        headers(
            ("Link" = Option<String>, description = "The address of the next page, if there is one"),
            ("X-Total-Count" = Option<u64>, description = "The number of tasks of the whole list, if it was requested"),
            ("Preference-Applied" = Option<String>, description = "`count=exact`, if it was requested"),
            ("ETag" = Option<String>, description = "The state of your tasks, in quotes, unless the list depends on the time"),
        ),
        example = json!([
            {"id": 2, "title": "Call Bob", "description": null, "completed": true,
             "created_at": "2026-01-31T09:31:00.000000Z", "updated_at": "2026-01-31T10:00:00.000000Z",
             "priority": "none", "tags": [], "due_date": null, "completed_at": "2026-01-31T10:00:00.000000Z",
             "version": 1_769_853_600_000_000_i64},
            {"id": 1, "title": "Buy milk", "description": "Two litres", "completed": false,
             "created_at": "2026-01-31T09:30:00.000000Z", "updated_at": "2026-01-31T09:30:00.000000Z",
             "priority": "high", "tags": ["shopping"], "due_date": "2026-02-01", "completed_at": null,
             "version": 1_769_851_800_000_000_i64}
        ]),
    ))
)]
pub async fn list_tasks(
    state: Data<State>,
    caller: ReqData<Caller>,
    extract::ListQuery(list, paging): extract::ListQuery<ListTasks>,
    prefer: Prefer,
    known: IfNoneMatch,
    request: HttpRequest,
) -> Result<HttpResponse, Error> {
    let ListRequest { query, limit, cursor } = list;
    let (store, caller) = (&state.store, &*caller);
    let after = match &cursor {
        Some(cursor) => Some(cursor::decode(caller, &query, cursor)?),
        None => None,
    };
    let is_lasting = !query.filter.depends_on_time();
    if is_lasting && let Some(unchanged) = state.unchanged(caller, &known).await? {
        return Ok(unchanged);
    }
    let mut response = HttpResponse::Ok();
    response.insert_header(JSON);
    let Some(limit) = limit else {
        let is_beginning = after.is_none();
        // The future is large, and most lists do not need it.
        let (first, rest) = Box::pin(WholeList::begin(store, caller, query.clone(), after)).await?;
        if is_lasting {
            response.insert_header(etag::header(rest.state()));
        }
        if prefer.counts {
            let all = (is_beginning && rest.is_over()).then_some(first.len());
            insert_total(&mut response, total(store, caller, &query, all).await?);
        }
        if rest.is_over() {
            return Ok(response.body(array(first, state.task_aliases)));
        }
        let held = state.answer_memory.try_hold(caller.user_id(), rest.held_bytes()).ok_or(Error::Busy)?;
        if request.method() == Method::HEAD {
            // The client gets no body, so nothing would slow the stream down.
            return Ok(response.streaming(futures_util::stream::empty::<Result<Bytes, Error>>()));
        }
        let stream = stream::array(state, (first, rest), String::new(), "");
        return Ok(response.streaming(stream.inspect(move |_| _ = &held)));
    };
    let start = match (&after, paging) {
        (Some(after), _) => Start::Behind(after),
        (None, Some(paging)) => start_of(paging, limit)?,
        (None, None) => Start::Beginning,
    };
    // Before the query, so that a request without memory for its answer costs nothing.
    let held = if limit > LARGE_LIMIT {
        Some(state.answer_memory.hold(caller.user_id(), limit * EXPECTED_BYTES).await?)
    } else {
        None
    };
    let page = tasks::list(store, caller, &query, limit, start).await?;
    if is_lasting {
        response.insert_header(etag::header(page.state));
    }
    if prefer.counts {
        let all = (start == Start::Beginning && page.next.is_none()).then_some(page.tasks.len());
        insert_total(&mut response, total(store, caller, &query, all).await?);
    }
    if let Some(position) = &page.next {
        response.insert_header((LINK, next_link(&cursor::encode(caller, &query, position), limit, &request)?));
    }
    let body = state.answer_memory.body(caller.user_id(), array(page.tasks, state.task_aliases), held)?;
    Ok(response.body(body))
}

/// Returns the number of tasks of the whole list, unless it is known already.
async fn total(store: &Store, caller: &Caller, query: &ListQuery, known: Option<usize>) -> Result<u64, Error> {
    match known {
        Some(all) => Ok(all as u64),
        None => Ok(tasks::count(store, caller, &query.filter).await?),
    }
}

fn insert_total(response: &mut HttpResponseBuilder, total: u64) {
    response.insert_header((TOTAL_COUNT, total)).insert_header((PREFERENCE_APPLIED, "count=exact"));
}

/// Returns where a page begins that is requested by its number or by the number of tasks before it.
fn start_of(paging: Paging, limit: u32) -> Result<Start<'static>, Error> {
    let too_far = || {
        let name = if matches!(paging, Paging::Page(_)) { "page" } else { "offset" };
        let problem = format!(
            "{name} must not skip more than {MAX_OFFSET} tasks: use the cursor from the Link of a page instead"
        );
        Error::from(FieldError::of_parameter(name, FieldCode::Invalid, problem))
    };
    match u32::try_from(paging.offset(limit)) {
        Ok(0) => Ok(Start::Beginning),
        Ok(tasks) if tasks <= MAX_OFFSET => Ok(Start::Offset(tasks)),
        _ => Err(too_far()),
    }
}

/// Returns the `Link` to the next page: the address of this one with another cursor, and without a position of another kind.
pub(super) fn next_link(cursor: &str, limit: u32, request: &HttpRequest) -> Result<HeaderValue, Error> {
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    let mut has_limit = false;
    for (name, value) in form_urlencoded::parse(request.query_string().as_bytes()) {
        if name != "cursor" && !is_paging(&name) {
            has_limit |= name == "limit";
            pairs.append_pair(&name, &value);
        }
    }
    if !has_limit {
        pairs.append_pair("limit", &limit.to_string());
    }
    let pairs = pairs.append_pair("cursor", cursor).finish();
    let link = format!(r#"<{}?{pairs}>; rel="next""#, request.uri().path());
    HeaderValue::from_str(&link).map_err(|error| Error::Internal(error.to_string()))
}
