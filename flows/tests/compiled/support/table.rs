//! Reach tables: who reaches whom by what, as the compiled flows have it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use flows::network::{EnforcementPoint as Enforced, LinkRole, NetworkFile, Protocol};
use ipnetwork::IpNetwork;

use super::packets::packet;
use super::{Compiled, open_windows};
use crate::verdict::{Content, Form, Frame, What};

const PEER: [u8; 6] = [2, 0, 0, 0, 8, 8];
const ANYWHERE: [&str; 2] = ["203.0.113.77", "2001:db8::77"];

/// Where somebody is: a port, and an address from which he sends and at which he is reached.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) bridge: String,
    pub(crate) port: String,
    address: IpAddr,
    mac: Option<[u8; 6]>,
    vlan: Option<u16>,
}

/// Everybody of the file; of a prefix one address.
pub(crate) fn places(file: &NetworkFile) -> Vec<Place> {
    let one = |p: &IpNetwork| p.iter().nth(77).or_else(|| p.iter().next());
    let mut all = Vec::new();
    for e in &file.endpoints {
        for a in &e.attachments {
            let network = file.network(&a.network).unwrap();
            let mut addresses = a.addresses.clone();
            addresses.extend(a.behind.iter().filter_map(one));
            all.extend(addresses.into_iter().map(|address| Place {
                name: e.name.clone(),
                bridge: network.bridge.clone(),
                port: a.port.clone(),
                address,
                mac: a.mac,
                vlan: network.vlan,
            }));
            if !a.leased {
                continue;
            }
            let on = Compiled::new(file.clone(), &network.bridge, flows::compile::TimeContext::default());
            let leases = on.leases.iter().filter(|l| on.names[&l.port] == a.port);
            all.extend(leases.filter(|l| l.network == network.number).map(|lease| Place {
                name: e.name.clone(),
                bridge: network.bridge.clone(),
                port: a.port.clone(),
                address: lease.address,
                mac: lease.mac.or(a.mac),
                vlan: network.vlan,
            }));
        }
    }
    let mut other = |name: &str, bridge: &str, port: &str, addresses: Vec<IpAddr>, vlan| {
        all.extend(addresses.into_iter().map(|address| Place {
            name: name.to_owned(),
            bridge: bridge.to_owned(),
            port: port.to_owned(),
            address,
            mac: None,
            vlan,
        }));
    };
    let crossed = |over: &str| {
        let crossings = file.crossings.iter().filter(|c| c.over == over);
        let names = crossings.flat_map(|c| c.from.iter().chain(&c.to)).collect::<Vec<_>>();
        let named = file.endpoints.iter().filter(|e| names.contains(&&e.name));
        named.flat_map(|e| e.attachments.iter().flat_map(|a| a.addresses.clone())).collect::<Vec<_>>()
    };
    for l in &file.links {
        let carried = l.ends.iter().find_map(|e| e.network()).and_then(|n| file.network(n));
        for end in &l.ends {
            let carries = |end: &flows::network::LinkEnd| match &end.role {
                LinkRole::Network { behind, .. } => behind.iter().filter_map(one).collect(),
                _ => Vec::new(),
            };
            let addresses = match &end.role {
                LinkRole::Crossing => crossed(&l.name),
                _ => l.ends.iter().flat_map(carries).collect(),
            };
            let vlan = carried.and_then(|n| n.vlan);
            if let LinkRole::Forwards { port } = &end.role {
                other(&l.name, &end.bridge, port, addresses.clone(), vlan);
            }
            other(&l.name, &end.bridge, &end.port, addresses, vlan);
        }
    }
    for x in &file.exits {
        let mut addresses = x.next_hop.clone();
        addresses.extend(ANYWHERE.map(|a| a.parse::<IpAddr>().unwrap()));
        let outsides = file.outsides.iter().filter(|o| o.exit == x.name);
        addresses.extend(outsides.flat_map(|o| &o.addresses).filter_map(|p| p.iter().next()));
        let vlan = x.network.as_ref().and_then(|n| file.network(n)).and_then(|n| n.vlan);
        other(&x.name, &x.bridge, &x.port, addresses, vlan);
    }
    all
}

/// What is tried: everything that a rule names, and what none does.
pub(crate) fn contents(file: &NetworkFile) -> Vec<(String, Content)> {
    let allows = file.allows.iter().map(|a| (a.protocol, &a.ports));
    let crossings = file.crossings.iter().map(|c| (c.protocol, &c.ports));
    let mut all = Vec::new();
    for (protocol, ports) in allows.chain(crossings) {
        for &port in ports {
            match protocol {
                Protocol::Tcp => all.push((format!("tcp/{port}"), Content::Tcp(port))),
                Protocol::Udp => {
                    all.push((format!("udp/{port}"), Content::Udp { src: 40_000, dst: port }));
                }
                Protocol::Sctp => all.push((format!("sctp/{port}"), Content::Sctp(port))),
                _ => {}
            }
        }
    }
    all.push(("tcp/9".to_owned(), Content::Tcp(9)));
    all.push(("udp/9".to_owned(), Content::Udp { src: 40_000, dst: 9 }));
    all.push(("sctp/9".to_owned(), Content::Sctp(9)));
    all.push(("echo".to_owned(), Content::EchoRequest));
    all.sort_by_key(|(name, _)| (name.split('/').next().map(str::to_owned), name.len(), name.clone()));
    all.dedup_by(|a, b| a.0 == b.0);
    all
}

/// Rows of a table: what comes out where.
pub(crate) struct Rows<'r> {
    pub(crate) bridges: &'r [Compiled],
    pub(crate) places: &'r [Place],
    pub(crate) contents: &'r [(String, Content)],
}

impl Rows<'_> {
    /// The rows of one sender, each told by its destination; nothing where nothing comes out.
    pub(crate) fn of(&self, on: &Compiled, from: &Place, to: &[&Place], forged: bool) -> String {
        let mut text = String::new();
        let mut hops: Vec<(String, [u8; 6])> = vec![(String::new(), PEER)];
        for via in on.file.allows.iter().filter_map(|a| a.via.as_ref()) {
            let hop = self.places.iter().find(|p| p.name == *via && p.bridge == from.bridge);
            hops.extend(hop.and_then(|p| Some((format!(" via {via}"), p.mac?))));
        }
        hops.dedup();
        let eth_src = from.mac.unwrap_or(PEER);
        let frame = |eth_dst, what| Frame { vlan: from.vlan, eth_src, eth_dst, what };
        let mut seen: Vec<IpAddr> = Vec::new();
        for dst in to.iter().map(|p| p.address).filter(|a| a.is_ipv4() == from.address.is_ipv4()) {
            if seen.contains(&dst) || dst == from.address {
                continue;
            }
            seen.push(dst);
            let mut plain: BTreeMap<String, Vec<&str>> = BTreeMap::new();
            for (via, mac) in &hops {
                let mut outs: BTreeMap<String, Vec<&str>> = BTreeMap::new();
                for (name, content) in self.contents {
                    let what = What::Ip { src: from.address, dst, content: *content };
                    let out = self.out(on, from, frame(*mac, what));
                    if !out.is_empty() {
                        outs.entry(out).or_default().push(name);
                    }
                }
                if via.is_empty() {
                    plain = outs.clone();
                    let what = What::Resolution { sender: from.address, target: dst, answer: false };
                    let out = self.out(on, from, frame(*mac, what));
                    if !out.is_empty() {
                        outs.entry(out).or_default().push("resolve");
                    }
                }
                let owner = self.places.iter().find(|p| p.address == dst).map_or("", |p| &p.name);
                for (out, what) in outs {
                    if !via.is_empty() && plain.get(&out) == Some(&what) {
                        continue;
                    }
                    let _ = writeln!(text, "  > {owner} {dst}{via}: {} -> {out}", what.join(" "));
                }
            }
        }
        if !forged && from.address.is_ipv4() {
            let unset = IpAddr::from([0; 4]);
            for (name, src, content) in [
                ("dhcp request", unset, Content::Udp { src: 68, dst: 67 }),
                ("dhcp answer", from.address, Content::Udp { src: 67, dst: 68 }),
            ] {
                let what = What::Ip { src, dst: IpAddr::from([255; 4]), content };
                let out = self.out(on, from, frame([0xff; 6], what));
                if !out.is_empty() {
                    let _ = writeln!(text, "  {name} -> {out}");
                }
            }
            let what = What::Ip { src: from.address, dst: [224, 0, 0, 251].into(), content: Content::Tcp(9) };
            let out = self.out(on, from, frame([0xff; 6], what));
            if !out.is_empty() {
                let _ = writeln!(text, "  multicast -> {out}");
            }
        }
        text
    }

    fn out(&self, on: &Compiled, from: &Place, frame: Frame) -> String {
        let outs = on.outs(&from.port, &packet(frame));
        let text = outs.iter().map(|out| {
            let form = match out.form {
                Form::Same => "",
                Form::Routed(_) => " (routed)",
                Form::Answer => " (answered)",
            };
            let tag = out.vlan.map(|v| format!(" (vlan {v})")).unwrap_or_default();
            format!("{}{form}{tag}", out.port)
        });
        text.collect::<Vec<_>>().join(", ")
    }

    fn bridge(&self, name: &str) -> Option<&Compiled> {
        self.bridges.iter().find(|on| on.bridge == name)
    }
}

/// All bridges with windows closed, or open.
pub(crate) fn bridges(file: &NetworkFile, open: bool) -> Vec<Compiled> {
    let moment = match open {
        true => open_windows(file),
        false => flows::compile::TimeContext { now: super::NOW, ..Default::default() },
    };
    let owned = file.bridges.iter().filter(|b| flows::compile::owns(file, &b.name));
    owned.map(|b| Compiled::new(file.clone(), &b.name, moment.clone())).collect()
}

/// The rows of those senders for whom `chosen` answers.
pub(crate) fn rows(file: &NetworkFile, open: bool, chosen: impl Fn(&Place) -> bool) -> String {
    let (bridges, places, contents) = (bridges(file, open), places(file), contents(file));
    let rows = Rows { bridges: &bridges, places: &places, contents: &contents };
    let everybody: Vec<&Place> = places.iter().collect();
    let mut text = String::new();
    for from in places.iter().filter(|p| chosen(p)) {
        let Some(on) = rows.bridge(&from.bridge) else { continue };
        let lines = rows.of(on, from, &everybody, false);
        if !lines.is_empty() {
            let _ =
                write!(text, "{} {} at {} of {}\n{lines}", from.name, from.address, from.port, from.bridge);
        }
    }
    text
}

/// What comes out though the source is another's: at each port each address of somebody else.
fn forged(file: &NetworkFile, open: bool) -> String {
    let (bridges, places) = (bridges(file, open), places(file));
    let contents = [("tcp/9".to_owned(), Content::Tcp(9)), ("echo".to_owned(), Content::EchoRequest)];
    let rows = Rows { bridges: &bridges, places: &places, contents: &contents };
    let (mut tried, mut text) = (0, String::new());
    for at in &places {
        let Some(on) = rows.bridge(&at.bridge) else { continue };
        // An exit may speak for all that is outside, a link for all that is behind it.
        if !file.endpoints.iter().any(|e| e.name == at.name) {
            continue;
        }
        let owns = |a: IpAddr| places.iter().any(|p| p.port == at.port && p.address == a);
        for other in places.iter().filter(|p| !owns(p.address)) {
            let from = Place { address: other.address, ..at.clone() };
            let near: Vec<&Place> = places.iter().filter(|p| p.bridge == at.bridge).step_by(7).collect();
            tried += 1;
            let lines = rows.of(on, &from, &near, true);
            if !lines.is_empty() {
                let _ = write!(text, "{} as {} at {}\n{lines}", at.name, from.address, at.port);
            }
        }
    }
    format!("{tried} forged sources\n{text}")
}

/// The whole table of a file.
pub(crate) fn table(file: &NetworkFile) -> String {
    let mut text = String::from(
        "# What comes out where, as the compiled flows have it. Who is not there reaches nobody.\n",
    );
    for allow in file.allows.iter().filter(|a| a.place != Enforced::Switch) {
        let _ = writeln!(
            text,
            "not enforced: {}: {:?} > {:?} {:?} {:?} ({:?})",
            allow.name, allow.from, allow.to, allow.protocol, allow.ports, allow.place
        );
    }
    let closed = rows(file, false, |_| true);
    let _ = write!(text, "\n# {}\n{}\n{closed}", contents_line(file), forged(file, false));
    if file.allows.iter().any(|a| a.temp.is_some()) {
        let open = rows(file, true, |_| true);
        let _ = write!(text, "\n# with all windows open\n{}\n{open}", forged(file, true));
    }
    text
}

fn contents_line(file: &NetworkFile) -> String {
    let names: Vec<String> = contents(file).into_iter().map(|(name, _)| name).collect();
    format!("tried: {}", names.join(" "))
}
