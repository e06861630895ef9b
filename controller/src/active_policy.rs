//! The active policy: the network file, and its open windows.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::Arc;

use flows::Flow;
use flows::compile::{OriginKind, PortMap, Program, ProgramPart, TimeContext};
use flows::runtime::timeouts::LONGEST;

use crate::policy::Policy;

/// A network file with its open windows. A clone is cheap.
#[derive(Debug, Clone)]
pub struct ActivePolicy {
    /// The file.
    pub policy: Arc<Policy>,
    /// The open windows and their closing times, in seconds since 1970-01-01 UTC.
    pub windows: Arc<BTreeMap<String, u64>>,
    /// Number of changes of file and windows. A later policy has a higher number.
    pub generation: u64,
    /// The longest hard timeout of a flow, in seconds; less than the wire has only in tests.
    pub longest: u16,
}

impl ActivePolicy {
    /// Returns a file without an open window.
    pub fn new(policy: impl Into<Arc<Policy>>) -> Self {
        Self { policy: policy.into(), windows: Arc::default(), generation: 0, longest: LONGEST }
    }

    /// Returns the names of the windows that the file knows.
    pub fn window_names(&self) -> BTreeSet<&str> {
        self.file.allows.iter().filter_map(|allow| allow.temp.as_deref()).collect()
    }

    /// Compiles the flows of a bridge that has these ports, at `now`, in seconds since 1970-01-01
    /// UTC. Parts that are unchanged are taken from the program `before`.
    pub fn compile(&self, before: &Program, bridge: &str, ports: &PortMap, now: u64) -> Program {
        let moment = TimeContext { now, windows: BTreeMap::clone(&self.windows) };
        let mut program = flows::compile::recompile(before, &self.file, bridge, ports, &moment);
        if self.longest < LONGEST {
            program.parts.iter_mut().for_each(|part| self.shorten(part));
        }
        program
    }

    fn shorten(&self, part: &mut Arc<ProgramPart>) {
        // A raw line is installed as it stands.
        let raw = |part: &ProgramPart, flow: &Flow| {
            part.origins.get(&flow.cookie).is_some_and(|origin| origin.kind == OriginKind::Raw)
        };
        let long = |flow: &Flow| flow.hard_timeout > self.longest && !raw(part, flow);
        let long: Vec<usize> =
            part.flows.iter().enumerate().filter(|(_, flow)| long(flow)).map(|(n, _)| n).collect();
        if long.is_empty() {
            return;
        }
        let part = Arc::make_mut(part);
        for n in long {
            part.flows.get_mut(n).into_iter().for_each(|flow| flow.hard_timeout = self.longest);
        }
    }

    /// Returns the next end of a window or a crossing after `now`, in seconds since 1970-01-01 UTC.
    pub fn next_end(&self, now: u64) -> Option<u64> {
        let crossings = self.file.crossings.iter().filter_map(|crossing| crossing.expires);
        self.windows.values().copied().chain(crossings).filter(|end| *end > now).min()
    }
}

impl Deref for ActivePolicy {
    type Target = Policy;

    fn deref(&self) -> &Policy {
        &self.policy
    }
}
