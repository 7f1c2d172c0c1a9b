/// What an access token allows at `/mcp` (`scope`; RFC 6749, section 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scopes {
    /// `tasks:read`: the tools that read.
    pub read: bool,
    /// `tasks:write`: the tools that write.
    pub write: bool,
}

impl Scopes {
    /// The name of the scope of the tools that read.
    pub const READ: &str = "tasks:read";
    /// The name of the scope of the tools that write.
    pub const WRITE: &str = "tasks:write";
    /// Both scopes, as a client asks for them.
    pub const BOTH: &str = "tasks:read tasks:write";
    /// Everything is allowed.
    pub const ALL: Self = Self { read: true, write: true };

    /// Reads names that are separated by spaces. Other names are ignored.
    pub(super) fn parse(text: &str) -> Self {
        let has = |scope| text.split(' ').any(|name| name == scope);
        Self { read: has(Self::READ), write: has(Self::WRITE) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_names_count_and_others_are_ignored() {
        let scopes = |read, write| Scopes { read, write };
        assert_eq!(Scopes::parse(Scopes::BOTH), Scopes::ALL);
        assert_eq!(Scopes::parse("openid tasks:read offline_access"), scopes(true, false));
        assert_eq!(Scopes::parse("tasks:write"), scopes(false, true));
        for none in ["", "tasks", "tasks:*", "TASKS:READ", "tasks:reader", "xtasks:write", "tasks:read,tasks:write"] {
            assert_eq!(Scopes::parse(none), scopes(false, false), "{none}");
        }
    }
}
