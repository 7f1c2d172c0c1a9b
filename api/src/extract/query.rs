use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::Deserialize;

use super::prefer::Prefer;
use super::read::{Input, Part, read};
use crate::compat::{Paging, rewrite_list_query};
use crate::error::{Error, FieldError};

/// The checked query parameters of a `T`. Unknown ones are ignored, or refused with `Prefer: handling=strict`.
#[derive(Debug)]
pub struct Query<T: Input>(pub T::Checked);

/// Like [`Query`], for lists of tasks. The forms that front ends send are read as the contract's, unless the client prefers
/// strict handling. The second value is where the page begins, if a form of theirs states it.
#[derive(Debug)]
pub struct ListQuery<T: Input>(pub T::Checked, pub Option<Paging>);

/// For operations without query parameters. With `Prefer: handling=strict` it refuses all of them.
pub type NoQuery = Query<Nothing>;

/// No parameters.
#[derive(Debug, Deserialize)]
pub struct Nothing {}

impl Input for Nothing {
    type Checked = Self;

    fn check(self, _: bool) -> Result<Self, FieldError> {
        Ok(self)
    }
}

impl<T: Input> FromRequest for Query<T> {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let strict = Prefer::of(request.headers()).strict;
        ready(parse::<T>(request.query_string(), strict).map(Self))
    }
}

impl<T: Input> FromRequest for ListQuery<T> {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        if Prefer::of(request.headers()).strict {
            return ready(parse::<T>(request.query_string(), true).map(|value| Self(value, None)));
        }
        let (query, paging) = rewrite_list_query(request.query_string());
        ready(parse::<T>(&query, false).map(|value| Self(value, paging)))
    }
}

fn parse<T: Input>(query: &str, strict: bool) -> Result<T::Checked, Error> {
    if !strict
        && let Ok(value) = serde_html_form::from_str::<T>(query)
        && let Ok(checked) = value.check(false)
    {
        return Ok(checked);
    }
    read::<T>(query, Part::Query, strict)
}
