//! A learning switch. Frames that no bridge forwards are dropped. Frames that no flow knows go to
//! the controller, which installs a flow for each pair of addresses in a VLAN.

use flow_model::{Flow, FlowMatch};
use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::oxm::Field;
use ofproto::{Cookie, PortNo, TableId};

use crate::compile::output::program::{FlowSpec, ProgramBuilder};
use crate::compile::vocabulary::identity::FlowIdentity;
use crate::compile::vocabulary::origin::Reason;
use crate::compile::vocabulary::stable_hash::stable_hash;

/// The only table.
pub const TABLE: TableId = TableId(0);
/// The priority of the flows between two addresses.
pub const PRIORITY: u16 = 100;

/// Priority above those flows.
const GUARD: u16 = 1_000;

/// Returns the cookie of the flows between two addresses.
pub fn learned_cookie() -> Cookie {
    Cookie(stable_hash(&["learning", "learned"]))
}

/// The addresses and ports of a learned flow: the sender's and the receiver's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MacPair {
    /// The VLAN of both, encoded as in OXM_OF_VLAN_VID: 0 without a tag.
    pub vlan: u16,
    /// The sender, and its port.
    pub from: ([u8; 6], PortNo),
    /// The receiver, and its port.
    pub to: ([u8; 6], PortNo),
}

/// Returns the pair of a learned flow, or `None` for any other flow.
pub fn learned(flow: &Flow) -> Option<MacPair> {
    let [Instruction::ApplyActions(actions)] = flow.instructions.as_slice() else { return None };
    let [Action::Output { port, .. }] = actions.as_slice() else { return None };
    let ours = flow.table == TABLE && flow.priority == PRIORITY && flow.cookie == learned_cookie();
    let from = flow.matches.in_port()?;
    let mac = |field| {
        let [.., a, b, c, d, e, f] = flow.matches.exact(field)?.to_be_bytes();
        Some([a, b, c, d, e, f])
    };
    let vlan = u16::try_from(flow.matches.exact(Field::VlanVid)?).ok()?;
    let pair = MacPair { vlan, from: (mac(Field::EthSrc)?, from), to: (mac(Field::EthDst)?, *port) };
    (ours && flow.matches.iter().count() == 4).then_some(pair)
}

pub(in crate::compile) fn compile(out: &mut ProgramBuilder<'_>) {
    let masked = |field, value, mask| FlowMatch::any().with_masked(field, value, mask);
    // IEEE 802.1Q §8.6.3: these addresses are for the bridge itself.
    let reserved = masked(Field::EthDst, 0x0180_c200_0000, 0xffff_ffff_fff0);
    let (identity, reason) = (FlowIdentity::BridgeAddresses, Reason::Multicast);
    out.drop(TABLE, GUARD, reserved, identity, reason, "to a bridge's own addresses");
    let group = masked(Field::EthSrc, 1 << 40, 1 << 40);
    let (identity, reason) = (FlowIdentity::GroupSource, Reason::Spoofed);
    out.drop(TABLE, GUARD, group, identity, reason, "from a group's address");
    let ask = Action::Output { port: PortNo::CONTROLLER, max_len: u16::MAX };
    let asked = FlowSpec::new(FlowIdentity::UnknownAddresses, "what no flow knows, to the controller");
    out.flow(TABLE, 0, FlowMatch::any(), vec![Instruction::ApplyActions(vec![ask])], asked);
}
