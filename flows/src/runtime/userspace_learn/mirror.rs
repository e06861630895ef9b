//! The learned tables as the controller knows them.

use std::collections::HashMap;
use std::sync::Arc;

use flow_model::{Flow, FlowMatch};
use ofproto::action::{Action, LEARN_DELETE_LEARNED, Learn};
use ofproto::message::{FLOW_SEND_FLOW_REM, FlowMod, FlowModCommand, FlowRemoved};
use ofproto::oxm::Field;
use ofproto::{Cookie, TableId, ip_protocol};

use super::LearnError;
use super::flow_key::{OwnedFlowKey, owned_key};
use super::held_flows::{FlowRecord, HeldFlows};
use crate::canonical::canonical;
use crate::learner::FIRST_INTERNAL_TABLE;
use crate::verify::interp::{FieldSet, Packet, VLAN_PRESENT, learned};

/// The number of deletions that may await confirmation: more than can be on the way to the switch
/// and back.
const AWAITED: usize = 65_536;

/// The protocol extensions that a switch understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// Nicira's extensions too, as Open vSwitch does.
    #[default]
    Nicira,
    /// OpenFlow 1.3.5 alone.
    Plain,
}

/// The outcome of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LearnOutcome {
    /// A new flow was added.
    Added,
    /// An equal flow was present: its hard timeout restarts.
    Refreshed,
    /// A flow of that match with other actions or another cookie was present. It keeps its timeouts
    /// and flags.
    Replaced,
    /// `limit` left no room: there is nothing to do.
    Refused,
}

/// The action for a flow that the switch had no room for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FullTableAction {
    /// Send this message, which deletes one flow to make room, and then the flow again.
    MakesRoom(FlowMod),
    /// Nothing: no learned flow can make room. The flow counts as not learned.
    NoRoom,
    /// Nothing: the flow itself made room in the meantime.
    Stale,
}

/// The decision about a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LearnDecision {
    /// The outcome.
    pub taught: LearnOutcome,
    /// The message to send; `None` if the flow was refused.
    pub flow_mod: Option<FlowMod>,
    /// The message to send before: it deletes the flow that makes room.
    pub makes_room: Option<FlowMod>,
}

impl LearnDecision {
    /// Returns the bit of `result_dst`.
    pub fn succeeded(&self) -> bool {
        self.taught != LearnOutcome::Refused
    }
}

/// The flows of the learned tables, as the controller wrote or read them. Every flow is sent with
/// OFPFF_SEND_FLOW_REM, so that the switch reports its end. Timeouts run only on the switch.
///
/// The mirror is only a copy. If a flow ended and its FLOW_REMOVED is still on the way, the next
/// packet changes a flow that no longer exists. The packet after the FLOW_REMOVED adds it.
///
/// A full table refuses no newcomer: a flow of its largest holder makes room. That holder is the
/// port that most flows lead to, and there the address that most of these lead to. Of its flows the
/// one that would end first makes room. A table is full when the switch has reported it
/// ([`LearnedFlowMirror::refused`]). If all tables together reach the mirror's capacity, the one
/// with the most flows is full.
#[derive(Debug, Clone, Default)]
pub struct LearnedFlowMirror {
    held: HeldFlows,
    /// Flows that made room, each with the number of outstanding FLOW_REMOVED messages.
    going: HashMap<Arc<OwnedFlowKey>, u32>,
    dialect: Dialect,
}

impl LearnedFlowMirror {
    /// Returns an empty mirror with a capacity in flows.
    pub fn new(capacity: usize, dialect: Dialect) -> Self {
        Self { held: HeldFlows::new(capacity), dialect, ..Self::default() }
    }

    /// Sets the dialect that the switch turned out to understand.
    pub fn speak(&mut self, dialect: Dialect) {
        self.dialect = dialect;
    }

    /// Returns the number of known flows.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Returns whether no flow is known.
    pub fn is_empty(&self) -> bool {
        self.held.len() == 0
    }

    /// Returns the number of flows of a table with a cookie, as `limit` counts them.
    pub fn count(&self, table: TableId, cookie: Cookie) -> usize {
        self.held.count(table, cookie)
    }

    /// Returns the flows, in no order.
    pub fn flows(&self) -> impl Iterator<Item = Flow> + '_ {
        self.held.iter().map(|(key, known)| known.flow(key))
    }

    /// Returns whether a flow of that table, priority and match with that cookie is known.
    pub fn knows(&self, flow: &Flow) -> bool {
        self.held.get(&owned_key(flow)).is_some_and(|known| known.cookie == flow.cookie)
    }

    /// Forgets all flows before the installed flows are read.
    pub fn begin_read(&mut self) {
        self.held.clear();
        self.going.clear();
    }

    /// Reads an installed flow of a learned table, learned or not, since `limit` counts them all.
    pub fn read(&mut self, flow: &Flow, now: u32) -> Option<FlowMod> {
        let deletion = self.make_room(flow.table);
        self.held.put(flow, None, now);
        deletion
    }

    /// Returns the flow_mod that Open vSwitch's `learn` would amount to for a packet. The mirror
    /// changes as if it had been sent.
    ///
    /// An installed flow that equals the learned one is refreshed, even at the limit. Otherwise
    /// `limit` counts all flows of the learned table and cookie. At the limit no flow is added or
    /// changed. An installed flow that differs gets the new actions and the new cookie and keeps
    /// its timeouts and flags. If the cookie changes, that is an ADD, because no MODIFY of OpenFlow
    /// 1.3 changes a cookie. The ADD undoes a shortening by `fin_timeout`.
    ///
    /// `now` counts seconds from any origin, in this and in the other calls.
    ///
    /// # Errors
    /// When no flow_mod can express the change; nothing is changed then.
    pub fn learn(&mut self, learn: &Learn, packet: &Packet, now: u32) -> Result<LearnDecision, LearnError> {
        if learn.cookie == Cookie(u64::MAX) {
            return Err(LearnError::Cookie);
        }
        if learn.table >= FIRST_INTERNAL_TABLE {
            return Err(LearnError::Table(learn.table));
        }
        let mut flow = learned(learn, packet, &mut FieldSet::default());
        flow.instructions = canonical(flow.instructions);
        let tcp = flow.matches.exact(Field::IpProto) == Some(ip_protocol::TCP.into());
        if !tcp && (learn.fin_idle_timeout, learn.fin_hard_timeout) != (0, 0) {
            return Err(LearnError::FinWithoutTcp);
        }
        let tagged = flow.matches.field(Field::VlanVid).is_some_and(|vid| vid.value & VLAN_PRESENT != 0);
        if flow.matches.field(Field::VlanPcp).is_some() && !tagged {
            return Err(LearnError::Vlan);
        }
        if self.dialect == Dialect::Plain
            && let Some(what) = beyond_plain(&flow)
        {
            return Err(LearnError::Plain { table: flow.table, what });
        }
        let key = owned_key(&flow);
        let before = self.held.get(&key);
        if before.is_some_and(|before| before.is(&flow)) {
            self.held.renew(&key, now);
            return Ok(lesson(LearnOutcome::Refreshed, &flow, FlowModCommand::ModifyStrict));
        }
        let limit = usize::try_from(learn.limit).unwrap_or(usize::MAX);
        if limit != 0 && self.count(flow.table, flow.cookie) >= limit {
            return Ok(LearnDecision { taught: LearnOutcome::Refused, flow_mod: None, makes_room: None });
        }
        let Some(before) = before else {
            let makes_room = self.make_room(flow.table);
            self.held.put(&flow, Some(flow.flags), now);
            return Ok(LearnDecision {
                makes_room,
                ..lesson(LearnOutcome::Added, &flow, FlowModCommand::Add)
            });
        };
        flow.idle_timeout = before.idle_timeout;
        flow.hard_timeout = before.hard_timeout;
        let flags = before.flags;
        flow.flags = flags.unwrap_or(FLOW_SEND_FLOW_REM);
        let same_cookie = before.cookie == flow.cookie;
        self.held.put(&flow, flags, now);
        let command = if same_cookie { FlowModCommand::ModifyStrict } else { FlowModCommand::Add };
        Ok(lesson(LearnOutcome::Replaced, &flow, command))
    }

    /// Handles a FLOW_REMOVED. Returns whether the flow was known.
    pub fn removed(&mut self, removed: &FlowRemoved) -> bool {
        let key = (removed.table_id, removed.priority, FlowMatch::from_wire(&removed.fields));
        self.ended(&key, removed.cookie)
    }

    /// Handles an eviction by the switch itself, for which OpenFlow 1.3 has no FLOW_REMOVED.
    /// Returns whether the flow was known.
    pub fn evicted(&mut self, flow: &Flow) -> bool {
        self.ended(&owned_key(flow), flow.cookie)
    }

    fn ended(&mut self, key: &OwnedFlowKey, cookie: Cookie) -> bool {
        if self.was_awaited(key) {
            return false;
        }
        // A flow with another cookie replaced it in the meantime.
        let known = self.held.get(key).is_some_and(|known| known.cookie == cookie);
        if known {
            self.held.take(key);
        }
        known
    }

    /// Handles the switch's refusal of a flow that [`LearnedFlowMirror::learn`] added. From then on
    /// the table counts as full at its current number of flows.
    pub fn refused(&mut self, addition: &FlowMod, now: u32) -> FullTableAction {
        let key = (addition.table_id, addition.priority, FlowMatch::from_wire(&addition.fields));
        // The flow made room in the meantime. The switch never had it, so no FLOW_REMOVED follows
        // for it. A later flow with its key is handled by its own messages.
        if self.was_awaited(&key) || self.held.get(&key).is_none() {
            return FullTableAction::Stale;
        }
        match self.held.refused(&key, now) {
            Some((key, known)) => FullTableAction::MakesRoom(self.deletion(key, &known)),
            None => FullTableAction::NoRoom,
        }
    }

    /// Returns whether the end of the flow was awaited because it made room: a later flow with its
    /// key may be installed.
    fn was_awaited(&mut self, key: &OwnedFlowKey) -> bool {
        let Some(times) = self.going.get_mut(key) else { return false };
        *times -= 1;
        if *times == 0 {
            self.going.remove(key);
        }
        true
    }

    fn make_room(&mut self, table: TableId) -> Option<FlowMod> {
        let (key, known) = self.held.make_room(table)?;
        Some(self.deletion(key, &known))
    }

    /// Deletes exactly that flow, and awaits its FLOW_REMOVED.
    fn deletion(&mut self, key: Arc<OwnedFlowKey>, known: &FlowRecord) -> FlowMod {
        let flow = known.flow(&key);
        // A switch that never reports must not fill the memory.
        if self.going.len() >= AWAITED {
            self.going.clear();
        }
        *self.going.entry(key).or_default() += 1;
        FlowMod {
            cookie: flow.cookie,
            cookie_mask: u64::MAX,
            ..flow.to_flow_mod(FlowModCommand::DeleteStrict)
        }
    }

    /// Handles a learner that is removed or changed. With `delete_learned` its flows are deleted,
    /// unless a learner in `left` has `delete_learned`, the table and the cookie too. Returns the
    /// messages to send. Open vSwitch does so for a `learn` of the action list itself, and not for
    /// one in a `clone`: those give nothing here (see
    /// [`Learner::deleters`](crate::learner::Learner::deleters)).
    pub fn unlearn<'l>(
        &mut self,
        gone: &Learn,
        left: impl IntoIterator<Item = &'l Learn>,
    ) -> Option<FlowMod> {
        let deletes = |learn: &Learn| learn.flags & LEARN_DELETE_LEARNED != 0;
        let shared = |l: &Learn| deletes(l) && (l.table, l.cookie) == (gone.table, gone.cookie);
        if !deletes(gone) || left.into_iter().any(shared) {
            return None;
        }
        let of_it =
            |(key, known): &(&OwnedFlowKey, &FlowRecord)| (key.0, known.cookie) == (gone.table, gone.cookie);
        let its: Vec<OwnedFlowKey> = self.held.iter().filter(of_it).map(|(key, _)| key.clone()).collect();
        its.iter().for_each(|key| _ = self.held.take(key));
        Some(FlowMod {
            table_id: gone.table,
            cookie: gone.cookie,
            cookie_mask: u64::MAX,
            command: FlowModCommand::Delete,
            ..FlowMod::default()
        })
    }
}

fn lesson(taught: LearnOutcome, flow: &Flow, command: FlowModCommand) -> LearnDecision {
    let mut change = flow.to_flow_mod(command);
    match command {
        FlowModCommand::Add => change.flags |= FLOW_SEND_FLOW_REM,
        // A MODIFY selects by the cookie under the mask, and the flow may have another cookie.
        _ => change.cookie_mask = 0,
    }
    LearnDecision { taught, flow_mod: Some(change), makes_room: None }
}

/// Returns the part of a flow that OpenFlow 1.3.5 alone cannot express.
fn beyond_plain(flow: &Flow) -> Option<String> {
    let standard = |field: Field| {
        let info = field.info();
        // OFPXMT_OFB: 0 to 39 in 1.3 (§7.2.3.7).
        matches!(info.oxm.or(info.nxm), Some((0x8000, 0..=39)))
    };
    if let Some((field, _)) = flow.matches.iter().find(|(field, _)| !standard(*field)) {
        return Some(format!("a match of {}", field.info().name));
    }
    flow.actions().find_map(|action| match action {
        Action::Output { .. } => None,
        Action::Load { dst, .. } => Some(format!("load into {}", dst.field.info().name)),
        Action::FinTimeout { .. } => Some("fin_idle_timeout or fin_hard_timeout".to_owned()),
        other => Some(format!("{other:?}")),
    })
}
