//! Which session has which bridge. A name is no identity: any switch can give itself any name, so the first session that
//! has a bridge keeps it while it lives, and nothing is sent to another one that says the same.

use std::collections::{BTreeSet, HashMap};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use ofproto::DatapathId;
use tokio::sync::Notify;

use crate::net::Address;

/// Bounds the sessions that wait for one bridge. They are strangers, most of the time.
const MAX_WAITING: usize = 4;

/// Tells a session what to do about its bridge.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct OwnershipOrders {
    /// Ask the switch for an echo: somebody else says that it is the bridge.
    pub probe: bool,
    /// Claim the bridge again: something changed.
    pub claim: bool,
    /// End, and why.
    pub leave: Option<String>,
}

/// Hands [`OwnershipOrders`] to the session that they are for.
#[derive(Debug, Default)]
pub struct OwnershipMailbox {
    orders: Mutex<OwnershipOrders>,
    notify: Notify,
}

impl OwnershipMailbox {
    /// Waits for orders, and takes all that there are.
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

/// Describes a session that says which bridge it is.
#[derive(Debug, Clone)]
pub struct Claimant {
    /// Its number.
    pub session: u64,
    /// The datapath id that its switch has.
    pub datapath: DatapathId,
    /// Who is at the other end of the connection.
    pub peer: String,
    /// Our end of the connection.
    pub local: Option<Address>,
    /// Where it takes orders.
    pub mailbox: Arc<OwnershipMailbox>,
}

/// Says which datapath a bridge has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpectedDatapath {
    /// The datapath.
    pub datapath: DatapathId,
    /// The source of that.
    pub by: IdentitySource,
}

/// Names a source of datapath ids that no switch can forge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentitySource {
    /// The network file, by `datapath_id`.
    File,
    /// The database of this machine's Open vSwitch.
    Database,
}

/// Answers a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The session has the bridge, which goes by this name.
    Granted(String),
    /// Another session has the bridge of that name, or ought to. This one is told when to claim again.
    Waits {
        /// The bridge's name.
        bridge: String,
        /// Why, for a person; none while nobody knows whether the other one lives.
        why: Option<String>,
        /// Whether that is new.
        new: bool,
    },
    /// There is no room to wait.
    Refused(String),
}

/// Tells whether Open vSwitch's database speaks for or against a session that has a bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Nothing yet.
    Unknown,
    /// The bridge was connected while no other session said that it is the same datapath.
    Confirmed,
    /// The bridge is not connected: the session is that of somebody else.
    Disproved,
}

/// Describes the session that has a bridge.
#[derive(Debug, Clone)]
pub struct Owner {
    /// The session.
    pub claimant: Claimant,
    /// Since when.
    pub since: Instant,
    /// What Open vSwitch's database says of it.
    pub proof: Proof,
}

/// Describes a session that waits for a bridge.
#[derive(Debug)]
struct WaitingClaim {
    claimant: Claimant,
    /// Why it has to; none while the owner is probed.
    why: Option<String>,
}

#[derive(Debug, Default)]
struct BridgeClaims {
    owner: Option<Owner>,
    waiting: Vec<WaitingClaim>,
}

#[derive(Debug, Default)]
struct ClaimTable {
    claims: HashMap<String, BridgeClaims>,
    /// The names of those bridges that the file does not name.
    unnamed: HashMap<DatapathId, String>,
}

/// Keeps which session has which bridge, and which ones wait for it.
#[derive(Debug, Default)]
pub struct BridgeOwners(Mutex<ClaimTable>);

impl BridgeOwners {
    /// Claims a bridge for the session whose switch says that it is that one. `is_named` tells whether the file names the
    /// bridge; all others are told apart by their datapaths.
    pub fn claim(
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
        let claim = claims.claim(&name, known, claimant, now);
        if matches!(claim, Claim::Refused(_)) {
            table.forget_idle(&name);
        }
        claim
    }

    /// Ends all that a session has to do with a bridge. Returns whether it had the bridge until now.
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

    /// Takes a bridge away from a session, and ends the session. Returns whether it had the bridge.
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

    /// Notes that the owner of a bridge answered the probe. Returns those who waited for that, with why they go on to wait.
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

    /// Lets all who wait claim their bridges again.
    pub fn wake_all(&self) {
        self.lock().claims.values().for_each(BridgeClaims::wake);
    }

    /// Notes that Open vSwitch's database contradicts a session: the next one of the same datapath gets the bridge.
    pub fn disprove(&self, bridge: &str, session: u64) {
        let mut table = self.lock();
        let Some(claims) = table.claims.get_mut(bridge) else { return };
        if let Some(owner) = claims.owner.as_mut().filter(|owner| owner.claimant.session == session) {
            owner.proof = Proof::Disproved;
            claims.wake();
        }
    }

    /// Notes that Open vSwitch's database agrees with a session, unless another one says that it is the same datapath.
    pub fn confirm(&self, bridge: &str, session: u64) {
        let mut table = self.lock();
        let Some(BridgeClaims { owner: Some(owner), waiting }) = table.claims.get_mut(bridge) else { return };
        let is_alone = !waiting.iter().any(|w| w.claimant.datapath == owner.claimant.datapath);
        if is_alone && owner.claimant.session == session {
            owner.proof = Proof::Confirmed;
        }
    }

    /// Returns the session that has a bridge.
    pub fn owner(&self, bridge: &str) -> Option<Owner> {
        self.lock().claims.get(bridge)?.owner.clone()
    }

    /// Returns whether the session has the bridge.
    pub fn holds(&self, bridge: &str, session: u64) -> bool {
        let table = self.lock();
        let owner = table.claims.get(bridge).and_then(|claims| claims.owner.as_ref());
        owner.is_some_and(|owner| owner.claimant.session == session)
    }

    /// Returns the bridges that have a session, each with the session's number, in order.
    pub fn owned(&self) -> BTreeSet<(String, u64)> {
        let table = self.lock();
        let owned = |(bridge, claims): (&String, &BridgeClaims)| {
            Some((bridge.clone(), claims.owner.as_ref()?.claimant.session))
        };
        table.claims.iter().filter_map(owned).collect()
    }

    /// Returns those who say that they are the bridge and wait for it in vain, each with why.
    pub fn contested(&self, bridge: &str) -> Vec<(Claimant, String)> {
        let table = self.lock();
        let waiting = table.claims.get(bridge).map_or(&[][..], |claims| &claims.waiting);
        waiting.iter().filter_map(|w| Some((w.claimant.clone(), w.why.clone()?))).collect()
    }

    /// Returns why nobody can tell whether the session that has the bridge is the right one; none where it can be told.
    pub fn doubt(&self, bridge: &str, known: Option<ExpectedDatapath>) -> Option<String> {
        let table = self.lock();
        let BridgeClaims { owner: Some(owner), waiting } = table.claims.get(bridge)? else { return None };
        let known = known.map(|known| known.datapath);
        let is_right = |other: &WaitingClaim| {
            owner.proof == Proof::Confirmed
                || (known == Some(owner.claimant.datapath) && known != Some(other.claimant.datapath))
        };
        let rival = waiting.iter().find(|other| other.why.is_some() && !is_right(other))?;
        Some(format!(
            "another live session, at {}, says that it is this bridge, and which is the right one is unknown",
            rival.claimant.peer
        ))
    }

    fn lock(&self) -> MutexGuard<'_, ClaimTable> {
        // Nothing in here panics halfway.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClaimTable {
    /// Returns a name for a bridge that the file does not name: its own, unless another datapath goes by that already.
    fn unnamed_bridge(&mut self, said: &str, datapath: DatapathId) -> String {
        if let Some(name) = self.unnamed.get(&datapath) {
            return name.clone();
        }
        let is_taken = self.claims.contains_key(said);
        // Longer than any name that a switch can say: OpenFlow has room for 15 bytes.
        let name = if is_taken { format!("{said}@{datapath}") } else { said.to_owned() };
        self.unnamed.insert(datapath, name.clone());
        name
    }

    /// Forgets a bridge that no session has or waits for.
    fn forget_idle(&mut self, bridge: &str) {
        if self.claims.get(bridge).is_some_and(|c| c.owner.is_none() && c.waiting.is_empty()) {
            self.claims.remove(bridge);
            self.unnamed.retain(|_, name| name != bridge);
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
            // It may have been another one when it got the bridge.
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
                if owner.claimant.datapath == claimant.datapath && owner.proof != Proof::Disproved =>
            {
                owner.claimant.mailbox.post(|orders| orders.probe = true);
                let why = before.as_ref().and_then(|before| before.why.clone());
                self.wait(bridge, claimant, why, before)
            }
            Some(owner) if owner.claimant.datapath != claimant.datapath && known.is_none() => {
                let why = format!("datapath {} at {} has it", owner.claimant.datapath, owner.claimant.peer);
                self.wait(bridge, claimant, Some(why), before)
            }
            owner => {
                // Whoever had it is not the one that it has to be.
                if let Some(owner) = owner {
                    let why =
                        format!("it is not {bridge}, whose datapath {} connected now", claimant.datapath);
                    owner.claimant.mailbox.post(|orders| orders.leave = Some(why));
                }
                self.owner = Some(Owner { claimant, since: now, proof: Proof::Unknown });
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

    /// Lets those who wait claim again, in the order in which they came.
    fn wake(&self) {
        for waiting in &self.waiting {
            waiting.claimant.mailbox.post(|orders| orders.claim = true);
        }
    }
}

#[cfg(test)]
mod tests;
