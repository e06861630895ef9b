//! Bundles, and the messages in them.
//!
//! These are read field by field, not by the types of `ofproto`: Open vSwitch reports an error in
//! one field before it reads the next.

use ofproto::codec::Reader;
use ofproto::{HEADER_LEN, Header, OvsError, Wire as _};

use super::kinds::{self, BodyPrinter};
use super::{Frame, MessagePrinter, Printed, put, text};

/// The words of `ovs-ofctl` for OFPBF_ bits.
const FLAGS: [&str; 2] = ["atomic", "ordered"];

pub(super) fn control(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    const TYPES: [&str; 8] = [
        "OPEN_REQUEST",
        "OPEN_REPLY",
        "CLOSE_REQUEST",
        "CLOSE_REPLY",
        "COMMIT_REQUEST",
        "COMMIT_REPLY",
        "DISCARD_REQUEST",
        "DISCARD_REPLY",
    ];
    let id = r.u32("bundle_control.bundle_id")?;
    let kind = r.u16("bundle_control.type")?;
    let flags = r.u16("bundle_control.flags")?;
    put!(out.text, "\n bundle_id={} type={}", text::c_hex(id), TYPES.get(usize::from(kind)).unwrap_or(&""));
    out.text.push_str(" flags=");
    text::bits(&mut out.text, u32::from(flags), &FLAGS, ' ');
    Ok(())
}

pub(super) fn add(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>, frame: &Frame<'_>) -> Printed {
    let id = r.u32("bundle_add.bundle_id")?;
    r.skip(2, "bundle_add.pad")?;
    let flags = r.u16("bundle_add.flags")?;
    let bytes = r.rest();
    let header = Header::decode(&mut Reader::new(bytes)).map_err(|_| OvsError::BundleMessageLen)?;
    if header.version != frame.header.version {
        return Err(OvsError::BundleVersion);
    }
    let inner = bytes.get(..usize::from(header.length)).filter(|inner| inner.len() >= HEADER_LEN);
    let inner = inner.ok_or(OvsError::BundleMessageLen)?;
    if header.xid != frame.header.xid {
        return Err(OvsError::BundleXid);
    }
    let bundlable = kinds::find(inner).is_ok_and(|(kind, body)| {
        kind.admits(body.remaining())
            && matches!(
                kind.body,
                BodyPrinter::PortMod
                    | BodyPrinter::FlowMod
                    | BodyPrinter::NiciraFlowMod
                    | BodyPrinter::GroupMod
                    | BodyPrinter::PacketOut
            )
    });
    if !bundlable {
        return Err(OvsError::BundleMessage);
    }
    put!(out.text, "\n bundle_id={} flags=", text::c_hex(id));
    text::bits(&mut out.text, u32::from(flags), &FLAGS, ' ');
    out.text.push('\n');
    out.nested(inner, out.verbosity);
    Ok(())
}
