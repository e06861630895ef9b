//! OFPMP_PORT_STATS (OpenFlow 1.3.5 §7.3.5.6).

use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ids::PortNo;

/// A port's counters. A counter that the switch does not keep is all ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortStats {
    /// The port.
    pub port_no: PortNo,
    /// Packets received.
    pub rx_packets: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets dropped on receipt.
    pub rx_dropped: u64,
    /// Packets dropped on sending.
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
    /// Age, in whole seconds.
    pub duration_sec: u32,
    /// Age: the nanoseconds beyond the whole seconds.
    pub duration_nsec: u32,
}

impl Wire for PortStats {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let port_no = PortNo(r.u32("port_stats.port_no")?);
        r.skip(4, "port_stats.pad")?;
        Ok(Self {
            port_no,
            rx_packets: r.u64("port_stats.rx_packets")?,
            tx_packets: r.u64("port_stats.tx_packets")?,
            rx_bytes: r.u64("port_stats.rx_bytes")?,
            tx_bytes: r.u64("port_stats.tx_bytes")?,
            rx_dropped: r.u64("port_stats.rx_dropped")?,
            tx_dropped: r.u64("port_stats.tx_dropped")?,
            rx_errors: r.u64("port_stats.rx_errors")?,
            tx_errors: r.u64("port_stats.tx_errors")?,
            rx_frame_err: r.u64("port_stats.rx_frame_err")?,
            rx_over_err: r.u64("port_stats.rx_over_err")?,
            rx_crc_err: r.u64("port_stats.rx_crc_err")?,
            collisions: r.u64("port_stats.collisions")?,
            duration_sec: r.u32("port_stats.duration_sec")?,
            duration_nsec: r.u32("port_stats.duration_nsec")?,
        })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u32(self.port_no.0);
        w.zeros(4);
        w.u64(self.rx_packets);
        w.u64(self.tx_packets);
        w.u64(self.rx_bytes);
        w.u64(self.tx_bytes);
        w.u64(self.rx_dropped);
        w.u64(self.tx_dropped);
        w.u64(self.rx_errors);
        w.u64(self.tx_errors);
        w.u64(self.rx_frame_err);
        w.u64(self.rx_over_err);
        w.u64(self.rx_crc_err);
        w.u64(self.collisions);
        w.u32(self.duration_sec);
        w.u32(self.duration_nsec);
        Ok(())
    }
}
