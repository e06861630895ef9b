//! Peers at the controller's OpenFlow port that are no switches, or bad ones.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use lab::LabOptions;
use ofproto::message::Port;
use ofproto::{DatapathId, PortNo};
use portcullis_tests::switch::try_shake_hands;
use portcullis_tests::{Pinger, Running};

use super::INTERNET;

/// The controller gives a handshake, and an answer to its echo request, ten seconds.
const ENDS: Duration = Duration::from_secs(13);
/// So much more memory may be in use afterwards, in kilobytes.
const MEMORY: u64 = 64 << 10;

const HELLO: u8 = 0;
const ERROR: u8 = 1;
const ECHO_REQUEST: u8 = 2;
const FEATURES_REQUEST: u8 = 5;

/// OFPT_ERROR's type and code: OFPET_HELLO_FAILED and OFPET_BAD_REQUEST with their codes (OpenFlow 1.3.5 §7.4.4).
const INCOMPATIBLE: (u16, u16) = (0, 0);
const BAD_VERSION: (u16, u16) = (1, 0);
const BAD_TYPE: (u16, u16) = (1, 1);
const BAD_LEN: (u16, u16) = (1, 6);

fn dial(net: &Running) -> TcpStream {
    let stream = net.lab.within("host", || TcpStream::connect(("127.0.0.1", 6653))).unwrap().unwrap();
    stream.set_read_timeout(Some(ENDS)).unwrap();
    stream.set_write_timeout(Some(ENDS)).unwrap();
    stream
}

/// A message with a header that says so of itself.
fn message(version: u8, kind: u8, length: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![version, kind];
    bytes.extend(length.to_be_bytes());
    bytes.extend([0, 0, 0, 9]);
    bytes.extend(body);
    bytes
}

fn hello() -> Vec<u8> {
    message(4, HELLO, 8, &[])
}

/// What came until the controller ended the session.
fn last_words(mut stream: &TcpStream) -> Vec<u8> {
    let start = Instant::now();
    let (mut said, mut buffer) = (Vec::new(), [0; 0x1_0000]);
    loop {
        assert!(start.elapsed() < ENDS, "the session goes on; it was said: {said:02x?}");
        match stream.read(&mut buffer) {
            Ok(0) => return said,
            Ok(n) => said.extend(&buffer[..n]),
            // What we sent past the end makes the system answer so.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return said,
            Err(error) => panic!("{error}; it was said: {said:02x?}"),
        }
    }
}

/// The messages in these bytes: type and body.
fn messages(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut found = Vec::new();
    while let [4, kind, high, low, ..] = *bytes {
        let (one, rest) = bytes.split_at(usize::from(u16::from_be_bytes([high, low])));
        found.push((kind, one[8..].to_vec()));
        bytes = rest;
    }
    assert!(bytes.is_empty(), "no OpenFlow 1.3: {bytes:02x?}");
    found
}

/// The errors among them.
fn errors(bytes: &[u8]) -> Vec<(u16, u16)> {
    let errors = messages(bytes).into_iter().filter(|(kind, _)| *kind == ERROR);
    errors.map(|(_, b)| (u16::from_be_bytes([b[0], b[1]]), u16::from_be_bytes([b[2], b[3]]))).collect()
}

/// Says something after which the session ends: with which errors.
fn ends_with(net: &Running, what: &[u8]) -> Vec<(u16, u16)> {
    let mut stream = dial(net);
    stream.write_all(what).unwrap();
    errors(&last_words(&stream))
}

/// What is answered at once, and how the session ends.
fn wrong_messages(net: &Running) {
    let garbage: Vec<u8> = (0..100_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8 | 1).collect();
    // The last word may be lost where the system answers unread garbage by a reset.
    assert!(ends_with(net, &garbage).iter().all(|e| *e == BAD_VERSION));
    assert_eq!(ends_with(net, &message(4, HELLO, 0, &[])), [BAD_LEN], "a length of 0");
    assert_eq!(ends_with(net, &message(4, HELLO, 7, &[])), [BAD_LEN], "a length below a header's");
    assert_eq!(ends_with(net, &[hello(), message(4, ECHO_REQUEST, 0, &[])].concat()), [BAD_LEN], "later");
    let long = message(4, 99, 65_535, &garbage[..65_527]);
    assert_eq!(ends_with(net, &long), [BAD_TYPE], "a length of 65535 and a type that is none");
    assert_eq!(ends_with(net, &[hello(), long].concat()), [BAD_TYPE], "after the HELLO");
    assert_eq!(ends_with(net, &message(1, HELLO, 8, &[])), [INCOMPATIBLE], "OpenFlow 1.0");
    // A bitmap of versions (§7.5.1) that has 1.5 alone.
    let only = [0, 1, 0, 8, 0, 0, 0, 1 << 6];
    assert_eq!(ends_with(net, &message(6, HELLO, 16, &only)), [INCOMPATIBLE], "OpenFlow 1.5");
    assert_eq!(
        ends_with(net, &[hello(), message(6, 6, 8, &[])].concat()),
        [BAD_VERSION],
        "1.5 after the HELLO"
    );
    // 1.5 without a bitmap is at least 1.3 too: the lower version is spoken.
    let mut stream = dial(net);
    stream.write_all(&message(6, HELLO, 8, &[])).unwrap();
    let said = messages(&last_words(&stream));
    assert!(said.iter().any(|(kind, _)| *kind == FEATURES_REQUEST), "{said:?}");
}

/// Peers that stop in the middle, or never begin.
fn silent_ones(net: &Running) {
    let mut half = dial(net);
    half.write_all(&message(4, HELLO, 4000, &[7; 100])).unwrap();
    let mut later = dial(net);
    later.write_all(&[hello(), message(4, 6, 32, &[7; 3])].concat()).unwrap();
    let silent = [(); 200].map(|()| dial(net));
    let start = Instant::now();
    for stream in [&half, &later].into_iter().chain(&silent) {
        assert_eq!(errors(&last_words(stream)), [], "silence is no error of theirs");
        assert!(start.elapsed() < ENDS, "{:?}", start.elapsed());
    }
}

/// Echo requests without an end, some 10 MB of them a second, from one that takes no answer.
fn flood(net: &Running) {
    let mut stream = dial(net);
    stream.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    stream.write_all(&hello()).unwrap();
    let chunk = message(4, ECHO_REQUEST, 1024, &[7; 1016]).repeat(100);
    let (start, mut sent, mut ended) = (Instant::now(), 0, false);
    while start.elapsed() < ENDS {
        match stream.write(&chunk) {
            Ok(n) => sent += n,
            // It reads no more before its answers are taken.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => {
                ended = true;
                break;
            }
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(ended, "the session goes on; {sent} bytes sent");
    assert!(sent > 1 << 20, "{sent} bytes sent");
}

/// The same from one that takes the answers, for a while: each of them is one.
fn chatter(net: &Running) {
    let mut stream = dial(net);
    let mut reader = stream.try_clone().unwrap();
    stream.write_all(&hello()).unwrap();
    let chunk = message(4, ECHO_REQUEST, 1024, &[7; 1016]).repeat(100);
    let answered = std::thread::scope(|scope| {
        let reads = scope.spawn(move || {
            let (mut answered, mut buffer) = (0, vec![0; 0x1_0000]);
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                answered += n;
            }
            answered
        });
        for _ in 0..300 {
            if stream.write_all(&chunk).is_err() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        reads.join().unwrap()
    });
    assert!(answered > 1 << 20, "{answered} bytes of answers");
}

/// Returns an endless list of ports: each part says that more follow.
fn endless_ports(net: &Running) {
    let mut stream = dial(net);
    let port = |n: u32| [&n.to_be_bytes()[..], &[0; 12], &[b'p'; 15], &[0; 33]].concat();
    // Type 13 (PORT_DESC) and OFPMPF_REPLY_MORE (§7.3.5).
    let part: Vec<u8> = [0, 13, 0, 1, 0, 0, 0, 0].into_iter().chain((0..1_000).flat_map(port)).collect();
    let reply = |xid: u8, body: &[u8]| {
        let mut bytes = message(4, 19, u16::try_from(8 + body.len()).unwrap(), body);
        bytes[7] = xid;
        bytes
    };
    let mut features = message(4, 6, 32, &[0, 0, 0, 0, 0, 0, 0, 0xbe, 0, 0, 0, 0, 254, 0, 0, 0]);
    features.extend([0; 8]);
    stream.write_all(&[hello(), features, reply(4, &[0; 8 + 1056])].concat()).unwrap();
    let mut parts = 0;
    while stream.write_all(&reply(5, &part)).is_ok() {
        parts += 1;
        assert!(parts < 1_000, "64 MB, and the session goes on");
    }
    last_words(&stream);
}

/// What the kernel says that the controller holds, in kilobytes.
fn resident(net: &Running) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", net.controller.pid())).unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().strip_suffix(" kB").expect("kilobytes").parse().unwrap()
}

fn flows_settled(net: &Running, mark: &str) -> bool {
    !net.flows("vmbr0").iter().any(|f| f.contains(mark))
}

#[test]
fn hostile_peers_are_ended_and_nobody_else_notices() {
    let net = Running::dual_socket();
    let sessions = || net.metric("portcullis_switches_connected");
    assert_eq!(sessions(), 4.0);
    let before = resident(&net);
    let pinger = Pinger::start(&net.lab, "nm-privacy", INTERNET);
    std::thread::scope(|scope| {
        let attacks: [fn(&Running); 6] = [wrong_messages, silent_ones, flood, flood, chatter, endless_ports];
        let running: Vec<_> = attacks
            .into_iter()
            .map(|attack| {
                let net = &net;
                scope.spawn(move || attack(net))
            })
            .collect();
        // Meanwhile the others are kept as ever.
        for n in 0..5 {
            let flow = format!("table=77,priority={n},actions=normal");
            net.lab.ofctl(&["add-flow", "vmbr0", &flow]).unwrap();
            let ((), took) =
                net.wait_for("drift to be put back", || flows_settled(&net, "table=77").then_some(()));
            assert!(took < Duration::from_millis(2500), "a second is promised, it took {took:?}");
            std::thread::sleep(Duration::from_millis(500));
        }
        let grown = resident(&net).saturating_sub(before);
        assert!(grown < MEMORY, "{grown} kB more, under attack");
        for attack in running {
            attack.join().expect("the attack ends as it should");
        }
    });
    let pinged = pinger.end();
    assert_eq!(pinged.lost, Vec::<u32>::new(), "of {}", pinged.sent);
    let grown = resident(&net).saturating_sub(before);
    assert!(grown < MEMORY, "{grown} kB more, afterwards");
    assert_eq!(sessions(), 4.0);
    // The switches' own sessions are the ones that they had.
    let said = net.controller.output();
    let connects = said.lines().filter(|l| l.contains(" connected bridge=")).count();
    assert_eq!(connects, 4, "{said}");
}

#[test]
fn connections_without_a_bridge_do_not_keep_a_bridge_out() {
    let net = Running::start_with(&super::file(), LabOptions::default(), &["--max-connections", "16"]);
    let connected = |wanted: bool| {
        let is = net.bridge("mesh-mgmt")?["connected"] == wanted;
        is.then_some(())
    };
    let controller = net.lab.vsctl(&["get-controller", "mesh-mgmt"]).unwrap();
    net.lab.vsctl(&["del-controller", "mesh-mgmt"]).unwrap();
    net.wait_for("the bridge to be gone", || connected(false));
    // Four sessions may be without a bridge. Half of these say nothing, and half name a bridge that
    // is not in the file.
    let mut strangers: Vec<TcpStream> = (0..20).map(|_| dial(&net)).collect();
    for (stream, n) in strangers.iter_mut().step_by(2).zip(0x100..) {
        let ports = [Port::named(PortNo::LOCAL, "br-stranger")];
        let _ = try_shake_hands(stream, DatapathId(n), &ports);
    }
    net.lab.vsctl(&["set-controller", "mesh-mgmt", controller.trim()]).unwrap();
    net.wait_for("the bridge to be back", || connected(true));
    assert!(net.metric("portcullis_connections_rejected_total") >= 16.0);
    for bridge in super::BRIDGES {
        assert_eq!(net.bridge(bridge).unwrap()["connected"], true, "{bridge}");
    }
}
