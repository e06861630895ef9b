//! Whoever sits on the wires between a controller and its switches.

use std::time::Duration;

use bytes::Bytes;

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Direction {
    ToController,
    ToSwitch,
}

/// A message on its way over a link.
#[derive(Debug, Clone)]
pub(crate) struct Passage {
    /// Whose wire.
    pub(crate) link: usize,
    /// How much later than others.
    pub(crate) after: Duration,
    /// The whole message.
    pub(crate) frame: Bytes,
}

impl Passage {
    /// As it came.
    pub(crate) fn straight(link: usize, frame: Bytes) -> Self {
        Self { link, after: Duration::ZERO, frame }
    }
}

/// Decides what becomes of each message.
pub(crate) trait Interceptor {
    /// Returns what goes on of a message of that link.
    fn pass(&mut self, link: usize, direction: Direction, frame: Bytes) -> Vec<Passage>;
}

/// Lets everything through.
pub(crate) struct Honest;

impl Interceptor for Honest {
    fn pass(&mut self, link: usize, _: Direction, frame: Bytes) -> Vec<Passage> {
        vec![Passage::straight(link, frame)]
    }
}
