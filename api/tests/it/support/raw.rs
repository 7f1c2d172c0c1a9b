//! Raw bytes on a socket, for requests that an HTTP client cannot send.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Sends these bytes. Returns the answer up to the end of the connection, or up to half a second without data.
pub async fn exchange(host_and_port: &str, bytes: &[u8]) -> String {
    let (mut reading, mut writing) = TcpStream::connect(host_and_port).await.unwrap().into_split();
    let bytes = bytes.to_vec();
    // The server may answer and close before it has read everything. Then the write fails, and the answer is still valid.
    let sending = tokio::spawn(async move {
        let _ = writing.write_all(&bytes).await;
        writing
    });
    let mut answer = Vec::new();
    let mut buffer = [0; 8192];
    while let Ok(Ok(length)) = timeout(Duration::from_millis(500), reading.read(&mut buffer)).await {
        if length == 0 {
            break;
        }
        answer.extend_from_slice(&buffer[..length]);
    }
    sending.abort();
    String::from_utf8_lossy(&answer).into_owned()
}
