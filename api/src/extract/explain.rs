//! Deserializes with errors that people understand.

use serde::de::{DeserializeOwned, Deserializer};

use crate::error::Error;

/// The most characters of a library's own error message, or of unknown names, that are shown to a client.
const MAX_CHARS: usize = 200;

/// Deserializes a `T`. With `strict`, names that `T` does not have are errors.
pub(super) fn deserialize<'de, T, D>(deserializer: D, strict: bool, input: &Input) -> Result<T, Error>
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
        let message = error.to_string();
        Error::invalid(input.code, sentence(&track.path().to_string(), &message))
    })?;
    if strict && !unknown.is_empty() {
        let names: String = unknown.join(", ").chars().take(MAX_CHARS).collect();
        return Err(Error::invalid(input.unknown_code, format!("Unknown {}: {names}", input.name)));
    }
    Ok(value)
}

/// The part of a request that is deserialized, for its name in errors.
pub(super) struct Input {
    /// What the unknown names are: "fields" or "query parameters".
    pub(super) name: &'static str,
    /// The `code` of an invalid value.
    pub(super) code: &'static str,
    /// The `code` of an unknown name.
    pub(super) unknown_code: &'static str,
}

/// Makes a sentence of a path and the message of a library. For example, "title" and "invalid type: integer `5`, expected a
/// string at line 1 column 11" give "title must be a string". The value that was sent is left out, because it can be long.
fn sentence(path: &str, message: &str) -> String {
    let is_position = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || b" column".contains(&byte));
    let message = match message.rsplit_once(" at line ") {
        Some((message, position)) if is_position(position) => message,
        _ => message,
    };
    if let Some(field) = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        return format!("{field} is required");
    }
    // The message of serde_html_form for a parameter that is repeated but has one value.
    if message == "unsupported value" {
        return format!("{path} must come once");
    }
    if let Some((_, expected)) = message.rsplit_once(", expected ") {
        let expected = if expected == "a sequence" { "a list" } else { expected };
        return format!("{path} must be {expected}");
    }
    let message: String = message.chars().take(MAX_CHARS).collect();
    if path == "." { message } else { format!("{path}: {message}") }
}

#[cfg(test)]
mod tests {
    use super::sentence;

    #[test]
    fn the_sentence_names_the_field_and_omits_the_value() {
        let made = sentence(
            "title",
            "invalid type: string \"x, expected y at line 3\", expected a boolean at line 1 column 9",
        );
        assert_eq!(made, "title must be a boolean");
        assert_eq!(sentence(".", "missing field `title` at line 1 column 2"), "title is required");
        assert_eq!(sentence("a", "odd"), "a: odd");
    }
}
