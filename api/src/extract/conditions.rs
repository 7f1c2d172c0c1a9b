use std::convert::Infallible;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{self, Header, IF_MATCH, IF_NONE_MATCH};
use actix_web::{FromRequest, HttpRequest};
use service::tasks::{Conditions, Precondition};

use super::RequestKey;
use crate::error::{Code, Error, FieldCode, FieldError};
use crate::etag;

/// The conditions of a write to something that exists: `If-Match` (RFC 9110, section 13.1.1) and `Idempotency-Key`.
#[derive(Debug)]
pub struct WriteConditions {
    precondition: Precondition,
    key: RequestKey,
}

impl WriteConditions {
    /// Returns the conditions. `operation` and the arguments are those of [`RequestKey::of`].
    pub(crate) fn of(self, operation: &str) -> Conditions {
        Conditions { precondition: self.precondition, key: self.key.of(operation) }
    }
}

impl FromRequest for WriteConditions {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let both = || Ok(Self { precondition: if_match(request)?, key: RequestKey::read(request)? });
        ready(both())
    }
}

fn if_match(request: &HttpRequest) -> Result<Precondition, Error> {
    if !request.headers().contains_key(IF_MATCH) {
        return Ok(Precondition::Exists);
    }
    etag::precondition(request.headers().get_all(IF_MATCH)).ok_or_else(|| {
        let problem = "If-Match must be * or 1 to 16 tags in quotes, such as \"1769851800000000\"";
        FieldError::new(Code::InvalidHeader, "If-Match", FieldCode::Invalid, problem).into()
    })
}

/// The condition of a read in `If-None-Match` (RFC 9110, section 13.1.2). One that is not valid is no condition.
#[derive(Debug)]
pub struct IfNoneMatch(Option<header::IfNoneMatch>);

impl IfNoneMatch {
    /// Whether the request has a condition.
    #[must_use]
    pub fn is_some(&self) -> bool {
        self.0.is_some()
    }

    /// Whether the client has this version already.
    #[must_use]
    pub fn has(&self, version: i64) -> bool {
        self.0.as_ref().is_some_and(|tags| etag::is_known(tags, version))
    }
}

impl FromRequest for IfNoneMatch {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let is_sent = request.headers().contains_key(IF_NONE_MATCH);
        ready(Ok(Self(is_sent.then(|| header::IfNoneMatch::parse(request).ok()).flatten())))
    }
}
