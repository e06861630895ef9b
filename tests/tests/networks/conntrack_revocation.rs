//! With the connection tracker: what the file no longer allows passes nothing, between these parties at these ports, also where
//! the switch still remembers the connection.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use etherparse::PacketBuilder;
use lab::LabOptions;
use portcullis_tests::Running;
use portcullis_tests::frames::{EVERYBODY, emit, mac};
use portcullis_tests::ofctl::hex;

use super::{heard, window};

/// `c1` and `c3` may ask `c2`; `c1` may ask it something else while a window is open.
const FILE: &str = r#"
[network.c]
bridge = "br0"
subnets = ["10.3.0.0/24", "fd03::/64"]
stateful = "conntrack"
[network.b]
bridge = "br0"
subnets = ["10.2.0.0/24", "fd02::/64"]
[endpoint.c1]
attach = [{ network = "c", port = "pc1", addresses = ["10.3.0.1", "fd03::1"] }]
[endpoint.c2]
attach = [{ network = "c", port = "pc2", addresses = ["10.3.0.2", "fd03::2"] }]
[endpoint.c3]
attach = [{ network = "c", port = "pc3", addresses = ["10.3.0.3", "fd03::3"] }]
[[allow]]
name = "dns"
from = ["c1", "c3"]
to = "c2"
protocol = "udp"
ports = [53]
[[allow]]
name = "web"
from = "c1"
to = "c2"
protocol = "tcp"
ports = [80]
[[allow]]
name = "by-window"
from = "c1"
to = "c2"
protocol = "udp"
ports = [54]
temp = "cw"
"#;

const ENDS: [(&str, &str); 2] = [("10.3.0.1", "10.3.0.2"), ("fd03::1", "fd03::2")];

/// A datagram for whoever gets it: to everybody's MAC, so that nobody answers it with an error.
fn datagram(net: &Running, sender: &str, (from, sport): (&str, u16), (to, dport): (&str, u16)) -> Vec<u8> {
    let ethernet = PacketBuilder::ethernet2(mac(&net.lab, sender), EVERYBODY);
    let ip = match (from.parse().unwrap(), to.parse().unwrap()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => ethernet.ipv4(from.octets(), to.octets(), 9),
        (IpAddr::V6(from), IpAddr::V6(to)) => ethernet.ipv6(from.octets(), to.octets(), 9),
        mixed => panic!("{mixed:?}"),
    };
    let mut frame = Vec::new();
    ip.udp(sport, dport).write(&mut frame, b"frame").unwrap();
    frame
}

fn requests(net: &Running, port: u16) -> Vec<Vec<u8>> {
    ENDS.map(|(a, b)| datagram(net, "c1", (a, 4_000), (b, port))).into()
}

fn answers(net: &Running, port: u16) -> Vec<Vec<u8>> {
    ENDS.map(|(a, b)| datagram(net, "c2", (b, port), (a, 4_000))).into()
}

/// How many packets of `c2`'s answers the other two hear.
fn answered(net: &Running, port: u16) -> (u64, u64) {
    let mut at_c3 = 0;
    let at_c1 = heard(net, "c1", || at_c3 = heard(net, "c3", || emit(&net.lab, "c2", &answers(net, port))));
    (at_c1, at_c3)
}

/// A request of each family, and the answers to it.
fn talk(net: &Running, port: u16) {
    assert_eq!(heard(net, "c2", || emit(&net.lab, "c1", &requests(net, port))), 2, "requests");
    assert_eq!(answered(net, port), (2, 0), "answers");
}

/// Takes another file into force.
fn reload(net: &Running, text: &str) {
    let flows = net.flows("br0");
    net.reload(text);
    net.wait_for("the file to be in force", || {
        (net.flows("br0") != flows && net.bridge("br0")?["settled"] == true).then_some(())
    });
}

fn edited(edits: &[(&str, &str)]) -> String {
    let mut text = FILE.to_owned();
    for (old, new) in edits {
        assert!(text.contains(old), "{old}");
        text = text.replace(old, new);
    }
    text
}

/// Everything that can take the ground from under a connection of `c1`'s.
fn changes() -> Vec<(&'static str, String)> {
    let left = (r#"from = ["c1", "c3"]"#, r#"from = ["c3"]"#);
    let moved = (
        r#"network = "c", port = "pc1", addresses = ["10.3.0.1", "fd03::1"]"#,
        r#"network = "b", port = "pc1", addresses = ["10.2.0.1", "fd02::1"]"#,
    );
    let alone = (r#"from = "c1""#, r#"from = "c3""#);
    vec![
        ("c1 leaves the rule", edited(&[left])),
        ("c1 is on another network", edited(&[moved, left, alone])),
        (
            "c1 and c3 swap addresses",
            edited(&[
                (r#"["10.3.0.1", "fd03::1"]"#, r#"["10.3.0.9", "fd03::9"]"#),
                (r#"["10.3.0.3", "fd03::3"]"#, r#"["10.3.0.1", "fd03::1"]"#),
                (r#"["10.3.0.9", "fd03::9"]"#, r#"["10.3.0.3", "fd03::3"]"#),
            ]),
        ),
        (
            "c2 is no longer asked",
            edited(&[("from = [\"c1\", \"c3\"]\nto = \"c2\"", "from = [\"c1\", \"c2\"]\nto = \"c3\"")]),
        ),
        ("another service", edited(&[("[53]", "[55]")])),
    ]
}

#[test]
fn a_revoked_connection_passes_nothing() {
    let net = Running::start(FILE, LabOptions::default());
    for (what, text) in changes() {
        talk(&net, 53);
        reload(&net, &text);
        assert_eq!(answered(&net, 53), (0, 0), "{what}");
        // Nor is there anything left for when the old file comes back.
        reload(&net, FILE);
        assert_eq!(answered(&net, 53), (0, 0), "{what}, and back");
    }
    talk(&net, 53);
}

/// What the switch remembers of it counts for nothing either, as if it was flushed too late: a connection with the very label
/// that the rule gave it is there again after the change.
#[test]
fn a_connection_that_outlives_its_rule_passes_nothing() {
    let net = Running::start(FILE, LabOptions::default());
    let label = |port: &str| u64::from(u16::try_from(net.ofport(port)).unwrap());
    let ports = label("pc2") << 16 | label("pc1");
    let cookies = ["udp,", "udp6,"].map(|protocol| {
        let opens = |f: &&String| f.contains(protocol) && f.contains("tp_dst=53") && f.contains("ct(commit");
        let flow = net.flows("br0").iter().find(opens).cloned().unwrap();
        let cookie = flow.split(&['=', ','][..]).nth(1).unwrap().trim_start_matches("0x").to_owned();
        let zone = flow.split("reg0=0x").nth(1).unwrap().split(',').next().unwrap().to_owned();
        (u64::from_str_radix(&cookie, 16).unwrap(), u16::from_str_radix(&zone, 16).unwrap())
    });
    let remember = || {
        for ((cookie, zone), frame) in cookies.iter().zip(requests(&net, 53)) {
            let label = format!("0x{ports:x}{cookie:016x}");
            let text = format!(
                "in_port=LOCAL,packet={},actions=ct(commit,zone={zone},exec(set_field:{label}->ct_label))",
                hex(&frame)
            );
            net.lab.ofctl(&["packet-out", "br0", &text]).unwrap();
        }
    };
    remember();
    assert_eq!(answered(&net, 53), (2, 0), "as if c1 had asked");
    for (what, text) in changes() {
        reload(&net, &text);
        remember();
        assert_eq!(answered(&net, 53), (0, 0), "{what}");
        reload(&net, FILE);
    }
    // c1 is at another port than when it asked.
    let frames = requests(&net, 53);
    talk(&net, 53);
    net.lab.vsctl(&["set", "interface", "pc1", "ofport_request=77"]).unwrap();
    net.wait_for("the port's other number", || (net.ofport("pc1") == 77).then_some(()));
    net.settle();
    remember();
    assert_eq!(answered(&net, 53), (0, 0), "another port");
    assert_eq!(heard(&net, "c2", || emit(&net.lab, "c1", &frames)), 2, "requests");
    assert_eq!(answered(&net, 53), (2, 0), "asked again from there");
}

#[test]
fn a_window_that_was_closed_opens_with_nothing_in_it() {
    let net = Running::start(FILE, LabOptions::default());
    let open = || {
        window(&net, &["open", "cw", "--for", "10m", "--reason", "test"]);
        net.wait_for("the window", || {
            net.flows("br0").iter().any(|f| f.contains("tp_dst=54 ")).then_some(())
        });
        net.settle();
    };
    open();
    talk(&net, 54);
    window(&net, &["close", "cw"]);
    net.wait_for("the window to close", || {
        (!net.flows("br0").iter().any(|f| f.contains("tp_dst=54 "))).then_some(())
    });
    net.settle();
    assert_eq!(answered(&net, 54), (0, 0), "closed");
    open();
    assert_eq!(answered(&net, 54), (0, 0), "c1 has not said a word yet");
    talk(&net, 54);
}

/// Whoever may go on does so with the next packet of the one who opened, when the switch has forgotten the connection.
#[test]
fn an_allowed_connection_outlives_its_being_forgotten() {
    let net = Running::start(FILE, LabOptions::default());
    for address in ["10.3.0.2:80", "[fd03::2]:80"] {
        let address: SocketAddr = address.parse().unwrap();
        let listener = net.lab.within("c2", || TcpListener::bind(address)).unwrap().unwrap();
        let wait = Duration::from_secs(5);
        let mut client =
            net.lab.within("c1", || TcpStream::connect_timeout(&address, wait)).unwrap().unwrap();
        let (mut server, _) = listener.accept().unwrap();
        [&client, &server].iter().for_each(|stream| stream.set_read_timeout(Some(wait)).unwrap());
        for n in 0..2 {
            let mut buffer = [0; 4];
            client.write_all(b"ping").unwrap();
            server.read_exact(&mut buffer).unwrap();
            server.write_all(b"pong").unwrap();
            client.read_exact(&mut buffer).unwrap();
            if n == 0 {
                // Another service of the rule: what is opened to the network's other ports stays.
                reload(&net, &edited(&[("[80]", "[80, 81]")]));
                net.lab.appctl(&["dpctl/flush-conntrack"]).unwrap();
            }
        }
        reload(&net, FILE);
    }
}
