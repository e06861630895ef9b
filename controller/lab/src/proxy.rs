//! Forwards connections from the real host to the metrics of a controller in the lab.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Usual port of a controller's metrics.
const PORT: u16 = 9653;
/// Largest number of connections at a time. Further ones wait.
const CONNECTIONS: usize = 32;
/// Longest duration of a connection.
const LIMIT: Duration = Duration::from_secs(60);

/// A listener that forwards connections. It ends when dropped.
pub(super) struct Proxy {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Returns the address of the listener.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Listens on 127.0.0.1, on the usual port or on any other if that is taken, and forwards
/// connections to the Unix socket. Returns `None` if no port is available: the lab is useful
/// without it.
pub(super) async fn start(socket: PathBuf) -> Option<Proxy> {
    let at = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let listener = match at(PORT).await {
        Ok(listener) => listener,
        Err(_) => at(0).await.ok()?,
    };
    let address = listener.local_addr().ok()?;
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let task = tokio::spawn(async move {
        // Only a closed semaphore would end this loop, and it is never closed.
        while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let socket = socket.clone();
            tokio::spawn(async move {
                let _slot = slot;
                let _ = timeout(LIMIT, pass(stream, socket)).await;
            });
        }
    });
    Some(Proxy { address, task })
}

async fn pass(mut outside: TcpStream, socket: PathBuf) -> std::io::Result<()> {
    let mut inside = UnixStream::connect(socket).await?;
    copy_bidirectional(&mut outside, &mut inside).await.map(drop)
}

#[cfg(test)]
mod tests {
    use portcullis::api_client::{ApiAddress, fetch};

    use super::*;

    #[tokio::test]
    async fn passes_on_and_ends_when_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("api.sock");
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        let router = axum::Router::new().route("/metrics", axum::routing::get(|| async { "up 1\n" }));
        tokio::spawn(async { axum::serve(listener, router).await });
        let (one, two) = (start(path.clone()).await.unwrap(), start(path).await.unwrap());
        assert_ne!(one.address(), two.address());
        for proxy in [&one, &two] {
            let api = ApiAddress::Tcp(proxy.address());
            let text = tokio::task::spawn_blocking(move || fetch(&api, "/metrics").unwrap()).await.unwrap();
            assert_eq!(text, "up 1\n");
        }
        let address = one.address();
        drop(one);
        tokio::task::yield_now().await;
        let refused = async {
            while TcpStream::connect(address).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(5), refused).await.unwrap();
    }
}
