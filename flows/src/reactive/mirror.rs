//! The learned tables as far as the controller knows them.

use std::collections::HashMap;

use ofproto::action::{Action, LEARN_DELETE_LEARNED, Learn};
use ofproto::instruction::Instruction;
use ofproto::message::{FLOW_SEND_FLOW_REM, FlowMod, FlowModCommand, FlowRemoved};
use ofproto::oxm::Field;
use ofproto::{Cookie, TableId};

use super::LearnError;
use crate::compile::as_switched;
use crate::interp::{FieldSet, Packet, VLAN_PRESENT, learned};
use crate::model::{Flow, FlowMatch};

/// The first table that Open vSwitch keeps to itself (its `TBL_INTERNAL`).
pub(super) const INTERNAL: TableId = TableId(254);

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
pub enum Taught {
    /// A flow that was not there.
    Added,
    /// The very flow was there: its hard timeout counts anew.
    Refreshed,
    /// A flow of that match was there that does something else, or has another cookie. It keeps its timeouts and flags.
    Replaced,
    /// `limit` left no room: nothing is to be done.
    Refused,
}

/// What a packet leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lesson {
    /// What came of it.
    pub taught: Taught,
    /// What to send; none where it was refused.
    pub flow_mod: Option<FlowMod>,
}

impl Lesson {
    /// The bit that `result_dst` gets.
    pub fn succeeded(&self) -> bool {
        self.taught != Taught::Refused
    }
}

/// What is remembered of a flow beside its key.
#[derive(Debug, Clone)]
struct Known {
    cookie: Cookie,
    idle_timeout: u16,
    hard_timeout: u16,
    /// Those that the switch's own `learn` would have given it; of a flow that was read nobody knows.
    flags: Option<u16>,
    instructions: Vec<Instruction>,
}

impl Known {
    fn of(flow: &Flow, flags: Option<u16>) -> Self {
        Self {
            cookie: flow.cookie,
            idle_timeout: flow.idle_timeout,
            hard_timeout: flow.hard_timeout,
            flags,
            instructions: flow.instructions.clone(),
        }
    }

    /// Whether the flow is the very one that would be learned.
    fn is(&self, flow: &Flow) -> bool {
        self.cookie == flow.cookie
            && (self.idle_timeout, self.hard_timeout) == (flow.idle_timeout, flow.hard_timeout)
            && self.flags.is_none_or(|flags| flags == flow.flags)
            && self.instructions == flow.instructions
    }
}

type Key = (TableId, u16, FlowMatch);

/// The flows of the learned tables, as far as the controller wrote or read them. Every flow is sent with
/// OFPFF_SEND_FLOW_REM, so that the switch tells when it ends; timeouts run on the switch alone.
///
/// It is no more than a copy: where a flow ended and the word of that is still under way, the packet that comes before it
/// changes a flow that is not there any more, and the next one adds it.
#[derive(Debug, Clone, Default)]
pub struct Mirror {
    flows: HashMap<Key, Known>,
    counts: HashMap<(TableId, Cookie), usize>,
    capacity: usize,
    dialect: Dialect,
}

impl Mirror {
    /// An empty one, for so many flows at most.
    pub fn new(capacity: usize, dialect: Dialect) -> Self {
        Self { capacity, dialect, ..Self::default() }
    }

    /// What the switch turned out to understand.
    pub fn speak(&mut self, dialect: Dialect) {
        self.dialect = dialect;
    }

    /// How many flows it knows.
    pub fn len(&self) -> usize {
        self.flows.len()
    }

    /// Whether it knows none.
    pub fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }

    /// How many flows of a table have a cookie: what `limit` counts.
    pub fn count(&self, table: TableId, cookie: Cookie) -> usize {
        self.counts.get(&(table, cookie)).copied().unwrap_or(0)
    }

    /// The flows, in no order.
    pub fn flows(&self) -> impl Iterator<Item = Flow> + '_ {
        self.flows.iter().map(|((table, priority, matches), known)| Flow {
            cookie: known.cookie,
            idle_timeout: known.idle_timeout,
            hard_timeout: known.hard_timeout,
            flags: known.flags.unwrap_or(FLOW_SEND_FLOW_REM),
            instructions: known.instructions.clone(),
            ..Flow::new(*table, *priority, matches.clone())
        })
    }

    /// Whether it knows a flow of that table, priority and match with that cookie.
    pub fn knows(&self, flow: &Flow) -> bool {
        let key = (flow.table, flow.priority, flow.matches.clone());
        self.flows.get(&key).is_some_and(|known| known.cookie == flow.cookie)
    }

    /// Forgets everything and takes what was read from the switch, as far as there is room: the flows of learned tables, learned
    /// or not, since `limit` counts them all.
    pub fn read(&mut self, flows: impl IntoIterator<Item = Flow>) {
        self.flows.clear();
        self.counts.clear();
        for flow in flows.into_iter().take(self.capacity) {
            self.put(&flow, None);
        }
    }

    /// What Open vSwitch's `learn` would do for a packet, as a flow_mod; the mirror is changed as if it had been sent.
    ///
    /// A flow that is there with all that would be learned is refreshed, at the limit too. Otherwise `limit` counts all flows of
    /// the learned table and cookie, and at the limit none is added, and none is changed. A flow that is there and is
    /// another gets the new actions and the new cookie and keeps its timeouts and flags. That is an ADD where the cookie
    /// changes, because no MODIFY of OpenFlow 1.3 changes one; it undoes what `fin_timeout` shortened.
    ///
    /// # Errors
    /// Where no flow_mod says it, or the mirror is full; nothing is changed then.
    pub fn learn(&mut self, learn: &Learn, packet: &Packet) -> Result<Lesson, LearnError> {
        if learn.cookie == Cookie(u64::MAX) {
            return Err(LearnError::Cookie);
        }
        if learn.table >= INTERNAL {
            return Err(LearnError::Table(learn.table));
        }
        let mut flow = learned(learn, packet, &mut FieldSet::default());
        flow.instructions = as_switched(flow.instructions);
        let tcp = flow.matches.exact(Field::IpProto) == Some(6);
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
        let key = (flow.table, flow.priority, flow.matches.clone());
        let before = self.flows.get(&key);
        if before.is_some_and(|before| before.is(&flow)) {
            return Ok(lesson(Taught::Refreshed, &flow, FlowModCommand::ModifyStrict));
        }
        let limit = usize::try_from(learn.limit).unwrap_or(usize::MAX);
        if limit != 0 && self.count(flow.table, flow.cookie) >= limit {
            return Ok(Lesson { taught: Taught::Refused, flow_mod: None });
        }
        let Some(before) = before else {
            if self.flows.len() >= self.capacity {
                return Err(LearnError::Full { flows: self.flows.len() });
            }
            self.put(&flow, Some(flow.flags));
            return Ok(lesson(Taught::Added, &flow, FlowModCommand::Add));
        };
        flow.idle_timeout = before.idle_timeout;
        flow.hard_timeout = before.hard_timeout;
        let flags = before.flags;
        flow.flags = flags.unwrap_or(FLOW_SEND_FLOW_REM);
        let same_cookie = before.cookie == flow.cookie;
        self.put(&flow, flags);
        let command = if same_cookie { FlowModCommand::ModifyStrict } else { FlowModCommand::Add };
        Ok(lesson(Taught::Replaced, &flow, command))
    }

    /// The switch says that a flow ended. Returns whether it was known.
    pub fn removed(&mut self, removed: &FlowRemoved) -> bool {
        let key = (removed.table_id, removed.priority, FlowMatch::from_wire(&removed.fields));
        // One with another cookie took its place in the meantime.
        let known = self.flows.get(&key).is_some_and(|known| known.cookie == removed.cookie);
        if known {
            self.drop_flow(&key);
        }
        known
    }

    /// A learner is gone, or learns otherwise: with `delete_learned` its flows go, unless one that is `left` has
    /// `delete_learned`, the table and the cookie too. Returns what to send. Open vSwitch does so for a `learn` of the list of
    /// actions itself, and not for one in a `clone`: those give nothing here (see [`Learner::deleters`](super::Learner::deleters)).
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
        let of_it = |key: &Key, known: &Known| (key.0, known.cookie) == (gone.table, gone.cookie);
        self.flows.retain(|key, known| !of_it(key, known));
        self.counts.remove(&(gone.table, gone.cookie));
        Some(FlowMod {
            table_id: gone.table,
            cookie: gone.cookie,
            cookie_mask: u64::MAX,
            command: FlowModCommand::Delete,
            ..FlowMod::default()
        })
    }

    fn put(&mut self, flow: &Flow, flags: Option<u16>) {
        let key = (flow.table, flow.priority, flow.matches.clone());
        self.drop_flow(&key);
        self.flows.insert(key, Known::of(flow, flags));
        *self.counts.entry((flow.table, flow.cookie)).or_default() += 1;
    }

    fn drop_flow(&mut self, key: &Key) {
        let Some(known) = self.flows.remove(key) else { return };
        let counted = (key.0, known.cookie);
        if let Some(count) = self.counts.get_mut(&counted) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.counts.remove(&counted);
            }
        }
    }
}

fn lesson(taught: Taught, flow: &Flow, command: FlowModCommand) -> Lesson {
    let mut change = flow.to_flow_mod(command);
    match command {
        FlowModCommand::Add => change.flags |= FLOW_SEND_FLOW_REM,
        // A change of flows selects by the cookie, under the mask: the flow may have no other.
        _ => change.cookie_mask = 0,
    }
    Lesson { taught, flow_mod: Some(change) }
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
