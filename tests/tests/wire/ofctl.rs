//! What `ovs-ofctl` and a bridge say to each other: every message of either side decodes as what it is, and encodes to
//! the bytes that it came in.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, spawn};

use ofproto::message::multipart::{MultipartReplyBody, MultipartRequestBody};
use ofproto::{Framer, Message};
use portcullis_tests::PrivateOvs;

/// What both sides said.
type Seen = Arc<Mutex<Vec<Message>>>;

/// Copies one direction until it ends, and takes its messages down.
fn pump(mut from: UnixStream, mut to: UnixStream, seen: Seen) -> JoinHandle<()> {
    spawn(move || {
        let mut framer = Framer::new();
        let mut buf = vec![0; 0x1_0000];
        while let Ok(n) = from.read(&mut buf)
            && n > 0
        {
            if to.write_all(&buf[..n]).is_err() {
                break;
            }
            assert_eq!(framer.feed(&buf[..n]), n);
            while let Some(frame) = framer.next_frame().unwrap() {
                let (xid, message) =
                    Message::decode_shared(&frame).unwrap_or_else(|e| panic!("{e}: {frame:02x?}"));
                assert_eq!(message.encode(xid).unwrap(), frame, "{message:?}");
                seen.lock().unwrap().push(message);
            }
        }
        // The other side may be gone already.
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    })
}

/// Stands between one run of `ovs-ofctl` and a bridge: what was said, and what was printed.
fn between(ovs: &PrivateOvs, args: &[&str]) -> (Vec<Message>, String) {
    let socket = ovs.rundir().join("between");
    let _ = std::fs::remove_file(&socket);
    let listener = UnixListener::bind(&socket).unwrap();
    let mgmt = ovs.mgmt("b1");
    let (seen, theirs) = (Seen::default(), Seen::default());
    let done = Arc::new(AtomicBool::new(false));
    let accept = {
        let (seen, theirs, done) = (Arc::clone(&seen), Arc::clone(&theirs), Arc::clone(&done));
        spawn(move || {
            let mut pumps = Vec::new();
            while let Ok((client, _)) = listener.accept()
                && !done.load(Ordering::Acquire)
            {
                let switch = UnixStream::connect(&mgmt).unwrap();
                let (c, s) = (client.try_clone().unwrap(), switch.try_clone().unwrap());
                pumps.push(pump(client, switch, Arc::clone(&seen)));
                pumps.push(pump(s, c, Arc::clone(&theirs)));
            }
            pumps.into_iter().for_each(|pump| pump.join().unwrap());
        })
    };
    let target = format!("unix:{}", socket.display());
    let args: Vec<&str> = args.iter().map(|arg| if *arg == "@" { &target[..] } else { arg }).collect();
    let printed = ovs.ofctl(&args);
    // One more connection wakes the thread that waits for the next one.
    done.store(true, Ordering::Release);
    drop(UnixStream::connect(&socket).unwrap());
    accept.join().unwrap();
    let mut all = std::mem::take(&mut *seen.lock().unwrap());
    all.append(&mut theirs.lock().unwrap());
    (all, printed)
}

/// A message's name, with what it is a request or reply for.
fn name(message: &Message) -> String {
    let part = match message {
        Message::MultipartRequest(request) => request.body.name(),
        Message::MultipartReply(reply) => reply.body.name(),
        _ => "",
    };
    format!("{}{part}", message.name())
}

/// Queues, IPFIX exporters and a port that has them.
fn furnish(ovs: &PrivateOvs) {
    let net = format!("--net={}", ovs.netns().display());
    let veth = "ip link set lo up && ip link add p1 type veth peer name q1 && ip link set p1 up && ip link set q1 up";
    assert!(Command::new("nsenter").args([&net, "sh", "-c", veth]).status().unwrap().success());
    ovs.vsctl(&["add-port", "b1", "p1", "--", "set", "interface", "p1", "ofport_request=1"]);
    let qos = "--id=@qos create qos type=linux-htb other-config:max-rate=1000000 queues:3=@queue";
    let queue = "--id=@queue create queue other-config:min-rate=100000 other-config:max-rate=500000";
    let words = |text: &'static str| text.split(' ');
    let args: Vec<_> =
        words("set port p1 qos=@qos --").chain(words(qos)).chain(["--"]).chain(words(queue)).collect();
    ovs.vsctl(&args);
    let bridge = "set bridge b1 ipfix=@ipfix -- --id=@ipfix create ipfix targets=\"127.0.0.1:4739\"";
    ovs.vsctl(&words(bridge).collect::<Vec<_>>());
    let flows = "--id=@b get bridge b1 -- --id=@ipfix create ipfix targets=\"127.0.0.1:4740\" -- create flow_sample_collector_set id=9 bridge=@b ipfix=@ipfix";
    ovs.vsctl(&words(flows).collect::<Vec<_>>());
}

/// What `ovs-ofctl -O OpenFlow13` can be asked to do.
const COMMANDS: &[&[&str]] = &[
    &["show", "@"],
    &["dump-desc", "@"],
    &["dump-tables", "@"],
    &["dump-table-features", "@"],
    &["mod-port", "@", "p1", "no-flood"],
    &["get-frags", "@"],
    &["set-frags", "@", "drop"],
    &["dump-ports", "@"],
    &["dump-ports-desc", "@"],
    &["add-group", "@", "group_id=1,type=all,bucket=output:1,bucket=set_field:1->reg0,output:2"],
    &[
        "add-group",
        "@",
        "group_id=2,type=select,bucket=weight:7,actions=output:1,bucket=weight:9,actions=drop",
    ],
    &["add-group", "@", "group_id=3,type=indirect,bucket=group:1"],
    &["add-group", "@", "group_id=4,type=ff,bucket=watch_port:1,output:1,bucket=watch_group:2,group:2"],
    &["mod-group", "@", "group_id=3,type=indirect,bucket=output:2"],
    &["dump-groups", "@"],
    &["dump-group-stats", "@"],
    &["dump-group-stats", "@", "group_id=2"],
    &["dump-group-features", "@"],
    &["add-meter", "@", "meter=1,kbps,burst,stats,bands=type=drop,rate=100,burst_size=7"],
    &["mod-meter", "@", "meter=1,pktps,bands=type=drop,rate=100"],
    &["dump-meters", "@"],
    &["meter-stats", "@"],
    &["meter-features", "@"],
    &["del-meters", "@", "meter=1"],
    &["add-flow", "@", "cookie=1,table=3,priority=7,tcp,tcp_dst=80,actions=group:1,output:4"],
    &[
        "--bundle",
        "add-flow",
        "@",
        "cookie=2,table=4,ip,actions=learn(table=5,eth_type=0x800,NXM_OF_IP_SRC[]),ct(commit)",
    ],
    &["mod-flows", "@", "table=3,actions=output:5"],
    &["dump-flows", "@"],
    &["dump-flows", "@", "table=3,tcp,out_port=5"],
    &["dump-aggregate", "@"],
    &["del-flows", "@", "table=4"],
    &["del-groups", "@"],
    &["queue-stats", "@"],
    &["queue-stats", "@", "1", "3"],
    &["queue-get-config", "@", "1"],
    &["packet-out", "@", "1", "output:2", "50540000000750540000000508004500001c00000000401100000000"],
    &["add-tlv-map", "@", "{class=0xffff,type=0x80,len=4}->tun_metadata3"],
    &["dump-tlv-map", "@"],
    &["del-tlv-map", "@", "{class=0xffff,type=0x80,len=4}->tun_metadata3"],
    &["dump-ipfix-bridge", "@"],
    &["dump-ipfix-flow", "@"],
    &["ct-flush-zone", "@", "7"],
    &["ct-flush", "@"],
    &[
        "ct-flush",
        "@",
        "zone=5",
        "ct_nw_src=10.1.1.1,ct_nw_proto=6,ct_tp_src=1",
        "ct_nw_dst=10.1.1.2,ct_tp_dst=7",
    ],
    &["ct-flush", "@", "ct_ipv6_src=fe80::1,ct_nw_proto=58,icmp_type=128,icmp_code=0,icmp_id=9"],
    &["probe", "@"],
];

/// The messages that those commands and their answers are.
const MESSAGES: &str = "Hello EchoRequest EchoReply FeaturesRequest FeaturesReply GetConfigRequest GetConfigReply \
     SetConfig PacketOut FlowMod GroupMod PortMod MeterMod BarrierRequest BarrierReply QueueGetConfigRequest \
     QueueGetConfigReply BundleControl BundleAdd TlvTableMod TlvTableRequest TlvTableReply CtFlushZone CtFlush \
     MultipartRequestDesc MultipartReplyDesc MultipartRequestFlow MultipartReplyFlow MultipartRequestAggregate \
     MultipartReplyAggregate MultipartRequestTable MultipartReplyTable MultipartRequestTableFeatures \
     MultipartReplyTableFeatures MultipartRequestPortStats MultipartReplyPortStats MultipartRequestPortDesc \
     MultipartReplyPortDesc MultipartRequestQueue MultipartReplyQueue MultipartRequestGroup MultipartReplyGroup \
     MultipartRequestGroupDesc MultipartReplyGroupDesc MultipartRequestGroupFeatures MultipartReplyGroupFeatures \
     MultipartRequestMeter MultipartReplyMeter MultipartRequestMeterConfig MultipartReplyMeterConfig \
     MultipartRequestMeterFeatures MultipartReplyMeterFeatures MultipartRequestIpfixBridge \
     MultipartReplyIpfixBridge MultipartRequestIpfixFlow MultipartReplyIpfixFlow";

#[test]
fn all_that_ovs_ofctl_and_a_bridge_say_is_understood() {
    let ovs = PrivateOvs::new();
    ovs.add_bridge("b1");
    furnish(&ovs);
    let mut names = BTreeSet::new();
    for command in COMMANDS {
        let (messages, printed) = between(&ovs, command);
        assert!(messages.len() > 2, "{command:?}: {messages:?}");
        for message in &messages {
            let raw = matches!(
                message,
                Message::Unknown { .. } | Message::Experimenter(_) | Message::Error(_)
            ) || matches!(message, Message::MultipartRequest(r)
                    if matches!(r.body, MultipartRequestBody::Unknown { .. } | MultipartRequestBody::Experimenter(_)))
                || matches!(message, Message::MultipartReply(r)
                    if matches!(r.body, MultipartReplyBody::Unknown { .. } | MultipartReplyBody::Experimenter(_)));
            assert!(!raw, "{command:?}: {message:?}, {printed}");
            names.insert(name(message));
        }
    }
    let expected: BTreeSet<String> = MESSAGES.split_whitespace().map(str::to_owned).collect();
    assert_eq!(names, expected);
}
