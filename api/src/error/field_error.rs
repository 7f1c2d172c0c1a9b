use std::borrow::Cow;

use serde::Serialize;
use utoipa::ToSchema;

use super::{Code, FieldCode};

/// The most characters of a field's name that are shown to a client.
const MAX_NAME_CHARS: usize = 100;

/// A mistake in a body, a query or a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The name of the field, of the query parameter, or of the part of the path. It is empty if the mistake is one of the whole
    /// body. A name of more than 100 characters is cut.
    #[schema(value_type = String, max_length = 100)]
    pub field: Cow<'static, str>,
    /// A stable name for programs.
    pub code: FieldCode,
    /// One sentence that can be shown to people.
    #[schema(value_type = String)]
    pub detail: Cow<'static, str>,
    /// The `code` of the whole error, if this is its first mistake.
    #[serde(skip)]
    pub(super) kind: Code,
}

impl FieldError {
    /// The most mistakes of an error.
    pub const MOST: usize = 20;

    /// Makes the mistake of a field of the body. `detail` is one sentence that names the field.
    pub fn of_body(field: impl Into<Cow<'static, str>>, code: FieldCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidField, field, code, detail)
    }

    /// Makes the mistake of a query parameter, or of a part of the path. `detail` is one sentence that names it.
    pub fn of_parameter(
        field: impl Into<Cow<'static, str>>,
        code: FieldCode,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(Code::InvalidParameter, field, code, detail)
    }

    /// Makes a mistake of another kind.
    pub fn new(
        kind: Code,
        field: impl Into<Cow<'static, str>>,
        code: FieldCode,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { field: cut(field.into()), code, detail: detail.into(), kind }
    }
}

fn cut(name: Cow<'static, str>) -> Cow<'static, str> {
    match name.char_indices().nth(MAX_NAME_CHARS) {
        Some((end, _)) => Cow::Owned(name[..end].to_owned()),
        None => name,
    }
}
