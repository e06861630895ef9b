//! Tests samples of denied packets: the meter before the flows, and the handling of a packet.

use flows::compile::sample::METER;
use ofproto::message::{MeterMod, MeterModCommand, PacketIn};
use ofproto::oxm::{Field, Match, Oxm};
use ofproto::{BufferId, Cookie, TableId};

use super::*;

const NETWORK: &str = r#"
[bridge.br0]
sample_denied = 7
[network.n]
bridge = "br0"
subnets = ["10.9.0.0/24"]
[endpoint.a]
attach = [{ network = "n", port = "a0", addresses = ["10.9.0.1"] }]
"#;

fn meters(sent: &[(Xid, Message)]) -> Vec<(Xid, &MeterMod)> {
    let meter = |(xid, message): &'_ (Xid, Message)| match message {
        Message::MeterMod(_) => Some(*xid),
        _ => None,
    };
    let mods = sent.iter().filter_map(|(_, message)| match message {
        Message::MeterMod(meter) => Some(meter),
        _ => None,
    });
    sent.iter().filter_map(meter).zip(mods).collect()
}

/// Returns the number of desired flows that sample the packets they drop.
fn shown(rig: &Rig) -> usize {
    let flows = rig.bridge.knowledge.desired.program.flows();
    flows.filter(|flow| flow.drops() && !flow.instructions.is_empty()).count()
}

#[test]
fn the_meter_goes_before_the_flows_and_that_it_is_there_is_no_error() {
    let mut rig = Rig::connect(NETWORK, "br0", &["a0"]);
    let sent = rig.received();
    let asked = meters(&sent);
    let commands: Vec<_> = asked.iter().map(|(_, m)| (m.command, m.meter_id, m.bands[0].rate)).collect();
    assert_eq!(commands, [(MeterModCommand::Add, METER, 7), (MeterModCommand::Modify, METER, 7)]);
    rig.give(asked[0].0, &refusal(12, 1));
    assert!(shown(&rig) > 3);
    assert!(!rig.notices.iter().any(|n| matches!(n, Notice::Refused(_) | Notice::Unsampled(_))));
    rig.grant_monitor(&sent);
    let changes = rig.round(&sent, vec![]);
    assert!(changes.iter().all(|m| matches!(m, Message::FlowMod(_))));

    // Another rate changes the meter, and no flow.
    let desired = rig.desired();
    let sent = rig.received();
    rig.answer_read(&sent, desired, &[]);
    rig.reload(&NETWORK.replace("= 7", "= 8"));
    let sent = rig.received();
    assert_eq!(meters(&sent).iter().map(|(_, m)| m.bands[0].rate).collect::<Vec<_>>(), [8, 8]);
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert!(rig.bridge.status().settled);
}

#[test]
fn a_switch_without_meters_gets_no_flow_that_names_one() {
    let mut rig = Rig::connect(NETWORK, "br0", &["a0"]);
    let sent = rig.received();
    let flows = rig.bridge.knowledge.desired.program.flows().count();
    for (xid, _) in meters(&sent) {
        rig.give(xid, &refusal(1, 1));
    }
    assert_eq!((shown(&rig), rig.bridge.knowledge.desired.program.flows().count()), (0, flows));
    assert_eq!(rig.notices.iter().filter(|n| matches!(n, Notice::Unsampled(_))).count(), 1);
    // Not later either.
    rig.reload(&NETWORK.replace("= 7", "= 8"));
    assert_eq!((shown(&rig), meters(&rig.received()).len()), (0, 0));
}

#[test]
fn a_packet_is_a_sample_of_the_flow_that_dropped_it() {
    let mut rig = Rig::settled(&NETWORK.replace("sample_denied = 7", ""), "br0", &["a0"]);
    let flows = rig.desired();
    let deny = flows.iter().find(|f| f.table_id == TableId(2) && f.priority == 0).unwrap().cookie;
    let pass = flows.iter().find(|f| !f.instructions.is_empty()).unwrap().cookie;
    let packet = |cookie| {
        let port = Oxm::Known { field: Field::InPortOxm, value: 1, mask: None };
        Message::PacketIn(PacketIn {
            buffer_id: BufferId::NO_BUFFER,
            total_len: 20,
            reason: ofproto::PacketInReason(1),
            table_id: TableId(2),
            cookie,
            fields: Match { fields: vec![port] },
            data: Bytes::from_static(&[0; 20]),
        })
    };
    let samples = |rig: &mut Rig, cookie| {
        rig.notices.clear();
        rig.give(Xid(0), &packet(cookie));
        let sample = |n: &Notice| match n {
            Notice::Denied(sample) => Some((sample.port_name.clone(), sample.origin.kind.label())),
            _ => None,
        };
        rig.notices.iter().find_map(sample)
    };
    assert_eq!(samples(&mut rig, deny), None, "nothing is sampled here");
    rig.reload(NETWORK);
    assert_eq!(samples(&mut rig, deny), Some(("a0".to_owned(), "deny")));
    assert_eq!(samples(&mut rig, pass), None);
    assert_eq!(samples(&mut rig, Cookie(4_242)), None);
}
