//! Tests `learn = "controller"`: the messages for a packet.

use ofproto::message::PacketIn;
use ofproto::testing::switch::{frame, mac, packet_in};
use ofproto::{Cookie, TableId};

use super::*;

/// Two learners. Any switch of OpenFlow 1.3 supports the flows of the first. The flows of the
/// second match a register.
const LEARNERS: &str = r#"
[bridge.br0]
ports = ["p1", "p2"]
learn = "controller"
flows = [
  "cookie=1,in_port=p1,actions=learn(table=1,cookie=7,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[]),output:p2",
  "cookie=2,in_port=p2,actions=learn(table=1,cookie=8,NXM_NX_REG1[],NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[]),output:p1",
]
"#;

/// Returns the matches of the flows that a packet to each learner teaches, and the forwarded
/// packets.
fn learned(rig: &mut Rig) -> (Vec<FlowMatch>, usize) {
    for (port, cookie) in [(1, 1), (2, 2)] {
        let packet = packet_in(PortNo(port), &frame(mac(port), mac(9)));
        let packet = PacketIn { cookie: Cookie(cookie), table_id: TableId(0), ..packet };
        rig.give(Xid(0), &Message::PacketIn(packet));
    }
    let sent = rig.received();
    let flows = sent.iter().filter_map(|(_, message)| match message {
        Message::FlowMod(flow) => Some(FlowMatch::from_wire(&flow.fields)),
        _ => None,
    });
    (flows.collect(), sent.iter().filter(|(_, m)| matches!(m, Message::PacketOut(_))).count())
}

/// Returns the reason why a packet could not be learned from.
fn unlearned(rig: &Rig) -> Option<&str> {
    rig.notices.iter().find_map(|n| if let Notice::Failed(why) = n { Some(why.as_str()) } else { None })
}

#[test]
fn a_switch_with_extensions_gets_all_that_is_learned() {
    let mut rig = Rig::settled(LEARNERS, "br0", &["p1", "p2"]);
    let (flows, packets) = learned(&mut rig);
    assert_eq!((flows.len(), packets), (2, 2), "{flows:?}");
    assert_eq!(unlearned(&rig), None);
}

#[test]
fn a_switch_without_extensions_gets_what_it_understands_and_the_rest_is_said() {
    let mut rig = Rig::connect(LEARNERS, "br0", &["p1", "p2"]);
    let sent = rig.received();
    let (monitor, _) =
        sent.iter().find(|(_, m)| matches!(asked(m), Some(MultipartRequestBody::Monitor(_)))).unwrap();
    // OFPET_BAD_REQUEST, OFPBRC_BAD_EXPERIMENTER.
    rig.give(*monitor, &refusal(1, 3));
    let desired = rig.desired();
    rig.answer_read(&sent, desired, &[]);
    rig.notices.clear();
    let (flows, packets) = learned(&mut rig);
    assert_eq!((flows.len(), packets), (1, 2), "{flows:?}");
    let said =
        rig.notices.iter().find_map(|n| if let Notice::Failed(why) = n { Some(why.as_str()) } else { None });
    assert!(said.is_some_and(|why| why.contains("reg1")), "{said:?}");
}
