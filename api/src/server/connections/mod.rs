//! The connections of the server, below HTTP: how many one address may have, and how slow they may be.
//!
//! The HTTP library limits the time of a connection's first request head only, and never the time of a write. So each
//! connection is a [`Socket`](socket::Socket) that reports what passes through it, and a task of each worker ends the slow ones.
//! The socket also reads no more than can be answered. The server is therefore built from the library's parts, as its
//! `HttpServer` does it, because that one cannot be given another kind of socket.

mod connection;
mod count;
mod delivery;
mod listener;
mod serve;
mod socket;
mod sweep;

pub(super) use connection::InFlight;
pub(crate) use connection::keep_for_stream;
pub(super) use count::ConnectionCount;
pub(super) use delivery::deliver;
pub(super) use listener::listen;
pub(super) use serve::{Settings, serve};
