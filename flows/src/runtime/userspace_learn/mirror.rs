//! The learned tables as far as the controller knows them.

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

/// So many flows that made room are awaited: more than can be on their way to the switch and back.
const AWAITED: usize = 65_536;

/// What a switch understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// Nicira's extensions too, as Open vSwitch does.
    #[default]
    Nicira,
    /// OpenFlow 1.3.5 alone.
    Plain,
}

/// What came of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LearnOutcome {
    /// A flow that was not there.
    Added,
    /// The very flow was there: its hard timeout counts anew.
    Refreshed,
    /// A flow of that match was there that does something else, or has another cookie. It keeps its timeouts and flags.
    Replaced,
    /// `limit` left no room: nothing is to be done.
    Refused,
}

/// What to do about a flow that the switch had no room for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FullTableAction {
    /// To send this, which deletes one that makes room, and then the flow again.
    MakesRoom(FlowMod),
    /// Nothing: no learned flow is there to make room. The flow counts as not learned.
    NoRoom,
    /// Nothing: the flow itself made room meanwhile.
    Stale,
}

/// What a packet leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LearnDecision {
    /// What came of it.
    pub taught: LearnOutcome,
    /// What to send; none where it was refused.
    pub flow_mod: Option<FlowMod>,
    /// What to send before: it deletes the flow that makes room.
    pub makes_room: Option<FlowMod>,
}

impl LearnDecision {
    /// The bit that `result_dst` gets.
    pub fn succeeded(&self) -> bool {
        self.taught != LearnOutcome::Refused
    }
}

/// The flows of the learned tables, as far as the controller wrote or read them. Every flow is sent with
/// OFPFF_SEND_FLOW_REM, so that the switch tells when it ends; timeouts run on the switch alone.
///
/// It is no more than a copy: where a flow ended and the word of that is still under way, the packet that comes before it
/// changes a flow that is not there any more, and the next one adds it.
///
/// A full table refuses no newcomer. A flow of whoever has most in it makes room: of the port that most of its flows lead to,
/// the address that most of those lead to, and of these the flow that would end first. A table is full when the switch said so
/// ([`LearnedFlowMirror::refused`]). Where all tables together hold as many flows as may be kept in mind, the one that has most is full.
#[derive(Debug, Clone, Default)]
pub struct LearnedFlowMirror {
    held: HeldFlows,
    /// Flows that made room, and how often the switch has yet to tell that they ended.
    going: HashMap<Arc<OwnedFlowKey>, u32>,
    dialect: Dialect,
}

impl LearnedFlowMirror {
    /// An empty one, for so many flows at most.
    pub fn new(capacity: usize, dialect: Dialect) -> Self {
        Self { held: HeldFlows::new(capacity), dialect, ..Self::default() }
    }

    /// What the switch turned out to understand.
    pub fn speak(&mut self, dialect: Dialect) {
        self.dialect = dialect;
    }

    /// How many flows it knows.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether it knows none.
    pub fn is_empty(&self) -> bool {
        self.held.len() == 0
    }

    /// How many flows of a table have a cookie: what `limit` counts.
    pub fn count(&self, table: TableId, cookie: Cookie) -> usize {
        self.held.count(table, cookie)
    }

    /// The flows, in no order.
    pub fn flows(&self) -> impl Iterator<Item = Flow> + '_ {
        self.held.iter().map(|(key, known)| known.flow(key))
    }

    /// Whether it knows a flow of that table, priority and match with that cookie.
    pub fn knows(&self, flow: &Flow) -> bool {
        self.held.get(&owned_key(flow)).is_some_and(|known| known.cookie == flow.cookie)
    }

    /// Forgets all flows before the switch's own are read.
    pub fn begin_read(&mut self) {
        self.held.clear();
        self.going.clear();
    }

    /// Takes an installed flow of a learned table, learned or not, since `limit` counts them all.
    pub fn read(&mut self, flow: &Flow, now: u32) -> Option<FlowMod> {
        let deletion = self.make_room(flow.table);
        self.held.put(flow, None, now);
        deletion
    }

    /// What Open vSwitch's `learn` would do for a packet, as a flow_mod; the mirror is changed as if it had been sent.
    ///
    /// A flow that is there with all that would be learned is refreshed, at the limit too. Otherwise `limit` counts all flows of
    /// the learned table and cookie, and at the limit none is added, and none is changed. A flow that is there and is
    /// another gets the new actions and the new cookie and keeps its timeouts and flags. That is an ADD where the cookie
    /// changes, because no MODIFY of OpenFlow 1.3 changes one; it undoes what `fin_timeout` shortened.
    ///
    /// `now` counts seconds from anywhere, as it does for the other calls.
    ///
    /// # Errors
    /// Where no flow_mod says it; nothing is changed then.
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

    /// The switch says that a flow ended. Returns whether it was known.
    pub fn removed(&mut self, removed: &FlowRemoved) -> bool {
        let key = (removed.table_id, removed.priority, FlowMatch::from_wire(&removed.fields));
        self.ended(&key, removed.cookie)
    }

    /// The switch evicted a flow by itself, of which OpenFlow 1.3 has no FLOW_REMOVED. Returns whether it was known.
    pub fn evicted(&mut self, flow: &Flow) -> bool {
        self.ended(&owned_key(flow), flow.cookie)
    }

    fn ended(&mut self, key: &OwnedFlowKey, cookie: Cookie) -> bool {
        if self.was_awaited(key) {
            return false;
        }
        // One with another cookie took its place in the meantime.
        let known = self.held.get(key).is_some_and(|known| known.cookie == cookie);
        if known {
            self.held.take(key);
        }
        known
    }

    /// The switch had no room for a flow that [`LearnedFlowMirror::learn`] added. The table counts as full from then on with as many flows as
    /// it has.
    pub fn refused(&mut self, addition: &FlowMod, now: u32) -> FullTableAction {
        let key = (addition.table_id, addition.priority, FlowMatch::from_wire(&addition.fields));
        // One that made room meanwhile: the switch never had it, so it will tell of no end. What became of another with its key
        // that is there since will be told after that.
        if self.was_awaited(&key) || self.held.get(&key).is_none() {
            return FullTableAction::Stale;
        }
        match self.held.refused(&key, now) {
            Some((key, known)) => FullTableAction::MakesRoom(self.deletion(key, &known)),
            None => FullTableAction::NoRoom,
        }
    }

    /// Whether that a flow ended is what was awaited of one that made room: another with its key may be there since.
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

    /// Deletes that very flow, and awaits the word of its end.
    fn deletion(&mut self, key: Arc<OwnedFlowKey>, known: &FlowRecord) -> FlowMod {
        let flow = known.flow(&key);
        // A switch that does not tell must not fill the memory.
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

    /// A learner is gone, or learns otherwise: with `delete_learned` its flows go, unless one that is `left` has
    /// `delete_learned`, the table and the cookie too. Returns what to send. Open vSwitch does so for a `learn` of the list of
    /// actions itself, and not for one in a `clone`: those give nothing here (see [`Learner::deleters`](crate::learner::Learner::deleters)).
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
        // A change of flows selects by the cookie, under the mask: the flow may have no other.
        _ => change.cookie_mask = 0,
    }
    LearnDecision { taught, flow_mod: Some(change), makes_room: None }
}

/// What of a flow OpenFlow 1.3.5 alone cannot say.
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
