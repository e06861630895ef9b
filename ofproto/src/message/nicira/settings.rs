//! Settings of a controller for its own connection: role (NXT_ROLE_REQUEST 10, NXT_ROLE_REPLY 11),
//! tables in flow_mods (NXT_FLOW_MOD_TABLE_ID 15), the format of packets (NXT_SET_PACKET_IN_FORMAT
//! 16), and its id (NXT_SET_CONTROLLER_ID 20).

use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};

/// A controller's role, in Nicira's numbering, which is one less than OpenFlow's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NxRole {
    /// 0: OpenFlow's equal.
    Other,
    /// 1.
    Master,
    /// 2.
    Slave,
    /// Any other value.
    Unknown(u32),
}

/// The setting that makes flow_mods of OpenFlow 1.0 name a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowModTableId {
    /// 0 if they do not.
    pub set: u8,
}

/// NXPIF_: the format of packets for the controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PacketInFormat {
    /// 0: OFPT_PACKET_IN.
    Standard,
    /// 1: NXT_PACKET_IN.
    Nxt,
    /// 2: NXT_PACKET_IN2, the only one with `userdata` and continuations.
    Nxt2,
    /// Any other value.
    Unknown(u32),
}

/// The id that `controller(id=...)` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControllerId(pub u16);

wire_enum!(NxRole: u32 { 0 => Other, 1 => Master, 2 => Slave });
wire_enum!(PacketInFormat: u32 { 0 => Standard, 1 => Nxt, 2 => Nxt2 });

impl Wire for NxRole {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(r.u32("nx_role.role")?.into())
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u32((*self).into());
        Ok(())
    }
}

impl Wire for FlowModTableId {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let set = r.u8("flow_mod_table_id.set")?;
        r.skip(7, "flow_mod_table_id.pad")?;
        Ok(Self { set })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u8(self.set);
        w.zeros(7);
        Ok(())
    }
}

impl Wire for PacketInFormat {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(r.u32("packet_in_format.format")?.into())
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u32((*self).into());
        Ok(())
    }
}

impl Wire for ControllerId {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.skip(6, "controller_id.zero")?;
        Ok(Self(r.u16("controller_id.controller_id")?))
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.zeros(6);
        w.u16(self.0);
        Ok(())
    }
}
