//! How often changes of ports lead to a new compilation: a port that comes and goes without an end must not keep the controller,
//! or the switch, from anything else.

use std::time::{Duration, Instant};

use flows::compile::PortMap;
use ofproto::PortNo;
use ofproto::message::{PortStatus, PortStatusReason};

use super::DEBOUNCE;
use super::machine::Bridge;
use crate::session::{MAX_PORTS, Session};

/// So many changes in a row are taken in at once.
const BURST: u32 = 4;
/// After a burst, one more is for each of these.
const INTERVAL: Duration = Duration::from_millis(500);

/// What a change of a port does to what is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PortEffect {
    /// Something that has rights is not there any more, or is something else.
    Revokes,
    /// Rights may come; none go.
    Grants,
}

/// The changes of ports that led, or are to lead, to a new compilation.
#[derive(Debug, Default)]
pub(super) struct PortChanges {
    /// The ports that the last compilation was for.
    compiled: PortMap,
    /// How many of a burst are spent, as of the last change.
    spent: u32,
    last: Option<Instant>,
    /// When what waits is compiled.
    due: Option<Instant>,
}

impl PortChanges {
    /// Notes for which ports a compilation is: whatever waits is done by it.
    pub(super) fn compiled(&mut self, ports: PortMap) {
        self.compiled = ports;
        self.due = None;
    }

    /// Returns what a name has the effect of, of which the port now has that number.
    pub(super) fn effect(&self, name: &str, now: Option<PortNo>) -> PortEffect {
        match self.compiled.get(name) {
            Some(before) if now != Some(*before) => PortEffect::Revokes,
            _ => PortEffect::Grants,
        }
    }

    /// Returns whether a change is compiled for at once. If not, it waits: one that revokes for a moment, another for its turn.
    pub(super) fn at_once(&mut self, now: Instant, effect: PortEffect) -> bool {
        if let Some(last) = self.last {
            let elapsed = now.saturating_duration_since(last);
            let regained = u32::try_from(elapsed.as_millis() / INTERVAL.as_millis()).unwrap_or(u32::MAX);
            if regained > 0 {
                self.spent = self.spent.saturating_sub(regained);
                self.last = Some(now);
            }
        } else {
            self.last = Some(now);
        }
        if self.due.is_none() && self.spent < BURST {
            self.spent += 1;
            return true;
        }
        let wait = match effect {
            PortEffect::Revokes => DEBOUNCE,
            PortEffect::Grants => INTERVAL,
        };
        let at = now + wait;
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
        false
    }

    /// When [`PortChanges::take_due`] returns true, if nothing else happens.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Returns whether it is time to compile for what waits.
    pub(super) fn take_due(&mut self, now: Instant) -> bool {
        let due = self.due.is_some_and(|at| at <= now);
        if due {
            self.due = None;
            self.spent = self.spent.saturating_add(1).min(BURST);
        }
        due
    }

    /// Forgets what waits: the bridge is not ours.
    pub(super) fn forget(&mut self) {
        self.due = None;
    }
}

impl Bridge {
    /// Takes in what a port became.
    pub(super) fn port_changed(&mut self, now: Instant, status: &PortStatus, session: &mut Session) {
        let number = status.port.port_no;
        if status.reason == PortStatusReason::Delete {
            self.port_gone(number, session);
            self.leases_gone(now, number, session);
        }
        let before = self.ports.name_of(number).map(str::to_owned);
        if !self.ports.apply(status, MAX_PORTS) || !self.owned {
            return;
        }
        let names = before.as_deref().into_iter().chain(self.ports.name_of(number));
        let effects = names
            .filter(|name| self.names(name))
            .map(|name| self.port_changes.effect(name, self.ports.number_of(name)));
        // What revokes waits the least.
        let Some(effect) = effects.min() else { return };
        if self.port_changes.at_once(now, effect) {
            self.recompile(now, session);
        }
    }

    /// Whether flows may depend on the port of that name. A raw line may name any.
    fn names(&self, port: &str) -> bool {
        let Some(bridge) = &self.name else { return false };
        let file = &self.policy.file;
        file.bridge_for(bridge).is_some_and(|bridge| !bridge.flows.is_empty())
            || file.bridge_ports(bridge).contains(&port)
    }
}
