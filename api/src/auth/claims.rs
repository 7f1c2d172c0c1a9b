use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use service::{Caller, UserId};

use super::Rejection;
use super::jws::Jws;

/// What is required of a token's claims, besides a subject and an expiry time.
#[derive(Debug)]
pub(super) struct Rules {
    /// If not empty, `iss` must be one of them.
    pub(super) issuers: Vec<String>,
    /// If not empty, `aud` must contain one of them.
    pub(super) audiences: Vec<String>,
    /// How far the clocks of issuer and server may differ, in seconds.
    pub(super) leeway: f64,
}

/// The registered claims (RFC 7519, section 4.1). Times are seconds since 1970 and may have a fraction (section 2).
#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: f64,
    nbf: Option<f64>,
    /// Not checked, but it must be a number if it is present.
    #[serde(rename = "iat")]
    _iat: Option<f64>,
    iss: Option<String>,
    aud: Option<Audience>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// The result of verifying a token: its caller, and when it expires.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(super) caller: Caller,
    /// The last time at which the token is accepted, leeway included. In seconds since 1970.
    expires: f64,
}

/// Later times are refused: beyond 2^53 a float does not hold every integer.
const MAX_TIME: f64 = 9_007_199_254_740_992.0;

impl Verdict {
    /// Returns the caller, unless the token has expired since it was verified.
    pub(super) fn unexpired(self) -> Result<Caller, Rejection> {
        if self.expires < now() { Err(Rejection::Expired) } else { Ok(self.caller) }
    }
}

impl Rules {
    /// Checks the claims of a token. Its signature must have been checked before.
    #[expect(clippy::disallowed_methods, reason = "the caller has been authenticated here")]
    pub(super) fn check(&self, token: &Jws) -> Result<Verdict, Rejection> {
        let claims: Claims = token.claims().ok_or(Rejection::Claims)?;
        if !(0.0..MAX_TIME).contains(&claims.exp) {
            return Err(Rejection::Claims);
        }
        let expires = claims.exp + self.leeway;
        if expires < now() {
            return Err(Rejection::Expired);
        }
        if claims.nbf.is_some_and(|begin| begin > now() + self.leeway) {
            return Err(Rejection::NotYet);
        }
        if !self.issuers.is_empty() && !claims.iss.is_some_and(|issuer| self.issuers.contains(&issuer)) {
            return Err(Rejection::Issuer);
        }
        let is_ours = |audience: &String| self.audiences.contains(audience);
        let for_us = match claims.aud {
            _ if self.audiences.is_empty() => true,
            None => false,
            Some(Audience::One(audience)) => is_ours(&audience),
            Some(Audience::Many(audiences)) => audiences.iter().any(is_ours),
        };
        if !for_us {
            return Err(Rejection::Audience);
        }
        // `sub` is the only source of identity. The tokens in Better Auth's e-mail links are signed with the same secret,
        // but name their user in other claims.
        let user = UserId::parse(claims.sub).map_err(|_| Rejection::Claims)?;
        Ok(Verdict { caller: Caller::authenticated(user), expires })
    }
}

/// Returns the current time in seconds since 1970.
pub(super) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
