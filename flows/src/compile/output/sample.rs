//! Samples of denied packets. The flow that drops a packet sends its beginning to the controller,
//! at the rate that a meter allows.
//!
//! The meter belongs to the action (`controller(meter_id=…)`, ovs-actions(7)): it limits the
//! samples, and no traffic. Open vSwitch accepts such a flow without the meter, and then samples
//! every packet. So the meter must be installed before the flows.

use ofproto::MeterId;
use ofproto::action::{Action, ToController};
use ofproto::instruction::Instruction;
use ofproto::message::{METER_PKTPS, MeterBand, MeterBandType, MeterMod, MeterModCommand};

use crate::compile::vocabulary::origin::{Origin, OriginKind, Reason};

/// The meter of a bridge's samples.
pub const METER: MeterId = MeterId(1_009);
/// The length of a sample in bytes: Ethernet, IPv6 and TCP with a few options.
pub const LENGTH: u16 = 128;

/// Returns whether a flow of that origin is sampled. Background traffic of hosts (multicast, IPv6
/// router solicitations) would use up the sampling rate.
pub fn is_sampled(origin: &Origin) -> bool {
    let kind = matches!(origin.kind, OriginKind::Deny | OriginKind::Isolation | OriginKind::Admission);
    kind && match origin.reason {
        None | Some(Reason::Multicast | Reason::LinkLocal | Reason::NoPort) => false,
        Some(
            Reason::Tagged
            | Reason::UnknownPort
            | Reason::Spoofed
            | Reason::NotLeased
            | Reason::NotHolder
            | Reason::Isolation
            | Reason::Rogue
            | Reason::NotAllowed
            | Reason::NotJoined,
        ) => true,
    }
}

/// Returns the messages that set the meter to a rate in samples per second.
///
/// The first message adds the meter, and a switch that has it refuses the message. The second one
/// changes it. In this order they leave the meter correct.
pub fn meter(rate: u16) -> [MeterMod; 2] {
    [MeterModCommand::Add, MeterModCommand::Modify].map(|command| MeterMod {
        command,
        flags: METER_PKTPS,
        meter_id: METER,
        bands: vec![MeterBand { rate: rate.into(), burst_size: 0, kind: MeterBandType::Drop }],
    })
}

/// Returns the instructions of a dropping flow that is sampled.
pub(in crate::compile) fn instructions() -> Vec<Instruction> {
    let to = ToController { max_len: LENGTH, meter: Some(METER.0), ..ToController::default() };
    vec![Instruction::ApplyActions(vec![Action::Controller(Box::new(to))])]
}
