//! The unanswered packet-ins of a switch, and the faults of their answers.

use serde::Serialize;

use super::answer::{ALL, FLOOD, SEVERAL};

/// The number of faults, by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct AnswerFaults {
    /// Packets sent to another port than the one at which their destination was announced, or to
    /// none.
    pub wrong_port: u64,
    /// Packets to a known destination that were flooded, or sent to several ports.
    pub flooded: u64,
    /// Packet-ins that were never answered.
    pub lost: u64,
    /// Answers to a packet-in that already had one.
    pub duplicated: u64,
    /// Answers that came after the answer to a later packet-in of the same switch.
    pub reordered: u64,
    /// Answers to packet-ins that were never sent, or that another switch sent.
    pub unknown: u64,
    /// Flows to a destination through another port than the one at which it was announced.
    pub wrong_flow: u64,
    /// OFPT_ERROR messages from the controller.
    pub errors: u64,
    /// Malformed messages, and requests that a plain OpenFlow 1.3 switch refuses, both after the
    /// handshake.
    pub refused: u64,
    /// Connections that the controller closed.
    pub closed: u64,
}

impl AnswerFaults {
    /// Returns the name and count of every kind.
    pub const fn by_name(&self) -> [(&'static str, u64); 10] {
        [
            ("wrong port", self.wrong_port),
            ("flooded", self.flooded),
            ("lost", self.lost),
            ("duplicated", self.duplicated),
            ("reordered", self.reordered),
            ("unknown", self.unknown),
            ("wrong flow", self.wrong_flow),
            ("errors", self.errors),
            ("refused", self.refused),
            ("closed", self.closed),
        ]
    }

    /// Returns whether there were any faults.
    pub fn any(&self) -> bool {
        self.by_name().iter().any(|(_, n)| *n > 0)
    }
}

/// Distance behind the newest packet-in, in windows, after which an unanswered packet-in counts as
/// lost.
const LAPS: u32 = 4;
/// The port of a broadcast, whose answer may name any port.
const ANY_PORT: u8 = 0;

#[derive(Debug, Clone, Copy, Default)]
struct WindowSlot {
    number: u32,
    /// The port that its answer must name.
    port: u8,
    pending: bool,
    used: bool,
}

/// The packet-ins of one switch, numbered in the order in which they were sent.
#[derive(Debug)]
pub(super) struct PacketWindow {
    slots: Box<[WindowSlot]>,
    next: u32,
    /// The number of the first packet-in whose answer is checked.
    first: u32,
    /// The number of the latest answered packet-in.
    newest: Option<u32>,
    outstanding: u32,
}

impl PacketWindow {
    /// Returns a window for this many outstanding packet-ins.
    pub(super) fn new(outstanding: u32) -> Self {
        let len = outstanding.max(1).saturating_mul(LAPS).next_power_of_two();
        let slots =
            vec![WindowSlot::default(); usize::try_from(len).unwrap_or(usize::MAX)].into_boxed_slice();
        Self { slots, next: 0, first: 0, newest: None, outstanding: 0 }
    }

    pub(super) const fn outstanding(&self) -> u32 {
        self.outstanding
    }

    /// Checks the answer of every packet-in from here on. Faults of earlier packet-ins are
    /// discarded.
    pub(super) const fn begin(&mut self) {
        self.first = self.next;
        self.newest = None;
    }

    fn slot(&mut self, number: u32) -> Option<&mut WindowSlot> {
        let mask = self.slots.len().wrapping_sub(1);
        self.slots.get_mut(usize::try_from(number).unwrap_or(0) & mask)
    }

    /// Returns the number for a packet-in whose answer may name any port.
    pub(super) fn announce(&mut self, faults: &mut AnswerFaults) -> u32 {
        self.send(ANY_PORT, faults)
    }

    /// Returns the number for a packet-in whose answer must name this port.
    #[inline]
    pub(super) fn send(&mut self, port: u8, faults: &mut AnswerFaults) -> u32 {
        // The last number is OFP_NO_BUFFER.
        if self.next == u32::MAX {
            self.next = 0;
        }
        let number = self.next;
        self.next = number.wrapping_add(1);
        let slot = WindowSlot { number, port, pending: true, used: true };
        let old = self.slot(number).map_or(slot, |s| std::mem::replace(s, slot));
        if old.pending {
            faults.lost += u64::from(old.port != ANY_PORT);
        } else {
            self.outstanding += 1;
        }
        number
    }

    /// Records an answer, and returns whether it is the first one to its packet-in.
    #[inline]
    pub(super) fn answered(&mut self, number: u32, out: u32, faults: &mut AnswerFaults) -> bool {
        let (next, first, newest) = (self.next, self.first, self.newest);
        let Some(slot) = self.slot(number) else { return false };
        if !slot.used || slot.number != number {
            let age = next.wrapping_sub(number);
            match age {
                1..=0x7fff_ffff if age <= next.wrapping_sub(first) => faults.duplicated += 1,
                1..=0x7fff_ffff => {}
                _ => faults.unknown += 1,
            }
            return false;
        }
        let port = slot.port;
        if !slot.pending {
            faults.duplicated += u64::from(port != ANY_PORT);
            return false;
        }
        slot.pending = false;
        self.outstanding = self.outstanding.saturating_sub(1);
        if port == ANY_PORT {
            return true;
        }
        if out != u32::from(port) {
            match out {
                FLOOD | ALL | SEVERAL => faults.flooded += 1,
                _ => faults.wrong_port += 1,
            }
        }
        match newest {
            Some(newest) if newest.wrapping_sub(number) < 0x8000_0000 => faults.reordered += 1,
            _ => self.newest = Some(number),
        }
        true
    }

    /// Counts the unanswered packet-ins as lost.
    pub(super) fn write_off(&mut self, faults: &mut AnswerFaults) {
        for slot in self.slots.iter_mut().filter(|slot| slot.pending) {
            slot.pending = false;
            faults.lost += u64::from(slot.port != ANY_PORT);
        }
        self.outstanding = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_by_its_name() {
        let (mut window, mut faults) = (PacketWindow::new(4), AnswerFaults::default());
        for port in 1..=4 {
            window.send(port, &mut faults);
        }
        assert!(window.answered(0, 1, &mut faults));
        assert!(!faults.any());
        assert!(window.answered(2, 3, &mut faults));
        assert!(window.answered(1, 2, &mut faults));
        assert_eq!(faults, AnswerFaults { reordered: 1, ..AnswerFaults::default() });
        assert!(!window.answered(1, 2, &mut faults));
        assert_eq!(faults.duplicated, 1);
        assert!(window.answered(3, 9, &mut faults));
        assert_eq!(faults.wrong_port, 1);
        assert!(!window.answered(77, 1, &mut faults));
        assert_eq!(faults.unknown, 1);
        let flooded = window.send(1, &mut faults);
        assert!(window.answered(flooded, FLOOD, &mut faults));
        assert_eq!(faults.flooded, 1);
        window.send(1, &mut faults);
        assert_eq!(window.outstanding(), 1);
        window.write_off(&mut faults);
        assert_eq!((window.outstanding(), faults.lost), (0, 1));
    }

    #[test]
    fn one_that_others_overtake_by_far_is_lost() {
        let (mut window, mut faults) = (PacketWindow::new(1), AnswerFaults::default());
        let lost = window.send(1, &mut faults);
        for _ in 0..LAPS {
            assert_eq!(faults.lost, 0);
            let number = window.send(1, &mut faults);
            window.answered(number, 1, &mut faults);
        }
        assert_eq!((faults.lost, window.outstanding()), (1, 0));
        assert!(!window.answered(lost, 1, &mut faults));
        assert_eq!(faults.duplicated, 1);
    }

    #[test]
    fn announcements_may_be_answered_anyhow_and_numbers_go_round() {
        let (mut window, mut faults) = (PacketWindow::new(2), AnswerFaults::default());
        let first = window.announce(&mut faults);
        assert!(window.answered(first, SEVERAL, &mut faults));
        assert!(!window.answered(first, FLOOD, &mut faults));
        window.next = u32::MAX;
        window.begin();
        for _ in 0..20 {
            let number = window.send(3, &mut faults);
            assert_ne!(number, u32::MAX);
            assert!(window.answered(number, 3, &mut faults));
        }
        assert!(!faults.any(), "{faults:?}");
    }
}
