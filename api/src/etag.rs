//! Entity tags (RFC 9110, section 8.8.3). The tag of a task is its version, and that of a list is its state, in quotes.

use actix_web::HttpResponse;
use actix_web::http::header::{ETAG, EntityTag, HeaderName, HeaderValue, IfMatch, IfNoneMatch};
use actix_web::web::Bytes;
use service::tasks::Precondition;

/// The maximum number of tags in `If-Match`.
const MAX_TAGS: usize = 16;

/// The latest time that a version can be, in microseconds: the end of the year 9999. Later numbers are no times of the databases.
const MAX_VERSION: i64 = 253_402_300_799_999_999;

/// Returns the header `ETag` for a version.
pub(crate) fn header(version: i64) -> (HeaderName, HeaderValue) {
    let tag = HeaderValue::from_maybe_shared(Bytes::from(format!("\"{version}\"")));
    // Digits and quotes are always a valid value.
    (ETAG, tag.unwrap_or_else(|_| HeaderValue::from_static("\"0\"")))
}

/// Returns the answer to a client that has this version already.
pub(crate) fn not_modified(version: i64) -> HttpResponse {
    HttpResponse::NotModified().insert_header(header(version)).finish()
}

/// Returns the precondition of an `If-Match`. `None` if it has no tag, or too many.
///
/// A weak tag never matches (section 13.1.1), nor does a tag that this server has not made.
pub(crate) fn precondition(if_match: IfMatch) -> Option<Precondition> {
    match if_match {
        IfMatch::Any => Some(Precondition::Exists),
        IfMatch::Items(tags) if tags.is_empty() || tags.len() > MAX_TAGS => None,
        IfMatch::Items(tags) => {
            let strong = tags.iter().filter(|tag| !tag.weak);
            Some(Precondition::OneOf(strong.filter_map(version).collect()))
        }
    }
}

/// Whether a version is one of those in an `If-None-Match`. Weak tags match (section 13.1.2).
pub(crate) fn is_known(if_none_match: &IfNoneMatch, known: i64) -> bool {
    match if_none_match {
        IfNoneMatch::Any => true,
        IfNoneMatch::Items(tags) => tags.iter().any(|tag| version(tag) == Some(known)),
    }
}

/// The version that a tag has, in the one way in which this server writes it.
fn version(tag: &EntityTag) -> Option<i64> {
    let number: i64 = tag.tag().parse().ok()?;
    ((0..=MAX_VERSION).contains(&number) && number.to_string() == tag.tag()).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(texts: &[&str]) -> Vec<EntityTag> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn only_strong_tags_of_this_server_match_a_write() {
        let tags = tags(&["\"7\"", "W/\"8\"", "\"+9\"", "\"010\"", "\"x\"", "\"11\""]);
        assert_eq!(precondition(IfMatch::Items(tags)), Some(Precondition::OneOf(vec![7, 11])));
        assert_eq!(precondition(IfMatch::Any), Some(Precondition::Exists));
    }

    #[test]
    fn a_number_that_is_no_time_is_not_the_tag_of_a_version() {
        let tags =
            tags(&["\"-1\"", "\"253402300800000000\"", "\"9223372036854775807\"", "\"0\"", "\"253402300799999999\""]);
        assert_eq!(precondition(IfMatch::Items(tags)), Some(Precondition::OneOf(vec![0, MAX_VERSION])));
    }

    #[test]
    fn no_tag_and_more_than_sixteen_are_refused() {
        assert_eq!(precondition(IfMatch::Items(Vec::new())), None);
        assert!(precondition(IfMatch::Items(tags(&["\"7\""; 16]))).is_some());
        assert_eq!(precondition(IfMatch::Items(tags(&["\"7\""; 17]))), None);
    }

    #[test]
    fn weak_tags_match_a_read() {
        assert!(is_known(&IfNoneMatch::Items(tags(&["\"6\"", "W/\"7\""])), 7));
        assert!(is_known(&IfNoneMatch::Any, 7));
        assert!(!is_known(&IfNoneMatch::Items(tags(&["\"07\"", "\"8\""])), 7));
    }

    #[test]
    fn a_version_is_written_in_quotes() {
        assert_eq!(header(1_769_851_800_000_000).1, "\"1769851800000000\"");
    }
}
