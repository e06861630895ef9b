//! Addresses that DHCP gave. Each is bound to the port that has the lease, and no port sends from
//! an unleased address.
//!
//! The switch sends DHCP to the controller and forwards none of it by itself. The controller passes
//! a request on to the servers of the client's rules, and an answer to its client. For an ACK it
//! first installs the *lease flows*. Two in [`LEASES`] admit packets and ARP of the address at that
//! port with that MAC, and two in [`HOLDERS`] find the address. Each address in a DHCPv6 REPLY has
//! one flow, in [`HOLDERS`]. It forwards packets to the address, and judges those from it
//! ([`claims`]). So the address works when the client learns it. A new lease needs the controller;
//! an existing one works without it until its deadline.
//!
//! A lease flow ends by itself with the lease. The limit is 65,535 s, after which a longer lease is
//! armed again. The flow's cookie holds the lease's owner and deadline. So the switch and the file
//! are enough to continue after a restart. A flow that another writer adds in exactly this form
//! while the controller is stopped cannot be told from a lease that the controller knew.

use std::net::IpAddr;

use flow_model::{Flow, FlowMatch};
use ipnetwork::IpNetwork;
use ofproto::action::{Action, Subfield, ToController};
use ofproto::instruction::Instruction;
use ofproto::message::{METER_PKTPS, MeterBand, MeterBandType, MeterMod, MeterModCommand};
use ofproto::oxm::Field;
use ofproto::{Cookie, MacAddr, MeterId, PortNo, icmpv6};

use crate::compile::input::attachment_point::{AttachmentKind, AttachmentPoint, AttachmentPoints};
use crate::compile::input::rule_parties::PartySets;
use crate::compile::input::scope::Scope;
use crate::compile::output::leasing::{LeaseParty, Leasing};
use crate::compile::output::program::{FlowSpec, Program, ProgramBuilder, load, mark, resubmit};
use crate::compile::tables::claims;
use crate::compile::tables::sender::at;
use crate::compile::tables::wire::emit;
use crate::compile::vocabulary::address::AddressFamily;
use crate::compile::vocabulary::identity::{FlowIdentity, LeasedPackets};
use crate::compile::vocabulary::layout::{HOLDERS, LEASES, OUT_PORT, OWNERS, RETURNS};
use crate::compile::vocabulary::origin::Reason;
use crate::compile::vocabulary::stable_hash::stable_hash;
use crate::compile::vocabulary::{address, layout};
use crate::network::Stateful;

/// The priority of lease flows.
pub const PRIORITY: u16 = 100;
/// The tag in the highest 16 bits of a lease flow's cookie.
const TAG: u64 = 0x1ea5;
/// The field in which a lease flow holds the port of its address.
pub(crate) const HOLDER: Field = OUT_PORT;
/// Returns the bit by which an IPv6 lease flow is recognized.
pub(crate) fn by_lease() -> Subfield {
    layout::mark_bit(layout::BY_LEASE)
}

/// The deadline of a permanent lease.
pub const FOREVER: u32 = u32::MAX;

/// A leased address at a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The network's number.
    pub network: u16,
    /// The address.
    pub address: IpAddr,
    /// The client's MAC; `None` over IPv6, where a MAC does not identify a client.
    pub mac: Option<[u8; 6]>,
    /// The port.
    pub port: PortNo,
    /// The owner at the port, by [`LeaseParty::tag`].
    pub party: u16,
    /// The deadline in seconds since 1970-01-01 UTC; [`FOREVER`] is never.
    pub ends: u32,
}

impl Lease {
    /// Returns the flows that bind the lease, without a timeout.
    pub fn flows(&self) -> Vec<Flow> {
        let there = |m: FlowMatch| m.with(layout::NETWORK, self.network.into());
        let found = load(OUT_PORT, self.port.to_u16().map_or(0, u64::from));
        let all = match self.address {
            IpAddr::V4(v4) => {
                let (address, mac) = (u128::from(v4.to_bits()), MacAddr(self.mac.unwrap_or_default()).bits());
                let here = |m: FlowMatch| there(at(self.port, m)).with(Field::EthSrc, mac);
                let (ip, arp) = (AddressFamily::V4.matches(), address::arp());
                let says = arp.clone().with(Field::ArpSpa, address).with(Field::ArpSha, mac);
                vec![
                    (LEASES, here(ip.clone().with(Field::Ipv4Src, address)), vec![resubmit(RETURNS)]),
                    (LEASES, here(says), vec![resubmit(RETURNS)]),
                    (HOLDERS, there(ip.with(Field::Ipv4Dst, address)), vec![found.clone()]),
                    (HOLDERS, there(arp.with(Field::ArpTpa, address)), vec![found]),
                ]
            }
            IpAddr::V6(v6) => {
                let wanted = claims::wanted(there(AddressFamily::V6.matches()), v6.to_bits());
                vec![(HOLDERS, wanted, vec![found, mark(by_lease())])]
            }
        };
        let flow = |(table, matches, actions)| {
            let mut flow = Flow::new(table, PRIORITY, matches);
            flow.cookie = self.cookie();
            flow.instructions = vec![Instruction::ApplyActions(actions)];
            flow
        };
        all.into_iter().map(flow).collect()
    }

    fn cookie(&self) -> Cookie {
        Cookie(TAG << 48 | u64::from(self.party) << 32 | u64::from(self.ends))
    }

    /// Returns the lease of its first flow, or `None` for any other flow.
    pub fn of(flow: &Flow) -> Option<Self> {
        if !is_lease(flow) {
            return None;
        }
        let low = |shift: u32| u16::try_from(flow.cookie.0 >> shift & 0xffff).ok();
        let (address, mac, port) = match claims::is_wanted(&flow.matches) {
            Some(v6) => {
                let loaded = flow.actions().find_map(|action| match action {
                    Action::Load { dst, value } if dst.field == OUT_PORT => u16::try_from(*value).ok(),
                    _ => None,
                });
                (IpAddr::from(v6), None, PortNo::from_u16(loaded?))
            }
            None => {
                let v4 = u32::try_from(flow.matches.exact(Field::Ipv4Src)?).ok()?;
                let [.., a, b, c, d, e, f] = flow.matches.exact(Field::EthSrc)?.to_be_bytes();
                (IpAddr::from(v4.to_be_bytes()), Some([a, b, c, d, e, f]), flow.matches.in_port()?)
            }
        };
        let lease = Self {
            network: u16::try_from(flow.matches.exact(layout::NETWORK)?).ok()?,
            address,
            mac,
            port,
            party: low(32)?,
            ends: u32::try_from(flow.cookie.0 & 0xffff_ffff).ok()?,
        };
        let told = Flow { hard_timeout: 0, ..flow.clone() };
        (lease.flows().first() == Some(&told)).then_some(lease)
    }
}

/// Returns the network and the address of a lease flow.
pub fn key(flow: &Flow) -> Option<(u16, IpAddr)> {
    let v4 = || {
        let fields = [Field::Ipv4Src, Field::ArpSpa, Field::Ipv4Dst, Field::ArpTpa];
        let bits = fields.iter().find_map(|field| flow.matches.exact(*field))?;
        Some(IpAddr::from(u32::try_from(bits).ok()?.to_be_bytes()))
    };
    let address = claims::is_wanted(&flow.matches).map(IpAddr::from).or_else(v4)?;
    Some((u16::try_from(flow.matches.exact(layout::NETWORK)?).ok()?, address))
}

/// Returns whether a flow is marked as a lease flow.
pub fn is_lease(flow: &Flow) -> bool {
    [LEASES, HOLDERS].contains(&flow.table) && flow.priority == PRIORITY && flow.cookie.0 >> 48 == TAG
}

impl LeaseParty {
    /// Returns a short hash of the party's name, for the cookies of its leases.
    pub fn tag(&self) -> u16 {
        u16::try_from(stable_hash(&["lease", &self.name]) & 0xffff).unwrap_or(0)
    }
}

impl Leasing {
    /// Returns whether DHCP gives any party an address.
    pub(in crate::compile) fn gives(&self) -> bool {
        self.parties.iter().any(|party| !party.leases.is_empty())
    }

    /// Returns whether a server may give the party that address: an unreserved one, or the party's
    /// own.
    pub fn may_have(&self, party: &LeaseParty, address: IpAddr) -> bool {
        self.may_lease(party, address) || within(&party.has, address)
    }

    /// Returns whether the party may have the address only by a lease.
    pub fn may_lease(&self, party: &LeaseParty, address: IpAddr) -> bool {
        within(&party.leases, address) && !within(&self.reserved, address)
    }

    /// Returns whether the lease could be given now.
    pub fn admits(&self, lease: &Lease) -> bool {
        self.party(lease).is_some_and(|party| {
            lease.mac.is_none_or(|mac| self.is_own(party, mac)) && self.may_lease(party, lease.address)
        })
    }

    /// Returns the owner of a lease.
    pub fn party(&self, lease: &Lease) -> Option<&LeaseParty> {
        let at = |p: &&LeaseParty| p.port == lease.port && p.tag() == lease.party;
        self.parties.iter().filter(|_| lease.network == self.network).find(at)
    }

    /// Returns whether a MAC may be the party's: not one that the file pins to another party.
    pub fn is_own(&self, party: &LeaseParty, mac: [u8; 6]) -> bool {
        party.mac.is_none_or(|own| own == mac)
            && !self.parties.iter().any(|p| p.port != party.port && p.mac == Some(mac))
    }
}

fn within(prefixes: &[IpNetwork], address: IpAddr) -> bool {
    prefixes.iter().any(|prefix| prefix.contains(address))
}

/// Returns the parties of a network; rules about DHCP then add the packets that the switch sends to
/// the controller.
pub(in crate::compile) fn leasing(scope: &Scope<'_>, sites: &AttachmentPoints<'_>) -> Leasing {
    let network = sites.network;
    // One for each attachment point, so that places agree. A party that is absent is at no port.
    let party = |site: &crate::compile::input::attachment_point::AttachmentPoint<'_>| LeaseParty {
        name: site.party.to_owned(),
        port_name: site.port_name.to_owned(),
        port: site.port.unwrap_or(PortNo::ANY),
        single: site.kind == AttachmentKind::Endpoint,
        mac: site.mac,
        has: site.prefixes.iter().filter_map(|range| range.prefix()).collect(),
        leases: site.dhcp.iter().chain(&site.leases).filter_map(|range| range.prefix()).collect(),
        emit: site.port.map(|port| emit(network, port)).unwrap_or_default(),
    };
    let parties: Vec<LeaseParty> = sites.all.iter().map(party).collect();
    let mut reserved: Vec<IpNetwork> = parties.iter().flat_map(|p| p.has.iter().copied()).collect();
    let shared = sites.all.iter().flat_map(|site| &site.shared);
    reserved.extend(shared.filter_map(|shared| shared.range.prefix()));
    reserved.extend(scope.behind.iter().filter_map(|range| range.prefix()));
    reserved.extend(claims::nobodys(network).into_iter().map(IpNetwork::from));
    let tracked = network.stateful == Stateful::Conntrack;
    Leasing { network: network.number, tracked, parties, relays: Vec::new(), reserved }
}

/// Compiles the checks at each port whose address is leased, and the lookup of the party at an
/// address's port. The lease flows decide which packets may use the address.
pub(in crate::compile) fn compile(
    out: &mut ProgramBuilder<'_>,
    sites: &AttachmentPoints<'_>,
    sets: &PartySets<'_>,
) {
    let leased = |site: &AttachmentPoint<'_>| {
        AddressFamily::BOTH.into_iter().any(|family| site.leased(family).next().is_some())
    };
    for (place, site) in sites.all.iter().enumerate().filter(|(_, site)| leased(site)) {
        let Some(value) = site.port.and_then(layout::port_value) else { continue };
        let member = vec![mark(layout::mark_bit(layout::TO_MEMBER))];
        let mut named = member.clone();
        named.extend(sets.of_site(place).iter().map(|set| mark(layout::to_set(*set))));
        let matches = FlowMatch::any().with(layout::NETWORK, sites.network.number.into());
        let matches = matches.with(OUT_PORT, value.into());
        let by_lease = "by its lease".to_owned();
        let mut all = vec![(layout::WIRE, matches.clone(), named.clone(), LeasedPackets::All, by_lease)];
        // Parties that resolve the address find it. Rules that name the party reach it at the
        // addresses that the file gives.
        let unnamed = [member, vec![mark(layout::mark_bit(layout::UNNAMED))]].concat();
        for family in AddressFamily::BOTH {
            if !site.is_unnamed_by_lease() || site.leased(family).next().is_none() {
                continue;
            }
            let also = |m: FlowMatch| {
                m.iter().fold(matches.clone(), |all, (f, b)| all.with_masked(f, b.value, b.mask))
            };
            let how = format!("by its lease, as a member alone, {}", family.label());
            let packets = LeasedPackets::ToMember { family };
            all.push((layout::WIRE + 1, also(family.matches()), unnamed.clone(), packets, how));
            for kind in [icmpv6::NEIGHBOUR_SOLICITATION, icmpv6::NEIGHBOUR_ADVERTISEMENT]
                .into_iter()
                .filter(|_| family == AddressFamily::V6)
            {
                let how = format!("by its lease, ND of type {kind}");
                let packets = LeasedPackets::NeighbourDiscovery { icmp_type: kind };
                all.push((layout::WIRE + 2, also(address::nd(kind)), named.clone(), packets, how));
            }
        }
        for (priority, matches, found, packets, how) in all {
            let detail = format!("{} at {}, {how}", site.party, site.port_name);
            let identity = FlowIdentity::LeasedAddress { at: sites.attachment(site), packets };
            let asked = FlowSpec::new(identity, detail);
            out.flow(OWNERS, priority, matches, vec![Instruction::ApplyActions(found)], asked);
        }
    }
}

/// Compiles the table misses.
pub(in crate::compile) fn common(out: &mut ProgramBuilder<'_>) {
    let detail = "an address that no lease gives the sender";
    let any = FlowMatch::any;
    let identity = FlowIdentity::TableMiss { table: LEASES };
    out.drop(LEASES, layout::DEFAULT, any(), identity, Reason::NotLeased, detail);
    for (table, detail) in [(HOLDERS, "nobody has a lease of it"), (OWNERS, "nobody by a lease")] {
        let asked = FlowSpec::new(FlowIdentity::TableMiss { table }, detail);
        out.flow(table, layout::DEFAULT, any(), Vec::new(), asked);
    }
}

/// Returns the actions that find a leased address.
pub(in crate::compile) fn look_up() -> [Action; 2] {
    [resubmit(HOLDERS), resubmit(OWNERS)]
}

// --- packets for the controller ----------------------------------------------------------------

/// The first number of the DHCP meters, which are numbered by port.
const METERS: u32 = 2_000;
/// The packets per second of one interface, and of a port with many interfaces behind it.
const RATES: (u32, u32) = (20, 500);

/// Returns the instructions of a relayed flow.
pub(in crate::compile) fn show(port: PortNo) -> Vec<Instruction> {
    let to = ToController { max_len: u16::MAX, meter: Some(meter_of(port).0), ..ToController::default() };
    vec![Instruction::ApplyActions(vec![Action::Controller(Box::new(to))])]
}

/// Returns the meter of a port: a client that floods the controller stops only its own requests.
fn meter_of(port: PortNo) -> MeterId {
    MeterId(METERS + port.to_u16().map_or(0, |port| u32::from(port % 60_000)))
}

impl Program {
    /// Returns the networks that use DHCP.
    pub fn leasings(&self) -> impl Iterator<Item = &Leasing> {
        self.parts.iter().filter_map(|part| part.leasing.as_ref())
    }

    /// Returns the meters that the program's flows name. For each, the first message adds the
    /// meter, and a switch that has it refuses the message. The second one changes it. In this
    /// order they leave the meter correct.
    pub fn relay_meters(&self) -> Vec<[MeterMod; 2]> {
        let mut all = std::collections::BTreeMap::new();
        for leasing in self.leasings() {
            for from in leasing.relays.iter().filter_map(|relay| leasing.parties.get(relay.from)) {
                let rate = all.entry(meter_of(from.port).0).or_insert(0);
                *rate = RATES.0.max(*rate).max(if from.single { 0 } else { RATES.1 });
            }
        }
        let meter = |(id, rate): (u32, u32)| {
            [MeterModCommand::Add, MeterModCommand::Modify].map(|command| MeterMod {
                command,
                flags: METER_PKTPS,
                meter_id: MeterId(id),
                bands: vec![MeterBand { rate, burst_size: 0, kind: MeterBandType::Drop }],
            })
        };
        all.into_iter().map(meter).collect()
    }

    /// Removes the DHCP meters, for a switch without meters.
    pub fn unmeter_relays(&mut self) {
        for part in &mut self.parts {
            if part.leasing.as_ref().is_some_and(|leasing| !leasing.relays.is_empty()) {
                let part = std::sync::Arc::make_mut(part);
                let relays = part.leasing.iter().flat_map(|leasing| &leasing.relays);
                let cookies: std::collections::HashSet<Cookie> = relays.map(|relay| relay.cookie).collect();
                for flow in part.flows.iter_mut().filter(|flow| cookies.contains(&flow.cookie)) {
                    let to = ToController { max_len: u16::MAX, ..ToController::default() };
                    let action = Action::Controller(Box::new(to));
                    flow.instructions = vec![Instruction::ApplyActions(vec![action])];
                }
            }
        }
    }

    /// Returns the program with the controller's relaying as flows of the switch: DHCP goes to all
    /// permitted receivers.
    #[must_use]
    pub fn relayed(mut self) -> Self {
        for part in &mut self.parts {
            let Some(leasing) = part.leasing.clone() else { continue };
            let part = std::sync::Arc::make_mut(part);
            for relay in &leasing.relays {
                let to = relay.to.iter().filter_map(|place| leasing.parties.get(*place));
                let actions: Vec<Action> = to.flat_map(|party| party.emit.iter().cloned()).collect();
                for flow in part.flows.iter_mut().filter(|flow| flow.cookie == relay.cookie) {
                    flow.instructions = vec![Instruction::ApplyActions(actions.clone())];
                }
            }
        }
        self
    }

    /// Returns the program with the joint work of switch and controller as flows of the switch
    /// alone. DHCP goes to all permitted receivers. Each party that DHCP gives an address has one,
    /// with the MAC `mac` if the file pins none. Used by checks without a switch.
    pub fn with_leases(self, mac: [u8; 6]) -> (Self, Vec<Lease>) {
        let mut this = self.relayed();
        let mut leases = Vec::new();
        for part in &mut this.parts {
            let Some(leasing) = part.leasing.clone() else { continue };
            let part = std::sync::Arc::make_mut(part);
            let had = leases.len();
            leasing.possible(mac, &mut leases);
            part.flows.extend(leases.iter().skip(had).flat_map(Lease::flows));
        }
        (this, leases)
    }
}

impl Leasing {
    /// Adds a lease for each party that may have one, with distinct addresses.
    fn possible(&self, mac: [u8; 6], leases: &mut Vec<Lease>) {
        /// The range of offsets in which an address is searched.
        const TRIES: std::ops::Range<u32> = 77..2_077;
        let there = |party: &&LeaseParty| party.port != PortNo::ANY;
        for party in self.parties.iter().filter(there) {
            for subnet in &party.leases {
                let nth = |n: u32| match subnet {
                    IpNetwork::V4(v4) => {
                        let host = n & !v4.mask().to_bits();
                        IpAddr::from((v4.network().to_bits() | host).to_be_bytes())
                    }
                    IpNetwork::V6(v6) => {
                        let host = u128::from(n) & !v6.mask().to_bits();
                        IpAddr::from((v6.network().to_bits() | host).to_be_bytes())
                    }
                };
                let free =
                    |a: &IpAddr| self.may_lease(party, *a) && !leases.iter().any(|l: &Lease| l.address == *a);
                let Some(address) = TRIES.map(nth).find(free) else { continue };
                leases.push(Lease {
                    network: self.network,
                    address,
                    mac: address.is_ipv4().then(|| party.mac.unwrap_or(mac)),
                    port: party.port,
                    party: party.tag(),
                    ends: FOREVER,
                });
            }
        }
    }
}
