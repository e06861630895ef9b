//! Defines a probe: its source, its destination, its action and its expected result.

use std::net::IpAddr;

use flows::verify::interp::Packet;

use super::frames::Frame;
use super::talk::TalkProtocol;
use crate::plan::PlannedPort;

/// The expected result of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// The probe gets an answer.
    Passes,
    /// The probe does not arrive, because no rule allows it.
    Denied,
    /// The probe does not arrive, because of a `never`.
    Never,
}

impl Expected {
    /// Returns the word in the table.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Passes => "passes",
            Self::Denied => "denied",
            Self::Never => "never",
        }
    }
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// The sender (a place's name).
    pub from: String,
    /// The receiver.
    pub to: String,
    /// The traffic, and the rule that it tests.
    pub what: String,
    /// The expected result.
    pub expected: Expected,
    /// The action.
    pub action: Action,
}

/// The action of a probe.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// A conversation.
    Talk {
        /// The key of the client's namespace.
        client: String,
        /// The client's address.
        source: IpAddr,
        /// The key of the server's namespace.
        server: String,
        /// The server's address.
        target: IpAddr,
        /// The protocol.
        speech: TalkProtocol,
    },
    /// Raw frames from one place.
    Frames {
        /// The sender.
        from: Box<PlannedPort>,
        /// The frames.
        frames: Vec<Frame>,
        /// The device in the lab's host by which all frames must enter a bridge. Otherwise the
        /// probe shows nothing.
        enters: String,
        /// The listeners: no frame may arrive there. For [`Expected::Passes`], all must.
        at: Vec<PlannedPort>,
        /// Listeners at which no frame may arrive in any case.
        else_at: Vec<PlannedPort>,
    },
    /// Packets through the installed flows of the bridges.
    Flows {
        /// The sender.
        from: Box<PlannedPort>,
        /// The packets.
        cases: Vec<PacketCase>,
    },
}

/// A packet with its receiver.
#[derive(Debug, Clone, PartialEq)]
pub struct PacketCase {
    /// The receiver.
    pub to: PlannedPort,
    /// The kind of packet.
    pub kind: String,
    /// The packet.
    pub packet: Box<Packet>,
    /// Its source.
    pub source: IpAddr,
    /// Its destination.
    pub target: IpAddr,
}
