//! From a type byte to a message and back: the one table that a new message is entered in.

use bytes::Bytes;

use super::{Message, NICIRA, ONF};
use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError};
use crate::header::{Header, VERSION};
use crate::ids::Xid;
use crate::message::session::hello::Hello;

const HELLO: u8 = 0;
const ERROR: u8 = 1;
const ECHO_REQUEST: u8 = 2;
const ECHO_REPLY: u8 = 3;
const EXPERIMENTER: u8 = 4;

macro_rules! dispatch {
    (
        bodies { $($kind:literal $variant:ident;)* }
        empty { $($empty_kind:literal $empty:ident;)* }
        experimenter_bodies { $($x_id:ident $x_kind:literal $x:ident;)* }
        experimenter_empty { $($xe_id:ident $xe_kind:literal $x_empty:ident;)* }
    ) => {
        impl Message {
            /// Its OFPT_ type.
            pub const fn kind(&self) -> u8 {
                match self {
                    Self::Hello(_) => HELLO,
                    Self::Error(_) => ERROR,
                    Self::EchoRequest(_) => ECHO_REQUEST,
                    Self::EchoReply(_) => ECHO_REPLY,
                    $(Self::$variant(_) => $kind,)*
                    $(Self::$empty => $empty_kind,)*
                    $(Self::$x(_) => EXPERIMENTER,)*
                    $(Self::$x_empty => EXPERIMENTER,)*
                    Self::Experimenter(_) => EXPERIMENTER,
                    Self::Unknown { kind, .. } => *kind,
                }
            }

            /// Its name, for logs and labels: that of the variant.
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
                    HELLO => Self::Hello(Hello::decode(header.version, r)?),
                    ERROR => Self::Error(Wire::decode(r)?),
                    ECHO_REQUEST => Self::EchoRequest(r.rest_shared()),
                    ECHO_REPLY => Self::EchoReply(r.rest_shared()),
                    EXPERIMENTER => return Self::decode_experimenter(r),
                    $($kind => Self::$variant(Wire::decode(r)?),)*
                    $($empty_kind => Self::$empty,)*
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
        6 FeaturesReply;
        8 GetConfigReply;
        9 SetConfig;
        10 PacketIn;
        11 FlowRemoved;
        12 PortStatus;
        13 PacketOut;
        14 FlowMod;
        15 GroupMod;
        16 PortMod;
        17 TableMod;
        18 MultipartRequest;
        19 MultipartReply;
        22 QueueGetConfigRequest;
        23 QueueGetConfigReply;
        24 RoleRequest;
        25 RoleReply;
        27 GetAsyncReply;
        28 SetAsync;
        29 MeterMod;
    }
    empty {
        5 FeaturesRequest;
        7 GetConfigRequest;
        20 BarrierRequest;
        21 BarrierReply;
        26 GetAsyncRequest;
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
    /// Reads one whole message, header included.
    ///
    /// A HELLO and an ERROR may be of any version, because sides that agree on none speak in these; everything else is
    /// OpenFlow 1.3.
    ///
    /// # Errors
    /// [`DecodeError`] for another version, for a length other than the frame's, for a body that is too short or wrong,
    /// and for bytes left over. `ErrorMsg::reply_to` answers it.
    pub fn decode(frame: &[u8]) -> Result<(Xid, Self), DecodeError> {
        Self::decode_from(Reader::new(frame))
    }

    /// As [`Message::decode`], but payloads (a packet, an echo's data, a message in a bundle, an unknown body) share the
    /// frame's memory.
    ///
    /// # Errors
    /// As for [`Message::decode`].
    pub fn decode_shared(frame: &Bytes) -> Result<(Xid, Self), DecodeError> {
        Self::decode_from(Reader::shared(frame))
    }

    fn decode_from(mut r: Reader<'_>) -> Result<(Xid, Self), DecodeError> {
        let length = r.remaining();
        let header = Header::decode(&mut r)?;
        if header.version != VERSION && !matches!(header.kind, HELLO | ERROR) {
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

    /// One whole message, header included.
    ///
    /// # Errors
    /// [`EncodeError`] when a part does not fit its field, or all of it 65,535 bytes.
    pub fn encode(&self, xid: Xid) -> Result<Vec<u8>, EncodeError> {
        let mut w = Writer::new();
        self.encode_into(xid, &mut w)?;
        Ok(w.into_vec())
    }

    /// Appends one whole message; on an error nothing.
    ///
    /// # Errors
    /// As for [`Message::encode`].
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
        w.u8(self.kind());
        let length = w.len_slot(start);
        w.u32(xid.0);
        self.encode_body(w)?;
        w.close(length, "message")
    }
}
