use super::Precondition;

/// The conditions of a write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// A condition on what is written.
    pub precondition: Precondition,
    /// The key under which the outcome is remembered, so that the same request is done only once.
    pub key: Option<IdempotencyKey>,
}

/// The key of a request that can be sent again (`Idempotency-Key`, draft-ietf-httpapi-idempotency-key-header-07), and the
/// fingerprint of the request. Keys belong to their users: two users can have the same one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    key: String,
    fingerprint: String,
}

/// The text is not a valid key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key is 1 to {max} visible ASCII characters long", max = IdempotencyKey::MAX_CHARS)]
pub struct InvalidKey;

impl IdempotencyKey {
    /// The maximum length in characters.
    pub const MAX_CHARS: usize = 255;

    /// Accepts a text of 1 to [`Self::MAX_CHARS`] visible ASCII characters. `fingerprint` identifies the request: it is the same
    /// only for the same request.
    ///
    /// # Errors
    /// [`InvalidKey`].
    pub fn parse(key: &str, fingerprint: String) -> Result<Self, InvalidKey> {
        let fits = (1..=Self::MAX_CHARS).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(Self { key: key.to_owned(), fingerprint }) } else { Err(InvalidKey) }
    }

    /// The key as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.key
    }

    /// The fingerprint of the request.
    pub(crate) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

/// The outcome of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written<T> {
    /// What the write returned.
    pub value: T,
    /// The same request was done before, and this is its outcome of then.
    pub is_replay: bool,
}

impl<T> Written<T> {
    /// The outcome of a write that was done now.
    pub(crate) fn now(value: T) -> Self {
        Self { value, is_replay: false }
    }

    /// The remembered outcome of a write.
    pub(crate) fn before(value: T) -> Self {
        Self { value, is_replay: true }
    }
}

impl From<Precondition> for Conditions {
    fn from(precondition: Precondition) -> Self {
        Self { precondition, key: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_1_to_255_visible_ascii_characters() {
        let parse = |key: &str| IdempotencyKey::parse(key, String::new()).map(|key| key.as_str().to_owned());
        for refused in ["", "a b", "a\t", "é", "\u{7f}", &"k".repeat(256)] {
            assert_eq!(parse(refused), Err(InvalidKey), "{refused}");
        }
        assert_eq!(parse("!\"\\~"), Ok("!\"\\~".to_owned()));
        assert!(parse(&"k".repeat(255)).is_ok());
    }
}
