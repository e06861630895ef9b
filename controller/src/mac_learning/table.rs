//! The table of MAC addresses, with the port of each in its VLAN.

use std::hash::{BuildHasher as _, RandomState};

use ofproto::PortNo;
use ofproto::hot::Mac;

use super::age::Age;
use super::noted_entries::NotedEntries;
use super::ports::Ports;
use super::slot::TableSlot;

/// The limits on the number of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    /// Limit of one port. A host that invents addresses fills only the share of its own port.
    pub per_port: u32,
    /// Limit of the whole table.
    pub all: u32,
}

/// The outcome of seeing an address at a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LearnOutcome {
    /// The address is new, or was forgotten.
    New,
    /// The address was known at this port.
    Known,
    /// The address was known at another port.
    Moved(PortNo),
    /// The address is invalid for a host: a group's address, or zero.
    Nobodys,
    /// The port or the table has its largest allowed number of addresses. Or no place is left:
    /// there are 8,192, one for each port and VLAN with addresses. At most 4,096 of them have a
    /// VLAN tag.
    Full,
}

/// The MAC addresses of each VLAN (independent learning in IEEE 802.1Q), in a hash table with open
/// addressing and linear probing. Most lookups touch one place of memory. The places are small,
/// because with many bridges a packet waits for memory.
///
/// The table doubles when it is three quarters full, and never shrinks. Old entries are removed all
/// at once, about four times per age limit.
#[derive(Debug)]
pub struct MacTable {
    slots: Vec<TableSlot>,
    used: usize,
    ports: Ports,
    shares: Shares,
    age: Age,
    /// Random, so that hosts cannot choose addresses that collide.
    seed: u64,
}

/// The size of an empty table: a power of two.
const SMALLEST: usize = 256;

impl MacTable {
    /// Returns an empty table. An address that is unseen for `age` seconds, or up to two quarters
    /// of them more, is forgotten.
    pub fn new(shares: Shares, age: u32) -> Self {
        Self {
            slots: vec![TableSlot::EMPTY; SMALLEST],
            used: 0,
            ports: Ports::default(),
            shares,
            age: Age::new(age, 0),
            seed: RandomState::new().hash_one(0),
        }
    }

    /// Sets other limits. Addresses beyond them stay until they are too old. With another age, all
    /// addresses count as just seen.
    pub fn bound(&mut self, shares: Shares, age: u32) {
        self.shares = shares;
        if self.age.seconds() != age {
            self.age = Age::new(age, self.age.now());
            let tick = self.age.tick();
            self.slots.iter_mut().filter(|slot| !slot.is_empty()).for_each(|slot| slot.see(tick));
        }
    }

    /// Returns the number of addresses.
    pub fn len(&self) -> usize {
        self.used
    }

    /// Returns whether the table is empty.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Returns the port of an address, as of the last [`MacTable::learn`] or
    /// [`MacTable::forget_old`].
    #[inline]
    pub fn port(&self, mac: Mac, vlan: u16) -> Option<PortNo> {
        let slot = self.slots.get(self.find(MacInVlan::new(mac, vlan)))?;
        if slot.is_empty() { None } else { self.ports.number(slot.place()) }
    }

    /// Notes the index at which the lookup of an address begins. When `noted` is full, it loads
    /// those entries.
    #[inline]
    pub fn note(&self, mac: Mac, vlan: u16, noted: &mut NotedEntries) {
        if noted.push(self.home(MacInVlan::new(mac, vlan))) {
            self.load(noted);
        }
    }

    /// Loads the noted entries into the processor's cache. Nothing but loads stands between them, so
    /// that they wait for memory together.
    #[inline]
    pub fn load(&self, noted: &mut NotedEntries) {
        let entries = noted.take().iter().filter_map(|at| self.slots.get(*at as usize));
        // Without a use of the result, the compiler would leave the loads out.
        std::hint::black_box(entries.fold(0, |all, slot| all ^ slot.mac()));
    }

    /// Learns an address at a port in a VLAN at `now` (seconds of a clock that does not go back).
    #[inline]
    pub fn learn(&mut self, mac: Mac, vlan: u16, port: PortNo, now: u32) -> LearnOutcome {
        let key = MacInVlan::new(mac, vlan);
        // The lowest bit of the first byte (IEEE 802, individual or group).
        if key.mac == 0 || key.mac & (1 << 40) != 0 {
            return LearnOutcome::Nobodys;
        }
        self.forget_old(now);
        let at = self.find(key);
        match self.slots.get_mut(at) {
            // An occupied entry found here belongs to this address in this VLAN.
            Some(slot) if !slot.is_empty() && self.ports.number(slot.place()) == Some(port) => {
                slot.see(self.age.tick());
                LearnOutcome::Known
            }
            _ => self.learn_anew(key, port, at),
        }
    }

    /// Learns an address that is unknown, or known at another port.
    fn learn_anew(&mut self, MacInVlan { mac, vlan }: MacInVlan, port: PortNo, at: usize) -> LearnOutcome {
        let Some(slot) = self.slots.get_mut(at) else { return LearnOutcome::Full };
        let was = *slot;
        if was.is_empty() && self.used >= self.shares.all as usize {
            return LearnOutcome::Full;
        }
        let Some(place) = self.ports.enter(port, vlan, self.shares.per_port) else {
            return LearnOutcome::Full;
        };
        *slot = TableSlot::new(mac, place, self.age.tick());
        if !was.is_empty() {
            let from = self.ports.number(was.place());
            self.ports.leave(was.place());
            return from.map_or(LearnOutcome::New, LearnOutcome::Moved);
        }
        self.used += 1;
        if is_full(self.used, self.slots.len()) {
            self.grow();
        }
        LearnOutcome::New
    }

    /// Forgets all addresses of a port that is gone.
    pub fn forget_port(&mut self, port: PortNo) {
        let places = self.ports.places_of(port);
        if !places.is_empty() {
            self.remove_where(|slot| places.contains(&slot.place()));
        }
    }

    /// Forgets addresses that are too old at `now`. This is one comparison, except once per quarter
    /// of the age limit.
    #[inline]
    pub fn forget_old(&mut self, now: u32) {
        if self.age.is_due(now) {
            let is_old = self.age.advance(now);
            self.remove_where(|slot| is_old(slot.tick()));
        }
    }

    fn mask(&self) -> usize {
        self.slots.len() - 1
    }

    /// Returns the index at which the lookup of an address begins.
    #[inline]
    fn home(&self, key: MacInVlan) -> usize {
        // The two halves of a product to which every bit of the address, the VLAN and the seed
        // contributes.
        let wide = u128::from(key.bits() ^ self.seed) * 0x9e37_79b9_7f4a_7c15;
        usize::try_from((wide >> 64 ^ wide) & self.mask() as u128).unwrap_or(0)
    }

    /// Returns the index of an address, or of the empty place for it.
    #[inline]
    fn find(&self, key: MacInVlan) -> usize {
        let mut at = self.home(key);
        // The table always has an empty place.
        while let Some(slot) = self.slots.get(at) {
            // An entry has no room for its VLAN: the port's place has it.
            if slot.is_empty() || slot.mac() == key.mac && self.ports.vlan(slot.place()) == key.vlan {
                break;
            }
            at = (at + 1) & self.mask();
        }
        at
    }

    /// Returns the address and VLAN that an entry is found by.
    fn key(&self, slot: TableSlot) -> MacInVlan {
        MacInVlan { mac: slot.mac(), vlan: self.ports.vlan(slot.place()) }
    }

    fn remove_where(&mut self, gone: impl Fn(TableSlot) -> bool) {
        let mut at = 0;
        while let Some(&slot) = self.slots.get(at) {
            // A removal may have moved another entry here. Entries that wrapped around were checked
            // already.
            if !slot.is_empty() && gone(slot) { self.remove(at) } else { at += 1 }
        }
    }

    /// Empties a place, and moves up the entries that it displaced.
    fn remove(&mut self, at: usize) {
        let Some(gone) = self.slots.get(at).copied() else { return };
        self.ports.leave(gone.place());
        self.used -= 1;
        let (mut hole, mut next) = (at, at);
        loop {
            next = (next + 1) & self.mask();
            let Some(slot) = self.slots.get(next).copied().filter(|slot| !slot.is_empty()) else { break };
            // An entry may move unless its own place lies between the hole and its position.
            let from_home = next.wrapping_sub(self.home(self.key(slot))) & self.mask();
            let from_hole = next.wrapping_sub(hole) & self.mask();
            if from_home >= from_hole {
                self.slots.get_mut(hole).into_iter().for_each(|place| *place = slot);
                hole = next;
            }
        }
        self.slots.get_mut(hole).into_iter().for_each(|place| *place = TableSlot::EMPTY);
    }

    fn grow(&mut self) {
        let twice = vec![TableSlot::EMPTY; self.slots.len() * 2];
        let slots = std::mem::replace(&mut self.slots, twice);
        for entry in slots.into_iter().filter(|slot| !slot.is_empty()) {
            let at = self.find(self.key(entry));
            self.slots.get_mut(at).into_iter().for_each(|slot| *slot = entry);
        }
    }
}

/// Returns whether the entries fill too much of the places.
fn is_full(entries: usize, places: usize) -> bool {
    entries * 4 > places * 3
}

/// An address in a VLAN.
#[derive(Debug, Clone, Copy)]
struct MacInVlan {
    /// Returns the address as a number: its first byte is the highest of six.
    mac: u64,
    vlan: u16,
}

impl MacInVlan {
    #[inline]
    fn new([a, b, c, d, e, f]: Mac, vlan: u16) -> Self {
        Self { mac: u64::from_be_bytes([0, 0, a, b, c, d, e, f]), vlan }
    }

    #[inline]
    fn bits(self) -> u64 {
        self.mac | u64::from(self.vlan) << 48
    }
}
