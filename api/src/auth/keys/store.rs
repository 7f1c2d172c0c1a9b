use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use actix_web::rt::task::JoinHandle;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::{Mutex, OwnedMutexGuard};
use url::Url;

use super::super::OnKeyFetch;
use super::fetch::KeyClient;
use super::set::KeySet;

/// Keeps the keys of the key server, and decides when to fetch them again. The first fetch that a request waits for happens
/// when the first token arrives, so that this server starts while the key server is down.
pub(crate) struct KeyStore(Arc<Shared>);

/// There is no key to verify with: the last fetch failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unavailable;

/// Why the known keys do not verify a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Miss {
    /// No key has the token's `kid`.
    UnknownKey,
    /// A key has this `kid`, but did not sign the token. It may have been replaced by another key of the same name.
    Signature,
}

struct Shared {
    client: KeyClient,
    on_fetch: OnKeyFetch,
    state: RwLock<FetchState>,
    /// Locked during a fetch, so that all requests that wait for it share its result.
    fetching: Arc<Mutex<()>>,
    /// Limits the fetches for unknown keys, since any client can invent a key id.
    unknown_key_limit: DefaultDirectRateLimiter,
    /// Limits the fetches for signatures that do not match. It is a limit of its own, so that invented key ids cannot prevent
    /// that a replaced key is found.
    signature_limit: DefaultDirectRateLimiter,
}

#[derive(Clone, Default)]
struct FetchState {
    keys: Option<Arc<KeySet>>,
    /// When the fetch of these keys began.
    fetched: Option<Instant>,
    /// When the last fetch began and ended, and whether it failed.
    began: Option<Instant>,
    ended: Option<Instant>,
    failed: bool,
}

/// Keys older than this are refreshed in the background.
const REFRESH_AFTER: Duration = Duration::from_mins(4);
/// Keys older than this are used only after an attempt to refresh them, so that a removed key is refused after this time.
const FRESH: Duration = Duration::from_mins(5);
/// Keys older than this are not used, even if the key server fails.
const USABLE: Duration = Duration::from_hours(24);
/// The minimum time between fetches while the key server fails.
const RETRY: Duration = Duration::from_secs(2);
/// Fetches for one kind of [`Miss`] that are allowed at once. Afterwards one is allowed each [`MISS_INTERVAL`].
const MISS_BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);
const MISS_INTERVAL: Duration = Duration::from_secs(10);

impl KeyStore {
    /// Creates a store for the keys at this address.
    ///
    /// # Errors
    /// If the HTTP client cannot be set up.
    pub(crate) fn new(url: Url, on_fetch: OnKeyFetch) -> Result<Self, reqwest::Error> {
        let quota = Quota::with_period(MISS_INTERVAL).unwrap_or(Quota::per_second(NonZeroU32::MIN));
        let quota = quota.allow_burst(MISS_BURST);
        Ok(Self(Arc::new(Shared {
            client: KeyClient::new(url)?,
            on_fetch,
            state: RwLock::default(),
            fetching: Arc::default(),
            unknown_key_limit: RateLimiter::direct(quota),
            signature_limit: RateLimiter::direct(quota),
        })))
    }

    /// Fetches the keys, so that a key server that cannot be reached is logged at the start. No request waits for this fetch, and
    /// it delays and forbids no other one.
    pub(crate) async fn try_at_start(&self) {
        let began = Instant::now();
        match self.0.client.fetch().await {
            Ok(keys) => {
                let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
                // Keys that a request has fetched since are newer.
                if state.fetched.is_none() {
                    state.keep(keys, began);
                }
            }
            Err(problem) => log::warn!("{problem}. They are fetched again when a token arrives"),
        }
    }

    /// Returns the keys to verify with. Fetches them first if there are none, or only old ones.
    pub(crate) async fn fresh(&self) -> Result<Arc<KeySet>, Unavailable> {
        let state = self.0.state();
        let age = state.fetched.map(|fetched| fetched.elapsed());
        let usable = state.keys.clone().filter(|_| age.is_some_and(|age| age < USABLE));
        let Some(keys) = usable else {
            return self.0.fetch_since(&state).await;
        };
        if age.is_some_and(|age| age < REFRESH_AFTER) {
            return Ok(keys);
        }
        // While the key server fails, requests do not wait for it but use the old keys.
        let fails = state.failed && state.ended.is_some_and(|ended| ended.elapsed() < FRESH);
        if fails || age.is_some_and(|age| age < FRESH) {
            self.refresh_in_background(&state);
            return Ok(keys);
        }
        Ok(self.0.fetch_since(&state).await.unwrap_or(keys))
    }

    /// Returns keys of a fetch that began after `arrived`, if the limit of this kind of miss allows one. For a token of that time
    /// that the known keys do not verify. All requests that wait share one fetch.
    pub(crate) async fn newer(&self, arrived: Instant, miss: Miss) -> Result<Arc<KeySet>, Unavailable> {
        let fetching = Arc::clone(&self.0.fetching).lock_owned().await;
        // Another request that waited for the lock may have fetched after this token arrived.
        let was_fetched_since = self.0.state().began.is_some_and(|began| began >= arrived);
        let limit = match miss {
            Miss::UnknownKey => &self.0.unknown_key_limit,
            Miss::Signature => &self.0.signature_limit,
        };
        if !was_fetched_since && limit.check().is_ok() {
            let _ = self.0.fetch(fetching).await;
        }
        self.0.state().outcome()
    }

    fn refresh_in_background(&self, state: &FetchState) {
        if state.is_too_soon() {
            return;
        }
        // If the lock is taken, a fetch is in flight already.
        if let Ok(fetching) = Arc::clone(&self.0.fetching).try_lock_owned() {
            drop(self.0.fetch(fetching));
        }
    }
}

impl FetchState {
    /// Returns whether the last fetch failed less than [`RETRY`] ago.
    fn is_too_soon(&self) -> bool {
        self.failed && self.ended.is_some_and(|ended| ended.elapsed() < RETRY)
    }

    /// Keeps the keys of a fetch that began at this time.
    fn keep(&mut self, keys: KeySet, began: Instant) {
        self.fetched = Some(began);
        // Unchanged keys keep their cache of tokens.
        if !self.keys.as_ref().is_some_and(|known| known.has_same_keys(&keys)) {
            if !keys.unusable().is_empty() {
                log::warn!("Better Auth publishes keys that cannot be used here: {}", keys.unusable().join(", "));
            }
            self.keys = Some(Arc::new(keys));
        }
    }

    fn outcome(self) -> Result<Arc<KeySet>, Unavailable> {
        self.keys.filter(|_| !self.failed).ok_or(Unavailable)
    }
}

impl Shared {
    fn state(&self) -> FetchState {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Fetches the keys, unless a fetch began after `seen` or one has just failed.
    async fn fetch_since(self: &Arc<Self>, seen: &FetchState) -> Result<Arc<KeySet>, Unavailable> {
        let fetching = Arc::clone(&self.fetching).lock_owned().await;
        let state = self.state();
        if state.began == seen.began && !state.is_too_soon() {
            let _ = self.fetch(fetching).await;
        }
        self.state().outcome()
    }

    /// Fetches the keys in a separate task, so that a client that disconnects does not cancel the fetch.
    fn fetch(self: &Arc<Self>, fetching: OwnedMutexGuard<()>) -> JoinHandle<()> {
        let shared = Arc::clone(self);
        actix_web::rt::spawn(async move {
            shared.fetch_here().await;
            drop(fetching);
        })
    }

    async fn fetch_here(&self) {
        let began = Instant::now();
        let fetched = self.client.fetch().await;
        (self.on_fetch)(fetched.is_ok());
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.began = Some(began);
        state.ended = Some(Instant::now());
        state.failed = fetched.is_err();
        match fetched {
            Ok(keys) => state.keep(keys, began),
            Err(problem) => log::warn!("{problem}"),
        }
    }
}

#[cfg(test)]
impl KeyStore {
    /// Shifts all times into the past, as if this much time had passed.
    pub(crate) fn age(&self, by: Duration) {
        let mut state = self.0.state.write().unwrap();
        let state = &mut *state;
        for moment in [&mut state.fetched, &mut state.began, &mut state.ended] {
            *moment = moment.map(|moment| moment.checked_sub(by).unwrap());
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::StatusCode;
    use futures_util::FutureExt;
    use futures_util::future::join_all;

    use super::super::test_server::{Server, key_set};
    use super::*;

    fn same(one: &Arc<KeySet>, other: &Arc<KeySet>) -> bool {
        Arc::ptr_eq(one, other)
    }

    #[actix_web::test]
    async fn keys_are_fetched_with_the_first_token_and_concurrent_requests_share_the_fetch() {
        let server = Server::start();
        let store = KeyStore::new(server.url.clone(), Box::new(|_| {})).unwrap();
        assert_eq!(server.asked(), 0);
        let answers = join_all((0..20).map(|_| store.fresh())).await;
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(server.asked(), 1);
    }

    #[actix_web::test]
    async fn a_fetch_at_the_start_saves_the_first_request_one_and_a_failed_one_forbids_none() {
        let server = Server::start();
        let store = KeyStore::new(server.url.clone(), Box::new(|_| {})).unwrap();
        server.answers(StatusCode::SERVICE_UNAVAILABLE, "");
        store.try_at_start().await;
        server.answers(StatusCode::OK, &key_set(&["1"]));
        assert!(store.fresh().await.is_ok());
        assert_eq!(server.asked(), 2);

        let store = KeyStore::new(server.url.clone(), Box::new(|_| {})).unwrap();
        store.try_at_start().await;
        assert!(store.fresh().await.is_ok());
        assert_eq!(server.asked(), 3);
    }

    #[actix_web::test]
    async fn keys_are_refreshed_in_the_background_before_they_are_five_minutes_old() {
        let server = Server::start();
        let store = KeyStore::new(server.url.clone(), Box::new(|_| {})).unwrap();
        let first = store.fresh().await.unwrap();
        store.age(Duration::from_secs(239));
        assert!(same(&store.fresh().await.unwrap(), &first));
        assert_eq!(server.asked(), 1);
        store.age(Duration::from_secs(30));
        server.answers(StatusCode::OK, &key_set(&["2"]));
        assert!(same(&store.fresh().await.unwrap(), &first), "the request does not wait for the refresh");
        // The refresh has ended once the lock is free.
        drop(store.0.fetching.lock().await);
        assert_eq!(server.asked(), 2);
        assert!(!same(&store.fresh().await.unwrap(), &first));
    }

    #[actix_web::test]
    async fn a_removed_key_is_not_used_after_five_minutes_however_idle_the_server_was() {
        let server = Server::start();
        let store = KeyStore::new(server.url.clone(), Box::new(|_| {})).unwrap();
        let first = store.fresh().await.unwrap();
        server.answers(StatusCode::OK, &key_set(&["2"]));
        store.age(Duration::from_mins(5));
        assert!(!same(&store.fresh().await.unwrap(), &first));
    }

    #[actix_web::test]
    async fn unchanged_keys_keep_their_cache_of_tokens() {
        let server = Server::start();
        let store = KeyStore::new(server.url.clone(), Box::new(|_| {})).unwrap();
        let first = store.fresh().await.unwrap();
        store.age(Duration::from_mins(5));
        assert!(same(&store.fresh().await.unwrap(), &first));
        assert_eq!(server.asked(), 2);
    }

    #[actix_web::test]
    async fn while_the_key_server_fails_old_keys_are_used_for_a_day_and_no_longer() {
        let server = Server::start();
        let store = KeyStore::new(server.url.clone(), Box::new(|_| {})).unwrap();
        let first = store.fresh().await.unwrap();
        server.answers(StatusCode::TOO_MANY_REQUESTS, "slow down");
        store.age(Duration::from_hours(23));
        for _ in 0..5 {
            assert!(same(&store.fresh().await.unwrap(), &first));
        }
        assert_eq!(server.asked(), 2, "not every request asks a failing server");
        store.age(Duration::from_hours(1));
        assert_eq!(store.fresh().await.err(), Some(Unavailable));
        server.answers(StatusCode::OK, &key_set(&["1"]));
        store.age(Duration::from_secs(2));
        assert!(store.fresh().await.is_ok());
    }

    #[actix_web::test]
    async fn ten_thousand_unknown_keys_cause_no_more_fetches_than_the_limit_allows() {
        let server = Server::start();
        let store = KeyStore::new(server.url.clone(), Box::new(|_| {})).unwrap();
        store.fresh().await.unwrap();
        let first = join_all((0..100).map(|_| store.newer(Instant::now(), Miss::UnknownKey))).await;
        assert!(first.iter().all(Result::is_ok));
        assert!((2..=4).contains(&server.asked()), "concurrent requests share a fetch: {}", server.asked());
        for _ in 0..100 {
            let answers = join_all((0..100).map(|_| store.newer(Instant::now(), Miss::UnknownKey))).await;
            assert!(answers.iter().all(Result::is_ok));
        }
        assert!((2..=6).contains(&server.asked()), "{}", server.asked());
    }

    #[actix_web::test]
    async fn a_response_that_is_not_a_key_set_is_a_failure() {
        let server = Server::start();
        let elsewhere = Server::start();
        let large = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(1024 * 1024));
        for (status, body) in [
            (StatusCode::TOO_MANY_REQUESTS, "{}"),
            (StatusCode::INTERNAL_SERVER_ERROR, &key_set(&["1"])),
            (StatusCode::NOT_FOUND, "{}"),
            (StatusCode::NO_CONTENT, ""),
            (StatusCode::OK, "<!doctype html><html></html>"),
            (StatusCode::OK, "{\"keys\":[]}"),
            (StatusCode::OK, &large),
            (StatusCode::FOUND, elsewhere.url.as_str()),
            (StatusCode::FOUND, server.url.as_str()),
        ] {
            server.answers(status, body);
            assert_eq!(
                KeyStore::new(server.url.clone(), Box::new(|_| {})).unwrap().fresh().await.err(),
                Some(Unavailable),
                "{status} {}",
                &body[..body.len().min(50)]
            );
        }
        assert_eq!(elsewhere.asked(), 0, "a redirect to another origin is not followed");
    }

    #[actix_web::test]
    async fn a_key_server_that_cannot_be_reached_is_a_failure_at_once() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/jwks", closed.local_addr().unwrap()).parse().unwrap();
        drop(closed);
        let store = KeyStore::new(url, Box::new(|_| {})).unwrap();
        assert_eq!(store.fresh().await.err(), Some(Unavailable));
        assert_eq!(store.newer(Instant::now(), Miss::UnknownKey).await.err(), Some(Unavailable));
    }

    #[actix_web::test]
    async fn an_old_failure_does_not_keep_a_removed_key_in_use() {
        let server = Server::start();
        let store = KeyStore::new(server.url.clone(), Box::new(|_| {})).unwrap();
        let first = store.fresh().await.unwrap();
        store.age(Duration::from_mins(5));
        server.answers(StatusCode::TOO_MANY_REQUESTS, "slow down");
        assert!(same(&store.fresh().await.unwrap(), &first));
        server.answers(StatusCode::OK, &key_set(&["2"]));
        store.age(Duration::from_hours(1));
        assert!(!same(&store.fresh().await.unwrap(), &first));
    }

    #[actix_web::test]
    async fn a_client_that_disconnects_does_not_cancel_the_fetch() {
        let server = Server::start();
        let store = KeyStore::new(server.url.clone(), Box::new(|_| {})).unwrap();
        for _ in 0..3 {
            assert!(store.fresh().now_or_never().is_none(), "the request waits, and is dropped");
        }
        drop(store.0.fetching.lock().await);
        assert!(store.fresh().await.is_ok());
        assert_eq!(server.asked(), 1);
    }
}
