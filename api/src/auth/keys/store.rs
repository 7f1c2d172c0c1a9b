use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use actix_web::rt::task::JoinHandle;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::{Mutex, OwnedMutexGuard};
use url::Url;

use super::fetch::KeyServer;
use super::set::KeySet;
use crate::server::metrics::Metrics;

/// The keys as they were last fetched, and when they are fetched again. Nothing is asked for before the first token comes, so
/// that this server starts while the key server is down.
pub(crate) struct KeyStore(Arc<Shared>);

/// There is no key to judge by: the key server did not answer, now or at the last attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unavailable;

struct Shared {
    server: KeyServer,
    metrics: Option<Metrics>,
    state: RwLock<State>,
    /// Held while the key server is asked, so that all who wait share one answer.
    asking: Arc<Mutex<()>>,
    /// For questions that tokens provoke: anybody can make up a key id.
    provoked: DefaultDirectRateLimiter,
}

#[derive(Clone, Default)]
struct State {
    keys: Option<Arc<KeySet>>,
    /// When the keys were fetched.
    fetched: Option<Instant>,
    /// When the last question was asked, when it was answered or given up, and whether it failed.
    asked: Option<Instant>,
    answered: Option<Instant>,
    failed: bool,
}

/// Older keys are fetched anew in the background.
const REFRESH_AFTER: Duration = Duration::from_mins(4);
/// Older keys are not used before that has been tried: a removed key dies within this time.
const FRESH: Duration = Duration::from_mins(5);
/// Older keys are not used at all, even when the key server fails.
const USABLE: Duration = Duration::from_hours(24);
/// The least time between questions while the key server fails.
const RETRY: Duration = Duration::from_secs(2);
/// Questions that tokens may provoke at once; afterwards one each [`PROVOKED_EVERY`].
const PROVOKED_AT_ONCE: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);
const PROVOKED_EVERY: Duration = Duration::from_secs(10);

impl KeyStore {
    /// A store for the keys at this address.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub(crate) fn new(url: Url, metrics: Option<Metrics>) -> Result<Self, reqwest::Error> {
        let quota = Quota::with_period(PROVOKED_EVERY).unwrap_or(Quota::per_second(NonZeroU32::MIN));
        Ok(Self(Arc::new(Shared {
            server: KeyServer::new(url)?,
            metrics,
            state: RwLock::default(),
            asking: Arc::default(),
            provoked: RateLimiter::direct(quota.allow_burst(PROVOKED_AT_ONCE)),
        })))
    }

    /// The keys to judge by; fetched first where there are none, or only old ones.
    pub(crate) async fn fresh(&self) -> Result<Arc<KeySet>, Unavailable> {
        let state = self.0.state();
        let age = state.fetched.map(|fetched| fetched.elapsed());
        let usable = state.keys.clone().filter(|_| age.is_some_and(|age| age < USABLE));
        let Some(keys) = usable else {
            return self.0.ask(&state).await;
        };
        if age.is_some_and(|age| age < REFRESH_AFTER) {
            return Ok(keys);
        }
        // While the key server fails nobody waits for it again: the old keys do.
        let fails = state.failed && state.answered.is_some_and(|answered| answered.elapsed() < FRESH);
        if fails || age.is_some_and(|age| age < FRESH) {
            self.refresh_in_background(&state);
            return Ok(keys);
        }
        Ok(self.0.ask(&state).await.unwrap_or(keys))
    }

    /// The keys as they are from now on, for a token that the keys at hand do not explain. All who wait share one question,
    /// and there are only so many questions. The token came at `arrived`.
    pub(crate) async fn newer(&self, arrived: Instant) -> Result<Arc<KeySet>, Unavailable> {
        let asking = Arc::clone(&self.0.asking).lock_owned().await;
        // Somebody who waited before us may have asked after the token came.
        let was_asked_since = self.0.state().asked.is_some_and(|asked| asked >= arrived);
        if !was_asked_since && self.0.provoked.check().is_ok() {
            let _ = self.0.fetch(asking).await;
        }
        self.0.state().outcome()
    }

    fn refresh_in_background(&self, state: &State) {
        if state.is_too_soon() {
            return;
        }
        // Where somebody is asking already, that will do.
        if let Ok(asking) = Arc::clone(&self.0.asking).try_lock_owned() {
            drop(self.0.fetch(asking));
        }
    }
}

impl State {
    /// Whether the key server failed a moment ago.
    fn is_too_soon(&self) -> bool {
        self.failed && self.answered.is_some_and(|answered| answered.elapsed() < RETRY)
    }

    fn outcome(self) -> Result<Arc<KeySet>, Unavailable> {
        self.keys.filter(|_| !self.failed).ok_or(Unavailable)
    }
}

impl Shared {
    fn state(&self) -> State {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Fetches the keys, unless that has happened since `seen`, or has just failed.
    async fn ask(self: &Arc<Self>, seen: &State) -> Result<Arc<KeySet>, Unavailable> {
        let asking = Arc::clone(&self.asking).lock_owned().await;
        let state = self.state();
        if state.asked == seen.asked && !state.is_too_soon() {
            let _ = self.fetch(asking).await;
        }
        self.state().outcome()
    }

    /// Asks the key server, in a task of its own: a client that hangs up takes its request with it, not the answer.
    fn fetch(self: &Arc<Self>, asking: OwnedMutexGuard<()>) -> JoinHandle<()> {
        let shared = Arc::clone(self);
        actix_web::rt::spawn(async move {
            shared.fetch_here().await;
            drop(asking);
        })
    }

    async fn fetch_here(&self) {
        let asked = Instant::now();
        let answer = self.server.fetch().await;
        if let Some(metrics) = &self.metrics {
            metrics.key_fetch(answer.is_ok());
        }
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.asked = Some(asked);
        state.answered = Some(Instant::now());
        state.failed = answer.is_err();
        match answer {
            Ok(keys) => {
                state.fetched = Some(asked);
                // Unchanged keys go on remembering the tokens that they signed.
                if !state.keys.as_ref().is_some_and(|known| known.same_as(&keys)) {
                    if !keys.unusable().is_empty() {
                        log::warn!("keys of Better Auth that are of no use here: {}", keys.unusable().join(", "));
                    }
                    state.keys = Some(Arc::new(keys));
                }
            }
            Err(problem) => log::warn!("the keys of Better Auth could not be fetched: {problem}"),
        }
    }
}

#[cfg(test)]
impl KeyStore {
    /// Lets time pass for what is known.
    pub(crate) fn age(&self, by: Duration) {
        let mut state = self.0.state.write().unwrap();
        let state = &mut *state;
        for moment in [&mut state.fetched, &mut state.asked, &mut state.answered] {
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
    async fn nobody_is_asked_before_the_first_token_and_one_question_serves_all_who_wait() {
        let server = Server::start();
        let store = KeyStore::new(server.url.clone(), None).unwrap();
        assert_eq!(server.asked(), 0);
        let answers = join_all((0..20).map(|_| store.fresh())).await;
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(server.asked(), 1);
    }

    #[actix_web::test]
    async fn keys_are_asked_for_again_in_the_background_before_they_are_five_minutes_old() {
        let server = Server::start();
        let store = KeyStore::new(server.url.clone(), None).unwrap();
        let first = store.fresh().await.unwrap();
        store.age(Duration::from_secs(239));
        assert!(same(&store.fresh().await.unwrap(), &first));
        assert_eq!(server.asked(), 1);
        store.age(Duration::from_secs(30));
        server.answers(StatusCode::OK, &key_set(&["2"]));
        assert!(same(&store.fresh().await.unwrap(), &first), "nobody waits");
        // All that asks is done once the question can be asked.
        drop(store.0.asking.lock().await);
        assert_eq!(server.asked(), 2);
        assert!(!same(&store.fresh().await.unwrap(), &first));
    }

    #[actix_web::test]
    async fn a_removed_key_is_not_used_after_five_minutes_however_idle_the_server_was() {
        let server = Server::start();
        let store = KeyStore::new(server.url.clone(), None).unwrap();
        let first = store.fresh().await.unwrap();
        server.answers(StatusCode::OK, &key_set(&["2"]));
        store.age(Duration::from_mins(5));
        assert!(!same(&store.fresh().await.unwrap(), &first));
    }

    #[actix_web::test]
    async fn unchanged_keys_go_on_remembering_what_they_signed() {
        let server = Server::start();
        let store = KeyStore::new(server.url.clone(), None).unwrap();
        let first = store.fresh().await.unwrap();
        store.age(Duration::from_mins(5));
        assert!(same(&store.fresh().await.unwrap(), &first));
        assert_eq!(server.asked(), 2);
    }

    #[actix_web::test]
    async fn while_the_key_server_fails_old_keys_are_used_for_a_day_and_no_longer() {
        let server = Server::start();
        let store = KeyStore::new(server.url.clone(), None).unwrap();
        let first = store.fresh().await.unwrap();
        server.answers(StatusCode::TOO_MANY_REQUESTS, "slow down");
        store.age(Duration::from_hours(23));
        for _ in 0..5 {
            assert!(same(&store.fresh().await.unwrap(), &first));
        }
        assert_eq!(server.asked(), 2, "a failing server is not asked by everybody");
        store.age(Duration::from_hours(1));
        assert_eq!(store.fresh().await.err(), Some(Unavailable));
        server.answers(StatusCode::OK, &key_set(&["1"]));
        store.age(Duration::from_secs(2));
        assert!(store.fresh().await.is_ok());
    }

    #[actix_web::test]
    async fn ten_thousand_unknown_keys_provoke_no_more_questions_than_the_bucket_holds() {
        let server = Server::start();
        let store = KeyStore::new(server.url.clone(), None).unwrap();
        store.fresh().await.unwrap();
        let first = join_all((0..100).map(|_| store.newer(Instant::now()))).await;
        assert!(first.iter().all(Result::is_ok));
        assert!((2..=4).contains(&server.asked()), "all who wait share a question: {}", server.asked());
        for _ in 0..100 {
            let answers = join_all((0..100).map(|_| store.newer(Instant::now()))).await;
            assert!(answers.iter().all(Result::is_ok));
        }
        assert!((2..=6).contains(&server.asked()), "{}", server.asked());
    }

    #[actix_web::test]
    async fn an_answer_that_is_no_key_set_is_a_failure() {
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
                KeyStore::new(server.url.clone(), None).unwrap().fresh().await.err(),
                Some(Unavailable),
                "{status} {}",
                &body[..body.len().min(50)]
            );
        }
        assert_eq!(elsewhere.asked(), 0, "a redirect to another origin is not followed");
    }

    #[actix_web::test]
    async fn a_key_server_that_is_not_there_is_a_failure_at_once() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/jwks", closed.local_addr().unwrap()).parse().unwrap();
        drop(closed);
        let store = KeyStore::new(url, None).unwrap();
        assert_eq!(store.fresh().await.err(), Some(Unavailable));
        assert_eq!(store.newer(Instant::now()).await.err(), Some(Unavailable));
    }

    #[actix_web::test]
    async fn one_failure_long_ago_does_not_let_a_removed_key_live() {
        let server = Server::start();
        let store = KeyStore::new(server.url.clone(), None).unwrap();
        let first = store.fresh().await.unwrap();
        store.age(Duration::from_mins(5));
        server.answers(StatusCode::TOO_MANY_REQUESTS, "slow down");
        assert!(same(&store.fresh().await.unwrap(), &first));
        server.answers(StatusCode::OK, &key_set(&["2"]));
        store.age(Duration::from_hours(1));
        assert!(!same(&store.fresh().await.unwrap(), &first));
    }

    #[actix_web::test]
    async fn a_client_that_hangs_up_does_not_take_the_answer_with_it() {
        let server = Server::start();
        let store = KeyStore::new(server.url.clone(), None).unwrap();
        for _ in 0..3 {
            assert!(store.fresh().now_or_never().is_none(), "it waits, and is dropped");
        }
        drop(store.0.asking.lock().await);
        assert!(store.fresh().await.is_ok());
        assert_eq!(server.asked(), 1);
    }
}
