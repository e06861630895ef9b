//! The ports of MAC addresses. A port has one place for each VLAN in which it has addresses. The
//! number of a place fits into a table entry, which has no room for a VLAN beside it.

use std::collections::{HashMap, HashSet};

use ofproto::PortNo;

use super::slot::PLACE_BITS;

/// Number of places.
const PLACES: usize = 1 << PLACE_BITS;
/// Largest number of places with a VLAN. A host that sends in all VLANs leaves each port its place
/// without a tag.
const TAGGED_PLACES: usize = PLACES / 2;

/// A port in a VLAN (0 without a tag), and the number of its addresses.
#[derive(Debug, Clone, Copy)]
struct PortInVlan {
    port: PortNo,
    vlan: u16,
    addresses: u32,
}

/// The places of a port in all VLANs.
#[derive(Debug, Clone, Copy, Default)]
struct Port {
    addresses: u32,
    /// The place of the port without a tag.
    untagged: Option<u16>,
}

/// Ports in VLANs by their places. A place without addresses is given to the next port that needs
/// one.
#[derive(Debug, Default)]
pub(super) struct Ports {
    places: Vec<PortInVlan>,
    /// Only read for a new, a moved or a forgotten address, as are the fields below.
    ports: HashMap<PortNo, Port>,
    tagged: HashMap<(PortNo, u16), u16>,
    free: Vec<u16>,
}

impl Ports {
    /// Returns the number of the port of a place.
    #[inline]
    pub(super) fn number(&self, place: u16) -> Option<PortNo> {
        self.places.get(usize::from(place)).map(|place| place.port)
    }

    /// Returns the VLAN of a place.
    #[inline]
    pub(super) fn vlan(&self, place: u16) -> u16 {
        self.places.get(usize::from(place)).map_or(0, |place| place.vlan)
    }

    /// Returns the places of a port that has addresses.
    pub(super) fn places_of(&self, port: PortNo) -> HashSet<u16> {
        let tagged = self.tagged.iter().filter(|((of, _), _)| *of == port).map(|(_, place)| *place);
        tagged.chain(self.ports.get(&port).and_then(|port| port.untagged)).collect()
    }

    /// Adds one address to a port in a VLAN. Returns its place, or `None` if the port has its
    /// share, or no place is left.
    pub(super) fn enter(&mut self, port: PortNo, vlan: u16, share: u32) -> Option<u16> {
        let known = self.ports.get_mut(&port);
        if known.as_ref().map_or(0, |port| port.addresses) >= share {
            return None;
        }
        if let Some(Port { addresses, untagged: Some(place) }) = known
            && vlan == 0
        {
            *addresses += 1;
            self.places.get_mut(usize::from(*place))?.addresses += 1;
            return Some(*place);
        }
        let place = match self.tagged.get(&(port, vlan)) {
            Some(place) => *place,
            None => self.take(port, vlan)?,
        };
        self.places.get_mut(usize::from(place))?.addresses += 1;
        let known = self.ports.entry(port).or_default();
        known.addresses += 1;
        if vlan == 0 {
            known.untagged = Some(place);
        }
        Some(place)
    }

    /// Takes a place for a port in a VLAN, if one is left.
    fn take(&mut self, port: PortNo, vlan: u16) -> Option<u16> {
        if vlan != 0 && self.tagged.len() >= TAGGED_PLACES {
            return None;
        }
        let new = PortInVlan { port, vlan, addresses: 0 };
        let place = match self.free.pop() {
            Some(place) => {
                *self.places.get_mut(usize::from(place))? = new;
                place
            }
            None => {
                let place = u16::try_from(self.places.len()).ok().filter(|n| usize::from(*n) < PLACES)?;
                self.places.push(new);
                place
            }
        };
        if vlan != 0 {
            self.tagged.insert((port, vlan), place);
        }
        Some(place)
    }

    /// Removes one address from a place.
    pub(super) fn leave(&mut self, place: u16) {
        let Some(left) = self.places.get_mut(usize::from(place)) else { return };
        left.addresses = left.addresses.saturating_sub(1);
        let PortInVlan { port, vlan, addresses } = *left;
        if addresses == 0 {
            self.free.push(place);
            self.tagged.remove(&(port, vlan));
        }
        let Some(known) = self.ports.get_mut(&port) else { return };
        known.addresses = known.addresses.saturating_sub(1);
        if vlan == 0 && addresses == 0 {
            known.untagged = None;
        }
        if known.addresses == 0 {
            self.ports.remove(&port);
        }
    }
}
