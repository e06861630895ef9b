//! OFPT_ROLE_REQUEST and OFPT_ROLE_REPLY (OpenFlow 1.3.5 §7.3.9).

use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};

/// A controller's role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Role {
    /// OFPCR_ROLE_: 0 no change, 1 equal, 2 master, 3 slave.
    pub role: u32,
    /// Generation of the election.
    pub generation_id: u64,
}

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
