use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::ListQuery;
use crate::model::Position;
use crate::{Caller, Error};

/// The length of the checksum in bytes: the first half of a SHA-256.
const CHECKSUM: usize = 16;

/// Encodes a position as a text for a client. The text is valid only for this caller and this query, on every server.
///
/// The checksum has no key. It detects mistakes, such as the cursor of another list. A client that makes up a position can read
/// nothing that is not its own, because a position is only a bound value behind `user_id = caller`.
#[must_use]
pub fn encode(caller: &Caller, query: &ListQuery, position: &Position) -> String {
    let position = json(position);
    let mut bytes = checksum(caller, query, &position);
    bytes.extend(position);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes a text that [`encode`] made.
///
/// # Errors
/// [`Error::InvalidCursor`] if the text is not a cursor, if it is the cursor of another caller or another query, or if its
/// position does not fit the order of the list.
pub fn decode(caller: &Caller, query: &ListQuery, cursor: &str) -> Result<Position, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| Error::InvalidCursor)?;
    let (found, position) = bytes.split_at_checked(CHECKSUM).ok_or(Error::InvalidCursor)?;
    if found != checksum(caller, query, position) {
        return Err(Error::InvalidCursor);
    }
    let position = serde_json::from_slice(position).map_err(|_| Error::InvalidCursor)?;
    if query.sort.accepts(&position) { Ok(position) } else { Err(Error::InvalidCursor) }
}

/// Encodes a position in the log as a text for a client, in the same way. `list` identifies the list that goes on there.
#[must_use]
pub fn encode_in_log(caller: &Caller, list: &impl Serialize, position: &impl Serialize) -> String {
    let position = json(position);
    let mut bytes = checksum(caller, list, &position);
    bytes.extend(position);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes a text that [`encode_in_log`] made.
///
/// # Errors
/// [`Error::InvalidCursor`] if the text is not a cursor of this list of this caller.
pub fn decode_in_log<P: DeserializeOwned>(caller: &Caller, list: &impl Serialize, cursor: &str) -> Result<P, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| Error::InvalidCursor)?;
    let (found, position) = bytes.split_at_checked(CHECKSUM).ok_or(Error::InvalidCursor)?;
    if found != checksum(caller, list, position) {
        return Err(Error::InvalidCursor);
    }
    serde_json::from_slice(position).map_err(|_| Error::InvalidCursor)
}

fn checksum(caller: &Caller, query: &impl Serialize, position: &[u8]) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    // Each part is JSON, so that the boundaries between the parts are unambiguous.
    context.update(&json(caller.user_id().as_str()));
    context.update(&json(query));
    context.update(position);
    context.finish().as_ref()[..CHECKSUM].to_vec()
}

fn json(value: &(impl Serialize + ?Sized)) -> Vec<u8> {
    // Texts, numbers and times always serialize.
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its callers")]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::UserId;
    use crate::model::{Sort, SortBy, SortKey};

    fn caller() -> Caller {
        Caller::authenticated(UserId::parse("alice").unwrap())
    }

    fn by(key: SortKey) -> ListQuery {
        ListQuery { sort: Sort::new([SortBy { key, descending: false }]), ..ListQuery::default() }
    }

    /// The cursor that a client makes up that knows the checksum.
    fn forged(query: &ListQuery, position: &Value) -> String {
        let position = position.to_string().into_bytes();
        let mut bytes = checksum(&caller(), query, &position);
        bytes.extend(position);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    #[test]
    fn a_forged_position_is_refused_if_its_values_do_not_fit_the_order() {
        let accepted = |key, position: &Value| {
            let query = by(key);
            decode(&caller(), &query, &forged(&query, position)).is_ok()
        };
        let time = |time: &str| json!({ "keys": [{ "Time": time }], "id": 7 });
        let number = |number: i64| json!({ "keys": [{ "Number": number }], "id": 7 });
        let text = |text: &str| json!({ "keys": [{ "Text": text }], "id": 7 });
        assert!(accepted(SortKey::CreatedAt, &time("2026-01-31T00:00:00Z")));
        assert!(accepted(SortKey::DueDate, &time("9999-12-31T23:59:59.999999Z")));
        assert!(accepted(SortKey::Priority, &number(3)));
        assert!(accepted(SortKey::Title, &text("milk")));
        assert!(!accepted(SortKey::CreatedAt, &time("0000-01-31T00:00:00Z")));
        assert!(!accepted(SortKey::CreatedAt, &time("+10000-01-31T00:00:00Z")));
        assert!(!accepted(SortKey::CreatedAt, &number(3)));
        assert!(!accepted(SortKey::Priority, &number(4)));
        assert!(!accepted(SortKey::Priority, &number(-1)));
        assert!(!accepted(SortKey::Priority, &number(1 << 40)));
        assert!(!accepted(SortKey::Title, &text("a\0")));
        assert!(!accepted(SortKey::Title, &text(&"a".repeat(100_000))));
        assert!(!accepted(SortKey::Title, &json!({ "keys": [], "id": 7 })));
        assert!(!accepted(SortKey::Title, &json!({ "keys": [{ "Text": "a" }, { "Text": "a" }], "id": 7 })));
    }

    #[test]
    fn a_cursor_is_valid_only_for_its_caller_and_its_query() {
        let position: Position = serde_json::from_value(json!({ "keys": [{ "Text": "milk" }], "id": 7 })).unwrap();
        let cursor = encode(&caller(), &by(SortKey::Title), &position);
        assert_eq!(decode(&caller(), &by(SortKey::Title), &cursor).unwrap(), position);
        let bob = Caller::authenticated(UserId::parse("bob").unwrap());
        assert!(decode(&bob, &by(SortKey::Title), &cursor).is_err());
        assert!(decode(&caller(), &by(SortKey::CreatedAt), &cursor).is_err());
        assert!(decode(&caller(), &by(SortKey::Title), &cursor[..20]).is_err());
        assert!(decode(&caller(), &by(SortKey::Title), "").is_err());
    }
}
