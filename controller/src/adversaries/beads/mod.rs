//! Tries the grammar of BEADS (Jero et al., "BEADS: Automated Attack Discovery in OpenFlow-Based
//! SDN Systems", RAID 2017). A malicious wire drops, duplicates, delays or diverts messages of one
//! kind, or writes false values into one of their fields.
//!
//! A scenario is one kind of message of one direction, with one treatment or one false value in one
//! field. It hits few messages (5 %) or half of them, on Open vSwitch or on a switch without
//! extensions. In each, a controller connects a bridge, puts another file and a window into force,
//! and repairs foreign changes, while ports come and go.
//!
//! # What must hold
//! - While the attack goes on, and 45 s after the last change: the installed flows are the desired
//!   ones for the ports that the controller was told of, or the bridge is shown as not settled,
//!   with the reason.
//! - A minute or two after it ended, without a new connection: the installed flows are the desired
//!   ones for those ports, and the bridge is shown as settled. With a new connection: the same for
//!   the ports that exist.
//! - Reads in a second, messages in a minute, and the memory of the whole scenario are bounded.
//!
//! # What lies excuse
//! A switch that lies about its ports is believed: its flows are compared with the file for those
//! ports ([`Simulation::differences`]). While the wire falsifies the list of flows or the request
//! for it, a flow missing in the list cannot be seen. Then a settled bridge may have superfluous
//! flows, but it never lacks one. Nothing else is excused, and nothing at all once the lies end.
//!
//! `PORTCULLIS_SEEDS` sets how often each scenario with random choices is tried, each time with
//! other choices.

mod attack;
mod field;
mod kind;
mod random;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::message::multipart::GroupDesc;
use ofproto::message::{ErrorMsg, FlowMod, FlowModCommand, GroupType, Message};
use ofproto::oxm::Match;
use ofproto::testing::switch as said;
use ofproto::{Cookie, ErrorCode, GroupId, PortNo, TableId};

use self::attack::{Attack, Attacker};
use self::kind::MessageKind;
use self::random::Random;
use super::networks;
use super::simulation::{BEGUN, Honest, Simulation};
use super::switch::{Abilities, Switch};
use crate::active_policy::ActivePolicy;
use crate::policy::Policy;

/// Time between the last change and the judgement: an unanswered read ends a session after 30 s.
const SEEN: Duration = Duration::from_secs(45);
/// Time that a bridge needs after an attack: an unanswered read, the switch's back-off, and the
/// controller's.
const RECOVERY: Duration = Duration::from_secs(160);
/// Largest number of reads of a bridge in a second and in a minute, and its messages in a minute. A
/// switch without a flow monitor is read twice a second.
const READS: (u32, u32) = (20, 140);
const MESSAGES: u32 = 2_000;
/// Largest memory of a scenario with its switches, in bytes.
const MEMORY: u64 = 16 << 20;

/// One attack.
#[derive(Debug, Clone)]
struct Scenario {
    kind: MessageKind,
    attack: Attack,
    percent: u64,
    file: File,
    abilities: Abilities,
    seed: u64,
}

/// Returns all attacks on messages of a kind.
fn scenarios(kind: MessageKind) -> Vec<Scenario> {
    let seeds = std::env::var("PORTCULLIS_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(SEEDS);
    let delays = [100, 1_000].map(|millis| Attack::Delay(Duration::from_millis(millis)));
    let handled = [Attack::Drop, Attack::Duplicate, Attack::Divert].into_iter().chain(delays);
    let lies = field::of_kind(kind).into_iter().flat_map(|field| {
        let lies = field.lies();
        lies.into_iter().map(move |lie| Attack::Lie(field, lie))
    });
    // Raw flows have no samples, and so no meter.
    let short = if kind == kind::METER_MOD { File::Network } else { File::Lines };
    let mut all = Vec::new();
    for attack in handled.chain(lies) {
        for abilities in kind.sent_by().iter().copied() {
            let scenario = |percent, file, seed| Scenario {
                kind,
                attack: attack.clone(),
                percent,
                file,
                abilities,
                seed,
            };
            for seed in 0..seeds {
                all.extend([5, 50].map(|percent| scenario(percent, short, seed)));
            }
            all.push(scenario(50, File::Network, 0));
        }
    }
    all
}

/// The policy of the bridges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum File {
    /// A few raw flows.
    Lines,
    /// The flows of a small network.
    Network,
}

/// Number of tries of each attack.
const SEEDS: u64 = 3;

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, attack, percent, file, abilities, seed } = self;
        write!(f, "{attack} of {percent} % of {}, {file:?}, {}, seed {seed}", kind.name, abilities.name)
    }
}

impl Scenario {
    /// Runs the attack.
    ///
    /// # Errors
    /// The requirement that failed.
    fn run(&self, policies: &[Arc<Policy>; 2]) -> Result<(), String> {
        let switches = [Switch::new(1, "br0", &networks::PORTS, self.abilities)].into_iter().chain(
            matches!(self.attack, Attack::Divert)
                .then(|| Switch::new(2, "br1", &["d0", "e0"], self.abilities)),
        );
        let mut simulation = Simulation::new(ActivePolicy::new(Arc::clone(&policies[0])), switches);
        simulation.intercept(Attacker {
            kind: self.kind,
            attack: self.attack.clone(),
            percent: self.percent,
            random: Random::new(self.seed),
        });
        changes(&mut simulation, &policies[1]);
        // The checks below judge the outcome, so it need not settle here.
        let _ = simulation.quiet_down(SEEN, Simulation::differences);
        for link in 0..simulation.links.len() {
            if self.judge(&simulation, link).is_err() {
                // Values between two looks are no false report.
                simulation.pass(Duration::from_secs(7));
                self.judge(&simulation, link)?;
            }
        }
        simulation.intercept(Honest);
        let all = 0..simulation.links.len();
        if !all.clone().all(|link| simulation.is_well(link, Simulation::differences)) {
            simulation.quiet_down(RECOVERY, Simulation::differences)?;
        }
        if !all.clone().all(|link| simulation.is_well(link, Simulation::true_differences)) {
            all.for_each(|link| simulation.disconnect(link, Duration::ZERO));
            simulation.quiet_down(RECOVERY, Simulation::true_differences)?;
        }
        let (reads, messages) = (simulation.rates.most_reads(), simulation.rates.most_messages());
        let links = u32::try_from(simulation.links.len()).unwrap_or(1);
        match reads.0 <= READS.0 * links && reads.1 <= READS.1 * links && messages <= MESSAGES * links {
            true => Ok(()),
            false => {
                Err(format!("{} reads a second, {} reads and {messages} messages a minute", reads.0, reads.1))
            }
        }
    }

    fn judge(&self, simulation: &Simulation, link: usize) -> Result<(), String> {
        let hides = matches!(self.attack, Attack::Lie(..))
            && [kind::FLOW_REPLY, kind::FLOW_REQUEST].contains(&self.kind);
        if hides && simulation.differences(link).missing.is_empty() {
            return Ok(());
        }
        simulation.judge(link)
    }
}

/// Runs the events during the attack.
fn changes(simulation: &mut Simulation, other: &Arc<Policy>) {
    const S: fn(u64) -> Duration = Duration::from_secs;

    simulation.pass(S(2));
    let other = Arc::clone(other);
    simulation.reload(|active| active.policy = other);
    simulation.pass(S(2));
    foreign(simulation, TableId(0), 65_000);
    let now = simulation.now;
    let switch = &mut simulation.links[0].switch;
    if let Some(flow) = switch.table.installed().first().map(|one| one.flow.clone()) {
        switch.foreign(now, &flow.to_flow_mod(FlowModCommand::DeleteStrict));
    }
    switch.foreign_group(GroupDesc { kind: GroupType::All, group_id: GroupId(7), buckets: Vec::new() });
    simulation.pass(S(1));
    let switch = &mut simulation.links[0].switch;
    switch.remove_port(PortNo(3));
    switch.put_port(PortNo(7), "c0");
    switch.tell(&Message::PacketIn(said::packet_in(PortNo(1), &[0; 60])));
    switch.tell(&Message::FlowRemoved(said::flow_removed(TableId(1), 110, Match::default(), Cookie(1))));
    switch.tell(&Message::Error(ErrorMsg::with_code(ErrorCode::BAD_LEN, &[4, 99, 0, 8, 0, 0, 0, 1])));
    let windows = BTreeMap::from([("updates".to_owned(), BEGUN + 1_000)]);
    simulation.reload(|active| active.windows = Arc::new(windows));
    simulation.links[0].switch.pause(true);
    foreign(simulation, TableId(2), 65_000);
    simulation.pass(S(1));
    simulation.links[0].switch.pause(false);
}

/// Adds a flow that forwards all packets.
fn foreign(simulation: &mut Simulation, table_id: TableId, priority: u16) {
    let normal = Action::Output { port: PortNo::NORMAL, max_len: 0 };
    let instructions = vec![Instruction::ApplyActions(vec![normal])];
    let change = FlowMod { table_id, priority, cookie: Cookie(0xbad), instructions, ..FlowMod::default() };
    let now = simulation.now;
    simulation.links[0].switch.foreign(now, &change);
}

/// Runs all attacks on messages of a kind.
fn withstands(kind: MessageKind) {
    let networks = networks::two_bridges().map(Arc::new);
    let lines = networks::two_bridges_of_lines().map(Arc::new);
    let scenarios = scenarios(kind);
    let (mut failed, mut most) = (Vec::new(), 0);
    for scenario in &scenarios {
        let policies = if scenario.file == File::Lines { &lines } else { &networks };
        let mut outcome = Ok(());
        let used = allocation_counter::measure(|| outcome = scenario.run(policies));
        most = most.max(used.bytes_max);
        if used.bytes_max > MEMORY {
            failed.push(format!("{scenario}: {} bytes of memory", used.bytes_max));
        }
        if let Err(why) = outcome {
            failed.push(format!("{scenario}: {why}"));
        }
    }
    println!("{}: {} scenarios, {} kB of memory at most", kind.name, scenarios.len(), most >> 10);
    let few = failed.iter().take(3).cloned().collect::<Vec<_>>().join("\n");
    assert!(failed.is_empty(), "{} of {} scenarios failed:\n{few}", failed.len(), scenarios.len());
}

/// Makes a test for each kind, so that they run in parallel.
macro_rules! tests {
    ($($name:ident: $kind:ident;)*) => {
        $(
            #[test]
            fn $name() {
                withstands(kind::$kind);
            }
        )*

        #[test]
        fn every_kind_is_attacked() {
            let kinds = [$(kind::$kind),*];
            assert_eq!(kinds.as_slice(), kind::ALL);
            let all: usize = kinds.iter().map(|kind| scenarios(*kind).len()).sum();
            println!("{all} scenarios");
            assert!(all >= 19_000, "{all} scenarios");
        }
    };
}

tests! {
    a_switchs_hello: HELLO_OF_SWITCH;
    an_error: ERROR;
    a_switchs_echo_request: ECHO_REQUEST_OF_SWITCH;
    a_switchs_echo_reply: ECHO_REPLY_OF_SWITCH;
    features_reply: FEATURES_REPLY;
    packet_in: PACKET_IN;
    flow_removed: FLOW_REMOVED;
    port_status: PORT_STATUS;
    desc_reply: DESC_REPLY;
    flow_reply: FLOW_REPLY;
    group_desc_reply: GROUP_DESC_REPLY;
    port_desc_reply: PORT_DESC_REPLY;
    monitor_reply: MONITOR_REPLY;
    monitor_update: MONITOR_UPDATE;
    monitor_paused: MONITOR_PAUSED;
    monitor_resumed: MONITOR_RESUMED;
    bundle_open_reply: BUNDLE_OPEN_REPLY;
    bundle_commit_reply: BUNDLE_COMMIT_REPLY;
    barrier_reply: BARRIER_REPLY;
    a_controllers_hello: HELLO_OF_CONTROLLER;
    a_controllers_echo_request: ECHO_REQUEST_OF_CONTROLLER;
    a_controllers_echo_reply: ECHO_REPLY_OF_CONTROLLER;
    features_request: FEATURES_REQUEST;
    set_config: SET_CONFIG;
    flow_mod: FLOW_MOD;
    group_mod: GROUP_MOD;
    meter_mod: METER_MOD;
    desc_request: DESC_REQUEST;
    flow_request: FLOW_REQUEST;
    group_desc_request: GROUP_DESC_REQUEST;
    port_desc_request: PORT_DESC_REQUEST;
    monitor_request: MONITOR_REQUEST;
    bundle_open: BUNDLE_OPEN;
    bundle_add: BUNDLE_ADD;
    bundle_commit: BUNDLE_COMMIT;
    barrier_request: BARRIER_REQUEST;
}
