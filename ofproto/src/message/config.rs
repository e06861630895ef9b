//! OFPT_GET_CONFIG_REPLY and OFPT_SET_CONFIG (OpenFlow 1.3.5 §7.3.2).

/// How the switch treats fragments and misses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwitchConfig {
    /// OFPC_FRAG_ bits.
    pub flags: u16,
    /// Bytes of a packet sent to the controller on a miss.
    pub miss_send_len: u16,
}
