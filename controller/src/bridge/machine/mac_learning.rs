//! The learning switch of a bridge, if the file makes it one. The MAC table lives as long as the
//! session.

use std::time::Instant;

use flows::Flow;
use flows::compile::mac_pairs::{self, MacPair};
use flows::network::Learning;
use ofproto::PortNo;
use ofproto::hot::VlanVid;
use ofproto::message::{FlowMod, FlowModCommand, Message};

use super::Bridge;
use crate::bridge::Notice;
use crate::mac_learning::{FlowKind, LearningSwitch, Settings, Shares};
use crate::session::Session;

impl Bridge {
    /// Returns the file's settings for MAC learning, or `None` if the bridge is no learning switch.
    pub(super) fn learns(&self) -> Option<Learning> {
        self.policy.file.bridge_for(self.identity.name.as_deref()?)?.learning
    }

    /// Starts, reconfigures or ends MAC learning, as the file says.
    pub(super) fn learn_as_said(&mut self) {
        let settings = self.learns().map(settings);
        let had = self.learning.learning_switch.take();
        let next = match (had, settings) {
            (_, None) => return,
            (Some(had), Some(settings)) => had.with(settings),
            (None, Some(settings)) => LearningSwitch::new(settings),
        };
        match next {
            Ok(next) => self.learning.learning_switch = Some(next),
            Err(error) => self.notices.push_back(Notice::Failed(format!("cannot learn: {error}"))),
        }
    }

    /// Returns the learning switch that decides about PACKET_INs, and its present second. Returns
    /// `None` if the bridge is no learning switch.
    pub fn learning(&mut self, now: Instant) -> Option<(&mut LearningSwitch, u32)> {
        let second = self.second(now);
        Some((self.learning.learning_switch.as_mut()?, second))
    }

    /// Returns the whole seconds since the bridge was created.
    pub(super) fn second(&self, now: Instant) -> u32 {
        u32::try_from(now.saturating_duration_since(self.learning.created_at).as_secs()).unwrap_or(u32::MAX)
    }

    /// Learns a host's port from a flow of an earlier session. So a restarted controller does not
    /// flood packets to known hosts, and notices hosts that moved meanwhile.
    pub(super) fn remember(&mut self, now: Instant, flow: &Flow) {
        let second = self.second(now);
        let Some(learning) = &mut self.learning.learning_switch else { return };
        let Some(MacPair { vlan, from, to }) = mac_pairs::learned(flow) else { return };
        for (mac, port) in [from, to] {
            learning.remember(mac, VlanVid(vlan), port, second);
        }
    }

    /// Deletes the flows of an earlier session on a learning switch that shows no flows, because
    /// they may exist all the same.
    pub(super) fn forget_learned(&mut self, session: &mut Session) {
        if self.learning.learning_switch.is_some() {
            Self::send(session, &Message::FlowMod(gone(PortNo::ANY)));
        }
    }

    /// Forgets the hosts at a port that is gone.
    pub(super) fn port_gone(&mut self, port: PortNo, session: &mut Session) {
        if let Some(learning) = &mut self.learning.learning_switch {
            learning.forget_port(port);
            Self::send(session, &Message::FlowMod(gone(port)));
        }
    }
}

fn settings(learning: Learning) -> Settings {
    Settings {
        flow: FlowKind {
            table: mac_pairs::TABLE,
            priority: mac_pairs::PRIORITY,
            cookie: mac_pairs::learned_cookie(),
            idle_timeout: learning.idle_timeout,
        },
        shares: Shares { per_port: learning.macs_per_port, all: learning.macs },
        age: learning.age,
    }
}

/// Returns the deletion of flows between two addresses that lead to a port.
fn gone(out_port: PortNo) -> FlowMod {
    FlowMod {
        command: FlowModCommand::Delete,
        table_id: mac_pairs::TABLE,
        cookie: mac_pairs::learned_cookie(),
        cookie_mask: u64::MAX,
        out_port,
        ..FlowMod::default()
    }
}
