//! The match half of a line.

pub(in crate::syntax) mod field;
pub(in crate::syntax) mod fields;
pub(in crate::syntax) mod oxm;
pub(in crate::syntax) mod suggest;
pub(in crate::syntax) mod tunnel;
pub(in crate::syntax) mod value;

use std::collections::BTreeMap;

use flow_model::{FlowMatch, Masked, TunnelOption};
use ofproto::oxm::{Field, Format};

use super::Context;
use super::protocols::Protocols;
use crate::syntax::lex::error::{SyntaxError, SyntaxErrorKind};
use crate::syntax::lex::names::Names;
use crate::syntax::lex::token;
use crate::syntax::lex::token::KeyValue;
use crate::syntax::matching::fields::{Fields, TAGGED};
use crate::syntax::matching::value::BadValue;

/// The shorthands for an Ethernet type with an optional protocol.
const PROTOCOLS: &[(&str, u128, Option<u128>)] = &[
    ("ip", fields::IPV4, None),
    ("ipv4", fields::IPV4, None),
    ("ip4", fields::IPV4, None),
    ("icmp", fields::IPV4, Some(fields::ICMP)),
    ("tcp", fields::IPV4, Some(fields::TCP)),
    ("udp", fields::IPV4, Some(fields::UDP)),
    ("sctp", fields::IPV4, Some(fields::SCTP)),
    ("ipv6", fields::IPV6, None),
    ("ip6", fields::IPV6, None),
    ("icmp6", fields::IPV6, Some(fields::ICMP6)),
    ("tcp6", fields::IPV6, Some(fields::TCP)),
    ("udp6", fields::IPV6, Some(fields::UDP)),
    ("sctp6", fields::IPV6, Some(fields::SCTP)),
    ("arp", fields::ARP, None),
    ("rarp", fields::RARP, None),
    ("mpls", fields::MPLS, None),
    ("mplsm", fields::MPLS_MULTICAST, None),
];

/// Returns the shorthand of a match, and whether it implies the protocol.
pub(super) fn shorthand(eth_type: u128, protocol: Option<u128>) -> Option<(&'static str, bool)> {
    let find = |protocol| PROTOCOLS.iter().find(|p| p.1 == eth_type && p.2 == protocol).map(|p| p.0);
    protocol
        .and_then(|protocol| find(Some(protocol)).map(|name| (name, true)))
        .or_else(|| find(None).map(|name| (name, false)))
}

/// Returns the shorthands, for suggestions.
pub(super) fn shorthand_names() -> impl Iterator<Item = &'static str> {
    PROTOCOLS.iter().map(|(name, ..)| *name)
}

/// The match being read.
#[derive(Default)]
pub(super) struct MatchReader<'a> {
    fields: Fields,
    options: BTreeMap<Field, TunnelOption>,
    /// True if a field of Ethernet packets was named.
    ethernet: bool,
    /// The last word that set each place, for warnings.
    words: Vec<(Field, &'a str)>,
}

impl<'a> MatchReader<'a> {
    /// Takes a pair if it belongs to a match.
    pub(super) fn take(&mut self, cx: &Context<'a>, pair: KeyValue<'a>) -> Result<bool, SyntaxError> {
        if let Some((_, eth_type, protocol)) = PROTOCOLS.iter().find(|p| p.0 == pair.key) {
            if let Some(text) = pair.value {
                return Err(cx
                    .error(SyntaxErrorKind::Syntax, text, format!("{} takes no value", pair.key))
                    .help("a field such as nw_proto=6 or tp_dst=80 has one"));
            }
            self.ethernet = true;
            self.fields.set(Field::EthType, Masked::exact(Field::EthType, *eth_type));
            if let Some(protocol) = protocol {
                self.fields.set(Field::IpProto, Masked::exact(Field::IpProto, *protocol));
            }
            return Ok(true);
        }
        match pair.key {
            "eth" => {
                self.ethernet = true;
                Ok(true)
            }
            "dl_vlan" => self.vlan_id(cx, pair).map(|()| true),
            name => match field::by_name(name) {
                Some(field) if field.tun_metadata().is_some() => {
                    self.options.insert(field, tunnel::matched(cx, field, pair.text())?);
                    cx.narrow(Protocols::setting(field));
                    Ok(true)
                }
                Some(field) => self.field(cx, field, pair).map(|()| true),
                None if name.contains('[') => self.bits(cx, pair).map(|()| true),
                None => Ok(false),
            },
        }
    }

    fn field(&mut self, cx: &Context<'a>, field: Field, pair: KeyValue<'a>) -> Result<(), SyntaxError> {
        let text = required(cx, pair)?;
        let bits = cx.matched_value(field, text)?;
        self.ethernet |= field == Field::PacketType && bits.mask != 0 || field.is_header();
        cx.narrow(Protocols::of_field(field, bits));
        self.fields.set(field, bits);
        self.words.push((field, pair.key));
        Ok(())
    }

    /// Reads `dl_vlan=9`, which implies "tagged"; 0xffff is "not tagged".
    fn vlan_id(&mut self, cx: &Context<'a>, pair: KeyValue<'a>) -> Result<(), SyntaxError> {
        let text = required(cx, pair)?;
        // A mask is all or nothing here.
        let (id, mask) = match text.split_once('/') {
            Some((id, mask)) => (id, token::integer(mask).filter(|mask| matches!(mask, 0 | 0xffff))),
            None => (text, Some(0xffff)),
        };
        let bits = match token::integer(id).filter(|id| *id <= 0xffff).zip(mask) {
            _ if text == "*" => Masked { value: 0, mask: 0 },
            Some((_, 0)) => Masked { value: 0, mask: 0 },
            Some((0xffff, _)) => Masked { value: 0, mask: 0x1fff },
            Some((id, _)) => {
                let kept = id & 0xfff;
                if kept != id {
                    cx.warn(text, format!("{text} is not a VLAN id: its lower 12 bits, {kept}, are matched"));
                }
                Masked { value: kept | TAGGED, mask: 0x1fff }
            }
            None => {
                return Err(cx
                    .error(SyntaxErrorKind::Value, text, format!("{text:?} is not a valid value for dl_vlan"))
                    .help("a VLAN id from 0 to 4095, or 0xffff for untagged frames"));
            }
        };
        self.ethernet = true;
        self.fields.set(Field::VlanVid, bits);
        self.words.push((Field::VlanVid, pair.key));
        Ok(())
    }

    /// Reads `reg0[0..15]=5`.
    fn bits(&mut self, cx: &Context<'a>, pair: KeyValue<'a>) -> Result<(), SyntaxError> {
        let target = cx.subfield(pair.key)?;
        let text = required(cx, pair)?;
        if target.field.tun_metadata().is_some() {
            self.options.insert(target.field, tunnel::matched_bits(cx, target, text)?);
            cx.narrow(Protocols::setting(target.field));
            return Ok(());
        }
        let Some(number) = token::integer(text) else {
            return Err(cx
                .error(SyntaxErrorKind::Syntax, text, format!("{text:?} is not a number"))
                .help("bits of a field are given as a number, decimal or 0x…"));
        };
        let ones = field::ones(target.n_bits);
        if number > ones {
            let message = format!("{text:?} does not fit into {} bits", target.n_bits);
            return Err(cx.error(SyntaxErrorKind::Value, text, message));
        }
        if !target.field.info().maskable && u32::from(target.n_bits) < u32::from(target.field.info().bits) {
            let message = format!("{}: {} cannot be masked", pair.key, target.field.info().name);
            return Err(cx.error(SyntaxErrorKind::Value, pair.key, message));
        }
        self.ethernet |= target.field.is_header();
        let bits = Masked { value: number << target.ofs, mask: ones << target.ofs };
        cx.narrow(Protocols::of_field(target.field, bits));
        self.fields.set_bits(target.field, bits);
        self.words.push((target.field, pair.key));
        Ok(())
    }

    /// Returns the fields read so far.
    pub(super) fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Returns the match, and warns about every field that is not matched because its prerequisites
    /// are missing.
    pub(super) fn finish(&self, cx: &Context<'a>) -> Result<FlowMatch, SyntaxError> {
        let fields = &self.fields;
        if let Some(problem) = fields.vlan_problem() {
            return Err(self.problem(cx, Field::VlanTci, problem));
        }
        for (place, bits) in fields.iter() {
            let Some(field) = fields.meaning(place).filter(|_| !fields.is_left_out(place)) else {
                // The only fields that are refused rather than omitted.
                if place.info().name.starts_with("nsh_") {
                    return Err(self.problem(cx, place, "needs dl_type=0x894f beside it"));
                }
                if matches!(place, Field::EthSrc | Field::EthDst | Field::EthType | Field::VlanTci) {
                    return Err(self.problem(
                        cx,
                        place,
                        "belongs to Ethernet packets, and packet_type names others",
                    ));
                }
                self.warn_not_matched(cx, place);
                continue;
            };
            if fields::is_transport(field) && fields.is_later_fragment() {
                return Err(self.problem(
                    cx,
                    place,
                    "is in the first fragment of a packet, and later ones are matched",
                ));
            }
            if let Some(problem) = fields.tracking_problem(field) {
                return Err(self.problem(cx, place, problem));
            }
            // An ICMP type given as tp_src may exceed its width.
            let (all, narrow) = (place.info().exact(), field.info().exact());
            if bits.mask != all && !field.info().maskable || bits.mask == all && bits.value > narrow {
                return Err(self.problem(cx, place, "does not fit its field in this match"));
            }
        }
        let mut matches = fields.to_match();
        for (option, bits) in &self.options {
            matches.set_tunnel_option(*option, bits);
        }
        Ok(matches)
    }

    /// Returns the match of a flow or of a request for flows. Like Open vSwitch, it names Ethernet
    /// if no other field implies it.
    pub(super) fn finish_flow(&self, cx: &Context<'a>) -> Result<FlowMatch, SyntaxError> {
        let mut matches = self.finish(cx)?;
        matches.say_ethernet(self.ethernet && self.fields.is_ethernet());
        Ok(matches)
    }

    /// Returns the word that set a place, if it was a field.
    pub(super) fn word(&self, place: Field) -> Option<&'a str> {
        let same = |field: Field| fields::place(field) == place;
        self.words.iter().rev().find(|(field, _)| same(*field)).map(|(_, word)| *word)
    }

    fn problem(&self, cx: &Context<'a>, place: Field, problem: &str) -> SyntaxError {
        let word = self.word(place).unwrap_or(cx.line);
        let name = self.word(place).unwrap_or_else(|| place.info().name);
        cx.error(SyntaxErrorKind::Inconsistent, word, format!("{name} {problem}"))
    }

    fn warn_not_matched(&self, cx: &Context<'a>, place: Field) {
        let name = self.word(place).unwrap_or_else(|| place.info().name);
        cx.warn(name, format!("{name} is not matched: {}", wanted(place)));
    }
}

/// Returns the prerequisites of a place, as text.
fn wanted(place: Field) -> &'static str {
    match place {
        Field::Ipv4Src | Field::Ipv4Dst => "it needs ip or arp",
        Field::Ipv6Src | Field::Ipv6Dst | Field::Ipv6Label => "it needs ipv6",
        Field::TcpSrc | Field::TcpDst => "it needs a protocol that has it, such as tcp, udp or icmp",
        Field::TcpFlags => "it needs tcp or tcp6",
        Field::CtNwProto | Field::CtTpSrc | Field::CtTpDst => "it needs a ct_nw_proto other than 0",
        Field::MplsLabel | Field::MplsTc | Field::MplsBos | Field::MplsTtl => "it needs mpls",
        Field::ArpSha | Field::ArpTha => "it needs arp, or icmp6 with icmp_type=135 or 136",
        Field::NdTarget => "it needs icmp6 with icmp_type=135 or 136",
        Field::NdReserved | Field::NdOptionsType => "it needs icmp6 with icmp_type=135 or 136",
        Field::IpProto | Field::IpDscpShifted | Field::IpEcn | Field::IpTtl | Field::IpFrag => {
            "it needs ip or ipv6"
        }
        _ => "its prerequisites are missing",
    }
}

fn required<'a>(cx: &Context<'a>, pair: KeyValue<'a>) -> Result<&'a str, SyntaxError> {
    match pair.value {
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(cx.error(SyntaxErrorKind::Syntax, pair.key, format!("{} needs a value", pair.key))),
    }
}

impl<'a> Context<'a> {
    /// Reads a value of a field.
    pub(super) fn value(&self, field: Field, text: &'a str) -> Result<Masked, SyntaxError> {
        self.read_value(field, text, value::parse)
    }

    /// Reads a value of a match. For some fields Open vSwitch accepts as many bits as their bytes
    /// have, and matches those of the field.
    fn matched_value(&self, field: Field, text: &'a str) -> Result<Masked, SyntaxError> {
        let bits = self.read_value(field, text, value::parse_bytes)?;
        let mask = bits.mask & field.info().exact();
        let cut = Masked { value: bits.value & value::counted_bits(field), mask };
        if cut.value != bits.value || mask != bits.mask && bits.mask != value::all_bytes(field) {
            let kept = value::print(field, cut, self.names);
            let message = format!("{text} has more bits than {}: {kept} is matched", field.info().name);
            self.warn(text, message);
        }
        Ok(cut)
    }

    fn read_value(
        &self,
        field: Field,
        text: &'a str,
        parse: fn(Field, &str, &dyn Names) -> Result<Masked, BadValue>,
    ) -> Result<Masked, SyntaxError> {
        if field.info().format == Format::OfpPort {
            self.warn_of_old_port(text);
        }
        parse(field, text, self.names).map_err(|bad| match bad {
            BadValue::Words(message) => {
                self.error(SyntaxErrorKind::Value, text, message).help(value::example(field))
            }
            BadValue::UnknownPort(name) => self.unknown_port(text, name),
        })
    }
}
