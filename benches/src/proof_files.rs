//! Network files for the benchmarks of proofs: what must never be, over many bridges and endpoints.

use std::fmt::{Display, Write as _};

use flows::finding::Finding;
use flows::network::NetworkFile;

/// A network file, and the name under which its numbers are written down.
#[derive(Debug, Clone)]
pub struct ProofFile {
    /// Its name.
    pub name: &'static str,
    /// Its text.
    pub text: String,
}

impl ProofFile {
    /// Returns the parsed file.
    ///
    /// # Errors
    /// The findings if the file is invalid.
    pub fn parsed(&self) -> Result<NetworkFile, Vec<Finding>> {
        flows::network::parse(&self.text, self.name).map(|(file, _)| file)
    }
}

/// Returns the three files of the benchmarks: about 11,000, 19,000 and 102,000 flows.
pub fn proof_files() -> [ProofFile; 3] {
    [
        ProofFile { name: "4x250", text: ring(4, 250) },
        ProofFile { name: "pantheon-256", text: isolated(&crate::pantheon_256()) },
        ProofFile { name: "8x1250", text: ring(8, 1_250) },
    ]
}

/// Returns the text of a Pantheon with the projects 0 to 2, and what its isolation means for them.
fn isolated(pantheon: &str) -> String {
    let pairs = [
        ("main", "project-0"),
        ("project-1", "main"),
        ("project-0", "project-1"),
        ("project-2", "project-0"),
    ];
    pairs.iter().fold(pantheon.to_owned(), |mut text, (from, to)| {
        never(&mut text, from, to);
        text
    })
}

/// Writes an assertion.
fn never(text: &mut String, from: impl Display, to: impl Display) {
    let _ = writeln!(text, "[[never]]\nname = \"{from}-to-{to}\"\nfrom = \"{from}\"\nto = \"{to}\"");
}

/// The number of assertions.
const NEVERS: u32 = 4;
/// The number of endpoints of a network that a crossing leads to.
const CROSSED: u32 = 2;
/// The number of rules between lists of endpoints on a bridge.
const LIST_RULES: u32 = 5;
/// The length of a list of endpoints.
const LIST: u32 = 30;
/// One in so many endpoints has a rule of its own, to its neighbour.
const PAIRS: u32 = 20;

/// Returns a ring of bridges, each with one network, an exit and a link to the next bridge. Four
/// networks may never reach the network after the next one.
///
/// The links carry packets: each network has a crossing into the next one. So a proof has to follow
/// the packets over the links. At least 4 and at most 256 bridges, with 60,000 endpoints each: in a
/// smaller ring the replies of a crossing would break an assertion.
pub fn ring(bridges: u32, endpoints: u32) -> String {
    let mut text = String::new();
    for bridge in 0..bridges {
        network(&mut text, bridge, endpoints);
        rules(&mut text, bridge, endpoints);
    }
    for bridge in 0..bridges {
        crossing(&mut text, bridge, (bridge + 1) % bridges);
    }
    for bridge in 0..bridges.min(NEVERS) {
        never(&mut text, format_args!("n{bridge}"), format_args!("n{}", (bridge + 2) % bridges));
    }
    text
}

/// Writes a network, its exit and its endpoints.
fn network(text: &mut String, bridge: u32, endpoints: u32) {
    let _ = writeln!(
        text,
        "[network.n{bridge}]\nbridge = \"br{bridge}\"\nsubnets = [\"10.{bridge}.0.0/16\"]\ninside = \"deny\"\n\
         [exit.x{bridge}]\nnetwork = \"n{bridge}\"\nport = \"up{bridge}\"\nnext_hop = [\"10.{bridge}.255.1\"]"
    );
    for endpoint in 0..endpoints {
        let (third, fourth) = (endpoint / 250, 1 + endpoint % 250);
        // A crossing needs the MAC address of each party that it reaches.
        let mac = if endpoint < CROSSED {
            format!(", mac = \"02:00:0a:{bridge:02x}:00:{fourth:02x}\"")
        } else {
            String::new()
        };
        let _ = writeln!(
            text,
            "[endpoint.e{bridge}-{endpoint}]\nattach = [{{ network = \"n{bridge}\", port = \"p{bridge}-{endpoint}\", \
             addresses = [\"10.{bridge}.{third}.{fourth}\"]{mac} }}]"
        );
    }
}

/// Writes the rules of a bridge: between lists, between neighbours, and outwards.
fn rules(text: &mut String, bridge: u32, endpoints: u32) {
    let list = LIST.min(endpoints / 2);
    for rule in 0..LIST_RULES {
        // Each list is another part of the endpoints, and the lists overlap.
        let part = |start: u32| names(bridge, (0..list).map(move |n| (start + n) % endpoints));
        let (from, to) = (part(rule * list / 2), part(endpoints / 2 + rule * list / 2));
        let protocol = if rule % 3 == 2 { "udp" } else { "tcp" };
        let port = 5_000 + 7 * rule;
        allow(
            text,
            format_args!("list{bridge}-{rule}"),
            &from,
            &to,
            protocol,
            &format!("{port}, {}", port + 1),
        );
    }
    for endpoint in (0..endpoints).filter(|n| n % PAIRS == 0) {
        let (from, to) = (names(bridge, [endpoint]), names(bridge, [(endpoint + 1) % endpoints]));
        let port = 8_000 + endpoint % 5;
        allow(text, format_args!("pair{bridge}-{endpoint}"), &from, &to, "tcp", &port.to_string());
    }
    let some = names(bridge, (0..endpoints).filter(|n| n % 2 == 0));
    allow(text, format_args!("egress{bridge}"), &some, &format!("\"x{bridge}\""), "tcp", "80, 443");
}

/// Writes an allow.
fn allow(text: &mut String, name: impl Display, from: &str, to: &str, protocol: &str, ports: &str) {
    let _ = writeln!(
        text,
        "[[allow]]\nname = \"{name}\"\nfrom = [{from}]\nto = [{to}]\nprotocol = \"{protocol}\"\nports = [{ports}]"
    );
}

/// Writes the link from a bridge to the next one, and the crossing over it.
fn crossing(text: &mut String, from: u32, to: u32) {
    let (senders, receivers) = (names(from, 2..2 + CROSSED), names(to, 0..CROSSED));
    let _ = writeln!(
        text,
        "[link.l{from}]\nends = [{{ bridge = \"br{from}\", port = \"out{from}\" }}, {{ bridge = \"br{to}\", port = \"in{from}\" }}]\n\
         [[crossing]]\nname = \"c{from}\"\nfrom = [{senders}]\nto = [{receivers}]\nprotocol = \"tcp\"\nports = [9443]\n\
         over = \"l{from}\"\napproved_by = \"benchmarks\"\nreason = \"the link carries packets\""
    );
}

/// Returns the quoted names of some endpoints of a bridge.
fn names(bridge: u32, endpoints: impl IntoIterator<Item = u32>) -> String {
    let names = endpoints.into_iter().map(|n| format!("\"e{bridge}-{n}\""));
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use flows::verify::bridge_flows::compiled;
    use flows::verify::check::check;

    use super::*;

    fn errors(text: String) -> Vec<Finding> {
        let file = ProofFile { name: "small", text }.parsed().unwrap();
        assert_eq!(file.nevers.len(), 4);
        check(&file).findings.into_iter().filter(Finding::is_error).collect()
    }

    #[test]
    fn the_assertions_hold() {
        assert_eq!(errors(ring(4, 4)), vec![]);
        let few = crate::PANTHEON.replace("instances = \"1-3\"", "instances = \"0-3\"");
        assert_eq!(errors(isolated(&few)), vec![]);
    }

    #[test]
    fn the_links_carry_packets() {
        let text = ring(4, 4).replace("to = \"n2\"", "to = \"n1\"");
        assert!(!errors(text).is_empty());
    }

    #[test]
    fn the_files_have_as_many_flows_as_the_documentation_says() {
        let flows = proof_files().map(|file| {
            let parsed = file.parsed().unwrap();
            let flows: usize = compiled(&parsed).iter().map(|bridge| bridge.flows.len()).sum();
            println!("{}: {flows} flows", file.name);
            flows
        });
        let [ring, pantheon, large] = flows;
        assert!(
            (10_000..12_000).contains(&ring)
                && (18_000..20_000).contains(&pantheon)
                && (95_000..110_000).contains(&large)
        );
    }
}
