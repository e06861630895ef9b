//! Single fields, right and wrong, in a match and beside a packet for the controller, where Open vSwitch is more lenient.

use ofctl::ofp_print::print_message;
use ofctl::syntax::NoNames;
use portcullis_tests::{hex, ofp_print};

const ONF: &[u8] = b"\x4f\x4e\x46\x00";

/// A field as it stands on the wire.
fn oxm(class: u16, number: u8, value: &[u8], mask: &[u8]) -> Vec<u8> {
    let [c0, c1] = class.to_be_bytes();
    let len = u8::try_from(value.len() + mask.len()).unwrap();
    [&[c0, c1, number << 1 | u8::from(!mask.is_empty()), len], value, mask].concat()
}

fn matched(fields: &[u8]) -> Vec<u8> {
    let len = u16::try_from(4 + fields.len()).unwrap();
    let mut bytes = [&[0, 1][..], &len.to_be_bytes(), fields].concat();
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(8 + body.len()).unwrap();
    [&[4, kind][..], &len.to_be_bytes(), &[0, 0, 0, 7], body].concat()
}

fn packet_in(fields: &[u8]) -> Vec<u8> {
    message(10, &[&[0xff; 4][..], &[0; 12], &matched(fields), &[0; 2]].concat())
}

fn flow_mod(fields: &[u8]) -> Vec<u8> {
    let fixed = [&[0; 22][..], &[0x80, 0], &[0xff; 12], &[0; 4]].concat();
    message(14, &[fixed, matched(fields)].concat())
}

fn flow_request(fields: &[u8]) -> Vec<u8> {
    let fixed = [&[0, 1, 0, 0, 0, 0, 0, 0][..], &[0xff, 0, 0, 0], &[0xff; 8], &[0; 20]].concat();
    message(18, &[fixed, matched(fields)].concat())
}

#[test]
fn fields_are_taken_and_refused_as_by_ovs_ofctl() {
    let ip = oxm(0x8000, 5, b"\x08\0", b"");
    let reg0 = oxm(1, 0, b"\0\0\0\x01", b"");
    let option = oxm(1, 40, b"\x01\x02\x03", b"");
    let tracked = oxm(1, 105, b"\0\0\0\x22", b"\0\0\0\x22");
    let source = oxm(1, 120, b"\x01\x02\x03\x04", b"");
    let source6 = oxm(1, 122, &[1; 16], b"");
    let fields = [
        Vec::new(),
        // Of a connection, and of which version of IP only flows are asked.
        source.clone(),
        [&tracked[..], &source].concat(),
        [&ip[..], &tracked, &source].concat(),
        [&ip[..], &tracked, &source6].concat(),
        [tracked, source6].concat(),
        // Without what they need.
        oxm(0x8000, 13, b"\0\x50", b""),
        oxm(0x8000, 10, b"\x06", b""),
        oxm(0x8000, 7, b"\x03", b""),
        oxm(0x8000, 44, b"\0\x01\x08\0", b""),
        // Unknown ones.
        oxm(0x7777, 3, b"\0", b""),
        oxm(0x7777, 3, b"\x01", b"\0"),
        oxm(0xffff, 1, b"\0\x01\x23\x45\x01", b""),
        oxm(0xffff, 1, b"\0\0", b""),
        // Twice.
        [&reg0[..], &reg0].concat(),
        [reg0, oxm(0x8001, 0, b"\0\0\0\0\0\0\0\x01", b"")].concat(),
        [oxm(0, 0, b"\0\x01", b""), oxm(0x8000, 0, b"\0\0\0\x01", b"")].concat(),
        [&option[..], &option].concat(),
        option,
        // Masks.
        oxm(0x8000, 5, b"\x08\0", b"\xff\xff"),
        oxm(0x8000, 5, b"\x08\0", b"\xff\0"),
        oxm(0x8000, 5, b"\0\0", b"\0\0"),
        [&ip[..], &oxm(0x8000, 11, b"\x01\x02\x03\x04", b"\xff\xff\0\0")].concat(),
        [&ip[..], &oxm(0x8000, 9, b"\x01", b"\x03")].concat(),
        [&ip[..], &oxm(0x8000, 9, b"\x01", b"\xff")].concat(),
        oxm(0x8000, 2, b"\0\0\0\0\0\0\0\x01", &[0xff; 8]),
        // Lengths.
        oxm(1, 0, b"\0\0\0", b""),
        b"\0\x01".to_vec(),
        b"\0\x01\0\x04\0".to_vec(),
        // Values.
        oxm(0x8000, 0, b"\0\x01\0\0", b""),
        oxm(0x8000, 6, b"\x20\0", b""),
        [&ip[..], &oxm(0, 5, b"\x07", b"")].concat(),
        [&ip[..], &oxm(0x8000, 9, b"\x04", b"")].concat(),
        [oxm(0x8000, 5, b"\x08\x06", b""), oxm(0x8000, 21, b"\x01\0", b"")].concat(),
        oxm(1, 105, b"\0\0\x01\0", b""),
        oxm(0xffff, 42, &[ONF, b"\x10\0"].concat(), b""),
        [ip, oxm(0x8000, 6, b"\x10\x05", b""), oxm(0x8000, 7, b"\x03", b"")].concat(),
    ];
    for fields in fields {
        for message in [packet_in(&fields), flow_mod(&fields), flow_request(&fields)] {
            assert_eq!(print_message(&message, 2, &NoNames), ofp_print(&message, 2), "{}", hex(&fields));
        }
    }
}
