//! Messages that Open vSwitch 3.1 does not know, as bytes. They were captured between `ovs-ofctl -O
//! OpenFlow13` of Debian's openvswitch-common 4.0.0-2, with the command at each, and a bridge's
//! management socket.

use crate::action::{Action, ObservationId, Sample, SampleDirection, Subfield};
use crate::ids::{PortNo, Xid};
use crate::instruction::Instruction;
use crate::message::tests::golden::golden;
use crate::message::*;
use crate::oxm::{Field, Match, Oxm};

fn exact(field: Field, value: u128) -> Oxm {
    Oxm::Known { field, value, mask: None }
}

fn masked(field: Field, value: u128, mask: u128) -> Oxm {
    Oxm::Known { field, value, mask: Some(mask) }
}

/// Returns a FLOW_MOD with this match, as `add-flow` sends it.
fn matching(fields: Vec<Oxm>) -> Message {
    Message::FlowMod(FlowMod { fields: Match { fields }, ..FlowMod::default() })
}

/// Returns a FLOW_MOD with these actions, as `add-flow` sends it.
fn acting(actions: Vec<Action>) -> Message {
    let instructions = vec![Instruction::ApplyActions(actions)];
    Message::FlowMod(FlowMod { instructions, ..FlowMod::default() })
}

/// The bytes before the match in each message.
const ADD: &str = "00000000 00000000 00000000 00000000 00000000 00008000 ffffffff ffffffff ffffffff 00000000";

/// `add-flow B reg16=1,reg31=2/3,actions=drop` and `add-flow B xxreg4=1,xxreg7=1/7,actions=drop`, which sends the single
/// registers.
#[test]
fn registers_in_a_match() {
    let hex = format!(
        "040e0050 00000006 {ADD} 00010020
        ffff2208 00002320 00000001 ffff410c 00002320 00000002 00000003"
    );
    golden(&hex, 6, &matching(vec![exact(Field::Reg16, 1), masked(Field::Reg31, 2, 3)]));

    let hex = format!(
        "040e0078 00000006 {ADD} 00010044 ffff2208 00002320 00000000 ffff2408 00002320 00000000
        ffff2608 00002320 00000000 ffff2808 00002320 00000001 ffff410c 00002320 00000001 00000007 00000000"
    );
    let wide =
        [exact(Field::Reg16, 0), exact(Field::Reg17, 0), exact(Field::Reg18, 0), exact(Field::Reg19, 1)];
    golden(&hex, 6, &matching([&wide[..], &[masked(Field::Reg31, 1, 7)]].concat()));
}

/// `add-flow B actions=set_field:7->xxreg7,set_field:7->xreg15,set_field:7->reg16,set_field:7/0xff->reg16,`
/// `set_field:7/0xff->xxreg7,set_field:7/0xff->xreg8,load:5->reg16[0..3],load:5->reg16[],move:reg16[]->reg31[]`.
#[test]
fn registers_in_actions() {
    let hex = format!(
        "040e0148 00000006 {ADD} 00010004 00000000 00040110 00000000
        00190020 ffff4814 00002320 00000000 00000000 00000000 00000007 00000000
        00190010 80011e08 00000000 00000007
        00190010 ffff2208 00002320 00000007
        ffff0020 00002320 0021 ffff230c 00002320 00000007 000000ff 000000000000
        ffff0038 00002320 0021 ffff4924 00002320 00000000 00000000 00000000 00000007
            00000000 00000000 00000000 000000ff 000000000000
        ffff0018 00002320 0007 0007 80011008 00000000 00000007
        ffff0020 00002320 0021 ffff230c 00002320 00000005 0000000f 000000000000
        ffff0018 00002320 0021 ffff2208 00002320 00000005 0000
        ffff0020 00002320 0006 0020 0000 0000 ffff2208 00002320 ffff4008 00002320"
    );
    let low = Subfield { field: Field::Xreg8, ofs: 0, n_bits: 8 };
    let actions = vec![
        Action::SetField(exact(Field::Xxreg7, 7)),
        Action::SetField(exact(Field::Xreg15, 7)),
        Action::SetField(exact(Field::Reg16, 7)),
        Action::RegLoad2(masked(Field::Reg16, 7, 0xff)),
        Action::RegLoad2(masked(Field::Xxreg7, 7, 0xff)),
        Action::Load { dst: low, value: 7 },
        Action::RegLoad2(masked(Field::Reg16, 5, 0xf)),
        Action::RegLoad2(exact(Field::Reg16, 5)),
        Action::Move { src: Subfield::whole(Field::Reg16), dst: Subfield::whole(Field::Reg31) },
    ];
    golden(&hex, 6, &acting(actions));
    // The field as given becomes NXAST_REG_LOAD2 too.
    for (field, value) in [(Field::Reg16, 7), (Field::Xxreg7, 7)] {
        let said = Action::SetField(masked(field, value, 0xff));
        assert_eq!(said.lowered(), Some(vec![Action::RegLoad2(masked(field, value, 0xff))]));
    }
}

/// `add-flow B actions=push:xxreg4[],pop:reg17[],output:reg16[0..15],check_pkt_larger(100)->reg16[0]`.
#[test]
fn registers_in_actions_with_room_for_an_experimenter() {
    let hex = format!(
        "040e00a0 00000006 {ADD} 00010004 00000000 00040068 00000000
        ffff0018 00002320 001b 0000 ffff4214 00002320 0080 0000
        ffff0018 00002320 001c 0000 ffff2408 00002320 0020 0000
        ffff0018 00002320 0020 000f ffff ffff2208 00002320 0000
        ffff0018 00002320 0031 0064 0000 ffff2208 00002320 0000"
    );
    let bits = |n_bits| Subfield { field: Field::Reg16, ofs: 0, n_bits };
    let actions = vec![
        Action::Push(Subfield::whole(Field::Xxreg4)),
        Action::Pop(Subfield::whole(Field::Reg17)),
        Action::OutputReg { src: bits(16), max_len: 0xffff },
        Action::CheckPktLarger { len: 100, dst: bits(1) },
    ];
    golden(&hex, 6, &acting(actions));
    // Other actions have no room: `ovs-ofctl` refuses them as well.
    let load = Action::Load { dst: bits(16), value: 1 };
    assert!(acting(vec![load]).encode(Xid(6)).is_err());
}

/// `add-flow B actions=sample(probability=5,collector_set_id=1,obs_domain_id=NXM_NX_REG0[],obs_point_id=NXM_NX_REG1[4..9],`
/// `sampling_port=3,egress)`, and with `obs_domain_id=7,obs_point_id=NXM_NX_REG1[]` alone.
#[test]
fn sample_of_fields() {
    let hex = format!(
        "040e0068 00000006 {ADD} 00010004 00000000 00040030 00000000
        ffff0028 00002320 0033 0005 00000001 00010004 001f 0000 00010204 0105 0000 0003 02 0000000000"
    );
    let point = Subfield { field: Field::Reg1, ofs: 4, n_bits: 6 };
    let sample = Sample {
        probability: 5,
        collector_set_id: 1,
        obs_domain_id: ObservationId::Field(Subfield::whole(Field::Reg0)),
        obs_point_id: ObservationId::Field(point),
        sampling_port: PortNo(3),
        direction: SampleDirection::Egress,
    };
    golden(&hex, 6, &acting(vec![Action::Sample(Box::new(sample))]));
    let hex = format!(
        "040e0068 00000006 {ADD} 00010004 00000000 00040030 00000000
        ffff0028 00002320 0033 0005 00000001 00000000 00000007 00010204 001f 0000 ffff 00 0000000000"
    );
    let sample = Sample {
        obs_domain_id: ObservationId::Immediate(7),
        obs_point_id: ObservationId::Field(Subfield::whole(Field::Reg1)),
        sampling_port: PortNo::ANY,
        direction: SampleDirection::Default,
        ..sample
    };
    golden(&hex, 6, &acting(vec![Action::Sample(Box::new(sample))]));
    // More bits than an id has, and a field whose header has no room. `ovs-ofctl` refuses the
    // first. For the second it sends an unrelated number.
    for field in [Field::Xreg0, Field::Reg16, Field::NshC1] {
        let obs_point_id = ObservationId::Field(Subfield::whole(field));
        let action = Action::Sample(Box::new(Sample { obs_point_id, ..sample }));
        assert!(acting(vec![action]).encode(Xid(6)).is_err(), "{field:?}");
    }
}

/// `ct-flush B zone=5 mark=0x1/0x3 labels=7 ct_nw_src=10.1.1.1,ct_nw_proto=6,ct_tp_src=1`, then `ct-flush B labels=0x10/0xf0`.
#[test]
fn ct_flush_by_mark_and_labels() {
    let source = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, 1, 1];
    let flush = CtFlush {
        ip_proto: 6,
        properties: vec![
            CtFlushProperty::OrigTuple(vec![CtTupleProperty::Src(source), CtTupleProperty::SrcPort(1)]),
            CtFlushProperty::ZoneId(5),
            CtFlushProperty::Mark(1),
            CtFlushProperty::MarkMask(3),
            CtFlushProperty::Labels(7),
        ],
    };
    let hex = "04040070 00000002 00002320 00000020 06 00000000000000
        0000 0028 00000000 0000 0014 00000000000000000000ffff0a010101 00000000 0002 0008 0001 0000
        0002 0008 0005 0000 0003 0008 00000001 0004 0008 00000003
        0005 0014 00000000000000000000000000000007 00000000";
    golden(hex, 2, &Message::CtFlush(flush));

    let properties = vec![CtFlushProperty::Labels(0x10), CtFlushProperty::LabelsMask(0xf0)];
    let hex = "04040048 00000002 00002320 00000020 00 00000000000000
        0005 0014 00000000000000000000000000000010 00000000
        0006 0014 000000000000000000000000000000f0 00000000";
    golden(hex, 2, &Message::CtFlush(CtFlush { ip_proto: 0, properties }));
}
