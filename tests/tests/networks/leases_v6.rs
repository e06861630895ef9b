//! IPv6 addresses that hosts get, by DHCPv6 or of what a router advertises: each belongs to the port that has it.

use std::net::Ipv6Addr;

use lab::LabOptions;
use portcullis_tests::Running;
use portcullis_tests::dhcpv6::{Dhcpv6MessageType, Message};
use portcullis_tests::frames::{
    ADVERTISEMENT, Ear, SOLICITATION, emit, icmpv6, mac, nd, router_advertisement, udp6,
};
use portcullis_tests::traffic::ping_as;

use super::must;

/// Two clients of one server, which may ask out; the server may ask the first. `router` is a router's words.
fn file(network: &str, router: &str) -> String {
    format!(
        r#"
[network.l]
bridge = "br0"
subnets = ["fd05::/64"]
gateway = ["fd05::fe"]
{network}
[endpoint.l1]
attach = [{{ network = "l", port = "l1", leased = true, mac = "02:00:00:00:05:01" }}]
[endpoint.l2]
attach = [{{ network = "l", port = "l2", leased = true }}]
[endpoint.s]
attach = [{{ network = "l", port = "s", addresses = ["fd05::9"], mac = "02:00:00:00:05:09"{router} }}]
[endpoint.m]
attach = [{{ network = "l", port = "m", addresses = ["fd05::a"], mac = "02:00:00:00:05:0a" }}]
[exit.out]
network = "l"
port = "lx"
[[allow]]
name = "lease"
from = ["l1", "l2", "m"]
to = "s"
protocol = "dhcp"
[[allow]]
name = "dns"
from = ["l1", "l2"]
to = "out"
protocol = "udp"
ports = [53]
[[allow]]
name = "look"
from = "s"
to = "l1"
protocol = "udp"
ports = [8080]
[[allow]]
name = "ping"
from = ["l1", "l2"]
to = "s"
protocol = "icmp"
[[allow]]
name = "marks"
from = "m"
to = ["l1", "l2", "s", "out"]
protocol = "tcp"
ports = [1]
[[allow]]
name = "talk"
from = "l1"
to = "l2"
protocol = "udp"
ports = [9]
"#
    )
}

const TRACKED: &str = "stateful = \"conntrack\"";
const ROUTER: &str = ", router = true";

const fn host(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfd05, 0, 0, 0, 0, 0, 0, last)
}

const FIRST: Ipv6Addr = host(0x77);
const SECOND: Ipv6Addr = host(0x78);
const OTHER: Ipv6Addr = host(0x79);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const NODES: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];
const WORLD: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10);

/// The link-local address of a MAC (RFC 4291 appendix A).
fn link_local([a, b, c, d, e, f]: [u8; 6]) -> Ipv6Addr {
    Ipv6Addr::from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f])
}

/// A datagram with both ports.
fn datagram(macs: ([u8; 6], [u8; 6]), from: (Ipv6Addr, u16), to: (Ipv6Addr, u16)) -> Vec<u8> {
    let builder = etherparse::PacketBuilder::ethernet2(macs.0, macs.1);
    let mut frame = Vec::new();
    builder.ipv6(from.0.octets(), to.0.octets(), 9).udp(from.1, to.1).write(&mut frame, b"frame").unwrap();
    frame
}

/// Whether a frame from one place comes out at each of others: until what is sent after it is heard there, by way of the
/// controller where it goes that way.
fn comes_out<const N: usize>(net: &Running, from: &str, frame: &[u8], at: [&str; N]) -> [bool; N] {
    let mark = mac(&net.lab, "m");
    let own = host(0xa);
    let ears = at.map(|place| Ear::open(&net.lab, place));
    let server = Ear::open(&net.lab, "s");
    emit(&net.lab, from, &[frame.to_vec()]);
    // (A datapath may change the order of what comes in at once: a second one comes after all.)
    for xid in [1, 2] {
        let asks = Message::new(Dhcpv6MessageType::Solicit, xid, mark, &[]).request(mark, link_local(mark));
        emit(&net.lab, "m", std::slice::from_ref(&asks));
        server.until(|heard| heard == asks);
    }
    let marks = [0, 1].map(|_| nd((mark, NODES), ADVERTISEMENT, own, ALL_NODES, own));
    ears.map(|ear| {
        let mut heard = Vec::new();
        for mark in &marks {
            emit(&net.lab, "m", std::slice::from_ref(mark));
            heard.extend(ear.until(|heard| heard == mark));
        }
        heard.iter().any(|heard| heard == frame)
    })
}

/// Whether a packet of a place as that address comes out at the exit.
fn asks(net: &Running, place: &str, source: Ipv6Addr) -> bool {
    let macs = (mac(&net.lab, place), mac(&net.lab, "out"));
    comes_out(net, place, &datagram(macs, (source, 4_000), (WORLD, 53)), ["out"]) == [true]
}

/// Whether an answer to that address comes out at a place, and nowhere else.
fn answers(net: &Running, place: &str, target: Ipv6Addr) -> bool {
    let macs = (mac(&net.lab, "out"), mac(&net.lab, place));
    let other = if place == "l1" { "l2" } else { "l1" };
    let [here, there] = comes_out(net, "out", &datagram(macs, (WORLD, 53), (target, 4_000)), [place, other]);
    assert!(!there, "{other} hears {place}'s answer");
    here
}

/// A place asks as that address, and is answered, once the last sweep after the address's former lease is over.
fn talks(net: &Running, place: &str, address: Ipv6Addr) {
    net.wait_for("an answer", || (asks(net, place, address) && answers(net, place, address)).then_some(()));
}

/// A client's message; whether the server hears it.
fn says(net: &Running, client: &str, message: &Message) -> bool {
    let mac = mac(&net.lab, client);
    comes_out(net, client, &message.request(mac, link_local(mac)), ["s"]) == [true]
}

/// A server's message; whether the client hears it.
fn replies(net: &Running, client: &str, message: &Message) -> bool {
    let (server, to) = (mac(&net.lab, "s"), mac(&net.lab, client));
    let frame = message.answer((server, to), link_local(server), link_local(to));
    comes_out(net, "s", &frame, [client]) == [true]
}

/// Whether a rule's packet to an address comes out at a place.
fn looks(net: &Running, place: &str, address: Ipv6Addr) -> bool {
    let frame = udp6((mac(&net.lab, "s"), mac(&net.lab, place)), host(9), address, 8_080);
    comes_out(net, "s", &frame, [place]) == [true]
}

/// The client asks by that kind of message, the server gives; whether the client hears of it.
fn lease_by(net: &Running, kind: Dhcpv6MessageType, client: &str, addresses: &[Ipv6Addr]) -> bool {
    let own = mac(&net.lab, client);
    assert!(says(net, client, &Message::new(kind, 7, own, &[])), "{client}: {kind:?}");
    replies(net, client, &Message::new(Dhcpv6MessageType::Reply, 7, own, addresses))
}

fn lease(net: &Running, client: &str, address: Ipv6Addr) -> bool {
    lease_by(net, Dhcpv6MessageType::Request, client, &[address])
}

/// The flows that say at which port an address is.
fn holders(net: &Running, address: Ipv6Addr) -> Vec<String> {
    let last = format!("reg7={:#x}", address.to_bits() & 0xffff_ffff);
    let flows = net.flows("br0").into_iter();
    flows.filter(|f| f.contains("table=8,") && f.split([',', ' ']).any(|word| word == last)).collect()
}

fn what_dhcp_gives_belongs_to_the_port_that_got_it(network: &str) {
    let mut net = Running::start(&file(network, ""), LabOptions::default());
    assert!(!asks(&net, "l1", FIRST), "before it is leased");
    // Rapid commit: the first message is answered at once (RFC 8415 §18.3.1).
    assert!(lease_by(&net, Dhcpv6MessageType::Solicit, "l1", &[FIRST]) && lease(&net, "l2", SECOND));
    assert!(asks(&net, "l1", FIRST) && asks(&net, "l2", SECOND));
    assert!(answers(&net, "l1", FIRST), "the answer");

    // The other's address takes over nothing.
    assert!(!asks(&net, "l2", FIRST), "the other's address");
    assert!(answers(&net, "l1", FIRST), "the answer is still the first one's");
    for nobodys in [host(0), host(0xfe), host(9), OTHER] {
        assert!(!asks(&net, "l2", nobodys), "{nobodys}");
    }
    for nobodys in [host(0), host(0xfe), host(9), WORLD, FIRST] {
        assert!(!lease(&net, "l2", nobodys), "{nobodys} is given");
    }
    // A client may have several, and what it had stays.
    assert!(lease(&net, "l2", OTHER) && asks(&net, "l2", OTHER) && asks(&net, "l2", SECOND));

    // Nobody asked, another exchange, another client, and what no client waits for.
    let own = mac(&net.lab, "l1");
    let reply = |xid, client| Message::new(Dhcpv6MessageType::Reply, xid, client, &[host(0x80)]);
    assert!(!replies(&net, "l1", &reply(8, own)) && !replies(&net, "l1", &reply(7, [2; 6])));
    assert!(!replies(&net, "l1", &Message::new(Dhcpv6MessageType::Reconfigure, 0, own, &[])));
    assert!(!asks(&net, "l1", host(0x80)));
    // A delegated prefix is none of the client's own addresses.
    let prefix = Message {
        prefix: Some((host(0x90), 124)),
        ..Message::new(Dhcpv6MessageType::Reply, 7, own, &[FIRST])
    };
    assert!(replies(&net, "l1", &prefix) && !asks(&net, "l1", host(0x91)));

    // Whoever has an address can be reached at it, and is found by it.
    assert!(looks(&net, "l1", FIRST), "a rule to a leased address");
    assert!(!looks(&net, "l2", SECOND), "no rule");
    let (server, group) = (mac(&net.lab, "s"), "ff02::1:ff00:77".parse().unwrap());
    let solicit = nd((server, [0x33, 0x33, 0xff, 0, 0, 0x77]), SOLICITATION, host(9), group, FIRST);
    assert_eq!(comes_out(&net, "s", &solicit, ["l1", "l2"]), [true, false]);

    // Leases live without the controller, and the next one knows them.
    net.kill_controller();
    let frame = datagram((own, mac(&net.lab, "out")), (FIRST, 4_000), (WORLD, 53));
    let ear = Ear::open(&net.lab, "out");
    emit(&net.lab, "l1", std::slice::from_ref(&frame));
    ear.until(|heard| heard == frame);
    net.start_controller();
    assert!(asks(&net, "l1", FIRST) && answers(&net, "l1", FIRST), "after a restart");
    assert!(!asks(&net, "l2", FIRST));

    // What somebody else writes is taken out.
    let real = holders(&net, FIRST);
    let [real] = real.as_slice() else { panic!("{real:?}") };
    net.lab.ofctl(&["add-flow", "br0", &real.replace("reg7=0x77", "reg7=0x7a")]).unwrap();
    net.wait_for("the forged lease to go", || {
        (!net.flows("br0").iter().any(|f| f.contains("reg7=0x7a"))).then_some(())
    });

    // Renewed, it ends later: the cookie says when.
    let cookie = |flow: &str| flow.split(',').next().unwrap().to_owned();
    let renewal = |valid| Message {
        addresses: vec![(FIRST, valid)],
        ..Message::new(Dhcpv6MessageType::Reply, 7, own, &[])
    };
    assert!(says(&net, "l1", &Message::new(Dhcpv6MessageType::Renew, 7, own, &[FIRST])));
    assert!(replies(&net, "l1", &renewal(7_200)));
    let renewed = holders(&net, FIRST);
    assert!(renewed.len() == 1 && cookie(&renewed[0]) != cookie(real), "{renewed:?}");
    assert!(asks(&net, "l1", FIRST));
    // Or it ends at once.
    assert!(replies(&net, "l1", &renewal(0)) && !asks(&net, "l1", FIRST));

    // Given back, it is nobody's, and nobody's answers come.
    assert!(lease(&net, "l1", FIRST));
    talks(&net, "l1", FIRST);
    assert!(says(&net, "l1", &Message::new(Dhcpv6MessageType::Release, 9, own, &[FIRST])));
    assert!(!asks(&net, "l1", FIRST), "after it was given back");
    assert!(!answers(&net, "l1", FIRST), "the answers that it waited for");
    assert!(lease(&net, "l2", FIRST), "somebody else may have it now");
    talks(&net, "l2", FIRST);
    let declined = Message::new(Dhcpv6MessageType::Decline, 10, mac(&net.lab, "l2"), &[FIRST]);
    assert!(says(&net, "l2", &declined) && !asks(&net, "l2", FIRST), "declined");
}

#[test]
fn what_dhcp_gives_belongs_to_the_port_that_got_it_with_learned_returns() {
    what_dhcp_gives_belongs_to_the_port_that_got_it("");
}

#[test]
fn what_dhcp_gives_belongs_to_the_port_that_got_it_with_tracked_connections_under_a_tag() {
    what_dhcp_gives_belongs_to_the_port_that_got_it(&format!("{TRACKED}\nvlan = 7"));
}

fn who_uses_an_address_first_has_it(network: &str) {
    let mut net = Running::start(&file(network, ROUTER), LabOptions::default());
    let [first, second] = ["l1", "l2"].map(|place| mac(&net.lab, place));
    // Data teaches: whoever has an address already goes on.
    assert!(asks(&net, "l1", FIRST) && answers(&net, "l1", FIRST));
    assert!(!asks(&net, "l2", FIRST), "the other's address");
    assert!(answers(&net, "l1", FIRST), "the answer is still the first one's");
    // Nor does it speak of it; what is right arrives.
    let group = "ff02::1:ff00:9".parse().unwrap();
    let tells = |mac, kind, from, target| {
        nd((mac, NODES), kind, from, if kind == ADVERTISEMENT { ALL_NODES } else { group }, target)
    };
    for (from, kind, target, right) in [
        (FIRST, ADVERTISEMENT, FIRST, false),
        (link_local(second), ADVERTISEMENT, FIRST, false),
        (SECOND, ADVERTISEMENT, FIRST, false),
        (FIRST, ADVERTISEMENT, SECOND, false),
        (FIRST, SOLICITATION, host(9), false),
        (SECOND, ADVERTISEMENT, SECOND, true),
        (SECOND, SOLICITATION, host(9), true),
    ] {
        let heard = comes_out(&net, "l2", &tells(second, kind, from, target), ["s"]);
        assert_eq!(heard, [right], "of type {kind} from {from} about {target}");
    }
    assert!(asks(&net, "l2", SECOND) && !asks(&net, "l1", SECOND), "an advertisement teaches as well");

    // Duplicate address detection teaches before an address is used, and asks whoever has one.
    let probe = |mac: [u8; 6], address: Ipv6Addr| {
        let [.., a, b, c] = address.octets();
        let group = Ipv6Addr::from([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c]);
        let to = (Ipv6Addr::UNSPECIFIED, group);
        icmpv6((mac, [0x33, 0x33, 0xff, a, b, c]), SOLICITATION, to, [0; 4], &address.octets())
    };
    assert_eq!(comes_out(&net, "l1", &probe(first, OTHER), ["s"]), [true]);
    assert!(!asks(&net, "l2", OTHER) && asks(&net, "l1", OTHER));
    assert_eq!(comes_out(&net, "l2", &probe(second, OTHER), ["l1", "s"]), [true, false]);
    assert!(!asks(&net, "l2", OTHER) && asks(&net, "l1", OTHER), "a probe takes nothing");
    // A gateway's address and that of all routers are nobody's.
    for nobodys in [host(0), host(0xfe), host(9)] {
        assert!(!asks(&net, "l2", nobodys), "{nobodys}");
    }

    // What is silent is asked for among all who make addresses; its answer binds it.
    let (silent, server) = (host(0x99), mac(&net.lab, "s"));
    assert!(!looks(&net, "l1", silent), "it is nobody's yet");
    let solicit = nd((server, NODES), SOLICITATION, host(9), "ff02::1:ff00:99".parse().unwrap(), silent);
    assert_eq!(comes_out(&net, "s", &solicit, ["l1"]), [true]);
    let here = nd((first, server), ADVERTISEMENT, silent, host(9), silent);
    assert_eq!(comes_out(&net, "l1", &here, ["s"]), [true]);
    assert!(looks(&net, "l1", silent), "a rule to it");

    // It needs no controller, outlives one, and a reload.
    net.kill_controller();
    // (What tells that nothing comes out would need the controller.)
    let frame = datagram((first, mac(&net.lab, "out")), (host(0x81), 4_000), (WORLD, 53));
    let ear = Ear::open(&net.lab, "out");
    emit(&net.lab, "l1", std::slice::from_ref(&frame));
    ear.until(|heard| heard == frame);
    net.start_controller();
    let holds = |net: &Running| {
        asks(net, "l1", FIRST)
            && answers(net, "l1", FIRST)
            && !asks(net, "l2", FIRST)
            && !asks(net, "l2", host(0x81))
    };
    assert!(holds(&net), "after a restart");
    let text = format!(
        "{}[endpoint.more]\nattach = [{{ network = \"l\", port = \"more\", addresses = [\"fd05::b\"] }}]\n",
        file(network, ROUTER)
    );
    net.apply(&text);
    net.settle();
    assert!(holds(&net), "after a reload");
    assert_eq!(net.metric("portcullis_drift_repaired_total{bridge=\"br0\"}"), 0.0);

    // One port does not have all.
    let many: Vec<_> = (0x200..0x260)
        .map(|last| datagram((second, mac(&net.lab, "out")), (host(last), 4_000), (WORLD, 53)))
        .collect();
    emit(&net.lab, "l2", &many);
    net.wait_for("as many as a port may have", || {
        let of_l2 = format!("load:0x{:x}->", net.ofport("l2"));
        let held = net.flows("br0").iter().filter(|f| f.contains("table=8") && f.contains(&of_l2)).count();
        assert!(held <= 64, "{held}");
        (held == 64).then_some(())
    });
    assert!(!asks(&net, "l2", host(0x300)) && asks(&net, "l2", SECOND));
    assert!(asks(&net, "l1", host(0x300)), "another port has room");

    // What DHCPv6 gives goes to whom it is given, whoever was first.
    assert!(lease(&net, "l1", SECOND) && asks(&net, "l1", SECOND) && !asks(&net, "l2", SECOND));
    assert!(answers(&net, "l1", SECOND));
    assert_eq!(holders(&net, SECOND).len(), 1, "what was learned of it is gone");
    assert!(!lease(&net, "l2", SECOND), "what another has leased");

    // With the port go its addresses.
    net.lab.vsctl(&["del-port", "br0", "l1"]).unwrap();
    net.wait_for("the addresses to go", || holders(&net, FIRST).is_empty().then_some(()));
}

#[test]
fn who_uses_an_address_first_has_it_with_learned_returns() {
    who_uses_an_address_first_has_it("");
}

#[test]
fn who_uses_an_address_first_has_it_with_tracked_connections_under_a_tag() {
    who_uses_an_address_first_has_it(&format!("{TRACKED}\nvlan = 7"));
}

/// A Linux host with addresses of its own making, one of them for privacy (RFC 8981).
#[test]
fn a_host_with_privacy_addresses_talks_from_all_of_them() {
    let net = Running::start(&file("", ROUTER), LabOptions::default());
    must(&net, "l1", &["ip", "addr", "flush", "dev", "eth0", "scope", "global"]);
    for setting in ["accept_dad=1", "accept_ra=2", "use_tempaddr=2"] {
        must(&net, "l1", &["sysctl", "-qw", &format!("net.ipv6.conf.eth0.{setting}")]);
    }
    let router = mac(&net.lab, "s");
    emit(&net.lab, "s", &[router_advertisement(router, link_local(router), host(0))]);
    let ready = || {
        let shown = net
            .lab
            .exec("l1", &["ip", "-6", "-o", "addr", "show", "dev", "eth0", "scope", "global"])
            .unwrap();
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        let usable = |line: &&str| !line.contains("tentative") && line.contains("fd05:");
        let address = |line: &str| line.split_whitespace().nth(3)?.split('/').next().map(str::to_owned);
        let all: Vec<String> = shown.lines().filter(usable).filter_map(address).collect();
        (all.len() == 2 && shown.contains("temporary")).then_some(all)
    };
    let (addresses, _) = net.wait_for("two addresses", ready);
    for address in &addresses {
        assert!(ping_as(&net.lab, "l1", "fd05::9", Some(address)), "from {address}");
        assert!(!asks(&net, "l2", address.parse().unwrap()), "{address} is another's");
    }
    // A duplicate is found out: the one who has the address says so.
    must(&net, "l2", &["sysctl", "-qw", "net.ipv6.conf.eth0.accept_dad=1"]);
    must(&net, "l2", &["ip", "addr", "add", &format!("{}/64", addresses[0]), "dev", "eth0"]);
    net.wait_for("the duplicate to be found out", || {
        let shown = net.lab.exec("l2", &["ip", "-6", "addr", "show", "dev", "eth0"]).unwrap();
        String::from_utf8_lossy(&shown.stdout).contains("dadfailed").then_some(())
    });
}
