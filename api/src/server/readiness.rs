use std::mem::discriminant;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use service::{Health, Probe};
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};

use crate::error::Code;

/// Decides whether requests should be sent to this server, from what the last probe of the database found. It turns unready as
/// soon as the server is asked to stop, so that a load balancer sends new requests elsewhere while those in flight are finished.
///
/// Load is no reason to be unready: under load all servers are slow at the same time.
#[derive(Debug)]
pub(crate) struct Readiness {
    is_stopping: AtomicBool,
    /// `READY_AFTER_SECONDS`: how long the database may be without an answer.
    ready_after: Duration,
    state: Mutex<ProbeState>,
    /// Notified by each question for the readiness.
    questions: Notify,
}

#[derive(Debug, Default)]
struct ProbeState {
    /// When the readiness was last asked for. `None` before the first question.
    last_question: Option<Instant>,
    /// What the last answer of the database showed. `None` before the first answer.
    last_answer: Option<Health>,
    /// When the first question was sent that is not answered yet.
    unanswered_since: Option<Instant>,
    /// The last result, with or without an answer, to log only what changes.
    logged: Option<Health>,
}

/// Why requests should be sent elsewhere.
pub(crate) struct NotReady {
    /// A stable name for programs.
    pub(crate) code: Code,
    /// A sentence for people.
    pub(crate) detail: &'static str,
}

/// The time between two probes of the database.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// The time without a question for the readiness after which the database is not probed.
const PAUSE_AFTER: Duration = Duration::from_mins(1);

const STOPPING: NotReady = NotReady { code: Code::Stopping, detail: "This server is about to stop" };
const UNREACHABLE: NotReady = NotReady { code: Code::DatabaseUnavailable, detail: "The database does not answer" };
const NOT_MIGRATED: NotReady = NotReady { code: Code::NotMigrated, detail: "The database's schema is not up to date" };
const NOT_WRITABLE: NotReady = NotReady { code: Code::NotWritable, detail: "The database cannot be written to" };

impl Readiness {
    pub(super) fn new(ready_after: Duration) -> Self {
        Self { is_stopping: AtomicBool::new(false), ready_after, state: Mutex::default(), questions: Notify::new() }
    }

    /// Makes the server unready for the rest of its life.
    pub(super) fn turn_off(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    /// Returns whether requests should be sent to this server. It answers from memory.
    ///
    /// # Errors
    /// The reason why not: the server is stopping, the database has not answered for `READY_AFTER_SECONDS`, its schema is not
    /// complete, or it cannot be written to.
    pub(crate) fn check(&self) -> Result<(), NotReady> {
        if self.is_stopping.load(Ordering::Relaxed) {
            return Err(STOPPING);
        }
        self.questions.notify_one();
        let mut state = self.state();
        state.last_question = Some(Instant::now());
        if state.unanswered_since.is_some_and(|since| since.elapsed() >= self.ready_after) {
            return Err(UNREACHABLE);
        }
        match state.last_answer {
            Some(Health::Good) => Ok(()),
            Some(Health::NotMigrated) => Err(NOT_MIGRATED),
            Some(Health::NotWritable(_)) => Err(NOT_WRITABLE),
            Some(Health::Unreachable(_)) | None => Err(UNREACHABLE),
        }
    }

    /// Probes the database once.
    pub(super) async fn probe_once(&self, probe: &mut Probe) {
        self.state().unanswered_since.get_or_insert_with(Instant::now);
        let health = probe.check().await;
        self.state().note(health);
    }

    /// Probes the database once a second for as long as the readiness is asked for. Without a pause a database that is suspended
    /// when it is idle (Neon's compute, for example) would never be.
    pub(super) async fn keep_probing(&self, probe: &mut Probe) {
        let mut ticks = interval(PROBE_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let is_asked_for = self.state().last_question.is_some_and(|last| last.elapsed() < PAUSE_AFTER);
            if !is_asked_for {
                self.questions.notified().await;
            }
            self.probe_once(probe).await;
        }
    }

    fn state(&self) -> MutexGuard<'_, ProbeState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ProbeState {
    fn note(&mut self, health: Health) {
        if self.logged.as_ref().map(discriminant) != Some(discriminant(&health)) {
            match &health {
                Health::Good if self.logged.is_some() => log::info!("the database answers and can be written to"),
                Health::Good => {}
                Health::Unreachable(cause) => log::warn!("the database does not answer: {cause}"),
                Health::NotMigrated => log::warn!("not ready: the database's schema is not up to date"),
                Health::NotWritable(cause) => log::warn!("not ready: the database cannot be written to: {cause}"),
            }
            self.logged = Some(health.clone());
        }
        if !matches!(health, Health::Unreachable(_)) {
            self.last_answer = Some(health);
            self.unanswered_since = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(readiness: &Readiness) -> &'static str {
        readiness.check().map_or_else(|reason| reason.code.as_str(), |()| "ready")
    }

    fn answered(readiness: &Readiness, health: Health) -> &'static str {
        readiness.state().note(health);
        code(readiness)
    }

    #[test]
    fn without_an_answer_the_last_one_holds_for_the_configured_time() {
        let readiness = Readiness::new(Duration::from_mins(1));
        let silence = || Health::Unreachable("silence".to_owned());
        assert_eq!(answered(&readiness, silence()), "database_unavailable", "there was no answer yet");
        assert_eq!(answered(&readiness, Health::Good), "ready");
        readiness.state().unanswered_since = Instant::now().checked_sub(Duration::from_secs(59));
        assert_eq!(answered(&readiness, silence()), "ready");
        readiness.state().unanswered_since = Instant::now().checked_sub(Duration::from_mins(1));
        assert_eq!(code(&readiness), "database_unavailable", "also while the probe still waits");
        assert_eq!(answered(&readiness, Health::Good), "ready");
    }

    #[test]
    fn an_answer_that_names_a_fault_counts_at_once_and_a_stop_counts_most() {
        let readiness = Readiness::new(Duration::from_mins(1));
        assert_eq!(answered(&readiness, Health::NotMigrated), "not_migrated");
        assert_eq!(answered(&readiness, Health::NotWritable("full".to_owned())), "not_writable");
        readiness.turn_off();
        assert_eq!(answered(&readiness, Health::Good), "stopping");
    }
}
