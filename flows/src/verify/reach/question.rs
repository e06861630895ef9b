//! Questions about one connection.

use std::fmt;
use std::str::FromStr;

use crate::network::Protocol;

/// A question: may one party open a connection to another?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The sender: the name of a party, or an address.
    pub from: String,
    /// The receiver, likewise.
    pub to: String,
    /// The protocol and port.
    pub service: Service,
    /// The source port; `None` for any.
    pub from_port: Option<u16>,
    /// The source MAC address; `None` for the sender's own.
    pub mac: Option<[u8; 6]>,
}

/// A protocol with its destination port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service {
    /// The protocol: TCP, UDP, SCTP, ICMP echo, or any of IP.
    pub protocol: Protocol,
    /// The port; `None` for a protocol without ports, or for any port.
    pub port: Option<u16>,
}

/// A text that names no service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no service: write tcp/443, udp/53, sctp/9, icmp or any")]
pub struct ServiceError(String);

impl FromStr for Service {
    type Err = ServiceError;

    fn from_str(text: &str) -> Result<Self, ServiceError> {
        let error = || ServiceError(text.to_owned());
        let (word, port) = text.split_once('/').map_or((text, None), |(word, port)| (word, Some(port)));
        let known = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp, Protocol::Icmp, Protocol::Any];
        let protocol = known.into_iter().find(|known| known.word() == word).ok_or_else(error)?;
        let digits = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
        let port = match port {
            Some(port) if digits(port) => Some(port.parse().map_err(|_| error())?),
            Some(_) => return Err(error()),
            None => None,
        };
        if port.is_some() && matches!(protocol, Protocol::Icmp | Protocol::Any) {
            return Err(error());
        }
        Ok(Self { protocol, port })
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.protocol.word())?;
        self.port.iter().try_for_each(|port| write!(f, "/{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_have_one_spelling() {
        for text in ["tcp/443", "udp/53", "sctp/9", "icmp", "any", "tcp"] {
            assert_eq!(text.parse::<Service>().unwrap().to_string(), text);
        }
        for text in ["", "tcp/", "tcp/65536", "tcp/+1", "icmp/8", "any/1", "dhcp", "TCP/1", "tcp/1/2"] {
            assert!(text.parse::<Service>().is_err(), "{text}");
        }
    }
}
