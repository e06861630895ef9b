//! The pinned values: the numbers, the fields, the bytes, and the cookies of the shipped files.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use flow_model::FlowMatch;
use ipnetwork::IpNetwork;

use super::parts::*;
use super::*;
use crate::compile::output::program::{FlowSpec, ProgramBuilder};
use crate::compile::{TimeContext, compile, owns};
use crate::network::NetworkFile;

/// Compares a text with the recorded one beside this file. With `UPDATE_COOKIES` set it records it.
fn recorded(name: &str, text: &str, why: &str) {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/compile/vocabulary/identity/recorded").join(name);
    if std::env::var_os("UPDATE_COOKIES").is_some() {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let was = std::fs::read_to_string(&path).unwrap_or_default();
    let only = |these: &str, those: &str| {
        let those: std::collections::BTreeSet<&str> = those.lines().collect();
        these.lines().filter(|line| !those.contains(line)).take(8).collect::<Vec<_>>().join("\n")
    };
    let (gone, new) = (only(&was, text), only(text, &was));
    assert!(text == was, "{} differs: {why}\nno longer:\n{gone}\nnew:\n{new}", path.display());
}

/// The reason why the cookie of an installed flow must stay.
const REPLACES: &str = "a flow whose cookie changes is replaced on every switch at the upgrade. Open vSwitch then drops \
    the return flows that it taught, and what they carried waits for the next packet of whoever opened it. Change an \
    encoding only where that is worth it, say so in the README, and record it with UPDATE_COOKIES=1";

/// Writes the numbers, names and fields of an enum or a struct.
fn declared<T: Layout>(out: &mut String) {
    for (number, variant, fields) in T::PARTS {
        let _ = writeln!(out, "{} {number} {variant}({})", T::NAME, fields.join(", "));
    }
}

#[test]
fn numbers_and_fields_stay() {
    let mut text = String::new();
    declared::<FlowIdentity<'_>>(&mut text);
    declared::<Attachment<'_>>(&mut text);
    declared::<RuleTraffic<'_>>(&mut text);
    declared::<PortlessTraffic<'_>>(&mut text);
    declared::<JoinedSender<'_>>(&mut text);
    declared::<CrossingPair<'_>>(&mut text);
    declared::<ListPart<'_>>(&mut text);
    declared::<PartyList<'_>>(&mut text);
    declared::<TrackedReceivers<'_>>(&mut text);
    declared::<ResolutionPackets>(&mut text);
    declared::<RogueMessage>(&mut text);
    declared::<AddressUse>(&mut text);
    declared::<AddressClaim>(&mut text);
    declared::<AdmittedPackets>(&mut text);
    declared::<LinkLayerOption>(&mut text);
    declared::<ClaimState>(&mut text);
    declared::<DhcpDirection>(&mut text);
    declared::<LeasedPackets>(&mut text);
    declared::<HolderSource>(&mut text);
    declared::<InsidePackets>(&mut text);
    declared::<JoinedPackets>(&mut text);
    declared::<RuleOpening>(&mut text);
    declared::<RuleAnswer>(&mut text);
    declared::<TcpAnswer>(&mut text);
    declared::<HopPackets>(&mut text);
    declared::<ConnectionEnd>(&mut text);
    declared::<TrackedPackets>(&mut text);
    declared::<Fragments>(&mut text);
    declared::<CrossingSide>(&mut text);
    declared::<Flood>(&mut text);
    recorded("numbers.txt", &text, REPLACES);
}

fn hex(value: &impl Encode) -> String {
    let mut bytes = Vec::new();
    value.encode(&mut bytes);
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn range(text: &str) -> AddressRange {
    AddressRange::from(text.parse::<IpNetwork>().unwrap())
}

#[test]
fn values_have_the_bytes_of_the_table() {
    assert_eq!(hex(&"a→"), "61e28692ff");
    assert_eq!(hex(&["a".to_owned(), String::new()].as_slice()), "0000000261ffff");
    assert_eq!((hex(&7u8), hex(&0x1234u16), hex(&TableId(9))), ("07".into(), "1234".into(), "09".into()));
    assert_eq!((hex(&false), hex(&true)), ("00".into(), "01".into()));
    assert_eq!((hex(&None::<u16>), hex(&Some(443u16))), ("00".into(), "0101bb".into()));
    assert_eq!(hex(&[2u8, 0, 0, 0, 0, 1]), "020000000001");
    assert_eq!(
        hex(&range("10.1.2.3/8")),
        "0408000000000000000000000000000000000a000000".replacen("0000", "", 2)
    );
    assert_eq!(hex(&AddressRange::all(AddressFamily::V6)), format!("06ff{}", "0".repeat(32)));
    assert_eq!(hex(&range("::/0")), format!("0600{}", "0".repeat(32)));
    let traffic = [
        Traffic::Tcp,
        Traffic::Udp,
        Traffic::Sctp,
        Traffic::Echo,
        Traffic::Icmp,
        Traffic::Vrrp,
        Traffic::Other,
    ];
    assert_eq!(traffic.map(|t| hex(&t)).join(" "), "01 02 03 04 05 06 07");
    let portless = [PortlessPackets::Later(None), PortlessPackets::Later(Some(17)), PortlessPackets::Errors];
    assert_eq!(portless.map(|p| hex(&p)).join(" "), "0100 010111 02");
    assert_eq!([HoldRank::Owned, HoldRank::Network, HoldRank::Owner].map(|h| hex(&h)).join(" "), "01 02 03");
}

const GATEWAY: Attachment<'static> = Attachment { network: "lan", party: "gw", port: "veth0" };

#[test]
fn an_identity_has_its_number_and_its_fields() {
    assert_eq!(hex(&FlowIdentity::TaggedFrames), "000a");
    let packets = AdmittedPackets::Arp { claim: AddressClaim::Own, source: range("10.0.0.1/32") };
    let identity = FlowIdentity::Admitted { at: GATEWAY, virtual_mac: None, packets };
    let (lan, gw, veth0) = ("6c616eff", "6777ff", "7665746830ff");
    let host = format!("0420{}0a000001", "00".repeat(12));
    assert_eq!(hex(&identity), format!("0010{lan}{gw}{veth0}00020{}{host}", 1));
    let traffic = RuleTraffic {
        rule: "web",
        network: "lan",
        from: ListPart::Whole,
        to: ListPart::Attachment { party: "gw", port: "veth0" },
        family: AddressFamily::V4,
        traffic: Traffic::Tcp,
        port: Some(443),
    };
    let identity = FlowIdentity::Opens { traffic, opening: RuleOpening::Direct };
    assert_eq!(hex(&identity), format!("0059776562ff{lan}0102{gw}{veth0}04010101bb01"));
}

#[test]
fn a_cookie_is_that_of_the_bridge_and_of_the_identity() {
    let rest = FlowIdentity::PortRest { port: "veth0" };
    assert_eq!(cookie("vmbr0", &rest), Cookie(PORT_REST));
    assert_ne!(cookie("vmbr1", &rest), Cookie(PORT_REST));
    // Adjacent names do not run together.
    assert_ne!(cookie("vmbr", &FlowIdentity::PortRest { port: "0veth0" }), Cookie(PORT_REST));
    assert_ne!(cookie("vmbr0", &FlowIdentity::PortRest { port: "veth00" }), Cookie(PORT_REST));
}

const PORT_REST: u64 = 4_413_723_916_545_741_282;

#[test]
fn the_description_has_no_part_in_the_cookie() {
    let flow = |rule: &'static str, words: &str| {
        let mut out = ProgramBuilder::new("vmbr0", false);
        let asked = FlowSpec::new(FlowIdentity::Output { port: "veth0", vlan: None }, words).of(rule);
        out.flow(TableId(3), 100, FlowMatch::any(), Vec::new(), asked);
        let part = out.finish();
        let cookie = part.flows[0].cookie;
        assert_eq!(part.origins[&cookie].detail, words);
        cookie
    };
    assert_eq!(flow("forwarding", "to gw at veth0"), flow("another", "sends it by veth0, which is gw's"));
}

/// The shipped files that define flows, and one with every feature.
const FILES: [(&str, &str); 7] = [
    ("comm-matrix", include_str!("../../../../networks/comm-matrix.toml")),
    ("dual-socket", include_str!("../../../../networks/dual-socket.toml")),
    ("learning-switch", include_str!("../../../../networks/learning-switch.toml")),
    ("pantheon", include_str!("../../../../networks/pantheon.toml")),
    ("phoenix", include_str!("../../../../networks/phoenix.toml")),
    ("swarm", include_str!("../../../../networks/swarm.toml")),
    ("mixed", include_str!("../../../../tests/compiled/support/mixed.toml")),
];

/// Returns the cookie of each identity, by bridge, with all windows open. The date is 2030-01-01;
/// crossings last.
fn cookies(file: &NetworkFile) -> BTreeMap<(&str, String), Cookie> {
    let windows = TimeContext::widest(file).windows;
    let moment = TimeContext { now: 1_893_456_000, windows };
    let mut all = BTreeMap::new();
    for bridge in file.bridges.iter().filter(|bridge| owns(file, &bridge.name)) {
        let names = file.bridge_ports(&bridge.name).into_iter().filter(|port| *port != "LOCAL");
        let ports = names.zip(1..).map(|(name, number)| (name.to_owned(), ofproto::PortNo(number)));
        let program = compile(file, &bridge.name, &ports.collect(), &moment);
        for (cookie, identity) in program.parts.iter().flat_map(|part| part.identities.clone()) {
            all.insert((bridge.name.as_str(), identity), cookie);
        }
    }
    all
}

#[test]
fn cookies_of_the_shipped_files_stay() {
    for (name, text) in FILES {
        let (file, _) = crate::network::parse(text, "test.toml").unwrap();
        let all = cookies(&file);
        assert!(all.len() > 2, "{name}");
        let lines = all.iter().map(|((bridge, identity), cookie)| format!("{bridge} {cookie} {identity}\n"));
        recorded(&format!("{name}.txt"), &lines.collect::<String>(), REPLACES);
    }
}
