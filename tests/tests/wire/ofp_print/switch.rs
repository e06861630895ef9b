//! What a real switch sends.

use ofctl::ofp_print::print_message;
use ofctl::syntax::NoNames;
use ofproto::message::multipart::{FlowStatsRequest, MultipartRequest, MultipartRequestBody};
use ofproto::{Message, PortNo, Xid};
use portcullis_tests::{Conn, PrivateOvs, lines, says_no_less};

use super::oracle;

/// Sends a request, and returns the answers as they came: [`Conn`] makes sure that they encode to the same bytes.
fn answers(conn: &mut Conn, body: MultipartRequestBody) -> Vec<Vec<u8>> {
    let xid = conn.send(&Message::MultipartRequest(MultipartRequest { flags: 0, body }));
    let mut answers = Vec::new();
    loop {
        let message = conn.wait(xid);
        let more = matches!(&message, Message::MultipartReply(reply) if reply.flags & 1 != 0);
        answers.push(message.encode(xid).unwrap());
        if !more {
            return answers;
        }
    }
}

#[test]
fn what_a_switch_sends_prints_the_same() {
    let ovs = PrivateOvs::new();
    ovs.add_bridge("br0");
    ovs.vsctl(&[
        "add-port",
        "br0",
        "p1",
        "--",
        "set",
        "interface",
        "p1",
        "type=internal",
        "ofport_request=1",
    ]);
    for group in [
        "group_id=1,type=all,bucket=output:1,bucket=weight:0,actions=drop",
        "group_id=2,type=select,bucket=weight:5,output:1",
    ] {
        ovs.ofctl(&["add-group", "br0", group]);
    }
    ovs.ofctl(&["add-meter", "br0", "meter=1 kbps burst stats band=type=drop rate=1000 burst_size=10"]);
    let lines = [lines::MATCHES, lines::ACTIONS, lines::LEARN].concat();
    let taken =
        lines.iter().filter(|line| ovs.try_ofctl(&["add-flow", "br0", line]).status.success()).count();
    assert!(taken > 100, "{taken}");
    let mut conn = Conn::dial(&ovs.mgmt("br0"));
    let mut messages = Vec::new();
    for body in [
        MultipartRequestBody::Desc,
        MultipartRequestBody::Flow(FlowStatsRequest::default()),
        MultipartRequestBody::Aggregate(FlowStatsRequest::default()),
        MultipartRequestBody::Table,
        MultipartRequestBody::PortStats(PortNo::ANY),
        MultipartRequestBody::PortDesc,
        MultipartRequestBody::GroupDesc,
        MultipartRequestBody::GroupFeatures,
        MultipartRequestBody::MeterFeatures,
        MultipartRequestBody::TableFeatures(Vec::new()),
    ] {
        messages.extend(answers(&mut conn, body));
    }
    for request in [Message::FeaturesRequest, Message::GetConfigRequest, Message::GetAsyncRequest] {
        messages.push(conn.ask(&request).encode(Xid(5)).unwrap());
    }
    for (message, theirs) in messages.iter().zip(oracle::parse(&messages, 0)) {
        let ours = print_message(message, 2, &NoNames);
        assert!(says_no_less(&ours, &theirs), "ours\n{ours}\ntheirs\n{theirs}");
    }
}
