use std::sync::Arc;
use std::time::{Instant, SystemTime};

use actix_web::http::header::HeaderMap;
use jsonwebtoken::{DecodingKey, crypto};
use secrecy::ExposeSecret;
use service::Caller;

use super::cache::{Fingerprint, TokenCache};
use super::claims::{Expected, Rules, Verdict};
use super::jws::{Jws, Kind, SignatureAlgorithm};
use super::keys::{KeySet, KeyStore, Miss, Unavailable};
use super::{AuthError, Rejection, Scopes, bearer};
use crate::config::{AuthConfig, KeyServerConfig};

/// Called after each fetch of the keys, with whether it succeeded.
pub type OnKeyFetch = Box<dyn Fn(bool) + Send + Sync>;

/// Verifies tokens. An HS256 token is only checked with a secret, any other only with a published key. A token can therefore
/// not choose what it is checked with.
pub struct Verifier {
    secrets: Vec<DecodingKey>,
    rules: Rules,
    /// The tokens that a secret signed.
    verified: TokenCache,
    published: Option<Published>,
}

/// The keys that Better Auth publishes, and the rules of the tokens that are signed with them.
struct Published {
    keys: KeyStore,
    rules: Rules,
    /// The rules of access tokens. `None` if their issuer or their audience is not known.
    access_tokens: Option<Rules>,
}

impl Published {
    /// Checks the claims of a token by the rules of its kind.
    fn check_claims(&self, jws: &Jws) -> Result<Verdict, Rejection> {
        match (jws.kind, &self.access_tokens) {
            (Kind::Jwt, _) => self.rules.check(jws),
            (Kind::AccessToken, Some(rules)) => rules.check_access_token(jws),
            (Kind::AccessToken, None) => Err(Rejection::AccessToken),
        }
    }
}

/// Returns the rules of access tokens for this resource. The issuer has the path of Better Auth.
fn access_tokens(server: &KeyServerConfig, resource: Option<&str>, leeway: f64) -> Option<Rules> {
    let one = |value: &str| Expected::OneOf(vec![value.to_owned()]);
    Some(Rules { issuer: one(server.oauth_issuer.as_deref()?), audience: one(resource?), leeway })
}

impl Verifier {
    /// Prepares keys and rules. Sends no request to the key server. Access tokens are accepted for `resource`, the address of
    /// `/mcp`.
    ///
    /// # Errors
    /// If the client for the key server cannot be set up.
    pub fn new(config: &AuthConfig, resource: Option<&str>, on_fetch: OnKeyFetch) -> Result<Self, reqwest::Error> {
        let leeway = f64::from(config.leeway_seconds);
        let published = match &config.key_server {
            None => None,
            Some(server) => {
                let [issuer, audience] =
                    [&server.issuers, &server.audiences].map(|values| Expected::OneOf(values.clone()));
                let rules = Rules { issuer, audience, leeway };
                let access_tokens = access_tokens(server, resource, leeway);
                Some(Published { keys: KeyStore::new(server.jwks_url.clone(), on_fetch)?, rules, access_tokens })
            }
        };
        let origin = config.origin.as_deref();
        let [issuer, audience] = [&config.issuers, &config.audiences].map(|values| Expected::of(values, origin));
        Ok(Self {
            secrets: config
                .secrets
                .iter()
                .map(|secret| DecodingKey::from_secret(secret.expose_secret().as_bytes()))
                .collect(),
            rules: Rules { issuer, audience, leeway },
            verified: TokenCache::new(),
            published,
        })
    }

    /// Fetches the keys of the key server, if there is one, and logs a failure.
    pub async fn try_keys(&self) {
        if let Some(published) = &self.published {
            published.keys.try_at_start().await;
        }
    }

    /// Returns the caller whose token is in the `Authorization` header. Waits only if a key must be fetched first.
    ///
    /// # Errors
    /// [`AuthError::Rejected`] if the token is missing or refused, [`AuthError::KeysUnavailable`] if there is no key to verify
    /// it with.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, AuthError> {
        Ok(self.verify(bearer::token(headers)?).await?.of_api()?)
    }

    /// Returns the time at which the token in the `Authorization` header is no longer accepted.
    ///
    /// # Errors
    /// As [`Self::authenticate`].
    pub async fn expiry(&self, headers: &HeaderMap) -> Result<SystemTime, AuthError> {
        Ok(self.verify(bearer::token(headers)?).await?.expiry())
    }

    /// Returns the caller of `/mcp` and what the token allows there. A token of the REST API allows everything, unless only access
    /// tokens are accepted.
    ///
    /// # Errors
    /// As [`Self::authenticate`].
    pub async fn authenticate_agent(
        &self,
        headers: &HeaderMap,
        requires_access_token: bool,
    ) -> Result<(Caller, Scopes), AuthError> {
        Ok(self.verify(bearer::token(headers)?).await?.of_agent(requires_access_token)?)
    }

    async fn verify(&self, token: &str) -> Result<Verdict, AuthError> {
        let fingerprint = Fingerprint::of(token);
        if let Some(verdict) = self.verified.get(&fingerprint) {
            return Ok(verdict.unexpired()?);
        }
        let jws = Jws::parse(token)?;
        match (jws.algorithm, &self.published) {
            // Better Auth signs access tokens with its keys only.
            (SignatureAlgorithm::Hs256, _) if jws.kind == Kind::AccessToken => Err(Rejection::Algorithm.into()),
            (SignatureAlgorithm::Hs256, _) => Ok(self.verify_shared(fingerprint, &jws)?),
            (_, None) => Err(Rejection::NoKeyServer.into()),
            (_, Some(published)) => {
                // Boxed, because this future is large and most requests find their token in the cache.
                Box::pin(verify_published(published, fingerprint, &jws)).await
            }
        }
    }

    fn verify_shared(&self, fingerprint: Fingerprint, jws: &Jws) -> Result<Verdict, Rejection> {
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
        let verdict = self.rules.check(jws)?;
        self.verified.insert(fingerprint, &verdict);
        verdict.unexpired()
    }
}

async fn verify_published(
    published: &Published,
    fingerprint: Fingerprint,
    jws: &Jws<'_>,
) -> Result<Verdict, AuthError> {
    let (arrived, store) = (Instant::now(), &published.keys);
    let key_id = jws.key_id.as_deref().ok_or(Rejection::UnknownKey)?;
    let keys = store.fresh().await.map_err(|Unavailable| AuthError::KeysUnavailable)?;
    if let Some(verdict) = keys.verified.get(&fingerprint) {
        return Ok(verdict.unexpired()?);
    }
    let check = |keys: &KeySet| {
        keys.check(key_id, jws)?;
        let verdict = published.check_claims(jws)?;
        keys.verified.insert(fingerprint, &verdict);
        verdict.unexpired()
    };
    // The key may have been added since, or have replaced another one with the same id.
    let (rejection, miss) = match check(&keys) {
        Err(rejection @ Rejection::UnknownKey) => (rejection, Miss::UnknownKey),
        Err(rejection @ Rejection::Signature) => (rejection, Miss::Signature),
        checked => return Ok(checked?),
    };
    match store.newer(arrived, miss).await {
        Ok(newer) if Arc::ptr_eq(&newer, &keys) => Err(rejection.into()),
        Ok(newer) => Ok(check(&newer)?),
        Err(Unavailable) if miss == Miss::UnknownKey => Err(AuthError::KeysUnavailable),
        Err(Unavailable) => Err(rejection.into()),
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
    use crate::config::KeyServerConfig;

    const SECRET: &str = "a secret that is longer than 32 bytes";
    const RESOURCE: &str = "https://tasks.example/mcp";

    /// A verifier, its key server, and a key that is published there.
    struct Setup {
        verifier: Verifier,
        server: Server,
        key: Ed25519KeyPair,
    }

    impl Setup {
        fn new() -> Self {
            let (server, key) = (Server::start(), Ed25519KeyPair::generate().unwrap());
            let x = BASE64.encode(key.public_key().as_ref());
            let keys = json!({"keys": [{"kid": "k", "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": x}]});
            server.answers(StatusCode::OK, &keys.to_string());
            let ours = || vec!["https://a.example".to_owned()];
            let oauth_issuer = Some("https://a.example/api/auth".to_owned());
            let jwks_url = server.url.clone();
            let config = AuthConfig {
                secrets: vec![SECRET.into()],
                issuers: Vec::new(),
                audiences: Vec::new(),
                origin: None,
                key_server: Some(KeyServerConfig { jwks_url, issuers: ours(), audiences: ours(), oauth_issuer }),
                leeway_seconds: 0,
                is_development: false,
            };
            Self { verifier: Verifier::new(&config, Some(RESOURCE), Box::new(|_| {})).unwrap(), server, key }
        }

        fn sign(&self, header: &Value, payload: &str) -> String {
            let signed = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(payload));
            let signature = self.key.sign(signed.as_bytes());
            format!("{signed}.{}", BASE64.encode(signature))
        }

        async fn outcome(&self, token: &str) -> Result<String, String> {
            let caller = self.verifier.verify(token).await.and_then(|verdict| Ok(verdict.of_api()?));
            caller.map(|caller| caller.user_id().as_str().to_owned()).map_err(|error| error.to_string())
        }

        /// Returns what an agent with this token may do, and through which client, or why it is refused.
        async fn agent(&self, token: &str) -> Result<(Scopes, Option<String>), String> {
            let agent = self.verifier.verify(token).await.and_then(|verdict| Ok(verdict.of_agent(true)?));
            let (caller, scopes) = agent.map_err(|error| error.to_string())?;
            Ok((scopes, caller.actor().map(str::to_owned)))
        }
    }

    fn plain() -> Value {
        json!({"alg": "EdDSA", "kid": "k"})
    }

    /// Valid claims, some of them replaced by `other`.
    fn claims(other: &Value) -> String {
        let mut claims = json!({
            "sub": "alice", "iat": now(), "exp": now() + 60.0, "iss": "https://a.example", "aud": "https://a.example"
        });
        claims.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        claims.to_string()
    }

    #[actix_web::test]
    async fn a_token_signed_by_a_published_key_gives_its_subject_if_all_claims_are_valid() {
        let setup = Setup::new();
        for (header, other) in [
            (plain(), json!({})),
            (json!({"alg": "Ed25519", "kid": "k", "typ": "JWT"}), json!({})),
            (plain(), json!({"aud": ["x", "https://a.example"], "exp": now() + 60.5})),
        ] {
            assert_eq!(
                setup.outcome(&setup.sign(&header, &claims(&other))).await,
                Ok("alice".to_owned()),
                "{header} {other}"
            );
        }
    }

    #[actix_web::test]
    async fn invalid_claims_are_refused_even_if_a_published_key_signed_them() {
        let setup = Setup::new();
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
            assert!(setup.outcome(&setup.sign(&plain(), &claims(&other))).await.is_err(), "{other}");
        }
        let twice = claims(&json!({})).replacen('{', r#"{"sub":"bob","#, 1);
        assert!(setup.outcome(&setup.sign(&plain(), &twice)).await.is_err());
    }

    #[actix_web::test]
    async fn invalid_headers_are_refused_even_if_a_published_key_signed_them() {
        let setup = Setup::new();
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
            assert!(setup.outcome(&setup.sign(&header, &claims(&json!({})))).await.is_err(), "{header}");
        }
    }

    fn access_header() -> Value {
        json!({"alg": "EdDSA", "kid": "k", "typ": "at+jwt"})
    }

    /// The claims of an access token as Better Auth signs it, some of them replaced by `other`.
    fn access_claims(other: &Value) -> String {
        let mut claims: Value = serde_json::from_str(&claims(&json!({
            "iss": "https://a.example/api/auth", "aud": [RESOURCE, "https://a.example/api/auth/oauth2/userinfo"],
            "scope": "openid tasks:read", "client_id": "agent", "azp": "agent", "jti": "1", "sid": "s"
        })))
        .unwrap();
        claims.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        claims.to_string()
    }

    #[actix_web::test]
    async fn an_access_token_opens_the_door_of_agents_with_its_scopes_and_not_the_api() {
        let setup = Setup::new();
        for (header, scope, read, write) in [
            (access_header(), "openid tasks:read", true, false),
            (json!({"alg": "EdDSA", "kid": "k", "typ": "application/AT+JWT"}), Scopes::BOTH, true, true),
            (access_header(), "openid", false, false),
        ] {
            let token = setup.sign(&header, &access_claims(&json!({ "scope": scope })));
            for _ in 0..2 {
                let agent = Ok((Scopes { read, write }, Some("agent".to_owned())));
                assert_eq!(setup.agent(&token).await, agent, "{header} {scope}");
                assert_eq!(setup.outcome(&token).await, Err(Rejection::AccessToken.to_string()));
            }
        }
        let of_api = setup.sign(&plain(), &claims(&json!({})));
        assert_eq!(setup.agent(&of_api).await, Err(Rejection::NotAccessToken.to_string()));
    }

    #[actix_web::test]
    async fn an_access_token_that_is_not_for_this_server_is_refused() {
        let setup = Setup::new();
        for (other, rejection) in [
            (json!({"aud": "https://other.example/mcp"}), Rejection::Resource),
            (json!({"aud": null}), Rejection::Resource),
            (json!({"aud": "https://tasks.example/mcp/"}), Rejection::Resource),
            (json!({"iss": "https://a.example"}), Rejection::Issuer),
            (json!({"iss": null}), Rejection::Issuer),
            (json!({"cnf": {"jkt": "x"}}), Rejection::Bound),
            (json!({"exp": now() - 1.0}), Rejection::Expired),
            (json!({"exp": null}), Rejection::Claims),
            (json!({"sub": null}), Rejection::Claims),
        ] {
            let token = setup.sign(&access_header(), &access_claims(&other));
            assert_eq!(setup.agent(&token).await, Err(rejection.to_string()), "{other}");
        }
        // The same claims in a token of another kind: those of a token for the API, and an ID token.
        for header in [plain(), json!({"alg": "EdDSA", "kid": "k", "typ": "JWT"})] {
            for aud in [RESOURCE, "agent"] {
                let token = setup.sign(&header, &access_claims(&json!({ "aud": aud })));
                assert_eq!(setup.agent(&token).await, Err(Rejection::Issuer.to_string()));
            }
        }
        let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
        let header = jsonwebtoken::Header { typ: Some("at+jwt".to_owned()), ..jsonwebtoken::Header::default() };
        let claims: Value = serde_json::from_str(&access_claims(&json!({}))).unwrap();
        let token = jsonwebtoken::encode(&header, &claims, &key).unwrap();
        assert_eq!(setup.agent(&token).await, Err(Rejection::Algorithm.to_string()));
    }

    #[actix_web::test]
    async fn a_replaced_key_is_found_while_invented_key_ids_use_up_their_fetches() {
        let mut setup = Setup::new();
        for number in 0..20 {
            let header = json!({"alg": "EdDSA", "kid": format!("invented {number}")});
            assert!(setup.outcome(&setup.sign(&header, &claims(&json!({})))).await.is_err());
        }
        let asked = setup.server.asked();
        assert!(asked < 10, "the fetches are limited: {asked}");
        setup.key = Ed25519KeyPair::generate().unwrap();
        let x = BASE64.encode(setup.key.public_key().as_ref());
        let keys = json!({"keys": [{"kid": "k", "kty": "OKP", "crv": "Ed25519", "x": x}]});
        setup.server.answers(StatusCode::OK, &keys.to_string());
        let replaced = setup.sign(&plain(), &claims(&json!({})));
        assert_eq!(setup.outcome(&replaced).await, Ok("alice".to_owned()));
    }

    #[actix_web::test]
    async fn a_published_key_of_small_order_verifies_nothing_and_the_others_still_do() {
        let setup = Setup::new();
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let key = |kid: &str, x: &[u8]| json!({"kid": kid, "kty": "OKP", "crv": "Ed25519", "x": BASE64.encode(x)});
        let keys = json!({"keys": [key("weak", &neutral), key("k", setup.key.public_key().as_ref())]});
        setup.server.answers(StatusCode::OK, &keys.to_string());
        // With the neutral element as the key, this signature holds for every message: R is neutral and S is zero.
        let signature = [neutral, [0; 32]].concat();
        let header = json!({"alg": "EdDSA", "kid": "weak"}).to_string();
        let signed = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims(&json!({}))));
        let forged = format!("{signed}.{}", BASE64.encode(signature));
        assert_eq!(setup.outcome(&forged).await, Err(Rejection::UnknownKey.to_string()));
        assert!(setup.outcome(&setup.sign(&plain(), &claims(&json!({})))).await.is_ok());
    }

    #[actix_web::test]
    async fn a_cached_token_of_the_shared_secret_expires_and_a_forged_one_is_not_mistaken_for_it() {
        let setup = Setup::new();
        let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
        let claims = json!({"sub": "alice", "exp": now() + 1.0});
        let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap();
        assert_eq!(setup.outcome(&token).await, Ok("alice".to_owned()));
        assert_eq!(setup.outcome(&token).await, Ok("alice".to_owned()));
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let other = if signature.starts_with('A') { "B" } else { "A" };
        let forged = format!("{signed}.{other}{}", &signature[1..]);
        let refused = Err(Rejection::Signature.to_string());
        assert_eq!((setup.outcome(&forged).await, setup.outcome(&forged).await), (refused.clone(), refused));
        actix_web::rt::time::sleep(Duration::from_millis(1100)).await;
        assert_eq!(setup.outcome(&token).await, Err("The token has expired".to_owned()));
    }

    #[actix_web::test]
    async fn a_cached_token_expires_and_is_refused_once_its_key_is_removed() {
        let setup = Setup::new();
        let short = setup.sign(&plain(), &claims(&json!({"exp": now() + 1.0})));
        let long = setup.sign(&plain(), &claims(&json!({})));
        assert!(setup.outcome(&short).await.is_ok() && setup.outcome(&short).await.is_ok());
        assert!(setup.outcome(&long).await.is_ok());
        actix_web::rt::time::sleep(Duration::from_millis(1100)).await;
        assert_eq!(setup.outcome(&short).await, Err("The token has expired".to_owned()));

        setup.server.answers(StatusCode::OK, &super::super::keys::test_server::key_set(&["another"]));
        assert!(setup.outcome(&long).await.is_ok(), "within the five minutes");
        setup.verifier.published.as_ref().unwrap().keys.age(Duration::from_mins(5));
        assert!(setup.outcome(&long).await.is_err());
    }
}
