//! Executes `learn` for a switch that lacks it or must not use it. The packets of learning flows
//! come to the controller, which executes all of their actions.
//!
//! The mirror of the learned tables belongs to the bridge of one session, as all of its state does.
//! The first read fills it. FLOW_REMOVED keeps it current, and the flow monitor reports the
//! evictions of Open vSwitch. This path does not suit packets by the million: each packet costs
//! some allocations and map lookups.

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

/// Largest number of mirrored flows of one bridge, which take about 200 megabytes.
pub(super) const MIRRORED: usize = 262_144;
/// Largest number of additions that are kept in case the switch refuses them. Fewer are under way
/// at once.
const ADDITIONS: usize = 4_096;
/// OFPFMFC_TABLE_FULL of OFPET_FLOW_MOD_FAILED (OpenFlow 1.3.5, ofp_flow_mod_failed_code).
const TABLE_FULL: (u16, u16) = (5, 1);

/// The last added flows, by the transaction ids of their messages.
#[derive(Debug, Default)]
pub(super) struct PendingAdditions(VecDeque<(Xid, FlowMod)>);

impl PendingAdditions {
    fn note(&mut self, xid: Xid, addition: FlowMod) {
        if self.0.len() >= ADDITIONS {
            self.0.pop_front();
        }
        self.0.push_back((xid, addition));
    }

    /// Removes and returns an addition. A switch answers in order, so it refuses no earlier
    /// addition any more.
    fn take(&mut self, xid: Xid) -> Option<FlowMod> {
        let at = self.0.iter().position(|(sent, _)| *sent == xid)?;
        self.0.drain(..=at).next_back().map(|(_, addition)| addition)
    }
}

impl Bridge {
    /// Learns from a packet, and forwards it.
    pub(super) fn execute(&mut self, now: Instant, message: &PacketIn, session: &mut Session) {
        // A packet with an expired TTL was not sent by a flow.
        if !self.identity.owned || message.reason == ofproto::PacketInReason::INVALID_TTL {
            return;
        }
        // The controller executes the actions only if the packet's flow asks for that.
        let from = (message.table_id, message.cookie);
        let compiled = Arc::clone(&self.knowledge.desired);
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
        let reaction = react(&learner.actions, &packet, &mut self.learning.learned_flow_mirror, second);
        for table in reaction.evicted {
            self.made_room(table);
        }
        for error in reaction.errors {
            self.not_learned(format!("cannot learn: {error}"));
        }
        // The learned flows go first: the answer to the packet then finds them.
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
            self.learning.additions.note(xid, change);
        }
    }

    /// Counts a flow that made room for another one.
    pub(super) fn made_room(&mut self, table: TableId) {
        *self.knowledge.evicted.entry(table.0).or_default() += 1;
    }

    /// Handles an error about a learned flow whose table is full: another flow makes room. Returns
    /// whether it was such an error.
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
        let Some(addition) = self.learning.additions.take(xid) else { return false };
        let second = self.second(now);
        match self.learning.learned_flow_mirror.refused(&addition, second) {
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

    /// Notes a reason once, because it may hold for every packet of a storm.
    fn not_learned(&mut self, why: String) {
        if self.learning.not_learned.as_ref() != Some(&why) {
            self.learning.not_learned = Some(why.clone());
            self.notices.push_back(Notice::Failed(why));
        }
    }

    /// Switches to plain OpenFlow 1.3 for learned flows. A switch without a flow monitor, the
    /// oldest requested extension, may lack the other extensions too. Flows that need them are
    /// reported.
    pub(super) fn understands_less(&mut self) {
        self.learning.learned_flow_mirror.speak(Dialect::Plain);
    }

    /// Returns the tables that the controller learns for the switch.
    pub(super) fn mirrored(&self) -> BTreeSet<TableId> {
        self.knowledge.desired.program.reactive().flat_map(Learner::learns).map(|learn| learn.table).collect()
    }

    /// Takes an installed flow of such a table into the mirror when the session begins.
    pub(super) fn mirror_of(&mut self, now: Instant, flow: &Flow, session: &mut Session) {
        // All other flows are about to be deleted, or another controller added them without a
        // report of their end.
        if !self.knowledge.desired.learned(flow) {
            return;
        }
        let second = self.second(now);
        if let Some(deletion) = self.learning.learned_flow_mirror.read(flow, second) {
            self.made_room(deletion.table_id);
            self.teach(deletion, session);
        }
    }
}
