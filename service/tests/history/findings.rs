use std::collections::BTreeMap;
use std::fmt;

/// A promise that is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Problem {
    /// An acknowledged write is not in the log.
    Lost,
    /// One attempt, or one request with a precondition or a key, was done more than once.
    Twice,
    /// The answer to a repeated request with a key is not the answer to the attempt that was done.
    WrongReplay,
    /// A refused write is in the log.
    DoneAlthoughRefused,
    /// A change without an attempt.
    Unrequested,
    /// The answer is not the task that was written.
    WrongAnswer,
    /// A write of many tasks was done in part, or another one was done within it.
    Torn,
    /// The change is not the effect of its request on the task as it was, or its precondition did not hold.
    WrongEffect,
    /// The image of a change is not the state that the change before left.
    WrongImage,
    /// The row of a task is not the state that its last change left.
    WrongTask,
    /// The number of tasks of an owner is wrong, or larger than allowed.
    WrongCount,
    /// The clock of an owner is behind a change.
    ClockBehind,
    /// A write that began after another had ended has the smaller number.
    OutOfOrder,
    /// A list differs from the log at its state.
    WrongList,
    /// A change survived the erasure of its owner.
    NotErased,
    /// A polling reader has not seen a change.
    Missed,
    /// A polling reader has seen a change that is not in the log.
    Vanished,
    /// Two transactions waited for each other.
    Deadlock,
    /// The service failed in a way in which it must not fail.
    Defect,
}

/// The result of a check.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    /// What was looked at.
    pub(crate) figures: BTreeMap<&'static str, u64>,
    problems: BTreeMap<Problem, Vec<String>>,
}

impl Findings {
    pub(crate) fn add(&mut self, problem: Problem, text: impl Into<String>) {
        self.problems.entry(problem).or_default().push(text.into());
    }

    pub(crate) fn count(&mut self, figure: &'static str, number: usize) {
        *self.figures.entry(figure).or_default() += u64::try_from(number).unwrap();
    }

    pub(crate) fn is_flawless(&self) -> bool {
        self.problems.is_empty()
    }

    pub(crate) fn number_of(&self, problem: Problem) -> usize {
        self.problems.get(&problem).map_or(0, Vec::len)
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (figure, number) in &self.figures {
            write!(formatter, "{figure} {number}, ")?;
        }
        let wrong: usize = self.problems.values().map(Vec::len).sum();
        write!(formatter, "missed {}, wrong {wrong}", self.number_of(Problem::Missed))?;
        for (problem, texts) in &self.problems {
            write!(formatter, "\n{problem:?} ({}):", texts.len())?;
            for text in texts.iter().take(5) {
                write!(formatter, "\n    {text}")?;
            }
        }
        Ok(())
    }
}
