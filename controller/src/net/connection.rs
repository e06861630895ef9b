//! One connection: a socket that drives a session and its bridge.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ofproto::message::monitor::MonitorEvent;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::watch;
use tracing::{debug, info, warn};

use super::admission::{NamedBy, SessionPlace};
use super::outgoing::Outgoing;
use super::{EVICTED, sleep_until};
use crate::active_policy::ActivePolicy;
use crate::address::ListenAddress;
use crate::bridge::{Bridge, Notice};
use crate::clock::Clock;
use crate::hub::Hub;
use crate::hub::owners::{Claim, Claimant, OwnershipMailbox, OwnershipOrders};
use crate::mac_learning::{NotedEntries, PacketTally};
use crate::metrics::LearningMetrics;
use crate::session::{CloseReason, Event, Session, error_names};

/// Time in which a closed session may send its last messages.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Size of a read after which the task yields to other sessions, in bytes. A session that sends
/// less waits for its socket anyway.
const LARGE_BATCH: usize = 32 << 10;
/// Deadline for an answer to the probe that follows when another session claims the same bridge. It
/// equals that of any echo request, so that a rival shortens no session's life.
const PROBE: Duration = Duration::from_secs(5);

/// The two ends of a connection.
#[derive(Debug)]
pub(super) struct ConnectionEnds {
    /// The peer.
    pub(super) peer: String,
    /// The controller's own address, if known.
    pub(super) local: Option<ListenAddress>,
}

/// Drives a session after its greeting to its end, in its place. `shutdown` turns true when the
/// controller ends.
///
/// One write answers the messages of one read, and nothing more is read before the switch accepts
/// it. So a switch that does not accept its answers has to wait, and no buffer grows.
pub(super) async fn drive<R, W>(
    mut reader: R,
    mut writer: W,
    ends: ConnectionEnds,
    session: Session,
    place: SessionPlace,
    hub: Arc<Hub>,
    mut shutdown: watch::Receiver<bool>,
) where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut policy = hub.follow_policy();
    let mut driver = Driver::new(&hub, ends, session, place, policy.borrow_and_update().clone());
    let mut outgoing = Outgoing::default();
    let mut batch = 0;
    loop {
        driver.settle();
        outgoing.refill(&mut driver.session);
        if driver.session.is_closed() {
            break;
        }
        if batch >= LARGE_BATCH && outgoing.is_empty() {
            batch = 0;
            // A flooding switch always finds its socket ready. Other sessions get their turn
            // between two of its batches.
            tokio::task::yield_now().await;
        }
        let deadline = driver.deadline();
        let reads = driver.session.wants_read() && outgoing.is_answered();
        let mut is_due = false;
        tokio::select! {
            written = writer.write(outgoing.bytes()), if !outgoing.is_empty() => match written {
                Ok(0) => driver.session.close(CloseReason::Connection("the other side takes nothing".to_owned())),
                Ok(n) => outgoing.advance(n),
                Err(error) => driver.session.close(CloseReason::Connection(error.to_string())),
            },
            read = reader.read_buf(driver.session.inbox()), if reads => {
                batch = driver.was_read(read, &mut outgoing.answers);
            }
            () = sleep_until(deadline) => is_due = true,
            Ok(()) = policy.changed() => {
                let policy = policy.borrow_and_update().clone();
                driver.reload(policy);
            }
            orders = driver.mailbox.orders() => driver.follow(orders),
            () = driver.place.evicted(), if !driver.place.is_of_bridge() => {
                driver.session.close(CloseReason::Ended(EVICTED.to_owned()));
                hub.metrics.rejected.inc();
                // The session only waits for its place, so nothing more is sent.
                return driver.ended();
            }
            _ = shutdown.wait_for(|down| *down) => {
                driver.is_shutdown = true;
                driver.session.close(CloseReason::Ended("the controller ends".to_owned()));
            }
        }
        if is_due {
            // This task may be late: an answer that waits in the socket came in time.
            tokio::select! {
                biased;
                read = reader.read_buf(driver.session.inbox()), if reads => {
                    batch = driver.was_read(read, &mut outgoing.answers);
                }
                () = std::future::ready(()) => {}
            }
            driver.timeout();
        }
    }
    // The last error, if there is one to send.
    let last_words = async {
        writer.write_all(outgoing.bytes()).await?;
        while let Some(chunk) = driver.session.poll_transmit() {
            writer.write_all(&chunk).await?;
        }
        writer.shutdown().await
    };
    let _ = tokio::time::timeout(LAST_WORDS, last_words).await;
    driver.ended();
}

/// A session joined with its bridge.
struct Driver<'a> {
    hub: &'a Arc<Hub>,
    session: Session,
    bridge: Bridge,
    number: u64,
    peer: String,
    local: Option<ListenAddress>,
    place: SessionPlace,
    /// The mailbox for orders about its bridge.
    mailbox: Arc<OwnershipMailbox>,
    /// True if the handshake is complete, and the metrics count the switch.
    counted: bool,
    /// True if the controller is shutting down.
    is_shutdown: bool,
    /// The name of the bridge that the session owns.
    claimed: Option<String>,
    /// The bridge that the session waits for.
    awaited: Option<String>,
    /// True if the session was probed because of another session, and has not answered yet.
    is_probed: bool,
    closed: Option<CloseReason>,
    bad: u64,
    /// The counters of the bridge, if it is a learning switch.
    learning: Option<LearningMetrics>,
}

impl<'a> Driver<'a> {
    fn new(
        hub: &'a Arc<Hub>,
        ends: ConnectionEnds,
        session: Session,
        place: SessionPlace,
        policy: ActivePolicy,
    ) -> Self {
        Self {
            session,
            bridge: Bridge::awaiting_grant(policy, Clock::now()),
            number: hub.next_session(),
            hub,
            peer: ends.peer,
            local: ends.local,
            place,
            mailbox: Arc::default(),
            counted: false,
            is_shutdown: false,
            claimed: None,
            awaited: None,
            is_probed: false,
            closed: None,
            bad: 0,
            learning: None,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let due = [self.session.poll_timeout(), self.bridge.poll_timeout(), self.place.deadline()];
        due.into_iter().flatten().min()
    }

    fn timeout(&mut self) {
        let now = Instant::now();
        self.bridge.set_clock(Clock::now());
        self.session.handle_timeout(now);
        self.bridge.handle_timeout(now, &mut self.session);
        if self.place.deadline().is_some_and(|at| at <= now) {
            let why = if self.awaited.is_some() {
                "another session has the bridge: it may connect again"
            } else {
                "the network file does not name this bridge: it may connect again"
            };
            self.session.close(CloseReason::Ended(why.to_owned()));
        }
    }

    /// Handles received bytes. PACKET_INs of a learning switch are answered at once.
    fn received(&mut self, answers: &mut Vec<u8>) {
        let now = Instant::now();
        let Some((learning, second)) = self.bridge.learning(now) else {
            return self.session.received(now, |_| false);
        };
        // One memory access takes as long as twenty in parallel, so the entries of a batch are
        // loaded together.
        if learning.is_large() {
            let mut noted = NotedEntries::new();
            self.session.waiting_packet_ins(|frame| learning.note(frame, &mut noted));
            learning.load(&mut noted);
        }
        self.session.received(now, |frame| learning.packet_in(frame, second, answers));
        let tally = learning.batch_ended(second);
        if tally != PacketTally::default()
            && let Some(metrics) = &mut self.learning
        {
            metrics.add(&tally, learning.known());
        }
    }

    fn reload(&mut self, policy: ActivePolicy) {
        self.bridge.set_clock(Clock::now());
        let now = Instant::now();
        self.bridge.reload(now, policy, &mut self.session);
        self.claim(now);
        // A file that changes no flow causes no notice, and yet it is active now.
        if let Some(bridge) = &self.claimed {
            self.hub.publish(bridge, self.number, self.bridge.status());
        }
    }

    /// Takes the result of a read. Returns the number of bytes.
    fn was_read(&mut self, read: io::Result<usize>, answers: &mut Vec<u8>) -> usize {
        match read {
            Ok(0) => {
                self.session.close(CloseReason::Connection("the other side closed it".to_owned()));
                0
            }
            Ok(n) => {
                self.received(answers);
                n
            }
            Err(error) => {
                self.session.close(CloseReason::Connection(error.to_string()));
                0
            }
        }
    }

    /// Passes events between session, bridge and hub.
    fn settle(&mut self) {
        let now = Instant::now();
        self.bridge.set_clock(Clock::now());
        while let Some(event) = self.session.poll_event() {
            if let Event::Connected(_) = event {
                self.counted = true;
                self.hub.metrics.switches.inc();
            }
            if let Event::Closed(reason) = &event {
                self.closed = Some(reason.clone());
            }
            self.bridge.handle_event(now, event, &mut self.session);
        }
        if self.is_probed && !self.session.is_probed() && !self.session.is_closed() {
            self.is_probed = false;
            if let Some(bridge) = &self.claimed {
                self.hub.owner_answered(bridge, self.number);
            }
        }
        let mut noted = false;
        while let Some(notice) = self.bridge.poll_notice() {
            noted = true;
            self.note(notice);
        }
        if noted && let Some(bridge) = &self.claimed {
            self.hub.publish(bridge, self.number, self.bridge.status());
        }
        let bad = self.session.stats().bad;
        self.hub.metrics.bad_messages.inc_by(bad - self.bad);
        self.bad = bad;
    }

    /// Carries out the hub's orders.
    fn follow(&mut self, orders: OwnershipOrders) {
        let now = Instant::now();
        if let Some(why) = orders.leave {
            return self.session.close(CloseReason::Ended(why));
        }
        if orders.probe && self.claimed.is_some() {
            self.session.probe(now, PROBE);
            self.is_probed = true;
        }
        if orders.claim && self.claimed.is_none() {
            self.bridge.set_clock(Clock::now());
            self.claim(now);
        }
    }

    /// Claims the bridge that the switch claims to be, if the network file names it. Otherwise the
    /// switch is left alone.
    fn claim(&mut self, now: Instant) {
        let name = self.bridge.name().filter(|_| self.bridge.is_named()).map(str::to_owned);
        let Some(name) = name.filter(|_| !self.session.is_closed()) else { return self.release(now) };
        let claimant = Claimant {
            session: self.number,
            datapath: self.bridge.datapath(),
            peer: self.peer.clone(),
            local: self.local.clone(),
            mailbox: Arc::clone(&self.mailbox),
        };
        match self.hub.acquire(&name, claimant, now) {
            Claim::Granted(bridge) => {
                self.leave_others(&bridge);
                self.awaited = None;
                let is_new = self.claimed.as_ref() != Some(&bridge);
                self.claimed = Some(bridge.clone());
                self.take_place();
                if is_new && !self.session.is_closed() {
                    self.bridge.set_granted(now, true, &mut self.session);
                    self.hub.publish(&bridge, self.number, self.bridge.status());
                }
                self.count_learning();
            }
            Claim::Waits { bridge, why, .. } => {
                // Under the last file, the bridge may have had another name.
                let had = self.claimed.is_some();
                self.leave_others(&bridge);
                self.claimed = None;
                self.awaited = Some(bridge);
                if had {
                    let why = why.unwrap_or_else(|| "another session has the bridge now".to_owned());
                    self.session.close(CloseReason::Ended(why));
                }
            }
            Claim::Refused(why) => {
                self.release(now);
                self.session.close(CloseReason::Ended(why));
            }
        }
    }

    /// Releases every bridge except `bridge`: a new file may name a bridge that the last one did
    /// not.
    fn leave_others(&mut self, bridge: &str) {
        for other in [&mut self.claimed, &mut self.awaited] {
            if let Some(other) = other.take_if(|other| *other != bridge) {
                self.hub.release(&other, self.number);
            }
        }
    }

    /// Releases the bridge.
    fn release(&mut self, now: Instant) {
        self.leave_others("");
        self.bridge.set_granted(now, false, &mut self.session);
        self.take_place();
        self.count_learning();
    }

    /// Moves to the place for sessions of its bridge, or ends the session if there is no room.
    fn take_place(&mut self) {
        let Some(bridge) = self.claimed.as_deref() else {
            return self.place.leave_bridge(Instant::now());
        };
        let (named, names) = self.hub.file_names_bridge(bridge);
        let named_by = if named { NamedBy::Name } else { NamedBy::Any };
        if !self.place.take_bridge(named_by, names) {
            self.hub.metrics.rejected.inc();
            let why = "there is no room for one more bridge: see --max-connections and `ulimit -n`";
            self.session.close(CloseReason::Ended(why.to_owned()));
        }
    }

    /// Looks up the counters of the bridge: a new file may have ended the series.
    fn count_learning(&mut self) {
        let metrics = |name: &str| self.hub.metrics.learning(self.hub.label(name));
        self.learning = self.claimed.as_deref().map(metrics);
        if let (Some(metrics), Some((learning, _))) =
            (&mut self.learning, self.bridge.learning(Instant::now()))
        {
            metrics.add(&PacketTally::default(), learning.known());
        }
    }

    fn note(&mut self, notice: Notice) {
        let peer = self.peer.as_str();
        // Two bridges that the file does not name may have the same name.
        let bridge = self.claimed.as_deref().or(self.bridge.name()).unwrap_or("?").to_owned();
        let bridge = bridge.as_str();
        let metrics = &self.hub.metrics;
        match notice {
            Notice::Identified { bridge, datapath, owned } => {
                self.claim(Instant::now());
                let peer = self.peer.as_str();
                if let Some(bridge) = &self.claimed {
                    if owned {
                        info!(bridge, %datapath, peer, "connected");
                    } else {
                        warn!(bridge, %datapath, peer, "connected, but the network file says nothing about its flows: left alone");
                    }
                } else if !self.bridge.is_named() {
                    warn!(bridge, %datapath, peer, "connected, but the network file says nothing about it: left alone");
                }
            }
            Notice::Silent => {
                warn!(bridge, "the switch shows none of its flows: what others change is not seen")
            }
            Notice::Unwatched(error) => {
                warn!(
                    bridge,
                    error = error_names::describe(&error),
                    "no flow monitor: its flows are read every half second"
                );
            }
            Notice::Unbundled(error) => {
                warn!(
                    bridge,
                    error = error_names::describe(&error),
                    "no bundles: its flows change one by one"
                );
            }
            Notice::Unforgetting(error) => {
                warn!(
                    bridge,
                    error = error_names::describe(&error),
                    "connections cannot be forgotten one by one: whole zones are, or none"
                );
            }
            Notice::Foreign(foreign) => {
                let what = match foreign.event {
                    MonitorEvent::Added => "added",
                    MonitorEvent::Deleted => "deleted",
                    MonitorEvent::Modified => "changed",
                };
                warn!(bridge, flow = foreign.text, "drift: a flow was {what} by somebody else");
            }
            Notice::Missing(ports) if ports.is_empty() => info!(bridge, "all ports of the file are there"),
            Notice::Missing(ports) => {
                let ports: Vec<String> = ports.into_iter().collect();
                warn!(bridge, ports = ports.join(", "), "ports that the file names are not there");
            }
            Notice::Ambiguous(ports) if ports.is_empty() => {
                info!(bridge, "no port that the file names is there more than once")
            }
            Notice::Ambiguous(ports) => {
                let ports: Vec<String> = ports.into_iter().collect();
                warn!(
                    bridge,
                    ports = ports.join(", "),
                    "several ports have a name that the file gives to one: none of them gets its rights"
                );
            }
            Notice::ReadSome { compiled, stats, first } => {
                if self.claimed.is_some() {
                    self.hub.count_part(bridge, &compiled, &stats, first);
                }
            }
            Notice::Read { compiled, flows, evicted } => {
                debug!(bridge, flows, "read");
                if self.claimed.is_some() {
                    for bound in self.hub.end_count(bridge, &compiled, flows, &evicted, self.bridge.ports()) {
                        warn!(bridge, "return flows: {bound} is full");
                    }
                }
            }
            Notice::Changing { changes, drift } => {
                debug!(bridge, changes, drift, "changing");
                metrics.changing(self.hub.label(bridge), changes);
            }
            Notice::Changed { changes, drift, took } => {
                metrics.changed(self.hub.label(bridge), drift, took);
                if drift > 0 {
                    warn!(bridge, changes, drift, ?took, "drift repaired");
                } else {
                    info!(bridge, changes, ?took, "flows changed");
                }
            }
            Notice::Settled => info!(bridge, "as the file says"),
            Notice::Leased { party, port_name, address } => {
                info!(bridge, "{address} is leased to {party} at {port_name}");
            }
            Notice::NotLeased(why) => warn!(bridge, peer, "{why}"),
            Notice::Failed(why) => warn!(bridge, peer, "{why}"),
            Notice::Refused(error) => {
                metrics.error(error_names::names(&error));
                debug!(bridge, error = error_names::describe(&error), "refused");
            }
            Notice::Unsampled(error) => {
                warn!(
                    bridge,
                    error = error_names::describe(&error),
                    "no meters: what is denied is not sampled"
                );
            }
            Notice::Denied(sample) => {
                if self.claimed.is_some() {
                    self.hub.note_denied(bridge, *sample, Clock::wall().as_secs());
                }
            }
            Notice::PacketIn(_) => metrics.packet_in(self.hub.label(bridge)),
        }
    }

    fn ended(mut self) {
        self.settle();
        if self.counted {
            self.hub.metrics.switches.dec();
        }
        let closed = self.closed.take();
        let reason = closed.map_or_else(String::new, |r| r.to_string());
        for bridge in self.claimed.take().into_iter().chain(self.awaited.take()) {
            if !self.is_shutdown {
                self.hub.session_ended(&bridge, self.number, reason.clone());
            }
            self.hub.release(&bridge, self.number);
        }
        let bridge = self.bridge.name().unwrap_or("?");
        if self.counted {
            info!(bridge, peer = self.peer, reason, "session ended");
        } else {
            warn!(peer = self.peer, reason, "session ended before its handshake did");
        }
    }
}
