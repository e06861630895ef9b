//! With the connection tracker: fragments, which it never sees, and ICMP errors, which it knows by what is inside them.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use etherparse::icmpv4::DestUnreachableHeader;
use etherparse::{Icmpv4Type, Icmpv6Type, IpFragOffset, IpNumber, Ipv4Header, PacketBuilder};
use lab::LabOptions;
use portcullis_tests::Running;
use portcullis_tests::frames::{EVERYBODY, emit, mac};

use super::{arrive, heard, introduce};

/// `a` may ask `b` and `d`, and never asks `d`; `c` may do nothing.
const FILE: &str = r#"
[network.n]
bridge = "br0"
subnets = ["10.7.0.0/24", "fd00:7::/64"]
stateful = "conntrack"
[endpoint.a]
attach = [{ network = "n", port = "a0", addresses = ["10.7.0.1", "fd00:7::1"] }]
[endpoint.b]
attach = [{ network = "n", port = "b0", addresses = ["10.7.0.2", "fd00:7::2"] }]
[endpoint.c]
attach = [{ network = "n", port = "c0", addresses = ["10.7.0.3", "fd00:7::3"] }]
[endpoint.d]
attach = [{ network = "n", port = "d0", addresses = ["10.7.0.4", "fd00:7::4"] }]
[exit.world]
network = "n"
port = "w0"
next_hop = ["10.7.0.254"]
[[allow]]
name = "ask"
from = "a"
to = "b"
protocol = "udp"
ports = [5000]
[[allow]]
name = "ask-d"
from = "a"
to = "d"
protocol = "udp"
ports = [5000]
[[allow]]
name = "web"
from = "a"
to = "b"
protocol = "tcp"
ports = [80]
[[allow]]
name = "echo"
from = "a"
to = "b"
protocol = "icmp"
[[allow]]
name = "out"
from = "a"
to = "world"
protocol = "udp"
ports = [5000]
[[allow]]
name = "in"
from = "world"
to = "b"
protocol = "udp"
ports = [5000]
"#;

const ENDS: [(&str, &str); 2] = [("10.7.0.1", "10.7.0.2"), ("fd00:7::1", "fd00:7::2")];

fn socket(net: &Running, place: &str, address: &str, port: u16) -> UdpSocket {
    let at = SocketAddr::new(address.parse().unwrap(), port);
    let socket = net.lab.within(place, || UdpSocket::bind(at)).unwrap().unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    socket
}

/// `a` and `b` know each other, so that nobody asks for a MAC while packets are counted.
fn introduced(net: &Running) {
    for (a, b) in ENDS {
        introduce(net, "a", b, "b");
        introduce(net, "b", a, "a");
    }
}

/// The length of the next datagram, if one comes.
fn next(socket: &UdpSocket) -> Option<(usize, SocketAddr)> {
    let mut buffer = vec![0; 65_536];
    loop {
        match socket.recv_from(&mut buffer) {
            Ok(received) => return Some(received),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => {
                assert!(matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{e}");
                return None;
            }
        }
    }
}

/// Asks with so many bytes, is answered with so many.
fn ask((a, b): (&UdpSocket, &UdpSocket), request: usize, reply: usize) {
    let what = format!("request {request}, reply {reply}");
    a.send_to(&vec![1; request], b.local_addr().unwrap()).unwrap();
    let (length, peer) = next(b).unwrap_or_else(|| panic!("{what}: no request"));
    assert_eq!((length, peer), (request, a.local_addr().unwrap()), "{what}");
    b.send_to(&vec![2; reply], peer).unwrap();
    assert_eq!(next(a).map(|(length, _)| length), Some(reply), "{what}");
}

fn ping(net: &Running, to: &str) -> bool {
    let words = ["ping", "-n", "-c", "2", "-W", "2", "-s", "3000", to];
    net.lab.exec("a", &words).unwrap().status.success()
}

#[test]
fn fragments_of_what_a_rule_allows_pass_both_ways_and_those_of_nothing_else() {
    fragments(FILE);
}

#[test]
fn so_do_those_of_a_network_with_a_vlan() {
    fragments(&FILE.replace("stateful", "vlan = 10\nstateful"));
}

fn fragments(text: &str) {
    let net = Running::start(text, LabOptions::default());
    introduced(&net);
    for (client, server) in ENDS {
        let (a, b) = (socket(&net, "a", client, 6_000), socket(&net, "b", server, 5_000));
        let d = socket(&net, "d", &server.replace("0.2", "0.4").replace("::2", "::4"), 5_000);
        introduce(&net, "d", client, "a");
        let unasked = heard(&net, "a", || {
            d.send_to(&[7; 3_000], a.local_addr().unwrap()).unwrap();
        });
        assert_eq!(unasked, 0, "{server}: nobody had asked");
        for (n, (request, reply)) in
            [(100, 3_000), (3_000, 100), (3_000, 3_000), (100, 60_000), (60_000, 60_000)]
                .into_iter()
                .enumerate()
        {
            // Each time from another port: what the one before taught does not help.
            let a = socket(&net, "a", client, 6_001 + u16::try_from(n).unwrap());
            ask((&a, &b), request, reply);
        }
        assert!(ping(&net, server), "{server}");
        // Not from another service, to another service, to another client, or from another.
        let (other, wrong) = (
            socket(&net, "b", server, 5_001),
            socket(&net, "c", &client.replace("::1", "::3").replace("0.1", "0.3"), 6_000),
        );
        introduce(&net, "b", &wrong.local_addr().unwrap().ip().to_string(), "c");
        introduce(&net, "c", client, "a");
        other.send_to(&[7; 3_000], a.local_addr().unwrap()).unwrap();
        a.send_to(&[7; 3_000], other.local_addr().unwrap()).unwrap();
        let at_c = heard(&net, "c", || {
            b.send_to(&[7; 3_000], wrong.local_addr().unwrap()).unwrap();
        });
        let at_a = heard(&net, "a", || {
            wrong.send_to(&[7; 3_000], a.local_addr().unwrap()).unwrap();
        });
        assert_eq!((at_c, at_a), (0, 0), "{server}");
        a.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        other.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        assert_eq!((next(&a), next(&other)), (None, None), "{server}");
    }
    assert_eq!(net.bridge("br0").unwrap()["drift_repaired"], 0, "what was learned is nobody's meddling");
}

/// Neither those of somebody whom no rule joins, nor those of somebody whom one does.
#[test]
fn first_fragments_without_end_cost_nobody_a_datagram() {
    let net = Running::start(FILE, LabOptions::default());
    let (client, server) = ENDS[0];
    let b = socket(&net, "b", server, 5_000);
    ask((&socket(&net, "a", client, 6_000), &b), 100, 100);
    for (place, from) in [("c", [10, 7, 0, 3]), ("a", [10, 7, 0, 1])] {
        let frames: Vec<Vec<u8>> = (1..=3_000)
            .map(|id| {
                let mut ip = Ipv4Header::new(1_284, 9, IpNumber::UDP, from, [10, 7, 0, 2]).unwrap();
                (ip.identification, ip.more_fragments, ip.dont_fragment) = (id, true, false);
                ip.fragment_offset = IpFragOffset::ZERO;
                let mut frame = [mac(&net.lab, "b"), mac(&net.lab, place)].concat();
                frame.extend([8, 0]);
                ip.header_checksum = ip.calc_header_checksum();
                ip.write(&mut frame).unwrap();
                frame.extend([0x17, 0x70, 0x13, 0x88, 0x0f, 0xa0, 0, 0]);
                frame.resize(14 + 20 + 1_284, 0);
                frame
            })
            .collect();
        // Not faster than the switch takes them.
        for some in frames.chunks(50) {
            emit(&net.lab, place, some);
            std::thread::sleep(Duration::from_millis(5));
        }
        for port in 6_001..6_011 {
            ask((&socket(&net, "a", client, port), &b), 100, 3_000);
        }
    }
    let none = net.lab.appctl(&["dpctl/ipf-get-status"]).unwrap();
    assert!(none.lines().any(|line| line.trim() == "num frag: 0"), "{none}");
}

/// "Too big" about a packet of another: from whom, about what.
fn too_big(net: &Running, sender: &str, source: &str, about: (SocketAddr, SocketAddr), tcp: bool) -> Vec<u8> {
    let mut inner = Vec::new();
    let (from, to) = about;
    let ethernet = PacketBuilder::ethernet2(mac(&net.lab, sender), EVERYBODY);
    let mut frame = Vec::new();
    match (source.parse().unwrap(), from.ip(), to.ip()) {
        (IpAddr::V4(source), IpAddr::V4(a), IpAddr::V4(b)) => {
            let ip = PacketBuilder::ipv4(a.octets(), b.octets(), 60);
            match tcp {
                true => ip.tcp(from.port(), to.port(), 7, 9).ack(1).write(&mut inner, b"").unwrap(),
                false => ip.udp(from.port(), to.port()).write(&mut inner, b"").unwrap(),
            }
            let needed = DestUnreachableHeader::FragmentationNeeded { next_hop_mtu: 1_400 };
            let ip = ethernet.ipv4(source.octets(), a.octets(), 60);
            let icmp = ip.icmpv4(Icmpv4Type::DestinationUnreachable(needed));
            icmp.write(&mut frame, &inner).unwrap();
        }
        (IpAddr::V6(source), IpAddr::V6(a), IpAddr::V6(b)) => {
            let ip = PacketBuilder::ipv6(a.octets(), b.octets(), 60);
            match tcp {
                true => ip.tcp(from.port(), to.port(), 7, 9).ack(1).write(&mut inner, b"").unwrap(),
                false => ip.udp(from.port(), to.port()).write(&mut inner, b"").unwrap(),
            }
            let ip = ethernet.ipv6(source.octets(), a.octets(), 60);
            let icmp = ip.icmpv6(Icmpv6Type::PacketTooBig { mtu: 1_400 });
            icmp.write(&mut frame, &inner).unwrap();
        }
        mixed => panic!("{mixed:?}"),
    }
    frame
}

#[test]
fn errors_about_packets_of_a_connection_reach_both_ends_and_no_others_do() {
    let net = Running::start(FILE, LabOptions::default());
    introduced(&net);
    for (client, server) in ENDS {
        let (a, b) = (socket(&net, "a", client, 6_000), socket(&net, "b", server, 5_000));
        ask((&a, &b), 100, 100);
        let listener = net.lab.within("b", || TcpListener::bind((server, 80))).unwrap().unwrap();
        let wait = Duration::from_secs(5);
        let address = listener.local_addr().unwrap();
        let stream = net.lab.within("a", || TcpStream::connect_timeout(&address, wait)).unwrap().unwrap();
        let _accepted = listener.accept().unwrap();
        let udp = (a.local_addr().unwrap(), b.local_addr().unwrap());
        let tcp = (stream.local_addr().unwrap(), address);
        for ((client_end, server_end), is_tcp) in [(udp, false), (tcp, true)] {
            let error = |from: &str, source: &str, about, to: &str| {
                arrive(&net, from, to, &[too_big(&net, from, source, about, is_tcp)])
            };
            let what = format!("{server}, tcp {is_tcp}");
            assert!(
                error("b", server, (client_end, server_end), "a") > 0,
                "{what}: about the client's packet"
            );
            assert!(
                error("a", client, (server_end, client_end), "b") > 0,
                "{what}: about the server's packet"
            );
            // About a connection that is not, and from somebody else.
            let mut stray = client_end;
            stray.set_port(9);
            assert_eq!(error("a", client, (server_end, stray), "b"), 0, "{what}: about nothing");
            assert_eq!(error("b", server, (stray, server_end), "a"), 0, "{what}: about nothing");
            let third = if client.contains(':') { "fd00:7::3" } else { "10.7.0.3" };
            assert_eq!(error("c", third, (server_end, client_end), "b"), 0, "{what}: from another");
            assert_eq!(error("c", server, (client_end, server_end), "a"), 0, "{what}: as the server");
        }
    }
}

/// Outside: answers both ways, and errors of routers on the way, whose address is neither end's.
#[test]
fn what_is_outside_is_answered_and_its_routers_are_heard() {
    let net = Running::start(FILE, LabOptions::default());
    for (inside, server, outside, router) in [
        ("10.7.0.1", "10.7.0.2", "203.0.113.7", "198.51.100.1"),
        ("fd00:7::1", "fd00:7::2", "2001:db8::7", "2001:db8:1::1"),
    ] {
        let at = |address: &str, port| SocketAddr::new(address.parse().unwrap(), port);
        let datagram = |sender: &str, from: SocketAddr, to: SocketAddr| {
            let ethernet = PacketBuilder::ethernet2(mac(&net.lab, sender), EVERYBODY);
            let ip = match (from.ip(), to.ip()) {
                (IpAddr::V4(a), IpAddr::V4(b)) => ethernet.ipv4(a.octets(), b.octets(), 9),
                (IpAddr::V6(a), IpAddr::V6(b)) => ethernet.ipv6(a.octets(), b.octets(), 9),
                mixed => panic!("{mixed:?}"),
            };
            let mut frame = Vec::new();
            ip.udp(from.port(), to.port()).write(&mut frame, b"frame").unwrap();
            frame
        };
        for (opener, place, responder, answers) in [
            (at(inside, 4_000), "a", at(outside, 5_000), "world"),
            (at(outside, 4_000), "world", at(server, 5_000), "b"),
        ] {
            let answer = || datagram(answers, responder, opener);
            assert_eq!(arrive(&net, answers, place, &[answer()]), 0, "{responder}: unasked");
            assert!(arrive(&net, place, answers, &[datagram(place, opener, responder)]) > 0, "{opener}");
            assert!(arrive(&net, answers, place, &[answer()]) > 0, "{responder}");
        }
        let error = |about| arrive(&net, "world", "a", &[too_big(&net, "world", router, about, false)]);
        assert!(error((at(inside, 4_000), at(outside, 5_000))) > 0, "{router}");
        assert_eq!(error((at(inside, 4_001), at(outside, 5_000))), 0, "{router}: about nothing");
        let about = (at(server, 5_000), at(outside, 4_000));
        assert!(arrive(&net, "world", "b", &[too_big(&net, "world", router, about, false)]) > 0, "{router}");
    }
}
