//! Records which session owns which bridge. A name is no identity: any switch can give itself any
//! name. So the first session that gets a bridge keeps it while it lives. Nothing is sent to
//! another session that claims the same bridge.

use std::collections::{BTreeSet, HashMap};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ofproto::DatapathId;
use tokio::sync::Notify;

use crate::address::ListenAddress;

/// Largest number of sessions that wait for one bridge. Most of them are strangers.
const MAX_WAITING: usize = 4;
/// Time for which a rival that is gone casts doubt on the owner. A switch whose session ended is
/// back by then.
const RIVAL_REMEMBERED: Duration = Duration::from_secs(20);

/// The orders to a session about its bridge.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct OwnershipOrders {
    /// Send the switch an echo request, because another session claims its bridge.
    pub probe: bool,
    /// Claim the bridge again, because something changed.
    pub claim: bool,
    /// End the session, for this reason.
    pub leave: Option<String>,
}

/// The mailbox that delivers [`OwnershipOrders`] to one session.
#[derive(Debug, Default)]
pub struct OwnershipMailbox {
    orders: Mutex<OwnershipOrders>,
    notify: Notify,
}

impl OwnershipMailbox {
    /// Waits for orders, and returns every pending one.
    pub async fn orders(&self) -> OwnershipOrders {
        self.notify.notified().await;
        mem::take(&mut *self.lock())
    }

    fn post(&self, add: impl FnOnce(&mut OwnershipOrders)) {
        add(&mut self.lock());
        self.notify.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, OwnershipOrders> {
        // Each order is one assignment: a panic elsewhere leaves them whole.
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session that claims a bridge.
#[derive(Debug, Clone)]
pub struct Claimant {
    /// The session's number.
    pub session: u64,
    /// The datapath id of its switch.
    pub datapath: DatapathId,
    /// The peer.
    pub peer: String,
    /// The controller's end of the connection, if known.
    pub local: Option<ListenAddress>,
    /// The mailbox that it takes orders from.
    pub mailbox: Arc<OwnershipMailbox>,
}

/// The datapath that a bridge must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpectedDatapath {
    /// The datapath id.
    pub datapath: DatapathId,
    /// The source of the datapath id.
    pub by: IdentitySource,
}

/// A source of datapath ids that no switch can forge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentitySource {
    /// The network file, by `datapath_id`.
    File,
    /// The database of this machine's Open vSwitch.
    Database,
}

/// The answer to a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The session owns the bridge, under this name.
    Granted(String),
    /// Another session owns the bridge, or should. This session is told when to claim again.
    Waits {
        /// The bridge's name.
        bridge: String,
        /// The reason, for people. `None` while it is unknown whether the owner is alive.
        why: Option<String>,
        /// True if the reason is new.
        new: bool,
    },
    /// Too many sessions wait already.
    Refused(String),
}

/// The verdict of Open vSwitch's database on the owner of a bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnerProof {
    /// The database has neither confirmed nor disproved it yet.
    Unknown,
    /// The database shows the bridge connected, and no other session claimed the same datapath.
    Confirmed,
    /// The database shows the bridge not connected, so the session belongs to another switch.
    Disproved,
}

/// The session that owns a bridge.
#[derive(Debug, Clone)]
pub struct Owner {
    /// The session.
    pub claimant: Claimant,
    /// Start of the ownership.
    pub since: Instant,
    /// The evidence of Open vSwitch's database.
    pub proof: OwnerProof,
}

/// A session that waits for a bridge.
#[derive(Debug)]
struct WaitingClaim {
    claimant: Claimant,
    /// The reason; none while the owner is probed.
    why: Option<String>,
}

#[derive(Debug, Default)]
struct BridgeClaims {
    owner: Option<Owner>,
    waiting: Vec<WaitingClaim>,
    /// The datapath that has this name, if the network file does not name the bridge.
    unnamed: Option<DatapathId>,
    /// The time of the last claim by another session of the owner's datapath, granted or refused.
    rival_at: Option<Instant>,
}

#[derive(Debug, Default)]
struct ClaimTable {
    claims: HashMap<String, BridgeClaims>,
    /// The names of bridges that the network file does not name.
    unnamed: HashMap<DatapathId, String>,
}

/// The owner of each bridge, and the sessions that wait for it.
#[derive(Debug, Default)]
pub struct BridgeOwners(Mutex<ClaimTable>);

impl BridgeOwners {
    /// Claims a bridge for a session. `is_named` tells whether the network file names the bridge.
    /// Other bridges are told apart by datapath id.
    pub fn acquire(
        &self,
        bridge: &str,
        is_named: bool,
        known: Option<ExpectedDatapath>,
        claimant: Claimant,
        now: Instant,
    ) -> Claim {
        let mut table = self.lock();
        let name = if is_named { bridge.to_owned() } else { table.unnamed_bridge(bridge, claimant.datapath) };
        let claims = table.claims.entry(name.clone()).or_default();
        if !is_named {
            claims.unnamed = Some(claimant.datapath);
        }
        let claim = claims.claim(&name, known, claimant, now);
        if matches!(claim, Claim::Refused(_)) {
            table.forget_idle(&name);
        }
        claim
    }

    /// Removes a session from a bridge, as owner or as waiting. Returns whether it was the owner.
    pub fn release(&self, bridge: &str, session: u64) -> bool {
        let mut table = self.lock();
        let Some(claims) = table.claims.get_mut(bridge) else { return false };
        claims.waiting.retain(|waiting| waiting.claimant.session != session);
        let had = claims.owner.take_if(|owner| owner.claimant.session == session).is_some();
        if had {
            claims.wake();
        }
        table.forget_idle(bridge);
        had
    }

    /// Takes a bridge from its session, and ends the session. Returns whether the session was the
    /// owner.
    pub fn evict(&self, bridge: &str, session: u64, why: &str) -> bool {
        let mut table = self.lock();
        let Some(claims) = table.claims.get_mut(bridge) else { return false };
        let Some(owner) = claims.owner.take_if(|owner| owner.claimant.session == session) else {
            return false;
        };
        owner.claimant.mailbox.post(|orders| orders.leave = Some(why.to_owned()));
        claims.wake();
        table.forget_idle(bridge);
        true
    }

    /// Notes that the owner of a bridge answered the probe. Returns the sessions that waited for
    /// this, each with the reason to wait on.
    pub fn owner_answered(&self, bridge: &str, session: u64) -> Vec<(Claimant, String)> {
        let mut table = self.lock();
        let Some(claims) = table.claims.get_mut(bridge) else { return Vec::new() };
        let Some(owner) = claims.owner.as_ref().filter(|owner| owner.claimant.session == session) else {
            return Vec::new();
        };
        let why = format!("a live session at {} has it already", owner.claimant.peer);
        let unanswered = claims.waiting.iter_mut().filter(|waiting| waiting.why.is_none());
        unanswered
            .map(|waiting| {
                waiting.why = Some(why.clone());
                (waiting.claimant.clone(), why.clone())
            })
            .collect()
    }

    /// Orders all waiting sessions to claim their bridges again.
    pub fn wake_all(&self) {
        self.lock().claims.values().for_each(BridgeClaims::wake);
    }

    /// Notes that Open vSwitch's database contradicts the owner. The next session of the same
    /// datapath then gets the bridge.
    pub fn disprove(&self, bridge: &str, session: u64) {
        let mut table = self.lock();
        let Some(claims) = table.claims.get_mut(bridge) else { return };
        if let Some(owner) = claims.owner.as_mut().filter(|owner| owner.claimant.session == session) {
            owner.proof = OwnerProof::Disproved;
            claims.wake();
        }
    }

    /// Notes that Open vSwitch's database agrees with the owner. This counts only while no other
    /// session claims the same datapath.
    ///
    /// The database was asked at `asked`, and its connection states may be as old as `settled`. In
    /// that time no other session may have claimed the datapath: it may be the one that is connected.
    pub fn confirm(&self, bridge: &str, session: u64, asked: Instant, settled: Duration) {
        let mut table = self.lock();
        let Some(claims) = table.claims.get_mut(bridge) else { return };
        let BridgeClaims { owner: Some(owner), waiting, rival_at, .. } = claims else { return };
        let is_alone = !waiting.iter().any(|w| w.claimant.datapath == owner.claimant.datapath)
            && rival_at.is_none_or(|at| asked.saturating_duration_since(at) > settled);
        if is_alone && owner.claimant.session == session {
            owner.proof = OwnerProof::Confirmed;
        }
    }

    /// Returns the owner of a bridge.
    pub fn owner(&self, bridge: &str) -> Option<Owner> {
        self.lock().claims.get(bridge)?.owner.clone()
    }

    /// Returns whether the session owns the bridge.
    pub fn holds(&self, bridge: &str, session: u64) -> bool {
        let table = self.lock();
        let owner = table.claims.get(bridge).and_then(|claims| claims.owner.as_ref());
        owner.is_some_and(|owner| owner.claimant.session == session)
    }

    /// Returns the owned bridges with the numbers of their sessions, in order.
    pub fn owned(&self) -> BTreeSet<(String, u64)> {
        let table = self.lock();
        let owned = |(bridge, claims): (&String, &BridgeClaims)| {
            Some((bridge.clone(), claims.owner.as_ref()?.claimant.session))
        };
        table.claims.iter().filter_map(owned).collect()
    }

    /// Returns the sessions that claim the bridge in vain, each with the reason.
    pub fn contested(&self, bridge: &str) -> Vec<(Claimant, String)> {
        let table = self.lock();
        let waiting = table.claims.get(bridge).map_or(&[][..], |claims| &claims.waiting);
        waiting.iter().filter_map(|w| Some((w.claimant.clone(), w.why.clone()?))).collect()
    }

    /// Returns the reason to doubt the owner of a bridge; none if there is no rival, or the owner
    /// is proven.
    pub fn ownership_doubt(
        &self,
        bridge: &str,
        known: Option<ExpectedDatapath>,
        now: Instant,
    ) -> Option<String> {
        let table = self.lock();
        let BridgeClaims { owner: Some(owner), waiting, rival_at, .. } = table.claims.get(bridge)? else {
            return None;
        };
        let known = known.map(|known| known.datapath);
        let is_right = |other: &WaitingClaim| {
            owner.proof == OwnerProof::Confirmed
                || (known == Some(owner.claimant.datapath) && known != Some(other.claimant.datapath))
        };
        if let Some(rival) = waiting.iter().find(|other| other.why.is_some() && !is_right(other)) {
            return Some(format!(
                "another live session, at {}, says that it is this bridge, and which is the right one is unknown",
                rival.claimant.peer
            ));
        }
        let is_recent = rival_at.is_some_and(|at| now.saturating_duration_since(at) < RIVAL_REMEMBERED);
        (is_recent && owner.proof != OwnerProof::Confirmed).then(|| {
            "another session said a moment ago that it is this datapath, and which is the right one is unknown"
                .to_owned()
        })
    }

    fn lock(&self) -> MutexGuard<'_, ClaimTable> {
        // No operation on the table panics halfway, so it is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClaimTable {
    /// Returns a name for a bridge that the network file does not name. It is the bridge's own,
    /// unless another datapath uses that already.
    fn unnamed_bridge(&mut self, said: &str, datapath: DatapathId) -> String {
        if let Some(name) = self.unnamed.get(&datapath) {
            return name.clone();
        }
        let is_taken = self.claims.contains_key(said);
        // No switch can send such a name: OpenFlow has room for 15 bytes.
        let name = if is_taken { format!("{said}@{datapath}") } else { said.to_owned() };
        self.unnamed.insert(datapath, name.clone());
        name
    }

    /// Forgets a bridge without owner and waiting sessions.
    fn forget_idle(&mut self, bridge: &str) {
        if self.claims.get(bridge).is_some_and(|c| c.owner.is_none() && c.waiting.is_empty())
            && let Some(claims) = self.claims.remove(bridge)
            && let Some(datapath) = claims.unnamed
        {
            self.unnamed.remove(&datapath);
        }
    }
}

impl BridgeClaims {
    fn claim(
        &mut self,
        bridge: &str,
        known: Option<ExpectedDatapath>,
        claimant: Claimant,
        now: Instant,
    ) -> Claim {
        let session = claimant.session;
        let at = self.waiting.iter().position(|waiting| waiting.claimant.session == session);
        let before = at.map(|at| self.waiting.remove(at));
        if let Some(known) = known.filter(|known| known.datapath != claimant.datapath) {
            // The expected datapath may have been another when the session got the bridge.
            if self.owner.take_if(|owner| owner.claimant.session == session).is_some() {
                self.wake();
            }
            let by = match known.by {
                IdentitySource::File => "the network file",
                IdentitySource::Database => "Open vSwitch",
            };
            let why = format!("by {by} the bridge is datapath {}", known.datapath);
            return self.wait(bridge, claimant, Some(why), before);
        }
        match &self.owner {
            Some(owner) if owner.claimant.session == session => Claim::Granted(bridge.to_owned()),
            Some(owner)
                if owner.claimant.datapath == claimant.datapath && owner.proof != OwnerProof::Disproved =>
            {
                self.rival_at = Some(now);
                // Claims of other datapaths leave room for this one.
                if self.waiting.len() >= MAX_WAITING {
                    let other = |w: &WaitingClaim| w.claimant.datapath != claimant.datapath;
                    if let Some(at) = self.waiting.iter().position(other) {
                        let why = "another session that waits for the bridge has its datapath id";
                        let displaced = self.waiting.remove(at).claimant;
                        displaced.mailbox.post(|orders| orders.leave = Some(why.to_owned()));
                    }
                }
                owner.claimant.mailbox.post(|orders| orders.probe = true);
                let why = before.as_ref().and_then(|before| before.why.clone());
                self.wait(bridge, claimant, why, before)
            }
            Some(owner) if owner.claimant.datapath != claimant.datapath && known.is_none() => {
                let why = format!("datapath {} at {} has it", owner.claimant.datapath, owner.claimant.peer);
                self.wait(bridge, claimant, Some(why), before)
            }
            owner => {
                // The last owner is not the datapath that the bridge must be.
                if let Some(owner) = owner {
                    let why =
                        format!("it is not {bridge}, whose datapath {} connected now", claimant.datapath);
                    owner.claimant.mailbox.post(|orders| orders.leave = Some(why));
                }
                self.owner = Some(Owner { claimant, since: now, proof: OwnerProof::Unknown });
                self.rival_at = None;
                Claim::Granted(bridge.to_owned())
            }
        }
    }

    fn wait(
        &mut self,
        bridge: &str,
        claimant: Claimant,
        why: Option<String>,
        before: Option<WaitingClaim>,
    ) -> Claim {
        if self.waiting.len() >= MAX_WAITING {
            return Claim::Refused(format!("too many sessions say that they are {bridge}"));
        }
        let new = why.is_some() && before.is_none_or(|before| before.why.is_none());
        self.waiting.push(WaitingClaim { claimant, why: why.clone() });
        Claim::Waits { bridge: bridge.to_owned(), why, new }
    }

    /// Orders the waiting sessions to claim again, in the order of their arrival.
    fn wake(&self) {
        for waiting in &self.waiting {
            waiting.claimant.mailbox.post(|orders| orders.claim = true);
        }
    }
}

#[cfg(test)]
mod tests;
