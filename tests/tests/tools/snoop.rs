//! What passes between a bridge and its controller.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::net::UnixListener;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use ofproto::Message;
use ofproto::message::{FlowMod, FlowModCommand};
use ofproto::oxm::Field;
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
