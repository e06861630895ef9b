//! Tunnel options, tun_metadata0 to tun_metadata63: values of up to 124 bytes (ovs-fields(7)).

use bytes::Bytes;
use flow_model::TunnelOption;
use ofproto::action::{Action, Subfield};
use ofproto::oxm::{Field, Oxm};

use crate::syntax::Context;
use crate::syntax::lex::error::{SyntaxError, SyntaxErrorKind};
use crate::syntax::lex::token;
use crate::syntax::matching::field::ones;

/// Maximum length of a tunnel option, in bytes.
const MAX_LEN: usize = 124;

/// Reads a value for a match, with an optional mask: `0x5`, `0x5/0xff`, or an empty text for "is
/// present".
pub(in crate::syntax) fn matched(
    cx: &Context<'_>,
    field: Field,
    text: &str,
) -> Result<TunnelOption, SyntaxError> {
    if text.is_empty() || text == "*" {
        return Ok(TunnelOption { value: Vec::new(), mask: Some(Vec::new()) });
    }
    let (value, mask) = parse(cx, field, text)?;
    Ok(match mask {
        Some(mask) => {
            let len = mask.len();
            let mut value = fit(value, len);
            for (value, mask) in value.iter_mut().zip(&mask) {
                *value &= mask;
            }
            // A mask of all ones over the maximum length is an exact match.
            let exact = len == MAX_LEN && mask.iter().all(|b| *b == 0xff);
            if exact {
                TunnelOption { value: stripped(&value), mask: None }
            } else {
                TunnelOption { value, mask: Some(mask) }
            }
        }
        None => TunnelOption { value, mask: None },
    })
}

/// Reads `tun_metadata0[0..7]=5` of a match.
pub(in crate::syntax) fn matched_bits(
    cx: &Context<'_>,
    bits: Subfield,
    text: &str,
) -> Result<TunnelOption, SyntaxError> {
    let (value, mask) = placed(cx, bits, text)?;
    Ok(TunnelOption { value: fit(value, mask.len()), mask: Some(mask) })
}

/// Reads `set_field:VALUE[/MASK]->tun_metadata0`.
pub(in crate::syntax) fn set_field(
    cx: &Context<'_>,
    text: &str,
    field: Field,
) -> Result<Action, SyntaxError> {
    let (value, mask) = parse(cx, field, text)?;
    Ok(match mask {
        None => Action::SetField(oxm(field, &value, None)),
        Some(mask) => {
            let value = fit(value, mask.len());
            if value.iter().zip(&mask).any(|(value, mask)| value & !mask != 0) {
                let message = format!("{text:?} has bits outside its mask");
                return Err(cx.error(SyntaxErrorKind::Value, text, message));
            }
            Action::RegLoad2(oxm(field, &value, Some(&mask)))
        }
    })
}

/// Reads `load:NUMBER->tun_metadata0[bits]`.
pub(in crate::syntax) fn load(cx: &Context<'_>, text: &str, dst: Subfield) -> Result<Action, SyntaxError> {
    if dst == Subfield::whole(dst.field) {
        let (value, _) = parse(cx, dst.field, text)?;
        return Ok(Action::RegLoad2(oxm(dst.field, &value, None)));
    }
    let (value, mask) = placed(cx, dst, text)?;
    Ok(Action::RegLoad2(oxm(dst.field, &fit(value, mask.len()), Some(&mask))))
}

/// Returns the tunnel option of a field on the wire, with its value, if it is one.
pub(in crate::syntax) fn of(oxm: &Oxm) -> Option<(Field, TunnelOption)> {
    let Oxm::Unknown { class: 1, number, has_mask, payload } = oxm else { return None };
    TunnelOption::of_wire(*number, *has_mask, payload)
}

/// Formats a number as `ovs-ofctl` does: hexadecimal, 0 without a prefix.
pub(in crate::syntax) fn hex(bytes: &[u8]) -> String {
    let mut digits = stripped(bytes).iter().map(|b| format!("{b:02x}")).collect::<String>();
    if digits.starts_with('0') {
        digits.remove(0);
    }
    if digits.is_empty() { "0".to_owned() } else { format!("0x{digits}") }
}

fn oxm(field: Field, value: &[u8], mask: Option<&[u8]>) -> Oxm {
    let number = 40 + field.tun_metadata().unwrap_or_default();
    let payload = Bytes::from([value, mask.unwrap_or_default()].concat());
    Oxm::Unknown { class: 1, number, has_mask: mask.is_some(), payload }
}

/// Returns value and mask of some bits, as long as the mask needs.
fn placed(cx: &Context<'_>, bits: Subfield, text: &str) -> Result<(Vec<u8>, Vec<u8>), SyntaxError> {
    let number = token::integer(text).filter(|number| *number <= ones(bits.n_bits));
    let Some(number) = number else {
        let message = format!("{text:?} does not fit into {} bits", bits.n_bits);
        return Err(cx.error(SyntaxErrorKind::Value, text, message).help("a number, decimal or 0x…"));
    };
    let set = |bit_of: &dyn Fn(usize) -> bool| {
        let mut bytes = vec![0; MAX_LEN];
        for bit in 0..usize::from(bits.n_bits) {
            let at = usize::from(bits.ofs) + bit;
            if let Some(byte) = bytes.get_mut(MAX_LEN - 1 - at / 8).filter(|_| bit_of(bit)) {
                *byte |= 1 << (at % 8);
            }
        }
        stripped(&bytes)
    };
    Ok((set(&|bit| bit < 128 && number >> bit & 1 != 0), set(&|_| true)))
}

/// Removes leading zeros.
fn stripped(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().skip_while(|b| *b == 0).collect()
}

/// Extends a number to `len` bytes with leading zeros, or cuts off its leading bytes.
fn fit(bytes: Vec<u8>, len: usize) -> Vec<u8> {
    let bytes = stripped(&bytes);
    let cut = bytes.len().saturating_sub(len);
    let mut fitted = vec![0; len.saturating_sub(bytes.len())];
    fitted.extend(bytes.get(cut..).unwrap_or_default());
    fitted
}

type ValueAndMask = (Vec<u8>, Option<Vec<u8>>);

fn parse(cx: &Context<'_>, field: Field, text: &str) -> Result<ValueAndMask, SyntaxError> {
    let both = match text.split_once('/') {
        Some((value, mask)) => bytes(value).zip(bytes(mask)).map(|(value, mask)| (value, Some(mask))),
        None => bytes(text).map(|value| (value, None)),
    };
    both.ok_or_else(|| {
        let message = format!("{text:?} is not a valid value for {}", field.info().name);
        cx.error(SyntaxErrorKind::Value, text, message)
            .help(format!("a number of up to {MAX_LEN} bytes, decimal or 0x…, perhaps with a /mask"))
    })
}

/// Parses a number of any length, without leading zeros.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) else {
        return token::integer(text).map(|number| stripped(&number.to_be_bytes()));
    };
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() && text.len() == 2 || digits.len() > 2 * MAX_LEN {
        return None;
    }
    let value = |b: u8| char::from(b).to_digit(16).and_then(|n| u8::try_from(n).ok());
    let padded = if digits.len() % 2 == 0 { digits.to_owned() } else { format!("0{digits}") };
    padded
        .as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(value(*high)? << 4 | value(*low)?),
            _ => None,
        })
        .collect()
}
