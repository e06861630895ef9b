//! All switches on one thread: readiness, progress and write-offs.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use socket2::{Domain, Socket, Type};

use super::agent::Agent;
use super::error::{BenchError, StuckSwitches};
use super::link::{Link, READ};
use super::switch::{FleetTally, PROBE, Phase, Switch, SwitchStage};
use super::window::AnswerFaults;
use super::{Mode, Options, Progress, cpu};

/// Interval of the checks that no event triggers: elapsed time, signals, and the watcher.
const TICK: Duration = Duration::from_millis(20);
/// The number of events taken from epoll at once.
const EVENTS: usize = 256;

/// Called on every tick with the progress. An error that it returns ends the run.
pub type FleetWatch<'a> = &'a mut dyn FnMut(&Progress) -> Result<(), BenchError>;

/// The switches.
pub(super) struct Fleet {
    pub(super) switches: Vec<Switch>,
    pub(super) tally: FleetTally,
    pub(super) began: Instant,
    /// The time spent outside epoll's wait.
    pub(super) worked: Duration,
    epoll: Epoll,
    buffer: Vec<u8>,
    out: Vec<u8>,
    timeout: Duration,
    spins: bool,
    pinned: bool,
    address: std::net::SocketAddr,
    next_tick: Instant,
    seen: (Instant, u64),
}

impl Fleet {
    /// Begins to connect all switches at once.
    ///
    /// # Errors
    /// Returns an error if a socket cannot be created. An absent controller shows later.
    pub(super) fn connect(options: &Options) -> Result<Self, BenchError> {
        cpu::allow_many_files();
        let now = Instant::now();
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)
            .map_err(|errno| BenchError::system("wait for sockets")(errno.into()))?;
        let switches: Result<Vec<_>, _> =
            (0..options.switches).map(|index| Switch::new(index, options, now)).collect();
        let latency = Histogram::new_with_bounds(1, 60_000_000_000, 3)
            .map_err(|_| BenchError::Options("no histogram".into()))?;
        let tally = FleetTally {
            phase: Phase::Serve,
            sent: 0,
            answers: 0,
            announced: 0,
            flow_mods: 0,
            packet_outs: 0,
            faults: AnswerFaults::default(),
            latency,
            timed: options.mode == Mode::Latency,
            last_answer: now,
            other_version: None,
        };
        let mut fleet = Self {
            switches: switches?,
            tally,
            began: Instant::now(),
            epoll,
            buffer: vec![0; READ],
            out: Vec::with_capacity(READ),
            timeout: options.timeout,
            spins: false,
            pinned: options.pinned,
            worked: Duration::ZERO,
            address: options.target,
            next_tick: now,
            seen: (now, 0),
        };
        fleet.began = Instant::now();
        for (token, switch) in (0..).zip(&mut fleet.switches) {
            match dial(&fleet.epoll, options.target, token) {
                Ok(link) => switch.link = Some(link),
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    switch.stage = SwitchStage::Refused
                }
                Err(source) => return Err(BenchError::system("connect another switch")(source)),
            }
        }
        Ok(fleet)
    }

    /// Polls without sleeping from now on. The measurement then includes neither the wake-up time
    /// of the load generator nor the cost of its wake-up for the controller. Polling takes a core,
    /// so the load generator sleeps where there is no second one.
    pub(super) fn spin(&mut self) {
        self.spins = cpu::cores().is_ok_and(|cores| cores.len() > 1 || self.pinned);
    }

    /// Runs the event loop until `done` returns true.
    ///
    /// # Errors
    /// Returns the error of `watch`, an error for another version of OpenFlow, or the error of the
    /// operating system.
    pub(super) fn drive(
        &mut self,
        watch: FleetWatch<'_>,
        mut done: impl FnMut(&Self, Instant) -> bool,
    ) -> Result<(), BenchError> {
        let mut events = [EpollEvent::empty(); EVENTS];
        loop {
            let now = Instant::now();
            if now >= self.next_tick {
                self.tick(now, watch)?;
            }
            if done(self, now) {
                return Ok(());
            }
            let wait = if self.spins { EpollTimeout::ZERO } else { EpollTimeout::from(10_u8) };
            let count = match self.epoll.wait(&mut events, wait) {
                Ok(count) => count,
                Err(nix::errno::Errno::EINTR) => 0,
                Err(errno) => return Err(BenchError::system("wait for sockets")(errno.into())),
            };
            if count == 0 {
                continue;
            }
            let began = Instant::now();
            for event in events.get(..count).unwrap_or_default() {
                self.event(*event)?;
            }
            self.worked += began.elapsed();
        }
    }

    /// Begins a phase, and sends the packet-ins that it allows at once.
    pub(super) fn begin(&mut self, phase: Phase) -> Result<(), BenchError> {
        self.tally.phase = phase;
        let now = Instant::now();
        for index in 0..self.switches.len() {
            if let Some(switch) = self.switches.get_mut(index) {
                switch.heard = now;
                match phase {
                    // First packet-ins that were sent again may still be unanswered.
                    Phase::Announce => switch.window.write_off(&mut self.tally.faults),
                    Phase::Measure => switch.window.begin(),
                    Phase::Serve | Phase::Drain => {}
                }
            }
            self.act(index, |switch, epoll, out, tally| {
                out.clear();
                switch.send(epoll, out, tally)
            })?;
        }
        Ok(())
    }

    fn event(&mut self, event: EpollEvent) -> Result<(), BenchError> {
        let Ok(index) = usize::try_from(event.data()) else { return Ok(()) };
        let Some(switch) = self.switches.get_mut(index) else { return Ok(()) };
        if switch.stage == SwitchStage::Connecting {
            let connected = match &switch.link {
                Some(link) => link.connected(),
                None => Ok(()),
            };
            return match connected {
                Ok(()) => {
                    switch.stage = SwitchStage::Greeting;
                    self.act(index, |switch, epoll, out, _| {
                        out.clear();
                        Agent::hello(out).map_err(io::Error::other)?;
                        switch.link.as_mut().map_or(Ok(()), |link| link.write(epoll, out))
                    })
                }
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    switch.stage = SwitchStage::Refused;
                    switch.link = None;
                    Ok(())
                }
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::TimedOut) => {
                    switch.stage = SwitchStage::Dropped;
                    switch.link = None;
                    Ok(())
                }
                Err(source) => Err(BenchError::Unreachable { address: self.address, source }),
            };
        }
        let (readable, writable) = (
            event.events().intersects(EpollFlags::EPOLLIN | EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR),
            event.events().contains(EpollFlags::EPOLLOUT),
        );
        if !readable {
            return self.act(index, |switch, epoll, _, _| match &mut switch.link {
                Some(link) if writable => link.flush(epoll),
                _ => Ok(()),
            });
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        let done = self.act(index, |switch, epoll, out, tally| switch.ready(epoll, &mut buffer, out, tally));
        self.buffer = buffer;
        done
    }

    /// Runs an operation on a switch that may end its connection.
    fn act(
        &mut self,
        index: usize,
        what: impl FnOnce(&mut Switch, &Epoll, &mut Vec<u8>, &mut FleetTally) -> io::Result<()>,
    ) -> Result<(), BenchError> {
        let Some(switch) = self.switches.get_mut(index) else { return Ok(()) };
        if what(switch, &self.epoll, &mut self.out, &mut self.tally).is_err() && switch.link.is_some() {
            switch.link = None;
            switch.window.write_off(&mut self.tally.faults);
            if switch.stage == SwitchStage::Served {
                self.tally.faults.closed += 1;
            }
            switch.stage = SwitchStage::Dropped;
        }
        match self.tally.other_version.take() {
            Some(said) => Err(BenchError::Version { address: self.address, said }),
            None => Ok(()),
        }
    }

    fn tick(&mut self, now: Instant, watch: FleetWatch<'_>) -> Result<(), BenchError> {
        self.next_tick = now + TICK;
        for index in 0..self.switches.len() {
            let Some(switch) = self.switches.get_mut(index) else { break };
            let silent = now.saturating_duration_since(switch.heard);
            let unanswered = switch.window.outstanding() > 0;
            match (switch.stage, self.tally.phase) {
                (SwitchStage::Probing, _) if silent > PROBE => {
                    self.act(index, |switch, epoll, out, tally| {
                        out.clear();
                        switch.probe(out, tally, now);
                        switch.send(epoll, out, tally)
                    })?
                }
                (SwitchStage::Served, Phase::Announce | Phase::Measure)
                    if unanswered && silent > self.timeout =>
                {
                    switch.heard = now;
                    switch.window.write_off(&mut self.tally.faults);
                    self.act(index, |switch, epoll, out, tally| {
                        out.clear();
                        switch.send(epoll, out, tally)
                    })?;
                }
                _ => {}
            }
        }
        let (since, answers) = self.seen;
        let seconds = (now - since).as_secs_f64();
        let all = self.tally.answers + self.tally.announced;
        let rate = if seconds > 0.0 { per(all - answers, seconds) } else { 0.0 };
        self.seen = (now, all);
        watch(&Progress {
            phase: match self.tally.phase {
                Phase::Serve => "connecting",
                Phase::Announce => "announcing",
                Phase::Measure => "measuring",
                Phase::Drain => "waiting for the last answers",
            },
            served: self.stuck().0,
            answers_per_second: rate,
            faults: self.tally.faults.any(),
            seconds: (now - self.began).as_secs_f64(),
        })
    }

    /// Returns the number of switches served, and the stage at which the others got stuck.
    pub(super) fn stuck(&self) -> (u32, StuckSwitches) {
        let (mut served, mut stuck) = (0, StuckSwitches::default());
        for switch in &self.switches {
            let place = match switch.stage {
                SwitchStage::Served => &mut served,
                SwitchStage::Connecting => &mut stuck.connecting,
                SwitchStage::Greeting => &mut stuck.no_hello,
                SwitchStage::Greeted => &mut stuck.no_features,
                SwitchStage::Known => &mut stuck.no_table_miss,
                SwitchStage::Probing => &mut stuck.no_answer,
                SwitchStage::Refused => &mut stuck.refused,
                SwitchStage::Dropped => &mut stuck.dropped,
            };
            *place += 1;
        }
        (served, stuck)
    }

    /// Returns whether every switch has announced all its hosts and got its answers.
    pub(super) fn announced(&self, macs: u32) -> bool {
        let mut live = self.switches.iter().filter(|switch| switch.stage == SwitchStage::Served);
        live.all(|switch| switch.announced == macs && switch.window.outstanding() == 0)
    }

    /// Returns whether no packet-in is unanswered.
    pub(super) fn answered(&self) -> bool {
        self.switches.iter().all(|switch| switch.window.outstanding() == 0)
    }
}

/// Returns the rate per second of a count over a number of seconds.
#[expect(clippy::cast_precision_loss, reason = "counts of messages are far below 2^53")]
pub(super) fn per(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}

fn dial(epoll: &Epoll, target: std::net::SocketAddr, token: u64) -> io::Result<Link> {
    let socket = Socket::new(Domain::for_address(target), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&target.into()) {
        Err(error) if error.raw_os_error() != Some(nix::libc::EINPROGRESS) => return Err(error),
        _ => {}
    }
    // The window bounds the unsent bytes. A load generator that stopped reading could deadlock with
    // a controller that waits for it.
    Link::new(epoll, socket.into(), token, usize::MAX)
}
