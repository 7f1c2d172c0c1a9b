use service::tasks::Due;

/// Completes the sentence of an error that begins with the name of a due date.
const NO_OFFSET: &str = "must be a day like 2026-01-31 or a time with its offset like 2026-01-31T10:00:00Z";

/// Checks that a due date has a form of RFC 3339. A wall time has none, and strict handling refuses it. Its error completes a
/// sentence that begins with the name of the field. A text that is no due date is not judged here.
pub(crate) fn check_offset(text: &str) -> Result<(), &'static str> {
    if Due::parse(text).is_ok_and(|due| due.is_wall_time()) { Err(NO_OFFSET) } else { Ok(()) }
}
