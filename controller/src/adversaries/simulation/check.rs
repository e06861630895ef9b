//! Checks that the installed flows of a bridge are the desired ones, or that it is shown as not
//! settled, with the reason.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use flows::Flow;
use flows::compile::Program;
use flows::runtime::timeouts::TOLERANCE;
use ofctl::syntax::{PortNames, print_flow};
use ofproto::message::{FLOW_NO_BYT_COUNTS, FLOW_NO_PKT_COUNTS, FLOW_SEND_FLOW_REM, Port};
use ofproto::{Cookie, PortNo};

use super::{Link, Simulation};
use crate::bridge::{Compiled, Ports};

/// Masks the flags that a switch keeps with a flow.
const KEPT: u16 = FLOW_SEND_FLOW_REM | FLOW_NO_PKT_COUNTS | FLOW_NO_BYT_COUNTS;
/// Bounds the time until a session must report a problem: a read takes up to 30 s.
const BUSY: Duration = Duration::from_secs(45);

/// Sets how often a bridge is checked, and how long it must be well over at least two reads.
const LOOK: Duration = Duration::from_secs(4);
const CALM: Duration = Duration::from_secs(12);

/// Caches desired flows by the policy, the ports, whether samples are refused, and the number of
/// open windows.
pub(super) type Desired = Vec<((u64, Ports, bool, usize), Arc<Compiled>)>;

/// Names the state of a bridge as shown to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ShownState {
    /// The bridge is settled.
    Settled,
    /// The bridge is not settled; the reason, if one is shown.
    NotSettled(Option<String>),
}

/// Lists the missing and the superfluous flows of a switch.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Differences {
    pub(crate) missing: Vec<String>,
    pub(crate) extra: Vec<String>,
}

impl Link {
    /// Returns the state in `status`, by its session and the reason why the last one ended.
    pub(crate) fn shown(&self) -> ShownState {
        let Some(side) = &self.side else { return ShownState::NotSettled(self.last_close.clone()) };
        let status = side.bridge.status();
        if side.bridge.is_named() && status.settled {
            return ShownState::Settled;
        }
        ShownState::NotSettled(status.last_error.or_else(|| self.last_close.clone()))
    }
}

impl Simulation {
    /// Compares the installed flows with the desired ones for the ports that the controller knows.
    pub(crate) fn differences(&self, link: usize) -> Differences {
        let link = &self.links[link];
        match &link.side {
            Some(side) => self.compare(link, &side.told, side.unsampled),
            None => self.true_differences_of(link, false),
        }
    }

    /// Does the same for the ports that the switch has.
    pub(crate) fn true_differences(&self, link: usize) -> Differences {
        let link = &self.links[link];
        self.true_differences_of(link, link.side.as_ref().is_some_and(|side| side.unsampled))
    }

    fn true_differences_of(&self, link: &Link, unsampled: bool) -> Differences {
        let ports: Vec<_> =
            link.switch.ports().iter().map(|(no, name)| Port::named(*no, name.clone())).collect();
        self.compare(link, &Ports::new(&ports), unsampled)
    }

    /// Checks that a bridge has the desired flows, or is shown as not settled, with the reason.
    ///
    /// # Errors
    /// The difference, as text.
    pub(crate) fn judge(&self, n: usize) -> Result<(), String> {
        let link = &self.links[n];
        match link.shown() {
            ShownState::Settled => {
                let differences = self.differences(n);
                match differences.is_none() {
                    true => Ok(()),
                    false => Err(format!("bridge {n} is shown as settled, and is not: {differences:#?}")),
                }
            }
            ShownState::NotSettled(Some(_)) => Ok(()),
            ShownState::NotSettled(None) => match link.unsettled_since {
                Some(since) if self.now - since > BUSY => {
                    Err(format!("bridge {n} is not settled for {:?} and does not say why", self.now - since))
                }
                _ => Ok(()),
            },
        }
    }

    /// Returns whether a bridge is shown as settled and has the desired flows.
    pub(crate) fn is_well(&self, link: usize, look: fn(&Self, usize) -> Differences) -> bool {
        !self.is_ours(link) || self.links[link].shown() == ShownState::Settled && look(self, link).is_none()
    }

    /// Returns whether the policy covers a switch's flows.
    fn is_ours(&self, link: usize) -> bool {
        let names = self.links[link].switch.ports().get(&PortNo::LOCAL);
        names.and_then(|name| std::str::from_utf8(name).ok()).is_some_and(|name| self.active.owns(name))
    }

    /// Waits until all bridges have been well for a while.
    ///
    /// # Errors
    /// If a bridge is not well within `limit`.
    pub(crate) fn quiet_down(
        &mut self,
        limit: Duration,
        look: fn(&Self, usize) -> Differences,
    ) -> Result<(), String> {
        let (end, mut well) = (self.now + limit, self.now);
        while self.now < end {
            self.pass(LOOK);
            if (0..self.links.len()).all(|link| self.is_well(link, look)) {
                if self.now - well >= CALM {
                    return Ok(());
                }
            } else {
                well = self.now;
            }
        }
        let ill = (0..self.links.len()).find(|link| !self.is_well(*link, look)).unwrap_or(0);
        let (shown, differences) = (self.links[ill].shown(), look(self, ill));
        Err(format!("bridge {ill} does not come to rest: {shown:?}, {differences:#?}"))
    }

    fn compare(&self, link: &Link, ports: &Ports, unsampled: bool) -> Differences {
        let mut found = Differences::default();
        let Some(bridge) = ports.bridge().filter(|bridge| self.active.owns(bridge)) else { return found };
        let desired = self.desired(bridge, ports, unsampled);
        let at = self.clock().since_epoch(self.now);
        let names = ports.names();
        // No two flows of a program have one cookie.
        let mut wanted: HashMap<Cookie, &Flow> =
            desired.program.flows().map(|flow| (flow.cookie, flow)).collect();
        for installed in link.switch.table.installed() {
            let flow = &installed.flow;
            let age = self.now - installed.since;
            match wanted.get(&flow.cookie).filter(|twin| twin.key() == flow.key()) {
                Some(twin) if alike(flow, twin) && ends_alike(flow, age, &desired, at) => {
                    wanted.remove(&flow.cookie);
                }
                None if desired.learned(flow) => {}
                _ => found.extra.push(text(flow, &names)),
            }
        }
        // A flow that ends in this moment may be gone already.
        let over = |flow: &Flow| desired.left(flow, at).is_some_and(|left| left.is_over());
        found.missing.extend(wanted.into_values().filter(|flow| !over(flow)).map(|flow| text(flow, &names)));
        found.extra.extend(link.switch.groups().map(|group| format!("group {}", group.0)));
        found.missing.sort();
        found.extra.sort();
        found
    }

    /// Returns the desired flows of a bridge with those ports.
    fn desired(&self, bridge: &str, ports: &Ports, unsampled: bool) -> Arc<Compiled> {
        let seconds = self.clock().seconds(self.now);
        let open = self.active.windows.values().filter(|end| **end > seconds).count();
        let key = (self.active.generation, ports.clone(), unsampled, open);
        let mut had = self.desired.borrow_mut();
        if let Some((_, compiled)) = had.iter().find(|(had, _)| *had == key) {
            return Arc::clone(compiled);
        }
        let mut program = self.active.compile(&Program::default(), bridge, &ports.by_name(), seconds);
        if unsampled {
            program.unsample();
        }
        let compiled = Arc::new(Compiled::default().then(program, seconds, self.active.longest));
        had.push((key, Arc::clone(&compiled)));
        compiled
    }
}

impl Differences {
    /// Returns whether there are no differences.
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Returns whether two flows with one key do the same, apart from timeouts.
fn alike(flow: &Flow, twin: &Flow) -> bool {
    flow.cookie == twin.cookie
        && flow.idle_timeout == twin.idle_timeout
        && (flow.hard_timeout == 0) == (twin.hard_timeout == 0)
        && flow.flags & KEPT == twin.flags & KEPT
        && flow.instructions == twin.instructions
}

fn ends_alike(flow: &Flow, age: Duration, desired: &Compiled, at: Duration) -> bool {
    use flows::runtime::timeouts::TimeLeft::{AtLeast, Exactly};

    let ends = Duration::from_secs(flow.hard_timeout.into()).saturating_sub(age);
    match desired.left(flow, at) {
        None => true,
        Some(Exactly(left)) => ends <= left + TOLERANCE && ends + TOLERANCE >= left,
        Some(AtLeast(left)) => ends <= left + TOLERANCE,
    }
}

fn text(flow: &Flow, names: &PortNames) -> String {
    print_flow(flow, names)
}
