//! The key by which a switch distinguishes flows.

use flow_model::{Flow, FlowMatch};
use ofproto::TableId;

/// Identifies a flow by table, priority and match (OpenFlow 1.3.5 §6.4), as an owned
/// [`FlowKey`](crate::FlowKey).
pub(in crate::runtime::userspace_learn) type OwnedFlowKey = (TableId, u16, FlowMatch);

/// Returns the key of a flow.
pub(in crate::runtime::userspace_learn) fn owned_key(flow: &Flow) -> OwnedFlowKey {
    (flow.table, flow.priority, flow.matches.clone())
}
