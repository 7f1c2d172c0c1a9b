//! Words for the same value.

/// The words for a priority, and its name.
const PRIORITIES: [(&str, &str); 7] = [
    ("none", "none"),
    ("low", "low"),
    ("medium", "medium"),
    ("high", "high"),
    ("normal", "medium"),
    ("urgent", "high"),
    ("critical", "high"),
];

/// The words for a status, and its name.
const STATUSES: [(&str, &str); 8] = [
    ("all", "all"),
    ("pending", "pending"),
    ("completed", "completed"),
    ("active", "pending"),
    ("todo", "pending"),
    ("incomplete", "pending"),
    ("in_progress", "pending"),
    ("done", "completed"),
];

const DIRECTIONS: [(&str, &str); 2] = [("asc", "asc"), ("desc", "desc")];

/// The names of sort keys. Their case counts, because camel case is a spelling of its own.
const SORT_KEYS: [(&str, &str); 10] = [
    ("created_at", "created_at"),
    ("updated_at", "updated_at"),
    ("due_date", "due_date"),
    ("priority", "priority"),
    ("title", "title"),
    ("createdAt", "created_at"),
    ("updatedAt", "updated_at"),
    ("dueDate", "due_date"),
    ("created", "created_at"),
    ("updated", "updated_at"),
];

/// Returns the priority that a word means, in any case.
pub(super) fn priority(word: &str) -> Option<&'static str> {
    in_any_case(&PRIORITIES, word)
}

/// Returns the status that a word means, in any case.
pub(super) fn status(word: &str) -> Option<&'static str> {
    in_any_case(&STATUSES, word)
}

/// Returns whether the status that a word means is that of a completed task.
pub(super) fn completed(word: &str) -> Option<bool> {
    match status(word)? {
        "completed" => Some(true),
        "pending" => Some(false),
        _ => None,
    }
}

/// Returns the direction that a word means, in any case.
pub(super) fn direction(word: &str) -> Option<&'static str> {
    in_any_case(&DIRECTIONS, word)
}

/// Returns the sort key that a name means.
pub(super) fn sort_key(name: &str) -> Option<&'static str> {
    SORT_KEYS.iter().find(|(theirs, _)| *theirs == name).map(|(_, ours)| *ours)
}

/// Returns the integer that a text is. One beyond 64 bits becomes the largest.
pub(super) fn integer(text: &str) -> Option<u64> {
    let is_integer = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_integer.then(|| text.parse().unwrap_or(u64::MAX))
}

fn in_any_case(words: &[(&str, &'static str)], word: &str) -> Option<&'static str> {
    words.iter().find(|(theirs, _)| theirs.eq_ignore_ascii_case(word)).map(|(_, ours)| *ours)
}
