//! Addresses that two endpoints share: whoever announced one last has it, and nobody else takes it.

use std::net::IpAddr;

use etherparse::{IpNumber, PacketBuilder};
use lab::LabOptions;
use portcullis_tests::Running;
use portcullis_tests::frames::{ADVERTISEMENT, EVERYBODY, arp, emit, mac, nd};

use super::heard_by;

fn file(network: &str) -> String {
    format!(
        r#"
[network.n]
bridge = "br0"
subnets = ["10.6.0.0/24", "fd06::/64"]
{network}
[endpoint.c]
attach = [{{ network = "n", port = "pc", addresses = ["10.6.0.3", "fd06::3"] }}]
[endpoint.t]
attach = [{{ network = "n", port = "pt", addresses = ["10.6.0.4", "fd06::4"] }}]
[[endpoint.lb1.attach]]
network = "n"
port = "p1"
mac = "02:00:00:00:06:01"
addresses = [
    "10.6.0.1", "fd06::1",
    {{ address = "10.6.0.100", shared = true, vrid = 51 }},
    {{ address = "fd06::100", shared = true, vrid = 51 }},
]
[[endpoint.lb2.attach]]
network = "n"
port = "p2"
mac = "02:00:00:00:06:02"
addresses = [
    "10.6.0.2", "fd06::2",
    {{ address = "10.6.0.100", shared = true, vrid = 51 }},
    {{ address = "fd06::100", shared = true, vrid = 51 }},
]
[[allow]]
name = "dns"
from = "c"
to = ["lb1", "lb2"]
protocol = "udp"
ports = [53]
[[allow]]
name = "push"
from = ["lb1", "lb2"]
to = "c"
protocol = "udp"
ports = [99]
[[allow]]
name = "failover"
from = ["lb1", "lb2"]
to = ["lb1", "lb2"]
protocol = "vrrp"
[[allow]]
name = "t"
from = "t"
to = "c"
protocol = "udp"
ports = [9]
"#
    )
}

const PLACES: [&str; 4] = ["c", "lb1", "lb2", "t"];
const NODES: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];

/// The addresses of one family.
#[derive(Clone, Copy)]
struct Family {
    client: &'static str,
    third: &'static str,
    routers: [&'static str; 2],
    shared: &'static str,
    virtual_mac: [u8; 6],
    group: &'static str,
}

const FAMILIES: [Family; 2] = [
    Family {
        client: "10.6.0.3",
        third: "10.6.0.4",
        routers: ["10.6.0.1", "10.6.0.2"],
        shared: "10.6.0.100",
        virtual_mac: [0, 0, 0x5e, 0, 1, 51],
        group: "224.0.0.18",
    },
    Family {
        client: "fd06::3",
        third: "fd06::4",
        routers: ["fe80::ff:fe00:601", "fe80::ff:fe00:602"],
        shared: "fd06::100",
        virtual_mac: [0, 0, 0x5e, 0, 2, 51],
        group: "ff02::12",
    },
];

struct Lab {
    net: Running,
    of: Family,
}

impl Lab {
    /// How many packets `c`, `lb1`, `lb2` and `t` hear of a frame.
    fn hear(&self, from: &str, frame: Vec<u8>) -> [u64; 4] {
        heard_by(&self.net, PLACES, || emit(&self.net.lab, from, &[frame]))
    }

    /// A packet of a protocol for whoever gets it: to everybody's MAC, so that nobody answers it with an error.
    fn packet(&self, mac: [u8; 6], from: &str, to: &str, content: Content) -> Vec<u8> {
        let ethernet = PacketBuilder::ethernet2(mac, EVERYBODY);
        let ip = match (from.parse().unwrap(), to.parse().unwrap()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => ethernet.ipv4(from.octets(), to.octets(), 255),
            (IpAddr::V6(from), IpAddr::V6(to)) => ethernet.ipv6(from.octets(), to.octets(), 255),
            mixed => panic!("{mixed:?}"),
        };
        let mut frame = Vec::new();
        match content {
            Content::Udp(from, to) => ip.udp(from, to).write(&mut frame, b"frame").unwrap(),
            Content::Vrrp => ip.write(&mut frame, IpNumber(112), &[0x31, 51, 100, 0, 0, 100, 0, 0]).unwrap(),
        }
        frame
    }

    fn mac(&self, place: &str) -> [u8; 6] {
        mac(&self.net.lab, place)
    }

    /// Who hears what the client asks the shared address.
    fn asked(&self) -> [u64; 4] {
        let frame = self.packet(self.mac("c"), self.of.client, self.of.shared, Content::Udp(4_000, 53));
        self.hear("c", frame)
    }

    /// Who hears an answer from the shared address.
    fn answered(&self, by: &str, mac: [u8; 6]) -> [u64; 4] {
        let frame = self.packet(mac, self.of.shared, self.of.client, Content::Udp(53, 4_000));
        self.hear(by, frame)
    }

    /// Announces the shared address, by a request or by a reply, and sees that it moves. (What a switch forwards by itself it
    /// learns from when it looks at its caches next, which is some hundred milliseconds later.)
    fn take_over(&self, from: &str, mac: [u8; 6], request: bool, holder: [u64; 4]) {
        self.announce(from, mac, request);
        self.net.wait_for("the address to move", || (self.asked() == holder).then_some(()));
    }

    /// Announces the shared address, by a request or by a reply.
    fn announce(&self, from: &str, mac: [u8; 6], request: bool) {
        let frame = match self.of.shared.parse().unwrap() {
            IpAddr::V4(shared) => arp((mac, EVERYBODY), request, shared, shared),
            IpAddr::V6(shared) => nd((mac, NODES), ADVERTISEMENT, shared, "ff02::1".parse().unwrap(), shared),
        };
        emit(&self.net.lab, from, &[frame]);
    }
}

#[derive(Clone, Copy)]
enum Content {
    Udp(u16, u16),
    Vrrp,
}

const NOBODY: [u64; 4] = [0; 4];
const CLIENT: [u64; 4] = [1, 0, 0, 0];
const LB1: [u64; 4] = [0, 1, 0, 0];
const LB2: [u64; 4] = [0, 0, 1, 0];

fn an_address_goes_to_whoever_announced_it_last(network: &str) {
    let mut net = Running::start(&file(network), LabOptions::default());
    for of in FAMILIES {
        let lab = Lab { net, of };
        let [m1, m2, third] = ["lb1", "lb2", "t"].map(|place| lab.mac(place));
        // Nobody has said anything: both hear the request. Who uses the address has it then.
        assert_eq!(lab.asked(), [0, 1, 1, 0], "nobody holds it");
        lab.answered("lb2", m2);
        lab.net.wait_for("lb2 to have it", || (lab.asked() == LB2).then_some(()));
        assert_eq!(lab.answered("lb2", m2), CLIENT);
        assert_eq!(lab.answered("lb1", m1), NOBODY, "lb1 does not hold it");
        assert_eq!(lab.asked(), LB2, "data moves no address");

        for (request, from, mac, holder, other) in
            [(true, "lb1", m1, LB1, "lb2"), (false, "lb2", m2, LB2, "lb1"), (false, "lb1", m1, LB1, "lb2")]
        {
            lab.take_over(from, mac, request, holder);
            assert_eq!(lab.answered(from, mac), CLIENT, "{from} answers");
            assert_eq!(lab.answered(other, lab.mac(other)), NOBODY, "{other} lost it");
            assert_eq!(lab.asked(), holder, "{from} still has it");
        }

        // Nobody else takes it, by whatever MAC.
        for mac in [third, m1, of.virtual_mac] {
            lab.announce("t", mac, true);
            std::thread::sleep(std::time::Duration::from_secs(1));
            assert_eq!(lab.asked(), LB1, "t announced it");
            assert_eq!(lab.answered("t", mac), NOBODY, "t has no right to it");
        }

        // What comes back to the address goes to whoever holds it by then.
        let push = lab.packet(m1, of.shared, of.client, Content::Udp(5_000, 99));
        let pushed = lab.packet(lab.mac("c"), of.client, of.shared, Content::Udp(99, 5_000));
        assert_eq!(lab.hear("c", pushed.clone()), NOBODY, "nobody asked");
        assert_eq!(lab.hear("lb1", push), CLIENT);
        assert_eq!(lab.hear("c", pushed.clone()), LB1);
        lab.take_over("lb2", m2, true, LB2);
        assert_eq!(lab.hear("c", pushed), LB2, "the answer follows");

        // The virtual MAC belongs to the holders.
        lab.take_over("lb1", of.virtual_mac, true, LB1);
        assert_eq!(lab.answered("lb1", of.virtual_mac), CLIENT);
        for (mac, heard) in [(third, CLIENT), (of.virtual_mac, NOBODY)] {
            let frame = lab.packet(mac, of.third, of.client, Content::Udp(5_000, 9));
            assert_eq!(lab.hear("t", frame), heard);
        }

        // Advertisements pass between those whom the rule names.
        for (from, source, mac, heard) in [
            ("lb1", of.routers[0], m1, LB2),
            ("lb1", of.routers[0], of.virtual_mac, LB2),
            ("lb2", of.routers[1], of.virtual_mac, LB1),
            ("lb2", of.routers[0], m2, NOBODY),
            ("t", of.third, third, NOBODY),
            ("t", of.routers[0], of.virtual_mac, NOBODY),
        ] {
            let frame = lab.packet(mac, source, of.group, Content::Vrrp);
            assert_eq!(lab.hear(from, frame), heard, "from {source} at {from}");
        }

        // A takeover needs no controller, and a controller that comes back changes nothing.
        net = lab.net;
        net.kill_controller();
        let lab = Lab { net, of };
        lab.take_over("lb2", m2, true, LB2);
        net = lab.net;
        net.start_controller();
        net.settle();
        let lab = Lab { net, of };
        assert_eq!(lab.asked(), LB2);
        assert_eq!(lab.answered("lb2", m2), CLIENT);
        // A file without lb2 leaves the address to lb1, whatever was announced.
        net = lab.net;
    }
    let alone = file(network).replace(
        "    \"10.6.0.2\", \"fd06::2\",\n    { address = \"10.6.0.100\", shared = true, vrid = 51 },\n    { address = \"fd06::100\", shared = true, vrid = 51 },\n",
        "    \"10.6.0.2\", \"fd06::2\",\n",
    );
    assert_ne!(alone, file(network));
    net.apply(&alone);
    net.settle();
    for of in FAMILIES {
        let lab = Lab { net, of };
        assert_eq!(lab.asked(), LB1, "lb2 may not hold it any more");
        lab.announce("lb2", lab.mac("lb2"), true);
        std::thread::sleep(std::time::Duration::from_secs(1));
        assert_eq!(lab.asked(), LB1);
        net = lab.net;
    }
}

#[test]
fn an_address_goes_to_whoever_announced_it_last_with_learned_returns() {
    an_address_goes_to_whoever_announced_it_last("");
}

#[test]
fn an_address_goes_to_whoever_announced_it_last_with_tracked_connections() {
    an_address_goes_to_whoever_announced_it_last("stateful = \"conntrack\"");
}
