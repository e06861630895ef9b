//! Who reaches whom in the shipped files, written down: a change of a file that changes anything is seen here.
//! `UPDATE_REACH=1 cargo test -p flows --test compiled reach::` writes the tables anew.

use std::collections::BTreeMap;
use std::path::Path;

use flows::network::{Allow, EnforcementPoint, NetworkFile, Protocol};

use crate::support::table::{self, Rows, places, rows, table};
use crate::support::{COMM_MATRIX, PANTHEON, SHIPPED, file};

/// Compares with the table in the folder, or writes it.
fn pinned(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compiled/reach").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_REACH").is_some() {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = text.lines().zip(expected.lines()).position(|(a, b)| a != b);
    let line = differs.unwrap_or_else(|| text.lines().count().min(expected.lines().count()));
    let near = |text: &str| text.lines().skip(line.saturating_sub(3)).take(8).collect::<Vec<_>>().join("\n");
    assert!(
        text == expected,
        "{} differs on line {}: is\n{}\nand was\n{}\nIf that is meant: UPDATE_REACH=1",
        path.display(),
        line + 1,
        near(text),
        near(&expected)
    );
}

#[test]
fn comm_matrix() {
    pinned("comm-matrix", &table(&shipped("comm-matrix")));
}

#[test]
fn dual_socket() {
    pinned("dual-socket", &table(&shipped("dual-socket")));
}

#[test]
fn pantheon() {
    pinned("pantheon", &table(&shipped("pantheon")));
}

#[test]
fn phoenix() {
    pinned("phoenix", &table(&shipped("phoenix")));
}

#[test]
fn swarm() {
    pinned("swarm", &table(&shipped("swarm")));
}

fn shipped(name: &str) -> NetworkFile {
    file(SHIPPED.iter().find(|(n, _)| *n == name).unwrap().1)
}

/// All 256 projects: from each, what reaches its own, the main network, and other projects. All must be the same.
#[test]
fn pantheon_with_all_projects() {
    let file = file(&PANTHEON.replace("instances = \"1-3\"", "instances = \"all\""));
    let (bridges, all, contents) = (table::bridges(&file, false), places(&file), table::contents(&file));
    let rows = Rows { bridges: &bridges, places: &all, contents: &contents };
    let of = |n: u32| -> Vec<&table::Place> {
        let suffixes = ["vm", "shared", "tools", "backend"].map(|p| format!("{p}{n}"));
        all.iter().filter(|p| suffixes.contains(&p.port)).collect()
    };
    let main: Vec<&table::Place> =
        all.iter().filter(|p| !p.port.ends_with(|c: char| c.is_ascii_digit()) || p.port == "host0").collect();
    let mut sums: BTreeMap<String, u32> = BTreeMap::new();
    let mut count = |n: u32, what: &str, from: &[&table::Place], to: &[&table::Place]| {
        for from in from {
            let text = rows.of(&bridges[0], from, to, true);
            for line in text.lines() {
                let general =
                    line.replace(&format!("172.30.{n}."), "172.30.N.").replace(&format!("-{n} "), "-N ");
                let (head, port) = general.rsplit_once(' ').unwrap();
                let port = port.strip_suffix(&n.to_string()).unwrap_or(port);
                let who = from.port.trim_end_matches(&n.to_string());
                *sums.entry(format!("{what}: {who}{head} {port}")).or_default() += 1;
            }
        }
    };
    for n in 0..256 {
        let (own, next, far) = (of(n), of((n + 1) % 256), of(255 - n));
        count(n, "in the project", &own, &own);
        count(n, "to main", &own, &main);
        count(n, "from main", &main, &own);
        count(n, "to the next", &own, &next);
        if n != 255 - n {
            count(n, "to a far one", &own, &far);
        }
    }
    let text: String = sums.iter().map(|(line, n)| format!("{n:3} times {line}\n")).collect();
    pinned("pantheon-256", &text);
}

/// The rows of those whom a rule names, with windows open.
fn concerned(file: &NetworkFile, names: &[String]) -> String {
    let on = |name: &String, network: &String| {
        let of = file.endpoints.iter().find(|e| e.name == *name);
        of.is_some_and(|e| e.attachments.iter().any(|a| a.network == *network))
    };
    let outside = |name: &String| {
        file.outsides.iter().find(|o| o.name == *name).map_or_else(|| name.clone(), |o| o.exit.clone())
    };
    rows(file, true, |p| names.iter().any(|n| outside(n) == p.name || *n == p.name || on(&p.name, n)))
}

#[test]
fn every_rule_can_be_seen() {
    for (name, text) in SHIPPED {
        let file = file(text);
        for (i, allow) in file.allows.iter().enumerate().filter(|(_, a)| a.place == EnforcementPoint::Switch)
        {
            let mut without = file.clone();
            without.allows.remove(i);
            // Its ports are still tried.
            without.allows.push(Allow { place: EnforcementPoint::Elsewhere(String::new()), ..allow.clone() });
            let names: Vec<String> = allow.from.iter().chain(&allow.to).cloned().collect();
            assert_ne!(
                concerned(&file, &names),
                concerned(&without, &names),
                "{name}: nothing shows that {} is there",
                allow.name
            );
        }
        for i in 0..file.crossings.len() {
            let mut without = file.clone();
            let crossing = without.crossings.remove(i);
            let names: Vec<String> = crossing.from.iter().chain(&crossing.to).cloned().collect();
            assert_ne!(concerned(&file, &names), concerned(&without, &names), "{name}: {}", crossing.name);
        }
    }
}

#[test]
fn every_member_of_an_overlay_can_be_seen() {
    let before = table(&shipped("comm-matrix"));
    let text =
        COMM_MATRIX.replace("members = { mesh = \"10.42.0.1\", joi", "members = { ntp = \"10.42.0.1\", joi");
    assert_ne!(text, COMM_MATRIX);
    let text =
        text.replace("name = \"mesh-joi-api\"\nfrom = \"mesh\"", "name = \"mesh-joi-api\"\nfrom = \"ntp\"");
    let text = text.replace(
        "name = \"joi-mesh-api\"\nfrom = \"joi\"\nto = \"mesh\"",
        "name = \"joi-mesh-api\"\nfrom = \"joi\"\nto = \"ntp\"",
    );
    let after = table(&file(&text));
    assert_ne!(before, after);
    assert!(after.lines().any(|l| l.contains("> ntp 172.22.22.3") && l.contains("udp/4242")));
}

/// An allow for a port that no rule names, between any two that have none, shows.
#[test]
fn every_new_rule_can_be_seen() {
    for (name, text) in SHIPPED {
        let file = file(text);
        let before = places(&file);
        let networks =
            |name: &str| -> Vec<&str> { file.party(name).map(|p| p.networks()).unwrap_or_default() };
        let mut names: Vec<&str> = before.iter().map(|p| p.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let mut tried = 0;
        for from in &names {
            for to in names.iter().filter(|to| *to != from) {
                let shared = networks(from).into_iter().any(|n| networks(to).contains(&n));
                if !shared || has_any(&file, from, to) || only_leases(&file, from, to) {
                    continue;
                }
                let mut more = file.clone();
                more.allows.push(new_allow(from, to));
                tried += 1;
                let names = [(*from).to_owned()];
                assert_ne!(concerned(&file, &names), concerned(&more, &names), "{name}: {from} to {to}");
            }
        }
        assert!(tried > 5, "{name}: {tried} pairs");
    }
}

fn new_allow(from: &str, to: &str) -> Allow {
    Allow {
        name: "new".to_owned(),
        from: vec![from.to_owned()],
        to: vec![to.to_owned()],
        protocol: Protocol::Tcp,
        ports: vec![9],
        purpose: String::new(),
        limit: None,
        temp: None,
        via: None,
        returns: None,
        place: EnforcementPoint::Switch,
        chain: None,
        span: 0..0,
    }
}

/// Whether the other has only leased addresses where both are: nobody can be told to open anything there.
fn only_leases(file: &NetworkFile, from: &str, to: &str) -> bool {
    let shared = file.party(from).map(|p| p.networks()).unwrap_or_default();
    let plugs = file.endpoints.iter().filter(|e| e.name == to).flat_map(|e| &e.attachments);
    let mut plugs = plugs.filter(|a| shared.contains(&a.network.as_str())).peekable();
    plugs.peek().is_some() && plugs.all(|a| a.leased && a.addresses.is_empty())
}

/// Whether the one may open anything to the other already.
fn has_any(file: &NetworkFile, from: &str, to: &str) -> bool {
    let networks = |name: &str| file.party(name).map(|p| p.networks()).unwrap_or_default();
    let is_endpoint = |name: &str| file.endpoints.iter().any(|e| e.name == name);
    let inside = networks(from)
        .into_iter()
        .filter(|n| networks(to).contains(n))
        .all(|n| file.network(n).is_some_and(|n| n.inside == flows::network::Inside::Allow));
    let means =
        |names: &[String], who: &str| names.iter().any(|n| n == who || networks(who).contains(&n.as_str()));
    let any = |a: &Allow| a.protocol == Protocol::Any && means(&a.from, from) && means(&a.to, to);
    (inside && is_endpoint(from) && is_endpoint(to)) || file.allows.iter().any(any)
}
