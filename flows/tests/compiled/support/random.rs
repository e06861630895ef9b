//! Small network files with everything in them, as strategies that shrink.

use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::sample::Index;

/// A file to be written.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    networks: Vec<Net>,
    endpoints: Vec<End>,
    exits: Vec<(Index, bool)>,
    links: Vec<(Index, bool)>,
    outsides: Vec<(Index, Option<Index>)>,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Net {
    v6: bool,
    inside: bool,
    vlan: bool,
    conntrack: bool,
}

#[derive(Debug, Clone)]
struct End {
    /// Its networks.
    at: Vec<Index>,
    mac: bool,
    leased: bool,
    behind: bool,
    router: bool,
    link_local: bool,
    shared: bool,
}

#[derive(Debug, Clone)]
struct Rule {
    network: Index,
    from: Vec<Index>,
    to: Vec<Index>,
    protocol: usize,
    ports: Vec<Index>,
    temp: bool,
    connection: bool,
    via: Option<(Index, Index)>,
    /// Whether there is a rule from its receivers to its senders too.
    both: bool,
    /// Whether both lists may hold what is inside beside what is outside.
    mixed: bool,
}

const PREFIXES: [&str; 4] = ["1.1.1.1", "1.0.0.0/8", "2606:4700::/32", "9.9.9.9"];
const PORTS: [u16; 4] = [53, 80, 443, 8080];

pub(crate) fn plan() -> impl Strategy<Value = Plan> {
    let index = any::<Index>;
    let rarely = || prop::bool::weighted(0.2);
    let net = (any::<bool>(), rarely(), rarely(), rarely()).prop_map(|(v6, inside, vlan, conntrack)| Net {
        v6,
        inside,
        vlan,
        conntrack,
    });
    let said = (rarely(), rarely(), rarely(), rarely(), prop::bool::weighted(0.3));
    let end = (prop::collection::vec(index(), 1..3), any::<bool>(), said).prop_map(
        |(at, mac, (leased, behind, router, link_local, shared))| End {
            at,
            mac,
            leased,
            behind,
            router,
            link_local,
            shared,
        },
    );
    let names = || prop::collection::vec(any::<Index>(), 1..4);
    let via = prop::option::weighted(0.2, (index(), index()));
    let how = (rarely(), rarely(), rarely(), rarely());
    let rule = (index(), names(), names(), 0..6usize, prop::collection::vec(index(), 0..3), how, via)
        .prop_map(|(network, from, to, protocol, ports, (temp, connection, both, mixed), via)| Rule {
            network,
            from,
            to,
            protocol,
            ports,
            temp,
            connection,
            via,
            both,
            mixed,
        });
    (
        prop::collection::vec(net, 1..4),
        prop::collection::vec(end, 1..7),
        prop::collection::vec((index(), any::<bool>()), 0..4),
        prop::collection::vec((index(), any::<bool>()), 0..2),
        prop::collection::vec((index(), prop::option::of(index())), 0..3),
        prop::collection::vec(rule, 0..10),
    )
        .prop_map(|(networks, endpoints, exits, links, outsides, rules)| Plan {
            networks,
            endpoints,
            exits,
            links,
            outsides,
            rules,
        })
}

/// Many rules for the same few things, most of them with one the other way round beside them.
pub(crate) fn symmetrical() -> impl Strategy<Value = Plan> {
    let names = || prop::collection::vec(any::<Index>(), 1..4);
    let ports = prop::collection::vec(any::<Index>(), 0..2);
    // Any protocol, TCP twice, or echo.
    let what = (prop::sample::select(vec![0, 1, 1, 4]), ports);
    let rule = (any::<Index>(), names(), names(), what, any::<[bool; 2]>()).prop_map(
        |(network, from, to, (protocol, ports), [both, mixed])| Rule {
            network,
            from,
            to,
            protocol,
            ports,
            temp: false,
            connection: false,
            via: None,
            both,
            mixed,
        },
    );
    (plan(), prop::collection::vec(rule, 8..24)).prop_map(|(plan, rules)| Plan { rules, ..plan })
}

impl Plan {
    /// The file's text; none where the language refuses it.
    pub(crate) fn text(&self) -> Option<String> {
        let text = self.write();
        match flows::network::parse(&text, "random.toml") {
            Ok(_) => Some(text),
            Err(_) => None,
        }
    }

    fn write(&self) -> String {
        let mut text = String::new();
        let t = &mut text;
        let count = self.networks.len();
        // Who is on each network: what rules may name there.
        let mut named: Vec<Vec<String>> = (0..count).map(|n| vec![format!("n{n}")]).collect();
        let mut hops: Vec<Vec<String>> = vec![Vec::new(); count];
        let mut beyond: Vec<(usize, String)> = Vec::new();
        for (n, net) in self.networks.iter().enumerate() {
            let v6 = if net.v6 { format!(", \"fd00:{n}::/64\"") } else { String::new() };
            let _ = writeln!(t, "[network.n{n}]\nbridge = \"br0\"\nsubnets = [\"192.168.{n}.0/24\"{v6}]");
            let _ = writeln!(t, "inside = \"{}\"", if net.inside { "allow" } else { "deny" });
            if net.vlan {
                let _ = writeln!(t, "vlan = {}", 10 + n);
            }
            if net.conntrack {
                let _ = writeln!(t, "stateful = \"conntrack\"");
            }
        }
        for (e, end) in self.endpoints.iter().enumerate() {
            let mut at: Vec<usize> = end.at.iter().map(|n| n.index(count)).collect();
            at.sort_unstable();
            at.dedup();
            let plugs: Vec<String> = at.iter().map(|&n| self.plug(e, end, n)).collect();
            let _ = writeln!(t, "[endpoint.e{e}]\nattach = [{}]", plugs.join(", "));
            for n in at {
                named[n].push(format!("e{e}"));
                if end.mac {
                    hops[n].push(format!("e{e}"));
                }
            }
        }
        for (x, (n, next)) in self.exits.iter().enumerate() {
            let n = n.index(count);
            let _ = writeln!(t, "[exit.x{x}]\nnetwork = \"n{n}\"\nport = \"x{x}\"");
            if *next {
                let _ = writeln!(t, "next_hop = [\"192.168.{n}.{}\"]", 250 + x);
            }
            if *next && self.networks[n].v6 {
                let _ = writeln!(t, "router = true");
            }
            named[n].push(format!("x{x}"));
            beyond.push((n, format!("x{x}")));
        }
        for (l, (n, half)) in self.links.iter().enumerate() {
            let n = n.index(count);
            let mut behind =
                if *half { format!("\"192.168.{n}.128/25\"") } else { format!("\"192.168.{n}.0/24\"") };
            if self.networks[n].v6 {
                let _ = write!(behind, ", \"fd00:{n}::/64\"");
            }
            let here = format!("{{ network = \"n{n}\", port = \"l{l}\", behind = [{behind}] }}");
            let _ = writeln!(
                t,
                "[link.l{l}]\nends = [{here}, {{ bridge = \"br1\", port = \"f{l}\", forwards = \"g{l}\" }}]"
            );
            named[n].push(format!("l{l}"));
        }
        if !self.exits.is_empty() {
            for (o, (x, prefix)) in self.outsides.iter().enumerate() {
                let x = x.index(self.exits.len());
                let _ = writeln!(t, "[outside.o{o}]\nexit = \"x{x}\"");
                if let Some(prefix) = prefix {
                    let _ = writeln!(t, "addresses = [\"{}\"]", prefix.get(&PREFIXES));
                }
                let n = self.exits[x].0.index(count);
                named[n].push(format!("o{o}"));
                beyond.push((n, format!("o{o}")));
            }
        }
        for (r, rule) in self.rules.iter().enumerate() {
            let n = rule.network.index(count);
            let others: Vec<_> = beyond.iter().filter(|(at, _)| *at != n).cloned().collect();
            let beyond = if others.is_empty() { &beyond } else { &others };
            match rule.mixed {
                true => rule.write(t, r, &self.by_one_exit(n, &named[n]), &hops[n], beyond),
                false => rule.write(t, r, &named[n], &hops[n], beyond),
            }
        }
        text
    }

    /// Those names of a network's that lead out by one exit at most.
    fn by_one_exit(&self, n: usize, named: &[String]) -> Vec<String> {
        let count = self.networks.len();
        let exit = self.exits.iter().position(|(at, _)| at.index(count) == n);
        let outside = |o: usize| self.outsides[o].0.index(self.exits.len());
        let by_it = |name: &&String| match name.split_at(1) {
            ("x", x) => exit == x.parse().ok(),
            ("o", o) => exit == o.parse().ok().map(outside),
            _ => true,
        };
        named.iter().filter(by_it).cloned().collect()
    }

    fn plug(&self, e: usize, end: &End, n: usize) -> String {
        let mut plug = format!("{{ network = \"n{n}\", port = \"e{e}n{n}\"");
        // Who answers for a leased address is not defined where a link leads to the same subnet.
        let linked = self.links.iter().any(|(at, _)| at.index(self.networks.len()) == n);
        if end.leased && !linked {
            plug.push_str(", leased = true");
        } else {
            let v6 = if self.networks[n].v6 { format!(", \"fd00:{n}::{}\"", 1 + e) } else { String::new() };
            let mut shared = String::new();
            if end.shared {
                let _ = write!(shared, ", {{ address = \"192.168.{n}.200\", shared = true, vrid = 7 }}");
                if self.networks[n].v6 {
                    let _ = write!(shared, ", {{ address = \"fd00:{n}::200\", shared = true }}");
                }
            }
            let _ = write!(plug, ", addresses = [\"192.168.{n}.{}\"{v6}{shared}]", 1 + e);
        }
        if end.mac {
            let _ = write!(plug, ", mac = \"02:00:00:00:0{n}:0{e}\"");
        }
        if end.behind {
            let _ = write!(plug, ", behind = [\"10.{e}.{n}.0/24\"]");
        }
        if end.router && self.networks[n].v6 {
            plug.push_str(", router = true");
        }
        if end.link_local && self.networks[n].v6 {
            let _ = write!(plug, ", link_local = \"fe80::{}\"", 1 + e);
        }
        plug.push_str(" }");
        plug
    }
}

impl Rule {
    fn write(&self, t: &mut String, r: usize, named: &[String], hops: &[String], beyond: &[(usize, String)]) {
        // From one exit to another: which one a packet takes by its own list, and whether back, is nobody's question.
        let leads = |name: &String| name.starts_with(['o', 'x']);
        let transit = self.from.iter().any(|p| leads(p.get(named))) && !self.mixed;
        let list = |picks: &[Index], inside: bool| {
            let mut names: Vec<&String> = picks.iter().map(|p| p.get(named)).collect();
            names.retain(|n| !inside || !leads(n));
            // The network itself.
            names.extend(named.first().filter(|_| inside));
            let mut seen = Vec::new();
            names.retain(|n| {
                !seen.contains(n) && {
                    seen.push(*n);
                    true
                }
            });
            format!("{names:?}")
        };
        let inner = |picks: &[Index]| {
            let inner: Vec<&String> = named.iter().filter(|n| !n.starts_with(['o', 'x', 'l'])).collect();
            let mut names: Vec<&String> = picks.iter().map(|p| *p.get(&inner)).collect();
            names.dedup();
            names.sort();
            names.dedup();
            format!("{names:?}")
        };
        let protocol = ["any", "tcp", "udp", "sctp", "icmp", "dhcp"][self.protocol];
        let _ = writeln!(t, "[[allow]]\nname = \"r{r}\"");
        match &self.via {
            Some((hop, to)) if !hops.is_empty() && !beyond.is_empty() && protocol != "dhcp" => {
                let (hop, (_, to)) = (hop.get(hops), to.get(beyond));
                let _ = writeln!(t, "from = {}\nto = \"{to}\"\nvia = \"{hop}\"", inner(&self.from));
                self.what(t, protocol);
            }
            _ => {
                let (from, to) = (list(&self.from, false), list(&self.to, transit));
                let _ = writeln!(t, "from = {from}\nto = {to}");
                self.what(t, protocol);
                if self.both {
                    let _ = writeln!(t, "[[allow]]\nname = \"r{r}-back\"\nfrom = {to}\nto = {from}");
                    self.what(t, protocol);
                }
            }
        }
    }

    fn what(&self, t: &mut String, protocol: &str) {
        let _ = writeln!(t, "protocol = \"{protocol}\"");
        if matches!(protocol, "tcp" | "udp" | "sctp") && !self.ports.is_empty() {
            let mut ports: Vec<u16> = self.ports.iter().map(|p| *p.get(&PORTS)).collect();
            ports.sort_unstable();
            ports.dedup();
            let _ = writeln!(t, "ports = {ports:?}");
        }
        if self.temp {
            let _ = writeln!(t, "temp = \"window\"");
        }
        if self.connection && protocol != "dhcp" {
            let _ = writeln!(t, "returns = \"connection\"");
        }
    }
}
