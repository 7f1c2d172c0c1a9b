use std::sync::Arc;

use super::{Batch, Key};
use crate::Error;
use crate::db::Db;

/// One kind of request that is answered in batches.
pub(crate) trait Operation: Sized + Send + Sync + 'static {
    /// The request of one caller.
    type Request: Send + Sync + 'static;
    /// The answer to one caller.
    type Answer: Send + 'static;
    /// The key of a request, see [`Self::key`]. `Infallible` if no request has one.
    type Key: Key;

    /// The maximum number of requests in a batch.
    fn max_batch(&self) -> usize;

    /// The key of a request, if it has one: its owner. A key is in one batch at a time, among all queues that share their
    /// [`Holds`]. A batch can have several requests with one key.
    ///
    /// [`Holds`]: super::Holds
    fn key(_: &Self::Request) -> Option<Self::Key> {
        None
    }

    /// The row that a request writes, if it is known. Of the requests with one key, only one in a batch can write a row. The
    /// others wait, so that they are done in the order of their arrival.
    fn row(_: &Self::Request) -> Option<i64> {
        None
    }

    /// Runs one statement, or one transaction, for the whole batch: all requests are done or none. It answers each request as soon as the result is
    /// final. A row that cannot be read fails only its own request.
    fn run(&self, db: &Db, batch: &Arc<Batch<Self>>) -> impl Future<Output = Result<(), Error>> + Send;

    /// The answer to a request for which the statement returned no row.
    fn no_row(&self) -> Result<Self::Answer, Error>;
}
