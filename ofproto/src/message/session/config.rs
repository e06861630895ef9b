//! OFPT_GET_CONFIG_REPLY and OFPT_SET_CONFIG (OpenFlow 1.3.5 §7.3.2).

use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};

/// The switch's treatment of fragments and table misses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwitchConfig {
    /// OFPC_FRAG_ bits.
    pub flags: u16,
    /// Number of bytes of a packet that are sent to the controller on a table miss.
    pub miss_send_len: u16,
}

impl Wire for SwitchConfig {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            flags: r.u16("switch_config.flags")?,
            miss_send_len: r.u16("switch_config.miss_send_len")?,
        })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u16(self.flags);
        w.u16(self.miss_send_len);
        Ok(())
    }
}
