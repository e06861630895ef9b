//! Values and masks of fields, in the format of each field.

use std::net::{Ipv4Addr, Ipv6Addr};

use flow_model::Masked;
use ofproto::oxm::{Field, Format};
use ofproto::{MacAddr, PortNo};

use crate::syntax::lex::names::{Names, PortWord, parse_port, print_port};
use crate::syntax::lex::token;

/// The reason why a value was refused.
pub(in crate::syntax) enum BadValue {
    /// A description in words.
    Words(String),
    /// A port name that does not exist.
    UnknownPort(String),
}

const TCP_FLAGS: &[&str] =
    &["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns", "[200]", "[400]", "[800]"];
const CT_STATES: &[&str] = &["new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"];
const TUN_FLAGS: &[&str] = &["oam"];

/// The values of `ip_frag`: bit 0 for any fragment, bit 1 for a later fragment.
const FRAGMENTS: &[(&str, u128, u128)] =
    &[("no", 0, 3), ("yes", 1, 1), ("first", 1, 3), ("later", 3, 3), ("not_later", 0, 2)];

fn flag_names(format: Format) -> &'static [&'static str] {
    match format {
        Format::TcpFlags => TCP_FLAGS,
        Format::CtState => CT_STATES,
        _ => TUN_FLAGS,
    }
}

/// Returns the bits of a field that have a meaning. Open vSwitch masks off all others.
pub(in crate::syntax) fn known_bits(field: Field) -> u128 {
    match field.info().format {
        format @ (Format::CtState | Format::TunFlags) => (1 << flag_names(format).len()) - 1,
        _ => field.info().exact(),
    }
}

/// Returns the bits of a value that a match counts, out of the bits in the bytes of its field.
pub(in crate::syntax) fn counted_bits(field: Field) -> u128 {
    if field == Field::ArpOp { 0xff } else { field.info().exact() }
}

/// Returns all bits of the bytes that a field fills.
pub(in crate::syntax) fn all_bytes(field: Field) -> u128 {
    u128::MAX >> (128 - 8 * field.info().bytes())
}

/// Returns whether Open vSwitch ignores surplus bits of the field in a match. It refuses those of
/// other fields.
fn is_cut(field: Field) -> bool {
    use Field::*;
    matches!(field, VlanVid | VlanPcp | MplsLabel | MplsTc | MplsBos | IpEcn | IpDscpShifted | ArpOp | NshSpi)
}

/// Reads a value for a field, with an optional mask. Bits outside the mask are cleared.
pub(in crate::syntax) fn parse(field: Field, text: &str, names: &dyn Names) -> Result<Masked, BadValue> {
    let bits = parse_bytes(field, text, names)?;
    let exact = field.info().exact();
    if bits.mask == all_bytes(field) && bits.value <= exact {
        return Ok(Masked { mask: exact, ..bits });
    }
    if bits.value > exact || bits.mask > exact {
        let (bits, name) = (field.info().bits, field.info().name);
        return Err(BadValue::Words(format!("{text:?} does not fit into the {bits} bits of {name}")));
    }
    Ok(bits)
}

/// Reads a value that may exceed its field, as Open vSwitch reads that of a match.
pub(in crate::syntax) fn parse_bytes(
    field: Field,
    text: &str,
    names: &dyn Names,
) -> Result<Masked, BadValue> {
    let info = field.info();
    if text == "*" {
        return Ok(Masked { value: 0, mask: 0 });
    }
    let bad = |message: String| BadValue::Words(message);
    let found = match info.format {
        Format::Dec | Format::Hex => with_mask(text, token::integer),
        Format::Ethernet => with_mask(text, token::mac),
        Format::Ipv4 => ip(text, ipv4, 32),
        Format::Ipv6 => ip(text, ipv6, 128),
        Format::Frag => fragment(text),
        Format::TcpFlags | Format::CtState | Format::TunFlags => flags(text, flag_names(info.format)),
        Format::OfpPort => return port(field, text, names),
        Format::PacketType => packet_type(text),
    };
    let Some((value, mask)) = found else {
        return Err(bad(format!("{text:?} is not a valid value for {}", info.name)));
    };
    let all = if is_cut(field) { all_bytes(field) } else { known_bits(field) };
    // Open vSwitch compares such a mask by whole bytes.
    let mask = match mask {
        None => all,
        Some(mask) if info.maskable || mask == 0 => mask,
        Some(mask) if mask == all_bytes(field) => all,
        Some(_) => return Err(bad(format!("{text:?}: {} cannot be masked", info.name))),
    };
    let most = if is_cut(field) { all } else { info.exact() };
    if value > most || mask > most {
        return Err(bad(format!("{text:?} does not fit into the {} bits of {}", info.bits, info.name)));
    }
    let flags = matches!(info.format, Format::CtState | Format::TunFlags);
    if flags && (value | mask) & !known_bits(field) != 0 {
        return Err(bad(format!("{text:?} has flags that {} does not know", info.name)));
    }
    if field == Field::NshMdtype && mask != 0 && !matches!(value, 1 | 2) {
        return Err(bad(format!("{text:?} is no format of NSH metadata: 1 or 2")));
    }
    if field == Field::NshTtl && value > 63 {
        return Err(bad(format!("{text:?} does not fit into the 6 bits of {}", info.name)));
    }
    Ok(Masked { value: value & mask, mask })
}

/// Returns an example of a valid value for a field.
pub(in crate::syntax) fn example(field: Field) -> &'static str {
    match field.info().format {
        Format::Dec | Format::Hex if field.info().maskable => {
            "a number, decimal or 0x…, perhaps with a /mask"
        }
        Format::Dec | Format::Hex => "a number, decimal or 0x…",
        Format::Ethernet => "a MAC address such as 00:11:22:33:44:55, perhaps with a /mask",
        Format::Ipv4 => "an IPv4 address such as 10.0.0.1, 10.0.0.0/24 or 10.0.0.0/255.255.255.0",
        Format::Ipv6 => "an IPv6 address such as fd00::1 or fd00::/64",
        Format::OfpPort => "a port's name or number, or LOCAL",
        Format::Frag => "no, yes, first, later or not_later",
        Format::TcpFlags => "flags such as +syn-ack, syn|ack or 0x2/0x12",
        Format::CtState => "states such as +trk+est",
        Format::TunFlags => "flags such as +oam",
        Format::PacketType => "(NAMESPACE,TYPE), such as (0,0) for Ethernet",
    }
}

fn with_mask(text: &str, parse: impl Fn(&str) -> Option<u128>) -> Option<(u128, Option<u128>)> {
    match text.split_once('/') {
        Some((value, mask)) => Some((parse(value)?, Some(parse(mask)?))),
        None => Some((parse(text)?, None)),
    }
}

fn ipv4(text: &str) -> Option<u128> {
    text.parse::<Ipv4Addr>().ok().map(|a| u128::from(a.to_bits()))
}

fn ipv6(text: &str) -> Option<u128> {
    text.parse::<Ipv6Addr>().ok().map(Ipv6Addr::to_bits)
}

/// Reads an address with a mask, or with a prefix length up to `bits`.
fn ip(text: &str, parse: fn(&str) -> Option<u128>, bits: u32) -> Option<(u128, Option<u128>)> {
    with_mask(text, |part| {
        parse(part).or_else(|| {
            // Only the part after the slash may be a prefix length.
            text.contains('/').then_some(())?;
            let length = part.parse::<u32>().ok().filter(|n| *n <= bits)?;
            Some(prefix_mask(length, bits))
        })
    })
    .filter(|_| text.split_once('/').is_none_or(|(address, _)| parse(address).is_some()))
}

fn prefix_mask(length: u32, bits: u32) -> u128 {
    let all = if bits == 128 { u128::MAX } else { (1 << bits) - 1 };
    all & !(all.checked_shr(length).unwrap_or(0))
}

/// Reads a packet type such as `(1,0x800)`.
fn packet_type(text: &str) -> Option<(u128, Option<u128>)> {
    let (namespace, kind) = text.strip_prefix('(')?.strip_suffix(')')?.split_once(',')?;
    let half = |text: &str| token::integer(text.trim()).filter(|n| *n <= 0xffff);
    Some((half(namespace)? << 16 | half(kind)?, None))
}

fn fragment(text: &str) -> Option<(u128, Option<u128>)> {
    let named = FRAGMENTS.iter().find(|(name, ..)| *name == text);
    named.map(|(_, value, mask)| (*value, Some(*mask))).or_else(|| {
        // Values without a name have a mask.
        with_mask(text, token::integer).filter(|(_, mask)| mask.is_some())
    })
}

/// Reads flags: `+syn-ack`, `syn|ack`, `0x2/0x12` or `0`.
fn flags(text: &str, names: &[&str]) -> Option<(u128, Option<u128>)> {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return with_mask(text, token::integer);
    }
    let bit = |name: &str| names.iter().position(|n| *n == name).map(|at| 1_u128 << at);
    if !text.starts_with(['+', '-']) {
        return text
            .split('|')
            .try_fold(0, |flags, name| Some(flags | bit(name)?))
            .map(|flags| (flags, None));
    }
    let (mut value, mut mask) = (0, 0);
    let mut left = text;
    while let Some(sign) = left.chars().next() {
        let body = left.get(1..)?;
        let (name, after) = body.split_at(body.find(['+', '-']).unwrap_or(body.len()));
        let bit = bit(name)?;
        // A flag cannot be both set and cleared.
        if mask & bit != 0 {
            return None;
        }
        mask |= bit;
        value |= if sign == '+' { bit } else { 0 };
        left = after;
    }
    Some((value, Some(mask)))
}

fn port(field: Field, text: &str, names: &dyn Names) -> Result<Masked, BadValue> {
    match parse_port(text, names) {
        PortWord::Unknown(name) => Err(BadValue::UnknownPort(name)),
        PortWord::OutOfRange => Err(BadValue::Words(format!("there is no port number {text}"))),
        PortWord::Port(port) if field == Field::InPort => port
            .to_u16()
            .map(|n| Masked::exact(field, u128::from(n)))
            .ok_or_else(|| BadValue::Words(format!("port {text} does not fit into 16 bits"))),
        PortWord::Port(port) => Ok(Masked::exact(field, u128::from(port.0))),
    }
}

/// Prints a value as `ovs-ofctl` does in `set_field` and `learn`.
pub(in crate::syntax) fn print(field: Field, bits: Masked, names: &dyn Names) -> String {
    let info = field.info();
    let exact = bits.mask == info.exact();
    let masked = |show: &dyn Fn(u128) -> String| {
        if exact { show(bits.value) } else { format!("{}/{}", show(bits.value), show(bits.mask)) }
    };
    match info.format {
        _ if matches!(field, Field::VlanVid | Field::CtZone) && exact => bits.value.to_string(),
        Format::Dec if exact => bits.value.to_string(),
        Format::Dec => format!("{}/{}", bits.value, hex(bits.mask)),
        Format::Hex => masked(&hex),
        Format::Ethernet => masked(&|bits| MacAddr::from_bits(bits).to_string()),
        Format::Ipv4 | Format::Ipv6 => address(info.format, u32::from(info.bits), bits),
        Format::OfpPort => print_port(port_number(field, bits.value), names),
        Format::PacketType => {
            let half = |n: u128| if n > 9 { hex(n) } else { n.to_string() };
            format!("({},{})", half(bits.value >> 16), half(bits.value & 0xffff))
        }
        Format::Frag => print_fragment(bits)
            .map_or_else(|| format!("{}/{}", hex(bits.value), hex(bits.mask)), str::to_owned),
        Format::TcpFlags | Format::CtState | Format::TunFlags => print_flags(field, bits),
    }
}

fn port_number(field: Field, value: u128) -> PortNo {
    if field == Field::InPort {
        u16::try_from(value).map_or(PortNo::ANY, PortNo::from_u16)
    } else {
        u32::try_from(value).map_or(PortNo::ANY, PortNo)
    }
}

/// Formats a number like C's `%#x`: zero has no prefix.
pub(in crate::syntax) fn hex(value: u128) -> String {
    if value == 0 { "0".to_owned() } else { format!("{value:#x}") }
}

/// Formats an IPv6 address like inet_ntop(3): the last 32 bits alone as an IPv4 address, unless
/// they are below 65536.
pub(in crate::syntax) fn ipv6_text(address: Ipv6Addr) -> String {
    match u32::try_from(address.to_bits()) {
        Ok(v4 @ 0x1_0000..) => format!("::{}", Ipv4Addr::from_bits(v4)),
        _ => address.to_string(),
    }
}

fn address(format: Format, width: u32, bits: Masked) -> String {
    let show = |value: u128| match u32::try_from(value) {
        Ok(v4) if format == Format::Ipv4 => Ipv4Addr::from_bits(v4).to_string(),
        _ => ipv6_text(Ipv6Addr::from_bits(value)),
    };
    let value = show(bits.value);
    let length = (bits.mask << (128 - width)).leading_ones();
    if length == width {
        value
    } else if prefix_mask(length, width) == bits.mask {
        format!("{value}/{length}")
    } else {
        format!("{value}/{}", show(bits.mask))
    }
}

/// Returns the name of a value in text. `ovs-ofctl` prints two more as "no" and "later", which have
/// other values when parsed.
fn print_fragment(bits: Masked) -> Option<&'static str> {
    FRAGMENTS.iter().find(|(_, value, mask)| bits == Masked { value: *value, mask: *mask }).map(|f| f.0)
}

fn print_flags(field: Field, bits: Masked) -> String {
    let format = field.info().format;
    let known = known_bits(field);
    if (bits.value | bits.mask) & !known != 0 && bits.mask != field.info().exact() {
        return format!("{}/{}", hex(bits.value), hex(bits.mask));
    }
    // A single flag is always "all", so Open vSwitch looks at unknown flags too.
    let counted = if format == Format::TunFlags { field.info().exact() } else { known };
    let all = bits.mask & counted == counted;
    let mut out = String::new();
    for (at, name) in flag_names(format).iter().enumerate() {
        let bit = 1_u128 << at;
        if all && bits.value & bit != 0 {
            out.push_str(if out.is_empty() { "" } else { "|" });
            out.push_str(name);
        } else if !all && bits.mask & bit != 0 {
            out.push(if bits.value & bit != 0 { '+' } else { '-' });
            out.push_str(name);
        }
    }
    if out.is_empty() { "0".to_owned() } else { out }
}
