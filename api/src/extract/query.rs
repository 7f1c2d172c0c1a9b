use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::explain::{Kind, deserialize};
use super::prefer::Prefer;
use crate::error::Error;

const QUERY: Kind = Kind { name: "query parameters", code: "invalid_parameter", unknown_code: "unknown_parameter" };

/// The query parameters as a `T`; others are ignored, or refused with `Prefer: handling=strict`.
#[derive(Debug)]
pub struct Query<T>(pub T);

/// For operations that take no query parameters.
pub type NoQuery = Query<Nothing>;

/// No parameter at all.
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
