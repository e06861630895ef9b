//! What Open vSwitch 3.1 does not know yet. Texts and bytes are those of the `ovs-ofctl` of Debian's openvswitch-common 4.0.0-2:
//! `parse-flow`, `ofp-print`, and what `add-flow` sent to a bridge's management socket. Where the installed `ovs-ofctl` is as
//! new as a row, it is asked as well; where it is older, it must not know the row.

use std::process::Command;

use ofctl::ofp_print::print_message;
use ofctl::syntax::{NoNames, parse_flow, print_flow};
use ofproto::Xid;
use ofproto::message::{FlowModCommand, Message};
use ofproto::oxm::Field;
use portcullis_tests::{flow_mods, hex, installed, ofp_print};

type Version = (u8, u8);

/// Registers above the first sixteen.
const REGISTERS: Version = (3, 7);
/// Ids of samples that come from fields.
const SAMPLE: Version = (3, 4);
/// Mark and labels of flushed connections.
const FLUSH: Version = (3, 3);

/// Since when; a flow; how it is printed; and what stands behind the type of the match.
const FLOWS: &[(Version, &str, &str, &str)] = &[
    (
        REGISTERS,
        "reg16=1,reg31=2/3,actions=drop",
        "reg16=0x1,reg31=0x2/0x3 actions=drop",
        "0020 ffff2208 00002320 00000001 ffff410c 00002320 00000002 00000003",
    ),
    (
        REGISTERS,
        "xreg8=1,xreg15=2,actions=drop",
        "reg16=0,reg17=0x1,reg30=0,reg31=0x2 actions=drop",
        "0034 ffff2208 00002320 00000000 ffff2408 00002320 00000001 ffff3e08 00002320 00000000
         ffff4008 00002320 00000002 00000000",
    ),
    (
        REGISTERS,
        "xxreg4=1,xxreg7=1/7,actions=drop",
        "reg16=0,reg17=0,reg18=0,reg19=0x1,reg31=0x1/0x7 actions=drop",
        "0044 ffff2208 00002320 00000000 ffff2408 00002320 00000000 ffff2608 00002320 00000000
         ffff2808 00002320 00000001 ffff410c 00002320 00000001 00000007 00000000",
    ),
    // The order among others.
    (
        REGISTERS,
        "reg15=1,reg16=2,pkt_mark=3,metadata=4,ct_mark=1,tun_id=5,xreg10=7,xxreg6=8/0xf,conj_id=7,tcp,actions=drop",
        "pkt_mark=0x3,conj_id=7,ct_mark=0x1,tcp,reg15=0x1,reg16=0x2,reg20=0,reg21=0x7,reg27=0x8/0xf,tun_id=0x5,\
         metadata=0x4 actions=drop",
        "007b 00014a04 00000007 80000a02 0800 80001401 06 80004c08 0000000000000005 00011e04 00000001
         ffff2208 00002320 00000002 ffff2a08 00002320 00000000 ffff2c08 00002320 00000007
         ffff390c 00002320 00000008 0000000f 00014204 00000003 0001d604 00000001 80000408 0000000000000004 0000000000",
    ),
    (
        REGISTERS,
        "actions=set_field:7->xxreg7,set_field:7->xreg15,set_field:7->reg16,set_field:7/0xff->reg16,\
         set_field:7/0xff->xxreg7,set_field:7/0xff->xreg8,load:5->reg16[0..3],load:5->reg16[],move:reg16[]->reg31[]",
        "actions=set_field:0x7->xxreg7,set_field:0x7->xreg15,set_field:0x7->reg16,set_field:0x7/0xff->reg16,\
         set_field:0x7/0xff->xxreg7,load:0x7->OXM_OF_PKT_REG8[0..7],set_field:0x5/0xf->reg16,set_field:0x5->reg16,\
         move:NXOXM_ET_REG16[]->NXOXM_ET_REG31[]",
        "0004 00000000 00040110 00000000 00190020 ffff4814 00002320 00000000 00000000 00000000 00000007 00000000
         00190010 80011e08 00000000 00000007 00190010 ffff2208 00002320 00000007
         ffff0020 00002320 0021 ffff230c 00002320 00000007 000000ff 000000000000
         ffff0038 00002320 0021 ffff4924 00002320 00000000 00000000 00000000 00000007
         00000000 00000000 00000000 000000ff 000000000000 ffff0018 00002320 00070007 80011008 00000000 00000007
         ffff0020 00002320 0021 ffff230c 00002320 00000005 0000000f 000000000000
         ffff0018 00002320 0021 ffff2208 00002320 00000005 0000
         ffff0020 00002320 00060020 00000000 ffff2208 00002320 ffff4008 00002320",
    ),
    (
        REGISTERS,
        "actions=push:xxreg4[],pop:reg17[],output:reg16[0..15],check_pkt_larger(100)->reg16[0]",
        "actions=push:NXOXM_ET_XXREG4[],pop:NXOXM_ET_REG17[],output:NXOXM_ET_REG16[0..15],\
         check_pkt_larger(100)->NXOXM_ET_REG16[0]",
        "0004 00000000 00040068 00000000 ffff0018 00002320 001b0000 ffff4214 00002320 00800000
         ffff0018 00002320 001c0000 ffff2408 00002320 00200000 ffff0018 00002320 0020000f ffffffff 22080000 23200000
         ffff0018 00002320 00310064 0000ffff 22080000 23200000",
    ),
    (
        REGISTERS,
        "actions=load:5->xreg8[],load:5->xreg8[4..7],push:xreg8[],output:xreg8[0..15],\
         multipath(eth_src,50,modulo_n,5,0,xreg8[0..15]),load:0x123456789a->xxreg4[],load:1->xxreg4[0..7]",
        "actions=load:0x5->OXM_OF_PKT_REG8[],load:0x5->OXM_OF_PKT_REG8[4..7],push:OXM_OF_PKT_REG8[],\
         output:OXM_OF_PKT_REG8[0..15],multipath(eth_src,50,modulo_n,5,0,OXM_OF_PKT_REG8[0..15]),\
         set_field:0x123456789a->xxreg4,set_field:0x1/0xff->xxreg4",
        "0004 00000000 000400e8 00000000 ffff0018 00002320 0007003f 80011008 00000000 00000005
         ffff0018 00002320 00070103 80011008 00000000 00000005 ffff0018 00002320 001b0000 80011008 00400000 00000000
         ffff0018 00002320 000f000f 80011008 ffff0000 00000000
         ffff0020 00002320 000a0000 00320000 00000004 00000000 0000000f 80011008
         ffff0028 00002320 0021ffff 42140000 23200000 00000000 00000000 00123456 789a0000 00000000
         ffff0038 00002320 0021ffff 43240000 23200000 00000000 00000000 00000000 00010000 00000000
         00000000 00000000 00ff0000 00000000",
    ),
    (
        REGISTERS,
        "actions=learn(xreg8=1,load:reg1[0..15]->xreg9[0..15])",
        "actions=learn(table=1,xreg8=0x1,load:NXM_NX_REG1[0..15]->OXM_OF_PKT_REG9[0..15])",
        "0004 00000000 00040048 00000000 ffff0040 00002320 00100000 00008000 00000000 00000000 00000100 00000000
         20400000 00000000 00018001 10080000 08100001 02040000 80011208 00000000",
    ),
    (
        SAMPLE,
        "actions=sample(probability=5,collector_set_id=1,obs_domain_id=reg0,obs_point_id=NXM_NX_REG1[4..9],\
         sampling_port=3,egress)",
        "actions=sample(probability=5,collector_set_id=1,obs_domain_id=NXM_NX_REG0[],obs_point_id=NXM_NX_REG1[4..9],\
         sampling_port=3,egress)",
        "0004 00000000 00040030 00000000 ffff0028 00002320 00330005 00000001 00010004 001f0000 00010204 01050000
         00030200 00000000",
    ),
    (
        SAMPLE,
        "actions=sample(probability=5,collector_set_id=1,obs_domain_id=7,obs_point_id=in_port)",
        "actions=sample(probability=5,collector_set_id=1,obs_domain_id=7,obs_point_id=NXM_OF_IN_PORT[])",
        "0004 00000000 00040030 00000000 ffff0028 00002320 00330005 00000001 00000000 00000007 00000002 000f0000
         ffff0000 00000000",
    ),
];

fn bytes(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Where the length of the match stands in a FLOW_MOD.
const MATCH_LEN: usize = 50;

#[test]
fn flows_of_a_later_open_vswitch_are_read_written_and_printed_as_by_it() {
    for (since, line, printed, wire) in FLOWS {
        let flow = parse_flow(line, &NoNames).unwrap_or_else(|error| panic!("{line}: {error:?}"));
        assert_eq!(print_flow(&flow, &NoNames), *printed, "{line}");
        let again = parse_flow(printed, &NoNames).unwrap_or_else(|error| panic!("{printed}: {error:?}"));
        assert_eq!(print_flow(&again, &NoNames), *printed);
        let sent = Message::FlowMod(flow.to_flow_mod(FlowModCommand::Add)).encode(Xid(6)).unwrap();
        assert_eq!(hex(&sent[MATCH_LEN..]), hex(&bytes(wire)), "{line}");
        let text = format!("OFPT_FLOW_MOD (OF1.3) (xid=0x6): ADD {printed}\n");
        assert_eq!(print_message(&sent, 2, &NoNames), text);

        let theirs = flow_mods(&[(*line).to_owned()]);
        if installed() >= *since {
            assert_eq!(hex(&theirs.unwrap()[0][MATCH_LEN..]), hex(&bytes(wire)), "{line}");
            assert_eq!(ofp_print(&sent, 2), text);
        } else {
            assert!(theirs.is_err(), "{line}: known before {since:?}");
        }
    }
}

#[test]
fn what_a_later_open_vswitch_refuses_is_refused_here() {
    let refused = [
        // No room for an experimenter's id.
        "actions=multipath(eth_src,50,modulo_n,5,0,reg16[])",
        "actions=bundle_load(eth_src,50,active_backup,ofport,reg16[0..15],members:1)",
        "actions=ct(zone=reg16[0..15])",
        "actions=learn(reg16=1)",
        "actions=learn(reg16=reg1)",
        "actions=learn(table=2,load:1->xxreg4)",
        // Wider than an id, beyond the field, and no field at all.
        "actions=sample(probability=5,obs_domain_id=eth_src)",
        "actions=sample(probability=5,obs_point_id=xxreg0)",
        "actions=sample(probability=5,obs_point_id=metadata)",
        "actions=sample(probability=5,obs_domain_id=reg5[32])",
        "actions=sample(probability=5,obs_domain_id=reg5[0)",
        "actions=sample(probability=5,obs_domain_id=)",
        "actions=sample(probability=5,obs_domain_id=nope)",
        "actions=sample(probability=5,obs_domain_id=5x)",
        "actions=sample(probability=5,obs_domain_id=4294967296)",
        // It takes these, and sends a number that was not asked for: 2031616 in the place of the field.
        "actions=sample(probability=5,obs_domain_id=reg16)",
        "actions=sample(probability=5,obs_domain_id=nsh_c1)",
    ];
    for line in refused {
        assert!(parse_flow(line, &NoNames).is_err(), "{line}");
    }
    let error = parse_flow("actions=sample(probability=5,obs_domain_id=eth_src)", &NoNames).unwrap_err();
    assert_eq!(error.message, "\"eth_src\" has 48 bits, and obs_domain_id has 32");
}

/// Whose headers they are says `dump-table-features` of 4.0.0: reg0...reg31 xreg0...xreg15 xxreg0...xxreg7.
#[test]
fn every_later_register_has_a_header_and_a_name_of_its_own() {
    let later: Vec<Field> =
        Field::ALL.iter().copied().filter(|field| field.since() == Some(REGISTERS)).collect();
    let names: Vec<&str> = later.iter().map(|field| field.info().name).collect();
    let expected = [("reg", 16..32), ("xreg", 8..16), ("xxreg", 4..8)];
    let expected =
        expected.into_iter().flat_map(|(name, numbers)| numbers.map(move |n| format!("{name}{n}")));
    assert_eq!(names, expected.collect::<Vec<_>>());
    for field in later {
        let line = format!("actions=push:{}[]", field.info().name);
        let flow = parse_flow(&line, &NoNames).unwrap();
        let message = Message::FlowMod(flow.to_flow_mod(FlowModCommand::Add));
        let (_, again) = Message::decode(&message.encode(Xid(6)).unwrap()).unwrap();
        assert_eq!(again, message, "{line}");
    }
}

/// What selects connections: properties of NXT_CT_FLUSH, and what is printed between zone and tuples.
const FLUSHES: &[(&str, Result<&str, &str>)] = &[
    ("0003 0008 00000005", Ok(" mark=0x5")),
    ("0003 0008 00000000", Ok(" mark=0")),
    ("0003 0008 00000005 0004 0008 000000ff", Ok(" mark=0x5/0xff")),
    ("0004 0008 000000ff 0003 0008 00000005", Ok(" mark=0x5/0xff")),
    ("0003 0008 00000005 0004 0008 000000ff 0003 0008 00000007", Ok(" mark=0x7/0xff")),
    ("0004 0008 000000ff", Ok(" mark=0/0xff")),
    ("0003 0008 000001ff 0004 0008 000000ff", Ok(" mark=0x1ff/0xff")),
    ("0003 0008 00000005 0004 0008 00000000", Ok("")),
    ("0005 0014 00000000000000000000000000000010 00000000", Ok(" labels=0x10")),
    ("0005 0014 00000000000000000000000000000000 00000000", Ok(" labels=0")),
    (
        "0005 0014 12345678123456781234567812345678 00000000 0006 0014 ffffffff00000000ffffffffffffffff 00000000",
        Ok(" labels=0x12345678123456781234567812345678/0xffffffff00000000ffffffffffffffff"),
    ),
    (
        "0005 0014 00000000000000000000000000000010 00000000 0006 0014 000000000000000000000000000000f0 00000000
         0003 0008 00000005 0004 0008 000000ff",
        Ok(" mark=0x5/0xff labels=0x10/0xf0"),
    ),
    ("0006 0014 000000000000000000000000000000f0 00000000", Ok(" labels=0/0xf0")),
    ("0003 0006 0005 0000", Err("OFPBPC_BAD_LEN")),
    ("0003 000c 00000005 00000000 00000000", Err("OFPBPC_BAD_LEN")),
    ("0005 0010 000000000000000000000010", Err("OFPBPC_BAD_LEN")),
    ("0005 0018 00000000000000000000000000000010 00000000", Err("OFPBPC_BAD_LEN")),
    ("0007 0008 00000005", Err("OFPBPC_BAD_TYPE")),
    ("ffff 000c 00002320 00000001 00000000", Err("OFPBPC_BAD_EXP_TYPE")),
    ("0000 0010 00000000 0007 0008 00000001", Err("OFPBPC_BAD_TYPE")),
];

/// An older `ovs-ofctl` prints all of these as if every connection were to be forgotten.
#[test]
fn flushes_by_mark_and_labels_are_printed_as_by_a_later_ovs_ofctl() {
    const ANY: &str = "'ct_ipv6_src=::,ct_ipv6_dst=::,ct_tp_src=0,ct_tp_dst=0,ct_nw_proto=6' \
                       'ct_ipv6_src=::,ct_ipv6_dst=::,ct_tp_src=0,ct_tp_dst=0'";
    for (properties, said) in FLUSHES {
        let body = [bytes("00002320 00000020 06 00000000000000"), bytes(properties)].concat();
        let len = u16::try_from(body.len() + 8).unwrap().to_be_bytes();
        let frame = [&[4, 4], &len[..], &[0, 0, 0, 2], &body].concat();
        let text = match said {
            Ok(selected) => format!("NXT_CT_FLUSH (OF1.3) (xid=0x2): zone=0{selected} {ANY}\n"),
            Err(error) => format!("NXT_CT_FLUSH (OF1.3) (xid=0x2): ***decode error: {error}***"),
        };
        let ours = print_message(&frame, 2, &NoNames);
        assert!(ours.starts_with(&text), "{properties}: {ours}");
        let theirs = ofp_print(&frame, 2);
        if installed() >= FLUSH {
            assert_eq!(ours, theirs, "{properties}");
        } else {
            assert_eq!(theirs, format!("NXT_CT_FLUSH (OF1.3) (xid=0x2): zone=0 {ANY}\n"), "{properties}");
        }
    }
}

/// The installed `ovs-ofctl` is asked by what it says of itself.
#[test]
fn the_version_of_the_installed_open_vswitch_is_read() {
    let output = Command::new("ovs-ofctl").arg("--version").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (major, minor) = installed();
    assert!(text.starts_with(&format!("ovs-ofctl (Open vSwitch) {major}.{minor}.")), "{text}");
}
