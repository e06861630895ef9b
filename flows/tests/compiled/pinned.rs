//! What the oracle of `compile.rs` once found, each in its own words.

use flows::verify::interp::Packet;
use ofproto::oxm::Field;

use crate::support::{Compiled, MIXED, NOW, file};
use crate::verdict::{Form, Out};

const MAC: [u8; 6] = [2, 0, 0, 0, 8, 8];
const PEER: [u8; 6] = [2, 0, 0, 0, 9, 9];

fn on(text: &str, bridge: &str) -> Compiled {
    Compiled::new(file(text), bridge, flows::compile::TimeContext { now: NOW, ..Default::default() })
}

fn out(port: &str, vlan: Option<u16>, form: Form) -> Vec<Out> {
    vec![Out { port: port.to_owned(), vlan, form }]
}

/// A network whose addresses of both families are in part a link's, in part leased.
const SHARED: &str = "[network.n]\nbridge = \"br0\"\nsubnets = [\"10.0.0.0/24\", \"fd00::/64\"]\ninside = \"allow\"\n\
    [endpoint.a]\nattach = [{ network = \"n\", port = \"a\", addresses = [\"10.0.0.1\", \"fd00::1\"], router = true }]\n\
    [endpoint.b]\nattach = [{ network = \"n\", port = \"b\", addresses = [\"10.0.0.2\", \"fd00::2\"] }]\n";
const LEASED: &str = "[endpoint.c]\nattach = [{ network = \"n\", port = \"c\", leased = true }]\n";
const LINK: &str = "[link.c]\nends = [{ network = \"n\", port = \"c\", behind = [\"10.0.0.0/24\", \"fd00::/64\"] }, \
    { bridge = \"br1\", port = \"x\", forwards = \"y\" }]\n\
    [[allow]]\nname = \"r\"\nfrom = [\"a\", \"c\"]\nto = [\"b\", \"c\"]\n";

fn advert(from: &str, about: &str, to: &str) -> Packet {
    Packet::ipv6(MAC, PEER, from.parse().unwrap(), to.parse().unwrap(), 58)
        .neighbour_advertisement(about.parse().unwrap(), MAC)
}

/// Neighbour discovery is told from other IPv6 before the owners of addresses are.
#[test]
fn neighbour_discovery_from_an_owned_address_is_its_owners() {
    for (rest, other) in [(LEASED, "leased"), (LINK, "behind a link")] {
        let on = on(&format!("{SHARED}{rest}"), "br0");
        let solicit =
            Packet::ipv6(MAC, PEER, "fd00::1".parse().unwrap(), "ff02::1:ff00:2".parse().unwrap(), 58)
                .neighbour_solicitation("fd00::2".parse().unwrap(), MAC);
        assert_eq!(on.outs("c", &solicit), vec![], "{other}: a solicitation from another's address");
        assert_eq!(
            on.outs("c", &advert("fd00::1", "fd00::1", "fd00::2")),
            vec![],
            "{other}: an advertisement from it"
        );
        assert_eq!(on.outs("c", &advert("fd00::77", "fd00::1", "fd00::2")), vec![], "{other}: one about it");
        assert_eq!(on.outs("a", &advert("fd00::1", "fd00::1", "fd00::2")), out("b", None, Form::Same));
        assert_eq!(
            on.outs("c", &advert("fd00::77", "fd00::77", "fd00::2")),
            out("b", None, Form::Same),
            "{other}"
        );
    }
}

/// Members of a free network find those with leased addresses by IPv6 as by IPv4.
#[test]
fn neighbour_discovery_finds_leased_addresses() {
    let on = on(&format!("{SHARED}{LEASED}"), "br0");
    // What is leased is found, and what nobody is known to have asked for among those who make addresses.
    for (address, known) in [("fd00::4d", true), ("fd00::77", false)] {
        let found = if known { out("c", None, Form::Same) } else { Vec::new() };
        assert_eq!(on.outs("a", &advert("fd00::1", "fd00::1", address)), found, "{address}");
        let solicit =
            Packet::ipv6(MAC, PEER, "fd00::1".parse().unwrap(), "ff02::1:ff00:0".parse().unwrap(), 58)
                .neighbour_solicitation(address.parse().unwrap(), MAC);
        assert_eq!(on.outs("a", &solicit), out("c", None, Form::Same), "{address}");
    }
    let arp = Packet::arp(MAC, PEER, 1, [10, 0, 0, 1].into(), [10, 0, 0, 77].into());
    assert_eq!(on.outs("a", &arp), out("c", None, Form::Same));
}

/// A rule from somebody to itself joins it to nobody, though others lease addresses beside it.
#[test]
fn a_rule_to_oneself_joins_nobody() {
    let more = "[endpoint.d]\nattach = [{ network = \"n\", port = \"d\", leased = true }]\n\
                [[allow]]\nname = \"r\"\nfrom = \"c\"\nto = \"c\"\n";
    let text = format!("{SHARED}{LEASED}{more}").replace("inside = \"allow\"", "inside = \"deny\"");
    let arp = Packet::arp(MAC, PEER, 1, [10, 0, 0, 77].into(), [10, 0, 0, 78].into());
    assert_eq!(on(&text, "br0").outs("c", &arp), vec![]);
}

#[test]
fn a_broadcast_does_not_go_to_a_link() {
    let text = format!("{SHARED}{LINK}").replace("inside = \"allow\"", "inside = \"deny\"");
    let on = on(&text, "br0");
    let to = |last| Packet::ipv4(MAC, PEER, [10, 0, 0, 1].into(), [10, 0, 0, last].into(), 17).udp(9, 9);
    assert_eq!(on.outs("a", &to(254)), out("c", None, Form::Same));
    assert_eq!(on.outs("a", &to(255)), vec![]);
}

#[test]
fn a_second_tag_is_none_of_the_networks() {
    let on = on(MIXED, "br0");
    let mac = [2, 0, 0, 0, 4, 1];
    let packet = Packet::ipv4(mac, PEER, [192, 168, 4, 1].into(), [192, 168, 4, 2].into(), 17).udp(9, 9);
    assert_eq!(on.outs("t1", &packet.clone().tagged(10, 0)), out("t2", Some(10), Form::Same));
    assert_eq!(on.outs("t1", &packet.clone().tagged(10, 0).tagged(10, 0)), vec![]);
    assert_eq!(on.outs("t1", &packet.clone().tagged(999, 0).tagged(10, 0)), vec![]);
    assert_eq!(on.outs("t1", &packet), vec![]);
}

#[test]
fn a_crossing_goes_from_vlan_to_vlan() {
    let mac = [2, 0, 0, 0, 4, 1];
    let packet = Packet::ipv4(mac, PEER, [192, 168, 4, 1].into(), [192, 168, 8, 1].into(), 17).udp(9, 53);
    assert_eq!(on(MIXED, "br0").outs("t1", &packet.clone().tagged(10, 0)), out("x0", None, Form::Same));
    let other = on(MIXED, "br1");
    let routed = Form::Routed([2, 0, 0, 0, 8, 1]);
    assert_eq!(other.outs("x1", &packet), out("v1", Some(20), routed));
    let asks =
        Packet::arp([2, 0, 0, 0, 8, 1], [0xff; 6], 1, [192, 168, 8, 1].into(), [192, 168, 4, 1].into());
    assert_eq!(other.outs("v1", &asks.tagged(20, 0)), out("v1", Some(20), Form::Answer));
}

/// What is foreign to one link is what another one carries; and a link carries the tag of its network.
#[test]
fn two_links_over_one_bridge() {
    let on = on(MIXED, "br2");
    let green = Packet::ipv4(MAC, PEER, [192, 168, 2, 200].into(), [192, 168, 2, 1].into(), 17).udp(9, 9);
    let tagged = Packet::ipv4(MAC, PEER, [192, 168, 4, 200].into(), [192, 168, 4, 1].into(), 17).udp(9, 9);
    assert_eq!(on.outs("m", &green), out("n", None, Form::Same));
    assert_eq!(on.outs("m2", &tagged.clone().tagged(10, 0)), out("n2", Some(10), Form::Same));
    assert_eq!(on.outs("m", &tagged), vec![], "another network's");
    assert_eq!(on.outs("m2", &green.clone().tagged(10, 0)), vec![], "another network's, tagged");
    assert_eq!(on.outs("m", &green.clone().tagged(10, 0)), vec![], "a tag where there is none");
    assert_eq!(on.outs("m2", &tagged), vec![], "no tag where there is one");
    let towards = green.with(Field::Ipv4Dst, 0xc0a8_0401);
    assert_eq!(on.outs("m", &towards), vec![], "to another network");
}
