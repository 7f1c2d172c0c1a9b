use std::time::Duration;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, get_current_timestamp};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use service::{Caller, UserId};

use super::Rejection;
use crate::config::AuthConfig;

/// How far the clocks of issuer and server may disagree, in seconds.
const LEEWAY: u64 = 30;

/// Judges tokens: HS256 with the shared secret, its raw bytes being the key.
pub struct Verifier {
    key: DecodingKey,
    validation: Validation,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    #[serde(default, skip_deserializing)]
    iat: u64,
    #[serde(default, skip_deserializing)]
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none", skip_deserializing)]
    iss: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", skip_deserializing)]
    aud: Option<String>,
}

impl Verifier {
    /// Prepares the key and the rules once, so that a request only pays for the judgement.
    #[must_use]
    pub fn new(config: &AuthConfig) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        let mut required = vec!["exp", "sub"];
        // A configured claim is also required: the library lets a missing or malformed one pass otherwise.
        if !config.issuers.is_empty() {
            validation.set_issuer(&config.issuers);
            required.push("iss");
        }
        validation.validate_aud = !config.audiences.is_empty();
        if validation.validate_aud {
            validation.set_audience(&config.audiences);
            required.push("aud");
        }
        validation.set_required_spec_claims(&required);
        Self { key: DecodingKey::from_secret(config.secret.expose_secret().as_bytes()), validation }
    }

    /// Who holds this token.
    pub fn verify(&self, token: &str) -> Result<Caller, Rejection> {
        let token =
            jsonwebtoken::decode::<Claims>(token, &self.key, &self.validation).map_err(|error| match error.kind() {
                ErrorKind::ExpiredSignature => Rejection::Expired,
                _ => Rejection::Invalid,
            })?;
        if !is_plain(&token.header) {
            return Err(Rejection::Invalid);
        }
        // `sub` is the only source of identity: Better Auth's e-mail links are signed with the same secret and name a user
        // elsewhere.
        UserId::parse(token.claims.sub).map(Caller::authenticated).map_err(|_| Rejection::Invalid)
    }
}

/// Whether the header asks for nothing that we do not do: extensions that must be understood (`crit`, RFC 7515, section
/// 4.1.11), keys that the token itself brings, or being something else than a JWT.
fn is_plain(header: &Header) -> bool {
    header.typ.as_ref().is_none_or(|typ| typ.eq_ignore_ascii_case("JWT"))
        && header.crit.is_none()
        && header.jku.is_none()
        && header.jwk.is_none()
        && header.x5u.is_none()
        && header.x5c.is_none()
}

/// A token for `user` that [`Verifier`] accepts for `lifetime`, for trying the API without a sign-in.
pub fn issue(config: &AuthConfig, user: &UserId, lifetime: Duration) -> Result<String, jsonwebtoken::errors::Error> {
    let iat = get_current_timestamp();
    let claims = Claims {
        sub: user.as_str().to_owned(),
        iat,
        exp: iat + lifetime.as_secs(),
        iss: config.issuers.first().cloned(),
        aud: config.audiences.first().cloned(),
    };
    let key = EncodingKey::from_secret(config.secret.expose_secret().as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)
}
