//! The types of messages.

use std::fmt;

/// The type of a message: OFPT_ (OpenFlow 1.3.5 §7.1).
///
/// Any number may arrive; [`MessageType::is_known`] returns whether OpenFlow 1.3 has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageType(pub u8);

impl MessageType {
    /// OFPT_HELLO.
    pub const HELLO: Self = Self(0);
    /// OFPT_ERROR.
    pub const ERROR: Self = Self(1);
    /// OFPT_ECHO_REQUEST.
    pub const ECHO_REQUEST: Self = Self(2);
    /// OFPT_ECHO_REPLY.
    pub const ECHO_REPLY: Self = Self(3);
    /// OFPT_EXPERIMENTER.
    pub const EXPERIMENTER: Self = Self(4);
    /// OFPT_FEATURES_REQUEST.
    pub const FEATURES_REQUEST: Self = Self(5);
    /// OFPT_FEATURES_REPLY.
    pub const FEATURES_REPLY: Self = Self(6);
    /// OFPT_GET_CONFIG_REQUEST.
    pub const GET_CONFIG_REQUEST: Self = Self(7);
    /// OFPT_GET_CONFIG_REPLY.
    pub const GET_CONFIG_REPLY: Self = Self(8);
    /// OFPT_SET_CONFIG.
    pub const SET_CONFIG: Self = Self(9);
    /// OFPT_PACKET_IN.
    pub const PACKET_IN: Self = Self(10);
    /// OFPT_FLOW_REMOVED.
    pub const FLOW_REMOVED: Self = Self(11);
    /// OFPT_PORT_STATUS.
    pub const PORT_STATUS: Self = Self(12);
    /// OFPT_PACKET_OUT.
    pub const PACKET_OUT: Self = Self(13);
    /// OFPT_FLOW_MOD.
    pub const FLOW_MOD: Self = Self(14);
    /// OFPT_GROUP_MOD.
    pub const GROUP_MOD: Self = Self(15);
    /// OFPT_PORT_MOD.
    pub const PORT_MOD: Self = Self(16);
    /// OFPT_TABLE_MOD.
    pub const TABLE_MOD: Self = Self(17);
    /// OFPT_MULTIPART_REQUEST.
    pub const MULTIPART_REQUEST: Self = Self(18);
    /// OFPT_MULTIPART_REPLY.
    pub const MULTIPART_REPLY: Self = Self(19);
    /// OFPT_BARRIER_REQUEST.
    pub const BARRIER_REQUEST: Self = Self(20);
    /// OFPT_BARRIER_REPLY.
    pub const BARRIER_REPLY: Self = Self(21);
    /// OFPT_QUEUE_GET_CONFIG_REQUEST.
    pub const QUEUE_GET_CONFIG_REQUEST: Self = Self(22);
    /// OFPT_QUEUE_GET_CONFIG_REPLY.
    pub const QUEUE_GET_CONFIG_REPLY: Self = Self(23);
    /// OFPT_ROLE_REQUEST.
    pub const ROLE_REQUEST: Self = Self(24);
    /// OFPT_ROLE_REPLY.
    pub const ROLE_REPLY: Self = Self(25);
    /// OFPT_GET_ASYNC_REQUEST.
    pub const GET_ASYNC_REQUEST: Self = Self(26);
    /// OFPT_GET_ASYNC_REPLY.
    pub const GET_ASYNC_REPLY: Self = Self(27);
    /// OFPT_SET_ASYNC.
    pub const SET_ASYNC: Self = Self(28);
    /// OFPT_METER_MOD.
    pub const METER_MOD: Self = Self(29);

    /// Returns whether OpenFlow 1.3 has this type.
    pub const fn is_known(self) -> bool {
        self.0 <= Self::METER_MOD.0
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
