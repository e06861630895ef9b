//! The ports of a bridge.

use std::collections::{BTreeMap, BTreeSet};

use flows::compile::PortMap;
use ofctl::syntax::PortNames;
use ofproto::PortNo;
use ofproto::message::{Port, PortStatus, PortStatusReason};

use crate::printable::printable_name;

/// The ports that a switch reports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ports {
    by_number: BTreeMap<PortNo, Box<str>>,
}

impl Ports {
    /// Returns the ports in the list of a handshake.
    pub fn new(ports: &[Port]) -> Self {
        Self { by_number: ports.iter().map(|p| (p.port_no, name(p))).collect() }
    }

    /// Returns the name of the bridge: that of its `OFPP_LOCAL` port.
    pub fn bridge(&self) -> Option<&str> {
        self.by_number.get(&PortNo::LOCAL).map(|name| &**name).filter(|n| !n.is_empty())
    }

    /// Returns the name of a port.
    pub fn name_of(&self, number: PortNo) -> Option<&str> {
        self.by_number.get(&number).map(|name| &**name)
    }

    /// Applies a port change. Returns whether a name or a number changed. A port beyond `limit` is
    /// ignored.
    pub fn apply(&mut self, status: &PortStatus, limit: usize) -> bool {
        let number = status.port.port_no;
        if status.reason == PortStatusReason::Delete {
            return self.by_number.remove(&number).is_some();
        }
        if self.by_number.len() >= limit && !self.by_number.contains_key(&number) {
            return false;
        }
        let name = name(&status.port);
        self.by_number.insert(number, name.clone()) != Some(name)
    }

    /// Returns the names for printing and for reading.
    pub fn names(&self) -> PortNames {
        self.by_number.iter().map(|(number, name)| (name.to_string(), *number)).collect()
    }

    /// Returns port numbers by names, for the compiler. A name that several ports have is left out.
    /// The wire cuts names to 15 bytes, so a port with the name need not be the one in the file.
    pub fn by_name(&self) -> PortMap {
        let ambiguous = self.ambiguous();
        let clear = self.by_number.iter().filter(|(_, name)| !ambiguous.contains(&***name));
        clear.map(|(number, name)| (name.to_string(), *number)).collect()
    }

    /// Returns the names that several ports have.
    pub fn ambiguous(&self) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        self.by_number.values().filter(|name| !seen.insert(&***name)).map(|name| name.to_string()).collect()
    }

    /// Returns the number of the only port with that name, or `None` if several have it.
    pub fn number_of(&self, name: &str) -> Option<PortNo> {
        let mut named = self.by_number.iter().filter(|(_, its)| ***its == *name);
        let (number, _) = named.next()?;
        named.next().is_none().then_some(*number)
    }

    /// Returns the name of a port, unless another port has it as well.
    pub fn unambiguous_name_of(&self, number: PortNo) -> Option<&str> {
        let name = self.name_of(number)?;
        let others = self.by_number.iter().any(|(other, its)| *other != number && **its == *name);
        (!others).then_some(name)
    }
}

/// Returns the name up to its first NUL, as it may be shown. A name is bytes for the kernel and
/// text for a file. No name in a file has a character that is escaped.
fn name(port: &Port) -> Box<str> {
    printable_name(&port.name).into_boxed_str()
}
