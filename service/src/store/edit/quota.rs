//! Creates that were refused because of the quota beside requests that were done before.
//!
//! The quota counts the requests of a batch in the order of their arrival. It cannot know which of them are repetitions: that
//! shows only when their keys are claimed, after the quota. So repetitions before a request can take its place.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Edits;
use crate::Error;
use crate::batch::Batch;
use crate::db::Db;
use crate::store::input::Sent;
use crate::store::keys::{FIND, KeyOfCaller, place_of};
use crate::store::request::EditRequest;
use crate::store::row::StoredRow;

/// The places of the refused requests that are to be sent once more: those beside repetitions of the same owner. `None` if there
/// are none.
pub(super) async fn refused_wrongly(db: &Db, batch: &Arc<Batch<Edits>>) -> Result<Option<HashSet<usize>>, Error> {
    let mut by_owner: HashMap<&str, Vec<usize>> = HashMap::new();
    for place in batch.unanswered() {
        by_owner.entry(batch.requests[place].caller.user_id().as_str()).or_default().push(place);
    }
    let has_key = |place: &usize| batch.requests[*place].key.is_some();
    // The first refused request of an owner has only created tasks before it.
    by_owner.retain(|_, places| places.len() > 1 && places.iter().any(has_key));
    let refused: Vec<usize> = by_owner.into_values().flatten().collect();
    let keyed: Vec<usize> = refused.iter().copied().filter(has_key).collect();
    if keyed.is_empty() {
        return Ok(None);
    }
    let keys: Vec<KeyOfCaller> = keyed.iter().filter_map(|place| key_of(&batch.requests[*place])).collect();
    let of_batch = Arc::clone(batch);
    let claimed: HashSet<usize> = db
        .read(async move |db| {
            let mut claimed = HashSet::new();
            let keep = |row: &dyn StoredRow| {
                claimed.insert(place_of(row)?);
                Ok(())
            };
            FIND.fetch(db, &of_batch, &Sent::all(&keys), &[], keep).await?;
            Ok(claimed)
        })
        .await?;
    let repeated: HashSet<usize> = claimed.into_iter().filter_map(|place| keyed.get(place).copied()).collect();
    let rest: HashSet<usize> = refused.into_iter().filter(|place| !repeated.contains(place)).collect();
    Ok(Some(rest).filter(|rest| !rest.is_empty() && !repeated.is_empty()))
}

fn key_of(request: &EditRequest) -> Option<KeyOfCaller> {
    Some((request.caller.clone(), request.key.clone()?))
}
