use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::{Instant, sleep};

use super::Run;

/// The time for which answers pass, and the time for which they do not.
const PASSES: Duration = Duration::from_millis(1500);
const STALLS: Duration = Duration::from_secs(3);

/// Starts a forwarder to this address whose answers stall again and again, until the run is over. Returns its address.
pub async fn stalling(address: &str, run: Arc<Run>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = format!("http://{}", listener.local_addr().unwrap());
    let upstream = address.trim_start_matches("http://").parse().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let socket = TcpSocket::new_v4().unwrap();
            // Its system takes only a few KiB during a stall.
            socket.set_recv_buffer_size(4096).unwrap();
            let Ok(server) = socket.connect(upstream).await else { continue };
            let ((mut from_client, to_client), (from_server, mut to_server)) =
                (client.into_split(), server.into_split());
            let asking = tokio::spawn(async move { copy(&mut from_client, &mut to_server).await });
            let run = Arc::clone(&run);
            tokio::spawn(async move {
                pass(from_server, to_client, &run).await;
                asking.abort();
            });
        }
    });
    own
}

/// Passes an answer on, until one side ends.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, run: &Run) {
    let (mut buffer, mut begun) = (vec![0; 16 * 1024], Instant::now());
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
        if begun.elapsed() > PASSES && !run.is_over.load(Ordering::SeqCst) {
            sleep(STALLS).await;
            begun = Instant::now();
        }
    }
}
