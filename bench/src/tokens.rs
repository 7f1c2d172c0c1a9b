//! The people who ask, and their tokens.

use std::fs::File;
use std::io::Read;

use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
use serde_json::json;

use crate::database::Population;

/// A secret of this run, and tokens that are signed with it.
pub(crate) struct Tokens {
    pub(crate) secret: String,
    /// Whose tasks are read and changed; their number stays the same.
    pub(crate) readers: Vec<String>,
    /// Who creates.
    pub(crate) writers: Vec<String>,
    /// Who deletes.
    pub(crate) disposer: String,
    /// Who has 100,000 tasks.
    pub(crate) hoarder: String,
}

impl Tokens {
    pub(crate) fn new(population: Population) -> Self {
        let mut random = [0; 16];
        File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut random)).expect("random bytes");
        let secret = format!("{:032x}", u128::from_ne_bytes(random));
        let key = EncodingKey::from_secret(secret.as_bytes());
        let now = get_current_timestamp();
        let sign = |user: String| {
            let claims = json!({"sub": user, "iat": now, "exp": now + 86_400});
            encode(&Header::default(), &claims, &key).expect("a token")
        };
        let all = |kind: &str| (0..population.users).map(|user| sign(format!("{kind}-{user}"))).collect();
        let (disposer, hoarder) = (sign("disposer".to_owned()), sign("hoarder".to_owned()));
        Self { readers: all("reader"), writers: all("writer"), disposer, hoarder, secret }
    }
}
