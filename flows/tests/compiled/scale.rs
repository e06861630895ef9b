//! What a change of a file costs: flows that do not depend on it stay as they are, and flows grow with endpoints plus
//! rules, not with their product.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use flow_model::Flow;
use flows::compile::compile;
use flows::diff::diff;
use flows::network::NetworkFile;
use ofproto::{Cookie, PortNo};

use crate::support::{PANTHEON, SHIPPED, file, open_windows, ports};

/// The flows of a bridge, by cookie; ports keep their numbers.
fn flows(file: &NetworkFile, bridge: &str, numbers: &BTreeMap<String, PortNo>) -> BTreeMap<Cookie, Flow> {
    let program = compile(file, bridge, numbers, &open_windows(file));
    assert!(program.missing_ports.is_empty(), "{:?}", program.missing_ports);
    program.into_whole().0.into_iter().map(|f| (f.cookie, f)).collect()
}

/// How many flows of `before` are changed or gone, and how many are new, when the text becomes `after`.
fn changes(before: &str, after: &str, bridge: &str) -> (usize, usize) {
    let (before, after) = (file(before), file(after));
    let mut numbers = ports(&before, bridge);
    let mut next = 1_000;
    for name in after.bridge_ports(bridge) {
        numbers.entry(name.to_owned()).or_insert_with(|| {
            next += 1;
            PortNo(next)
        });
    }
    let (old, new) = (flows(&before, bridge, &numbers), flows(&after, bridge, &numbers));
    let same = |flow: &Flow| new.get(&flow.cookie).is_some_and(|f| f.key() == flow.key() && f == flow);
    let changed = old.values().filter(|flow| !same(flow)).count();
    let added = new.keys().filter(|cookie| !old.contains_key(cookie)).count();
    (changed, added)
}

/// A bridge of each shipped file, one of its networks, and an address there that nobody has.
const PLACES: [(&str, &str, &str, &str); 5] = [
    ("comm-matrix", "vmbr1", "internal", "172.22.22.99"),
    ("dual-socket", "vmbr0", "privacy", "10.0.0.99"),
    ("pantheon", "pantheon", "main", "10.0.1.99"),
    ("phoenix", "vmbr0", "phoenix", "10.0.0.99"),
    ("swarm", "swarm", "ingress", "10.20.0.99"),
];

fn text_of(name: &str) -> &'static str {
    SHIPPED.iter().find(|(n, _)| *n == name).unwrap().1
}

#[test]
fn a_further_network_touches_no_flow() {
    for (name, bridge, ..) in PLACES {
        let before = text_of(name);
        let more = format!(
            "[network.a-first]\nbridge = \"{bridge}\"\nsubnets = [\"192.168.77.0/24\"]\n\
             [endpoint.a-first-one]\nattach = [{{ network = \"a-first\", port = \"aa1\", addresses = [\"192.168.77.1\"] }}]\n\
             [endpoint.a-second-one]\nattach = [{{ network = \"a-first\", port = \"aa2\", addresses = [\"192.168.77.2\"] }}]\n\
             [[allow]]\nname = \"a-first-rule\"\nfrom = \"a-first-one\"\nto = \"a-second-one\"\nprotocol = \"tcp\"\nports = [80]\n{before}"
        );
        let (changed, added) = changes(before, &more, bridge);
        assert_eq!(changed, 0, "{name}");
        assert!((1..50).contains(&added), "{name}: {added} flows for a network of two");
    }
}

#[test]
fn a_further_endpoint_touches_only_floods() {
    for (name, bridge, network, address) in PLACES {
        let before = text_of(name);
        let more = format!(
            "[endpoint.a-new-one]\nattach = [{{ network = \"{network}\", port = \"aa1\", addresses = [\"{address}\"] }}]\n{before}"
        );
        let (changed, added) = changes(before, &more, bridge);
        assert_eq!(changed, 0, "{name}");
        assert!((1..20).contains(&added), "{name}: {added} flows for an endpoint");
    }
    // Where members hear each other's broadcasts, who is added hears them too: one flow.
    let swarm = text_of("swarm");
    let more = format!(
        "[endpoint.a]\nattach = [{{ network = \"media\", port = \"aa1\", addresses = [\"10.20.7.99\"] }}]\n{swarm}"
    );
    let (changed, added) = changes(swarm, &more, "swarm");
    assert!(changed <= 1 && added < 20, "{changed} changed, {added} added");
}

#[test]
fn a_further_rule_touches_only_its_parties() {
    for (name, bridge, network, address) in PLACES {
        let with_two = format!(
            "[endpoint.a-new-one]\nattach = [{{ network = \"{network}\", port = \"aa1\", addresses = [\"{address}\"] }}]\n\
             [endpoint.another]\nattach = [{{ network = \"{network}\", port = \"aa2\", addresses = [\"{}\"] }}]\n{}",
            address.replace("99", "98"),
            text_of(name)
        );
        let rule = |from: &str, to: &str| {
            format!(
                "[[allow]]\nname = \"a-new-rule\"\nfrom = {from}\nto = {to}\nprotocol = \"tcp\"\nports = [9999]\n{with_two}"
            )
        };
        let (changed, added) = changes(&with_two, &rule("\"a-new-one\"", "\"another\""), bridge);
        assert_eq!(changed, 0, "{name}");
        assert!((1..20).contains(&added), "{name}: {added} flows for a rule");
        // A list of several has a bit of its own, which its members carry: in admission and in the lookup.
        let (changed, added) =
            changes(&with_two, &rule("[\"a-new-one\", \"another\"]", "[\"another\", \"a-new-one\"]"), bridge);
        assert!(changed <= 10 && added < 20, "{name}: {changed} changed, {added} added");
    }
}

#[test]
fn a_further_project_touches_no_flow() {
    let more = PANTHEON.replace("instances = \"1-3\"", "instances = \"1-4\"");
    let (changed, added) = changes(PANTHEON, &more, "pantheon");
    assert_eq!(changed, 0);
    assert!((1..100).contains(&added), "{added} flows for a project");
}

/// `n` endpoints of one network, and `rules` rules from all of them to all of them, by name.
fn crowd(n: usize, rules: usize) -> String {
    let mut text = "[network.crowd]\nbridge = \"br0\"\nsubnets = [\"10.0.0.0/16\"]\n".to_owned();
    for e in 0..n {
        let _ = writeln!(
            text,
            "[endpoint.e{e}]\nattach = [{{ network = \"crowd\", port = \"p{e}\", addresses = [\"10.0.{}.{}\"] }}]",
            e / 250,
            1 + e % 250
        );
    }
    let names: Vec<String> = (0..n).map(|e| format!("\"e{e}\"")).collect();
    let all = names.join(", ");
    for r in 0..rules {
        let _ = writeln!(
            text,
            "[[allow]]\nname = \"r{r}\"\nfrom = [{all}]\nto = [{all}]\nprotocol = \"tcp\"\nports = [{}]",
            1 + r
        );
    }
    text
}

/// Four networks of a thousand, and a dozen rules between lists of all of them: as many flows as if the lists were short.
#[test]
fn a_dozen_rules_of_a_thousand_to_a_thousand() {
    let text = |n: usize| {
        let mut text = String::new();
        for net in 0..4 {
            let _ = writeln!(text, "[network.n{net}]\nbridge = \"br0\"\nsubnets = [\"10.{net}.0.0/16\"]");
            for e in 0..n {
                let _ = writeln!(
                    text,
                    "[endpoint.e{net}-{e}]\nattach = [{{ network = \"n{net}\", port = \"p{net}-{e}\", addresses = [\"10.{net}.{}.{}\"] }}]",
                    e / 250,
                    1 + e % 250
                );
            }
            let names: Vec<String> = (0..n).map(|e| format!("e{net}-{e}")).collect();
            for r in 0..3 {
                // Each list lacks another one, so that none is the same.
                let but = |lacks: usize| -> Vec<&String> {
                    names.iter().filter(|name| **name != names[lacks]).collect()
                };
                let _ = writeln!(
                    text,
                    "[[allow]]\nname = \"r{net}-{r}\"\nfrom = {:?}\nto = {:?}\nprotocol = \"tcp\"\nports = [443]",
                    but(r),
                    but(r + 1)
                );
            }
        }
        text
    };
    let of_rules = |n: usize| {
        let file = file(&text(n));
        let errors = flows::verify::check::check(&file).findings.into_iter().filter(|found| found.is_error());
        assert_eq!(errors.collect::<Vec<_>>(), vec![]);
        let program = compile(&file, "br0", &ports(&file, "br0"), &Default::default());
        let by_rule = |flow: &&flows::Flow| {
            program.origin(flow.cookie).is_some_and(|origin| origin.kind == flows::compile::OriginKind::Allow)
        };
        program.flows().filter(|flow| flow.table == flows::compile::layout::POLICY).filter(by_rule).count()
    };
    assert_eq!(of_rules(1_000), of_rules(10));
}

/// Returns a network on `br0`, and as many elsewhere, each on its own bridge with an endpoint and a
/// prefix behind it.
fn elsewhere(networks: usize, here: &str) -> String {
    let mut text = format!(
        "[network.here]\nbridge = \"br0\"\nsubnets = [\"10.0.0.0/24\", \"fd00::/64\"]\n\
         [endpoint.a]\nattach = [{{ network = \"here\", port = \"a\", addresses = [\"10.0.0.1\"] }}]\n{here}\n"
    );
    for n in 1..=networks {
        let _ = writeln!(
            text,
            "[network.n{n}]\nbridge = \"far{n}\"\nsubnets = [\"10.{n}.0.0/24\", \"fd00:{n}::/64\"]\n\
             [endpoint.e{n}]\nattach = [{{ network = \"n{n}\", port = \"p{n}\", addresses = [\"10.{n}.0.1\"], behind = [\"10.{n}.128.0/24\"] }}]"
        );
    }
    text
}

/// Checks that the default deny covers networks elsewhere if no sender on the bridge can reach
/// them. If one can, each gets a deny of its own.
#[test]
fn flows_to_a_bridge_grow_with_networks_elsewhere_only_where_something_leads_there() {
    let link = "[link.far]\nends = [{ network = \"here\", port = \"l\", behind = [\"10.0.0.128/25\"] }, { bridge = \"far\", port = \"m\" }]";
    let hop = "[endpoint.hop]\nattach = [{ network = \"here\", port = \"h\", addresses = [\"10.0.0.2\"], mac = \"02:00:00:00:00:01\" }]\n\
        [network.out]\nbridge = \"br1\"\nsubnets = [\"192.168.0.0/24\"]\n\
        [exit.up]\nnetwork = \"out\"\nport = \"up\"\nnext_hop = [\"192.168.0.1\"]\n\
        [[allow]]\nname = \"by-hop\"\nfrom = \"a\"\nto = \"up\"\nvia = \"hop\"\nprotocol = \"tcp\"\nports = [443]";
    // A prefix as sender and as destination, by itself and by ARP or neighbour discovery; and what
    // would cross into the network.
    for (what, here, each) in [
        ("nothing", "", 0),
        ("a link to more of its own", link, 0),
        ("an exit", "[exit.up]\nnetwork = \"here\"\nport = \"up\"\nnext_hop = [\"10.0.0.254\"]", 3 * 4 + 1),
        ("a next hop", hop, 3 * 4 + 1),
        ("a raw line", "[bridge.br0]\nflows = [\"priority=5,actions=drop\"]", 3 * 4 + 1),
    ] {
        let [few, many] = [2, 9].map(|networks| count(&elsewhere(networks, here)));
        assert_eq!(many - few, 7 * each, "{what}: {few}, {many} flows");
    }
}

fn count(text: &str) -> usize {
    let file = file(text);
    compile(&file, "br0", &ports(&file, "br0"), &Default::default()).flows().count()
}

#[test]
fn flows_grow_with_endpoints() {
    let [a, b, c] = [50, 100, 200].map(|n| count(&crowd(n, 1)));
    assert_eq!(c - b, 2 * (b - a), "{a}, {b}, {c} flows");
    assert!(b - a <= 50 * 10, "{} flows an endpoint", (b - a) / 50);
}

#[test]
fn flows_grow_with_rules() {
    let [a, b, c] = [10, 20, 40].map(|rules| count(&crowd(30, rules)));
    assert_eq!(c - b, 2 * (b - a), "{a}, {b}, {c} flows");
    assert!(b - a <= 10 * 4, "{} flows a rule", (b - a) / 10);
}

/// Rules that name a party each and all of the others are a set each: 500 of either stay bounded.
#[test]
fn five_hundred_endpoints_and_five_hundred_rules() {
    let mut text = crowd(500, 0);
    for r in 0..500 {
        let _ = writeln!(
            text,
            "[[allow]]\nname = \"r{r}\"\nfrom = [\"e{r}\"]\nto = [\"e{}\", \"e{}\"]\nprotocol = \"tcp\"\nports = [80]",
            (r + 1) % 500,
            (r + 2) % 500
        );
    }
    let flows = count(&text);
    // Two of a rule's are for what has no ports.
    assert!(flows < 500 * 10 + 500 * 10, "{flows} flows");
}

#[test]
fn a_reload_that_changes_nothing_sends_nothing() {
    for (name, text) in SHIPPED {
        let file_now = file(text);
        for bridge in &file_now.bridges {
            let numbers = ports(&file_now, &bridge.name);
            let compiled =
                || compile(&file(text), &bridge.name, &numbers, &open_windows(&file_now)).into_whole().0;
            let (before, mut again) = (compiled(), compiled());
            again.reverse();
            assert_eq!(diff(&again, &before, |_| false), vec![], "{name} {}", bridge.name);
        }
    }
}
