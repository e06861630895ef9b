//! Runs bridges that send as fast as the controller reads, as a process of its own: `hostile flood
//! KIND ADDRESS`.

use std::net::SocketAddr;
use std::process::{Child, Command};
use std::sync::{Mutex, PoisonError};
use std::{io, thread};

use ofproto::message::Message;
use ofproto::message::monitor::{MonitorEvent, MonitorUpdate, MonitoredFlow};
use ofproto::message::multipart::MultipartReplyBody;
use ofproto::oxm::Match;
use ofproto::testing::switch::{frame, mac, packet_in};
use ofproto::{Cookie, PortNo, TableId, Xid};

use crate::switch::{SwitchConnection, answer, reply};

/// Counts the bridges that flood at once.
pub(crate) const FLOODS: u32 = 4;
/// Sets the bytes of messages sent at once.
const BURST: usize = 256 << 10;

/// Names a kind of flood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flood {
    /// PACKET_INs of a learning switch, between ever new hosts.
    PacketIn,
    /// Updates of the flow monitor about foreign flows.
    Monitor,
}

impl Flood {
    const ALL: [Self; 2] = [Self::PacketIn, Self::Monitor];

    /// Returns the name of the n-th bridge of this flood.
    pub(crate) fn bridge(self, n: u32) -> String {
        format!("{}{n}", self.name())
    }

    fn name(self) -> &'static str {
        match self {
            Self::PacketIn => "learner",
            Self::Monitor => "drifter",
        }
    }

    fn message(self, n: u32) -> Message {
        if self == Self::PacketIn {
            return Message::PacketIn(packet_in(PortNo(1), &frame(mac(1_000 + n), mac(2_000 + n))));
        }
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
        let body = MultipartReplyBody::Monitor(vec![MonitorUpdate::Flow(Box::new(flow))]);
        reply(0, body)
    }
}

/// Runs a flooding process until it is dropped.
pub(crate) struct Floods(Child);

impl Drop for Floods {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the floods at a low priority, so that their own need for the processor does not slow the
/// controller.
pub(crate) fn start(flood: Flood, at: SocketAddr) -> io::Result<Floods> {
    let mut command = Command::new("nice");
    command.args(["-n", "10"]).arg(std::env::current_exe()?);
    command.args(["flood", flood.name(), &at.to_string()]).spawn().map(Floods)
}

/// Floods until the controller ends the sessions.
pub(crate) fn run(kind: &str, at: &str) -> io::Result<()> {
    let flood = Flood::ALL.into_iter().find(|flood| flood.name() == kind);
    let flood = flood.ok_or_else(|| io::Error::other(format!("no flood is called {kind}")))?;
    let at: SocketAddr = at.parse().map_err(io::Error::other)?;
    thread::scope(|threads| {
        let floods: Vec<_> = (0..FLOODS).map(|n| threads.spawn(move || one(flood, n, at))).collect();
        floods.into_iter().try_for_each(|flood| match flood.join() {
            Ok(done) => done,
            Err(_) => Err(io::Error::other("a flood panicked")),
        })
    })
}

fn one(flood: Flood, n: u32, at: SocketAddr) -> io::Result<()> {
    let mut line = SwitchConnection::open(at)?;
    line.shake_hands(&flood.bridge(n), &["p1"], u64::from(n) + 0x10)?;
    line.answer_until_silent()?;
    let mut burst = Vec::with_capacity(BURST);
    let mut next = 0;
    while burst.len() < BURST {
        burst.extend_from_slice(&flood.message(next).encode(Xid(0)).map_err(io::Error::other)?);
        next += 1;
    }
    let mut writer = line.try_clone()?;
    // Answers go between two bursts. Written by the reading thread, they could wait for the
    // controller while it waits for that thread.
    let answers = Mutex::new(Vec::new());
    let take = || std::mem::take(&mut *answers.lock().unwrap_or_else(PoisonError::into_inner));
    thread::scope(|threads| {
        threads.spawn(move || -> io::Result<()> {
            loop {
                writer.send_bytes(&take())?;
                writer.send_bytes(&burst)?;
            }
        });
        let drained = drain(&mut line, &answers);
        // Otherwise the other thread would go on writing and never end.
        line.shutdown()?;
        drained
    })
}

fn drain(line: &mut SwitchConnection, answers: &Mutex<Vec<u8>>) -> io::Result<()> {
    loop {
        let (xid, message, frame) = line.next_frame()?;
        if let Some(answer) = answer(&message, &frame) {
            let bytes = answer.encode(xid).map_err(io::Error::other)?;
            answers.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&bytes);
        }
    }
}
