use serde::Serialize;

/// How much a task matters; they are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Priority {
    /// Nobody has said.
    #[default]
    None,
    /// It can wait.
    Low,
    /// It should be done.
    Medium,
    /// It must be done.
    High,
}

impl Priority {
    /// All of them, in their order.
    pub const ALL: [Self; 4] = [Self::None, Self::Low, Self::Medium, Self::High];

    /// As it is stored: its place in the order.
    pub(super) fn to_stored(self) -> i16 {
        self as i16
    }

    /// None where no priority is stored so.
    pub(super) fn from_stored(stored: i16) -> Option<Self> {
        Self::ALL.get(usize::try_from(stored).ok()?).copied()
    }
}
