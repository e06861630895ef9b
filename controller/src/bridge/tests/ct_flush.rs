//! Tests the flush of connections on the switch.

use ofproto::Xid;
use ofproto::message::{BundleControlKind, CtFlushProperty, CtTupleProperty, Message};

use super::{Rig, control, is_read, refusal};
use crate::bridge::Notice;

const TRACKED: &str = r#"
[network.c]
bridge = "br0"
subnets = ["10.3.0.0/24"]
stateful = "conntrack"
[endpoint.c1]
attach = [{ network = "c", port = "pc1", addresses = ["10.3.0.1"] }]
[endpoint.c2]
attach = [{ network = "c", port = "pc2", addresses = ["10.3.0.2"] }]
[endpoint.c3]
attach = [{ network = "c", port = "pc3", addresses = ["10.3.0.3"] }]
[[allow]]
name = "dns"
from = "c1"
to = "c2"
protocol = "udp"
ports = [53]
"#;

/// The network's number, which comes from its name.
const ZONE: u16 = 0x1260;
const PORTS: [&str; 3] = ["pc1", "pc2", "pc3"];

/// Applies a change of the file up to the flush requests.
fn changed(text: &str) -> (Rig, Vec<(Xid, Message)>) {
    let mut rig = Rig::settled(TRACKED, "br0", &PORTS);
    let had = rig.desired();
    rig.reload(text);
    let sent = rig.received();
    if is_read(&sent) {
        rig.answer_read(&sent, had, &[]);
        let sent = rig.received();
        return (rig, sent);
    }
    (rig, sent)
}

/// Returns the flushed connections before a barrier, and answers the barrier.
fn flushed(rig: &mut Rig, sent: Vec<(Xid, Message)>) -> Vec<Message> {
    let mut flushed: Vec<Message> = Vec::new();
    for (xid, message) in sent {
        match message {
            Message::BarrierRequest => {
                rig.give(xid, &Message::BarrierReply);
                return flushed;
            }
            message => flushed.push(message),
        }
    }
    panic!("no barrier after {flushed:?}")
}

fn tuples(messages: &[Message]) -> Vec<(u8, CtTupleProperty)> {
    let tuple = |message: &Message| match message {
        Message::CtFlush(flush) => match &flush.properties[..] {
            [CtFlushProperty::OrigTuple(tuple), CtFlushProperty::ZoneId(zone)] if *zone == ZONE => {
                (flush.ip_proto, tuple[0].clone())
            }
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    messages.iter().map(tuple).collect()
}

#[test]
fn a_rule_s_connections_are_forgotten_before_and_after_it_changes() {
    let (mut rig, sent) = changed(&TRACKED.replace("[53]", "[54]"));
    let mut first = flushed(&mut rig, sent);
    let wanted = [(17, CtTupleProperty::DstPort(53)), (17, CtTupleProperty::DstPort(54))];
    assert_eq!(tuples(&first), wanted);
    let sent = rig.received();
    let (xid, bundle, _) = rig.open_bundle(&sent);
    rig.give(xid, &control(bundle, BundleControlKind::CommitReply));
    assert!(!rig.bridge.status().settled, "not before it is forgotten");
    let sent = rig.received();
    let second = flushed(&mut rig, sent);
    assert_eq!(std::mem::take(&mut first), second);
    assert!(is_read(&rig.received()));
}

#[test]
fn an_address_s_connections_are_forgotten_when_it_moves() {
    let swapped = TRACKED.replace("10.3.0.1", "10.3.0.9").replace("10.3.0.3", "10.3.0.1");
    let (mut rig, sent) = changed(&swapped.replace("10.3.0.9", "10.3.0.3"));
    let address = |last| std::net::Ipv4Addr::new(10, 3, 0, last).to_ipv6_mapped().octets();
    let of = |last| [CtTupleProperty::Src(address(last)), CtTupleProperty::Dst(address(last))];
    let wanted: Vec<_> = of(1).into_iter().chain(of(3)).map(|tuple| (0, tuple)).collect();
    assert_eq!(tuples(&flushed(&mut rig, sent)), wanted);
}

#[test]
fn a_switch_that_cannot_forget_so_finely_forgets_the_zone() {
    let (mut rig, sent) = changed(&TRACKED.replace("[53]", "[54]"));
    rig.give(sent[0].0, &refusal(1, 2));
    flushed(&mut rig, sent);
    let sent = rig.received();
    let zone = |message: &Message| matches!(message, Message::CtFlushZone(flush) if flush.zone_id == ZONE);
    assert!(matches!(&sent[..], [(_, flush), (_, Message::BarrierRequest)] if zone(flush)), "{sent:?}");
    // The switch refuses this too. The change is made all the same, because the flows let no such
    // packet through.
    rig.give(sent[0].0, &refusal(1, 2));
    flushed(&mut rig, sent);
    let sent = rig.received();
    let (xid, bundle, _) = rig.open_bundle(&sent);
    rig.give(xid, &control(bundle, BundleControlKind::CommitReply));
    assert!(is_read(&rig.received()));
    assert_eq!(rig.notices.iter().filter(|n| matches!(n, Notice::Unforgetting(_))).count(), 2);
}

#[test]
fn where_nothing_is_tracked_nothing_is_forgotten() {
    let learned = TRACKED.replace("stateful = \"conntrack\"\n", "");
    let mut rig = Rig::settled(&learned, "br0", &PORTS);
    rig.reload(&learned.replace("[53]", "[54]"));
    let sent = rig.received();
    rig.open_bundle(&sent);
}
