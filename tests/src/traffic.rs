//! Real packets between the namespaces of a lab.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use lab::Lab;

/// How long what is to pass may take. The lab's links take microseconds; but on a busy machine a first packet, which goes by
/// way of neighbour discovery and an upcall, is sent more than once.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long it is waited for what is not to pass.
const WAIT: Duration = Duration::from_millis(1000);

/// Tries several things at the same time: what is not to pass is waited for as long as one of them takes.
///
/// # Panics
/// When one of them does.
pub fn at_once<T: Send>(things: impl IntoIterator<Item = T>, attempt: impl Fn(T) + Sync) {
    std::thread::scope(|scope| {
        for thing in things {
            let attempt = &attempt;
            scope.spawn(move || attempt(thing));
        }
    });
}

/// Whether an echo request is answered, one of several if need be.
pub fn ping(lab: &Lab, from: &str, to: &str) -> bool {
    ping_as(lab, from, to, None)
}

/// The same with a source address of the caller's choice (one of the namespace's).
pub fn ping_as(lab: &Lab, from: &str, to: &str, source: Option<&str>) -> bool {
    (0..PATIENCE.as_secs()).any(|_| ping_as_now(lab, from, to, source))
}

/// Whether the first echo request is answered, within a second.
pub fn ping_now(lab: &Lab, from: &str, to: &str) -> bool {
    ping_as_now(lab, from, to, None)
}

/// The same with a source address of the caller's choice.
pub fn ping_as_now(lab: &Lab, from: &str, to: &str, source: Option<&str>) -> bool {
    let mut words = vec!["ping", "-n", "-c", "1", "-W", "1"];
    words.extend(source.iter().flat_map(|s| ["-I", *s]));
    words.push(to);
    lab.exec(from, &words).expect("ping").status.success()
}

/// Whether a TCP connection opens and carries bytes both ways. The server is started at `to`, where the
/// address is expected to live.
pub fn tcp(lab: &Lab, from: &str, to: &str, address: &str) -> bool {
    tcp_within(lab, from, to, address, PATIENCE)
}

/// The same within a second.
pub fn tcp_now(lab: &Lab, from: &str, to: &str, address: &str) -> bool {
    tcp_within(lab, from, to, address, WAIT)
}

fn tcp_within(lab: &Lab, from: &str, to: &str, address: &str, wait: Duration) -> bool {
    let address: SocketAddr = address.parse().expect("ADDRESS:PORT");
    let listener =
        lab.within(to, || TcpListener::bind(any(address))).expect("the namespace").expect("a listener");
    let client = lab.within(from, || TcpStream::connect_timeout(&address, wait)).expect("the namespace");
    let Ok(mut client) = client else { return false };
    let (mut server, _) = listener.accept().expect("who connected was accepted");
    for stream in [&client, &server] {
        stream.set_read_timeout(Some(wait)).expect("a timeout");
    }
    let mut buffer = [0; 4];
    client.write_all(b"ping").expect("to write");
    server.read_exact(&mut buffer).expect("what the client wrote");
    server.write_all(b"pong").expect("to write");
    client.read_exact(&mut buffer).expect("what the server wrote");
    buffer == *b"pong"
}

/// What became of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Udp {
    /// It did not arrive.
    Lost,
    /// It arrived, its answer did not.
    Unanswered,
    /// Both arrived.
    Answered,
}

/// Sends a datagram and lets the other side answer it. Another one if it was lost, as any client does.
pub fn udp(lab: &Lab, from: &str, to: &str, address: &str) -> Udp {
    let mut tries = (0..PATIENCE.as_secs()).map(|_| udp_now(lab, from, to, address));
    tries.find(|outcome| *outcome == Udp::Answered).unwrap_or_else(|| udp_now(lab, from, to, address))
}

/// Sends one datagram, and the other side answers it; both within a second.
pub fn udp_now(lab: &Lab, from: &str, to: &str, address: &str) -> Udp {
    let address: SocketAddr = address.parse().expect("ADDRESS:PORT");
    let server = lab.within(to, || UdpSocket::bind(any(address))).expect("the namespace").expect("a socket");
    let client = lab
        .within(from, || UdpSocket::bind(any(SocketAddr::new(address.ip(), 0))))
        .expect("the namespace")
        .expect("a socket");
    for socket in [&server, &client] {
        socket.set_read_timeout(Some(WAIT)).expect("a timeout");
    }
    // No route is as good as no answer.
    if client.send_to(b"ping", address).is_err() {
        return Udp::Lost;
    }
    let mut buffer = [0; 16];
    let Ok((_, peer)) = server.recv_from(&mut buffer) else { return Udp::Lost };
    server.send_to(b"pong", peer).expect("to answer");
    match client.recv_from(&mut buffer) {
        Ok(_) => Udp::Answered,
        Err(_) => Udp::Unanswered,
    }
}

/// The unspecified address of the same family.
fn any(address: SocketAddr) -> SocketAddr {
    let ip: IpAddr = if address.is_ipv4() { [0; 4].into() } else { [0u16; 8].into() };
    SocketAddr::new(ip, address.port())
}

/// How many frames a device of a namespace has received.
pub fn received(lab: &Lab, place: &str, device: &str) -> u64 {
    let path = format!("/sys/class/net/{device}/statistics/rx_packets");
    let output = lab.exec(place, &["cat", &path]).expect("cat");
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a count")
}
