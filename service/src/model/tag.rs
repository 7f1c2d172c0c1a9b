use migration::fold_case;
use serde::Serialize;

/// A label on a task: 1 to [`Tag::MAX_CHARS`] characters, not blank, without control characters. It is kept exactly as it was
/// sent. Two tags that differ only in case are the same tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tag(String);

/// The tags of a task: at most [`Tags::MAX`], in the order in which they were sent, without duplicates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(Vec<Tag>);

/// The reason why texts are not valid [`Tags`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTag {
    /// The tag is empty or only white space.
    #[error("must not be blank")]
    Blank,
    /// The tag has more characters (Unicode scalar values) than allowed.
    #[error("must be at most {max} characters long", max = Tag::MAX_CHARS)]
    TooLong,
    /// The tag contains a control character. U+0000 cannot be stored; the others cannot be typed.
    #[error("must not contain control characters")]
    Control,
    /// There are more tags than allowed.
    #[error("must be at most {max} in number", max = Tags::MAX)]
    TooMany,
    /// A tag occurs twice.
    #[error("must not name the same tag twice (upper and lower case do not count)")]
    Twice,
}

impl Tag {
    /// The maximum length in characters (Unicode scalar values).
    pub const MAX_CHARS: usize = 50;
    /// The rule "not blank, no control characters" as an ECMA-262 regular expression, for the OpenAPI document.
    pub const PATTERN: &str = concat!(
        r"^[^\u0000-\u001f\u007f-\u009f]*",
        r"[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]",
        r"[^\u0000-\u001f\u007f-\u009f]*$"
    );

    /// Checks a text. There is no other way to make a tag.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidTag> {
        let text = text.into();
        if text.chars().any(char::is_control) {
            return Err(InvalidTag::Control);
        }
        if text.chars().all(char::is_whitespace) {
            return Err(InvalidTag::Blank);
        }
        if text.chars().count() > Self::MAX_CHARS {
            return Err(InvalidTag::TooLong);
        }
        Ok(Self(text))
    }

    /// The tag as it was sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The case-folded tag. It is equal for tags that are the same. It is computed each time: keep it to compare many tags.
    #[must_use]
    pub fn folded(&self) -> String {
        fold_case(&self.0)
    }

    /// The text that the column of folded tags contains if a task has this tag.
    pub(crate) fn stored_folded(&self) -> String {
        format!("\n{}\n", self.folded())
    }
}

impl Tags {
    /// The maximum number of tags of a task.
    pub const MAX: usize = 20;

    /// Checks the texts. There is no other way to make tags.
    pub fn parse(texts: Vec<String>) -> Result<Self, InvalidTag> {
        if texts.len() > Self::MAX {
            return Err(InvalidTag::TooMany);
        }
        let tags = Self(texts.into_iter().map(Tag::parse).collect::<Result<_, _>>()?);
        let mut folded = tags.folded();
        folded.sort_unstable();
        let twice = folded.windows(2).any(|pair| pair[0] == pair[1]);
        if twice { Err(InvalidTag::Twice) } else { Ok(tags) }
    }

    /// The tags as they were sent, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(Tag::as_str)
    }

    /// The tags as they were sent, in order.
    #[must_use]
    pub fn into_inner(self) -> Vec<String> {
        self.0.into_iter().map(|tag| tag.0).collect()
    }

    fn folded(&self) -> Vec<String> {
        self.0.iter().map(Tag::folded).collect()
    }

    /// The stored form: a JSON array.
    pub(crate) fn to_stored(&self) -> String {
        self.iter().collect::<serde_json::Value>().to_string()
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// If another program wrote something that is not an array of strings.
    pub(crate) fn from_stored(stored: &str) -> Result<Self, serde_json::Error> {
        if stored == NO_TAGS {
            return Ok(Self::default());
        }
        let texts: Vec<String> = serde_json::from_str(stored)?;
        Ok(Self(texts.into_iter().map(Tag).collect()))
    }

    /// The stored form for searches: each tag folded, between line feeds, which no tag contains. "Has this tag" is then
    /// "contains [`Tag::stored_folded`]".
    pub(crate) fn to_stored_folded(&self) -> String {
        if self.0.is_empty() { String::new() } else { format!("\n{}\n", self.folded().join("\n")) }
    }
}

/// The stored form of no tags.
const NO_TAGS: &str = "[]";

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(texts: &[&str]) -> Result<Tags, InvalidTag> {
        Tags::parse(texts.iter().map(|text| (*text).to_owned()).collect())
    }

    #[test]
    fn a_tag_has_1_to_50_characters_and_is_not_blank() {
        assert_eq!(Tag::parse("🦀".repeat(50)).unwrap().as_str(), "🦀".repeat(50));
        assert_eq!(Tag::parse("🦀".repeat(51)), Err(InvalidTag::TooLong));
        assert_eq!(Tag::parse(""), Err(InvalidTag::Blank));
        assert_eq!(Tag::parse(" \u{3000}"), Err(InvalidTag::Blank));
        assert_eq!(Tag::parse("a\nb"), Err(InvalidTag::Control));
        assert_eq!(Tag::parse("\0"), Err(InvalidTag::Control));
    }

    #[test]
    fn the_pattern_names_every_control_and_white_space_character() {
        let control: String = (char::MIN..=char::MAX).filter(|c| c.is_control()).collect();
        assert_eq!(control, ('\0'..='\u{1f}').chain('\u{7f}'..='\u{9f}').collect::<String>());
        let white = (char::MIN..=char::MAX).filter(|c| c.is_whitespace() && !c.is_control()).collect::<String>();
        assert_eq!(
            white,
            " \u{a0}\u{1680}\u{2000}\u{2001}\u{2002}\u{2003}\u{2004}\u{2005}\u{2006}\u{2007}\u{2008}\u{2009}\u{200a}\
             \u{2028}\u{2029}\u{202f}\u{205f}\u{3000}"
        );
    }

    #[test]
    fn a_task_has_at_most_20_tags_and_none_twice_whatever_the_case() {
        let many: Vec<String> = (0..21).map(|n| n.to_string()).collect();
        assert_eq!(Tags::parse(many.clone()), Err(InvalidTag::TooMany));
        assert_eq!(Tags::parse(many[..20].to_vec()).unwrap().into_inner(), many[..20]);
        assert_eq!(tags(&["Work", "home", "wORK"]), Err(InvalidTag::Twice));
        assert_eq!(tags(&["Straße", "STRASSE"]), Err(InvalidTag::Twice));
        assert_eq!(tags(&["é", "e\u{301}"]), Err(InvalidTag::Twice));
        assert_eq!(tags(&["é", "e", "b", "a"]).unwrap().into_inner(), ["é", "e", "b", "a"]);
    }

    #[test]
    fn stored_tags_are_read_back_as_they_were_sent() {
        for sent in [tags(&[]), tags(&["a", "\"quoted\\", "Ünï", " c "])] {
            let sent = sent.unwrap();
            assert_eq!(Tags::from_stored(&sent.to_stored()).unwrap(), sent);
        }
        assert_eq!(tags(&[]).unwrap().to_stored(), NO_TAGS);
        assert_eq!(tags(&["B", "a"]).unwrap().to_stored_folded(), "\nb\na\n");
        assert!(Tags::from_stored("no JSON").is_err());
    }
}
