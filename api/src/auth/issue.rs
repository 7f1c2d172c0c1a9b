use std::time::Duration;

use jsonwebtoken::errors::Error;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use secrecy::ExposeSecret;
use serde::Serialize;
use service::{Caller, UserId};

use crate::config::AuthConfig;

#[derive(Serialize)]
struct NewClaims<'a> {
    sub: &'a str,
    iat: u64,
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a String>,
}

/// Signs a token for `user` that is valid for `lifetime`, to try the API without a sign-in. Returns `None` if no secret is
/// configured.
#[must_use]
pub fn issue(config: &AuthConfig, user: &UserId, lifetime: Duration) -> Option<Result<String, Error>> {
    let secret = config.secrets.first()?;
    let iat = get_current_timestamp();
    let claims = NewClaims {
        sub: user.as_str(),
        iat,
        exp: iat + lifetime.as_secs(),
        iss: config.issuers.first(),
        aud: config.audiences.first(),
    };
    let key = EncodingKey::from_secret(secret.expose_secret().as_bytes());
    Some(encode(&Header::new(Algorithm::HS256), &claims, &key))
}

/// Lets the operator of the server act as `user`, on the command line. An operator who can open the database needs no token.
#[expect(clippy::disallowed_methods, reason = "the operator can read and change the database without this program")]
#[must_use]
pub fn operator_as(user: UserId) -> Caller {
    Caller::authenticated(user)
}
