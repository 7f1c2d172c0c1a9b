use std::fmt::Debug;
use std::future::{poll_fn, ready};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZero;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{Extensions, HttpService, Protocol, Request, Response};
use actix_server::{GracefulShutdownSignal, Server, ServerBuilder};
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt as _, apply_fn_factory, fn_service, map_config,
};
use actix_web::body::MessageBody;
use actix_web::dev::AppConfig;
use tokio::net::TcpStream;

use super::count::ConnectionCount;
use super::delivery::PART_BYTES;
use super::socket::Socket;
use super::sweep::Connections;
use crate::config::ConnectionTimeouts;

/// How long a connection may take to close. The HTTP library's own server uses the same.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long streams may take to end once the server stops. Their last event has been sent to them by then, unless their clients do
/// not read.
const STREAM_TIMEOUT: Duration = Duration::from_secs(3);

/// How connections are served.
pub(in crate::server) struct Settings {
    /// The number of threads.
    pub(in crate::server) workers: NonZero<usize>,
    /// How many seconds requests may still take once the server stops.
    pub(in crate::server) shutdown_timeout: u64,
    /// How slow connections may be.
    pub(in crate::server) timeouts: ConnectionTimeouts,
    /// The limit of connections per address.
    pub(in crate::server) count: Arc<ConnectionCount>,
}

/// Starts to serve an App on this listener. `app` is called once in each worker's thread, and again if a worker is replaced.
pub(in crate::server) fn serve<A, I, S, B>(listener: TcpListener, settings: Settings, app: A) -> io::Result<Server>
where
    A: Fn() -> I + Clone + Send + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<actix_web::Error> + 'static,
    S::InitError: Debug,
    S::Response: Into<Response<B>> + 'static,
    S::Service: 'static,
    <S::Service as Service<Request>>::Future: 'static,
    B: MessageBody + 'static,
{
    let Settings { workers, shutdown_timeout, timeouts, count } = settings;
    let builder = ServerBuilder::new().disable_signals().workers(workers.get()).shutdown_timeout(shutdown_timeout);
    let stopping = builder.graceful_shutdown_signal();
    let address = listener.local_addr()?;
    let worker = move || {
        let (stopping, count) = (stopping.clone(), Arc::clone(&count));
        let connections = Connections::start(timeouts);
        actix_web::rt::spawn(end_streams(stopping.clone(), Rc::clone(&connections)));
        let app = app().into_factory().map_err(|error| error.into().error_response());
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .keep_alive(timeouts.idle)
            .client_request_timeout(timeouts.head)
            .client_disconnect_timeout(CLOSE_TIMEOUT)
            .h1_write_buffer_size(PART_BYTES)
            .local_addr(address)
            .on_connect_ext(|socket: &Socket, data: &mut Extensions| {
                data.insert(socket.connection());
            })
            // Nothing here asks the framework for the server's own address.
            .finish(map_config(app, |()| AppConfig::default()));
        let serving = apply_fn_factory(http, |accepted: Accepted, http| {
            let connection = accepted.0.connection();
            let serving = http.call(accepted);
            async move {
                let mut serving = pin!(serving);
                poll_fn(|context| {
                    connection.begin_turn();
                    serving.as_mut().poll(context)
                })
                .await
            }
        });
        fn_service(move |stream| ready(accept(stream, &count, &connections))).and_then(serving)
    };
    Ok(builder.listen("api", listener, worker)?.run())
}

/// Ends the connections of streams some time after the stop has begun. A client that does not read would delay it otherwise.
async fn end_streams(stopping: GracefulShutdownSignal, connections: Rc<Connections>) {
    stopping.notified().await;
    tokio::time::sleep(STREAM_TIMEOUT).await;
    connections.end_streams();
}

/// What the HTTP library takes for a connection.
type Accepted = (Socket, Protocol, Option<SocketAddr>);

/// Accepts a connection, or refuses it by an error, which closes it.
fn accept(
    stream: TcpStream,
    count: &Arc<ConnectionCount>,
    connections: &Rc<Connections>,
) -> Result<Accepted, DispatchError> {
    // On an IPv6 socket, an IPv4 client has an address like ::ffff:127.0.0.1.
    let peer = stream.peer_addr().ok().map(|peer| SocketAddr::new(peer.ip().to_canonical(), peer.port()));
    let Some(counted) = count.count(peer.map(|peer| peer.ip())) else {
        return Err(DispatchError::Io(io::ErrorKind::QuotaExceeded.into()));
    };
    Ok((Socket::new(stream, connections.add(), counted), Protocol::Http1, peer))
}
