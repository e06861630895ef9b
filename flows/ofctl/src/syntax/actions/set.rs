//! Actions that write fields, and the arguments of `controller` and `note`.

use ofproto::action::{Action, Subfield, ToController};
use ofproto::oxm::{Field, Oxm};
use ofproto::{PacketInReason, PortNo};

use crate::syntax::Context;
use crate::syntax::lex::error::{SyntaxError, SyntaxErrorKind};
use crate::syntax::lex::token;
use crate::syntax::lex::token::KeyValue;
use crate::syntax::matching::field::ones;
use crate::syntax::matching::{field, tunnel, value};
use crate::syntax::protocols::Protocols;

/// The words for OFPR_ reasons.
pub(in crate::syntax) const REASONS: [&str; 6] =
    ["no_match", "action", "invalid_ttl", "action_set", "group", "packet_out"];

/// Reads one value without a mask.
pub(in crate::syntax) fn exact<'a>(
    cx: &Context<'a>,
    field: Field,
    text: &'a str,
) -> Result<u128, SyntaxError> {
    let bits = cx.value(field, text)?;
    if bits.mask == value::known_bits(field) {
        return Ok(bits.value);
    }
    Err(cx.error(SyntaxErrorKind::Value, text, format!("{text:?}: no mask can stand here")))
}

/// Reads `load:VALUE->FIELD[bits]`: at most 64 bits per action, from the lowest on.
pub(in crate::syntax) fn load<'a>(
    cx: &Context<'a>,
    text: &'a str,
    actions: &mut Vec<Action>,
) -> Result<(), SyntaxError> {
    let (from, to) = cx.arrow("load", text)?;
    let dst = cx.settable(to)?;
    if dst.field.tun_metadata().is_some() {
        actions.push(tunnel::load(cx, from, dst)?);
        return Ok(());
    }
    let Some(number) = token::integer(from) else {
        return Err(cx
            .error(SyntaxErrorKind::Syntax, from, format!("{from:?} is not a number"))
            .help("load:0x5->NXM_NX_REG0[]"));
    };
    if number > ones(dst.n_bits) {
        let message = format!("{from:?} does not fit into {} bits", dst.n_bits);
        return Err(cx.error(SyntaxErrorKind::Value, from, message));
    }
    if dst.field.has_long_header() {
        let (value, mask) = (number << dst.ofs, dst.mask());
        // A mask counts as exact if it is all ones over the bytes of the field.
        let mask = Some(mask).filter(|mask| mask.count_ones() as usize != 8 * dst.field.info().bytes());
        actions.push(Action::RegLoad2(Oxm::Known { field: dst.field, value, mask }));
        return Ok(());
    }
    let mut part = Subfield { n_bits: dst.n_bits.min(64), ..dst };
    let mut left = number;
    loop {
        let value = u64::try_from(left & ones(part.n_bits)).unwrap_or(u64::MAX);
        actions.push(Action::Load { dst: part, value });
        let done = part.ofs + part.n_bits - dst.ofs;
        if done >= dst.n_bits {
            return Ok(());
        }
        left >>= part.n_bits;
        part = Subfield { field: dst.field, ofs: dst.ofs + done, n_bits: (dst.n_bits - done).min(64) };
    }
}

/// Reads `set_field:VALUE[/MASK]->FIELD`. OpenFlow 1.3 has no mask there, so Open vSwitch loads
/// each run of bits.
pub(in crate::syntax) fn set_field<'a>(
    cx: &Context<'a>,
    text: &'a str,
    actions: &mut Vec<Action>,
) -> Result<(), SyntaxError> {
    let (from, to) = cx.arrow("set_field", text)?;
    // Open vSwitch reads these two names, but its own switch refuses their encoding.
    let known = |name: &str| !matches!(name, "dl_vlan_pcp" | "in_port_oxm");
    let Some(field) = field::by_name(to).filter(|_| known(to)) else {
        return Err(cx.error(SyntaxErrorKind::Syntax, to, format!("unknown field {to:?}")).help(
            "set_field takes a plain name such as eth_dst, vlan_vid or reg0; load takes NXM_NX_REG0[0..3]",
        ));
    };
    cx.check_settable(field, to)?;
    cx.narrow(Protocols::setting(field));
    if field.tun_metadata().is_some() {
        actions.push(tunnel::set_field(cx, from, field)?);
        return Ok(());
    }
    if let Some(action) = masked_bits(field, from) {
        actions.push(action);
        return Ok(());
    }
    let bits = cx.value(field, from)?;
    let wrong = match field {
        // The lower two bits are ECN.
        Field::IpDscp => bits.value & 3 != 0,
        // A tag without OFPVID_PRESENT is none.
        Field::VlanVid => !from.contains('/') && bits.value & 0x1000 == 0,
        Field::ArpOp => bits.value > 0xff,
        _ => false,
    };
    if wrong {
        let help = match field {
            Field::IpDscp => "a multiple of 4",
            Field::ArpOp => "a number up to 255",
            _ => "the VLAN id plus 0x1000",
        };
        let message = format!("{from:?} is not a valid value for {to}");
        return Err(cx.error(SyntaxErrorKind::Value, from, message).help(help));
    }
    let (mut value, mut mask) = (bits.value, bits.mask);
    // Open vSwitch detects "all bits" by whole bytes. For a field with other widths, such a mask
    // becomes a load.
    if from.contains('/') && field.info().maskable && !field.info().bits.is_multiple_of(8) {
        mask &= ones(Subfield::width(field));
        value &= mask;
        if mask == ones(Subfield::width(field)) && !field.has_long_header() {
            let value = u64::try_from(value).unwrap_or(u64::MAX);
            actions.push(Action::Load { dst: Subfield::whole(field), value });
            return Ok(());
        }
    } else if mask == value::known_bits(field) && !from.starts_with(['+', '-']) {
        mask = field.info().exact();
    }
    let action = Action::SetField(Oxm::Known { field, value, mask: Some(mask) });
    match action.lowered() {
        Some(lowered) => actions.extend(lowered),
        None => actions.push(action),
    }
    Ok(())
}

/// Reads some bits of a field that no match may mask. A switch accepts them in NXAST_REG_LOAD2;
/// `ovs-ofctl` prints them, but does not read them.
fn masked_bits(field: Field, text: &str) -> Option<Action> {
    let (value, mask) = text.split_once('/')?;
    let (value, mask) = (token::integer(value)?, token::integer(mask)?);
    let fits = mask != 0 && mask <= field.info().exact() && value & !mask == 0;
    let wanted = field.has_long_header() && !field.info().maskable && fits;
    wanted.then_some(Action::RegLoad2(Oxm::Known { field, value, mask: Some(mask) }))
}

/// Pads the bytes of a note with zeros as the wire form does: to a multiple of eight, less two.
pub(in crate::syntax) fn note(mut bytes: Vec<u8>) -> Vec<u8> {
    let padded = (bytes.len().max(1) + 2).next_multiple_of(8) - 2;
    bytes.resize(padded, 0);
    bytes
}

/// Reads `controller`, `controller:MAX_LEN`,
/// `controller(max_len=…,reason=…,id=…,userdata=…,pause,meter_id=…)`.
pub(in crate::syntax) fn controller<'a>(cx: &Context<'a>, pair: KeyValue<'a>) -> Result<Action, SyntaxError> {
    let text = pair.text();
    if text.bytes().all(|b| b.is_ascii_digit()) {
        let max_len = if text.is_empty() { 0xffff } else { cx.half("max_len", text)? };
        return Ok(Action::Output { port: PortNo::CONTROLLER, max_len });
    }
    let mut to = ToController::default();
    let mut plain = true;
    for pair in token::pairs(text) {
        let value = pair.text();
        match pair.key {
            "max_len" => to.max_len = cx.half(pair.key, value)?,
            "id" => to.controller_id = cx.half(pair.key, value)?,
            "userdata" => {
                // Even for an empty one, Open vSwitch sends its own action, not OUTPUT.
                plain = false;
                to.userdata = cx.hex_bytes(value)?.into();
            }
            "pause" => to.pause = true,
            "meter_id" => to.meter = Some(cx.word(pair.key, value)?),
            "reason" => {
                let found =
                    REASONS.iter().position(|name| *name == value).and_then(|at| u8::try_from(at).ok());
                // A switch may hold a reason that has no name.
                let found = found.or_else(|| value.parse().ok());
                to.reason = ofproto::PacketInReason(found.ok_or_else(|| {
                    cx.error(SyntaxErrorKind::Value, value, format!("unknown reason {value:?}"))
                        .help(format!("one of {}", REASONS.join(", ")))
                })?);
            }
            _ => {
                let known = "max_len, reason, id, userdata, pause, meter_id";
                return Err(cx.unknown_argument("controller", pair, known));
            }
        }
    }
    plain &= to.reason == PacketInReason::ACTION && to.controller_id == 0 && !to.pause && to.meter.is_none();
    Ok(if plain {
        Action::Output { port: PortNo::CONTROLLER, max_len: to.max_len }
    } else {
        Action::Controller(Box::new(to))
    })
}

impl<'a> Context<'a> {
    /// Reads bits of a field that actions may write.
    pub(in crate::syntax) fn settable(&self, word: &'a str) -> Result<Subfield, SyntaxError> {
        let dst = self.subfield(word)?;
        self.check_settable(dst.field, word)?;
        Ok(dst)
    }

    /// Refuses fields that no action may write.
    pub(in crate::syntax) fn check_settable(&self, field: Field, word: &str) -> Result<(), SyntaxError> {
        if !field.is_writable() {
            let message = format!("{} is read-only", field.info().name);
            return Err(self.error(SyntaxErrorKind::Inconsistent, word, message));
        }
        Ok(())
    }

    /// Refuses a field whose header ends in an experimenter id, if the action has no room for that.
    pub(in crate::syntax) fn short(
        &self,
        action: &str,
        bits: Subfield,
        word: &str,
    ) -> Result<Subfield, SyntaxError> {
        if bits.field.has_long_header() {
            let message = format!("{word:?} has an experimenter's header, which {action} has no room for");
            return Err(self.error(SyntaxErrorKind::Value, word, message));
        }
        Ok(bits)
    }
}
