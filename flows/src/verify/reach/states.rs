//! The flows of a question: with windows open or closed, with or without what switches learn.

use flow_model::Flow;
use ofproto::TableId;
use ofproto::action::{Action, CT_COMMIT};
use ofproto::instruction::Instruction;

use crate::network::NetworkFile;
use crate::verify::bridge_flows::{BridgeFlows, is_of_window, is_temporary, without_flows};

/// A table that no flow looks into.
const NOWHERE: TableId = TableId(253);

/// Returns the bridges without the flows that may be absent.
pub(super) fn without_temporary<'a>(file: &NetworkFile, bridges: &[BridgeFlows<'a>]) -> Vec<BridgeFlows<'a>> {
    bridges.iter().map(|bridge| without_flows(bridge, |flow| is_temporary(file, bridge, flow))).collect()
}

/// Returns the bridges with all windows closed. Crossings are in force until they expire.
pub(super) fn with_windows_closed<'a>(
    file: &NetworkFile,
    bridges: &[BridgeFlows<'a>],
) -> Vec<BridgeFlows<'a>> {
    bridges.iter().map(|bridge| without_flows(bridge, |flow| is_of_window(file, bridge, flow))).collect()
}

/// Returns the bridges with flows that learn nothing. What passes them opens a connection.
pub(super) fn without_learning<'a>(bridges: &[BridgeFlows<'a>]) -> Vec<BridgeFlows<'a>> {
    let forgetful = |bridge: &BridgeFlows<'a>| {
        let mut bridge = bridge.clone();
        bridge.flows.iter_mut().for_each(forget);
        bridge
    };
    bridges.iter().map(forgetful).collect()
}

fn forget(flow: &mut Flow) {
    for instruction in &mut flow.instructions {
        if let Instruction::ApplyActions(actions) | Instruction::WriteActions(actions) = instruction {
            forget_actions(actions);
        }
    }
}

fn forget_actions(actions: &mut Vec<Action>) {
    // The result of a `learn` decides what becomes of its packet, so such a `learn` stays.
    actions.retain(|action| !matches!(action, Action::Learn(learn) if learn.result_dst.is_none()));
    for action in actions {
        match action {
            Action::Learn(learn) => learn.table = NOWHERE,
            Action::Ct(ct) => ct.flags &= !CT_COMMIT,
            Action::Clone(inner) => forget_actions(inner),
            _ => {}
        }
    }
}
