//! The packet-ins: bytes encoded once by [`ofproto`], in which only addresses, ports and numbers
//! are patched.

use ofproto::message::PacketIn;
use ofproto::oxm::{Field, Match, Oxm};
use ofproto::{BufferId, Cookie, EncodeError, Message, TableId, Xid};

/// Offset of the frame, in bytes, in a PACKET_IN whose match is in_port alone (OpenFlow 1.3.5
/// §7.4.1).
pub(super) const FRAME_AT: usize = 42;
/// Offset of the tag in a frame, in bytes: the first byte after the ICMP or UDP header, or after an
/// ARP packet.
const TAG_AT: usize = 42;
/// Offset of the number in a frame, in bytes.
const NUMBER_AT: usize = 46;
/// Length of the longest packet-in, in bytes.
const MAX_LEN: usize = FRAME_AT + 98;

/// The kind of the packets sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FrameKind {
    /// ICMP echo requests of 98 bytes, Ethernet header included, as ping(8) sends them.
    Icmp,
    /// UDP datagrams in the shortest Ethernet frame, 60 bytes.
    Udp,
}

impl FrameKind {
    /// Returns the length of a frame, in bytes, without the frame check sequence.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Icmp => 98,
            Self::Udp => 60,
        }
    }
}

/// A host behind a port of a switch. Its addresses and its port follow from its number, and its MAC
/// names the port too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SimulatedHost {
    /// The MAC: `02:PORT:` and the number of the host among the hosts of all switches.
    pub(super) mac: [u8; 6],
    /// The IPv4 address: 10/8 and the low 24 bits of that number.
    ip: u32,
    pub(super) port: u8,
}

impl SimulatedHost {
    pub(super) const fn new(number: u32, port: u8) -> Self {
        let [a, b, c, d] = number.to_be_bytes();
        Self { mac: [2, port, a, b, c, d], ip: 0x0a00_0000 | (number & 0x00ff_ffff), port }
    }
}

/// The packet-ins of one switch.
#[derive(Debug, Clone)]
pub(super) struct Template {
    pair: [u8; MAX_LEN],
    pair_len: usize,
    announcement: [u8; MAX_LEN],
    announcement_len: usize,
    /// Sum of the words of the IPv4 header, without addresses and checksum.
    ip_sum: u32,
    /// Sum of the words of the ICMP message, without number and checksum. `None` for UDP, whose
    /// checksum is not used.
    icmp_sum: Option<u32>,
    buffered: bool,
}

impl Template {
    /// Returns the packet-ins of the switch with this tag.
    ///
    /// # Errors
    /// Never returns an error: every encoded message has a fixed size.
    pub(super) fn new(kind: FrameKind, tag: u32, buffered: bool) -> Result<Self, EncodeError> {
        let frame = unicast(kind, tag);
        let icmp_sum = (kind == FrameKind::Icmp).then(|| sum(frame.get(34..).unwrap_or_default()));
        let ip_sum = sum(frame.get(14..34).unwrap_or_default());
        let (pair, pair_len) = packet_in(frame)?;
        let (announcement, announcement_len) = packet_in(arp(tag))?;
        Ok(Self { pair, pair_len, announcement, announcement_len, ip_sum, icmp_sum, buffered })
    }

    /// Appends the packet-in that announces a host.
    pub(super) fn announce(&mut self, out: &mut Vec<u8>, host: SimulatedHost, number: u32) {
        let m = &mut self.announcement;
        patch(m, self.buffered, host, number);
        let ip = host.ip.to_be_bytes();
        m[FRAME_AT + 22..FRAME_AT + 28].copy_from_slice(&host.mac);
        m[FRAME_AT + 28..FRAME_AT + 32].copy_from_slice(&ip);
        m[FRAME_AT + 38..FRAME_AT + 42].copy_from_slice(&ip);
        out.extend_from_slice(m.get(..self.announcement_len).unwrap_or_default());
    }

    /// Appends the packet-in for a packet from one host to another.
    pub(super) fn pair(&mut self, out: &mut Vec<u8>, from: SimulatedHost, to: SimulatedHost, number: u32) {
        let m = &mut self.pair;
        patch(m, self.buffered, from, number);
        m[FRAME_AT..FRAME_AT + 6].copy_from_slice(&to.mac);
        m[FRAME_AT + 26..FRAME_AT + 30].copy_from_slice(&from.ip.to_be_bytes());
        m[FRAME_AT + 30..FRAME_AT + 34].copy_from_slice(&to.ip.to_be_bytes());
        let checksum = fold(self.ip_sum + words(from.ip) + words(to.ip));
        m[FRAME_AT + 24..FRAME_AT + 26].copy_from_slice(&checksum);
        if let Some(base) = self.icmp_sum {
            m[FRAME_AT + 36..FRAME_AT + 38].copy_from_slice(&fold(base + words(number)));
        }
        out.extend_from_slice(m.get(..self.pair_len).unwrap_or_default());
    }
}

/// The packet that a controller's message refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PacketNumber {
    /// A packet of this switch.
    Of(u32),
    /// A packet of another switch.
    Foreign,
    /// A packet of the controller's own, such as LLDP.
    Other,
}

/// Returns the tag of a switch's packets: "PC" and the index of the switch.
pub(super) fn tag(index: u16) -> u32 {
    0x5043_0000 | u32::from(index)
}

/// Returns the number in a frame, for the switch with this tag.
#[inline]
pub(super) fn number_in(frame: &[u8], tag: u32) -> PacketNumber {
    let Some(&[a, b, c, d, e, f, g, h]) = frame.get(TAG_AT..).and_then(<[u8]>::first_chunk) else {
        return PacketNumber::Other;
    };
    match u32::from_be_bytes([a, b, c, d]) {
        found if found == tag => PacketNumber::Of(u32::from_be_bytes([e, f, g, h])),
        found if found >> 16 == tag >> 16 => PacketNumber::Foreign,
        _ => PacketNumber::Other,
    }
}

#[inline]
fn patch(m: &mut [u8; MAX_LEN], buffered: bool, from: SimulatedHost, number: u32) {
    let number = number.to_be_bytes();
    if buffered {
        m[8..12].copy_from_slice(&number);
    }
    m[35] = from.port;
    m[FRAME_AT + 6..FRAME_AT + 12].copy_from_slice(&from.mac);
    m[FRAME_AT + NUMBER_AT..FRAME_AT + NUMBER_AT + 4].copy_from_slice(&number);
}

/// Returns a PACKET_IN of OFPR_NO_MATCH from port 0 of table 0 with this frame.
fn packet_in(frame: Vec<u8>) -> Result<([u8; MAX_LEN], usize), EncodeError> {
    let message = Message::PacketIn(PacketIn {
        buffer_id: BufferId::NO_BUFFER,
        total_len: u16::try_from(frame.len()).unwrap_or(u16::MAX),
        reason: ofproto::PacketInReason(0),
        table_id: TableId(0),
        cookie: Cookie(0),
        fields: in_port(0),
        data: frame.into(),
    });
    let bytes = message.encode(Xid(0))?;
    let mut fixed = [0; MAX_LEN];
    for (to, from) in fixed.iter_mut().zip(&bytes) {
        *to = *from;
    }
    Ok((fixed, bytes.len().min(MAX_LEN)))
}

/// Returns a match on one port and no other field.
fn in_port(port: u128) -> Match {
    Match { fields: vec![Oxm::Known { field: Field::InPortOxm, value: port, mask: None }] }
}

/// Returns the frame of a unicast packet, with addresses, numbers and checksums of zero.
fn unicast(kind: FrameKind, tag: u32) -> Vec<u8> {
    let (protocol, ip_len, header): (u8, u16, [u8; 8]) = match kind {
        // Echo request, identifier "PC", sequence 1.
        FrameKind::Icmp => (1, 84, [8, 0, 0, 0, 0x50, 0x43, 0, 1]),
        // From port 40000 to 40000, 26 bytes, no checksum.
        FrameKind::Udp => (17, 46, [0x9c, 0x40, 0x9c, 0x40, 0, 26, 0, 0]),
    };
    let mut frame = vec![0; 12];
    frame.extend([8, 0, 0x45, 0]);
    frame.extend(ip_len.to_be_bytes());
    frame.extend([0, 0, 0x40, 0, 64, protocol]);
    frame.extend([0; 10]);
    frame.extend(header);
    frame.extend(tag.to_be_bytes());
    frame.resize(kind.bytes(), 0);
    frame
}

/// Returns a broadcast ARP request, padded to 60 bytes.
fn arp(tag: u32) -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend([0; 6]);
    frame.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
    frame.resize(TAG_AT, 0);
    frame.extend(tag.to_be_bytes());
    frame.resize(60, 0);
    frame
}

fn words(value: u32) -> u32 {
    (value >> 16) + (value & 0xffff)
}

fn sum(bytes: &[u8]) -> u32 {
    bytes.as_chunks().0.iter().map(|word| u32::from(u16::from_be_bytes(*word))).sum()
}

/// Returns the checksum of RFC 1071 from the sum of the words.
fn fold(sum: u32) -> [u8; 2] {
    let sum = words(words(sum));
    let [_, _, high, low] = (!sum).to_be_bytes();
    [high, low]
}

#[cfg(test)]
mod tests {
    use etherparse::{NetSlice, SlicedPacket, TransportSlice};

    use super::*;

    #[test]
    fn packet_ins_are_right_for_others() {
        for (kind, buffered) in [(FrameKind::Icmp, false), (FrameKind::Udp, true)] {
            let mut template = Template::new(kind, 0x5043_0007, buffered).unwrap();
            let (a, b) = (SimulatedHost::new(0x0102_ff01, 3), SimulatedHost::new(0xffff_fffe, 4));
            let mut bytes = Vec::new();
            template.pair(&mut bytes, a, b, 0xdead_beef);
            let (_, Message::PacketIn(message)) = Message::decode(&bytes).unwrap() else { panic!() };
            assert_eq!(message.buffer_id, BufferId(if buffered { 0xdead_beef } else { u32::MAX }));
            assert_eq!(message.fields, in_port(3));
            assert_eq!((usize::from(message.total_len), message.data.len()), (kind.bytes(), kind.bytes()));
            assert_eq!(number_in(&message.data, 0x5043_0007), PacketNumber::Of(0xdead_beef));
            assert_eq!(number_in(&message.data, 0x5043_0008), PacketNumber::Foreign);
            let packet = SlicedPacket::from_ethernet(&message.data).unwrap();
            let Some(NetSlice::Ipv4(ip)) = &packet.net else { panic!() };
            assert_eq!(ip.header().header_checksum(), ip.header().to_header().calc_header_checksum());
            assert_eq!(ip.header().source(), [10, 2, 0xff, 1]);
            match packet.transport.unwrap() {
                TransportSlice::Icmpv4(icmp) => {
                    assert_eq!(icmp.checksum(), icmp.icmp_type().calc_checksum(icmp.payload()));
                }
                TransportSlice::Udp(udp) => assert_eq!((udp.checksum(), udp.payload().len()), (0, 18)),
                other => panic!("{other:?}"),
            }
            bytes.clear();
            template.announce(&mut bytes, a, 9);
            let (_, Message::PacketIn(message)) = Message::decode(&bytes).unwrap() else { panic!() };
            assert_eq!(message.data.len(), 60);
            assert_eq!(message.data[..12], [&[0xff; 6][..], &a.mac].concat());
            assert_eq!(number_in(&message.data, 0x5043_0007), PacketNumber::Of(9));
        }
    }
}
