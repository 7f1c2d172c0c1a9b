use actix_web::http::header::HeaderValue;

/// Why a token was refused. Each sentence explains how to send one that is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// No `Authorization` header.
    #[error("A token is required: send it as `Authorization: Bearer …`")]
    Missing,
    /// More than one `Authorization` header, or one that is not `Bearer` and one token.
    #[error("The Authorization header must be `Bearer` and one token")]
    NotBearer,
    /// The token is longer than 16 KiB.
    #[error("The token is longer than 16 KiB")]
    TooLong,
    /// The token does not have the three parts of a JWT. Better Auth's session tokens do not.
    #[error("This is not a JWT; a Better Auth session token must be exchanged for one, at /api/auth/token")]
    NotAJwt,
    /// Five parts: an encrypted token (RFC 7516), like a session cookie.
    #[error("This is an encrypted token, perhaps a session cookie; send the JWT from /api/auth/token instead")]
    Encrypted,
    /// A part is not base64url or not JSON, or the header requires an unsupported feature.
    #[error("The token is malformed")]
    Malformed,
    /// The algorithm is `none` or another one that is not accepted.
    #[error("The token is signed in a way that is not accepted here")]
    Algorithm,
    /// The algorithm is HS256, but no secret is configured.
    #[error(
        "This server has no secret for HS256 tokens: set BETTER_AUTH_SECRET, or send a token of Better Auth's jwt plugin"
    )]
    NoSecret,
    /// The algorithm needs a public key, but no key server is configured.
    #[error("This server knows no keys for this token: set BETTER_AUTH_URL to the address of Better Auth")]
    NoKeyServer,
    /// The key server publishes no key with the token's `kid`.
    #[error("The token is signed with a key that Better Auth does not publish")]
    UnknownKey,
    /// The signature matches neither a secret nor the published key.
    #[error("The token's signature does not match: do this server and Better Auth have the same secret and keys?")]
    Signature,
    /// A required claim is missing, or has a wrong type or value.
    #[error("The token does not say what it must: `sub` (1 to 255 characters) and `exp`")]
    Claims,
    /// `iss` is not an accepted issuer.
    #[error("The token's `iss` is not one that this server accepts (BETTER_AUTH_ISSUER or BETTER_AUTH_URL)")]
    Issuer,
    /// `aud` contains no accepted audience.
    #[error("The token's `aud` is not one that this server accepts (BETTER_AUTH_AUDIENCE or BETTER_AUTH_URL)")]
    Audience,
    /// `nbf` is in the future.
    #[error("The token is not valid yet: are the clocks right?")]
    NotYet,
    /// An access token of OAuth was sent to the REST API, or this server has no address for agents.
    #[error("This is an access token for /mcp; the API takes the token of Better Auth's /api/auth/token")]
    AccessToken,
    /// A token of the REST API was sent to `/mcp`, which accepts only access tokens.
    #[error("This server takes only OAuth access tokens at /mcp (MCP_REQUIRE_OAUTH): sign in as the 401 describes")]
    NotAccessToken,
    /// `aud` of an access token does not contain the address of `/mcp`.
    #[error("The token's `aud` is not the address of this server's /mcp (MCP_RESOURCE)")]
    Resource,
    /// The access token is bound to a key of its client (`cnf`; RFC 9449, section 6.1), which is not checked here.
    #[error("The token is bound to a key of its client (DPoP), which is not supported: use a bearer token")]
    Bound,
    /// The token is genuine, but has expired.
    #[error("The token has expired")]
    Expired,
}

impl Rejection {
    /// Returns the value of `WWW-Authenticate` (RFC 6750, section 3). It names no error if there was no token.
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
