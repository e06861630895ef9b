//! Prints the OpenFlow messages of a capture: `cargo run -p ofproto --example decode_pcap -- FILE.pcap`.
//!
//! The capture is in the classic format (`tcpdump -w FILE.pcap port 6653`), of Ethernet, of raw IP or of Linux's "any" device.
//! A connection may have been open when the capture began: its first segment is taken to begin with a message.

#![allow(
    clippy::indexing_slicing,
    reason = "lengths are those that read and feed return, or of fixed headers"
)]

use std::collections::HashMap;
use std::error::Error;
use std::net::IpAddr;

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use ofproto::{Framer, Message};

/// One direction of a TCP connection.
#[derive(PartialEq, Eq, Hash, Clone, Copy)]
struct Direction {
    from: (IpAddr, u16),
    to: (IpAddr, u16),
}

/// What was received in a direction: the next sequence number, and the messages so far.
struct Stream {
    next: u32,
    framer: Framer,
}

/// A link type, and packets of it.
type Capture<'a> = (u32, Vec<&'a [u8]>);

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: decode_pcap FILE.pcap")?;
    let file = std::fs::read(&path).map_err(|error| format!("{path}: {error}"))?;
    let mut streams: HashMap<Direction, Stream> = HashMap::new();
    let (link, packets) = packets(&file)?;
    for packet in packets {
        let Some((direction, sequence, payload)) =
            segment(link, packet).filter(|(.., data)| !data.is_empty())
        else {
            continue;
        };
        let stream =
            streams.entry(direction).or_insert_with(|| Stream { next: sequence, framer: Framer::new() });
        // Of a segment that was sent again, what is new; of one that came too soon nothing, and the rest is lost.
        let seen = stream.next.wrapping_sub(sequence) as usize;
        let Some(new) = payload.get(seen..) else { continue };
        stream.next = stream.next.wrapping_add(u32::try_from(new.len())?);
        print(direction, stream, new);
    }
    Ok(())
}

/// Prints the messages that these bytes complete.
fn print(Direction { from, to }: Direction, stream: &mut Stream, mut bytes: &[u8]) {
    let name = |(ip, port): (IpAddr, u16)| format!("{ip}:{port}");
    while !bytes.is_empty() {
        bytes = &bytes[stream.framer.feed(bytes)..];
        while let Ok(Some(frame)) = stream.framer.next_frame() {
            let text = match Message::decode_shared(&frame) {
                Ok((xid, message)) => format!("{} xid {:#x}: {message:?}", message.name(), xid.0),
                Err(error) => format!("not OpenFlow 1.3: {error}"),
            };
            println!("{} → {}: {text}", name(from), name(to));
        }
    }
}

/// Takes a capture apart.
fn packets(file: &[u8]) -> Result<Capture<'_>, Box<dyn Error>> {
    let (header, mut rest) = file.split_first_chunk::<24>().ok_or("not a pcap file: too short")?;
    let little = match header[..4] {
        [0xd4, 0xc3, 0xb2, 0xa1] | [0x4d, 0x3c, 0xb2, 0xa1] => true,
        [0xa1, 0xb2, 0xc3, 0xd4] | [0xa1, 0xb2, 0x3c, 0x4d] => false,
        [0x0a, 0x0d, 0x0d, 0x0a] => return Err("a pcapng file: convert it with `editcap -F pcap`".into()),
        _ => return Err("not a pcap file".into()),
    };
    let word = |bytes: &[u8], at: usize| {
        let word = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        if little { u32::from_le_bytes(word) } else { u32::from_be_bytes(word) }
    };
    let link = word(header, 20);
    let mut packets = Vec::new();
    while let Some((head, tail)) = rest.split_first_chunk::<16>() {
        let (packet, tail) =
            tail.split_at_checked(word(head, 8) as usize).ok_or("the file ends in a packet")?;
        packets.push(packet);
        rest = tail;
    }
    Ok((link, packets))
}

/// The TCP segment in a packet: its direction, its sequence number and what it carries.
fn segment(link: u32, packet: &[u8]) -> Option<(Direction, u32, &[u8])> {
    let sliced = match link {
        1 => SlicedPacket::from_ethernet(packet).ok()?,
        101 => SlicedPacket::from_ip(packet).ok()?,
        113 => SlicedPacket::from_linux_sll(packet).ok()?,
        _ => return None,
    };
    let (from, to): (IpAddr, IpAddr) = match sliced.net? {
        NetSlice::Ipv4(ip) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
        NetSlice::Ipv6(ip) => (ip.header().source_addr().into(), ip.header().destination_addr().into()),
        _ => return None,
    };
    let TransportSlice::Tcp(tcp) = sliced.transport? else { return None };
    let direction = Direction { from: (from, tcp.source_port()), to: (to, tcp.destination_port()) };
    Some((direction, tcp.sequence_number(), tcp.payload()))
}
