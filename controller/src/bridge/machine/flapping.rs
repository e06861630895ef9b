//! Bounds how often changed ports cause a recompilation. A port that flaps must not keep the
//! controller, or the switch, from other work.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use flows::compile::PortMap;
use ofproto::PortNo;
use ofproto::message::{PortStatus, PortStatusReason};

use super::Bridge;
use crate::bridge::DEBOUNCE;
use crate::session::{MAX_PORTS, Session};

/// Number of changes in a row that are compiled at once.
const BURST: u32 = 4;
/// Interval of compilations after a burst.
const INTERVAL: Duration = Duration::from_millis(500);

/// The effect of a changed port on the compiled flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PortEffect {
    /// A port with rights is gone, or its name now has another port number.
    Revokes,
    /// Rights may be added; none are revoked.
    Grants,
}

/// The changed ports that wait for a compilation.
#[derive(Debug, Default)]
pub(super) struct PortChanges {
    /// The ports of the last compilation.
    compiled: PortMap,
    /// Compilations spent from the burst, as of `last`.
    spent: u32,
    last: Option<Instant>,
    /// Deadline by which the waiting changes are compiled.
    due: Option<Instant>,
    /// The ports that the active file names. `None` until a port changes under that file.
    named: Option<NamedPorts>,
}

impl PortChanges {
    /// Notes the ports of a compilation, which takes in all waiting changes.
    pub(super) fn compiled(&mut self, ports: PortMap) {
        self.compiled = ports;
        self.due = None;
    }

    /// Returns the effect of a port name that now has the number `now`.
    pub(super) fn effect(&self, name: &str, now: Option<PortNo>) -> PortEffect {
        match self.compiled.get(name) {
            Some(before) if now != Some(*before) => PortEffect::Revokes,
            _ => PortEffect::Grants,
        }
    }

    /// Returns whether to compile for a change at once. If not, the change waits: briefly if it
    /// revokes rights, else for the next interval.
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

    /// Returns the deadline of the waiting changes.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Returns whether the waiting changes are due, and takes them.
    pub(super) fn take_due(&mut self, now: Instant) -> bool {
        let due = self.due.is_some_and(|at| at <= now);
        if due {
            self.due = None;
            self.spent = self.spent.saturating_add(1).min(BURST);
        }
        due
    }

    /// Returns whether flows may depend on the port of that name.
    fn names(&self, port: &str) -> bool {
        self.named.as_ref().is_some_and(|named| named.all || named.names.contains(port))
    }

    /// Forgets which ports the last network file named.
    pub(super) fn file_changed(&mut self) {
        self.named = None;
    }

    /// Drops the waiting changes: another session owns the bridge.
    pub(super) fn forget(&mut self) {
        self.due = None;
    }
}

/// The ports of a bridge that the network file names. They are collected once for each file,
/// because a flapping port would have them collected again and again.
#[derive(Debug)]
struct NamedPorts {
    /// True if raw lines may name any port.
    all: bool,
    names: HashSet<String>,
}

impl Bridge {
    /// Handles a PORT_STATUS.
    pub(super) fn port_changed(&mut self, now: Instant, status: &PortStatus, session: &mut Session) {
        let number = status.port.port_no;
        if status.reason == PortStatusReason::Delete {
            self.port_gone(number, session);
            self.leases_gone(now, number, session);
        }
        self.collect_named_ports();
        let before = self.attached.ports.name_of(number).map(str::to_owned);
        if !self.attached.ports.apply(status, MAX_PORTS) || !self.identity.owned {
            return;
        }
        let names = before.as_deref().into_iter().chain(self.attached.ports.name_of(number));
        let effects = names
            .filter(|name| self.attached.port_changes.names(name))
            .map(|name| self.attached.port_changes.effect(name, self.attached.ports.number_of(name)));
        // A change that revokes rights waits the least.
        let Some(effect) = effects.min() else { return };
        if self.attached.port_changes.at_once(now, effect) {
            self.recompile(now, session);
        }
    }

    fn collect_named_ports(&mut self) {
        let Some(bridge) =
            self.identity.name.as_deref().filter(|_| self.attached.port_changes.named.is_none())
        else {
            return;
        };
        let file = &self.policy.file;
        self.attached.port_changes.named = Some(NamedPorts {
            all: file.bridge_for(bridge).is_some_and(|bridge| !bridge.flows.is_empty()),
            names: file.bridge_ports(bridge).into_iter().map(str::to_owned).collect(),
        });
    }
}
