use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use service::{Caller, UserId};

use super::Rejection;
use super::jws::Jws;

/// What a token must say besides who it is about and until when.
#[derive(Debug)]
pub(super) struct Rules {
    /// Where not empty, `iss` must be one of them.
    pub(super) issuers: Vec<String>,
    /// Where not empty, `aud` must hold one of them.
    pub(super) audiences: Vec<String>,
    /// How far the clocks of issuer and server may disagree, in seconds.
    pub(super) leeway: f64,
}

/// The registered claims (RFC 7519, section 4.1); times are seconds since 1970 and may have a fraction (section 2).
#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: f64,
    nbf: Option<f64>,
    /// Not judged, but a token in which it is no time is not one.
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

/// Who a token is about, and until when.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(super) caller: Caller,
    /// The last moment at which it is accepted, leeway included.
    expires: f64,
}

/// Times beyond this are mistakes, or tricks with the precision of numbers (2^53).
const END_OF_TIME: f64 = 9_007_199_254_740_992.0;

impl Verdict {
    /// The caller, unless the token has expired meanwhile.
    pub(super) fn in_time(self) -> Result<Caller, Rejection> {
        if self.expires < now() { Err(Rejection::Expired) } else { Ok(self.caller) }
    }
}

impl Rules {
    /// Judges what a token says; its signature must have been checked.
    #[expect(clippy::disallowed_methods, reason = "this is where it is checked who is asking")]
    pub(super) fn judge(&self, token: &Jws) -> Result<Verdict, Rejection> {
        let claims: Claims = token.claims().ok_or(Rejection::Claims)?;
        if !(0.0..END_OF_TIME).contains(&claims.exp) {
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
        // `sub` is the only source of identity: Better Auth's e-mail links are signed with the same secret and name a user
        // elsewhere.
        let user = UserId::parse(claims.sub).map_err(|_| Rejection::Claims)?;
        Ok(Verdict { caller: Caller::authenticated(user), expires })
    }
}

/// Seconds since 1970.
pub(super) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
