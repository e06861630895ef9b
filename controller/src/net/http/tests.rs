//! Serves peers that do not finish requests, and requests for foreign hosts.

use std::net::SocketAddr;
use std::path::Path;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use super::*;
use crate::metrics::Metrics;
use crate::ovs::Database;
use crate::policy::Policy;

/// Deadline of every wait, longer than any step here takes.
const PATIENCE: Duration = Duration::from_secs(20);
/// Deadline of each part of a request.
const SOON: Duration = Duration::from_millis(200);

struct Served {
    hub: Arc<Hub>,
    http: HttpSettings,
    shutdown: watch::Sender<bool>,
}

impl Served {
    fn new(connections: usize) -> Self {
        let policy = Policy::from_text(Path::new("test.toml"), "[bridge.br0]\n".to_owned()).unwrap();
        let limits = HttpLimits { connections, head: SOON, body: SOON, write: SOON };
        let http = HttpSettings { limits, names: vec!["gateway.example".to_owned()] };
        let hub = Arc::new(Hub::new(policy, Metrics::new().unwrap()));
        Self { hub, http, shutdown: watch::channel(false).0 }
    }

    async fn tcp(&self) -> SocketAddr {
        let address = "127.0.0.1:0".parse().unwrap();
        let bound = serve_api(Arc::clone(&self.hub), &address, &self.http, self.shutdown.subscribe()).await;
        let ListenAddress::Tcp(at) = bound.unwrap() else { unreachable!() };
        at
    }

    async fn control(&self, path: &Path) {
        let containers =
            Arc::new(Containers::new(Arc::clone(&self.hub), Database::default(), "test.toml".into()));
        let (hub, address) = (Arc::clone(&self.hub), ListenAddress::Unix(path.to_owned()));
        serve_control(hub, containers, &address, None, &self.http, self.shutdown.subscribe()).await.unwrap();
    }
}

/// Returns the bytes received until the connection ends.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &[u8]) -> String {
    stream.write_all(request).await.unwrap();
    let mut said = Vec::new();
    let read = stream.read_to_end(&mut said);
    // Unread bytes may make the end a reset.
    let _ = tokio::time::timeout(PATIENCE, read).await.expect("the end of the connection");
    String::from_utf8(said).unwrap()
}

async fn ask(at: SocketAddr, request: &str) -> String {
    answer(TcpStream::connect(at).await.unwrap(), request.as_bytes()).await
}

#[tokio::test]
async fn whoever_stops_in_the_middle_or_says_nothing_is_left() {
    let served = Served::new(8);
    let at = served.tcp().await;
    for begun in ["", "GET /heal", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: "] {
        let said = ask(at, begun).await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{begun:?}: {said}");
    }
    // A connection that was answered and sends no more requests.
    let said = ask(at, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(said.starts_with("HTTP/1.1 200") && said.ends_with("\r\n\r\nok\n"), "{said}");
}

#[tokio::test]
async fn a_body_that_never_comes_is_not_waited_for() {
    let served = Served::new(8);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("api.sock");
    served.control(&path).await;
    for begun in [
        "POST /api/windows HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{",
        "GET /api/status HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nab",
    ] {
        let said = answer(UnixStream::connect(&path).await.unwrap(), begun.as_bytes()).await;
        assert!(
            said.starts_with("HTTP/1.1 408") && said.contains("did not come within"),
            "{begun:?}: {said}"
        );
    }
}

#[tokio::test]
async fn whoever_takes_no_answers_is_left_and_the_others_wait_no_longer() {
    let served = Served::new(1);
    let at = served.tcp().await;
    let mut hog = TcpStream::connect(at).await.unwrap();
    let requests = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(100);
    while let Ok(written) = tokio::time::timeout(SOON / 4, hog.write_all(requests.as_bytes())).await {
        written.unwrap();
    }
    let said = ask(at, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(said.ends_with("ok\n"), "{said}");
    drop(hog);
}

#[tokio::test]
async fn beyond_the_limit_connections_wait_for_those_before_them() {
    let served = Served::new(2);
    let at = served.tcp().await;
    let silent = [TcpStream::connect(at).await.unwrap(), TcpStream::connect(at).await.unwrap()];
    let said = ask(at, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(said.ends_with("ok\n"), "{said}");
    drop(silent);
}

#[tokio::test]
async fn only_our_own_hosts_are_answered_over_tcp() {
    let served = Served::new(8);
    let at = served.tcp().await;
    let get = |path: &'static str, host: String| async move {
        ask(at, &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await
    };
    for path in ["/metrics", "/healthz", "/api/status", "/api/denied?bridge=br0", "/nothing"] {
        let said = get(path, "evil.example".to_owned()).await;
        assert!(said.starts_with("HTTP/1.1 421") && said.contains("--allow-host NAME"), "{path}: {said}");
    }
    for host in [at.to_string(), "localhost".to_owned(), "gateway.example:80".to_owned()] {
        let said = get("/metrics", host.clone()).await;
        assert!(said.starts_with("HTTP/1.1 200"), "{host}: {said}");
    }
    let said = ask(at, "GET /metrics HTTP/1.0\r\n\r\n").await;
    assert!(said.starts_with("HTTP/1.0 421"), "{said}");
    // No browser speaks to a Unix socket.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("api.sock");
    served.control(&path).await;
    let request = b"GET /api/status HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    let said = answer(UnixStream::connect(&path).await.unwrap(), request).await;
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
}
