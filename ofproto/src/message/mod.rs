//! The messages. To add one, add a file here, a variant of [`Message`], and a line in its dispatch.

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

pub mod coverage;
mod dispatch;
mod error_msg;
mod experimenter;
pub mod multipart;
mod nicira;
pub(crate) mod ports;
pub(crate) mod session;
pub(crate) mod tables;
#[cfg(test)]
mod tests;
mod tlv;

use bytes::Bytes;

pub use self::error_msg::ErrorMsg;
pub use self::experimenter::Experimenter;
use self::multipart::{MultipartReply, MultipartRequest};
pub use self::nicira::{
    AsyncConfig2, AsyncMessage, AsyncProperty, ContinuationProperty, ControllerId, CtFlush, CtFlushProperty,
    CtFlushZone, CtTupleProperty, FlowModTableId, NxFlowMod, NxFlowRemoved, NxPacketIn, NxRole, PacketIn2,
    PacketInFormat, PacketInProperty, TlvMap, TlvTableMod, TlvTableModCommand, TlvTableReply,
};
pub use self::ports::packet::{PacketIn, PacketOut};
pub use self::ports::port::{Port, PortStatus, PortStatusReason};
pub use self::ports::port_mod::PortMod;
pub use self::ports::queue::{PacketQueue, QueueGetConfigReply, QueueGetConfigRequest, QueueProperty};
pub use self::session::async_config::AsyncConfig;
pub use self::session::config::SwitchConfig;
pub use self::session::features::FeaturesReply;
pub use self::session::hello::Hello;
pub use self::session::role::{
    ROLE_EQUAL, ROLE_MASTER, ROLE_NOCHANGE, ROLE_SLAVE, Role, RoleStatus, RoleStatusReason,
};
pub use self::tables::bundle::{BUNDLE_ATOMIC, BUNDLE_ORDERED, BundleAdd, BundleControl, BundleControlKind};
pub use self::tables::flow_mod::{
    FLOW_CHECK_OVERLAP, FLOW_NO_BYT_COUNTS, FLOW_NO_PKT_COUNTS, FLOW_RESET_COUNTS, FLOW_SEND_FLOW_REM,
    FlowMod, FlowModCommand,
};
pub use self::tables::flow_removed::FlowRemoved;
pub use self::tables::group::{Bucket, GroupMod, GroupModCommand, GroupType};
pub use self::tables::meter::{
    METER_BURST, METER_KBPS, METER_PKTPS, METER_STATS, MeterBand, MeterBandType, MeterMod, MeterModCommand,
};
pub use self::tables::monitor;
use self::tables::monitor::MonitorCancel;
pub use self::tables::request_forward::RequestForward;
pub use self::tables::table_mod::TableMod;
pub use self::tlv::Property;
use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
pub use crate::ids::{NICIRA, ONF};
use crate::message_type::MessageType;
use crate::ovs_errors::OvsError;

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
    /// OFPT_PORT_MOD 16.
    PortMod(PortMod),
    /// OFPT_TABLE_MOD 17.
    TableMod(TableMod),
    /// OFPT_MULTIPART_REQUEST 18.
    MultipartRequest(MultipartRequest),
    /// OFPT_MULTIPART_REPLY 19.
    MultipartReply(MultipartReply),
    /// OFPT_BARRIER_REQUEST 20.
    BarrierRequest,
    /// OFPT_BARRIER_REPLY 21.
    BarrierReply,
    /// OFPT_QUEUE_GET_CONFIG_REQUEST 22.
    QueueGetConfigRequest(QueueGetConfigRequest),
    /// OFPT_QUEUE_GET_CONFIG_REPLY 23.
    QueueGetConfigReply(QueueGetConfigReply),
    /// OFPT_ROLE_REQUEST 24.
    RoleRequest(Role),
    /// OFPT_ROLE_REPLY 25.
    RoleReply(Role),
    /// OFPT_GET_ASYNC_REQUEST 26.
    GetAsyncRequest,
    /// OFPT_GET_ASYNC_REPLY 27.
    GetAsyncReply(AsyncConfig),
    /// OFPT_SET_ASYNC 28.
    SetAsync(AsyncConfig),
    /// OFPT_METER_MOD 29.
    MeterMod(MeterMod),
    /// ONF bundle control, request or reply (EXT-230, experimenter type 2300).
    BundleControl(BundleControl),
    /// ONF bundle add (EXT-230, experimenter type 2301).
    BundleAdd(BundleAdd),
    /// Ends a flow monitor (ONF 1870).
    MonitorCancel(MonitorCancel),
    /// Pause or resumption of a flow monitor's updates (ONF 1871 and 1872).
    MonitorPaused,
    /// See [`Message::MonitorPaused`].
    MonitorResumed,
    /// The controller's role changed without a request of its own (ONF 1911).
    RoleStatus(RoleStatus),
    /// A change by another controller (ONF 2350).
    RequestForward(RequestForward),
    /// NXT_ROLE_REQUEST 10.
    NxRoleRequest(NxRole),
    /// NXT_ROLE_REPLY 11.
    NxRoleReply(NxRole),
    /// NXT_FLOW_MOD 13.
    NxFlowMod(NxFlowMod),
    /// NXT_FLOW_REMOVED 14.
    NxFlowRemoved(NxFlowRemoved),
    /// NXT_FLOW_MOD_TABLE_ID 15.
    FlowModTableId(FlowModTableId),
    /// NXT_SET_PACKET_IN_FORMAT 16.
    SetPacketInFormat(PacketInFormat),
    /// NXT_PACKET_IN 17.
    NxPacketIn(NxPacketIn),
    /// NXT_FLOW_AGE 18: has no effect in OpenFlow 1.3.
    FlowAge,
    /// NXT_SET_ASYNC_CONFIG 19.
    NxSetAsync(AsyncConfig),
    /// NXT_SET_CONTROLLER_ID 20.
    SetControllerId(ControllerId),
    /// NXT_TLV_TABLE_MOD 24.
    TlvTableMod(TlvTableMod),
    /// NXT_TLV_TABLE_REQUEST 25.
    TlvTableRequest,
    /// NXT_TLV_TABLE_REPLY 26.
    TlvTableReply(TlvTableReply),
    /// NXT_SET_ASYNC_CONFIG2 27.
    SetAsyncConfig2(AsyncConfig2),
    /// NXT_RESUME 28: a paused packet, returned to the switch.
    Resume(PacketIn2),
    /// NXT_CT_FLUSH_ZONE 29.
    CtFlushZone(CtFlushZone),
    /// NXT_PACKET_IN2 30.
    PacketIn2(PacketIn2),
    /// NXT_CT_FLUSH 32.
    CtFlush(CtFlush),
    /// Any other OFPT_EXPERIMENTER 4, with its bytes unchanged.
    Experimenter(Experimenter),
    /// Any other message, with its bytes unchanged.
    Unknown {
        /// OFPT_ type.
        kind: MessageType,
        /// The bytes after the header.
        body: Bytes,
    },
}

/// Checks Open vSwitch's rule for messages that end in a list: a multiple of eight bytes.
fn padded(r: &Reader<'_>, field: &'static str) -> Result<(), DecodeError> {
    match r.remaining() {
        len if len.is_multiple_of(8) => Ok(()),
        len => Err(r.error(DecodeErrorKind::BadLength(len), field)),
    }
}

/// Decodes a part for whose lengths Open vSwitch has an error of its own, if the bytes left are a
/// multiple of eight.
fn with_ovs_error<'a, T>(
    name: OvsError,
    r: &mut Reader<'a>,
    decode: impl FnOnce(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    let words = r.remaining().is_multiple_of(8);
    decode(r).map_err(|error| if words { error.named(name) } else { error })
}

/// Decodes structures until no bytes are left.
fn decode_list<T: Wire>(r: &mut Reader<'_>) -> Result<Vec<T>, DecodeError> {
    let mut list = Vec::new();
    while !r.is_empty() {
        list.push(T::decode(r)?);
    }
    Ok(list)
}

/// Appends structures, in the order given.
fn encode_list<T: Wire>(list: &[T], w: &mut Writer) -> Result<(), EncodeError> {
    list.iter().try_for_each(|item| item.encode(w))
}
