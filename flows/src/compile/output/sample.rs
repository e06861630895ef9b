//! Samples of what is denied: the flow that drops a packet shows its beginning to the controller, as often as a meter lets it.
//!
//! The meter is that of the action (`controller(meter_id=…)`, ovs-actions(7)): it limits the samples, and no traffic. Open
//! vSwitch takes such a flow also where there is no such meter, and then shows every packet; so the meter has to be there
//! before the flows are.

use ofproto::MeterId;
use ofproto::action::{Action, ToController};
use ofproto::instruction::Instruction;
use ofproto::message::{METER_PKTPS, MeterBand, MeterBandType, MeterMod, MeterModCommand};

use crate::compile::vocabulary::origin::{Origin, OriginKind, Reason};

/// The meter of a bridge's samples.
pub const METER: MeterId = MeterId(1_009);
/// So much of a packet is shown, in bytes: Ethernet, IPv6 and TCP with a few options.
pub const LENGTH: u16 = 128;

/// Whether a flow that comes from there is sampled. What hosts send by themselves all day (multicast, IPv6 router
/// solicitations) would leave nothing of the rate for the rest.
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

/// The meter, for so many samples a second. Where there is one already, it is changed: both messages, in this order,
/// leave it as it should be, and the first one is refused by a switch that has it.
pub fn meter(rate: u16) -> [MeterMod; 2] {
    [MeterModCommand::Add, MeterModCommand::Modify].map(|command| MeterMod {
        command,
        flags: METER_PKTPS,
        meter_id: METER,
        bands: vec![MeterBand { rate: rate.into(), burst_size: 0, kind: MeterBandType::Drop }],
    })
}

/// What a flow does that drops what it shows.
pub(in crate::compile) fn instructions() -> Vec<Instruction> {
    let to = ToController { max_len: LENGTH, meter: Some(METER.0), ..ToController::default() };
    vec![Instruction::ApplyActions(vec![Action::Controller(Box::new(to))])]
}
