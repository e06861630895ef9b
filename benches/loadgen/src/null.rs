//! The null responder: the reads and writes of a learning switch, and no decision.
//!
//! It is the ceiling for controllers that answer [this load generator](super). It knows where the
//! fields of the load generator's packet-ins are, and reads the port off the destination MAC. It
//! answers every packet-in with the bytes of a FLOW_MOD and a PACKET_OUT, into which it patches
//! numbers and addresses. It answers a broadcast with a PACKET_OUT to all ports.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use socket2::{Domain, Socket, Type};

use super::cpu;
use super::link::{Link, READ, StreamCut, cut};
use super::packet::FRAME_AT;

/// Length of the backlog of connections that wait to be accepted.
const BACKLOG: i32 = 4096;
/// The token of the listening socket. The token of a connection is its index.
const LISTENER: u64 = u64::MAX;
const EVENTS: usize = 256;
/// Limit on the bytes held for a switch that does not read. Above it, the responder stops reading
/// from that switch until the backlog drains.
const MAX_UNSENT: usize = 1 << 20;

/// HELLO with the version bitmap, and FEATURES_REQUEST.
const GREETING: [u8; 24] = [4, 0, 0, 16, 0, 0, 0, 1, 0, 1, 0, 8, 0, 0, 0, 0x10, 4, 5, 0, 8, 0, 0, 0, 2];

/// The table-miss flow: everything, priority 0, output:CONTROLLER.
const TABLE_MISS: [u8; 80] = {
    let mut m = [0; 80];
    fill(&mut m, 0, &[4, 14, 0, 80, 0, 0, 0, 3]);
    fill(&mut m, 32, &[0xff; 12]);
    fill(&mut m, 48, &[0, 1, 0, 4, 0, 0, 0, 0, 0, 4, 0, 24, 0, 0, 0, 0, 0, 0, 0, 16]);
    fill(&mut m, 68, &[0xff, 0xff, 0xff, 0xfd, 0xff, 0xff]);
    m
};

/// A flow of in_port, eth_dst and eth_src with an idle timeout of 60 s, priority 1, and one output.
const FLOW: [u8; 104] = {
    let mut m = [0; 104];
    fill(&mut m, 0, &[4, 14, 0, 104]);
    fill(&mut m, 27, &[60, 0, 0, 0, 1]);
    fill(&mut m, 32, &[0xff; 12]);
    fill(&mut m, 48, &[0, 1, 0, 32, 0x80, 0, 0, 4]);
    fill(&mut m, 60, &[0x80, 0, 0x06, 6]);
    fill(&mut m, 70, &[0x80, 0, 0x08, 6]);
    fill(&mut m, 80, &[0, 4, 0, 24, 0, 0, 0, 0, 0, 0, 0, 16]);
    m
};

/// A PACKET_OUT with one output, without its data.
const PACKET_OUT: [u8; 40] = {
    let mut m = [0; 40];
    fill(&mut m, 0, &[4, 13]);
    fill(&mut m, 16, &[0, 16]);
    fill(&mut m, 24, &[0, 0, 0, 16]);
    m
};

const FLOOD: [u8; 4] = [0xff, 0xff, 0xff, 0xfb];

#[expect(clippy::indexing_slicing, reason = "a constant: what is out of bounds does not compile")]
const fn fill<const N: usize>(to: &mut [u8; N], at: usize, from: &[u8]) {
    let mut i = 0;
    while i < from.len() {
        to[at + i] = from[i];
        i += 1;
    }
}

/// The null responder.
#[derive(Debug)]
pub struct Null {
    listener: TcpListener,
    epoll: Epoll,
    links: Vec<Option<Link>>,
    free: Vec<usize>,
    buffer: Vec<u8>,
    out: Vec<u8>,
}

impl Null {
    /// Listens at this address.
    ///
    /// # Errors
    /// Returns the error of the operating system if it cannot listen there.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        cpu::allow_many_files();
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        let listener: TcpListener = socket.into();
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
        let (links, free) = (Vec::new(), Vec::new());
        Ok(Self { listener, epoll, links, free, buffer: vec![0; READ], out: Vec::with_capacity(2 * READ) })
    }

    /// Returns the address that it listens at.
    ///
    /// # Errors
    /// Returns the error of the operating system.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until the event loop fails.
    ///
    /// # Errors
    /// Returns the error of the operating system. An error of a single connection ends only that
    /// connection.
    pub fn serve(mut self) -> io::Result<()> {
        let mut events = [EpollEvent::empty(); EVENTS];
        loop {
            let count = match self.epoll.wait(&mut events, EpollTimeout::NONE) {
                Err(nix::errno::Errno::EINTR) => 0,
                other => other?,
            };
            for event in events.get(..count).unwrap_or_default() {
                match usize::try_from(event.data()) {
                    _ if event.data() == LISTENER => self.accept()?,
                    Ok(place) => self.ready(place, event.events()),
                    Err(_) => {}
                }
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error)
                    if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) =>
                {
                    continue;
                }
                Err(error) => return Err(error),
            };
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let place = self.free.pop().unwrap_or_else(|| {
                self.links.push(None);
                self.links.len() - 1
            });
            let token = u64::try_from(place).unwrap_or(LISTENER);
            let mut link = Link::new(&self.epoll, stream, token, MAX_UNSENT)?;
            if link.write(&self.epoll, &GREETING).is_ok()
                && let Some(slot) = self.links.get_mut(place)
            {
                *slot = Some(link);
            } else {
                self.free.push(place);
            }
        }
    }

    fn ready(&mut self, place: usize, events: EpollFlags) {
        let Some(slot) = self.links.get_mut(place) else { return };
        let Some(link) = slot else { return };
        let done = if events.intersects(EpollFlags::EPOLLIN | EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR) {
            converse(link, &self.epoll, &mut self.buffer, &mut self.out)
        } else {
            link.flush(&self.epoll)
        };
        if done.is_err() {
            *slot = None;
            self.free.push(place);
        }
    }
}

/// Reads once, answers every message, and writes once.
fn converse(link: &mut Link, epoll: &Epoll, buffer: &mut [u8], out: &mut Vec<u8>) -> io::Result<()> {
    out.clear();
    let Some(len) = link.read(buffer)? else { return Ok(()) };
    let mut rest = buffer.get(..len).unwrap_or_default();
    loop {
        match cut(rest) {
            StreamCut::Message(message, next) => {
                answer(message, out);
                rest = next;
            }
            StreamCut::More => break,
            StreamCut::Bad => return Err(ErrorKind::InvalidData.into()),
        }
    }
    link.keep(rest);
    link.write(epoll, out)
}

#[inline]
fn answer(message: &[u8], out: &mut Vec<u8>) {
    match message {
        // PACKET_IN.
        [_, 10, ..] => packet_in(message, out),
        // FEATURES_REPLY.
        [_, 6, ..] => out.extend_from_slice(&TABLE_MISS),
        // ECHO_REQUEST.
        [version, 2, rest @ ..] => {
            out.extend_from_slice(&[*version, 3]);
            out.extend_from_slice(rest);
        }
        _ => {}
    }
}

#[inline]
fn packet_in(message: &[u8], out: &mut Vec<u8>) {
    let Some((head, frame)) = message.split_first_chunk::<FRAME_AT>() else { return };
    let Some(macs) = frame.first_chunk::<12>() else { return };
    let mut packet = PACKET_OUT;
    packet[4..8].copy_from_slice(&head[4..8]);
    packet[8..12].copy_from_slice(&head[8..12]);
    packet[12..16].copy_from_slice(&head[32..36]);
    let data = if head[8..12] == [0xff; 4] { frame } else { &[] };
    let Ok(length) = u16::try_from(PACKET_OUT.len() + data.len()) else { return };
    packet[2..4].copy_from_slice(&length.to_be_bytes());
    if macs[0] & 1 == 1 {
        packet[28..32].copy_from_slice(&FLOOD);
    } else {
        packet[31] = macs[1];
        let mut flow = FLOW;
        flow[4..8].copy_from_slice(&head[4..8]);
        flow[56..60].copy_from_slice(&head[32..36]);
        flow[64..70].copy_from_slice(&macs[..6]);
        flow[74..80].copy_from_slice(&macs[6..]);
        flow[95] = macs[1];
        out.extend_from_slice(&flow);
    }
    out.extend_from_slice(&packet);
    out.extend_from_slice(data);
}

#[cfg(test)]
mod tests {
    use ofproto::message::{FlowMod, PacketOut as Out};
    use ofproto::{BufferId, Message, PortNo};

    use super::*;
    use crate::packet::{FrameKind, SimulatedHost, Template, tag};

    #[test]
    fn what_is_written_by_hand_is_openflow() {
        for (bytes, name) in [(&TABLE_MISS[..], "table miss"), (&FLOW, "flow"), (&GREETING[..16], "hello")] {
            let (xid, message) = Message::decode(bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(message.encode(xid).unwrap(), bytes, "{name}");
        }
        for buffered in [false, true] {
            let mut template = Template::new(FrameKind::Icmp, tag(1), buffered).unwrap();
            let (mut packet_ins, mut out) = (Vec::new(), Vec::new());
            template.pair(&mut packet_ins, SimulatedHost::new(5, 1), SimulatedHost::new(6, 2), 77);
            answer(&packet_ins, &mut out);
            let (_, Message::FlowMod(FlowMod { buffer_id, priority: 1, idle_timeout: 60, .. })) =
                Message::decode(&out[..104]).unwrap()
            else {
                panic!()
            };
            assert_eq!(buffer_id, BufferId::NO_BUFFER);
            let (_, Message::PacketOut(Out { buffer_id, in_port, data, .. })) =
                Message::decode(&out[104..]).unwrap()
            else {
                panic!()
            };
            assert_eq!(in_port, PortNo(1));
            assert_eq!(buffer_id, BufferId(if buffered { 77 } else { u32::MAX }));
            assert_eq!(&data[..], if buffered { &[][..] } else { &packet_ins[FRAME_AT..] });
        }
    }
}
