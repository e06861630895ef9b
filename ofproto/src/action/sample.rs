//! `sample`: samples packets for an IPFIX collector (NXAST_SAMPLE 29, NXAST_SAMPLE2 38,
//! NXAST_SAMPLE3 41, NXAST_SAMPLE4 51, ovs-actions(7)).

use super::Subfield;
use crate::ids::PortNo;

/// The parameters of `sample`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sample {
    /// Number of packets sampled out of 65,535; not 0.
    pub probability: u16,
    /// The collector set, a row of the database.
    pub collector_set_id: u32,
    /// The observation domain of the record.
    pub obs_domain_id: ObservationId,
    /// The observation point of the record.
    pub obs_point_id: ObservationId,
    /// The port whose tunnel is recorded; `ANY` for none. Needs NXAST_SAMPLE2.
    pub sampling_port: PortNo,
    /// The direction in which packets are sampled. An explicit direction needs NXAST_SAMPLE3.
    pub direction: SampleDirection,
}

/// An id in the record of a sampled packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ObservationId {
    /// This number.
    Immediate(u32),
    /// The value of these bits of the packet, at most 32. Needs NXAST_SAMPLE4, which Open vSwitch
    /// has since 3.4, and a field whose header has 32 bits.
    Field(Subfield),
}

impl From<u32> for ObservationId {
    fn from(id: u32) -> Self {
        Self::Immediate(id)
    }
}

/// NX_ACTION_SAMPLE_.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SampleDirection {
    /// 0: unspecified.
    #[default]
    Default,
    /// 1.
    Ingress,
    /// 2.
    Egress,
}
