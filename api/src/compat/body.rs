use std::borrow::Cow;
use std::collections::HashSet;

use serde::Serialize;
use serde_json::value::RawValue;
use service::tasks::{Tag, Tags};

use super::fields::{Fields, object};
use super::values;
use crate::config::{TaskAlias, TaskAliases};

/// A body of an operation.
pub trait TaskBody {
    /// Which foreign forms it may have.
    const FORMS: Forms = Forms::None;
}

/// Which foreign forms a body may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forms {
    /// None.
    None,
    /// Those of the fields of a task. Without being rewritten, they are errors.
    Fields,
    /// The same, and other names for `completed`. Without being rewritten, they are ignored.
    FieldsAndCompleted,
}

/// Returns whether a body may have another name for `completed`. It looks only for the name, so it can be wrong about a text that
/// contains it.
pub(crate) fn needs_rewriting(body: &str, forms: Forms) -> bool {
    forms == Forms::FieldsAndCompleted
        && ["\"is_complete", "\"done\"", "\"status\""].iter().any(|name| body.contains(name))
}

/// Rewrites a JSON object into the contract's fields. Returns `None` if it has no foreign form, or if it is not a JSON object.
///
/// The values that are not rewritten are copied as they are, so that later errors are those of the body that was sent.
pub(crate) fn rewrite(body: &str, forms: Forms, aliases: TaskAliases) -> Option<String> {
    if forms == Forms::None {
        return None;
    }
    let Fields(fields) = serde_json::from_str(body).ok()?;
    let completed = if forms == Forms::FieldsAndCompleted { completed(&fields, aliases) } else { None };
    let mut is_rewritten = completed.is_some();
    let mut written = Vec::with_capacity(fields.len() + 1);
    for (name, value) in &fields {
        let ours = match name.as_str() {
            "tags" => tags(value),
            "priority" => priority(value),
            "completed" if completed.is_some() => continue,
            _ => None,
        };
        is_rewritten |= ours.is_some();
        written.push((name.as_str(), ours.unwrap_or(Cow::Borrowed(value.get()))));
    }
    if let Some(completed) = completed {
        written.push(("completed", json(&completed)));
    }
    is_rewritten.then(|| object(written.iter().map(|(name, value)| (*name, &**value))))
}

/// Returns the value that another name gives `completed`. `None` if the body's own `completed` counts, or nothing does.
///
/// A client that spreads a task sends back all its names, and changes the value of one. So a name that the answers have counts if
/// it differs from `completed`. A name that they do not have only counts if there is no `completed`.
fn completed(fields: &[(String, &RawValue)], aliases: TaskAliases) -> Option<bool> {
    let values = |name| fields.iter().filter(move |(other, _)| other == name).map(|(_, value)| *value);
    let meaning = |alias: TaskAlias| {
        values(alias.name()).find_map(|value| match alias {
            TaskAlias::Status => values::completed(&serde_json::from_str::<String>(value.get()).ok()?),
            _ => serde_json::from_str(value.get()).ok(),
        })
    };
    let mut own = values("completed");
    let Some(first) = own.next() else {
        return aliases.iter().chain(TaskAlias::ALL).find_map(meaning);
    };
    // A `completed` that is not a boolean, or occurs twice, remains an error.
    let sent: bool = serde_json::from_str(first.get()).ok().filter(|_| own.next().is_none())?;
    aliases.iter().filter_map(meaning).find(|completed| *completed != sent)
}

/// Returns the list that a text of tags means: its parts between commas, trimmed, without empty and repeated ones.
fn tags(value: &RawValue) -> Option<Cow<'static, str>> {
    let text: String = serde_json::from_str(value.get()).ok()?;
    let (mut names, mut seen) = (Vec::new(), HashSet::new());
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        // One that is no tag is kept, so that it is reported as usual.
        if Tag::parse(name).map_or(true, |tag| seen.insert(tag.folded())) {
            names.push(name);
        }
        if names.len() > Tags::MAX {
            break;
        }
    }
    Some(json(&names))
}

/// Returns the priority that a word means, if it is not a priority's own name.
fn priority(value: &RawValue) -> Option<Cow<'static, str>> {
    let word: String = serde_json::from_str(value.get()).ok()?;
    values::priority(&word).filter(|priority| *priority != word).map(|priority| json(&priority))
}

fn json(value: &impl Serialize) -> Cow<'static, str> {
    // Texts, booleans and lists of texts always serialize.
    serde_json::to_string(value).unwrap_or_default().into()
}
