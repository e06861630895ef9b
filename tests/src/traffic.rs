//! Real packets between the namespaces of a lab.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use lab::Lab;

/// Timeout for traffic that must pass. The lab's links take microseconds. On a busy machine a first
/// packet needs neighbour discovery and an upcall, and is sent again.
const PATIENCE: Duration = Duration::from_secs(5);

/// Time to wait for traffic that must not pass.
const WAIT: Duration = Duration::from_millis(1000);

/// Runs several attempts in parallel, so that blocked traffic costs the timeout of one attempt
/// only.
///
/// # Panics
/// Panics if one of the attempts does.
pub fn at_once<T: Send>(things: impl IntoIterator<Item = T>, attempt: impl Fn(T) + Sync) {
    std::thread::scope(|scope| {
        for thing in things {
            let attempt = &attempt;
            scope.spawn(move || attempt(thing));
        }
    });
}

/// Returns whether one of several echo requests is answered.
pub fn ping(lab: &Lab, from: &str, to: &str) -> bool {
    ping_as(lab, from, to, None)
}

/// Returns whether one of several echo requests from this source address of the namespace is
/// answered.
pub fn ping_as(lab: &Lab, from: &str, to: &str, source: Option<&str>) -> bool {
    (0..PATIENCE.as_secs()).any(|_| ping_as_now(lab, from, to, source))
}

/// Returns whether the first echo request is answered within a second.
pub fn ping_now(lab: &Lab, from: &str, to: &str) -> bool {
    ping_as_now(lab, from, to, None)
}

/// Returns whether the first echo request from this source address is answered within a second.
pub fn ping_as_now(lab: &Lab, from: &str, to: &str, source: Option<&str>) -> bool {
    let mut words = vec!["ping", "-n", "-c", "1", "-W", "1"];
    words.extend(source.iter().flat_map(|s| ["-I", *s]));
    words.push(to);
    lab.exec(from, &words).expect("ping").status.success()
}

/// Returns whether a TCP connection opens and carries bytes in both directions. The server is
/// started at `to`, the expected place of the address.
pub fn tcp(lab: &Lab, from: &str, to: &str, address: &str) -> bool {
    tcp_within(lab, from, to, address, PATIENCE)
}

/// Returns whether a TCP connection opens and carries bytes in both directions, within a second.
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

/// The result of sending a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Udp {
    /// The datagram did not arrive.
    Lost,
    /// The datagram arrived, but its answer did not.
    Unanswered,
    /// The datagram and its answer arrived.
    Answered,
}

/// Sends a datagram, which the peer answers. A lost datagram is sent again, as any client does.
pub fn udp(lab: &Lab, from: &str, to: &str, address: &str) -> Udp {
    let mut tries = (0..PATIENCE.as_secs()).map(|_| udp_now(lab, from, to, address));
    tries.find(|outcome| *outcome == Udp::Answered).unwrap_or_else(|| udp_now(lab, from, to, address))
}

/// Sends one datagram, which the peer answers, both within a second.
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
    // A missing route counts as a missing answer.
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

/// Returns the unspecified address of the same family.
fn any(address: SocketAddr) -> SocketAddr {
    let ip: IpAddr = if address.is_ipv4() { [0; 4].into() } else { [0u16; 8].into() };
    SocketAddr::new(ip, address.port())
}

/// Returns the number of frames that a device of a namespace has received.
pub fn received(lab: &Lab, place: &str, device: &str) -> u64 {
    let path = format!("/sys/class/net/{device}/statistics/rx_packets");
    let output = lab.exec(place, &["cat", &path]).expect("cat");
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a count")
}
