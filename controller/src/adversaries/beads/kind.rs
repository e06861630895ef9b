//! Tells the kinds of messages between controller and switch apart by their bytes.

use crate::adversaries::simulation::Direction;
use crate::adversaries::switch::Abilities;

/// Describes a kind of message: its direction and the numbers in its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) direction: Direction,
    kind: u8,
    within: Within,
}

/// Holds further marks of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
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

const fn of(name: &'static str, direction: Direction, kind: u8, within: Within) -> Kind {
    Kind { name, direction, kind, within }
}

macro_rules! kinds {
    ($($constant:ident: $direction:ident, $kind:literal, $within:expr;)*) => {
        $(pub(super) const $constant: Kind = of(stringify!($constant), $direction, $kind, $within);)*
        /// Lists every kind.
        pub(super) const ALL: &[Kind] = &[$($constant),*];
    };
}

kinds! {
    HELLO_OF_SWITCH: ToController, 0, Within::Nothing;
    ERROR: ToController, 1, Within::Nothing;
    ECHO_REQUEST_OF_SWITCH: ToController, 2, Within::Nothing;
    ECHO_REPLY_OF_SWITCH: ToController, 3, Within::Nothing;
    FEATURES_REPLY: ToController, 6, Within::Nothing;
    PACKET_IN: ToController, 10, Within::Nothing;
    FLOW_REMOVED: ToController, 11, Within::Nothing;
    PORT_STATUS: ToController, 12, Within::Nothing;
    DESC_REPLY: ToController, 19, Within::Multipart(0);
    FLOW_REPLY: ToController, 19, Within::Multipart(1);
    GROUP_DESC_REPLY: ToController, 19, Within::Multipart(7);
    PORT_DESC_REPLY: ToController, 19, Within::Multipart(13);
    MONITOR_REPLY: ToController, 19, Within::Monitor { asked: true };
    MONITOR_UPDATE: ToController, 19, Within::Monitor { asked: false };
    MONITOR_PAUSED: ToController, 4, Within::Onf(1871);
    MONITOR_RESUMED: ToController, 4, Within::Onf(1872);
    BUNDLE_OPEN_REPLY: ToController, 4, Within::Bundle(1);
    BUNDLE_COMMIT_REPLY: ToController, 4, Within::Bundle(5);
    BARRIER_REPLY: ToController, 21, Within::Nothing;
    HELLO_OF_CONTROLLER: ToSwitch, 0, Within::Nothing;
    ECHO_REQUEST_OF_CONTROLLER: ToSwitch, 2, Within::Nothing;
    ECHO_REPLY_OF_CONTROLLER: ToSwitch, 3, Within::Nothing;
    FEATURES_REQUEST: ToSwitch, 5, Within::Nothing;
    SET_CONFIG: ToSwitch, 9, Within::Nothing;
    FLOW_MOD: ToSwitch, 14, Within::Nothing;
    GROUP_MOD: ToSwitch, 15, Within::Nothing;
    METER_MOD: ToSwitch, 29, Within::Nothing;
    DESC_REQUEST: ToSwitch, 18, Within::Multipart(0);
    FLOW_REQUEST: ToSwitch, 18, Within::Multipart(1);
    GROUP_DESC_REQUEST: ToSwitch, 18, Within::Multipart(7);
    PORT_DESC_REQUEST: ToSwitch, 18, Within::Multipart(13);
    MONITOR_REQUEST: ToSwitch, 18, Within::Monitor { asked: true };
    BUNDLE_OPEN: ToSwitch, 4, Within::Bundle(0);
    BUNDLE_ADD: ToSwitch, 4, Within::Onf(2301);
    BUNDLE_COMMIT: ToSwitch, 4, Within::Bundle(4);
    BARRIER_REQUEST: ToSwitch, 20, Within::Nothing;
}

impl Kind {
    /// Returns the switches whose sessions have such messages, and treat them in a way of their
    /// own. A switch without a flow monitor is read twice a second, so attacks on reads use it.
    pub(super) fn sent_by(self) -> &'static [Abilities] {
        const ALL: &[Abilities] = &[Abilities::OPEN_VSWITCH, Abilities::WITHOUT_BUNDLES, Abilities::PLAIN];
        match self.within {
            Within::Bundle(0) | Within::Nothing if self.kind != 14 && self.kind < 20 => &ALL[..2],
            Within::Bundle(_) | Within::Onf(2301) => &ALL[..1],
            Within::Nothing => &ALL[1..],
            Within::Multipart(1) => ALL,
            Within::Multipart(_) | Within::Onf(_) | Within::Monitor { .. } => &ALL[..2],
        }
    }

    /// Returns whether a message of a direction is of this kind.
    pub(super) fn is_of(self, direction: Direction, frame: &[u8]) -> bool {
        self.direction == direction
            && frame.get(1) == Some(&self.kind)
            && match self.within {
                Within::Nothing => true,
                Within::Multipart(kind) => u16_at(frame, 8) == Some(kind),
                Within::Monitor { asked } => {
                    u16_at(frame, 8) == Some(0xffff) && (u32_at(frame, 4) != Some(0)) == asked
                }
                Within::Onf(kind) => u32_at(frame, 12) == Some(kind),
                Within::Bundle(kind) => u32_at(frame, 12) == Some(2300) && u16_at(frame, 20) == Some(kind),
            }
    }
}

pub(super) fn u16_at(frame: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*frame.get(at..)?.first_chunk()?))
}

fn u32_at(frame: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*frame.get(at..)?.first_chunk()?))
}
