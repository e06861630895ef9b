//! The compiler: from a network file to the flows of one bridge.
//!
//! | table | name | does |
//! |---|---|---|
//! | 0 | admission | is the sender who it says: port, address, no tag |
//! | 1 | returns | learned return flows; a miss goes on |
//! | 2 | policy | isolation, then the allows of the file with their `learn()`, then the default deny |
//! | 3 | forwarding | output to the port that policy chose |
//!
//! A bridge that only forwards a link has table 0 alone. Nothing depends on `NORMAL`, and every drop has a
//! flow of its own, so that its counter says why.

mod address;
mod admission;
mod cookie;
pub mod layout;
mod moment;
mod origin;
mod policy;
mod program;
mod raw;
mod returns;
mod site;
mod wire;

use std::collections::BTreeMap;

use ofproto::PortNo;

pub use moment::Moment;
pub use origin::{Origin, OriginKind, Reason};
pub use program::Program;

use crate::network::{LinkRole, NetworkFile};
use program::Builder;

/// The ports that a bridge has, by name.
pub type PortMap = BTreeMap<String, PortNo>;

/// Whether the file says anything about the bridge's flows; one that is only mentioned is left alone.
pub fn owns(file: &NetworkFile, bridge: &str) -> bool {
    file.networks.iter().any(|n| n.bridge == bridge)
        || forwards(file, bridge).next().is_some()
        || file.bridge(bridge).is_some_and(|b| !b.flows.is_empty())
}

/// Compiles one bridge of the file for the ports that it has now. Flows that would name a port that is not
/// there are left out, and the port is listed in [`Program::missing_ports`]: what cannot leave by its own
/// port does not leave at all.
///
/// What ends by the clock, a window or a crossing, is judged by `moment`.
pub fn compile(file: &NetworkFile, bridge: &str, ports: &PortMap, moment: &Moment) -> Program {
    let sites = site::sites(file, bridge, ports);
    let mut out = Builder::new(bridge);
    for site in sites.iter().filter(|s| s.port.is_none()) {
        out.missing(site.port_name);
    }
    if !sites.is_empty() || file.networks.iter().any(|n| n.bridge == bridge) {
        admission::compile(&mut out, file, &sites);
        returns::compile(&mut out);
        policy::compile(&mut out, file, bridge, &sites, moment);
        wire::compile_forwarding(&mut out, &sites);
    } else {
        wire::compile_links(&mut out, file, bridge, ports);
    }
    raw::compile(&mut out, file, bridge, ports);
    out.finish()
}

/// The forwarding link ends of a bridge: the link's index, the end's port, the port it forwards to.
fn forwards<'a>(file: &'a NetworkFile, bridge: &'a str) -> impl Iterator<Item = (usize, &'a str, &'a str)> {
    file.links.iter().enumerate().flat_map(move |(i, link)| {
        link.ends.iter().filter(move |e| e.bridge == bridge).filter_map(move |e| match &e.role {
            LinkRole::Forwards { port } => Some((i, e.port.as_str(), port.as_str())),
            _ => None,
        })
    })
}
