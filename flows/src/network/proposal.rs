//! The text of a rule that a file could have.

use crate::network::{Allow, EnforcementPoint, NetworkFile, Protocol};

/// Longest generated name of a rule. A longer one is cut.
const LONGEST_NAME: usize = 60;

/// Returns the rule that lets one party open connections to another, under a name that the file
/// does not have. Without a port it is for all ports.
pub fn propose(file: &NetworkFile, from: &str, to: &str, protocol: Protocol, port: Option<u16>) -> Allow {
    let number = port.map(|port| format!("-{port}")).unwrap_or_default();
    let tail = format!("-{}{number}", protocol.word());
    let ends: String =
        format!("{from}-to-{to}").chars().take(LONGEST_NAME.saturating_sub(tail.len())).collect();
    let wanted = ends + &tail;
    let taken = |name: &str| {
        file.allows.iter().any(|a| a.name == name)
            || file.crossings.iter().any(|c| c.name == name)
            || file.nevers.iter().any(|n| n.name == name)
            || file.always.iter().any(|a| a.name == name)
            || file.confines.iter().any(|c| c.name == name)
    };
    let numbered = (2..10_000).map(|n| format!("{wanted}.{n}"));
    let name = std::iter::once(wanted.clone()).chain(numbered).find(|name| !taken(name)).unwrap_or_default();
    Allow {
        name,
        from: vec![from.to_owned()],
        to: vec![to.to_owned()],
        protocol,
        ports: port.into_iter().collect(),
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

/// Returns a proposed rule as text for the file (TOML).
pub fn proposal_text(allow: &Allow) -> String {
    let first = |names: &[String]| toml_string(names.first().map_or("", String::as_str));
    let mut text = format!(
        "[[allow]]\nname = {}\nfrom = {}\nto = {}\nprotocol = \"{}\"\n",
        toml_string(&allow.name),
        first(&allow.from),
        first(&allow.to),
        allow.protocol.word()
    );
    if let Some(port) = allow.ports.first() {
        text += &format!("ports = [{port}]\n");
    }
    text
}

/// Returns a basic string of TOML 1.0. Names have no special characters; any others are escaped.
fn toml_string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out += &format!("\\u{:04X}", u32::from(c)),
            c => out.push(c),
        }
    }
    out + "\""
}
