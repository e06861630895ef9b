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
//! | 6 | visitors | learned too: the return flows of whoever opens from outside |
//! | 7 | leases | of IPv4 addresses that DHCP gives: who has which, and may send from it |
//! | 8 | holders | at which port such an address is |
//! | 9 | owners | who is at that port |
//! | 17 | shared | learned: at which port a shared address is held |
//! | 18 | following | learned too: the return flows of those who open from a shared address |
//! | 20, 21 | claims, claimed | of IPv6 addresses that hosts get: has the sender's port the one that it speaks from |
//! | 10–16 | | of networks with a connection tracker: whose connection it is, and fragments of answers |
//!
//! Admission tells the sender and table 4 the destination, each with the lists of rules that it is in, and policy
//! judges the two: a rule costs one flow for each protocol and port, a party those of its own addresses. A bridge that
//! only forwards a link has table 0 alone, and so has one that [learns](mac_pairs). Nothing depends on `NORMAL`, and every drop has a flow of its own, so that
//! its counter says why.
//!
//! Learned flows have no limit of their own. Their tables hold so many, and throw one out for each new one: of whoever has
//! most in a table, the one that would end first (`portcullis attach` tells Open vSwitch so). In tables 1 and 5 that is told by
//! the address of the one who opened, which admission vouches for. Visitors choose theirs, so they have a table of their own,
//! in which those of one answering port make room for each other. Where anybody outside may open by TCP nothing is learned at
//! all (`visitors`): a stranger could ask for as much with one forged SYN, and nothing that is not there can be filled.
//!
//! The flows of each network are a part of their own, made from what `scope` says of the network and from nothing else: so a
//! part whose scope is as it was need not be made again ([`recompile`]).

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
pub fn compile(file: &NetworkFile, bridge: &str, ports: &PortMap, moment: &TimeContext) -> Program {
    recompile(&Program::default(), file, bridge, ports, moment)
}

/// The same, but what is as in an earlier program is taken from it: of each network whatever its flows depend on is
/// compared, and where that is equal, so are they. The earlier program may be any, also that of another bridge.
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

/// The flows of a network: of what its scope says, and of nothing else.
fn network(scope: &Scope<'_>, bridge: &str, samples: bool) -> ProgramPart {
    let mut out = ProgramBuilder::new(bridge, samples);
    let sites = &AttachmentPoints::new(scope.network, &scope.sites);
    // Those of closed windows too: opening one changes no flow of another rule.
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

/// What the networks of a bridge have in common.
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

/// The forwarding link ends of a bridge: the link's index, the end's port, the port it forwards to.
fn forwards<'a>(file: &'a NetworkFile, bridge: &'a str) -> impl Iterator<Item = (usize, &'a str, &'a str)> {
    file.links.iter().enumerate().flat_map(move |(i, link)| {
        link.ends.iter().filter(move |e| e.bridge == bridge).filter_map(move |e| match &e.role {
            LinkRole::Forwards { port } => Some((i, e.port.as_str(), port.as_str())),
            _ => None,
        })
    })
}
