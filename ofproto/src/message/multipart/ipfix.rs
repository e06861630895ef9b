//! NXST_IPFIX_BRIDGE 3 and NXST_IPFIX_FLOW 4: counters of IPFIX sampling (ovs-vswitchd.conf.db(5)).

use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};

/// An exporter's counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpfixStats {
    /// Total number of flows.
    pub total_flows: u64,
    /// Current number of flows.
    pub current_flows: u64,
    /// Packets sampled.
    pub packets: u64,
    /// IPv4 packets sampled.
    pub ipv4_packets: u64,
    /// IPv6 packets sampled.
    pub ipv6_packets: u64,
    /// Packets that could not be sampled.
    pub error_packets: u64,
    /// IPv4 packets that could not be sampled.
    pub ipv4_error_packets: u64,
    /// IPv6 packets that could not be sampled.
    pub ipv6_error_packets: u64,
    /// IPFIX messages sent to collectors.
    pub tx_packets: u64,
    /// IPFIX messages that could not be sent.
    pub tx_errors: u64,
    /// The collector set; 0 for the bridge's.
    pub collector_set_id: u32,
}

impl Wire for IpfixStats {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let stats = Self {
            total_flows: r.u64("ipfix.total_flows")?,
            current_flows: r.u64("ipfix.current_flows")?,
            packets: r.u64("ipfix.packets")?,
            ipv4_packets: r.u64("ipfix.ipv4_packets")?,
            ipv6_packets: r.u64("ipfix.ipv6_packets")?,
            error_packets: r.u64("ipfix.error_packets")?,
            ipv4_error_packets: r.u64("ipfix.ipv4_error_packets")?,
            ipv6_error_packets: r.u64("ipfix.ipv6_error_packets")?,
            tx_packets: r.u64("ipfix.tx_packets")?,
            tx_errors: r.u64("ipfix.tx_errors")?,
            collector_set_id: r.u32("ipfix.collector_set_id")?,
        };
        r.skip(4, "ipfix.pad")?;
        Ok(stats)
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.u64(self.total_flows);
        w.u64(self.current_flows);
        w.u64(self.packets);
        w.u64(self.ipv4_packets);
        w.u64(self.ipv6_packets);
        w.u64(self.error_packets);
        w.u64(self.ipv4_error_packets);
        w.u64(self.ipv6_error_packets);
        w.u64(self.tx_packets);
        w.u64(self.tx_errors);
        w.u32(self.collector_set_id);
        w.zeros(4);
        Ok(())
    }
}
