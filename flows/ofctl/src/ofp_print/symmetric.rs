//! Symmetric messages: HELLO, ERROR, ECHO.

use ofproto::codec::Reader;
use ofproto::message::ErrorMsg;
use ofproto::{OvsError, Wire as _};

use super::{Frame, MessagePrinter, Printed, put, text};

/// Prints the versions of a HELLO. One without a bitmap stands for all versions up to its own
/// (§6.3.1).
pub(super) fn hello(out: &mut MessagePrinter<'_>, frame: &Frame<'_>) -> Printed {
    let (versions, ok) = versions(frame);
    out.text.push_str("\n version bitmap: ");
    let known = (0..32u32).filter(|n| versions >> n & 1 != 0);
    let list: Vec<String> = known.map(|n| format!("0x{n:02x}")).collect();
    out.text.push_str(&list.join(", "));
    if !ok {
        out.text.push_str("\n unknown data in hello:\n");
        text::hex_dump(&mut out.text, frame.bytes, true);
    }
    Ok(())
}

/// Returns the bitmap, and whether every element of the HELLO was understood.
fn versions(frame: &Frame<'_>) -> (u32, bool) {
    let below = 1u32.checked_shl(u32::from(frame.header.version)).unwrap_or(0);
    let mut versions = below.wrapping_sub(1) << 1;
    let mut ok = true;
    let mut r = Reader::new(frame.bytes.get(ofproto::HEADER_LEN..).unwrap_or_default());
    while r.remaining() >= 4 {
        let mut ahead = r.clone();
        let (Ok(kind), Ok(len)) = (ahead.u16("hello.type"), ahead.u16("hello.length")) else { break };
        let len = usize::from(len);
        if len < 4 {
            return (versions, false);
        }
        // The length may exclude the padding, and the last element may lack it.
        let padded = len.next_multiple_of(8);
        let Ok(mut element) = r.sub(padded, "hello.element") else { return (versions, false) };
        if kind != 1 {
            ok = false;
            continue;
        }
        let words = len - 4;
        if words == 0 || !words.is_multiple_of(4) {
            ok = false;
            continue;
        }
        let first = element.skip(4, "hello.element").and_then(|()| element.u32("hello.bitmap")).unwrap_or(0);
        let first = first & !1;
        if first == 0 {
            ok = false;
        } else {
            versions = first;
        }
    }
    (versions, ok && r.is_empty())
}

/// Prints an error, and the message that it refers to.
pub(super) fn error(out: &mut MessagePrinter<'_>, frame: &Frame<'_>, r: &mut Reader<'_>) -> Printed {
    // Error numbers have a meaning only in a version that exists.
    if !(1..=6).contains(&frame.header.version) {
        return Err(OvsError::RequestLen);
    }
    let error = ErrorMsg::decode(r)?;
    let name = error.name().ok_or(OvsError::RequestLen)?;
    put!(out.text, " {name}\n");
    if matches!(name, "OFPHFC_INCOMPATIBLE" | "OFPHFC_EPERM") {
        text::printable(&mut out.text, &error.data);
    } else {
        out.nested(&error.data, 1);
    }
    Ok(())
}

/// Prints the length of the payload, and from verbosity 2 the payload.
pub(super) fn echo(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    put!(out.text, " {} bytes of payload\n", r.remaining());
    if out.verbosity > 1 {
        text::hex_dump(&mut out.text, r.rest(), true);
    }
    Ok(())
}
