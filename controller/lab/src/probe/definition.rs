//! Defines a probe: from where to where, how it is tried, and what is expected.

use std::net::IpAddr;

use flows::verify::interp::Packet;

use super::frames::Frame;
use super::talk::TalkProtocol;
use crate::plan::PlannedPort;

/// What should become of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// It gets an answer.
    Passes,
    /// It does not arrive, as no rule says it may.
    Denied,
    /// It does not arrive, as the file says it must never.
    Never,
}

impl Expected {
    /// The word in the table.
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
    /// From whom (a place's name).
    pub from: String,
    /// To whom.
    pub to: String,
    /// What is tried, and because of what.
    pub what: String,
    /// What should become of it.
    pub expected: Expected,
    /// How it is tried.
    pub action: Action,
}

/// How a probe is tried.
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
        /// By which protocol.
        speech: TalkProtocol,
    },
    /// Raw frames from one place.
    Frames {
        /// Where they are sent.
        from: Box<PlannedPort>,
        /// The frames.
        frames: Vec<Frame>,
        /// The device in the lab's host by which all of them must come into a bridge: else nothing is shown.
        enters: String,
        /// Where they are looked for: none may turn up there. For [`Expected::Passes`], all must.
        at: Vec<PlannedPort>,
        /// Where none may turn up in any case.
        else_at: Vec<PlannedPort>,
    },
    /// Packets through the flows that the bridges have.
    Flows {
        /// Where they come from.
        from: Box<PlannedPort>,
        /// The packets.
        cases: Vec<PacketCase>,
    },
}

/// A packet for somebody.
#[derive(Debug, Clone, PartialEq)]
pub struct PacketCase {
    /// Whom it is for.
    pub to: PlannedPort,
    /// What it is.
    pub kind: String,
    /// The packet.
    pub packet: Box<Packet>,
    /// Its source.
    pub source: IpAddr,
    /// Its destination.
    pub target: IpAddr,
}
