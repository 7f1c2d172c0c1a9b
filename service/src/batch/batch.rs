use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use migration::Layout;
use sea_orm::{DatabaseConnection, DbErr};
use tokio::sync::oneshot;

use super::{Operation, lock};
use crate::Error;
use crate::db::lease::Lease;

/// The channel on which a request waits for its answer.
pub(super) type Waiter<O> = oneshot::Sender<Result<<O as Operation>::Answer, Error>>;

/// Requests that are sent together.
pub(crate) struct Batch<O: Operation> {
    /// The requests in the order of their arrival. The index of a request is its place in the batch.
    pub(crate) requests: Vec<O::Request>,
    /// The waiters at the same places; `None` after the answer.
    waiters: Mutex<Vec<Option<Waiter<O>>>>,
    /// The lease of the lane, if it had one. PostgreSQL only.
    lease: Mutex<Option<Lease>>,
    layout: Layout,
}

impl<O: Operation> Batch<O> {
    /// A batch for a database with tables of this layout.
    pub(super) fn new(requests: impl IntoIterator<Item = (O::Request, Option<Waiter<O>>)>, layout: Layout) -> Self {
        let (requests, waiters) = requests.into_iter().unzip();
        Self { requests, waiters: Mutex::new(waiters), lease: Mutex::new(None), layout }
    }

    /// Whether the tables of the database are whole or split by owner.
    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }

    /// The connection for the statement: the lease of the lane, or one out of the pool. If the statement fails, the connection
    /// returns to the pool.
    pub(crate) async fn connection(&self, db: &DatabaseConnection) -> Result<Lease, DbErr> {
        match self.take_lease() {
            Some(lease) => Ok(lease),
            None => Lease::acquire(db).await,
        }
    }

    /// Keeps the connection of a successful statement for the next batch of the lane.
    pub(crate) fn keep(&self, connection: Lease) {
        self.set_lease(Some(connection));
    }

    pub(super) fn set_lease(&self, lease: Option<Lease>) {
        *lock(&self.lease) = lease;
    }

    /// Takes the lease of the lane, if the batch has it, for an operation that uses another connection.
    pub(crate) fn take_lease(&self) -> Option<Lease> {
        lock(&self.lease).take()
    }

    /// Answers the request at this place. Only the first answer to a request counts.
    pub(crate) fn answer(&self, place: usize, answer: Result<O::Answer, Error>) {
        let waiter = lock(&self.waiters).get_mut(place).and_then(Option::take);
        if let Some(waiter) = waiter {
            // An error means that the caller has hung up.
            let _ = waiter.send(answer);
        }
    }

    /// The places of the requests that are not answered yet, in the order of their arrival.
    pub(crate) fn unanswered(&self) -> Vec<usize> {
        let waiters = lock(&self.waiters);
        waiters.iter().enumerate().filter(|(_, waiter)| waiter.is_some()).map(|(place, _)| place).collect()
    }

    /// Answers all requests that still wait when the statement has ended.
    pub(super) fn settle(&self, operation: &O, done: &Result<(), Error>) {
        for waiter in lock(&self.waiters).iter_mut().filter_map(Option::take) {
            let _ = waiter.send(match done {
                Ok(()) => operation.no_row(),
                Err(error) => Err(error.clone()),
            });
        }
    }

    /// The requests that still wait, in a batch for each key. Requests without a key get a batch of their own.
    pub(super) fn by_key(self) -> Vec<Self> {
        let layout = self.layout;
        let mut groups: Vec<Vec<_>> = Vec::new();
        let mut places = HashMap::new();
        for one in self.still_waiting() {
            let Some(key) = O::key(&one.0) else {
                groups.push(vec![one]);
                continue;
            };
            let place = *places.entry(key).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            groups[place].push(one);
        }
        groups.into_iter().map(|group| Self::new(group, layout)).collect()
    }

    /// A batch of one for each request that still waits.
    pub(super) fn singles(self) -> impl Iterator<Item = Self> {
        let layout = self.layout;
        self.still_waiting().map(move |one| Self::new([one], layout))
    }

    fn still_waiting(self) -> impl Iterator<Item = (O::Request, Option<Waiter<O>>)> {
        let waiters = self.waiters.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.requests.into_iter().zip(waiters).filter(|(_, waiter)| waiter.is_some())
    }

    /// The keys of the requests.
    pub(super) fn keys(&self) -> HashSet<O::Key> {
        self.requests.iter().filter_map(O::key).collect()
    }

    /// Whether a caller still waits.
    pub(super) fn is_awaited(&self) -> bool {
        lock(&self.waiters).iter().flatten().any(|waiter| !waiter.is_closed())
    }
}
