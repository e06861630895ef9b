//! `portcullis ofp-parse-pcap` against `ovs-ofctl ofp-parse-pcap`.

use std::path::Path;
use std::process::Command;

use etherparse::PacketBuilder;

use super::portcullis;

/// A segment to the controller, from that byte of the stream on.
fn segment(sequence: u32, flags: &str, payload: &[u8]) -> Vec<u8> {
    let tcp = PacketBuilder::ethernet2([2; 6], [4; 6])
        .ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
        .tcp(40_000, 6653, sequence, 4_000);
    let tcp = match flags {
        "syn" => tcp.syn(),
        "fin" => tcp.ack(1).fin(),
        _ => tcp.ack(1).psh(),
    };
    let mut frame = Vec::new();
    tcp.write(&mut frame, payload).unwrap();
    frame
}

fn echo(xid: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(8 + payload.len()).unwrap();
    [&[4, 2, 0, length, 0, 0, 0, xid], payload].concat()
}

fn pcap(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = [&0xa1b2_c3d4_u32.to_be_bytes()[..], &[0, 2, 0, 4], &[0; 8], &[0, 0, 255, 255]].concat();
    file.extend(1_u32.to_be_bytes());
    for frame in frames {
        let length = u32::try_from(frame.len()).unwrap().to_be_bytes();
        file.extend([&[0; 8], &length[..], &length, frame].concat());
    }
    file
}

fn pcapng(frames: &[Vec<u8>]) -> Vec<u8> {
    let block = |kind: u32, parts: &[&[u8]]| {
        let mut body = parts.concat();
        body.resize(body.len().next_multiple_of(4), 0);
        let length = u32::try_from(12 + body.len()).unwrap().to_le_bytes();
        [&kind.to_le_bytes()[..], &length, &body, &length].concat()
    };
    let mut file = block(0x0a0d_0d0a, &[&0x1a2b_3c4d_u32.to_le_bytes(), &[1, 0, 0, 0], &[0xff; 8]]);
    file.extend(block(1, &[&[1, 0, 0, 0, 0, 0, 4, 0]]));
    for frame in frames {
        let length = u32::try_from(frame.len()).unwrap().to_le_bytes();
        file.extend(block(6, &[&[0; 12], &length, &length, frame]));
    }
    file
}

fn printed(capture: &Path) -> String {
    let ended = portcullis(&["ofp-parse-pcap", capture.to_str().unwrap()]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    ended.out
}

#[test]
fn a_capture_is_printed_as_ovs_ofctl_prints_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("capture");
    let long = echo(2, b"0123456789");
    for (what, messages, frames) in [
        (
            "from its SYN",
            3,
            vec![
                segment(999, "syn", b""),
                segment(1_000, "", &echo(1, b"")),
                segment(1_008, "", &long[..9]),
                // Sent again.
                segment(1_000, "", &echo(1, b"")),
                segment(1_017, "", &[&long[9..], &echo(3, b"")].concat()),
            ],
        ),
        (
            "open before, from a message on",
            2,
            vec![segment(1_000, "", b""), segment(1_000, "", &echo(1, b"")), segment(1_008, "", &long)],
        ),
        (
            "open before, from a message on that is cut",
            2,
            vec![segment(1_000, "", &long[..9]), segment(1_009, "", &[&long[9..], &echo(3, b"")].concat())],
        ),
        (
            "again after its end",
            2,
            vec![
                segment(1_000, "", &echo(1, b"")),
                segment(1_008, "fin", b""),
                segment(1_009, "", &echo(3, b"")),
            ],
        ),
        ("with a gap", 1, vec![segment(1_000, "", &echo(1, b"")), segment(1_016, "", &echo(3, b""))]),
    ] {
        std::fs::write(&file, pcap(&frames)).unwrap();
        let output = Command::new("ovs-ofctl").arg("ofp-parse-pcap").arg(&file).output().unwrap();
        let expected = String::from_utf8(output.stdout).unwrap();
        assert_eq!(expected.matches("OFPT_ECHO_REQUEST (OF1.3)").count(), messages, "{what}: {expected}");
        assert_eq!(printed(&file), expected, "{what}");
        std::fs::write(&file, pcapng(&frames)).unwrap();
        assert_eq!(printed(&file), expected, "{what}, as pcapng");
    }
}

/// `ovs-ofctl` prints nothing of such a connection.
#[test]
fn a_capture_that_begins_inside_of_a_message_is_printed_from_the_next_one_on() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("capture");
    let frames = [
        segment(1_000, "", &[b"of a message", &echo(1, b"")[..]].concat()),
        segment(1_020, "", &echo(2, b"")),
    ];
    std::fs::write(&file, pcap(&frames)).unwrap();
    let each = |xid| {
        format!(
            "10.0.0.1.40000 > 10.0.0.2.6653:\nOFPT_ECHO_REQUEST (OF1.3) (xid={xid}): 0 bytes of payload\n"
        )
    };
    assert_eq!(printed(&file), format!("{}\n{}", each("0x1"), each("0x2")));
}

#[test]
fn what_is_no_capture_is_said_to_be_none() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("capture");
    std::fs::write(&file, b"\x0a\x0d\x0d\x0a and more than the header of a capture").unwrap();
    let ended = portcullis(&["ofp-parse-pcap", file.to_str().unwrap()]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("it is no pcap or pcapng file"), "{}", ended.err);
}
