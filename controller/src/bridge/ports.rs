//! The ports of a bridge.

use std::collections::BTreeMap;

use flows::compile::PortMap;
use flows::syntax::PortNames;
use ofproto::PortNo;
use ofproto::message::{Port, PortStatus, PortStatusReason};

/// The ports that a switch says it has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ports {
    by_number: BTreeMap<PortNo, String>,
}

impl Ports {
    /// From the list of a handshake.
    pub fn new(ports: &[Port]) -> Self {
        Self { by_number: ports.iter().map(|p| (p.port_no, name(p))).collect() }
    }

    /// The name of the bridge: that of its own port.
    pub fn bridge(&self) -> Option<&str> {
        self.by_number.get(&PortNo::LOCAL).map(String::as_str).filter(|n| !n.is_empty())
    }

    /// The name of a port.
    pub fn name_of(&self, number: PortNo) -> Option<&str> {
        self.by_number.get(&number).map(String::as_str)
    }

    /// Takes a change in; whether a name or a number changed by it. A port beyond `limit` is not taken.
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

    /// Names for printing; LOCAL is written so.
    pub fn names(&self) -> PortNames {
        let others = self.by_number.iter().filter(|(number, _)| **number != PortNo::LOCAL);
        others.map(|(number, name)| (name.clone(), *number)).collect()
    }

    /// Numbers by names, for the compiler.
    pub fn by_name(&self) -> PortMap {
        self.by_number.iter().map(|(number, name)| (name.clone(), *number)).collect()
    }
}

/// The name up to its first NUL; a name is bytes for the kernel, text for a file.
fn name(port: &Port) -> String {
    String::from_utf8_lossy(&port.name).into_owned()
}
