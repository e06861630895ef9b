//! A controller and its switches on virtual time, with somebody on the wires between them.
//!
//! The controller's side is the product's own [`Session`] and [`Bridge`], driven as [`crate::net`] drives them. Each message
//! takes a millisecond, more if whoever is on the wire wants it so. A switch that lost its connection comes back as Open
//! vSwitch does. What anybody may do in a second is counted, so that a loop without an end is seen.

mod check;
mod rates;
mod wire;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ofproto::Framer;

use super::switch::{ConnectionId, Switch};
use crate::bridge::{Bridge, Notice, Ports};
use crate::in_force::{Clock, InForce};
use crate::session::{CloseReason, Config, Event, Session};

use check::Desired;
pub(crate) use check::Shown;
pub(crate) use rates::Rates;
pub(crate) use wire::{Direction, Honest, Interceptor, Passage};

/// What time it is when a simulation begins, in seconds since 1970-01-01 UTC.
pub(crate) const BEGUN: u64 = 1_000_000;
/// How long a message takes.
const LATENCY: Duration = Duration::from_millis(1);
/// From a lost connection to the next: doubled each time, up to the last, as Open vSwitch does.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(8));
/// So many things in a virtual second are a loop.
const LOOP: u32 = 50_000;

/// A controller with its switches.
pub(crate) struct Simulation {
    pub(crate) now: Instant,
    pub(crate) begun: Instant,
    pub(crate) in_force: InForce,
    pub(crate) links: Vec<Link>,
    pub(crate) rates: Rates,
    interceptor: Box<dyn Interceptor>,
    queue: BTreeMap<(Instant, u64), Delivery>,
    next_delivery: u64,
    steps: (u64, u32),
    desired: RefCell<Desired>,
}

/// A switch, and its connection.
pub(crate) struct Link {
    pub(crate) switch: Switch,
    /// The controller's side of it, while there is a connection.
    pub(crate) side: Option<Side>,
    /// Counts connections: what was sent in an earlier one does not arrive.
    epoch: u64,
    connect_at: Option<Instant>,
    backoff: Duration,
    /// Why the last session ended.
    pub(crate) last_close: Option<String>,
    /// Since when it is not shown as settled.
    unsettled_since: Option<Instant>,
}

/// The controller's side of a connection.
pub(crate) struct Side {
    connection: ConnectionId,
    pub(crate) session: Session,
    pub(crate) bridge: Bridge,
    /// What the switch said of its ports, as the controller was told.
    told: Ports,
    /// Whether the bridge noted that there are no meters for samples.
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
    /// A controller with that in force, and switches that are about to connect.
    pub(crate) fn new(in_force: InForce, switches: impl IntoIterator<Item = Switch>) -> Self {
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
            in_force,
            links: switches.into_iter().map(link).collect(),
            rates: Rates::default(),
            interceptor: Box::new(Honest),
            queue: BTreeMap::new(),
            next_delivery: 0,
            steps: (0, 0),
            desired: RefCell::default(),
        }
    }

    /// Puts somebody on the wires.
    pub(crate) fn intercept(&mut self, interceptor: impl Interceptor + 'static) {
        self.interceptor = Box::new(interceptor);
    }

    /// How long it goes.
    pub(crate) fn elapsed(&self) -> Duration {
        self.now - self.begun
    }

    /// Lets time pass, with all that is due in it.
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

    /// Takes something else into force.
    pub(crate) fn reload(&mut self, change: impl FnOnce(&mut InForce)) {
        change(&mut self.in_force);
        self.in_force.generation += 1;
        for link in &mut self.links {
            if let Some(side) = &mut link.side {
                side.bridge.reload(self.now, self.in_force.clone(), &mut side.session);
            }
        }
        self.settle();
    }

    /// Ends the controller and starts it again.
    pub(crate) fn restart_controller(&mut self) {
        for n in 0..self.links.len() {
            self.disconnect(n, Duration::ZERO);
        }
    }

    /// Cuts the connection of a switch, which does not come back for that long.
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

    /// When something is due.
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
                link.side = Some(Side {
                    connection: link.switch.connect(now),
                    session: Session::new(now, Config::default()),
                    bridge: Bridge::new(self.in_force.clone(), clock),
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

    /// Passes on all that happened, and sends all that waits.
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

    /// Notes since when it is not settled.
    fn look(&mut self, now: Instant) {
        match self.shown() {
            Shown::Settled => self.unsettled_since = None,
            Shown::NotSettled(_) => _ = self.unsettled_since.get_or_insert(now),
        }
    }

    /// Ends the connection; the switch comes back after a while.
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

impl Side {
    /// Passes on what the session tells. Returns whether the bridge noted something, and why the session ended, if it did.
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

    /// Returns the messages that wait for the switch.
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
