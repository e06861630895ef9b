//! Ethernet frames of the kinds that a switch meets, some of them cut short.

use proptest::collection::vec;
use proptest::prelude::*;

/// A frame: addresses, tags, and what stands in it.
pub(crate) fn frame() -> BoxedStrategy<Vec<u8>> {
    let addresses = any::<[u8; 12]>();
    let tags = vec((prop_oneof![Just(0x8100_u16), Just(0x88a8)], any::<u16>()), 0..4);
    let payload = prop_oneof![
        3 => ipv4().prop_map(|bytes| (0x0800_u16, bytes)),
        3 => ipv6().prop_map(|bytes| (0x86dd, bytes)),
        1 => arp().prop_map(|bytes| (0x0806, bytes)),
        1 => arp().prop_map(|bytes| (0x8035, bytes)),
        1 => vec(any::<u8>(), 0..20).prop_map(|bytes| (0x8847, bytes)),
        1 => (any::<u16>(), vec(any::<u8>(), 0..20)),
        1 => vec(any::<u8>(), 0..20).prop_map(|rest| (5, [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 6][..], &rest].concat())),
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

fn arp() -> BoxedStrategy<Vec<u8>> {
    let whole = (prop_oneof![4 => 0..10_u16, 1 => any::<u16>()], any::<[u8; 20]>())
        .prop_map(|(op, rest)| [&[0, 1, 8, 0, 6, 4], &op.to_be_bytes()[..], &rest].concat());
    prop_oneof![5 => whole, 1 => vec(any::<u8>(), 28)].boxed()
}

/// A protocol, and bytes that may be its header and what stands behind.
fn transport() -> BoxedStrategy<(u8, Vec<u8>)> {
    let protocol =
        prop_oneof![Just(1_u8), Just(2), Just(6), Just(6), Just(17), Just(58), Just(132), any::<u8>()];
    let tcp =
        (any::<[u8; 12]>(), 5..8_u8, any::<u16>(), vec(any::<u8>(), 6..30)).prop_map(|(a, len, flags, b)| {
            let control = u16::from(len) << 12 | flags & 0xfff;
            (6, [&a, &control.to_be_bytes()[..], &b].concat())
        });
    let option = (1..4_u8, any::<[u8; 6]>()).prop_map(|(kind, mac)| [&[kind, 1][..], &mac].concat());
    let discovery =
        (135..137_u8, prop_oneof![4 => Just(0_u8), 1 => any::<u8>()], any::<[u8; 22]>(), vec(option, 0..3))
            .prop_map(|(kind, code, body, options)| {
                (58, [&[kind, code][..], &body, &options.concat()].concat())
            });
    prop_oneof![3 => (protocol, vec(any::<u8>(), 0..40)), 2 => tcp, 2 => discovery].boxed()
}

fn ipv4() -> BoxedStrategy<Vec<u8>> {
    let fragment = prop_oneof![4 => Just(0_u16), 1 => Just(0x2000), 1 => any::<u16>()];
    (any::<[u8; 2]>(), fragment, any::<u8>(), any::<[u8; 8]>(), transport(), 5..7_u8, vec(any::<u8>(), 0..4))
        .prop_map(|([tos, id], fragment, ttl, addresses, (protocol, payload), words, padding)| {
            let header = usize::from(words) * 4;
            let total = u16::try_from(header + payload.len()).unwrap();
            let [f0, f1] = fragment.to_be_bytes();
            let [t0, t1] = total.to_be_bytes();
            let fixed = [0x40 | words, tos, t0, t1, 0, id, f0, f1, ttl, protocol, 0, 0];
            let options = vec![0; header - 20];
            [&fixed[..], &addresses, &options, &payload, &padding].concat()
        })
        .boxed()
}

fn ipv6() -> BoxedStrategy<Vec<u8>> {
    let extension = (prop_oneof![Just(0_u8), Just(43), Just(44), Just(60)], 0..2_u8, any::<[u8; 14]>());
    (any::<u32>(), any::<u8>(), any::<[u8; 32]>(), vec(extension, 0..3), transport())
        .prop_map(|(first, hops, addresses, extensions, (protocol, payload))| {
            let mut next = protocol;
            let mut body = payload;
            for (kind, len, bytes) in extensions.into_iter().rev() {
                let len = if kind == 44 { 0 } else { len };
                // Most fragments are first ones, or there would be little to see behind.
                let fill = if kind == 44 && bytes[0] < 200 { [0; 14] } else { bytes };
                let head = [&[next, len][..], &fill[..6 + usize::from(len) * 8]].concat();
                body = [head, body].concat();
                next = kind;
            }
            let first = 0x6000_0000 | first & 0x0fff_ffff;
            let len = u16::try_from(body.len()).unwrap().to_be_bytes();
            [&first.to_be_bytes(), &len[..], &[next, hops], &addresses, &body].concat()
        })
        .boxed()
}
