//! `learn` for a switch that has none, or is not to use its own: the packets of such flows come to the controller, which
//! executes all of their actions.
//!
//! Who owns what: the mirror of the learned tables belongs to the bridge of one session, as all of its state does. It begins
//! with what the first read finds, and FLOW_REMOVED keeps it true, with the flow monitor for what Open vSwitch evicts. This is
//! not the way for packets by the million: a packet costs some allocations and a look at some maps.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use flows::Flow;
use flows::learner::Learner;
use flows::runtime::userspace_learn::{Dialect, FullTableAction, packet_of, react};
use ofproto::message::{ErrorMsg, FlowMod, FlowModCommand, Message, PacketIn, PacketOut};
use ofproto::{BufferId, PortNo, TableId, Xid};

use super::Bridge;
use crate::bridge::Notice;
use crate::session::Session;

/// So many learned flows of one bridge are kept in mind, about two hundred megabytes of them.
pub(super) const MIRRORED: usize = 262_144;
/// So many additions are kept in mind in case the switch refuses them: more than are under way at once.
const ADDITIONS: usize = 4_096;
/// OFPFMFC_TABLE_FULL of OFPET_FLOW_MOD_FAILED (OpenFlow 1.3.5, ofp_flow_mod_failed_code).
const TABLE_FULL: (u16, u16) = (5, 1);

/// The flows that were added last, under the ids that they were sent with.
#[derive(Debug, Default)]
pub(super) struct PendingAdditions(VecDeque<(Xid, FlowMod)>);

impl PendingAdditions {
    fn note(&mut self, xid: Xid, addition: FlowMod) {
        if self.0.len() >= ADDITIONS {
            self.0.pop_front();
        }
        self.0.push_back((xid, addition));
    }

    /// Takes one out. A switch answers in order, so none before it is refused any more.
    fn take(&mut self, xid: Xid) -> Option<FlowMod> {
        let at = self.0.iter().position(|(sent, _)| *sent == xid)?;
        self.0.drain(..=at).next_back().map(|(_, addition)| addition)
    }
}

impl Bridge {
    /// Learns from a packet, and sends it on.
    pub(super) fn execute(&mut self, now: Instant, message: &PacketIn, session: &mut Session) {
        // A packet whose TTL is used up was not sent by a flow.
        if !self.owned || message.reason == ofproto::PacketInReason::INVALID_TTL {
            return;
        }
        // The flow that it comes from: is the controller to execute its actions?
        let from = (message.table_id, message.cookie);
        let compiled = Arc::clone(&self.desired);
        let mut learners = compiled.program.reactive();
        let learner = learners.find(|learner| (learner.asks.table, learner.asks.cookie) == from);
        let Some(learner) = learner else { return };
        if usize::from(message.total_len) > message.data.len() {
            let cut = "a packet came cut short and was dropped, nothing was learned from it: the switch has to send packets whole";
            self.not_learned(cut.to_owned());
            return;
        }
        let packet = packet_of(message);
        let second = self.second(now);
        let reaction = react(&learner.actions, &packet, &mut self.learned_flow_mirror, second);
        for table in reaction.evicted {
            self.made_room(table);
        }
        for error in reaction.errors {
            self.not_learned(format!("cannot learn: {error}"));
        }
        // In this order: the answer to the packet finds what was learned from it.
        for change in reaction.flow_mods {
            self.teach(change, session);
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

    fn teach(&mut self, change: FlowMod, session: &mut Session) {
        let message = Message::FlowMod(change);
        let xid = Self::send(session, &message);
        if let (Some(xid), Message::FlowMod(change)) = (xid, message)
            && change.command == FlowModCommand::Add
        {
            self.additions.note(xid, change);
        }
    }

    /// Counts a flow that made room for another.
    pub(super) fn made_room(&mut self, table: TableId) {
        *self.evicted.entry(table.0).or_default() += 1;
    }

    /// Handles an error about a learned flow for which its table has no room: another flow makes room. Returns whether it was
    /// one.
    pub(super) fn no_room(
        &mut self,
        now: Instant,
        xid: Xid,
        error: &ErrorMsg,
        session: &mut Session,
    ) -> bool {
        if (error.kind, error.code) != TABLE_FULL {
            return false;
        }
        let Some(addition) = self.additions.take(xid) else { return false };
        let second = self.second(now);
        match self.learned_flow_mirror.refused(&addition, second) {
            FullTableAction::MakesRoom(deletion) => {
                self.made_room(addition.table_id);
                self.teach(deletion, session);
                self.teach(addition, session);
            }
            FullTableAction::NoRoom => self.not_learned(format!(
                "cannot learn: table {} of the switch is full of flows that were not learned: let learn write another table",
                addition.table_id.0
            )),
            FullTableAction::Stale => {}
        }
        true
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
        self.learned_flow_mirror.speak(Dialect::Plain);
    }

    /// Returns the tables that the controller learns for the switch.
    pub(super) fn mirrored(&self) -> BTreeSet<TableId> {
        self.desired.program.reactive().flat_map(Learner::learns).map(|learn| learn.table).collect()
    }

    /// Takes an installed flow of such a table into the mirror when the session begins.
    pub(super) fn mirror_of(&mut self, now: Instant, flow: &Flow, session: &mut Session) {
        // Any other is about to be deleted, or was put there by somebody and does not tell when it ends.
        if !self.desired.learned(flow) {
            return;
        }
        let second = self.second(now);
        if let Some(deletion) = self.learned_flow_mirror.read(flow, second) {
            self.made_room(deletion.table_id);
            self.teach(deletion, session);
        }
    }
}
