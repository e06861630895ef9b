//! The header fields of random frames, as `flow_model::frame::extract` takes them out, and as the installed Open vSwitch does:
//! the line "Flow:" of `ovs-appctl ofproto/trace` (ovs-vswitchd(8)).
//!
//! `PORTCULLIS_FRAMES` says how many frames, `PORTCULLIS_SEED` which (see the README of these tests).

mod fields;
mod tracer;

use std::collections::BTreeMap;

use bytes::Bytes;
use flow_model::frame::extract;
use flows::runtime::userspace_learn::packet_of;
use ofproto::ip_protocol::{FRAGMENT, ICMP, ICMPV6, IGMP, SCTP, TCP, UDP};
use ofproto::message::PacketIn;
use ofproto::oxm::Match;
use ofproto::{BufferId, Cookie, TableId, ethertype};
use proptest::strategy::Strategy as _;

use self::fields::Fields;
use self::tracer::Tracer;
use crate::ofp_print::packets::frame;
use crate::ofp_print::{setting, values};

/// An Ethernet header: Open vSwitch traces nothing shorter.
const MIN_FRAME: usize = 14;

/// What follows IPv6 and is no extension header to Open vSwitch (IANA, "IPv6 Extension Header Types"; RFC 8200 §4.7).
const ESP: u8 = 50;
const NO_NEXT_HEADER: u8 = 59;
const MOBILITY: u8 = 135;
const HIP: u8 = 139;
const SHIM6: u8 = 140;

fn packet_in(frame: &[u8]) -> PacketIn {
    PacketIn {
        buffer_id: BufferId::NO_BUFFER,
        total_len: 0,
        reason: ofproto::PacketInReason(1),
        table_id: TableId(0),
        cookie: Cookie(0),
        fields: Match { fields: Vec::new() },
        data: Bytes::copy_from_slice(frame),
    }
}

/// What of a frame decides how the rest of it is read.
fn kind(fields: &Fields) -> [Option<u128>; 3] {
    ["dl_type", "nw_proto", "nw_frag"].map(|name| fields.get(name).copied())
}

/// Kinds of frames that must be among the random ones, or agreement would say little.
fn expected_kinds() -> impl Iterator<Item = [Option<u128>; 3]> {
    let of = |eth_type: u16, protocol: u8, fragment: u8| {
        [Some(eth_type.into()), Some(protocol.into()), Some(fragment.into())]
    };
    let behind_ipv6 = [ICMPV6, TCP, UDP, SCTP, ESP, NO_NEXT_HEADER, MOBILITY, HIP, SHIM6];
    let whole_and_first = [0, 1];
    let ipv6 = behind_ipv6
        .into_iter()
        .flat_map(move |protocol| whole_and_first.map(|part| of(ethertype::IPV6, protocol, part)));
    let ipv4 = [ICMP, IGMP, TCP, UDP, SCTP]
        .into_iter()
        .flat_map(move |protocol| [0, 1, 3].map(|part| of(ethertype::IPV4, protocol, part)));
    let others = [ethertype::ARP, ethertype::RARP, ethertype::MPLS, ethertype::MPLS_MULTICAST];
    let others = others.into_iter().chain([ethertype::VLAN, ethertype::NOT_ETH_TYPE]);
    let others = others.map(|eth_type| [Some(eth_type.into()), None, None]);
    let more = [of(ethertype::IPV6, FRAGMENT, 3), of(ethertype::NSH, 0, 0)];
    ipv6.chain(ipv4).chain(others).chain(more)
}

#[test]
fn the_fields_of_a_frame_are_those_that_open_vswitch_sees() {
    let mut tracer = Tracer::start();
    let strategy = frame().prop_filter("a frame", |frame| frame.len() >= MIN_FRAME).boxed();
    let mut kinds: BTreeMap<_, usize> = BTreeMap::new();
    let (mut addresses, mut no_neighbour) = (0, 0);
    for frame in values(&strategy, setting("PORTCULLIS_FRAMES", 6_000), 77) {
        let line = tracer.flow_line(&frame);
        let theirs = fields::of_line(&line);
        let hex = portcullis_tests::hex(&frame);
        assert_eq!(fields::of_frame(&extract(&frame)), theirs, "\n{hex}\n{line}");
        let learned = fields::of_packet(&packet_of(&packet_in(&frame)));
        assert_eq!(learned, fields::matchable(&theirs), "learn() of\n{hex}\n{line}");
        *kinds.entry(kind(&theirs)).or_default() += 1;
        addresses += usize::from(theirs.get("nd_sll").is_some_and(|mac| *mac != 0));
        no_neighbour += usize::from(theirs.get("nd_target") == Some(&0));
    }
    for kind in expected_kinds() {
        assert!(kinds.contains_key(&kind), "no frame of {kind:?}");
    }
    assert!(addresses >= 20 && no_neighbour >= 20, "{addresses} {no_neighbour}");
}
