//! The network language as a whole: its findings, its meaning, and that no text makes it panic.

mod assertions;
mod bounds;
mod findings;
mod in_force;
mod language;
mod model;
mod mutation;
mod schema;

use super::*;
use crate::finding::Finding;
use crate::network::text::{report, tree};

/// The network files that ship with the crate.
const SHIPPED: [(&str, &str); 7] = [
    ("dual-socket.toml", include_str!("../../../networks/dual-socket.toml")),
    ("comm-matrix.toml", include_str!("../../../networks/comm-matrix.toml")),
    ("pantheon.toml", include_str!("../../../networks/pantheon.toml")),
    ("phoenix.toml", include_str!("../../../networks/phoenix.toml")),
    ("swarm.toml", include_str!("../../../networks/swarm.toml")),
    ("dual-socket-verbatim.toml", include_str!("../../../networks/dual-socket-verbatim.toml")),
    ("dual-socket-health-check.toml", include_str!("../../../networks/dual-socket-health-check.toml")),
];

/// Returns the text of a shipped file.
fn shipped(name: &str) -> &'static str {
    SHIPPED.iter().find(|(n, _)| *n == name).unwrap().1
}

/// Returns the model of a text without findings.
fn model_of(text: &str, name: &str) -> NetworkFile {
    match parse(text, name) {
        Ok((file, findings)) if findings.is_empty() => file,
        Ok((_, findings)) | Err(findings) => panic!("{}", rendered(&findings, name, text)),
    }
}

fn rendered(findings: &[Finding], name: &str, text: &str) -> String {
    findings.iter().map(|finding| finding.render(name, text) + "\n").collect()
}

/// Returns the tree as JSON, members in unchanged order.
fn to_json(text: &str) -> String {
    let mut report = report::FindingReport::new(text);
    let mut out = String::new();
    write_json(&tree::from_toml(text, 0, &mut report).unwrap(), &mut out);
    out
}

fn write_json(node: &tree::TreeNode<'_>, out: &mut String) {
    match &node.value {
        tree::Value::Table(entries) => {
            *out += "{";
            for (i, entry) in entries.iter().enumerate() {
                *out += if i == 0 { "\n" } else { ",\n" };
                *out += &serde_json::to_string(&entry.key).unwrap();
                *out += ": ";
                write_json(&entry.node, out);
            }
            *out += "}";
        }
        tree::Value::Array(items) => {
            *out += "[";
            for (i, item) in items.iter().enumerate() {
                *out += if i == 0 { "" } else { ", " };
                write_json(item, out);
            }
            *out += "]";
        }
        tree::Value::Text(text) => *out += &serde_json::to_string(text).unwrap(),
        tree::Value::Integer(Some(number)) => *out += &number.to_string(),
        tree::Value::Flag(flag) => *out += &flag.to_string(),
        tree::Value::Date(date) => *out += &serde_json::to_string(date).unwrap(),
        tree::Value::Integer(None) | tree::Value::Other(_) => unreachable!("not in a network file"),
    }
}

/// Returns a model without places, to compare the meaning of two texts.
fn without_places(mut file: NetworkFile) -> NetworkFile {
    for bridge in &mut file.bridges {
        bridge.span = 0..0;
        bridge.flows.iter_mut().for_each(|flow| flow.span = 0..0);
    }
    for network in &mut file.networks {
        network.span = 0..0;
        network.containers.iter_mut().for_each(|range| range.span = 0..0);
    }
    for endpoint in &mut file.endpoints {
        endpoint.span = 0..0;
        endpoint.attachments.iter_mut().for_each(|attachment| attachment.span = 0..0);
    }
    for link in &mut file.links {
        link.span = 0..0;
        link.ends.iter_mut().for_each(|end| end.span = 0..0);
    }
    file.exits.iter_mut().for_each(|exit| exit.span = 0..0);
    file.outsides.iter_mut().for_each(|outside| outside.span = 0..0);
    file.overlays.iter_mut().for_each(|overlay| overlay.span = 0..0);
    file.templates.iter_mut().for_each(|template| template.span = 0..0);
    file.crossings.iter_mut().for_each(|crossing| crossing.span = 0..0);
    file.allows.iter_mut().for_each(|allow| allow.span = 0..0);
    file.nevers.iter_mut().for_each(|never| never.span = 0..0);
    file.always.iter_mut().for_each(|always| always.span = 0..0);
    file.confines.iter_mut().for_each(|confine| confine.span = 0..0);
    file
}
