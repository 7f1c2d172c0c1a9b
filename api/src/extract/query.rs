use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::explain::{Input, deserialize};
use super::prefer::Prefer;
use crate::compat::{Paging, rewrite_list_query};
use crate::error::Error;

const QUERY: Input = Input { name: "query parameters", code: "invalid_parameter", unknown_code: "unknown_parameter" };

/// The query parameters as a `T`. Unknown ones are ignored, or refused with `Prefer: handling=strict`.
#[derive(Debug)]
pub struct Query<T>(pub T);

/// Like [`Query`], for lists of tasks. The forms that front ends send are read as the contract's, unless the client prefers strict
/// handling. The second value is where the page begins, if a form of theirs states it.
#[derive(Debug)]
pub struct ListQuery<T>(pub T, pub Option<Paging>);

/// For operations without query parameters. With `Prefer: handling=strict` it refuses all of them.
pub type NoQuery = Query<Nothing>;

/// No parameters.
#[derive(Debug, Deserialize)]
pub struct Nothing {}

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let strict = Prefer::of(request.headers()).strict;
        ready(parse(request.query_string(), strict).map(Self))
    }
}

impl<T: DeserializeOwned> FromRequest for ListQuery<T> {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        if Prefer::of(request.headers()).strict {
            return ready(parse(request.query_string(), true).map(|value| Self(value, None)));
        }
        let (query, paging) = rewrite_list_query(request.query_string());
        ready(parse(&query, false).map(|value| Self(value, paging)))
    }
}

fn parse<T: DeserializeOwned>(query: &str, strict: bool) -> Result<T, Error> {
    if !strict && let Ok(value) = serde_html_form::from_str(query) {
        return Ok(value);
    }
    let pairs = form_urlencoded::parse(query.as_bytes());
    deserialize(serde_html_form::Deserializer::new(pairs), strict, &QUERY)
}
