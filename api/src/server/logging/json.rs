//! `LOG_FORMAT=json`: one JSON object a line.

use std::io::{self, Write};

use env_logger::fmt::Formatter;
use log::Record;
use log::kv::{Error, Key, Value, VisitSource, VisitValue};
use serde::Serialize;
use serde::ser::{Error as _, SerializeMap, Serializer};

/// Writes a record as one line: `time` (RFC 3339, UTC), `level`, `target`, `message`, and its fields. Line feeds and control
/// characters of the texts are escaped, so a record is never more than one line.
pub(super) fn write(out: &mut Formatter, record: &Record) -> io::Result<()> {
    let time = out.timestamp_micros();
    write_object(&mut *out, &format_args!("{time}"), record)?;
    writeln!(out)
}

fn write_object(out: impl Write, time: &impl Serialize, record: &Record) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::new(out);
    let mut object = serializer.serialize_map(None)?;
    object.serialize_entry("time", time)?;
    object.serialize_entry("level", record.level().as_str())?;
    object.serialize_entry("target", record.target())?;
    object.serialize_entry("message", record.args())?;
    visit(record, |name, value| object.serialize_entry(name, &Field(value)))?;
    Ok(object.end()?)
}

/// Copies the fields of a record.
pub(super) fn fields(record: &Record) -> Vec<(String, serde_json::Value)> {
    let mut fields = Vec::new();
    // Copying cannot fail: every field is a text or a number.
    let _ = visit(record, |name, value| {
        fields.push((name.to_owned(), serde_json::to_value(Field(value))?));
        Ok(())
    });
    fields
}

/// Returns a copied value in the form of a record.
pub(super) fn value(value: &serde_json::Value) -> Value<'_> {
    match value {
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Number(number) => {
            number.as_u64().map_or_else(|| Value::from(number.as_f64().unwrap_or_default()), Value::from)
        }
        other => Value::from_display(other),
    }
}

/// Calls `each` for every field that has a value. Fields of libraries are left out: they are not known to be free of secrets.
fn visit(record: &Record, each: impl FnMut(&str, &Value) -> serde_json::Result<()>) -> serde_json::Result<()> {
    struct Visitor<F>(F);

    impl<'r, F: FnMut(&str, &Value) -> serde_json::Result<()>> VisitSource<'r> for Visitor<F> {
        fn visit_pair(&mut self, key: Key<'r>, value: Value<'r>) -> Result<(), Error> {
            let mut is_none = IsNone(false);
            value.visit(&mut is_none)?;
            if is_none.0 {
                return Ok(());
            }
            (self.0)(key.as_str(), &value).map_err(|_| Error::msg("the field cannot be written"))
        }
    }

    if super::crate_of(record.target()) != "api" {
        return Ok(());
    }
    record.key_values().visit(&mut Visitor(each)).map_err(serde_json::Error::custom)
}

/// Finds out whether a value is `None`.
struct IsNone(bool);

impl VisitValue<'_> for IsNone {
    fn visit_any(&mut self, _: Value) -> Result<(), Error> {
        Ok(())
    }

    fn visit_null(&mut self) -> Result<(), Error> {
        self.0 = true;
        Ok(())
    }
}

/// A value of a field: an integer, a number, or else a text.
struct Field<'a>(&'a Value<'a>);

impl Serialize for Field<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(text) = self.0.to_borrowed_str() {
            serializer.serialize_str(text)
        } else if let Some(integer) = self.0.to_u64() {
            serializer.serialize_u64(integer)
        } else if let Some(number) = self.0.to_f64() {
            serializer.serialize_f64(number)
        } else {
            serializer.collect_str(self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use log::Level;

    use super::*;

    #[test]
    fn a_record_is_one_line_of_json_whatever_its_texts_contain() {
        let none: Option<&str> = None;
        let fields = [
            ("status", Value::from(404_u16)),
            ("duration_ms", Value::from(1.5)),
            ("path", Value::from("/\"\n\u{1b}[31m")),
            ("code", log::kv::ToValue::to_value(&none)),
        ];
        let mut line = Vec::new();
        let mut record = Record::builder();
        record.level(Level::Info).target("api::server").key_values(&fields);
        write_object(&mut line, &"now", &record.args(format_args!("two\nlines \"quoted\"")).build()).unwrap();
        let line = String::from_utf8(line).unwrap();
        assert_eq!(
            line,
            r#"{"time":"now","level":"INFO","target":"api::server","message":"two\nlines \"quoted\"","status":404,"duration_ms":1.5,"path":"/\"\n\u001b[31m"}"#
        );
        let copied =
            super::fields(&Record::builder().target("api::server").key_values(&fields).args(format_args!("")).build());
        assert_eq!(copied.len(), 3);
        assert_eq!(value(&copied[0].1).to_u64(), Some(404));
    }

    #[test]
    fn fields_of_libraries_are_left_out() {
        let fields = [("header", Value::from("hunter2"))];
        let record = Record::builder().target("hyper::client").key_values(&fields).args(format_args!("sent")).build();
        assert!(super::fields(&record).is_empty());
    }
}
