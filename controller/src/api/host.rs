//! Checks the host names of requests over TCP.
//!
//! A web page can have its own name resolve to this machine, and then read the answers as its own
//! (DNS rebinding). Its requests carry that name. An IP address cannot be rebound. So requests for
//! IP addresses are answered; those for names are not, except for names that the operator gave.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::ApiError;
use crate::printable::printable_name;

/// Longest part of a name that an answer repeats, in bytes.
const MAX_REPEATED: usize = 255;

/// The hosts that one TCP listener answers for.
#[derive(Debug, Clone)]
pub struct Hosts {
    listening: IpAddr,
    names: Arc<[String]>,
}

impl Hosts {
    /// Returns the hosts of a listener at that address, with `names` beside `localhost`.
    pub fn new(listening: IpAddr, names: &[String]) -> Self {
        Self { listening, names: names.iter().map(|name| canonical(name)).collect() }
    }

    /// Checks that a request is for one of the hosts.
    fn answer(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            let message = "the request does not say which host it is for";
            return Err(Self::misdirected(message.to_owned()));
        };
        let said = host.as_bytes();
        // The request target may name a host too, and then takes precedence (RFC 9112 §3.2.2).
        let asked = match uri.authority() {
            Some(authority) => Some(authority.clone()),
            None => Authority::try_from(said).ok(),
        };
        if asked.is_some_and(|asked| self.is_ours(asked.host())) {
            return Ok(());
        }
        let shown = uri.authority().map_or(said, |authority| authority.as_str().as_bytes());
        let shown = printable_name(shown.get(..MAX_REPEATED).unwrap_or(shown));
        Err(Self::misdirected(format!("nothing is served here for the host {shown:?}")))
    }

    fn is_ours(&self, host: &str) -> bool {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        match bare.parse::<IpAddr>() {
            Ok(address) => {
                let here = self.listening.to_canonical();
                // Beyond loopback, this machine may be reached by addresses that it does not have
                // itself (NAT).
                address.to_canonical().is_loopback() || address == here || !here.is_loopback()
            }
            Err(_) => {
                let host = canonical(host);
                host == "localhost" || self.names.contains(&host)
            }
        }
    }

    fn misdirected(message: String) -> ApiError {
        ApiError::new(StatusCode::MISDIRECTED_REQUEST, "host", message)
            .help("ask for localhost or by IP address, or start the controller with --allow-host NAME")
    }
}

/// Returns a name in the form that is compared: in lower case, without the dot of the root.
fn canonical(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// Passes on only requests for a host that is served.
pub(super) async fn guard(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    match hosts.answer(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(listening: &str, host: &[u8]) -> bool {
        let hosts = Hosts::new(listening.parse().unwrap(), &["Gateway.Example.".to_owned()]);
        let headers = HeaderMap::from_iter([(header::HOST, host.try_into().unwrap())]);
        hosts.answer(&Uri::from_static("/metrics"), &headers).is_ok()
    }

    #[test]
    fn hosts_that_nobody_else_can_have_are_answered() {
        for host in ["127.0.0.1:9653", "127.0.0.1", "[::1]:9653", "127.8.8.8", "LocalHost:1", "localhost."] {
            assert!(answers("127.0.0.1", host.as_bytes()), "{host}");
            assert!(answers("0.0.0.0", host.as_bytes()), "{host}");
        }
        for host in ["gateway.example:9653", "GATEWAY.example", "gateway.example."] {
            assert!(answers("127.0.0.1", host.as_bytes()), "{host}");
        }
        for host in ["192.0.2.7:9653", "[2001:db8::1]", "[::ffff:192.0.2.7]:80"] {
            assert!(answers("0.0.0.0", host.as_bytes()) && answers("192.0.2.7", host.as_bytes()), "{host}");
            assert!(!answers("127.0.0.1", host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn names_of_others_are_not() {
        for host in [
            &b"evil.example"[..],
            b"evil.example:9653",
            b"127.0.0.1.evil.example",
            b"localhost.evil.example",
            b"notlocalhost",
            b"gateway.example.evil.example",
            b"x@127.0.0.1@evil.example",
            b"0x7f.1",
            b"",
            b"\xff",
            b"a b",
        ] {
            for listening in ["127.0.0.1", "0.0.0.0", "::"] {
                assert!(!answers(listening, host), "{}", host.escape_ascii());
            }
        }
    }

    #[test]
    fn no_host_two_hosts_and_another_one_in_the_target_are_refused() {
        let hosts = Hosts::new("127.0.0.1".parse().unwrap(), &[]);
        let plain = Uri::from_static("/metrics");
        assert!(hosts.answer(&plain, &HeaderMap::new()).is_err());
        let mut headers = HeaderMap::new();
        headers.append(header::HOST, "localhost".parse().unwrap());
        assert!(hosts.answer(&Uri::from_static("http://localhost:1/metrics"), &headers).is_ok());
        assert!(hosts.answer(&Uri::from_static("http://evil.example/metrics"), &headers).is_err());
        headers.append(header::HOST, "evil.example".parse().unwrap());
        assert!(hosts.answer(&plain, &headers).is_err());
    }

    #[test]
    fn the_refusal_says_what_to_do_and_repeats_nothing_that_acts() {
        let hosts = Hosts::new("127.0.0.1".parse().unwrap(), &[]);
        let host = ["\u{9b}31m\u{202e}".as_bytes(), &[b'a'; 999]].concat();
        let headers = HeaderMap::from_iter([(header::HOST, host.as_slice().try_into().unwrap())]);
        let error = hosts.answer(&Uri::from_static("/"), &headers).unwrap_err();
        assert_eq!(error.status, 421);
        assert!(error.message.chars().all(|c| c.is_ascii_graphic() || c == ' '), "{}", error.message);
        assert!(error.message.len() < 400, "{}", error.message);
        assert!(error.help.contains("--allow-host"), "{}", error.help);
    }
}
