use std::time::Duration;

use reqwest::header::ACCEPT;
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, Response, StatusCode};
use url::Url;

use super::set::KeySet;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest answer that is read, in bytes.
const MAX_BYTES: usize = 1024 * 1024;
const MAX_REDIRECTS: usize = 5;

/// Asks a key server for its keys.
pub(super) struct KeyServer {
    client: Client,
    url: Url,
}

impl KeyServer {
    pub(super) fn new(url: Url) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .redirect(Policy::custom(stay_at_home))
            .build()?;
        Ok(Self { client, url })
    }

    /// The keys that it publishes now; or why there are none, for the log.
    pub(super) async fn fetch(&self) -> Result<KeySet, String> {
        let request = self.client.get(self.url.clone()).header(ACCEPT, "application/json");
        // The library's errors repeat the address, which is ours and no secret.
        let answer = request.send().await.map_err(|error| in_full(&error))?;
        if answer.status() != StatusCode::OK {
            return Err(format!("it answered {}", answer.status()));
        }
        let body = read(answer).await?;
        KeySet::parse(&body).map_err(str::to_owned)
    }
}

/// Another origin is another key server, and not the one that we trust.
fn stay_at_home(attempt: Attempt) -> reqwest::redirect::Action {
    let home = attempt.previous().first().map(Url::origin);
    if attempt.previous().len() > MAX_REDIRECTS {
        attempt.error("too many redirects")
    } else if home == Some(attempt.url().origin()) {
        attempt.follow()
    } else {
        attempt.error("a redirect to another origin")
    }
}

async fn read(mut answer: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| in_full(&error))? {
        if body.len() + chunk.len() > MAX_BYTES {
            return Err("the answer is larger than 1 MiB".to_owned());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// An error with its causes: the outermost one says little.
fn in_full(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
