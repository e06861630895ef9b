//! The match half of a printed flow.

use flow_model::{FlowMatch, Masked, TunnelOption};
use ofproto::oxm::Field;

use super::super::matching::shorthand;
use crate::syntax::lex::names::Names;
use crate::syntax::matching::fields::{Fields, ICMP, ICMP6, IPV4, IPV6, TAGGED};
use crate::syntax::matching::{tunnel, value};

/// Prints the fields in the order of `ovs-ofctl`.
pub(super) fn print(matches: &FlowMatch, names: &dyn Names) -> String {
    use Field::*;
    let fields = Fields::of(matches);
    let mut out = MatchPrinter { fields: &fields, names, parts: Vec::new() };
    for field in [PktMark, RecircId, DpHash, ConjId, ActsetOutput, CtState, CtZone, CtMark, CtLabel] {
        out.field(field, field.info().name);
    }
    for field in [CtNwSrc, CtIpv6Src, CtNwDst, CtIpv6Dst, CtNwProto, CtTpSrc, CtTpDst] {
        out.field(field, field.info().name);
    }
    let packet_type = out.fields.place(PacketType).map(|bits| bits.value);
    if packet_type.is_some_and(|value| value != 0) {
        out.field(PacketType, "packet_type");
    }
    // A flow of Ethernet frames that matches none of their fields differs from one of any packets.
    // `ovs-ofctl` does not distinguish the two.
    let recirculated = out.fields.place(RecircId).is_some() && fields.names_ethernet();
    if fields.is_ethernet() && (recirculated || packet_type.is_some()) {
        out.parts.push("eth".to_owned());
    }
    // A packet type is sufficient.
    let short = fields.eth_type().filter(|_| fields.is_ethernet());
    let short = short.and_then(|eth_type| shorthand(eth_type, fields.protocol()));
    out.parts.extend(short.map(|(name, _)| name.to_owned()));
    for register in Field::REGISTERS {
        out.field(register, register.info().name);
    }
    for field in [TunId, TunSrc, TunDst, TunIpv6Src, TunIpv6Dst, TunGbpId, TunGbpFlags] {
        out.field(field, field.info().name);
    }
    // Print fields of another version than the matched one too; `ovs-ofctl` omits them.
    for field in [TunErspanVer, TunErspanIdx, TunErspanDir, TunErspanHwid] {
        out.field(field, field.info().name);
    }
    out.field(TunGtpuFlags, "gtpu_flags");
    out.field(TunGtpuMsgtype, "gtpu_msgtype");
    out.field(TunFlags, "tun_flags");
    for (option, bits) in matches.tunnel_options() {
        out.parts.push(tunnel_option(option, &bits));
    }
    out.field(Metadata, "metadata");
    out.field(InPortOxm, "in_port");
    out.vlan();
    out.field(EthSrc, "dl_src");
    out.field(EthDst, "dl_dst");
    if let Some(eth_type) = out.fields.place(EthType).filter(|_| short.is_none()) {
        out.parts.push(format!("dl_type=0x{:04x}", eth_type.value));
    }
    let arp = fields.is_arp();
    if fields.eth_type() == Some(IPV6) {
        out.field(Ipv6Src, "ipv6_src");
        out.field(Ipv6Dst, "ipv6_dst");
        out.label();
    } else {
        out.field(Ipv4Src, if arp { "arp_spa" } else { "nw_src" });
        out.field(Ipv4Dst, if arp { "arp_tpa" } else { "nw_dst" });
    }
    if !short.is_some_and(|(_, says_protocol)| says_protocol) {
        out.field(IpProto, if arp { "arp_op" } else { "nw_proto" });
    }
    if arp {
        out.field(ArpSha, "arp_sha");
        out.field(ArpTha, "arp_tha");
    }
    if let Some(dscp) = out.fields.place(IpDscpShifted) {
        out.parts.push(format!("nw_tos={}", dscp.value << 2));
    }
    out.field(IpEcn, "nw_ecn");
    out.field(IpTtl, "nw_ttl");
    out.field(MplsLabel, "mpls_label");
    out.field(MplsTc, "mpls_tc");
    out.field(MplsTtl, "mpls_ttl");
    out.field(MplsBos, "mpls_bos");
    // `ovs-ofctl` prints the contexts only beside the metadata format that has them.
    for field in [NshFlags, NshTtl, NshMdtype, NshNp, NshSpi, NshSi, NshC1, NshC2, NshC3, NshC4] {
        out.field(field, field.info().name);
    }
    out.field(IpFrag, "nw_frag");
    let icmp6 = fields.eth_type() == Some(IPV6) && fields.protocol() == Some(ICMP6);
    if icmp6 || fields.eth_type() == Some(IPV4) && fields.protocol() == Some(ICMP) {
        out.field(TcpSrc, "icmp_type");
        out.field(TcpDst, "icmp_code");
    } else {
        out.field(TcpSrc, "tp_src");
        out.field(TcpDst, "tp_dst");
    }
    if icmp6 {
        out.field(NdTarget, "nd_target");
        out.field(ArpSha, "nd_sll");
        out.field(ArpTha, "nd_tll");
        out.field(NdReserved, "nd_reserved");
        out.field(NdOptionsType, "nd_options_type");
    }
    out.field(TcpFlags, "tcp_flags");
    if matches.has_nameless() {
        out.parts.push("unknown_field".to_owned());
    }
    out.parts.join(",")
}

fn tunnel_option(option: Field, bits: &TunnelOption) -> String {
    let name = option.info().name;
    match &bits.mask {
        Some(mask) if mask.iter().all(|b| *b == 0) => name.to_owned(),
        Some(mask) if mask.iter().any(|b| *b != 0xff) => {
            format!("{name}={}/{}", tunnel::hex(&bits.value), tunnel::hex(mask))
        }
        _ => format!("{name}={}", tunnel::hex(&bits.value)),
    }
}

struct MatchPrinter<'a> {
    fields: &'a Fields,
    names: &'a dyn Names,
    parts: Vec<String>,
}

impl MatchPrinter<'_> {
    fn field(&mut self, field: Field, name: &str) {
        let Some(bits) = self.fields.place(field) else { return };
        let exact = bits.mask == field.info().exact();
        let text = match field {
            // Decimal numbers become hexadecimal with a mask.
            Field::TcpSrc | Field::TcpDst | Field::CtTpSrc | Field::CtTpDst | Field::TunGbpId if !exact => {
                format!("0x{:x}/0x{:x}", bits.value, bits.mask)
            }
            Field::NshC1 | Field::NshC2 | Field::NshC3 | Field::NshC4 if !exact => {
                format!("0x{:x}/0x{:x}", bits.value, bits.mask)
            }
            Field::NshSpi | Field::NshC1 | Field::NshC2 | Field::NshC3 | Field::NshC4 => {
                format!("0x{:x}", bits.value)
            }
            Field::RecircId if bits.value != 0 => format!("{:#x}", bits.value),
            // `ovs-ofctl` omits the masks of the first two; the others have none.
            Field::TunGbpFlags | Field::TunErspanIdx if !exact => {
                format!("{}/{}", value::hex(bits.value), value::hex(bits.mask))
            }
            Field::TunGbpFlags | Field::TunErspanIdx | Field::TunGtpuFlags | Field::TunErspanHwid => {
                value::hex(bits.value)
            }
            Field::TunGtpuMsgtype | Field::TunErspanVer | Field::TunErspanDir => bits.value.to_string(),
            Field::NshFlags if !exact => format!("0x{:02x}/0x{:02x}", bits.value, bits.mask),
            _ => value::print(field, bits, self.names),
        };
        self.parts.push(format!("{name}={text}"));
    }

    fn vlan(&mut self) {
        let Some(tci) = self.fields.place(Field::VlanTci) else { return };
        let Masked { value, mask } = tci;
        let (id, pcp) = (mask & 0xfff, mask & 0xe000);
        let whole = (id == 0 || id == 0xfff) && (pcp == 0 || pcp == 0xe000) && (id != 0 || pcp != 0);
        if value & mask & TAGGED != 0 && whole {
            if id != 0 {
                self.parts.push(format!("dl_vlan={}", value & 0xfff));
            }
            if pcp != 0 {
                self.parts.push(format!("dl_vlan_pcp={}", value >> 13));
            }
        } else if mask == 0xffff {
            self.parts.push(format!("vlan_tci=0x{value:04x}"));
        } else {
            self.parts.push(format!("vlan_tci=0x{value:04x}/0x{mask:04x}"));
        }
    }

    fn label(&mut self) {
        let Some(bits) = self.fields.place(Field::Ipv6Label) else { return };
        let mask = if bits.mask == Field::Ipv6Label.info().exact() {
            String::new()
        } else {
            format!("/0x{:05x}", bits.mask)
        };
        self.parts.push(format!("ipv6_label=0x{:05x}{mask}", bits.value));
    }
}
