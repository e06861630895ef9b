//! Matches, actions and instructions against the installed `ovs-ofctl`: what it sends is decoded and encoded to
//! the same bytes, and what Portcullis encodes is printed as what was meant.

use ofproto::action::{Action, Learn, LearnSpec, LearnSrc, Subfield, ToController};
use ofproto::instruction::Instruction;
use ofproto::oxm::{Field, Format, Match, Oxm};
use ofproto::{Cookie, GroupId, PortNo, Reader, TableId, Wire, Writer};
use portcullis_tests::{flow_mods, hex};

/// Where the match of a flow_mod begins.
const MATCH_AT: usize = 48;
const FLOW_MOD: u8 = 14;

fn decode(flow_mod: &[u8]) -> (Match, Vec<Instruction>) {
    let mut r = Reader::new(flow_mod);
    r.skip(MATCH_AT, "header").unwrap();
    let fields = Match::decode(&mut r).unwrap();
    let instructions = Instruction::decode_list(&mut r).unwrap();
    (fields, instructions)
}

/// A flow_mod around a match and instructions: adds to table 0 at priority 0x8000.
fn encode(fields: &Match, instructions: &[Instruction]) -> Vec<u8> {
    let mut w = Writer::new();
    w.bytes(&[4, FLOW_MOD]);
    let len = w.len_slot(0);
    w.u32(1);
    w.zeros(22);
    w.u16(0x8000);
    w.bytes(&[0xff; 12]);
    w.zeros(4);
    fields.encode(&mut w).unwrap();
    Instruction::encode_list(instructions, &mut w).unwrap();
    w.close(len, "flow_mod").unwrap();
    w.into_vec()
}

/// What `ovs-ofctl ofp-print` makes of a message, on one line, from the flow on.
fn ofp_print(message: &[u8]) -> String {
    let text = portcullis_tests::ofp_print(message, 2).trim().to_owned();
    text.strip_prefix("OFPT_FLOW_MOD (OF1.3) (xid=0x1): ADD ").unwrap_or(&text).to_owned()
}

/// Flows that decode without anything unknown.
const FLOWS: &[&str] = &[
    "actions=drop",
    "in_port=1,actions=output:2",
    "in_port=LOCAL,actions=in_port,LOCAL,all,flood,normal,CONTROLLER:66",
    "dl_src=00:11:22:33:44:55,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,actions=normal",
    "dl_type=0x88cc,actions=controller",
    "dl_vlan=10,dl_vlan_pcp=3,actions=pop_vlan,output:1",
    "vlan_tci=0x1000/0x1000,actions=strip_vlan,output:1",
    "vlan_tci=0,actions=push_vlan:0x8100,set_field:4106->vlan_vid,set_field:3->vlan_pcp,output:1",
    "actions=push_vlan:0x88a8,mod_vlan_vid:7,mod_vlan_pcp:2,output:1",
    "ip,nw_src=10.0.0.0/8,nw_dst=10.1.0.201,actions=mod_nw_src:1.2.3.4,mod_nw_dst:5.6.7.8,output:1",
    "ip,nw_tos=16,nw_ecn=1,nw_ttl=64,actions=mod_nw_tos:8,mod_nw_ecn:2,mod_nw_ttl:5,dec_ttl,output:1",
    "ip,ip_frag=later,actions=drop",
    "ip,ip_frag=not_later,actions=drop",
    "tcp,tp_src=80,tp_dst=0x400/0xfc00,actions=mod_tp_src:81,mod_tp_dst:82,output:1",
    "tcp,tcp_flags=+syn-ack,actions=drop",
    "tcp,tcp_flags=0x12,actions=fin_timeout(idle_timeout=5,hard_timeout=6)",
    "udp,tp_dst=51820,actions=output:3",
    "udp6,udp_src=53/0xfff,actions=set_field:54->udp_dst,output:3",
    "sctp,sctp_src=1,sctp_dst=2,actions=set_field:3->sctp_src,output:3",
    "icmp,icmp_type=3,icmp_code=4,actions=set_field:5->icmp_code,output:1",
    "icmp6,icmpv6_type=135,icmpv6_code=0,nd_target=fe80::1,nd_sll=00:00:00:00:00:01,actions=normal",
    "icmp6,icmpv6_type=136,nd_target=fe80::/64,nd_tll=00:00:00:00:00:01,actions=normal",
    "ipv6,ipv6_src=2001:db8::/32,ipv6_dst=::1,ipv6_label=0x12345,actions=set_field:::2->ipv6_dst,output:1",
    "arp,arp_op=1,arp_spa=10.0.0.1,arp_tpa=10.0.0.0/24,arp_sha=00:00:00:00:00:01,actions=flood",
    "arp,arp_tha=00:00:00:00:00:02,actions=set_field:2->arp_op,move:NXM_NX_ARP_SHA[]->NXM_NX_ARP_THA[],in_port",
    "rarp,actions=drop",
    "mpls,mpls_label=100,mpls_tc=1,mpls_bos=1,actions=set_mpls_ttl(3),dec_mpls_ttl,pop_mpls:0x0800,output:1",
    "ip,actions=push_mpls:0x8847,set_field:77->mpls_label,output:1",
    "metadata=0x1234/0xffff,tun_id=5,actions=set_field:6->tun_id,set_field:7->metadata,output:1",
    "tun_src=1.2.3.4,tun_dst=5.6.7.0/24,tun_flags=+oam,actions=output:1",
    "tun_ipv6_src=::1,tun_ipv6_dst=2001:db8::/64,actions=set_field:::3->tun_ipv6_dst,output:1",
    "tun_gbp_id=5,tun_gbp_flags=0x8,actions=output:1",
    "tun_erspan_ver=1,tun_erspan_idx=5,actions=set_field:1->tun_erspan_idx,output:1",
    "tun_erspan_ver=2,tun_erspan_dir=1,tun_erspan_hwid=3,actions=drop",
    "tun_gtpu_flags=0x30,tun_gtpu_msgtype=255,actions=drop",
    "pkt_mark=0x5/0xf,actions=set_field:5->pkt_mark,output:1",
    "actset_output=5,actions=move:actset_output[0..3]->NXM_NX_REG0[0..3]",
    "ct_state=+trk+est-inv,ip,ct_zone=5,ct_mark=1/3,ct_label=0x5,actions=output:1",
    "ct_state=+trk,ip,ct_nw_src=1.2.3.4,ct_nw_dst=5.6.7.0/24,ct_nw_proto=6,ct_tp_src=1,ct_tp_dst=2,actions=drop",
    "ct_state=+trk,ipv6,ct_ipv6_src=::1,ct_ipv6_dst=::2/64,actions=drop",
    "dl_type=0x894f,nsh_flags=1,nsh_ttl=63,nsh_mdtype=1,nsh_np=3,nsh_spi=0x123456,nsh_si=255,nsh_c1=1,nsh_c4=4/5,actions=drop",
    "packet_type=(1,0x800),actions=drop",
    "conj_id=4,actions=drop",
    "recirc_id=0,dp_hash=1/3,actions=drop",
    "reg0=0x1,reg1=0x2/0xff,reg15=5,xxreg2=0x1234567890abcdef1234567890abcdef,actions=drop",
    "xreg2=0x100000002,actions=load:0x5->NXM_NX_REG0[],load:1->NXM_NX_XXREG0[127],load:9->OXM_OF_PKT_REG1[3..40]",
    "actions=set_field:0x5/0xf->reg0,set_field:0xf0f00000000000000000000000000001/0xf0f0000000000000000000000000000f->xxreg1",
    "actions=set_field:1/3->tun_erspan_idx,set_field:aa:00:00:00:00:01/ff:00:00:00:00:ff->eth_src,output:1",
    "actions=set_field:0xffffffffffffffff/0x7fffffffffffffffffffffffffffffff->xxreg0,set_field:5/0->reg1",
    "actions=move:NXM_NX_REG0[0..15]->NXM_OF_VLAN_TCI[],move:NXM_NX_XXREG0[100..127]->NXM_NX_REG3[4..31]",
    "tcp,actions=move:tcp_flags[0..3]->reg0[0..3],move:nw_ttl[]->reg1[0..7],output:1",
    "actions=note:aa.bb,note:00.01.02.03.04.05.06.07.08.09.0a.0b.0c.0d,note:",
    "actions=resubmit:4,resubmit(5),resubmit(,6),resubmit(7,8),resubmit(in_port,9),resubmit(LOCAL,10)",
    "actions=output:NXM_NX_REG0[],output:reg1[16..31],output:NXM_OF_IN_PORT[]",
    "actions=exit",
    "actions=controller(id=3),controller(max_len=128,reason=no_match),controller(userdata=aa.bb.cc)",
    "actions=controller(userdata=01.02.03.04.05,pause,meter_id=4,max_len=99,reason=invalid_ttl,id=3)",
    "actions=controller(pause),controller(meter_id=1)",
    "actions=set_queue:4,group:3,output:1",
    "actions=meter:4,output:1",
    "actions=output:1,clear_actions,write_actions(output:2,group:4,set_field:1->reg0),write_metadata:5/0xff,goto_table:3",
    "actions=write_metadata:0xfedcba9876543210,goto_table:1",
    "actions=write_actions(drop)",
    "actions=learn(table=1)",
    "actions=learn(table=1,idle_timeout=60,hard_timeout=70,fin_idle_timeout=5,fin_hard_timeout=6,priority=110,\
     cookie=0x1234,send_flow_rem,delete_learned)",
    "actions=learn(table=2,NXM_OF_VLAN_TCI[0..11],NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[])",
    "actions=learn(table=1,limit=4096,NXM_NX_REG3[3..19]=0x10011,load:10->NXM_NX_REG0[5..10])",
    "actions=learn(table=1,limit=7,result_dst=NXM_NX_REG0[3],in_port=99,load:NXM_OF_IN_PORT[]->NXM_NX_REG1[16..31])",
    "actions=learn(table=1,result_dst=reg0[31],load:0x123456789abcdef0123456789->NXM_NX_XXREG0[0..100])",
    "actions=learn(table=1,load:OXM_OF_IN_PORT[]->NXM_NX_REG1[],load:0xfffffffe->OXM_OF_IN_PORT[],metadata=6)",
    "tcp,in_port=3,actions=learn(table=1,idle_timeout=60,fin_idle_timeout=5,priority=110,delete_learned,in_port=4,\
     eth_type=0x800,nw_proto=6,NXM_OF_IP_SRC[]=NXM_OF_IP_DST[],NXM_OF_IP_DST[]=NXM_OF_IP_SRC[],\
     NXM_OF_TCP_SRC[]=NXM_OF_TCP_DST[],NXM_OF_TCP_DST[]=NXM_OF_TCP_SRC[],output:NXM_OF_IN_PORT[]),output:4",
    "tcp,actions=learn(table=1,eth_type=0x800,nw_proto=6,NXM_NX_TCP_FLAGS[4]=1,NXM_NX_TCP_FLAGS[1..2]=2,\
     NXM_OF_IN_PORT[]=NXM_NX_REG1[0..15],output:NXM_NX_REG2[0..15])",
    "ipv6,actions=learn(table=1,eth_type=0x86dd,NXM_NX_IPV6_SRC[]=NXM_NX_IPV6_DST[],load:1->NXM_NX_REG0[0])",
];

/// Connections, choices, clones, headers and samples.
const LATER: &[&str] = &[
    "ip,actions=ct(commit,zone=5,exec(load:1->NXM_NX_CT_MARK[])),ct(table=4,nat)",
    "ipv6,actions=ct(commit,zone=NXM_NX_REG0[0..15],nat(src=fe80::1-fe80::9,random)),ct_clear",
    "actions=conjunction(1,1/2),conjunction(2,2/2)",
    "ip,actions=dec_ttl(1,2),output(port=1,max_len=99),clone(output:3,clone(output:4))",
    "actions=bundle(eth_src,0,hrw,ofport,members:1,2),multipath(eth_src,50,modulo_n,1,0,NXM_NX_REG0[])",
    "actions=bundle_load(eth_src,0,hrw,ofport,NXM_NX_REG0[0..15],members:1,2,3,4,5)",
    "actions=sample(probability=1,collector_set_id=2,obs_domain_id=3,obs_point_id=4),pop_queue,ct_clear",
    "actions=sample(probability=1,sampling_port=5),sample(probability=1,egress),enqueue:1:2",
    "actions=check_pkt_larger(200)->reg0[1],push:NXM_NX_REG0[],pop:NXM_NX_REG1[],delete_field:tun_metadata3",
    "actions=encap(nsh(md_type=2,tlv(0x1000,10,0x12345678))),decap,encap(ethernet)",
    "dl_type=0x894f,actions=dec_nsh_ttl,output:NXOXM_NSH_C1[0..15],push:NXOXM_NSH_C2[]",
    "ct_state=+est,ip,actions=resubmit(,3,ct)",
    "actions=move:tun_metadata0[0..31]->reg0,push:tun_metadata5,learn(tun_metadata0=0x5)",
    "actions=write_actions(mod_tp_src:80)",
];

/// Tunnel options are kept as they are: they may be longer than any other field.
const OPTIONS: &[&str] = &[
    "tun_metadata0=0x5,actions=drop",
    "tun_metadata1,tun_metadata7=0x5/0xff00ff,actions=set_field:5->tun_metadata3",
];

#[test]
fn what_ovs_ofctl_sends_comes_back() {
    let flows: Vec<_> = FLOWS.iter().chain(LATER).chain(OPTIONS).map(|f| f.to_string()).collect();
    let mods = flow_mods(&flows).unwrap();
    assert_eq!(mods.len(), flows.len());
    let mut wrong = Vec::new();
    for (n, (flow, sent)) in flows.iter().zip(&mods).enumerate() {
        let (fields, instructions) = decode(sent);
        let back = encode(&fields, &instructions);
        let text = format!("{fields:?} {instructions:?}");
        if back[MATCH_AT..] != sent[MATCH_AT..] {
            wrong.push(format!(
                "{flow}\n  {text}\n  {}\n  {}",
                hex(&sent[MATCH_AT..]),
                hex(&back[MATCH_AT..])
            ));
        } else if text.contains("Unknown") != (n >= FLOWS.len() + LATER.len()) {
            wrong.push(format!("{flow}\n  {text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What must be matched before a field may be.
fn prerequisite(field: Field) -> &'static str {
    match field.info().name {
        "ip_src" | "ip_dst" | "nw_proto" | "ip_dscp" | "nw_tos" | "nw_ecn" | "nw_ttl" | "ip_frag" => "ip,",
        "ct_nw_src" | "ct_nw_dst" | "ct_nw_proto" => "ct_state=+trk+est,ip,",
        "ct_tp_src" | "ct_tp_dst" => "ct_state=+trk+est,ip,ct_nw_proto=6,",
        "ct_ipv6_src" | "ct_ipv6_dst" => "ct_state=+trk+est,ipv6,",
        "nd_tll" => "icmp6,icmpv6_type=136,icmpv6_code=0,",
        "vlan_pcp" => "vlan_vid=0x1005,",
        name => match name.split('_').next().unwrap() {
            "nd" => "icmp6,icmpv6_type=135,icmpv6_code=0,",
            "tcp" => "tcp,",
            "udp" => "udp,",
            "sctp" => "sctp,",
            "icmpv6" => "icmp6,",
            "icmp" => "icmp,",
            "ipv6" => "ipv6,",
            "arp" => "arp,",
            "mpls" => "mpls,",
            "nsh" => "dl_type=0x894f,",
            _ => "",
        },
    }
}

/// A value of a field, as `ovs-ofctl` writes it.
fn value(field: Field) -> &'static str {
    match field.info().format {
        Format::Dec | Format::Hex | Format::OfpPort => "1",
        Format::Ethernet => "00:00:00:00:00:01",
        Format::Ipv4 => "0.0.0.1",
        Format::Ipv6 => "::1",
        Format::Frag => "first",
        Format::TcpFlags => "+fin",
        Format::CtState => "+trk",
        Format::TunFlags => "+oam",
        Format::PacketType => "(1,0x800)",
    }
}

/// Whether the installed Open vSwitch is older than the field; `wire::later` tries those.
fn is_later(field: Field) -> bool {
    field.since().is_some_and(|since| since > portcullis_tests::installed())
}

/// Every row of the field table: its name, its header in a match, and its width there.
#[test]
fn every_field_is_named_and_laid_out_as_in_ovs_ofctl() {
    // Nicira's spellings of what OpenFlow 1.3 spells otherwise; double registers come as their halves; what must
    // be matched before is a field as well.
    let elsewhere = |f: &Field| {
        matches!(f, Field::InPort | Field::VlanTci | Field::IpDscp)
            || f.info().name.starts_with("xreg")
            || f.info().name.starts_with("xxreg")
            || prerequisite(*f).contains(&format!("{}=", f.info().name))
    };
    let fields: Vec<_> = Field::ALL.iter().copied().filter(|f| !elsewhere(f) && !is_later(*f)).collect();
    let flow = |f: &Field| format!("{}{}={},actions=drop", prerequisite(*f), f.info().name, value(*f));
    let flows: Vec<_> = fields.iter().map(flow).collect();
    let mods = flow_mods(&flows).unwrap();
    assert_eq!(mods.len(), flows.len());
    let mut wrong = Vec::new();
    for ((field, flow), sent) in fields.iter().zip(&flows).zip(&mods) {
        let (m, instructions) = decode(sent);
        let found = m.fields.iter().any(|oxm| matches!(oxm, Oxm::Known { field: f, .. } if f == field));
        if !found || encode(&m, &instructions)[MATCH_AT..] != sent[MATCH_AT..] {
            wrong.push(format!("{flow}: {m:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every row of the field table: its header and width in Nicira's actions.
#[test]
fn every_subfield_is_laid_out_as_in_ovs_ofctl() {
    let to = Subfield { field: Field::Reg0, ofs: 0, n_bits: 1 };
    let last = |f: Field| Subfield { field: f, ofs: Subfield::width(f) - 1, n_bits: 1 };
    // These three cannot be moved from.
    let movable = |f: &Field| !matches!(f, Field::IpFrag | Field::ConjId | Field::RecircId) && !is_later(*f);
    let fields: Vec<_> = Field::ALL.iter().copied().filter(movable).collect();
    let flow = |&f: &Field| {
        format!("{}actions=move:{}[{}]->reg0[0]", prerequisite(f), f.info().name, Subfield::width(f) - 1)
    };
    let flows: Vec<_> = fields.iter().map(flow).collect();
    let mods = flow_mods(&flows).unwrap();
    assert_eq!(mods.len(), flows.len());
    for ((&field, flow), sent) in fields.iter().zip(&flows).zip(&mods) {
        let (m, instructions) = decode(sent);
        let ours = [Instruction::ApplyActions(vec![Action::Move { src: last(field), dst: to }])];
        assert_eq!(instructions, ours, "{flow}");
        assert_eq!(hex(&encode(&m, &ours)[MATCH_AT..]), hex(&sent[MATCH_AT..]), "{flow}");
        // One bit more does not exist, for either.
        let beyond = Subfield { ofs: last(field).ofs + 1, ..last(field) };
        assert!(!beyond.is_valid());
        let refused =
            flow_mods(&[flow.replace(&format!("[{}]", last(field).ofs), &format!("[{}]", beyond.ofs))]);
        let why = format!("field is only {} bits wide", beyond.ofs);
        assert!(refused.as_ref().is_err_and(|e| e.contains(&why)), "{flow}: {refused:?}");
    }
}

fn exact(field: Field, value: u128) -> Oxm {
    Oxm::Known { field, value, mask: None }
}

fn bits(field: Field, ofs: u16, n_bits: u16) -> Subfield {
    Subfield { field, ofs, n_bits }
}

/// What Portcullis writes is what `ovs-ofctl` reads.
#[test]
fn ovs_ofctl_prints_what_was_meant() {
    let tcp = Match {
        fields: vec![
            exact(Field::EthType, 0x800),
            exact(Field::IpProto, 6),
            Oxm::Known { field: Field::Ipv4Src, value: 0x0a00_0000, mask: Some(0xff00_0000) },
            exact(Field::TcpDst, 9573),
        ],
    };
    let learn = Learn {
        idle_timeout: 60,
        hard_timeout: 0,
        priority: 110,
        cookie: Cookie(0xabc),
        flags: 2,
        table: TableId(1),
        fin_idle_timeout: 5,
        fin_hard_timeout: 0,
        limit: 0,
        result_dst: None,
        specs: vec![
            LearnSpec::Match { dst: Subfield::whole(Field::EthType), src: LearnSrc::Immediate(0x800) },
            LearnSpec::Match {
                dst: Subfield::whole(Field::Ipv4Src),
                src: LearnSrc::Field(Subfield::whole(Field::Ipv4Dst)),
            },
            LearnSpec::Load { dst: bits(Field::Reg1, 0, 16), src: LearnSrc::Immediate(7) },
            LearnSpec::Output { src: Subfield::whole(Field::InPort) },
        ],
    };
    let limited = Learn { limit: 9, result_dst: Some(bits(Field::Reg0, 3, 1)), ..learn.clone() };
    let masked = Oxm::Known { field: Field::Reg0, value: 5, mask: Some(0xf) };
    let to = |c: ToController| Action::Controller(Box::new(c));
    let apply: Vec<(Action, &str)> = vec![
        (Action::Output { port: PortNo(3), max_len: 0 }, "output:3"),
        (Action::Output { port: PortNo::CONTROLLER, max_len: 99 }, "CONTROLLER:99"),
        (Action::PushVlan(0x8100), "push_vlan:0x8100"),
        (Action::PushMpls(0x8847), "push_mpls:0x8847"),
        (Action::SetQueue(6), "set_queue:6"),
        (Action::Group(GroupId(7)), "group:7"),
        (Action::SetNwTtl(8), "mod_nw_ttl:8"),
        (Action::DecNwTtl, "dec_ttl"),
        (Action::SetField(exact(Field::Ipv4Dst, 0x0102_0304)), "set_field:1.2.3.4->ip_dst"),
        (Action::SetField(masked.clone()), "load:0x5->NXM_NX_REG0[0..3]"),
        (Action::RegLoad2(masked), "set_field:0x5/0xf->reg0"),
        (Action::Resubmit { port: None, table: Some(TableId(4)) }, "resubmit(,4)"),
        (Action::Resubmit { port: Some(PortNo(5)), table: None }, "resubmit:5"),
        (Action::Resubmit { port: Some(PortNo::LOCAL), table: Some(TableId(4)) }, "resubmit(LOCAL,4)"),
        (
            Action::Move { src: bits(Field::TcpSrc, 0, 4), dst: bits(Field::Reg2, 28, 4) },
            "move:NXM_OF_TCP_SRC[0..3]->NXM_NX_REG2[28..31]",
        ),
        (Action::Load { dst: bits(Field::Xxreg0, 64, 64), value: 1 }, "load:0x1->NXM_NX_XXREG0[64..127]"),
        (Action::Note(vec![0xaa].into()), "note:aa.00.00.00.00.00"),
        (Action::OutputReg { src: bits(Field::Reg1, 16, 16), max_len: 0xffff }, "output:NXM_NX_REG1[16..31]"),
        (Action::FinTimeout { idle: 3, hard: 4 }, "fin_timeout(idle_timeout=3,hard_timeout=4)"),
        (to(ToController { controller_id: 3, ..ToController::default() }), "controller(id=3)"),
        (
            to(ToController { userdata: vec![1, 2].into(), meter: Some(4), ..ToController::default() }),
            "controller(userdata=01.02,meter_id=4)",
        ),
        (
            to(ToController { reason: ofproto::PacketInReason(0), pause: true, ..ToController::default() }),
            "controller(reason=no_match,pause)",
        ),
        (
            Action::Learn(Box::new(learn)),
            "learn(table=1,idle_timeout=60,fin_idle_timeout=5,priority=110,delete_learned,cookie=0xabc,eth_type=0x800,\
             NXM_OF_IP_SRC[]=NXM_OF_IP_DST[],load:0x7->NXM_NX_REG1[0..15],output:NXM_OF_IN_PORT[])",
        ),
        (
            Action::Learn(Box::new(limited)),
            "learn(table=1,idle_timeout=60,fin_idle_timeout=5,priority=110,delete_learned,cookie=0xabc,limit=9,\
             result_dst=NXM_NX_REG0[3],eth_type=0x800,\
             NXM_OF_IP_SRC[]=NXM_OF_IP_DST[],load:0x7->NXM_NX_REG1[0..15],output:NXM_OF_IN_PORT[])",
        ),
        (Action::Exit, "exit"),
    ];
    for (action, text) in apply {
        let printed = ofp_print(&encode(&tcp, &[Instruction::ApplyActions(vec![action])]));
        assert_eq!(printed, format!("tcp,nw_src=10.0.0.0/8,tp_dst=9573 actions={text}"));
    }
}

#[test]
fn ovs_ofctl_prints_the_mpls_actions_that_were_meant() {
    let mpls = Match { fields: vec![exact(Field::EthType, 0x8847), exact(Field::MplsLabel, 0xfffff)] };
    let actions = vec![Action::SetMplsTtl(4), Action::DecMplsTtl, Action::PopMpls(0x800)];
    assert_eq!(
        ofp_print(&encode(&mpls, &[Instruction::ApplyActions(actions)])),
        "mpls,mpls_label=1048575 actions=set_mpls_ttl(4),dec_mpls_ttl,pop_mpls:0x0800"
    );
}

#[test]
fn ovs_ofctl_prints_the_instructions_that_were_meant() {
    let output = |port| Action::Output { port: PortNo(port), max_len: 0 };
    let all = [
        Instruction::Meter(3),
        Instruction::ApplyActions(vec![output(1), Action::PushVlan(0x8100), Action::PopVlan]),
        Instruction::ClearActions,
        Instruction::WriteActions(vec![Action::Group(GroupId(5))]),
        Instruction::WriteMetadata { value: 6, mask: 0xff },
        Instruction::GotoTable(TableId(7)),
    ];
    assert_eq!(
        ofp_print(&encode(&Match::default(), &all)),
        "actions=meter:3,output:1,push_vlan:0x8100,pop_vlan,clear_actions,write_actions(group:5),write_metadata:0x6/0xff,goto_table:7"
    );
}
