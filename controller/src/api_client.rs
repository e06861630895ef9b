//! A small client for the controller's own API: one request, one answer, over a Unix socket or TCP.
//!
//! It speaks HTTP/1.0 (RFC 1945), so the answer ends with the connection: no chunks, no keep-alive.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::api::Token;

/// How long the controller has to take a request, or to answer one that only looks.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long it has for a change: bridges, and Open vSwitch, have to take it.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest answer that is read, in bytes.
const LIMIT: u64 = 64 << 20;

/// Where a controller with the usual state directory serves its API.
pub const DEFAULT_SOCKET: &str = "/run/portcullis/api.sock";

/// Where an API listens: `unix:PATH` or `tcp:ADDR:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiAddress {
    /// A Unix socket.
    Unix(PathBuf),
    /// A TCP address.
    Tcp(SocketAddr),
}

impl fmt::Display for ApiAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp:{address}"),
        }
    }
}

impl FromStr for ApiAddress {
    type Err = ApiClientError;

    fn from_str(text: &str) -> Result<Self, ApiClientError> {
        if let Some(path) = text.strip_prefix("unix:").filter(|p| !p.is_empty()) {
            return Ok(Self::Unix(path.into()));
        }
        let address = text.strip_prefix("tcp:").unwrap_or(text);
        address.parse().map(Self::Tcp).map_err(|_| ApiClientError::Address(text.to_owned()))
    }
}

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub enum ApiClientError {
    /// Not an address.
    #[error("{0:?} is no API address: unix:PATH or tcp:ADDRESS:PORT")]
    Address(String),
    /// Nobody listens, or the connection broke.
    #[error("no answer from {address}: {source} (is `portcullis run` running there?)")]
    Io {
        /// Where.
        address: ApiAddress,
        /// What the system said.
        source: io::Error,
    },
    /// What answered does not speak HTTP.
    #[error("{0} gave no HTTP answer")]
    NotHttp(ApiAddress),
    /// The controller refused.
    #[error("{path}: the controller answered {status}: {body}")]
    Refused {
        /// What was asked for.
        path: String,
        /// The HTTP status.
        status: u16,
        /// What it said.
        body: String,
    },
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// Asks for `path`; any status but 2xx is an error. Blocks for at most some seconds.
pub fn fetch(api: &ApiAddress, path: &str) -> Result<String, ApiClientError> {
    let reply = request(api, "GET", path, None, None)?;
    if !(200..300).contains(&reply.status) {
        let body = reply.body.trim().to_owned();
        return Err(ApiClientError::Refused { path: path.to_owned(), status: reply.status, body });
    }
    Ok(reply.body)
}

/// Sends one request, with a JSON body if there is one, and a token. Blocks for at most some seconds, or a minute where
/// it is a change.
pub fn request(
    api: &ApiAddress,
    method: &str,
    path: &str,
    json: Option<&str>,
    token: Option<&Token>,
) -> Result<Reply, ApiClientError> {
    let failed = |source| ApiClientError::Io { address: api.clone(), source };
    let patience = if method == "GET" { TIMEOUT } else { PATIENCE };
    let answer = match api {
        ApiAddress::Unix(socket) => UnixStream::connect(socket).and_then(|stream| {
            stream.set_read_timeout(Some(patience))?;
            stream.set_write_timeout(Some(TIMEOUT))?;
            exchange(stream, method, path, json, token)
        }),
        ApiAddress::Tcp(address) => TcpStream::connect_timeout(address, TIMEOUT).and_then(|stream| {
            stream.set_read_timeout(Some(patience))?;
            stream.set_write_timeout(Some(TIMEOUT))?;
            exchange(stream, method, path, json, token)
        }),
    }
    .map_err(failed)?;
    parse(&answer).ok_or_else(|| ApiClientError::NotHttp(api.clone()))
}

fn exchange<S: Read + Write>(
    mut stream: S,
    method: &str,
    path: &str,
    json: Option<&str>,
    token: Option<&Token>,
) -> io::Result<Vec<u8>> {
    let mut head = format!("{method} {path} HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n");
    if let Some(body) = json {
        head += &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    }
    if let Some(token) = token {
        head += &format!("Authorization: {}\r\n", token.header());
    }
    head += "\r\n";
    head += json.unwrap_or_default();
    stream.write_all(head.as_bytes())?;
    let mut answer = Vec::new();
    if stream.take(LIMIT + 1).read_to_end(&mut answer)? as u64 > LIMIT {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the answer is too long"));
    }
    Ok(answer)
}

fn parse(answer: &[u8]) -> Option<Reply> {
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n")?;
    let (head, body) = answer.split_at_checked(end + 4)?;
    let line = std::str::from_utf8(head).ok()?.lines().next()?;
    let mut words = line.split(' ');
    words.next().filter(|version| version.starts_with("HTTP/1."))?;
    let status = words.next()?.parse().ok()?;
    Some(Reply { status, body: String::from_utf8_lossy(body).into_owned() })
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::{get, post};

    use super::*;

    fn router() -> Router {
        Router::new()
            .route("/status", get(|| async { "x".repeat(100_000) }))
            .route("/echo", post(|body: String| async move { body }))
            .route("/no", get(|| async { (StatusCode::CONFLICT, "not now") }))
    }

    #[tokio::test]
    async fn asks_a_real_server_over_a_unix_socket() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("api.sock");
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        tokio::spawn(async { axum::serve(listener, router()).await });
        let api: ApiAddress = format!("unix:{}", path.display()).parse().unwrap();
        tokio::task::spawn_blocking(move || {
            assert_eq!(fetch(&api, "/status").unwrap(), "x".repeat(100_000));
            assert_eq!(request(&api, "POST", "/echo", Some("{}"), None).unwrap().body, "{}");
            let error = fetch(&api, "/no").unwrap_err();
            assert!(matches!(error, ApiClientError::Refused { status: 409, .. }), "{error}");
        })
        .await
        .unwrap();
    }

    #[tokio::test]
    async fn asks_a_real_server_over_tcp() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api: ApiAddress = listener.local_addr().unwrap().to_string().parse().unwrap();
        tokio::spawn(async { axum::serve(listener, router()).await });
        tokio::task::spawn_blocking(move || assert_eq!(fetch(&api, "/status").unwrap().len(), 100_000))
            .await
            .unwrap();
    }

    #[test]
    fn nobody_there_and_no_address_are_errors() {
        let api: ApiAddress = "unix:/nonexistent/api.sock".parse().unwrap();
        assert!(matches!(fetch(&api, "/"), Err(ApiClientError::Io { .. })));
        assert!("unix:".parse::<ApiAddress>().is_err());
        assert!("localhost".parse::<ApiAddress>().is_err());
    }

    #[test]
    fn what_is_not_http_is_refused() {
        assert_eq!(parse(b"SSH-2.0-OpenSSH\r\n\r\n"), None);
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\n"), None);
    }
}
