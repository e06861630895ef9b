//! Raw Ethernet frames that carry a tag, by which listeners recognise them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use etherparse::PacketBuilder;
use ofproto::ethertype;

/// The broadcast MAC.
pub const BROADCAST: [u8; 6] = [0xff; 6];
/// The mark at the beginning of a tag.
const MAGIC: [u8; 8] = *b"pcl-prob";
/// Length of a tag, in bytes.
const TAG: usize = MAGIC.len() + size_of::<u32>();
/// The EtherType for local experiments (IEEE 802).
const EXPERIMENTAL: u16 = 0x88b5;
/// An ICMPv6 neighbour-discovery option type for experiments (RFC 4727 §5.1.3).
const ND_EXPERIMENT: u8 = 253;

/// Returns the tag with that number.
fn tag(id: u32) -> [u8; TAG] {
    let mut bytes = [0; TAG];
    for (to, from) in bytes.iter_mut().zip(MAGIC.into_iter().chain(id.to_be_bytes())) {
        *to = from;
    }
    bytes
}

/// Returns the number of the tag in a frame, at whatever position the tag is.
pub fn tag_of(frame: &[u8]) -> Option<u32> {
    let found = frame.windows(TAG).find(|w| w.starts_with(&MAGIC))?;
    Some(u32::from_be_bytes(*found.last_chunk()?))
}

/// A frame to send. The tag is added on sending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Ethernet source.
    pub from: [u8; 6],
    /// Ethernet destination.
    pub to: [u8; 6],
    /// The VLAN of its tag.
    pub vlan: Option<u16>,
    /// The payload.
    pub body: FrameBody,
}

/// The payload of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FrameBody {
    /// A TCP SYN from (address, port) to (address, port).
    Syn(IpAddr, u16, IpAddr, u16),
    /// A UDP datagram.
    Udp(IpAddr, u16, IpAddr, u16),
    /// An ICMP or ICMPv6 echo request.
    Echo(IpAddr, IpAddr),
    /// An SCTP INIT.
    Sctp(Ipv4Addr, u16, Ipv4Addr, u16),
    /// A broadcast DHCP message about a client and an address for it. Its kind decides whether the
    /// server or the client sends it.
    Dhcp {
        /// The sender's address.
        from: Ipv4Addr,
        /// The kind (RFC 2132 §9.6).
        kind: u8,
        /// The client's MAC.
        client: [u8; 6],
        /// The address.
        address: Ipv4Addr,
    },
    /// A message of DHCPv6 about a client and an address for it, from the sender's link-local address.
    Dhcpv6 {
        /// The destination address.
        to: Ipv6Addr,
        /// The kind (RFC 8415 §7.3).
        kind: u8,
        /// The client's MAC.
        client: [u8; 6],
        /// The address.
        address: Ipv6Addr,
    },
    /// An ARP request for `tpa` from `spa`.
    ArpRequest {
        /// The sender's address.
        spa: Ipv4Addr,
        /// The requested address.
        tpa: Ipv4Addr,
    },
    /// An ARP reply that claims `spa` for the frame's source.
    ArpReply {
        /// The sender's address.
        spa: Ipv4Addr,
        /// The address of the receiver.
        tpa: Ipv4Addr,
    },
    /// A neighbour solicitation (RFC 4861 §4.3), sent to `to`.
    Solicitation {
        /// The source.
        from: Ipv6Addr,
        /// The destination.
        to: Ipv6Addr,
        /// The requested address.
        target: Ipv6Addr,
    },
    /// A router advertisement (RFC 4861 §4.2) to all nodes.
    RouterAdvertisement {
        /// The source.
        from: Ipv6Addr,
    },
    /// A TCP SYN in a frame with an 802.1Q tag of that VLAN.
    TaggedSyn(u16, Ipv4Addr, Ipv4Addr, u16),
    /// No IP: the EtherType for local experiments.
    Experimental,
}

impl Frame {
    /// Returns a frame from one MAC address to another.
    pub fn new(from: [u8; 6], to: [u8; 6], body: FrameBody) -> Self {
        Self { from, to, vlan: None, body }
    }

    /// Returns the description, for a person.
    pub fn describe(&self) -> String {
        let to = if self.to == BROADCAST { " to the broadcast MAC" } else { "" };
        let what = match &self.body {
            FrameBody::Syn(a, ap, b, bp) => format!("TCP SYN {a}:{ap} → {b}:{bp}"),
            FrameBody::Udp(a, ap, b, bp) => format!("UDP {a}:{ap} → {b}:{bp}"),
            FrameBody::Echo(a, b) => format!("ICMP echo {a} → {b}"),
            FrameBody::Sctp(a, ap, b, bp) => format!("SCTP INIT {a}:{ap} → {b}:{bp}"),
            FrameBody::Dhcp { from, kind, address, .. } => {
                format!("DHCP of kind {kind} from {from} about {address}")
            }
            FrameBody::Dhcpv6 { kind, address, .. } => format!("DHCPv6 of kind {kind} about {address}"),
            FrameBody::ArpRequest { spa, tpa } => format!("ARP who has {tpa} tell {spa}"),
            FrameBody::ArpReply { spa, .. } => format!("ARP {spa} is here"),
            FrameBody::Solicitation { from, target, .. } => format!("ND who has {target} tell {from}"),
            FrameBody::RouterAdvertisement { from } => format!("router advertisement of {from}"),
            FrameBody::TaggedSyn(vlan, a, b, bp) => format!("VLAN {vlan} TCP SYN {a} → {b}:{bp}"),
            FrameBody::Experimental => "EtherType 0x88b5".to_owned(),
        };
        what + to
    }

    /// Returns the bytes with the tag `id`, or `None` if the addresses are of different families.
    pub fn encode(&self, id: u32) -> Option<Vec<u8>> {
        let mut bytes = self.untagged(id)?;
        if let Some(vlan) = self.vlan {
            // After the two MAC addresses (IEEE 802.1Q).
            let [high, low] = vlan.to_be_bytes();
            bytes.splice(12..12, [0x81, 0x00, high, low]);
        }
        Some(bytes)
    }

    fn untagged(&self, id: u32) -> Option<Vec<u8>> {
        let tag = tag(id);
        let mut bytes = Vec::with_capacity(128);
        let ethernet = || PacketBuilder::ethernet2(self.from, self.to);
        let done = match &self.body {
            FrameBody::Syn(a, ap, b, bp) => match (a, b) {
                (IpAddr::V4(a), IpAddr::V4(b)) => ethernet()
                    .ipv4(a.octets(), b.octets(), 64)
                    .tcp(*ap, *bp, id, 64_240)
                    .syn()
                    .write(&mut bytes, &tag),
                (IpAddr::V6(a), IpAddr::V6(b)) => ethernet()
                    .ipv6(a.octets(), b.octets(), 64)
                    .tcp(*ap, *bp, id, 64_240)
                    .syn()
                    .write(&mut bytes, &tag),
                _ => return None,
            },
            FrameBody::Udp(a, ap, b, bp) => match (a, b) {
                (IpAddr::V4(a), IpAddr::V4(b)) => {
                    ethernet().ipv4(a.octets(), b.octets(), 64).udp(*ap, *bp).write(&mut bytes, &tag)
                }
                (IpAddr::V6(a), IpAddr::V6(b)) => {
                    ethernet().ipv6(a.octets(), b.octets(), 64).udp(*ap, *bp).write(&mut bytes, &tag)
                }
                _ => return None,
            },
            FrameBody::Echo(a, b) => match (a, b) {
                (IpAddr::V4(a), IpAddr::V4(b)) => ethernet()
                    .ipv4(a.octets(), b.octets(), 64)
                    .icmpv4_echo_request(0x7063, 1)
                    .write(&mut bytes, &tag),
                (IpAddr::V6(a), IpAddr::V6(b)) => ethernet()
                    .ipv6(a.octets(), b.octets(), 64)
                    .icmpv6_echo_request(0x7063, 1)
                    .write(&mut bytes, &tag),
                _ => return None,
            },
            FrameBody::Sctp(a, ap, b, bp) => {
                // RFC 9260 §3.1 and §3.3.2. No host answers it, so its checksum may stay empty.
                let mut sctp = [ap.to_be_bytes(), bp.to_be_bytes()].concat();
                sctp.extend([0; 8]);
                sctp.extend([1, 0, 0, 20]);
                sctp.extend(id.to_be_bytes());
                sctp.extend([0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1]);
                sctp.extend(tag);
                ethernet().ipv4(a.octets(), b.octets(), 64).write(
                    &mut bytes,
                    etherparse::ip_number::SCTP,
                    &sctp,
                )
            }
            FrameBody::Dhcp { from, kind, client, address } => {
                let answer = matches!(kind, 2 | 5 | 6);
                let ports = if answer { (67, 68) } else { (68, 67) };
                let body = dhcp(*kind, answer, *client, *address, &tag);
                ethernet().ipv4(from.octets(), [255; 4], 64).udp(ports.0, ports.1).write(&mut bytes, &body)
            }
            FrameBody::Dhcpv6 { to, kind, client, address } => {
                let answer = matches!(kind, 2 | 7);
                let ports = if answer { (547, 546) } else { (546, 547) };
                let body = dhcpv6(*kind, answer, *client, *address, &tag);
                let from = link_local(self.from).octets();
                ethernet().ipv6(from, to.octets(), 64).udp(ports.0, ports.1).write(&mut bytes, &body)
            }
            FrameBody::ArpRequest { spa, tpa } => return Some(self.arp(1, *spa, [0; 6], *tpa, &tag)),
            FrameBody::ArpReply { spa, tpa } => return Some(self.arp(2, *spa, self.to, *tpa, &tag)),
            FrameBody::Solicitation { from, to, target } => {
                // The target, the sender's link-layer address, and the tag in an option of its own.
                let mut body = target.octets().to_vec();
                body.extend([1, 1]);
                body.extend(self.from);
                body.extend(nd_option(&tag));
                ethernet()
                    .ipv6(from.octets(), to.octets(), 255)
                    .icmpv6_raw(135, 0, [0; 4])
                    .write(&mut bytes, &body)
            }
            FrameBody::RouterAdvertisement { from } => {
                // Reachable time and retransmission timer unspecified; the lifetime is in the first word.
                let mut body = vec![0; 8];
                body.extend(nd_option(&tag));
                let all_nodes = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
                ethernet()
                    .ipv6(from.octets(), all_nodes.octets(), 255)
                    .icmpv6_raw(134, 0, [64, 0, 7, 8])
                    .write(&mut bytes, &body)
            }
            FrameBody::TaggedSyn(vlan, a, b, bp) => ethernet()
                .single_vlan(etherparse::VlanId::try_new(*vlan).ok()?)
                .ipv4(a.octets(), b.octets(), 64)
                .tcp(40_000, *bp, id, 64_240)
                .syn()
                .write(&mut bytes, &tag),
            FrameBody::Experimental => {
                self.header(EXPERIMENTAL, &mut bytes);
                bytes.extend(tag);
                bytes.resize(60, 0);
                return Some(bytes);
            }
        };
        done.ok().map(|()| bytes)
    }

    fn header(&self, ethertype: u16, bytes: &mut Vec<u8>) {
        bytes.extend(self.to);
        bytes.extend(self.from);
        bytes.extend(ethertype.to_be_bytes());
    }

    /// Returns an ARP packet (RFC 826), with the tag in the padding up to Ethernet's least length.
    fn arp(&self, operation: u16, spa: Ipv4Addr, tha: [u8; 6], tpa: Ipv4Addr, tag: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(60);
        self.header(ethertype::ARP, &mut bytes);
        bytes.extend([0, 1, 8, 0, 6, 4]);
        bytes.extend(operation.to_be_bytes());
        bytes.extend(self.from);
        bytes.extend(spa.octets());
        bytes.extend(tha);
        bytes.extend(tpa.octets());
        bytes.extend(tag);
        bytes.resize(60, 0);
        bytes
    }
}

/// Returns a DHCP message (RFC 2131 §2), with the tag in the field of the server's name.
fn dhcp(kind: u8, answer: bool, client: [u8; 6], address: Ipv4Addr, tag: &[u8; TAG]) -> Vec<u8> {
    let [.., a, b, c, d] = client;
    let mut body = vec![if answer { 2 } else { 1 }, 1, 6, 0, a, b, c, d];
    body.resize(16, 0);
    body.extend(if answer { address.octets() } else { [0; 4] });
    body.resize(28, 0);
    body.extend(client);
    body.resize(44, 0);
    body.extend(tag);
    body.resize(236, 0);
    body.extend([99, 130, 83, 99, 53, 1, kind]);
    // For a day.
    body.extend([51, 4, 0, 1, 0x51, 0x80, 255]);
    body
}

/// Returns a DHCPv6 message (RFC 8415 §8), with the tag as a vendor's data.
fn dhcpv6(kind: u8, answer: bool, client: [u8; 6], address: Ipv6Addr, tag: &[u8; TAG]) -> Vec<u8> {
    let option = |code: u16, value: &[u8]| {
        let length = u16::try_from(value.len()).unwrap_or(0);
        [&code.to_be_bytes(), &length.to_be_bytes(), value].concat()
    };
    let [.., b, c, d] = client;
    let mut body = vec![kind, b, c, d];
    // Identifiers made of MAC addresses (DUID-LL), and an association with the address, for a day.
    body.extend(option(1, &[&[0, 3, 0, 1][..], &client].concat()));
    let mut association = vec![0; 12];
    if answer {
        association
            .extend(option(5, &[&address.octets()[..], &[0, 1, 0x51, 0x80, 0, 1, 0x51, 0x80]].concat()));
        body.extend(option(2, &[0, 3, 0, 1, 2, 0, 0, 0, 0, 0]));
    }
    body.extend(option(3, &association));
    body.extend(option(16, tag));
    body
}

/// Returns the tag as an option of neighbour discovery: two units of eight bytes.
fn nd_option(tag: &[u8; TAG]) -> Vec<u8> {
    let mut option = vec![ND_EXPERIMENT, 2];
    option.extend(tag);
    option.resize(16, 0);
    option
}

/// Returns the link-local address that a device makes of its MAC address (RFC 4291, appendix A).
pub fn link_local(mac: [u8; 6]) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac;
    let word = |high: u8, low: u8| u16::from_be_bytes([high, low]);
    Ipv6Addr::new(0xfe80, 0, 0, 0, word(a ^ 2, b), word(c, 0xff), word(0xfe, d), word(e, f))
}

/// Returns the solicited-node multicast address (RFC 4291 §2.7.1) of an address, and its MAC
/// address (RFC 2464 §7).
pub fn solicited_node(address: Ipv6Addr) -> (Ipv6Addr, [u8; 6]) {
    let [.., x, y, z] = address.octets();
    let group =
        Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, u16::from_be_bytes([0xff, x]), u16::from_be_bytes([y, z]));
    (group, [0x33, 0x33, 0xff, x, y, z])
}

#[cfg(test)]
mod tests {
    use etherparse::SlicedPacket;

    use super::*;

    #[test]
    fn every_kind_of_frame_carries_its_tag_and_parses() {
        let (v4a, v4b) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 1, 0, 1));
        let (a, b) = (IpAddr::V4(v4a), IpAddr::V4(v4b));
        let (v6a, v6b) = (link_local([2, 0, 0, 0, 0, 1]), link_local([2, 0, 0, 0, 0, 2]));
        let bodies = [
            FrameBody::Syn(a, 1, b, 2),
            FrameBody::Syn(v6a.into(), 1, v6b.into(), 2),
            FrameBody::Udp(a, 1, b, 2),
            FrameBody::Udp(v6a.into(), 1, v6b.into(), 2),
            FrameBody::Echo(a, b),
            FrameBody::Echo(v6a.into(), v6b.into()),
            FrameBody::Sctp(v4a, 1, v4b, 2),
            FrameBody::Dhcp { from: v4a, kind: 5, client: [2; 6], address: v4b },
            FrameBody::Dhcpv6 { to: v6a, kind: 7, client: [2; 6], address: v6b },
            FrameBody::ArpRequest { spa: v4a, tpa: v4b },
            FrameBody::ArpReply { spa: v4a, tpa: v4b },
            FrameBody::Solicitation { from: v6a, to: solicited_node(v6b).0, target: v6b },
            FrameBody::RouterAdvertisement { from: v6a },
            FrameBody::TaggedSyn(10, v4a, v4b, 2),
            FrameBody::Experimental,
        ];
        for (id, body) in (7..).zip(bodies) {
            let bytes = Frame::new([2, 0, 0, 0, 0, 1], BROADCAST, body.clone()).encode(id).unwrap();
            assert_eq!(tag_of(&bytes), Some(id), "{body:?}");
            SlicedPacket::from_ethernet(&bytes).unwrap_or_else(|e| panic!("{body:?}: {e}"));
        }
        assert_eq!(Frame::new([2; 6], [2; 6], FrameBody::Echo(a, v6a.into())).encode(1), None);
        assert_eq!(tag_of(b"pcl-pro"), None);
    }

    #[test]
    fn link_local_addresses_are_those_the_kernel_makes() {
        assert_eq!(link_local([2, 0x50, 0x43, 2, 0, 1]).to_string(), "fe80::50:43ff:fe02:1");
        let (group, mac) = solicited_node(link_local([2, 0x50, 0x43, 2, 0, 1]));
        assert_eq!(group.to_string(), "ff02::1:ff02:1");
        assert_eq!(mac, [0x33, 0x33, 0xff, 2, 0, 1]);
    }
}
