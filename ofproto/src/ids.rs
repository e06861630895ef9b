//! Newtypes for the numbers of the protocol, so that the compiler keeps them apart.

use std::fmt;

/// Nicira's experimenter id, which Open vSwitch uses (OpenFlow 1.3.5 §7.5.4).
pub const NICIRA: u32 = 0x0000_2320;
/// The experimenter id of the Open Networking Foundation.
pub const ONF: u32 = 0x4f4e_4600;

/// A port number (OpenFlow 1.3.5 §7.2.1): 32 bits on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct PortNo(pub u32);

impl PortNo {
    /// The highest number of a physical or logical port.
    pub const MAX: Self = Self(0xffff_ff00);
    /// The ingress port, to send a packet back.
    pub const IN_PORT: Self = Self(0xffff_fff8);
    /// The first table, to submit a packet to (packet-out only).
    pub const TABLE: Self = Self(0xffff_fff9);
    /// The switch's own traditional forwarding.
    pub const NORMAL: Self = Self(0xffff_fffa);
    /// All ports but the ingress port and those that refuse floods.
    pub const FLOOD: Self = Self(0xffff_fffb);
    /// All ports but the ingress port.
    pub const ALL: Self = Self(0xffff_fffc);
    /// The controller.
    pub const CONTROLLER: Self = Self(0xffff_fffd);
    /// The bridge's own port.
    pub const LOCAL: Self = Self(0xffff_fffe);
    /// The wildcard, in requests and deletions.
    pub const ANY: Self = Self(0xffff_ffff);

    /// Open vSwitch's "no output yet" of an action set. A match may name it, but it is not an
    /// output port.
    pub const UNSET: Self = Self(0xffff_fff7);

    /// Returns the 16-bit form that Nicira fields and `learn` use, if there is one. OpenFlow 1.0's
    /// reserved numbers 0xff00–0xffff stand for 0xffffff00–0xffffffff.
    pub fn to_u16(self) -> Option<u16> {
        match self.0 {
            n @ 0..0xff00 => u16::try_from(n).ok(),
            n @ 0xffff_ff00.. => u16::try_from(n & 0xffff).ok(),
            _ => None,
        }
    }

    /// Returns whether a packet can be sent there: to a port of the switch, or to a reserved port
    /// that forwards.
    pub fn is_output(self) -> bool {
        self.0 < 0xff00 || (Self::IN_PORT..=Self::LOCAL).contains(&self)
    }

    /// Returns whether `bundle` can choose the port. `ANY` stands for a member that is down; the
    /// controller is excluded.
    pub fn is_member(self) -> bool {
        (self.is_output() || self == Self::ANY) && self != Self::CONTROLLER
    }

    /// Returns the port of a 16-bit number.
    pub fn from_u16(n: u16) -> Self {
        if n >= 0xff00 { Self(0xffff_0000 | u32::from(n)) } else { Self(u32::from(n)) }
    }
}

/// A transaction id (OpenFlow 1.3.5 §7.1), chosen by the requester and copied to the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Xid(pub u32);

/// A datapath id (OpenFlow 1.3.5 §7.3.1): 16 bits defined by the implementer, then a MAC address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct DatapathId(pub u64);

impl fmt::Display for DatapathId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A flow table's number (OpenFlow 1.3.5 §7.2.3.1): 0 to 254.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct TableId(pub u8);

impl TableId {
    /// Every table, in requests and deletions.
    pub const ALL: Self = Self(0xff);
}

/// A flow's cookie (OpenFlow 1.3.5 §7.3.4.1): opaque to the switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Cookie(pub u64);

impl fmt::Display for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// A group's number (OpenFlow 1.3.5 §7.3.4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct GroupId(pub u32);

impl GroupId {
    /// Every group, in deletions.
    pub const ALL: Self = Self(0xffff_fffc);
    /// The wildcard, in flow requests.
    pub const ANY: Self = Self(0xffff_ffff);
}

/// A packet buffered in the switch (OpenFlow 1.3.5 §7.2.4 and §7.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BufferId(pub u32);

impl BufferId {
    /// The value for an unbuffered packet: the whole packet is in the message.
    pub const NO_BUFFER: Self = Self(0xffff_ffff);
}

/// A meter's number (OpenFlow 1.3.5 §7.3.4.4): 1 to [`MeterId::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct MeterId(pub u32);

impl MeterId {
    /// The highest number of a meter that flows can use.
    pub const MAX: Self = Self(0xffff_0000);
    /// The virtual meter of the slow datapath.
    pub const SLOWPATH: Self = Self(0xffff_fffd);
    /// The virtual meter of the connection to the controller.
    pub const CONTROLLER: Self = Self(0xffff_fffe);
    /// Every meter, in requests and deletions.
    pub const ALL: Self = Self(0xffff_ffff);
}

/// A queue's number, unique on its port (OpenFlow 1.3.5 §7.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct QueueId(pub u32);

impl QueueId {
    /// Every queue, in requests.
    pub const ALL: Self = Self(0xffff_ffff);
}

/// The reason why a packet is sent to the controller: OFPR_ (OpenFlow 1.3.5 §7.4.1). Any number may
/// arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PacketInReason(pub u8);

impl PacketInReason {
    /// OFPR_NO_MATCH: a table miss.
    pub const NO_MATCH: Self = Self(0);
    /// OFPR_ACTION: an output action sent it.
    pub const ACTION: Self = Self(1);
    /// OFPR_INVALID_TTL: the TTL has expired.
    pub const INVALID_TTL: Self = Self(2);
}

impl std::fmt::Display for PacketInReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
