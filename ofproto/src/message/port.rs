//! Ports and OFPT_PORT_STATUS (OpenFlow 1.3.5 §7.2.1 and §7.4.3).

use bytes::Bytes;

use crate::ids::PortNo;

/// A port of the switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its number.
    pub port_no: PortNo,
    /// Its MAC address.
    pub hw_addr: [u8; 6],
    /// Its name, up to the first NUL of 16 bytes.
    pub name: Bytes,
    /// OFPPC_ bits.
    pub config: u32,
    /// OFPPS_ bits.
    pub state: u32,
    /// OFPPF_ bits now.
    pub curr: u32,
    /// OFPPF_ bits advertised.
    pub advertised: u32,
    /// OFPPF_ bits supported.
    pub supported: u32,
    /// OFPPF_ bits of the peer.
    pub peer: u32,
    /// kbps now.
    pub curr_speed: u32,
    /// kbps at most.
    pub max_speed: u32,
}

/// A port appeared, went or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortStatus {
    /// What happened.
    pub reason: PortStatusReason,
    /// The port.
    pub port: Port,
}

/// OFPPR_.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortStatusReason {
    /// 0.
    Add,
    /// 1.
    Delete,
    /// 2.
    Modify,
    /// Any other.
    Unknown(u8),
}
