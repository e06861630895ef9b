//! A small client for the controller's own API: one request, one answer, over a Unix socket or TCP.

use std::error::Error;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;
use std::{fmt, io, thread};

use axum::http::{Request, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::api::Token;

/// Deadline of connecting, and of an exchange without a change.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Deadline of a change: bridges and Open vSwitch have to apply it.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longest body of an answer, in bytes.
const LIMIT: usize = 64 << 20;

/// The API socket of a controller with the default state directory.
pub const DEFAULT_SOCKET: &str = "/run/portcullis/api.sock";

/// The address of an API: `unix:PATH` or `tcp:ADDR:PORT`.
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

/// A failure to get an answer.
#[derive(Debug, thiserror::Error)]
pub enum ApiClientError {
    /// The text is no address.
    #[error("{0:?} is no API address: unix:PATH or tcp:ADDRESS:PORT")]
    Address(String),
    /// No process listens, or the connection broke.
    #[error("no answer from {address}: {source} (is `portcullis run` running there?)")]
    Io {
        /// The address.
        address: ApiAddress,
        /// The system's error.
        source: io::Error,
    },
    /// The server does not speak HTTP.
    #[error("{0} gave no HTTP answer")]
    NotHttp(ApiAddress),
    /// HTTP cannot express the request.
    #[error("{path:?} cannot be asked for: {source}")]
    Unwritable {
        /// The path of the request.
        path: String,
        /// The error about the part that HTTP does not allow.
        source: axum::http::Error,
    },
    /// The controller refused the request.
    #[error("{path}: the controller answered {status}: {body}")]
    Refused {
        /// The path of the request.
        path: String,
        /// The HTTP status.
        status: u16,
        /// The controller's answer.
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

/// Requests `path`. Blocks for some seconds at most.
///
/// # Errors
///
/// [`ApiClientError::Refused`] for any status but 2xx, and the errors of [`request`].
pub fn fetch(api: &ApiAddress, path: &str) -> Result<String, ApiClientError> {
    let reply = request(api, "GET", path, None, None)?;
    if !(200..300).contains(&reply.status) {
        let body = reply.body.trim().to_owned();
        return Err(ApiClientError::Refused { path: path.to_owned(), status: reply.status, body });
    }
    Ok(reply.body)
}

/// Sends one request, with a token and a JSON body if there is one. Blocks for some seconds at
/// most, or for a minute if it is a change.
///
/// # Errors
///
/// - [`ApiClientError::Unwritable`] if HTTP has no such method or path.
/// - [`ApiClientError::Io`] if no process listens, the connection breaks, or the answer is late or
///   too long.
/// - [`ApiClientError::NotHttp`] if the answer is not HTTP.
pub fn request(
    api: &ApiAddress,
    method: &str,
    path: &str,
    json: Option<&str>,
    token: Option<&Token>,
) -> Result<Reply, ApiClientError> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "localhost")
        .header(header::CONNECTION, "close");
    if json.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, token.header());
    }
    let request = request
        .body(Full::from(json.unwrap_or_default().to_owned()))
        .map_err(|source| ApiClientError::Unwritable { path: path.to_owned(), source })?;
    let patience = if method == "GET" { TIMEOUT } else { PATIENCE };
    // On its own thread, because a thread that drives a runtime cannot drive another one.
    let answer = thread::scope(|scope| {
        let asking = thread::Builder::new().spawn_scoped(scope, || ask(api, request, patience))?;
        asking.join().unwrap_or_else(|_| Err(io::Error::other("the thread that asked ended early").into()))
    });
    answer.map_err(|failure| match failure {
        Failure::NotHttp => ApiClientError::NotHttp(api.clone()),
        Failure::Io(source) => ApiClientError::Io { address: api.clone(), source },
    })
}

/// The reason of a failed exchange.
#[derive(Debug)]
enum Failure {
    Io(io::Error),
    NotHttp,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<hyper::Error> for Failure {
    fn from(error: hyper::Error) -> Self {
        if error.is_parse() || error.is_incomplete_message() {
            return Self::NotHttp;
        }
        // The text of hyper's own error does not contain the system's error.
        let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        Self::Io(match source {
            Some(source) => io::Error::new(source.kind(), source.to_string()),
            None => io::Error::other(error),
        })
    }
}

/// Connects and sends one request. Returns its answer, if it arrives within `patience` of the
/// connection.
fn ask(api: &ApiAddress, request: Request<Full<Bytes>>, patience: Duration) -> Result<Reply, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = async {
        match api {
            ApiAddress::Unix(socket) => {
                let stream = connect(socket)?;
                exchange(tokio::net::UnixStream::from_std(stream)?, request, patience).await
            }
            ApiAddress::Tcp(address) => {
                let stream = TcpStream::connect_timeout(address, TIMEOUT)?;
                stream.set_nonblocking(true)?;
                exchange(tokio::net::TcpStream::from_std(stream)?, request, patience).await
            }
        }
    };
    runtime.block_on(answer)
}

/// Connects to a Unix socket. Waits while its queue is full, which a nonblocking socket does not.
fn connect(path: &Path) -> io::Result<UnixStream> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_write_timeout(Some(TIMEOUT))?;
    socket.connect(&SockAddr::unix(path)?)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>, patience: Duration) -> Result<Reply, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let answer = async {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, LIMIT).collect().await.map_err(of_body)?.to_bytes();
        Ok(Reply { status: head.status.as_u16(), body: String::from_utf8_lossy(&body).into_owned() })
    };
    let late = |_| {
        let why = format!("nothing whole came within {} s", patience.as_secs_f32());
        io::Error::new(io::ErrorKind::TimedOut, why)
    };
    tokio::time::timeout(patience, answer).await.map_err(late)?
}

/// Returns the error of a body that did not arrive completely.
fn of_body(error: Box<dyn Error + Send + Sync>) -> io::Error {
    if error.is::<LengthLimitError>() {
        return io::Error::new(io::ErrorKind::FileTooLarge, "the answer is too long");
    }
    io::Error::other(error)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

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

    /// Answers a request at a socket of its own.
    fn served(answer: &'static [u8]) -> (tempfile::TempDir, ApiAddress) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("api.sock");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1_000]);
            let _ = stream.write_all(answer);
            if answer.is_empty() {
                thread::sleep(Duration::from_secs(2));
            }
        });
        (dir, ApiAddress::Unix(path))
    }

    #[test]
    fn what_is_not_http_is_refused() {
        for answer in [&b"SSH-2.0-OpenSSH\r\n\r\n"[..], b"HTTP/1.1 200 OK\r\n", b"\0"] {
            let (_dir, api) = served(answer);
            let error = fetch(&api, "/").unwrap_err();
            assert!(matches!(error, ApiClientError::NotHttp(_)), "{error}");
        }
    }

    #[test]
    fn an_answer_that_breaks_off_is_an_error() {
        let (_dir, api) = served(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
        let error = fetch(&api, "/").unwrap_err();
        assert!(matches!(error, ApiClientError::Io { .. }), "{error}");
        let (_dir, api) = served(b"HTTP/1.0 200 OK\r\n\r\nabc");
        assert_eq!(fetch(&api, "/").unwrap(), "abc", "HTTP/1.0 ends with its connection");
    }

    #[test]
    fn an_answer_that_is_late_or_too_long_is_an_error() {
        let (_dir, api) = served(b"");
        let asked = ask(&api, Request::new(Full::default()), Duration::from_millis(100));
        let Err(Failure::Io(error)) = asked else { panic!("{asked:?}") };
        assert_eq!(error.to_string(), "nothing whole came within 0.1 s");
        let head = format!("HTTP/1.0 200 OK\r\n\r\n{}", "x".repeat(LIMIT + 1));
        let (_dir, api) = served(head.leak().as_bytes());
        let error = fetch(&api, "/").unwrap_err().to_string();
        assert!(error.contains("the answer is too long (is `portcullis run` running there?)"), "{error}");
    }

    #[test]
    fn no_request_is_sent_that_http_does_not_have() {
        let error = fetch(&"tcp:127.0.0.1:1".parse().unwrap(), "/a b").unwrap_err().to_string();
        assert_eq!(error, "\"/a b\" cannot be asked for: invalid uri character");
    }

    #[tokio::test]
    async fn a_thread_that_drives_a_runtime_may_ask() {
        let (_dir, api) = served(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nup");
        assert_eq!(fetch(&api, "/").unwrap(), "up");
    }
}
