//! The flows of the shipped files, written down, cookies aside: whoever changes one sees it here, line by line.
//! `UPDATE_FLOWS=1 cargo test -p flows --test compiled recorded::` writes them anew.
//!
//! The cookies are pinned beside the identities that they come from (`flows/src/compile/identity`).

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use flows::Flow;
use flows::compile::{compile, owns};
use ofctl::syntax::{PortNames, print_flow};

use crate::support::{SHIPPED, file, open_windows, ports};

/// Shipped files without networks.
const MORE: [(&str, &str); 2] = [
    ("dual-socket-verbatim", include_str!("../../networks/dual-socket-verbatim.toml")),
    ("learning-switch", include_str!("../../networks/learning-switch.toml")),
];

#[test]
fn flows_of_the_shipped_files_are_the_recorded_ones() {
    for (name, text) in SHIPPED.into_iter().chain(MORE) {
        let flows = recording(text);
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compiled/recorded").join(format!("{name}.txt"));
        if std::env::var_os("UPDATE_FLOWS").is_some() {
            std::fs::write(&path, &flows).unwrap();
            continue;
        }
        let was = std::fs::read_to_string(&path).unwrap_or_default();
        let (gone, new) = (only(&was, &flows), only(&flows, &was));
        assert!(
            flows == was,
            "{} differs. No longer:\n{gone}\nnew:\n{new}\nIf that is meant: UPDATE_FLOWS=1",
            path.display()
        );
    }
}

/// Returns the first lines of the one text that the other lacks.
fn only(these: &str, those: &str) -> String {
    let those: BTreeSet<&str> = those.lines().collect();
    these.lines().filter(|line| !those.contains(line)).take(8).collect::<Vec<_>>().join("\n")
}

/// Returns the flows of a file, bridge by bridge, with all windows open.
fn recording(text: &str) -> String {
    let file = file(text);
    let mut out = String::new();
    for bridge in file.bridges.iter().filter(|bridge| owns(&file, &bridge.name)) {
        let ports = ports(&file, &bridge.name);
        let program = compile(&file, &bridge.name, &ports, &open_windows(&file));
        let names: PortNames = ports.iter().map(|(name, number)| (name.as_str(), *number)).collect();
        let flows: Vec<&Flow> = program.flows().collect();
        // A flow may name another one's cookie: that of whoever opened a tracked connection.
        let keys: HashMap<u64, String> = flows
            .iter()
            .filter(|flow| flow.cookie.0 > 0xffff)
            .map(|flow| {
                let key = Flow::new(flow.table, flow.priority, flow.matches.clone());
                (flow.cookie.0, format!("({})", print_flow(&key, &names)))
            })
            .collect();
        out += &format!("# bridge {}\n", bridge.name);
        for flow in flows {
            out += &without_cookies(flow, &print_flow(flow, &names), &keys);
            out.push('\n');
        }
    }
    out
}

/// Returns the text of a flow with a word in place of its cookie, and with the match of the flow in place of another one's.
fn without_cookies(flow: &Flow, text: &str, keys: &HashMap<u64, String>) -> String {
    let own = flow.cookie.0;
    let compiled = keys.contains_key(&own);
    let mut parts = text.split("0x");
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        let (digits, rest) = part.split_at(part.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(part.len()));
        match u64::from_str_radix(digits, 16) {
            Ok(value) if compiled && value == own => out += "OWN",
            Ok(value) if keys.contains_key(&value) => out += &keys[&value],
            _ => out += &format!("0x{digits}"),
        }
        out += rest;
    }
    // What several rules may teach alike has a priority that comes from the cookie.
    if compiled && let Some((before, actions)) = out.split_once("actions=") {
        let priority = format!("priority={},", 1 + own % 65_535);
        out = format!("{before}actions={}", actions.replace(&priority, "priority=OWN,"));
    }
    out.strip_prefix("cookie=OWN, ").unwrap_or(&out).to_owned()
}
