use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};

/// An integer of a body, also in the form `10.0`, which JSON Schema takes for one. A number that is not an integer, or too large,
/// is the least integer, which no limit allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WholeNumber(pub(super) i64);

impl<'de> Deserialize<'de> for WholeNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;

        impl Visitor<'_> for Number {
            type Value = WholeNumber;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an integer")
            }

            fn visit_i64<E>(self, number: i64) -> Result<WholeNumber, E> {
                Ok(WholeNumber(number))
            }

            fn visit_u64<E>(self, number: u64) -> Result<WholeNumber, E> {
                Ok(WholeNumber(i64::try_from(number).unwrap_or(i64::MIN)))
            }

            fn visit_f64<E>(self, number: f64) -> Result<WholeNumber, E> {
                // Beyond 32 bits no limit allows a number either.
                let is_whole = number.fract() == 0.0 && number.abs() <= f64::from(i32::MAX);
                #[expect(clippy::cast_possible_truncation, reason = "a whole number of 32 bits")]
                let whole = if is_whole { number as i64 } else { i64::MIN };
                Ok(WholeNumber(whole))
            }
        }

        deserializer.deserialize_any(Number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_can_have_decimals_that_are_zero() {
        let parse = |text: &str| serde_json::from_str::<WholeNumber>(text).ok().map(|WholeNumber(number)| number);
        for (text, number) in
            [("10", 10), ("10.0", 10), ("1e2", 100), ("-3.0", -3), ("10.5", i64::MIN), ("1e300", i64::MIN)]
        {
            assert_eq!(parse(text), Some(number), "{text}");
        }
        assert_eq!(parse("18446744073709551615"), Some(i64::MIN));
        assert_eq!((parse("\"10\""), parse("true"), parse("null")), (None, None, None));
    }
}
