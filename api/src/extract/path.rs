use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use crate::error::{Error, FieldCode, FieldError};

/// The id in the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskId(pub i64);

/// An id that no task has, because ids begin at 1.
const NO_TASK: i64 = 0;

impl TaskId {
    /// Parses any integer. One that does not fit 64 bits becomes [`NO_TASK`], so that it is 404 and not 422.
    fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_integer = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_integer.then(|| Self(text.parse().unwrap_or(NO_TASK)))
    }
}

impl FromRequest for TaskId {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = request.match_info().get("id").and_then(Self::parse);
        let invalid = || FieldError::of_parameter("id", FieldCode::Invalid, "id must be an integer");
        ready(id.ok_or_else(|| invalid().into()))
    }
}

/// The number of a reminder in the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReminderNumber(pub u16);

impl FromRequest for ReminderNumber {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let number = request.match_info().get("n").and_then(TaskId::parse);
        let invalid = || FieldError::of_parameter("n", FieldCode::Invalid, "n must be an integer");
        // No reminder has the number 0, so one that does not fit is 404 and not 422.
        ready(number.map(|TaskId(n)| Self(n.try_into().unwrap_or(0))).ok_or_else(|| invalid().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_integer_is_an_id_and_no_other_text_is() {
        assert_eq!(TaskId::parse("7"), Some(TaskId(7)));
        assert_eq!(TaskId::parse("-7"), Some(TaskId(-7)));
        assert_eq!(TaskId::parse("9223372036854775808"), Some(TaskId(NO_TASK)));
        for not_an_id in ["", "-", "+7", "7.0", "1e3", "abc", "٧", " 7"] {
            assert_eq!(TaskId::parse(not_an_id), None, "{not_an_id}");
        }
    }
}
