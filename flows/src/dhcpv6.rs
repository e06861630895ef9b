//! Parses DHCPv6 frames (RFC 8415 §8), as far as they concern leases. The parser is strict, because
//! untrusted hosts write the frames.
//!
//! A message is one untagged Ethernet frame with a UDP datagram between the ports 546 and 547,
//! directly after the IPv6 header. Messages of relay agents are not parsed. A delegated prefix
//! (IA_PD) is ignored: it is no address of the client's interface.

use std::net::Ipv6Addr;

use ofproto::{ethertype, ip_protocol};

use crate::octets::{array, half};

/// The kinds of messages (RFC 8415 §7.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dhcpv6MessageType {
    /// A client looks for servers.
    Solicit,
    /// A server offers addresses.
    Advertise,
    /// A client requests addresses.
    Request,
    /// A client asks whether its addresses fit its current link.
    Confirm,
    /// A client extends its leases at the server that gave them.
    Renew,
    /// A client extends its leases at any server.
    Rebind,
    /// A server gives addresses, or answers another message.
    Reply,
    /// A client releases its addresses.
    Release,
    /// A client reports that another host uses its addresses.
    Decline,
    /// A server asks the client to contact it.
    Reconfigure,
    /// A client asks for the other parameters.
    InformationRequest,
}

impl Dhcpv6MessageType {
    fn of(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Solicit,
            2 => Self::Advertise,
            3 => Self::Request,
            4 => Self::Confirm,
            5 => Self::Renew,
            6 => Self::Rebind,
            7 => Self::Reply,
            8 => Self::Release,
            9 => Self::Decline,
            10 => Self::Reconfigure,
            11 => Self::InformationRequest,
            _ => return None,
        })
    }

    /// Returns whether a server sends the message type.
    pub fn is_answer(self) -> bool {
        matches!(self, Self::Advertise | Self::Reply | Self::Reconfigure)
    }
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dhcpv6Message {
    /// The sender's address.
    pub source: Ipv6Addr,
    /// The destination address.
    pub target: Ipv6Addr,
    /// Its kind.
    pub kind: Dhcpv6MessageType,
    /// The exchange that it belongs to, of 24 bits.
    pub xid: u32,
    /// The client's identifier (DUID); empty if the message has none.
    pub client: Vec<u8>,
    /// The addresses of its identity associations (IA_NA, IA_TA), without those that a status
    /// refuses.
    pub addresses: Vec<LeasedAddress>,
}

/// A leased or released address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeasedAddress {
    /// The address.
    pub address: Ipv6Addr,
    /// The valid lifetime in seconds; all ones means forever.
    pub valid: u32,
}

const ETHERNET: usize = 14;
const HEADER: usize = 40;
/// The maximum length of a client identifier in bytes (RFC 8415 §11.1).
const MAX_DUID: usize = 130;
/// The maximum number of addresses in one message; a message with more is invalid.
const MAX_ADDRESSES: usize = 16;

/// Codes of options (RFC 8415 §21).
const CLIENT_ID: u16 = 1;
const IA_NA: u16 = 3;
const IA_TA: u16 = 4;
const IA_ADDRESS: u16 = 5;
const STATUS: u16 = 13;

impl Dhcpv6Message {
    /// Parses a frame; returns `None` for anything but one complete message.
    pub fn parse(frame: &[u8]) -> Option<Self> {
        if half(frame, 12)? != ethertype::IPV6 {
            return None;
        }
        let ip = frame.get(ETHERNET..)?;
        let length = usize::from(half(ip, 4)?);
        if *ip.first()? >> 4 != 6 || *ip.get(6)? != ip_protocol::UDP {
            return None;
        }
        let udp = ip.get(HEADER..HEADER.checked_add(length)?)?;
        // IPv6 requires a checksum (RFC 8200 §8.1), and a datagram fills its packet.
        if usize::from(half(udp, 4)?) != length || half(udp, 6)? == 0 {
            return None;
        }
        let body = udp.get(8..)?;
        let kind = Dhcpv6MessageType::of(*body.first()?)?;
        let answers = match (half(udp, 0)?, half(udp, 2)?) {
            (546, 547) => false,
            (547, 546) => true,
            _ => return None,
        };
        if kind.is_answer() != answers {
            return None;
        }
        let [a, b, c] = array(body, 1)?;
        let mut message = Self {
            source: address(ip, 8)?,
            target: address(ip, 24)?,
            kind,
            xid: u32::from_be_bytes([0, a, b, c]),
            client: Vec::new(),
            addresses: Vec::new(),
        };
        for option in Dhcpv6Options(body.get(4..)?) {
            let (code, value) = option?;
            match code {
                CLIENT_ID if !message.client.is_empty() || value.is_empty() || value.len() > MAX_DUID => {
                    return None;
                }
                CLIENT_ID => message.client = value.to_vec(),
                IA_NA => message.associate(value.get(12..)?)?,
                IA_TA => message.associate(value.get(4..)?)?,
                _ => {}
            }
        }
        Some(message)
    }

    /// Adds the addresses of an identity association from its options.
    fn associate(&mut self, options: &[u8]) -> Option<()> {
        if !is_success(options)? {
            return Some(());
        }
        for option in Dhcpv6Options(options) {
            let (code, value) = option?;
            if code != IA_ADDRESS {
                continue;
            }
            let given =
                LeasedAddress { address: address(value, 0)?, valid: u32::from_be_bytes(array(value, 20)?) };
            if is_success(value.get(24..)?)? {
                if self.addresses.len() >= MAX_ADDRESSES {
                    return None;
                }
                self.addresses.push(given);
            }
        }
        Some(())
    }
}

/// Returns whether no status option reports a failure, or `None` if the options are malformed.
fn is_success(options: &[u8]) -> Option<bool> {
    for option in Dhcpv6Options(options) {
        let (code, value) = option?;
        if code == STATUS && half(value, 0)? != 0 {
            return Some(false);
        }
    }
    Some(true)
}

/// The options in order; `None` in place of a truncated one, which is the last.
struct Dhcpv6Options<'o>(&'o [u8]);

impl<'o> Iterator for Dhcpv6Options<'o> {
    type Item = Option<(u16, &'o [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let bytes = std::mem::take(&mut self.0);
        let read = || {
            let (code, length) = (half(bytes, 0)?, usize::from(half(bytes, 2)?));
            let (value, rest) = bytes.get(4..)?.split_at_checked(length)?;
            Some(((code, value), rest))
        };
        let option = read();
        if let Some((_, rest)) = option {
            self.0 = rest;
        }
        Some(option.map(|(option, _)| option))
    }
}

fn address(bytes: &[u8], at: usize) -> Option<Ipv6Addr> {
    Some(Ipv6Addr::from(array::<16>(bytes, at)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CLIENT: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x51);
    const SERVER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x59);
    const GIVEN: Ipv6Addr = Ipv6Addr::new(0xfd05, 0, 0, 0, 0, 0, 0, 0x77);

    fn option(code: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len()).unwrap();
        [&code.to_be_bytes(), &length.to_be_bytes(), value].concat()
    }

    fn ia_address(address: Ipv6Addr, valid: u32, options: &[u8]) -> Vec<u8> {
        option(5, &[&address.octets()[..], &600u32.to_be_bytes(), &valid.to_be_bytes(), options].concat())
    }

    fn frame(kind: u8, options: &[u8]) -> Vec<u8> {
        let body = [&[kind, 0, 0, 7][..], options].concat();
        let length = u16::try_from(body.len() + 8).unwrap().to_be_bytes();
        let mut frame = vec![2, 0, 0, 0, 5, 1, 2, 0, 0, 0, 5, 9, 0x86, 0xdd, 0x60, 0, 0, 0];
        frame.extend(length);
        frame.extend([ip_protocol::UDP, 64]);
        frame.extend(SERVER.octets());
        frame.extend(CLIENT.octets());
        frame.extend([2, 35, 2, 34]);
        frame.extend(length);
        frame.extend([1, 1]);
        frame.extend(body);
        frame
    }

    /// Returns a REPLY that gives an address for an hour, beside another option.
    fn reply() -> Vec<u8> {
        let association = [&[0; 12][..], &ia_address(GIVEN, 3_600, &[])].concat();
        frame(
            7,
            &[option(1, &[0, 3, 0, 1, 2, 0, 0, 0, 5, 1]), option(2, &[0, 3]), option(3, &association)]
                .concat(),
        )
    }

    #[test]
    fn a_reply_says_who_gets_what() {
        let message = Dhcpv6Message::parse(&reply()).unwrap();
        assert_eq!((message.kind, message.xid), (Dhcpv6MessageType::Reply, 7));
        assert_eq!((message.source, message.target), (SERVER, CLIENT));
        assert_eq!(message.client, [0, 3, 0, 1, 2, 0, 0, 0, 5, 1]);
        assert_eq!(message.addresses, [LeasedAddress { address: GIVEN, valid: 3_600 }]);
    }

    #[test]
    fn what_is_refused_or_delegated_is_not_given() {
        let no = option(13, &[0, 2]);
        let given = |association: &[u8]| {
            let message = Dhcpv6Message::parse(&frame(7, association)).unwrap();
            message.addresses.iter().map(|given| given.address).collect::<Vec<_>>()
        };
        let na = |options: &[u8]| option(3, &[&[0; 12][..], options].concat());
        assert_eq!(given(&na(&ia_address(GIVEN, 9, &no))), [] as [Ipv6Addr; 0], "the address is refused");
        assert_eq!(given(&na(&[no, ia_address(GIVEN, 9, &[])].concat())), [] as [Ipv6Addr; 0], "all are");
        let yes = option(13, &[0, 0, b'o', b'k']);
        assert_eq!(given(&na(&[yes, ia_address(GIVEN, 9, &[])].concat())), [GIVEN]);
        assert_eq!(given(&option(4, &[&[0; 4][..], &ia_address(GIVEN, 9, &[])].concat())), [GIVEN], "IA_TA");
        assert_eq!(
            given(&option(25, &[&[0; 12][..], &ia_address(GIVEN, 9, &[])].concat())),
            [] as [Ipv6Addr; 0]
        );
        let many = |n: usize| Dhcpv6Message::parse(&frame(7, &na(&ia_address(GIVEN, 9, &[]).repeat(n))));
        assert_eq!(many(MAX_ADDRESSES).map(|m| m.addresses.len()), Some(MAX_ADDRESSES));
        assert_eq!(many(MAX_ADDRESSES + 1), None);
    }

    #[test]
    fn what_is_no_whole_message_says_nothing() {
        let frame = reply();
        for cut in 0..frame.len() {
            assert_eq!(Dhcpv6Message::parse(&frame[..cut]), None, "{cut} bytes");
        }
        let udp = ETHERNET + HEADER;
        let message = udp + 8;
        for (at, byte, what) in [
            (12, 0x81, "another type"),
            (14, 0x45, "IPv4"),
            (19, 0xff, "more than there is"),
            (20, 44, "a fragment"),
            (20, 0, "an extension header"),
            (udp + 1, 34, "another port"),
            (udp + 3, 35, "between servers"),
            (udp + 5, 9, "less than the packet"),
            (message, 1, "a request from a server"),
            (message, 13, "a relay's"),
            (message, 0, "a kind that there is not"),
            (message + 7, 0xff, "an option that is longer than the message"),
            (message + 7, 0, "a client without a name"),
        ] {
            let mut other = frame.clone();
            assert_ne!(other[at], byte, "{what}");
            other[at] = byte;
            assert_eq!(Dhcpv6Message::parse(&other), None, "{what}");
        }
        let mut unsummed = frame.clone();
        unsummed[udp + 6..udp + 8].fill(0);
        assert_eq!(Dhcpv6Message::parse(&unsummed), None, "without a checksum");
        let said = |options: &[u8]| Dhcpv6Message::parse(&super::tests::frame(7, options));
        assert_eq!(said(&option(1, &[1; MAX_DUID + 1])), None, "a name that is too long");
        assert_eq!(said(&[option(1, &[1]), option(1, &[1])].concat()), None, "two names");
        assert_eq!(said(&option(3, &[0; 11])), None, "a cut association");
        assert_eq!(said(&option(3, &[&[0; 12][..], &option(5, &[0; 23])].concat())), None, "a cut address");
    }

    proptest! {
        #[test]
        fn anything_is_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..700)) {
            let _ = Dhcpv6Message::parse(&bytes);
        }

        /// Close to a message: some of its bytes are changed.
        #[test]
        fn what_is_nearly_one_is_read_without_harm(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
            let mut frame = reply();
            for (at, byte) in changes {
                let at = at.index(frame.len());
                frame[at] = byte;
            }
            if let Some(message) = Dhcpv6Message::parse(&frame) {
                prop_assert!(message.addresses.len() <= MAX_ADDRESSES && message.client.len() <= MAX_DUID);
            }
        }

        /// Any options, as many as fit a frame.
        #[test]
        fn options_of_any_length_are_read_without_harm(
            options in prop::collection::vec((0u16..30, prop::collection::vec(any::<u8>(), 0..300)), 0..40),
        ) {
            let all: Vec<u8> = options.iter().flat_map(|(code, value)| option(*code, value)).collect();
            let _ = Dhcpv6Message::parse(&frame(7, &all));
        }
    }
}
