/// What is to be done: 1 to [`Title::MAX_CHARS`] characters, not blank, no U+0000; kept exactly as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Title(String);

/// More about a task: at most [`Description::MAX_CHARS`] characters, no U+0000; kept exactly as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description(String);

/// Why a text is refused; the sentence names the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// Nothing but white space (the Unicode property), or nothing at all.
    #[error("{field} must not be blank")]
    Blank {
        /// The field's name.
        field: &'static str,
    },
    /// More characters (Unicode scalar values) than allowed.
    #[error("{field} must be at most {max} characters long")]
    TooLong {
        /// The field's name.
        field: &'static str,
        /// The longest allowed.
        max: usize,
    },
    /// PostgreSQL cannot store it, and no keyboard types it.
    #[error("{field} must not contain the character U+0000")]
    Nul {
        /// The field's name.
        field: &'static str,
    },
}

impl Title {
    /// The longest title, in characters (Unicode scalar values).
    pub const MAX_CHARS: usize = 200;
    /// The rule "not blank, no U+0000" as a regular expression of ECMA-262, for documents.
    pub const PATTERN: &str = concat!(
        r"^[^\u0000]*",
        r"[^\u0000\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]",
        r"[^\u0000]*$"
    );

    /// The only way to own a title.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidText> {
        let text = text.into();
        if text.chars().all(char::is_whitespace) {
            return Err(InvalidText::Blank { field: "title" });
        }
        check("title", &text, Self::MAX_CHARS)?;
        Ok(Self(text))
    }

    pub(super) fn into_inner(self) -> String {
        self.0
    }
}

impl Description {
    /// The longest description, in characters (Unicode scalar values).
    pub const MAX_CHARS: usize = 1000;
    /// The rule "no U+0000" as a regular expression of ECMA-262, for documents.
    pub const PATTERN: &str = r"^[^\u0000]*$";

    /// The only way to own a description.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidText> {
        let text = text.into();
        check("description", &text, Self::MAX_CHARS)?;
        Ok(Self(text))
    }

    pub(super) fn into_inner(self) -> String {
        self.0
    }
}

fn check(field: &'static str, text: &str, max: usize) -> Result<(), InvalidText> {
    // Characters are counted only where the bytes do not already settle it.
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
        assert_eq!(Title::parse("🦀".repeat(200)).unwrap().into_inner(), "🦀".repeat(200));
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
    fn text_is_kept_as_it_is() {
        assert_eq!(Title::parse("  e\u{301}<b>\u{200b} ").unwrap().into_inner(), "  e\u{301}<b>\u{200b} ");
        assert_eq!(Description::parse("").unwrap().into_inner(), "");
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
