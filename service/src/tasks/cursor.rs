use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::list::ListQuery;
use super::sort::Position;
use crate::{Caller, Db, Error};

/// Bytes of the seal: HMAC-SHA256, its first half (RFC 2104, section 5).
const SEAL: usize = 16;

/// Turns a position into a text that a client can bring back: sealed, so that nobody can make one up, and valid for this
/// caller and this query only. Every server on the same database can open it.
pub async fn seal(db: &Db, caller: &Caller, query: &ListQuery, position: &Position) -> Result<String, Error> {
    let key = db.cursor_key().await?;
    let position = json(position);
    let mut bytes = tag(key, caller, query, &position);
    bytes.extend(position);
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// The position in a text of [`seal`]'s.
///
/// # Errors
/// [`Error::InvalidCursor`] where it is none, or one of another caller's or another query's.
pub async fn open(db: &Db, caller: &Caller, query: &ListQuery, cursor: &str) -> Result<Position, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| Error::InvalidCursor)?;
    let (seal, position) = bytes.split_at_checked(SEAL).ok_or(Error::InvalidCursor)?;
    let key = db.cursor_key().await?;
    aws_lc_rs::constant_time::verify_slices_are_equal(&tag(key, caller, query, position), seal)
        .map_err(|_| Error::InvalidCursor)?;
    serde_json::from_slice(position).map_err(|_| Error::InvalidCursor)
}

fn tag(key: &hmac::Key, caller: &Caller, query: &ListQuery, position: &[u8]) -> Vec<u8> {
    let mut context = hmac::Context::with_key(key);
    // Each part is JSON: where one ends and the next begins cannot be mistaken.
    context.update(&json(caller.user_id().as_str()));
    context.update(&json(query));
    context.update(position);
    context.sign().as_ref()[..SEAL].to_vec()
}

fn json(value: &(impl serde::Serialize + ?Sized)) -> Vec<u8> {
    // Texts, numbers and times: they cannot fail to serialize.
    serde_json::to_vec(value).unwrap_or_default()
}
