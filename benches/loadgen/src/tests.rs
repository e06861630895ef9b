//! Tests of the load generator against responders with right and wrong answers. The responders are
//! written with [`ofproto`] and share no code with the load generator.

use std::collections::HashMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::message::{ErrorMsg, FlowMod, FlowModCommand, Hello, PacketIn, PacketOut};
use ofproto::oxm::{Field, Match, Oxm};
use ofproto::{BufferId, Cookie, ErrorCode, Framer, GroupId, Message, PortNo, TableId, VERSION, Xid};

use super::null::Null;
use super::*;

/// The fault of a responder, at one packet-in in ten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WrongAnswer {
    Nothing,
    /// A flow that takes the packet out of its buffer, in place of a PACKET_OUT.
    ByFlow,
    Port,
    NoPort,
    Flooded,
    Twice,
    Never,
    Swapped,
    OtherNumber,
    Flow,
    Error,
    Experimenter,
    Closes,
    /// No table-miss flow.
    NoTableMiss,
    /// OpenFlow 1.0 only.
    OldVersion,
    /// The responder closes right after accepting.
    Drops,
}

fn serve(wrong: WrongAnswer) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || {
                let mut responder = Responder { wrong, macs: HashMap::new(), packets: 0, held: Vec::new() };
                responder.converse(&mut stream.unwrap());
            });
        }
    });
    address
}

struct Responder {
    wrong: WrongAnswer,
    macs: HashMap<[u8; 6], u32>,
    packets: u64,
    /// The bytes to send after the next answer.
    held: Vec<u8>,
}

fn bytes(message: &Message) -> Vec<u8> {
    message.encode(Xid(9)).unwrap()
}

fn output(port: u32) -> Vec<Action> {
    vec![Action::Output { port: PortNo(port), max_len: 0xffff }]
}

fn flow(fields: Match, buffer_id: BufferId, out: u32) -> Message {
    Message::FlowMod(FlowMod {
        cookie: Cookie(0),
        cookie_mask: 0,
        table_id: TableId(0),
        command: FlowModCommand::Add,
        idle_timeout: 60,
        hard_timeout: 0,
        priority: u16::from(!fields.fields.is_empty()),
        buffer_id,
        out_port: PortNo::ANY,
        out_group: GroupId::ANY,
        flags: 0,
        importance: 0,
        fields,
        instructions: vec![Instruction::ApplyActions(output(out))],
    })
}

impl Responder {
    fn converse(&mut self, stream: &mut TcpStream) {
        if self.wrong == WrongAnswer::Drops {
            return;
        }
        let version = if self.wrong == WrongAnswer::OldVersion { 1 } else { VERSION };
        let mut hello = bytes(&Message::Hello(Hello::new(version, None)));
        hello[0] = version;
        stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let _ = stream.write_all(&hello);
        let _ = stream.write_all(&bytes(&Message::FeaturesRequest));
        let (mut framer, mut buffer) = (Framer::new(), [0; 4096]);
        loop {
            let n = match stream.read(&mut buffer) {
                Ok(n @ 1..) => n,
                // No later answer is left to overtake it.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let _ = stream.write_all(&std::mem::take(&mut self.held));
                    continue;
                }
                _ => return,
            };
            framer.feed(&buffer[..n]);
            let mut out = Vec::new();
            while let Some(frame) = framer.next_frame().unwrap() {
                match Message::decode(&frame).unwrap().1 {
                    Message::FeaturesReply(_) if self.wrong != WrongAnswer::NoTableMiss => {
                        let miss = flow(Match::default(), BufferId::NO_BUFFER, PortNo::CONTROLLER.0);
                        out.extend(bytes(&miss));
                    }
                    Message::PacketIn(packet) => match self.answer(&packet) {
                        Some(answer) => out.extend(answer),
                        None => return,
                    },
                    _ => {}
                }
            }
            if stream.write_all(&out).is_err() {
                return;
            }
        }
    }

    /// Returns the answer, or `None` to close the connection.
    fn answer(&mut self, packet: &PacketIn) -> Option<Vec<u8>> {
        let [Oxm::Known { field: Field::InPortOxm, value, .. }] = packet.fields.fields[..] else { panic!() };
        let in_port = u32::try_from(value).unwrap();
        let [to, from] = [0, 6].map(|at| <[u8; 6]>::try_from(&packet.data[at..at + 6]).unwrap());
        self.macs.insert(from, in_port);
        let send = |out, data: &[u8]| {
            let buffer_id = packet.buffer_id;
            let data =
                if buffer_id == BufferId::NO_BUFFER { data.to_vec().into() } else { bytes::Bytes::new() };
            bytes(&Message::PacketOut(PacketOut {
                buffer_id,
                in_port: PortNo(in_port),
                actions: output(out),
                data,
            }))
        };
        if to[0] & 1 == 1 {
            return Some(send(PortNo::FLOOD.0, &packet.data));
        }
        // Never guess: the host was announced, or the test fails.
        let port = self.macs[&to];
        self.packets += 1;
        let wrong = if self.packets.is_multiple_of(10) { self.wrong } else { WrongAnswer::Nothing };
        let mac = to.iter().fold(0, |mac, byte| mac << 8 | u128::from(*byte));
        let fields = Match { fields: vec![Oxm::Known { field: Field::EthDst, value: mac, mask: None }] };
        let by_flow = self.wrong == WrongAnswer::ByFlow;
        let buffer = if by_flow { packet.buffer_id } else { BufferId::NO_BUFFER };
        let flow_port = if wrong == WrongAnswer::Flow { port + 1 } else { port };
        let mut out = bytes(&flow(fields, buffer, flow_port));
        let mut packet_out = match wrong {
            WrongAnswer::Port => send(port % 4 + 1, &packet.data),
            WrongAnswer::NoPort => {
                let mut m = send(port, &packet.data);
                // OFPAT_POP_VLAN in place of OFPAT_OUTPUT.
                m[24..28].copy_from_slice(&[0, 18, 0, 16]);
                m
            }
            WrongAnswer::Flooded => send(PortNo::FLOOD.0, &packet.data),
            WrongAnswer::OtherNumber => {
                let mut data = packet.data.to_vec();
                data[46] ^= 0x40;
                send(port, &data)
            }
            WrongAnswer::Never => Vec::new(),
            _ if by_flow => Vec::new(),
            _ => send(port, &packet.data),
        };
        match wrong {
            WrongAnswer::Twice => packet_out.extend(packet_out.clone()),
            WrongAnswer::Swapped => self.held = std::mem::take(&mut packet_out),
            WrongAnswer::Error => {
                packet_out.extend(bytes(&Message::Error(ErrorMsg::with_code(ErrorCode::BAD_TYPE, &[]))))
            }
            WrongAnswer::Experimenter => {
                packet_out.extend([4, 4, 0, 16, 0, 0, 0, 3, 0, 0, 0x23, 0x20, 0, 0, 0, 10])
            }
            WrongAnswer::Closes => return None,
            _ => packet_out.append(&mut self.held),
        }
        out.extend(packet_out);
        Some(out)
    }
}

/// Timeout for an answer on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// Time to wait for an answer that does not arrive.
const SHORT: Duration = Duration::from_secs(2);

fn options(target: SocketAddr) -> Options {
    Options {
        switches: 3,
        macs: 20,
        outstanding: 16,
        warm_up: Duration::ZERO,
        duration: Duration::from_millis(100),
        timeout: PATIENCE,
        ..Options::new(target)
    }
}

fn measure(options: &Options) -> Result<BenchReport, BenchError> {
    run(options, &mut |_| Ok(()))
}

fn null() -> SocketAddr {
    let null = Null::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = null.address().unwrap();
    thread::spawn(|| null.serve());
    address
}

#[test]
fn right_answers_are_right_in_every_way() {
    let null = null();
    for frame in [FrameKind::Icmp, FrameKind::Udp] {
        for (buffered, target) in [
            (false, null),
            (true, null),
            (false, serve(WrongAnswer::Nothing)),
            (true, serve(WrongAnswer::Nothing)),
            (true, serve(WrongAnswer::ByFlow)),
        ] {
            let report =
                measure(&Options { frame, buffered, pid: Some(std::process::id()), ..options(target) })
                    .unwrap();
            assert!(report.right(), "{}", report.wrong());
            assert_eq!(report.served, 3);
            assert_eq!((report.announcements, report.announcements_answered), (60, 60));
            assert!(report.answers > 0);
            assert_eq!(report.packet_ins_sent, report.packet_ins_answered);
            assert!(report.controller_cpu.unwrap().ns_per_answer > 0.0);
        }
    }
}

#[test]
fn latency_is_that_of_one_outstanding() {
    let report = measure(&Options { mode: Mode::Latency, switches: 1, ..options(null()) }).unwrap();
    assert!(report.right(), "{}", report.wrong());
    let latency = report.latency.unwrap();
    assert!(
        0.0 < latency.p50
            && latency.p50 <= latency.p99
            && latency.p99 <= latency.p99_9
            && latency.p99_9 <= latency.max
    );
    // Only one packet-in was in flight at a time, so the latencies add up to no more than the
    // measured time.
    let answers = f64::from(u32::try_from(report.answers).unwrap());
    assert!(latency.mean * answers <= report.seconds * 1e6 * 1.1, "{latency:?} {report:?}");
}

#[test]
fn many_switches_connect_at_once() {
    let report = measure(&Options { mode: Mode::Connect, switches: 300, ..options(null()) });
    let report = report.unwrap();
    assert!(report.right(), "{}", report.wrong());
    assert_eq!((report.served, report.stuck), (300, StuckSwitches::default()));
    let dropped = measure(&Options { mode: Mode::Connect, ..options(serve(WrongAnswer::Drops)) }).unwrap();
    assert!(!dropped.right());
    assert_eq!(dropped.stuck, StuckSwitches { dropped: 3, ..StuckSwitches::default() });
}

/// Returns the names of the faults found.
fn found(wrong: WrongAnswer) -> Vec<&'static str> {
    let lost = matches!(wrong, WrongAnswer::Never | WrongAnswer::OtherNumber);
    let timeout = if lost { SHORT } else { PATIENCE };
    let report = measure(&Options { timeout, ..options(serve(wrong)) }).unwrap();
    assert!(!report.right());
    report.faults.by_name().into_iter().filter(|(_, n)| *n > 0).map(|(name, _)| name).collect()
}

#[test]
fn every_fault_is_found_and_named() {
    for (wrong, names) in [
        (WrongAnswer::Port, &["wrong port"][..]),
        (WrongAnswer::NoPort, &["wrong port"]),
        (WrongAnswer::Flooded, &["flooded"]),
        (WrongAnswer::Twice, &["duplicated"]),
        (WrongAnswer::Never, &["lost"]),
        (WrongAnswer::Swapped, &["reordered"]),
        (WrongAnswer::OtherNumber, &["lost", "unknown"]),
        (WrongAnswer::Flow, &["wrong flow"]),
        (WrongAnswer::Error, &["errors"]),
        (WrongAnswer::Experimenter, &["refused"]),
        (WrongAnswer::Closes, &["lost", "closed"]),
    ] {
        assert_eq!(found(wrong), names, "{wrong:?}");
    }
}

#[test]
fn what_cannot_be_measured_says_why() {
    let nobody = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    for (target, says, helps) in [
        (nobody, "cannot connect to tcp:127.0.0.1:", "start the controller first"),
        (
            serve(WrongAnswer::OldVersion),
            "does not speak OpenFlow 1.3: its HELLO says version 0x01",
            "-O OpenFlow13",
        ),
        (
            serve(WrongAnswer::NoTableMiss),
            "0 of 3 switches were served within 2.0 s; 3 without a table-miss flow",
            "priority 0",
        ),
        (silent.local_addr().unwrap(), "3 without a HELLO from the controller", "--timeout"),
        (serve(WrongAnswer::Drops), "3 closed by the controller", "--timeout"),
    ] {
        let error = measure(&Options { timeout: SHORT, ..options(target) }).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        assert!(error.help().unwrap().contains(helps), "{error}");
    }
    for wrong in [
        Options { switches: 0, ..options(nobody) },
        Options { macs: 1, ..options(nobody) },
        Options { ports: 1, ..options(nobody) },
        Options { outstanding: 0, ..options(nobody) },
        Options { duration: Duration::ZERO, ..options(nobody) },
    ] {
        assert!(matches!(measure(&wrong), Err(BenchError::Options(_))));
    }
    let stopped = run(&options(null()), &mut |_| Err(BenchError::Interrupted));
    assert!(matches!(stopped, Err(BenchError::Interrupted)));
}
