//! Runs probes and reports the findings.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::thread;
use std::time::{Duration, Instant};

use super::definition::{Action, Expected, Probe};
use super::flows::{Bridges, judge};
use super::frames::{BROADCAST, Frame, FrameBody};
use super::talk::{Outcome, Server, TalkProtocol, talk};
use super::wire::{Injector, Sniffer};
use crate::error::LabError;
use crate::handle::Lab;
use crate::plan::{HOST, PlannedPort};

/// Deadline of a conversation.
const TALK: Duration = Duration::from_secs(6);
/// Largest number of conversations at a time.
const TALKERS: usize = 64;
/// Time in which unwanted frames may arrive.
const ARRIVE: Duration = Duration::from_millis(400);
/// Deadline of a frame that must arrive.
const CONTROL: Duration = Duration::from_secs(2);
/// First number of the frames that show that a listener hears.
const CONTROL_IDS: u32 = 0xf000_0000;

/// The observation, in words, and whether it is as expected.
type Seen = (String, bool);

/// The result of a probe.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The probe.
    pub probe: Probe,
    /// The observation.
    pub seen: String,
    /// True if the observation is as expected.
    pub ok: bool,
}

/// Runs all probes. Those by the flows go first. Then follow those that must not arrive, while the
/// pipelines have learned nothing yet. Conversations go last. The findings are in the probes'
/// order.
pub fn run(lab: &Lab, probes: &[Probe]) -> Result<Vec<Finding>, LabError> {
    let mut findings: BTreeMap<usize, Seen> = BTreeMap::new();
    findings.extend(by_flows(lab, probes)?);
    findings.extend(frames(lab, probes)?);
    findings.extend(talks(lab, probes)?);
    Ok(probes
        .iter()
        .enumerate()
        .map(|(number, probe)| {
            let (seen, ok) = findings.remove(&number).unwrap_or_else(|| ("not tried".to_owned(), false));
            Finding { probe: probe.clone(), seen, ok }
        })
        .collect())
}

fn by_flows(lab: &Lab, probes: &[Probe]) -> Result<Vec<(usize, Seen)>, LabError> {
    if !probes.iter().any(|p| matches!(p.action, Action::Flows { .. })) {
        return Ok(Vec::new());
    }
    let bridges = Bridges::read(lab)?;
    let judged = |(number, probe): (usize, &Probe)| match &probe.action {
        Action::Flows { from, cases } => Some((number, judge(&bridges, from, cases, probe.expected))),
        _ => None,
    };
    Ok(probes.iter().enumerate().filter_map(judged).collect())
}

fn talks(lab: &Lab, probes: &[Probe]) -> Result<Vec<(usize, Seen)>, LabError> {
    let mut servers = BTreeMap::new();
    for probe in probes {
        if let Action::Talk { server, target, speech, .. } = &probe.action
            && *speech != TalkProtocol::Ping
        {
            let key = (server.clone(), *target, *speech);
            if let Entry::Vacant(entry) = servers.entry(key) {
                entry.insert(Server::open(&lab.full_name(server), *target, *speech)?);
            }
        }
    }
    let numbered: Vec<_> = probes.iter().enumerate().collect();
    let mut seen = Vec::new();
    for some in numbered.chunks(TALKERS) {
        thread::scope(|scope| {
            let threads: Vec<_> = some
                .iter()
                .filter_map(|(number, probe)| {
                    let Action::Talk { client, source, target, speech, .. } = &probe.action else {
                        return None;
                    };
                    let namespace = lab.full_name(client);
                    let (source, target, speech) = (*source, *target, *speech);
                    let thread = scope.spawn(move || talk(&namespace, source, target, speech, TALK));
                    Some((*number, probe.expected, thread))
                })
                .collect();
            for (number, expected, thread) in threads {
                let outcome = thread.join().unwrap_or(Outcome::Failed("its thread died".to_owned()));
                let passes = expected == Expected::Passes;
                seen.push((
                    number,
                    match outcome {
                        Outcome::Answered => ("passes".to_owned(), passes),
                        Outcome::Silence => ("denied".to_owned(), !passes),
                        Outcome::Failed(why) => (format!("failed: {why}"), false),
                    },
                ));
            }
        });
    }
    Ok(seen)
}

/// A point at which frames are sent or captured: (key of the namespace, device).
type ProbeTap = (String, String);

fn inside(place: &PlannedPort) -> ProbeTap {
    (place.namespace.clone(), place.device.clone())
}

/// Returns the point at which frames leave the bridge of a place's network on the way to it.
fn entry(place: &PlannedPort) -> ProbeTap {
    (HOST.to_owned(), place.entry.clone())
}

/// Sends all frames of all probes at once. The listeners start first. After the frames and a wait,
/// each listener gets a frame that shows that it hears.
fn frames(lab: &Lab, probes: &[Probe]) -> Result<Vec<(usize, Seen)>, LabError> {
    let mut sniffers: BTreeMap<ProbeTap, Sniffer> = BTreeMap::new();
    let mut injectors: BTreeMap<ProbeTap, Injector> = BTreeMap::new();
    let mut listeners: BTreeMap<ProbeTap, PlannedPort> = BTreeMap::new();
    for probe in probes {
        let Action::Frames { from, enters, at, else_at, .. } = &probe.action else { continue };
        if let Entry::Vacant(entry) = injectors.entry(inside(from)) {
            entry.insert(Injector::open(&lab.full_name(&from.namespace), &from.device)?);
        }
        let mut taps = vec![(HOST.to_owned(), enters.clone())];
        for place in at.iter().chain(else_at) {
            taps.extend([inside(place), entry(place)]);
            listeners.entry(inside(place)).or_insert_with(|| place.clone());
        }
        for tap in taps {
            let (namespace, device) = tap.clone();
            if let Entry::Vacant(entry) = sniffers.entry(tap) {
                entry.insert(Sniffer::open(&lab.full_name(&namespace), &device)?);
            }
        }
    }
    let mut ids: BTreeMap<usize, Vec<(u32, &Frame)>> = BTreeMap::new();
    let mut next = 0;
    for (number, probe) in probes.iter().enumerate() {
        let Action::Frames { from, frames, .. } = &probe.action else { continue };
        let Some(injector) = injectors.get_mut(&inside(from)) else { continue };
        let mut bytes = Vec::new();
        for frame in frames {
            if let Some(encoded) = frame.encode(next) {
                ids.entry(number).or_default().push((next, frame));
                bytes.push(encoded);
                next += 1;
            }
        }
        injector.send(bytes)?;
    }
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    thread::sleep(ARRIVE);
    let deaf = controls(lab, &listeners, &sniffers)?;
    let saw = |tap: ProbeTap, id: u32| sniffers.get(&tap).is_some_and(|s| s.saw(id));
    let mut findings = Vec::new();
    for (number, probe) in probes.iter().enumerate() {
        let Action::Frames { enters, at, else_at, .. } = &probe.action else { continue };
        let sent = ids.get(&number).map(Vec::as_slice).unwrap_or_default();
        let entered = sent.iter().filter(|(id, _)| saw((HOST.to_owned(), enters.clone()), *id)).count();
        let arrived = |id: u32| at.iter().find(|p| saw(inside(p), id) || saw(entry(p), id));
        let leaks: Vec<_> = sent.iter().filter_map(|(id, f)| Some((f, arrived(*id)?))).collect();
        let strayed = |id: u32| else_at.iter().find(|p| saw(inside(p), id) || saw(entry(p), id));
        let strays = sent.iter().find_map(|(id, f)| Some((f, strayed(*id)?)));
        let not_heard = at.iter().chain(else_at).find(|p| deaf.contains(&inside(p)));
        let finding = if let Some(place) = not_heard {
            (format!("nothing is heard at {}, so this shows nothing", place.name), false)
        } else if sent.is_empty() || entered < sent.len() {
            (format!("{entered} of {} frames reached the bridge", sent.len()), false)
        } else if let Some((frame, place)) = strays {
            (format!("{} at {} too", frame.describe(), place.name), false)
        } else if probe.expected == Expected::Passes {
            let all = leaks.len() == sent.len();
            (if all { "passes" } else { "denied" }.to_owned(), all)
        } else if let Some((frame, place)) = leaks.first() {
            (
                format!("{} of {} arrived: {} at {}", leaks.len(), sent.len(), frame.describe(), place.name),
                false,
            )
        } else {
            (if probe.expected == Expected::Never { "none arrived" } else { "denied" }.to_owned(), true)
        };
        findings.push((number, finding));
    }
    Ok(findings)
}

/// Sends each listener a frame from the bridge's end of its cable. Returns the listeners that did
/// not hear it.
fn controls(
    lab: &Lab,
    listeners: &BTreeMap<ProbeTap, PlannedPort>,
    sniffers: &BTreeMap<ProbeTap, Sniffer>,
) -> Result<BTreeSet<ProbeTap>, LabError> {
    let mut waiting = BTreeMap::new();
    for (id, (tap, place)) in (CONTROL_IDS..).zip(listeners) {
        let mut frame = Frame::new([2, 0, 0, 0, 0, 0xfe], BROADCAST, FrameBody::Experimental);
        frame.vlan = place.vlan;
        let mut injector = Injector::open(&lab.full_name(HOST), &place.port)?;
        injector.send(frame.encode(id))?;
        waiting.insert(tap.clone(), id);
    }
    let deadline = Instant::now() + CONTROL;
    while !waiting.is_empty() && Instant::now() < deadline {
        waiting.retain(|tap, id| !sniffers.get(tap).is_some_and(|s| s.saw(*id)));
        thread::sleep(Duration::from_millis(5));
    }
    Ok(waiting.into_keys().collect())
}
