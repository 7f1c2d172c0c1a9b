use actix_web::http::header::{AUTHORIZATION, HeaderMap};

use super::Rejection;

/// Longer tokens are refused. Better Auth puts the user's row into its tokens, avatar included.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Returns the token of the `Authorization` header (RFC 6750, section 2.1). A token elsewhere in the request is ignored.
pub(super) fn token(headers: &HeaderMap) -> Result<&str, Rejection> {
    let mut values = headers.get_all(AUTHORIZATION);
    let value = values.next().ok_or(Rejection::Missing)?;
    if values.next().is_some() {
        return Err(Rejection::NotBearer);
    }
    // Not `to_str`, which checks each byte of every token. Invalid base64 is found when the token is first verified.
    let text = str::from_utf8(value.as_bytes()).ok();
    let (scheme, token) = text.and_then(|text| text.split_once(' ')).ok_or(Rejection::NotBearer)?;
    // The scheme's name is case-insensitive (RFC 9110, section 11.1).
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Rejection::NotBearer);
    }
    let token = token.trim_start_matches(' ');
    if token.len() > MAX_TOKEN_BYTES { Err(Rejection::TooLong) } else { Ok(token) }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn of(values: &[&str]) -> Result<String, Rejection> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        token(&headers).map(str::to_owned)
    }

    #[test]
    fn one_bearer_header_gives_the_token() {
        assert_eq!(of(&["Bearer abc"]), Ok("abc".to_owned()));
        assert_eq!(of(&["bEARER  abc"]), Ok("abc".to_owned()));
    }

    #[test]
    fn any_other_header_is_rejected() {
        assert_eq!(of(&[]), Err(Rejection::Missing));
        assert_eq!(of(&["Bearer abc", "Bearer abc"]), Err(Rejection::NotBearer));
        assert_eq!(of(&["Basic abc"]), Err(Rejection::NotBearer));
        assert_eq!(of(&["abc"]), Err(Rejection::NotBearer));
        let mut latin = HeaderMap::new();
        latin.append(AUTHORIZATION, HeaderValue::from_bytes(b"Bearer \xe9").unwrap());
        assert_eq!(token(&latin), Err(Rejection::NotBearer));
        assert_eq!(of(&[&format!("Bearer {}", "a".repeat(MAX_TOKEN_BYTES + 1))]), Err(Rejection::TooLong));
    }
}
