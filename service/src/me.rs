//! What a caller may do with all that is stored of them; reading it is [`tasks::list`](crate::tasks::list).

use sea_orm::ConnectionTrait;

use crate::tasks::owned_by;
use crate::{Caller, Db, Error};

/// Erases all that is stored of the caller, in one statement; how many tasks that were.
pub async fn erase(db: &Db, caller: &Caller) -> Result<u64, Error> {
    let everything = owned_by(caller).delete_all();
    let erased = db.write(async |db| db.execute(&everything).await).await?;
    Ok(erased.rows_affected())
}
