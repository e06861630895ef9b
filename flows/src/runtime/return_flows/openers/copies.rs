//! The knowledge that a learned flow holds of its teaching packet.

use flow_model::Flow;
use ofproto::action::{Action, LearnSpec, LearnSrc, Subfield};

use super::super::known_packet::{KnownPacket, low_bits};
use super::super::{Learner, bits_of};

/// Returns whether the learner may write the flow's values for the packet.
pub(in crate::runtime::return_flows::openers) fn may_teach(
    learner: &Learner,
    flow: &Flow,
    known: &KnownPacket,
) -> bool {
    copies(learner, flow).all(|(src, value)| known.read(src).admits(value))
}

/// Returns the values that a learner copied from the packet into a flow, each with its source. The
/// flow has the learner's shape.
pub(in crate::runtime::return_flows::openers) fn copies<'l>(
    learner: &'l Learner,
    flow: &'l Flow,
) -> impl Iterator<Item = (Subfield, u128)> + 'l {
    let mut actions = flow.actions().filter(|action| !matches!(action, Action::FinTimeout { .. }));
    learner.learn.specs.iter().filter_map(move |spec| match spec {
        LearnSpec::Match { dst, src: LearnSrc::Field(src) } => {
            let bits = bits_of(&flow.matches, *dst);
            Some((*src, bits.value & low_bits(src.n_bits)))
        }
        LearnSpec::Match { .. } => None,
        LearnSpec::Output { src } => match actions.next() {
            Some(Action::Output { port, .. }) => Some((*src, port.to_u16()?.into())),
            _ => None,
        },
        LearnSpec::Load { src, .. } => match (actions.next(), src) {
            (Some(Action::Load { value, .. }), LearnSrc::Field(src)) => Some((*src, (*value).into())),
            _ => None,
        },
    })
}
