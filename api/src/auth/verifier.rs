use jsonwebtoken::{DecodingKey, crypto};
use secrecy::ExposeSecret;
use service::Caller;

use super::Rejection;
use super::claims::Rules;
use super::jws::{Algorithm, Jws};
use super::keys::{KeySet, KeyStore, Unavailable};
use crate::config::AuthConfig;
use crate::error::Error;

/// Judges tokens. An HS256 token is only ever checked against a secret, any other only against a published key: no token can
/// choose what it is checked with.
pub struct Verifier {
    secrets: Vec<DecodingKey>,
    rules: Rules,
    published: Option<(KeyStore, Rules)>,
}

impl Verifier {
    /// Prepares the keys and the rules once, so that a request only pays for the judgement. Asks nobody yet.
    ///
    /// # Errors
    /// When the client for the key server cannot be set up.
    pub fn new(config: &AuthConfig) -> Result<Self, reqwest::Error> {
        let leeway = f64::from(config.leeway_seconds);
        let published = match &config.key_server {
            None => None,
            Some(server) => {
                let (issuers, audiences) = (server.issuers.clone(), server.audiences.clone());
                let rules = Rules { issuers, audiences, dated: true, leeway };
                Some((KeyStore::new(server.jwks_url.clone())?, rules))
            }
        };
        let (issuers, audiences) = (config.issuers.clone(), config.audiences.clone());
        Ok(Self {
            secrets: config
                .secrets
                .iter()
                .map(|secret| DecodingKey::from_secret(secret.expose_secret().as_bytes()))
                .collect(),
            rules: Rules { issuers, audiences, dated: false, leeway },
            published,
        })
    }

    /// Who holds this token. Waits only where a key must be fetched first.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for a token that was judged; [`Error::KeysUnavailable`] where there is no key to judge by.
    pub async fn verify(&self, token: &str) -> Result<Caller, Error> {
        let jws = Jws::parse(token)?;
        match (jws.algorithm, &self.published) {
            (Algorithm::Hs256, _) => Ok(self.verify_shared(&jws)?),
            (_, None) => Err(Rejection::NoKeyServer.into()),
            (_, Some((store, rules))) => verify_published(store, rules, token, &jws).await,
        }
    }

    fn verify_shared(&self, jws: &Jws) -> Result<Caller, Rejection> {
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
        self.rules.judge(jws)?.in_time()
    }
}

async fn verify_published(store: &KeyStore, rules: &Rules, token: &str, jws: &Jws<'_>) -> Result<Caller, Error> {
    let key_id = jws.key_id.as_deref().ok_or(Rejection::UnknownKey)?;
    let keys = store.fresh().await.map_err(|Unavailable| Error::KeysUnavailable)?;
    if let Some(verdict) = keys.remembered(token) {
        return Ok(verdict.in_time()?);
    }
    let judge = |keys: &KeySet| {
        keys.check(key_id, jws)?;
        let verdict = rules.judge(jws)?;
        keys.remember(token, &verdict);
        verdict.in_time()
    };
    match judge(&keys) {
        // A key that was added since, or one that replaced another under the same id.
        Err(rejection @ (Rejection::UnknownKey | Rejection::Signature)) => match store.newer().await {
            Ok(keys) => Ok(judge(&keys)?),
            Err(Unavailable) if rejection == Rejection::UnknownKey => Err(Error::KeysUnavailable),
            Err(Unavailable) => Err(rejection.into()),
        },
        judged => Ok(judged?),
    }
}
