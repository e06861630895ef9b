//! The compiler: from a network file to the flows of one bridge.
//!
//! | table | name | does |
//! |---|---|---|
//! | 0 | admission | is the sender who it says: port, address, tag; who it is goes into registers |
//! | 1 | returns | learned return flows; a miss goes on |
//! | 2 | policy | isolation, then the allows of the file with their `learn()`, then the default deny |
//! | 3 | forwarding | output to the port that is in the register |
//! | 4 | destination | looked up by table 1: whose is the address that the packet goes to |
//! | 5 | related | learned too, looked up for ICMP errors and later fragments |
//!
//! Admission tells the sender and table 4 the destination, each with the lists of rules that it is in, and policy
//! judges the two: a rule costs one flow for each protocol and port, a party those of its own addresses. A bridge that
//! only forwards a link has table 0 alone, and so has one that [learns](learning). Nothing depends on `NORMAL`, and every drop has a flow of its own, so that
//! its counter says why.

mod address;
mod admission;
mod claimed;
mod conntrack;
mod cookie;
mod crossing;
mod destination;
mod dhcp;
pub mod layout;
pub mod learning;
mod moment;
mod origin;
mod party;
mod policy;
mod program;
mod raw;
mod returns;
mod rules;
mod site;
mod traffic;
mod via;
mod wire;

use std::collections::BTreeMap;

use ofproto::PortNo;

pub use moment::Moment;
pub use origin::{Origin, OriginKind, Reason};
pub use program::Program;

use crate::network::{LinkRole, NetworkFile, Place};
use party::Sets;
use program::Builder;
use rules::Rules;
use site::Sites;

/// The ports that a bridge has, by name.
pub type PortMap = BTreeMap<String, PortNo>;

/// Whether the file says anything about the bridge's flows; one that is only mentioned is left alone.
pub fn owns(file: &NetworkFile, bridge: &str) -> bool {
    file.networks.iter().any(|n| n.bridge == bridge)
        || forwards(file, bridge).next().is_some()
        || file.bridge_for(bridge).is_some_and(|b| !b.flows.is_empty() || b.learning.is_some())
}

/// Compiles one bridge of the file for the ports that it has now. Flows that would name a port that is not
/// there are left out, and the port is listed in [`Program::missing_ports`]: what cannot leave by its own
/// port does not leave at all.
///
/// What ends by the clock, a window or a crossing, is judged by `moment`.
pub fn compile(file: &NetworkFile, bridge: &str, ports: &PortMap, moment: &Moment) -> Program {
    let sites = Sites::new(file, bridge, ports);
    let mut out = Builder::new(bridge);
    for site in sites.all.iter().filter(|s| s.port.is_none()) {
        out.missing(site.port_name);
    }
    if file.bridge_for(bridge).is_some_and(|bridge| bridge.learning.is_some()) {
        learning::compile(&mut out);
    } else if sites.networks.is_empty() {
        wire::compile_links(&mut out, file, bridge, ports);
    } else {
        networks(&mut out, file, &sites, moment);
        crossing::compile(&mut out, file, bridge, ports, &sites, moment);
    }
    raw::compile(&mut out, file, bridge, ports);
    out.finish()
}

/// The tables of a bridge that has networks.
fn networks(out: &mut Builder<'_>, file: &NetworkFile, sites: &Sites<'_>, moment: &Moment) {
    let open = rules::open(file, moment);
    // Those of closed windows too: opening one changes no flow of another rule.
    let sets = Sets::new(file.allows.iter().filter(|allow| allow.place == Place::Switch), sites);
    admission::compile(out, file, sites, &sets);
    via::admission(out, file, open.iter().map(|(allow, _)| *allow), sites, &sets);
    returns::compile(out);
    conntrack::compile(out, sites);
    destination::compile(out, file, sites, &sets);
    policy::compile(out, file, sites);
    let mut rules = Rules::new(out, file, sites, &sets);
    for (allow, ends) in open {
        rules.allow(allow, ends);
    }
    rules.finish();
    wire::compile_forwarding(out, sites);
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
