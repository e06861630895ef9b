//! However a lease ends, nothing is left of what its holder spoke: no learned flow and no tracked connection has its address.

use std::net::Ipv4Addr;
use std::time::Duration;

use etherparse::{IpFragOffset, IpNumber, Ipv4Header};
use lab::LabOptions;
use portcullis_tests::Running;
use portcullis_tests::dhcp::{DhcpMessageType, Message};
use portcullis_tests::frames::{EVERYBODY, mac};

use super::arrive;
use super::conntrack::tracked;
use super::leases::{FILE, FIRST, SECOND, SERVER, WORLD, answers, asks, datagram, lease, lease_for};

/// A little more than the second after which the controller looks again for what an ended lease left.
const AGAIN: Duration = Duration::from_millis(1_300);

/// Somebody outside may open, too.
const VISITS: &str = r#"
[[allow]]
name = "visit"
from = "out"
to = "l1"
protocol = "udp"
ports = [9000]
"#;

fn start(track: bool) -> Running {
    let text = [FILE, VISITS].concat();
    Running::start(&if track { tracked(&text) } else { text }, LabOptions::default())
}

/// The first fragment of a datagram from the client to what is outside.
fn fragment(net: &Running) -> Vec<u8> {
    let mut ip = Ipv4Header::new(1_208, 9, IpNumber::UDP, FIRST.octets(), WORLD.octets()).unwrap();
    (ip.identification, ip.more_fragments, ip.dont_fragment) = (7, true, false);
    ip.fragment_offset = IpFragOffset::ZERO;
    ip.header_checksum = ip.calc_header_checksum();
    let mut frame = [mac(&net.lab, "out"), mac(&net.lab, "l1")].concat();
    frame.extend([8, 0]);
    ip.write(&mut frame).unwrap();
    frame.extend([0x0f, 0xa1, 0, 53, 0x10, 0, 0, 0]);
    frame.resize(14 + 20 + 1_208, 0);
    frame
}

/// What the switch remembers of the first address, but for the lease itself.
fn traces(net: &Running) -> Vec<String> {
    let address = |text: &str| text.split([',', ' ', '=']).any(|word| word == "10.5.0.77");
    let mut flows = net.flows("br0");
    flows.retain(|flow| address(flow) && !flow.contains("table=7,") && !flow.contains("table=8,"));
    let tracked = net.lab.appctl(&["dpctl/dump-conntrack", "netdev@ovs-netdev"]).unwrap();
    flows.extend(tracked.lines().filter(|line| address(line)).map(str::to_owned));
    flows
}

/// A client asks what is outside and hears the answer. What was taught before is taught anew when Open vSwitch next looks at its
/// datapath's flows, so the first answer may come too soon.
fn converse(net: &Running, client: &str) {
    assert!(asks(net, client, FIRST) > 0, "{client} asks");
    net.wait_for("the answer", || (answers(net, client, FIRST) > 0).then_some(()));
}

/// The first client has its address for so many seconds, asks and is asked in every way that there is.
fn speak(net: &Running, seconds: u32) {
    assert!(lease_for(net, "l1", FIRST, seconds));
    converse(net, "l1");
    assert!(arrive(net, "l1", "out", &[fragment(net)]) > 0, "a fragment");
    for (place, from, port) in [("s", SERVER, 8_080), ("out", WORLD, 9_000)] {
        let (there, client) = (mac(&net.lab, place), mac(&net.lab, "l1"));
        let question = datagram((there, client), (from, 4_000), (FIRST, port));
        assert!(arrive(net, place, "l1", &[question]) > 0, "{place} asks");
        let answer = [datagram((client, there), (FIRST, port), (from, 4_000))];
        net.wait_for("the answer of l1", || (arrive(net, "l1", place, &answer) > 0).then_some(()));
    }
    let left = traces(net);
    assert!(left.len() > 3, "{left:#?}");
}

/// Nothing is left, and whoever has the address next gets none of the answers.
fn silent(net: &Running, how: &str) {
    let left = traces(net);
    assert!(left.is_empty(), "{how}: {left:#?}");
    // A second later the controller looks once more, and what is learned before that may go.
    std::thread::sleep(AGAIN);
    assert!(lease(net, "l2", FIRST), "{how}: the next one has it");
    assert_eq!(answers(net, "l2", FIRST), 0, "{how}: answers for the next one");
    converse(net, "l2");
    let client = mac(&net.lab, "l2");
    let release = Message { ciaddr: FIRST, ..Message::of_client(DhcpMessageType::Release, 9, client) };
    assert!(arrive(net, "l2", "s", &[release.request(client, FIRST, SERVER)]) > 0);
    std::thread::sleep(AGAIN);
}

/// What says that a lease ends is answered at once: nothing waits for the look that comes a second later.
fn ends_by_word(track: bool) {
    let net = start(track);
    let (client, server) = (mac(&net.lab, "l1"), mac(&net.lab, "s"));
    let says = |kind| {
        let message = Message { ciaddr: FIRST, ..Message::of_client(kind, 8, client) };
        assert!(arrive(&net, "l1", "s", &[message.request(client, FIRST, SERVER)]) > 0, "{kind:?}");
    };
    speak(&net, 3_600);
    says(DhcpMessageType::Release);
    silent(&net, "given back");

    speak(&net, 3_600);
    says(DhcpMessageType::Request);
    let nak =
        Message { lease: None, ..Message::of_server(DhcpMessageType::Nak, 8, client, Ipv4Addr::UNSPECIFIED) };
    assert!(arrive(&net, "s", "l1", &[nak.answer((server, EVERYBODY), SERVER, Ipv4Addr::BROADCAST)]) > 0);
    silent(&net, "refused when it was to be renewed");

    speak(&net, 3_600);
    assert!(lease(&net, "l1", SECOND));
    silent(&net, "given up for another");
}

#[test]
fn a_lease_that_is_given_back_leaves_nothing() {
    ends_by_word(false);
}

#[test]
fn a_tracked_lease_that_is_given_back_leaves_nothing() {
    ends_by_word(true);
}

/// What ends without a word.
fn ends_by_itself(track: bool) {
    let net = start(track);
    let leased =
        || net.flows("br0").iter().any(|flow| flow.contains("table=7,") && flow.contains("10.5.0.77"));
    let gone = |how: &str| {
        net.wait_for("the lease to end", || (!leased()).then_some(()));
        net.wait_for("its traces to go", || traces(&net).is_empty().then_some(()));
        silent(&net, how);
    };
    speak(&net, 10);
    gone("its time is over");

    speak(&net, 3_600);
    let text = std::fs::read_to_string(&net.path).unwrap();
    let (leased, fixed) = ("port = \"l1\", leased = true", "port = \"l1\", addresses = [\"10.5.0.50\"]");
    let (both, one) = ("name = \"lease\"\nfrom = [\"l1\", \"l2\"]", "name = \"lease\"\nfrom = [\"l2\"]");
    assert!(text.contains(leased) && text.contains(both));
    net.apply(&text.replace(leased, fixed).replace(both, one));
    gone("the file gives it another address");
    net.apply(&text);
    net.settle();

    speak(&net, 3_600);
    net.lab.vsctl(&["del-port", "br0", "l1"]).unwrap();
    gone("its port is gone");
}

#[test]
fn a_lease_that_is_over_leaves_nothing() {
    ends_by_itself(false);
}

#[test]
fn a_tracked_lease_that_is_over_leaves_nothing() {
    ends_by_itself(true);
}
