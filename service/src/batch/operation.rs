use std::hash::Hash;
use std::sync::Arc;

use super::Batch;
use crate::Error;
use crate::db::Db;

/// One kind of request that is answered in batches.
pub(crate) trait Operation: Sized + Send + Sync + 'static {
    /// The request of one caller.
    type Request: Send + Sync + 'static;
    /// The answer to one caller.
    type Answer: Send + 'static;
    /// The key of a request, see [`Self::key`].
    type Key: Eq + Hash + Clone + Send;

    /// The maximum number of requests in a batch.
    fn max_batch(&self) -> usize;

    /// The key that no two requests in flight share, if the request has one. The later request waits, so that requests with one
    /// key are done in the order of their arrival.
    fn key(request: &Self::Request) -> Option<Self::Key>;

    /// Runs one statement for the whole batch: all requests are done or none. It answers each request as soon as the result is
    /// final. A row that cannot be read fails only its own request.
    fn run(&self, db: &Db, batch: &Arc<Batch<Self>>) -> impl Future<Output = Result<(), Error>> + Send;

    /// The answer to a request for which the statement returned no row.
    fn no_row(&self) -> Result<Self::Answer, Error>;
}
