//! `--rate`: what passed through each flow between two dumps.

use std::collections::HashMap;

use flows::FlowMatch;
use miette::miette;
use ofproto::message::multipart::{FlowStats, FlowStatsRequest, MultipartRequestBody};
use ofproto::{TableId, Xid};
use portcullis::net::{Client, ClientError};
use serde::Serialize;

use super::Failure;

/// Flows whose counters are kept between the dumps.
const MAX_FLOWS: usize = 4_000_000;

/// The counters of the first dump.
pub(super) struct Rates(HashMap<(TableId, u16, FlowMatch), Counters>);

/// The counters of a flow at one time.
#[derive(Debug, Clone, Copy)]
struct Counters {
    packets: u64,
    bytes: u64,
    /// Its age by the switch's clock, seconds: that is the clock of the counters too.
    age: f64,
}

/// The rates of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Rate {
    #[serde(rename = "packets_per_second")]
    packets: f64,
    #[serde(rename = "bits_per_second")]
    bits: f64,
}

/// The age of a flow.
pub(super) fn seconds(stats: &FlowStats) -> f64 {
    f64::from(stats.duration_sec) + f64::from(stats.duration_nsec) / 1e9
}

fn counters(stats: &FlowStats) -> Counters {
    Counters { packets: stats.packet_count, bytes: stats.byte_count, age: seconds(stats) }
}

impl Rates {
    /// Takes the first dump.
    pub(super) fn new(client: &mut Client, request: FlowStatsRequest) -> Result<Self, Failure> {
        let mut flows = HashMap::new();
        client.parts::<Failure>(Xid(2), MultipartRequestBody::Flow(request), |part| {
            for flow in part.flows() {
                let stats = flow.and_then(|flow| flow.decode()).map_err(ClientError::from)?;
                let key = (stats.table_id, stats.priority, FlowMatch::from_wire(&stats.fields));
                flows.insert(key, counters(&stats));
            }
            if flows.len() > MAX_FLOWS {
                return Err(miette!("more than {MAX_FLOWS} flows: select some of them"));
            }
            Ok(())
        })?;
        Ok(Self(flows))
    }

    /// What passed through a flow since. One that is younger than the first dump, or was added anew, has its rate since then.
    pub(super) fn of(&self, stats: &FlowStats) -> Rate {
        let key = (stats.table_id, stats.priority, FlowMatch::from_wire(&stats.fields));
        rate(self.0.get(&key).copied(), counters(stats))
    }
}

fn rate(before: Option<Counters>, now: Counters) -> Rate {
    // All ones stand for a counter that is not kept.
    if now.packets == u64::MAX || now.bytes == u64::MAX {
        return Rate { packets: 0.0, bits: 0.0 };
    }
    let before = before
        .filter(|b| b.age < now.age && b.packets <= now.packets && b.bytes <= now.bytes)
        .unwrap_or(Counters { packets: 0, bytes: 0, age: 0.0 });
    let interval = now.age - before.age;
    if interval <= 0.0 {
        return Rate { packets: 0.0, bits: 0.0 };
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate is no exact number")]
    let per_second = |count: u64| count as f64 / interval;
    Rate {
        packets: per_second(now.packets - before.packets),
        bits: 8.0 * per_second(now.bytes - before.bytes),
    }
}

impl Rate {
    /// Puts it behind the counters of a printed flow, or where they would stand.
    pub(super) fn put_into(self, line: &mut String) {
        let text = format!("packets/s={:.1}, bits/s={:.0}, ", self.packets, self.bits);
        const LAST: &str = "n_bytes=";
        let behind = line.find(LAST).and_then(|at| Some(at + line.get(at..)?.find(' ')? + 1));
        line.insert_str(behind.unwrap_or(1).min(line.len()), &text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(packets: u64, age: f64) -> Counters {
        Counters { packets, bytes: packets * 100, age }
    }

    #[test]
    fn between_two_dumps() {
        let fast = rate(Some(at(10, 5.0)), at(30, 7.0));
        assert_eq!(fast, Rate { packets: 10.0, bits: 8000.0 });
    }

    #[test]
    fn a_new_flow_has_its_own_age() {
        assert_eq!(rate(None, at(8, 4.0)).packets, 2.0);
        assert_eq!(rate(Some(at(100, 50.0)), at(8, 4.0)).packets, 2.0, "added anew");
        assert_eq!(rate(Some(at(100, 50.0)), at(60, 60.0)).packets, 1.0, "its counters began anew");
        assert_eq!(rate(None, at(8, 0.0)).packets, 0.0);
    }

    #[test]
    fn it_stands_behind_the_counters() {
        let mut line = " cookie=0x1, table=0, n_packets=3, n_bytes=40, ip actions=drop".to_owned();
        Rate { packets: 1.0, bits: 8.0 }.put_into(&mut line);
        assert_eq!(
            line,
            " cookie=0x1, table=0, n_packets=3, n_bytes=40, packets/s=1.0, bits/s=8, ip actions=drop"
        );
        let mut line = " ip actions=drop".to_owned();
        Rate { packets: 1.0, bits: 8.0 }.put_into(&mut line);
        assert_eq!(line, " packets/s=1.0, bits/s=8, ip actions=drop");
    }
}
