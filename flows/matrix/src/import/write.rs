//! Writes the text of the network file.

use std::fmt::Write as _;
use std::net::IpAddr;

use flows::network::{Protocol, Returns};
use ipnetwork::IpNetwork;

use super::super::Presence;
use super::super::words::slug;
use super::plan::{ImportPlan, ImportedNetwork, ImportedOutside, ImportedOverlay, ImportedPort};
use super::rules::{ImportedItem, ImportedRule, RuleDirection};

/// The mark of an assumption that the document does not state.
const ASSUMED: &str = "# ASSUMED:";

pub(super) fn write(document: &str, plan: &ImportPlan<'_>, items: &[ImportedItem]) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "# Imported from {}.", plain(document));
    out.push_str(
        "#\n# Look at every line marked ASSUMED: the document does not say it. Then: portcullis check FILE\n",
    );
    if items.iter().filter_map(ImportedItem::rule).any(|rule| rule.temp.is_some()) {
        out.push_str("# Rules with `temp` are closed until their window opens: portcullis window open NAME --for 30m --reason \"…\"\n");
    }
    for net in &plan.nets {
        network(net, &mut out);
    }
    for endpoint in &plan.endpoints {
        out.push('\n');
        if slug(&endpoint.title) != endpoint.name {
            let _ = writeln!(out, "# {}", plain(&endpoint.title));
        }
        let _ = writeln!(out, "[endpoint.{}]\nattach = [", key(&endpoint.name));
        for one in &endpoint.plugs {
            plug(plan, one, &mut out);
        }
        out.push_str("]\n");
    }
    for net in &plan.nets {
        exit(net, &mut out);
    }
    for outside in &plan.outsides {
        self::outside(plan, outside, &mut out);
    }
    for overlay in &plan.overlays {
        self::overlay(plan, overlay, &mut out);
    }
    for item in items {
        match item {
            ImportedItem::Section(title) => {
                let _ = writeln!(out, "\n# --- {} ---", plain(title));
            }
            ImportedItem::Comment(text) => {
                let _ = writeln!(out, "\n# {}", plain(text));
            }
            ImportedItem::Rule(one) => rule(one, &mut out),
        }
    }
    out
}

fn network(net: &ImportedNetwork, out: &mut String) {
    let _ = writeln!(out, "\n# {}", plain(&net.label));
    let _ = writeln!(out, "[network.{}]", key(&net.name));
    let bridge = if net.bridge_assumed {
        format!(" {ASSUMED} the document names no bridge; write down yours")
    } else {
        String::new()
    };
    let _ = writeln!(out, "bridge = {}{bridge}", quote(&net.bridge));
    let subnets = net.subnets_assumed.map(|why| format!(" {ASSUMED} {why}")).unwrap_or_default();
    let _ = writeln!(out, "subnets = {}{subnets}", list(net.subnets.iter().map(IpNetwork::to_string)));
    if !net.gateway.is_empty() {
        let _ = writeln!(out, "gateway = {}", list(net.gateway.iter().map(IpAddr::to_string)));
    }
}

fn plug(plan: &ImportPlan<'_>, plug: &ImportedPort, out: &mut String) {
    let network = plan.nets.get(plug.net).map(|net| &*net.name).unwrap_or_default();
    let mut cells = vec![format!("network = {}", quote(network)), format!("port = {}", quote(&plug.port))];
    let mut assumed = vec!["the port's name"];
    match &plug.presence {
        Presence::None => {}
        Presence::Yes => {
            cells.push("leased = true".to_owned());
            assumed.push("an address by DHCP");
        }
        Presence::Dhcp => cells.push("leased = true".to_owned()),
        Presence::At { addresses, behind } => {
            if !addresses.is_empty() {
                cells.push(format!("addresses = {}", list(addresses.iter().map(|a| a.ip().to_string()))));
            }
            if !behind.is_empty() {
                cells.push(format!("behind = {}", list(behind.iter().map(IpNetwork::to_string))));
            }
        }
    }
    if let Some([a, b, c, d, e, f]) = plug.mac {
        cells.push(format!("mac = \"{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}\""));
        assumed
            .push("the MAC, which a next hop needs: write down the real one, or what goes via it is dropped");
    }
    let _ = writeln!(out, "  {{ {} }}, {ASSUMED} {}", cells.join(", "), assumed.join("; "));
}

fn exit(net: &ImportedNetwork, out: &mut String) {
    let Some(exit) = &net.exit else { return };
    let _ = writeln!(out, "\n# The way out of {}.\n[exit.{}]", plain(&net.label), key(&exit.name));
    let _ = writeln!(out, "network = {}", quote(&net.name));
    let _ = writeln!(out, "port = {} {ASSUMED} the bridge's port that leads outside", quote(&exit.port));
    match exit.next_hop {
        Some(hop) => {
            let _ = writeln!(out, "next_hop = [\"{hop}\"] {ASSUMED} the router's address");
        }
        None => out.push_str("# next_hop = [\"…\"] is missing: the router's address\n"),
    }
}

fn outside(plan: &ImportPlan<'_>, outside: &ImportedOutside, out: &mut String) {
    let exit = plan.nets.get(outside.net).and_then(|net| net.exit.as_ref());
    let Some(exit) = exit else { return };
    let _ = writeln!(
        out,
        "\n# {}: anywhere outside; `addresses` narrows it down.\n[outside.{}]\nexit = {}",
        plain(&outside.title),
        key(&outside.name),
        quote(&exit.name)
    );
}

fn overlay(plan: &ImportPlan<'_>, overlay: &ImportedOverlay, out: &mut String) {
    let Some((protocol, ports)) = &overlay.envelope else {
        let title = plain(&overlay.title);
        let _ = writeln!(
            out,
            "\n# {title} is an overlay, and the document does not say what it looks like from outside: nothing lets it\n# pass. Its rows below are carried as they stand."
        );
        return;
    };
    let of = |member: &String| {
        let key = slug(member);
        let endpoint = plan.endpoints.iter().find(|endpoint| slug(&endpoint.title) == key)?;
        let label = slug(&overlay.title);
        let inside = endpoint.inside.iter().find(|(name, _)| *name == label);
        let addresses = inside.map(|(_, addresses)| addresses.as_slice()).unwrap_or_default();
        Some(format!("{} = {}", self::key(&endpoint.name), list(addresses.iter().map(IpAddr::to_string))))
    };
    let members: Vec<String> = overlay.members.iter().filter_map(of).collect();
    let _ = writeln!(out, "\n# {}: a switch sees its envelope.", plain(&overlay.title));
    let _ = writeln!(out, "[overlay.{}]", key(&overlay.name));
    let _ = writeln!(out, "protocol = {}", quote(protocol.word()));
    let _ = writeln!(out, "ports = {ports:?}");
    let _ = writeln!(out, "members = {{ {} }}", members.join(", "));
}

fn rule(rule: &ImportedRule, out: &mut String) {
    let _ = writeln!(out, "\n# Line {}.\n[[allow]]\nname = {}", rule.line, quote(&rule.name));
    let _ = writeln!(out, "from = {}\nto = {}", quote(&rule.from), quote(&rule.to));
    let _ = match &rule.how {
        RuleDirection::Direct => Ok(()),
        RuleDirection::Via(via) => writeln!(out, "via = {}", quote(via)),
        RuleDirection::Overlay(overlay) => writeln!(out, "overlay = {}", quote(overlay)),
        RuleDirection::Elsewhere(what) => writeln!(out, "elsewhere = {}", quote(what)),
    };
    if rule.protocol != Protocol::Any {
        let _ = writeln!(out, "protocol = {}", quote(rule.protocol.word()));
    }
    if !rule.ports.is_empty() {
        let _ = writeln!(out, "ports = {:?}", rule.ports);
    }
    let _ = match rule.returns {
        Some(Returns::Service) => writeln!(out, "returns = \"service\""),
        Some(Returns::Connection) => writeln!(out, "returns = \"connection\""),
        None => Ok(()),
    };
    if let Some(window) = &rule.temp {
        let _ = writeln!(out, "temp = {}", quote(window));
    }
    if !rule.purpose.is_empty() {
        let _ = writeln!(out, "purpose = {}", quote(&rule.purpose));
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.map(|item| quote(&item)).collect();
    format!("[{}]", items.join(", "))
}

/// Returns a name as a TOML key. A dot in the name would begin a table of its own, so it is quoted.
fn key(name: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !name.is_empty() && name.bytes().all(bare) { name.to_owned() } else { quote(name) }
}

/// Quotes a text as a TOML basic string.
fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Reduces a text to one line of a comment.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
