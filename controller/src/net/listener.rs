//! Listens at TCP addresses and Unix sockets.

use std::fs::Permissions;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixSocket, UnixStream};
use tokio::sync::watch;
use tracing::warn;

use crate::address::ListenAddress;

/// A failure to listen at an address.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen at {address}: {source}")]
pub struct ServerError {
    /// The address.
    pub address: ListenAddress,
    /// The system's error.
    pub source: io::Error,
}

impl ServerError {
    /// Returns the remedy, or `None` if the error itself says it.
    pub fn help(&self) -> Option<&'static str> {
        match self.source.kind() {
            io::ErrorKind::NotFound => Some("make the directory of the socket, or name another address"),
            io::ErrorKind::AddrInUse => {
                Some("end the process that listens there (another controller?), or name another address")
            }
            io::ErrorKind::AddrNotAvailable => Some("name an address of this machine"),
            io::ErrorKind::PermissionDenied => {
                Some("start the controller as root, or name an address that its user may have")
            }
            _ => None,
        }
    }
}

/// A listening socket.
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// An accepted connection; over TCP with the peer's address.
pub(super) enum Stream {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

impl Listener {
    /// Accepts the next connection. Returns none when the controller ends.
    pub(super) async fn accept(
        &self,
        bound: &ListenAddress,
        shutdown: &mut watch::Receiver<bool>,
    ) -> Option<Stream> {
        loop {
            let accepted = tokio::select! {
                accepted = self.next() => accepted,
                _ = shutdown.wait_for(|down| *down) => return None,
            };
            match accepted {
                Ok(stream) => return Some(stream),
                Err(error) => {
                    // The usual cause is a lack of file descriptors. Existing connections go on
                    // meanwhile.
                    warn!(listener = %bound, %error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn next(&self) -> io::Result<Stream> {
        Ok(match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // An echo or a barrier must not wait for a full segment.
                stream.set_nodelay(true)?;
                Stream::Tcp(stream, peer)
            }
            Self::Unix(listener) => Stream::Unix(listener.accept().await?.0),
        })
    }
}

/// Listens at an address. A Unix socket gets `mode`, if there is one, before anything can connect.
/// Returns the bound address, with the port that the system chose if none was given.
pub(super) async fn bind(
    address: &ListenAddress,
    mode: Option<u32>,
) -> Result<(Listener, ListenAddress), ServerError> {
    let failed = |source| ServerError { address: address.clone(), source };
    Ok(match address {
        ListenAddress::Tcp(at) => {
            let listener = listen_tcp(*at).map_err(failed)?;
            let bound = ListenAddress::Tcp(listener.local_addr().map_err(failed)?);
            (Listener::Tcp(listener), bound)
        }
        ListenAddress::Unix(path) => {
            remove_stale(path).await.map_err(failed)?;
            (Listener::Unix(listen_unix(path, mode).map_err(failed)?), address.clone())
        }
    })
}

/// Number of connections that wait to be accepted. With the usual default of 128, 1,000 switches
/// that connect at once take 1.45 s: the kernel drops the others, which retry after a second. Linux
/// caps the value at `net.core.somaxconn`, which is 4096.
const BACKLOG: u32 = 4096;

pub(super) fn listen_tcp(at: SocketAddr) -> io::Result<TcpListener> {
    let socket = if at.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A port whose last connections are in TIME_WAIT counts as free.
    socket.set_reuseaddr(true)?;
    socket.bind(at)?;
    socket.listen(BACKLOG)
}

/// Listens at a path. No process can connect before the socket listens, and by then it has its
/// mode.
pub(super) fn listen_unix(path: &Path, mode: Option<u32>) -> io::Result<UnixListener> {
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    if let Some(mode) = mode {
        std::fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    socket.listen(BACKLOG)
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
