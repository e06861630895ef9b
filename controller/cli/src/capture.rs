//! Packet captures: the frames of a pcap or pcapng file, and the OpenFlow messages in the TCP streams among them.

mod streams;

use std::fmt;
use std::io::{self, ErrorKind, Read};

use pcap_parser::traits::{PcapNGPacketBlock as _, PcapReaderIterator};
use pcap_parser::{Block, Linktype, PcapBlockOwned, PcapError, create_reader};

pub(crate) use self::streams::Streams;

/// Bounds what is held of a file, in bytes: more in one frame or block is a broken file.
const CAPACITY: usize = 0x4_1000;
/// Bounds the interfaces of one section of a pcapng file.
const MAX_INTERFACES: usize = 4096;

/// A capture file.
pub(crate) struct Capture {
    reader: Box<dyn PcapReaderIterator + Send>,
    interfaces: Interfaces,
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture").field("interfaces", &self.interfaces).finish_non_exhaustive()
    }
}

/// Holds the link type of each interface, by number. A pcap file has one.
#[derive(Debug, Default)]
struct Interfaces(Vec<Linktype>);

impl Capture {
    /// Reads the beginning of the file.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidData`] if it is neither pcap nor pcapng.
    pub(crate) fn new(input: impl Read + Send + 'static) -> io::Result<Self> {
        let reader = create_reader(CAPACITY, input).map_err(|_| invalid("it is no pcap or pcapng file"))?;
        Ok(Self { reader, interfaces: Interfaces::default() })
    }

    /// Returns the next frame, or nothing at the end of the file.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidData`] if the file ends inside a frame, claims one that is too long, has
    /// frames of another kind than Ethernet, or is broken otherwise.
    pub(crate) fn next_frame(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let (length, frame) = match self.reader.next() {
                Ok((length, block)) => (length, self.interfaces.frame(&block)?),
                Err(PcapError::Eof) => return Ok(None),
                Err(PcapError::Incomplete(_)) => {
                    self.reader.refill().map_err(|error| unreadable(&error))?;
                    continue;
                }
                Err(error) => return Err(unreadable(&error)),
            };
            self.reader.consume(length);
            if frame.is_some() {
                return Ok(frame);
            }
        }
    }
}

impl Interfaces {
    /// Returns the frame of a block, if it has one, and notes the interface that it describes.
    fn frame(&mut self, block: &PcapBlockOwned<'_>) -> io::Result<Option<Vec<u8>>> {
        match block {
            PcapBlockOwned::LegacyHeader(header) => {
                // The upper half says how long the check sequence of frames is.
                self.0 = vec![Linktype(header.network.0 & 0xffff)];
                self.check(0)?;
            }
            PcapBlockOwned::Legacy(frame) => return Ok(Some(frame.data.to_vec())),
            PcapBlockOwned::NG(Block::SectionHeader(_)) => self.0.clear(),
            PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
                if self.0.len() >= MAX_INTERFACES {
                    return Err(invalid(&format!("it has more than {MAX_INTERFACES} interfaces")));
                }
                self.0.push(interface.linktype);
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                self.check(packet.if_id)?;
                return Ok(Some(packet.packet_data().to_vec()));
            }
            PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
                self.check(0)?;
                return Ok(Some(packet.packet_data().to_vec()));
            }
            PcapBlockOwned::NG(_) => {}
        }
        Ok(None)
    }

    /// Checks that the frames of an interface are Ethernet.
    fn check(&self, interface: u32) -> io::Result<()> {
        match usize::try_from(interface).ok().and_then(|interface| self.0.get(interface)) {
            Some(&Linktype::ETHERNET) => Ok(()),
            Some(link) => Err(invalid(&format!("frames of link type {}: only Ethernet (1) is read", link.0))),
            None => Err(invalid(&format!("a frame is of interface {interface}, which it does not describe"))),
        }
    }
}

fn unreadable(error: &PcapError<&[u8]>) -> io::Error {
    match error {
        PcapError::UnexpectedEof => invalid("it ends inside a frame"),
        PcapError::BufferTooSmall => invalid(&format!("it claims a frame of more than {CAPACITY} bytes")),
        PcapError::ReadError => invalid("it cannot be read"),
        _ => invalid("a part of it is broken"),
    }
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, message.to_owned())
}

#[cfg(test)]
mod tests;
