//! Which learned flows a program accounts for: those that some packet would teach it, and after a change of the file no others.

use std::cell::Cell;
use std::net::{IpAddr, Ipv6Addr};

use flows::Flow;
use flows::compile::Program;
use flows::compile::layout::{FIRST_FRAGMENTS, LATER_FRAGMENTS, RELATED, UNTRACKED};
use flows::network::NetworkFile;
use flows::runtime::return_flows::{LearnedFlowJudge, Learners};
use flows::verify::interp::{Packet, Pipeline};
use ipnetwork::IpNetwork;
use ofproto::PortNo;
use ofproto::oxm::Field;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::support::changes::{Change, State, change};
use crate::support::packets::{Choices, PEER, Probe, packet, probe};
use crate::support::{Compiled, MIXED, SHIPPED, file, random};
use crate::verdict::{Content, Discovery, Frame, What};

/// What was said, and what the switch learned of it.
struct PacketFacts {
    at: PortNo,
    frame: Frame,
    learned: Vec<Flow>,
}

fn said(frame: Frame, fragment: bool) -> Packet {
    if fragment { packet(frame).fragment(false) } else { packet(frame) }
}

/// Whether there are first fragments of it that the pipeline tells from others.
fn comes_in_fragments(frame: &Frame) -> bool {
    matches!(frame.what, What::Ip { content, .. } if !matches!(content, Content::Later(_) | Content::OtherIcmp(_)))
}

/// Whether a learned flow says little of the packet that taught it: neither protocol nor port. Where a pipeline is large the
/// judge may not find such a packet within its steps, and the flow goes too soon. It never stays too long.
fn is_vague(flow: &Flow) -> bool {
    [RELATED, FIRST_FRAGMENTS, LATER_FRAGMENTS, UNTRACKED].contains(&flow.table)
}

fn pipeline(program: &Program) -> Pipeline {
    Pipeline::new(program.flows().cloned().collect()).nx_match()
}

fn number(state: &State, bridge: usize, port: &str) -> Option<PortNo> {
    if port == "LOCAL" { Some(PortNo::LOCAL) } else { state.ports[bridge].get(port).copied() }
}

/// Lets everybody speak who may, and asks that the program accounts for whatever that taught.
fn speak(state: &State, bridge: usize, program: &Program, probes: &[Probe]) -> Vec<PacketFacts> {
    let choices = Choices::new(&state.file, &state.file.bridges[bridge].name);
    let (pipeline, judge) = (pipeline(program), LearnedFlowJudge::new(&program.parts));
    let mut all = Vec::new();
    for probe in probes {
        if !choices.speaks() {
            continue;
        }
        let (port, frame) = probe.on(&choices);
        let Some(at) = number(state, bridge, &port) else { continue };
        for fragment in [false, true] {
            if fragment && !comes_in_fragments(&frame) {
                continue;
            }
            let learned = pipeline.run(at, &said(frame, fragment)).learned;
            for flow in &learned {
                let accounts = judge.accounts_for(flow).is_some();
                assert!(
                    accounts || is_vague(flow),
                    "{frame:?} at {port}, fragment {fragment}, taught {flow:?}"
                );
            }
            if !learned.is_empty() {
                all.push(PacketFacts { at, frame, learned });
            }
        }
    }
    all
}

/// What else may have taught the same: the MACs and the tag are whatever the file wants, and where the flow does not say it
/// who said what to whom.
fn alike<'c>(one: &PacketFacts, flow: &Flow, choices: &'c Choices) -> impl Iterator<Item = Packet> + 'c {
    let mut frames = vec![one.frame];
    if let What::Ip { src, dst, content } = one.frame.what {
        let v6 = src.is_ipv6();
        let [from, to] = if v6 { [Field::Ipv6Src, Field::Ipv6Dst] } else { [Field::Ipv4Src, Field::Ipv4Dst] };
        let any = |says: Field, address| match flow.matches.field(says) {
            Some(_) => vec![address],
            None => choices.addresses(v6).to_vec(),
        };
        let portless = [RELATED, LATER_FRAGMENTS].contains(&flow.table);
        let contents = if portless { choices.contents() } else { vec![content] };
        for (src, dst) in
            any(to, src).into_iter().flat_map(|s| any(from, dst).into_iter().map(move |d| (s, d)))
        {
            let frame = |content| Frame { what: What::Ip { src, dst, content }, ..one.frame };
            frames.extend(contents.iter().copied().map(frame));
        }
    }
    // Whatever a host sends from an address, or says of it, makes the address its port's.
    if let What::Discovery(d) = one.frame.what {
        let links = choices.addresses(true).iter().filter_map(|address| match address {
            IpAddr::V6(v6) if v6.is_unicast_link_local() => Some(*v6),
            _ => None,
        });
        let links: Vec<Ipv6Addr> = links.collect();
        for about in [d.src, d.target] {
            for &src in links.iter().chain([&about]) {
                let advert = Discovery { advert: true, src, target: about, ..d };
                frames.push(Frame { what: What::Discovery(advert), ..one.frame });
            }
            let content = Content::Tcp(9);
            let data = What::Ip { src: about.into(), dst: d.dst.into(), content };
            frames.push(Frame { what: data, ..one.frame });
            let asks = Discovery { advert: false, src: about, target: d.target, ..d };
            frames.push(Frame { what: What::Discovery(asks), ..one.frame });
        }
    }
    let fragments = [false, true];
    let worn = |frame| choices.worn(frame);
    let towards = |frame: Frame| {
        let macs = choices.macs().iter().copied().chain([frame.eth_dst]);
        macs.map(move |eth_dst| Frame { eth_dst, ..frame })
    };
    let all = frames.clone().into_iter().chain(frames.into_iter().flat_map(worn).flat_map(towards));
    all.flat_map(move |frame| fragments.into_iter().map(move |fragment| said(frame, fragment)))
}

/// The same flow, of whichever rule.
fn same(a: &Flow, b: &Flow) -> bool {
    (a.table, &a.matches, &a.instructions) == (b.table, &b.matches, &b.instructions)
}

/// After the changes a flow is accounted for if its learner is there as it was and a packet would teach it, and not otherwise.
fn judged(mut state: State, changes: &[Change], probes: &[Probe], seen: &Cell<[usize; 2]>) {
    let before = state.after(&[]);
    let all: Vec<Vec<PacketFacts>> =
        before.iter().enumerate().map(|(n, program)| speak(&state, n, program, probes)).collect();
    let bridges = state.file.bridges.len();
    let of_file = |file: &NetworkFile| -> Vec<IpAddr> {
        let plugs = file.endpoints.iter().flat_map(|endpoint| &endpoint.attachments);
        plugs.flat_map(|plug| &plug.shared).map(|shared| shared.address).collect()
    };
    let mut shared = of_file(&state.file);
    changes.iter().for_each(|change| state.make(change));
    assert_eq!(state.file.bridges.len(), bridges);
    shared.extend(of_file(&state.file));
    let plugs = state.file.endpoints.iter().flat_map(|endpoint| &endpoint.attachments);
    let networks = plugs.filter(|plug| plug.leased).filter_map(|plug| state.file.network(&plug.network));
    let leased: Vec<IpNetwork> = networks.flat_map(|network| network.subnets.clone()).collect();
    for (bridge, after) in state.after(&before).iter().enumerate() {
        let choices = Choices::new(&state.file, &state.file.bridges[bridge].name);
        let (pipeline, judge) = (pipeline(after), LearnedFlowJudge::new(&after.parts));
        let learners = Learners::of(after.flows());
        for one in &all[bridge] {
            // Nothing goes out where it came in: what somebody taught by speaking to itself leads nowhere.
            if matches!(one.frame.what, What::Ip { src, dst, .. } if src == dst) {
                continue;
            }
            // What is taught of a shared address depends on who holds it, which no single packet shows.
            if matches!(one.frame.what, What::Ip { src, dst, .. } if shared.contains(&src) || shared.contains(&dst))
            {
                continue;
            }
            for flow in &one.learned {
                let live = learners.accounts_for(flow).is_some();
                let taught = |packet: &Packet| {
                    pipeline.run(one.at, packet).learned.iter().any(|other| same(other, flow))
                };
                let expected = live && alike(one, flow, &choices).any(|packet| taught(&packet));
                let accounts = judge.accounts_for(flow).is_some();
                // The judge knows that any address of these may be leased; the packets that are tried have a lease or two.
                let leasable = |ip: &IpAddr| leased.iter().any(|subnet| subnet.contains(*ip));
                let by_lease =
                    matches!(&one.frame.what, What::Ip { src, dst, .. } if leasable(src) || leasable(dst));
                if expected && is_vague(flow) || !expected && by_lease {
                    continue;
                }
                assert_eq!(accounts, expected, "{:?} taught {flow:#?}\n{changes:?}", one.frame);
                let mut counts = seen.get();
                counts[usize::from(accounts)] += 1;
                seen.set(counts);
            }
        }
    }
}

fn config() -> ProptestConfig {
    // The same files each time; others by PROPTEST_RNG_SEED.
    let seed = std::env::var("PROPTEST_RNG_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    ProptestConfig {
        cases: ProptestConfig::default().cases.max(64),
        rng_seed: RngSeed::Fixed(seed),
        ..ProptestConfig::default()
    }
}

/// Asks for many files, and that both outcomes were among the answers.
fn for_many(files: impl Strategy<Value = Option<NetworkFile>>) {
    let seen = Cell::new([0, 0]);
    let changes = prop::collection::vec(change(), 0..5);
    let probes = prop::collection::vec(probe(), 150);
    let mut runner = proptest::test_runner::TestRunner::new(config());
    let outcome = runner.run(&(files, changes, probes), |(file, changes, probes)| {
        if let Some(file) = file {
            judged(State::new(file), &changes, &probes, &seen);
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    assert!(seen.get().iter().all(|n| *n > 50), "{:?}: of one kind there were too few", seen.get());
}

#[test]
fn a_shipped_file_after_changes_accounts_for_what_may_arise() {
    let files: Vec<NetworkFile> = SHIPPED.iter().map(|(_, text)| *text).chain([MIXED]).map(file).collect();
    for_many(any::<prop::sample::Index>().prop_map(move |which| Some(which.get(&files).clone())));
}

#[test]
fn any_file_after_changes_accounts_for_what_may_arise() {
    for_many(random::plan().prop_map(|plan| plan.text().map(|text| file(&text))));
}

#[test]
fn what_was_learned_of_a_leased_address_counts_both_ways() {
    let rule = |from: &str, to: &str| {
        format!(
            "[[allow]]\nname = \"{from}\"\nfrom = \"{from}\"\nto = \"{to}\"\nprotocol = \"tcp\"\nports = [80]\n"
        )
    };
    let text = "[network.n]\nbridge = \"br0\"\nsubnets = [\"10.0.0.0/24\"]\n\
         [endpoint.x]\nattach = [{ network = \"n\", port = \"x\", leased = true }]\n\
         [endpoint.y]\nattach = [{ network = \"n\", port = \"y\", addresses = [\"10.0.0.2\"] }]\n";
    let on =
        Compiled::new(file(&[text, &rule("x", "y"), &rule("y", "x")].concat()), "br0", Default::default());
    let (judge, leased, own) =
        (LearnedFlowJudge::new(&on.program.parts), on.leases[0].address, "10.0.0.2".parse().unwrap());
    for (at, src, dst) in [("x", leased, own), ("y", own, leased)] {
        let what = What::Ip { src, dst, content: Content::Tcp(80) };
        let frame = Frame { vlan: None, eth_src: PEER, eth_dst: PEER, what };
        let learned = on.pipeline.run(on.ports[at], &packet(frame)).learned;
        assert!(!learned.is_empty(), "{at}");
        assert!(learned.iter().all(|flow| judge.accounts_for(flow).is_some()), "{at}: {learned:?}");
    }
}

/// An address that a host uses first is its port's as long as the file lets the port have it, and nobody else's.
#[test]
fn an_address_that_was_used_first_is_accounted_for_while_its_port_may_have_it() {
    let text = "[network.n]\nbridge = \"br0\"\nsubnets = [\"fd00::/64\"]\n\
         [endpoint.x]\nattach = [{ network = \"n\", port = \"x\", leased = true }]\n\
         [endpoint.y]\nattach = [{ network = \"n\", port = \"y\", leased = true }]\n\
         [endpoint.r]\nattach = [{ network = \"n\", port = \"r\", addresses = [\"fd00::9\"], router = true }]\n\
         [[allow]]\nname = \"r\"\nfrom = [\"x\", \"y\"]\nto = \"r\"\nprotocol = \"tcp\"\nports = [80]\n";
    let on = |text: &str| Compiled::new(file(text), "br0", Default::default());
    let (used, to) = ("fd00::1234".parse().unwrap(), "fd00::9".parse().unwrap());
    let what = What::Ip { src: used, dst: to, content: Content::Tcp(80) };
    let frame = packet(Frame { vlan: None, eth_src: PEER, eth_dst: PEER, what });
    let now = on(text);
    let mut pipeline = now.pipeline.clone();
    let learned = pipeline.run(now.ports["x"], &frame).learned;
    let binding = |flow: &&flows::Flow| flow.table == flows::compile::layout::HOLDERS;
    let bindings: Vec<_> = learned.iter().filter(binding).cloned().collect();
    assert_eq!((bindings.len(), learned.len() > 1), (1, true), "{learned:?}");
    let accounts =
        |text: &str| LearnedFlowJudge::new(&on(text).program.parts).accounts_for(&bindings[0]).is_some();
    assert!(accounts(text));
    for (was, is) in [
        (", router = true", ""),
        ("fd00::/64", "fd00::/116"),
        ("port = \"x\", leased = true", "port = \"x\", addresses = [\"fd00::1234\"]"),
        ("network = \"n\", port = \"x\"", "network = \"n\", port = \"z\""),
    ] {
        assert!(!accounts(&text.replace(was, is)), "{is}");
    }
    // Now the other's packets from there go nowhere, and teach nothing; its own go on, and renew what they taught.
    pipeline.learn(learned);
    let other = pipeline.run(now.ports["y"], &frame);
    assert!(other.outputs.is_empty() && other.learned.is_empty(), "{other:?}");
    let again = pipeline.run(now.ports["x"], &frame);
    assert!(!again.outputs.is_empty() && again.learned.contains(&bindings[0]));
}
