//! Samples of denied packets: the meter that limits them, and the flow that each sample comes from.

use std::time::Instant;

use flows::FlowMatch;
use flows::compile::sample;
use ofproto::Xid;
use ofproto::message::{ErrorMsg, PacketIn};

use super::Bridge;
use super::meters::Meters;
use crate::bridge::Notice;
use crate::denied::{Sample, Seen};
use crate::session::Session;

/// The state of a session's samples.
#[derive(Debug, Default)]
pub(super) struct Sampling {
    /// The rate that the meter has, as sent last.
    rate: Option<u16>,
    meter: Meters,
}

impl Sampling {
    /// Returns whether the switch refused the meter.
    pub(super) fn is_refused(&self) -> bool {
        self.meter.is_refused()
    }
}

impl Bridge {
    /// Sends the meter to the switch if its rate changes. It precedes every flow that names it:
    /// Open vSwitch shows every packet if the meter is missing, and looks for it again only when
    /// flows change.
    pub(super) fn meter_samples(&mut self, session: &mut Session) {
        let Some(name) = self.identity.name.as_deref().filter(|_| self.identity.owned) else { return };
        let Some(rate) = self.policy.file.bridge_for(name).and_then(|bridge| bridge.sample_denied) else {
            return;
        };
        if self.sampling.is_refused() || self.sampling.rate == Some(rate) {
            return;
        }
        let mut meter = Meters::default();
        if meter.give(sample::meter(rate), session) {
            self.sampling = Sampling { rate: Some(rate), meter };
        }
    }

    /// Handles an error about the meter. Returns whether it was one. A switch without meters gets
    /// no flow that names it.
    pub(super) fn meter_refused(
        &mut self,
        now: Instant,
        xid: Xid,
        error: &ErrorMsg,
        session: &mut Session,
    ) -> bool {
        let Some(none) = self.sampling.meter.refused(xid, error) else { return false };
        if none {
            self.notices.push_back(Notice::Unsampled(error.clone()));
            self.recompile(now, session);
        }
        true
    }

    /// Takes a packet from a flow that drops as a sample. Returns whether it is one.
    pub(super) fn sampled(&mut self, packet: &PacketIn) -> bool {
        if self.sampling.rate.is_none() {
            return false;
        }
        let origin = self.knowledge.desired.program.origin(packet.cookie);
        let Some(origin) = origin.filter(|origin| origin.reason.is_some()) else { return false };
        let Some(in_port) = FlowMatch::from_wire(&packet.fields).in_port() else { return false };
        let name = self.attached.ports.unambiguous_name_of(in_port).filter(|name| !name.is_empty());
        self.notices.push_back(Notice::Denied(Box::new(Sample {
            in_port,
            port_name: name.map_or_else(|| in_port.0.to_string(), str::to_owned),
            seen: Seen::parse(&packet.data),
            origin: origin.clone(),
        })));
        true
    }
}
