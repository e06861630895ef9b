//! Bounds the sessions of switches. Every bridge of the network file has a place, and sessions
//! without such a bridge share a few.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Time for which a new connection is protected from eviction at least: a switch sends HELLO at
/// once.
const GREETING_GRACE: Duration = Duration::from_millis(500);
/// Time for which a connection that sent a message is protected beyond that. A handshake takes
/// milliseconds, and longer when thousands of switches connect at once.
const HANDSHAKE_GRACE: Duration = Duration::from_secs(2);
/// Time in which completed handshakes are counted together.
const PROGRESS_WINDOW: Duration = Duration::from_millis(250);
/// Part of the places (one in 16). Eviction is suspended while completed handshakes free more than
/// this part in a [`PROGRESS_WINDOW`].
const PROGRESS_PART: usize = 16;
/// The bounds on the sessions of switches, over all listeners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// Sessions that own a bridge of the network file.
    pub bridges: usize,
    /// Sessions without one: in their handshake, or of a bridge that the network file does not
    /// name.
    pub unnamed: usize,
    /// Lifetime of a session without a bridge.
    pub unnamed_lifetime: Duration,
}

impl SessionLimits {
    /// Returns limits for `bridges` bridges, and for a quarter as many sessions without one.
    pub fn for_bridges(bridges: usize) -> Self {
        let unnamed = bridges.div_ceil(4).max(1);
        Self { bridges, unnamed, unnamed_lifetime: Duration::from_secs(60) }
    }
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self::for_bridges(4096)
    }
}

/// The party that a connection is counted against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Origin {
    /// A user of this machine, as the kernel reports it (SO_PEERCRED).
    User(u32),
    /// An address that connected over TCP.
    Address(IpAddr),
    /// The peer of a Unix socket whose user the kernel does not report.
    Unknown,
}

/// The way in which the network file names a bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NamedBy {
    /// By its own name.
    Name,
    /// By `*`, which stands for every bridge without a section of its own.
    Any,
}

/// The places of sessions.
#[derive(Debug)]
pub(super) struct Admission {
    limits: SessionLimits,
    places: Mutex<SessionPlaces>,
    /// Notified whenever an unnamed place becomes free.
    freed: Notify,
}

#[derive(Debug, Default)]
struct SessionPlaces {
    next: u64,
    /// Sessions without a bridge, in the order of their arrival.
    unnamed: BTreeMap<u64, UnnamedSessions>,
    /// Sessions of bridges that the network file names.
    by_name: usize,
    /// Sessions of bridges that only `*` names.
    any: usize,
    progress: Progress,
}

/// The number of recently completed handshakes. It keeps switches from eviction while a crowd of
/// them connects.
#[derive(Debug, Default)]
struct Progress {
    window: Option<Instant>,
    completed: usize,
    before: usize,
}

impl Progress {
    /// Counts a session that was granted its bridge.
    fn completed(&mut self, now: Instant) {
        match self.window {
            Some(began) if now.saturating_duration_since(began) < PROGRESS_WINDOW => {}
            Some(began) if now.saturating_duration_since(began) < 2 * PROGRESS_WINDOW => {
                (self.before, self.completed) = (self.completed, 0);
                self.window = Some(now);
            }
            _ => *self = Self { window: Some(now), ..Self::default() },
        }
        self.completed += 1;
    }

    /// Returns the time until which no eviction is needed among `places` places; none if too few
    /// handshakes complete.
    fn lasts_until(&self, places: usize) -> Option<Instant> {
        let enough = self.completed.max(self.before) > places / PROGRESS_PART;
        self.window.filter(|_| enough).map(|began| began + 2 * PROGRESS_WINDOW)
    }
}

#[derive(Debug)]
struct UnnamedSessions {
    origin: Origin,
    /// Time until which it is not evicted.
    grace: Instant,
    eviction: Arc<Notify>,
    evicted: bool,
}

impl Admission {
    pub(super) fn new(limits: SessionLimits) -> Self {
        Self { limits, places: Mutex::default(), freed: Notify::new() }
    }

    /// Waits for an unnamed place. If all are taken, the origin with the most of them loses its
    /// oldest session.
    pub(super) async fn admit(self: &Arc<Self>, origin: Origin) -> SessionPlace {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            // A place that becomes free from here on is not missed.
            freed.as_mut().enable();
            let retry_at = match self.try_admit(origin, Instant::now()) {
                Ok(place) => return place,
                Err(retry_at) => retry_at,
            };
            match retry_at {
                Some(at) => {
                    let _ = tokio::time::timeout_at(at.into(), freed).await;
                }
                None => freed.await,
            }
        }
    }

    /// Returns an unnamed place, or evicts a session to make one free.
    ///
    /// # Errors
    /// The time at which another session may be evicted, if no place is free. None if an evicted
    /// session is about to leave.
    fn try_admit(self: &Arc<Self>, origin: Origin, now: Instant) -> Result<SessionPlace, Option<Instant>> {
        let mut places = self.places();
        if places.unnamed.len() >= self.limits.unnamed {
            return Err(places.evict_for(origin, now));
        }
        let (id, eviction) = places.add_unnamed(origin, now);
        drop(places);
        Ok(SessionPlace {
            admission: Arc::clone(self),
            origin,
            held: PlaceKind::Unnamed { id, since: now },
            eviction,
        })
    }

    fn places(&self) -> MutexGuard<'_, SessionPlaces> {
        // Each change of the counters is a single step, so they are whole after a panic elsewhere.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SessionPlaces {
    fn add_unnamed(&mut self, origin: Origin, now: Instant) -> (u64, Arc<Notify>) {
        let id = self.next;
        self.next += 1;
        let eviction = Arc::new(Notify::new());
        let grace = now + GREETING_GRACE;
        let unnamed = UnnamedSessions { origin, grace, eviction: Arc::clone(&eviction), evicted: false };
        self.unnamed.insert(id, unnamed);
        (id, eviction)
    }

    /// Evicts the oldest session of the origin with the most, counting the newcomer. Evicts none
    /// while an evicted session is still leaving. Returns the time to try again if every candidate
    /// is still protected.
    fn evict_for(&mut self, newcomer: Origin, now: Instant) -> Option<Instant> {
        if self.unnamed.values().any(|unnamed| unnamed.evicted) {
            return None;
        }
        if let Some(at) = self.progress.lasts_until(self.unnamed.len()).filter(|at| now < *at) {
            return Some(at);
        }
        let mut counts: HashMap<Origin, usize> = HashMap::from([(newcomer, 1)]);
        for unnamed in self.unnamed.values() {
            *counts.entry(unnamed.origin).or_default() += 1;
        }
        let most = self.unnamed.values().filter_map(|u| counts.get(&u.origin)).copied().max()?;
        let mut earliest: Option<Instant> = None;
        for unnamed in self.unnamed.values_mut().filter(|u| counts.get(&u.origin) == Some(&most)) {
            if unnamed.grace <= now {
                unnamed.evicted = true;
                unnamed.eviction.notify_one();
                return None;
            }
            earliest = Some(earliest.map_or(unnamed.grace, |at| at.min(unnamed.grace)));
        }
        earliest
    }

    /// Counts a bridge, if there is room for it. Bridges that only `*` names leave room for every
    /// bridge with a name of its own.
    fn take_bridge(&mut self, named_by: NamedBy, names: usize, limit: usize) -> bool {
        match named_by {
            NamedBy::Name if self.by_name + self.any < limit => self.by_name += 1,
            NamedBy::Any if names.max(self.by_name) + self.any < limit => self.any += 1,
            _ => return false,
        }
        true
    }

    fn leave_bridge(&mut self, named_by: NamedBy) {
        let count = match named_by {
            NamedBy::Name => &mut self.by_name,
            NamedBy::Any => &mut self.any,
        };
        *count = count.saturating_sub(1);
    }
}

/// The place of one session, which is freed when dropped.
#[derive(Debug)]
pub(super) struct SessionPlace {
    admission: Arc<Admission>,
    origin: Origin,
    held: PlaceKind,
    eviction: Arc<Notify>,
}

#[derive(Debug, Clone, Copy)]
enum PlaceKind {
    Unnamed { id: u64, since: Instant },
    Bridge(NamedBy),
}

impl SessionPlace {
    /// Moves the session to a place for bridges. Returns whether there is room. `names` is the
    /// number of bridges that the network file names.
    pub(super) fn take_bridge(&mut self, named_by: NamedBy, names: usize) -> bool {
        let mut places = self.admission.places();
        if let PlaceKind::Bridge(before) = self.held {
            places.leave_bridge(before);
        }
        if !places.take_bridge(named_by, names, self.admission.limits.bridges) {
            if let PlaceKind::Bridge(before) = self.held {
                places.take_bridge(before, 0, usize::MAX);
            }
            return false;
        }
        if let PlaceKind::Unnamed { id, .. } = std::mem::replace(&mut self.held, PlaceKind::Bridge(named_by))
        {
            places.unnamed.remove(&id);
            places.progress.completed(Instant::now());
            self.admission.freed.notify_waiters();
        }
        true
    }

    /// Returns the session to an unnamed place, as if it had just connected.
    pub(super) fn leave_bridge(&mut self, now: Instant) {
        let PlaceKind::Bridge(named_by) = self.held else { return };
        let mut places = self.admission.places();
        places.leave_bridge(named_by);
        let (id, eviction) = places.add_unnamed(self.origin, now);
        drop(places);
        self.held = PlaceKind::Unnamed { id, since: now };
        self.eviction = eviction;
    }

    /// Notes that the peer sent a message.
    pub(super) fn greeted(&self, now: Instant) {
        if let PlaceKind::Unnamed { id, .. } = self.held
            && let Some(unnamed) = self.admission.places().unnamed.get_mut(&id)
        {
            unnamed.grace = now + HANDSHAKE_GRACE;
        }
    }

    /// Returns whether the session holds a place for bridges.
    pub(super) fn is_of_bridge(&self) -> bool {
        matches!(self.held, PlaceKind::Bridge(_))
    }

    /// Returns the deadline of a session without a bridge; none while it has one.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.held {
            PlaceKind::Unnamed { since, .. } => Some(since + self.admission.limits.unnamed_lifetime),
            PlaceKind::Bridge(_) => None,
        }
    }

    /// Returns whether the session was evicted.
    pub(super) fn is_evicted(&self) -> bool {
        let PlaceKind::Unnamed { id, .. } = self.held else { return false };
        self.admission.places().unnamed.get(&id).is_some_and(|unnamed| unnamed.evicted)
    }

    /// Waits until the session is evicted.
    pub(super) async fn evicted(&self) {
        self.eviction.notified().await;
    }
}

impl Drop for SessionPlace {
    fn drop(&mut self) {
        let mut places = self.admission.places();
        match self.held {
            PlaceKind::Unnamed { id, .. } => {
                places.unnamed.remove(&id);
                self.admission.freed.notify_waiters();
            }
            PlaceKind::Bridge(named_by) => places.leave_bridge(named_by),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: Origin = Origin::User(0);
    const NOBODY: Origin = Origin::User(65_534);

    struct Rig {
        admission: Arc<Admission>,
        now: Instant,
    }

    impl Rig {
        fn new(bridges: usize, unnamed: usize) -> Self {
            let limits = SessionLimits { bridges, unnamed, ..SessionLimits::default() };
            Self { admission: Arc::new(Admission::new(limits)), now: Instant::now() }
        }

        fn admit(&mut self, origin: Origin) -> Option<SessionPlace> {
            self.now += Duration::from_millis(1);
            self.admission.try_admit(origin, self.now).ok()
        }

        fn fill(&mut self, origin: Origin, n: usize) -> Vec<SessionPlace> {
            (0..n).map(|_| self.admit(origin).expect("a place")).collect()
        }
    }

    #[test]
    fn a_flood_of_one_user_costs_that_user_its_oldest_sessions() {
        let mut rig = Rig::new(8, 4);
        let mine = rig.admit(ROOT).unwrap();
        let mut flood = rig.fill(NOBODY, 3);
        assert!(rig.admit(ROOT).is_none());
        assert!(!flood.iter().any(SessionPlace::is_evicted), "a handshake under way is left alone");
        // A connection that sent a message has longer for its handshake.
        flood[0].greeted(rig.now);
        rig.now += GREETING_GRACE;
        assert!(rig.admit(NOBODY).is_none());
        let evicted: Vec<bool> = flood.iter().chain([&mine]).map(|place| place.is_evicted()).collect();
        assert_eq!(evicted, [false, true, false, false]);
        // One session is evicted for each newcomer.
        assert!(rig.admit(ROOT).is_none());
        assert_eq!(flood.iter().filter(|place| place.is_evicted()).count(), 1);
        flood.remove(1);
        assert!(rig.admit(ROOT).is_some());
        // The protection ends.
        let newer = rig.fill(NOBODY, 1);
        newer[0].greeted(rig.now + HANDSHAKE_GRACE);
        rig.now += HANDSHAKE_GRACE;
        assert!(rig.admit(ROOT).is_none());
        assert!(flood[0].is_evicted() && !mine.is_evicted());
    }

    #[test]
    fn a_bridge_of_the_file_leaves_its_unnamed_place() {
        let mut rig = Rig::new(2, 1);
        let mut first = rig.admit(ROOT).unwrap();
        assert!(first.deadline().is_some());
        assert!(rig.admit(ROOT).is_none());
        assert!(first.take_bridge(NamedBy::Name, 2));
        assert_eq!(first.deadline(), None);
        let mut second = rig.admit(ROOT).unwrap();
        assert!(second.take_bridge(NamedBy::Name, 2));
        let mut third = rig.admit(ROOT).unwrap();
        assert!(!third.take_bridge(NamedBy::Name, 2), "both places of bridges are taken");
        assert!(!third.is_of_bridge());
        drop(first);
        assert!(third.take_bridge(NamedBy::Name, 2));
        // Without its bridge, the session is evicted like a newcomer.
        second.leave_bridge(rig.now);
        assert_eq!(second.deadline(), Some(rig.now + SessionLimits::default().unnamed_lifetime));
        assert!(rig.admit(ROOT).is_none());
        drop(second);
        assert!(rig.admit(ROOT).is_some());
    }

    #[test]
    fn bridges_that_any_name_fits_leave_room_for_those_with_a_name() {
        let mut rig = Rig::new(3, 8);
        let mut strangers = rig.fill(NOBODY, 3);
        let taken: Vec<bool> = strangers.iter_mut().map(|p| p.take_bridge(NamedBy::Any, 2)).collect();
        assert_eq!(taken, [true, false, false]);
        let mut named = rig.fill(ROOT, 3);
        let taken: Vec<bool> = named.iter_mut().map(|p| p.take_bridge(NamedBy::Name, 2)).collect();
        assert_eq!(taken, [true, true, false]);
        // A file that names fewer bridges leaves more room.
        named.remove(0);
        let second = strangers.get_mut(1).unwrap();
        assert!(second.take_bridge(NamedBy::Any, 1));
    }

    #[test]
    fn nobody_of_a_crowd_of_switches_is_evicted_while_their_handshakes_go_on() {
        let mut rig = Rig::new(100, 32);
        let mut crowd = rig.fill(ROOT, 32);
        rig.now += HANDSHAKE_GRACE;
        for mut place in crowd.drain(..3) {
            assert!(place.take_bridge(NamedBy::Name, 100));
        }
        let newer = rig.fill(ROOT, 3);
        // The handshakes were completed now, by the clock on the wall.
        let now = Instant::now();
        assert!(rig.admission.try_admit(ROOT, now).is_err());
        assert!(!crowd.iter().chain(&newer).any(SessionPlace::is_evicted));
        // The handshakes stop.
        rig.now += 2 * PROGRESS_WINDOW;
        assert!(rig.admit(ROOT).is_none());
        assert!(crowd[0].is_evicted());
    }

    #[tokio::test]
    async fn a_newcomer_waits_until_the_evicted_session_is_gone() {
        let rig = Rig::new(1, 1);
        let first = rig.admission.admit(NOBODY).await;
        let admission = Arc::clone(&rig.admission);
        let waiting = tokio::spawn(async move { admission.admit(ROOT).await });
        first.evicted().await;
        assert!(!waiting.is_finished());
        drop(first);
        assert_eq!(waiting.await.unwrap().origin, ROOT);
    }
}
