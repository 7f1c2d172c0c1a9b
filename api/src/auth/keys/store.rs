use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::Mutex;
use url::Url;

use super::fetch::KeyServer;
use super::set::KeySet;

/// The keys as they were last fetched, and when they are fetched again. Nothing is asked for before the first token comes, so
/// that this server starts while the key server is down.
pub(crate) struct KeyStore(Arc<Shared>);

/// There is no key to judge by: the key server did not answer, now or at the last attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unavailable;

struct Shared {
    server: KeyServer,
    policy: Policy,
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
    /// When the last question began, and whether it failed.
    asked: Option<Instant>,
    failed: bool,
}

/// How long keys are believed.
#[derive(Clone, Copy, Debug)]
struct Policy {
    /// Older keys are fetched anew in the background.
    refresh_after: Duration,
    /// Older keys are not used before that has been tried: a removed key dies within this time.
    fresh: Duration,
    /// Older keys are not used at all, even when the key server fails.
    usable: Duration,
    /// The least time between questions while the key server fails.
    retry: Duration,
    /// Questions that tokens may provoke at once; afterwards one each [`Self::provoked_every`].
    provoked_at_once: NonZeroU32,
    provoked_every: Duration,
}

const POLICY: Policy = Policy {
    refresh_after: Duration::from_mins(4),
    fresh: Duration::from_mins(5),
    usable: Duration::from_hours(24),
    retry: Duration::from_secs(2),
    provoked_at_once: NonZeroU32::MIN.saturating_add(4),
    provoked_every: Duration::from_secs(10),
};

impl KeyStore {
    /// A store for the keys at this address.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub(crate) fn new(url: Url) -> Result<Self, reqwest::Error> {
        Self::with_policy(url, POLICY)
    }

    fn with_policy(url: Url, policy: Policy) -> Result<Self, reqwest::Error> {
        let quota = Quota::with_period(policy.provoked_every).unwrap_or(Quota::per_second(NonZeroU32::MIN));
        Ok(Self(Arc::new(Shared {
            server: KeyServer::new(url)?,
            policy,
            state: RwLock::default(),
            asking: Arc::default(),
            provoked: RateLimiter::direct(quota.allow_burst(policy.provoked_at_once)),
        })))
    }

    /// The keys to judge by; fetched first where there are none, or only old ones.
    pub(crate) async fn fresh(&self) -> Result<Arc<KeySet>, Unavailable> {
        let (state, policy) = (self.0.state(), self.0.policy);
        let age = state.fetched.map(|fetched| fetched.elapsed());
        let usable = state.keys.clone().filter(|_| age.is_some_and(|age| age < policy.usable));
        let Some(keys) = usable else {
            return self.0.ask(&state).await;
        };
        if age.is_some_and(|age| age < policy.refresh_after) {
            return Ok(keys);
        }
        // While the key server fails nobody waits for it again: the old keys do.
        if state.failed || age.is_some_and(|age| age < policy.fresh) {
            self.refresh_in_background(&state);
            return Ok(keys);
        }
        Ok(self.0.ask(&state).await.unwrap_or(keys))
    }

    /// The keys as they are from now on, for a token that the keys at hand do not explain. All who wait share one question,
    /// and there are only so many questions.
    pub(crate) async fn newer(&self) -> Result<Arc<KeySet>, Unavailable> {
        let arrived = Instant::now();
        let _asking = self.0.asking.lock().await;
        // Somebody who waited before us may have asked after we came.
        let was_asked_since = self.0.state().asked.is_some_and(|asked| asked >= arrived);
        if !was_asked_since && self.0.provoked.check().is_ok() {
            self.0.fetch().await;
        }
        self.0.state().outcome()
    }

    fn refresh_in_background(&self, state: &State) {
        if self.0.is_too_soon(state) {
            return;
        }
        // Where somebody is asking already, that will do.
        if let Ok(asking) = Arc::clone(&self.0.asking).try_lock_owned() {
            let shared = Arc::clone(&self.0);
            actix_web::rt::spawn(async move {
                let _asking = asking;
                shared.fetch().await;
            });
        }
    }
}

impl State {
    fn outcome(self) -> Result<Arc<KeySet>, Unavailable> {
        self.keys.filter(|_| !self.failed).ok_or(Unavailable)
    }
}

impl Shared {
    fn state(&self) -> State {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_too_soon(&self, state: &State) -> bool {
        state.failed && state.asked.is_some_and(|asked| asked.elapsed() < self.policy.retry)
    }

    /// Fetches the keys, unless that has happened since `seen`, or has just failed.
    async fn ask(&self, seen: &State) -> Result<Arc<KeySet>, Unavailable> {
        let _asking = self.asking.lock().await;
        let state = self.state();
        if state.asked == seen.asked && !self.is_too_soon(&state) {
            self.fetch().await;
        }
        self.state().outcome()
    }

    /// Asks the key server; only while `asking` is held.
    async fn fetch(&self) {
        let asked = Instant::now();
        let answer = self.server.fetch().await;
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.asked = Some(asked);
        state.failed = answer.is_err();
        match answer {
            Ok(keys) => {
                state.fetched = Some(asked);
                // Unchanged keys go on remembering the tokens that they signed.
                if !state.keys.as_ref().is_some_and(|known| known.same_as(&keys)) {
                    state.keys = Some(Arc::new(keys));
                }
            }
            Err(problem) => log::warn!("the keys of Better Auth could not be fetched: {problem}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use actix_web::http::StatusCode;
    use actix_web::http::header::LOCATION;
    use actix_web::{App, HttpResponse, HttpServer, web};
    use futures_util::future::join_all;
    use serde_json::json;

    use super::*;

    /// A real key server, and what it answers.
    #[derive(Clone)]
    struct Server {
        url: Url,
        answer: Arc<std::sync::Mutex<(StatusCode, String)>>,
        asked: Arc<AtomicUsize>,
    }

    fn key_set(ids: &[&str]) -> String {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let key = |id| json!({"kid": id, "kty": "OKP", "crv": "Ed25519", "x": x});
        json!({ "keys": ids.iter().map(key).collect::<Vec<_>>() }).to_string()
    }

    impl Server {
        fn start() -> Self {
            let answer = Arc::new(std::sync::Mutex::new((StatusCode::OK, key_set(&["1"]))));
            let asked = Arc::new(AtomicUsize::new(0));
            let (answers, count) = (Arc::clone(&answer), Arc::clone(&asked));
            let server = HttpServer::new(move || {
                let (answers, count) = (Arc::clone(&answers), Arc::clone(&count));
                App::new().default_service(web::to(move || {
                    count.fetch_add(1, Ordering::SeqCst);
                    let (status, body) = answers.lock().unwrap().clone();
                    async move { HttpResponse::build(status).insert_header((LOCATION, body.clone())).body(body) }
                }))
            });
            let server = server.workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
            let url = format!("http://{}/jwks", server.addrs()[0]).parse().unwrap();
            actix_web::rt::spawn(server.run());
            Self { url, answer, asked }
        }

        fn store(&self) -> KeyStore {
            KeyStore::new(self.url.clone()).unwrap()
        }

        fn answers(&self, status: StatusCode, body: &str) {
            *self.answer.lock().unwrap() = (status, body.to_owned());
        }

        fn asked(&self) -> usize {
            self.asked.load(Ordering::SeqCst)
        }
    }

    /// Lets time pass for what is known.
    fn age(store: &KeyStore, by: Duration) {
        let mut state = store.0.state.write().unwrap();
        state.fetched = state.fetched.map(|fetched| fetched.checked_sub(by).unwrap());
        state.asked = state.asked.map(|asked| asked.checked_sub(by).unwrap());
    }

    fn same(one: &Arc<KeySet>, other: &Arc<KeySet>) -> bool {
        Arc::ptr_eq(one, other)
    }

    #[actix_web::test]
    async fn nobody_is_asked_before_the_first_token_and_one_question_serves_all_who_wait() {
        let server = Server::start();
        let store = server.store();
        assert_eq!(server.asked(), 0);
        let answers = join_all((0..20).map(|_| store.fresh())).await;
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(server.asked(), 1);
    }

    #[actix_web::test]
    async fn keys_are_asked_for_again_in_the_background_before_they_are_five_minutes_old() {
        let server = Server::start();
        let store = server.store();
        let first = store.fresh().await.unwrap();
        age(&store, Duration::from_secs(239));
        assert!(same(&store.fresh().await.unwrap(), &first));
        assert_eq!(server.asked(), 1);
        age(&store, Duration::from_secs(30));
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
        let store = server.store();
        let first = store.fresh().await.unwrap();
        server.answers(StatusCode::OK, &key_set(&["2"]));
        age(&store, Duration::from_mins(5));
        assert!(!same(&store.fresh().await.unwrap(), &first));
    }

    #[actix_web::test]
    async fn unchanged_keys_go_on_remembering_what_they_signed() {
        let server = Server::start();
        let store = server.store();
        let first = store.fresh().await.unwrap();
        age(&store, Duration::from_mins(5));
        assert!(same(&store.fresh().await.unwrap(), &first));
        assert_eq!(server.asked(), 2);
    }

    #[actix_web::test]
    async fn while_the_key_server_fails_old_keys_are_used_for_a_day_and_no_longer() {
        let server = Server::start();
        let store = server.store();
        let first = store.fresh().await.unwrap();
        server.answers(StatusCode::TOO_MANY_REQUESTS, "slow down");
        age(&store, Duration::from_hours(23));
        for _ in 0..5 {
            assert!(same(&store.fresh().await.unwrap(), &first));
        }
        assert_eq!(server.asked(), 2, "a failing server is not asked by everybody");
        age(&store, Duration::from_hours(1));
        assert_eq!(store.fresh().await.err(), Some(Unavailable));
        server.answers(StatusCode::OK, &key_set(&["1"]));
        age(&store, Duration::from_secs(2));
        assert!(store.fresh().await.is_ok());
    }

    #[actix_web::test]
    async fn ten_thousand_unknown_keys_provoke_no_more_questions_than_the_bucket_holds() {
        let server = Server::start();
        let store = server.store();
        store.fresh().await.unwrap();
        for _ in 0..100 {
            let answers = join_all((0..100).map(|_| store.newer())).await;
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
                server.store().fresh().await.err(),
                Some(Unavailable),
                "{status} {}",
                &body[..body.len().min(50)]
            );
        }
        assert_eq!(elsewhere.asked(), 0, "a redirect to another origin is not followed");
    }

    #[actix_web::test]
    async fn a_key_server_that_is_not_there_is_a_failure_at_once_and_asked_again_later() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/jwks", closed.local_addr().unwrap()).parse().unwrap();
        drop(closed);
        let store = KeyStore::new(url).unwrap();
        assert_eq!(store.fresh().await.err(), Some(Unavailable));
        assert_eq!(store.newer().await.err(), Some(Unavailable));
    }
}
