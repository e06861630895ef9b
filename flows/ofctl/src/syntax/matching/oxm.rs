//! Matches in the form of `ovs-ofctl parse-oxm`: `NXM_OF_ETH_TYPE(0800),
//! OXM_OF_IPV4_SRC_W(c0a80000/ffff0000)`.

use std::fmt::Write as _;

use bytes::Bytes;
use flow_model::{FlowMatch, Masked};
use ofproto::oxm::{Field, Match, Oxm};
use ofproto::{OvsError, Writer};

use crate::syntax::lex::error::{SyntaxError, SyntaxErrorKind};
use crate::syntax::matching::field;
use crate::syntax::matching::fields::{Fields, TAGGED};

/// The text of a match without fields.
const ANY: &str = "<any>";

/// Reads the fields in their order, without checking their consistency: see [`check_match`]. A `#`
/// starts a comment.
///
/// # Errors
/// [`SyntaxError`] names the first invalid word.
pub fn parse_oxm(line: &str) -> Result<Match, SyntaxError> {
    let text = line.split('#').next().unwrap_or_default();
    let words = text.split([',', ' ', '\t', '\r', '\n']).filter(|word| !word.is_empty() && *word != ANY);
    let fields = words.map(|word| entry(line, word)).collect::<Result<Vec<_>, _>>()?;
    Ok(Match { fields })
}

fn entry(line: &str, word: &str) -> Result<Oxm, SyntaxError> {
    let wrong = |message: String| {
        SyntaxError::new(SyntaxErrorKind::Syntax, line, word, message)
            .help("NAME(VALUE) or NAME_W(VALUE/MASK), in hexadecimal digits")
    };
    let (name, body) = word
        .split_once('(')
        .and_then(|(name, body)| Some((name, body.strip_suffix(')')?)))
        .ok_or_else(|| wrong(format!("{word:?} is not a field")))?;
    let (value, mask) = match body.split_once('/') {
        Some((value, mask)) => (value, Some(mask)),
        None => (body, None),
    };
    let value = digits(value).ok_or_else(|| wrong(format!("{word:?}: not a value")))?;
    let mask =
        mask.map(|mask| digits(mask).ok_or_else(|| wrong(format!("{word:?}: not a mask")))).transpose()?;
    let plain = if mask.is_some() { name.strip_suffix("_W").unwrap_or(name) } else { name };
    if let Some(known) = field::by_any_name(plain).filter(|field| field.tun_metadata().is_none()) {
        let len = known.info().bytes();
        if value.len() != len || mask.as_ref().is_some_and(|mask| mask.len() != len) {
            return Err(wrong(format!("{word:?}: {plain} has {} digits", 2 * len)));
        }
        let number = |bytes: &[u8]| bytes.iter().fold(0, |v, b| v << 8 | u128::from(*b));
        return Ok(Oxm::Known { field: known, value: number(&value), mask: mask.map(|mask| number(&mask)) });
    }
    let payload: Vec<u8> = value.into_iter().chain(mask.iter().flatten().copied()).collect();
    if let Some(option) = field::by_any_name(plain).and_then(Field::tun_metadata) {
        let number = 40 + option;
        return Ok(Oxm::Unknown { class: 1, number, has_mask: mask.is_some(), payload: payload.into() });
    }
    // A header in digits, with the experimenter id if it has one.
    let header = digits(name).ok_or_else(|| wrong(format!("unknown field {name:?}")))?;
    let Some(([c0, c1, number, _], id)) = header.split_first_chunk() else {
        return Err(wrong(format!("unknown field {name:?}")));
    };
    Ok(Oxm::Unknown {
        class: u16::from_be_bytes([*c0, *c1]),
        number: number >> 1,
        has_mask: number & 1 != 0,
        payload: Bytes::from([id, &payload].concat()),
    })
}

fn digits(text: &str) -> Option<Vec<u8>> {
    let value = |b: u8| char::from(b).to_digit(16).and_then(|n| u8::try_from(n).ok());
    text.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(value(*high)? << 4 | value(*low)?),
            _ => None,
        })
        .collect()
}

/// Checks and reads a match as a switch does.
///
/// # Errors
/// [`OvsError`] is the error that Open vSwitch would answer.
pub fn check_match(wire: &Match) -> Result<FlowMatch, OvsError> {
    let mut w = Writer::new();
    for oxm in &wire.fields {
        raw(oxm, &mut w);
    }
    let read = FlowMatch::from_wire(&Match::decode_strict(w.as_slice())?);
    let mut matches = Fields::of(&read).to_match();
    // Keep the tag as given, present or not. Its priority counts only with a tag.
    let id = read.field(Field::VlanVid).unwrap_or(Masked { value: 0, mask: 0 });
    let priority = read.field(Field::VlanPcp).filter(|_| id.mask & TAGGED != 0);
    matches.set(Field::VlanVid, id);
    matches.set(Field::VlanPcp, priority.unwrap_or(Masked { value: 0, mask: 0 }));
    for (option, bits) in read.tunnel_options() {
        matches.set_tunnel_option(option, &bits);
    }
    let of_header = |oxm: &Oxm| matches!(oxm, Oxm::Known { field, .. } if field.is_header());
    matches.say_ethernet(read.field(Field::PacketType).is_some() || wire.fields.iter().any(of_header));
    Ok(matches)
}

/// Appends a field with any value. The check finds a value that does not fit.
fn raw(oxm: &Oxm, w: &mut Writer) {
    match oxm {
        Oxm::Known { field, value, mask } => {
            let info = field.info();
            let (class, number) = info.oxm.or(info.nxm).unwrap_or_default();
            let id = field.experimenter().filter(|_| class == 0xffff);
            let len = info.bytes() * if mask.is_some() { 2 } else { 1 } + if id.is_some() { 4 } else { 0 };
            w.u16(class);
            w.u8(number << 1 | u8::from(mask.is_some()));
            w.u8(u8::try_from(len).unwrap_or(u8::MAX));
            if let Some(id) = id {
                w.u32(id);
            }
            for part in [Some(value), mask.as_ref()].into_iter().flatten() {
                let bytes = part.to_be_bytes();
                w.bytes(bytes.get(bytes.len() - info.bytes()..).unwrap_or_default());
            }
        }
        Oxm::Unknown { class, number, has_mask, payload } => {
            w.u16(*class);
            w.u8(number << 1 | u8::from(*has_mask));
            w.u8(u8::try_from(payload.len()).unwrap_or(u8::MAX));
            w.bytes(payload);
        }
    }
}

/// Prints the fields in their order; `<any>` for none.
pub fn print_oxm(wire: &Match) -> String {
    let mut out = String::new();
    for oxm in &wire.fields {
        if !out.is_empty() {
            out.push_str(", ");
        }
        match oxm {
            Oxm::Known { field, value, mask } => {
                let digits = 2 * field.info().bytes();
                let name = field::match_header_name(*field);
                let _ = match mask {
                    Some(mask) => write!(out, "{name}_W({value:0digits$x}/{mask:0digits$x})"),
                    None => write!(out, "{name}({value:0digits$x})"),
                };
            }
            Oxm::Unknown { class, number, has_mask, payload } => {
                let half = payload.len() / if *has_mask { 2 } else { 1 };
                let (value, mask) = payload.split_at_checked(half).unwrap_or_default();
                let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
                let option = number.checked_sub(40).map(usize::from).filter(|_| *class == 1);
                let option = option.and_then(|at| Field::TUN_METADATA.get(at));
                let name = option.map_or_else(
                    || format!("{class:04x}{:02x}{:02x}", number << 1 | u8::from(*has_mask), payload.len()),
                    |option| {
                        let name = option.info().name.to_ascii_uppercase();
                        format!("NXM_NX_{name}{}", if *has_mask { "_W" } else { "" })
                    },
                );
                let _ = match has_mask {
                    true => write!(out, "{name}({}/{})", hex(value), hex(mask)),
                    false => write!(out, "{name}({})", hex(value)),
                };
            }
        }
    }
    if out.is_empty() { ANY.to_owned() } else { out }
}
