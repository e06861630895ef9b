//! Attacks the messages of one kind, as a malicious wire does.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::field::Field;
use super::kind::MessageKind;
use super::random::Random;
use crate::adversaries::simulation::{Direction, Interceptor, Passage};

/// An attack on a message.
#[derive(Debug, Clone)]
pub(super) enum Attack {
    Drop,
    Duplicate,
    Delay(Duration),
    /// The message goes to the other switch.
    Divert,
    /// A field gets another value.
    Lie(Field, Vec<u8>),
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drop => write!(f, "drop"),
            Self::Duplicate => write!(f, "duplicate"),
            Self::Delay(time) => write!(f, "delay by {time:?}"),
            Self::Divert => write!(f, "divert"),
            Self::Lie(field, lie) => write!(f, "{} = {lie:02x?}", field.name),
        }
    }
}

/// An attacker of messages of one kind on the first switch's wire.
#[derive(Debug)]
pub(super) struct Attacker {
    pub(super) kind: MessageKind,
    pub(super) attack: Attack,
    pub(super) percent: u64,
    pub(super) random: Random,
}

impl Interceptor for Attacker {
    fn pass(&mut self, link: usize, direction: Direction, frame: Bytes) -> Vec<Passage> {
        if link != 0 || !self.kind.is_of(direction, &frame) || !self.random.percent(self.percent) {
            return vec![Passage::straight(link, frame)];
        }
        match &self.attack {
            Attack::Drop => Vec::new(),
            Attack::Duplicate => vec![Passage::straight(link, frame.clone()), Passage::straight(link, frame)],
            Attack::Delay(after) => vec![Passage { link, after: *after, frame }],
            Attack::Divert => vec![Passage::straight(1, frame)],
            Attack::Lie(field, lie) => {
                let mut frame = frame.to_vec();
                field.say(&mut frame, lie, &mut self.random);
                vec![Passage::straight(link, frame.into())]
            }
        }
    }
}
