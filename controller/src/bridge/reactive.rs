//! `learn` for a switch that has none, or is not to use its own: the packets of such flows come to the controller, which
//! executes all of their actions.
//!
//! Who owns what: the mirror of the learned tables belongs to the bridge of one session, as all of its state does. It begins
//! with what the first read finds, and FLOW_REMOVED keeps it true. This is not the way for packets by the million: a
//! packet costs some allocations and a look at a map.

use std::sync::Arc;

use flows::Flow;
use flows::reactive::{Dialect, Learner, packet_of, react};
use ofproto::message::{Message, PacketIn, PacketOut};
use ofproto::{BufferId, PortNo};

use super::Notice;
use super::machine::Bridge;
use crate::session::Session;

/// So many learned flows of one bridge are kept in mind, about a hundred megabytes of them.
pub(super) const MIRRORED: usize = 262_144;
/// OFPR_INVALID_TTL (OpenFlow 1.3.5 §7.4.1): not what a flow sends to the controller.
const INVALID_TTL: u8 = 2;

impl Bridge {
    /// Learns from a packet, and sends it on.
    pub(super) fn execute(&mut self, message: &PacketIn, session: &mut Session) {
        if !self.owned || message.reason == INVALID_TTL {
            return;
        }
        // The flow that it comes from: is the controller to execute its actions?
        let from = (message.table_id, message.cookie);
        let compiled = Arc::clone(&self.compiled);
        let mut learners = compiled.program.reactive();
        let learner = learners.find(|learner| (learner.asks.table, learner.asks.cookie) == from);
        let Some(learner) = learner else { return };
        if usize::from(message.total_len) > message.data.len() {
            let cut = "a packet came cut short and was dropped, nothing was learned from it: the switch has to send packets whole";
            self.not_learned(cut.to_owned());
            return;
        }
        let packet = packet_of(message);
        let reaction = react(&learner.actions, &packet, &mut self.mirror);
        for error in reaction.errors {
            self.not_learned(format!("cannot learn: {error}"));
        }
        // In this order: the answer to the packet finds what was learned from it.
        for change in reaction.flow_mods {
            Self::send(session, &Message::FlowMod(change));
        }
        if reaction.actions.is_empty() {
            return;
        }
        let buffered = message.buffer_id != BufferId::NO_BUFFER;
        let out = PacketOut {
            buffer_id: message.buffer_id,
            in_port: packet.in_port().unwrap_or(PortNo::CONTROLLER),
            actions: reaction.actions,
            data: if buffered { bytes::Bytes::new() } else { message.data.clone() },
        };
        Self::send(session, &Message::PacketOut(out));
    }

    /// Notes once what may be so for every packet of a storm.
    fn not_learned(&mut self, why: String) {
        if self.not_learned.as_ref() != Some(&why) {
            self.not_learned = Some(why.clone());
            self.notices.push_back(Notice::Failed(why));
        }
    }

    /// The switch has no flow monitor, the oldest of the extensions that it is asked for. What is learned for it must do
    /// without the others too, and says so where it cannot.
    pub(super) fn understands_less(&mut self) {
        self.mirror.speak(Dialect::Plain);
    }

    /// What the learned tables hold when the session begins.
    pub(super) fn mirror_of(&mut self, flows: &[Flow]) {
        let tables: std::collections::BTreeSet<_> =
            self.compiled.program.reactive().flat_map(Learner::learns).map(|learn| learn.table).collect();
        // Any other is about to be deleted, or was put there by somebody and does not tell when it ends.
        let stays = |flow: &&Flow| tables.contains(&flow.table) && self.compiled.learned(flow);
        self.mirror.read(flows.iter().filter(stays).cloned());
    }
}
