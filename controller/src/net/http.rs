//! Serves HTTP, with bounds on connections and on the time for each part of an exchange.

#[cfg(test)]
mod tests;

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, watch};
use tokio_io_timeout::TimeoutWriter;
use tracing::{debug, info};

use super::listener::{Listener, ServerError, Stream, bind};
use crate::address::ListenAddress;
use crate::api::{Access, Hosts, ListenerAccess, Peer, Token};
use crate::containers::Containers;
use crate::hub::Hub;

/// Mode of the API's socket.
const OWNER_AND_GROUP: u32 = 0o660;
/// Longest head of a request, in bytes.
const MAX_HEAD: usize = 16 << 10;
/// Largest number of header lines of a request.
const MAX_HEADERS: usize = 64;

/// The bounds on one listener's connections.
#[derive(Debug, Clone, Copy)]
pub struct HttpLimits {
    /// Connections at one time. More of them wait to be accepted.
    pub connections: usize,
    /// Time for the head of a request, counted from when the connection may send one. An idle
    /// connection ends after the same time.
    pub head: Duration,
    /// Time for the body of a request.
    pub body: Duration,
    /// Time for the peer to accept some bytes of an answer.
    pub write: Duration,
}

impl HttpLimits {
    /// Returns the default times, for that many connections.
    pub fn for_connections(connections: usize) -> Self {
        Self {
            connections,
            head: Duration::from_secs(5),
            body: Duration::from_secs(5),
            write: Duration::from_secs(10),
        }
    }
}

/// The settings of the HTTP listeners.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Bounds on each listener's connections.
    pub limits: HttpLimits,
    /// Names of this machine that TCP listeners answer to, beside `localhost`.
    pub names: Vec<String>,
}

impl HttpSettings {
    fn hosts(&self, bound: &ListenAddress) -> Option<Hosts> {
        match bound {
            ListenAddress::Tcp(at) => Some(Hosts::new(at.ip(), &self.names)),
            ListenAddress::Unix(_) => None,
        }
    }
}

/// Serves metrics and status in a task of its own.
///
/// # Errors
/// [`ServerError`] if the address is in use or does not belong to this machine.
pub async fn serve_api(
    hub: Arc<Hub>,
    address: &ListenAddress,
    http: &HttpSettings,
    shutdown: watch::Receiver<bool>,
) -> Result<ListenAddress, ServerError> {
    let (listener, bound) = bind(address, None).await?;
    info!(address = %bound, "metrics and status");
    let access = Access { gate: None, hosts: http.hosts(&bound), body: http.limits.body };
    tokio::spawn(serve(listener, bound.clone(), crate::api::router(hub, access), http.limits, shutdown));
    Ok(bound)
}

/// Serves the whole API, changes included, in a task of its own. A Unix socket admits users by the
/// kernel's word, and a loopback address admits clients with the token.
///
/// # Errors
/// [`ServerError`] if the address is in use or does not belong to this machine. Also if it is a TCP
/// address beyond loopback, or one without a token.
pub async fn serve_control(
    hub: Arc<Hub>,
    containers: Arc<Containers>,
    address: &ListenAddress,
    token: Option<&Token>,
    http: &HttpSettings,
    shutdown: watch::Receiver<bool>,
) -> Result<ListenAddress, ServerError> {
    let failed = |source| ServerError { address: address.clone(), source };
    let unfit = |why: &str| failed(io::Error::new(io::ErrorKind::InvalidInput, why));
    let token = match (address, token) {
        (ListenAddress::Unix(path), _) => {
            if let Some(dir) = path.parent() {
                DirBuilder::new().recursive(true).mode(0o755).create(dir).map_err(failed)?;
            }
            None
        }
        (ListenAddress::Tcp(at), _) if !at.ip().is_loopback() => {
            return Err(unfit(
                "the API is for this machine alone: a loopback address (127.0.0.1, [::1]), or unix:PATH",
            ));
        }
        (ListenAddress::Tcp(_), None) => {
            return Err(unfit("changes over TCP need a token: --api-token-file FILE"));
        }
        (ListenAddress::Tcp(_), Some(token)) => Some(token.clone()),
    };
    let (listener, bound) = bind(address, Some(OWNER_AND_GROUP)).await?;
    let gate = match (&bound, token) {
        (ListenAddress::Tcp(_), Some(token)) => ListenerAccess::Token(token),
        (ListenAddress::Tcp(_), None) => return Err(unfit("no token")),
        (ListenAddress::Unix(path), _) => {
            let socket = std::fs::symlink_metadata(path).map_err(failed)?;
            ListenerAccess::Process { owner: socket.uid(), group: socket.gid() }
        }
    };
    info!(address = %bound, "the API");
    let access = Access { gate: Some(gate), hosts: http.hosts(&bound), body: http.limits.body };
    let router = crate::api::control(hub, containers, access);
    tokio::spawn(serve(listener, bound.clone(), router, http.limits, shutdown));
    Ok(bound)
}

/// Serves until the controller ends. Handlers find the [`Peer`] as connection info.
async fn serve(
    listener: Listener,
    bound: ListenAddress,
    router: Router,
    limits: HttpLimits,
    mut shutdown: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(limits.connections));
    loop {
        // The place comes first, so that waiting connections use no descriptors.
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            _ = shutdown.wait_for(|down| *down) => return,
        };
        let Ok(place) = place else { return };
        let Some(stream) = listener.accept(&bound, &mut shutdown).await else { return };
        let (router, shutdown) = (router.clone(), shutdown.clone());
        tokio::spawn(async move {
            match stream {
                Stream::Tcp(stream, from) => {
                    converse(stream, Peer::Address(from), router, limits, shutdown).await;
                }
                Stream::Unix(stream) => {
                    let process = stream.peer_cred().ok().map(|peer| (peer.uid(), peer.gid()));
                    converse(stream, Peer::Process(process), router, limits, shutdown).await;
                }
            }
            drop(place);
        });
    }
}

/// Serves one connection to its end.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Send + 'static,
    peer: Peer,
    router: Router,
    limits: HttpLimits,
    mut shutdown: watch::Receiver<bool>,
) {
    let mut stream = TimeoutWriter::new(stream);
    stream.set_timeout(Some(limits.write));
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    let ends = async move {
        let _ = shutdown.wait_for(|down| *down).await;
    };
    tokio::pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = ends => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        debug!(%error, "a connection of HTTP ended early");
    }
}
