//! The address of a listener: `tcp:ADDR:PORT` or `unix:PATH`.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// The address of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddress {
    /// A TCP socket.
    Tcp(SocketAddr),
    /// A Unix stream socket.
    Unix(PathBuf),
}

/// A text that is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address to listen at: tcp:ADDRESS:PORT (IPv6 in brackets) or unix:PATH")]
pub struct AddressError(String);

impl FromStr for ListenAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(path) = text.strip_prefix("unix:").filter(|p| !p.is_empty()) {
            return Ok(Self::Unix(path.into()));
        }
        // Open vSwitch calls the listening side ptcp.
        let address = text.strip_prefix("tcp:").or_else(|| text.strip_prefix("ptcp:")).unwrap_or(text);
        address.parse().map(Self::Tcp).map_err(|_| AddressError(text.to_owned()))
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp:{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_people_write_them() {
        let tcp = |s: &str| ListenAddress::Tcp(s.parse().unwrap());
        assert_eq!("tcp:127.0.0.1:6653".parse(), Ok(tcp("127.0.0.1:6653")));
        assert_eq!("tcp:[::1]:6653".parse(), Ok(tcp("[::1]:6653")));
        assert_eq!("127.0.0.1:9653".parse(), Ok(tcp("127.0.0.1:9653")));
        assert_eq!("unix:/run/p.sock".parse(), Ok(ListenAddress::Unix("/run/p.sock".into())));
        for bad in ["", "tcp:", "tcp:6653", "unix:", "ssl:127.0.0.1:6653", "tcp:host:6653"] {
            assert_eq!(bad.parse::<ListenAddress>(), Err(AddressError(bad.to_owned())));
        }
        for text in ["tcp:[::1]:1", "unix:/x"] {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), text);
        }
    }
}
