use service::tasks;

use super::task_json;
use crate::error::{Error, with_causes};

/// Why a tool did nothing. The model reads its sentence, so that it can correct the call.
pub(in crate::mcp) enum Fault {
    /// The client has deleted as many tasks for this user as it may.
    TooManyDeletes {
        /// The seconds until it may delete the next one, at least 1.
        seconds: u64,
    },
    /// The task does not have the version of the call.
    Stale(Box<tasks::Task>),
    /// Any other error, as the API has it.
    Error(Error),
}

impl Fault {
    /// Returns the failure of the server or its database, with its causes, for the log. `None` if the call is at fault.
    pub(in crate::mcp) fn failure(&self) -> Option<String> {
        let Self::Error(error) = self else { return None };
        error.code().status().is_server_error().then(|| with_causes(error))
    }

    /// Returns the sentence for the model.
    pub(in crate::mcp) fn sentence(&self) -> String {
        match self {
            Self::TooManyDeletes { seconds } => {
                format!(
                    "This client has deleted as many tasks as it may in an hour (MCP_DELETES_PER_HOUR). Nothing was deleted. It may \
                     delete the next task in {seconds} seconds."
                )
            }
            Self::Stale(task) => {
                let sentence = "The task was changed since that version, so nothing was written. It is now";
                match task_json((**task).clone()) {
                    Ok(task) => format!("{sentence}: {task}"),
                    Err(_) => format!("{sentence} at version {}", task.version()),
                }
            }
            Self::Error(error) => error.sentences(),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<service::Error> for Fault {
    fn from(error: service::Error) -> Self {
        match error {
            service::Error::Stale(stale) => {
                let service::Stale { version, current, conflicts } = *stale;
                match current {
                    Some(task) => Self::Stale(Box::new(task)),
                    None => Self::Error(Error::Stale { version, current: None, conflicts }),
                }
            }
            error => Self::Error(error.into()),
        }
    }
}
