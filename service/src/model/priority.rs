use serde::Serialize;

/// The priority of a task. The variants are ordered from low to high.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Priority {
    /// No priority was set.
    #[default]
    None,
    /// The task can wait.
    Low,
    /// The task should be done.
    Medium,
    /// The task must be done.
    High,
}

impl Priority {
    /// Every priority, in order.
    pub const ALL: [Self; 4] = [Self::None, Self::Low, Self::Medium, Self::High];

    /// The stored number: the position in [`Self::ALL`].
    pub(crate) fn to_stored(self) -> i16 {
        self as i16
    }

    /// The priority with this stored number, if there is one.
    pub(crate) fn from_stored(stored: i16) -> Option<Self> {
        Self::ALL.get(usize::try_from(stored).ok()?).copied()
    }
}
