//! Chooses the flow that makes room for a new one: a tree of holders, each ordered by its number of
//! flows.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::Arc;

use flow_model::Flow;
use ofproto::TableId;
use ofproto::action::Action;
use ofproto::oxm::Field;

use super::flow_key::OwnedFlowKey;

/// The second in which a flow would end, and its place within that second: each rank is unique.
pub(in crate::runtime::userspace_learn) type EvictionRank = (u64, u64);

/// The learned flows by table, by the port that they lead to, and by the address that they lead to.
pub(in crate::runtime::userspace_learn) type FlowsByTable =
    HolderBranch<TableId, HolderBranch<u32, HolderBranch<FlowAddress, HolderQueue>>>;

/// Names a place in [`FlowsByTable`].
pub(in crate::runtime::userspace_learn) type Path = (TableId, (u32, (FlowAddress, ())));

/// An address, with a number that identifies its kind.
pub(in crate::runtime::userspace_learn) type FlowAddress = (u8, u128);

/// Returns the holder of a flow.
///
/// A return flow leads to the opener, so its output port and its destination address identify the
/// opener. The port comes first, because no check covers the addresses in packets of raw lines. A
/// sender that forges them would otherwise hold one flow for each address. An honest opener with
/// two flows would then count as the largest holder.
pub(in crate::runtime::userspace_learn) fn path(flow: &Flow) -> Path {
    let port = flow.actions().find_map(|action| match action {
        Action::Output { port, .. } => Some(port.0),
        _ => None,
    });
    let fields = [(6, Field::Ipv6Dst), (4, Field::Ipv4Dst), (2, Field::EthDst)];
    let address = fields.iter().find_map(|(kind, field)| Some((*kind, flow.matches.exact(*field)?)));
    (flow.table, (port.unwrap_or_default(), (address.unwrap_or_default(), ())))
}

/// A holder of flows.
pub(in crate::runtime::userspace_learn) trait Holder: Default {
    /// Identifies one of the holders.
    type Path;

    /// Adds a flow.
    fn insert(&mut self, path: &Self::Path, rank: EvictionRank, key: Arc<OwnedFlowKey>);

    /// Removes a flow.
    fn remove(&mut self, path: &Self::Path, rank: EvictionRank) -> Option<Arc<OwnedFlowKey>>;

    /// Returns the number of flows.
    fn len(&self) -> usize;

    /// Returns the flow that makes room, and the second in which it would end.
    fn first(&self) -> Option<(EvictionRank, &Arc<OwnedFlowKey>)>;
}

/// The flows of one holder, by the order in which they would end.
#[derive(Debug, Clone, Default)]
pub(in crate::runtime::userspace_learn) struct HolderQueue(BTreeMap<EvictionRank, Arc<OwnedFlowKey>>);

impl Holder for HolderQueue {
    type Path = ();

    fn insert(&mut self, (): &(), rank: EvictionRank, key: Arc<OwnedFlowKey>) {
        self.0.insert(rank, key);
    }

    fn remove(&mut self, (): &(), rank: EvictionRank) -> Option<Arc<OwnedFlowKey>> {
        self.0.remove(&rank)
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn first(&self) -> Option<(EvictionRank, &Arc<OwnedFlowKey>)> {
        self.0.first_key_value().map(|(rank, key)| (*rank, key))
    }
}

/// The number of a member's flows, and the end of the one that makes room.
type MemberWeight = (usize, Reverse<EvictionRank>);

/// Holders by name, with the largest one. Of equally large holders it is the one whose flow would
/// end first.
#[derive(Debug, Clone)]
pub(in crate::runtime::userspace_learn) struct HolderBranch<K, H> {
    members: HashMap<K, H>,
    order: BTreeSet<(MemberWeight, K)>,
    len: usize,
}

impl<K, H> Default for HolderBranch<K, H> {
    fn default() -> Self {
        Self { members: HashMap::new(), order: BTreeSet::new(), len: 0 }
    }
}

impl<K: Copy + Ord + Hash, H: Holder> HolderBranch<K, H> {
    /// Returns one of the members.
    pub(in crate::runtime::userspace_learn) fn member(&self, name: &K) -> Option<&H> {
        self.members.get(name)
    }

    /// Changes a member, and moves it to its new place.
    fn change<R>(&mut self, name: K, what: impl FnOnce(&mut H) -> R) -> R {
        let member = self.members.entry(name).or_default();
        let weigh = |member: &H| member.first().map(|(rank, _)| (member.len(), Reverse(rank)));
        if let Some(weight) = weigh(member) {
            self.order.remove(&(weight, name));
        }
        let had = member.len();
        let done = what(member);
        self.len = (self.len + member.len()).saturating_sub(had);
        match weigh(member) {
            Some(weight) => _ = self.order.insert((weight, name)),
            None => _ = self.members.remove(&name),
        }
        done
    }
}

impl<K: Copy + Ord + Hash, H: Holder> Holder for HolderBranch<K, H> {
    type Path = (K, H::Path);

    fn insert(&mut self, (name, rest): &Self::Path, rank: EvictionRank, key: Arc<OwnedFlowKey>) {
        self.change(*name, |member| member.insert(rest, rank, key));
    }

    fn remove(&mut self, (name, rest): &Self::Path, rank: EvictionRank) -> Option<Arc<OwnedFlowKey>> {
        self.change(*name, |member| member.remove(rest, rank))
    }

    fn len(&self) -> usize {
        self.len
    }

    fn first(&self) -> Option<(EvictionRank, &Arc<OwnedFlowKey>)> {
        let (_, name) = self.order.last()?;
        self.members.get(name)?.first()
    }
}
