//! The tasks of a measurement: how many, and where the rows of one user lie.

/// The tasks in the table: `tasks` tasks of each of `users` readers. Of every `stride` rows only one is a reader's. `any_task` in load.lua
/// computes ids from the same numbers.
#[derive(Clone, Copy)]
pub(crate) struct Population {
    pub(crate) users: u32,
    pub(crate) tasks: u32,
    pub(crate) stride: u32,
    /// Whether the rows of one user are adjacent, as after an import, or far apart, as after everyday use.
    pub(crate) together: bool,
}

impl Population {
    pub(crate) fn rows(self) -> u32 {
        self.users * self.tasks * self.stride
    }

    /// Returns the distance between the ids of consecutive tasks of one reader.
    pub(crate) fn task_step(self) -> u32 {
        if self.together { 1 } else { self.stride * self.users }
    }

    /// Returns the distance between the ids of the first tasks of consecutive readers.
    pub(crate) fn user_step(self) -> u32 {
        if self.together { self.stride * self.tasks } else { self.stride }
    }

    /// Returns the owner of row `n`, which counts from 1, in SQL. Every other user has as many tasks as a reader.
    pub(crate) fn user(self) -> String {
        let Self { users, tasks, stride, together } = self;
        let all = self.rows() / tasks;
        if together {
            format!(
                "CASE (n - 1) / {tasks} % {stride} WHEN 0 THEN 'reader-' || ((n - 1) / {tasks} / {stride}) \
                 ELSE 'other-' || ((n - 1) / {tasks}) END"
            )
        } else {
            format!(
                "CASE (n - 1) % {stride} WHEN 0 THEN 'reader-' || ((n - 1) / {stride} % {users}) \
                 ELSE 'other-' || ((n - 1) % {all}) END"
            )
        }
    }
}
