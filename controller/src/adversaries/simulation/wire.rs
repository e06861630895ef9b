//! Defines the attacker on the wires between a controller and its switches.

use std::time::Duration;

use bytes::Bytes;

/// The direction of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Direction {
    ToController,
    ToSwitch,
}

/// A message on its way over a link.
#[derive(Debug, Clone)]
pub(crate) struct Passage {
    /// The switch of this wire.
    pub(crate) link: usize,
    /// The extra delay.
    pub(crate) after: Duration,
    /// The whole message.
    pub(crate) frame: Bytes,
}

impl Passage {
    /// Returns the message unchanged.
    pub(crate) fn straight(link: usize, frame: Bytes) -> Self {
        Self { link, after: Duration::ZERO, frame }
    }
}

/// Decides the fate of each message.
pub(crate) trait Interceptor {
    /// Returns the messages to forward in place of one.
    fn pass(&mut self, link: usize, direction: Direction, frame: Bytes) -> Vec<Passage>;
}

/// An interceptor that forwards every message unchanged.
pub(crate) struct Honest;

impl Interceptor for Honest {
    fn pass(&mut self, link: usize, _: Direction, frame: Bytes) -> Vec<Passage> {
        vec![Passage::straight(link, frame)]
    }
}
