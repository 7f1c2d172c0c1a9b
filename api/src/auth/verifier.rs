use std::sync::Arc;
use std::time::Instant;

use jsonwebtoken::{DecodingKey, crypto};
use secrecy::ExposeSecret;
use service::Caller;

use super::Rejection;
use super::cache::{Fingerprint, Memory};
use super::claims::Rules;
use super::jws::{Algorithm, Jws};
use super::keys::{KeySet, KeyStore, Unavailable};
use crate::config::AuthConfig;
use crate::error::Error;
use crate::server::metrics::Metrics;

/// Judges tokens. An HS256 token is only ever checked against a secret, any other only against a published key: no token can
/// choose what it is checked with.
pub struct Verifier {
    secrets: Vec<DecodingKey>,
    rules: Rules,
    /// The tokens that a secret signed.
    verified: Memory,
    published: Option<(KeyStore, Rules)>,
}

impl Verifier {
    /// Prepares the keys and the rules once, so that a request only pays for the judgement. Asks nobody yet.
    ///
    /// # Errors
    /// When the client for the key server cannot be set up.
    pub fn new(config: &AuthConfig, metrics: Option<Metrics>) -> Result<Self, reqwest::Error> {
        let leeway = f64::from(config.leeway_seconds);
        let published = match &config.key_server {
            None => None,
            Some(server) => {
                let (issuers, audiences) = (server.issuers.clone(), server.audiences.clone());
                let rules = Rules { issuers, audiences, leeway };
                Some((KeyStore::new(server.jwks_url.clone(), metrics)?, rules))
            }
        };
        let (issuers, audiences) = (config.issuers.clone(), config.audiences.clone());
        Ok(Self {
            secrets: config
                .secrets
                .iter()
                .map(|secret| DecodingKey::from_secret(secret.expose_secret().as_bytes()))
                .collect(),
            rules: Rules { issuers, audiences, leeway },
            verified: Memory::new(),
            published,
        })
    }

    /// Who holds this token. Waits only where a key must be fetched first.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for a token that was judged; [`Error::KeysUnavailable`] where there is no key to judge by.
    pub async fn verify(&self, token: &str) -> Result<Caller, Error> {
        let fingerprint = Fingerprint::of(token);
        if let Some(verdict) = self.verified.recall(&fingerprint) {
            return Ok(verdict.in_time()?);
        }
        let jws = Jws::parse(token)?;
        match (jws.algorithm, &self.published) {
            (Algorithm::Hs256, _) => Ok(self.verify_shared(fingerprint, &jws)?),
            (_, None) => Err(Rejection::NoKeyServer.into()),
            (_, Some((store, rules))) => {
                // Its future is large, and it is not where most requests pass.
                Box::pin(verify_published(store, rules, fingerprint, &jws)).await
            }
        }
    }

    fn verify_shared(&self, fingerprint: Fingerprint, jws: &Jws) -> Result<Caller, Rejection> {
        if self.secrets.is_empty() {
            return Err(Rejection::NoSecret);
        }
        let is_ours = |secret| {
            let algorithm = jsonwebtoken::Algorithm::HS256;
            crypto::verify(jws.signature, jws.signed.as_bytes(), secret, algorithm).unwrap_or(false)
        };
        if !self.secrets.iter().any(is_ours) {
            return Err(Rejection::Signature);
        }
        let verdict = self.rules.judge(jws)?;
        self.verified.keep(fingerprint, &verdict);
        verdict.in_time()
    }
}

async fn verify_published(
    store: &KeyStore,
    rules: &Rules,
    fingerprint: Fingerprint,
    jws: &Jws<'_>,
) -> Result<Caller, Error> {
    let arrived = Instant::now();
    let key_id = jws.key_id.as_deref().ok_or(Rejection::UnknownKey)?;
    let keys = store.fresh().await.map_err(|Unavailable| Error::KeysUnavailable)?;
    if let Some(verdict) = keys.verified.recall(&fingerprint) {
        return Ok(verdict.in_time()?);
    }
    let judge = |keys: &KeySet| {
        keys.check(key_id, jws)?;
        let verdict = rules.judge(jws)?;
        keys.verified.keep(fingerprint, &verdict);
        verdict.in_time()
    };
    match judge(&keys) {
        // A key that was added since, or one that replaced another under the same id.
        Err(rejection @ (Rejection::UnknownKey | Rejection::Signature)) => match store.newer(arrived).await {
            Ok(newer) if Arc::ptr_eq(&newer, &keys) => Err(rejection.into()),
            Ok(newer) => Ok(judge(&newer)?),
            Err(Unavailable) if rejection == Rejection::UnknownKey => Err(Error::KeysUnavailable),
            Err(Unavailable) => Err(rejection.into()),
        },
        judged => Ok(judged?),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_web::http::StatusCode;
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
    use serde_json::{Value, json};

    use super::super::claims::now;
    use super::super::keys::test_server::Server;
    use super::*;
    use crate::config::KeyServer;

    const SECRET: &str = "a secret that is longer than 32 bytes";

    /// A verifier, the key server that it asks, and a key that is published there.
    struct World {
        verifier: Verifier,
        server: Server,
        key: Ed25519KeyPair,
    }

    impl World {
        fn new() -> Self {
            let (server, key) = (Server::start(), Ed25519KeyPair::generate().unwrap());
            let x = BASE64.encode(key.public_key().as_ref());
            let keys = json!({"keys": [{"kid": "k", "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": x}]});
            server.answers(StatusCode::OK, &keys.to_string());
            let ours = || vec!["https://a.example".to_owned()];
            let config = AuthConfig {
                secrets: vec![SECRET.into()],
                issuers: Vec::new(),
                audiences: Vec::new(),
                key_server: Some(KeyServer { jwks_url: server.url.clone(), issuers: ours(), audiences: ours() }),
                leeway_seconds: 0,
            };
            Self { verifier: Verifier::new(&config, None).unwrap(), server, key }
        }

        fn sign(&self, header: &Value, payload: &str) -> String {
            let signed = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(payload));
            let signature = self.key.sign(signed.as_bytes());
            format!("{signed}.{}", BASE64.encode(signature))
        }

        async fn outcome(&self, token: &str) -> Result<String, String> {
            let caller = self.verifier.verify(token).await;
            caller.map(|caller| caller.user_id().as_str().to_owned()).map_err(|error| error.to_string())
        }
    }

    fn plain() -> Value {
        json!({"alg": "EdDSA", "kid": "k"})
    }

    /// Valid claims, with these instead of their own.
    fn claims(other: &Value) -> String {
        let mut claims = json!({
            "sub": "alice", "iat": now(), "exp": now() + 60.0, "iss": "https://a.example", "aud": "https://a.example"
        });
        claims.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        claims.to_string()
    }

    #[actix_web::test]
    async fn what_a_published_key_signed_is_its_subjects_when_it_says_all_it_must() {
        let world = World::new();
        for (header, other) in [
            (plain(), json!({})),
            (json!({"alg": "Ed25519", "kid": "k", "typ": "JWT"}), json!({})),
            (plain(), json!({"aud": ["x", "https://a.example"], "exp": now() + 60.5})),
        ] {
            assert_eq!(
                world.outcome(&world.sign(&header, &claims(&other))).await,
                Ok("alice".to_owned()),
                "{header} {other}"
            );
        }
    }

    #[actix_web::test]
    async fn hostile_claims_are_refused_though_a_published_key_signed_them() {
        let world = World::new();
        for other in [
            json!({"sub": null}),
            json!({"sub": 1}),
            json!({"sub": ["alice"]}),
            json!({"sub": ""}),
            json!({"sub": "a\0"}),
            json!({"sub": "x".repeat(256)}),
            json!({"sub": null, "userId": "alice", "email": "a@example.com"}),
            json!({"exp": null}),
            json!({"exp": "9999999999"}),
            json!({"exp": 1e300}),
            json!({"exp": -1}),
            json!({"exp": now() - 1.0}),
            json!({"nbf": now() + 60.0}),
            json!({"nbf": "later"}),
            json!({"iss": null}),
            json!({"iss": 5}),
            json!({"iss": "https://b.example"}),
            json!({"iss": ["https://a.example"]}),
            json!({"aud": null}),
            json!({"aud": "https://b.example"}),
            json!({"aud": []}),
            json!({"aud": {"https://a.example": 1}}),
        ] {
            assert!(world.outcome(&world.sign(&plain(), &claims(&other))).await.is_err(), "{other}");
        }
        let twice = claims(&json!({})).replacen('{', r#"{"sub":"bob","#, 1);
        assert!(world.outcome(&world.sign(&plain(), &twice)).await.is_err());
    }

    #[actix_web::test]
    async fn hostile_headers_are_refused_though_a_published_key_signed_them() {
        let world = World::new();
        for header in [
            json!({"alg": "none", "kid": "k"}),
            json!({"alg": "HS384", "kid": "k"}),
            json!({"alg": "HS512", "kid": "k"}),
            json!({"alg": "HS256", "kid": "k"}),
            json!({"alg": "ES256", "kid": "k"}),
            json!({"alg": "RS256", "kid": "k"}),
            json!({"alg": "EdDSA"}),
            json!({"alg": "EdDSA", "kid": ""}),
            json!({"alg": "EdDSA", "kid": "other"}),
            json!({"alg": "EdDSA", "kid": "k", "jku": "https://evil.example"}),
            json!({"alg": "EdDSA", "kid": "k", "jwk": {}}),
            json!({"alg": "EdDSA", "kid": "k", "x5u": "https://evil.example"}),
            json!({"alg": "EdDSA", "kid": "k", "x5c": []}),
            json!({"alg": "EdDSA", "kid": "k", "crit": ["b64"], "b64": true}),
            json!({"alg": "EdDSA", "kid": "k", "typ": "at+jwt"}),
        ] {
            assert!(world.outcome(&world.sign(&header, &claims(&json!({})))).await.is_err(), "{header}");
        }
    }

    #[actix_web::test]
    async fn a_remembered_token_of_the_shared_secret_still_expires_and_another_one_is_not_taken_for_it() {
        let world = World::new();
        let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
        let claims = json!({"sub": "alice", "exp": now() + 1.0});
        let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap();
        assert_eq!(world.outcome(&token).await, Ok("alice".to_owned()));
        assert_eq!(world.outcome(&token).await, Ok("alice".to_owned()));
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let other = if signature.starts_with('A') { "B" } else { "A" };
        let forged = format!("{signed}.{other}{}", &signature[1..]);
        let refused = Err(Error::from(Rejection::Signature).to_string());
        assert_eq!((world.outcome(&forged).await, world.outcome(&forged).await), (refused.clone(), refused));
        actix_web::rt::time::sleep(Duration::from_millis(1100)).await;
        assert_eq!(world.outcome(&token).await, Err("The token has expired".to_owned()));
    }

    #[actix_web::test]
    async fn a_remembered_token_still_expires_and_dies_with_its_key() {
        let world = World::new();
        let short = world.sign(&plain(), &claims(&json!({"exp": now() + 1.0})));
        let long = world.sign(&plain(), &claims(&json!({})));
        assert!(world.outcome(&short).await.is_ok() && world.outcome(&short).await.is_ok());
        assert!(world.outcome(&long).await.is_ok());
        actix_web::rt::time::sleep(Duration::from_millis(1100)).await;
        assert_eq!(world.outcome(&short).await, Err("The token has expired".to_owned()));

        world.server.answers(StatusCode::OK, &super::super::keys::test_server::key_set(&["another"]));
        assert!(world.outcome(&long).await.is_ok(), "within the five minutes");
        let (store, _) = world.verifier.published.as_ref().unwrap();
        store.age(Duration::from_mins(5));
        assert!(world.outcome(&long).await.is_err());
    }
}
