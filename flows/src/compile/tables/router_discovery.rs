//! Router discovery (RFC 4861 §6) and multicast listeners (RFC 3810). Routers advertise themselves
//! to the parties that a rule joins to them. These parties solicit routers and report the groups
//! that they listen to.
//!
//! No group is forwarded to its listeners alone. A report therefore serves only a router, or
//! members that may talk freely and track groups themselves. Queries come from a router, or from
//! such a member. Without either, all these messages are dropped as background traffic of hosts.

use std::net::Ipv6Addr;

use flow_model::FlowMatch;
use ofproto::instruction::Instruction;
use ofproto::oxm::Field;
use ofproto::{icmpv6, ip_protocol};

use crate::compile::input::attachment_point::{AttachmentKind, AttachmentPoints};
use crate::compile::output::program::{FlowSpec, ProgramBuilder, load};
use crate::compile::tables::sender::AdmittedSender;
use crate::compile::vocabulary::address::{AddressFamily, AddressRange};
use crate::compile::vocabulary::identity::{AdmittedPackets, FlowIdentity};
use crate::compile::vocabulary::layout::{DESTINATION, HoldRank, NEIGHBOURS, ROUTERS, by_prefix};
use crate::compile::vocabulary::{address, layout};
use crate::network::Inside;

const LISTENER_QUERY: u8 = 130;
/// Report, done, and report of version 2 (RFC 2710, RFC 3810).
const LISTENER_REPORTS: [u8; 3] = [131, 132, 143];

fn icmp(kind: u8) -> FlowMatch {
    let icmp = AddressFamily::V6.matches().with(Field::IpProto, ip_protocol::ICMPV6.into());
    icmp.with(Field::Icmpv6Type, kind.into())
}

/// Returns the all-routers address of the link (RFC 4291 §2.7.1).
fn all_routers() -> AddressRange {
    address::v6_host(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2))
}

fn groups() -> AddressRange {
    address::v6(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8)
}

/// The receivers of a message on the network.
#[derive(Debug, Clone, Copy)]
pub(in crate::compile) struct AdvertisementReceivers {
    routers: bool,
    free: bool,
}

impl AdvertisementReceivers {
    pub(in crate::compile) fn of(sites: &AttachmentPoints<'_>) -> Self {
        let routers = sites.all.iter().any(|site| site.router);
        Self { routers, free: sites.network.inside == Inside::Allow }
    }
}

/// Admits the messages that an attachment point may send.
pub(in crate::compile) fn admit(
    out: &mut ProgramBuilder<'_>,
    sender: &AdmittedSender<'_, '_>,
    hearers: AdvertisementReceivers,
) {
    let site = sender.site;
    let link_locals = site.link_locals;
    let alone = site.link_local.filter(|address| *address != link_locals);
    let own = || alone.into_iter().chain([link_locals]);
    let unset = address::v6_host(Ipv6Addr::UNSPECIFIED);
    let mut pass = |priority, kind, from: AddressRange, to: AddressRange, what: &str| {
        let matches = to.on(from.on(icmp(kind), Field::Ipv6Src), Field::Ipv6Dst);
        let sender = sender.marked(site.link_local == Some(from));
        let matches = sender.pin(matches);
        sender.pass(out, priority, matches, admitted(kind, from), &format!("{what} from {from}"));
    };
    let here = |range: AddressRange| by_prefix(range.length(), HoldRank::Owner);
    if hearers.routers {
        for from in own().chain([unset]) {
            pass(here(from), icmpv6::ROUTER_SOLICITATION, from, all_routers(), "router solicitations");
        }
    }
    let free = hearers.free && site.kind == AttachmentKind::Endpoint;
    if free || hearers.routers {
        for kind in LISTENER_REPORTS {
            for from in [link_locals, unset] {
                pass(here(from), kind, from, groups(), &format!("listener reports of type {kind}"));
            }
        }
    }
    if free || site.router {
        pass(here(link_locals), LISTENER_QUERY, link_locals, groups(), "listener queries");
    }
    if site.router {
        let anybody = AddressRange::all(AddressFamily::V6);
        pass(layout::ROUTER, icmpv6::ROUTER_ADVERTISEMENT, link_locals, anybody, "router advertisements");
    }
}

fn admitted(icmp_type: u8, source: AddressRange) -> AdmittedPackets {
    match icmp_type {
        icmpv6::ROUTER_SOLICITATION => AdmittedPackets::RouterSolicitation { source },
        icmpv6::ROUTER_ADVERTISEMENT => AdmittedPackets::RouterAdvertisement { source },
        LISTENER_QUERY => AdmittedPackets::ListenerQuery { source },
        report => AdmittedPackets::ListenerReport { icmp_type: report, source },
    }
}

/// Finds the receivers by the type of the message, whatever its destination address.
pub(in crate::compile) fn destination(out: &mut ProgramBuilder<'_>, sites: &AttachmentPoints<'_>) {
    let network = sites.network;
    let hearers = AdvertisementReceivers::of(sites);
    if !hearers.routers && !hearers.free {
        return;
    }
    let reports = LISTENER_REPORTS.map(|kind| (kind, groups(), ROUTERS, "routers"));
    let to_all = [
        (icmpv6::ROUTER_SOLICITATION, all_routers(), ROUTERS, "routers"),
        (icmpv6::ROUTER_ADVERTISEMENT, AddressRange::all(AddressFamily::V6), NEIGHBOURS, "all neighbours"),
        (LISTENER_QUERY, groups(), NEIGHBOURS, "all neighbours"),
    ];
    for (kind, to, whom, who) in reports.into_iter().chain(to_all) {
        // Messages of routers have a link-local source (RFC 4861 §4.2, RFC 2710 §3).
        let from_router = matches!(kind, icmpv6::ROUTER_ADVERTISEMENT | LISTENER_QUERY);
        let from = if from_router { address::link_local() } else { AddressRange::all(AddressFamily::V6) };
        let matches = from
            .on(to.on(icmp(kind), Field::Ipv6Dst), Field::Ipv6Src)
            .with(layout::NETWORK, network.number.into());
        let detail = format!("ICMPv6 of type {kind}, within {}: {who}", network.name);
        let identity = FlowIdentity::RouterDiscovery { network: &network.name, icmp_type: kind };
        let asked = FlowSpec::new(identity, detail);
        let actions = vec![Instruction::ApplyActions(vec![load(layout::OUT_PORT, whom.into())])];
        out.flow(DESTINATION, layout::RESOLUTION, matches, actions, asked);
    }
}
