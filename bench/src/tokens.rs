//! The users of a run, and their tokens.

use std::fs::File;
use std::io::Read;

use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
use serde_json::json;

use crate::population::Population;

/// The secret of this run, and tokens that are signed with it.
pub(crate) struct Tokens {
    pub(crate) secret: String,
    /// Users whose tasks are read and changed. The number of their tasks stays the same.
    pub(crate) readers: Vec<String>,
    /// Users who create tasks.
    pub(crate) writers: Vec<String>,
    /// The user who deletes tasks.
    pub(crate) deleter: String,
    /// The user with very many tasks.
    pub(crate) long_list: String,
    /// The user whose tasks have long descriptions.
    pub(crate) large_tasks: String,
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
        let [deleter, long_list, large_tasks] =
            ["deleter", "long-list", "large-tasks"].map(|user| sign(user.to_owned()));
        Self { readers: all("reader"), writers: all("writer"), deleter, long_list, large_tasks, secret }
    }
}
