//! The compiler: from a network file to the flows of one bridge.
//!
//! | table | name | does |
//! |---|---|---|
//! | 0 | admission | checks the sender's port, address and tag, and loads its identity |
//! | 1 | returns | learned return flows; a miss goes on |
//! | 2 | policy | isolation, then the file's allows with their `learn()`, then the default deny |
//! | 3 | forwarding | output to the port that the register holds |
//! | 4 | destination | looked up by table 1: the owner of the destination address |
//! | 5 | related | learned too, looked up for ICMP errors and later fragments |
//! | 6 | visitors | learned too: the return flows of openers from outside |
//! | 7 | leases | IPv4 leases: the parties that may send from an address leased by DHCP |
//! | 8 | holders | the port of such an address |
//! | 9 | owners | the party at that port |
//! | 17 | shared | learned: the port at which a shared address is held |
//! | 18 | following | learned too: return flows of connections from a shared address |
//! | 20, 21 | claims, claimed | IPv6 addresses of hosts: checks that the port has the source |
//! | 10–16 | | networks with a connection tracker: connections, and fragments of answers |
//!
//! Admission identifies the sender and table 4 the destination, each with the rule lists that name
//! it. Policy decides on the pair. A rule costs one flow for each protocol and port, and a party
//! costs the flows of its own addresses. A bridge that only forwards a link has table 0 alone, and
//! so has one that [learns](mac_pairs). Nothing depends on `NORMAL`. Every drop has a flow of its
//! own, so that its counter shows the reason.
//!
//! Learned flows have no `limit` of their own. Their tables have a maximum size and evict one flow
//! for each new one (`portcullis attach` tells Open vSwitch so). The evicted flow belongs to the
//! owner with the most flows in the table, and is the one with the earliest deadline. In tables 1
//! and 5 the owner is the address that opened the connection, which admission verifies. Visitors
//! choose their address, so their flows have a table of their own. There the flows of one answering
//! port make room for each other. Where any outside address may open by TCP, nothing is learned
//! (`visitors`). A stranger could add a flow with one forged SYN, and a table that learns nothing
//! cannot be filled.
//!
//! The flows of each network are a program part of their own, compiled from the network's `scope`
//! alone. A part whose scope is unchanged is not compiled again ([`recompile`]).

mod input;
mod output;
mod tables;
mod vocabulary;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ofproto::PortNo;

use self::input::attachment_point::AttachmentPoints;
use self::input::rule_parties::PartySets;
use self::input::scope::{Scope, Scopes};
pub use self::input::time_context::TimeContext;
use self::output::program::ProgramBuilder;
pub use self::output::program::{Program, ProgramPart};
pub use self::output::{leasing, sample};
pub(crate) use self::tables::raw::installed as raw_lines;
pub use self::tables::rules::conntrack::{StaleConnections, add_stale};
use self::tables::rules::{RuleCompiler, conntrack, next_hop};
use self::tables::{admission, crossing, destination, policy, raw, returns, wire};
pub use self::tables::{claims, lease, mac_pairs, shared};
pub use self::vocabulary::layout;
pub use self::vocabulary::origin::{Origin, OriginKind, Reason};
use crate::network::{LinkRole, NetworkFile, Stateful};

/// The ports of a bridge, by name.
pub type PortMap = BTreeMap<String, PortNo>;

/// Returns whether the file defines flows for the bridge. A bridge that is only mentioned is left
/// alone.
pub fn owns(file: &NetworkFile, bridge: &str) -> bool {
    file.networks.iter().any(|n| n.bridge == bridge)
        || forwards(file, bridge).next().is_some()
        || file.bridge_for(bridge).is_some_and(|b| !b.flows.is_empty() || b.learning.is_some())
}

/// Compiles one bridge of the file for its current ports.
///
/// A flow that would name a missing port is left out, and the port is listed in
/// [`Program::missing_ports`]. Traffic that cannot leave by its own port is dropped.
///
/// `moment` decides which windows are open and which crossings have expired.
pub fn compile(file: &NetworkFile, bridge: &str, ports: &PortMap, moment: &TimeContext) -> Program {
    recompile(&Program::default(), file, bridge, ports, moment)
}

/// Compiles one bridge, reusing unchanged parts of an earlier program.
///
/// The inputs of each network's flows are compared, and equal inputs give equal flows. The earlier
/// program may be any program, even that of another bridge.
pub fn recompile(
    before: &Program,
    file: &NetworkFile,
    bridge: &str,
    ports: &PortMap,
    moment: &TimeContext,
) -> Program {
    let scopes = Scopes::new(file, bridge, ports, moment);
    let samples = file.bridge_for(bridge).is_some_and(|bridge| bridge.sample_denied.is_some());
    let mut out = ProgramBuilder::new(bridge, samples);
    if file.bridge_for(bridge).is_some_and(|bridge| bridge.learning.is_some()) {
        mac_pairs::compile(&mut out);
    } else if scopes.all.is_empty() {
        wire::compile_links(&mut out, file, bridge, ports);
    } else {
        common(&mut out, &scopes);
        crossing::compile(&mut out, file, bridge, ports, &scopes, moment);
    }
    raw::compile(&mut out, file, bridge, ports);
    let mut missing_ports = std::mem::take(&mut out.missing);
    let sites = scopes.all.iter().flat_map(|scope| &scope.sites);
    missing_ports.extend(sites.filter(|s| s.port.is_none()).map(|s| s.port_name.to_owned()));

    let had: HashMap<Option<u16>, &Arc<ProgramPart>> = before.parts.iter().map(|p| (p.network, p)).collect();
    let part = |scope: &Scope<'_>| {
        let inputs = scope.inputs(bridge, samples);
        match had.get(&Some(scope.network.number)).filter(|part| part.inputs == inputs) {
            Some(part) => Arc::clone(part),
            None => Arc::new(ProgramPart { inputs, ..network(scope, bridge, samples) }),
        }
    };
    let mut parts: Vec<Arc<ProgramPart>> = scopes.all.iter().map(part).collect();
    let common = out.finish();
    parts.push(match had.get(&None).filter(|part| ****part == common) {
        Some(part) => Arc::clone(part),
        None => Arc::new(common),
    });
    Program { parts, missing_ports }
}

/// Compiles the flows of a network from its scope alone.
fn network(scope: &Scope<'_>, bridge: &str, samples: bool) -> ProgramPart {
    let mut out = ProgramBuilder::new(bridge, samples);
    let sites = &AttachmentPoints::new(scope.network, &scope.sites);
    // Includes the rules of closed windows: opening one changes no flow of another rule.
    let sets = &PartySets::new(scope.rules.iter().map(|rule| rule.allow), sites);
    admission::compile(&mut out, scope, sites, sets);
    next_hop::admission(&mut out, &scope.rules, sites, sets);
    out.leasing(lease::leasing(scope, sites));
    lease::compile(&mut out, sites, sets);
    shared::compile(&mut out, sites, sets);
    claims::compile(&mut out, sites);
    conntrack::compile(&mut out, sites, sets);
    destination::compile(&mut out, scope, sites, sets);
    policy::compile(&mut out, sites);
    let mut rules = RuleCompiler::new(&mut out, &scope.rules, sites, sets);
    scope.rules.iter().for_each(|rule| rules.allow(rule));
    rules.finish();
    wire::compile_forwarding(&mut out, sites);
    let tracked = scope.network.stateful == Stateful::Conntrack;
    ProgramPart { network: Some(scope.network.number), tracked, ..out.finish() }
}

/// Compiles the flows that the networks of a bridge share.
fn common(out: &mut ProgramBuilder<'_>, scopes: &Scopes<'_>) {
    admission::common(out, scopes);
    returns::compile(out);
    lease::common(out);
    shared::common(out, scopes);
    claims::common(out, scopes);
    conntrack::common(out, scopes);
    destination::common(out, scopes);
    policy::common(out, scopes);
    wire::common(out);
}

/// Returns the forwarding link ends of a bridge: the link's index, the end's port, the port it
/// forwards to.
fn forwards<'a>(file: &'a NetworkFile, bridge: &'a str) -> impl Iterator<Item = (usize, &'a str, &'a str)> {
    file.links.iter().enumerate().flat_map(move |(i, link)| {
        link.ends.iter().filter(move |e| e.bridge == bridge).filter_map(move |e| match &e.role {
            LinkRole::Forwards { port } => Some((i, e.port.as_str(), port.as_str())),
            _ => None,
        })
    })
}
