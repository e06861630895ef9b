//! Privacy and management never meet: whatever a host on one side writes to its wire, forged or not, nobody on
//! the other hears of it, and nobody else does either.

use std::net::{Ipv4Addr, Ipv6Addr};

use lab::{ExtraPort, LabOptions};
use portcullis_tests::Running;
use portcullis_tests::frames::{
    ADVERTISEMENT, EVERYBODY, SOLICITATION, arp, emit, mac, nd, tagged, udp, udp6,
};
use portcullis_tests::traffic::{ping_as_now, received};

type Macs = ([u8; 6], [u8; 6]);

/// Somebody, its own address, and one of its neighbours'.
const PRIVACY: [(&str, [u8; 4], [u8; 4]); 4] = [
    ("gateway", [10, 0, 0, 100], [10, 0, 0, 102]),
    ("xray", [10, 0, 0, 102], [10, 0, 0, 100]),
    ("warp", [10, 0, 0, 1], [10, 0, 0, 100]),
    ("nm-privacy", [10, 0, 0, 50], [10, 0, 0, 100]),
];
const MANAGEMENT: [(&str, [u8; 4], [u8; 4]); 4] = [
    ("mcp", [10, 1, 0, 200], [10, 1, 0, 201]),
    ("api", [10, 1, 0, 201], [10, 1, 0, 200]),
    ("monitoring", [10, 1, 0, 202], [10, 1, 0, 201]),
    ("nm-mgmt", [10, 1, 0, 50], [10, 1, 0, 201]),
];
/// The internal ports of the bridges, in the host's namespace.
const INTERNAL: [&str; 4] = ["vmbr0", "vmbr1", "mesh-privacy", "mesh-mgmt"];
const BRIDGES: [&str; 4] = INTERNAL;

/// What everybody's device has received, in the host's own too.
fn heard(net: &Running) -> Vec<(String, u64)> {
    let places =
        PRIVACY.iter().chain(&MANAGEMENT).map(|(p, ..)| ((*p).to_owned(), received(&net.lab, p, "eth0")));
    let internal = INTERNAL.map(|d| (format!("host's {d}"), received(&net.lab, "host", d)));
    places.chain(internal).collect()
}

fn denied(net: &Running, bridge: &str, reason: &str) -> f64 {
    net.metric(&format!("portcullis_denied_packets_total{{bridge=\"{bridge}\",reason=\"{reason}\"}}"))
}

/// All that was denied so far.
fn all_denied(net: &Running) -> f64 {
    let text = net.metrics();
    let lines = text.lines().filter(|l| l.starts_with("portcullis_denied_packets_total{"));
    lines.filter_map(|l| l.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// Frames that would cross: to `other`, somebody of the other network, from oneself and from others.
fn crossing(macs: Macs, own: Ipv4Addr, beside: Ipv4Addr, other: Ipv4Addr, others: Ipv4Addr) -> Vec<Vec<u8>> {
    let all = (macs.0, EVERYBODY);
    let mut frames = Vec::new();
    for from in [own, beside, other, others] {
        frames.push(udp(macs, from, other, 9_573));
        frames.push(udp(all, from, other, 51_820));
        frames.push(arp(all, true, from, other));
        frames.push(arp(macs, false, from, other));
        frames.push(tagged(macs, 10, from, other));
    }
    frames
}

/// Multicast and broadcast, and IPv6 where no network has any.
fn for_many(macs: Macs, own: Ipv4Addr) -> Vec<Vec<u8>> {
    let link_local = |m: [u8; 6]| Ipv6Addr::new(0xfe80, 0, 0, 0, 0xfe, 0, m[4].into(), m[5].into());
    let (from, to) = (link_local(macs.0), link_local(macs.1));
    let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    vec![
        udp((macs.0, [1, 0, 0x5e, 0, 0, 0xfb]), own, Ipv4Addr::new(224, 0, 0, 251), 5_353),
        udp((macs.0, EVERYBODY), own, Ipv4Addr::BROADCAST, 9),
        udp6((macs.0, [0x33, 0x33, 0, 0, 0, 1]), from, group, 5_353),
        udp6(macs, from, to, 9_573),
        udp6(macs, "fd00::1".parse().unwrap(), "fd00::2".parse().unwrap(), 9_573),
        nd((macs.0, [0x33, 0x33, 0, 0, 0, 1]), SOLICITATION, from, group, to),
        nd(macs, ADVERTISEMENT, from, to, to),
    ]
}

/// Members of a network in which all may talk.
const MEMBERS: [&str; 3] = ["mcp", "api", "monitoring"];
/// The first so many of what is for many have an address of the sender's network.
const TO_MEMBERS: usize = 2;

/// What a member of management sends to all reaches the members, and nobody else: no link, no exit, no other network.
#[test]
fn what_is_for_all_reaches_the_members_alone() {
    let net = Running::dual_socket();
    let own = Ipv4Addr::new(10, 1, 0, 200);
    let before = heard(&net);
    let frames = for_many((mac(&net.lab, "mcp"), mac(&net.lab, "api")), own);
    let frames = &frames[..TO_MEMBERS];
    emit(&net.lab, "mcp", frames);
    emit(&net.lab, "mcp", &[udp((mac(&net.lab, "mcp"), EVERYBODY), own, Ipv4Addr::new(10, 1, 0, 255), 9)]);
    let more = |now: &[(String, u64)], place: &str| {
        let of = |list: &[(String, u64)]| list.iter().find(|(p, _)| p == place).expect("a place").1;
        of(now) - of(&before)
    };
    let (heard, _) = net.wait_for("the members to hear it", || {
        let now = heard(&net);
        ["api", "monitoring", "host's vmbr1"].iter().all(|p| more(&now, p) == 3).then_some(now)
    });
    for (place, _) in &heard {
        if !["api", "monitoring", "host's vmbr1"].contains(&&**place) {
            assert_eq!(more(&heard, place), 0, "{place} heard it");
        }
    }
}

/// One side's places write all of it, for each place of the other side.
fn assault(net: &Running, from: &[(&str, [u8; 4], [u8; 4])], to: &[(&str, [u8; 4], [u8; 4])]) -> usize {
    let mut sent = 0;
    for (place, own, beside) in from {
        for (target, other, others) in to {
            let macs = (mac(&net.lab, place), mac(&net.lab, target));
            let [own, beside, other, others] = [own, beside, other, others].map(|a| Ipv4Addr::from(*a));
            let mut frames = crossing(macs, own, beside, other, others);
            // WARP is the world: what only has no address of the networks may leave by it.
            if *place != "warp" {
                // What management's members send to all of them they may send; another test is about that.
                let own_affair = if MEMBERS.contains(place) { TO_MEMBERS } else { 0 };
                frames.extend(for_many(macs, own).into_iter().skip(own_affair));
            }
            // A guest of the other network among the neighbours: to its own, from one of theirs.
            frames.push(udp((macs.0, mac(&net.lab, neighbour(from, beside))), other, beside, 51_820));
            frames.push(arp((macs.0, mac(&net.lab, neighbour(from, beside))), true, other, beside));
            sent += frames.len();
            emit(&net.lab, place, &frames);
        }
    }
    sent
}

/// Whose address it is.
fn neighbour<'a>(side: &[(&'a str, [u8; 4], [u8; 4])], address: Ipv4Addr) -> &'a str {
    side.iter().find(|(_, own, _)| Ipv4Addr::from(*own) == address).expect("a neighbour").0
}

#[test]
fn no_frame_crosses_whatever_it_says() {
    // The host routes between the two, which is no help either.
    let options = LabOptions {
        host_forwards: true,
        host_addresses: vec![("vmbr0".to_owned(), "10.0.0.254/24".parse().unwrap())],
        ..LabOptions::default()
    };
    let net = Running::dual_socket_with(options);
    let before = (heard(&net), all_denied(&net));
    let sent = assault(&net, &PRIVACY, &MANAGEMENT) + assault(&net, &MANAGEMENT, &PRIVACY);
    assert!(sent > 800, "{sent}");
    // The two of the crossing ask for each other's MAC, and the switch tells them the link's.
    let answered = |place: &str| u64::from(["monitoring", "xray"].contains(&place));
    let sent = sent - 2;
    net.wait_for("each of them to be denied and counted", || {
        (all_denied(&net) >= before.1 + sent as f64).then_some(())
    });
    let expected: Vec<_> = before.0.iter().map(|(p, n)| (p.clone(), n + answered(p))).collect();
    assert_eq!(heard(&net), expected);
    // Each of the mechanisms had its share.
    for bridge in BRIDGES {
        for reason in ["isolation", "tagged"] {
            assert!(denied(&net, bridge, reason) > 0.0, "{bridge}: {reason}");
        }
    }
    for bridge in ["vmbr0", "vmbr1"] {
        for reason in ["spoofed", "multicast", "link-local"] {
            assert!(denied(&net, bridge, reason) > 0.0, "{bridge}: {reason}");
        }
    }
}

/// What an exit or a link says that it is, where somebody has that address.
#[test]
fn who_comes_from_outside_has_no_address_of_ours() {
    let net = Running::dual_socket();
    let to = Ipv4Addr::new(10, 0, 0, 100);
    let deliver = |place: &str, from: Ipv4Addr| {
        let before = received(&net.lab, "gateway", "eth0");
        emit(&net.lab, place, &[udp((mac(&net.lab, place), mac(&net.lab, "gateway")), from, to, 51_820)]);
        let waited = std::time::Instant::now();
        while received(&net.lab, "gateway", "eth0") == before && waited.elapsed().as_millis() < 300 {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        received(&net.lab, "gateway", "eth0") != before
    };
    // The same datagram from where it may come from does arrive. (Before anything is asked of the gateway by ARP.)
    assert!(deliver("warp", Ipv4Addr::new(198, 51, 100, 10)));
    assert!(deliver("nm-privacy", Ipv4Addr::new(10, 0, 0, 50)));
    std::thread::sleep(std::time::Duration::from_secs(1));
    for (place, from) in [
        ("warp", [10, 0, 0, 102]),
        ("warp", [10, 0, 0, 77]),
        ("warp", [10, 8, 0, 9]),
        ("warp", [10, 1, 0, 200]),
        ("warp", [10, 1, 0, 77]),
        ("warp", [127, 0, 0, 1]),
        ("warp", [224, 0, 0, 1]),
        ("warp", [0, 0, 0, 0]),
        ("nm-privacy", [10, 0, 0, 102]),
        ("nm-privacy", [10, 0, 0, 1]),
        ("nm-privacy", [10, 8, 0, 9]),
        ("nm-privacy", [10, 1, 0, 200]),
        ("nm-privacy", [198, 51, 100, 10]),
    ] {
        assert!(!deliver(place, from.into()), "{place} as {}", Ipv4Addr::from(from));
    }
}

/// Addressed to a neighbour whom no rule joins, or to nobody: it does not leave by the exit that takes the rest.
#[test]
fn what_is_for_the_network_stays_in_it() {
    let net = Running::dual_socket();
    // The subnet's broadcast address counts as multicast.
    let dropped = || denied(&net, "vmbr0", "not-allowed") + denied(&net, "vmbr0", "multicast");
    let before = (heard(&net), dropped());
    let mut sent = 0;
    for (place, _, _) in PRIVACY.iter().filter(|(p, ..)| *p != "warp") {
        let from = net.lab.plan().place(place).unwrap().addresses[0].ip();
        let std::net::IpAddr::V4(from) = from else { panic!("{from}") };
        let macs = (mac(&net.lab, place), mac(&net.lab, "warp"));
        for to in [[10, 0, 0, 77], [10, 0, 0, 255], [10, 0, 0, 102], [10, 0, 0, 100], [10, 8, 0, 7]] {
            if Ipv4Addr::from(to) != from && !(*place == "gateway" && to[1] == 8) {
                emit(&net.lab, place, &[udp(macs, from, to.into(), 53)]);
                sent += 1;
            }
        }
    }
    net.wait_for("each of them to be denied", || (dropped() >= before.1 + f64::from(sent)).then_some(()));
    assert_eq!(heard(&net), before.0);
}

/// A port that the file does not name, and the host's own, with addresses that are nobody's.
#[test]
fn who_has_no_place_reaches_nobody_as_nobody_either() {
    let stray = |bridge: &str, port: &str, address: &str| ExtraPort {
        name: port.to_owned(),
        bridge: bridge.to_owned(),
        port: port.to_owned(),
        addresses: vec![address.parse().unwrap()],
        ..ExtraPort::default()
    };
    let options = LabOptions {
        extra: vec![stray("vmbr0", "stray0", "192.0.2.7/24"), stray("vmbr1", "stray1", "192.0.2.7/24")],
        host_addresses: vec![("vmbr0".to_owned(), "192.0.2.1/24".parse().unwrap())],
        ..LabOptions::default()
    };
    let net = Running::dual_socket_with(options);
    let unknown = |net: &Running| ["vmbr0", "vmbr1"].map(|b| denied(net, b, "unknown-port"));
    let before = (heard(&net), unknown(&net));
    let nobody = Ipv4Addr::new(192, 0, 2, 7);
    let mut sent = [0.0; 2];
    for (n, (from, side)) in [("stray0", PRIVACY), ("stray1", MANAGEMENT)].into_iter().enumerate() {
        for (target, address, _) in side {
            let macs = (mac(&net.lab, from), mac(&net.lab, target));
            emit(
                &net.lab,
                from,
                &[
                    udp(macs, nobody, address.into(), 51_820),
                    udp(macs, nobody, address.into(), 9_573),
                    udp((macs.0, EVERYBODY), nobody, Ipv4Addr::BROADCAST, 9),
                    arp((macs.0, EVERYBODY), true, nobody, address.into()),
                ],
            );
            sent[n] += 4.0;
        }
    }
    // The host by its port of vmbr0: its ARP, and a packet to a neighbour's MAC.
    let gateway = mac(&net.lab, "gateway").map(|b| format!("{b:02x}")).join(":");
    let words = ["ip", "neigh", "replace", "192.0.2.9", "lladdr", &gateway, "dev", "vmbr0"];
    assert!(net.lab.exec("host", &words).unwrap().status.success());
    for to in ["192.0.2.8", "192.0.2.9"] {
        assert!(!ping_as_now(&net.lab, "host", to, Some("vmbr0")));
        sent[0] += 1.0;
    }
    net.wait_for("each of them to be denied", || {
        let now = unknown(&net);
        (0..2).all(|n| now[n] >= before.1[n] + sent[n]).then_some(())
    });
    assert_eq!(heard(&net), before.0);
}
