//! Runs a controller and its switches on virtual time, with an optional attacker on the wires
//! between them.
//!
//! The controller's side is the product's own [`Session`] and [`Bridge`], driven as [`crate::net`]
//! drives them. Each message takes a millisecond, or more if the attacker delays it. A disconnected
//! switch reconnects as Open vSwitch does. Actions per second are counted, so that an endless loop
//! is noticed.

mod check;
mod rates;
mod wire;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ofproto::Framer;

use self::check::Desired;
pub(crate) use self::check::ShownState;
pub(crate) use self::rates::Rates;
pub(crate) use self::wire::{Direction, Honest, Interceptor, Passage};
use super::switch::{ConnectionId, Switch};
use crate::active_policy::ActivePolicy;
use crate::bridge::{Bridge, Notice, Ports};
use crate::clock::Clock;
use crate::session::{CloseReason, Config, Event, Session};

/// Start of a simulation, in seconds since 1970-01-01 UTC.
pub(crate) const BEGUN: u64 = 1_000_000;
/// Delay of a message.
const LATENCY: Duration = Duration::from_millis(1);
/// Shortest and longest back-off of reconnections, which doubles each time as in Open vSwitch.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(8));
/// Largest number of actions in a virtual second. More of them count as a loop.
const LOOP: u32 = 50_000;

/// A controller with its switches.
pub(crate) struct Simulation {
    pub(crate) now: Instant,
    pub(crate) begun: Instant,
    pub(crate) active: ActivePolicy,
    pub(crate) links: Vec<Link>,
    pub(crate) rates: Rates,
    interceptor: Box<dyn Interceptor>,
    queue: BTreeMap<(Instant, u64), Delivery>,
    next_delivery: u64,
    steps: (u64, u32),
    desired: RefCell<Desired>,
}

/// A switch and its connection.
pub(crate) struct Link {
    pub(crate) switch: Switch,
    /// The controller's side, while connected.
    pub(crate) side: Option<ControllerSide>,
    /// Number of connections so far, because messages of an earlier one do not arrive.
    epoch: u64,
    connect_at: Option<Instant>,
    backoff: Duration,
    /// The reason why the last session ended.
    pub(crate) last_close: Option<String>,
    /// The start of the time in which it has not been settled.
    unsettled_since: Option<Instant>,
}

/// Holds the controller's side of a connection.
pub(crate) struct ControllerSide {
    connection: ConnectionId,
    pub(crate) session: Session,
    pub(crate) bridge: Bridge,
    /// The switch's ports, as reported to the controller.
    told: Ports,
    /// Set once the bridge reported that the switch has no meters for samples.
    unsampled: bool,
    framer: Framer,
    since: Instant,
}

struct Delivery {
    link: usize,
    epoch: u64,
    direction: Direction,
    frame: Bytes,
}

impl Simulation {
    /// Returns a controller with that policy in force, and switches about to connect.
    pub(crate) fn new(active: ActivePolicy, switches: impl IntoIterator<Item = Switch>) -> Self {
        let now = Instant::now();
        let link = |switch| Link {
            switch,
            side: None,
            epoch: 0,
            connect_at: Some(now),
            backoff: BACKOFF.0,
            last_close: None,
            unsettled_since: Some(now),
        };
        Self {
            now,
            begun: now,
            active,
            links: switches.into_iter().map(link).collect(),
            rates: Rates::default(),
            interceptor: Box::new(Honest),
            queue: BTreeMap::new(),
            next_delivery: 0,
            steps: (0, 0),
            desired: RefCell::default(),
        }
    }

    /// Puts an attacker on the wires.
    pub(crate) fn intercept(&mut self, interceptor: impl Interceptor + 'static) {
        self.interceptor = Box::new(interceptor);
    }

    /// Returns the time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.now - self.begun
    }

    /// Advances the time, and runs everything due in it.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        self.settle();
        while let Some(at) = self.next().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.count_step();
            self.deliver();
            self.time_out();
            self.settle();
        }
        self.now = end;
    }

    /// Puts another policy into force.
    pub(crate) fn reload(&mut self, change: impl FnOnce(&mut ActivePolicy)) {
        change(&mut self.active);
        self.active.generation += 1;
        for link in &mut self.links {
            if let Some(side) = &mut link.side {
                side.bridge.reload(self.now, self.active.clone(), &mut side.session);
            }
        }
        self.settle();
    }

    /// Restarts the controller.
    pub(crate) fn restart_controller(&mut self) {
        for n in 0..self.links.len() {
            self.disconnect(n, Duration::ZERO);
        }
    }

    /// Cuts the connection of a switch, which does not reconnect for that time.
    pub(crate) fn disconnect(&mut self, link: usize, away: Duration) {
        let now = self.now;
        if let Some(link) = self.links.get_mut(link) {
            if let Some(side) = &mut link.side {
                side.session.close(CloseReason::Connection("the network lost it".to_owned()));
            }
            link.end(now);
            link.connect_at = link.connect_at.map(|at| at.max(now + away));
        }
    }

    fn clock(&self) -> Clock {
        Clock::new(self.begun, Duration::from_secs(BEGUN))
    }

    /// Returns the next deadline.
    fn next(&self) -> Option<Instant> {
        let queued = self.queue.keys().next().map(|(at, _)| *at);
        let due = self.links.iter().flat_map(|link| {
            let side = link.side.iter();
            let sides = side.flat_map(|side| [side.session.poll_timeout(), side.bridge.poll_timeout()]);
            sides.chain([link.switch.poll_timeout(), link.connect_at])
        });
        due.chain([queued]).flatten().min()
    }

    fn count_step(&mut self) {
        let second = self.elapsed().as_secs();
        if self.steps.0 != second {
            self.steps = (second, 0);
        }
        self.steps.1 += 1;
        assert!(self.steps.1 < LOOP, "a loop: {LOOP} things happened in second {second}");
    }

    fn deliver(&mut self) {
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let Delivery { link, epoch, direction, frame } = entry.remove();
            let Some(link) = self.links.get_mut(link).filter(|link| link.epoch == epoch) else { continue };
            let Some(side) = &mut link.side else { continue };
            match direction {
                Direction::ToSwitch => link.switch.receive(self.now, side.connection, &frame),
                Direction::ToController => side.session.receive(self.now, &frame),
            }
        }
    }

    fn time_out(&mut self) {
        let (now, clock) = (self.now, self.clock());
        for link in &mut self.links {
            if link.switch.poll_timeout().is_some_and(|at| at <= now) {
                link.switch.handle_timeout(now);
            }
            if link.connect_at.is_some_and(|at| at <= now) {
                link.connect_at = None;
                link.side = Some(ControllerSide {
                    connection: link.switch.connect(now),
                    session: Session::new(now, Config::default()),
                    bridge: Bridge::new(self.active.clone(), clock),
                    told: Ports::default(),
                    unsampled: false,
                    framer: Framer::new(),
                    since: now,
                });
            }
            if let Some(side) = &mut link.side {
                let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
                if due(side.session.poll_timeout()) || due(side.bridge.poll_timeout()) {
                    side.session.handle_timeout(now);
                    side.bridge.handle_timeout(now, &mut side.session);
                }
            }
        }
    }

    /// Passes on all events, and sends all pending messages.
    fn settle(&mut self) {
        for n in 0..self.links.len() {
            let Some(link) = self.links.get_mut(n) else { return };
            link.settle(self.now);
            let mut frames = Vec::new();
            if let Some(side) = &mut link.side {
                frames.extend(side.transmit().into_iter().map(|frame| (Direction::ToSwitch, frame)));
                let told = link.switch.transmit(side.connection);
                frames.extend(told.into_iter().map(|frame| (Direction::ToController, frame)));
            }
            if link.side.as_ref().is_some_and(|side| side.session.is_closed()) {
                link.end(self.now);
            }
            for (direction, frame) in frames {
                if direction == Direction::ToSwitch {
                    self.rates.sent(self.now - self.begun, &frame);
                }
                for passage in self.interceptor.pass(n, direction, frame) {
                    self.post(direction, passage);
                }
            }
        }
    }

    fn post(&mut self, direction: Direction, Passage { link, after, frame }: Passage) {
        let Some(epoch) = self.links.get(link).map(|link| link.epoch) else { return };
        let key = (self.now + LATENCY + after, self.next_delivery);
        self.next_delivery += 1;
        self.queue.insert(key, Delivery { link, epoch, direction, frame });
    }
}

impl Link {
    fn settle(&mut self, now: Instant) {
        if let Some(side) = &mut self.side {
            if !self.switch.is_open(side.connection) {
                let reason = CloseReason::Connection("the other side closed it".to_owned());
                side.session.close(reason);
            }
            let (noted, ended) = side.settle(now);
            if ended.is_some() {
                self.last_close = ended;
            }
            if noted {
                self.look(now);
            }
        }
    }

    /// Notes when it stopped being settled.
    fn look(&mut self, now: Instant) {
        match self.shown() {
            ShownState::Settled => self.unsettled_since = None,
            ShownState::NotSettled(_) => _ = self.unsettled_since.get_or_insert(now),
        }
    }

    /// Ends the connection; the switch reconnects after a while.
    fn end(&mut self, now: Instant) {
        let Some(mut side) = self.side.take() else { return };
        if let (_, Some(reason)) = side.settle(now) {
            self.last_close = Some(reason);
        }
        self.unsettled_since.get_or_insert(now);
        self.switch.disconnect(side.connection);
        self.epoch += 1;
        if now - side.since > self.backoff {
            self.backoff = BACKOFF.0;
        }
        self.connect_at = Some(now + self.backoff);
        self.backoff = (self.backoff * 2).min(BACKOFF.1);
    }
}

impl ControllerSide {
    /// Passes on the session's events. Returns whether the bridge gave a notice, and why the
    /// session ended, if it did.
    fn settle(&mut self, now: Instant) -> (bool, Option<String>) {
        let (mut noted, mut ended) = (false, None);
        while let Some(event) = self.session.poll_event() {
            match &event {
                Event::Connected(connected) => self.told = Ports::new(&connected.ports),
                Event::PortChanged(status) => _ = self.told.apply(status, usize::MAX),
                Event::Closed(reason) => ended = Some(reason.to_string()),
                _ => {}
            }
            self.bridge.handle_event(now, event, &mut self.session);
        }
        while let Some(notice) = self.bridge.poll_notice() {
            noted = true;
            self.unsampled |= matches!(notice, Notice::Unsampled(_));
        }
        let bounds = Config::default();
        assert!(self.session.buffered() <= bounds.max_request_bytes + bounds.max_answer_bytes);
        (noted, ended)
    }

    /// Returns the messages pending for the switch.
    fn transmit(&mut self) -> Vec<Bytes> {
        let mut frames = Vec::new();
        while let Some(chunk) = self.session.poll_transmit() {
            let mut rest: &[u8] = &chunk;
            while !rest.is_empty() {
                rest = rest.get(self.framer.feed(rest)..).unwrap_or_default();
                while let Some(frame) = self.framer.next_frame().expect("whole messages") {
                    frames.push(frame);
                }
            }
        }
        frames
    }
}
