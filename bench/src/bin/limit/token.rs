//! The full check of an HS256 token, for every request.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest, web};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;

use crate::wire::{Failure, UNAUTHENTICATED};

/// The key and the rules of the check.
pub(crate) struct Verifier(DecodingKey, Validation);

#[derive(Clone, Deserialize)]
struct Claims {
    sub: String,
}

impl Verifier {
    /// Creates a verifier. The key is the raw bytes of the secret.
    pub(crate) fn new(secret: &str) -> Self {
        let mut rules = Validation::new(Algorithm::HS256);
        (rules.leeway, rules.validate_nbf, rules.validate_aud) = (30, true, false);
        Self(DecodingKey::from_secret(secret.as_bytes()), rules)
    }

    fn user(&self, request: &HttpRequest) -> Option<User> {
        let token = request.headers().get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
        let user = decode::<Claims>(token, &self.0, &self.1).ok()?.claims.sub;
        ((1..=255).contains(&user.len()) && !user.contains('\0')).then_some(User(user))
    }
}

/// The caller: the token's `sub`.
pub(crate) struct User(pub(crate) String);

impl FromRequest for User {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let verifier = request.app_data::<web::Data<Verifier>>();
        ready(verifier.and_then(|verifier| verifier.user(request)).ok_or(UNAUTHENTICATED))
    }
}
