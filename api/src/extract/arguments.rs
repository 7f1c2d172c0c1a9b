use serde_json::{Map, Value};

use super::names::names;
use super::read::{Input, Part, read};
use crate::error::Error;

/// Reads the arguments of a tool. Unknown names are mistakes.
///
/// # Errors
/// All mistakes, as those of a body.
pub(crate) fn arguments<T: Input>(arguments: &Map<String, Value>) -> Result<T::Checked, Error> {
    let known = names::<T>();
    if arguments.keys().all(|name| known.contains(&name.as_str()))
        && let Ok(value) = T::deserialize(arguments)
        && let Ok(checked) = value.check(false)
    {
        return Ok(checked);
    }
    let text = serde_json::to_string(arguments).map_err(|error| Error::Internal(error.to_string()))?;
    read::<T>(&text, Part::Arguments, true)
}
