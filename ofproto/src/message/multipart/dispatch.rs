//! The table that maps multipart types to bodies, in both directions. Each new type has its one
//! entry here.

use super::super::experimenter::Experimenter;
use super::super::{NICIRA, ONF, decode_list, encode_list};
use super::{MultipartReply, MultipartReplyBody, MultipartRequest, MultipartRequestBody};
use crate::codec::{Reader, Wire, Writer};
use crate::error::{DecodeError, EncodeError};
use crate::ids::{GroupId, MeterId, PortNo};

/// OFPMP_EXPERIMENTER.
const EXPERIMENTER: u16 = 0xffff;

/// Declares the bodies: empty ones, one structure (`one`), a number and four bytes of padding
/// (`padded`), structures to the end (`lists`), and these forms for experimenters.
macro_rules! dispatch {
    (
        $message:ident $body:ident;
        empty { $($e_kind:literal $empty:ident;)* }
        one { $($o_kind:literal $one:ident;)* }
        padded { $($p_kind:literal $padded:ident($id:ident);)* }
        lists { $($l_kind:literal $list:ident;)* }
        experimenter_empty { $($xe_id:ident $xe_kind:literal $x_empty:ident;)* }
        experimenter_one { $($xo_id:ident $xo_kind:literal $x_one:ident;)* }
        experimenter_lists { $($xl_id:ident $xl_kind:literal $x_list:ident;)* }
    ) => {
        impl $body {
            /// Returns the OFPMP_ type.
            pub const fn kind(&self) -> u16 {
                match self {
                    $(Self::$empty => $e_kind,)*
                    $(Self::$one(_) => $o_kind,)*
                    $(Self::$padded(_) => $p_kind,)*
                    $(Self::$list(_) => $l_kind,)*
                    $(Self::$x_empty => EXPERIMENTER,)*
                    $(Self::$x_one(_) => EXPERIMENTER,)*
                    $(Self::$x_list(_) => EXPERIMENTER,)*
                    Self::Experimenter(_) => EXPERIMENTER,
                    Self::Unknown { kind, .. } => *kind,
                }
            }

            /// Returns the name of the variant, for logs and labels.
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$empty => stringify!($empty),)*
                    $(Self::$one(_) => stringify!($one),)*
                    $(Self::$padded(_) => stringify!($padded),)*
                    $(Self::$list(_) => stringify!($list),)*
                    $(Self::$x_empty => stringify!($x_empty),)*
                    $(Self::$x_one(_) => stringify!($x_one),)*
                    $(Self::$x_list(_) => stringify!($x_list),)*
                    Self::Experimenter(_) => "Experimenter",
                    Self::Unknown { .. } => "Unknown",
                }
            }

            fn decode(kind: u16, r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(match kind {
                    $($e_kind => Self::$empty,)*
                    $($o_kind => Self::$one(Wire::decode(r)?),)*
                    $($p_kind => Self::$padded($id(padded(r)?)),)*
                    $($l_kind => Self::$list(decode_list(r)?),)*
                    EXPERIMENTER => return Self::decode_experimenter(r),
                    kind => Self::Unknown { kind, body: r.rest_copied() },
                })
            }

            fn decode_experimenter(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                let whole = r.clone();
                let experimenter = r.u32("multipart.experimenter")?;
                let exp_type = r.u32("multipart.exp_type")?;
                Ok(match (experimenter, exp_type) {
                    $(($xe_id, $xe_kind) => Self::$x_empty,)*
                    $(($xo_id, $xo_kind) => Self::$x_one(Wire::decode(r)?),)*
                    $(($xl_id, $xl_kind) => Self::$x_list(decode_list(r)?),)*
                    _ => {
                        *r = whole;
                        Self::Experimenter(Experimenter::decode(r)?)
                    }
                })
            }

            fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
                match self {
                    $(Self::$empty => Ok(()),)*
                    $(Self::$one(body) => body.encode(w),)*
                    $(Self::$padded($id(id)) => {
                        w.u32(*id);
                        w.zeros(4);
                        Ok(())
                    })*
                    $(Self::$list(list) => encode_list(list, w),)*
                    $(Self::$x_empty => {
                        experimenter(w, $xe_id, $xe_kind);
                        Ok(())
                    })*
                    $(Self::$x_one(body) => {
                        experimenter(w, $xo_id, $xo_kind);
                        body.encode(w)
                    })*
                    $(Self::$x_list(list) => {
                        experimenter(w, $xl_id, $xl_kind);
                        encode_list(list, w)
                    })*
                    Self::Experimenter(body) => body.encode(w),
                    Self::Unknown { body, .. } => {
                        w.bytes(body);
                        Ok(())
                    }
                }
            }
        }

        impl Wire for $message {
            fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                let kind = r.u16("multipart.type")?;
                let flags = r.u16("multipart.flags")?;
                r.skip(4, "multipart.pad")?;
                Ok(Self { flags, body: $body::decode(kind, r)? })
            }

            fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
                w.u16(self.body.kind());
                w.u16(self.flags);
                w.zeros(4);
                self.body.encode(w)
            }
        }
    };
}

dispatch! {
    MultipartRequest MultipartRequestBody;
    empty {
        0 Desc;
        3 Table;
        7 GroupDesc;
        8 GroupFeatures;
        11 MeterFeatures;
        13 PortDesc;
    }
    one {
        1 Flow;
        2 Aggregate;
        5 Queue;
    }
    padded {
        4 PortStats(PortNo);
        6 Group(GroupId);
        9 Meter(MeterId);
        10 MeterConfig(MeterId);
    }
    lists {
        12 TableFeatures;
    }
    experimenter_empty {
        NICIRA 3 IpfixBridge;
        NICIRA 4 IpfixFlow;
    }
    experimenter_one {}
    experimenter_lists {
        ONF 1870 Monitor;
    }
}

dispatch! {
    MultipartReply MultipartReplyBody;
    empty {}
    one {
        0 Desc;
        2 Aggregate;
        8 GroupFeatures;
        11 MeterFeatures;
    }
    padded {}
    lists {
        1 Flow;
        3 Table;
        4 PortStats;
        5 Queue;
        6 Group;
        7 GroupDesc;
        9 Meter;
        10 MeterConfig;
        12 TableFeatures;
        13 PortDesc;
    }
    experimenter_empty {}
    experimenter_one {
        NICIRA 3 IpfixBridge;
    }
    experimenter_lists {
        ONF 1870 Monitor;
        NICIRA 4 IpfixFlow;
    }
}

/// Reads a number and four bytes of padding.
fn padded(r: &mut Reader<'_>) -> Result<u32, DecodeError> {
    let id = r.u32("multipart.id")?;
    r.skip(4, "multipart.id.pad")?;
    Ok(id)
}

fn experimenter(w: &mut Writer, id: u32, exp_type: u32) {
    w.u32(id);
    w.u32(exp_type);
}
