//! IPv6 addresses that hosts obtain. Each belongs to the port that has it, whichever port sends
//! from it or about it.
//!
//! One flow in [`HOLDERS`] holds the port of an address. Admission looks up the address that a
//! packet is from. For duplicate address detection and advertisements it looks up the address that
//! the packet is about. Table 4 looks up the destination address. A host can obtain an address in
//! two ways:
//!
//! - **DHCPv6**: the controller writes the flow before the client knows of its address
//!   ([`lease`](super::lease)).
//! - **First come, first served** (as in RFC 6620), where a router of the network may advertise
//!   itself, so that hosts autoconfigure their addresses (RFC 4862, RFC 8981). The first packet
//!   from an address, or about it, makes the switch learn the flow. Duplicate address detection
//!   does so before the address is used. Data does as well: a host that has its address already
//!   goes on. No controller takes part.
//!
//! A lease takes precedence over a first use, so no host can take an address before the server
//! gives it. Packets of the port that has the address renew the learned flow, and nothing else
//! does. The flow outlasts all that is learned for the address. So the next owner of the address
//! receives no answers that are meant for another.
//!
//! A port has a limited number of learned addresses ([`PER_PORT`]). One more waits until another
//! was silent for [`LASTS`] seconds, or until the controller removes an idle one. A gateway's
//! address and a subnet's first address, that of its routers (RFC 4291 §2.6.1), can be claimed by
//! no host. A probe for an address that another port has goes to that port, which then defends it.
//! The probe claims nothing.
//!
//! | table | name | does |
//! |---|---|---|
//! | 20 | claims | has the port the address, or does it get it now |
//! | 21 | claimed | on with the packet, if so; of an advertisement the second address |

use std::net::{IpAddr, Ipv6Addr};

use flow_model::{Flow, FlowMatch};
use ipnetwork::IpNetwork;
use ofproto::action::{Action, LEARN_DELETE_LEARNED, LEARN_WRITE_RESULT, Learn, Subfield};
use ofproto::instruction::Instruction;
use ofproto::message::{FlowMod, FlowModCommand};
use ofproto::oxm::Field;
use ofproto::{Cookie, ethertype, icmpv6};

use crate::compile::input::attachment_point::AttachmentPoints;
use crate::compile::input::rule_parties::with_bit;
use crate::compile::input::scope::Scopes;
use crate::compile::output::program::{FlowSpec, ProgramBuilder, apply_and_goto, load, mark, resubmit};
use crate::compile::tables::neighbour_discovery::probe;
use crate::compile::tables::returns::{back_to_port, constant, copied};
use crate::compile::tables::sender::{AdmittedSender, at};
use crate::compile::vocabulary::address::AddressFamily;
use crate::compile::vocabulary::identity::{ClaimState, FlowIdentity};
use crate::compile::vocabulary::layout::{
    BY_LEASE, CLAIMED, CLAIMS, HAS_IT, HOLDERS, MARKS, NETWORK, OUT_PORT, RETURNS, SPEAKS, WANTED,
};
use crate::compile::vocabulary::origin::Reason;
use crate::compile::vocabulary::{address, layout};
use crate::network::Network;

/// The number of addresses that a port may learn in each of its networks.
pub const PER_PORT: u32 = 64;
/// The priority of learned flows, below that of leases.
pub const PRIORITY: u16 = 50;
/// Seconds for which a silent port keeps an address: a minute longer than any other learned flow
/// lasts.
pub const LASTS: u16 = 7_560;

/// Returns the actions that look up the port of the address in a field.
pub(in crate::compile) fn look_up(field: Field) -> Vec<Action> {
    let words = WANTED.iter().zip([96, 64, 32, 0]);
    let word = |(dst, ofs): (&Field, u16)| Action::Move {
        src: Subfield { field, ofs, n_bits: 32 },
        dst: Subfield::whole(*dst),
    };
    words.map(word).chain([resubmit(HOLDERS)]).collect()
}

impl AdmittedSender<'_, '_> {
    /// Returns the sender whose packets pass if its port has the address in a field, or obtains it
    /// by them.
    pub(in crate::compile) fn claiming(&self, field: Field) -> Self {
        self.by_way_of(look_up(field), CLAIMS)
    }
}

/// Adds an address in the lookup registers to a match.
pub(in crate::compile) fn wanted(matches: FlowMatch, address: u128) -> FlowMatch {
    let words = WANTED.iter().zip([96, 64, 32, 0]);
    words.fold(matches, |matches, (field, shift)| matches.with(*field, address >> shift & 0xffff_ffff))
}

/// Returns the address of a match that [`wanted`] made.
pub(in crate::compile) fn is_wanted(matches: &FlowMatch) -> Option<Ipv6Addr> {
    let words = WANTED.iter().zip([96, 64, 32, 0]);
    let bits = words.map(|(field, shift)| Some(matches.exact(*field)? << shift));
    bits.reduce(|all, word| Some(all? | word?)).flatten().map(Ipv6Addr::from_bits)
}

/// Deletes the learned flow of an address that is now leased.
pub fn unclaim(network: u16, address: Ipv6Addr) -> FlowMod {
    let matches = AddressFamily::V6.matches().with(NETWORK, network.into());
    let flow = Flow::new(HOLDERS, PRIORITY, wanted(matches, address.to_bits()));
    flow.to_flow_mod(FlowModCommand::DeleteStrict)
}

/// Compiles the claims that the ports of a network may make.
pub(in crate::compile) fn compile(out: &mut ProgramBuilder<'_>, sites: &AttachmentPoints<'_>) {
    let network = sites.network;
    let on = || AddressFamily::V6.matches().with(NETWORK, network.number.into());
    let mut all = sites.all.iter().filter(|site| site.leased(AddressFamily::V6).next().is_some()).peekable();
    if all.peek().is_some() {
        for address in nobodys(network) {
            let IpAddr::V6(v6) = address else { continue };
            let detail = format!("{address} of {}: a gateway's, or nobody's", network.name);
            let address = address::v6_host(v6);
            let identity = FlowIdentity::UnclaimableAddress { network: &network.name, address };
            out.drop(CLAIMS, 50, wanted(on(), v6.to_bits()), identity, Reason::NotLeased, detail);
        }
    }
    for site in all {
        let Some((port, value)) = site.port.and_then(|port| Some((port, layout::port_value(port)?))) else {
            continue;
        };
        let here = at(port, on());
        let asked = |state, what: &str| {
            let detail = format!("{} at {} on {}: {what}", site.party, site.port_name, network.name);
            let identity = FlowIdentity::Claim { at: sites.attachment(site), state };
            FlowSpec::new(identity, detail).of(site.party)
        };
        let its = here.clone().with(OUT_PORT, value.into());
        let leased = with_bit(its.clone(), MARKS, BY_LEASE);
        let has_it = vec![mark(layout::mark_bit(HAS_IT))];
        let by_lease = asked(ClaimState::Leased, "an address that it leased");
        out.flow(CLAIMS, 40, leased, apply_and_goto(has_it, CLAIMED), by_lease);
        if !sites.autoconfigured {
            continue;
        }
        let unheld = || load(OUT_PORT, 0);
        let again = vec![Instruction::ApplyActions(vec![unheld(), resubmit(CLAIMS)])];
        out.flow(CLAIMS, 30, its, again, asked(ClaimState::Held, "an address that it has"));
        let first = asked(ClaimState::Unheld, "an address that no port has");
        let learn = vec![claim(out.cookie(&first))];
        out.flow(CLAIMS, 20, here.clone().with(OUT_PORT, 0), apply_and_goto(learn, CLAIMED), first);
        let asks = probe().iter().fold(here, |m, (field, bits)| m.with_masked(field, bits.value, bits.mask));
        let on = vec![Instruction::ApplyActions(vec![unheld(), resubmit(RETURNS)])];
        out.flow(CLAIMS, 10, asks, on, asked(ClaimState::Probe, "whether another port has an address"));
    }
}

/// Returns the learn action for an address that no port has.
fn claim(cookie: Cookie) -> Action {
    let mut specs = vec![constant(Subfield::whole(Field::EthType), ethertype::IPV6.into())];
    specs.extend([NETWORK].into_iter().chain(WANTED).map(|field| copied(field, field)));
    specs.extend(back_to_port(0));
    Action::Learn(Box::new(Learn {
        idle_timeout: 0,
        hard_timeout: LASTS,
        priority: PRIORITY,
        cookie,
        flags: LEARN_DELETE_LEARNED | LEARN_WRITE_RESULT,
        table: HOLDERS,
        fin_idle_timeout: 0,
        fin_hard_timeout: 0,
        limit: PER_PORT,
        result_dst: Some(layout::mark_bit(HAS_IT)),
        specs,
    }))
}

/// Returns whether any party on the bridge obtains IPv6 addresses.
fn are_claimed(scopes: &Scopes<'_>) -> bool {
    scopes
        .all
        .iter()
        .flat_map(|scope| &scope.sites)
        .any(|site| site.leased(AddressFamily::V6).next().is_some())
}

/// Compiles the flows that the networks of a bridge share.
pub(in crate::compile) fn common(out: &mut ProgramBuilder<'_>, scopes: &Scopes<'_>) {
    if !are_claimed(scopes) {
        return;
    }
    for (table, detail) in [
        (CLAIMS, "an IPv6 address that another port has, or that nobody gave"),
        (CLAIMED, "more IPv6 addresses than a port may have"),
    ] {
        let (identity, reason) = (FlowIdentity::TableMiss { table }, Reason::NotLeased);
        out.drop(table, layout::DEFAULT, FlowMatch::any(), identity, reason, detail);
    }
    let has_it = |matches| with_bit(matches, MARKS, HAS_IT);
    let clear = |bit| Action::Load { dst: layout::mark_bit(bit), value: 0 };
    let mut again = vec![load(OUT_PORT, 0), clear(HAS_IT), clear(SPEAKS)];
    again.extend(look_up(Field::NdTarget));
    again.push(resubmit(CLAIMS));
    let speaks = with_bit(has_it(address::nd(icmpv6::NEIGHBOUR_ADVERTISEMENT)), MARKS, SPEAKS);
    let detail = "from an address of its port: what it is about";
    let about = FlowSpec::new(FlowIdentity::ClaimOfTarget, detail);
    out.flow(CLAIMED, 20, speaks, vec![Instruction::ApplyActions(again)], about);
    let on = vec![Instruction::ApplyActions(vec![load(OUT_PORT, 0), resubmit(RETURNS)])];
    let passed = FlowSpec::new(FlowIdentity::ClaimPassed, "of an address of its port");
    out.flow(CLAIMED, 10, has_it(FlowMatch::any()), on, passed);
}

/// Returns the addresses of a network that no host may claim. These are its gateways' addresses,
/// the addresses that mean a whole subnet, and in IPv6 the routers' anycast address (RFC 4291
/// §2.6.1).
pub(in crate::compile) fn nobodys(network: &Network) -> Vec<IpAddr> {
    let mut all = network.gateway.clone();
    for subnet in &network.subnets {
        match subnet {
            IpNetwork::V4(v4) if v4.prefix() < 31 => {
                all.extend([v4.network(), v4.broadcast()].map(IpAddr::from));
            }
            IpNetwork::V6(v6) if v6.prefix() < 127 => all.push(v6.network().into()),
            _ => {}
        }
    }
    all
}
