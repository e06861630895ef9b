//! The table that maps type bytes to messages, in both directions. Each new message has its one
//! entry here.

use bytes::Bytes;

use super::{Message, NICIRA, ONF};
use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::header::{Header, VERSION};
use crate::ids::Xid;
use crate::message::session::hello::Hello;
use crate::message_type::MessageType;

macro_rules! dispatch {
    (
        bodies { $($kind:ident $variant:ident;)* }
        empty { $($empty_kind:ident $empty:ident;)* }
        experimenter_bodies { $($x_id:ident $x_kind:literal $x:ident;)* }
        experimenter_empty { $($xe_id:ident $xe_kind:literal $x_empty:ident;)* }
    ) => {
        impl Message {
            /// Returns the OFPT_ type.
            pub const fn kind(&self) -> MessageType {
                match self {
                    Self::Hello(_) => MessageType::HELLO,
                    Self::Error(_) => MessageType::ERROR,
                    Self::EchoRequest(_) => MessageType::ECHO_REQUEST,
                    Self::EchoReply(_) => MessageType::ECHO_REPLY,
                    $(Self::$variant(_) => MessageType::$kind,)*
                    $(Self::$empty => MessageType::$empty_kind,)*
                    $(Self::$x(_) => MessageType::EXPERIMENTER,)*
                    $(Self::$x_empty => MessageType::EXPERIMENTER,)*
                    Self::Experimenter(_) => MessageType::EXPERIMENTER,
                    Self::Unknown { kind, .. } => *kind,
                }
            }

            /// Returns the name of the variant, for logs and labels.
            pub const fn name(&self) -> &'static str {
                match self {
                    Self::Hello(_) => "Hello",
                    Self::Error(_) => "Error",
                    Self::EchoRequest(_) => "EchoRequest",
                    Self::EchoReply(_) => "EchoReply",
                    $(Self::$variant(_) => stringify!($variant),)*
                    $(Self::$empty => stringify!($empty),)*
                    $(Self::$x(_) => stringify!($x),)*
                    $(Self::$x_empty => stringify!($x_empty),)*
                    Self::Experimenter(_) => "Experimenter",
                    Self::Unknown { .. } => "Unknown",
                }
            }

            fn decode_body(header: Header, r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(match header.kind {
                    MessageType::HELLO => Self::Hello(Hello::decode(header.version, r)?),
                    MessageType::ERROR => Self::Error(Wire::decode(r)?),
                    MessageType::ECHO_REQUEST => Self::EchoRequest(r.rest_shared()),
                    MessageType::ECHO_REPLY => Self::EchoReply(r.rest_shared()),
                    MessageType::EXPERIMENTER => return Self::decode_experimenter(r),
                    $(MessageType::$kind => Self::$variant(Wire::decode(r)?),)*
                    $(MessageType::$empty_kind => Self::$empty,)*
                    kind => Self::Unknown { kind, body: r.rest_shared() },
                })
            }

            fn decode_experimenter(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                let whole = r.clone();
                let experimenter = r.u32("experimenter.experimenter")?;
                let exp_type = r.u32("experimenter.exp_type")?;
                Ok(match (experimenter, exp_type) {
                    $(($x_id, $x_kind) => Self::$x(Wire::decode(r)?),)*
                    $(($xe_id, $xe_kind) => Self::$x_empty,)*
                    _ => {
                        *r = whole;
                        Self::Experimenter(Wire::decode(r)?)
                    }
                })
            }

            fn encode_body(&self, w: &mut Writer) -> Result<(), EncodeError> {
                match self {
                    Self::Hello(m) => m.encode(w),
                    Self::Error(m) => m.encode(w),
                    Self::EchoRequest(body) | Self::EchoReply(body) | Self::Unknown { body, .. } => {
                        w.bytes(body);
                        Ok(())
                    }
                    $(Self::$variant(m) => m.encode(w),)*
                    $(Self::$empty => Ok(()),)*
                    $(Self::$x(m) => {
                        w.u32($x_id);
                        w.u32($x_kind);
                        m.encode(w)
                    })*
                    $(Self::$x_empty => {
                        w.u32($xe_id);
                        w.u32($xe_kind);
                        Ok(())
                    })*
                    Self::Experimenter(m) => m.encode(w),
                }
            }
        }
    };
}

dispatch! {
    bodies {
        FEATURES_REPLY FeaturesReply;
        GET_CONFIG_REPLY GetConfigReply;
        SET_CONFIG SetConfig;
        PACKET_IN PacketIn;
        FLOW_REMOVED FlowRemoved;
        PORT_STATUS PortStatus;
        PACKET_OUT PacketOut;
        FLOW_MOD FlowMod;
        GROUP_MOD GroupMod;
        PORT_MOD PortMod;
        TABLE_MOD TableMod;
        MULTIPART_REQUEST MultipartRequest;
        MULTIPART_REPLY MultipartReply;
        QUEUE_GET_CONFIG_REQUEST QueueGetConfigRequest;
        QUEUE_GET_CONFIG_REPLY QueueGetConfigReply;
        ROLE_REQUEST RoleRequest;
        ROLE_REPLY RoleReply;
        GET_ASYNC_REPLY GetAsyncReply;
        SET_ASYNC SetAsync;
        METER_MOD MeterMod;
    }
    empty {
        FEATURES_REQUEST FeaturesRequest;
        GET_CONFIG_REQUEST GetConfigRequest;
        BARRIER_REQUEST BarrierRequest;
        BARRIER_REPLY BarrierReply;
        GET_ASYNC_REQUEST GetAsyncRequest;
    }
    experimenter_bodies {
        ONF 2300 BundleControl;
        ONF 2301 BundleAdd;
        ONF 1870 MonitorCancel;
        ONF 1911 RoleStatus;
        ONF 2350 RequestForward;
        NICIRA 10 NxRoleRequest;
        NICIRA 11 NxRoleReply;
        NICIRA 13 NxFlowMod;
        NICIRA 14 NxFlowRemoved;
        NICIRA 15 FlowModTableId;
        NICIRA 16 SetPacketInFormat;
        NICIRA 17 NxPacketIn;
        NICIRA 19 NxSetAsync;
        NICIRA 20 SetControllerId;
        NICIRA 24 TlvTableMod;
        NICIRA 26 TlvTableReply;
        NICIRA 27 SetAsyncConfig2;
        NICIRA 28 Resume;
        NICIRA 29 CtFlushZone;
        NICIRA 30 PacketIn2;
        NICIRA 32 CtFlush;
    }
    experimenter_empty {
        ONF 1871 MonitorPaused;
        ONF 1872 MonitorResumed;
        NICIRA 18 FlowAge;
        NICIRA 25 TlvTableRequest;
    }
}

impl Message {
    /// Decodes one whole message, header included.
    ///
    /// A HELLO and an ERROR may have any version, because sides without a common version use these
    /// two. Every other message must be OpenFlow 1.3.
    ///
    /// # Errors
    /// [`DecodeError`] for another version, for a length other than the frame's, for a body that is
    /// too short or invalid, and for trailing bytes. `ErrorMsg::reply_to` builds the answer.
    pub fn decode(frame: &[u8]) -> Result<(Xid, Self), DecodeError> {
        Self::decode_from(Reader::new(frame))
    }

    /// Decodes like [`Message::decode`], but payloads share the memory of the frame: a packet, the
    /// data of an echo, a message in a bundle, or an unknown body.
    ///
    /// # Errors
    /// Returns the errors of [`Message::decode`].
    pub fn decode_shared(frame: &Bytes) -> Result<(Xid, Self), DecodeError> {
        Self::decode_from(Reader::shared(frame))
    }

    fn decode_from(mut r: Reader<'_>) -> Result<(Xid, Self), DecodeError> {
        let length = r.remaining();
        let header = Header::decode(&mut r)?;
        if header.version != VERSION && !matches!(header.kind, MessageType::HELLO | MessageType::ERROR) {
            let kind = DecodeErrorKind::BadVersion(header.version);
            return Err(DecodeError { kind, field: "header.version", at: 0, ovs_error: None });
        }
        if usize::from(header.length) != length {
            let kind = DecodeErrorKind::BadLength(usize::from(header.length));
            return Err(DecodeError { kind, field: "header.length", at: 2, ovs_error: None });
        }
        let message = Self::decode_body(header, &mut r)?;
        r.finish("message")?;
        Ok((header.xid, message))
    }

    /// Encodes one whole message, header included.
    ///
    /// # Errors
    /// [`EncodeError`] if a part does not fit its field, or if the message exceeds 65,535 bytes.
    pub fn encode(&self, xid: Xid) -> Result<Vec<u8>, EncodeError> {
        let mut w = Writer::new();
        self.encode_into(xid, &mut w)?;
        Ok(w.into_vec())
    }

    /// Appends one whole message. On an error, it appends no bytes.
    ///
    /// # Errors
    /// Returns the errors of [`Message::encode`].
    pub fn encode_into(&self, xid: Xid, w: &mut Writer) -> Result<(), EncodeError> {
        let start = w.len();
        let result = self.encode_from(start, xid, w);
        if result.is_err() {
            w.truncate(start);
        }
        result
    }

    fn encode_from(&self, start: usize, xid: Xid, w: &mut Writer) -> Result<(), EncodeError> {
        w.u8(if let Self::Hello(hello) = self { hello.version } else { VERSION });
        w.u8(self.kind().0);
        let length = w.len_slot(start);
        w.u32(xid.0);
        self.encode_body(w)?;
        w.close(length, "message")
    }
}
