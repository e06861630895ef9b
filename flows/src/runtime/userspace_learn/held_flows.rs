//! The known flows, their counts, and the choice of the flow that makes room.

use std::collections::HashMap;
use std::sync::Arc;

use flow_model::Flow;
use ofproto::instruction::Instruction;
use ofproto::message::FLOW_SEND_FLOW_REM;
use ofproto::{Cookie, TableId};

use super::eviction_order::{self, EvictionRank, FlowsByTable, Holder as _, Path};
use super::flow_key::{OwnedFlowKey, owned_key};

/// The record of a flow, without its key.
#[derive(Debug, Clone)]
pub(in crate::runtime::userspace_learn) struct FlowRecord {
    pub(in crate::runtime::userspace_learn) cookie: Cookie,
    pub(in crate::runtime::userspace_learn) idle_timeout: u16,
    pub(in crate::runtime::userspace_learn) hard_timeout: u16,
    /// The flags that the switch's own `learn` would set; unknown for a flow that was read from the
    /// switch.
    pub(in crate::runtime::userspace_learn) flags: Option<u16>,
    pub(in crate::runtime::userspace_learn) instructions: Vec<Instruction>,
    path: Path,
    rank: EvictionRank,
}

impl FlowRecord {
    /// Returns whether the flow equals the one that would be learned.
    pub(in crate::runtime::userspace_learn) fn is(&self, flow: &Flow) -> bool {
        self.cookie == flow.cookie
            && (self.idle_timeout, self.hard_timeout) == (flow.idle_timeout, flow.hard_timeout)
            && self.flags.is_none_or(|flags| flags == flow.flags)
            && self.instructions == flow.instructions
    }

    /// Returns the second in which it ends unless a packet renews it. A flow without timeouts
    /// outlasts all others.
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

/// The flows of the learned tables, up to a capacity.
#[derive(Debug, Clone, Default)]
pub(in crate::runtime::userspace_learn) struct HeldFlows {
    flows: HashMap<Arc<OwnedFlowKey>, FlowRecord>,
    counts: HashMap<(TableId, Cookie), usize>,
    fair: FlowsByTable,
    capacity: usize,
    /// The capacity of a switch's table, learned from its refusals.
    bounds: HashMap<TableId, usize>,
    /// The number of puts, which orders flows that end in one second.
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

    /// Returns the number of flows of a table with a cookie, as `limit` counts them.
    pub(in crate::runtime::userspace_learn) fn count(&self, table: TableId, cookie: Cookie) -> usize {
        self.counts.get(&(table, cookie)).copied().unwrap_or(0)
    }

    /// Adds a flow that is taught now, replacing one with its key.
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

    /// Returns a removed record to its place, as taught now.
    fn place(&mut self, key: Arc<OwnedFlowKey>, mut known: FlowRecord, now: u32) {
        self.puts += 1;
        known.rank = (known.end(now), self.puts);
        *self.counts.entry((key.0, known.cookie)).or_default() += 1;
        self.fair.insert(&known.path, known.rank, Arc::clone(&key));
        self.flows.insert(key, known);
    }

    /// Restarts a flow's timeouts.
    pub(in crate::runtime::userspace_learn) fn renew(&mut self, key: &OwnedFlowKey, now: u32) {
        let Some(known) = self.flows.get_mut(key) else { return };
        let end = known.end(now);
        // Within a second the order may stay: a flow that many packets teach moves once.
        if end == known.rank.0 {
            return;
        }
        self.puts += 1;
        if let Some(key) = self.fair.remove(&known.path, known.rank) {
            known.rank = (end, self.puts);
            self.fair.insert(&known.path, known.rank, key);
        }
    }

    /// Removes a flow.
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

    /// Removes the flow that makes room for one more in a table, if there is no room. If the table
    /// is full, the flow is one of that table. If the total capacity is reached, it is one of the
    /// table with the most flows.
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

    /// Handles a flow that the switch had no room for. Returns the flow that makes room, or `None`
    /// if there is no other: the switch then has none of them.
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

    /// Forgets all flows, and the capacities of the switch's tables.
    pub(in crate::runtime::userspace_learn) fn clear(&mut self) {
        *self = Self { puts: self.puts, ..Self::new(self.capacity) };
    }
}
