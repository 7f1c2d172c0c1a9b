/// A condition on the version of the task, or the state of the list, that a request writes (`If-Match`, RFC 9110, section
/// 13.1.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Precondition {
    /// There is no condition but that the task exists.
    #[default]
    Exists,
    /// It has one of these versions. None of them holds if there are none.
    OneOf(Vec<i64>),
}

impl Precondition {
    /// The only version for which it holds, if it is one that a task can have: a time of the calendar.
    pub(crate) fn only_version(&self) -> Option<i64> {
        /// The begin of the year 10000.
        const END: i64 = 253_402_300_800_000_000;
        match self {
            Self::OneOf(versions) => match versions[..] {
                [version] if (1..END).contains(&version) => Some(version),
                _ => None,
            },
            Self::Exists => None,
        }
    }

    /// Whether it holds for this version.
    pub(crate) fn holds(&self, version: i64) -> bool {
        match self {
            Self::Exists => true,
            Self::OneOf(versions) => versions.contains(&version),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_no_time_of_the_calendar_is_not_the_version_of_a_task() {
        let only = |version| Precondition::OneOf(vec![version]).only_version();
        for never in [i64::MIN, -1, 0, 253_402_300_800_000_000, i64::MAX] {
            assert_eq!(only(never), None, "{never}");
        }
        assert_eq!(only(253_402_300_799_999_999), Some(253_402_300_799_999_999));
        assert_eq!(Precondition::OneOf(vec![7, 8]).only_version(), None);
        assert_eq!(Precondition::Exists.only_version(), None);
    }
}
