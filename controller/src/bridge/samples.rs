//! Samples of what the bridge denies: the meter that limits them, and which flow a sample comes from.

use std::time::Instant;

use flows::FlowMatch;
use flows::compile::sample;
use ofproto::Xid;
use ofproto::message::{ErrorMsg, Message, PacketIn};

use super::Notice;
use super::machine::Bridge;
use crate::denied::{Sample, Seen};
use crate::session::{Session, error_names};

/// How far the samples of a session are.
#[derive(Debug, Default)]
pub(super) struct Sampling {
    /// The rate that the meter was last given, and the messages that gave it: the first adds, the second changes.
    asked: Option<(u16, [Xid; 2])>,
    /// The switch has no such meter.
    refused: bool,
}

impl Sampling {
    /// Whether the switch refused the meter.
    pub(super) fn is_refused(&self) -> bool {
        self.refused
    }
}

impl Bridge {
    /// Gives the switch the meter, where it has to have another one than it has. It goes before every flow that names it: Open
    /// vSwitch shows every packet where there is none, and looks again only when flows change.
    pub(super) fn meter_samples(&mut self, session: &mut Session) {
        let Some(name) = self.name.as_deref().filter(|_| self.owned) else { return };
        let Some(rate) = self.policy.file.bridge_for(name).and_then(|bridge| bridge.sample_denied) else {
            return;
        };
        if self.sampling.refused || self.sampling.asked.is_some_and(|(asked, _)| asked == rate) {
            return;
        }
        let [add, change] = sample::meter(rate).map(|meter| Self::send(session, &Message::MeterMod(meter)));
        if let (Some(add), Some(change)) = (add, change) {
            self.sampling.asked = Some((rate, [add, change]));
        }
    }

    /// Whether it was about the meter that the switch refused something. That there is one already is as it should be; any
    /// other word means that it has none, and then no flow may name it.
    pub(super) fn meter_refused(
        &mut self,
        now: Instant,
        xid: Xid,
        error: &ErrorMsg,
        session: &mut Session,
    ) -> bool {
        let Some((_, [add, change])) = self.sampling.asked else { return false };
        if xid != add && xid != change {
            return false;
        }
        if xid == add && error_names::names(error).1 == "OFPMMFC_METER_EXISTS" {
            return true;
        }
        if !std::mem::replace(&mut self.sampling.refused, true) {
            self.notices.push_back(Notice::Unsampled(error.clone()));
            self.recompile(now, session);
        }
        true
    }

    /// A packet came: where a flow that drops has sent it, it is a sample. Whether it is one.
    pub(super) fn sampled(&mut self, packet: &PacketIn) -> bool {
        if self.sampling.asked.is_none() {
            return false;
        }
        let origin = self.compiled.program.origin(packet.cookie);
        let Some(origin) = origin.filter(|origin| origin.reason.is_some()) else { return false };
        let Some(in_port) = FlowMatch::from_wire(&packet.fields).in_port() else { return false };
        let name = self.ports.unambiguous_name_of(in_port).filter(|name| !name.is_empty());
        self.notices.push_back(Notice::Denied(Box::new(Sample {
            in_port,
            port_name: name.map_or_else(|| in_port.0.to_string(), str::to_owned),
            seen: Seen::parse(&packet.data),
            origin: origin.clone(),
        })));
        true
    }
}
