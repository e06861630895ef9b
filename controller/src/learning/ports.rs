//! The ports that addresses are at, each by a number small enough for an entry of the table.

use std::collections::HashMap;

use ofproto::PortNo;

use super::slot::PLACE_BITS;

/// A port, and how many addresses are there.
#[derive(Debug, Clone, Copy)]
struct Port {
    number: PortNo,
    addresses: u32,
}

/// Ports by their places. A place without addresses is given to the next port that needs one.
#[derive(Debug, Default)]
pub(super) struct Ports {
    ports: Vec<Port>,
    /// Only asked for a new, a moved or a forgotten address.
    places: HashMap<PortNo, u16>,
    free: Vec<u16>,
}

impl Ports {
    /// Which port has a place.
    #[inline]
    pub(super) fn number(&self, place: u16) -> Option<PortNo> {
        self.ports.get(usize::from(place)).map(|port| port.number)
    }

    /// The place of a port that addresses are at.
    pub(super) fn place(&self, number: PortNo) -> Option<u16> {
        self.places.get(&number).copied()
    }

    /// One address more at a port, unless it has its share, or there are no places left.
    pub(super) fn enter(&mut self, number: PortNo, share: u32) -> Option<u16> {
        if let Some(place) = self.place(number) {
            let port = self.ports.get_mut(usize::from(place)).filter(|port| port.addresses < share)?;
            port.addresses += 1;
            return Some(place);
        }
        if share == 0 {
            return None;
        }
        let port = Port { number, addresses: 1 };
        let place = match self.free.pop() {
            Some(place) => {
                *self.ports.get_mut(usize::from(place))? = port;
                place
            }
            None => {
                let place = u16::try_from(self.ports.len()).ok().filter(|place| *place < 1 << PLACE_BITS)?;
                self.ports.push(port);
                place
            }
        };
        self.places.insert(number, place);
        Some(place)
    }

    /// One address less at the port of a place.
    pub(super) fn leave(&mut self, place: u16) {
        let Some(port) = self.ports.get_mut(usize::from(place)) else { return };
        port.addresses = port.addresses.saturating_sub(1);
        if port.addresses == 0 {
            self.places.remove(&port.number);
            self.free.push(place);
        }
    }
}
