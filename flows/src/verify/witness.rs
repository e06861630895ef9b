//! A packet that violates an assertion.

use std::fmt;

use serde::Serialize;

use crate::network::Span;

/// The output port of a packet that a bridge drops.
pub(in crate::verify) const NOWHERE: &str = "no port";

/// A packet that arrives where an assertion forbids it, and its path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Witness {
    /// The name of the assertion.
    pub assertion: String,
    /// The paths of packets that have to be sent before, so that switches learn what the last one
    /// needs; empty if it needs nothing.
    pub openers: Vec<Vec<WitnessHop>>,
    /// The bridges that it passes, in order; at least one.
    pub hops: Vec<WitnessHop>,
}

/// The path of the packet through one bridge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WitnessHop {
    /// The bridge's name.
    pub bridge: String,
    /// The name of the ingress port.
    pub in_port: String,
    /// The name of the output port.
    pub out_port: String,
    /// True if the packet was forwarded here by a party that is attached to several bridges.
    pub forwarded: bool,
    /// The packet in the syntax of `ovs-appctl ofproto/trace`, with the port's number.
    pub packet: String,
    /// The flows that it matched, each with the rule behind it.
    pub flows: Vec<MatchedRule>,
}

/// A flow that the packet matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MatchedRule {
    /// The table.
    pub table: u8,
    /// The priority.
    pub priority: u16,
    /// The cookie, as `ovs-ofctl` prints it.
    pub cookie: String,
    /// The rule behind the flow, or the flow itself.
    pub rule: String,
    /// The place of the rule in the text of the network file.
    #[serde(skip)]
    pub span: Option<Span>,
    /// The line of that place, from 1: see [`Witness::locate`].
    pub line: Option<usize>,
}

impl fmt::Display for MatchedRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, priority, cookie, rule, line, .. } = self;
        write!(f, "table {table} priority {priority} cookie {cookie} ({rule}")?;
        line.iter().try_for_each(|line| write!(f, ", line {line}"))?;
        f.write_str(")")
    }
}

impl Witness {
    /// Returns the bridge and the ingress port where the packet starts.
    pub fn start(&self) -> (&str, &str) {
        self.hops.first().map_or(("", ""), |h| (&h.bridge, &h.in_port))
    }

    /// Returns the bridge and the port where the packet must never arrive.
    pub fn end(&self) -> (&str, &str) {
        self.hops.last().map_or(("", ""), |h| (&h.bridge, &h.out_port))
    }

    /// Adds the lines of rules in the text of the network file.
    pub fn locate(&mut self, text: &str) {
        let hops = self.openers.iter_mut().flatten().chain(&mut self.hops);
        for rule in hops.flat_map(|hop| &mut hop.flows) {
            let before = rule.span.as_ref().and_then(|span| text.get(..span.start));
            rule.line = before.map(|before| before.matches('\n').count() + 1);
        }
    }

    /// Returns a summary in one sentence.
    pub fn summary(&self) -> String {
        let ((from_bridge, from), (to_bridge, to)) = (self.start(), self.end());
        if to == NOWHERE {
            return format!(
                "{:?} does not hold: a packet from {from} of {from_bridge} is dropped by {to_bridge}",
                self.assertion
            );
        }
        let after = match self.openers.len() {
            0 => "",
            1 => ", after what another packet taught the switch",
            _ => ", after what other packets taught the switches",
        };
        format!(
            "{:?} does not hold: a packet from {from} of {from_bridge} comes out at {to} of {to_bridge}{after}",
            self.assertion
        )
    }
}

/// Prints the packets and their paths, one line each.
impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "take away one of the flows on the way of this packet")?;
        for opener in &self.openers {
            writeln!(f, "first")?;
            opener.iter().try_for_each(|hop| hop.fmt(f))?;
            writeln!(f, "then")?;
        }
        self.hops.iter().try_for_each(|hop| hop.fmt(f))
    }
}

impl fmt::Display for WitnessHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let forwarded = if self.forwarded { ", forwarded by the host or endpoint there" } else { "" };
        writeln!(f, "{}, in at {}{forwarded}: {}", self.bridge, self.in_port, self.packet)?;
        for flow in &self.flows {
            writeln!(f, "  {flow}")?;
        }
        writeln!(f, "  out at {}", self.out_port)
    }
}
