//! Which MAC address is at which port.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

use ofproto::PortNo;
use ofproto::hot::Mac;

/// How many addresses there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    /// At one port: a host that invents addresses fills the share of its own port alone.
    pub per_port: u32,
    /// In all.
    pub all: u32,
}

/// What became of an address that was seen at a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Learned {
    /// It was not known, or too long ago.
    New,
    /// It was there.
    Known,
    /// It was at another port until now.
    Moved(PortNo),
    /// It cannot be anybody's: a group's address, or zero.
    Nobodys,
    /// The port, or the table, has as many as it may have.
    Full,
}

/// An entry. Empty while its address is zero, which is nobody's.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    mac: u64,
    port: u32,
    /// When it was last seen, in the seconds of whoever asks.
    seen: u32,
}

/// MAC addresses by open addressing with linear probing: one place of memory for most questions. It grows by doubling, at
/// three quarters full, and never gives memory back; an entry that is too old is as good as none, and is cleared away by
/// [`MacTable::sweep`], a few places at a time.
#[derive(Debug)]
pub struct MacTable {
    slots: Vec<Slot>,
    used: usize,
    /// How many addresses a port has. Only a new, moved or forgotten address changes it.
    by_port: HashMap<u32, u32>,
    shares: Shares,
    /// Seconds after which an address that was not seen is forgotten.
    age: u32,
    /// So that nobody can choose addresses that collide.
    seed: u64,
    /// Where the next sweep goes on.
    cursor: usize,
}

/// The size of an empty table: a power of two.
const SMALLEST: usize = 256;

impl MacTable {
    /// An empty one. Addresses that are not seen for `age` seconds are forgotten.
    pub fn new(shares: Shares, age: u32) -> Self {
        Self {
            slots: vec![Slot::default(); SMALLEST],
            used: 0,
            by_port: HashMap::new(),
            shares,
            age,
            seed: RandomState::new().hash_one(0),
            cursor: 0,
        }
    }

    /// With other bounds from now on. What is there beyond them stays until it is too old.
    pub fn bound(&mut self, shares: Shares, age: u32) {
        (self.shares, self.age) = (shares, age);
    }

    /// How many addresses it holds, those that are too old and not cleared away yet among them.
    pub fn len(&self) -> usize {
        self.used
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Where an address is, as far as is known at `now` (seconds of a clock that does not go back).
    #[inline]
    pub fn port(&self, mac: Mac, now: u32) -> Option<PortNo> {
        let slot = self.slots.get(self.find(number(mac)))?;
        (slot.mac != 0 && !self.is_old(slot, now)).then_some(PortNo(slot.port))
    }

    /// Looks where an address would be, so that the place is at hand when it is asked for. What it gives says nothing.
    #[inline]
    pub fn touch(&self, mac: Mac) -> u64 {
        self.slots.get(self.home(number(mac))).map_or(0, |slot| slot.mac)
    }

    /// An address was seen at a port.
    #[inline]
    pub fn learn(&mut self, mac: Mac, port: PortNo, now: u32) -> Learned {
        let mac = number(mac);
        // The lowest bit of the first byte (IEEE 802, individual or group).
        if mac == 0 || mac & (1 << 40) != 0 {
            return Learned::Nobodys;
        }
        let at = self.find(mac);
        let age = self.age;
        match self.slots.get_mut(at) {
            Some(slot) if slot.mac == mac && slot.port == port.0 => {
                let known = now.saturating_sub(slot.seen) <= age;
                slot.seen = now;
                if known { Learned::Known } else { Learned::New }
            }
            _ => self.learn_anew(mac, port, now, at),
        }
    }

    /// One that is not there, or at another port.
    fn learn_anew(&mut self, mac: u64, port: PortNo, now: u32, at: usize) -> Learned {
        let Some(slot) = self.slots.get(at).copied() else { return Learned::Full };
        let is_new = slot.mac == 0;
        let share = self.by_port.get(&port.0).copied().unwrap_or_default();
        if share >= self.shares.per_port || (is_new && self.used >= self.shares.all as usize) {
            return Learned::Full;
        }
        *self.by_port.entry(port.0).or_default() += 1;
        let entry = Slot { mac, port: port.0, seen: now };
        if !is_new {
            self.leave(slot.port);
            self.slots.get_mut(at).into_iter().for_each(|slot| *slot = entry);
            return if self.is_old(&slot, now) { Learned::New } else { Learned::Moved(PortNo(slot.port)) };
        }
        self.used += 1;
        self.slots.get_mut(at).into_iter().for_each(|slot| *slot = entry);
        if is_full(self.used, self.slots.len()) {
            self.grow();
        }
        Learned::New
    }

    /// Forgets all addresses of a port that is not there any more.
    pub fn forget_port(&mut self, port: PortNo) {
        let slots = std::mem::replace(&mut self.slots, vec![Slot::default(); SMALLEST]);
        self.refill(slots.into_iter().filter(|slot| slot.port != port.0));
        self.by_port.remove(&port.0);
    }

    /// Clears away what is too old among the next `places` places. Cheap: call it once a batch.
    pub fn sweep(&mut self, places: usize, now: u32) {
        for _ in 0..places.min(self.slots.len()) {
            self.cursor &= self.mask();
            match self.slots.get(self.cursor) {
                // Another one may have come here: it is looked at next.
                Some(slot) if slot.mac != 0 && self.is_old(slot, now) => self.remove(self.cursor),
                _ => self.cursor += 1,
            }
        }
    }

    fn is_old(&self, slot: &Slot, now: u32) -> bool {
        now.saturating_sub(slot.seen) > self.age
    }

    fn mask(&self) -> usize {
        self.slots.len() - 1
    }

    /// Where an address is looked for first.
    #[inline]
    fn home(&self, mac: u64) -> usize {
        // The two halves of a product in which every bit of the address and of the seed has a part.
        let wide = u128::from(mac ^ self.seed) * 0x9e37_79b9_7f4a_7c15;
        usize::try_from((wide >> 64 ^ wide) & self.mask() as u128).unwrap_or(0)
    }

    /// The place of an address, or the empty one where it would be.
    #[inline]
    fn find(&self, mac: u64) -> usize {
        let mut at = self.home(mac);
        // Never are all places in use.
        while let Some(slot) = self.slots.get(at) {
            if slot.mac == mac || slot.mac == 0 {
                break;
            }
            at = (at + 1) & self.mask();
        }
        at
    }

    /// Empties a place, and moves those up that were kept from their own by it.
    fn remove(&mut self, at: usize) {
        let Some(gone) = self.slots.get(at).copied() else { return };
        self.leave(gone.port);
        self.used -= 1;
        let (mut hole, mut next) = (at, at);
        loop {
            next = (next + 1) & self.mask();
            let Some(slot) = self.slots.get(next).copied().filter(|slot| slot.mac != 0) else { break };
            // It may move where its own place is not between the hole and where it is.
            let from_home = next.wrapping_sub(self.home(slot.mac)) & self.mask();
            let from_hole = next.wrapping_sub(hole) & self.mask();
            if from_home >= from_hole {
                self.slots.get_mut(hole).into_iter().for_each(|place| *place = slot);
                hole = next;
            }
        }
        self.slots.get_mut(hole).into_iter().for_each(|place| *place = Slot::default());
    }

    /// One address less at a port.
    fn leave(&mut self, port: u32) {
        if let Some(share) = self.by_port.get_mut(&port) {
            *share -= 1;
            if *share == 0 {
                self.by_port.remove(&port);
            }
        }
    }

    fn grow(&mut self) {
        let twice = vec![Slot::default(); self.slots.len() * 2];
        let slots = std::mem::replace(&mut self.slots, twice);
        self.refill(slots.into_iter());
    }

    fn refill(&mut self, entries: impl Iterator<Item = Slot>) {
        let mut used = 0;
        for entry in entries.filter(|entry| entry.mac != 0) {
            if is_full(used + 1, self.slots.len()) {
                let twice = vec![Slot::default(); self.slots.len() * 2];
                let before = std::mem::replace(&mut self.slots, twice);
                before.into_iter().filter(|slot| slot.mac != 0).for_each(|slot| self.put(slot));
            }
            self.put(entry);
            used += 1;
        }
        self.used = used;
        self.cursor = 0;
    }

    fn put(&mut self, entry: Slot) {
        let at = self.find(entry.mac);
        self.slots.get_mut(at).into_iter().for_each(|slot| *slot = entry);
    }
}

/// Whether so many entries are too many for so many places.
fn is_full(entries: usize, places: usize) -> bool {
    entries * 4 > places * 3
}

/// An address as a number: its first byte is the highest of six.
#[inline]
fn number([a, b, c, d, e, f]: Mac) -> u64 {
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
}
