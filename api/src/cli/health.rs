//! `api health`: whether the server of this configuration is ready.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use reqwest::Client;
use serde_json::Value;

use super::greeting::reachable;
use crate::config::ServerConfig;
use crate::server::root_cause;

/// The time for the answer. It comes from memory, so a later one shows a server that hangs.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Asks `/health/ready` at `HOST` and `PORT`. Returns the address if the server is ready.
///
/// # Errors
/// If there is no answer, or another one than 200. The message has the sentence of the answer.
pub(super) async fn run(config: &ServerConfig) -> Result<String, Box<dyn Error>> {
    if config.port == 0 {
        return Err("PORT is 0: the port that the system chose is not known to this command".into());
    }
    let address = format!("http://{}", reachable(SocketAddr::new(config.host, config.port)));
    // A proxy of the environment is for other machines.
    let client = Client::builder().no_proxy().timeout(TIMEOUT).build()?;
    let no_answer = |error: reqwest::Error| format!("{address} does not answer: {}", root_cause(&error));
    let answer = client.get(format!("{address}/health/ready")).send().await.map_err(no_answer)?;
    let status = answer.status();
    if status == reqwest::StatusCode::OK {
        return Ok(format!("{address} is ready"));
    }
    let body: Value = serde_json::from_slice(&answer.bytes().await.map_err(no_answer)?).unwrap_or_default();
    let detail = body.get("detail").and_then(Value::as_str).unwrap_or("no reason is given");
    Err(format!("{address} is not ready: {} {detail}", status.as_u16()).into())
}
