//! Entity tags (RFC 9110, section 8.8.3). The tag of a task is its version, and that of a list is its state, in quotes.

use actix_web::HttpResponse;
use actix_web::http::header::{ETAG, EntityTag, HeaderName, HeaderValue, IfNoneMatch};
use actix_web::web::Bytes;
use service::tasks::Precondition;

/// The maximum number of tags in `If-Match`.
const MAX_TAGS: usize = 16;

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

/// Returns the precondition of the lines of an `If-Match`. `None` if they are not `*` or a list of tags, or have too many tags.
///
/// A weak tag never matches (section 13.1.1), nor does a tag that this server has not made.
pub(crate) fn precondition<'a>(lines: impl Iterator<Item = &'a HeaderValue>) -> Option<Precondition> {
    let lines: Vec<&str> = lines.map(|line| line.to_str().ok()).collect::<Option<_>>()?;
    if let [line] = lines[..]
        && line.trim() == "*"
    {
        return Some(Precondition::Exists);
    }
    let mut tags = Vec::new();
    for line in lines {
        tags.extend(list(line)?);
    }
    if tags.is_empty() || tags.len() > MAX_TAGS {
        return None;
    }
    let strong = tags.iter().filter(|tag| !tag.weak);
    Some(Precondition::OneOf(strong.filter_map(version).collect()))
}

/// Reads a list of tags (sections 5.6.1 and 8.8.3). `None` if a part of it is not a tag. The library splits at each comma,
/// although a tag can contain one, and leaves out what it cannot read.
fn list(mut rest: &str) -> Option<Vec<EntityTag>> {
    const SPACE: [char; 2] = [' ', '\t'];
    let mut tags = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return Some(tags);
        }
        let (is_weak, quoted) = match rest.strip_prefix("W/") {
            Some(quoted) => (true, quoted),
            None => (false, rest),
        };
        let (tag, after) = quoted.strip_prefix('"')?.split_once('"')?;
        if !tag.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        tags.push(EntityTag::new(is_weak, tag.to_owned()));
        rest = after.trim_start_matches(SPACE);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
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
    (number.to_string() == tag.tag()).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(texts: &[&str]) -> Vec<EntityTag> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn of(lines: &[&str]) -> Option<Precondition> {
        let lines: Vec<_> = lines.iter().map(|line| HeaderValue::from_str(line).unwrap()).collect();
        precondition(lines.iter())
    }

    #[test]
    fn only_strong_tags_of_this_server_match_a_write() {
        let tags = r#""7", W/"8", "+9","010" ,, "x" , "1,2","","11","#;
        assert_eq!(of(&[tags]), Some(Precondition::OneOf(vec![7, 11])));
        assert_eq!(of(&["\"7\"", "W/\"8\", \"9\""]), Some(Precondition::OneOf(vec![7, 9])));
        assert_eq!(of(&["*"]), Some(Precondition::Exists));
    }

    #[test]
    fn no_tag_and_more_than_sixteen_and_anything_else_are_refused() {
        for refused in [
            "",
            " , ",
            "7",
            "\"7",
            "7\"",
            "'7'",
            "w/\"7\"",
            "W/7",
            "\"7\" \"8\"",
            "\"7\", 8",
            "\"7\", *",
            "*, *",
            "\"a b\"",
            "\"\u{e9}\"",
        ] {
            assert_eq!(of(&[refused]), None, "{refused}");
        }
        assert_eq!(of(&["*", "*"]), None);
        assert!(of(&["\"7\""; 16]).is_some());
        assert_eq!(of(&["\"7\""; 17]), None);
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
