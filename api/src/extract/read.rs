//! Reads a body or a query, and finds all of its mistakes if it has any.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

use super::explain;
use super::names::names;
use crate::compat::{Fields, object};
use crate::error::{Code, Error, FieldCode, FieldError};

/// A body or a query, whose fields have the types of JSON or of parameters.
pub trait Input: DeserializeOwned {
    /// What it becomes if its values are valid.
    type Checked;

    /// The fields that must be sent, each with a valid value. It takes the place of an invalid one while other mistakes are
    /// searched.
    const REQUIRED: &'static [(&'static str, &'static str)] = &[];

    /// Checks the values. With `strict`, the forms of front ends are refused that need no rewriting.
    ///
    /// # Errors
    /// The first mistake, in the order of the fields.
    fn check(self, strict: bool) -> Result<Self::Checked, FieldError>;
}

/// The part of a request that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The body, a JSON object.
    Body,
    /// The query.
    Query,
    /// The arguments of a tool, a JSON object.
    Arguments,
}

/// The names of a part and their values, encoded for JSON in a body.
type Pairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// Reads a part and checks it. With `strict`, names that `T` does not have are mistakes.
///
/// # Errors
/// All mistakes, at most [`FieldError::MOST`]: those of fields of `T` in the order of these fields, then those of unknown names
/// in the order in which they were sent.
pub(super) fn read<T: Input>(text: &str, part: Part, strict: bool) -> Result<T::Checked, Error> {
    // A tool knows no names but its own, but takes the values that front ends send.
    let strict_values = strict && part != Part::Arguments;
    let attempt = |text: &str| part.deserialize::<T>(text)?.check(strict_values);
    let (known, mut pairs) = (names::<T>(), part.pairs(text));
    let unknown = if strict { part.unknown(&pairs, known) } else { Vec::new() };
    let mut mistakes = Vec::<FieldError>::new();
    let mut outcome = attempt(text);
    // One attempt finds one mistake. Without the field that has it, the next attempt finds the next one.
    let of_the_whole = loop {
        let mistake = match outcome {
            Ok(checked) if mistakes.is_empty() && unknown.is_empty() => return Ok(checked),
            Ok(_) => break None,
            Err(mistake) => mistake,
        };
        let is_of_a_field = known.contains(&&*mistake.field);
        if !is_of_a_field || mistakes.iter().any(|other| other.field == mistake.field) {
            // This text cannot be read without the mistake.
            break mistakes.is_empty().then_some(mistake);
        }
        pairs.retain(|(name, _)| *name != mistake.field);
        let required = T::REQUIRED.iter().find(|(name, _)| *name == mistake.field);
        pairs.extend(required.map(|(name, value)| (Cow::Borrowed(*name), Cow::Borrowed(*value))));
        mistakes.push(mistake);
        outcome = attempt(&part.text(&pairs));
    };
    mistakes.sort_by_key(|mistake| known.iter().position(|name| *name == mistake.field));
    mistakes.extend(of_the_whole.into_iter().chain(unknown));
    mistakes.truncate(FieldError::MOST);
    Err(Error::Invalid(mistakes))
}

impl Part {
    fn deserialize<T: DeserializeOwned>(self, text: &str) -> Result<T, FieldError> {
        match self {
            Self::Body | Self::Arguments => {
                explain::deserialize(&mut serde_json::Deserializer::from_str(text), Code::InvalidField)
            }
            Self::Query => {
                let pairs = form_urlencoded::parse(text.as_bytes());
                explain::deserialize(serde_html_form::Deserializer::new(pairs), Code::InvalidParameter)
            }
        }
    }

    /// Returns the pairs of a text. A body that cannot be taken apart has none, and its first mistake is the only one.
    fn pairs(self, text: &str) -> Pairs<'_> {
        match self {
            Self::Body | Self::Arguments => {
                let Fields(fields) = serde_json::from_str(text).unwrap_or_default();
                fields.into_iter().map(|(name, value)| (name.into(), value.get().into())).collect()
            }
            Self::Query => form_urlencoded::parse(text.as_bytes()).collect(),
        }
    }

    fn text(self, pairs: &Pairs<'_>) -> String {
        match self {
            Self::Body | Self::Arguments => object(pairs.iter().map(|(name, value)| (&**name, &**value))),
            Self::Query => form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish(),
        }
    }

    /// Returns a mistake for each unknown name. They have one sentence, which names all of them.
    fn unknown(self, pairs: &Pairs<'_>, known: &[&str]) -> Vec<FieldError> {
        let names: Vec<&str> = pairs.iter().map(|(name, _)| &**name).filter(|name| !known.contains(name)).collect();
        let (kind, code, what) = match self {
            Self::Body => (Code::UnknownField, FieldCode::UnknownField, "fields"),
            Self::Query => (Code::UnknownParameter, FieldCode::UnknownParameter, "query parameters"),
            Self::Arguments => (Code::UnknownField, FieldCode::UnknownField, "arguments"),
        };
        let shown: String = names.join(", ").chars().take(explain::MAX_CHARS).collect();
        let sentence = format!("Unknown {what}: {shown}");
        let mut different = Vec::<&str>::new();
        for name in names {
            if different.len() == FieldError::MOST {
                break;
            }
            if !different.contains(&name) {
                different.push(name);
            }
        }
        different.into_iter().map(|name| FieldError::new(kind, name.to_owned(), code, sentence.clone())).collect()
    }
}
