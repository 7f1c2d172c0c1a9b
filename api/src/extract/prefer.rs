use std::convert::Infallible;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::{FromRequest, HttpRequest};

/// The client's preferences in `Prefer` (RFC 7240). Unknown ones are ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prefer {
    /// `handling=strict`: refuse unknown fields and query parameters.
    pub strict: bool,
    /// `return=representation` or `return=minimal`.
    pub returned: Option<Return>,
    /// `count=exact`: report the total number of tasks of a list.
    pub counts: bool,
    /// `merge=auto`: merge a change with those that others have made since.
    pub merges: bool,
}

/// What the response to a successful write contains (RFC 7240, section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Return {
    /// The task.
    Representation,
    /// As little as possible.
    Minimal,
}

/// The preferences that were applied (RFC 7240, section 3).
pub(crate) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

const PREFER: HeaderName = HeaderName::from_static("prefer");

impl Prefer {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let (mut handling, mut returned, mut counts, mut merges) = (None, None, None, None);
        let preferences =
            headers.get_all(PREFER).filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(','));
        for preference in preferences {
            // Parameters follow a `;`. No known preference has any.
            let token = preference.split(';').next().unwrap_or_default();
            let (name, value) = token.split_once('=').unwrap_or((token, ""));
            let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().trim_matches('"'));
            // If a preference is repeated, the first one applies (section 2).
            match (name.as_str(), value) {
                ("handling", "strict") => _ = handling.get_or_insert(true),
                ("handling", "lenient") => _ = handling.get_or_insert(false),
                ("return", "representation") => _ = returned.get_or_insert(Return::Representation),
                ("return", "minimal") => _ = returned.get_or_insert(Return::Minimal),
                ("count", "exact") => _ = counts.get_or_insert(true),
                ("count", _) => _ = counts.get_or_insert(false),
                ("merge", "auto") => _ = merges.get_or_insert(true),
                ("merge", _) => _ = merges.get_or_insert(false),
                _ => {}
            }
        }
        Self {
            strict: handling.unwrap_or_default(),
            returned,
            counts: counts.unwrap_or_default(),
            merges: merges.unwrap_or_default(),
        }
    }
}

impl FromRequest for Prefer {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request.headers())))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn of(values: &[&'static str]) -> Prefer {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HeaderName::from_static("prefer"), HeaderValue::from_static(value));
        }
        Prefer::of(&headers)
    }

    #[test]
    fn preferences_are_read_from_one_header_or_several() {
        let both = Prefer { strict: true, returned: Some(Return::Representation), ..Prefer::default() };
        assert_eq!(of(&["handling=strict, return=representation"]), both);
        assert_eq!(of(&["respond-async;x=1", "Return = \"representation\"; foo", "HANDLING=strict"]), both);
    }

    #[test]
    fn unknown_preferences_are_ignored_and_the_first_of_two_applies() {
        assert_eq!(of(&["handling=lenient, wait=10, return"]), Prefer::default());
        assert_eq!(of(&["return=minimal, return=representation"]).returned, Some(Return::Minimal));
        assert!(!of(&["handling=lenient", "handling=strict"]).strict);
        assert!(of(&["count=exact, count=none"]).counts && !of(&["count=planned", "count=exact"]).counts);
    }
}
