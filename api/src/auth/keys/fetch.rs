use std::time::Duration;

use reqwest::header::ACCEPT;
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, Response, StatusCode};
use url::Url;

use super::set::KeySet;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest response that is read, in bytes.
const MAX_RESPONSE_BYTES: usize = 1024 * 1024;
const MAX_REDIRECTS: usize = 5;

/// The HTTP client for the key server.
pub(super) struct KeyClient {
    client: Client,
    url: Url,
}

impl KeyClient {
    pub(super) fn new(url: Url) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .redirect(Policy::custom(same_origin_only))
            .build()?;
        Ok(Self { client, url })
    }

    /// Fetches the published keys. The error is a sentence for the log. It names the address without a user's name and a password.
    pub(super) async fn fetch(&self) -> Result<KeySet, String> {
        self.try_fetch().await.map_err(|problem| {
            let place = format!("{}{}", self.url.origin().ascii_serialization(), self.url.path());
            format!(
                "the keys of Better Auth cannot be fetched from {place} (BETTER_AUTH_URL or BETTER_AUTH_JWKS_URL): {problem}"
            )
        })
    }

    async fn try_fetch(&self) -> Result<KeySet, String> {
        let request = self.client.get(self.url.clone()).header(ACCEPT, "application/json");
        let answer = request.send().await.map_err(|error| with_causes(&error.without_url()))?;
        if answer.status() != StatusCode::OK {
            return Err(format!("it answered {}", answer.status()));
        }
        let body = read(answer).await?;
        KeySet::parse(&body).map_err(str::to_owned)
    }
}

/// Follows redirects within one origin only. Another origin is not the key server that was configured.
fn same_origin_only(attempt: Attempt) -> reqwest::redirect::Action {
    let first = attempt.previous().first().map(Url::origin);
    if attempt.previous().len() > MAX_REDIRECTS {
        attempt.error("too many redirects")
    } else if first == Some(attempt.url().origin()) {
        attempt.follow()
    } else {
        attempt.error("a redirect to another origin")
    }
}

async fn read(mut answer: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| with_causes(&error.without_url()))? {
        if body.len() + chunk.len() > MAX_RESPONSE_BYTES {
            return Err("the answer is larger than 1 MiB".to_owned());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Formats an error with all its causes, because the outermost one has little detail.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
