//! A proxy for connections to PostgreSQL. It rewrites parts of the texts of statements, and loses answers.
//!
//! With it the tests take a lock away from the real write path, or set its clock, and the service itself has no switch for tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Error};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::journal::{Event, Journal};
use crate::random::Random;

/// The request for encryption, which has the place of the version in the first message (PostgreSQL's manual, "Message Formats").
const SSL_REQUEST: u32 = 80_877_103;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Interference {
    /// Parts of statements, and the texts that replace them.
    pub(crate) rewrites: Vec<(String, String)>,
    /// One of this number of answers is lost with its connection. 0 for none.
    pub(crate) loses_one_in: u64,
}

pub(crate) struct Proxy {
    upstream: String,
    interference: Interference,
    rewrote: Vec<AtomicBool>,
    journal: Arc<Journal>,
}

/// Starts a proxy before the server of `url`, and returns the address that leads through it.
pub(crate) async fn start(url: &str, interference: Interference, journal: Arc<Journal>, seed: u64) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (credentials, rest) = url.rsplit_once('@').unwrap();
    let (upstream, database) = rest.split_once('/').unwrap();
    let through = format!("{credentials}@{}/{database}", listener.local_addr().unwrap());
    let rewrote = interference.rewrites.iter().map(|_| AtomicBool::default()).collect();
    let proxy = Arc::new(Proxy { upstream: upstream.to_owned(), interference, rewrote, journal });
    tokio::spawn(async move {
        let mut random = Random::new(seed);
        while let Ok((client, _)) = listener.accept().await {
            let (proxy, random) = (Arc::clone(&proxy), Random::new(random.next()));
            // The end of a connection is an error of reading, in either direction.
            tokio::spawn(async move { proxy.serve(client, random).await });
        }
    });
    through
}

impl Proxy {
    /// Serves a connection until either side closes it, or an answer is lost.
    async fn serve(&self, client: TcpStream, random: Random) -> Result<(), Error> {
        let server = TcpStream::connect(&self.upstream).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (from_client, mut to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let mut requests = Messages(from_client);
        let mut first = requests.untyped().await?;
        if first.get(4..8) == Some(&SSL_REQUEST.to_be_bytes()) {
            to_client.write_all(b"N").await?;
            first = requests.untyped().await?;
        }
        tokio::select! {
            ended = self.forward_requests(requests, to_server, first) => ended,
            ended = self.forward_answers(from_server, to_client, random) => ended,
        }
    }

    async fn forward_requests(&self, mut from: Messages, mut to: OwnedWriteHalf, first: Vec<u8>) -> Result<(), Error> {
        to.write_all(&first).await?;
        loop {
            let (kind, body) = from.typed().await?;
            let body = if matches!(kind, b'P' | b'Q') { self.rewrite(body) } else { body };
            let length = u32::try_from(body.len() + 4).unwrap();
            let message = [&[kind], &length.to_be_bytes()[..], &body].concat();
            to.write_all(&message).await?;
        }
    }

    async fn forward_answers(
        &self,
        mut from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
        mut random: Random,
    ) -> Result<(), Error> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let length = from.read(&mut buffer).await?;
            let odds = self.interference.loses_one_in;
            if length == 0 || (odds > 0 && random.one_in(odds)) {
                return Ok(());
            }
            to.write_all(&buffer[..length]).await?;
        }
    }

    /// Rewrites a message with the text of a statement. Behind the text it has bytes that are none.
    fn rewrite(&self, mut body: Vec<u8>) -> Vec<u8> {
        for (place, (from, to)) in self.interference.rewrites.iter().enumerate() {
            let found = body.windows(from.len()).position(|part| part == from.as_bytes());
            if let Some(found) = found {
                body.splice(found..found + from.len(), to.bytes());
                if !self.rewrote[place].swap(true, Ordering::Relaxed) {
                    self.journal.write(Event::Rewrote(place));
                }
            }
        }
        body
    }
}

/// Reads the messages of a client.
struct Messages(OwnedReadHalf);

impl Messages {
    /// The first message of a connection, which has no kind, with its length.
    async fn untyped(&mut self) -> Result<Vec<u8>, Error> {
        let length = self.0.read_u32().await?;
        let mut message = length.to_be_bytes().to_vec();
        message.resize(length as usize, 0);
        self.0.read_exact(&mut message[4..]).await?;
        Ok(message)
    }

    /// A later message: its kind and its body.
    async fn typed(&mut self) -> Result<(u8, Vec<u8>), Error> {
        let kind = self.0.read_u8().await?;
        let length = self.0.read_u32().await?;
        let mut body = vec![0; length as usize - 4];
        self.0.read_exact(&mut body).await?;
        Ok((kind, body))
    }
}
