use super::variables::{ConfigError, Variables};

const VARIABLE: &str = "TASK_ALIASES";

/// Another name that front ends have for `completed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskAlias {
    /// `is_completed`: true or false.
    IsCompleted,
    /// `is_complete`: true or false.
    IsComplete,
    /// `done`: true or false.
    Done,
    /// `status`: "completed" or "pending".
    Status,
}

impl TaskAlias {
    /// Every alias, in the order in which answers have them.
    pub const ALL: [Self; 4] = [Self::IsCompleted, Self::IsComplete, Self::Done, Self::Status];

    /// Returns the name of the JSON field.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::IsCompleted => "is_completed",
            Self::IsComplete => "is_complete",
            Self::Done => "done",
            Self::Status => "status",
        }
    }
}

/// `TASK_ALIASES`: the aliases that tasks in answers have in addition to `completed`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskAliases {
    /// One bit for each alias.
    bits: u8,
}

impl TaskAliases {
    pub(super) fn load(variables: &Variables) -> Result<Self, ConfigError> {
        let mut aliases = Self::default();
        for name in variables.list(VARIABLE)? {
            let alias = TaskAlias::ALL.into_iter().find(|alias| alias.name() == name).ok_or_else(|| {
                let names = TaskAlias::ALL.map(TaskAlias::name).join(", ");
                ConfigError::new(VARIABLE, format!("must be a comma list of these names: {names}"))
            })?;
            aliases = aliases.with(alias);
        }
        Ok(aliases)
    }

    /// Adds an alias.
    #[must_use]
    pub const fn with(self, alias: TaskAlias) -> Self {
        Self { bits: self.bits | 1 << alias as u8 }
    }

    /// Returns whether there is no alias.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.bits == 0
    }

    /// Lists the aliases, in the order of [`TaskAlias::ALL`].
    pub fn iter(self) -> impl Iterator<Item = TaskAlias> {
        TaskAlias::ALL.into_iter().filter(move |alias| self.bits & 1 << *alias as u8 != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_is_a_comma_list_of_known_names() {
        let load = |value: &str| TaskAliases::load(&[(VARIABLE, value)].into_iter().collect());
        assert!(load("").unwrap().is_empty());
        let both: Vec<_> = load("status, is_completed").unwrap().iter().collect();
        assert_eq!(both, [TaskAlias::IsCompleted, TaskAlias::Status]);
        assert_eq!(
            load("done,finished").unwrap_err().to_string(),
            "TASK_ALIASES must be a comma list of these names: is_completed, is_complete, done, status"
        );
    }
}
