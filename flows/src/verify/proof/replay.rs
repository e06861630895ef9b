//! Sends the packets of a trace through the interpreter.

use ofproto::PortNo;

use crate::verify::explain::Explainer;
use crate::verify::interp::{Output, Packet, Pipeline};
use crate::verify::symbolic::{BridgePort, Engine, Passage, Trace};
use crate::verify::topology::Topology;
use crate::verify::witness::{Witness, WitnessHop};

/// The interpreter disagrees: a packet does not leave a bridge where the engine says so.
pub(in crate::verify) type Disagreement = String;

/// Sends the packets of a trace in order. The switches learn what the first ones teach.
pub(in crate::verify) fn replay(
    assertion: &str,
    trace: &Trace,
    engine: &mut Engine<'_>,
    topology: &Topology<'_>,
    pipelines: &[Pipeline],
) -> Result<Witness, Disagreement> {
    let mut openers = Vec::new();
    send_all(trace, engine, topology, &mut pipelines.to_vec(), &mut openers)?;
    let hops = openers.pop().unwrap_or_default();
    Ok(Witness { assertion: assertion.to_owned(), openers, hops })
}

/// Sends the openers of a trace, then its own packet.
fn send_all(
    trace: &Trace,
    engine: &mut Engine<'_>,
    topology: &Topology<'_>,
    pipelines: &mut [Pipeline],
    sent: &mut Vec<Vec<WitnessHop>>,
) -> Result<(), Disagreement> {
    for opener in &trace.openers {
        send_all(opener, engine, topology, pipelines, sent)?;
    }
    let hops = send(trace, engine, topology, pipelines)?;
    sent.push(hops);
    Ok(())
}

/// Sends one packet on its way.
fn send(
    trace: &Trace,
    engine: &mut Engine<'_>,
    topology: &Topology<'_>,
    pipelines: &mut [Pipeline],
) -> Result<Vec<WitnessHop>, Disagreement> {
    let mut hops = Vec::new();
    let mut packet: Option<Packet> = None;
    for entry in &trace.entries {
        let sent = match (&packet, entry.passage) {
            // The frame is as it left the last bridge.
            (Some(packet), Some(Passage::Wire)) => packet.clone(),
            (Some(packet), Some(Passage::Host)) => {
                let alike = engine.like_forwarded(entry.set, packet);
                let (forwarded, _) =
                    engine.plain_packet(alike).ok_or("a host would have to change the packet")?;
                forwarded
            }
            _ => engine.plain_packet(entry.set).ok_or("no packet is left")?.0,
        };
        let place = entry.place;
        let pipeline = pipelines.get(place.0).ok_or("a bridge is missing")?;
        let outcome = pipeline.run(place.1, &sent);
        let learned = outcome.learned.clone();
        let left = outcome.outputs.iter().find(|(output, _)| leaves_by(*output, place, entry.out));
        let explained = Explainer { world: topology, pipelines };
        hops.push(explained.hop(
            place,
            &sent,
            entry.passage == Some(Passage::Host),
            entry.out,
            &outcome.path,
        ));
        // An opener has done its work once it has taught the switch.
        let taught = entry.out == PortNo::ANY;
        packet = left.map(|(_, packet)| packet.clone());
        if packet.is_none() && !taught {
            let hop = hops.last().map(WitnessHop::to_string).unwrap_or_default();
            return Err(format!("the interpreter does not output this packet there: {}", hop.trim()));
        }
        if let Some(pipeline) = pipelines.get_mut(place.0) {
            pipeline.learn(learned);
        }
    }
    Ok(hops)
}

/// Returns whether an output is by a port.
fn leaves_by(output: Output, place: BridgePort, out: PortNo) -> bool {
    match output {
        Output::Port(port) | Output::InPort(port) => port == out,
        Output::Normal | Output::Flood | Output::All => out != place.1 && out != PortNo::CONTROLLER,
        Output::Controller => out == PortNo::CONTROLLER,
    }
}
