//! Listening, for switches and for those who ask how things are.

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpSocket, UnixListener, UnixSocket};
use tokio::sync::{Semaphore, watch};
use tracing::{info, warn};

use super::Address;
use super::connection::drive;
use crate::api::{Gate, Peer, Token};
use crate::containers::Containers;
use crate::hub::Hub;

/// Bounds on connections.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections of switches at one time, over all listeners.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 4096 }
    }
}

/// Why a controller cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen at {address}: {source}")]
pub struct ServerError {
    /// Where.
    pub address: Address,
    /// What the system said.
    pub source: io::Error,
}

/// The OpenFlow side of a controller.
#[derive(Debug)]
pub struct Server {
    hub: Arc<Hub>,
    slots: Arc<Semaphore>,
    shutdown: watch::Receiver<bool>,
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Server {
    /// A server without listeners. `shutdown` turns true when the controller ends.
    pub fn new(hub: Arc<Hub>, limits: Limits, shutdown: watch::Receiver<bool>) -> Self {
        Self { hub, slots: Arc::new(Semaphore::new(limits.connections)), shutdown }
    }

    /// Listens and serves in a task of its own; gives the address with the port that the system chose, if it did.
    ///
    /// # Errors
    /// When the address is taken or not this machine's.
    pub async fn listen(&self, address: &Address) -> Result<Address, ServerError> {
        let (listener, bound) = bind(address).await?;
        info!(address = %bound, "listening for switches");
        let (hub, slots, shutdown) = (Arc::clone(&self.hub), Arc::clone(&self.slots), self.shutdown.clone());
        tokio::spawn(accept(listener, hub, slots, shutdown));
        Ok(bound)
    }
}

async fn bind(address: &Address) -> Result<(Listener, Address), ServerError> {
    let failed = |source| ServerError { address: address.clone(), source };
    Ok(match address {
        Address::Tcp(at) => {
            let listener = listen_tcp(*at).map_err(failed)?;
            let bound = Address::Tcp(listener.local_addr().map_err(failed)?);
            (Listener::Tcp(listener), bound)
        }
        Address::Unix(path) => {
            remove_stale(path).await.map_err(failed)?;
            (Listener::Unix(listen_unix(path).map_err(failed)?), address.clone())
        }
    })
}

/// Connections that wait to be accepted. With the 128 that libraries ask for, 1,000 switches that connect at once take
/// 1.45 s: those beyond are dropped, and try again a second later. Linux caps it at `net.core.somaxconn`, which is 4096.
const BACKLOG: u32 = 4096;

pub(super) fn listen_tcp(at: SocketAddr) -> io::Result<TcpListener> {
    let socket = if at.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A port whose last connections are in TIME_WAIT is free.
    socket.set_reuseaddr(true)?;
    socket.bind(at)?;
    socket.listen(BACKLOG)
}

pub(super) fn listen_unix(path: &Path) -> io::Result<UnixListener> {
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    socket.listen(BACKLOG)
}

/// Removes a socket that nobody listens at any more, and nothing else.
async fn remove_stale(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt as _;
    let Ok(found) = std::fs::symlink_metadata(path) else { return Ok(()) };
    if found.file_type().is_socket()
        && matches!(tokio::net::UnixStream::connect(path).await, Err(e) if e.kind() == io::ErrorKind::ConnectionRefused)
    {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

async fn accept(
    listener: Listener,
    hub: Arc<Hub>,
    slots: Arc<Semaphore>,
    mut shutdown: watch::Receiver<bool>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = next(&listener) => accepted,
            _ = shutdown.wait_for(|down| *down) => return,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, mostly: the connections that are there go on meanwhile.
                warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
            hub.metrics.rejected.inc();
            warn!(peer, "too many connections: turned away");
            continue;
        };
        let (hub, shutdown) = (Arc::clone(&hub), shutdown.clone());
        tokio::spawn(async move {
            match stream {
                Stream::Tcp(stream) => {
                    let (reader, writer) = stream.into_split();
                    drive(reader, writer, peer, hub, shutdown).await;
                }
                Stream::Unix(stream) => {
                    let (reader, writer) = stream.into_split();
                    drive(reader, writer, peer, hub, shutdown).await;
                }
            }
            drop(slot);
        });
    }
}

enum Stream {
    Tcp(tokio::net::TcpStream),
    Unix(tokio::net::UnixStream),
}

async fn next(listener: &Listener) -> io::Result<(Stream, String)> {
    match listener {
        Listener::Tcp(listener) => {
            let (stream, peer) = listener.accept().await?;
            // An echo or a barrier is not to wait for a full segment.
            stream.set_nodelay(true)?;
            Ok((Stream::Tcp(stream), peer.to_string()))
        }
        Listener::Unix(listener) => {
            let (stream, _) = listener.accept().await?;
            Ok((Stream::Unix(stream), "unix".to_owned()))
        }
    }
}

/// Serves metrics and status in a task of its own.
///
/// # Errors
/// When the address is taken or not this machine's.
pub async fn serve_api(
    hub: Arc<Hub>,
    address: &Address,
    shutdown: watch::Receiver<bool>,
) -> Result<Address, ServerError> {
    let (listener, bound) = bind(address).await?;
    info!(address = %bound, "metrics and status");
    serve(listener, crate::api::router(hub), shutdown);
    Ok(bound)
}

/// Serves the whole API, changes included, in a task of its own: at a Unix socket for those whom the kernel vouches
/// for, at a loopback address for those who know the token.
///
/// # Errors
/// When the address is taken, not this machine's, or not for changes: a TCP address beyond loopback or without a token.
pub async fn serve_control(
    hub: Arc<Hub>,
    containers: Arc<Containers>,
    address: &Address,
    token: Option<&Token>,
    shutdown: watch::Receiver<bool>,
) -> Result<Address, ServerError> {
    let failed = |source| ServerError { address: address.clone(), source };
    let unfit = |why: &str| failed(io::Error::new(io::ErrorKind::InvalidInput, why));
    let token = match (address, token) {
        (Address::Unix(path), _) => {
            if let Some(dir) = path.parent() {
                DirBuilder::new().recursive(true).mode(0o755).create(dir).map_err(failed)?;
            }
            None
        }
        (Address::Tcp(at), _) if !at.ip().is_loopback() => {
            return Err(unfit(
                "the API is for this machine alone: a loopback address (127.0.0.1, [::1]), or unix:PATH",
            ));
        }
        (Address::Tcp(_), None) => {
            return Err(unfit("changes over TCP need a token: --api-token-file FILE"));
        }
        (Address::Tcp(_), Some(token)) => Some(token.clone()),
    };
    let (listener, bound) = bind(address).await?;
    let gate = match (&bound, token) {
        (Address::Tcp(_), Some(token)) => Gate::Token(token),
        (Address::Tcp(_), None) => return Err(unfit("no token")),
        (Address::Unix(path), _) => {
            std::fs::set_permissions(path, Permissions::from_mode(0o660)).map_err(failed)?;
            let socket = std::fs::symlink_metadata(path).map_err(failed)?;
            Gate::Process { owner: socket.uid(), group: socket.gid() }
        }
    };
    info!(address = %bound, "the API");
    serve(listener, crate::api::control(hub, containers, gate), shutdown);
    Ok(bound)
}

fn serve(listener: Listener, router: Router, mut shutdown: watch::Receiver<bool>) {
    let ended = async move {
        let _ = shutdown.wait_for(|down| *down).await;
    };
    let service = router.into_make_service_with_connect_info::<Peer>();
    tokio::spawn(async move {
        let served = match listener {
            Listener::Tcp(listener) => axum::serve(listener, service).with_graceful_shutdown(ended).await,
            Listener::Unix(listener) => axum::serve(listener, service).with_graceful_shutdown(ended).await,
        };
        if let Err(error) = served {
            warn!(%error, "serving HTTP ended");
        }
    });
}
