//! Packets from random bytes, with few values, so that random flows match them often.

use flows::verify::interp::{Packet, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN};
use ofproto::PortNo;
use ofproto::oxm::Field;

pub(crate) const V4: [[u8; 4]; 4] = [[10, 0, 0, 1], [10, 0, 0, 2], [10, 0, 1, 1], [192, 0, 2, 1]];
pub(crate) const V6: [u128; 3] = [0xfd00 << 112 | 1, 0xfd00 << 112 | 2, 0xfe80 << 112 | 7];
pub(crate) const MACS: [[u8; 6]; 4] =
    [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2], [0xff; 6], [0x01, 0, 0x5e, 0, 0, 1]];
pub(crate) const TRANSPORT_PORTS: [u16; 3] = [53, 80, 1000];

/// Random bytes, one after the other.
pub(crate) struct Gene<'a>(pub(crate) &'a [u8]);

impl Gene<'_> {
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// One of so many.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()) % n
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

pub(crate) fn decode(bytes: &[u8]) -> (PortNo, Packet) {
    let mut g = Gene(bytes);
    let in_port = g.pick(&[PortNo(1), PortNo(2), PortNo(3), PortNo::LOCAL]);
    let (src, dst) = (g.pick(&MACS[..2]), g.pick(&MACS));
    let (from, to) = (g.pick(&V4), g.pick(&V4));
    let (from6, to6) = (g.pick(&V6), g.pick(&V6));
    let (sport, dport) = (g.pick(&TRANSPORT_PORTS), g.pick(&TRANSPORT_PORTS));
    let flags = g.pick(&[TCP_SYN, TCP_ACK, TCP_SYN | TCP_ACK, TCP_RST, TCP_FIN | TCP_ACK]);
    let ttl = g.pick(&[64, 64, 64, 1, 2]);
    let v4 = Packet::ipv4(src, dst, from.into(), to.into(), 0).with(Field::IpTtl, ttl);
    let v6 = Packet::ipv6(src, dst, from6.into(), to6.into(), 0).with(Field::IpTtl, ttl);
    let packet = match g.below(14) {
        0..=2 => v4.tcp(sport, dport, flags),
        3..=4 => v4.udp(sport, dport),
        5 => v4.sctp(sport, dport),
        6 => v4.icmp(g.pick(&[0, 8, 3]), 0),
        7 => v4.with(Field::IpProto, 47),
        8 => v4.udp(sport, dport).fragment(false),
        9 => v4.udp(sport, dport).fragment(true),
        10 if g.below(4) == 0 => v4.tcp(sport, dport, flags).fragment(g.below(2) == 0),
        10 => v6.tcp(sport, dport, flags),
        11 => v6.neighbour_solicitation(to6.into(), src),
        12 => Packet::arp(src, dst, g.pick(&[1, 2]), from.into(), to.into()),
        _ => Packet::ethernet(src, dst, 0x88b5),
    };
    let packet = match g.below(6) {
        0 => packet.tagged(5, 1),
        1 => packet.tagged(10, 0),
        _ => packet,
    };
    (in_port, packet)
}
