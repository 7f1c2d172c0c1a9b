//! Deserializes with errors that people understand.

use serde::de::{DeserializeOwned, Deserializer};
use serde_path_to_error::Segment;

use crate::error::{Code, FieldCode, FieldError};

/// The most characters of a library's own error message, or of unknown names, that are shown to a client.
pub(super) const MAX_CHARS: usize = 200;

/// Deserializes a `T`. Names that `T` does not have are ignored. `kind` is the `code` of its error.
pub(super) fn deserialize<'de, T, D>(deserializer: D, kind: Code) -> Result<T, FieldError>
where
    T: DeserializeOwned,
    D: Deserializer<'de>,
    D::Error: ToString,
{
    let mut track = serde_path_to_error::Track::new();
    let deserializer = serde_path_to_error::Deserializer::new(deserializer, &mut track);
    T::deserialize(deserializer).map_err(|error: D::Error| {
        let (path, message) = (track.path(), error.to_string());
        let field = match path.iter().next() {
            Some(Segment::Map { key }) => key.clone(),
            _ => String::new(),
        };
        let Mistake { missing, code, sentence } = explain(&path.to_string(), &message);
        FieldError::new(kind, missing.unwrap_or(field), code, sentence)
    })
}

/// The explanation of a library's error.
#[derive(Debug, PartialEq, Eq)]
struct Mistake {
    /// The name of the field, if the path cannot state it: the object lacks it, or has it twice.
    missing: Option<String>,
    code: FieldCode,
    sentence: String,
}

/// Makes a sentence of a path and the message of a library. For example, "title" and "invalid type: integer `5`, expected a
/// string at line 1 column 11" give "title must be a string". The value that was sent is left out, because it can be long.
fn explain(path: &str, message: &str) -> Mistake {
    let is_position = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || b" column".contains(&byte));
    let message = match message.rsplit_once(" at line ") {
        Some((message, position)) if is_position(position) => message,
        _ => message,
    };
    let named = |start: &str| message.strip_prefix(start).and_then(|rest| rest.strip_suffix('`'));
    if let Some(field) = named("missing field `") {
        return mistake(Some(field), FieldCode::Required, format!("{field} is required"));
    }
    // The message of serde_html_form for a parameter that is repeated but has one value.
    if message == "unsupported value" {
        return mistake(None, FieldCode::Repeated, format!("{path} must come once"));
    }
    if let Some((_, expected)) = message.rsplit_once(", expected ") {
        let expected = if expected == "a sequence" { "a list" } else { expected };
        let code = if message.starts_with("invalid type") { FieldCode::WrongType } else { FieldCode::Invalid };
        return mistake(None, code, format!("{path} must be {expected}"));
    }
    let sentence: String = message.chars().take(MAX_CHARS).collect();
    let sentence = if path == "." { sentence } else { format!("{path}: {sentence}") };
    match named("duplicate field `") {
        Some(field) => mistake(Some(field), FieldCode::Repeated, sentence),
        None => mistake(None, FieldCode::Invalid, sentence),
    }
}

fn mistake(missing: Option<&str>, code: FieldCode, sentence: String) -> Mistake {
    Mistake { missing: missing.map(str::to_owned), code, sentence }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_names_the_field_and_omits_the_value() {
        let made =
            explain("title", "invalid type: string \"x, expected y at line 3\", expected a boolean at line 1 column 9");
        assert_eq!(made, mistake(None, FieldCode::WrongType, "title must be a boolean".to_owned()));
        assert_eq!(
            explain(".", "missing field `title` at line 1 column 2"),
            mistake(Some("title"), FieldCode::Required, "title is required".to_owned())
        );
        assert_eq!(
            explain(".", "duplicate field `title` at line 1 column 2"),
            mistake(Some("title"), FieldCode::Repeated, "duplicate field `title`".to_owned())
        );
        assert_eq!(explain("a", "odd"), mistake(None, FieldCode::Invalid, "a: odd".to_owned()));
    }
}
