use std::sync::Arc;

/// A user's identity: the `sub` of their token, taken as it is. Cheap to clone, since every request does so several times.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UserId(Arc<str>);

/// Why a text is not a [`UserId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a user id is 1 to {max} characters long, without U+0000", max = UserId::MAX_CHARS)]
pub struct InvalidUserId;

impl UserId {
    /// The longest user id, in characters (Unicode scalar values).
    pub const MAX_CHARS: usize = 255;

    /// Accepts any text of 1 to [`Self::MAX_CHARS`] characters without U+0000, which PostgreSQL cannot store.
    pub fn parse(text: impl Into<Arc<str>>) -> Result<Self, InvalidUserId> {
        let text = text.into();
        let fits = !text.is_empty() && text.chars().count() <= Self::MAX_CHARS && !text.contains('\0');
        if fits { Ok(Self(text)) } else { Err(InvalidUserId) }
    }

    /// The identity as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Proof of who asks. Every function of [`tasks`](crate::tasks) demands one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller(UserId);

impl Caller {
    /// For who has just checked that this user is asking; nobody else has a reason to call it.
    #[must_use]
    pub fn authenticated(user: UserId) -> Self {
        Self(user)
    }

    /// Who asks.
    #[must_use]
    pub fn user_id(&self) -> &UserId {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_id_has_1_to_255_characters_and_no_nul() {
        assert_eq!(UserId::parse(""), Err(InvalidUserId));
        assert_eq!(UserId::parse("a\0"), Err(InvalidUserId));
        assert_eq!(UserId::parse("é".repeat(256)), Err(InvalidUserId));
        assert_eq!(UserId::parse("é".repeat(255)).unwrap().as_str(), "é".repeat(255));
    }
}
