//! OFPMP_PORT_STATS (OpenFlow 1.3.5 §7.3.5.6).

use crate::ids::PortNo;

/// A port's counters; all ones where the switch does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortStats {
    /// Which.
    pub port_no: PortNo,
    /// Packets received.
    pub rx_packets: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Dropped on receipt.
    pub rx_dropped: u64,
    /// Dropped on sending.
    pub tx_dropped: u64,
    /// Errors on receipt.
    pub rx_errors: u64,
    /// Errors on sending.
    pub tx_errors: u64,
    /// Frame alignment errors.
    pub rx_frame_err: u64,
    /// Overruns.
    pub rx_over_err: u64,
    /// CRC errors.
    pub rx_crc_err: u64,
    /// Collisions.
    pub collisions: u64,
    /// Age, whole seconds.
    pub duration_sec: u32,
    /// Age, nanoseconds beyond.
    pub duration_nsec: u32,
}
