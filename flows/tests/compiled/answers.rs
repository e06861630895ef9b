//! Answers: once an allowed packet went out, what it asked for comes back to it, and nothing else does.

use std::net::IpAddr;

use flows::compile::TimeContext;
use flows::verify::interp::{Packet, Pipeline, TCP_ACK, TCP_RST, TCP_SYN};
use ofproto::oxm::Field;

use crate::support::{Compiled, DUAL_SOCKET, NOW, file};
use crate::verdict::{Form, Out};

/// A client, its server, and somebody of each kind who is neither; on untagged and tagged networks.
fn network(vlan: bool) -> String {
    let tag = if vlan { "vlan = 10\n" } else { "" };
    let mut text =
        format!("[network.n]\nbridge = \"br0\"\nsubnets = [\"192.168.1.0/24\", \"fd00:1::/64\"]\n{tag}");
    for (n, name) in ["client", "other", "server", "second"].iter().enumerate() {
        let n = n + 1;
        text.push_str(&format!(
            "[endpoint.{name}]\nattach = [{{ network = \"n\", port = \"{name}\", addresses = [\"192.168.1.{n}\", \"fd00:1::{n}\"] }}]\n"
        ));
    }
    text.push_str("[exit.world]\nnetwork = \"n\"\nport = \"world\"\nnext_hop = [\"192.168.1.254\"]\n");
    text
}

fn allow(protocol: &str, ports: &str, more: &str) -> String {
    let ports = if ports.is_empty() { String::new() } else { format!("ports = [{ports}]\n") };
    format!(
        "[[allow]]\nname = \"rule\"\nfrom = [\"client\", \"other\"]\nto = [\"server\", \"second\", \"world\"]\nprotocol = \"{protocol}\"\n{ports}{more}"
    )
}

fn compiled(vlan: bool, rules: &str) -> Compiled {
    Compiled::new(file(&format!("{}{rules}", network(vlan))), "br0", TimeContext::default())
}

/// Who speaks to whom, by port and address.
#[derive(Debug, Clone, Copy)]
struct Side {
    port: &'static str,
    v4: &'static str,
    v6: &'static str,
}

const CLIENT: Side = Side { port: "client", v4: "192.168.1.1", v6: "fd00:1::1" };
const OTHER: Side = Side { port: "other", v4: "192.168.1.2", v6: "fd00:1::2" };
const SERVER: Side = Side { port: "server", v4: "192.168.1.3", v6: "fd00:1::3" };
const SECOND: Side = Side { port: "second", v4: "192.168.1.4", v6: "fd00:1::4" };
const WORLD: Side = Side { port: "world", v4: "203.0.113.7", v6: "2001:db8::7" };
const ROUTER: Side = Side { port: "world", v4: "198.51.100.1", v6: "2001:db8:1::1" };

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const PEER: [u8; 6] = [2, 0, 0, 0, 0, 2];

impl Side {
    fn address(self, v4: bool) -> IpAddr {
        if v4 { self.v4 } else { self.v6 }.parse().unwrap()
    }

    fn to(self, to: Self, v4: bool, proto: u8) -> Packet {
        match (self.address(v4), to.address(v4)) {
            (IpAddr::V4(a), IpAddr::V4(b)) => Packet::ipv4(MAC, PEER, a, b, proto),
            (IpAddr::V6(a), IpAddr::V6(b)) => Packet::ipv6(MAC, PEER, a, b, proto),
            mixed => unreachable!("{mixed:?}"),
        }
    }
}

/// A bridge on which things have been said.
struct Talk<'c> {
    on: &'c Compiled,
    pipeline: Pipeline,
    vlan: Option<u16>,
}

impl<'c> Talk<'c> {
    fn new(on: &'c Compiled, vlan: bool) -> Self {
        Self { on, pipeline: on.pipeline.clone(), vlan: vlan.then_some(10) }
    }

    fn tag(&self, packet: Packet) -> Packet {
        match self.vlan {
            Some(vlan) => packet.tagged(vlan, 0),
            None => packet,
        }
    }

    /// Where a packet comes out, without its being remembered.
    fn outs(&self, at: Side, packet: Packet) -> Vec<Out> {
        self.on.outs_of(&self.pipeline, at.port, &self.tag(packet))
    }

    fn passes(&self, at: Side, packet: Packet, to: Side, what: &str) {
        let expected = vec![Out { port: to.port.to_owned(), vlan: self.vlan, form: Form::Same }];
        assert_eq!(self.outs(at, packet), expected, "{what}");
    }

    fn fails(&self, at: Side, packet: Packet, what: &str) {
        assert_eq!(self.outs(at, packet), vec![], "{what}");
    }

    /// The packet passes, and the switch learns from it.
    fn opens(&mut self, at: Side, packet: Packet, to: Side) {
        self.passes(at, packet.clone(), to, "the opening");
        let outcome = self.pipeline.run(self.on.number(at.port), &self.tag(packet));
        assert!(!outcome.learned.is_empty());
        self.pipeline.learn(outcome.learned);
    }
}

/// Both families, tagged or not, to a neighbour and to the world.
fn everywhere(rules: &str, test: impl Fn(&mut Talk<'_>, bool, Side, Side)) {
    for vlan in [false, true] {
        let on = compiled(vlan, rules);
        for v4 in [true, false] {
            test(&mut Talk::new(&on, vlan), v4, SERVER, SECOND);
            test(&mut Talk::new(&on, vlan), v4, WORLD, SECOND);
        }
    }
}

#[test]
fn tcp_by_service() {
    everywhere(&allow("tcp", "443", ""), |talk, v4, server, second| {
        let tcp = |from: Side, to: Side, src, dst, flags| from.to(to, v4, 6).tcp(src, dst, flags);
        let answer = |flags| tcp(server, CLIENT, 443, 40_000, flags);
        talk.fails(server, answer(TCP_SYN | TCP_ACK), "an answer before the question");
        talk.opens(CLIENT, tcp(CLIENT, server, 40_000, 443, TCP_SYN), server);
        talk.passes(server, answer(TCP_SYN | TCP_ACK), CLIENT, "the answer");
        talk.passes(server, answer(TCP_ACK), CLIENT, "what follows");
        talk.passes(server, answer(TCP_RST), CLIENT, "a reset without ACK");
        talk.passes(server, answer(TCP_RST | TCP_ACK), CLIENT, "a reset");
        talk.fails(server, answer(TCP_SYN), "a connection the other way");
        talk.fails(server, answer(TCP_SYN | TCP_RST), "SYN with RST");
        talk.fails(server, answer(0), "no flags at all");
        talk.fails(server, tcp(server, CLIENT, 444, 40_000, TCP_ACK), "another port of the server");
        talk.fails(second, tcp(second, CLIENT, 443, 40_000, TCP_ACK), "another server");
        talk.fails(second, answer(TCP_ACK), "another port of the bridge, forged");
        talk.fails(server, tcp(server, OTHER, 443, 40_000, TCP_ACK), "another client");
        talk.fails(server, server.to(CLIENT, v4, 17).udp(443, 40_000), "another protocol");
        // By service: the client's port is not part of it. That is its price, and it opens nothing.
        talk.passes(server, tcp(server, CLIENT, 443, 40_001, TCP_ACK), CLIENT, "another port of the client");
    });
}

#[test]
fn tcp_by_connection() {
    everywhere(&allow("tcp", "443", "returns = \"connection\"\n"), |talk, v4, server, second| {
        let tcp = |from: Side, to: Side, src, dst, flags| from.to(to, v4, 6).tcp(src, dst, flags);
        talk.opens(CLIENT, tcp(CLIENT, server, 40_000, 443, TCP_SYN), server);
        talk.passes(server, tcp(server, CLIENT, 443, 40_000, TCP_SYN | TCP_ACK), CLIENT, "the answer");
        talk.passes(server, tcp(server, CLIENT, 443, 40_000, TCP_RST), CLIENT, "a reset");
        talk.fails(server, tcp(server, CLIENT, 443, 40_001, TCP_ACK), "another port of the client");
        talk.fails(server, tcp(server, CLIENT, 444, 40_000, TCP_ACK), "another port of the server");
        talk.fails(second, tcp(second, CLIENT, 443, 40_000, TCP_ACK), "another server");
        talk.fails(server, tcp(server, OTHER, 443, 40_000, TCP_ACK), "another client");
        // What it opened is its own: the other client has one beside it.
        talk.opens(OTHER, tcp(OTHER, server, 40_001, 443, TCP_SYN), server);
        talk.passes(server, tcp(server, OTHER, 443, 40_001, TCP_ACK), OTHER, "the other's answer");
        talk.passes(server, tcp(server, CLIENT, 443, 40_000, TCP_ACK), CLIENT, "the first one's, still");
    });
}

#[test]
fn udp() {
    for (returns, by_service) in
        [("", false), ("returns = \"service\"\n", true), ("returns = \"connection\"\n", false)]
    {
        everywhere(&allow("udp", "53", returns), |talk, v4, server, second| {
            let udp = |from: Side, to: Side, src, dst| from.to(to, v4, 17).udp(src, dst);
            talk.fails(server, udp(server, CLIENT, 53, 40_000), "an answer before the question");
            talk.opens(CLIENT, udp(CLIENT, server, 40_000, 53), server);
            talk.passes(server, udp(server, CLIENT, 53, 40_000), CLIENT, "the answer");
            match by_service {
                true => {
                    talk.passes(server, udp(server, CLIENT, 53, 40_001), CLIENT, "another port of the client")
                }
                false => talk.fails(server, udp(server, CLIENT, 53, 40_001), "another port of the client"),
            }
            talk.fails(server, udp(server, CLIENT, 54, 40_000), "another port of the server");
            talk.fails(second, udp(second, CLIENT, 53, 40_000), "another server");
            talk.fails(second, udp(server, CLIENT, 53, 40_000), "another port of the bridge, forged");
            talk.fails(server, udp(server, OTHER, 53, 40_000), "another client");
            talk.fails(server, server.to(CLIENT, v4, 6).tcp(53, 40_000, TCP_ACK), "another protocol");
        });
    }
}

#[test]
fn sctp() {
    everywhere(&allow("sctp", "5000", ""), |talk, v4, server, second| {
        let sctp = |from: Side, to: Side, src, dst| from.to(to, v4, 132).sctp(src, dst);
        talk.opens(CLIENT, sctp(CLIENT, server, 40_000, 5_000), server);
        talk.passes(server, sctp(server, CLIENT, 5_000, 40_000), CLIENT, "the answer");
        talk.fails(server, sctp(server, CLIENT, 5_000, 40_001), "another port of the client");
        talk.fails(second, sctp(second, CLIENT, 5_000, 40_000), "another server");
        talk.fails(server, sctp(server, OTHER, 5_000, 40_000), "another client");
    });
}

fn icmp(packet: Packet, v4: bool, kind: u8) -> Packet {
    if v4 { packet.icmp(kind, 0) } else { packet.icmpv6(kind, 0) }
}

#[test]
fn echo() {
    everywhere(&allow("icmp", "", ""), |talk, v4, server, second| {
        let (proto, request, reply) = if v4 { (1, 8, 0) } else { (58, 128, 129) };
        let say = |from: Side, to: Side, kind| icmp(from.to(to, v4, proto), v4, kind);
        talk.fails(server, say(server, CLIENT, reply), "an answer before the question");
        talk.opens(CLIENT, say(CLIENT, server, request), server);
        talk.passes(server, say(server, CLIENT, reply), CLIENT, "the answer");
        talk.fails(server, say(server, CLIENT, request), "a question back");
        talk.fails(server, say(server, OTHER, reply), "another client");
        talk.fails(second, say(second, CLIENT, reply), "another server");
    });
}

#[test]
fn any_protocol() {
    everywhere(&allow("any", "", ""), |talk, v4, server, second| {
        let plain = |from: Side, to: Side, proto| from.to(to, v4, proto);
        talk.opens(CLIENT, plain(CLIENT, server, 47), server);
        talk.passes(server, plain(server, CLIENT, 47), CLIENT, "the answer");
        talk.fails(server, plain(server, CLIENT, 50), "another protocol");
        talk.fails(server, plain(server, OTHER, 47), "another client");
        talk.fails(second, plain(second, CLIENT, 47), "another server");
        // TCP and UDP have ports of their own under `any` too.
        talk.opens(CLIENT, plain(CLIENT, server, 6).tcp(40_000, 25, TCP_SYN), server);
        talk.passes(server, plain(server, CLIENT, 6).tcp(25, 40_000, TCP_ACK), CLIENT, "the answer");
        talk.fails(server, plain(server, CLIENT, 6).tcp(25, 40_000, TCP_SYN), "a connection the other way");
        talk.fails(server, plain(server, CLIENT, 6).tcp(26, 40_000, TCP_ACK), "another port");
        talk.opens(CLIENT, plain(CLIENT, server, 17).udp(40_000, 25), server);
        talk.fails(server, plain(server, CLIENT, 17).udp(25, 40_001), "another port of the client");
    });
}

/// An error, or the later part of an answer, passes for whoever spoke to the one who sends it, and for nobody else.
#[test]
fn errors_and_later_fragments() {
    everywhere(&allow("udp", "53", ""), |talk, v4, server, second| {
        let (proto, unreachable, exceeded) = if v4 { (1, 3, 11) } else { (58, 1, 3) };
        let error = |from: Side, to: Side, kind| icmp(from.to(to, v4, proto), v4, kind);
        let later = |from: Side, to: Side| from.to(to, v4, 17).udp(53, 40_000).fragment(true);
        talk.fails(server, error(server, CLIENT, unreachable), "an error before the question");
        talk.fails(server, later(server, CLIENT), "a fragment before the question");
        talk.opens(CLIENT, CLIENT.to(server, v4, 17).udp(40_000, 53), server);
        talk.passes(server, error(server, CLIENT, unreachable), CLIENT, "an error");
        talk.passes(server, error(server, CLIENT, exceeded), CLIENT, "too long");
        talk.passes(server, later(server, CLIENT), CLIENT, "a later fragment");
        talk.fails(server, error(server, OTHER, unreachable), "an error for another");
        talk.fails(server, later(server, OTHER), "a fragment for another");
        talk.fails(second, error(second, CLIENT, unreachable), "an error of another");
        talk.fails(second, later(second, CLIENT), "a fragment of another");
        // The way there is open, for what the rule lets through and for errors about what comes back.
        talk.passes(CLIENT, later(CLIENT, server), server, "the rest of a question");
        talk.passes(CLIENT, error(CLIENT, server, unreachable), server, "an error about the answer");
        if v4 {
            talk.fails(CLIENT, CLIENT.to(server, v4, 6).fragment(true), "another protocol's");
        }
        talk.fails(CLIENT, later(CLIENT, OTHER), "to one who is no server");
        talk.fails(CLIENT, error(CLIENT, OTHER, unreachable), "to one who is no server");
        if v4 {
            talk.fails(server, error(server, CLIENT, 5), "a redirect");
        }
        // Out in the world any router may say that something is unreachable.
        match server.port == ROUTER.port {
            true => talk.passes(ROUTER, error(ROUTER, CLIENT, unreachable), CLIENT, "a router's error"),
            false => {
                talk.fails(ROUTER, error(ROUTER, CLIENT, unreachable), "a router's error about a neighbour")
            }
        }
    });
}

/// By a next hop: the answers come in at its port, with sources from outside, and only answers do.
#[test]
fn by_a_next_hop() {
    const UPDATES: &str = "[network.in]\nbridge = \"br0\"\nsubnets = [\"10.0.0.0/24\"]\n\
        [network.out]\nbridge = \"br1\"\nsubnets = [\"10.0.1.0/24\"]\n\
        [endpoint.client]\nattach = [{ network = \"in\", port = \"client\", addresses = [\"10.0.0.1\"] }]\n\
        [endpoint.other]\nattach = [{ network = \"in\", port = \"other\", addresses = [\"10.0.0.2\"] }]\n\
        [endpoint.gw]\nattach = [{ network = \"in\", port = \"gw\", addresses = [\"10.0.0.4\"], mac = \"02:00:00:00:00:02\" }]\n\
        [exit.wan]\nnetwork = \"out\"\nport = \"wan\"\n\
        [[allow]]\nname = \"up\"\nfrom = \"client\"\nto = \"wan\"\nvia = \"gw\"\nprotocol = \"tcp\"\nports = [80]\n";
    let on = Compiled::new(file(UPDATES), "br0", TimeContext::default());
    let mut talk = Talk::new(&on, false);
    let client = Side { port: "client", v4: "10.0.0.1", v6: "" };
    let gw = Side { port: "gw", v4: "10.0.0.4", v6: "" };
    let world = Side { port: "gw", v4: "203.0.113.7", v6: "" };
    let answer =
        |flags| world.to(client, true, 6).tcp(80, 40_000, flags).with(Field::EthSrc, 0x0200_0000_0002);
    talk.fails(gw, answer(TCP_ACK), "an answer before the question");
    talk.opens(client, client.to(world, true, 6).tcp(40_000, 80, TCP_SYN), gw);
    talk.passes(gw, answer(TCP_SYN | TCP_ACK), client, "the answer");
    talk.fails(gw, answer(TCP_SYN), "a connection the other way");
    talk.fails(gw, answer(TCP_ACK).with(Field::EthSrc, 0x0200_0000_0003), "another MAC than the hop's");
    let of_another = Side { port: "other", ..world };
    talk.fails(of_another, answer(TCP_ACK), "at another port");
}

#[test]
fn what_a_crossing_opens_comes_back_on_both_bridges() {
    let text = DUAL_SOCKET;
    let bridges: Vec<Compiled> = ["vmbr1", "vmbr0"]
        .map(|bridge| Compiled::new(file(text), bridge, TimeContext { now: NOW, ..TimeContext::default() }))
        .into();
    let monitoring = Side { port: "veth202", v4: "10.1.0.202", v6: "" };
    let (to_health, from_health) =
        (Side { port: "to-health", ..monitoring }, Side { port: "from-health", ..monitoring });
    let xray = Side { port: "veth102", v4: "10.0.0.102", v6: "" };
    let probe = monitoring.to(xray, true, 6).tcp(40_000, 8_080, TCP_SYN);
    let mac = 0x0200_0a00_0066;
    let answer = |src, flags| xray.to(monitoring, true, 6).tcp(src, 40_000, flags).with(Field::EthSrc, mac);
    let mut first = Talk::new(&bridges[0], false);
    first.fails(Side { port: "to-health", ..xray }, answer(8_080, TCP_ACK), "an answer before the question");
    first.opens(monitoring, probe.clone(), to_health);
    let mut second = Talk::new(&bridges[1], false);
    second.fails(xray, answer(8_080, TCP_ACK), "an answer before the question");
    let routed =
        vec![Out { port: "veth102".to_owned(), vlan: None, form: Form::Routed([2, 0, 0x0a, 0, 0, 0x66]) }];
    assert_eq!(second.outs(from_health, probe.clone()), routed);
    let outcome = second.pipeline.run(second.on.number("from-health"), &probe);
    second.pipeline.learn(outcome.learned);
    let back = second.pipeline.run(second.on.number("veth102"), &answer(8_080, TCP_SYN | TCP_ACK));
    let [(flows::verify::interp::Output::Port(port), sent)] = back.outputs.as_slice() else {
        panic!("{back:?}")
    };
    assert_eq!(second.on.names[port], "from-health");
    // It goes back as the first one's next hop said it: from the MAC that was asked, to the one that asked.
    assert_eq!(sent.value(Field::EthSrc), probe.value(Field::EthDst));
    assert_eq!(sent.value(Field::EthDst), probe.value(Field::EthSrc));
    first.passes(to_health, sent.clone(), monitoring, "the answer");
    second.fails(xray, answer(8_081, TCP_ACK), "another port");
    second.fails(xray, answer(8_080, TCP_ACK).with(Field::TcpDst, 40_001), "another port of the client");
}

/// A server that whoever is outside may open, on untagged and tagged networks and in both families.
fn published(rules: &str, test: impl Fn(&mut Talk<'_>, bool)) {
    for vlan in [false, true] {
        let on = compiled(vlan, rules);
        for v4 in [true, false] {
            test(&mut Talk::new(&on, vlan), v4);
        }
    }
}

fn from_outside(from: &str, protocol: &str, ports: &str, more: &str) -> String {
    let ports = if ports.is_empty() { String::new() } else { format!("ports = [{ports}]\n") };
    format!(
        "[outside.office]\nexit = \"world\"\naddresses = [\"203.0.113.0/24\", \"2001:db8::/64\"]\n\
         [[allow]]\nname = \"rule\"\nfrom = {from}\nto = \"server\"\nprotocol = \"{protocol}\"\n{ports}{more}"
    )
}

/// Without a word of theirs, and nothing is learned of it.
#[test]
fn those_outside_are_answered_by_tcp() {
    for (from, everybody) in [("\"world\"", true), ("\"office\"", false), ("[\"client\", \"world\"]", true)] {
        published(&from_outside(from, "tcp", "443", ""), |talk, v4| {
            let tcp = |from: Side, to: Side, src, dst, flags| from.to(to, v4, 6).tcp(src, dst, flags);
            let syn = tcp(WORLD, SERVER, 40_000, 443, TCP_SYN);
            talk.passes(WORLD, syn.clone(), SERVER, "the opening");
            assert!(talk.pipeline.run(talk.on.number("world"), &talk.tag(syn)).learned.is_empty());
            talk.passes(SERVER, tcp(SERVER, WORLD, 443, 40_000, TCP_SYN | TCP_ACK), WORLD, "the answer");
            talk.passes(SERVER, tcp(SERVER, WORLD, 443, 9, TCP_ACK), WORLD, "what follows");
            talk.passes(SERVER, tcp(SERVER, WORLD, 443, 9, TCP_RST), WORLD, "a reset");
            talk.fails(SERVER, tcp(SERVER, WORLD, 443, 40_000, TCP_SYN), "a connection the other way");
            talk.fails(SERVER, tcp(SERVER, WORLD, 443, 40_000, TCP_SYN | TCP_RST), "SYN with RST");
            talk.fails(SERVER, tcp(SERVER, WORLD, 444, 40_000, TCP_ACK), "from another port");
            talk.fails(SECOND, tcp(SECOND, WORLD, 443, 40_000, TCP_ACK), "another server");
            talk.fails(SERVER, tcp(SERVER, OTHER, 443, 40_000, TCP_ACK), "another member");
            talk.fails(SERVER, SERVER.to(WORLD, v4, 17).udp(443, 40_000), "another protocol");
            let elsewhere = tcp(SERVER, ROUTER, 443, 40_000, TCP_ACK);
            match everybody {
                true => talk.passes(SERVER, elsewhere, ROUTER, "anybody outside"),
                false => talk.fails(SERVER, elsewhere, "whom the rule does not name"),
            }
        });
    }
    // The next hop is one of those by that exit.
    published(&from_outside("\"world\"", "tcp", "443", ""), |talk, v4| {
        let hop = Side { v4: "192.168.1.254", ..WORLD };
        if v4 {
            talk.passes(SERVER, SERVER.to(hop, v4, 6).tcp(443, 9, TCP_ACK), hop, "the next hop");
        }
    });
    // A member in the same list is told by what he opened.
    published(&from_outside("[\"client\", \"world\"]", "tcp", "443", ""), |talk, v4| {
        let tcp = |from: Side, to: Side, src, dst, flags| from.to(to, v4, 6).tcp(src, dst, flags);
        talk.fails(SERVER, tcp(SERVER, CLIENT, 443, 40_000, TCP_ACK), "an answer before the question");
        talk.opens(CLIENT, tcp(CLIENT, SERVER, 40_000, 443, TCP_SYN), SERVER);
        talk.passes(SERVER, tcp(SERVER, CLIENT, 443, 40_000, TCP_ACK), CLIENT, "the answer");
    });
}

/// By two exits only what was learned says which.
#[test]
fn two_exits_are_told_apart_by_what_was_learned() {
    let more = "[exit.other-world]\nnetwork = \"n\"\nport = \"second-world\"\n";
    published(
        &format!("{more}{}", from_outside("[\"world\", \"other-world\"]", "tcp", "443", "")),
        |talk, v4| {
            let there = Side { port: "second-world", ..WORLD };
            let tcp = |from: Side, to: Side, src, dst, flags| from.to(to, v4, 6).tcp(src, dst, flags);
            talk.fails(SERVER, tcp(SERVER, WORLD, 443, 40_000, TCP_ACK), "an answer before the question");
            talk.opens(there, tcp(there, SERVER, 40_000, 443, TCP_SYN), SERVER);
            talk.passes(SERVER, tcp(SERVER, WORLD, 443, 40_000, TCP_ACK), there, "by the exit it came in by");
        },
    );
}

/// What else they open is learned, for the host and not for its ports, in a table of its own.
#[test]
fn those_outside_are_answered_by_udp_where_they_asked() {
    for (more, by_service) in [("", true), ("returns = \"connection\"\n", false)] {
        published(&from_outside("\"office\"", "udp", "53", more), |talk, v4| {
            let udp = |from: Side, to: Side, src, dst| from.to(to, v4, 17).udp(src, dst);
            let question = udp(WORLD, SERVER, 40_000, 53);
            let learned = talk.pipeline.run(talk.on.number("world"), &talk.tag(question.clone())).learned;
            assert_eq!(
                learned.iter().map(|f| f.table).collect::<Vec<_>>(),
                [flows::compile::layout::VISITORS]
            );
            talk.fails(SERVER, udp(SERVER, WORLD, 53, 40_000), "an answer before the question");
            talk.opens(WORLD, question, SERVER);
            talk.passes(SERVER, udp(SERVER, WORLD, 53, 40_000), WORLD, "the answer");
            match by_service {
                true => talk.passes(SERVER, udp(SERVER, WORLD, 53, 9), WORLD, "another port of the client"),
                false => talk.fails(SERVER, udp(SERVER, WORLD, 53, 9), "another port of the client"),
            }
            talk.fails(SERVER, udp(SERVER, ROUTER, 53, 40_000), "another client");
            talk.fails(SERVER, udp(SERVER, WORLD, 54, 40_000), "from another port");
            talk.fails(SECOND, udp(SECOND, WORLD, 53, 40_000), "another server");
        });
    }
    published(&from_outside("\"world\"", "icmp", "", ""), |talk, v4| {
        let (proto, request, reply) = if v4 { (1, 8, 0) } else { (58, 128, 129) };
        talk.fails(SERVER, icmp(SERVER.to(WORLD, v4, proto), v4, reply), "an answer before the question");
        talk.opens(WORLD, icmp(WORLD.to(SERVER, v4, proto), v4, request), SERVER);
        talk.passes(SERVER, icmp(SERVER.to(WORLD, v4, proto), v4, reply), WORLD, "the answer");
        talk.fails(SERVER, icmp(SERVER.to(ROUTER, v4, proto), v4, reply), "another client");
    });
}

/// What a rule lets through is not cut short, whoever is outside; and whoever learns, learns nothing from it.
#[test]
fn what_has_no_ports_passes_both_ways_from_and_to_the_outside() {
    published(&from_outside("\"office\"", "udp", "53", ""), |talk, v4| {
        let (proto, too_big) = if v4 { (1, 3) } else { (58, 2) };
        let error = |from: Side, to: Side| icmp(from.to(to, v4, proto), v4, too_big);
        let later = |from: Side, to: Side, proto| from.to(to, v4, proto).fragment(true);
        talk.passes(WORLD, later(WORLD, SERVER, 17), SERVER, "the rest of a question");
        talk.passes(SERVER, later(SERVER, WORLD, 17), WORLD, "the rest of an answer");
        if v4 {
            talk.fails(WORLD, later(WORLD, SERVER, 6), "another protocol's");
            talk.fails(SERVER, later(SERVER, WORLD, 6), "another protocol's");
        }
        talk.fails(ROUTER, later(ROUTER, SERVER, 17), "of one whom the rule does not name");
        talk.fails(SERVER, later(SERVER, ROUTER, 17), "to one whom the rule does not name");
        talk.fails(WORLD, later(WORLD, SECOND, 17), "to another server");
        talk.passes(WORLD, error(WORLD, SERVER), SERVER, "the client's error");
        talk.passes(ROUTER, error(ROUTER, SERVER), SERVER, "a router's error");
        talk.passes(SERVER, error(SERVER, WORLD), WORLD, "the server's error");
        talk.fails(SERVER, error(SERVER, ROUTER), "to one whom the rule does not name");
        talk.fails(ROUTER, error(ROUTER, SECOND), "to another server");
        for packet in [later(WORLD, SERVER, 17), error(ROUTER, SERVER)] {
            assert!(talk.pipeline.run(talk.on.number("world"), &talk.tag(packet)).learned.is_empty());
        }
    });
}
