use std::io::Cursor;

use etherparse::PacketBuilder;
use proptest::prelude::*;

use super::*;

/// Begins the first segment of each stream.
const START: u32 = 0xffff_fff0;

fn frame(sequence: u32, syn: bool, payload: &[u8]) -> Vec<u8> {
    let tcp = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).tcp(
        40_000,
        6653,
        START.wrapping_add(sequence),
        4_000,
    );
    let tcp = if syn { tcp.syn() } else { tcp.ack(1).psh() };
    let mut frame = Vec::new();
    tcp.write(&mut frame, payload).unwrap();
    frame
}

/// Cuts a stream into frames.
fn segments(parts: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut at = 0;
    let mut frames = Vec::new();
    for part in parts {
        frames.push(frame(at, false, part));
        at += u32::try_from(part.len()).unwrap();
    }
    frames
}

fn echo(xid: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + payload.len()).unwrap().to_be_bytes();
    [&[4, 2], &length[..], &[0, 0, 0, xid], payload].concat()
}

/// The transaction ids of the messages in these frames.
fn xids(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut streams = Streams::new(vec![6653]);
    let messages = frames.iter().flat_map(|frame| streams.take(frame));
    messages.map(|(_, message)| message[7]).collect()
}

fn pcap(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = [&0xa1b2_c3d4_u32.to_le_bytes()[..], &[2, 0, 4, 0], &[0; 8], &[0, 0, 4, 0]].concat();
    file.extend(1_u32.to_le_bytes());
    for frame in frames {
        let length = u32::try_from(frame.len()).unwrap().to_le_bytes();
        file.extend([&[0; 8], &length[..], &length, frame].concat());
    }
    file
}

/// A block of pcapng, big-endian.
fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let padding = &[0; 3][..body.len().wrapping_neg() % 4];
    let length = u32::try_from(12 + body.len() + padding.len()).unwrap().to_be_bytes();
    [&kind.to_be_bytes()[..], &length, body, padding, &length].concat()
}

fn section() -> Vec<u8> {
    block(0x0a0d_0d0a, &[&0x1a2b_3c4d_u32.to_be_bytes()[..], &[0, 1, 0, 0], &[0xff; 8]].concat())
}

fn interface(link: u8) -> Vec<u8> {
    block(1, &[0, link, 0, 0, 0, 4, 0, 0])
}

fn enhanced(interface: u8, frame: &[u8]) -> Vec<u8> {
    let length = u32::try_from(frame.len()).unwrap().to_be_bytes();
    block(6, &[&[0, 0, 0, interface], &[0; 8][..], &length, &length, frame].concat())
}

fn simple(frame: &[u8]) -> Vec<u8> {
    let length = u32::try_from(frame.len()).unwrap().to_be_bytes();
    block(3, &[&length, frame].concat())
}

fn frames(file: Vec<u8>) -> Result<Vec<Vec<u8>>, String> {
    let mut capture = Capture::new(Cursor::new(file)).map_err(|error| error.to_string())?;
    let mut frames = Vec::new();
    while let Some(frame) = capture.next_frame().map_err(|error| error.to_string())? {
        frames.push(frame);
    }
    Ok(frames)
}

#[test]
fn a_connection_is_followed_from_its_first_byte() {
    let mut all = vec![frame(u32::MAX, true, &[])];
    all.extend(segments(&[&echo(1, b""), &echo(2, b"ab")[..9], &echo(2, b"ab")[9..]]));
    // Sent again, and the next one.
    all.extend([frame(0, false, &echo(1, b"")), frame(18, false, &echo(3, b""))]);
    assert_eq!(xids(&all), [1, 2, 3]);
    // Bytes that cannot begin a message end the stream, as in ovs-ofctl.
    all.extend([frame(26, false, &[4, 2, 0, 7, 0, 0, 0, 4]), frame(34, false, &echo(5, b""))]);
    assert_eq!(xids(&all), [1, 2, 3]);
}

#[test]
fn a_connection_that_was_open_before_is_followed_from_its_first_whole_message() {
    let (one, two) = (echo(1, b""), echo(2, b"payload"));
    assert_eq!(xids(&segments(&[&one, &two])), [1, 2], "between two messages");
    assert_eq!(xids(&segments(&[b"", &one, &two])), [1, 2], "after an empty segment");
    assert_eq!(xids(&segments(&[&[&one[..], &two[..3]].concat(), &two[3..]])), [1, 2], "one is cut");
    assert_eq!(xids(&segments(&[&two[5..], &one, &two])), [1, 2], "inside of one");
    assert_eq!(
        xids(&segments(&[&[&two[5..], &one].concat(), &two])),
        [1, 2],
        "inside of one, in one segment"
    );
    assert_eq!(xids(&segments(&[&two[5..9], &[&two[9..], &one[..6]].concat(), &one[6..]])), [1]);
    // Each of its bytes looks like the beginning of a message.
    let long = echo(3, &[4; 60_000]);
    let parts: Vec<&[u8]> = long.chunks(1_400).chain([&one[..]]).collect();
    assert_eq!(xids(&segments(&parts)), [3, 1], "a long one");
    let long = echo(3, &[0xfe; 60_000]);
    let parts: Vec<&[u8]> = long.chunks(1_400).skip(1).chain([&one[..]]).collect();
    assert_eq!(xids(&segments(&parts)), [1], "inside of a long one");
}

#[test]
fn what_only_looks_like_a_message_does_not_end_the_search() {
    // A header, where the next one would have to be something that is none.
    let looks = [&[0xff; 5][..], &[4, 2, 0, 12, 0, 0, 0, 9, 1, 2, 3, 4], &[0xff; 5]].concat();
    assert_eq!(xids(&segments(&[&looks, &echo(1, b""), &echo(2, b"")])), [1, 2]);
    // Two of them, the second too long for what there is: it is seen when more comes.
    let looks = [&[0xff; 5][..], &[4, 2, 0, 8, 0, 0, 0, 9], &[4, 2, 0, 18, 0, 0, 0, 9], &[0xff; 5]].concat();
    assert_eq!(xids(&segments(&[&looks, &echo(1, b""), &echo(2, b"")])), [9, 9, 2]);
}

#[test]
fn a_stream_without_openflow_is_given_up() {
    let lines = b"GET / HTTP/1.1\r\n\r\n".repeat(2_500);
    let behind = |count: usize| {
        let parts = vec![&lines[..]; count];
        xids(&segments(&[&parts[..], &[&echo(7, b"")]].concat()))
    };
    assert_eq!(behind(2), [7]);
    assert_eq!(behind(3), [0_u8; 0]);
}

#[test]
fn frames_come_from_pcap_and_from_pcapng() {
    let all = segments(&[b"abc", b"defg", &[1; 9_000]]);
    assert_eq!(frames(pcap(&all)).as_ref(), Ok(&all));
    let mut file = [section(), interface(113), interface(1)].concat();
    all.iter().for_each(|frame| file.extend(enhanced(1, frame)));
    // A block that has no frame, and another section.
    file.extend([block(5, &[0; 12]), section(), interface(1), simple(&all[0])].concat());
    assert_eq!(frames(file), Ok([&all[..], &all[..1]].concat()));
}

#[test]
fn a_broken_file_is_an_error() {
    let whole = pcap(&segments(&[b"abc"]));
    let with_link = |link: u8| [&whole[..20], &[link, 0, 0, 0]].concat();
    let ng = [section(), interface(1), enhanced(0, &[1; 60])].concat();
    for (file, error) in [
        (Vec::new(), "it is no pcap or pcapng file"),
        (whole[..23].to_vec(), "it is no pcap or pcapng file"),
        (b"\x0a\x0d\x0d\x0a and no section".to_vec(), "it is no pcap or pcapng file"),
        (whole[..whole.len() - 1].to_vec(), "it ends inside a frame"),
        (whole[..30].to_vec(), "it ends inside a frame"),
        (ng[..ng.len() - 1].to_vec(), "it ends inside a frame"),
        ([&with_link(1)[..], &[0; 8], &[0xff; 8]].concat(), "it claims a frame of more than 266240 bytes"),
        (with_link(113), "frames of link type 113: only Ethernet (1) is read"),
        (
            [section(), interface(113), enhanced(0, &[1])].concat(),
            "frames of link type 113: only Ethernet (1) is read",
        ),
        (
            [section(), interface(1), enhanced(1, &[1])].concat(),
            "a frame is of interface 1, which it does not describe",
        ),
        ([section(), simple(&[1])].concat(), "a frame is of interface 0, which it does not describe"),
        ([section(), vec![0, 0, 0, 6, 0, 0, 0, 8, 0, 0, 0, 8]].concat(), "it ends inside a frame"),
        ([section(), interface(1).repeat(5_000)].concat(), "it has more than 4096 interfaces"),
    ] {
        assert_eq!(frames(file).as_ref().map_err(String::as_str), Err(error));
    }
}

proptest! {
    #[test]
    fn no_bytes_are_too_strange(
        mut file in prop_oneof![
            Just(pcap(&segments(&[b"abc", b"defg"]))),
            Just([section(), interface(1), enhanced(0, &[1; 61]), simple(&[2; 30]), block(4, &[3; 40])].concat()),
        ],
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        end in any::<prop::sample::Index>(),
    ) {
        for (at, byte) in changes {
            *at.get_mut(&mut file) = byte;
        }
        file.truncate(end.index(file.len()) + 1);
        let _ = frames(file);
    }

    #[test]
    fn no_stream_is_too_strange(parts in prop::collection::vec(prop::collection::vec(0..40_u8, 0..60), 0..20)) {
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let mut streams = Streams::new(vec![6653]);
        let found: usize =
            segments(&parts).iter().flat_map(|frame| streams.take(frame)).map(|(_, m)| m.len()).sum();
        prop_assert!(found <= parts.concat().len());
    }

    /// The payloads have no version of OpenFlow, so that nothing else looks like a message.
    #[test]
    fn the_first_whole_message_is_found_wherever_the_capture_begins(
        payloads in prop::collection::vec(prop::collection::vec(7_u8.., 0..300), 1..8),
        first in prop::collection::vec(7_u8.., 0..300),
        size in 1..200_usize,
    ) {
        let messages: Vec<Vec<u8>> = payloads.iter().map(|payload| echo(1, payload)).collect();
        let stream = [first, messages.concat()].concat();
        let mut streams = Streams::new(vec![6653]);
        let all = segments(&stream.chunks(size).collect::<Vec<_>>());
        let found: Vec<Vec<u8>> =
            all.iter().flat_map(|frame| streams.take(frame)).map(|(_, message)| message).collect();
        prop_assert_eq!(found, messages);
    }
}
