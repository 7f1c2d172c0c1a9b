use aws_lc_rs::signature::{ECDSA_P521_SHA512_FIXED, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, crypto};
use serde::Deserialize;
use serde_json::Value;

use super::super::Rejection;
use super::super::cache::TokenCache;
use super::super::jws::{Jws, SignatureAlgorithm};
use super::small_order;

/// RSA keys with fewer bits are not used (RFC 7518, section 3.3).
const MIN_RSA_BITS: usize = 2048;

/// The usable keys of one JSON Web Key Set (RFC 7517, section 5), with a cache of the tokens that they have signed. A new set
/// has an empty cache, so that the tokens of a removed key are no longer accepted.
pub(crate) struct KeySet {
    published: Vec<PublishedKey>,
    keys: Vec<Key>,
    /// The tokens that these keys signed.
    pub(in crate::auth) verified: TokenCache,
}

/// The members of a published key that are read.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
struct PublishedKey {
    kid: String,
    kty: String,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

struct Key {
    id: String,
    algorithm: SignatureAlgorithm,
    material: Material,
}

enum Material {
    /// A key that jsonwebtoken verifies with.
    Supported(DecodingKey, jsonwebtoken::Algorithm),
    /// An uncompressed point (SEC 1, section 2.3.3) for ES512, which jsonwebtoken does not support.
    P521(Vec<u8>),
}

impl KeySet {
    /// Parses a key set. Unusable keys are skipped and do not invalidate the others.
    pub(super) fn parse(json: &[u8]) -> Result<Self, &'static str> {
        let document: Value = serde_json::from_slice(json).map_err(|_| "the answer is not JSON")?;
        let members = document["keys"].as_array().ok_or("the answer is no key set")?;
        let published: Vec<PublishedKey> =
            members.iter().filter_map(|member| PublishedKey::deserialize(member).ok()).collect();
        let keys: Vec<Key> = published.iter().filter_map(Key::of).collect();
        if keys.is_empty() {
            return Err("the key set holds no usable key");
        }
        Ok(Self { published, keys, verified: TokenCache::new() })
    }

    /// Returns whether the other set has the same keys.
    pub(super) fn has_same_keys(&self, other: &Self) -> bool {
        self.published == other.published
    }

    /// Lists the keys that were skipped, by id and type.
    pub(super) fn unusable(&self) -> Vec<String> {
        let is_used = |published: &&PublishedKey| self.keys.iter().any(|key| key.id == published.kid);
        let skipped = self.published.iter().filter(|published| !is_used(published));
        skipped.map(|published| format!("{:?} ({:?})", published.kid, published.kty)).collect()
    }

    /// Checks a token's signature with the key of this id. The algorithm of the key must be that of the token.
    pub(in crate::auth) fn check(&self, key_id: &str, token: &Jws) -> Result<(), Rejection> {
        let mut keys = self.keys.iter().filter(|key| key.id == key_id).peekable();
        if keys.peek().is_none() {
            return Err(Rejection::UnknownKey);
        }
        let signed = |key: &Key| key.algorithm == token.algorithm && key.has_signed(token);
        if keys.any(signed) { Ok(()) } else { Err(Rejection::Signature) }
    }
}

impl Key {
    /// Returns `None` if the key is unusable here, or if its `alg` does not fit its type.
    fn of(published: &PublishedKey) -> Option<Self> {
        use jsonwebtoken::Algorithm::{ES256, EdDSA, PS256, RS256};
        let PublishedKey { kid, kty, alg, usage, crv, n, e, x, y } = published;
        let [crv, n, e, x, y] = [crv, n, e, x, y].map(|member| member.as_deref().unwrap_or_default());
        if kid.is_empty() || usage.as_ref().is_some_and(|usage| usage != "sig") {
            return None;
        }
        let (algorithm, material) = match (kty.as_str(), crv, alg.as_deref()) {
            ("OKP", "Ed25519", None | Some("EdDSA" | "Ed25519")) if small_order::is_strong(&decode(x)?) => {
                (SignatureAlgorithm::Ed25519, Material::Supported(DecodingKey::from_ed_components(x).ok()?, EdDSA))
            }
            ("EC", "P-256", None | Some("ES256")) if (length(x)?, length(y)?) == (32, 32) => {
                (SignatureAlgorithm::Es256, Material::Supported(DecodingKey::from_ec_components(x, y).ok()?, ES256))
            }
            ("EC", "P-521", None | Some("ES512")) if (length(x)?, length(y)?) == (66, 66) => {
                (SignatureAlgorithm::Es512, Material::P521([vec![4], decode(x)?, decode(y)?].concat()))
            }
            ("RSA", _, None | Some("RS256")) if bits(n)? >= MIN_RSA_BITS => {
                (SignatureAlgorithm::Rs256, Material::Supported(DecodingKey::from_rsa_components(n, e).ok()?, RS256))
            }
            ("RSA", _, Some("PS256")) if bits(n)? >= MIN_RSA_BITS => {
                (SignatureAlgorithm::Ps256, Material::Supported(DecodingKey::from_rsa_components(n, e).ok()?, PS256))
            }
            _ => return None,
        };
        Some(Self { id: kid.clone(), algorithm, material })
    }

    fn has_signed(&self, token: &Jws) -> bool {
        match &self.material {
            Material::Supported(key, algorithm) => {
                crypto::verify(token.signature, token.signed.as_bytes(), key, *algorithm).unwrap_or(false)
            }
            Material::P521(point) => decode(token.signature).is_some_and(|signature| {
                let key = UnparsedPublicKey::new(&ECDSA_P521_SHA512_FIXED, point);
                key.verify(token.signed.as_bytes(), &signature).is_ok()
            }),
        }
    }
}

fn decode(base64url: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(base64url).ok()
}

fn length(base64url: &str) -> Option<usize> {
    decode(base64url).map(|bytes| bytes.len())
}

/// Returns the number of bits of a big-endian integer, without leading zeros.
fn bits(modulus: &str) -> Option<usize> {
    let bytes = decode(modulus)?;
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let first = bytes.get(zeros)?;
    Some((bytes.len() - zeros) * 8 - first.leading_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    /// The neutral element of the curve.
    const NEUTRAL: [u8; 32] = {
        let mut point = [0; 32];
        point[0] = 1;
        point
    };

    fn ids(keys: &Value) -> Vec<String> {
        let set = KeySet::parse(json!({ "keys": keys }).to_string().as_bytes());
        set.map_or_else(|_| Vec::new(), |set| set.keys.into_iter().map(|key| key.id).collect())
    }

    #[test]
    fn one_unusable_key_does_not_void_the_set() {
        let modulus = |bytes: usize| URL_SAFE_NO_PAD.encode(vec![0xff; bytes]);
        let keys = json!([
            {"kid": "good", "kty": "OKP", "crv": "Ed25519", "x": X, "alg": "EdDSA", "use": "sig"},
            {"kid": "new name", "kty": "OKP", "crv": "Ed25519", "x": X, "alg": "Ed25519"},
            {"kid": "nulls", "kty": "OKP", "crv": "Ed25519", "x": X, "n": null, "y": null, "use": null},
            {"kid": "rsa", "kty": "RSA", "n": modulus(256), "e": "AQAB"},
            {"kid": "oct", "kty": "oct", "k": X},
            {"kid": "encryption", "kty": "OKP", "crv": "Ed25519", "x": X, "use": "enc"},
            {"kid": "small", "kty": "RSA", "n": modulus(128), "e": "AQAB", "alg": "RS256"},
            {"kid": "padded", "kty": "RSA", "n": URL_SAFE_NO_PAD.encode([vec![0; 200], vec![0xff; 128]].concat()), "e": "AQAB"},
            {"kid": "contradiction", "kty": "OKP", "crv": "Ed25519", "x": X, "alg": "HS256"},
            {"kid": "cut", "kty": "OKP", "crv": "Ed25519", "x": "AAAA"},
            {"kid": "curve", "kty": "EC", "crv": "secp256k1", "x": X, "y": X},
            {"kid": 5, "kty": "OKP", "crv": "Ed25519", "x": X},
            {"kty": "OKP", "crv": "Ed25519", "x": X},
            {"kid": "neutral", "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(NEUTRAL)},
            "nonsense",
        ]);
        assert_eq!(ids(&keys), ["good", "new name", "nulls", "rsa"]);
    }

    #[test]
    fn a_document_without_a_usable_key_is_an_error() {
        for text in ["", "<html>", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[]}"#, r#"{"keys":[{"kty":"oct"}]}"#] {
            assert!(KeySet::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
