//! Strategies for actions that a switch holds and that `ovs-ofctl` prints in part only, or does not
//! read back.

use bytes::Bytes;
use ofproto::action::{
    Action, Bundle, CT_COMMIT, Ct, CtZone, Encap, EncapProp, Learn, LearnSpec, LearnSrc, NAT_DST, NAT_HASH,
    NAT_PERSISTENT, NAT_SRC, Nat, NatAddresses, PACKET_ETHERNET, PACKET_MPLS, PACKET_MPLS_MC, PACKET_NSH,
    Subfield, ToController,
};
use ofproto::oxm::{Field, Oxm};
use ofproto::{Cookie, PortNo, TableId};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::parts::{set, subfield, table};

/// Generates an action for any packet, or one for packets that may not match the flow, which a
/// switch refuses.
pub(super) fn action() -> BoxedStrategy<Action> {
    let nat = (select(vec![0, NAT_SRC, NAT_DST]), select(vec![0, NAT_HASH, NAT_PERSISTENT]))
        .prop_map(|(side, flags)| Nat { flags: if side == 0 { 0 } else { side | flags }, ..Nat::default() });
    let range =
        (1..9_u32, prop::option::of(1..9_u32), prop::option::of((1..9_u16, prop::option::of(1..9_u16))))
            .prop_map(|(first, last, ports)| Nat {
                flags: NAT_SRC,
                addresses: NatAddresses::V4(first.into(), last.map(Into::into)),
                ports,
            });
    let alg = prop_oneof![Just(0), any::<u16>()];
    let ct = (vec(prop_oneof![nat, range], 0..3), alg).prop_map(|(nats, alg)| {
        let actions = nats.into_iter().map(Action::Nat).collect();
        Action::Ct(Box::new(Ct { flags: CT_COMMIT, zone: CtZone::Immediate(0), table: None, alg, actions }))
    });
    let controller = (any::<u16>(), any::<u16>(), any::<u8>(), vec(any::<u8>(), 0..3), any::<bool>())
        .prop_map(|(max_len, id, reason, userdata, plain)| {
            // Without further arguments, the text equals that of an output.
            let (controller_id, reason) = if plain { (id | 1, 1) } else { (id | 1, reason) };
            let userdata = Bytes::from(userdata);
            let to = ToController {
                max_len,
                controller_id,
                reason: ofproto::PacketInReason(reason),
                userdata,
                pause: false,
                meter: None,
            };
            Action::Controller(Box::new(to))
        });
    let member = prop_oneof![(0..0xff00_u32), (0xffff_fff8..=u32::MAX)].prop_map(PortNo);
    let bundle = vec(member, 0..4).prop_map(|members| {
        Action::Bundle(Box::new(Bundle { fields: 0, basis: 0, algorithm: 0, members, dst: None }))
    });
    let tlv = (any::<u16>(), any::<u8>(), vec(0..3_u8, 1..6))
        .prop_map(|(class, kind, data)| EncapProp::NshTlv { class, kind, data: data.into() });
    let header = select(vec![PACKET_ETHERNET, PACKET_MPLS, PACKET_MPLS_MC, PACKET_NSH]);
    let encap = (header, any::<u16>(), vec(tlv, 0..3)).prop_map(|(packet_type, hdr_size, props)| {
        let props = if packet_type == PACKET_NSH { props } else { Vec::new() };
        Action::Encap(Box::new(Encap { packet_type, hdr_size, props }))
    });
    // For other fields, the text equals that of `load`.
    let long = vec![Field::NshFlags, Field::NshSpi, Field::NshC1, Field::TunErspanIdx, Field::TunErspanHwid];
    let masked = (select(long), any::<(u128, u128)>()).prop_map(|(field, (value, mask))| {
        let mask = mask & field.info().exact();
        Action::RegLoad2(Oxm::Known { field, value: value & mask, mask: Some(mask) })
    });
    let tracked = (prop::option::of(0..4_u32), table())
        .prop_map(|(port, table)| Action::ResubmitCt { port: port.map(PortNo), table });
    prop_oneof![
        ct,
        controller,
        bundle,
        encap,
        masked,
        tracked,
        learn(),
        (subfield(64), any::<u16>()).prop_map(|(src, max_len)| Action::OutputReg { src, max_len }),
        select(SETTABLE).prop_flat_map(set),
        (any::<u16>(), any::<u16>()).prop_map(|(idle, hard)| Action::FinTimeout { idle, hard }),
        any::<u32>().prop_map(Action::SetTunnel),
        any::<u64>().prop_map(Action::SetTunnel64),
        select(vec![
            Action::PopVlan,
            Action::DecNwTtl,
            Action::DecMplsTtl,
            Action::DecNshTtl,
            Action::PushMpls(0x8847),
            Action::PopMpls(0x800),
            Action::SetMplsTtl(9),
            Action::Decap(5),
        ]),
    ]
    .boxed()
}

/// Fields that actions write: those of any packet, and some that only certain packets have.
const SETTABLE: &[Field] = {
    use Field::*;
    &[
        TunId,
        TunSrc,
        TunDst,
        TunFlags,
        TunGbpId,
        TunGbpFlags,
        TunErspanVer,
        TunErspanIdx,
        TunErspanDir,
        TunErspanHwid,
        TunGtpuFlags,
        Metadata,
        InPort,
        PktMark,
        Reg3,
        Reg12,
        Xreg2,
        Xxreg0,
        EthSrc,
        EthDst,
        VlanTci,
        VlanVid,
        VlanPcp,
        Ipv4Src,
        Ipv6Dst,
        Ipv6Label,
        IpDscpShifted,
        IpEcn,
        IpTtl,
        TcpSrc,
        UdpDst,
        ArpOp,
        ArpSpa,
        MplsLabel,
        MplsTtl,
        NshFlags,
        NshTtl,
        NshSpi,
        NshC1,
        NdTarget,
    ]
};

/// Generates learned flows of all kinds of packets, which may lack the prerequisites of their
/// fields.
fn learn() -> impl Strategy<Value = Action> {
    let fields: Vec<Field> = Field::ALL.iter().copied().filter(|field| !field.has_long_header()).collect();
    let spec = (select(fields), any::<u128>(), 0..4_u8).prop_map(|(field, value, kind)| {
        let whole = Subfield::whole(field);
        let src = LearnSrc::Immediate(value & field.info().exact());
        match kind {
            0 => LearnSpec::Match { dst: whole, src: LearnSrc::Field(whole) },
            1 => LearnSpec::Load { dst: whole, src },
            _ => LearnSpec::Match { dst: whole, src },
        }
    });
    (vec(spec, 0..2), any::<bool>()).prop_map(|(specs, typed)| {
        let ip = LearnSpec::Match { dst: Subfield::whole(Field::EthType), src: LearnSrc::Immediate(0x800) };
        let specs = typed.then_some(ip).into_iter().chain(specs).collect();
        Action::Learn(Box::new(Learn {
            idle_timeout: 0,
            hard_timeout: 0,
            priority: 1,
            cookie: Cookie(0),
            flags: 0,
            table: TableId(9),
            fin_idle_timeout: 0,
            fin_hard_timeout: 0,
            limit: 0,
            result_dst: None,
            specs,
        }))
    })
}
