//! Sets of packets: the diagram of a match, and the packets that there are.

use bdd::{Bdd, Diagrams, Replacement, Variable};
use flow_model::FlowMatch;
use ofproto::oxm::Field;
use ofproto::{PortNo, ethertype, ip_protocol};

use super::layout::{self, IN_PORT, INNER_TAG, literals, slot};
use super::ports::PortClasses;
use super::registers::Concrete;
use crate::verify::interp::VLAN_PRESENT;

/// In ip_frag: a later fragment.
const LATER: u128 = 3;

/// The fields that a lookup sees as zero in fragments (ovs-fields(7), "IPv4 and IPv6 fragments").
const HIDDEN: [Field; 10] = [
    Field::TcpSrc,
    Field::TcpDst,
    Field::UdpSrc,
    Field::UdpDst,
    Field::SctpSrc,
    Field::SctpDst,
    Field::Icmpv4Type,
    Field::Icmpv4Code,
    Field::Icmpv6Type,
    Field::Icmpv6Code,
];

/// Returns whether a fragment's value of the field is hidden from lookups.
pub(super) fn is_hidden(field: Field) -> bool {
    HIDDEN.contains(&field)
}

/// Returns the packets whose field has a value under a mask.
pub(super) fn having(diagrams: &mut Diagrams, field: Field, value: u128, mask: u128) -> Bdd {
    slot(field).map_or(Bdd::TRUE, |slot| diagrams.cube(literals(slot, value, mask)))
}

/// Returns the packets with a value in a field.
pub(super) fn exactly(diagrams: &mut Diagrams, field: Field, value: u128) -> Bdd {
    having(diagrams, field, value, field.info().exact())
}

/// Returns the packets that came in at a port.
pub(super) fn from_port(diagrams: &mut Diagrams, port: PortNo) -> Bdd {
    match port.to_u16() {
        Some(port) => diagrams.cube(literals(IN_PORT, port.into(), 0xffff)),
        None => Bdd::FALSE,
    }
}

/// Returns the packets that a lookup finds to match. Concrete registers are left out.
pub(super) fn matching(
    diagrams: &mut Diagrams,
    matches: &FlowMatch,
    concrete: Concrete,
    classes: &PortClasses,
) -> Bdd {
    let mut all: Vec<(Variable, bool)> = Vec::new();
    let mut plain: Vec<(Variable, bool)> = Vec::new();
    let (mut hides, mut admits_zero) = (false, true);
    for (field, bits) in matches.iter() {
        // Every packet here is an Ethernet frame, and an action set that the engine has not executed
        // yet has no output.
        if concrete.has(field) || matches!(field, Field::PacketType | Field::ActsetOutput | Field::ConjId) {
            continue;
        }
        if matches!(field, Field::InPortOxm | Field::InPort) {
            let port = u32::try_from(bits.value).ok().map(|port| classes.representative(PortNo(port)));
            let Some(port) = port.and_then(PortNo::to_u16) else {
                return Bdd::FALSE;
            };
            all.extend(literals(IN_PORT, port.into(), 0xffff));
            plain.extend(literals(IN_PORT, port.into(), 0xffff));
            continue;
        }
        let Some(slot) = slot(field) else { continue };
        all.extend(literals(slot, bits.value, bits.mask));
        if is_hidden(field) {
            hides = true;
            admits_zero &= bits.value == 0;
        } else {
            plain.extend(literals(slot, bits.value, bits.mask));
        }
    }
    let whole = diagrams.cube(all);
    if !hides {
        return whole;
    }
    let fragments = if admits_zero { diagrams.cube(plain) } else { Bdd::FALSE };
    by_fragment(diagrams, whole, fragments)
}

/// Returns the packets of one set that are no fragments, and those of another that are.
pub(super) fn by_fragment(diagrams: &mut Diagrams, whole: Bdd, fragments: Bdd) -> Bdd {
    let no_fragment = exactly(diagrams, Field::IpFrag, 0);
    let whole = diagrams.and(whole, no_fragment);
    let fragments = diagrams.difference(fragments, no_fragment);
    diagrams.or(whole, fragments)
}

/// Returns a set of packets as lookups see fragments of it: their ports count as zero.
pub(super) fn with_hidden_ports(diagrams: &mut Diagrams, set: Bdd) -> Bdd {
    let zero = HIDDEN.iter().flat_map(|field| layout::whole(*field));
    let zero: Vec<_> = zero.map(|variable| (variable, Replacement::Constant(false))).collect();
    let substitution = diagrams.substitution(zero);
    let fragments = diagrams.replace(set, substitution);
    by_fragment(diagrams, set, fragments)
}

/// Returns packets as a lookup sees them: fragments have ports of zero.
pub(super) fn as_looked_up(diagrams: &mut Diagrams, set: Bdd) -> Bdd {
    let ports: Vec<Variable> = HIDDEN.iter().flat_map(|field| layout::whole(*field)).collect();
    let zero = diagrams.cube(ports.iter().map(|port| (*port, false)));
    let ports = diagrams.set(ports);
    let any_port = diagrams.exists(set, ports);
    let fragments = diagrams.and(any_port, zero);
    by_fragment(diagrams, set, fragments)
}

/// Returns the packets that have a field. An action on a field that a packet lacks has no effect.
pub(super) fn present(diagrams: &mut Diagrams, field: Field) -> Bdd {
    let family = |diagrams: &mut Diagrams, of: u16| exactly(diagrams, Field::EthType, of.into());
    let protocol = |diagrams: &mut Diagrams, of: u8| {
        let (v4, v6) = (family(diagrams, ethertype::IPV4), family(diagrams, ethertype::IPV6));
        let ip = diagrams.or(v4, v6);
        let of = exactly(diagrams, Field::IpProto, of.into());
        let later = exactly(diagrams, Field::IpFrag, LATER);
        let of = diagrams.and(ip, of);
        diagrams.difference(of, later)
    };
    match field {
        Field::Ipv4Src | Field::Ipv4Dst => family(diagrams, ethertype::IPV4),
        Field::Ipv6Src | Field::Ipv6Dst | Field::Ipv6Label => family(diagrams, ethertype::IPV6),
        Field::ArpOp | Field::ArpSpa | Field::ArpTpa | Field::ArpSha | Field::ArpTha => {
            family(diagrams, ethertype::ARP)
        }
        Field::IpProto
        | Field::IpDscp
        | Field::IpDscpShifted
        | Field::IpEcn
        | Field::IpTtl
        | Field::IpFrag => {
            let (v4, v6) = (family(diagrams, ethertype::IPV4), family(diagrams, ethertype::IPV6));
            diagrams.or(v4, v6)
        }
        Field::TcpSrc | Field::TcpDst | Field::TcpFlags => protocol(diagrams, ip_protocol::TCP),
        Field::UdpSrc | Field::UdpDst => protocol(diagrams, ip_protocol::UDP),
        Field::SctpSrc | Field::SctpDst => protocol(diagrams, ip_protocol::SCTP),
        Field::Icmpv4Type | Field::Icmpv4Code => {
            let (v4, icmp) = (family(diagrams, ethertype::IPV4), protocol(diagrams, ip_protocol::ICMP));
            diagrams.and(v4, icmp)
        }
        Field::Icmpv6Type | Field::Icmpv6Code | Field::NdTarget | Field::NdSll | Field::NdTll => {
            let (v6, icmp) = (family(diagrams, ethertype::IPV6), protocol(diagrams, ip_protocol::ICMPV6));
            diagrams.and(v6, icmp)
        }
        Field::VlanPcp => having(diagrams, Field::VlanVid, VLAN_PRESENT, VLAN_PRESENT),
        _ => Bdd::TRUE,
    }
}

/// Returns the packets that can come in at a port: a frame without a tag has no VLAN id and no
/// priority, and only a later fragment of IPv6 has the fragment header's protocol. Registers are
/// zero.
pub(super) fn well_formed(diagrams: &mut Diagrams, concrete: Concrete) -> Bdd {
    let tagged = having(diagrams, Field::VlanVid, VLAN_PRESENT, VLAN_PRESENT);
    let no_tag = exactly(diagrams, Field::VlanVid, 0);
    let no_priority = exactly(diagrams, Field::VlanPcp, 0);
    let untagged = diagrams.and(no_tag, no_priority);
    let tags = diagrams.or(tagged, untagged);
    let no_inner_tag = diagrams.cube(literals(INNER_TAG, 0, 0xffff));
    let no_ct = exactly(diagrams, Field::CtState, 0);
    let registers = diagrams.cube(concrete.variables().map(|variable| (variable, false)));
    let fragment = {
        let not_two = having(diagrams, Field::IpFrag, 2, 3);
        let v6 = exactly(diagrams, Field::EthType, ethertype::IPV6.into());
        let later = exactly(diagrams, Field::IpFrag, LATER);
        let header = exactly(diagrams, Field::IpProto, ip_protocol::FRAGMENT.into());
        let differ = diagrams.differ(later, header);
        let wrong = diagrams.and(v6, differ);
        let wrong = diagrams.or(wrong, not_two);
        diagrams.not(wrong)
    };
    [tags, no_inner_tag, no_ct, registers, fragment]
        .into_iter()
        .fold(Bdd::TRUE, |all, one| diagrams.and(all, one))
}
