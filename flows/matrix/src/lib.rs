//! Communication matrices: Markdown documents with tables of the permitted flows between hosts.
//!
//! [`parse`] reads a document, [`effective`] makes one of a network file, and [`print()`] writes
//! one. [`compare`] reports where a document and a network file disagree, and [`import`] makes a
//! network file of a document. A document has three kinds of tables, told apart by their header
//! rows, and one kind of sentence:
//!
//! | what | looks like |
//! |---|---|
//! | who is where | `VM`, then a column for each network or overlay: addresses, `none`, `DHCP`, or `yes` |
//! | flows | `From`, `To`, `Interface/Net`, `Proto`, `Port`, `Purpose`, `Temp`; rows with one bold cell begin a section |
//! | flows in an overlay | the same with a column such as `Nebula IP` in place of the interface |
//! | an overlay's envelope | `Nebula itself uses UDP 4242 on vmbr1 between mesh and joi.` |
//!
//! A row in a section whose title has `via NAME` describes traffic that goes by that host as next
//! hop.

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

/// Limit on the length of a document, in bytes.
pub const MAX_DOCUMENT_LEN: usize = 4 << 20;

/// Limit on the number of lines of a document.
pub const MAX_LINES: usize = 65_536;

/// Limit on the number of columns of a table.
pub const MAX_COLUMNS: usize = 64;

/// Limit on the rows of all tables of flows together, after lists in cells are expanded.
pub const MAX_ROWS: usize = 1 << 17;

/// The places of hosts, and the connections that they may open.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Matrix {
    /// The networks and overlays in which hosts may have a place.
    pub columns: Vec<Column>,
    /// The hosts with a place in them.
    pub hosts: Vec<MatrixHost>,
    /// The permitted flows.
    pub rows: Vec<MatrixRow>,
    /// The envelopes of the overlays.
    pub envelopes: Vec<Envelope>,
}

/// A network or an overlay, as the head of a column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The label as written. A part in parentheses is another name of the column.
    pub label: String,
    /// The position in the text.
    pub span: Span,
}

/// A host with places in networks.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixHost {
    /// The name of the host.
    pub name: String,
    /// The position in the text.
    pub span: Span,
    /// The places of the host, by column. A missing column makes no claim about the host.
    pub places: Vec<HostPlace>,
}

/// The place of a host in a column.
#[derive(Debug, Clone, PartialEq)]
pub struct HostPlace {
    /// The index of the column in [`Matrix::columns`].
    pub column: usize,
    /// The presence of the host there.
    pub presence: Presence,
    /// The position in the text.
    pub span: Span,
}

/// The presence of a host in a network.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Presence {
    /// The host is not in it.
    #[default]
    None,
    /// The host is in it, without further detail.
    Yes,
    /// The host is in it, with an address from DHCP.
    Dhcp,
    /// The host is in it, with these addresses.
    At {
        /// The host's own addresses. A prefix length that the document gives with one is kept.
        addresses: Vec<IpNetwork>,
        /// The prefixes that the host sends from and answers for.
        behind: Vec<IpNetwork>,
    },
}

/// A row: one permitted flow.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixRow {
    /// The title of the row's section. Empty before the first section.
    pub section: String,
    /// The source, which opens the connection.
    pub from: String,
    /// The destination.
    pub to: String,
    /// The networks or the overlay, or another place. Empty if the row names none.
    pub nets: Vec<String>,
    /// The row's part in the table of an overlay, if it is in one rather than in the table of all
    /// flows. `nets` then names that overlay.
    pub in_overlay: Option<InOverlay>,
    /// The protocol.
    pub protocol: Protocol,
    /// The destination ports; none means any.
    pub ports: Vec<u16>,
    /// The purpose, as text for the reader.
    pub purpose: String,
    /// The times at which the row is open.
    pub temp: Temp,
    /// The positions in the document, or those of the rule in the network file.
    pub places: RowPositions,
}

/// A row in an overlay's own table.
#[derive(Debug, Clone, PartialEq)]
pub struct InOverlay {
    /// The address inside the overlay that the row names.
    pub address: Option<IpAddr>,
}

/// The times at which a row is open.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Temp {
    /// The row is always open.
    #[default]
    Always,
    /// A window opens the row, and the row does not name it.
    Window,
    /// This window opens the row.
    Named(String),
}

/// The positions of the parts of a row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowPositions {
    /// The position of the whole row.
    pub row: Span,
    /// The position of the source.
    pub from: Span,
    /// The position of the destination.
    pub to: Span,
    /// The position of the network.
    pub net: Span,
    /// The position of the protocol.
    pub protocol: Span,
    /// The position of the ports.
    pub port: Span,
    /// The position of the window's cell.
    pub temp: Span,
}

/// The outer packets of a tunnel, as a network carries them.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// The name of the overlay.
    pub overlay: String,
    /// The protocol of the outer packets.
    pub protocol: Protocol,
    /// The destination ports of the outer packets.
    pub ports: Vec<u16>,
    /// The network that carries it. Empty if the document names none.
    pub net: String,
    /// The members. Any two of them may exchange outer packets.
    pub members: Vec<String>,
    /// The position in the text.
    pub span: Span,
}
