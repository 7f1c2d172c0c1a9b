//! What is read of a message before the library reads it.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::refusal;
use crate::error::Error;
use crate::tool::Tool;

/// A message of JSON-RPC. A member that occurs twice is refused, so that the library cannot read another one than this.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    params: Option<Params<'a>>,
}

/// The parameters of a message. Those that are no object have no name.
#[derive(Deserialize)]
#[serde(untagged)]
enum Params<'a> {
    Named {
        #[serde(borrow)]
        name: Cow<'a, str>,
    },
    Other(IgnoredAny),
}

/// Returns the tool that a message calls, if it calls one that exists.
///
/// # Errors
/// If the body is not JSON, or not one object. The protocol has no batches of messages since its revision 2025-06-18.
pub(super) fn called_tool(body: &[u8]) -> Result<Option<Tool>, Error> {
    serde_json::from_slice::<IgnoredAny>(body).map_err(|problem| refusal::not_json(&problem))?;
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(refusal::invalid("The body must be one JSON object: batches are not supported"));
    }
    let message: Message = serde_json::from_slice(body)
        .map_err(|_| refusal::invalid("The body is not a message of JSON-RPC: `method` must be one text"))?;
    Ok(match (message.method.as_deref(), message.params) {
        (Some("tools/call"), Some(Params::Named { name })) => Tool::named(&name),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_call_names_a_tool() {
        let of = |body: &str| called_tool(body.as_bytes()).ok();
        assert_eq!(
            of(r#"{"method":"tools/call","params":{"arguments":{},"name":"get_task"}}"#),
            Some(Some(Tool::GetTask))
        );
        assert_eq!(of(r#"{"method":"tools\/call","params":{"name":"get\u005ftask"}}"#), Some(Some(Tool::GetTask)));
        for none in [
            r#"{"method":"tools/list","params":{"name":"get_task"}}"#,
            r#"{"method":"tools/call","params":{"name":"other"}}"#,
            r#"{"method":"tools/call","params":["get_task"]}"#,
            r#"{"method":"tools/call"}"#,
            "{}",
        ] {
            assert_eq!(of(none), Some(None), "{none}");
        }
    }

    #[test]
    fn a_member_that_occurs_twice_is_refused() {
        for refused in [
            "",
            "[]",
            r#"[{"method":"ping"}]"#,
            "{",
            r#"{"method":5}"#,
            r#"{"method":"ping","method":"tools/call"}"#,
            r#"{"method":"tools/call","params":{"name":"get_task"},"params":{"name":"delete_task"}}"#,
        ] {
            assert!(called_tool(refused.as_bytes()).is_err(), "{refused}");
        }
    }
}
