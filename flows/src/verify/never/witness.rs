//! A packet that breaks a `never`.

use std::fmt;

/// A packet that arrives where a `never` forbids it, and its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// The name of the `never`.
    pub never: String,
    /// The bridges that it passes, in order; at least one.
    pub hops: Vec<WitnessHop>,
    /// True if it passes only because of a flow that another packet taught a switch.
    pub learned: bool,
}

/// The path of the packet through one bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    pub flows: Vec<String>,
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

    /// Returns a summary in one sentence.
    pub fn summary(&self) -> String {
        let ((from_bridge, from), (to_bridge, to)) = (self.start(), self.end());
        let after = if self.learned { ", after what an allowed packet taught" } else { "" };
        format!(
            "never {:?} does not hold: a packet from {from} of {from_bridge} comes out at {to} of \
             {to_bridge}{after}",
            self.never
        )
    }
}

/// Prints the packet and its path, one line each.
impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "take away one of the flows on the way of this packet")?;
        for hop in &self.hops {
            let forwarded = if hop.forwarded { ", forwarded by the host or endpoint there" } else { "" };
            writeln!(f, "{}, in at {}{forwarded}: {}", hop.bridge, hop.in_port, hop.packet)?;
            for flow in &hop.flows {
                writeln!(f, "  {flow}")?;
            }
            writeln!(f, "  out at {}", hop.out_port)?;
        }
        Ok(())
    }
}
