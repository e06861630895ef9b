//! Packet captures: the frames of a pcap file, and the OpenFlow messages in the TCP streams among them.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::net::IpAddr;

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use ofproto::Framer;

/// The longest frame that is taken, in bytes: more is a broken file.
const MAX_FRAME: u32 = 0x4_0000;
/// How many streams are followed at once; what begins beyond is passed over.
const MAX_STREAMS: usize = 4096;

/// A capture file.
#[derive(Debug)]
pub(crate) struct Capture<R> {
    input: R,
    big_endian: bool,
}

impl<R: Read> Capture<R> {
    /// Reads the header of the file.
    ///
    /// # Errors
    /// When it is not a pcap file of Ethernet frames.
    pub(crate) fn new(mut input: R) -> io::Result<Self> {
        const ETHERNET: u32 = 1;
        let mut header = [0; 24];
        input.read_exact(&mut header).map_err(|_| invalid("it is no pcap file"))?;
        let [m0, m1, m2, m3, ..] = header;
        let big_endian = match [m0, m1, m2, m3] {
            [0xa1, 0xb2, 0xc3, 0xd4] | [0xa1, 0xb2, 0x3c, 0x4d] => true,
            [0xd4, 0xc3, 0xb2, 0xa1] | [0x4d, 0x3c, 0xb2, 0xa1] => false,
            [0x0a, 0x0d, 0x0d, 0x0a] => {
                return Err(invalid("pcapng: convert it first, with editcap -F pcap for example"));
            }
            _ => return Err(invalid("it is no pcap file")),
        };
        let this = Self { input, big_endian };
        let [.., l0, l1, l2, l3] = header;
        match this.number([l0, l1, l2, l3]) & 0xffff {
            ETHERNET => Ok(this),
            link => Err(invalid(&format!("frames of link type {link}: only Ethernet (1) is read"))),
        }
    }

    fn number(&self, bytes: [u8; 4]) -> u32 {
        if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    /// The next frame, or the end.
    ///
    /// # Errors
    /// When the file ends inside of one, or claims one that is too long.
    pub(crate) fn next_frame(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut header = [0; 16];
        let mut have = 0;
        while let Some(rest) = header.get_mut(have..).filter(|rest| !rest.is_empty()) {
            match self.input.read(rest) {
                Ok(0) if have == 0 => return Ok(None),
                Ok(0) => return Err(invalid("it ends inside a frame")),
                Ok(n) => have += n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let [_, _, _, _, _, _, _, _, c0, c1, c2, c3, ..] = header;
        let len = self.number([c0, c1, c2, c3]);
        if len > MAX_FRAME {
            return Err(invalid(&format!("it claims a frame of {len} bytes")));
        }
        let mut frame = vec![0; usize::try_from(len).unwrap_or_default()];
        self.input.read_exact(&mut frame).map_err(|_| invalid("it ends inside a frame"))?;
        Ok(Some(frame))
    }
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, message.to_owned())
}

/// Who sends to whom.
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
    framer: Framer,
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
        if tcp.syn() {
            self.open.remove(&ends);
            if self.open.len() < MAX_STREAMS {
                let next = tcp.sequence_number().wrapping_add(1);
                self.open.insert(ends, Stream { next, framer: Framer::new() });
            }
            return Vec::new();
        }
        let Some(stream) = self.open.get_mut(&ends) else { return Vec::new() };
        if tcp.fin() || tcp.rst() {
            self.open.remove(&ends);
            return Vec::new();
        }
        if tcp.sequence_number() != stream.next {
            return Vec::new();
        }
        let payload = tcp.payload();
        stream.next = stream.next.wrapping_add(u32::try_from(payload.len()).unwrap_or(u32::MAX));
        let (messages, lost) = stream.feed(payload);
        if lost {
            self.open.remove(&ends);
        }
        messages.into_iter().map(|message| (ends, message)).collect()
    }
}

impl Stream {
    /// The messages that are complete now, and whether the beginning of the next one is lost for good.
    fn feed(&mut self, mut payload: &[u8]) -> (Vec<Vec<u8>>, bool) {
        let mut messages = Vec::new();
        loop {
            let taken = self.framer.feed(payload);
            payload = payload.get(taken..).unwrap_or_default();
            loop {
                match self.framer.next_frame() {
                    Ok(Some(frame)) => messages.push(frame.to_vec()),
                    Ok(None) => break,
                    Err(_) => return (messages, true),
                }
            }
            if payload.is_empty() {
                return (messages, false);
            }
        }
    }
}
