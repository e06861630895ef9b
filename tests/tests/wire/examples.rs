//! The examples of `ofproto`, as a stranger would run them: on a bridge of the installed Open vSwitch, and on a capture.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use etherparse::PacketBuilder;
use ofproto::message::{Hello, Message};
use ofproto::{MacAddr, Xid};
use portcullis_tests::{PrivateOvs, hex};

/// An example of this build.
fn example(name: &str) -> PathBuf {
    let this = std::env::current_exe().unwrap();
    // target/PROFILE/deps/TEST beside target/PROFILE/examples.
    let path = this.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(path.exists(), "{} is not built: cargo build -p ofproto --examples", path.display());
    path
}

fn run(name: &str, arguments: &[&str]) -> Output {
    Command::new(example(name)).args(arguments).output().unwrap()
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn flows(ovs: &PrivateOvs) -> Vec<String> {
    let text = ovs.ofctl(&["--no-stats", "dump-flows", "b1"]);
    text.lines().map(|line| line.trim().to_owned()).collect()
}

/// Waits for what the switch and the controller agree on.
fn wait_for(ovs: &PrivateOvs, flow: &str) {
    let begin = Instant::now();
    while !flows(ovs).iter().any(|line| line == flow) {
        assert!(begin.elapsed() < Duration::from_secs(20), "no {flow}: {:?}", flows(ovs));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_flow_is_added_and_what_is_wrong_with_one_is_said() {
    let ovs = PrivateOvs::new();
    ovs.add_bridge("b1");
    let target = format!("unix:{}", ovs.mgmt("b1").display());
    let output = run("add_flow", &[&target, "1", "2"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with("priority 100: ") && said.contains("PortNo(2)"), "{said}");
    assert_eq!(flows(&ovs), ["priority=100,in_port=1 actions=output:2"]);

    let output = run("add_flow", &[&target, "1", "65280"]);
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("OFPBAC_BAD_OUT_PORT: Nothing can be sent there."), "{said}");
}

#[test]
fn two_hosts_get_flows_once_both_have_been_seen() {
    let ovs = PrivateOvs::new();
    ovs.add_bridge("b1");
    for (port, number) in [("p1", "1"), ("p2", "2")] {
        let request = format!("ofport_request={number}");
        ovs.vsctl(&["add-port", "b1", port, "--", "set", "interface", port, "type=internal", &request]);
    }
    // Open vSwitch has a loopback device of its own.
    let within = format!("--net={}", ovs.netns().display());
    let up = Command::new("nsenter").args([&within, "ip", "link", "set", "lo", "up"]).status().unwrap();
    assert!(up.success());
    let mut child = Command::new("nsenter")
        .arg(&within)
        .arg(example("learning_switch"))
        .arg("127.0.0.1:0")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    let _running = Running(child);
    let first = said.next().unwrap().unwrap();
    let address = first.strip_prefix("listening at ").unwrap();
    ovs.vsctl(&["set-controller", "b1", &format!("tcp:{address}")]);
    wait_for(&ovs, "priority=0 actions=CONTROLLER:65535");

    let (a, b) = (MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([2, 0, 0, 0, 0, 2]));
    let send = |from: MacAddr, to: MacAddr, in_port: u32| {
        let frame = [&to.0[..], &from.0, &[0x88, 0xb5], &[0; 46]].concat();
        ovs.ofctl(&["packet-out", "b1", &format!("in_port={in_port},packet={},actions=table", hex(&frame))]);
    };
    // The first goes to everybody, since nobody knows where it is for.
    send(a, b, 1);
    send(b, a, 2);
    wait_for(&ovs, &format!("idle_timeout=60, priority=1,in_port=2,dl_src={b},dl_dst={a} actions=output:1"));
    assert!(!flows(&ovs).iter().any(|flow| flow.contains("in_port=1,")), "{:?}", flows(&ovs));
    send(a, b, 1);
    wait_for(&ovs, &format!("idle_timeout=60, priority=1,in_port=1,dl_src={a},dl_dst={b} actions=output:2"));
    assert!(said.next().unwrap().unwrap().ends_with(" with 254 tables"));
}

/// Two directions of one connection: messages that share a segment, one over two segments, and one that is sent again.
#[test]
fn the_messages_of_a_capture_are_decoded() {
    let message = |message: Message, xid| message.encode(Xid(xid)).unwrap();
    let hello = || message(Message::Hello(Hello::ours()), 1);
    let echo = message(Message::EchoRequest("0123456789".into()), 2);
    let (begin, end) = echo.split_at(11);
    let to_controller = [
        hello(),
        [&message(Message::BarrierReply, 3)[..], begin].concat(),
        // The beginning again, and the rest.
        [begin, end].concat(),
        vec![1, 14, 0, 8, 0, 0, 0, 9],
    ];
    let starts = [0, 16, 24, 24 + 18];
    let mut capture =
        [&0xa1b2_c3d4_u32.to_be_bytes()[..], &[0, 2, 0, 4], &[0; 8], &[0, 0, 255, 255]].concat();
    capture.extend(1_u32.to_be_bytes());
    let mut packet = |(from, to): (u8, u8), ports: (u16, u16), sequence: u32, payload: &[u8]| {
        let builder = PacketBuilder::ethernet2([2; 6], [4; 6])
            .ipv4([10, 0, 0, from], [10, 0, 0, to], 64)
            .tcp(ports.0, ports.1, sequence, 4000);
        let mut frame = Vec::new();
        builder.write(&mut frame, payload).unwrap();
        let len = u32::try_from(frame.len()).unwrap().to_be_bytes();
        capture.extend([&[0; 8], &len[..], &len[..], &frame].concat());
    };
    packet((1, 2), (40_000, 6653), 999, &[]);
    packet((2, 1), (6653, 40_000), 5, &hello());
    for (start, payload) in starts.into_iter().zip(&to_controller) {
        packet((1, 2), (40_000, 6653), (u32::MAX - 10).wrapping_add(start), payload);
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &capture).unwrap();
    let output = run("decode_pcap", &[file.path().to_str().unwrap()]);
    let said = String::from_utf8(output.stdout).unwrap();
    let heads: Vec<&str> = said.lines().map(|line| line.split_once(": ").unwrap().1).collect();
    let expected =
        ["Hello xid 0x1", "Hello xid 0x1", "BarrierReply xid 0x3", "EchoRequest xid 0x2", "not OpenFlow 1.3"];
    assert_eq!(heads.len(), expected.len(), "{said}");
    for (head, expected) in heads.iter().zip(expected) {
        assert!(head.starts_with(expected), "{said}");
    }
    assert!(
        said.starts_with("10.0.0.2:6653 → 10.0.0.1:40000: ") && said.contains("b\"0123456789\""),
        "{said}"
    );

    std::fs::write(file.path(), b"\x0a\x0d\x0d\x0a and more than a header of a capture").unwrap();
    let output = run("decode_pcap", &[file.path().to_str().unwrap()]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("pcapng"), "{said}");
}
