//! A forwarder in front of a database, which can be closed.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// Forwards connections to a server. While it is closed, the server cannot be reached.
pub struct Door {
    /// The user and the password, with the protocol.
    user: String,
    server: String,
    database: String,
    address: SocketAddr,
    forwarding: Option<JoinHandle<()>>,
}

impl Door {
    /// Opens a door to the server of this database.
    pub async fn to(url: &str) -> Self {
        let (user, rest) = url.split_once('@').unwrap();
        let (server, database) = rest.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let [user, server, database] = [user, server, database].map(str::to_owned);
        let forwarding = Some(tokio::spawn(forward(listener, server.clone())));
        Self { user, server, database, address, forwarding }
    }

    /// Returns the address of the database through the door.
    pub fn url(&self) -> String {
        format!("{}@{}/{}", self.user, self.address, self.database)
    }

    /// Closes the door and every connection through it.
    pub async fn close(&mut self) {
        if let Some(forwarding) = self.forwarding.take() {
            forwarding.abort();
            let _ = forwarding.await;
        }
    }

    /// Opens it again, at the same address.
    pub async fn open(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.forwarding = Some(tokio::spawn(forward(listener, self.server.clone())));
    }
}

async fn forward(listener: TcpListener, server: String) {
    let mut connections = JoinSet::new();
    while let Ok((mut client, _)) = listener.accept().await {
        let mut upstream = TcpStream::connect(&server).await.unwrap();
        connections.spawn(async move { copy_bidirectional(&mut client, &mut upstream).await });
    }
}
