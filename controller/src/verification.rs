//! The verdicts on the flows that are installed, as the API and the command tell them.

use flows::installed::{InstalledCounts, InstalledReport};
use flows::verify::proof::{Assertion, AssertionKind, Verdict};
use flows::verify::witness::{Witness, WitnessHop};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What holds on the flows that are installed now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VerificationReport {
    /// The network file.
    pub file: String,
    /// Seconds since the proof; none before the first one.
    pub age_seconds: Option<u64>,
    /// Whether the flows are still those of the proof, as far as is known.
    pub current: bool,
    /// Each assertion of the file, with its verdict.
    pub assertions: Vec<AssertionReport>,
    /// The flows of each bridge, counted.
    pub bridges: Vec<VerifiedBridge>,
    /// Bridges of the file whose flows are not known.
    pub unread: Vec<String>,
}

/// An assertion of the file, and the verdict on it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssertionReport {
    /// never, always or confine.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// holds, violated or unknown.
    pub verdict: String,
    /// Why it is unknown.
    pub reasons: Vec<String>,
    /// Packets that violate it.
    pub witnesses: Vec<WitnessReport>,
}

/// A packet that violates an assertion.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WitnessReport {
    /// The violation in one sentence.
    pub summary: String,
    /// The way of the packet, behind those of packets that have to be sent before.
    pub hops: Vec<HopReport>,
}

/// The way of a packet through one bridge.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HopReport {
    /// Whether another packet has to be sent first, and this is its way: it teaches the switch.
    pub opens: bool,
    /// The bridge.
    pub bridge: String,
    /// The port that it comes in by.
    pub in_port: String,
    /// The port that it leaves by; none if it leaves by no port.
    pub out_port: Option<String>,
    /// Whether a host or an endpoint between two bridges forwarded it.
    pub forwarded: bool,
    /// The packet, as `ovs-appctl ofproto/trace` takes it.
    pub packet: String,
    /// The command that shows the same.
    pub trace: String,
    /// The flows that it matches, with the rules behind them.
    pub flows: Vec<String>,
}

/// The flows of a bridge, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VerifiedBridge {
    /// Its name.
    pub name: String,
    /// All flows.
    pub flows: u64,
    /// Those that it learned.
    pub learned: u64,
    /// Those that are neither of the file nor learned.
    pub foreign: u64,
    /// Some of those.
    pub examples: Vec<String>,
}

impl VerificationReport {
    /// Returns the report of a proof that was made now.
    pub fn new(file: String, report: &InstalledReport) -> Self {
        let assertions = report.proof.results.iter().map(|(a, verdict)| AssertionReport::new(a, verdict));
        Self {
            file,
            age_seconds: Some(0),
            current: true,
            assertions: assertions.collect(),
            bridges: report.bridges.iter().map(VerifiedBridge::new).collect(),
            unread: report.unread.clone(),
        }
    }

    /// Returns the number of assertions with each verdict: holding, violated, unknown.
    pub fn counts(&self) -> [usize; 3] {
        // An unknown word of a newer controller is no reason to say that something holds.
        let count = |word: &str| self.assertions.iter().filter(|a| a.verdict == word).count();
        let (holds, violated) = (count(HOLDS), count(VIOLATED));
        [holds, violated, self.assertions.len() - holds - violated]
    }

    /// Takes back what holds, for a reason.
    pub fn doubt(&mut self, why: &str) {
        for assertion in self.assertions.iter_mut().filter(|assertion| assertion.verdict == HOLDS) {
            UNKNOWN.clone_into(&mut assertion.verdict);
            assertion.reasons = vec![why.to_owned()];
        }
    }
}

const HOLDS: &str = "holds";
const VIOLATED: &str = "violated";
const UNKNOWN: &str = "unknown";

impl AssertionReport {
    /// Returns the report of one verdict.
    pub fn new(assertion: &Assertion, verdict: &Verdict) -> Self {
        let kind = match assertion.kind {
            AssertionKind::Never => "never",
            AssertionKind::Always => "always",
            AssertionKind::Confine => "confine",
        };
        let (word, reasons, witnesses) = match verdict {
            Verdict::Holds => (HOLDS, Vec::new(), Vec::new()),
            Verdict::Unknown { reasons } => (UNKNOWN, reasons.clone(), Vec::new()),
            Verdict::Violated { witnesses } => {
                let of = |witness| WitnessReport::new(assertion.kind, witness);
                (VIOLATED, Vec::new(), witnesses.iter().map(of).collect())
            }
        };
        let (kind, verdict) = (kind.to_owned(), word.to_owned());
        Self { kind, name: assertion.name.clone(), verdict, reasons, witnesses }
    }

    /// Returns the verdict in one line.
    pub fn line(&self) -> String {
        let Self { kind, name, verdict, reasons, witnesses } = self;
        let more = match verdict.as_str() {
            VIOLATED => format!(", {} witnesses", witnesses.len()),
            UNKNOWN => format!(": {}", reasons.join("; ")),
            _ => String::new(),
        };
        format!("{kind} {name}: {verdict}{more}")
    }

    /// Returns 1 if it holds, 0 if it is violated, and -1 if that is unknown.
    pub fn number(&self) -> i64 {
        match self.verdict.as_str() {
            HOLDS => 1,
            VIOLATED => 0,
            _ => -1,
        }
    }

    /// Returns whether a packet violates it.
    pub fn is_violated(&self) -> bool {
        self.verdict == VIOLATED
    }
}

impl WitnessReport {
    fn new(kind: AssertionKind, witness: &Witness) -> Self {
        let summary = match kind {
            AssertionKind::Never | AssertionKind::Confine => witness.summary(),
            AssertionKind::Always => {
                let (bridge, from) = witness.start();
                let name = &witness.assertion;
                format!("{name:?} does not hold: a packet from {from} of {bridge} does not arrive")
            }
        };
        let openers = witness.openers.iter().flatten().map(|hop| HopReport::new(hop, true));
        let hops = openers.chain(witness.hops.iter().map(|hop| HopReport::new(hop, false)));
        Self { summary, hops: hops.collect() }
    }

    /// Returns the violation, the way of its packet, and the commands that show the same.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.summary.clone()];
        for hop in &self.hops {
            let first = if hop.opens { "first " } else { "" };
            let forwarded = if hop.forwarded { ", forwarded by the host or endpoint there" } else { "" };
            lines.push(format!("  {first}{}, in at {}{forwarded}: {}", hop.bridge, hop.in_port, hop.packet));
            lines.extend(hop.flows.iter().map(|flow| format!("    {flow}")));
            let out = hop.out_port.as_ref();
            lines
                .push(out.map_or_else(|| "    out at no port".to_owned(), |out| format!("    out at {out}")));
            lines.push(format!("  {}", hop.trace));
        }
        lines
    }
}

impl HopReport {
    fn new(hop: &WitnessHop, opens: bool) -> Self {
        // The number of no port (OpenFlow 1.3.5 §A.2.1), which has no name.
        let no_port = ofproto::PortNo::ANY.0.to_string();
        Self {
            opens,
            bridge: hop.bridge.clone(),
            in_port: hop.in_port.clone(),
            out_port: Some(hop.out_port.clone()).filter(|out| *out != no_port),
            forwarded: hop.forwarded,
            packet: hop.packet.clone(),
            trace: format!("ovs-appctl ofproto/trace {} '{}'", hop.bridge, hop.packet),
            flows: hop.flows.iter().map(ToString::to_string).collect(),
        }
    }
}

impl VerifiedBridge {
    fn new(counts: &InstalledCounts) -> Self {
        Self {
            name: counts.name.clone(),
            flows: counts.flows as u64,
            learned: counts.learned as u64,
            foreign: counts.foreign as u64,
            examples: counts.examples.clone(),
        }
    }

    /// Returns the counts in one line, and the examples below it.
    pub fn lines(&self) -> Vec<String> {
        let Self { name, flows, learned, foreign, examples } = self;
        let mut lines = vec![format!("{name}: {flows} flows, {learned} of them learned")];
        if *foreign > 0 {
            lines.push(format!("  {foreign} are neither of the file nor learned:"));
            lines.extend(examples.iter().map(|flow| format!("    {flow}")));
            let more = foreign.saturating_sub(examples.len() as u64);
            lines.extend((more > 0).then(|| format!("    and {more} more")));
        }
        lines
    }
}
