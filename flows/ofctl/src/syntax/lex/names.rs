//! Port names and numbers, in both directions.

use std::collections::BTreeMap;

use ofproto::{PortNo, TableId};

use crate::syntax::lex::token;

/// The names of a bridge's ports and tables.
pub trait Names {
    /// Returns the number of the port of this name.
    fn port_by_name(&self, name: &str) -> Option<PortNo>;
    /// Returns the name of the port of this number.
    fn port_name(&self, port: PortNo) -> Option<&str>;
    /// Returns whether several ports have this name, which then stands for none of them.
    fn is_ambiguous(&self, _: &str) -> bool {
        false
    }
    /// Returns the number of the table of this name, if tables have names.
    fn table_by_name(&self, _: &str) -> Option<TableId> {
        None
    }
    /// Returns the name of the table of this number, if tables have names.
    fn table_name(&self, _: TableId) -> Option<&str> {
        None
    }
}

/// The implementation without names: only numbers and reserved ports are known.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoNames;

impl Names for NoNames {
    fn port_by_name(&self, _: &str) -> Option<PortNo> {
        None
    }

    fn port_name(&self, _: PortNo) -> Option<&str> {
        None
    }
}

impl Names for BTreeMap<String, PortNo> {
    fn port_by_name(&self, name: &str) -> Option<PortNo> {
        self.get(name).copied()
    }

    fn port_name(&self, port: PortNo) -> Option<&str> {
        self.iter().find(|(_, number)| **number == port).map(|(name, _)| name.as_str())
    }
}

/// Names of ports, and optionally of tables. A name that several ports have stands for none of
/// them. Those ports are printed by number, as `ovs-ofctl` does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PortNames {
    /// `None` if several ports have the name.
    by_name: BTreeMap<String, Option<PortNo>>,
    by_number: BTreeMap<PortNo, String>,
    tables: BTreeMap<TableId, String>,
    /// `None` if several tables have the name.
    tables_by_name: BTreeMap<String, Option<TableId>>,
}

impl PortNames {
    /// Returns an empty set of names.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a port whose number is new.
    pub fn insert(&mut self, name: impl Into<String>, port: PortNo) {
        let name = name.into();
        let others = self.by_name.contains_key(&name);
        self.by_name.insert(name.clone(), (!others).then_some(port));
        self.by_number.insert(port, name);
    }
}

impl PortNames {
    /// Adds a new table. An empty name stands for none.
    pub fn insert_table(&mut self, name: impl Into<String>, table: TableId) {
        let name = name.into();
        if !name.is_empty() {
            let others = self.tables_by_name.contains_key(&name);
            self.tables_by_name.insert(name.clone(), (!others).then_some(table));
            self.tables.insert(table, name);
        }
    }
}

impl<S: Into<String>> FromIterator<(S, PortNo)> for PortNames {
    fn from_iter<T: IntoIterator<Item = (S, PortNo)>>(ports: T) -> Self {
        let mut this = Self::new();
        for (name, port) in ports {
            this.insert(name, port);
        }
        this
    }
}

impl Names for PortNames {
    fn port_by_name(&self, name: &str) -> Option<PortNo> {
        self.by_name.get(name).copied().flatten()
    }

    fn port_name(&self, port: PortNo) -> Option<&str> {
        self.by_number.get(&port).map(String::as_str).filter(|name| !self.is_ambiguous(name))
    }

    fn is_ambiguous(&self, name: &str) -> bool {
        self.by_name.get(name).is_some_and(Option::is_none)
    }

    fn table_by_name(&self, name: &str) -> Option<TableId> {
        // A name that several tables have stands for none of them, as in `ovs-ofctl`.
        self.tables_by_name.get(name).copied().flatten()
    }

    fn table_name(&self, table: TableId) -> Option<&str> {
        let name = self.tables.get(&table)?;
        self.table_by_name(name).map(|_| name.as_str())
    }
}

/// The reserved ports, as `ovs-ofctl` writes them.
const RESERVED: [(&str, PortNo); 9] = [
    ("UNSET", PortNo::UNSET),
    ("IN_PORT", PortNo::IN_PORT),
    ("TABLE", PortNo::TABLE),
    ("NORMAL", PortNo::NORMAL),
    ("FLOOD", PortNo::FLOOD),
    ("ALL", PortNo::ALL),
    ("CONTROLLER", PortNo::CONTROLLER),
    ("LOCAL", PortNo::LOCAL),
    ("ANY", PortNo::ANY),
];

/// The result of reading a word as a port.
pub(in crate::syntax) enum PortWord {
    Port(PortNo),
    /// A number that no port has.
    OutOfRange,
    /// An unknown name.
    Unknown(String),
}

/// Reads a port: a decimal number, a reserved word in any case, a name, or a name in double quotes.
pub(in crate::syntax) fn parse_port(word: &str, names: &dyn Names) -> PortWord {
    if !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit()) {
        return match word.parse::<u32>() {
            // Numbers of OpenFlow 1.0's reserved range stand for those of 1.1 and later.
            Ok(n @ 0..=0xffff) => PortWord::Port(PortNo::from_u16(u16::try_from(n).unwrap_or(u16::MAX))),
            Ok(n @ 0xffff_ff00..) => PortWord::Port(PortNo(n)),
            _ => PortWord::OutOfRange,
        };
    }
    let name = match token::unquote(word) {
        Some(name) => name,
        None => {
            if let Some(port) = reserved(word) {
                return PortWord::Port(port);
            }
            word.to_owned()
        }
    };
    names.port_by_name(&name).map_or(PortWord::Unknown(name), PortWord::Port)
}

/// Returns the word for a reserved port, if it has one.
pub(in crate::syntax) fn reserved_name(port: PortNo) -> Option<&'static str> {
    RESERVED.iter().find(|(_, reserved)| *reserved == port).map(|(name, _)| *name)
}

fn reserved(word: &str) -> Option<PortNo> {
    let same = |name: &str| name.eq_ignore_ascii_case(word);
    RESERVED
        .iter()
        .find(|(name, _)| same(name))
        .map(|(_, port)| *port)
        .or(same("NONE").then_some(PortNo::ANY))
}

/// Prints a port as `ovs-ofctl --names` does: reserved word, name, or number. A name is quoted
/// unless it is a letter followed by letters and digits. Unlike `ovs-ofctl`, a name that reads like
/// a reserved port is quoted too.
pub(crate) fn print_port(port: PortNo, names: &dyn Names) -> String {
    if let Some(name) = reserved_name(port) {
        return name.to_owned();
    }
    let Some(name) = names.port_name(port) else {
        // Reserved numbers without a word are printed in the numbers of OpenFlow 1.0.
        let number = if port >= PortNo::MAX { port.0 & 0xffff } else { port.0 };
        return number.to_string();
    };
    let plain = is_plain(name) && reserved(name).is_none();
    if plain { name.to_owned() } else { token::quote(name) }
}

/// Prints a table as `ovs-ofctl --names` does: its name, quoted by the rule for ports, or its
/// number.
pub(crate) fn print_table(table: TableId, names: &dyn Names) -> String {
    let Some(name) = names.table_name(table) else { return table.0.to_string() };
    if is_plain(name) { name.to_owned() } else { token::quote(name) }
}

/// Reads a table name, with or without quotes. Numbers are read elsewhere.
pub(in crate::syntax) fn table_by_name(word: &str, names: &dyn Names) -> Option<TableId> {
    match token::unquote(word) {
        Some(name) => names.table_by_name(&name),
        None => names.table_by_name(word),
    }
}

/// Returns whether a name needs no quotes.
fn is_plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.bytes().all(|b| b.is_ascii_alphanumeric())
}
