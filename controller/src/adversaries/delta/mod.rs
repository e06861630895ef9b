//! Tries the cases of DELTA that concern a controller, by their numbers (Lee et al., "DELTA: A
//! Security Assessment Framework for Software-Defined Networks", NDSS 2017; its manager's
//! `TestCaseDirectory`).
//!
//! | number | case | here |
//! |---|---|---|
//! | 2.1.010 | a version that was not agreed on | `delta_2_1_010_…` |
//! | 2.1.020 | a type that is none | `delta_2_1_020_…` |
//! | 2.1.030 | a handshake without HELLO | `delta_2_1_030_…` |
//! | 2.1.040 | a control message before HELLO | `delta_2_1_040_…` |
//! | 2.1.050 | several main connections of one switch | `delta_2_1_050_…`; who has the bridge is for [`crate::hub`] to say, and asked of a real switch by `faults::identity` of the end-to-end tests |
//! | 2.1.060 | FLOW_REMOVED of a flow that was not flagged | `delta_2_1_060_…` |
//! | 2.1.070–073 | TLS | there is none: a Unix socket of mode 0600, or loopback |
//! | 2.1.080 | an auxiliary connection that does not fit the main one | `delta_2_1_080_…` |
//! | 3.1.002 | what the switch has is not what it was told | `delta_3_1_002_…` |
//! | 3.1.010 | a flood of PACKET_INs | `delta_3_1_010_…` |
//! | 3.1.020 | control messages are dropped | `delta_3_1_020_…`, and [`beads`](super::beads) |
//! | 3.1.030, .040, .100, .110, .120, .140, .210 | an application of the controller loops, writes its store, ends others, takes memory or processors, runs commands, swaps listeners | there are no applications in it |
//! | 3.1.050, .190 | a table is flooded with flows | `delta_3_1_050_…` |
//! | 3.1.060 | a switch says that it is another | `delta_3_1_060_…`, and `faults::identity` |
//! | 3.1.070, .200 | flows are changed | `delta_3_1_070_…`, and `faults::drift` on a real switch |
//! | 3.1.080 | flows are cleared | `delta_3_1_080_…`, and `faults::drift` |
//! | 3.1.090 | a listener of events is taken away | `delta_3_1_090_…`: the flow monitor |
//! | 3.1.130 | a variable of the system is set | `delta_3_1_130_…`: the clock |
//! | 3.1.150 | a host says that it is where another is | `delta_3_1_150_…`, and `networks::dual_socket` with real packets |
//! | 3.1.160 | a link is made up by LLDP | `delta_3_1_160_…` |
//! | 3.1.170 | the control channel is listened to | as 2.1.070 |
//! | 3.1.180 | somebody sits on the control channel | [`beads`](super::beads) |
//! | 3.1.230 | a flow has the cookie of another | `delta_3_1_230_…` |
//! | 3.1.240 | a switch that never has what it is told keeps the controller busy | `delta_3_1_240_…` |
//! | 3.1.250 | an application asks for large answers | there are no applications in it |

mod protocol;
mod rules;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flows::Flow;

use super::networks::{self, PORTS};
use super::simulation::{Direction, Interceptor, Passage, Simulation};
use super::switch::{Abilities, Switch};
use crate::active_policy::ActivePolicy;

/// Deadline of every wait.
const LIMIT: Duration = Duration::from_secs(160);

/// Returns a settled bridge.
fn settled() -> Simulation {
    let mut simulation = new();
    simulation.quiet_down(LIMIT, Simulation::true_differences).unwrap();
    simulation
}

/// Returns a bridge that is about to connect.
fn new() -> Simulation {
    let [file, ..] = networks::files();
    Simulation::new(
        ActivePolicy::new(Arc::new(file)),
        [Switch::new(1, "br0", &PORTS, Abilities::OPEN_VSWITCH)],
    )
}

/// Returns the installed flows.
fn flows(simulation: &Simulation) -> Vec<Flow> {
    simulation.links[0].switch.table.installed().iter().map(|one| one.flow.clone()).collect()
}

/// Waits until the bridge is settled.
#[track_caller]
fn recovers(simulation: &mut Simulation) {
    simulation.quiet_down(LIMIT, Simulation::true_differences).unwrap();
}

/// Changes messages on their way, drops those for which `change` returns true, and records the
/// controller's messages.
struct Tampering<F> {
    change: F,
    sent: Rc<RefCell<Vec<Bytes>>>,
}

impl<F: FnMut(Direction, &mut Vec<u8>) -> bool> Interceptor for Tampering<F> {
    fn pass(&mut self, link: usize, direction: Direction, frame: Bytes) -> Vec<Passage> {
        if direction == Direction::ToSwitch {
            self.sent.borrow_mut().push(frame.clone());
        }
        let mut bytes = frame.to_vec();
        match (self.change)(direction, &mut bytes) {
            true => vec![Passage::straight(link, bytes.into())],
            false => Vec::new(),
        }
    }
}

/// The controller's messages.
struct Sent(Rc<RefCell<Vec<Bytes>>>);

impl Sent {
    /// Returns the OFPT_ types, and forgets them.
    fn kinds(&self) -> Vec<u8> {
        self.0.take().iter().map(|frame| frame[1]).collect()
    }

    /// Returns type and code of the errors.
    fn errors(&self) -> Vec<(u16, u16)> {
        let number = |frame: &[u8], at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
        let frames = self.0.borrow();
        frames
            .iter()
            .filter(|frame| frame[1] == 1)
            .map(|frame| (number(frame, 8), number(frame, 10)))
            .collect()
    }
}

/// Puts an attacker on the wire that changes or drops messages. Returns the controller's messages
/// from then on.
fn tamper(
    simulation: &mut Simulation,
    change: impl FnMut(Direction, &mut Vec<u8>) -> bool + 'static,
) -> Sent {
    let sent = Rc::new(RefCell::default());
    simulation.intercept(Tampering { change, sent: Rc::clone(&sent) });
    Sent(sent)
}
