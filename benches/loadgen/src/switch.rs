//! One emulated switch.

use std::io;
use std::time::{Duration, Instant};

use fastrand::Rng;
use hdrhistogram::Histogram;
use nix::sys::epoll::Epoll;
use ofproto::EncodeError;

use super::agent::{Agent, AgentEvent};
use super::answer::{CONTROLLER, FLOW_MOD, FlowMod, NOWHERE, PACKET_OUT, PacketOut, flow_mod, packet_out};
use super::error::BenchError;
use super::link::{Link, StreamCut, cut};
use super::packet::{PacketNumber, SimulatedHost, Template, tag};
use super::window::{AnswerFaults, PacketWindow};
use super::{Mode, Options};

/// The progress of a switch's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SwitchStage {
    /// The TCP connection is not established yet.
    Connecting,
    /// The switch has sent its HELLO.
    Greeting,
    /// The controller's HELLO has arrived.
    Greeted,
    /// The switch has sent its FEATURES_REPLY.
    Known,
    /// The table-miss flow is installed, and the first packet-in is sent.
    Probing,
    /// The controller has answered the first packet-in.
    Served,
    /// The connection was refused.
    Refused,
    /// The controller has closed the connection.
    Dropped,
}

/// The traffic that all switches send at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Only the handshake.
    Serve,
    /// Each host announces itself.
    Announce,
    /// Packets between announced hosts.
    Measure,
    /// No new packet-ins.
    Drain,
}

/// The totals over all switches.
#[derive(Debug)]
pub(super) struct FleetTally {
    pub(super) phase: Phase,
    pub(super) sent: u64,
    pub(super) answers: u64,
    pub(super) announced: u64,
    pub(super) flow_mods: u64,
    pub(super) packet_outs: u64,
    pub(super) faults: AnswerFaults,
    /// Latency from sending a packet-in to its answer, in ns. Recorded in latency mode only.
    pub(super) latency: Histogram<u64>,
    pub(super) timed: bool,
    pub(super) last_answer: Instant,
    /// The answer of the first controller that speaks another version, in its own words.
    pub(super) other_version: Option<String>,
}

/// An emulated switch.
#[derive(Debug)]
pub(super) struct Switch {
    pub(super) link: Option<Link>,
    pub(super) stage: SwitchStage,
    pub(super) window: PacketWindow,
    pub(super) announced: u32,
    /// The time of its last answer, or of its last write-off.
    pub(super) heard: Instant,
    /// The time at which the first packet-in was answered.
    pub(super) served: Option<Instant>,
    agent: Agent,
    template: Template,
    tag: u32,
    /// The number of its first host.
    first_host: u32,
    macs: u32,
    ports: u8,
    outstanding: u32,
    random: Rng,
    sent_at: Instant,
}

/// Time without an answer to the first packet-in after which another one is sent.
pub(super) const PROBE: Duration = Duration::from_millis(250);

impl Switch {
    pub(super) fn new(index: u16, options: &Options, now: Instant) -> Result<Self, BenchError> {
        let buffers = if options.buffered { 256 } else { 0 };
        let outstanding = match options.mode {
            Mode::Latency => 1,
            _ => options.outstanding,
        };
        let tag = tag(index);
        Ok(Self {
            link: None,
            stage: SwitchStage::Connecting,
            window: PacketWindow::new(outstanding),
            announced: 0,
            heard: now,
            served: None,
            agent: Agent::new(index, options.ports, buffers),
            template: Template::new(options.frame, tag, options.buffered)?,
            tag,
            first_host: u32::from(index) * options.macs,
            macs: options.macs,
            ports: options.ports,
            outstanding,
            random: Rng::with_seed(index.into()),
            sent_at: now,
        })
    }

    /// Reads once, handles every whole message, and writes the replies once.
    ///
    /// # Errors
    /// Returns an error if the connection is over, or if the stream cannot be cut into messages.
    pub(super) fn ready(
        &mut self,
        epoll: &Epoll,
        buffer: &mut [u8],
        out: &mut Vec<u8>,
        tally: &mut FleetTally,
    ) -> io::Result<()> {
        out.clear();
        let Some(link) = &mut self.link else { return Ok(()) };
        if let Some(len) = link.read(buffer)? {
            let now = Instant::now();
            let mut rest = buffer.get(..len).unwrap_or_default();
            loop {
                match cut(rest) {
                    StreamCut::Message(message, next) => {
                        self.take(message, out, tally, now).map_err(io::Error::other)?;
                        rest = next;
                    }
                    StreamCut::More => break,
                    StreamCut::Bad => return Err(io::ErrorKind::InvalidData.into()),
                }
            }
            if let Some(link) = &mut self.link {
                link.keep(rest);
            }
        }
        self.send(epoll, out, tally)
    }

    /// Writes pending replies, and new packet-ins as far as the phase and the window allow.
    pub(super) fn send(
        &mut self,
        epoll: &Epoll,
        out: &mut Vec<u8>,
        tally: &mut FleetTally,
    ) -> io::Result<()> {
        if self.stage == SwitchStage::Served {
            self.refill(out, tally);
        }
        match &mut self.link {
            Some(link) if out.is_empty() => link.flush(epoll),
            Some(link) => link.write(epoll, out),
            None => Ok(()),
        }
    }

    #[inline]
    fn take(
        &mut self,
        message: &[u8],
        out: &mut Vec<u8>,
        tally: &mut FleetTally,
        now: Instant,
    ) -> Result<(), EncodeError> {
        match message {
            [ofproto::VERSION, PACKET_OUT, ..] => match packet_out(message, self.tag) {
                Ok(PacketOut { number, out }) => {
                    tally.packet_outs += 1;
                    self.answered(number, out, tally, now);
                }
                Err(refused) => {
                    tally.faults.refused += u64::from(tally.phase == Phase::Measure);
                    Agent::refuse(refused, message, out)?;
                }
            },
            [ofproto::VERSION, FLOW_MOD, ..] => match flow_mod(message) {
                Ok(flow) => {
                    tally.flow_mods += 1;
                    self.flow(flow, out, tally, now);
                }
                Err(refused) => {
                    tally.faults.refused += u64::from(tally.phase == Phase::Measure);
                    Agent::refuse(refused, message, out)?;
                }
            },
            _ => self.manage(message, out, tally)?,
        }
        Ok(())
    }

    #[inline]
    fn answered(&mut self, number: PacketNumber, out: u32, tally: &mut FleetTally, now: Instant) {
        let number = match number {
            PacketNumber::Of(number) => number,
            PacketNumber::Foreign => {
                tally.faults.unknown += 1;
                return;
            }
            PacketNumber::Other => return,
        };
        if !self.window.answered(number, out, &mut tally.faults) {
            return;
        }
        self.heard = now;
        tally.last_answer = now;
        match tally.phase {
            Phase::Measure | Phase::Drain => {
                tally.answers += 1;
                if tally.timed {
                    let ns = u64::try_from((now - self.sent_at).as_nanos()).unwrap_or(u64::MAX);
                    tally.latency.saturating_record(ns);
                }
            }
            Phase::Announce => tally.announced += 1,
            Phase::Serve => {
                if self.stage == SwitchStage::Probing {
                    self.stage = SwitchStage::Served;
                    self.served = Some(now);
                }
            }
        }
    }

    #[inline]
    fn flow(&mut self, flow: FlowMod, out: &mut Vec<u8>, tally: &mut FleetTally, now: Instant) {
        if matches!(self.stage, SwitchStage::Greeted | SwitchStage::Known)
            && flow.adds
            && flow.out == CONTROLLER
        {
            self.stage = SwitchStage::Probing;
            self.probe(out, tally, now);
        }
        // Both a wrong output for the packet of this FLOW_MOD and one for later packets count as
        // faults.
        if let (Some([2, port, a, b, c, d]), Phase::Measure | Phase::Drain) = (flow.eth_dst, tally.phase)
            && flow.adds
            && flow.out != NOWHERE
        {
            let ours = u32::from_be_bytes([a, b, c, d]).wrapping_sub(self.first_host) < self.macs;
            tally.faults.wrong_flow += u64::from(!ours || flow.out != u32::from(port));
        }
        if let Some(number) = flow.number {
            self.answered(PacketNumber::Of(number), flow.out, tally, now);
        }
    }

    fn manage(
        &mut self,
        message: &[u8],
        out: &mut Vec<u8>,
        tally: &mut FleetTally,
    ) -> Result<(), EncodeError> {
        match self.agent.take(message, out)? {
            AgentEvent::Hello if self.stage == SwitchStage::Greeting => self.stage = SwitchStage::Greeted,
            AgentEvent::Features if self.stage == SwitchStage::Greeted => self.stage = SwitchStage::Known,
            AgentEvent::OtherVersion(said) => tally.other_version = tally.other_version.take().or(Some(said)),
            AgentEvent::Error => tally.faults.errors += 1,
            AgentEvent::Refused => tally.faults.refused += u64::from(tally.phase == Phase::Measure),
            AgentEvent::Hello | AgentEvent::Features | AgentEvent::Other => {}
        }
        Ok(())
    }

    /// Sends the first packet-in, in which a host announces itself.
    pub(super) fn probe(&mut self, out: &mut Vec<u8>, tally: &mut FleetTally, now: Instant) {
        self.heard = now;
        let number = self.window.announce(&mut tally.faults);
        let host = self.host(0);
        self.template.announce(out, host, number);
    }

    #[inline]
    fn refill(&mut self, out: &mut Vec<u8>, tally: &mut FleetTally) {
        match tally.phase {
            Phase::Serve | Phase::Drain => {}
            Phase::Announce => {
                while self.announced < self.macs && self.window.outstanding() < self.outstanding {
                    let host = self.host(self.announced);
                    let number = self.window.announce(&mut tally.faults);
                    self.template.announce(out, host, number);
                    self.announced += 1;
                }
            }
            Phase::Measure => {
                let room = self.outstanding.saturating_sub(self.window.outstanding());
                // Wait for half a window at least. Otherwise the batch size, and so the cost of
                // each packet-in, would be chance.
                if room < self.outstanding.div_ceil(2) {
                    return;
                }
                for _ in 0..room {
                    let (from, to) = self.pair();
                    let number = self.window.send(to.port, &mut tally.faults);
                    self.template.pair(out, from, to, number);
                }
                tally.sent += u64::from(room);
                if tally.timed && room > 0 {
                    self.sent_at = Instant::now();
                }
            }
        }
    }

    /// Returns two random hosts behind different ports.
    #[inline]
    fn pair(&mut self) -> (SimulatedHost, SimulatedHost) {
        let last = self.macs.saturating_sub(1);
        let (from, mut index) = (self.random.u32(..=last), self.random.u32(..=last));
        let from = self.host(from);
        let mut to = self.host(index);
        while to.port == from.port {
            index = if index + 1 < self.macs { index + 1 } else { 0 };
            to = self.host(index);
        }
        (from, to)
    }

    #[inline]
    fn host(&self, index: u32) -> SimulatedHost {
        let port = u8::try_from(index % u32::from(self.ports)).unwrap_or(0) + 1;
        SimulatedHost::new(self.first_host.wrapping_add(index), port)
    }
}
