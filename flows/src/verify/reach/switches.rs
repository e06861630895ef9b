//! The switches of a file in one state, to send packets through.

use super::cases::Case;
use crate::network::NetworkFile;
use crate::verify::bridge_flows::BridgeFlows;
use crate::verify::delivery::{Delivery, deliver};
use crate::verify::interp::{Packet, Pipeline};
use crate::verify::topology::Topology;

/// The flows of one state with what is needed to send packets.
pub(super) struct Switches<'s> {
    pub(super) topology: Topology<'s>,
    pub(super) pipelines: Vec<Pipeline>,
}

impl<'s> Switches<'s> {
    pub(super) fn new(file: &'s NetworkFile, bridges: &'s [BridgeFlows<'s>]) -> Self {
        let pipelines = bridges.iter().map(|bridge| Pipeline::new(bridge.flows.clone())).collect();
        Self { topology: Topology::new(file, bridges), pipelines }
    }

    /// Sends a packet of a connection.
    pub(super) fn send(&self, case: &Case, packet: &Packet) -> Delivery {
        deliver(&self.topology, &self.pipelines, case.sender.place, packet, case.receiver.place)
    }
}
