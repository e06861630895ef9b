//! Whole messages in the text of `ovs-ofctl ofp-print`, reproduced to the last blank.
//!
//! [`print_message`] accepts any bytes. A message that is truncated, too long, invalid or unknown
//! is reported as such and dumped in hexadecimal, as `ovs-ofctl` does. OpenFlow 1.3 is decoded, and
//! so are messages of other versions that have the same bytes (HELLO, ERROR, echoes, barriers, …).
//! For other messages of these versions it prints the version, a note that they are not decoded,
//! and the bytes.
//!
//! The types of `ofproto` read the fields before a match (`decode_head`). Match, actions and
//! instructions are read as strictly as Open vSwitch reads them ([`ofproto::ovs_errors`]).
//!
//! # Streams of parts
//! A dump of many replies is printed part by part. [`print_flow_stats`], [`print_port_stats`],
//! [`print_port`], [`print_group_desc`] and [`print_group_stats`] append one element each.
//! [`TableStatsPrinter`] remembers the previous table, because equal tables share one line.

mod actions;
mod asynchronous;
mod bundle;
mod flow;
mod frame;
mod group;
mod kinds;
mod matching;
mod meter;
mod monitor;
mod nicira;
mod packet;
mod packet_in2;
mod port;
mod property;
mod queue;
mod switch;
mod symmetric;
mod table;
mod text;

use ofproto::{HEADER_LEN, Header, OvsError, Reader, Wire as _};

pub use self::flow::print_flow_stats;
pub use self::group::{print_group_desc, print_group_stats};
use self::kinds::{BodyPrinter, MessageKind, UnknownMessage};
pub use self::port::{print_port, print_port_stats};
pub use self::switch::print_desc;
pub use self::table::TableStatsPrinter;
use crate::syntax::Names;

/// Appends formatted text. Writing to a string cannot fail.
macro_rules! put {
    ($out:expr, $($arg:tt)*) => {{
        use std::fmt::Write as _;
        let _ = write!($out, $($arg)*);
    }};
}
use put;

/// The result of printing a body. The error of a switch is printed after the text before it.
type Printed = Result<(), OvsError>;

/// Depth to which messages inside messages (errors, bundles) are printed. Deeper ones are dumped.
const MAX_DEPTH: u8 = 4;

/// A message being printed.
struct MessagePrinter<'a> {
    text: String,
    names: &'a dyn Names,
    verbosity: u8,
    depth: u8,
}

/// The message to print.
struct Frame<'a> {
    header: Header,
    bytes: &'a [u8],
}

/// Returns the text of `ovs-ofctl ofp-print HEX VERBOSITY`, with ports by `names`. Higher
/// verbosities print more: packets from 1, the bytes of echoes from 2, those of packets from 3,
/// those of every message from 5. The default of `ovs-ofctl` is 2.
pub fn print_message(frame: &[u8], verbosity: u8, names: &dyn Names) -> String {
    let mut out = MessagePrinter { text: String::new(), names, verbosity, depth: 0 };
    out.message(frame);
    out.text
}

impl MessagePrinter<'_> {
    fn message(&mut self, bytes: &[u8]) {
        let Ok(header) = Header::decode(&mut Reader::new(bytes)) else {
            return self.no_header(bytes);
        };
        let length = usize::from(header.length);
        if length > bytes.len() {
            if let Ok((kind, _)) = kinds::find(bytes) {
                self.header(header, kind.name);
                self.text.push('\n');
            }
            put!(self.text, "(***truncated to {} bytes from {length}***)\n", bytes.len());
            text::hex_dump(&mut self.text, bytes, true);
        } else if length < bytes.len() {
            put!(self.text, "(***only uses {length} bytes out of {}***)\n", bytes.len());
            text::hex_dump(&mut self.text, bytes, true);
        } else {
            self.whole(header, bytes);
        }
    }

    fn no_header(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            self.text.push_str("OpenFlow message is empty\n");
        } else {
            put!(self.text, "OpenFlow packet too short (only {} bytes):\n", bytes.len());
            text::hex_dump(&mut self.text, bytes, true);
        }
    }

    fn whole(&mut self, header: Header, bytes: &[u8]) {
        let mut dump = self.verbosity >= 5;
        match kinds::find(bytes) {
            Ok((kind, r)) if kind.admits(r.remaining()) => {
                self.header(header, kind.name);
                dump |= self.known(kind, &Frame { header, bytes }, r).is_err();
            }
            Ok(_) => {
                self.refused(OvsError::RequestLen);
                dump = true;
            }
            Err(UnknownMessage::Refused(refused)) => {
                self.refused(refused);
                dump = true;
            }
            Err(UnknownMessage::Version(version)) => {
                self.header(header, &format!("OpenFlow message of type {}", header.kind));
                let minor = version.saturating_sub(1);
                put!(self.text, "\n(***this is OpenFlow 1.{minor}: only OpenFlow 1.3 is decoded***)\n");
                dump = true;
            }
        }
        if dump {
            self.end_line();
            text::hex_dump(&mut self.text, bytes, true);
        }
        self.end_line();
    }

    /// Prints the body of a message whose name is printed.
    fn known(&mut self, kind: &MessageKind, frame: &Frame<'_>, mut r: Reader<'_>) -> Printed {
        let before = self.text.len();
        if kind.is_multipart() {
            self.multipart_flags(frame.bytes);
        }
        let printed = self.body(kind, frame, &mut r);
        if let Err(refused) = printed {
            if self.text.len() > before {
                self.chomp();
                self.end_line();
            } else {
                self.text.push(' ');
            }
            self.refused(refused);
        } else {
            self.chomp();
        }
        printed
    }

    fn body(&mut self, kind: &MessageKind, frame: &Frame<'_>, r: &mut Reader<'_>) -> Printed {
        match kind.body {
            BodyPrinter::Empty => Ok(()),
            BodyPrinter::Hello => symmetric::hello(self, frame),
            BodyPrinter::Error => symmetric::error(self, frame, r),
            BodyPrinter::Echo => symmetric::echo(self, r),
            BodyPrinter::Features => switch::features(self, r),
            BodyPrinter::Config => switch::config(self, r, frame, false),
            BodyPrinter::SetConfig => switch::config(self, r, frame, true),
            BodyPrinter::Desc => switch::desc(self, r),
            BodyPrinter::Role => switch::role(self, r, frame),
            BodyPrinter::PacketIn => packet::packet_in(self, r, false),
            BodyPrinter::PacketOut => packet::packet_out(self, r),
            BodyPrinter::FlowMod => flow::flow_mod(self, r, false),
            BodyPrinter::FlowRemoved => flow::removed(self, r, false),
            BodyPrinter::FlowRequest => flow::request(self, r),
            BodyPrinter::FlowReply => flow::reply(self, r),
            BodyPrinter::Aggregate => flow::aggregate(self, r),
            BodyPrinter::PortStatus => port::status(self, r),
            BodyPrinter::PortRequest => port::stats_request(self, r),
            BodyPrinter::PortReply => port::stats_reply(self, r),
            BodyPrinter::PortDescRequest => port::desc_request(self),
            BodyPrinter::PortDesc => port::desc_reply(self, r),
            BodyPrinter::TableFeatures => table::features(self, r),
            BodyPrinter::TableReply => table::stats_reply(self, r),
            BodyPrinter::GroupDesc => group::desc_reply(self, r),
            BodyPrinter::MonitorRequest => monitor::request(self, r),
            BodyPrinter::MonitorReply => monitor::reply(self, r),
            BodyPrinter::BundleControl => bundle::control(self, r),
            BodyPrinter::BundleAdd => bundle::add(self, r, frame),
            BodyPrinter::PortMod => port::port_mod(self, r),
            BodyPrinter::TableMod => table::table_mod(self, r),
            BodyPrinter::GroupMod => group::group_mod(self, r),
            BodyPrinter::GroupRequest => group::stats_request(self, r),
            BodyPrinter::GroupReply => group::stats_reply(self, r),
            BodyPrinter::GroupDescRequest => group::desc_request(self),
            BodyPrinter::GroupFeatures => group::features(self, r),
            BodyPrinter::MeterMod => meter::meter_mod(self, r),
            BodyPrinter::MeterRequest => meter::request(self, r),
            BodyPrinter::MeterReply => meter::stats_reply(self, r),
            BodyPrinter::MeterConfig => meter::config_reply(self, r),
            BodyPrinter::MeterFeatures => meter::features(self, r),
            BodyPrinter::QueueConfigRequest => queue::config_request(self, r),
            BodyPrinter::QueueConfigReply => queue::config_reply(self, r),
            BodyPrinter::QueueRequest => queue::stats_request(self, r),
            BodyPrinter::QueueReply => queue::stats_reply(self, r),
            BodyPrinter::Async => asynchronous::config(self, r),
            BodyPrinter::AsyncConfig2 => asynchronous::config2(self, r),
            BodyPrinter::RoleStatus => asynchronous::role_status(self, r),
            BodyPrinter::RequestForward => asynchronous::request_forward(self, r, frame),
            BodyPrinter::MonitorCancel => monitor::cancel(self, r),
            BodyPrinter::NiciraRole => nicira::role(self, r),
            BodyPrinter::NiciraPacketIn => packet::packet_in(self, r, true),
            BodyPrinter::PacketIn2 => packet_in2::print(self, r),
            BodyPrinter::NiciraFlowMod => flow::flow_mod(self, r, true),
            BodyPrinter::NiciraFlowRemoved => flow::removed(self, r, true),
            BodyPrinter::FlowModTableId => nicira::flow_mod_table_id(self, r),
            BodyPrinter::PacketInFormat => nicira::packet_in_format(self, r),
            BodyPrinter::ControllerId => nicira::controller_id(self, r),
            BodyPrinter::TlvTableMod => nicira::tlv_table_mod(self, r),
            BodyPrinter::TlvTableReply => nicira::tlv_table_reply(self, r),
            BodyPrinter::CtFlushZone => nicira::ct_flush_zone(self, r),
            BodyPrinter::CtFlush => nicira::ct_flush(self, r),
            BodyPrinter::IpfixBridge => nicira::ipfix_bridge(self, r),
            BodyPrinter::IpfixFlow => nicira::ipfix_flow(self, r),
        }
    }

    fn header(&mut self, header: Header, name: &str) {
        self.text.push_str(name);
        match header.version {
            1 => {}
            version @ 2..=6 => put!(self.text, " (OF1.{})", version - 1),
            version => put!(self.text, " (OF 0x{version:02x})"),
        }
        put!(self.text, " (xid={:#x}):", header.xid.0);
    }

    /// Prints the flags after the type of a multipart message.
    fn multipart_flags(&mut self, bytes: &[u8]) {
        const MORE: u16 = 1;
        let mut r = Reader::new(bytes);
        let flags = r.skip(HEADER_LEN + 2, "multipart").and_then(|()| r.u16("multipart.flags")).unwrap_or(0);
        if flags == 0 {
            return;
        }
        self.text.push_str(" flags=");
        if flags & MORE != 0 {
            self.text.push_str("[more]");
        }
        let rest = flags & !MORE;
        if rest != 0 {
            put!(self.text, "[***unknown flags 0x{rest:04x}***]");
        }
    }

    /// Prints a message inside this one.
    fn nested(&mut self, bytes: &[u8], verbosity: u8) {
        let mut inner =
            MessagePrinter { text: String::new(), names: self.names, verbosity, depth: self.depth + 1 };
        if inner.depth > MAX_DEPTH {
            text::hex_dump(&mut inner.text, bytes, true);
        } else {
            inner.message(bytes);
        }
        self.text.push_str(&inner.text);
    }

    fn refused(&mut self, refused: OvsError) {
        put!(self.text, "***decode error: {refused}***\n");
    }

    fn chomp(&mut self) {
        if self.text.ends_with(' ') {
            self.text.pop();
        }
    }

    fn end_line(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
    }
}
