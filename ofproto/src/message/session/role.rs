//! OFPT_ROLE_REQUEST and OFPT_ROLE_REPLY (OpenFlow 1.3.5 §7.3.9), and ONF's role status (EXT-191,
//! experimenter type 1911).

use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::message::tlv::Property;
use crate::message::{decode_list, encode_list};

/// OFPCR_ROLE_NOCHANGE: a query for the current role.
pub const ROLE_NOCHANGE: u32 = 0;
/// OFPCR_ROLE_EQUAL: full access, shared with other controllers.
pub const ROLE_EQUAL: u32 = 1;
/// OFPCR_ROLE_MASTER: full access, for at most one controller.
pub const ROLE_MASTER: u32 = 2;
/// OFPCR_ROLE_SLAVE: read access only.
pub const ROLE_SLAVE: u32 = 3;

/// A controller's role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Role {
    /// `ROLE_`.
    pub role: u32,
    /// Generation of the election.
    pub generation_id: u64,
}

/// The notification that a controller's role changed without a request of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleStatus {
    /// The new role, as `ROLE_`.
    pub role: u32,
    /// The reason.
    pub reason: RoleStatusReason,
    /// The generation of the election; all ones if there was none.
    pub generation_id: u64,
    /// Experimenters' properties.
    pub properties: Vec<Property>,
}

/// OFPCRR_.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleStatusReason {
    /// 0: another controller asked to be master.
    MasterRequest,
    /// 1: the switch's configuration changed.
    Config,
    /// 2: experimenters' data changed.
    Experimenter,
    /// Any other value.
    Unknown(u8),
}

wire_enum!(RoleStatusReason: u8 { 0 => MasterRequest, 1 => Config, 2 => Experimenter });

impl Wire for Role {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let role = r.u32("role.role")?;
        r.skip(4, "role.pad")?;
        Ok(Self { role, generation_id: r.u64("role.generation_id")? })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u32(self.role);
        w.zeros(4);
        w.u64(self.generation_id);
        Ok(())
    }
}

impl Wire for RoleStatus {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let role = r.u32("role_status.role")?;
        let reason = r.u8("role_status.reason")?.into();
        r.skip(3, "role_status.pad")?;
        let generation_id = r.u64("role_status.generation_id")?;
        Ok(Self { role, reason, generation_id, properties: decode_list(r)? })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u32(self.role);
        w.u8(self.reason.into());
        w.zeros(3);
        w.u64(self.generation_id);
        encode_list(&self.properties, w)
    }
}
