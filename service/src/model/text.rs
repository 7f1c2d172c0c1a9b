/// The title of a task: 1 to [`Title::MAX_CHARS`] characters, not blank, without U+0000. It is kept exactly as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Title(String);

/// The description of a task: at most [`Description::MAX_CHARS`] characters, without U+0000. It is kept exactly as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description(String);

/// The reason why a text is refused. The sentence names the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// The text is empty or only white space (the Unicode property `White_Space`).
    #[error("{field} must not be blank")]
    Blank {
        /// The field's name.
        field: &'static str,
    },
    /// The text has more characters (Unicode scalar values) than allowed.
    #[error("{field} must be at most {max} characters long")]
    TooLong {
        /// The field's name.
        field: &'static str,
        /// The maximum number of characters.
        max: usize,
    },
    /// The text contains U+0000, which PostgreSQL cannot store.
    #[error("{field} must not contain the character U+0000")]
    Nul {
        /// The field's name.
        field: &'static str,
    },
}

impl Title {
    /// The maximum length in characters (Unicode scalar values).
    pub const MAX_CHARS: usize = 200;
    /// The rule "not blank, no U+0000" as an ECMA-262 regular expression, for the OpenAPI document.
    pub const PATTERN: &str = concat!(
        r"^[^\u0000]*",
        r"[^\u0000\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]",
        r"[^\u0000]*$"
    );

    /// Checks a text. There is no other way to make a title.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidText> {
        let text = text.into();
        if text.chars().all(char::is_whitespace) {
            return Err(InvalidText::Blank { field: "title" });
        }
        check("title", &text, Self::MAX_CHARS)?;
        Ok(Self(text))
    }

    /// The text as it was sent.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Description {
    /// The maximum length in characters (Unicode scalar values).
    pub const MAX_CHARS: usize = 1000;
    /// The rule "no U+0000" as an ECMA-262 regular expression, for the OpenAPI document.
    pub const PATTERN: &str = r"^[^\u0000]*$";

    /// Checks a text. There is no other way to make a description.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidText> {
        let text = text.into();
        check("description", &text, Self::MAX_CHARS)?;
        Ok(Self(text))
    }

    /// The text as it was sent.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

fn check(field: &'static str, text: &str, max: usize) -> Result<(), InvalidText> {
    // Counting characters is only necessary if there are more bytes than allowed characters.
    if text.len() > max && text.chars().count() > max {
        return Err(InvalidText::TooLong { field, max });
    }
    if text.contains('\0') {
        return Err(InvalidText::Nul { field });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_has_1_to_200_characters() {
        assert_eq!(Title::parse("🦀".repeat(200)).unwrap().as_str(), "🦀".repeat(200));
        assert_eq!(Title::parse("🦀".repeat(201)), Err(InvalidText::TooLong { field: "title", max: 200 }));
        assert_eq!(Title::parse(""), Err(InvalidText::Blank { field: "title" }));
    }

    #[test]
    fn a_title_of_white_space_is_blank_whatever_its_script() {
        assert_eq!(Title::parse(" \t\u{3000}\u{2003}\n"), Err(InvalidText::Blank { field: "title" }));
    }

    #[test]
    fn the_pattern_names_every_white_space_character() {
        let named = "\u{9}\u{a}\u{b}\u{c}\u{d} \u{85}\u{a0}\u{1680}\u{2000}\u{2001}\u{2002}\u{2003}\u{2004}\u{2005}\u{2006}\
                     \u{2007}\u{2008}\u{2009}\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}";
        assert_eq!((char::MIN..=char::MAX).filter(|c| c.is_whitespace()).collect::<String>(), named);
    }

    #[test]
    fn text_is_kept_exactly_as_it_was_sent() {
        assert_eq!(Title::parse("  e\u{301}<b>\u{200b} ").unwrap().as_str(), "  e\u{301}<b>\u{200b} ");
        assert_eq!(Description::parse("").unwrap().as_str(), "");
    }

    #[test]
    fn nul_is_refused_and_the_field_named() {
        assert_eq!(Title::parse("a\0").unwrap_err().to_string(), "title must not contain the character U+0000");
        assert_eq!(
            Description::parse("\0").unwrap_err().to_string(),
            "description must not contain the character U+0000"
        );
    }
}
