//! The traffic that flows pass, between every two places.

use std::collections::{BTreeMap, BTreeSet};

use bdd::Bdd;
use flow_model::FlowMatch;
use ofproto::oxm::Field;
use ofproto::{PortNo, ethertype, icmpv6, ip_protocol};

use super::places::{PartyPlace, Places};
use super::ranges::Ranges;
use super::traffic::{Carried, Family};
use crate::network::NetworkFile;
use crate::verify::bridge_flows::BridgeFlows;
use crate::verify::interp::{TCP_ACK, TCP_SYN};
use crate::verify::proof::Budget;
use crate::verify::symbolic::{Asked, BridgePort, Engine, KnownValues, Limits};
use crate::verify::topology::Topology;

/// The traffic from one place to another.
pub(super) type Pair = (PartyPlace, PartyPlace);

/// The traffic between all places.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Permitted {
    pub(super) traffic: BTreeMap<Pair, BTreeMap<Carried, Ranges>>,
    /// The reasons for which traffic may be missing.
    pub(super) gaps: BTreeSet<String>,
}

/// The packets that a run counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    /// Those that open connections: of TCP the ones with SYN alone.
    Openers,
    /// All.
    All,
}

/// A run of the engine over all places of a file.
pub(super) struct Run<'r, 'w> {
    pub(super) topology: &'r Topology<'r>,
    pub(super) engine: Engine<'w>,
    pub(super) places: Places,
    /// The class of each sender.
    classes: BTreeMap<BridgePort, u16>,
    counted: Counted,
    known: KnownValues,
}

/// Runs the engine on these flows, and hands it on.
pub(super) fn with_run<T>(
    file: &NetworkFile,
    bridges: &[BridgeFlows<'_>],
    counted: Counted,
    budget: Budget,
    then: impl FnOnce(&mut Run<'_, '_>) -> T,
) -> T {
    let topology = Topology::new(file, bridges);
    let places = Places::new(&topology);
    let classes: BTreeMap<BridgePort, u16> = places.iter().map(|(place, _)| place).zip(0..).collect();
    let mut world = topology.world(|_, _| false);
    world.sources = classes.clone();
    let mut fields = vec![Field::EthType, Field::IpProto, Field::IpFrag, Field::TcpDst, Field::Icmpv4Type];
    if counted == Counted::Openers {
        fields.push(Field::TcpFlags);
    }
    let limits: Limits = budget.0;
    let mut engine = Engine::new(&world, &Asked::about(fields), limits);
    engine.run();
    let known = KnownValues::default();
    then(&mut Run { topology: &topology, engine, places, classes, counted, known })
}

impl Run<'_, '_> {
    /// Returns the traffic between the places that are wanted.
    pub(super) fn permitted(&mut self, wanted: impl Fn(&PartyPlace, &PartyPlace) -> bool) -> Permitted {
        let mut found = Permitted::default();
        let places: Vec<(BridgePort, PartyPlace)> =
            self.places.iter().map(|(place, name)| (place, name.clone())).collect();
        for (to, receiver) in &places {
            for (from, sender) in &places {
                if from == to || !wanted(sender, receiver) {
                    continue;
                }
                let Some(arrived) = self.arrived(*from, *to) else { continue };
                let carried = self.carried(arrived);
                if !carried.is_empty() {
                    found.traffic.insert((sender.clone(), receiver.clone()), carried);
                }
            }
        }
        found.gaps = self.engine.gaps().map(str::to_owned).collect();
        found
    }

    /// Returns the packets of one place that arrive at another.
    fn arrived(&mut self, from: BridgePort, to: BridgePort) -> Option<Bdd> {
        let class = *self.classes.get(&from)?;
        Some(self.engine.arrived(to, &BTreeSet::from([class]))).filter(|set| !set.is_false())
    }

    /// Returns the packets of one place that arrive at another as traffic of a kind.
    pub(super) fn of_kind(
        &mut self,
        (from, to): (BridgePort, BridgePort),
        carried: Carried,
        number: u16,
    ) -> Option<Bdd> {
        let arrived = self.arrived(from, to)?;
        let mut matches = carried.matching(number);
        if self.counted == Counted::Openers && carried.is_tcp() {
            matches = matches.with_masked(Field::TcpFlags, TCP_SYN.into(), (TCP_SYN | TCP_ACK).into());
        }
        Some(self.engine.among(arrived, &matches)).filter(|set| !set.is_false())
    }

    /// Returns the kinds of traffic in a set.
    fn carried(&mut self, set: Bdd) -> BTreeMap<Carried, Ranges> {
        let mut found = BTreeMap::new();
        let mut rest = set;
        for family in [Family::V4, Family::V6] {
            let of_family = FlowMatch::any().with(Field::EthType, family.ethertype().into());
            let packets = self.engine.among(rest, &of_family);
            rest = self.engine.except(rest, packets);
            self.of_family(packets, family, &mut found);
        }
        let mut types = self.ranges(rest, Field::EthType);
        let arp = Ranges::new(vec![(ethertype::ARP, ethertype::ARP)]);
        if types.contains(ethertype::ARP) {
            found.insert(Carried::Arp, arp.clone());
            types = types.except(&arp);
        }
        found.insert(Carried::Ethernet, types);
        found.retain(|_, ranges| !ranges.is_empty());
        found
    }

    fn of_family(&mut self, packets: Bdd, family: Family, found: &mut BTreeMap<Carried, Ranges>) {
        let whole = self.engine.among(packets, &FlowMatch::any().with(Field::IpFrag, 0));
        let fragments = self.engine.except(packets, whole);
        found.insert(Carried::Fragments(family), self.ranges(fragments, Field::IpProto));
        let icmp = family.icmp();
        let mut rest = whole;
        for protocol in [ip_protocol::TCP, ip_protocol::UDP, ip_protocol::SCTP, icmp] {
            let mut of = FlowMatch::any().with(Field::IpProto, protocol.into());
            let all = self.engine.among(rest, &of);
            rest = self.engine.except(rest, all);
            if protocol == ip_protocol::TCP && self.counted == Counted::Openers {
                of = of.with_masked(Field::TcpFlags, TCP_SYN.into(), (TCP_SYN | TCP_ACK).into());
            }
            let of = self.engine.among(all, &of);
            if protocol != icmp {
                let carried = Carried::Ported(family, protocol);
                found.insert(carried, self.ranges(of, Field::TcpDst));
                continue;
            }
            let mut types = self.ranges(of, Field::Icmpv4Type);
            if family == Family::V6 {
                let first = u16::from(icmpv6::ROUTER_SOLICITATION);
                let discovery = Ranges::new(vec![(first, first + 4)]);
                let others = types.except(&discovery);
                found.insert(Carried::Discovery, types.except(&others));
                types = others;
            }
            found.insert(Carried::Icmp(family), types);
        }
        let numbers = self.ranges(rest, Field::IpProto);
        found.insert(Carried::Ip(family), numbers);
    }

    fn ranges(&mut self, set: Bdd, field: Field) -> Ranges {
        Ranges::new(self.engine.ranges(set, field, &mut self.known))
    }

    /// Returns the place of a name.
    pub(super) fn place(&self, name: &PartyPlace) -> Option<BridgePort> {
        let mut all = self.places.iter();
        all.find(|(_, known)| known.bridge == name.bridge && known.port == name.port).map(|(place, _)| place)
    }
}

/// Returns whether a port is one of a party's, for tables of one party.
pub(super) fn is_at(topology: &Topology<'_>, name: &str) -> impl Fn(&PartyPlace) -> bool {
    let places = topology.places(&[name.to_owned()]);
    let names: BTreeSet<(String, String)> = places
        .into_iter()
        .filter(|place| place.1 != PortNo::CONTROLLER)
        .map(|place| (topology.bridge_name(place.0).to_owned(), topology.port_name(place)))
        .collect();
    move |place| names.contains(&(place.bridge.clone(), place.port.clone()))
}
