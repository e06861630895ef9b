//! Decides about the right to make changes.
//!
//! At a Unix socket the kernel identifies the caller. Root, the socket's owner and its group may
//! make changes, whatever the socket's mode lets others read. At a TCP address the caller is
//! unknown, so every change needs a token.

use std::fmt;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use nix::unistd::{Gid, Uid, User};

use super::ApiError;

/// Shortest token, in characters.
const MIN_TOKEN: usize = 16;
/// Longest token file, in bytes.
const MAX_TOKEN: u64 = 4_096;

/// The peer of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// A process of this machine with its user and group, as the kernel reports them, if it does.
    Process(Option<(u32, u32)>),
    /// The sender's address.
    Address(SocketAddr),
}

/// The credentials for a change at one listener.
#[derive(Debug)]
pub enum ListenerAccess {
    /// At a Unix socket: root, the socket's owner, or a member of its group.
    Process {
        /// The socket's owner.
        owner: u32,
        /// The socket's group.
        group: u32,
    },
    /// At a TCP address: this token, as `Authorization: Bearer TOKEN` (RFC 6750 §2.1).
    Token(Token),
}

/// The caller of a change, as it is stored and logged. An extractor of handlers: without a caller,
/// the request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// A user's name, `uid N`, or `token at ADDRESS`.
    pub who: String,
}

/// The secret for changes over TCP. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// A failure to read a token file.
#[derive(Debug, thiserror::Error)]
pub enum BadToken {
    /// The file cannot be read.
    #[error("the token file {0}: {1}")]
    Io(PathBuf, std::io::Error),
    /// Every user can read the file.
    #[error("the token file {0} can be read by everybody: chmod 600 {0}")]
    Open(PathBuf),
    /// The contents are no token.
    #[error(
        "the token file {0} holds no token: one line of {MIN_TOKEN} characters or more, letters, digits and -._~+/= (try: openssl rand -hex 32)"
    )]
    Unfit(PathBuf),
}

impl Token {
    /// Reads the token from a file that only some users can read.
    ///
    /// # Errors
    /// [`BadToken`] if the file cannot be read, every user can read it, or its contents are too
    /// short or have characters that no header allows.
    pub fn load(path: &Path) -> Result<Self, BadToken> {
        use std::io::Read as _;
        let io = |error| BadToken::Io(path.to_owned(), error);
        let file = std::fs::File::open(path).map_err(io)?;
        if file.metadata().map_err(io)?.permissions().mode() & 0o007 != 0 {
            return Err(BadToken::Open(path.to_owned()));
        }
        let mut text = String::new();
        file.take(MAX_TOKEN).read_to_string(&mut text).map_err(io)?;
        Self::parse(&text).ok_or_else(|| BadToken::Unfit(path.to_owned()))
    }

    /// Returns a token as RFC 6750 §2.1 spells it, without surrounding blanks and line ends.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
        (text.len() >= MIN_TOKEN && text.bytes().all(fits)).then(|| Self(text.to_owned()))
    }

    /// Returns the value of the header that carries the token.
    pub fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// Returns whether a request carries the token. A wrong one takes as long as the right one.
    fn is_in(&self, headers: &HeaderMap) -> bool {
        let Some(value) = headers.get(header::AUTHORIZATION).map(|v| v.as_bytes()) else { return false };
        let Some((scheme, token)) = value.split_at_checked(b"Bearer ".len()) else { return false };
        let differs = token.iter().zip(self.0.bytes()).fold(0, |acc, (a, b)| acc | (a ^ b));
        scheme.eq_ignore_ascii_case(b"Bearer ") && token.len() == self.0.len() && differs == 0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl ListenerAccess {
    /// Returns the caller of a change.
    fn admit(&self, peer: Peer, headers: &HeaderMap) -> Result<Caller, ApiError> {
        match (self, peer) {
            (Self::Process { owner, group }, Peer::Process(Some((uid, gid)))) => {
                let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
                if uid == 0 || uid == *owner || gid == *group || is_member(user.as_ref(), *group) {
                    return Ok(Caller { who: user.map_or_else(|| format!("uid {uid}"), |u| u.name) });
                }
                let message = format!("uid {uid} may look, but not change anything");
                Err(ApiError::new(StatusCode::FORBIDDEN, "forbidden", message)
                    .help("root may, and the owner and the group of the controller's socket"))
            }
            (Self::Token(token), Peer::Address(from)) if token.is_in(headers) => {
                Ok(Caller { who: format!("token at {}", from.ip()) })
            }
            (Self::Token(_), _) => {
                let message = "a change needs the controller's token";
                Err(ApiError::new(StatusCode::UNAUTHORIZED, "token", message).help(
                    "send Authorization: Bearer TOKEN (--api-token-file FILE does), or use the Unix socket",
                ))
            }
            (Self::Process { .. }, _) => {
                Err(ApiError::new(StatusCode::FORBIDDEN, "forbidden", "the system does not say who asks"))
            }
        }
    }
}

/// Returns whether a group is one of the user's supplementary groups: the kernel reports only the
/// first group.
fn is_member(user: Option<&User>, group: u32) -> bool {
    let Some(user) = user else { return false };
    let Ok(name) = std::ffi::CString::new(user.name.as_bytes()) else { return false };
    nix::unistd::getgrouplist(&name, user.gid).is_ok_and(|groups| groups.contains(&Gid::from_raw(group)))
}

/// Admits every request without a change, and changes of callers that the gate admits.
pub(super) async fn guard(
    State(gate): State<Arc<ListenerAccess>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        match gate.admit(peer, request.headers()) {
            Ok(caller) => request.extensions_mut().insert(caller),
            Err(error) => {
                tracing::warn!(
                    ?peer,
                    path = request.uri().path(),
                    "a change by somebody who may not: refused"
                );
                return error.into_response();
            }
        };
    }
    next.run(request).await
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        // The route makes changes outside of the gate, so no caller was admitted.
        let nobody = || ApiError::new(StatusCode::FORBIDDEN, "forbidden", "nobody may do that here");
        parts.extensions.get::<Self>().cloned().ok_or_else(nobody)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef";

    fn bearing(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())])
    }

    #[test]
    fn at_a_socket_root_its_owner_and_its_group_may() {
        let gate = ListenerAccess::Process { owner: 4_001, group: 4_002 };
        let admit = |uid, gid| gate.admit(Peer::Process(Some((uid, gid))), &HeaderMap::new());
        assert_eq!(admit(0, 0).unwrap().who, "root");
        assert_eq!(admit(4_001, 9).unwrap().who, "uid 4001");
        assert_eq!(admit(4_003, 4_002).unwrap().who, "uid 4003");
        let error = admit(4_003, 4_003).unwrap_err();
        assert_eq!(error.status, 403);
        assert!(error.message.contains("4003") && error.help.contains("group"), "{error:?}");
        let unknown = gate.admit(Peer::Process(None), &bearing(SECRET));
        assert_eq!(unknown.unwrap_err().status, 403);
    }

    #[test]
    fn over_tcp_the_token_and_nothing_near_it() {
        let gate = ListenerAccess::Token(Token::parse(SECRET).unwrap());
        let from = Peer::Address("127.0.0.1:5".parse().unwrap());
        let good = format!("Bearer {SECRET}");
        assert_eq!(gate.admit(from, &bearing(&good)).unwrap().who, "token at 127.0.0.1");
        assert!(gate.admit(from, &bearing(&good.replace('B', "b"))).is_ok());
        for bad in [
            SECRET,
            "Bearer ",
            "Bearer",
            "Basic 0123456789abcdef",
            "Bearer 0123456789abcdeg",
            &good[..22],
            &format!("{good}0"),
        ] {
            assert_eq!(gate.admit(from, &bearing(bad)).unwrap_err().status, 401, "{bad}");
        }
        assert_eq!(gate.admit(from, &HeaderMap::new()).unwrap_err().status, 401);
        assert!(!format!("{gate:?}").contains(SECRET));
    }

    #[test]
    fn a_token_comes_from_a_file_that_is_not_for_everybody() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let load = |text: &str, mode| {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            Token::load(&path)
        };
        assert_eq!(load(&format!("{SECRET}\n"), 0o640).unwrap().header(), format!("Bearer {SECRET}"));
        assert!(matches!(load(SECRET, 0o644), Err(BadToken::Open(_))));
        for unfit in ["", "short", "0123456789abcde\u{e9}", "0123456789 abcdef"] {
            let error = load(unfit, 0o600).unwrap_err();
            assert!(matches!(error, BadToken::Unfit(_)), "{unfit}");
            assert!(unfit.is_empty() || !error.to_string().contains(unfit), "a secret is shown: {error}");
        }
        assert!(matches!(Token::load(&dir.path().join("none")), Err(BadToken::Io(..))));
    }
}
