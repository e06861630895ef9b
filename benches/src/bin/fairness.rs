//! How long a quiet bridge waits for an answer beside bridges that flood the controller.
//!
//! `fairness PORTCULLIS [SECONDS]` starts that controller, measures one quiet bridge alone and then beside four floods of each kind,
//! and prints a table. The exit code is 1 if a mark is missed. The floods are a process of their own, `fairness flood KIND PORT`.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ofproto::message::monitor::{MonitorEvent, MonitorUpdate, MonitoredFlow};
use ofproto::message::multipart::{MultipartReply, MultipartReplyBody as Reply, MultipartRequestBody as Ask};
use ofproto::message::{ErrorMsg, Message, Port};
use ofproto::oxm::Match;
use ofproto::testing::switch::{frame, handshake, is_last, mac, packet_in};
use ofproto::{Cookie, DatapathId, ErrorCode, Framer, PortNo, TableId, Xid};

/// The mark for the 99th percentile beside floods.
const MARK: Duration = Duration::from_millis(5);
/// How many bridges flood at once.
const FLOODS: u32 = 4;
/// The network file: the quiet bridge and the packet-in floods learn, the monitor floods are kept at one flow.
const FILE: &str = "[bridge.\"*\"]\nlearning = { idle_timeout = 60 }\n
[bridge.flood0]\nflows = [\"table=0,priority=1,actions=drop\"]\n
[bridge.flood1]\nflows = [\"table=0,priority=1,actions=drop\"]\n
[bridge.flood2]\nflows = [\"table=0,priority=1,actions=drop\"]\n
[bridge.flood3]\nflows = [\"table=0,priority=1,actions=drop\"]\n";
/// Bytes of messages that a flood sends at once.
const BURST: usize = 256 << 10;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match *words {
        ["flood", kind, port] => port.parse().map_err(io::Error::other).and_then(|port| floods(kind, port)),
        [controller] => table(controller, 5),
        [controller, seconds] => seconds.parse().map_err(io::Error::other).and_then(|s| table(controller, s)),
        _ => Err(io::Error::other("fairness PORTCULLIS [SECONDS]")),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("fairness: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A child that is ended with its owner.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Prints the table; returns whether all marks are met.
fn table(controller: &str, seconds: u64) -> io::Result<bool> {
    let duration = Duration::from_secs(seconds);
    let dir = std::env::temp_dir().join(format!("portcullis-fairness-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let file = dir.join("network.toml");
    std::fs::write(&file, FILE)?;
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let _controller = Ended(
        Command::new(controller)
            .arg("run")
            .arg(&file)
            .args([
                "--no-audit",
                "--metrics",
                "tcp:127.0.0.1:0",
                "--listen",
                &format!("tcp:127.0.0.1:{port}"),
            ])
            .arg("--api-listen")
            .arg(format!("unix:{}", dir.join("api.sock").display()))
            .arg("--state")
            .arg(dir.join("state"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?,
    );
    let mut quiet =
        Switch::connect(port, DatapathId(1), &[1, 2].map(|n| Port::named(PortNo(n), format!("p{n}"))))?;
    quiet.learn()?;
    println!(
        "{:<44} {:>9} {:>9} {:>9} {:>9}",
        "a quiet bridge waits for an answer", "p50 ms", "p99 ms", "max ms", "mark ms"
    );
    let mut met = true;
    let mut row = |what: &str, waits: &[Duration], mark: Option<Duration>| {
        let ms = |d: Duration| format!("{:.3}", d.as_secs_f64() * 1e3);
        let at = |part: usize| {
            waits
                .get((waits.len() * part / 1_000).min(waits.len().saturating_sub(1)))
                .copied()
                .unwrap_or_default()
        };
        println!(
            "{what:<44} {:>9} {:>9} {:>9} {:>9}",
            ms(at(500)),
            ms(at(990)),
            ms(at(1_000)),
            mark.map_or(String::new(), ms)
        );
        met &= mark.is_none_or(|mark| at(990) <= mark);
    };
    row("alone", &quiet.waits(duration)?, None);
    for (kind, what) in [
        ("packet-in", "beside 4 floods of packet-ins"),
        ("monitor", "beside 4 floods of flow monitor updates"),
    ] {
        let myself = std::env::current_exe()?;
        // Less urgent than what is measured: the floods' own use of the processors is not the controller's doing.
        let _floods = Ended(
            Command::new("nice")
                .args(["-n", "10"])
                .arg(myself)
                .args(["flood", kind, &port.to_string()])
                .spawn()?,
        );
        // Until the floods have their bridges.
        quiet.waits(Duration::from_secs(1))?;
        row(what, &quiet.waits(duration)?, Some(MARK));
    }
    let _ = std::fs::remove_dir_all(&dir);
    Ok(met)
}

/// An emulated switch.
struct Switch {
    stream: TcpStream,
    framer: Framer,
    datapath: DatapathId,
    ports: Vec<Port>,
}

impl Switch {
    /// Connects; waits for the controller to listen.
    fn connect(port: u16, datapath: DatapathId, ports: &[Port]) -> io::Result<Self> {
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let end = Instant::now() + Duration::from_secs(10);
        let stream = loop {
            match TcpStream::connect(at) {
                Ok(stream) => break stream,
                Err(error) if Instant::now() > end => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(Self { stream, framer: Framer::new(), datapath, ports: ports.to_vec() })
    }

    /// Reads once and answers what has an answer; returns the messages.
    fn read(&mut self) -> io::Result<Vec<Message>> {
        let mut buffer = [0; 64 << 10];
        let n = self.stream.read(&mut buffer)?;
        if n == 0 {
            return Err(io::Error::other("the controller closed the connection"));
        }
        self.framer.feed(buffer.get(..n).unwrap_or_default());
        let mut messages = Vec::new();
        while let Some(frame) = self.framer.next_frame().map_err(|e| io::Error::other(format!("{e:?}")))? {
            let (xid, message) = Message::decode_shared(&frame).map_err(io::Error::other)?;
            if let Some(answer) = self.answer(&message, &frame) {
                self.stream.write_all(&answer.encode(xid).map_err(io::Error::other)?)?;
            }
            messages.push(message);
        }
        Ok(messages)
    }

    fn answer(&self, asked: &Message, frame: &[u8]) -> Option<Message> {
        answer(asked, frame, self.datapath, &self.ports)
    }

    /// Makes two hosts known, one at each port, and waits until packets between them are answered.
    fn learn(&mut self) -> io::Result<()> {
        while !self.read()?.iter().any(is_last) {}
        let end = Instant::now() + Duration::from_secs(10);
        self.stream.set_read_timeout(Some(Duration::from_millis(100)))?;
        for known in [(1, 2), (2, 1), (1, 2)] {
            while !self.ask(known)? {
                if Instant::now() > end {
                    return Err(io::Error::other("the controller answers no packet-in"));
                }
            }
        }
        self.stream.set_read_timeout(Some(Duration::from_secs(20)))
    }

    /// Sends a packet from the host at the one port to that at the other; whether it was answered.
    fn ask(&mut self, (from, to): (u32, u32)) -> io::Result<bool> {
        let packet = Message::PacketIn(packet_in(PortNo(from), &frame(mac(from), mac(to))));
        self.stream.write_all(&packet.encode(Xid(0)).map_err(io::Error::other)?)?;
        loop {
            match self.read() {
                Ok(messages) if messages.iter().any(|m| matches!(m, Message::PacketOut(_))) => {
                    return Ok(true);
                }
                Ok(_) => {}
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns the waits for answers in a time, in order of length.
    fn waits(&mut self, duration: Duration) -> io::Result<Vec<Duration>> {
        let end = Instant::now() + duration;
        let mut waits = Vec::new();
        while Instant::now() < end {
            let sent = Instant::now();
            if !self.ask((1, 2))? {
                return Err(io::Error::other("no answer within 20 s"));
            }
            waits.push(sent.elapsed());
            std::thread::sleep(Duration::from_millis(2));
        }
        waits.sort();
        Ok(waits)
    }
}

/// Answers as a switch without flows, groups, bundles or meters, but with a flow monitor.
fn answer(asked: &Message, frame: &[u8], datapath: DatapathId, ports: &[Port]) -> Option<Message> {
    let body = match asked {
        Message::EchoRequest(payload) => return Some(Message::EchoReply(payload.clone())),
        Message::BarrierRequest => return Some(Message::BarrierReply),
        Message::MultipartRequest(request) => match &request.body {
            Ask::Flow(_) => Reply::Flow(Vec::new()),
            Ask::GroupDesc => Reply::GroupDesc(Vec::new()),
            Ask::Monitor(_) => Reply::Monitor(Vec::new()),
            _ => return handshake(asked, datapath, ports),
        },
        Message::BundleControl(_) | Message::BundleAdd(_) | Message::MeterMod(_) => {
            return Some(Message::Error(ErrorMsg::with_code(ErrorCode::BAD_TYPE, frame)));
        }
        _ => return handshake(asked, datapath, ports),
    };
    Some(Message::MultipartReply(MultipartReply { flags: 0, body }))
}

/// Floods for ever.
fn floods(kind: &str, port: u16) -> io::Result<bool> {
    let monitor = kind == "monitor";
    std::thread::scope(|threads| {
        let floods: Vec<_> = (0..FLOODS).map(|n| threads.spawn(move || flood(monitor, n, port))).collect();
        floods.into_iter().try_for_each(|flood| match flood.join() {
            Ok(done) => done,
            Err(_) => Err(io::Error::other("a flood panicked")),
        })
    })?;
    Ok(false)
}

fn flood(monitor: bool, n: u32, port: u16) -> io::Result<()> {
    let local = Port::named(PortNo::LOCAL, format!("flood{n}"));
    let ports: Vec<Port> = if monitor { vec![local] } else { vec![Port::named(PortNo(1), "p1")] };
    let datapath = DatapathId(u64::from(n) + if monitor { 0x20 } else { 0x10 });
    let mut switch = Switch::connect(port, datapath, &ports)?;
    // The handshake and the first round of changes.
    let begin = Instant::now();
    switch.stream.set_read_timeout(Some(Duration::from_millis(100)))?;
    while begin.elapsed() < Duration::from_millis(500) {
        match switch.read() {
            Ok(_) => {}
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
    }
    let mut burst = Vec::with_capacity(BURST);
    let mut next = 0;
    while burst.len() < BURST {
        let message = if monitor { update(next) } else { packet(next) };
        burst.extend_from_slice(&message.encode(Xid(0)).map_err(io::Error::other)?);
        next += 1;
    }
    let mut writer = switch.stream.try_clone()?;
    let answers = Mutex::new(Vec::new());
    let take = || std::mem::take(&mut *answers.lock().unwrap_or_else(PoisonError::into_inner));
    std::thread::scope(|threads| {
        threads.spawn(move || -> io::Result<()> {
            loop {
                writer.write_all(&take())?;
                writer.write_all(&burst)?;
            }
        });
        let drained = drain(&mut switch, &answers);
        // The other thread would write, and be waited for, without end.
        switch.stream.shutdown(std::net::Shutdown::Both)?;
        drained
    })
}

/// Takes what the controller sends. Answers go between two bursts: to wait here for the controller to read would keep it from writing.
fn drain(switch: &mut Switch, answers: &Mutex<Vec<u8>>) -> io::Result<()> {
    switch.stream.set_read_timeout(None)?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        let n = switch.stream.read(&mut buffer)?;
        if n == 0 {
            return Ok(());
        }
        switch.framer.feed(buffer.get(..n).unwrap_or_default());
        while let Some(frame) = switch.framer.next_frame().map_err(|e| io::Error::other(format!("{e:?}")))? {
            // PACKET_OUT and FLOW_MOD have no answer.
            if matches!(frame.get(1), Some(13 | 14)) {
                continue;
            }
            let (xid, message) = Message::decode_shared(&frame).map_err(io::Error::other)?;
            if let Some(answer) = switch.answer(&message, &frame) {
                let bytes = answer.encode(xid).map_err(io::Error::other)?;
                answers.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&bytes);
            }
        }
    }
}

fn packet(n: u32) -> Message {
    Message::PacketIn(packet_in(PortNo(1), &frame(mac(1_000 + n), mac(2_000 + n))))
}

/// A flow that somebody else added.
fn update(n: u32) -> Message {
    let flow = MonitoredFlow {
        event: MonitorEvent::Added,
        reason: 0,
        priority: 1,
        idle_timeout: 0,
        hard_timeout: 0,
        table_id: TableId(9),
        cookie: Cookie(u64::from(n)),
        fields: Match::default(),
        instructions: Vec::new(),
    };
    let body = Reply::Monitor(vec![MonitorUpdate::Flow(Box::new(flow))]);
    Message::MultipartReply(MultipartReply { flags: 0, body })
}
