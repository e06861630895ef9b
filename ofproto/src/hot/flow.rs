//! OFPT_FLOW_MOD for a flow between two MAC addresses, and for the deletion of those of one (OpenFlow 1.3.5 §7.3.4.1).

use super::{Mac, place, put};
use crate::action::Action;
use crate::error::EncodeError;
use crate::ids::{PortNo, Xid};
use crate::instruction::Instruction;
use crate::message::{FlowMod, Message};
use crate::oxm::{Field, Match, Oxm};

/// All bytes of it differ from those of the zero address.
const ONES: Mac = [0xff; 6];

/// A FLOW_MOD whose flow matches `in_port`, `eth_src` and `eth_dst`, and outputs to a port.
#[derive(Debug, Clone)]
pub struct FlowStamp {
    bytes: Vec<u8>,
    in_port: usize,
    src: usize,
    dst: usize,
    output: usize,
}

impl FlowStamp {
    /// Encodes it once. Command, priority, cookie, timeouts and flags are those of `flow`; its match and instructions do not
    /// count.
    ///
    /// # Errors
    /// As [`Message::encode`].
    pub fn new(flow: &FlowMod, xid: Xid) -> Result<Self, EncodeError> {
        let encode = |in_port, src, dst, output| {
            let output = Action::Output { port: PortNo(output), max_len: 0 };
            let fields = vec![
                exact(Field::InPortOxm, u128::from(in_port)),
                exact(Field::EthDst, bits(dst)),
                exact(Field::EthSrc, bits(src)),
            ];
            let instructions = vec![Instruction::ApplyActions(vec![output])];
            Message::FlowMod(FlowMod { fields: Match { fields }, instructions, ..flow.clone() }).encode(xid)
        };
        let zero = Mac::default();
        let bytes = encode(0_u32, zero, zero, 0)?;
        Ok(Self {
            in_port: place(&bytes, &encode(u32::MAX, zero, zero, 0)?),
            src: place(&bytes, &encode(0, ONES, zero, 0)?),
            dst: place(&bytes, &encode(0, zero, ONES, 0)?),
            output: place(&bytes, &encode(0, zero, zero, u32::MAX)?),
            bytes,
        })
    }

    /// Appends the message for a flow.
    pub fn write(&self, out: &mut Vec<u8>, in_port: PortNo, src: Mac, dst: Mac, output: PortNo) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        let Some(bytes) = out.get_mut(start..) else { return };
        put(bytes, self.in_port, in_port.0.to_be_bytes());
        put(bytes, self.src, src);
        put(bytes, self.dst, dst);
        put(bytes, self.output, output.0.to_be_bytes());
    }
}

/// A FLOW_MOD whose match is one MAC address.
#[derive(Debug, Clone)]
pub struct MacStamp {
    bytes: Vec<u8>,
    mac: usize,
}

impl MacStamp {
    /// Encodes it once: all is as in `flow`, but that it matches `field` ([`Field::EthSrc`] or [`Field::EthDst`]) alone.
    ///
    /// # Errors
    /// As [`Message::encode`].
    pub fn new(flow: &FlowMod, field: Field, xid: Xid) -> Result<Self, EncodeError> {
        let encode = |mac| {
            let fields = vec![exact(field, bits(mac))];
            Message::FlowMod(FlowMod { fields: Match { fields }, ..flow.clone() }).encode(xid)
        };
        let bytes = encode(Mac::default())?;
        Ok(Self { mac: place(&bytes, &encode(ONES)?), bytes })
    }

    /// Appends the message for an address.
    pub fn write(&self, out: &mut Vec<u8>, mac: Mac) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        if let Some(bytes) = out.get_mut(start..) {
            put(bytes, self.mac, mac);
        }
    }
}

fn exact(field: Field, value: u128) -> Oxm {
    Oxm::Known { field, value, mask: None }
}

fn bits(mac: Mac) -> u128 {
    mac.iter().fold(0, |bits, byte| bits << 8 | u128::from(*byte))
}
