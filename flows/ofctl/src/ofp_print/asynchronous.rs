//! Asynchronous configuration of a controller, and notifications about other controllers.
//!
//! These are read field by field, not by the types of `ofproto`: Open vSwitch reports an error in
//! one field before it reads the next.

use ofproto::codec::Reader;
use ofproto::{HEADER_LEN, Header, OvsError, Wire as _};

use super::kinds::{self, BodyPrinter};
use super::switch::role_name;
use super::{Frame, MessagePrinter, Printed, group, meter, put};

/// The kinds of asynchronous messages: a name, the existing reasons by bit, and those of OpenFlow
/// 1.3.
const KINDS: [(&str, &[&str], u32); 6] = [
    ("PACKET_IN", &["no_match", "action", "invalid_ttl"], 7),
    ("PORT_STATUS", &["add", "delete", "modify"], 7),
    ("FLOW_REMOVED", &["idle", "hard", "delete", "group_delete", "meter_delete", "eviction"], 0x3f),
    ("ROLE_STATUS", &["primary_request", "configuration_changed", "experimenter_data_changed"], 7),
    ("TABLE_STATUS", &["", "", "", "vacancy_down", "vacancy_up"], 0x18),
    ("REQUESTFORWARD", &["group_mod_request", "meter_mod_request"], 3),
];

/// The reasons to report to a primary or equal controller, and those for a secondary one.
#[derive(Debug, Default)]
struct AsyncReasons {
    primary: [u32; 6],
    secondary: [u32; 6],
}

/// Prints OFPT_SET_ASYNC, its reply, and Nicira's predecessor. Reasons that do not exist are
/// skipped.
pub(super) fn config(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    let mut wanted = AsyncReasons::default();
    for (at, (_, _, known)) in KINDS.iter().enumerate().take(3) {
        for places in [&mut wanted.primary, &mut wanted.secondary] {
            let reasons = r.u32("async_config")? & known;
            if let Some(place) = places.get_mut(at) {
                *place = reasons;
            }
        }
    }
    print(&mut out.text, &wanted);
    Ok(())
}

/// Prints NXT_SET_ASYNC_CONFIG2, which has the properties of OpenFlow 1.4.
pub(super) fn config2(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    let mut wanted = AsyncReasons::default();
    while !r.is_empty() {
        let available = r.remaining();
        let kind = r.u16("async_property.type").map_err(|_| OvsError::PropertyLen)?;
        let len = usize::from(r.u16("async_property.length").map_err(|_| OvsError::PropertyLen)?);
        let padded = len.next_multiple_of(8);
        if len < 4 || padded > available {
            return Err(OvsError::PropertyLen);
        }
        let mut property = r.sub(padded - 4, "async_property")?;
        let place = usize::from(kind / 2);
        let Some((_, _, known)) = KINDS.get(place) else { return Err(OvsError::AsyncUnsupported) };
        if len != 8 {
            return Err(OvsError::PropertyLen);
        }
        let reasons = property.u32("async_property.mask")?;
        if reasons & !known != 0 {
            return Err(OvsError::AsyncInvalid);
        }
        let places = if kind % 2 == 1 { &mut wanted.primary } else { &mut wanted.secondary };
        if let Some(place) = places.get_mut(place) {
            *place = reasons;
        }
    }
    print(&mut out.text, &wanted);
    Ok(())
}

fn print(out: &mut String, wanted: &AsyncReasons) {
    for (role, masks) in [("primary", &wanted.primary), ("secondary", &wanted.secondary)] {
        put!(out, "\n {role}:\n");
        for ((name, reasons, _), mask) in KINDS.iter().zip(masks) {
            put!(out, "{name:>16}:");
            let named = reasons.iter().enumerate().filter(|(bit, _)| mask >> bit & 1 != 0);
            named.for_each(|(_, reason)| put!(out, " {reason}"));
            out.push_str(if *mask == 0 { " (off)\n" } else { "\n" });
        }
    }
}

pub(super) fn role_status(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    const REASONS: [&str; 3] = ["primary_request", "configuration_changed", "experimenter_data_changed"];
    let role = role_name(r.u32("role_status.role")?)?;
    let reason = r.u8("role_status.reason")?;
    r.skip(3, "role_status.pad")?;
    let generation = r.u64("role_status.generation_id")?;
    put!(out.text, " role={role}");
    if generation != u64::MAX {
        put!(out.text, " generation_id={generation}");
    }
    put!(out.text, " reason={}", REASONS.get(usize::from(reason)).unwrap_or(&"(unknown)"));
    Ok(())
}

/// Prints the message by which another controller made a change.
pub(super) fn request_forward(
    out: &mut MessagePrinter<'_>,
    r: &mut Reader<'_>,
    frame: &Frame<'_>,
) -> Printed {
    let bytes = r.rest();
    let header = Header::decode(&mut Reader::new(bytes)).map_err(|_| OvsError::BundleMessageLen)?;
    let inner = bytes.get(..usize::from(header.length)).filter(|inner| inner.len() >= HEADER_LEN);
    let inner = inner.ok_or(OvsError::BundleMessageLen)?;
    if header.version != frame.header.version {
        return Err(OvsError::RequestVersion);
    }
    let (kind, mut body) = match kinds::find(inner) {
        Ok((kind, body)) if kind.admits(body.remaining()) => (kind, body),
        Ok(_) | Err(kinds::UnknownMessage::Version(_)) => return Err(OvsError::RequestLen),
        Err(kinds::UnknownMessage::Refused(refused)) => return Err(refused),
    };
    match kind.body {
        BodyPrinter::GroupMod => {
            let group = group::read_mod(&mut body)?;
            out.text.push_str(" reason=group_mod");
            group::print_mod(&mut out.text, &group, out.names);
        }
        BodyPrinter::MeterMod => {
            let meter = meter::read_mod(&mut body)?;
            out.text.push_str(" reason=meter_mod");
            meter::print_mod(&mut out.text, &meter);
        }
        _ => return Err(OvsError::BundleMessage),
    }
    Ok(())
}
