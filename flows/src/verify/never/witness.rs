//! A packet that breaks a `never`.

use std::fmt;

/// A packet that comes from where it must not come, and its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// The name of the `never`.
    pub never: String,
    /// The bridges that it passes, in order; at least one.
    pub hops: Vec<WitnessHop>,
    /// Whether it gets through only because of what another packet made a switch learn.
    pub learned: bool,
}

/// Its way through one bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessHop {
    /// The bridge's name.
    pub bridge: String,
    /// The port where it comes in.
    pub in_port: String,
    /// The port where it goes out.
    pub out_port: String,
    /// Whether it came here because somebody with a place on several bridges forwards.
    pub forwarded: bool,
    /// The packet, as `ovs-appctl ofproto/trace` takes it, by the port's number.
    pub packet: String,
    /// The flows that it matched, each with the rule behind it.
    pub flows: Vec<String>,
}

impl Witness {
    /// Bridge and port where the packet starts.
    pub fn start(&self) -> (&str, &str) {
        self.hops.first().map_or(("", ""), |h| (&h.bridge, &h.in_port))
    }

    /// Bridge and port where it must not be.
    pub fn end(&self) -> (&str, &str) {
        self.hops.last().map_or(("", ""), |h| (&h.bridge, &h.out_port))
    }

    /// One sentence.
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

/// The packet and its way, a line each.
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
