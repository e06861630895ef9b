//! OFPT_GET_ASYNC_REPLY and OFPT_SET_ASYNC (OpenFlow 1.3.5 §7.3.10).

use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};

/// The asynchronous messages that a controller receives. Each pair holds the mask for master and
/// equal, then that for slave. Bit n stands for reason n.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AsyncConfig {
    /// Bits 1 << OFPR_.
    pub packet_in_mask: [u32; 2],
    /// Bits 1 << OFPPR_.
    pub port_status_mask: [u32; 2],
    /// Bits 1 << OFPRR_.
    pub flow_removed_mask: [u32; 2],
}

impl Wire for AsyncConfig {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut pair = |field| Ok::<_, DecodeError>([r.u32(field)?, r.u32(field)?]);
        Ok(Self {
            packet_in_mask: pair("async.packet_in_mask")?,
            port_status_mask: pair("async.port_status_mask")?,
            flow_removed_mask: pair("async.flow_removed_mask")?,
        })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        for mask in [self.packet_in_mask, self.port_status_mask, self.flow_removed_mask].into_iter().flatten()
        {
            w.u32(mask);
        }
        Ok(())
    }
}
