//! The health checks of a load balancer.

use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use super::http::{Connection, request};
use super::target::{StopFlag, Target};

/// The time between two checks.
const INTERVAL: Duration = Duration::from_millis(100);

/// How long a check waits for its answer.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The running checks.
pub(super) struct Probe {
    stop: StopFlag,
    thread: JoinHandle<Health>,
}

/// The results of the checks.
#[derive(Default)]
pub(super) struct Health {
    pub(super) checks: u32,
    /// Failed checks of `/health/live`.
    pub(super) not_live: u32,
    /// Failed checks of `/health/ready`.
    pub(super) not_ready: u32,
    pub(super) slowest_millis: f64,
}

impl Probe {
    pub(super) fn start(target: &Target) -> Self {
        let (port, stop) = (target.port, StopFlag::default());
        let should_stop = stop.clone();
        let thread = spawn(move || {
            let mut health = Health::default();
            while should_stop.is_running() {
                health.checks += 1;
                let Health { not_live, not_ready, slowest_millis, .. } = &mut health;
                for (path, failed) in [("/health/live", not_live), ("/health/ready", not_ready)] {
                    let start = Instant::now();
                    *failed += u32::from(!succeeds(port, path, start));
                    *slowest_millis = slowest_millis.max(start.elapsed().as_secs_f64() * 1000.0);
                }
                sleep(INTERVAL);
            }
            health
        });
        Self { stop, thread }
    }

    pub(super) fn stop(self) -> Health {
        self.stop.stop();
        self.thread.join().expect("the checks end")
    }
}

/// Checks on a new connection, as a load balancer does.
fn succeeds(port: u16, path: &str, start: Instant) -> bool {
    let answer = Connection::open(port)
        .and_then(|mut open| open.ask(&request("GET", path, "", "", ""), || start.elapsed() < TIMEOUT));
    answer.is_ok_and(|answer| answer.status == 200)
}
