//! Makes random changes in any order: of the file, windows, containers, ports, flows, connections,
//! the controller and the switch. Meanwhile messages are lost and late. In the end the installed
//! flows must be the desired ones.
//!
//! The changes are the same each time. `PROPTEST_RNG_SEED` selects others, and `PROPTEST_CASES`
//! sets their number.

mod operation;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flows::network::{Container, Protocol, Service};
use flows::verify::interp::{Packet, Pipeline};
use flows::{Flow, FlowMatch};
use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::message::multipart::GroupDesc;
use ofproto::message::{FlowMod, FlowModCommand, GroupType};
use ofproto::oxm::Field;
use ofproto::{Cookie, GroupId, PortNo, TableId};
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};

use self::operation::{Drift, Operation, operations};
use super::networks::{PORTS, files};
use super::simulation::{BEGUN, Direction, Interceptor, Passage, ShownState, Simulation};
use super::switch::{Abilities, Switch};
use crate::active_policy::ActivePolicy;
use crate::policy::Policy;

/// Deadline to settle after the last disturbance: an unanswered read, a reconnection, and a round
/// after the longest back-off.
const QUIET: Duration = Duration::from_secs(160);
/// Largest number of reads in a second and in a minute.
const READS: (u32, u32) = (30, 400);

/// The treatment of the next messages of each direction.
#[derive(Debug, Default)]
struct LinkTreatment {
    lost: BTreeMap<Direction, u32>,
    late: BTreeMap<Direction, VecDeque<Duration>>,
}

struct Wire(Rc<RefCell<LinkTreatment>>);

impl Interceptor for Wire {
    fn pass(&mut self, link: usize, direction: Direction, frame: Bytes) -> Vec<Passage> {
        let mut weather = self.0.borrow_mut();
        let lost = weather.lost.entry(direction).or_default();
        if *lost > 0 {
            *lost -= 1;
            return Vec::new();
        }
        let late = weather.late.entry(direction).or_default().pop_front();
        vec![Passage { link, after: late.unwrap_or_default(), frame }]
    }
}

/// A simulation with the state that operations need.
struct ChangesRun {
    simulation: Simulation,
    weather: Rc<RefCell<LinkTreatment>>,
    files: [Policy; 5],
    file: usize,
    containers: Vec<u32>,
}

impl ChangesRun {
    fn new(abilities: Abilities) -> Self {
        let files = files();
        let active = ActivePolicy::new(files[0].clone());
        let mut simulation = Simulation::new(active, [Switch::new(1, "br0", &PORTS, abilities)]);
        let weather = Rc::new(RefCell::new(LinkTreatment::default()));
        simulation.intercept(Wire(Rc::clone(&weather)));
        Self { simulation, weather, files, file: 0, containers: Vec::new() }
    }

    fn carry_out(&mut self, operation: &Operation) {
        let now = self.simulation.now;
        match *operation {
            Operation::Wait(time) => self.simulation.pass(time),
            Operation::Disconnect(away) => self.simulation.disconnect(0, away),
            Operation::RestartController => self.simulation.restart_controller(),
            Operation::RebootSwitch => {
                self.simulation.disconnect(0, Duration::ZERO);
                self.simulation.links[0].switch.reboot();
            }
            Operation::Reload(file) => {
                self.file = file % self.files.len();
                self.take_into_force();
            }
            Operation::Container(id, there) => {
                self.containers.retain(|had| *had != id);
                self.containers.extend(there.then_some(id));
                self.take_into_force();
            }
            Operation::OpenWindow(seconds) => {
                let end = BEGUN + self.simulation.elapsed().as_secs() + seconds;
                let windows = BTreeMap::from([("updates".to_owned(), end)]);
                self.simulation.reload(|active| active.windows = Arc::new(windows));
            }
            Operation::CloseWindow => self.simulation.reload(|active| active.windows = Arc::default()),
            Operation::PutPort(number, name) => {
                self.simulation.links[0].switch.put_port(PortNo(number), name);
            }
            Operation::RemovePort(number) => self.simulation.links[0].switch.remove_port(PortNo(number)),
            Operation::Drift(ref drift) => self.drift(drift),
            Operation::Traffic { from, to, tcp, port } => {
                let switch = &mut self.simulation.links[0].switch;
                let learned = taught(switch, from, to, tcp, port);
                switch.learn(now, learned);
            }
            Operation::Lose(direction, n) => _ = self.weather.borrow_mut().lost.insert(direction, n),
            Operation::Delay(direction, n, time) => {
                let late = std::iter::repeat_n(time, n).collect();
                self.weather.borrow_mut().late.insert(direction, late);
            }
            Operation::PauseMonitor(paused) => self.simulation.links[0].switch.pause(paused),
        }
    }

    fn take_into_force(&mut self) {
        let mut policy = self.files[self.file].clone();
        for id in &self.containers {
            let services = vec![Service { name: "http".to_owned(), protocol: Protocol::Tcp, port: 8080 }];
            let container =
                Container { id: *id, name: format!("k{id}"), network: "n".to_owned(), mac: None, services };
            policy = policy.with_container(&container).unwrap_or(policy);
        }
        self.simulation.reload(|active| active.policy = Arc::new(policy));
    }

    fn drift(&mut self, drift: &Drift) {
        let now = self.simulation.now;
        let switch = &mut self.simulation.links[0].switch;
        let flows: Vec<Flow> = switch.table.installed().iter().map(|one| one.flow.clone()).collect();
        let normal = Instruction::ApplyActions(vec![Action::Output { port: PortNo::NORMAL, max_len: 0 }]);
        let change = match drift {
            Drift::DeleteAll => {
                FlowMod { command: FlowModCommand::Delete, table_id: TableId::ALL, ..FlowMod::default() }
            }
            Drift::AddNormal(table, priority) => FlowMod {
                table_id: TableId(*table),
                priority: *priority,
                cookie: Cookie(0xbad),
                instructions: vec![normal],
                ..FlowMod::default()
            },
            Drift::AddGroup => {
                let group_id = GroupId(7);
                return switch.foreign_group(GroupDesc {
                    kind: GroupType::All,
                    group_id,
                    buckets: Vec::new(),
                });
            }
            Drift::Delete(_) | Drift::Steal(_) | Drift::Open(_) | Drift::Time(_) if flows.is_empty() => {
                return;
            }
            Drift::Delete(which) => which.get(&flows).to_flow_mod(FlowModCommand::DeleteStrict),
            Drift::Steal(which) => {
                FlowMod { cookie: Cookie(0xbad), ..which.get(&flows).to_flow_mod(FlowModCommand::Add) }
            }
            Drift::Open(which) => FlowMod {
                instructions: vec![normal],
                ..which.get(&flows).to_flow_mod(FlowModCommand::ModifyStrict)
            },
            Drift::Time(which) => {
                FlowMod { hard_timeout: 600, ..which.get(&flows).to_flow_mod(FlowModCommand::Add) }
            }
        };
        switch.foreign(now, &change);
    }

    /// Waits until the bridge is settled, and checks that the installed flows are the desired ones.
    fn quiet_down(&mut self) -> Result<(), TestCaseError> {
        *self.weather.borrow_mut() = LinkTreatment::default();
        self.simulation.links[0].switch.pause(false);
        let fail = TestCaseError::fail;
        self.simulation.quiet_down(QUIET, Simulation::differences).map_err(fail)?;
        // Lost port changes become known when the switch reconnects.
        self.simulation.disconnect(0, Duration::ZERO);
        self.simulation.quiet_down(QUIET, Simulation::true_differences).map_err(fail)?;
        let (second, minute) = self.simulation.rates.most_reads();
        prop_assert!(second <= READS.0 && minute <= READS.1, "{second} reads a second, {minute} a minute");
        Ok(())
    }
}

/// Returns the flows that a packet makes the switch learn.
fn taught(switch: &Switch, from: u8, to: u8, tcp: bool, port: u16) -> Vec<Flow> {
    let name: &[u8] = match from {
        1 => b"a0",
        2 => b"b0",
        3 => b"c0",
        _ => b"veth100",
    };
    let Some((in_port, _)) = switch.ports().iter().find(|(_, has)| has.as_ref() == name) else {
        return Vec::new();
    };
    let address = |n: u8| std::net::Ipv4Addr::new(10, 9, 0, n);
    let packet = Packet::ipv4(
        [2, 0, 0, 0, 0, from],
        [2, 0, 0, 0, 0, to],
        address(from),
        address(to),
        if tcp { 6 } else { 17 },
    );
    let packet =
        if tcp { packet.tcp(40_000, port, flows::verify::interp::TCP_SYN) } else { packet.udp(40_000, port) };
    let flows = switch.table.installed().iter().map(|one| one.flow.clone()).collect();
    Pipeline::new(flows).run(*in_port, &packet).learned
}

fn config() -> ProptestConfig {
    let seed = std::env::var("PROPTEST_RNG_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(48);
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(seed),
        max_shrink_iters: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn converges(abilities: Abilities) {
    let outcome = TestRunner::new(config()).run(&operations(), |operations| {
        let mut world = ChangesRun::new(abilities);
        for operation in &operations {
            world.carry_out(operation);
        }
        world.quiet_down()
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn an_open_vswitch_has_what_the_file_says_after_whatever_happened() {
    converges(Abilities::OPEN_VSWITCH);
}

#[test]
fn a_plain_switch_has_what_the_file_says_after_whatever_happened() {
    converges(Abilities::PLAIN);
}

#[test]
fn traffic_teaches_the_simulated_switch_and_a_reload_takes_it_away() {
    let mut world = ChangesRun::new(Abilities::OPEN_VSWITCH);
    world.simulation.pass(Duration::from_secs(1));
    assert_eq!(world.simulation.links[0].shown(), ShownState::Settled);
    let in_table_1 = |world: &ChangesRun| {
        world.simulation.links[0]
            .switch
            .table
            .installed()
            .iter()
            .filter(|one| one.flow.table == TableId(1))
            .count()
    };
    let fixed = in_table_1(&world);
    world.carry_out(&Operation::Traffic { from: 1, to: 2, tcp: true, port: 80 });
    assert!(in_table_1(&world) > fixed);
    world.simulation.pass(Duration::from_secs(6));
    assert!(in_table_1(&world) > fixed, "what a rule taught stays");
    assert!(world.simulation.differences(0).is_none());
    world.carry_out(&Operation::Reload(1));
    world.simulation.pass(Duration::from_secs(3));
    assert!(in_table_1(&world) <= fixed);
    // The check must see both superfluous and missing flows.
    let any = FlowMod {
        cookie: Cookie(1),
        fields: FlowMatch::any().with(Field::InPortOxm, 1).to_wire(),
        ..FlowMod::default()
    };
    let now = world.simulation.now;
    world.simulation.links[0].switch.foreign(now, &any);
    assert_eq!(world.simulation.differences(0).extra.len(), 1);
    world.drift(&Drift::DeleteAll);
    assert!(!world.simulation.differences(0).missing.is_empty());
}
