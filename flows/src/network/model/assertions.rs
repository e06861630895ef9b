//! Assertions: statements about the compiled flows that change no flow.

use crate::network::{Protocol, Span};

/// An assertion: no packet from the senders ever reaches the receivers.
#[derive(Debug, Clone, PartialEq)]
pub struct Never {
    /// Its name, unique among rules.
    pub name: String,
    /// Names of endpoints, links, exits or networks; a network stands for every party on it, links
    /// and exits included.
    pub from: Vec<String>,
    /// Names of the receivers, likewise.
    pub to: Vec<String>,
    /// Crossings that are exempt.
    pub except: Vec<String>,
    /// The response to a violation.
    pub on_violation: ViolationResponse,
    /// Its place in the text.
    pub span: Span,
}

/// An assertion: each sender can open connections to each receiver. It holds without learned flows.
#[derive(Debug, Clone, PartialEq)]
pub struct Always {
    /// Its name, unique among rules.
    pub name: String,
    /// Names of endpoints, links, exits or networks; a network stands for its endpoints, as in an
    /// allow.
    pub from: Vec<String>,
    /// Names of the receivers, likewise.
    pub to: Vec<String>,
    /// The protocol.
    pub protocol: Protocol,
    /// Destination ports, for TCP, UDP and SCTP; an empty list means any port.
    pub ports: Vec<u16>,
    /// Its place in the text.
    pub span: Span,
}

/// An assertion: the packets of the senders arrive at the receivers, at other senders, or nowhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Confine {
    /// Its name, unique among rules.
    pub name: String,
    /// Names of endpoints, links, exits or networks. A network stands for its endpoints and links.
    /// Its exits lead out of it, so each one counts only under its own name.
    pub from: Vec<String>,
    /// Names of the exits, or of other parties, by which packets may leave; a network likewise.
    pub to: Vec<String>,
    /// The response to a violation.
    pub on_violation: ViolationResponse,
    /// Its place in the text.
    pub span: Span,
}

/// The response to an assertion that the flows of a running switch violate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum ViolationResponse {
    /// A report alone.
    #[default]
    Report,
    /// A report, and the isolation of the parties in `from`.
    Isolate,
}
