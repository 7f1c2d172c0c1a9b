use serde::Deserialize;
use utoipa::IntoParams;

use super::list_query::limit;
use super::schemas::occurrences_limit;
use crate::error::FieldError;
use crate::extract::Input;

/// The number of occurrences of a page, if `limit` is not sent.
const DEFAULT_LIMIT: u32 = 250;

/// How many occurrences of a series to list at a time, and from where.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct ListOccurrences {
    /// The maximum number of occurrences of a page. The default is 250.
    #[serde(deserialize_with = "limit")]
    #[param(schema_with = occurrences_limit, required = false)]
    limit: Option<u32>,
    /// The position after the previous page, from its `Link`.
    #[param(value_type = String, required = false)]
    cursor: Option<String>,
}

/// A request for a page of the occurrences of a series, whose values are valid.
#[derive(Debug)]
pub struct OccurrencesRequest {
    /// The maximum number of occurrences.
    pub limit: u32,
    /// The position after the previous page, which is not decoded.
    pub cursor: Option<String>,
}

impl Input for ListOccurrences {
    type Checked = OccurrencesRequest;

    fn check(self, _: bool) -> Result<OccurrencesRequest, FieldError> {
        Ok(OccurrencesRequest { limit: self.limit.unwrap_or(DEFAULT_LIMIT), cursor: self.cursor })
    }
}
