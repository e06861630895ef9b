//! Whole messages as `ovs-ofctl ofp-print` prints them: from the bytes, to the last blank.
//!
//! [`print_message`] takes any bytes: a message that is cut short, has bytes too many, breaks the protocol or is not
//! known is said to be so and dumped in hexadecimal, as `ovs-ofctl` does it. OpenFlow 1.3 is decoded, and of other
//! versions what has the same bytes there (HELLO, ERROR, echoes, barriers, …); the rest of these prints its version,
//! that it is not decoded, and its bytes.
//!
//! The fields before a match are read by the types of `ofproto` (`decode_head`), the match, actions and instructions as strictly
//! as Open vSwitch reads them ([`ofproto::ovs_errors`]).
//!
//! # Streams of parts
//! A dump that comes in many replies is printed part by part as it comes: [`print_flow_stats`], [`print_port_stats`],
//! [`print_port`], [`print_group_desc`] and [`print_group_stats`] append one element each, and [`TableStatsPrinter`] remembers the table
//! before, since equal ones are told in one line.

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

pub use flow::print_flow_stats;
pub use group::{print_group_desc, print_group_stats};
pub use port::{print_port, print_port_stats};
pub use switch::print_desc;
pub use table::TableStatsPrinter;

use ofproto::{HEADER_LEN, Header, OvsError, Reader, Wire as _};

use crate::syntax::Names;
use kinds::{Body, Kind, Unknown};

/// Appends formatted text; writing to a string cannot fail.
macro_rules! put {
    ($out:expr, $($arg:tt)*) => {{
        use std::fmt::Write as _;
        let _ = write!($out, $($arg)*);
    }};
}
use put;

/// How printing a body ended: the error that a switch would answer with is printed behind what came before it.
type Printed = Result<(), OvsError>;

/// How deep messages inside messages (errors, bundles) are printed; what is deeper is dumped.
const MAX_DEPTH: u8 = 4;

/// A message being printed.
struct Out<'a> {
    text: String,
    names: &'a dyn Names,
    verbosity: u8,
    depth: u8,
}

/// What is printed.
struct Frame<'a> {
    header: Header,
    bytes: &'a [u8],
}

/// The text of `ovs-ofctl ofp-print HEX VERBOSITY`, ports by `names`. Higher verbosities print more: packets from 1, the
/// bytes of echoes from 2, those of packets from 3, those of every message from 5; `ovs-ofctl` has 2 without one.
pub fn print_message(frame: &[u8], verbosity: u8, names: &dyn Names) -> String {
    let mut out = Out { text: String::new(), names, verbosity, depth: 0 };
    out.message(frame);
    out.text
}

impl Out<'_> {
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
            Err(Unknown::Refused(refused)) => {
                self.refused(refused);
                dump = true;
            }
            Err(Unknown::Version(version)) => {
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

    /// The body of a message whose name is printed.
    fn known(&mut self, kind: &Kind, frame: &Frame<'_>, mut r: Reader<'_>) -> Printed {
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

    fn body(&mut self, kind: &Kind, frame: &Frame<'_>, r: &mut Reader<'_>) -> Printed {
        match kind.body {
            Body::Empty => Ok(()),
            Body::Hello => symmetric::hello(self, frame),
            Body::Error => symmetric::error(self, frame, r),
            Body::Echo => symmetric::echo(self, r),
            Body::Features => switch::features(self, r),
            Body::Config => switch::config(self, r, frame, false),
            Body::SetConfig => switch::config(self, r, frame, true),
            Body::Desc => switch::desc(self, r),
            Body::Role => switch::role(self, r, frame),
            Body::PacketIn => packet::packet_in(self, r, false),
            Body::PacketOut => packet::packet_out(self, r),
            Body::FlowMod => flow::flow_mod(self, r, false),
            Body::FlowRemoved => flow::removed(self, r, false),
            Body::FlowRequest => flow::request(self, r),
            Body::FlowReply => flow::reply(self, r),
            Body::Aggregate => flow::aggregate(self, r),
            Body::PortStatus => port::status(self, r),
            Body::PortRequest => port::stats_request(self, r),
            Body::PortReply => port::stats_reply(self, r),
            Body::PortDescRequest => port::desc_request(self),
            Body::PortDesc => port::desc_reply(self, r),
            Body::TableFeatures => table::features(self, r),
            Body::TableReply => table::stats_reply(self, r),
            Body::GroupDesc => group::desc_reply(self, r),
            Body::MonitorRequest => monitor::request(self, r),
            Body::MonitorReply => monitor::reply(self, r),
            Body::BundleControl => bundle::control(self, r),
            Body::BundleAdd => bundle::add(self, r, frame),
            Body::PortMod => port::port_mod(self, r),
            Body::TableMod => table::table_mod(self, r),
            Body::GroupMod => group::group_mod(self, r),
            Body::GroupRequest => group::stats_request(self, r),
            Body::GroupReply => group::stats_reply(self, r),
            Body::GroupDescRequest => group::desc_request(self),
            Body::GroupFeatures => group::features(self, r),
            Body::MeterMod => meter::meter_mod(self, r),
            Body::MeterRequest => meter::request(self, r),
            Body::MeterReply => meter::stats_reply(self, r),
            Body::MeterConfig => meter::config_reply(self, r),
            Body::MeterFeatures => meter::features(self, r),
            Body::QueueConfigRequest => queue::config_request(self, r),
            Body::QueueConfigReply => queue::config_reply(self, r),
            Body::QueueRequest => queue::stats_request(self, r),
            Body::QueueReply => queue::stats_reply(self, r),
            Body::Async => asynchronous::config(self, r),
            Body::AsyncConfig2 => asynchronous::config2(self, r),
            Body::RoleStatus => asynchronous::role_status(self, r),
            Body::RequestForward => asynchronous::request_forward(self, r, frame),
            Body::MonitorCancel => monitor::cancel(self, r),
            Body::NiciraRole => nicira::role(self, r),
            Body::NiciraPacketIn => packet::packet_in(self, r, true),
            Body::PacketIn2 => packet_in2::print(self, r),
            Body::NiciraFlowMod => flow::flow_mod(self, r, true),
            Body::NiciraFlowRemoved => flow::removed(self, r, true),
            Body::FlowModTableId => nicira::flow_mod_table_id(self, r),
            Body::PacketInFormat => nicira::packet_in_format(self, r),
            Body::ControllerId => nicira::controller_id(self, r),
            Body::TlvTableMod => nicira::tlv_table_mod(self, r),
            Body::TlvTableReply => nicira::tlv_table_reply(self, r),
            Body::CtFlushZone => nicira::ct_flush_zone(self, r),
            Body::CtFlush => nicira::ct_flush(self, r),
            Body::IpfixBridge => nicira::ipfix_bridge(self, r),
            Body::IpfixFlow => nicira::ipfix_flow(self, r),
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

    /// The flags behind the type of a multipart message.
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

    /// A message inside this one.
    fn nested(&mut self, bytes: &[u8], verbosity: u8) {
        let mut inner = Out { text: String::new(), names: self.names, verbosity, depth: self.depth + 1 };
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
