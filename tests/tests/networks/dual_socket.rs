//! What `dual-socket.toml` must mean, row by row, with real packets on a real Open vSwitch.

use std::time::Duration;

use ipnetwork::IpNetwork;
use lab::{ExtraPort, LabOptions};
use portcullis_tests::Running;
use portcullis_tests::frames::{arp, emit, mac};
use portcullis_tests::ofctl::is_learned;
use portcullis_tests::running::{dual_socket as file, dual_socket_without as without};
use portcullis_tests::traffic::{
    Udp, at_once, ping, ping_as, ping_as_now, ping_now, received, tcp, tcp_now, udp, udp_now,
};

const INTERNET: &str = "198.51.100.10";

/// The learned flows of a bridge.
fn learned(net: &Running, bridge: &str) -> Vec<String> {
    net.flows_with_stats(bridge).into_iter().filter(|f| f.contains(" table=1,") && is_learned(f)).collect()
}

/// Tells a place its neighbours' MACs, so that it is not ARP alone that stops its packets.
fn introduce(net: &Running, place: &str, neighbours: &[(&str, &str)]) {
    for (neighbour, address) in neighbours {
        let mac = mac(&net.lab, neighbour).map(|b| format!("{b:02x}")).join(":");
        let words = ["ip", "neigh", "replace", address, "lladdr", &mac, "dev", "eth0"];
        let output = net.lab.exec(place, &words).unwrap();
        assert!(output.status.success(), "{place}: {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

const GATEWAY: (&str, &str) = ("gateway", "10.0.0.100");
const XRAY: (&str, &str) = ("xray", "10.0.0.102");

#[test]
fn privacy_members_leave_through_warp() {
    let net = Running::dual_socket();
    for from in ["gateway", "xray", "nm-privacy"] {
        assert!(ping(&net.lab, from, INTERNET), "{from}: ping");
        assert!(tcp(&net.lab, from, "internet", &format!("{INTERNET}:443")), "{from}: TCP");
        assert_eq!(udp(&net.lab, from, "internet", &format!("{INTERNET}:53")), Udp::Answered, "{from}: UDP");
    }
    // The gateway also sends from its VPN pool, and WARP's next hop may itself be reached.
    assert!(ping_as(&net.lab, "gateway", INTERNET, Some("10.8.0.2")));
    assert!(ping(&net.lab, "gateway", "10.0.0.1"));

    // The answers came by learned flows, each bound to WARP's port and with a timeout of its own.
    let flows = learned(&net, "vmbr0");
    assert!(flows.len() >= 10, "{flows:#?}");
    for flow in &flows {
        assert!(flow.contains("in_port=warp0") && flow.contains("hard_timeout="), "{flow}");
        // The companion that lets resets through has nothing to do where nobody resets.
        assert!(!flow.contains("n_packets=0") || flow.contains("tcp_flags=-syn+rst"), "{flow}");
    }
}

#[test]
fn without_its_rule_nothing_leaves_through_warp() {
    let net = Running::start(&without("warp-egress"), LabOptions::default());
    for from in ["gateway", "xray", "nm-privacy"] {
        assert!(!ping_now(&net.lab, from, INTERNET), "{from}: ping");
        assert!(!tcp_now(&net.lab, from, "internet", &format!("{INTERNET}:443")), "{from}: TCP");
    }
}

#[test]
fn answers_pass_only_by_learned_flows() {
    let net = Running::dual_socket();
    let server = net.lab.within("internet", || std::net::UdpSocket::bind("0.0.0.0:4000")).unwrap().unwrap();
    let client = net.lab.within("gateway", || std::net::UdpSocket::bind("0.0.0.0:4001")).unwrap().unwrap();
    for socket in [&server, &client] {
        socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    }
    let mut buffer = [0; 8];
    client.send_to(b"open", (INTERNET, 4000)).unwrap();
    let (_, peer) = server.recv_from(&mut buffer).expect("the packet that opens");
    server.send_to(b"answer", peer).unwrap();
    client.recv_from(&mut buffer).expect("the answer");
    // From another port of the same server: nobody asked for that.
    let other = net.lab.within("internet", || std::net::UdpSocket::bind("0.0.0.0:4002")).unwrap().unwrap();
    other.send_to(b"unasked", peer).unwrap();
    client.recv_from(&mut buffer).expect_err("an unasked packet came through");
    // And with the learned flow gone, the same answer is unasked too.
    // The opening packet's statistics, pushed late, may learn it once more: delete until it stays away.
    net.wait_for("the learned flow to be gone", || {
        net.lab.ofctl(&["del-flows", "vmbr0", "table=1,udp"]).unwrap();
        std::thread::sleep(Duration::from_secs(1));
        (!learned(&net, "vmbr0").iter().any(|f| f.contains("udp"))).then_some(())
    });
    server.send_to(b"answer", peer).unwrap();
    client.recv_from(&mut buffer).expect_err("an answer without a return flow came through");
}

#[test]
fn vpn_clients_reach_the_gateway() {
    let net = Running::dual_socket();
    introduce(&net, "xray", &[GATEWAY]);
    introduce(&net, "nm-privacy", &[XRAY]);
    for from in ["internet", "warp", "nm-privacy"] {
        assert_eq!(udp(&net.lab, from, "gateway", "10.0.0.100:51820"), Udp::Answered, "{from}");
        assert_eq!(udp_now(&net.lab, from, "gateway", "10.0.0.100:51821"), Udp::Lost, "{from}: another port");
        assert_eq!(udp_now(&net.lab, from, "xray", "10.0.0.102:51820"), Udp::Lost, "{from}: another host");
    }
    assert_eq!(
        udp_now(&net.lab, "xray", "gateway", "10.0.0.100:51820"),
        Udp::Lost,
        "a member is no VPN client"
    );
}

#[test]
fn without_their_rule_vpn_clients_do_not() {
    let net = Running::start(&without("vpn-clients"), LabOptions::default());
    introduce(&net, "nm-privacy", &[GATEWAY]);
    for from in ["internet", "nm-privacy"] {
        assert_eq!(udp_now(&net.lab, from, "gateway", "10.0.0.100:51820"), Udp::Lost, "{from}");
    }
}

#[test]
fn nobody_reaches_privacy_unasked() {
    let net = Running::dual_socket();
    for place in ["warp", "nm-privacy"] {
        introduce(&net, place, &[GATEWAY, XRAY]);
    }
    let before = net.metric("portcullis_denied_packets_total{bridge=\"vmbr0\",reason=\"not-allowed\"}");
    for from in ["internet", "warp", "nm-privacy"] {
        at_once([("gateway", "10.0.0.100"), ("xray", "10.0.0.102")], |(to, address)| {
            assert!(!ping_now(&net.lab, from, address), "{from} → {to}: ping");
            assert!(!tcp_now(&net.lab, from, to, &format!("{address}:443")), "{from} → {to}: TCP");
            assert_eq!(
                udp_now(&net.lab, from, to, &format!("{address}:53")),
                Udp::Lost,
                "{from} → {to}: UDP"
            );
        });
    }
    // The drops are counted, with their reason.
    net.wait_for("the denies to be counted", || {
        let now = net.metric("portcullis_denied_packets_total{bridge=\"vmbr0\",reason=\"not-allowed\"}");
        (now >= before + 12.0).then_some(())
    });
}

#[test]
fn privacy_members_do_not_reach_each_other() {
    let net = Running::dual_socket();
    introduce(&net, "gateway", &[XRAY]);
    introduce(&net, "xray", &[GATEWAY]);
    assert_eq!(udp_now(&net.lab, "gateway", "xray", "10.0.0.102:53"), Udp::Lost);
    assert_eq!(udp_now(&net.lab, "xray", "gateway", "10.0.0.100:53"), Udp::Lost);
    assert!(!ping_now(&net.lab, "gateway", "10.0.0.102"));
    assert!(!tcp_now(&net.lab, "gateway", "xray", "10.0.0.102:443"));
    assert!(!ping_now(&net.lab, "xray", "10.0.0.100"));
    assert!(!tcp_now(&net.lab, "xray", "gateway", "10.0.0.100:443"));
}

#[test]
fn unless_a_rule_says_so() {
    let rule = "[[allow]]\nname = \"proxy\"\nfrom = \"gateway\"\nto = \"xray\"\nprotocol = \"tcp\"\nports = [443]\npurpose = \"test\"\n";
    let net = Running::start(&format!("{}\n{rule}", file()), LabOptions::default());
    introduce(&net, "nm-privacy", &[XRAY]);
    introduce(&net, "xray", &[("nm-privacy", "10.0.0.50")]);
    assert!(tcp(&net.lab, "gateway", "xray", "10.0.0.102:443"));
    assert!(!tcp_now(&net.lab, "gateway", "xray", "10.0.0.102:444"), "another port");
    assert!(!tcp_now(&net.lab, "nm-privacy", "xray", "10.0.0.102:443"), "somebody else");
    assert!(!tcp_now(&net.lab, "xray", "gateway", "10.0.0.100:443"), "the other way");
}

#[test]
fn the_api_is_reached_by_those_who_may() {
    let net = Running::dual_socket();
    for from in ["mcp", "monitoring", "nm-mgmt"] {
        for port in [9573, 9574] {
            assert!(tcp(&net.lab, from, "api", &format!("10.1.0.201:{port}")), "{from}: {port}");
        }
    }
    introduce(&net, "nm-mgmt", &[("mcp", "10.1.0.200")]);
    introduce(&net, "api", &[("nm-mgmt", "10.1.0.50")]);
    assert!(!tcp_now(&net.lab, "nm-mgmt", "api", "10.1.0.201:9575"), "another port from the mesh");
    assert_eq!(udp_now(&net.lab, "nm-mgmt", "mcp", "10.1.0.200:514"), Udp::Lost, "a member's privilege");
    assert!(!tcp_now(&net.lab, "nm-mgmt", "mcp", "10.1.0.200:9573"), "another host from the mesh");
    assert!(!ping_now(&net.lab, "nm-mgmt", "10.1.0.201"), "another protocol from the mesh");
    assert!(!tcp_now(&net.lab, "api", "nm-mgmt", "10.1.0.50:9573"), "the other way");
}

#[test]
fn without_its_rule_the_api_is_closed_to_the_mesh() {
    let net = Running::start(&without("op-dbus-api"), LabOptions::default());
    introduce(&net, "nm-mgmt", &[("api", "10.1.0.201")]);
    introduce(&net, "api", &[("nm-mgmt", "10.1.0.50")]);
    assert!(!tcp_now(&net.lab, "nm-mgmt", "api", "10.1.0.201:9573"));
}

#[test]
fn management_members_talk_among_themselves() {
    let net = Running::dual_socket();
    assert!(ping(&net.lab, "mcp", "10.1.0.202"));
    assert!(tcp(&net.lab, "mcp", "monitoring", "10.1.0.202:3000"));
    assert!(tcp(&net.lab, "monitoring", "mcp", "10.1.0.200:22"));
    assert_eq!(udp(&net.lab, "api", "mcp", "10.1.0.200:514"), Udp::Answered);
}

#[test]
fn not_when_the_network_says_otherwise() {
    let net =
        Running::start(&file().replace("inside = \"allow\"", "inside = \"deny\""), LabOptions::default());
    assert!(!ping_now(&net.lab, "mcp", "10.1.0.202"));
    assert!(!tcp_now(&net.lab, "mcp", "monitoring", "10.1.0.202:3000"));
}

fn extra(bridge: &str, port: &str, address: &str) -> ExtraPort {
    ExtraPort {
        name: port.to_owned(),
        bridge: bridge.to_owned(),
        port: port.to_owned(),
        addresses: vec![address.parse::<IpNetwork>().unwrap()],
        ..ExtraPort::default()
    }
}

#[test]
fn a_port_that_the_file_does_not_name_reaches_nobody() {
    let options = LabOptions {
        extra: vec![
            extra("mesh-privacy", "stray0", "10.0.0.60/24"),
            extra("vmbr0", "stray1", "10.0.0.61/24"),
            extra("vmbr1", "stray2", "10.1.0.61/24"),
            extra("mesh-mgmt", "stray3", "10.1.0.60/24"),
        ],
        ..LabOptions::default()
    };
    let net = Running::dual_socket_with(options);
    for (from, to) in [
        ("stray0", "10.0.0.50"),
        ("stray0", "10.0.0.1"),
        ("stray1", "10.0.0.1"),
        ("stray1", "10.0.0.100"),
        ("stray2", "10.1.0.201"),
        ("stray2", "10.1.0.1"),
        ("stray3", "10.1.0.50"),
    ] {
        assert!(!ping_now(&net.lab, from, to), "{from} → {to}");
    }
    // On a bridge with networks an address of theirs has an owner, and that is what the packet fails on.
    net.wait_for("the drops to be counted", || {
        let counted = [
            ("vmbr0", "spoofed"),
            ("vmbr1", "spoofed"),
            ("mesh-privacy", "unknown-port"),
            ("mesh-mgmt", "unknown-port"),
        ];
        let denied = |(bridge, reason): &(&str, &str)| {
            net.metric(&format!("portcullis_denied_packets_total{{bridge=\"{bridge}\",reason=\"{reason}\"}}"))
                > 0.0
        };
        counted.iter().all(denied).then_some(())
    });
    // The mesh itself is forwarded all the same.
    assert!(ping(&net.lab, "nm-privacy", INTERNET));
}

/// A host that routes between its internal ports: the leak that the pasted flows have.
fn forwarding_host() -> LabOptions {
    LabOptions {
        host_forwards: true,
        host_addresses: vec![("vmbr0".to_owned(), "10.0.0.254/24".parse().unwrap())],
        ..LabOptions::default()
    }
}

/// Sends everything for the other network to the host.
fn by_way_of_the_host(net: &Running) {
    for (place, network, host) in [
        ("gateway", "10.1.0.0/24", "10.0.0.254"),
        ("xray", "10.1.0.0/24", "10.0.0.254"),
        ("warp", "10.1.0.0/24", "10.0.0.254"),
        ("nm-privacy", "10.1.0.0/24", "10.0.0.254"),
        ("mcp", "10.0.0.0/24", "10.1.0.1"),
        ("api", "10.0.0.0/24", "10.1.0.1"),
    ] {
        // The neighbour is pinned, so that it is not ARP alone that stops the packets.
        let mac = net
            .lab
            .plan()
            .bridges
            .iter()
            .find(|b| b.name == if host == "10.1.0.1" { "vmbr1" } else { "vmbr0" });
        let mac = mac.unwrap().mac.map(|b| format!("{b:02x}")).join(":");
        for words in [
            &["ip", "route", "replace", network, "via", host][..],
            &["ip", "neigh", "replace", host, "lladdr", &mac, "dev", "eth0"],
        ] {
            let output = net.lab.exec(place, words).unwrap();
            assert!(
                output.status.success(),
                "{place}: {words:?}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
}

#[test]
fn a_host_that_forwards_joins_nothing() {
    let net = Running::dual_socket_with(forwarding_host());
    by_way_of_the_host(&net);
    for from in ["warp", "gateway", "xray", "nm-privacy"] {
        assert!(!tcp_now(&net.lab, from, "api", "10.1.0.201:9573"), "{from} → api");
        assert!(!ping_now(&net.lab, from, "10.1.0.201"), "{from} → api: ping");
        assert!(!ping_now(&net.lab, from, "10.1.0.1"), "{from} → the host's management address");
    }
    for from in ["mcp", "api"] {
        assert!(!tcp_now(&net.lab, from, "xray", "10.0.0.102:443"), "{from} → xray");
        assert!(!ping_now(&net.lab, from, "10.0.0.1"), "{from} → WARP");
    }
}

/// The same packets do cross under the flows that people paste today, so the test above tests something.
#[test]
fn with_the_pasted_flows_it_does() {
    let net = Running::dual_socket_with(forwarding_host());
    by_way_of_the_host(&net);
    net.kill_controller();
    for bridge in ["vmbr0", "vmbr1"] {
        net.lab.vsctl(&["del-controller", bridge]).unwrap();
        net.lab.ofctl(&["del-flows", bridge]).unwrap();
        net.lab.ofctl(&["add-flow", bridge, "priority=10,actions=normal"]).unwrap();
    }
    assert!(tcp(&net.lab, "warp", "api", "10.1.0.201:9573"));
}

#[test]
fn the_host_and_the_management_members_reach_each_other() {
    let net = Running::dual_socket();
    assert!(tcp(&net.lab, "mcp", "host", "10.1.0.1:22"), "SSH");
    assert!(tcp(&net.lab, "monitoring", "host", "10.1.0.1:8006"), "Proxmox");
    assert!(tcp(&net.lab, "host", "api", "10.1.0.201:9573"));
    assert!(ping(&net.lab, "host", "10.1.0.200"));
}

#[test]
fn the_host_has_no_other_address() {
    let addresses = vec![("vmbr1".to_owned(), "10.1.0.77/24".parse().unwrap())];
    let net = Running::dual_socket_with(LabOptions { host_addresses: addresses, ..LabOptions::default() });
    assert!(ping_as(&net.lab, "host", "10.1.0.200", Some("10.1.0.1")));
    // Not even a packet that nobody could answer.
    let heard = received(&net.lab, "mcp", "eth0");
    assert!(!ping_as_now(&net.lab, "host", "10.1.0.200", Some("10.1.0.77")));
    assert_eq!(received(&net.lab, "mcp", "eth0"), heard);
}

#[test]
fn the_host_has_no_place_in_privacy_or_on_the_mesh() {
    let options = LabOptions {
        host_addresses: vec![
            ("vmbr0".to_owned(), "10.0.0.254/24".parse().unwrap()),
            ("mesh-privacy".to_owned(), "10.0.2.254/24".parse().unwrap()),
            ("mesh-mgmt".to_owned(), "10.1.2.254/24".parse().unwrap()),
        ],
        ..LabOptions::default()
    };
    let net = Running::dual_socket_with(options);
    let before = (received(&net.lab, "nm-privacy", "eth0"), received(&net.lab, "nm-mgmt", "eth0"));
    for (device, to) in [("mesh-privacy", "10.0.2.1"), ("mesh-mgmt", "10.1.2.1")] {
        assert!(!ping_as_now(&net.lab, "host", to, Some(device)));
    }
    let after = (received(&net.lab, "nm-privacy", "eth0"), received(&net.lab, "nm-mgmt", "eth0"));
    assert_eq!(before, after, "the host's ARP came out at the mesh");
    net.wait_for("the mesh's drops to be counted", || {
        let denied = |b: &str| {
            net.metric(&format!("portcullis_denied_packets_total{{bridge=\"{b}\",reason=\"unknown-port\"}}"))
        };
        ["mesh-privacy", "mesh-mgmt"].iter().all(|b| denied(b) > 0.0).then_some(())
    });
    for to in ["10.0.0.1", "10.0.0.100", "10.0.0.102"] {
        assert!(!ping_as_now(&net.lab, "host", to, Some("vmbr0")), "host → {to}");
    }
    for from in ["gateway", "warp", "nm-privacy"] {
        assert!(!ping_now(&net.lab, from, "10.0.0.254"), "{from} → host");
    }
}

fn resolved(net: &Running, from: &str, address: &str) -> bool {
    let output = net.lab.exec(from, &["ip", "neigh", "show", address]).unwrap();
    String::from_utf8_lossy(&output.stdout).contains("lladdr")
}

#[test]
fn arp_resolves_between_those_whom_a_rule_joins_and_is_heard_by_nobody_else() {
    let net = Running::dual_socket();
    let heard = |place: &str| received(&net.lab, place, "eth0");
    let before = (heard("xray"), heard("nm-privacy"));
    assert!(ping(&net.lab, "gateway", "10.0.0.1"));
    assert!(resolved(&net, "gateway", "10.0.0.1"));
    assert_eq!((heard("xray"), heard("nm-privacy")), before, "others heard the gateway's ARP");

    let before = heard("xray");
    assert!(!ping_now(&net.lab, "gateway", "10.0.0.102"));
    assert!(!resolved(&net, "gateway", "10.0.0.102"), "no rule joins the gateway and xray");
    assert_eq!(heard("xray"), before);
}

#[test]
fn arp_carries_the_senders_own_addresses_only() {
    let net = Running::dual_socket();
    // xray takes the gateway's address and announces it.
    for words in [
        &["ip", "addr", "add", "10.0.0.100/24", "dev", "eth0"][..],
        &["ping", "-n", "-c", "1", "-W", "1", "-I", "10.0.0.100", "10.0.0.1"],
    ] {
        let _ = net.lab.exec("xray", words).unwrap();
    }
    assert!(!resolved(&net, "warp", "10.0.0.100"), "WARP believed xray's ARP");
    // So does the mesh, where the address would be in its range, were it not the gateway's: asking, and answering
    // what nobody asked.
    let macs = (mac(&net.lab, "nm-privacy"), mac(&net.lab, "warp"));
    let (gateway, warp) = ([10, 0, 0, 100].into(), [10, 0, 0, 1].into());
    let heard = received(&net.lab, "warp", "eth0");
    emit(&net.lab, "nm-privacy", &[true, false].map(|asks| arp(macs, asks, gateway, warp)));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(received(&net.lab, "warp", "eth0"), heard, "the mesh's ARP came through");
    assert!(ping(&net.lab, "gateway", INTERNET), "the gateway is still itself");
    let own = net.lab.plan().place("gateway").unwrap().mac.map(|b| format!("{b:02x}")).join(":");
    let seen = net.lab.exec("warp", &["ip", "neigh", "show", "10.0.0.100"]).unwrap();
    assert!(String::from_utf8_lossy(&seen.stdout).contains(&own));
}

#[test]
fn a_forged_source_opens_and_redirects_nothing() {
    let net = Running::dual_socket();
    assert!(ping(&net.lab, "gateway", INTERNET));
    // The mesh claims the gateway's address, pinned past ARP: the packet is dropped at admission, so no return
    // flow is learned that would lead the gateway's answers to the mesh.
    let _ = net.lab.exec("nm-privacy", &["ip", "addr", "add", "10.0.0.100/24", "dev", "eth0"]).unwrap();
    let warp = net.lab.plan().place("warp").unwrap().mac.map(|b| format!("{b:02x}")).join(":");
    let pin = ["ip", "neigh", "replace", "10.0.0.1", "lladdr", &warp, "dev", "eth0"];
    assert!(net.lab.exec("nm-privacy", &pin).unwrap().status.success());
    assert!(!ping_as_now(&net.lab, "nm-privacy", "10.0.0.1", Some("10.0.0.100")));
    let stolen: Vec<_> = learned(&net, "vmbr0")
        .into_iter()
        .filter(|f| f.contains("nw_dst=10.0.0.100") && !f.contains("output:veth100"))
        .collect();
    assert_eq!(stolen, Vec::<String>::new());
    net.wait_for("the forgery to be counted", || {
        (net.metric("portcullis_denied_packets_total{bridge=\"vmbr0\",reason=\"spoofed\"}") > 0.0)
            .then_some(())
    });
}

#[test]
fn without_warp_nothing_leaves_and_with_it_traffic_goes_on() {
    let net = Running::dual_socket();
    assert!(ping(&net.lab, "gateway", INTERNET));
    let old = net.ofport("warp0");
    net.lab.del_port("vmbr0", "warp0").unwrap();
    net.wait_for("the port to be missed", || {
        net.bridge("vmbr0")
            .filter(|b| b["missing_ports"].to_string().contains("warp0") && b["settled"] == true)
    });
    let others = ["xray", "nm-privacy", "mcp", "api", "monitoring", "nm-mgmt"];
    let heard = || others.map(|place| received(&net.lab, place, "eth0"));
    let before = heard();
    assert!(!ping_now(&net.lab, "gateway", INTERNET));
    assert!(!ping_now(&net.lab, "xray", INTERNET));
    assert_eq!(heard(), before, "it went another way");

    net.lab.add_port("vmbr0", "warp0", Some(77)).unwrap();
    net.wait_for("traffic to go on", || ping(&net.lab, "gateway", INTERNET).then_some(()));
    assert_eq!(net.ofport("warp0"), 77);
    let by_number = net.lab.ofctl(&["--no-names", "dump-flows", "vmbr0"]).unwrap();
    for flow in by_number.lines() {
        for word in [
            format!("in_port={old},"),
            format!("in_port={old} "),
            format!("output:{old}"),
            format!("load:{old:#x}->NXM_NX_REG1"),
        ] {
            assert!(!flow.contains(&word), "the old number {old} is still named: {flow}");
        }
    }
}
