//! What Open vSwitch reads in the bytes that we write.

use bytes::Bytes;
use ofproto::action::Action;
use ofproto::message::multipart::{FlowStatsRequest, MultipartRequest, MultipartRequestBody};
use ofproto::message::{
    BundleControl, BundleControlKind, ErrorMsg, FLOW_SEND_FLOW_REM, FlowMod, FlowModCommand, Hello, ONF,
    PacketOut, Role,
};
use ofproto::{BufferId, Cookie, Message, PortNo, TableId, Xid};
use portcullis_tests::PrivateOvs;

use super::{BUNDLE, output};

/// `ovs-ofctl ofp-parse` of messages, one text each, by xid from 0.
fn printed(ovs: &PrivateOvs, messages: &[Message]) -> Vec<String> {
    let file = ovs.rundir().join("messages");
    let xids = (0..).map(Xid);
    let bytes: Vec<u8> = messages.iter().zip(xids).flat_map(|(m, xid)| m.encode(xid).unwrap()).collect();
    std::fs::write(&file, bytes).unwrap();
    let text = ovs.ofctl(&["ofp-parse", file.to_str().unwrap()]);
    let mut texts = vec![String::new(); messages.len()];
    let mut at = 0;
    for line in text.lines() {
        if let Some((_, rest)) = line.split_once("(xid=0x") {
            at = usize::from_str_radix(rest.split_once(')').unwrap().0, 16).unwrap();
        }
        texts[at] += line;
        texts[at].push('\n');
    }
    texts
}

#[test]
fn errors_have_the_names_that_open_vswitch_gives_them() {
    let ovs = PrivateOvs::new();
    let error = |kind, code, experimenter| ErrorMsg { kind, code, experimenter, data: Bytes::new() };
    let standard = (0..20).flat_map(|kind| (0..40).map(move |code| error(kind, code, None)));
    let experimenters = (0..5000).flat_map(|code| {
        [Some(ONF), Some(0x2320), Some(7)].map(|experimenter| error(0xffff, code, experimenter))
    });
    let errors: Vec<_> = standard.chain(experimenters).collect();
    let messages: Vec<_> = errors.iter().cloned().map(Message::Error).collect();
    let mut named = 0;
    for (error, text) in errors.iter().zip(printed(&ovs, &messages)) {
        let first = text.lines().next().unwrap();
        let name = first.rsplit(": ").next().filter(|name| !name.contains(' ') && !name.contains('*'));
        assert_eq!(error.name(), name, "{error:?}: {first}");
        named += usize::from(name.is_some());
    }
    assert!(named > 150, "{named}");
}

#[test]
fn open_vswitch_prints_what_we_mean() {
    let ovs = PrivateOvs::new();
    let cases = [
        (Message::Hello(Hello::ours()), "OFPT_HELLO (OF1.3) (xid=0x0):\n version bitmap: 0x04\n"),
        (Message::FeaturesRequest, "OFPT_FEATURES_REQUEST (OF1.3) (xid=0x1):\n"),
        (
            Message::FlowMod(FlowMod {
                cookie: Cookie(0x12),
                table_id: TableId(3),
                idle_timeout: 60,
                hard_timeout: 90,
                priority: 7,
                flags: FLOW_SEND_FLOW_REM,
                instructions: output(PortNo::NORMAL),
                ..FlowMod::default()
            }),
            "OFPT_FLOW_MOD (OF1.3) (xid=0x2): ADD table:3 priority=7 cookie:0x12 idle:60 hard:90 send_flow_rem actions=NORMAL\n",
        ),
        (
            Message::FlowMod(FlowMod {
                command: FlowModCommand::DeleteStrict,
                cookie: Cookie(0x10),
                cookie_mask: 0xf0,
                table_id: TableId::ALL,
                out_port: PortNo(9),
                ..FlowMod::default()
            }),
            "OFPT_FLOW_MOD (OF1.3) (xid=0x3): DEL_STRICT table:255 cookie:0x10/0xf0 out_port:9 actions=drop\n",
        ),
        (
            Message::PacketOut(PacketOut {
                buffer_id: BufferId(0x1234),
                in_port: PortNo::CONTROLLER,
                actions: vec![Action::Output { port: PortNo(2), max_len: 0 }],
                data: Bytes::new(),
            }),
            "OFPT_PACKET_OUT (OF1.3) (xid=0x4): in_port=CONTROLLER actions=output:2 buffer=0x00001234\n",
        ),
        (
            Message::RoleRequest(Role { role: 2, generation_id: 5 }),
            "OFPT_ROLE_REQUEST (OF1.3) (xid=0x5): role=primary generation_id=5\n",
        ),
        (
            Message::BundleControl(BundleControl::new(6, BundleControlKind::CommitRequest, BUNDLE)),
            "ONFT_BUNDLE_CONTROL (OF1.3) (xid=0x6):\n bundle_id=0x6 type=COMMIT_REQUEST flags=atomic ordered\n",
        ),
        (
            Message::MultipartRequest(MultipartRequest {
                flags: 0,
                body: MultipartRequestBody::Flow(FlowStatsRequest {
                    table_id: TableId(2),
                    ..FlowStatsRequest::default()
                }),
            }),
            "OFPST_FLOW request (OF1.3) (xid=0x7): table=2\n",
        ),
        (
            Message::MultipartRequest(MultipartRequest {
                flags: 0,
                body: MultipartRequestBody::PortStats(PortNo(3)),
            }),
            "OFPST_PORT request (OF1.3) (xid=0x8): port_no=3\n",
        ),
        (Message::MonitorPaused, "ONFT_FLOW_MONITOR_PAUSED (OF1.3) (xid=0x9):\n"),
        (Message::MonitorResumed, "ONFT_FLOW_MONITOR_RESUMED (OF1.3) (xid=0xa):\n"),
    ];
    let messages: Vec<_> = cases.iter().map(|(message, _)| message.clone()).collect();
    for ((_, expected), text) in cases.iter().zip(printed(&ovs, &messages)) {
        assert_eq!(text, *expected);
    }
}
