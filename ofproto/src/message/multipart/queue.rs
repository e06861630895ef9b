//! OFPMP_QUEUE (OpenFlow 1.3.5 §7.3.5.8).

use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ids::{PortNo, QueueId};

/// The queues whose counters are requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueStatsRequest {
    /// The port, or `ANY`.
    pub port_no: PortNo,
    /// The queue, or `ALL`.
    pub queue_id: QueueId,
}

/// A queue's counters. A counter that the switch does not keep is all ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueStats {
    /// The port of the queue.
    pub port_no: PortNo,
    /// The queue.
    pub queue_id: QueueId,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Packets dropped because of an overrun.
    pub tx_errors: u64,
    /// The age of the queue, in whole seconds.
    pub duration_sec: u32,
    /// The age of the queue: the nanoseconds beyond the whole seconds.
    pub duration_nsec: u32,
}

impl Wire for QueueStatsRequest {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            port_no: PortNo(r.u32("queue_stats_request.port_no")?),
            queue_id: QueueId(r.u32("queue_stats_request.queue_id")?),
        })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u32(self.port_no.0);
        w.u32(self.queue_id.0);
        Ok(())
    }
}

impl Wire for QueueStats {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            port_no: PortNo(r.u32("queue_stats.port_no")?),
            queue_id: QueueId(r.u32("queue_stats.queue_id")?),
            tx_bytes: r.u64("queue_stats.tx_bytes")?,
            tx_packets: r.u64("queue_stats.tx_packets")?,
            tx_errors: r.u64("queue_stats.tx_errors")?,
            duration_sec: r.u32("queue_stats.duration_sec")?,
            duration_nsec: r.u32("queue_stats.duration_nsec")?,
        })
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u32(self.port_no.0);
        w.u32(self.queue_id.0);
        w.u64(self.tx_bytes);
        w.u64(self.tx_packets);
        w.u64(self.tx_errors);
        w.u32(self.duration_sec);
        w.u32(self.duration_nsec);
        Ok(())
    }
}
