//! The kinds of messages between controller and switch, recognised by their bytes.

use crate::adversaries::simulation::Direction;
use crate::adversaries::switch::Abilities;

/// A kind of message: its direction and the numbers in its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MessageKind {
    pub(super) name: &'static str,
    pub(super) direction: Direction,
    kind: u8,
    within: KindMarks,
}

/// Further marks of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KindMarks {
    Nothing,
    /// OFPMP_ number.
    Multipart(u16),
    /// The flow monitor's reply, or its updates.
    Monitor {
        asked: bool,
    },
    /// ONF's experimenter type.
    Onf(u32),
    /// OFPBCT_ number of a bundle's control message.
    Bundle(u16),
}

use Direction::{ToController, ToSwitch};

const fn of(name: &'static str, direction: Direction, kind: u8, within: KindMarks) -> MessageKind {
    MessageKind { name, direction, kind, within }
}

macro_rules! kinds {
    ($($constant:ident: $direction:ident, $kind:literal, $within:expr;)*) => {
        $(pub(super) const $constant: MessageKind = of(stringify!($constant), $direction, $kind, $within);)*
        /// Lists every kind.
        pub(super) const ALL: &[MessageKind] = &[$($constant),*];
    };
}

kinds! {
    HELLO_OF_SWITCH: ToController, 0, KindMarks::Nothing;
    ERROR: ToController, 1, KindMarks::Nothing;
    ECHO_REQUEST_OF_SWITCH: ToController, 2, KindMarks::Nothing;
    ECHO_REPLY_OF_SWITCH: ToController, 3, KindMarks::Nothing;
    FEATURES_REPLY: ToController, 6, KindMarks::Nothing;
    PACKET_IN: ToController, 10, KindMarks::Nothing;
    FLOW_REMOVED: ToController, 11, KindMarks::Nothing;
    PORT_STATUS: ToController, 12, KindMarks::Nothing;
    DESC_REPLY: ToController, 19, KindMarks::Multipart(0);
    FLOW_REPLY: ToController, 19, KindMarks::Multipart(1);
    GROUP_DESC_REPLY: ToController, 19, KindMarks::Multipart(7);
    PORT_DESC_REPLY: ToController, 19, KindMarks::Multipart(13);
    MONITOR_REPLY: ToController, 19, KindMarks::Monitor { asked: true };
    MONITOR_UPDATE: ToController, 19, KindMarks::Monitor { asked: false };
    MONITOR_PAUSED: ToController, 4, KindMarks::Onf(1871);
    MONITOR_RESUMED: ToController, 4, KindMarks::Onf(1872);
    BUNDLE_OPEN_REPLY: ToController, 4, KindMarks::Bundle(1);
    BUNDLE_COMMIT_REPLY: ToController, 4, KindMarks::Bundle(5);
    BARRIER_REPLY: ToController, 21, KindMarks::Nothing;
    HELLO_OF_CONTROLLER: ToSwitch, 0, KindMarks::Nothing;
    ECHO_REQUEST_OF_CONTROLLER: ToSwitch, 2, KindMarks::Nothing;
    ECHO_REPLY_OF_CONTROLLER: ToSwitch, 3, KindMarks::Nothing;
    FEATURES_REQUEST: ToSwitch, 5, KindMarks::Nothing;
    SET_CONFIG: ToSwitch, 9, KindMarks::Nothing;
    FLOW_MOD: ToSwitch, 14, KindMarks::Nothing;
    GROUP_MOD: ToSwitch, 15, KindMarks::Nothing;
    METER_MOD: ToSwitch, 29, KindMarks::Nothing;
    DESC_REQUEST: ToSwitch, 18, KindMarks::Multipart(0);
    FLOW_REQUEST: ToSwitch, 18, KindMarks::Multipart(1);
    GROUP_DESC_REQUEST: ToSwitch, 18, KindMarks::Multipart(7);
    PORT_DESC_REQUEST: ToSwitch, 18, KindMarks::Multipart(13);
    MONITOR_REQUEST: ToSwitch, 18, KindMarks::Monitor { asked: true };
    BUNDLE_OPEN: ToSwitch, 4, KindMarks::Bundle(0);
    BUNDLE_ADD: ToSwitch, 4, KindMarks::Onf(2301);
    BUNDLE_COMMIT: ToSwitch, 4, KindMarks::Bundle(4);
    BARRIER_REQUEST: ToSwitch, 20, KindMarks::Nothing;
}

impl MessageKind {
    /// Returns the switches whose sessions have such messages, and treat them in a way of their
    /// own. A switch without a flow monitor is read twice a second, so attacks on reads use it.
    pub(super) fn sent_by(self) -> &'static [Abilities] {
        const ALL: &[Abilities] = &[Abilities::OPEN_VSWITCH, Abilities::WITHOUT_BUNDLES, Abilities::PLAIN];
        match self.within {
            KindMarks::Bundle(0) | KindMarks::Nothing if self.kind != 14 && self.kind < 20 => &ALL[..2],
            KindMarks::Bundle(_) | KindMarks::Onf(2301) => &ALL[..1],
            KindMarks::Nothing => &ALL[1..],
            KindMarks::Multipart(1) => ALL,
            KindMarks::Multipart(_) | KindMarks::Onf(_) | KindMarks::Monitor { .. } => &ALL[..2],
        }
    }

    /// Returns whether a message of a direction is of this kind.
    pub(super) fn is_of(self, direction: Direction, frame: &[u8]) -> bool {
        self.direction == direction
            && frame.get(1) == Some(&self.kind)
            && match self.within {
                KindMarks::Nothing => true,
                KindMarks::Multipart(kind) => u16_at(frame, 8) == Some(kind),
                KindMarks::Monitor { asked } => {
                    u16_at(frame, 8) == Some(0xffff) && (u32_at(frame, 4) != Some(0)) == asked
                }
                KindMarks::Onf(kind) => u32_at(frame, 12) == Some(kind),
                KindMarks::Bundle(kind) => u32_at(frame, 12) == Some(2300) && u16_at(frame, 20) == Some(kind),
            }
    }
}

pub(super) fn u16_at(frame: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*frame.get(at..)?.first_chunk()?))
}

fn u32_at(frame: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*frame.get(at..)?.first_chunk()?))
}
