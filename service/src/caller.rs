use std::sync::Arc;

/// The identity of a user: the `sub` claim of the token, unchanged. A clone is cheap, because each request makes several.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UserId(Arc<str>);

/// The text is not a valid [`UserId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a user id is 1 to {max} characters long, without U+0000", max = UserId::MAX_CHARS)]
pub struct InvalidUserId;

impl UserId {
    /// The maximum length in characters (Unicode scalar values).
    pub const MAX_CHARS: usize = 255;

    /// Accepts a text of 1 to [`Self::MAX_CHARS`] characters without U+0000, which PostgreSQL cannot store.
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

/// The proof of who sends a request. Every function of [`tasks`](crate::tasks) requires one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    user: UserId,
    actor: Option<Actor>,
}

/// The client that acts for the user, as its token names it. Each change records it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor(Arc<str>);

impl Actor {
    /// The maximum length in characters (Unicode scalar values).
    pub const MAX_CHARS: usize = 255;

    /// Accepts a text of 1 to [`Self::MAX_CHARS`] characters without U+0000, which PostgreSQL cannot store.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = !text.is_empty() && text.chars().count() <= Self::MAX_CHARS && !text.contains('\0');
        fits.then(|| Self(text.into()))
    }
}

impl Caller {
    /// Makes the proof. Only code that has just authenticated the user may call it.
    #[must_use]
    pub fn authenticated(user: UserId) -> Self {
        Self { user, actor: None }
    }

    /// The owner of stored rows, for whom the server itself acts: a reminder fires without a request.
    pub(crate) fn of_stored(user: UserId) -> Self {
        Self { user, actor: None }
    }

    /// The same user, through a client.
    #[must_use]
    pub fn acting_through(self, actor: Option<Actor>) -> Self {
        Self { actor, ..self }
    }

    /// The user who sends the request.
    #[must_use]
    pub fn user_id(&self) -> &UserId {
        &self.user
    }

    /// The client that acts for the user. `None` if the user acts.
    #[must_use]
    pub fn actor(&self) -> Option<&str> {
        self.actor.as_ref().map(|Actor(name)| &**name)
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
