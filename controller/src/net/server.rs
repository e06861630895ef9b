//! Serves switches.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tracing::{info, warn};

use super::admission::{Admission, Origin, SessionLimits, SessionPlace};
use super::connection::{ConnectionEnds, drive};
use super::greeting::greet;
use super::listener::{Listener, ServerError, Stream, bind};
use crate::address::ListenAddress;
use crate::hub::Hub;

/// Mode of a socket for switches: any process that opens it can claim to be a bridge.
const SWITCHES_ONLY: u32 = 0o600;

/// The server for the OpenFlow connections of a controller.
#[derive(Debug)]
pub struct Server {
    hub: Arc<Hub>,
    admission: Arc<Admission>,
    shutdown: watch::Receiver<bool>,
}

impl Server {
    /// Returns a server without listeners. `shutdown` turns true when the controller ends.
    pub fn new(hub: Arc<Hub>, limits: SessionLimits, shutdown: watch::Receiver<bool>) -> Self {
        Self { hub, admission: Arc::new(Admission::new(limits)), shutdown }
    }

    /// Listens and serves in a task of its own. Returns the bound address, with the port that the
    /// system chose if none was given.
    ///
    /// # Errors
    /// [`ServerError`] if the address is in use or does not belong to this machine, or if the
    /// socket cannot get its owner.
    pub async fn listen(&self, address: &ListenAddress) -> Result<ListenAddress, ServerError> {
        let (listener, bound) = bind(address, Some(SWITCHES_ONLY)).await?;
        if let ListenAddress::Unix(path) = &bound {
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

/// Makes the owner of its directory the owner of a socket. Open vSwitch may run as its own user,
/// which owns the run directory. Only root can do this, and only root needs to.
fn give_to_owner_of_directory(path: &Path) -> io::Result<()> {
    let Some(directory) = path.parent() else { return Ok(()) };
    let owner = std::fs::metadata(directory)?.uid();
    if owner == std::fs::symlink_metadata(path)?.uid() {
        return Ok(());
    }
    match std::os::unix::fs::chown(path, Some(owner), None) {
        // Without root, both run as one user, or the operator chose a socket for Open vSwitch's
        // user.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        given => given,
    }
}

async fn accept(
    listener: Listener,
    bound: ListenAddress,
    hub: Arc<Hub>,
    admission: Arc<Admission>,
    mut shutdown: watch::Receiver<bool>,
) {
    while let Some(stream) = listener.accept(&bound, &mut shutdown).await {
        let (ends, origin) = identify(&stream, &bound);
        let place = tokio::select! {
            place = admission.admit(origin) => place,
            _ = shutdown.wait_for(|down| *down) => return,
        };
        tokio::spawn(serve_switch(stream, ends, place, Arc::clone(&hub), shutdown.clone()));
    }
}

/// Returns the ends of a connection, and the origin that it is counted against.
fn identify(stream: &Stream, bound: &ListenAddress) -> (ConnectionEnds, Origin) {
    match stream {
        Stream::Tcp(stream, peer) => {
            let local = stream.local_addr().ok().map(ListenAddress::Tcp);
            // An IPv4 peer of a dual-stack socket counts by its IPv4 address.
            (ConnectionEnds { peer: peer.to_string(), local }, Origin::Address(peer.ip().to_canonical()))
        }
        Stream::Unix(stream) => {
            let (peer, origin) = match stream.peer_cred() {
                Ok(peer) => {
                    let process = peer.pid().unwrap_or_default();
                    (format!("process {process} of user {}", peer.uid()), Origin::User(peer.uid()))
                }
                Err(_) => ("a Unix socket".to_owned(), Origin::Unknown),
            };
            (ConnectionEnds { peer, local: Some(bound.clone()) }, origin)
        }
    }
}

async fn serve_switch(
    stream: Stream,
    ends: ConnectionEnds,
    place: SessionPlace,
    hub: Arc<Hub>,
    shutdown: watch::Receiver<bool>,
) {
    match stream {
        Stream::Tcp(stream, _) => {
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
    ends: ConnectionEnds,
    place: SessionPlace,
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
