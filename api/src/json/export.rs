use chrono::{SecondsFormat, Utc};
use serde::Serialize;
use service::UserId;
use utoipa::ToSchema;

use super::{DeletedTask, Task};

/// All stored data of a user.
#[derive(Serialize, ToSchema)]
pub struct Export {
    /// The user: the `sub` of the token.
    user_id: String,
    /// When the export began (RFC 3339, UTC).
    #[schema(format = DateTime)]
    exported_at: String,
    /// Every task, newest first.
    tasks: Vec<Task>,
    /// Every task in the trash, the one that was deleted last first.
    trash: Vec<DeletedTask>,
}

impl Export {
    /// The text between the array of tasks and that of the trash, if the document is written in parts.
    pub(crate) const BEFORE_TRASH: &str = r#","trash":"#;
    /// The text after both arrays.
    pub(crate) const CLOSING: &str = "}";

    /// Returns the text before the array of tasks, if the document is written in parts.
    pub(crate) fn opening(user: &UserId) -> String {
        let exported_at = Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true);
        let user_id = serde_json::Value::from(user.as_str());
        format!(r#"{{"user_id":{user_id},"exported_at":"{exported_at}","tasks":"#)
    }
}
