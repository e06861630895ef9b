//! The states of a walk: a place in a pipeline with concrete registers, and the packets there.

use std::collections::HashMap;

use bdd::Bdd;
use ofproto::{PortNo, TableId};

use super::program::ProgramId;
use super::registers::Registers;
use super::world::Passage;

/// The number of a continuation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Continuation(u32);

impl Continuation {
    /// The end of a pipeline: the action set is executed.
    pub(super) const END: Self = Self(0);
    /// The end of a copy of a packet: nothing follows.
    pub(super) const NOTHING: Self = Self(1);
}

/// A program that waits for the end of a resubmit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Frame {
    pub(super) program: ProgramId,
    /// The place of the next operation.
    pub(super) place: u16,
    /// The table of the program's flow.
    pub(super) table: TableId,
    /// The nesting of resubmits to the same or an earlier table.
    pub(super) depth: u32,
    pub(super) parent: Continuation,
}

/// The place of a state in a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// Before a lookup. The port, if there is one, replaces the ingress port for the lookup.
    Lookup { table: TableId, in_port: Option<PortNo>, depth: u32 },
    /// Back in the program that waits.
    Resume,
}

/// The identity of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct StateKey {
    pub(super) bridge: usize,
    pub(super) place: Place,
    pub(super) continuation: Continuation,
    pub(super) registers: RegistersId,
}

/// The number of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct StateId(pub(super) u32);

/// The number of register values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct RegistersId(u32);

/// A state from which packets come, and their way if they come from another bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Predecessor {
    pub(super) state: StateId,
    pub(super) passage: Option<(PortNo, Passage)>,
}

/// A state and its packets.
#[derive(Debug)]
pub(super) struct State {
    pub(super) key: StateKey,
    /// All packets that reach it.
    pub(super) reached: Bdd,
    /// Those that were not followed yet.
    pub(super) pending: Bdd,
    pub(super) predecessors: Vec<Predecessor>,
}

/// The order of states: the tables and places of waiting programs, the outermost first. States that
/// lead to others come before them, so that these are merged before they are followed.
pub(super) type Rank = Vec<u32>;

/// All states, frames and register values, each once.
#[derive(Debug, Default)]
pub(super) struct States {
    pub(super) all: Vec<State>,
    numbers: HashMap<StateKey, StateId>,
    frames: Vec<Frame>,
    frame_numbers: HashMap<Frame, Continuation>,
    registers: Vec<Registers>,
    register_numbers: HashMap<Registers, RegistersId>,
}

impl States {
    /// Returns the number of a state.
    pub(super) fn of(&mut self, key: StateKey) -> StateId {
        let next = StateId(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        *self.numbers.entry(key).or_insert_with(|| {
            self.all.push(State { key, reached: Bdd::FALSE, pending: Bdd::FALSE, predecessors: Vec::new() });
            next
        })
    }

    pub(super) fn get(&self, StateId(number): StateId) -> Option<&State> {
        self.all.get(number as usize)
    }

    pub(super) fn get_mut(&mut self, StateId(number): StateId) -> Option<&mut State> {
        self.all.get_mut(number as usize)
    }

    /// Returns the continuation of a waiting program.
    pub(super) fn waiting(&mut self, frame: Frame) -> Continuation {
        // The first two numbers are the two ends.
        let next = Continuation(u32::try_from(self.frames.len() + 2).unwrap_or(u32::MAX));
        *self.frame_numbers.entry(frame).or_insert_with(|| {
            self.frames.push(frame);
            next
        })
    }

    /// Returns the waiting program of a continuation; `None` for the ends.
    pub(super) fn frame(&self, Continuation(number): Continuation) -> Option<Frame> {
        self.frames.get((number as usize).checked_sub(2)?).copied()
    }

    /// Returns the number of register values.
    pub(super) fn registers_id(&mut self, registers: &Registers) -> RegistersId {
        if let Some(known) = self.register_numbers.get(registers) {
            return *known;
        }
        let next = RegistersId(u32::try_from(self.registers.len()).unwrap_or(u32::MAX));
        self.registers.push(registers.clone());
        self.register_numbers.insert(registers.clone(), next);
        next
    }

    /// Returns the register values of a number.
    pub(super) fn registers(&self, RegistersId(number): RegistersId) -> Registers {
        self.registers.get(number as usize).cloned().unwrap_or_default()
    }

    /// Returns the place of a state in the order of the walk.
    pub(super) fn rank(&self, key: StateKey) -> Rank {
        let mut path = Vec::new();
        let mut next = key.continuation;
        if let Place::Lookup { table, .. } = key.place {
            path.push(u32::from(table.0) << 16);
        }
        let mut first = key.place == Place::Resume;
        while let Some(frame) = self.frame(next) {
            // A program that goes on comes after the lookups for which it waited.
            let place = u32::from(frame.place) * 2 + u32::from(first);
            path.push(u32::from(frame.table.0) << 16 | place.min(0xffff));
            first = false;
            next = frame.parent;
        }
        path.push(u32::try_from(key.bridge).unwrap_or(u32::MAX));
        path.reverse();
        path
    }
}
