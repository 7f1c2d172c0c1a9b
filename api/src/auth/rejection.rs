use actix_web::http::header::HeaderValue;

/// Why a request counts as nobody's. Each sentence helps whoever sees it to send a token that is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// No `Authorization` header.
    #[error("A token is required: send it as `Authorization: Bearer …`")]
    Missing,
    /// More than one `Authorization` header, or one that is not `Bearer` and a token.
    #[error("The Authorization header must be `Bearer` and one token")]
    NotBearer,
    /// Longer than any token that is looked at.
    #[error("The token is longer than 16 KiB")]
    TooLong,
    /// Something that does not have a JWT's three parts, like Better Auth's session token.
    #[error("This is not a JWT; a Better Auth session token must be exchanged for one, at /api/auth/token")]
    NotAJwt,
    /// Five parts: an encrypted token (RFC 7516), like a session cookie.
    #[error("This is an encrypted token, perhaps a session cookie; send the JWT from /api/auth/token instead")]
    Encrypted,
    /// Parts that are not base64url, or not JSON, or a header that asks for what we do not do.
    #[error("The token is malformed")]
    Malformed,
    /// `none`, or an algorithm that is not accepted here.
    #[error("The token is signed in a way that is not accepted here")]
    Algorithm,
    /// HS256, and no secret to check it with.
    #[error(
        "This server has no secret for HS256 tokens: set BETTER_AUTH_SECRET, or send a token of Better Auth's jwt plugin"
    )]
    NoSecret,
    /// Signed with a key, and no key server to ask.
    #[error("This server knows no keys for this token: set BETTER_AUTH_URL to the address of Better Auth")]
    NoKeyServer,
    /// The key server publishes no such key.
    #[error("The token is signed with a key that Better Auth does not publish")]
    UnknownKey,
    /// The signature is not that of the secret, or of the key.
    #[error("The token's signature does not match: do this server and Better Auth have the same secret and keys?")]
    Signature,
    /// A missing claim, or one of a wrong type.
    #[error("The token does not say what it must: `sub` (1 to 255 characters) and `exp`")]
    Claims,
    /// An issuer that is not ours.
    #[error("The token's `iss` is not one that this server accepts (BETTER_AUTH_ISSUER)")]
    Issuer,
    /// Made for somebody else.
    #[error("The token's `aud` is not one that this server accepts (BETTER_AUTH_AUDIENCE)")]
    Audience,
    /// `nbf` has not come yet.
    #[error("The token is not valid yet: are the clocks right?")]
    NotYet,
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
            Self::Expired => "token_expired",
            _ => "token_invalid",
        }
    }

    /// The value of `WWW-Authenticate` (RFC 6750, section 3): without a token no error is named.
    #[must_use]
    pub fn challenge(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Missing => r#"Bearer realm="tasks""#,
            Self::NotBearer => r#"Bearer realm="tasks", error="invalid_request""#,
            Self::Expired => {
                r#"Bearer realm="tasks", error="invalid_token", error_description="The token has expired""#
            }
            _ => r#"Bearer realm="tasks", error="invalid_token""#,
        })
    }
}
