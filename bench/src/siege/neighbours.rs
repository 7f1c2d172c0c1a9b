//! The other users, whose requests are ordinary.

use std::io::ErrorKind;
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use super::http::{Connection, request};
use super::target::{Counts, StopFlag, Target};

/// The number of clients. Each acts for a user of its own.
pub(super) const CLIENTS: u32 = 8;

/// The pause between an answer and the next request.
const PAUSE: Duration = Duration::from_millis(5);

/// How long a client waits for an answer. It then counts as none.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The running clients.
pub(super) struct Neighbours {
    stop: StopFlag,
    clients: Vec<JoinHandle<ClientResults>>,
}

/// The results of one client or of all.
#[derive(Default)]
pub(super) struct ClientResults {
    /// The times of all requests, also of those that failed, in milliseconds and in order.
    pub(super) millis: Vec<f64>,
    /// Requests without an answer or with one that is no success.
    pub(super) failures: Counts,
}

impl Neighbours {
    pub(super) fn start(target: &Target) -> Self {
        let stop = StopFlag::default();
        let clients = (0..CLIENTS).map(|number| {
            let (target, stop) = (target.clone(), stop.clone());
            spawn(move || run(number, &target, &stop))
        });
        Self { clients: clients.collect(), stop }
    }

    /// Runs the clients for some time.
    pub(super) fn measure(target: &Target, time: Duration) -> ClientResults {
        let clients = Self::start(target);
        sleep(time);
        clients.stop()
    }

    /// Waits for the last answers and returns the results of all clients.
    pub(super) fn stop(self) -> ClientResults {
        self.stop.stop();
        let mut all = ClientResults::default();
        for client in self.clients {
            let results = client.join().expect("a client ends");
            all.millis.extend(results.millis);
            all.failures.merge(results.failures);
        }
        all.millis.sort_by(f64::total_cmp);
        all
    }
}

impl ClientResults {
    /// Returns the time below which this part of the requests was answered; 1.0 for the slowest.
    pub(super) fn quantile(&self, part: f64) -> f64 {
        let count = self.millis.len();
        let place = (0..count).find(|place| f64::from(to_u32(place + 1)) >= part * f64::from(to_u32(count)));
        place.and_then(|place| self.millis.get(place)).copied().unwrap_or_default()
    }

    pub(super) fn requests(&self) -> usize {
        self.millis.len()
    }
}

fn to_u32(count: usize) -> u32 {
    u32::try_from(count).expect("a run has few requests")
}

fn run(number: u32, target: &Target, stop: &StopFlag) -> ClientResults {
    let mut results = ClientResults::default();
    let mut connection = None;
    let mut count = 0;
    while stop.is_running() {
        let request = request_of(number, count, target);
        count += 1;
        let start = Instant::now();
        let asked = match connection.take() {
            Some(open) => Ok(open),
            None => Connection::open(target.port),
        };
        let asked = asked.and_then(|mut open| {
            let answer = open.ask(&request, || start.elapsed() < TIMEOUT)?;
            Ok((open, answer))
        });
        results.millis.push(start.elapsed().as_secs_f64() * 1000.0);
        match asked {
            Ok((open, answer)) => {
                if !(200..300).contains(&answer.status) {
                    results.failures.add(answer.status.to_string());
                } else if answer.is_cut {
                    results.failures.add("cut");
                }
                connection = (!answer.closes && !answer.is_cut).then_some(open);
            }
            Err(error) if error.kind() == ErrorKind::TimedOut => results.failures.add("timeout"),
            Err(_) => results.failures.add("broken"),
        }
        sleep(PAUSE);
    }
    results
}

/// Returns a client's next request: half of them are lists, and a quarter gets.
fn request_of(number: u32, count: u32, target: &Target) -> String {
    let (population, tokens) = (target.population, &target.tokens);
    let user = number * (population.users / CLIENTS);
    // Each client has its own order, so that the eight do not send the same at the same time.
    let (kind, task) = ((count + number) % 8, count % population.tasks);
    let id = 1 + task * population.task_step() + user * population.user_step();
    let place = usize::try_from(user).expect("a place");
    let (reader, writer) = (&tokens.readers[place], &tokens.writers[place]);
    match kind {
        0 | 4 => request("GET", &format!("/api/tasks/{id}"), reader, "", ""),
        1 => {
            let body = r#"{"title":"Buy milk","description":"Two litres"}"#;
            request("POST", "/api/tasks", writer, "", body)
        }
        5 => request("PATCH", &format!("/api/tasks/{id}/complete"), reader, "", ""),
        _ => request("GET", "/api/tasks?limit=20", reader, "", ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_a_time_that_was_measured() {
        let results = |millis: &[f64]| ClientResults { millis: millis.to_vec(), failures: Counts::default() };
        assert!((results(&[1.0, 2.0, 3.0, 9.0]).quantile(0.5) - 2.0).abs() < f64::EPSILON);
        assert!((results(&[1.0, 2.0, 3.0, 9.0]).quantile(1.0) - 9.0).abs() < f64::EPSILON);
        assert!(results(&[]).quantile(0.5).abs() < f64::EPSILON);
    }
}
