//! Prints flow changes for a person.

use flows::{Flow, FlowMatch};
use ofctl::syntax::{PortNames, print_flow};
use ofproto::message::{FlowMod, FlowModCommand};

/// Returns a change in the syntax of ovs-ofctl(8), after its verb.
pub(super) fn flow_mod_text(change: &FlowMod, names: &PortNames) -> String {
    let verb = match change.command {
        FlowModCommand::Add => "add",
        FlowModCommand::Modify | FlowModCommand::ModifyStrict => "modify",
        FlowModCommand::Delete | FlowModCommand::DeleteStrict => "delete",
        FlowModCommand::Unknown(_) => "change",
    };
    let flow = Flow {
        instructions: change.instructions.clone(),
        cookie: change.cookie,
        ..Flow::new(change.table_id, change.priority, FlowMatch::from_wire(&change.fields))
    };
    format!("{verb} {}", print_flow(&flow, names))
}
