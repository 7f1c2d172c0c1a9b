//! The JSON of requests and answers.

#![expect(clippy::option_option, reason = "an absent description differs from null")]

use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use serde::{Deserialize, Deserializer, Serialize};
use tokio_postgres::Row;

use crate::timestamp::Timestamp;

/// The columns of a task, in the order in which [`Task`] reads them.
pub(crate) const COLUMNS: &str =
    "id, title, description, completed, created_at, updated_at, priority, tags, due_date, completed_at";

/// A task, borrowed from its row of [`COLUMNS`].
#[derive(Serialize)]
pub(crate) struct Task<'a> {
    pub(crate) id: i64,
    title: &'a str,
    description: Option<&'a str>,
    completed: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
    priority: &'static str,
    tags: Vec<String>,
    due_date: Option<&'a str>,
    completed_at: Option<Timestamp>,
}

impl<'a> From<&'a Row> for Task<'a> {
    fn from(row: &'a Row) -> Self {
        let tags: &str = row.get(7);
        Self {
            id: row.get(0),
            title: row.get(1),
            description: row.get(2),
            completed: row.get(3),
            created_at: row.get(4),
            updated_at: row.get(5),
            priority: match row.get::<_, i16>(6) {
                1 => "low",
                2 => "medium",
                3 => "high",
                _ => "none",
            },
            // Most tasks have no tags: do not parse.
            tags: if tags == "[]" { Vec::new() } else { serde_json::from_str(tags).unwrap_or_default() },
            due_date: row.get(8),
            completed_at: row.get(9),
        }
    }
}

/// The fields of a request. An absent description is kept, null removes it.
#[derive(Default, Deserialize, PartialEq)]
#[serde(default)]
pub(crate) struct Fields {
    pub(crate) title: Option<String>,
    #[serde(deserialize_with = "present")]
    pub(crate) description: Option<Option<String>>,
    pub(crate) completed: Option<bool>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl Fields {
    /// Parses and checks a body.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Failure> {
        let fields: Self = serde_json::from_slice(body).map_err(|_| INVALID)?;
        let fits = |text: &str, max: usize| (text.len() <= max || text.chars().count() <= max) && !text.contains('\0');
        let title = fields.title.as_deref().is_none_or(|title| fits(title, 200) && !title.trim().is_empty());
        let description = fields.description.iter().flatten().all(|text| fits(text, 1000));
        if title && description { Ok(fields) } else { Err(INVALID) }
    }
}

/// Completes an answer with a JSON body.
pub(crate) fn json(mut answer: HttpResponseBuilder, value: &impl Serialize) -> Result<HttpResponse, Failure> {
    Ok(answer.content_type(ContentType::json()).body(serde_json::to_vec(value).map_err(|_| BROKEN)?))
}

/// An error: its status and the two members of its body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure(u16, &'static str, &'static str);

pub(crate) const UNAUTHENTICATED: Failure = Failure(401, "token_invalid", "A valid token is required");
pub(crate) const NOT_OWNER: Failure = Failure(403, "not_owner", "You do not own this task");
pub(crate) const NOT_FOUND: Failure = Failure(404, "task_not_found", "Task not found");
pub(crate) const INVALID: Failure = Failure(422, "invalid_field", "The body is not a valid task");
const BROKEN: Failure = Failure(500, "internal_error", "Something went wrong");

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.2)
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status_code()).json(serde_json::json!({"detail": self.2, "code": self.1}))
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        eprintln!("database: {error}");
        BROKEN
    }
}
