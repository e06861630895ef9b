//! Parses DHCP frames (RFC 2131 §2), as far as they concern leases. The parser is strict, because
//! untrusted hosts write the frames.
//!
//! A message is one untagged Ethernet frame with an unfragmented IPv4 datagram between the ports 67
//! and 68. Messages of relay agents, and those that continue their options in other fields (RFC
//! 2132 §9.3), are not parsed.

use std::net::Ipv4Addr;

use ofproto::{ethertype, ip_protocol};

use crate::octets::{array, half};

/// The kinds of messages (RFC 2132 §9.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DhcpMessageType {
    /// A client looks for servers.
    Discover,
    /// A server offers an address.
    Offer,
    /// A client wants an address, or to keep it.
    Request,
    /// A client reports that another host uses the address.
    Decline,
    /// A server leases an address.
    Ack,
    /// A server refuses it.
    Nak,
    /// A client releases its address.
    Release,
    /// A client with an address asks for the other parameters.
    Inform,
}

impl DhcpMessageType {
    fn of(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Discover,
            2 => Self::Offer,
            3 => Self::Request,
            4 => Self::Decline,
            5 => Self::Ack,
            6 => Self::Nak,
            7 => Self::Release,
            8 => Self::Inform,
            _ => return None,
        })
    }

    /// Returns whether a server sends the message type.
    pub fn is_answer(self) -> bool {
        matches!(self, Self::Offer | Self::Ack | Self::Nak)
    }
}

/// A message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DhcpMessage {
    /// The sender's MAC of the frame.
    pub eth_src: [u8; 6],
    /// The sender's address.
    pub source: Ipv4Addr,
    /// The destination address.
    pub target: Ipv4Addr,
    /// Its kind.
    pub kind: DhcpMessageType,
    /// The exchange that it belongs to.
    pub xid: u32,
    /// The client's current address, by its own statement.
    pub ciaddr: Ipv4Addr,
    /// The address that the server leases.
    pub yiaddr: Ipv4Addr,
    /// The client's MAC.
    pub chaddr: [u8; 6],
    /// The requested or declined address (option 50).
    pub requested: Option<Ipv4Addr>,
    /// The lease time in seconds (option 51); all ones means forever.
    pub lease_time: Option<u32>,
}

const ETHERNET: usize = 14;
/// The length of a message before its options, the magic cookie included.
const FIXED: usize = 240;
const MAGIC: [u8; 4] = [99, 130, 83, 99];

impl DhcpMessage {
    /// Parses a frame; returns `None` for anything but one complete message.
    pub fn parse(frame: &[u8]) -> Option<Self> {
        let eth_src = array(frame, 6)?;
        if half(frame, 12)? != ethertype::IPV4 {
            return None;
        }
        let ip = frame.get(ETHERNET..)?;
        let first = *ip.first()?;
        let header = usize::from(first & 0x0f) * 4;
        let length = usize::from(half(ip, 2)?);
        // In the flags and the offset: "more fragments" and the fragment offset.
        let fragment = half(ip, 6)? & 0x3fff != 0;
        if first >> 4 != 4 || header < 20 || *ip.get(9)? != ip_protocol::UDP || fragment {
            return None;
        }
        let udp = ip.get(header..length)?;
        let ports = (half(udp, 0)?, half(udp, 2)?);
        let body = udp.get(8..usize::from(half(udp, 4)?))?;
        let options = DhcpOptions::parse(body.get(FIXED..)?)?;
        let ethernet = body.get(1..3)? == [1, 6];
        let relayed = array::<4>(body, 24)? != [0; 4];
        if !ethernet || relayed || array::<4>(body, 236)? != MAGIC {
            return None;
        }
        let direction = match (*body.first()?, ports) {
            (1, (68, 67)) => false,
            (2, (67, 68)) => true,
            _ => return None,
        };
        let message = Self {
            eth_src,
            source: address(ip, 12)?,
            target: address(ip, 16)?,
            kind: options.kind?,
            xid: u32::from_be_bytes(array(body, 4)?),
            ciaddr: address(body, 12)?,
            yiaddr: address(body, 16)?,
            chaddr: array(body, 28)?,
            requested: options.requested,
            lease_time: options.lease_time,
        };
        (message.kind.is_answer() == direction).then_some(message)
    }
}

/// The options that concern leases.
#[derive(Debug, Default)]
struct DhcpOptions {
    kind: Option<DhcpMessageType>,
    requested: Option<Ipv4Addr>,
    lease_time: Option<u32>,
}

impl DhcpOptions {
    /// Parses the options up to the end option (RFC 2132 §3). A repeated option is one in parts
    /// (RFC 3396). None of these options is that long, so a repeated one makes the message invalid.
    fn parse(mut bytes: &[u8]) -> Option<Self> {
        let mut this = Self::default();
        loop {
            let (&code, rest) = bytes.split_first()?;
            match code {
                0 => {
                    bytes = rest;
                    continue;
                }
                255 => return Some(this),
                _ => {}
            }
            let (&length, rest) = rest.split_first()?;
            let value = rest.get(..usize::from(length))?;
            bytes = rest.get(usize::from(length)..)?;
            let twice = match code {
                50 => this.requested.replace(Ipv4Addr::from(<[u8; 4]>::try_from(value).ok()?)).is_some(),
                51 => this.lease_time.replace(u32::from_be_bytes(value.try_into().ok()?)).is_some(),
                53 => match value {
                    [number] => this.kind.replace(DhcpMessageType::of(*number)?).is_some(),
                    _ => true,
                },
                _ => false,
            };
            if twice {
                return None;
            }
        }
    }
}

fn address(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
    Some(Ipv4Addr::from(array::<4>(bytes, at)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CLIENT: [u8; 6] = [2, 0, 0, 0, 5, 1];

    /// Returns an ACK of 10.5.0.77 for an hour.
    fn ack() -> Vec<u8> {
        let mut body =
            vec![2, 1, 6, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 10, 5, 0, 77, 0, 0, 0, 0, 0, 0, 0, 0];
        body.extend(CLIENT);
        body.extend([0; 10 + 64 + 128]);
        body.extend(MAGIC);
        body.extend([53, 1, 5, 0, 51, 4, 0, 0, 14, 16, 255]);
        let mut frame = vec![2, 0, 0, 0, 5, 1, 2, 0, 0, 0, 5, 9, 8, 0, 0x45, 0];
        let udp = u16::try_from(body.len() + 8).unwrap();
        frame.extend((udp + 20).to_be_bytes());
        frame.extend([
            0,
            0,
            0,
            0,
            64,
            ip_protocol::UDP,
            0,
            0,
            203,
            0,
            113,
            5,
            255,
            255,
            255,
            255,
            0,
            67,
            0,
            68,
        ]);
        frame.extend(udp.to_be_bytes());
        frame.extend([0, 0]);
        frame.extend(body);
        frame
    }

    #[test]
    fn an_ack_says_who_gets_what() {
        let message = DhcpMessage::parse(&ack()).unwrap();
        assert_eq!((message.kind, message.xid, message.chaddr), (DhcpMessageType::Ack, 7, CLIENT));
        assert_eq!((message.yiaddr, message.lease_time), ([10, 5, 0, 77].into(), Some(3_600)));
        assert_eq!((message.source, message.target), ([203, 0, 113, 5].into(), [255; 4].into()));
    }

    #[test]
    fn what_is_no_whole_message_says_nothing() {
        let frame = ack();
        for cut in 0..frame.len() {
            assert_eq!(DhcpMessage::parse(&frame[..cut]), None, "{cut} bytes");
        }
        let options = ETHERNET + 20 + 8 + FIXED;
        for (at, byte, what) in [
            (12, 0x81, "another type"),
            (14, 0x65, "IPv6"),
            (14, 0x44, "a short header"),
            (20, 0x20, "a first fragment"),
            (21, 0x01, "a later fragment"),
            (23, 6, "TCP"),
            (35, 69, "another port"),
            (37, 67, "another port of the client"),
            (42, 1, "a request from a server"),
            (43, 6, "another medium"),
            (44, 8, "another length of address"),
            (66, 10, "a relay's"),
            (options - 1, 0, "no magic"),
            (options + 1, 2, "a kind of two bytes"),
            (options + 2, 3, "a request"),
            (options + 2, 9, "a kind that there is not"),
            (options + 5, 200, "an option that is longer than the message"),
            (options + 10, 0, "no end"),
        ] {
            let mut other = frame.clone();
            assert_ne!(other[at], byte, "{what}");
            other[at] = byte;
            assert_eq!(DhcpMessage::parse(&other), None, "{what}");
        }
        // A repeated option.
        let mut twice = frame[..frame.len() - 1].to_vec();
        twice.extend([53, 1, 2, 255]);
        for at in [16, 38] {
            let length = half(&twice, at).unwrap() + 3;
            twice[at..at + 2].copy_from_slice(&length.to_be_bytes());
        }
        assert_eq!(DhcpMessage::parse(&twice), None);
    }

    proptest! {
        #[test]
        fn anything_is_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..700)) {
            let _ = DhcpMessage::parse(&bytes);
        }

        /// Close to a message: some of its bytes are changed.
        #[test]
        fn what_is_nearly_one_is_read_without_harm(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
            let mut frame = ack();
            for (at, byte) in changes {
                let at = at.index(frame.len());
                frame[at] = byte;
            }
            let _ = DhcpMessage::parse(&frame);
        }
    }
}
