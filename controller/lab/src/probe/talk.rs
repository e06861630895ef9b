//! Real conversations between namespaces: TCP and UDP echo, and ping.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use etherparse::{IcmpEchoHeader, Icmpv4Header, Icmpv4Type, Icmpv6Header, Icmpv6Type};
use socket2::{Domain, Protocol, Socket, Type};

use crate::error::LabError;
use crate::netns;

/// The payload, which the server sends back.
const WORDS: &[u8] = b"portcullis lab probe";
/// Interval at which a server checks that it is still wanted.
const LOOK: Duration = Duration::from_millis(10);
/// Time after which an unanswered datagram or echo request is sent again.
const AGAIN: Duration = Duration::from_millis(300);

/// The protocol of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TalkProtocol {
    /// TCP to that port: connect, send, and have it sent back.
    Tcp(u16),
    /// UDP to that port: a request and its reply.
    Udp(u16),
    /// An echo request and its reply.
    Ping,
}

/// The outcome of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The server answered.
    Answered,
    /// No answer arrived in time.
    Silence,
    /// The system refused. This says more about the lab than about the flows.
    Failed(String),
}

/// An echo server, which ends when dropped. Pings need none, because the kernel answers them.
pub struct Server {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens in a namespace. The server answers when this returns.
    pub fn open(namespace: &str, address: IpAddr, speech: TalkProtocol) -> Result<Self, LabError> {
        let stop = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&stop);
        let failed = |what: String| LabError::io(format!("listening on {what} in {namespace}"));
        let thread = match speech {
            TalkProtocol::Tcp(port) => {
                let at = SocketAddr::new(address, port);
                let listener = netns::enter(namespace, || TcpListener::bind(at))?
                    .map_err(failed(format!("tcp {at}")))?;
                listener.set_nonblocking(true).map_err(failed(format!("tcp {at}")))?;
                Some(thread::spawn(move || serve_tcp(&listener, &until)))
            }
            TalkProtocol::Udp(port) => {
                let at = SocketAddr::new(address, port);
                let socket =
                    netns::enter(namespace, || UdpSocket::bind(at))?.map_err(failed(format!("udp {at}")))?;
                socket.set_read_timeout(Some(LOOK)).map_err(failed(format!("udp {at}")))?;
                Some(thread::spawn(move || serve_udp(&socket, &until)))
            }
            TalkProtocol::Ping => None,
        };
        Ok(Self { stop, thread })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve_tcp(listener: &TcpListener, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        match listener.accept() {
            // The payload fits one read. A silent client is waited for, but not for long.
            Ok((mut stream, _)) => {
                let _ = stream.set_nonblocking(false);
                let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
                let mut buffer = [0; 256];
                if let Ok(n) = stream.read(&mut buffer) {
                    let _ = stream.write_all(buffer.get(..n).unwrap_or_default());
                }
            }
            Err(_) => thread::sleep(LOOK),
        }
    }
}

fn serve_udp(socket: &UdpSocket, stop: &AtomicBool) {
    let mut buffer = [0; 256];
    while !stop.load(Ordering::Relaxed) {
        if let Ok((n, peer)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(buffer.get(..n).unwrap_or_default(), peer);
        }
    }
}

/// Holds a conversation from `source` in a namespace with `target`, within about `limit`.
pub fn talk(
    namespace: &str,
    source: IpAddr,
    target: IpAddr,
    speech: TalkProtocol,
    limit: Duration,
) -> Outcome {
    let result = netns::enter(namespace, || match speech {
        TalkProtocol::Tcp(port) => tcp(source, SocketAddr::new(target, port), limit),
        TalkProtocol::Udp(port) => udp(source, SocketAddr::new(target, port), limit),
        TalkProtocol::Ping => ping(source, target, limit),
    });
    match result {
        Ok(Ok(true)) => Outcome::Answered,
        Ok(Ok(false)) => Outcome::Silence,
        Ok(Err(e)) if is_silence(e.kind()) => Outcome::Silence,
        Ok(Err(e)) => Outcome::Failed(e.to_string()),
        Err(e) => Outcome::Failed(e.to_string()),
    }
}

/// Returns whether an error means that no host answered. Unanswered ARP is "host unreachable".
fn is_silence(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::TimedOut | ErrorKind::WouldBlock | ErrorKind::HostUnreachable)
}

fn tcp(source: IpAddr, target: SocketAddr, limit: Duration) -> std::io::Result<bool> {
    let deadline = Instant::now() + limit;
    let socket = loop {
        let socket = Socket::new(Domain::for_address(target), Type::STREAM, Some(Protocol::TCP))?;
        socket.bind(&SocketAddr::new(source, 0).into())?;
        match socket.connect_timeout(&target.into(), limit) {
            // The kernel gives up on the MAC address sooner than on the connection. Datagrams are
            // sent again, too.
            Err(e) if e.kind() == ErrorKind::HostUnreachable && Instant::now() < deadline => {}
            connected => break connected.map(|()| socket)?,
        }
    };
    let mut stream: TcpStream = socket.into();
    stream.set_read_timeout(Some(limit))?;
    stream.write_all(WORDS)?;
    let mut buffer = [0; 256];
    let n = stream.read(&mut buffer)?;
    Ok(buffer.get(..n) == Some(WORDS))
}

fn udp(source: IpAddr, target: SocketAddr, limit: Duration) -> std::io::Result<bool> {
    let socket = UdpSocket::bind(SocketAddr::new(source, 0))?;
    // A connected socket receives only the target's own answer.
    socket.connect(target)?;
    socket.set_read_timeout(Some(AGAIN))?;
    let deadline = Instant::now() + limit;
    let mut buffer = [0; 256];
    while Instant::now() < deadline {
        socket.send(WORDS)?;
        match socket.recv(&mut buffer) {
            Ok(n) => return Ok(buffer.get(..n) == Some(WORDS)),
            Err(e) if is_silence(e.kind()) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(false)
}

fn ping(source: IpAddr, target: IpAddr, limit: Duration) -> std::io::Result<bool> {
    let id = number_of(source, target);
    let echo = IcmpEchoHeader { id, seq: 1 };
    let (domain, protocol, request) = match (source, target) {
        (IpAddr::V4(_), IpAddr::V4(_)) => {
            let header = Icmpv4Header::with_checksum(Icmpv4Type::EchoRequest(echo), WORDS);
            (Domain::IPV4, Protocol::ICMPV4, header.to_bytes().to_vec())
        }
        // The kernel fills in the checksum of ICMPv6 (RFC 3542 §3.1).
        _ => {
            let header = Icmpv6Header::new(Icmpv6Type::EchoRequest(echo));
            (Domain::IPV6, Protocol::ICMPV6, header.to_bytes().to_vec())
        }
    };
    let request = [request.as_slice(), WORDS].concat();
    let mut socket = Socket::new(domain, Type::RAW, Some(protocol))?;
    socket.bind(&SocketAddr::new(source, 0).into())?;
    socket.connect(&SocketAddr::new(target, 0).into())?;
    socket.set_read_timeout(Some(AGAIN))?;
    let deadline = Instant::now() + limit;
    let mut buffer = [0; 256];
    while Instant::now() < deadline {
        socket.send(&request)?;
        let again = Instant::now() + AGAIN;
        while Instant::now() < again {
            match socket.read(&mut buffer) {
                Ok(n) if is_reply(buffer.get(..n).unwrap_or_default(), target, id) => return Ok(true),
                Ok(_) => {}
                Err(e) if is_silence(e.kind()) => break,
                Err(e) => return Err(e),
            }
        }
    }
    Ok(false)
}

/// Returns a number that differs between pairs, so that parallel pings are told apart.
fn number_of(source: IpAddr, target: IpAddr) -> u16 {
    let fold = |address: IpAddr| match address {
        IpAddr::V4(a) => a.octets().into_iter().fold(7_u16, |x, b| x.wrapping_mul(31).wrapping_add(b.into())),
        IpAddr::V6(a) => a.octets().into_iter().fold(7_u16, |x, b| x.wrapping_mul(31).wrapping_add(b.into())),
    };
    fold(source).rotate_left(5) ^ fold(target)
}

/// Returns whether a packet is the reply to the request. Raw IPv4 sockets return the IP header too,
/// IPv6 ones do not.
fn is_reply(packet: &[u8], target: IpAddr, id: u16) -> bool {
    let (icmp, reply) = match target {
        IpAddr::V4(_) => {
            let words = usize::from(packet.first().copied().unwrap_or(0) & 0x0f);
            (packet.get(words * 4..).unwrap_or_default(), 0)
        }
        IpAddr::V6(_) => (packet, 129),
    };
    matches!(icmp, [kind, 0, _, _, a, b, ..] if *kind == reply && u16::from_be_bytes([*a, *b]) == id)
        && icmp.ends_with(WORDS)
}
