//! Deserializing with errors that a person understands.

use serde::de::{DeserializeOwned, Deserializer};

use crate::error::Error;

/// Longest part of a library's own words that is passed on.
const MAX_WORDS: usize = 200;

/// Deserializes a `T`; with `strict`, names that `T` does not know are errors. `code` and `unknown_code` name the mistakes.
pub(super) fn deserialize<'de, T, D>(deserializer: D, strict: bool, kind: &Kind) -> Result<T, Error>
where
    T: DeserializeOwned,
    D: Deserializer<'de>,
    D::Error: ToString,
{
    let mut unknown = Vec::new();
    let mut track = serde_path_to_error::Track::new();
    let deserializer = serde_path_to_error::Deserializer::new(deserializer, &mut track);
    let result = serde_ignored::deserialize(deserializer, |path| unknown.push(path.to_string()));
    let value = result.map_err(|error: D::Error| {
        let words = error.to_string();
        Error::invalid(kind.code, sentence(&track.path().to_string(), &words))
    })?;
    if strict && !unknown.is_empty() {
        let names: String = unknown.join(", ").chars().take(MAX_WORDS).collect();
        return Err(Error::invalid(kind.unknown_code, format!("Unknown {}: {names}", kind.name)));
    }
    Ok(value)
}

/// What is deserialized, for the error's words.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) code: &'static str,
    pub(super) unknown_code: &'static str,
}

/// "title must be a string" from "title" and "invalid type: integer `5`, expected a string at line 1 column 11". What was
/// sent is left out: it can be long, and it is the client's.
fn sentence(path: &str, words: &str) -> String {
    let is_position = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || b" column".contains(&byte));
    let words = match words.rsplit_once(" at line ") {
        Some((words, position)) if is_position(position) => words,
        _ => words,
    };
    if let Some(field) = words.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        return format!("{field} is required");
    }
    // serde_html_form, of several values where there is place for one.
    if words == "unsupported value" {
        return format!("{path} must come once");
    }
    if let Some((_, expected)) = words.rsplit_once(", expected ") {
        let expected = if expected == "a sequence" { "a list" } else { expected };
        return format!("{path} must be {expected}");
    }
    let words: String = words.chars().take(MAX_WORDS).collect();
    if path == "." { words } else { format!("{path}: {words}") }
}

#[cfg(test)]
mod tests {
    use super::sentence;

    #[test]
    fn the_sentence_names_the_field_and_not_the_value() {
        let told = sentence(
            "title",
            "invalid type: string \"x, expected y at line 3\", expected a boolean at line 1 column 9",
        );
        assert_eq!(told, "title must be a boolean");
        assert_eq!(sentence(".", "missing field `title` at line 1 column 2"), "title is required");
        assert_eq!(sentence("a", "odd"), "a: odd");
    }
}
