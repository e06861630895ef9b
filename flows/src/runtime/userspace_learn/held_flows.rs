//! The flows that are known, how many each has, and which of them makes room.

use std::collections::HashMap;
use std::sync::Arc;

use flow_model::Flow;
use ofproto::instruction::Instruction;
use ofproto::message::FLOW_SEND_FLOW_REM;
use ofproto::{Cookie, TableId};

use super::eviction_order::{self, EvictionRank, FlowsByTable, Holder as _, Path};
use super::flow_key::{OwnedFlowKey, owned_key};

/// What is remembered of a flow beside its key.
#[derive(Debug, Clone)]
pub(in crate::runtime::userspace_learn) struct FlowRecord {
    pub(in crate::runtime::userspace_learn) cookie: Cookie,
    pub(in crate::runtime::userspace_learn) idle_timeout: u16,
    pub(in crate::runtime::userspace_learn) hard_timeout: u16,
    /// Those that the switch's own `learn` would have given it; of a flow that was read nobody knows.
    pub(in crate::runtime::userspace_learn) flags: Option<u16>,
    pub(in crate::runtime::userspace_learn) instructions: Vec<Instruction>,
    path: Path,
    rank: EvictionRank,
}

impl FlowRecord {
    /// Whether the flow is the very one that would be learned.
    pub(in crate::runtime::userspace_learn) fn is(&self, flow: &Flow) -> bool {
        self.cookie == flow.cookie
            && (self.idle_timeout, self.hard_timeout) == (flow.idle_timeout, flow.hard_timeout)
            && self.flags.is_none_or(|flags| flags == flow.flags)
            && self.instructions == flow.instructions
    }

    /// Returns the second in which it ends unless something comes meanwhile. A flow without timeouts outlasts all others.
    fn end(&self, now: u32) -> u64 {
        let timeouts = [self.idle_timeout, self.hard_timeout];
        let first = timeouts.into_iter().filter(|timeout| *timeout != 0).min();
        first.map_or(u64::MAX, |timeout| u64::from(now) + u64::from(timeout))
    }

    /// Returns the flow.
    pub(in crate::runtime::userspace_learn) fn flow(
        &self,
        (table, priority, matches): &OwnedFlowKey,
    ) -> Flow {
        Flow {
            cookie: self.cookie,
            idle_timeout: self.idle_timeout,
            hard_timeout: self.hard_timeout,
            flags: self.flags.unwrap_or(FLOW_SEND_FLOW_REM),
            instructions: self.instructions.clone(),
            ..Flow::new(*table, *priority, matches.clone())
        }
    }
}

/// The flows of the learned tables, so many at most.
#[derive(Debug, Clone, Default)]
pub(in crate::runtime::userspace_learn) struct HeldFlows {
    flows: HashMap<Arc<OwnedFlowKey>, FlowRecord>,
    counts: HashMap<(TableId, Cookie), usize>,
    fair: FlowsByTable,
    capacity: usize,
    /// How many flows a table of the switch turned out to hold.
    bounds: HashMap<TableId, usize>,
    /// How often flows were put here: what orders those that end in the same second.
    puts: u64,
}

impl HeldFlows {
    pub(in crate::runtime::userspace_learn) fn new(capacity: usize) -> Self {
        Self { capacity, ..Self::default() }
    }

    pub(in crate::runtime::userspace_learn) fn len(&self) -> usize {
        self.flows.len()
    }

    pub(in crate::runtime::userspace_learn) fn get(&self, key: &OwnedFlowKey) -> Option<&FlowRecord> {
        self.flows.get(key)
    }

    pub(in crate::runtime::userspace_learn) fn iter(
        &self,
    ) -> impl Iterator<Item = (&OwnedFlowKey, &FlowRecord)> {
        self.flows.iter().map(|(key, known)| (&**key, known))
    }

    /// How many flows of a table have a cookie: what `limit` counts.
    pub(in crate::runtime::userspace_learn) fn count(&self, table: TableId, cookie: Cookie) -> usize {
        self.counts.get(&(table, cookie)).copied().unwrap_or(0)
    }

    /// Puts a flow here that is taught now, in place of one with its key.
    pub(in crate::runtime::userspace_learn) fn put(&mut self, flow: &Flow, flags: Option<u16>, now: u32) {
        let key = owned_key(flow);
        self.take(&key);
        let known = FlowRecord {
            cookie: flow.cookie,
            idle_timeout: flow.idle_timeout,
            hard_timeout: flow.hard_timeout,
            flags,
            instructions: flow.instructions.clone(),
            path: eviction_order::path(flow),
            rank: EvictionRank::default(),
        };
        self.place(Arc::new(key), known, now);
    }

    /// Puts back what was taken, as taught now.
    fn place(&mut self, key: Arc<OwnedFlowKey>, mut known: FlowRecord, now: u32) {
        self.puts += 1;
        known.rank = (known.end(now), self.puts);
        *self.counts.entry((key.0, known.cookie)).or_default() += 1;
        self.fair.insert(&known.path, known.rank, Arc::clone(&key));
        self.flows.insert(key, known);
    }

    /// Counts a flow's timeouts anew.
    pub(in crate::runtime::userspace_learn) fn renew(&mut self, key: &OwnedFlowKey, now: u32) {
        let Some(known) = self.flows.get_mut(key) else { return };
        let end = known.end(now);
        // Within a second the order may stay: a flow that many packets teach is moved once.
        if end == known.rank.0 {
            return;
        }
        self.puts += 1;
        if let Some(key) = self.fair.remove(&known.path, known.rank) {
            known.rank = (end, self.puts);
            self.fair.insert(&known.path, known.rank, key);
        }
    }

    /// Takes a flow out.
    pub(in crate::runtime::userspace_learn) fn take(
        &mut self,
        key: &OwnedFlowKey,
    ) -> Option<(Arc<OwnedFlowKey>, FlowRecord)> {
        let (key, known) = self.flows.remove_entry(key)?;
        self.fair.remove(&known.path, known.rank);
        let counted = (key.0, known.cookie);
        if let Some(count) = self.counts.get_mut(&counted) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.counts.remove(&counted);
            }
        }
        Some((key, known))
    }

    /// Takes the flow out that makes room for one more in a table, if none is left: one of that table where the table is full, one
    /// of the table that has most where there are as many as may be kept in mind.
    pub(in crate::runtime::userspace_learn) fn make_room(
        &mut self,
        table: TableId,
    ) -> Option<(Arc<OwnedFlowKey>, FlowRecord)> {
        let full = self.bounds.get(&table).is_some_and(|bound| self.len_of(table) >= *bound);
        let key = match full {
            true => self.fair.member(&table)?.first()?.1,
            false if self.len() >= self.capacity => self.fair.first()?.1,
            false => return None,
        };
        let key = Arc::clone(key);
        self.take(&key)
    }

    /// The switch had no room for a flow. Returns the one that makes room for it, or none if there is no other: the switch then
    /// has none of them.
    pub(in crate::runtime::userspace_learn) fn refused(
        &mut self,
        key: &OwnedFlowKey,
        now: u32,
    ) -> Option<(Arc<OwnedFlowKey>, FlowRecord)> {
        let refused = self.take(key)?;
        let table = key.0;
        self.bounds.insert(table, self.len_of(table).max(1));
        let other = Arc::clone(self.fair.member(&table)?.first()?.1);
        let other = self.take(&other);
        self.place(refused.0, refused.1, now);
        other
    }

    fn len_of(&self, table: TableId) -> usize {
        self.fair.member(&table).map_or(0, |table| table.len())
    }

    /// Forgets all flows, and what the switch's tables hold.
    pub(in crate::runtime::userspace_learn) fn clear(&mut self) {
        *self = Self { puts: self.puts, ..Self::new(self.capacity) };
    }
}
