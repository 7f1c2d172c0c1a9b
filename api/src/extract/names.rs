use serde::de::value::Error;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;

/// Returns the names of the fields of a struct that derives `Deserialize`, in their order. For another type it returns none.
pub(super) fn names<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut names: &[&str] = &[];
    // It always fails, because there is no value.
    let _ = T::deserialize(Names(&mut names));
    names
}

/// Keeps the names that a struct passes to its deserializer.
struct Names<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Names<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("no value"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        Err(Error::custom("no value"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::names;

    #[derive(Deserialize)]
    #[serde(default)]
    #[derive(Default)]
    struct Some {
        second: String,
        #[serde(rename = "first")]
        other: Option<u8>,
    }

    #[test]
    fn the_names_are_those_of_the_fields_in_their_order() {
        assert_eq!(names::<Some>(), ["second", "first"]);
        assert_eq!(names::<Vec<u8>>(), [""; 0]);
    }
}
