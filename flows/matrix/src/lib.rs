//! Communication matrices: Markdown documents with tables that say who talks to whom.
//!
//! [`parse`] reads one, [`effective`] makes one of a network file, [`print()`] writes one, [`compare`] says where a
//! document and a network file disagree, and [`import`] makes a network file of a document. A document has three
//! kinds of tables, told apart by their header rows, and one kind of sentence:
//!
//! | what | looks like |
//! |---|---|
//! | who is where | `VM`, then a column for each network or overlay: addresses, `none`, `DHCP`, or `yes` |
//! | flows | `From`, `To`, `Interface/Net`, `Proto`, `Port`, `Purpose`, `Temp`; rows with one bold cell begin a section |
//! | flows in an overlay | the same with a column such as `Nebula IP` in place of the interface |
//! | an overlay's envelope | `Nebula itself uses UDP 4242 on vmbr1 between mesh and joi.` |
//!
//! A row in a section whose title has `via NAME` is for what goes by that host as next hop.

mod compare;
mod effective;
mod import;
mod markdown;
mod parse;
mod print;
mod resolve;
mod sentence;
#[cfg(test)]
mod tests;
mod words;

use std::net::IpAddr;

use flows::network::{Protocol, Span};
use ipnetwork::IpNetwork;

pub use self::compare::{Comparison, compare};
pub use self::effective::effective;
pub use self::import::{Imported, import};
pub use self::parse::{Parsed, parse};
pub use self::print::print;

/// The longest document, in bytes.
pub const MAX_DOCUMENT_LEN: usize = 4 << 20;

/// The most lines of a document.
pub const MAX_LINES: usize = 65_536;

/// The most columns of a table.
pub const MAX_COLUMNS: usize = 64;

/// The most rows that the tables of flows have together, counted after lists in their cells are taken apart.
pub const MAX_ROWS: usize = 1 << 17;

/// Who is where, and who may open a connection to whom.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Matrix {
    /// The networks and overlays that hosts may have a place in.
    pub columns: Vec<Column>,
    /// Who has a place in them.
    pub hosts: Vec<MatrixHost>,
    /// Who may talk to whom.
    pub rows: Vec<MatrixRow>,
    /// What tunnels look like from outside.
    pub envelopes: Vec<Envelope>,
}

/// A network or an overlay, as the head of a column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// As it is written; what is in parentheses is another name of it.
    pub label: String,
    /// Where it is written.
    pub span: Span,
}

/// One that has places in networks.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixHost {
    /// Its name.
    pub name: String,
    /// Where it is written.
    pub span: Span,
    /// Its places, by column; a column that is not among them says nothing of it.
    pub places: Vec<HostPlace>,
}

/// What a host has in a column.
#[derive(Debug, Clone, PartialEq)]
pub struct HostPlace {
    /// The column, by its place in [`Matrix::columns`].
    pub column: usize,
    /// What it has there.
    pub presence: Presence,
    /// Where it is written.
    pub span: Span,
}

/// Whether a host is in a network, and as what.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Presence {
    /// It is not.
    #[default]
    None,
    /// It is, and no more is said.
    Yes,
    /// It is, with an address that DHCP gives it.
    Dhcp,
    /// It is, with these.
    At {
        /// Its own addresses; a prefix length that the document gives with one is kept.
        addresses: Vec<IpNetwork>,
        /// Prefixes that it sends from and answers for.
        behind: Vec<IpNetwork>,
    },
}

/// One row: who may open which connection to whom.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixRow {
    /// The title of its section; empty before the first.
    pub section: String,
    /// Who may.
    pub from: String,
    /// To whom.
    pub to: String,
    /// On which networks or overlay, or where else; empty where the row does not say.
    pub nets: Vec<String>,
    /// Whether it stands in the table of an overlay rather than among all flows; then `nets` is that overlay.
    pub in_overlay: Option<InOverlay>,
    /// The protocol.
    pub protocol: Protocol,
    /// The destination ports; none means any.
    pub ports: Vec<u16>,
    /// Why.
    pub purpose: String,
    /// Whether it is closed until a window opens it.
    pub temp: Temp,
    /// Where it stands in the document, or its rule in the network file.
    pub places: RowPositions,
}

/// A row in an overlay's own table.
#[derive(Debug, Clone, PartialEq)]
pub struct InOverlay {
    /// The address inside that the row names.
    pub address: Option<IpAddr>,
}

/// Whether a row is closed until a window opens it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Temp {
    /// It is always open.
    #[default]
    Always,
    /// A window opens it, and the row does not say which.
    Window,
    /// This window opens it.
    Named(String),
}

/// Where the parts of a row stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowPositions {
    /// The whole row.
    pub row: Span,
    /// Its first party.
    pub from: Span,
    /// Its second party.
    pub to: Span,
    /// Its network.
    pub net: Span,
    /// Its protocol.
    pub protocol: Span,
    /// Its ports.
    pub port: Span,
    /// Whether it is temporary.
    pub temp: Span,
}

/// What a tunnel looks like from outside.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// The overlay.
    pub overlay: String,
    /// Its protocol.
    pub protocol: Protocol,
    /// Its destination ports.
    pub ports: Vec<u16>,
    /// The network that carries it; empty where that is not said.
    pub net: String,
    /// Every two of these may send it to each other.
    pub members: Vec<String>,
    /// Where it is written.
    pub span: Span,
}
