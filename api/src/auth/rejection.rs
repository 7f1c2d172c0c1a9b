use actix_web::http::header::HeaderValue;

/// Why a request counts as nobody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// No `Authorization` header.
    #[error("A token is required: send it as `Authorization: Bearer …`")]
    Missing,
    /// More than one `Authorization` header, or one that is not `Bearer` and a token.
    #[error("The Authorization header must be `Bearer` and one token")]
    NotBearer,
    /// A token that is not a JWT of ours, or that was tampered with.
    #[error("The token is not valid")]
    Invalid,
    /// A token of ours whose time is over.
    #[error("The token has expired")]
    Expired,
}

impl Rejection {
    /// The error's name for programs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "token_missing",
            Self::NotBearer => "token_malformed",
            Self::Invalid => "token_invalid",
            Self::Expired => "token_expired",
        }
    }

    /// The value of `WWW-Authenticate` (RFC 6750, section 3): without a token no error is named.
    #[must_use]
    pub fn challenge(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Missing => r#"Bearer realm="tasks""#,
            Self::NotBearer => r#"Bearer realm="tasks", error="invalid_request""#,
            Self::Invalid => r#"Bearer realm="tasks", error="invalid_token""#,
            Self::Expired => {
                r#"Bearer realm="tasks", error="invalid_token", error_description="The token has expired""#
            }
        })
    }
}
