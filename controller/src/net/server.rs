//! Listens for switches.

use std::fs::Permissions;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, UnixListener, UnixSocket};
use tokio::sync::watch;
use tracing::{info, warn};

use super::Address;
use super::admission::{Admission, Limits, Origin, Place};
use super::connection::{Ends, drive};
use super::greeting::greet;
use crate::hub::Hub;

/// Reports why the controller cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen at {address}: {source}")]
pub struct ServerError {
    /// The address.
    pub address: Address,
    /// The system's error.
    pub source: io::Error,
}

/// Accepts the OpenFlow connections of a controller.
#[derive(Debug)]
pub struct Server {
    hub: Arc<Hub>,
    admission: Arc<Admission>,
    shutdown: watch::Receiver<bool>,
}

pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Server {
    /// Returns a server without listeners. `shutdown` turns true when the controller ends.
    pub fn new(hub: Arc<Hub>, limits: Limits, shutdown: watch::Receiver<bool>) -> Self {
        Self { hub, admission: Arc::new(Admission::new(limits)), shutdown }
    }

    /// Listens and serves in a task of its own. Returns the bound address, with the port that the
    /// system chose if none was given.
    ///
    /// # Errors
    /// [`ServerError`] if the address is in use or does not belong to this machine, or if the
    /// socket cannot get its owner.
    pub async fn listen(&self, address: &Address) -> Result<Address, ServerError> {
        let (listener, bound) = bind(address, Some(SWITCHES_ONLY)).await?;
        if let Address::Unix(path) = &bound {
            give_to_owner_of_directory(path)
                .map_err(|source| ServerError { address: address.clone(), source })?;
        }
        self.hub.listens_at(bound.clone());
        info!(address = %bound, "listening for switches");
        let (hub, admission) = (Arc::clone(&self.hub), Arc::clone(&self.admission));
        tokio::spawn(accept(listener, bound.clone(), hub, admission, self.shutdown.clone()));
        Ok(bound)
    }
}

/// Sets the mode of a socket for switches: any process that opens it can say that it is a bridge.
const SWITCHES_ONLY: u32 = 0o600;
/// Sets the mode of the API's socket.
pub(super) const OWNER_AND_GROUP: u32 = 0o660;

pub(super) async fn bind(address: &Address, mode: Option<u32>) -> Result<(Listener, Address), ServerError> {
    let failed = |source| ServerError { address: address.clone(), source };
    Ok(match address {
        Address::Tcp(at) => {
            let listener = listen_tcp(*at).map_err(failed)?;
            let bound = Address::Tcp(listener.local_addr().map_err(failed)?);
            (Listener::Tcp(listener), bound)
        }
        Address::Unix(path) => {
            remove_stale(path).await.map_err(failed)?;
            (Listener::Unix(listen_unix(path, mode).map_err(failed)?), address.clone())
        }
    })
}

/// Bounds the connections that wait to be accepted. With the 128 that libraries ask for, 1,000
/// switches that connect at once take 1.45 s: those beyond are dropped, and retry after a second.
/// Linux caps the value at `net.core.somaxconn`, which is 4096.
const BACKLOG: u32 = 4096;

pub(super) fn listen_tcp(at: SocketAddr) -> io::Result<TcpListener> {
    let socket = if at.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A port whose last connections are in TIME_WAIT counts as free.
    socket.set_reuseaddr(true)?;
    socket.bind(at)?;
    socket.listen(BACKLOG)
}

/// Listens at a path. Nobody can connect before the socket listens, and by then it has its mode.
pub(super) fn listen_unix(path: &Path, mode: Option<u32>) -> io::Result<UnixListener> {
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    if let Some(mode) = mode {
        std::fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    socket.listen(BACKLOG)
}

/// Gives the socket to the owner of its directory. Open vSwitch may run as its own user, which owns
/// the run directory. Only root can do this, and only root needs to.
fn give_to_owner_of_directory(path: &Path) -> io::Result<()> {
    let Some(directory) = path.parent() else { return Ok(()) };
    let owner = std::fs::metadata(directory)?.uid();
    if owner == std::fs::symlink_metadata(path)?.uid() {
        return Ok(());
    }
    match std::os::unix::fs::chown(path, Some(owner), None) {
        // Without root, either both run as one user, or the operator chose a socket for Open
        // vSwitch's.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        given => given,
    }
}

/// Removes a socket without a listener, and nothing else.
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
    bound: Address,
    hub: Arc<Hub>,
    admission: Arc<Admission>,
    mut shutdown: watch::Receiver<bool>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = next(&listener) => accepted,
            _ = shutdown.wait_for(|down| *down) => return,
        };
        let (stream, ends, origin) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // The usual cause is a lack of file descriptors. Existing connections go on
                // meanwhile.
                warn!(listener = %bound, %error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let place = tokio::select! {
            place = admission.admit(origin) => place,
            _ = shutdown.wait_for(|down| *down) => return,
        };
        tokio::spawn(serve_switch(stream, ends, place, Arc::clone(&hub), shutdown.clone()));
    }
}

async fn serve_switch(
    stream: Stream,
    ends: Ends,
    place: Place,
    hub: Arc<Hub>,
    shutdown: watch::Receiver<bool>,
) {
    match stream {
        Stream::Tcp(stream) => {
            let (reader, writer) = stream.into_split();
            converse(reader, writer, ends, place, hub, shutdown).await;
        }
        Stream::Unix(stream) => {
            let (reader, writer) = stream.into_split();
            converse(reader, writer, ends, place, hub, shutdown).await;
        }
    }
}

/// Greets a peer, and serves it once it answers. Only then does its session take memory.
async fn converse<R, W>(
    mut reader: R,
    mut writer: W,
    ends: Ends,
    place: Place,
    hub: Arc<Hub>,
    mut shutdown: watch::Receiver<bool>,
) where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    let greeted = greet(&mut reader, &mut writer, &place, &mut shutdown).await;
    match greeted {
        Ok(session) => {
            place.greeted(Instant::now());
            Box::pin(drive(reader, writer, ends, *session, place, hub, shutdown)).await;
        }
        Err(reason) => {
            if place.is_evicted() {
                hub.metrics.rejected.inc();
            }
            warn!(peer = ends.peer, %reason, "session ended before it said anything");
        }
    }
}

enum Stream {
    Tcp(tokio::net::TcpStream),
    Unix(tokio::net::UnixStream),
}

async fn next(listener: &Listener) -> io::Result<(Stream, Ends, Origin)> {
    match listener {
        Listener::Tcp(listener) => {
            let (stream, peer) = listener.accept().await?;
            // An echo or a barrier must not wait for a full segment.
            stream.set_nodelay(true)?;
            let local = stream.local_addr().ok().map(Address::Tcp);
            // An IPv4 peer of a dual-stack socket counts by its IPv4 address.
            let origin = Origin::Address(peer.ip().to_canonical());
            Ok((Stream::Tcp(stream), Ends { peer: peer.to_string(), local }, origin))
        }
        Listener::Unix(listener) => {
            let (stream, _) = listener.accept().await?;
            let (peer, origin) = match stream.peer_cred() {
                Ok(peer) => {
                    let process = peer.pid().unwrap_or_default();
                    (format!("process {process} of user {}", peer.uid()), Origin::User(peer.uid()))
                }
                Err(_) => ("a Unix socket".to_owned(), Origin::Unknown),
            };
            let local = listener.local_addr()?.as_pathname().map(|path| Address::Unix(path.to_owned()));
            Ok((Stream::Unix(stream), Ends { peer, local }, origin))
        }
    }
}
