//! Makes room for the IPv6 addresses that hosts make themselves ([`claims`]). If a port has its
//! largest allowed number of them, addresses that were idle for a minute are removed, the longest
//! idle first. So new addresses find room.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use flows::Flow;
use flows::compile::layout::HOLDERS;
use flows::compile::{claims, lease};
use ofproto::Cookie;
use ofproto::message::multipart::FlowStats;

/// Largest number of addresses of a port that make room at a time.
const AT_ONCE: usize = 16;
/// Idle time before an address may be removed.
const IDLE: Duration = Duration::from_secs(60);

/// A network's number, and an address in the network.
type NetworkAddress = (u16, Ipv6Addr);

/// The addresses of crowded ports, as reads showed them.
#[derive(Debug, Default)]
pub(super) struct CrowdedPorts {
    /// The packets from or to each address, and the time since which their number stayed.
    seen: HashMap<NetworkAddress, (u64, Instant)>,
}

/// Largest number of addresses that one read checks.
const MOST: usize = 1 << 16;

/// The addresses that a read shows. The addresses of a port belong to its learner.
#[derive(Debug, Default)]
pub(super) struct CrowdingScan {
    ports: HashMap<Cookie, Vec<CountedAddress>>,
    addresses: usize,
}

/// An address, with its packets and its age in seconds.
type CountedAddress = (u64, u32, NetworkAddress);

impl CrowdingScan {
    /// Notes an installed flow.
    pub(super) fn note(&mut self, entry: &FlowStats, flow: &Flow) {
        if entry.table_id != HOLDERS || entry.priority != claims::PRIORITY || self.addresses >= MOST {
            return;
        }
        if let Some((network, IpAddr::V6(address))) = lease::key(flow) {
            let counted = (entry.packet_count, entry.duration_sec, (network, address));
            self.ports.entry(entry.cookie).or_default().push(counted);
            self.addresses += 1;
        }
    }
}

impl CrowdedPorts {
    /// Checks the addresses of a read. Returns those that make room.
    pub(super) fn look(&mut self, now: Instant, crowding: CrowdingScan) -> Vec<NetworkAddress> {
        let mut ports = crowding.ports;
        ports.retain(|_, all| u32::try_from(all.len()).is_ok_and(|held| held >= claims::PER_PORT));
        let mut room = Vec::new();
        let mut seen = HashMap::new();
        for all in ports.into_values() {
            let mut idle = Vec::new();
            for (packets, age, address) in all {
                let before = self.seen.get(&address).filter(|(before, _)| *before == packets);
                let since = before.map_or(now, |(_, since)| *since);
                seen.insert(address, (packets, since));
                if now.saturating_duration_since(since) >= IDLE {
                    idle.push((since, std::cmp::Reverse(age), address));
                }
            }
            idle.sort_unstable();
            room.extend(idle.into_iter().take(AT_ONCE).map(|(.., address)| address));
        }
        self.seen = seen;
        room
    }
}

#[cfg(test)]
mod tests {
    use ofproto::oxm::Field;

    use super::*;

    fn learned(port: u64, last: u8, age: u32, packets: u64) -> FlowStats {
        let address = Ipv6Addr::new(0xfd05, 0, 0, 0, 0, 0, 0, last.into());
        let fields = claims::unclaim(7, address).fields;
        let flow = Flow::new(HOLDERS, claims::PRIORITY, flows::FlowMatch::from_wire(&fields));
        assert_eq!(flow.matches.exact(Field::Reg0), Some(7));
        FlowStats {
            table_id: flow.table,
            duration_sec: age,
            duration_nsec: 0,
            priority: flow.priority,
            idle_timeout: 0,
            hard_timeout: claims::LASTS,
            flags: 0,
            importance: 0,
            cookie: Cookie(port),
            packet_count: packets,
            byte_count: 0,
            fields,
            instructions: Vec::new(),
        }
    }

    #[test]
    fn what_was_idle_for_longest_makes_room_where_there_is_none() {
        // The first port is full, the second one has room.
        let read = |packets: u64| -> Vec<FlowStats> {
            let full = (0..64).map(|n| learned(1, n, 1_000 - u32::from(n), if n == 0 { packets } else { 3 }));
            full.chain((64..100).map(|n| learned(2, n, 5_000, 3))).collect()
        };
        let (start, mut crowded) = (Instant::now(), CrowdedPorts::default());
        let mut look = |now, stats: &[FlowStats]| {
            let mut crowding = CrowdingScan::default();
            stats.iter().for_each(|entry| crowding.note(entry, &Flow::from_stats(entry)));
            crowded.look(now, crowding)
        };
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(look(start, &read(1)), [], "who was used is not known yet");
        assert_eq!(look(after(59), &read(2)), [], "not for long enough");
        let room = look(after(60), &read(2));
        let room: Vec<u8> = room.iter().map(|(_, address)| address.octets()[15]).collect();
        assert_eq!(room, (1..17).collect::<Vec<u8>>(), "the oldest, but not the one that was used");
        assert_eq!(look(after(61), &read(2)[1..]), [], "one has gone: there is room");
        assert_eq!(look(after(200), &read(2)), []);
    }
}
