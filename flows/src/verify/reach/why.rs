//! Explains the verdict on one connection.

use std::net::IpAddr;

use serde::Serialize;

use super::cases::{Case, cases, named};
use super::deciding::{DecidingRule, deciding};
use super::error::ReachError;
use super::question::Question;
use super::remedy::{Remedy, remedy};
use super::states::with_windows_closed;
use super::switches::Switches;
use super::uniform::{Tried, Uniformity, uniformity};
use crate::network::{NetworkFile, SourceFiles, Stateful};
use crate::verify::bridge_flows::BridgeFlows;
use crate::verify::delivery::Delivery;
use crate::verify::interp::Packet;
use crate::verify::proof::Budget;
use crate::verify::topology::Topology;
use crate::verify::witness::WitnessHop;

/// The maximum number of connections of a question that are tried.
const MAX_CASES: usize = 1024;
/// The maximum number of connections of another verdict that are told.
const MAX_EXCEPTIONS: usize = 8;

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// It arrives.
    Passes,
    /// It does not arrive.
    Denied,
    /// The flows alone do not tell.
    Unknown,
}

/// What becomes of one packet, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decision {
    /// What becomes of it.
    pub verdict: Fate,
    /// The rule or default that decides.
    pub by: Option<DecidingRule>,
    /// The packet, in the syntax of `ovs-appctl ofproto/trace`.
    pub packet: String,
    /// The bridges on its way.
    pub path: Vec<WitnessHop>,
    /// The reasons for an unknown verdict.
    pub reasons: Vec<String>,
}

/// One end of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConnectionEnd {
    /// The party.
    pub party: String,
    /// The bridge.
    pub bridge: String,
    /// The port of the bridge.
    pub port: String,
    /// The address.
    pub address: IpAddr,
}

/// A window that lets the connection pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpeningWindow {
    /// The rule.
    pub rule: String,
    /// Its window.
    pub window: String,
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// The sender of the plain packet.
    pub from: ConnectionEnd,
    /// Its receiver.
    pub to: ConnectionEnd,
    /// The protocol and port.
    pub service: String,
    /// The verdict on the plain packet, with all windows closed.
    #[serde(flatten)]
    pub decision: Decision,
    /// True if every packet of the question has this verdict.
    pub every: bool,
    /// Packets and connections of another verdict, and why others are not known.
    pub exceptions: Vec<String>,
    /// The window that would let it pass.
    pub window: Option<OpeningWindow>,
    /// The rule that would let it pass, or why none does.
    pub remedy: Option<Remedy>,
    /// The verdict on the receiver's answer, if the first packet passes.
    pub answers: Option<Decision>,
    /// The verdict on the same connection the other way round.
    pub reverse: Decision,
}

impl Answer {
    /// Adds the files and lines of the rules.
    pub fn locate(&mut self, sources: &SourceFiles) {
        let decisions = [&mut self.decision, &mut self.reverse].into_iter().chain(&mut self.answers);
        for decision in decisions {
            decision.by.iter_mut().for_each(|by| by.locate(sources));
            for rule in decision.path.iter_mut().flat_map(|hop| &mut hop.flows) {
                let place = rule.span.as_ref().and_then(|span| sources.at(span.start));
                let line = place.map(|(file, at)| crate::finding::position_of(&file.text, at).line);
                rule.line = line.or(rule.line);
            }
        }
    }
}

impl Switches<'_> {
    fn decision(&self, case: &Case, packet: &Packet, delivery: &Delivery) -> Decision {
        let verdict = match (&delivery.arrived, delivery.doubts.is_empty()) {
            (Some(_), _) => Fate::Passes,
            (None, true) => Fate::Denied,
            (None, false) => Fate::Unknown,
        };
        Decision {
            verdict,
            by: deciding(&self.topology, delivery),
            packet: packet.to_text(Some(case.sender.place.1)),
            path: delivery.explained(&self.topology, &self.pipelines),
            reasons: delivery.doubts.clone(),
        }
    }

    /// Sends the answer to a packet that has passed. The switches have learned from that packet.
    fn answer(&self, question: &Question, case: &Case, delivery: &Delivery) -> Option<Decision> {
        let mut pipelines = self.pipelines.clone();
        for hop in &delivery.hops {
            let pipeline = pipelines.get_mut(hop.place.0)?;
            pipeline.learn(hop.outcome.learned.clone());
        }
        let reversed = case.reversed();
        let opener = delivery.hops.first().map(|hop| &hop.packet)?;
        let packet = reversed.plain.answer(question.service.protocol, opener)?;
        let learned =
            Switches { topology: Topology::new(self.topology.file, self.topology.bridges), pipelines };
        let answered = learned.send(&reversed, &packet);
        let mut decision = learned.decision(&reversed, &packet, &answered);
        let tracks = |network: &Option<String>| {
            let network = network.as_deref().and_then(|name| self.topology.file.network(name));
            network.is_some_and(|network| network.stateful == Stateful::Conntrack)
        };
        if decision.verdict != Fate::Passes
            && (tracks(&case.sender.network) || tracks(&case.receiver.network))
        {
            decision.verdict = Fate::Unknown;
            decision.reasons.push("the connection tracker of the switch decides about answers".to_owned());
        }
        Some(decision)
    }
}

/// Explains whether one party may open a connection to another. Windows count as closed, and
/// crossings as in force.
///
/// # Errors
/// [`ReachError`] if the question names somebody whom the file does not have, or who has no address.
pub fn why(
    file: &NetworkFile,
    bridges: &[BridgeFlows<'_>],
    question: &Question,
    budget: Budget,
) -> Result<Answer, ReachError> {
    let closed = with_windows_closed(file, bridges);
    let switches = Switches::new(file, &closed);
    let (from, to) =
        (named(file, &switches.topology, &question.from)?, named(file, &switches.topology, &question.to)?);
    let cases = cases(file, question, (&from, &to))?;
    let no_packet = || ReachError::NoAddresses { from: from.party.clone(), to: to.party.clone() };
    let case = cases.first().ok_or_else(no_packet)?;
    let packets = case.plain.packets(question.service.protocol);
    let plain = packets.first().ok_or_else(no_packet)?;
    let delivery = switches.send(case, plain);
    let decision = switches.decision(case, plain, &delivery);
    let passes = delivery.arrived.is_some();

    let mut exceptions = others(&switches, question, &cases, passes);
    let mut every = exceptions.is_empty() && decision.verdict != Fate::Unknown;
    let tried = Tried { question, case, plain, passes };
    match uniformity(file, &closed, tried, budget) {
        Uniformity::All => {}
        Uniformity::Except(packet) => {
            every = false;
            exceptions.push(format!("not for a packet with {}", differing(plain, &packet)));
        }
        Uniformity::Unknown(reasons) => {
            every = false;
            exceptions.extend(reasons);
        }
    }

    let window = (!passes).then(|| window(file, bridges, case, plain)).flatten();
    let denied_by = decision.by.as_ref().filter(|_| decision.verdict == Fate::Denied && window.is_none());
    let remedy = denied_by.map(|by| remedy(file, question, (&from.party, &to.party), case, by, budget));
    let answers = if passes { switches.answer(question, case, &delivery) } else { None };
    let reversed = case.reversed();
    let opener = Question { from_port: None, mac: None, ..question.clone() };
    let mut plain_back = reversed.plain;
    plain_back.ports = (crate::verify::sides::FROM_PORT, case.plain.ports.1);
    let back = plain_back.packets(opener.service.protocol);
    let back = back.first().ok_or_else(no_packet)?;
    let reverse = switches.decision(&reversed, back, &switches.send(&reversed, back));

    let end = |party: &str, case: &Case, address| ConnectionEnd {
        party: party.to_owned(),
        bridge: switches.topology.bridge_name(case.sender.place.0).to_owned(),
        port: switches.topology.port_name(case.sender.place),
        address,
    };
    Ok(Answer {
        from: end(&from.party, case, case.plain.from),
        to: end(&to.party, &reversed, case.plain.to),
        service: question.service.to_string(),
        decision,
        every,
        exceptions,
        window,
        remedy,
        answers,
        reverse,
    })
}

/// Returns the other connections of a question that have another verdict.
fn others(switches: &Switches<'_>, question: &Question, cases: &[Case], passes: bool) -> Vec<String> {
    let mut found = Vec::new();
    let mut first = true;
    for case in cases.iter().take(MAX_CASES) {
        for packet in case.plain.packets(question.service.protocol) {
            if std::mem::take(&mut first) {
                continue;
            }
            let delivery = switches.send(case, &packet);
            if delivery.arrived.is_some() != passes {
                let place = |place| {
                    let (topology, (bridge, _)) = (&switches.topology, place);
                    format!("{} of {}", topology.port_name(place), topology.bridge_name(bridge))
                };
                found.push(format!(
                    "not from {} at {} to {} at {} ({})",
                    case.plain.from,
                    place(case.sender.place),
                    case.plain.to,
                    place(case.receiver.place),
                    protocol(&packet)
                ));
            }
        }
    }
    let more = found.len().saturating_sub(MAX_EXCEPTIONS);
    found.truncate(MAX_EXCEPTIONS);
    if more > 0 {
        found.push(format!("and {more} more like these"));
    }
    if cases.len() > MAX_CASES {
        found.push(format!("only {MAX_CASES} of {} connections were tried", cases.len()));
    }
    found
}

/// Returns the protocol of a plain packet.
fn protocol(packet: &Packet) -> &'static str {
    use ofproto::ip_protocol;
    use ofproto::oxm::Field;
    match packet.value(Field::IpProto).and_then(|protocol| u8::try_from(protocol).ok()) {
        Some(ip_protocol::TCP) => "tcp",
        Some(ip_protocol::UDP) => "udp",
        Some(ip_protocol::SCTP) => "sctp",
        _ => "icmp",
    }
}

/// Returns the fields in which a packet differs from the plain one.
fn differing(plain: &Packet, packet: &Packet) -> String {
    let all = |packet: &Packet| packet.to_text(None).split(',').map(str::to_owned).collect::<Vec<_>>();
    let known = all(plain);
    all(packet).into_iter().filter(|field| !known.contains(field)).collect::<Vec<_>>().join(",")
}

/// Returns the window that lets a packet pass.
fn window(
    file: &NetworkFile,
    bridges: &[BridgeFlows<'_>],
    case: &Case,
    packet: &Packet,
) -> Option<OpeningWindow> {
    let open = Switches::new(file, bridges);
    let delivery = open.send(case, packet);
    delivery.arrived.as_ref()?;
    let rule = deciding(&open.topology, &delivery)?.rule?;
    let window = file.allows.iter().find(|allow| allow.name == rule)?.temp.clone()?;
    Some(OpeningWindow { rule, window })
}
