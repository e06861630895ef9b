//! `sample`: some packets to an IPFIX collector (NXAST_SAMPLE 29, NXAST_SAMPLE2 38, NXAST_SAMPLE3 41, NXAST_SAMPLE4 51,
//! ovs-actions(7)).

use super::Subfield;
use crate::ids::PortNo;

/// The parameters of `sample`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sample {
    /// How many of 65,535 packets; not 0.
    pub probability: u16,
    /// Which collectors: a row of the database.
    pub collector_set_id: u32,
    /// The observation domain of the record.
    pub obs_domain_id: ObservationId,
    /// The observation point of the record.
    pub obs_point_id: ObservationId,
    /// The port whose tunnel goes into the record; `ANY` for none. Needs NXAST_SAMPLE2.
    pub sampling_port: PortNo,
    /// Whether it is sampled as it comes in or as it goes out; said, it needs NXAST_SAMPLE3.
    pub direction: SampleDirection,
}

/// An id that goes into the record of a sampled packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ObservationId {
    /// This number.
    Immediate(u32),
    /// What these bits of the packet hold, 32 of them at most. Needs NXAST_SAMPLE4, which Open vSwitch has since 3.4, and a
    /// field whose header has 32 bits.
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
    /// 0: not said.
    #[default]
    Default,
    /// 1.
    Ingress,
    /// 2.
    Egress,
}
