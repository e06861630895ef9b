//! Nicira's messages: settings of a session, the TLV table, flushes of connections, and counters of
//! IPFIX.
//!
//! These are read field by field, not by the types of `ofproto`: Open vSwitch reports an error in
//! one field before it reads the next.

use std::net::Ipv6Addr;

use flow_model::Masked;
use ofproto::codec::Reader;
use ofproto::message::multipart::IpfixStats;
use ofproto::{OvsError, Wire as _};

use super::{MessagePrinter, Printed, property, put, text};

pub(super) fn role(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    const ROLES: [&str; 3] = ["equal", "primary", "secondary"];
    let role = usize::try_from(r.u32("nx_role.role")?).unwrap_or(usize::MAX);
    put!(out.text, " role={}", ROLES.get(role).ok_or(OvsError::Role)?);
    Ok(())
}

pub(super) fn flow_mod_table_id(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    let set = r.u8("flow_mod_table_id.set")?;
    out.text.push_str(if set == 0 { " disable" } else { " enable" });
    Ok(())
}

pub(super) fn packet_in_format(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    const FORMATS: [&str; 3] = ["standard", "nxt_packet_in", "nxt_packet_in2"];
    let format = usize::try_from(r.u32("packet_in_format.format")?).unwrap_or(usize::MAX);
    put!(out.text, " format={}", FORMATS.get(format).ok_or(OvsError::RequestPermission)?);
    Ok(())
}

pub(super) fn controller_id(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    r.skip(6, "controller_id.zero")?;
    put!(out.text, " id={}", r.u16("controller_id.controller_id")?);
    Ok(())
}

/// A tunnel option and the field that it is mapped to.
#[derive(Debug)]
struct Mapping {
    class: u16,
    kind: u8,
    len: u8,
    index: u16,
}

fn mappings(r: &mut Reader<'_>, max_fields: u16) -> Result<Vec<Mapping>, OvsError> {
    const MAX_LEN: u8 = 124;
    let mut mappings = Vec::new();
    while !r.is_empty() {
        let class = r.u16("tlv_map.option_class")?;
        let [kind, len] = r.array("tlv_map.option_type")?;
        let index = r.u16("tlv_map.index")?;
        r.skip(2, "tlv_map.pad")?;
        if !len.is_multiple_of(4) || len > MAX_LEN {
            return Err(OvsError::TlvLen);
        }
        if index >= max_fields {
            return Err(OvsError::TlvField);
        }
        mappings.push(Mapping { class, kind, len, index });
    }
    Ok(mappings)
}

pub(super) fn tlv_table_mod(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    const COMMANDS: [&str; 3] = ["ADD", "DEL", "CLEAR"];
    const FIELDS: u16 = 64;
    let command = usize::from(r.u16("tlv_table_mod.command")?);
    r.skip(6, "tlv_table_mod.pad")?;
    let command = COMMANDS.get(command).ok_or(OvsError::TlvCommand)?;
    let mappings = mappings(r, FIELDS)?;
    put!(out.text, "\n {command}");
    if *command != "CLEAR" {
        print_mappings(&mut out.text, &mappings);
    }
    Ok(())
}

pub(super) fn tlv_table_reply(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    let max_space = r.u32("tlv_table_reply.max_option_space")?;
    let max_fields = r.u16("tlv_table_reply.max_fields")?;
    r.skip(10, "tlv_table_reply.reserved")?;
    let mappings = mappings(r, max_fields)?;
    let allocated: u64 = mappings.iter().map(|mapping| u64::from(mapping.len)).sum();
    put!(
        out.text,
        "\n max option space={max_space} max fields={max_fields}\n allocated option space={allocated}\n\n"
    );
    print_mappings(&mut out.text, &mappings);
    Ok(())
}

fn print_mappings(out: &mut String, mappings: &[Mapping]) {
    out.push_str(
        " mapping table:\n  class  type  length  match field\n ------  ----  ------  --------------",
    );
    for mapping in mappings {
        let class = text::c_hex(mapping.class);
        let kind = text::c_hex(mapping.kind);
        put!(out, "\n {class:>6}  {kind:>4}  {:>6}  tun_metadata{}", mapping.len, mapping.index);
    }
}

pub(super) fn ct_flush_zone(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    r.skip(6, "ct_flush_zone.zero")?;
    put!(out.text, " zone_id={}", r.u16("ct_flush_zone.zone_id")?);
    Ok(())
}

/// One direction of a connection.
#[derive(Debug, Default)]
struct Tuple {
    source: u128,
    destination: u128,
    /// The source port, or the ICMP id.
    from: u16,
    /// The destination port, or ICMP code and type. Open vSwitch keeps both in one place.
    to: [u8; 2],
}

/// The address family of a flush, as far as its addresses determine it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Ipv4,
    Ipv6,
}

pub(super) fn ct_flush(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    let protocol = r.u8("ct_flush.ip_proto")?;
    if r.bytes(7, "ct_flush.pad")? != [0; 7] {
        return Err(OvsError::MustBeZero);
    }
    let (mut original, mut reply) = (Tuple::default(), Tuple::default());
    let (mut family, mut zone) = (None, 0);
    let (mut mark, mut labels) = (NOTHING, NOTHING);
    while !r.is_empty() {
        match property::next(r)? {
            (0, body) => read_tuple(body, &mut original, &mut family)?,
            (1, body) => read_tuple(body, &mut reply, &mut family)?,
            (2, body) => zone = property::u16(body)?,
            (3, body) => selected(&mut mark, property::u32(body)?.into(), u32::MAX.into()),
            (4, body) => mark.mask = property::u32(body)?.into(),
            (5, body) => selected(&mut labels, property::u128(body)?, u128::MAX),
            (6, body) => labels.mask = property::u128(body)?,
            (kind, _) => return Err(property::unknown(kind)),
        }
    }
    put!(out.text, " zone={zone}");
    for (name, bits, exact) in [("mark", mark, u32::MAX.into()), ("labels", labels, u128::MAX)] {
        match bits.mask {
            0 => {}
            mask if mask == exact => put!(out.text, " {name}={}", text::c_hex(bits.value)),
            mask => put!(out.text, " {name}={}/{}", text::c_hex(bits.value), text::c_hex(mask)),
        }
    }
    out.text.push_str(" '");
    print_tuple(&mut out.text, &original, protocol, family);
    put!(out.text, ",ct_nw_proto={protocol}' '");
    print_tuple(&mut out.text, &reply, protocol, family);
    out.text.push('\'');
    Ok(())
}

/// A match on no bits.
const NOTHING: Masked = Masked { value: 0, mask: 0 };

/// Stores a value that selects connections. It applies to all bits, unless a non-zero mask was
/// given.
fn selected(bits: &mut Masked, value: u128, exact: u128) {
    bits.value = value;
    if bits.mask == 0 {
        bits.mask = exact;
    }
}

fn read_tuple(body: Reader<'_>, tuple: &mut Tuple, family: &mut Option<Family>) -> Printed {
    let mut properties = property::nested(body)?;
    while !properties.is_empty() {
        match property::next(&mut properties)? {
            (0, body) => tuple.source = address(body, family)?,
            (1, body) => tuple.destination = address(body, family)?,
            (2 | 4, body) => tuple.from = property::u16(body)?,
            (3, body) => tuple.to = property::u16(body)?.to_be_bytes(),
            (5, body) => tuple.to[1] = property::u8(body)?,
            (6, body) => tuple.to[0] = property::u8(body)?,
            (kind, _) => return Err(property::unknown(kind)),
        }
    }
    Ok(())
}

fn address(mut body: Reader<'_>, family: &mut Option<Family>) -> Result<u128, OvsError> {
    let address = body.array("ct_tuple.address").map_err(|_| OvsError::PropertyLen)?;
    let found = match Ipv6Addr::from(address) {
        Ipv6Addr::UNSPECIFIED => None,
        address if address.to_ipv4_mapped().is_some() => Some(Family::Ipv4),
        _ => Some(Family::Ipv6),
    };
    if family.is_some() && found.is_some() && *family != found {
        return Err(OvsError::PropertyValue);
    }
    *family = found;
    Ok(u128::from_be_bytes(address))
}

fn print_tuple(out: &mut String, tuple: &Tuple, protocol: u8, family: Option<Family>) {
    let kind = if family == Some(Family::Ipv4) { "nw" } else { "ipv6" };
    for (name, address) in [("src", tuple.source), ("dst", tuple.destination)] {
        let address = Ipv6Addr::from(address);
        let comma = if name == "src" { "" } else { "," };
        match address.to_ipv4_mapped() {
            Some(mapped) => put!(out, "{comma}ct_{kind}_{name}={}", mapped),
            None => put!(out, "{comma}ct_{kind}_{name}={address}"),
        }
    }
    let (from, [code, kind]) = (tuple.from, tuple.to);
    if matches!(protocol, 1 | 58) {
        put!(out, ",icmp_id={from},icmp_type={kind},icmp_code={code}");
    } else {
        put!(out, ",ct_tp_src={from},ct_tp_dst={}", u16::from_be_bytes(tuple.to));
    }
}

pub(super) fn ipfix_bridge(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    let stats = IpfixStats::decode(r)?;
    out.text.push_str("\n  bridge ipfix: ");
    ipfix(&mut out.text, &stats, 16);
    Ok(())
}

pub(super) fn ipfix_flow(out: &mut MessagePrinter<'_>, r: &mut Reader<'_>) -> Printed {
    const LEN: usize = 88;
    put!(out.text, " {} ids\n", r.remaining() / LEN);
    while !r.is_empty() {
        let stats = IpfixStats::decode(r)?;
        put!(out.text, "  id {:>3}: ", stats.collector_set_id);
        ipfix(&mut out.text, &stats, 10);
    }
    Ok(())
}

fn ipfix(out: &mut String, stats: &IpfixStats, indent: usize) {
    text::counters(
        out,
        &[
            ("flows", stats.total_flows),
            ("current flows", stats.current_flows),
            ("sampled pkts", stats.packets),
            ("ipv4 ok", stats.ipv4_packets),
            ("ipv6 ok", stats.ipv6_packets),
            ("tx pkts", stats.tx_packets),
        ],
    );
    put!(out, "{:indent$}", "");
    text::counters(
        out,
        &[
            ("pkts errs", stats.error_packets),
            ("ipv4 errs", stats.ipv4_error_packets),
            ("ipv6 errs", stats.ipv6_error_packets),
            ("tx errs", stats.tx_errors),
        ],
    );
}
