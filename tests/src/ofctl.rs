//! The messages that `ovs-ofctl` sends for lines of text, without a switch.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const HELLO: u8 = 0;
const FLOW_MOD: u8 = 14;
const BARRIER_REQUEST: u8 = 20;
const BARRIER_REPLY: u8 = 21;

/// Returns bytes in the form that `ovs-ofctl ofp-print` reads.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Returns a printed flow without the time left until a crossing ends, which decreases between two
/// prints.
///
/// # Panics
/// Panics if the flow has no actions.
pub fn timeless(flow: &str) -> String {
    let (head, actions) = flow.split_once(" actions=").expect("actions");
    let words: Vec<_> = head.split(", ").filter(|w| !w.starts_with("hard_timeout=")).collect();
    format!("{} actions={actions}", words.join(", "))
}

/// Returns the version of the installed Open vSwitch, major and minor.
///
/// # Panics
/// Panics if `ovs-ofctl` does not start, or does not print its version.
pub fn installed() -> (u8, u8) {
    let output = Command::new("ovs-ofctl").arg("--version").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok());
    (numbers.next().expect("a version"), numbers.next().expect("a minor version"))
}

/// Limits the strategies of `ofproto` to the features of the installed Open vSwitch. The tests of
/// later features are in `wire::later`.
///
/// # Panics
/// Panics for the reasons of [`installed`].
pub fn write_for_installed() {
    ofproto::testing::write_for_version(installed());
}

/// Returns the text that `ovs-ofctl ofp-print` prints for a message.
///
/// # Panics
/// Panics if `ovs-ofctl` does not start, or fails.
pub fn ofp_print(message: &[u8], verbosity: u8) -> String {
    let mut command = Command::new("ovs-ofctl");
    command.args(["-vconsole:off", "-vsyslog:off", "ofp-print", &hex(message), &verbosity.to_string()]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Returns the flow_mods that `ovs-ofctl -O OpenFlow13 add-flows` sends for these flows, in order.
///
/// # Panics
/// Panics if `ovs-ofctl` does not start, or does not speak OpenFlow.
///
/// # Errors
/// Returns the printed error if `ovs-ofctl` refuses a flow.
pub fn flow_mods(flows: &[String]) -> Result<Vec<Vec<u8>>, String> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let target = format!("tcp:{}", listener.local_addr().unwrap());
    let mut ofctl = Command::new("ovs-ofctl")
        .args(["-O", "OpenFlow13", "--no-names", "-vconsole:off", "add-flows", &target, "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // `ovs-ofctl` stops reading at the first line that it refuses.
    let _ = ofctl.stdin.take().unwrap().write_all(flows.join("\n").as_bytes());
    let mods = accept(&listener, &mut ofctl).map(serve).unwrap_or_default();
    let output = ofctl.wait_with_output().unwrap();
    if output.status.success() { Ok(mods) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// Waits for `ovs-ofctl` to connect. `None` if it ended before.
fn accept(listener: &TcpListener, ofctl: &mut Child) -> Option<TcpStream> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match listener.accept() {
            Ok((stream, _)) => return Some(stream),
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            Err(e) => panic!("{e}"),
        }
        if ofctl.try_wait().unwrap().is_some() || Instant::now() > deadline {
            return None;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Emulates a switch that accepts every message, until the peer closes.
fn serve(mut stream: TcpStream) -> Vec<Vec<u8>> {
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(&[4, HELLO, 0, 8, 0, 0, 0, 1]).unwrap();
    let mut mods = Vec::new();
    let mut header = [0; 8];
    while stream.read_exact(&mut header).is_ok() {
        let len = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let mut message = header.to_vec();
        message.resize(len, 0);
        stream.read_exact(&mut message[8..]).unwrap();
        match header[1] {
            FLOW_MOD => mods.push(message),
            BARRIER_REQUEST => {
                header[1] = BARRIER_REPLY;
                stream.write_all(&header).unwrap();
            }
            _ => {}
        }
    }
    mods
}

/// Returns whether a flow, as `ovs-ofctl` prints it, is one of the learned return flows.
pub fn is_learned(flow: &str) -> bool {
    // Before the actions: a learner has the same words in them.
    // Table 5 has those for ICMP errors and later fragments, each learner's with a priority of its own.
    let learned = |head: &str| {
        (head.contains(" table=1,") && head.contains("priority=110"))
            || (head.contains(" table=5,") && head.contains("hard_timeout="))
    };
    flow.split(" actions=").next().is_some_and(learned)
}

/// Returns whether our text equals that of `ovs-ofctl`, except for the parts of a flow that
/// `ovs-ofctl` omits. The test `flows_that_differ_have_different_texts` in the crate `flows` lists
/// these parts.
pub fn says_no_less(ours: &str, theirs: &str) -> bool {
    let lines = |text: &str| text.split('\n').count();
    let mut pairs = ours.split('\n').zip(theirs.split('\n'));
    lines(ours) == lines(theirs) && pairs.all(|(ours, theirs)| line_says_no_less(ours, theirs))
}

fn line_says_no_less(ours: &str, theirs: &str) -> bool {
    const LEFT_OUT: [&str; 10] = [
        "eth",
        "nsh_c",
        "tun_erspan_",
        "tun_gbp_flags=",
        "nw_frag=",
        "nat(",
        ",,ct)",
        "output(src=",
        "hdr_size=",
        "tlv(",
    ];
    if ours == theirs {
        return true;
    }
    let mut same = ours.replace("nw_frag=0/0x1", "nw_frag=no").replace("nw_frag=0x2/0x2", "nw_frag=later");
    // The word for the action differs, not only an argument.
    for (start, end, word) in [("output(src=", ",max_len=", "output:"), ("resubmit(", ",,ct)", "resubmit:")] {
        let mut rewritten = String::new();
        let mut rest = same.as_str();
        while let Some((before, after)) = rest.split_once(start) {
            rewritten.push_str(before);
            match after.split_once(end).filter(|(inner, _)| !inner.is_empty() && !inner.contains([',', '(']))
            {
                Some((inner, behind)) => {
                    rewritten.push_str(word);
                    rewritten.push_str(inner);
                    rest = if end == ",max_len=" {
                        behind.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches(')')
                    } else {
                        behind
                    };
                }
                None => {
                    rewritten.push_str(start);
                    rest = after;
                }
            }
        }
        rewritten.push_str(rest);
        same = rewritten;
    }
    let mut left = same.chars();
    LEFT_OUT.iter().any(|word| ours.contains(word)) && theirs.chars().all(|c| left.any(|ours| ours == c))
}
