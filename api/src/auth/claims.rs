use std::slice;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use service::{Actor, Caller, UserId};

use super::jws::Jws;
use super::{Rejection, Scopes};

/// What is required of a token's claims, besides a subject and an expiry time.
#[derive(Debug)]
pub(super) struct Rules {
    /// The values of `iss`.
    pub(super) issuer: Expected,
    /// The values of `aud`. A token may name several audiences, of which one is sufficient.
    pub(super) audience: Expected,
    /// How far the clocks of issuer and server may differ, in seconds.
    pub(super) leeway: f64,
}

/// What is required of one claim.
#[derive(Debug)]
pub(super) enum Expected {
    /// Nothing.
    Anything,
    /// The claim is required and must have one of these values.
    OneOf(Vec<String>),
    /// The claim may be absent. If it is present, it must have this value: a token that names another recipient is not for this
    /// server (RFC 7519, section 4.1.3).
    IfPresent(String),
}

impl Expected {
    /// Returns the requirement on tokens that are signed with a secret. Without configured values, the claim is compared with the
    /// origin of Better Auth, if that is known.
    pub(super) fn of(configured: &[String], origin: Option<&str>) -> Self {
        match (configured, origin) {
            ([], None) => Self::Anything,
            ([], Some(origin)) => Self::IfPresent(origin.to_owned()),
            (configured, _) => Self::OneOf(configured.to_vec()),
        }
    }

    fn accepts(&self, found: Option<&[String]>) -> bool {
        match (self, found) {
            (Self::Anything, _) | (Self::IfPresent(_), None) => true,
            (Self::OneOf(_), None) => false,
            (Self::OneOf(expected), Some(found)) => found.iter().any(|value| expected.contains(value)),
            (Self::IfPresent(expected), Some(found)) => found.contains(expected),
        }
    }
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
    /// The client that acts for the user (`OpenID` Connect Core, section 2).
    azp: Option<Value>,
    /// The same in access tokens (RFC 9068, section 2.2).
    client_id: Option<Value>,
    /// The rights of an access token, separated by spaces (RFC 9068, section 2.2.3).
    scope: Option<Value>,
    /// The key to which an access token is bound (RFC 7800, section 3.1).
    cnf: Option<IgnoredAny>,
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
    caller: Caller,
    /// What an access token allows. `None` for a token of the REST API, which allows everything.
    scopes: Option<Scopes>,
    /// The last time at which the token is accepted, leeway included. In seconds since 1970.
    expires: f64,
}

/// Later times are refused: beyond 2^53 a float does not hold every integer.
const MAX_TIME: f64 = 9_007_199_254_740_992.0;

impl Verdict {
    /// Returns the verdict, unless the token has expired since it was verified.
    pub(super) fn unexpired(self) -> Result<Self, Rejection> {
        if self.expires < now() { Err(Rejection::Expired) } else { Ok(self) }
    }

    /// Returns the last time at which the token is accepted.
    pub(super) fn expiry(&self) -> SystemTime {
        // Any accepted time is within the range of both types.
        UNIX_EPOCH + Duration::from_secs_f64(self.expires.max(0.0))
    }

    /// Returns the caller of the REST API, which access tokens do not open.
    pub(super) fn of_api(self) -> Result<Caller, Rejection> {
        if self.scopes.is_none() { Ok(self.caller) } else { Err(Rejection::AccessToken) }
    }

    /// Returns the caller of `/mcp`, and what the token allows there.
    pub(super) fn of_agent(self, requires_access_token: bool) -> Result<(Caller, Scopes), Rejection> {
        match self.scopes {
            Some(scopes) => Ok((self.caller, scopes)),
            None if requires_access_token => Err(Rejection::NotAccessToken),
            None => Ok((self.caller, Scopes::ALL)),
        }
    }
}

impl Rules {
    /// Checks the claims of a token. Its signature must have been checked before.
    pub(super) fn check(&self, token: &Jws) -> Result<Verdict, Rejection> {
        self.judge(token.claims().ok_or(Rejection::Claims)?)
    }

    /// Checks the claims of an access token (RFC 9068, section 4). Its signature must have been checked before.
    pub(super) fn check_access_token(&self, token: &Jws) -> Result<Verdict, Rejection> {
        let claims: Claims = token.claims().ok_or(Rejection::Claims)?;
        if claims.cnf.is_some() {
            return Err(Rejection::Bound);
        }
        let scopes = Scopes::parse(claims.scope.as_ref().and_then(Value::as_str).unwrap_or_default());
        let verdict = self.judge(claims).map_err(|rejection| match rejection {
            Rejection::Audience => Rejection::Resource,
            other => other,
        })?;
        Ok(Verdict { scopes: Some(scopes), ..verdict })
    }

    #[expect(clippy::disallowed_methods, reason = "the caller has been authenticated here")]
    fn judge(&self, claims: Claims) -> Result<Verdict, Rejection> {
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
        if !self.issuer.accepts(claims.iss.as_ref().map(slice::from_ref)) {
            return Err(Rejection::Issuer);
        }
        let audiences = claims.aud.as_ref().map(|audience| match audience {
            Audience::One(audience) => slice::from_ref(audience),
            Audience::Many(audiences) => audiences,
        });
        if !self.audience.accepts(audiences) {
            return Err(Rejection::Audience);
        }
        // `sub` is the only source of identity. The tokens in Better Auth's e-mail links are signed with the same secret,
        // but name their user in other claims.
        let user = UserId::parse(claims.sub).map_err(|_| Rejection::Claims)?;
        let client = claims.azp.or(claims.client_id);
        let actor = client.as_ref().and_then(Value::as_str).and_then(Actor::parse);
        Ok(Verdict { caller: Caller::authenticated(user).acting_through(actor), scopes: None, expires })
    }
}

/// Returns the current time in seconds since 1970.
pub(super) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
