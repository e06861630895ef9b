//! The kinds of messages: the key, the name and the permitted length of each.
//!
//! The names are those of `ovs-ofctl`: OFPT and OFPST for the standard's messages and their parts,
//! NXT and NXST for Nicira's, ONFT and ONFST for ONF's.

use ofproto::message::{NICIRA, ONF};
use ofproto::{DecodeError, Header, MessageType, OvsError, Reader, VERSION, Wire as _};

/// The key that identifies a kind of message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MessageKey {
    /// An OFPT_ type.
    Type(u8),
    /// The OFPMP_ type of a request.
    Request(u16),
    /// The OFPMP_ type of a reply.
    Reply(u16),
    /// An experimenter id and a type.
    Experimenter(u32, u32),
    /// A multipart request of an experimenter.
    ExperimenterRequest(u32, u32),
    /// A multipart reply of an experimenter.
    ExperimenterReply(u32, u32),
}

/// The printer of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyPrinter {
    /// An empty body.
    Empty,
    Hello,
    Error,
    Echo,
    Features,
    Config,
    SetConfig,
    Desc,
    Role,
    NiciraRole,
    RoleStatus,
    Async,
    AsyncConfig2,
    PacketIn,
    NiciraPacketIn,
    PacketIn2,
    PacketOut,
    FlowMod,
    FlowRemoved,
    FlowRequest,
    FlowReply,
    Aggregate,
    NiciraFlowMod,
    NiciraFlowRemoved,
    PortStatus,
    PortMod,
    PortRequest,
    PortReply,
    PortDescRequest,
    PortDesc,
    TableMod,
    TableReply,
    TableFeatures,
    GroupMod,
    GroupRequest,
    GroupReply,
    GroupDescRequest,
    GroupDesc,
    GroupFeatures,
    MeterMod,
    MeterRequest,
    MeterReply,
    MeterConfig,
    MeterFeatures,
    QueueConfigRequest,
    QueueConfigReply,
    QueueRequest,
    QueueReply,
    MonitorRequest,
    MonitorReply,
    MonitorCancel,
    BundleControl,
    BundleAdd,
    RequestForward,
    FlowModTableId,
    PacketInFormat,
    ControllerId,
    TlvTableMod,
    TlvTableReply,
    CtFlushZone,
    CtFlush,
    IpfixBridge,
    IpfixFlow,
}

/// A kind of message.
#[derive(Debug)]
pub(super) struct MessageKind {
    key: MessageKey,
    /// The range of versions with this kind, as numbers on the wire.
    versions: (u8, u8),
    pub(super) name: &'static str,
    /// Minimum length of the body, in bytes.
    min: usize,
    /// Unit by which a longer body grows, in bytes; 0 for a body of fixed length.
    step: usize,
    pub(super) body: BodyPrinter,
}

const fn kind(
    key: MessageKey,
    versions: (u8, u8),
    name: &'static str,
    (min, step): (usize, usize),
    body: BodyPrinter,
) -> MessageKind {
    MessageKind { key, versions, name, min, step, body }
}

/// Every version, supported or not.
const ANY: (u8, u8) = (1, u8::MAX);
/// OpenFlow 1.0 to 1.5.
const ALL: (u8, u8) = (1, 6);
/// OpenFlow 1.3 only.
const V13: (u8, u8) = (4, 4);

/// All kinds that Open vSwitch knows in OpenFlow 1.3, with the other versions that share their
/// bytes.
#[rustfmt::skip]
static KINDS: &[MessageKind] = &[
    kind(MessageKey::Type(0), ANY, "OFPT_HELLO", (0, 1), BodyPrinter::Hello),
    kind(MessageKey::Type(1), ANY, "OFPT_ERROR", (4, 1), BodyPrinter::Error),
    kind(MessageKey::Type(2), ANY, "OFPT_ECHO_REQUEST", (0, 1), BodyPrinter::Echo),
    kind(MessageKey::Type(3), ANY, "OFPT_ECHO_REPLY", (0, 1), BodyPrinter::Echo),
    kind(MessageKey::Type(5), ALL, "OFPT_FEATURES_REQUEST", (0, 0), BodyPrinter::Empty),
    kind(MessageKey::Type(6), (4, 6), "OFPT_FEATURES_REPLY", (24, 0), BodyPrinter::Features),
    kind(MessageKey::Type(7), ALL, "OFPT_GET_CONFIG_REQUEST", (0, 0), BodyPrinter::Empty),
    kind(MessageKey::Type(8), ALL, "OFPT_GET_CONFIG_REPLY", (4, 0), BodyPrinter::Config),
    kind(MessageKey::Type(9), ALL, "OFPT_SET_CONFIG", (4, 0), BodyPrinter::SetConfig),
    kind(MessageKey::Type(10), V13, "OFPT_PACKET_IN", (16, 1), BodyPrinter::PacketIn),
    kind(MessageKey::Type(11), V13, "OFPT_FLOW_REMOVED", (40, 8), BodyPrinter::FlowRemoved),
    kind(MessageKey::Type(12), V13, "OFPT_PORT_STATUS", (72, 0), BodyPrinter::PortStatus),
    kind(MessageKey::Type(13), V13, "OFPT_PACKET_OUT", (16, 1), BodyPrinter::PacketOut),
    kind(MessageKey::Type(14), V13, "OFPT_FLOW_MOD", (40, 8), BodyPrinter::FlowMod),
    kind(MessageKey::Type(15), V13, "OFPT_GROUP_MOD", (8, 8), BodyPrinter::GroupMod),
    kind(MessageKey::Type(16), V13, "OFPT_PORT_MOD", (32, 0), BodyPrinter::PortMod),
    kind(MessageKey::Type(17), V13, "OFPT_TABLE_MOD", (8, 0), BodyPrinter::TableMod),
    kind(MessageKey::Type(20), (2, 6), "OFPT_BARRIER_REQUEST", (0, 0), BodyPrinter::Empty),
    kind(MessageKey::Type(21), (2, 6), "OFPT_BARRIER_REPLY", (0, 0), BodyPrinter::Empty),
    kind(MessageKey::Type(18), (1, 1), "OFPT_BARRIER_REQUEST", (0, 0), BodyPrinter::Empty),
    kind(MessageKey::Type(19), (1, 1), "OFPT_BARRIER_REPLY", (0, 0), BodyPrinter::Empty),
    kind(MessageKey::Type(22), V13, "OFPT_QUEUE_GET_CONFIG_REQUEST", (8, 0), BodyPrinter::QueueConfigRequest),
    kind(MessageKey::Type(23), V13, "OFPT_QUEUE_GET_CONFIG_REPLY", (8, 8), BodyPrinter::QueueConfigReply),
    kind(MessageKey::Type(24), (3, 6), "OFPT_ROLE_REQUEST", (16, 0), BodyPrinter::Role),
    kind(MessageKey::Type(25), (3, 6), "OFPT_ROLE_REPLY", (16, 0), BodyPrinter::Role),
    kind(MessageKey::Type(26), (4, 6), "OFPT_GET_ASYNC_REQUEST", (0, 0), BodyPrinter::Empty),
    kind(MessageKey::Type(27), V13, "OFPT_GET_ASYNC_REPLY", (24, 0), BodyPrinter::Async),
    kind(MessageKey::Type(28), V13, "OFPT_SET_ASYNC", (24, 0), BodyPrinter::Async),
    kind(MessageKey::Type(29), V13, "OFPT_METER_MOD", (8, 8), BodyPrinter::MeterMod),
    kind(MessageKey::Request(0), V13, "OFPST_DESC request", (0, 0), BodyPrinter::Empty),
    kind(MessageKey::Reply(0), V13, "OFPST_DESC reply", (1056, 0), BodyPrinter::Desc),
    kind(MessageKey::Request(1), V13, "OFPST_FLOW request", (32, 8), BodyPrinter::FlowRequest),
    kind(MessageKey::Reply(1), V13, "OFPST_FLOW reply", (0, 1), BodyPrinter::FlowReply),
    kind(MessageKey::Request(2), V13, "OFPST_AGGREGATE request", (32, 8), BodyPrinter::FlowRequest),
    kind(MessageKey::Reply(2), V13, "OFPST_AGGREGATE reply", (24, 0), BodyPrinter::Aggregate),
    kind(MessageKey::Request(3), V13, "OFPST_TABLE request", (0, 0), BodyPrinter::Empty),
    kind(MessageKey::Reply(3), V13, "OFPST_TABLE reply", (0, 24), BodyPrinter::TableReply),
    kind(MessageKey::Request(4), V13, "OFPST_PORT request", (8, 0), BodyPrinter::PortRequest),
    kind(MessageKey::Reply(4), V13, "OFPST_PORT reply", (0, 112), BodyPrinter::PortReply),
    kind(MessageKey::Request(5), V13, "OFPST_QUEUE request", (8, 0), BodyPrinter::QueueRequest),
    kind(MessageKey::Reply(5), V13, "OFPST_QUEUE reply", (0, 40), BodyPrinter::QueueReply),
    kind(MessageKey::Request(6), V13, "OFPST_GROUP request", (8, 0), BodyPrinter::GroupRequest),
    kind(MessageKey::Reply(6), V13, "OFPST_GROUP reply", (0, 8), BodyPrinter::GroupReply),
    kind(MessageKey::Request(7), V13, "OFPST_GROUP_DESC request", (0, 0), BodyPrinter::GroupDescRequest),
    kind(MessageKey::Reply(7), V13, "OFPST_GROUP_DESC reply", (0, 8), BodyPrinter::GroupDesc),
    kind(MessageKey::Request(8), V13, "OFPST_GROUP_FEATURES request", (0, 0), BodyPrinter::Empty),
    kind(MessageKey::Reply(8), V13, "OFPST_GROUP_FEATURES reply", (40, 0), BodyPrinter::GroupFeatures),
    kind(MessageKey::Request(9), V13, "OFPST_METER request", (8, 0), BodyPrinter::MeterRequest),
    kind(MessageKey::Reply(9), V13, "OFPST_METER reply", (0, 8), BodyPrinter::MeterReply),
    kind(MessageKey::Request(10), V13, "OFPST_METER_CONFIG request", (8, 0), BodyPrinter::MeterRequest),
    kind(MessageKey::Reply(10), V13, "OFPST_METER_CONFIG reply", (0, 8), BodyPrinter::MeterConfig),
    kind(MessageKey::Request(11), V13, "OFPST_METER_FEATURES request", (0, 0), BodyPrinter::Empty),
    kind(MessageKey::Reply(11), V13, "OFPST_METER_FEATURES reply", (16, 0), BodyPrinter::MeterFeatures),
    kind(MessageKey::Request(12), V13, "OFPST_TABLE_FEATURES request", (0, 8), BodyPrinter::TableFeatures),
    kind(MessageKey::Reply(12), V13, "OFPST_TABLE_FEATURES reply", (64, 8), BodyPrinter::TableFeatures),
    kind(MessageKey::Request(13), V13, "OFPST_PORT_DESC request", (0, 0), BodyPrinter::PortDescRequest),
    kind(MessageKey::Reply(13), V13, "OFPST_PORT_DESC reply", (0, 64), BodyPrinter::PortDesc),
    kind(MessageKey::ExperimenterRequest(ONF, 1870), V13, "ONFST_FLOW_MONITOR request", (0, 8), BodyPrinter::MonitorRequest),
    kind(MessageKey::ExperimenterReply(ONF, 1870), V13, "ONFST_FLOW_MONITOR reply", (0, 8), BodyPrinter::MonitorReply),
    kind(MessageKey::Experimenter(ONF, 1870), V13, "ONFT_FLOW_MONITOR_CANCEL", (4, 0), BodyPrinter::MonitorCancel),
    kind(MessageKey::Experimenter(ONF, 1871), V13, "ONFT_FLOW_MONITOR_PAUSED", (0, 0), BodyPrinter::Empty),
    kind(MessageKey::Experimenter(ONF, 1872), V13, "ONFT_FLOW_MONITOR_RESUMED", (0, 0), BodyPrinter::Empty),
    kind(MessageKey::Experimenter(ONF, 1911), V13, "ONFT_ROLE_STATUS", (16, 8), BodyPrinter::RoleStatus),
    kind(MessageKey::Experimenter(ONF, 2300), V13, "ONFT_BUNDLE_CONTROL", (8, 8), BodyPrinter::BundleControl),
    kind(MessageKey::Experimenter(ONF, 2301), V13, "ONFT_BUNDLE_ADD_MESSAGE", (8, 1), BodyPrinter::BundleAdd),
    kind(MessageKey::Experimenter(ONF, 2350), V13, "ONFT_REQUESTFORWARD", (8, 8), BodyPrinter::RequestForward),
    kind(MessageKey::Experimenter(NICIRA, 10), ALL, "NXT_ROLE_REQUEST", (4, 0), BodyPrinter::NiciraRole),
    kind(MessageKey::Experimenter(NICIRA, 11), ALL, "NXT_ROLE_REPLY", (4, 0), BodyPrinter::NiciraRole),
    kind(MessageKey::Experimenter(NICIRA, 13), V13, "NXT_FLOW_MOD", (32, 8), BodyPrinter::NiciraFlowMod),
    kind(MessageKey::Experimenter(NICIRA, 14), V13, "NXT_FLOW_REMOVED", (40, 8), BodyPrinter::NiciraFlowRemoved),
    kind(MessageKey::Experimenter(NICIRA, 15), ALL, "NXT_FLOW_MOD_TABLE_ID", (8, 0), BodyPrinter::FlowModTableId),
    kind(MessageKey::Experimenter(NICIRA, 16), ALL, "NXT_SET_PACKET_IN_FORMAT", (4, 0), BodyPrinter::PacketInFormat),
    kind(MessageKey::Experimenter(NICIRA, 17), V13, "NXT_PACKET_IN", (24, 1), BodyPrinter::NiciraPacketIn),
    kind(MessageKey::Experimenter(NICIRA, 18), ALL, "NXT_FLOW_AGE", (0, 0), BodyPrinter::Empty),
    kind(MessageKey::Experimenter(NICIRA, 19), V13, "NXT_SET_ASYNC_CONFIG", (24, 0), BodyPrinter::Async),
    kind(MessageKey::Experimenter(NICIRA, 20), ALL, "NXT_SET_CONTROLLER_ID", (8, 0), BodyPrinter::ControllerId),
    kind(MessageKey::Experimenter(NICIRA, 24), ALL, "NXT_TLV_TABLE_MOD", (8, 8), BodyPrinter::TlvTableMod),
    kind(MessageKey::Experimenter(NICIRA, 25), ALL, "NXT_TLV_TABLE_REQUEST", (0, 0), BodyPrinter::Empty),
    kind(MessageKey::Experimenter(NICIRA, 26), ALL, "NXT_TLV_TABLE_REPLY", (16, 8), BodyPrinter::TlvTableReply),
    kind(MessageKey::Experimenter(NICIRA, 27), V13, "NXT_SET_ASYNC_CONFIG2", (0, 8), BodyPrinter::AsyncConfig2),
    kind(MessageKey::Experimenter(NICIRA, 28), V13, "NXT_RESUME", (0, 8), BodyPrinter::PacketIn2),
    kind(MessageKey::Experimenter(NICIRA, 29), ALL, "NXT_CT_FLUSH_ZONE", (8, 0), BodyPrinter::CtFlushZone),
    kind(MessageKey::Experimenter(NICIRA, 30), V13, "NXT_PACKET_IN2", (0, 8), BodyPrinter::PacketIn2),
    kind(MessageKey::Experimenter(NICIRA, 32), ALL, "NXT_CT_FLUSH", (8, 8), BodyPrinter::CtFlush),
    kind(MessageKey::ExperimenterRequest(NICIRA, 3), V13, "NXST_IPFIX_BRIDGE request", (0, 0), BodyPrinter::Empty),
    kind(MessageKey::ExperimenterReply(NICIRA, 3), V13, "NXST_IPFIX_BRIDGE reply", (88, 0), BodyPrinter::IpfixBridge),
    kind(MessageKey::ExperimenterRequest(NICIRA, 4), V13, "NXST_IPFIX_FLOW request", (0, 0), BodyPrinter::Empty),
    kind(MessageKey::ExperimenterReply(NICIRA, 4), V13, "NXST_IPFIX_FLOW reply", (0, 88), BodyPrinter::IpfixFlow),
];

impl MessageKind {
    /// Returns whether a body may have this number of bytes.
    pub(super) fn admits(&self, body: usize) -> bool {
        match body.checked_sub(self.min) {
            Some(more) if self.step == 0 => more == 0,
            Some(more) => more.is_multiple_of(self.step),
            None => false,
        }
    }

    /// Returns whether the message is a multipart request or reply, and so has flags.
    pub(super) fn is_multipart(&self) -> bool {
        !matches!(self.key, MessageKey::Type(_) | MessageKey::Experimenter(..))
    }
}

/// The reason why a message has no known kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnknownMessage {
    /// Open vSwitch does not know it either.
    Refused(OvsError),
    /// It has a version other than 1.3, with a form of its own there.
    Version(u8),
}

impl From<DecodeError> for UnknownMessage {
    fn from(_: DecodeError) -> Self {
        Self::Refused(OvsError::RequestLen)
    }
}

/// Returns the kind of a message by its first bytes, and a reader of the bytes after them.
pub(super) fn find(frame: &[u8]) -> Result<(&'static MessageKind, Reader<'_>), UnknownMessage> {
    let mut r = Reader::new(frame);
    let header = Header::decode(&mut r)?;
    let key = key(header, &mut r)?;
    let version = header.version;
    let kind = KINDS.iter().find(|k| k.key == key && k.versions.0 <= version && version <= k.versions.1);
    match kind {
        Some(kind) => Ok((kind, r)),
        None if version != VERSION && (ALL.0..=ALL.1).contains(&version) => {
            Err(UnknownMessage::Version(version))
        }
        None => Err(UnknownMessage::Refused(match key {
            MessageKey::Type(_) => OvsError::RequestType,
            MessageKey::Request(_) | MessageKey::Reply(_) if version != VERSION => OvsError::RequestType,
            MessageKey::Request(_) | MessageKey::Reply(_) => OvsError::RequestMultipart,
            _ => OvsError::RequestVendorType,
        })),
    }
}

fn key(header: Header, r: &mut Reader<'_>) -> Result<MessageKey, UnknownMessage> {
    const EXPERIMENTER_PART: u16 = 0xffff;
    match header.kind {
        MessageType::EXPERIMENTER => experimenter(r, MessageKey::Experimenter),
        // OpenFlow 1.0 has other numbers, and a shorter header for these.
        MessageType::MULTIPART_REQUEST | MessageType::MULTIPART_REPLY if header.version != 1 => {
            let part = r.u16("multipart.type")?;
            r.skip(6, "multipart")?;
            let asked = header.kind == MessageType::MULTIPART_REQUEST;
            match part {
                EXPERIMENTER_PART if asked => experimenter(r, MessageKey::ExperimenterRequest),
                EXPERIMENTER_PART => experimenter(r, MessageKey::ExperimenterReply),
                part => Ok(if asked { MessageKey::Request(part) } else { MessageKey::Reply(part) }),
            }
        }
        kind => Ok(MessageKey::Type(kind.0)),
    }
}

fn experimenter(r: &mut Reader<'_>, key: fn(u32, u32) -> MessageKey) -> Result<MessageKey, UnknownMessage> {
    let (id, kind) = (r.u32("experimenter.id")?, r.u32("experimenter.type")?);
    if matches!(id, ONF | NICIRA) {
        Ok(key(id, kind))
    } else {
        Err(UnknownMessage::Refused(OvsError::RequestVendor))
    }
}
