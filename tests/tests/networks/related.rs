//! What belongs to a conversation without its ports: later fragments, ICMP errors; and resets.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use etherparse::icmpv4::DestUnreachableHeader;
use etherparse::{Icmpv4Type, Icmpv6Type, PacketBuilder};
use lab::LabOptions;
use portcullis_tests::frames::{emit, mac};
use portcullis_tests::traffic::ping;
use portcullis_tests::{Running, storms};

use super::{arrive, heard, introduce, must};

/// `a` may ask `b`; nobody else may do anything but be asked by `a` for an echo.
pub(super) const FILE: &str = r#"
[network.n]
bridge = "br0"
subnets = ["10.7.0.0/24", "fd00:7::/64"]
[endpoint.a]
attach = [{ network = "n", port = "a0", addresses = ["10.7.0.1", "fd00:7::1"] }]
[endpoint.b]
attach = [{ network = "n", port = "b0", addresses = ["10.7.0.2", "fd00:7::2"] }]
[endpoint.c]
attach = [{ network = "n", port = "c0", addresses = ["10.7.0.3", "fd00:7::3"] }]
[[allow]]
name = "ask"
from = "a"
to = "b"
protocol = "udp"
ports = [5000, 5001]
purpose = "test"
[[allow]]
name = "web"
from = "a"
to = "b"
protocol = "tcp"
ports = [80, 81]
purpose = "test"
[[allow]]
name = "echo"
from = "a"
to = "c"
protocol = "icmp"
purpose = "test"
"#;

const A: Ipv4Addr = Ipv4Addr::new(10, 7, 0, 1);
const B: Ipv4Addr = Ipv4Addr::new(10, 7, 0, 2);
const C: Ipv4Addr = Ipv4Addr::new(10, 7, 0, 3);
const LONG: usize = 3_000;

fn socket(net: &Running, place: &str, at: &str) -> UdpSocket {
    let socket = net.lab.within(place, || UdpSocket::bind(at)).unwrap().unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    socket
}

/// A long answer of several fragments comes back to the one who asked; the same datagram does not to one who did not.
pub(super) fn long_answers(net: &Running) {
    for (client, server) in [("10.7.0.1:6000", "10.7.0.2:5000"), ("[fd00:7::1]:6000", "[fd00:7::2]:5000")] {
        let (a, b) = (socket(net, "a", client), socket(net, "b", server));
        a.send_to(b"long, please", server.parse::<SocketAddr>().unwrap()).unwrap();
        let mut buffer = [0; 2 * LONG];
        let (_, peer) = b.recv_from(&mut buffer).unwrap();
        b.send_to(&[7; LONG], peer).unwrap();
        let n = loop {
            match a.recv_from(&mut buffer) {
                Ok((n, _)) => break n,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => panic!("{server}: {e}"),
            }
        };
        assert_eq!((n, buffer[0]), (LONG, 7));
    }
    for (source, client, address) in [
        ("10.7.0.3:5000", "10.7.0.1:6000", "10.7.0.1"),
        ("[fd00:7::3]:5000", "[fd00:7::1]:6000", "fd00:7::1"),
    ] {
        let c = socket(net, "c", source);
        introduce(net, "c", address, "a");
        let unasked = heard(net, "a", || {
            c.send_to(&[7; LONG], client.parse::<SocketAddr>().unwrap()).unwrap();
        });
        assert_eq!(unasked, 0, "{source}: nobody had asked");
    }
}

/// An ICMP error about a packet of one's own comes back; one about nothing does not.
pub(super) fn errors(net: &Running) {
    for (client, server) in [("10.7.0.1:0", "10.7.0.2:5001"), ("[fd00:7::1]:0", "[fd00:7::2]:5001")] {
        let a = socket(net, "a", client);
        a.connect(server.parse::<SocketAddr>().unwrap()).unwrap();
        a.send(b"anybody there?").unwrap();
        let refused = a.recv(&mut [0; 16]).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused, "{server}: {refused}");
    }
    // b was asked, c was not.
    assert!(arrive(net, "b", "a", &[unreachable(net, "b", B)]) > 0);
    assert_eq!(arrive(net, "c", "a", &[unreachable(net, "c", C)]), 0);
    assert_eq!(arrive(net, "c", "a", &[unreachable(net, "c", B)]), 0, "as b");
}

/// "Port unreachable", to a.
fn unreachable(net: &Running, from: &str, source: Ipv4Addr) -> Vec<u8> {
    error(net, (from, "a"), source, A, DestUnreachableHeader::Port)
}

/// An error of a place about what another is said to have sent there.
fn error(
    net: &Running,
    (from, to): (&str, &str),
    source: Ipv4Addr,
    target: Ipv4Addr,
    what: DestUnreachableHeader,
) -> Vec<u8> {
    let macs = (mac(&net.lab, from), mac(&net.lab, to));
    let about = PacketBuilder::ipv4(target.octets(), source.octets(), 60).udp(6_000, 5_001);
    let mut inner = Vec::new();
    about.write(&mut inner, b"").unwrap();
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(macs.0, macs.1)
        .ipv4(source.octets(), target.octets(), 60)
        .icmpv4(Icmpv4Type::DestinationUnreachable(what))
        .write(&mut frame, &inner)
        .unwrap();
    frame
}

/// "Packet too big", likewise.
fn too_big(net: &Running, (from, to): (&str, &str), source: &str, target: &str) -> Vec<u8> {
    let address = |text: &str| text.parse::<Ipv6Addr>().unwrap().octets();
    let macs = (mac(&net.lab, from), mac(&net.lab, to));
    let about = PacketBuilder::ipv6(address(target), address(source), 60).tcp(80, 6_000, 7, 9);
    let mut inner = Vec::new();
    about.write(&mut inner, b"").unwrap();
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(macs.0, macs.1)
        .ipv6(address(source), address(target), 60)
        .icmpv6(Icmpv6Type::PacketTooBig { mtu: 1_280 })
        .write(&mut frame, &inner)
        .unwrap();
    frame
}

/// A datagram there and one back, each of so many bytes.
fn exchange(client: &UdpSocket, server: &UdpSocket, to: &str, bytes: (usize, usize)) {
    client.send_to(&vec![7; bytes.0], to.parse::<SocketAddr>().unwrap()).unwrap();
    let mut buffer = [0; 20_000];
    let (n, peer) = server.recv_from(&mut buffer).unwrap_or_else(|e| panic!("{to}: {bytes:?}: {e}"));
    assert_eq!(n, bytes.0);
    server.send_to(&vec![8; bytes.1], peer).unwrap();
    let (n, _) = client.recv_from(&mut buffer).unwrap_or_else(|e| panic!("from {to}: {bytes:?}: {e}"));
    assert_eq!(n, bytes.1);
}

/// What is too long for a frame gets there as well as back, and nowhere without a rule.
pub(super) fn long_requests(net: &Running) {
    for (client, server) in [("10.7.0.1:6000", "10.7.0.2:5000"), ("[fd00:7::1]:6000", "[fd00:7::2]:5000")] {
        let (a, b) = (socket(net, "a", client), socket(net, "b", server));
        for bytes in [(LONG, 100), (LONG, LONG), (100, 12_000)] {
            exchange(&a, &b, server, bytes);
        }
    }
    for target in ["10.7.0.3", "fd00:7::3"] {
        must(net, "a", &["ping", "-n", "-c", "1", "-W", "5", "-s", "3000", target]);
    }
    for (source, target, address) in [
        ("10.7.0.3:6000", "10.7.0.2:5000", "10.7.0.2"),
        ("[fd00:7::3]:6000", "[fd00:7::2]:5000", "fd00:7::2"),
    ] {
        let c = socket(net, "c", source);
        introduce(net, "c", address, "b");
        let unasked = heard(net, "b", || {
            c.send_to(&[7; LONG], target.parse::<SocketAddr>().unwrap()).unwrap();
        });
        assert_eq!(unasked, 0, "{source}: no rule");
    }
    assert!(
        net.flows("br0").iter().all(|f| !f.contains("table=1,") || !f.contains("tp_dst=0")),
        "nothing is learned from what has no ports"
    );
}

/// Errors about what a server sends get to it, of those whom a rule lets speak to it.
pub(super) fn errors_to_the_server(net: &Running) {
    const NEEDED: DestUnreachableHeader = DestUnreachableHeader::FragmentationNeeded { next_hop_mtu: 1_280 };
    assert!(arrive(net, "a", "b", &[error(net, ("a", "b"), A, B, NEEDED)]) > 0);
    assert!(arrive(net, "a", "b", &[too_big(net, ("a", "b"), "fd00:7::1", "fd00:7::2")]) > 0);
    assert_eq!(arrive(net, "c", "b", &[error(net, ("c", "b"), C, B, NEEDED)]), 0);
    assert_eq!(arrive(net, "c", "b", &[error(net, ("c", "b"), A, B, NEEDED)]), 0, "as a");
    assert_eq!(arrive(net, "c", "b", &[too_big(net, ("c", "b"), "fd00:7::3", "fd00:7::2")]), 0);
    // Nobody spoke to a.
    assert_eq!(arrive(net, "b", "a", &[error(net, ("b", "a"), B, A, NEEDED)]), 0);
}

#[test]
fn a_long_request_gets_there() {
    long_requests(&Running::start(FILE, LabOptions::default()));
}

#[test]
fn an_icmp_error_gets_to_the_server_that_it_is_about() {
    errors_to_the_server(&Running::start(FILE, LabOptions::default()));
}

/// A server that anybody outside may open: long answers, and errors of any router on the way.
#[test]
fn long_answers_and_errors_pass_between_a_server_and_anybody_outside() {
    const NEEDED: DestUnreachableHeader = DestUnreachableHeader::FragmentationNeeded { next_hop_mtu: 1_280 };
    let net = Running::start(storms::FILE, LabOptions::default());
    storms::populate(&net.lab);
    let (nginx, up) = (*storms::WEB.ip(), storms::STRANGER);
    let error = |pair, source, target| error(&net, pair, source, target, NEEDED);
    assert!(arrive(&net, "up", "nginx", &[error(("up", "nginx"), up, nginx)]) > 0, "a router's");
    assert!(arrive(&net, "nginx", "up", &[error(("nginx", "up"), nginx, up)]) > 0, "the server's");
    let gateway = storms::GATEWAY;
    assert_eq!(
        arrive(&net, "up", "gateway", &[error(("up", "gateway"), up, gateway)]),
        0,
        "to nobody's server"
    );
    let client = socket(&net, "internet", &format!("{}:6000", storms::client(1)));
    let server = socket(&net, "wg", &storms::VPN.to_string());
    for bytes in [(100, 100), (LONG, LONG), (100, 12_000)] {
        exchange(&client, &server, &storms::VPN.to_string(), bytes);
    }
}

/// A port at which nobody listens says so at once.
pub(super) fn refusals(net: &Running) {
    for server in ["10.7.0.2:81", "[fd00:7::2]:81"] {
        let address = server.parse::<SocketAddr>().unwrap();
        let refused = net.lab.within("a", || TcpStream::connect_timeout(&address, Duration::from_secs(5)));
        assert_eq!(refused.unwrap().unwrap_err().kind(), ErrorKind::ConnectionRefused, "{server}");
    }
}

#[test]
fn a_long_answer_comes_back_to_the_one_who_asked() {
    long_answers(&Running::start(FILE, LabOptions::default()));
}

#[test]
fn an_icmp_error_comes_back_to_the_one_whom_it_is_about() {
    errors(&Running::start(FILE, LabOptions::default()));
}

#[test]
fn a_closed_port_resets_at_once() {
    let net = Running::start(FILE, LabOptions::default());
    refusals(&net);
    // A server that lost its connection resets without ACK (RFC 9293 §3.5.2): a flow of its own lets that pass.
    assert!(ping(&net.lab, "a", "10.7.0.3"));
    introduce(&net, "a", "10.7.0.2", "b");
    introduce(&net, "b", "10.7.0.1", "a");
    let macs = (mac(&net.lab, "a"), mac(&net.lab, "b"));
    let mut stray = Vec::new();
    let tcp = PacketBuilder::ethernet2(macs.0, macs.1).ipv4(A.octets(), B.octets(), 60).tcp(6_001, 80, 7, 9);
    tcp.ack(1).write(&mut stray, b"").unwrap();
    assert!(heard(&net, "a", || emit(&net.lab, "a", &[stray])) > 0, "the reset");
    net.wait_for("the reset to be counted", || {
        let now =
            net.flows_with_stats("br0").into_iter().find(|f| f.contains("tp_src=80") && f.contains("+rst"));
        now.is_some_and(|f| !f.contains("n_packets=0,")).then_some(())
    });
}
