//! OFPT_ROLE_REQUEST and OFPT_ROLE_REPLY (OpenFlow 1.3.5 §7.3.9).

/// A controller's role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Role {
    /// OFPCR_ROLE_: 0 no change, 1 equal, 2 master, 3 slave.
    pub role: u32,
    /// Generation of the election.
    pub generation_id: u64,
}
