use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::Rejection;

/// A signed token in its compact form (RFC 7515, section 7.1), parsed. Its signature has not been checked.
#[derive(Debug)]
pub(crate) struct Jws<'a> {
    pub(super) algorithm: SignatureAlgorithm,
    pub(super) kind: Kind,
    pub(super) key_id: Option<String>,
    /// The signed text: header and payload as they were sent.
    pub(super) signed: &'a str,
    payload: &'a str,
    /// The signature as it was sent, in base64url.
    pub(super) signature: &'a str,
}

/// What a token is for, as its header states (`typ`; RFC 7519, section 5.1, and RFC 9068, section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A token for the REST API: `JWT`, or no `typ`.
    Jwt,
    /// An access token of OAuth: `at+jwt`.
    AccessToken,
}

/// The accepted signature algorithms. HS256 needs a secret, the others a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignatureAlgorithm {
    Hs256,
    /// Named `EdDSA` or, since RFC 9864, `Ed25519`.
    Ed25519,
    Es256,
    Es512,
    Rs256,
    Ps256,
}

impl SignatureAlgorithm {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "HS256" => Self::Hs256,
            "EdDSA" | "Ed25519" => Self::Ed25519,
            "ES256" => Self::Es256,
            "ES512" => Self::Es512,
            "RS256" => Self::Rs256,
            "PS256" => Self::Ps256,
            _ => return None,
        })
    }
}

/// The header's members that are checked. The last five must be absent: `crit` lists extensions that must be understood
/// (RFC 7515, section 4.1.11), and the others let a token supply its own key.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<IgnoredAny>,
    jku: Option<IgnoredAny>,
    jwk: Option<IgnoredAny>,
    x5u: Option<IgnoredAny>,
    x5c: Option<IgnoredAny>,
}

impl Header {
    /// Returns what the token is for, or `None` if the header requires an unsupported feature.
    fn kind(&self) -> Option<Kind> {
        let foreign = [&self.crit, &self.jku, &self.jwk, &self.x5u, &self.x5c];
        if foreign.iter().any(|member| member.is_some()) {
            return None;
        }
        let Some(typ) = self.typ.as_deref() else { return Some(Kind::Jwt) };
        let is = |name: &str| typ.eq_ignore_ascii_case(name);
        if is("JWT") {
            Some(Kind::Jwt)
        } else {
            // The media type is usually sent without its first part (RFC 9068, section 2.1).
            (is("at+jwt") || is("application/at+jwt")).then_some(Kind::AccessToken)
        }
    }
}

impl<'a> Jws<'a> {
    pub(super) fn parse(token: &'a str) -> Result<Self, Rejection> {
        let parts: Vec<&str> = token.splitn(6, '.').collect();
        let [header, payload, signature] = match parts[..] {
            [header, payload, signature] => [header, payload, signature],
            [_, _, _, _, _] => return Err(Rejection::Encrypted),
            _ => return Err(Rejection::NotAJwt),
        };
        let parsed: Header = object(header).ok_or(Rejection::Malformed)?;
        let kind = parsed.kind().ok_or(Rejection::Malformed)?;
        Ok(Self {
            kind,
            algorithm: SignatureAlgorithm::named(&parsed.alg).ok_or(Rejection::Algorithm)?,
            key_id: parsed.kid,
            signed: &token[..header.len() + 1 + payload.len()],
            payload,
            signature,
        })
    }

    /// Reads the claims. Trust them only after the signature has been checked.
    pub(super) fn claims<T: DeserializeOwned>(&self) -> Option<T> {
        object(self.payload)
    }
}

/// Decodes a JSON object from base64url. Arrays are refused, because serde would read their elements as the members in order.
fn object<T: DeserializeOwned>(base64url: &str) -> Option<T> {
    let json = URL_SAFE_NO_PAD.decode(base64url).ok()?;
    json.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice(&json).ok())?
}
