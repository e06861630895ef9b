//! OFPT_FLOW_MOD for a flow between two MAC addresses, and for deleting the flows of one address
//! (OpenFlow 1.3.5 §7.3.4.1).

use super::{Mac, VlanVid, place, put};
use crate::action::Action;
use crate::error::EncodeError;
use crate::ids::{PortNo, Xid};
use crate::instruction::Instruction;
use crate::message::{FlowMod, Message};
use crate::oxm::{Field, Match, Oxm};

/// The address that differs from the zero address in every byte.
const ONES: Mac = [0xff; 6];

/// A FLOW_MOD that matches `in_port`, `eth_src`, `eth_dst` and `vlan_vid`, and outputs to a port.
#[derive(Debug, Clone)]
pub struct FlowStamp {
    bytes: Vec<u8>,
    in_port: usize,
    src: usize,
    dst: usize,
    vlan: usize,
    output: usize,
}

impl FlowStamp {
    /// Encodes the message once. Command, priority, cookie, timeouts and flags come from `flow`;
    /// its match and instructions are ignored.
    ///
    /// # Errors
    /// Returns the errors of [`Message::encode`].
    pub fn new(flow: &FlowMod, xid: Xid) -> Result<Self, EncodeError> {
        let encode = |in_port, src, dst, VlanVid(vlan), output| {
            let output = Action::Output { port: PortNo(output), max_len: 0 };
            let fields = vec![
                exact(Field::InPortOxm, u128::from(in_port)),
                exact(Field::EthDst, bits(dst)),
                exact(Field::EthSrc, bits(src)),
                exact(Field::VlanVid, vlan.into()),
            ];
            let instructions = vec![Instruction::ApplyActions(vec![output])];
            Message::FlowMod(FlowMod { fields: Match { fields }, instructions, ..flow.clone() }).encode(xid)
        };
        let (zero, none) = (Mac::default(), VlanVid::NONE);
        let bytes = encode(0_u32, zero, zero, none, 0)?;
        Ok(Self {
            in_port: place(&bytes, &encode(u32::MAX, zero, zero, none, 0)?),
            src: place(&bytes, &encode(0, ONES, zero, none, 0)?),
            dst: place(&bytes, &encode(0, zero, ONES, none, 0)?),
            vlan: place(&bytes, &encode(0, zero, zero, VlanVid::HIGHEST, 0)?),
            output: place(&bytes, &encode(0, zero, zero, none, u32::MAX)?),
            bytes,
        })
    }

    /// Appends the message for a flow from `(port, address)` to `(port, address)`.
    pub fn write(&self, out: &mut Vec<u8>, from: (PortNo, Mac), to: (PortNo, Mac), vlan: VlanVid) {
        let ((in_port, src), (output, dst)) = (from, to);
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        let Some(bytes) = out.get_mut(start..) else { return };
        put(bytes, self.in_port, in_port.0.to_be_bytes());
        put(bytes, self.src, src);
        put(bytes, self.dst, dst);
        put(bytes, self.vlan, vlan.0.to_be_bytes());
        put(bytes, self.output, output.0.to_be_bytes());
    }
}

/// A FLOW_MOD that matches one MAC address in one VLAN.
#[derive(Debug, Clone)]
pub struct MacStamp {
    bytes: Vec<u8>,
    mac: usize,
    vlan: usize,
}

impl MacStamp {
    /// Encodes the message once. It equals `flow`, but matches only `field` ([`Field::EthSrc`] or
    /// [`Field::EthDst`]) and `vlan_vid`.
    ///
    /// # Errors
    /// Returns the errors of [`Message::encode`].
    pub fn new(flow: &FlowMod, field: Field, xid: Xid) -> Result<Self, EncodeError> {
        let encode = |mac, VlanVid(vlan)| {
            let fields = vec![exact(field, bits(mac)), exact(Field::VlanVid, vlan.into())];
            Message::FlowMod(FlowMod { fields: Match { fields }, ..flow.clone() }).encode(xid)
        };
        let bytes = encode(Mac::default(), VlanVid::NONE)?;
        Ok(Self {
            mac: place(&bytes, &encode(ONES, VlanVid::NONE)?),
            vlan: place(&bytes, &encode(Mac::default(), VlanVid::HIGHEST)?),
            bytes,
        })
    }

    /// Appends the message for an address.
    pub fn write(&self, out: &mut Vec<u8>, mac: Mac, vlan: VlanVid) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        let Some(bytes) = out.get_mut(start..) else { return };
        put(bytes, self.mac, mac);
        put(bytes, self.vlan, vlan.0.to_be_bytes());
    }
}

fn exact(field: Field, value: u128) -> Oxm {
    Oxm::Known { field, value, mask: None }
}

fn bits(mac: Mac) -> u128 {
    mac.iter().fold(0, |bits, byte| bits << 8 | u128::from(*byte))
}
