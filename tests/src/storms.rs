//! Floods, and the service of honest clients meanwhile, for the tests (with few packets) and for
//! `benches/storms.sh`.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use etherparse::PacketBuilder;
use lab::Lab;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike as _};

use crate::frames::{emit_on, mac};

/// Two published services, and two members with access to the outside.
pub const FILE: &str = r#"
[network.w]
bridge = "br0"
subnets = ["10.0.0.0/24"]
[endpoint.nginx]
attach = [{ network = "w", port = "ng", addresses = ["10.0.0.10"] }]
[endpoint.wg]
attach = [{ network = "w", port = "wg", addresses = ["10.0.0.11"] }]
[endpoint.gateway]
attach = [{ network = "w", port = "gw", addresses = ["10.0.0.100"] }]
[endpoint.xray]
attach = [{ network = "w", port = "xr", addresses = ["10.0.0.102"] }]
[exit.up]
network = "w"
port = "upl"
next_hop = ["10.0.0.1"]
[[allow]]
name = "web"
from = "up"
to = "nginx"
protocol = "tcp"
ports = [443]
[[allow]]
name = "vpn"
from = "up"
to = "wg"
protocol = "udp"
ports = [51820]
[[allow]]
name = "egress"
from = ["gateway", "xray"]
to = "up"
"#;

/// The web server's address.
pub const WEB: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 10), 443);
/// The VPN server's address.
pub const VPN: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 11), 51_820);
/// The honest member's address.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 100);
/// The scanning member's address.
pub const XRAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 102);
/// The address of a server outside.
pub const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(198, 18, 255, 1), 8_443);
/// The host outside that is scanned, with 60,000 ports.
pub const STRANGER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 7);

/// Timeout of an honest client.
const PATIENCE: Duration = Duration::from_secs(5);

/// Returns the n-th honest client outside.
pub fn client(n: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(198, 18, 0, 1)) + n)
}

/// Returns the n-th unused address outside.
pub fn nobody(n: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(20, 0, 0, 1)) + n)
}

/// Assigns the addresses of all honest clients and servers to the internet's place.
///
/// # Panics
/// Panics if `ip` fails.
pub fn populate(lab: &Lab) {
    let words = ["ip", "route", "add", "local", "198.18.0.0/15", "dev", "lo"];
    assert!(lab.exec("internet", &words).expect("ip").status.success());
}

/// Returns a TCP segment from one place to another, as a frame between their devices.
pub fn segment(
    macs: ([u8; 6], [u8; 6]),
    from: SocketAddrV4,
    to: SocketAddrV4,
    flags: (bool, bool),
) -> Vec<u8> {
    let tcp = PacketBuilder::ethernet2(macs.0, macs.1).ipv4(from.ip().octets(), to.ip().octets(), 60).tcp(
        from.port(),
        to.port(),
        7,
        9_000,
    );
    let tcp = if flags.0 { tcp.syn() } else { tcp };
    let mut frame = Vec::new();
    // The segment fits the buffer.
    let _ = if flags.1 { tcp.ack(1) } else { tcp }.write(&mut frame, b"");
    frame
}

/// Returns a UDP datagram, as a frame between the devices.
pub fn datagram(macs: ([u8; 6], [u8; 6]), from: SocketAddrV4, to: SocketAddrV4) -> Vec<u8> {
    let udp = PacketBuilder::ethernet2(macs.0, macs.1)
        .ipv4(from.ip().octets(), to.ip().octets(), 60)
        .udp(from.port(), to.port());
    let mut frame = Vec::new();
    let _ = udp.write(&mut frame, b"flood");
    frame
}

/// Returns the MACs of two places.
pub fn macs(lab: &Lab, from: &str, to: &str) -> ([u8; 6], [u8; 6]) {
    (mac(lab, from), mac(lab, to))
}

/// Sends frames from a place's device, at no more than this rate per second.
///
/// # Panics
/// Panics if the system refuses to send them.
pub fn flood(lab: &Lab, place: &str, per_second: u32, frames: impl Iterator<Item = Vec<u8>> + Send) {
    const BATCH: usize = 64;
    let device = &lab.plan().place(place).unwrap_or_else(|| panic!("no place {place}")).device;
    let send = || {
        let start = Instant::now();
        let (mut sent, mut batch) = (0u32, Vec::with_capacity(BATCH));
        let mut frames = frames.peekable();
        while let Some(frame) = frames.next() {
            batch.push(frame);
            sent += 1;
            if batch.len() < BATCH && frames.peek().is_some() {
                continue;
            }
            emit_on(device, &batch).unwrap_or_else(|error| panic!("{place}, {device}: {error}"));
            batch.clear();
            let due = Duration::from_secs_f64(f64::from(sent) / f64::from(per_second));
            std::thread::sleep(due.saturating_sub(start.elapsed()));
        }
    };
    lab.within(place, send).expect("the namespace");
}

/// Runs some work during a flood, and returns its result when both are over.
pub fn during<T: Send>(flood: impl FnOnce() + Send, work: impl FnOnce(&AtomicBool) -> T + Send) -> T {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            flood();
            over.store(true, Ordering::Relaxed);
        });
        work(&over)
    })
}

/// Starts a TCP server at a place that greets each client, and then echoes its bytes. It ends with
/// the test.
///
/// # Panics
/// Panics if it cannot listen.
pub fn serve_tcp(lab: &Lab, place: &str, at: SocketAddrV4) {
    let listener = lab.within(place, || TcpListener::bind(at)).expect("the namespace").expect("a listener");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            std::thread::spawn(move || {
                let mut byte = *b"!";
                while stream.write_all(&byte).is_ok() && stream.read_exact(&mut byte).is_ok() {}
            });
        }
    });
}

/// Starts a UDP server at a place that echoes datagrams. It ends with the test.
///
/// # Panics
/// Panics if it cannot listen.
pub fn serve_udp(lab: &Lab, place: &str, at: SocketAddrV4) {
    let socket = lab.within(place, || UdpSocket::bind(at)).expect("the namespace").expect("a socket");
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        loop {
            let Ok((n, peer)) = socket.recv_from(&mut buffer) else { return };
            // The datagrams of a flood get no answer, because their senders do not exist.
            if buffer.get(..n) != Some(b"flood") {
                let _ = socket.send_to(buffer.get(..n).unwrap_or_default(), peer);
            }
        }
    });
}

/// Opens a TCP connection from an address of a place, and waits for the greeting.
///
/// # Errors
/// Returns an error if no greeting arrives in time.
pub fn connected(lab: &Lab, place: &str, from: Ipv4Addr, to: SocketAddrV4) -> io::Result<TcpStream> {
    let open = || -> io::Result<TcpStream> {
        let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
        let patience = TimeVal::milliseconds(i64::try_from(PATIENCE.as_millis()).unwrap_or(i64::MAX));
        setsockopt(&socket, sockopt::SendTimeout, &patience)?;
        setsockopt(&socket, sockopt::ReceiveTimeout, &patience)?;
        bind(socket.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(from, 0)))?;
        connect(socket.as_raw_fd(), &SockaddrIn::from(to))?;
        let mut stream = TcpStream::from(socket);
        stream.read_exact(&mut [0])?;
        Ok(stream)
    };
    lab.within(place, open).map_err(io::Error::other)?
}

/// Returns whether the server still echoes bytes on a connection.
pub fn echoes(stream: &mut TcpStream) -> bool {
    let mut byte = [0];
    stream.write_all(b"?").is_ok() && stream.read_exact(&mut byte).is_ok() && byte == *b"?"
}

/// Returns whether one of up to three datagrams from an address of a place is answered.
///
/// # Panics
/// Panics if no socket can be created.
pub fn asked(lab: &Lab, place: &str, from: Ipv4Addr, to: SocketAddrV4) -> bool {
    let socket = lab.within(place, || UdpSocket::bind((from, 0))).expect("the namespace").expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(1))).expect("a timeout");
    (0..3).any(|_| {
        let sent = socket.send_to(b"hello", SocketAddr::V4(to)).is_ok();
        sent && socket.recv_from(&mut [0; 16]).is_ok()
    })
}

/// Returns the number of learned flows in a table of the bridge.
///
/// # Panics
/// Panics if the switch does not answer.
pub fn learned(lab: &Lab, table: u8) -> usize {
    let text = lab.ofctl(&["--no-stats", "dump-flows", "br0", &format!("table={table}")]).expect("ovs-ofctl");
    text.lines().filter(|line| line.contains("hard_timeout=")).count()
}
