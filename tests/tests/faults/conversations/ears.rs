//! Sockets at all ports, which send frames and hear which of them come out elsewhere.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::{Duration, Instant};

use etherparse::PacketBuilder;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, bind, recv, send, socket};
use portcullis_tests::Running;

use super::world::{Conversation, PARTIES};

/// What every frame carries, before the number of the frame.
const MARK: &[u8] = b"portcullis#";
/// So long nothing may be heard any more.
const QUIET: Duration = Duration::from_millis(300);
/// The client's port of every conversation.
const CLIENT: u16 = 40_000;
/// Nobody's MAC: what is heard is answered by no host.
const NOBODY: [u8; 6] = [2, 0, 0, 9, 9, 9];

/// A packet of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// The first one.
    Opening,
    /// The answer to that.
    Answer,
    /// What the one who was asked says later.
    More,
}

pub(super) struct Ears {
    sockets: Vec<OwnedFd>,
    sent: u32,
}

impl Ears {
    pub(super) fn new(net: &Running) -> Self {
        let socket = |port: usize| {
            let name = format!("e{port}");
            let device = net.lab.plan().place(&name).unwrap().device.clone();
            net.lab.within(&name, || listen(&device)).unwrap().unwrap()
        };
        Self { sockets: (0..PARTIES).map(socket).collect(), sent: 0 }
    }

    /// Sends a packet of each conversation and gives for each the ports at which it was heard.
    pub(super) fn say(&mut self, all: &[Conversation], word: Word) -> Vec<BTreeSet<usize>> {
        self.heard();
        let first = self.sent;
        let mut heard = vec![BTreeSet::new(); all.len()];
        for conversation in all {
            let at = if word == Word::Opening { conversation.from.0 } else { conversation.to.0 };
            let frame = frame(conversation, word, self.sent, at);
            send(self.sockets[at].as_raw_fd(), &frame, MsgFlags::empty()).unwrap();
            self.sent += 1;
            // No queue on the way is longer than this many frames.
            if self.sent.is_multiple_of(32) {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        let mut last = Instant::now();
        while last.elapsed() < QUIET {
            std::thread::sleep(Duration::from_millis(10));
            for (port, number) in self.heard() {
                if let Some(at) = number.checked_sub(first).and_then(|n| heard.get_mut(n as usize)) {
                    at.insert(port);
                    last = Instant::now();
                }
            }
        }
        heard
    }

    /// The numbers of the frames that were heard since the last time, and where.
    fn heard(&self) -> Vec<(usize, u32)> {
        let mut all = Vec::new();
        let mut buffer = [0; 2048];
        for (port, socket) in self.sockets.iter().enumerate() {
            while let Ok(length) = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                let frame = &buffer[..length];
                let Some(at) = frame.windows(MARK.len()).position(|bytes| bytes == MARK) else { continue };
                let Some([a, b, c, d, by]) = frame.get(at + MARK.len()..at + MARK.len() + 5) else {
                    continue;
                };
                // A socket hears what it says itself.
                if usize::from(*by) != port {
                    all.push((port, u32::from_be_bytes([*a, *b, *c, *d])));
                }
            }
        }
        all
    }
}

fn listen(device: &str) -> nix::Result<OwnedFd> {
    let all = Some(SockProtocol::EthAll);
    let raw = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, all)?;
    let mut devices = getifaddrs()?.filter(|d| d.interface_name == *device);
    let link = devices.find_map(|d| d.address?.as_link_addr().copied()).ok_or(nix::Error::ENODEV)?;
    bind(raw.as_raw_fd(), &link)?;
    Ok(raw)
}

fn frame(conversation: &Conversation, word: Word, number: u32, at: usize) -> Vec<u8> {
    let at = u8::try_from(at).unwrap();
    let (mut src, mut dst) = (conversation.from.1, conversation.to.1);
    let (mut sport, mut dport) = (CLIENT, conversation.service);
    if word != Word::Opening {
        std::mem::swap(&mut src, &mut dst);
        std::mem::swap(&mut sport, &mut dport);
    }
    let ethernet = PacketBuilder::ethernet2([2, 0, 0, 7, 0, at], NOBODY);
    let ip = match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => ethernet.ipv4(src.octets(), dst.octets(), 60),
        (IpAddr::V6(src), IpAddr::V6(dst)) => ethernet.ipv6(src.octets(), dst.octets(), 60),
        mixed => unreachable!("{mixed:?}"),
    };
    let payload = [MARK, &number.to_be_bytes(), &[at]].concat();
    let mut frame = Vec::new();
    if conversation.udp {
        ip.udp(sport, dport).write(&mut frame, &payload).unwrap();
        return frame;
    }
    let tcp = match word {
        Word::Opening => ip.tcp(sport, dport, 1_000, 1_000).syn(),
        Word::Answer => ip.tcp(sport, dport, 5_000, 1_000).syn().ack(1_001),
        Word::More => ip.tcp(sport, dport, 5_001, 1_000).ack(1_001),
    };
    tcp.write(&mut frame, &payload).unwrap();
    frame
}
