//! Frames with fields that are easily misread compared with Open vSwitch.

use bytes::Bytes;
use ofproto::icmpv6::{NEIGHBOUR_ADVERTISEMENT, NEIGHBOUR_SOLICITATION};
use ofproto::ip_protocol::{FRAGMENT, ICMPV6, UDP};
use ofproto::message::PacketIn;
use ofproto::oxm::{Field, Match};
use ofproto::{BufferId, Cookie, TableId};

use crate::runtime::userspace_learn::packet_of;
use crate::verify::interp::Packet;

/// A Mobility Header (RFC 6275 §6.1).
const MOBILITY: u8 = 135;
/// Options of neighbour discovery (RFC 4861 §4.6.1).
const SOURCE_LINK_LAYER: u8 = 1;
const TARGET_LINK_LAYER: u8 = 2;

/// Returns the packet of an IPv6 frame whose first next header is `next`.
fn ipv6(next: u8, body: &[u8]) -> Packet {
    let payload = u16::try_from(body.len()).unwrap().to_be_bytes();
    let ethernet = [&[4; 6][..], &[2; 6], &[0x86, 0xdd]].concat();
    let fixed = [&[0x60, 0, 0, 0][..], &payload, &[next, 64], &[0xfd; 16], &[0xfe; 16]].concat();
    packet_of(&PacketIn {
        buffer_id: BufferId::NO_BUFFER,
        total_len: 0,
        reason: ofproto::PacketInReason(1),
        table_id: TableId(0),
        cookie: Cookie(0),
        fields: Match { fields: Vec::new() },
        data: Bytes::from([&ethernet, &fixed, body].concat()),
    })
}

fn fields<const N: usize>(packet: &Packet, fields: [Field; N]) -> [Option<u128>; N] {
    fields.map(|field| packet.value(field))
}

/// ovs-fields(7), "IPv4 and IPv6 fragments": no data behind a later fragment's header is examined.
#[test]
fn later_fragments_of_ipv6_have_the_protocol_of_their_header() {
    let later = [UDP, 0, 0, 8, 0, 0, 0, 1, 0, 53, 0, 53, 0, 8, 0, 0];
    let packet = ipv6(FRAGMENT, &later);
    let seen = fields(&packet, [Field::IpProto, Field::IpFrag, Field::UdpSrc]);
    assert_eq!(seen, [Some(FRAGMENT.into()), Some(3), None]);
}

/// Open vSwitch does not skip a Mobility Header (RFC 6275 §6.1) as an extension header.
#[test]
fn a_mobility_header_is_a_protocol() {
    let packet = ipv6(MOBILITY, &[UDP, 0, 0, 0, 0, 0, 0, 0, 0, 53, 0, 53, 0, 8, 0, 0]);
    let seen = fields(&packet, [Field::IpProto, Field::IpFrag, Field::UdpSrc]);
    assert_eq!(seen, [Some(MOBILITY.into()), Some(0), None]);
}

/// Open vSwitch then reads only the message's type.
#[test]
fn a_link_layer_address_that_is_there_twice_is_no_address() {
    for (kind, option, field) in [
        (NEIGHBOUR_SOLICITATION, SOURCE_LINK_LAYER, Field::NdSll),
        (NEIGHBOUR_ADVERTISEMENT, TARGET_LINK_LAYER, Field::NdTll),
    ] {
        let head = [&[kind, 0, 0, 0, 0, 0, 0, 0][..], &[0xfc; 16]].concat();
        let address = |last: u8| [option, 1, 2, 0, 0, 0, 0, last];
        let once = ipv6(ICMPV6, &[&head[..], &address(1)].concat());
        assert_eq!(once.value(field), Some(0x0200_0000_0001));
        let twice = ipv6(ICMPV6, &[&head[..], &address(1), &address(2)].concat());
        let seen = fields(&twice, [Field::Icmpv6Type, Field::NdTarget, field]);
        assert_eq!(seen, [Some(kind.into()), Some(0), Some(0)]);
    }
}
