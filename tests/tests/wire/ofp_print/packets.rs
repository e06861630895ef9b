//! Ethernet frames of the kinds that a switch meets, some of them cut short.

use ofproto::ip_protocol::{
    AUTHENTICATION, DESTINATION_OPTIONS, FRAGMENT, HOP_BY_HOP, ICMP, ICMPV6, IGMP, ROUTING, SCTP, TCP, UDP,
};
use ofproto::{ethertype, icmpv6};
use proptest::collection::vec;
use proptest::prelude::*;

/// A frame: addresses, tags, and what stands in it.
pub(crate) fn frame() -> BoxedStrategy<Vec<u8>> {
    let addresses = any::<[u8; 12]>();
    let tag = || (prop_oneof![Just(ethertype::VLAN), Just(ethertype::SERVICE_VLAN)], any::<u16>());
    let tags = prop_oneof![5 => vec(tag(), 0), 3 => vec(tag(), 1..3), 1 => vec(tag(), 3)];
    let labels = || (vec(label(), 0..5), vec(any::<u8>(), 0..8));
    let mpls = || labels().prop_map(|(labels, rest)| [labels.concat(), rest].concat());
    let snap =
        |kind: u16, body: Vec<u8>| [&[0xaa, 0xaa, 3, 0, 0, 0], &kind.to_be_bytes()[..], &body].concat();
    let payload = prop_oneof![
        6 => ipv4().prop_map(|bytes| (ethertype::IPV4, bytes)),
        9 => ipv6().prop_map(|bytes| (ethertype::IPV6, bytes)),
        1 => arp().prop_map(|bytes| (ethertype::ARP, bytes)),
        1 => arp().prop_map(|bytes| (ethertype::RARP, bytes)),
        1 => mpls().prop_map(|bytes| (ethertype::MPLS, bytes)),
        1 => mpls().prop_map(|bytes| (ethertype::MPLS_MULTICAST, bytes)),
        1 => nsh().prop_map(|bytes| (ethertype::NSH, bytes)),
        1 => (any::<u16>(), vec(any::<u8>(), 0..20)),
        1 => arp().prop_map(move |bytes| (5, snap(ethertype::ARP, bytes))),
        1 => (any::<u16>(), vec(any::<u8>(), 0..9)).prop_map(move |(kind, bytes)| (5, snap(kind, bytes))),
    ];
    let whole = (addresses, tags, payload).prop_map(|(addresses, tags, (kind, payload))| {
        let mut frame = addresses.to_vec();
        for (kind, tci) in tags {
            frame.extend(kind.to_be_bytes());
            frame.extend(tci.to_be_bytes());
        }
        frame.extend(kind.to_be_bytes());
        frame.extend(payload);
        frame
    });
    (whole, prop_oneof![4 => Just(1.0), 1 => 0.0..1.0])
        .prop_map(|(mut frame, part): (Vec<u8>, f64)| {
            // The part is below one, so the length stays in range.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            frame.truncate((frame.len() as f64 * part).ceil() as usize);
            frame
        })
        .boxed()
}

/// Mostly the right one of several.
fn mostly<T: std::fmt::Debug + Clone + 'static>(
    right: T,
    other: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<T> {
    prop_oneof![9 => Just(right), 1 => other].boxed()
}

/// A label stack entry, now and then the bottom of the stack.
fn label() -> impl Strategy<Value = Vec<u8>> {
    (any::<[u8; 4]>(), 0..3_u8).prop_map(|([a, b, c, d], last)| vec![a, b, c & !1 | u8::from(last == 0), d])
}

fn arp() -> BoxedStrategy<Vec<u8>> {
    let whole = (prop_oneof![4 => 0..10_u16, 1 => any::<u16>()], any::<[u8; 20]>())
        .prop_map(|(op, rest)| [&[0, 1, 8, 0, 6, 4], &op.to_be_bytes()[..], &rest].concat());
    prop_oneof![5 => whole, 1 => vec(any::<u8>(), 28)].boxed()
}

/// Network Service Header (RFC 8300 §2): version, flags, TTL and length; metadata type; and what follows.
fn nsh() -> BoxedStrategy<Vec<u8>> {
    let known = prop_oneof![Just((6_u16, 1_u8)), Just((2, 2)), Just((4, 2)), (0..8_u16, 0..4_u8)];
    (known, mostly(0_u16, 0..4_u16), any::<u16>(), any::<[u8; 5]>(), vec(any::<u8>(), 0..24))
        .prop_map(|((len, kind), version, first, fixed, context)| {
            let first = version << 14 | first & 0x3fc0 | len;
            [&first.to_be_bytes()[..], &[kind], &fixed, &context].concat()
        })
        .boxed()
}

/// A protocol, and bytes that may be its header and what stands behind.
fn transport() -> BoxedStrategy<(u8, Vec<u8>)> {
    let known = [ICMP, IGMP, TCP, UDP, ICMPV6, SCTP];
    let protocol = prop_oneof![7 => prop::sample::select(known.to_vec()), 1 => any::<u8>()];
    let tcp =
        (any::<[u8; 12]>(), 4..8_u8, any::<u16>(), vec(any::<u8>(), 6..30)).prop_map(|(a, len, flags, b)| {
            let control = u16::from(len) << 12 | flags & 0xfff;
            (TCP, [&a, &control.to_be_bytes()[..], &b].concat())
        });
    prop_oneof![3 => (protocol, vec(any::<u8>(), 0..40)), 2 => tcp, 5 => discovery()].boxed()
}

/// Neighbour discovery with options (RFC 4861 §4.6): of both addresses, twice, of length zero, longer than there is room.
fn discovery() -> impl Strategy<Value = (u8, Vec<u8>)> {
    let kinds = icmpv6::ROUTER_ADVERTISEMENT..=icmpv6::NEIGHBOUR_ADVERTISEMENT;
    let address = prop_oneof![5 => any::<[u8; 6]>(), 1 => Just([0; 6])];
    let option =
        (prop_oneof![3 => 1..3_u8, 1 => Just(3)], mostly(1_u8, 0..4_u8), address, vec(any::<u8>(), 8))
            .prop_map(|(kind, units, mac, more)| {
                let more = if units == 2 { &more[..] } else { &[] };
                [&[kind, units][..], &mac, more].concat()
            });
    (kinds, mostly(0_u8, any::<u8>()), any::<[u8; 22]>(), vec(option, 0..4), mostly(0_usize, 1..20_usize))
        .prop_map(|(kind, code, body, options, cut)| {
            let mut message = [&[kind, code][..], &body, &options.concat()].concat();
            message.truncate(message.len() - cut);
            (ICMPV6, message)
        })
}

/// A length field: right, or off by a few.
fn length(right: usize, off: i8) -> [u8; 2] {
    u16::try_from(right).unwrap().saturating_add_signed(off.into()).to_be_bytes()
}

fn ipv4() -> BoxedStrategy<Vec<u8>> {
    let fragment = prop_oneof![4 => Just(0_u16), 1 => Just(0x2000), 1 => Just(0x4000), 1 => any::<u16>()];
    let words = prop_oneof![4 => Just(5_u8), 3 => 6..16_u8, 1 => 0..5_u8];
    let lengths = (words, mostly(0_i8, -30..30_i8));
    (any::<[u8; 2]>(), fragment, any::<u8>(), any::<[u8; 8]>(), transport(), lengths, vec(any::<u8>(), 0..4))
        .prop_map(|([tos, id], fragment, ttl, addresses, (protocol, payload), (words, off), padding)| {
            let header = usize::from(words.max(5)) * 4;
            let [f0, f1] = fragment.to_be_bytes();
            let [t0, t1] = length(header + payload.len(), off);
            let fixed = [0x40 | words, tos, t0, t1, 0, id, f0, f1, ttl, protocol, 0, 0];
            let options = vec![0; header - 20];
            [&fixed[..], &addresses, &options, &payload, &padding].concat()
        })
        .boxed()
}

/// The last ones are protocols to Open vSwitch, though RFC 8200 and others give them the form of an extension header:
/// ESP, "no next header", Mobility (RFC 6275), HIP (RFC 7401), Shim6 (RFC 5533).
const EXTENSIONS: [u8; 10] =
    [HOP_BY_HOP, ROUTING, DESTINATION_OPTIONS, FRAGMENT, AUTHENTICATION, 50, 59, 135, 139, 140];

/// An extension header: its number, and all of it behind the next header.
fn extension() -> impl Strategy<Value = (u8, Vec<u8>)> {
    let kind =
        prop_oneof![3 => prop::sample::select(&EXTENSIONS[..5]), 1 => prop::sample::select(&EXTENSIONS[5..])];
    // Most fragments are first ones or the only one, or there would be little to see behind; reserved bits count too.
    let word = prop_oneof![2 => Just(0_u16), 2 => Just(1), 1 => 2..8_u16, 2 => any::<u16>()];
    (kind, 0..3_u8, mostly(0_u8, 0..3_u8), word, any::<[u8; 32]>()).prop_map(
        |(kind, len, off, word, bytes)| {
            let size = match kind {
                FRAGMENT => 8,
                AUTHENTICATION => 8 + usize::from(len) * 4,
                _ => 8 + usize::from(len) * 8,
            };
            let mut header = [&[len + off][..], &bytes[..size - 2]].concat();
            if kind == FRAGMENT {
                header[1..3].copy_from_slice(&word.to_be_bytes());
            }
            (kind, header)
        },
    )
}

fn ipv6() -> BoxedStrategy<Vec<u8>> {
    let extensions =
        prop_oneof![2 => vec(extension(), 0..2), 2 => vec(extension(), 0..5), 1 => vec(extension(), 8..12)];
    let version = mostly(6_u32, 0..16_u32);
    let fixed = (version, any::<u32>(), any::<u8>(), any::<[u8; 32]>());
    (fixed, extensions, transport(), mostly(0_i8, -30..30_i8), vec(any::<u8>(), 0..4))
        .prop_map(|((version, first, hops, addresses), extensions, (protocol, payload), off, padding)| {
            let mut next = protocol;
            let mut body = payload;
            for (kind, header) in extensions.into_iter().rev() {
                body = [&[next][..], &header, &body].concat();
                next = kind;
            }
            let first = version << 28 | first & 0x0fff_ffff;
            let len = length(body.len(), off);
            [&first.to_be_bytes(), &len[..], &[next, hops], &addresses, &body, &padding].concat()
        })
        .boxed()
}
