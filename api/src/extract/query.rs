use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::explain::{Input, deserialize};
use super::prefer::Prefer;
use crate::error::Error;

const QUERY: Input = Input { name: "query parameters", code: "invalid_parameter", unknown_code: "unknown_parameter" };

/// The query parameters as a `T`. Unknown ones are ignored, or refused with `Prefer: handling=strict`.
#[derive(Debug)]
pub struct Query<T>(pub T);

/// For operations without query parameters. With `Prefer: handling=strict` it refuses all of them.
pub type NoQuery = Query<Nothing>;

/// No parameters.
#[derive(Debug, Deserialize)]
pub struct Nothing {}

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let query = request.query_string();
        let strict = Prefer::of(request.headers()).strict;
        if !strict && let Ok(value) = serde_html_form::from_str(query) {
            return ready(Ok(Self(value)));
        }
        let pairs = form_urlencoded::parse(query.as_bytes());
        ready(deserialize(serde_html_form::Deserializer::new(pairs), strict, &QUERY).map(Self))
    }
}
