//! What passes between a bridge and its controller.

use std::io::{BufRead, BufReader, Read as _};
use std::os::unix::net::UnixListener;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::message::multipart::MultipartRequestBody;
use ofproto::message::{FlowMod, FlowModCommand};
use ofproto::oxm::Field;
use ofproto::{GroupId, Message};
use portcullis_tests::Conn;

use super::Bench;

/// A bridge with a controller: the test.
fn controlled() -> (Bench, Conn) {
    let bench = Bench::new();
    let socket = bench.ovs.rundir().join("controller.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    bench.ovs.vsctl(&["set-controller", "br0", &format!("unix:{}", socket.display())]);
    let (stream, _) = listener.accept().unwrap();
    (bench, Conn::greet(stream))
}

fn snoop(bench: &Bench, arguments: &[&str]) -> (Child, BufReader<ChildStdout>) {
    let mut child = bench
        .command(&[&["snoop"][..], arguments].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap());
    (child, lines)
}

/// Has the controller send this again and again until something was read: nothing says from when on the bridge passes on
/// what it hears.
fn while_sending<T>(conn: &mut Conn, message: &Message, read: impl FnOnce() -> T) -> T {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                conn.send(message);
                conn.barrier();
            }
        });
        let seen = read();
        stop.store(true, Ordering::Relaxed);
        seen
    })
}

/// Reads on until a line has this.
fn until(lines: &mut BufReader<ChildStdout>, wanted: &str) -> String {
    loop {
        let mut line = String::new();
        assert_ne!(lines.read_line(&mut line).unwrap(), 0, "it ended without {wanted:?}");
        if line.contains(wanted) {
            return line;
        }
    }
}

#[test]
fn a_flow_mod_is_seen_as_it_passes() {
    let (bench, mut conn) = controlled();
    let (mut child, mut lines) = snoop(&bench, &["br0"]);
    let fields = flows::FlowMatch::any().with(Field::InPortOxm, 1).to_wire();
    let add = FlowMod { command: FlowModCommand::Add, priority: 7, fields, ..FlowMod::default() };
    let (flow, barrier) = while_sending(&mut conn, &Message::FlowMod(add), || {
        (until(&mut lines, "FLOW_MOD"), until(&mut lines, "BARRIER_REPLY"))
    });
    assert!(flow.starts_with("OFPT_FLOW_MOD (OF1.3) (xid=0x"), "{flow}");
    assert!(flow.contains("ADD priority=7,in_port=warp0 actions=drop"), "{flow}");
    assert!(barrier.starts_with("OFPT_BARRIER_REPLY (OF1.3) (xid=0x"), "{barrier}");
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    let mut last = String::new();
    lines.read_to_string(&mut last).unwrap();
    assert!(last.is_empty() || last.ends_with('\n'), "nothing is cut off: {last:?}");
    assert_eq!(child.wait().unwrap().code(), Some(0), "Ctrl-C is how it ends");
}

#[test]
fn it_ends_with_the_switch() {
    for by_path in [false, true] {
        let (mut bench, mut conn) = controlled();
        let path = format!("unix:{}", bench.ovs.rundir().join("br0.snoop").display());
        let target = if by_path { path.as_str() } else { "br0" };
        let (child, mut lines) = snoop(&bench, &[target]);
        while_sending(&mut conn, &Message::BarrierRequest, || until(&mut lines, "BARRIER"));
        bench.ovs.kill_vswitchd(Signal::SIGTERM);
        while lines.read_line(&mut String::new()).unwrap() > 0 {}
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
}

#[test]
fn it_ends_with_its_reader() {
    let (bench, mut conn) = controlled();
    let (mut child, mut lines) = snoop(&bench, &["br0", "--no-names"]);
    let code = while_sending(&mut conn, &Message::BarrierRequest, || {
        until(&mut lines, "BARRIER");
        drop(lines);
        child.wait().unwrap().code()
    });
    assert_eq!(code, Some(0));
}

/// Reads up to a line that has this, and returns all from the line on that has the other.
fn between(lines: &mut impl BufRead, first: &str, last: &str) -> String {
    let mut text = String::new();
    loop {
        let mut line = String::new();
        assert_ne!(lines.read_line(&mut line).unwrap(), 0, "it ended without {last:?}");
        if line.contains(last) {
            return text;
        }
        if !text.is_empty() || line.contains(first) {
            text += &line;
        }
    }
}

#[test]
fn its_text_is_that_of_ovs_ofctl() {
    let (bench, mut conn) = controlled();
    let (mut ours, mut our_lines) = snoop(&bench, &["br0", "--no-names"]);
    let mut theirs = Command::new("ovs-ofctl")
        .args(["-O", "OpenFlow13", "snoop", "br0"])
        .env("OVS_RUNDIR", bench.ovs.rundir())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut their_lines = BufReader::new(theirs.stderr.take().unwrap());
    while_sending(&mut conn, &Message::BarrierRequest, || {
        let mut line = String::new();
        their_lines.read_line(&mut line).unwrap();
        until(&mut our_lines, "BARRIER");
    });
    let (begin, end) = (Message::EchoRequest("begin".into()), Message::EchoRequest("ending".into()));
    conn.ask(&begin);
    let fields = flows::FlowMatch::any().with(Field::InPortOxm, 1).to_wire();
    let add = FlowMod { command: FlowModCommand::Add, priority: 7, fields, ..FlowMod::default() };
    conn.send(&Message::FlowMod(add));
    conn.ask(&Message::GetConfigRequest);
    conn.ask(&Message::FeaturesRequest);
    conn.parts(MultipartRequestBody::PortDesc);
    conn.parts(MultipartRequestBody::GroupDesc);
    conn.parts(MultipartRequestBody::Table);
    // Refused: there is no such group.
    let group = Action::Group(GroupId(99));
    let wrong = FlowMod { instructions: vec![Instruction::ApplyActions(vec![group])], ..FlowMod::default() };
    conn.send(&Message::FlowMod(wrong));
    conn.barrier();
    conn.ask(&end);
    // The bytes of an echo are on the line below its name.
    let our_text = between(&mut our_lines, "|begin", "|ending");
    let their_text = between(&mut their_lines, "|begin", "|ending");
    assert_eq!(our_text, their_text);
    for word in ["FLOW_MOD", "PORT_DESC", "GROUP_DESC", "OFPBAC_BAD_OUT_GROUP", "BARRIER_REPLY"] {
        assert!(our_text.contains(word), "{word}: {our_text}");
    }
    for child in [&mut ours, &mut theirs] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
