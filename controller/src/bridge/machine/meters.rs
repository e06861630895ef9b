//! The meters that flows name, and the switch's answers about them.

use ofproto::Xid;
use ofproto::message::{ErrorMsg, Message, MeterMod};

use super::Bridge;
use crate::session::{Session, error_names};

/// The transaction ids of the messages that set some meters. The first of each pair adds a meter,
/// the second changes it.
#[derive(Debug, Default)]
pub(super) struct Meters {
    asked: Vec<[Xid; 2]>,
    refused: bool,
}

impl Meters {
    /// Returns whether the switch refused one of the meters.
    pub(super) fn is_refused(&self) -> bool {
        self.refused
    }

    /// Sends a meter to the switch, ahead of the flows that name it. Returns whether it was sent.
    pub(super) fn give(&mut self, meter: [MeterMod; 2], session: &mut Session) -> bool {
        let sent = meter.map(|meter| Bridge::send(session, &Message::MeterMod(meter)));
        let [Some(add), Some(change)] = sent else { return false };
        self.asked.push([add, change]);
        true
    }

    /// Handles an error from the switch. Returns `None` if the error concerns none of these meters,
    /// otherwise whether it is the first refusal.
    /// OFPMMFC_METER_EXISTS is no refusal: the second message changes the meter.
    pub(super) fn refused(&mut self, xid: Xid, error: &ErrorMsg) -> Option<bool> {
        let [add, _] = self.asked.iter().find(|asked| asked.contains(&xid))?;
        if xid == *add && error_names::names(error).1 == "OFPMMFC_METER_EXISTS" {
            return Some(false);
        }
        Some(!std::mem::replace(&mut self.refused, true))
    }
}
