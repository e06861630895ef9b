//! The messages. Adding one is a file here, a variant of [`Message`], and a line in its dispatch.

/// Conversions between an integer on the wire and an enum whose last variant is `Unknown`.
macro_rules! wire_enum {
    ($name:ident: $int:ty { $($n:literal => $variant:ident),* }) => {
        impl From<$int> for $name {
            fn from(n: $int) -> Self {
                match n { $($n => Self::$variant,)* n => Self::Unknown(n) }
            }
        }

        impl From<$name> for $int {
            fn from(value: $name) -> Self {
                match value { $($name::$variant => $n,)* $name::Unknown(n) => n }
            }
        }
    };
}

mod bundle;
mod config;
mod dispatch;
mod error_msg;
mod error_names;
mod features;
mod flow_mod;
mod flow_removed;
#[cfg(test)]
mod golden;
mod group;
mod hello;
pub mod monitor;
pub mod multipart;
mod packet;
mod port;
mod role;
#[cfg(test)]
mod tests;

use bytes::Bytes;

pub use bundle::{BUNDLE_ATOMIC, BUNDLE_ORDERED, BundleAdd, BundleControl, BundleControlKind};
pub use config::SwitchConfig;
pub use error_msg::ErrorMsg;
pub use features::FeaturesReply;
pub use flow_mod::{
    FLOW_CHECK_OVERLAP, FLOW_NO_BYT_COUNTS, FLOW_NO_PKT_COUNTS, FLOW_RESET_COUNTS, FLOW_SEND_FLOW_REM,
    FlowMod, FlowModCommand,
};
pub use flow_removed::FlowRemoved;
pub use group::GroupMod;
pub use hello::Hello;
pub use packet::{PacketIn, PacketOut};
pub use port::{Port, PortStatus, PortStatusReason};
pub use role::Role;

use multipart::{MultipartReply, MultipartRequest};

/// ONF's experimenter id.
pub const ONF: u32 = 0x4f4e_4600;

/// A message without its header's version, length and transaction id.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message {
    /// OFPT_HELLO 0.
    Hello(Hello),
    /// OFPT_ERROR 1.
    Error(ErrorMsg),
    /// OFPT_ECHO_REQUEST 2, with its payload.
    EchoRequest(Bytes),
    /// OFPT_ECHO_REPLY 3, with the request's payload.
    EchoReply(Bytes),
    /// OFPT_FEATURES_REQUEST 5.
    FeaturesRequest,
    /// OFPT_FEATURES_REPLY 6.
    FeaturesReply(FeaturesReply),
    /// OFPT_GET_CONFIG_REQUEST 7.
    GetConfigRequest,
    /// OFPT_GET_CONFIG_REPLY 8.
    GetConfigReply(SwitchConfig),
    /// OFPT_SET_CONFIG 9.
    SetConfig(SwitchConfig),
    /// OFPT_PACKET_IN 10.
    PacketIn(PacketIn),
    /// OFPT_FLOW_REMOVED 11.
    FlowRemoved(FlowRemoved),
    /// OFPT_PORT_STATUS 12.
    PortStatus(PortStatus),
    /// OFPT_PACKET_OUT 13.
    PacketOut(PacketOut),
    /// OFPT_FLOW_MOD 14.
    FlowMod(FlowMod),
    /// OFPT_GROUP_MOD 15.
    GroupMod(GroupMod),
    /// OFPT_MULTIPART_REQUEST 18.
    MultipartRequest(MultipartRequest),
    /// OFPT_MULTIPART_REPLY 19.
    MultipartReply(MultipartReply),
    /// OFPT_BARRIER_REQUEST 20.
    BarrierRequest,
    /// OFPT_BARRIER_REPLY 21.
    BarrierReply,
    /// OFPT_ROLE_REQUEST 24.
    RoleRequest(Role),
    /// OFPT_ROLE_REPLY 25.
    RoleReply(Role),
    /// ONF bundle control, request or reply (EXT-230, experimenter type 2300).
    BundleControl(BundleControl),
    /// ONF bundle add (EXT-230, experimenter type 2301).
    BundleAdd(BundleAdd),
    /// Pause or resumption of a flow monitor's updates (ONF 1871 and 1872).
    MonitorPaused,
    /// See [`Message::MonitorPaused`].
    MonitorResumed,
    /// Any other message, kept as it came.
    Unknown {
        /// OFPT_ type.
        kind: u8,
        /// All behind the header; an experimenter's begins with its id.
        body: Bytes,
    },
}
