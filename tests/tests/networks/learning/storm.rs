//! Switches that send more than is good, and one that does not take its answers.

use std::io::{ErrorKind, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use ofproto::message::Message;
use ofproto::testing::switch::{frame, mac, packet_in};
use ofproto::{DatapathId, PortNo, Xid};
use portcullis_tests::binary;
use portcullis_tests::switch::shake_hands;

use super::stage::Stage;

/// What the controller may need more, whatever switches send: some socket buffers and tables.
const ROOM: f64 = 64.0 * 1024.0 * 1024.0;

fn memory(stage: &Stage) -> f64 {
    stage.metric("process_resident_memory_bytes").unwrap()
}

#[test]
fn a_storm_of_some_switches_delays_nobody_else() {
    let stage = Stage::new(3);
    assert!(stage.host(1).reaches(2));
    let before = memory(&stage);
    let storm = Command::new(binary())
        .args(["bench", &stage.openflow, "--switches", "4", "--for", "6s"])
        .stdout(std::process::Stdio::null())
        .spawn();
    let mut storm = storm.unwrap();
    // New connections all the time: each ping needs the controller, because its flows are taken away.
    for n in 0..20 {
        stage.ovs.ofctl(&["del-flows", super::stage::BRIDGE, "ip"]);
        stage.ovs.ofctl(&[
            "del-flows",
            super::stage::BRIDGE,
            &format!("dl_src={}", super::stage::Host::mac(1)),
        ]);
        assert!(stage.host(1).reaches(2 + n % 2), "ping {n}");
    }
    assert!(storm.wait().unwrap().success(), "and every answer of the storm was right");
    let grown = memory(&stage) - before;
    assert!(grown < ROOM, "{grown} bytes more");
}

/// A switch whose handshake is done, and that reads no more after that.
fn switch(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address.trim_start_matches("tcp:")).unwrap();
    shake_hands(&mut stream, DatapathId(0x51), &[]);
    stream
}

#[test]
fn a_switch_that_takes_no_answers_is_read_no_further() {
    let stage = Stage::new(2);
    let before = memory(&stage);
    let mut stream = switch(&stage.openflow);
    let packet = packet_in(PortNo(1), &frame(mac(1), [0xff; 6]));
    let batch = Message::PacketIn(packet).encode(Xid(0)).unwrap().repeat(500);
    stream.set_write_timeout(Some(Duration::from_secs(3))).unwrap();
    // Each answer is about as long as its question: half a gigabyte would be in memory if nobody said stop.
    let mut sent = 0_usize;
    let start = Instant::now();
    let stopped = loop {
        match stream.write(&batch) {
            Ok(n) => sent += n,
            Err(error) => break matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
        assert!(sent < 512 << 20, "{sent} bytes were taken in {:?}", start.elapsed());
    };
    assert!(stopped, "it was told to wait, and not cut off");
    let grown = memory(&stage) - before;
    assert!(grown < ROOM, "{grown} bytes more for {sent} bytes of PACKET_INs");
    assert!(stage.host(1).reaches(2), "and nobody else notices");
}
