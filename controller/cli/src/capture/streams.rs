//! The OpenFlow messages in the TCP connections of a capture.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

use bytes::{Buf as _, BytesMut};
use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use ofproto::frame::next_length;
use ofproto::{Framer, MessageType};

/// Largest number of streams followed at once. Further ones are ignored.
const MAX_STREAMS: usize = 4096;

/// The sender and the receiver of one direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct StreamEnds {
    source: (IpAddr, u16),
    destination: (IpAddr, u16),
}

impl fmt::Display for StreamEnds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (source, destination) = (self.source, self.destination);
        write!(f, "{}.{} > {}.{}", source.0, source.1, destination.0, destination.1)
    }
}

/// The directions of TCP connections that carry OpenFlow.
#[derive(Debug)]
pub(crate) struct Streams {
    ports: Vec<u16>,
    open: HashMap<StreamEnds, Stream>,
}

/// One direction: the number of the next byte, and the bytes that are no whole message yet.
#[derive(Debug)]
struct Stream {
    next: u32,
    held: BytesMut,
    place: Place,
}

/// Tells what is known about where messages begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The stream was captured from its first byte.
    Known,
    /// The stream was open before the capture, and no message is found yet.
    Sought,
    /// Something that looks like a message was found.
    Found,
    /// No later message can be found.
    Lost,
}

impl Streams {
    /// Follows connections from or to these ports.
    pub(crate) fn new(ports: Vec<u16>) -> Self {
        Self { ports, open: HashMap::new() }
    }

    /// Takes a frame, and returns the messages that it completes. A segment that is not the next one of its stream is
    /// passed over, such as one that is sent again.
    pub(crate) fn take(&mut self, frame: &[u8]) -> Vec<(StreamEnds, Vec<u8>)> {
        let Ok(packet) = SlicedPacket::from_ethernet(frame) else { return Vec::new() };
        let addresses = match &packet.net {
            Some(NetSlice::Ipv4(ip)) => {
                (IpAddr::V4(ip.header().source_addr()), IpAddr::V4(ip.header().destination_addr()))
            }
            Some(NetSlice::Ipv6(ip)) => {
                (IpAddr::V6(ip.header().source_addr()), IpAddr::V6(ip.header().destination_addr()))
            }
            _ => return Vec::new(),
        };
        let Some(TransportSlice::Tcp(tcp)) = &packet.transport else { return Vec::new() };
        let (source, destination) = (tcp.source_port(), tcp.destination_port());
        if !self.ports.contains(&source) && !self.ports.contains(&destination) {
            return Vec::new();
        }
        let ends = StreamEnds { source: (addresses.0, source), destination: (addresses.1, destination) };
        if tcp.syn() || tcp.fin() || tcp.rst() {
            self.open.remove(&ends);
            if tcp.syn() {
                self.begin(ends, tcp.sequence_number().wrapping_add(1), Place::Known);
            }
            return Vec::new();
        }
        let payload = tcp.payload();
        if !payload.is_empty() && !self.open.contains_key(&ends) {
            self.begin(ends, tcp.sequence_number(), Place::Sought);
        }
        let Some(stream) = self.open.get_mut(&ends) else { return Vec::new() };
        if tcp.sequence_number() != stream.next {
            return Vec::new();
        }
        stream.next = stream.next.wrapping_add(u32::try_from(payload.len()).unwrap_or(u32::MAX));
        stream.feed(payload).into_iter().map(|message| (ends, message)).collect()
    }

    fn begin(&mut self, ends: StreamEnds, next: u32, place: Place) {
        if self.open.len() < MAX_STREAMS {
            self.open.insert(ends, Stream { next, held: BytesMut::new(), place });
        }
    }
}

impl Stream {
    /// Takes the next bytes, and returns the messages that are complete now.
    fn feed(&mut self, payload: &[u8]) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        if self.place == Place::Lost {
            return messages;
        }
        self.held.extend_from_slice(payload);
        loop {
            match self.place {
                Place::Sought => match find_message(&self.held) {
                    Some(at) => {
                        self.held.advance(at);
                        self.place = Place::Found;
                    }
                    // OpenFlow would have contained a whole message by now.
                    None if self.held.len() > Framer::CAPACITY => self.place = Place::Lost,
                    None => return messages,
                },
                // The message found before only looked like one.
                Place::Found if !can_begin(&self.held) => self.place = Place::Sought,
                Place::Known | Place::Found => match next_length(&self.held) {
                    Ok(Some(length)) => messages.push(self.held.split_to(length).to_vec()),
                    Ok(None) => return messages,
                    Err(_) => self.place = Place::Lost,
                },
                Place::Lost => {
                    self.held = BytesMut::new();
                    return messages;
                }
            }
        }
    }
}

/// Returns where the first whole message seems to begin.
fn find_message(stream: &[u8]) -> Option<usize> {
    // Senders mostly write whole messages, so the first bytes probably begin one. Its payload is
    // searched only when it turns out to be none.
    if can_begin(stream) && next_length(stream) == Ok(None) {
        return None;
    }
    (0..stream.len()).find(|at| stream.get(*at..).is_some_and(begins_with_message))
}

/// Tells whether the bytes look like a whole message, with another one or nothing behind it.
fn begins_with_message(bytes: &[u8]) -> bool {
    let Ok(Some(length)) = next_length(bytes) else { return false };
    let [version, kind, ..] = bytes else { return false };
    let rest = bytes.get(length..).unwrap_or_default();
    // The version of HELLO need not be that of the session.
    let same_version = *kind == MessageType::HELLO.0 || rest.first().is_none_or(|other| other == version);
    can_begin(bytes) && can_begin(rest) && same_version
}

/// Tells whether a message can begin with these bytes, few as they may be: a version of OpenFlow, a
/// type that it has, and a length that is possible.
fn can_begin(bytes: &[u8]) -> bool {
    let [version, rest @ ..] = bytes else { return true };
    // OpenFlow 1.0 to 1.5.
    let last_type = match version {
        1 => 21,
        2 => 23,
        3 => 25,
        4 => 29,
        5 => 34,
        6 => 35,
        _ => return false,
    };
    let possible = match rest {
        [_, high, low, ..] => u16::from_be_bytes([*high, *low]) >= 8,
        _ => true,
    };
    possible && rest.first().is_none_or(|kind| *kind <= last_type)
}
