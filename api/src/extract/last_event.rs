use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::HeaderName;
use actix_web::{FromRequest, HttpRequest};

use crate::error::{Code, Error, FieldCode, FieldError};

/// The header with the id of the last event that the client has got (HTML Living Standard, section 9.2).
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The position in `Last-Event-ID`, if the header is sent.
#[derive(Debug)]
pub struct LastEventId(pub Option<i64>);

impl FromRequest for LastEventId {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut values = request.headers().get_all(LAST_EVENT_ID);
        let position = match (values.next(), values.next()) {
            (None, _) => Some(None),
            // A client has no last id after an event with an empty one.
            (Some(value), None) if value.is_empty() => Some(None),
            (Some(value), None) => {
                let digits = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
                digits.and_then(|text| text.parse().ok()).map(Some)
            }
            _ => None,
        };
        ready(position.map(Self).ok_or_else(|| {
            let problem = "Last-Event-ID must be the id of an event: an integer that is not negative";
            FieldError::new(Code::InvalidHeader, "Last-Event-ID", FieldCode::Invalid, problem).into()
        }))
    }
}
