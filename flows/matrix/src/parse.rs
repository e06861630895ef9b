//! Parses a document: the kinds of its tables, and the contents of their rows.

use std::net::IpAddr;

use flows::finding::{Finding, has_errors};
use flows::finding_code::FindingCode;
use flows::network::{Protocol, Span};
use ofctl::nearest;

use super::markdown::{self, MarkdownCell, MarkdownRow, MarkdownTable, cells_written};
use super::words::{self, CellError, CellPorts, ColumnKind, short, slug};
use super::{
    Column, Envelope, HostPlace, InOverlay, MAX_ROWS, Matrix, MatrixHost, MatrixRow, Presence, RowPositions,
    sentence,
};

/// Limit on the findings kept of one document.
const MAX_FINDINGS: usize = 1000;

/// A document without errors.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parsed {
    /// The matrix that the document describes.
    pub matrix: Matrix,
    /// The warnings about the document.
    pub findings: Vec<Finding>,
}

/// Parses a Markdown document.
///
/// # Errors
///
/// Returns all findings, warnings included, in the order of the text, if one of them is an error.
/// Every line that looks like a row is checked.
pub fn parse(text: &str) -> Result<Parsed, Vec<Finding>> {
    let document = markdown::read(text).map_err(|finding| vec![finding])?;
    let mut reader = Reader { text, matrix: Matrix::default(), findings: Vec::new(), tables: 0 };
    for table in &document.tables {
        reader.table(table);
    }
    for paragraph in &document.paragraphs {
        reader.paragraph(paragraph);
    }
    if reader.tables == 0 && !has_errors(&reader.findings) {
        reader.findings.push(Finding::error(
            FindingCode::NoFlows,
            None,
            "the document has no table of flows",
            "add one with the columns From | To | Interface/Net | Proto | Port | Purpose | Temp",
        ));
    }
    let Reader { matrix, mut findings, .. } = reader;
    findings.sort_by_key(|finding| finding.span.as_ref().map_or(usize::MAX, |span| span.start));
    if has_errors(&findings) { Err(findings) } else { Ok(Parsed { matrix, findings }) }
}

struct Reader<'t> {
    text: &'t str,
    matrix: Matrix,
    findings: Vec<Finding>,
    tables: usize,
}

/// The columns of a table of flows, by index.
#[derive(Default)]
struct Columns {
    places: Vec<(ColumnKind, usize)>,
    /// The overlay whose table it is, and the index of the column with its addresses.
    overlay: Option<(String, usize)>,
}

impl Columns {
    fn at<'l>(&self, line: &'l MarkdownRow, kind: ColumnKind) -> Option<&'l MarkdownCell> {
        let (_, place) = self.places.iter().find(|(other, _)| *other == kind)?;
        line.cells.get(*place)
    }

    fn has(&self, kind: ColumnKind) -> bool {
        self.places.iter().any(|(other, _)| *other == kind)
    }
}

impl Reader<'_> {
    fn push(&mut self, finding: Finding) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        }
    }

    fn wrong(&mut self, code: FindingCode, span: &Span, (message, help): CellError) {
        self.push(Finding::error(code, span.clone(), message, help));
    }

    fn table(&mut self, table: &MarkdownTable) {
        let kinds: Vec<Option<ColumnKind>> =
            table.header.iter().map(|cell| ColumnKind::of(&cell.text)).collect();
        let has = |kind: ColumnKind| kinds.contains(&Some(kind));
        let ends = [ColumnKind::From, ColumnKind::To].into_iter().filter(|kind| has(*kind)).count();
        let first = table.header.first().map(|cell| &*cell.text).unwrap_or_default();
        if ends > 0 && (ends == 2 || has(ColumnKind::Protocol) || has(ColumnKind::Port))
            || has(ColumnKind::Protocol) && has(ColumnKind::Port)
        {
            self.tables += 1;
            if let Some(columns) = self.columns(table, &kinds) {
                self.flows(table, &columns);
            }
        } else if words::is_hosts(first) {
            self.hosts(table);
        } else {
            self.push(Finding::note(
                FindingCode::TableNotRead,
                table.span.start..table.header.last().map_or(table.span.start, |cell| cell.span.end),
                format!(
                    "this table is neither of flows nor of hosts: its first column is `{}`",
                    short(first)
                ),
                "if it should be, name its columns From, To, Proto, Port; or VM and the networks",
            ));
        }
    }

    /// Returns the kind of each column. `None` if a required column is missing.
    fn columns(&mut self, table: &MarkdownTable, kinds: &[Option<ColumnKind>]) -> Option<Columns> {
        let mut columns = Columns::default();
        let mut unknown = Vec::new();
        let mut whole = true;
        for ((place, cell), kind) in table.header.iter().enumerate().zip(kinds) {
            match *kind {
                Some(kind) if columns.has(kind) => {
                    let message = format!("there are two columns for `{}`", kind.words().first()?);
                    self.wrong(FindingCode::RepeatedColumn, &cell.span, (message, "keep one of them"));
                    whole = false;
                }
                Some(kind) => columns.places.push((kind, place)),
                None => match words::overlay_of(&cell.text) {
                    Some(overlay) if columns.overlay.is_none() => {
                        columns.overlay = Some((overlay.to_owned(), place));
                    }
                    _ => unknown.push(cell),
                },
            }
        }
        for kind in [ColumnKind::From, ColumnKind::To, ColumnKind::Protocol, ColumnKind::Port] {
            if columns.has(kind) {
                continue;
            }
            let word = kind.words().first()?;
            let mut like =
                unknown.iter().filter(|cell| nearest(&cell.text, kind.words().iter().copied()).is_some());
            let (span, help) = match like.next() {
                Some(cell) => (cell.span.clone(), format!("is `{}` that column?", short(&cell.text))),
                None => (
                    header_span(table),
                    "a table of flows has From, To, Proto and Port, in any order".to_owned(),
                ),
            };
            let message = format!("the table of flows has no column `{word}`");
            self.push(Finding::error(FindingCode::MissingColumn, span, message, help));
            whole = false;
        }
        if !whole {
            return None;
        }
        if columns.has(ColumnKind::Net) {
            columns.overlay = None;
        }
        for cell in unknown.into_iter().filter(|cell| !cell.text.is_empty()) {
            let help = "the columns that are: From, To, Interface/Net, Proto, Port, Purpose, Temp";
            let message = format!("the column `{}` is not read", short(&cell.text));
            let near = ColumnKind::ALL
                .iter()
                .flat_map(|kind| kind.words())
                .copied()
                .filter(|word| ColumnKind::of(word).is_none_or(|kind| !columns.has(kind)));
            // A column for windows that went unrecognised would leave rows open.
            match nearest(&cell.text, near) {
                Some(word) => {
                    let help = format!("did you mean `{word}`?");
                    self.push(Finding::error(FindingCode::UnknownColumn, cell.span.clone(), message, help));
                    return None;
                }
                None => {
                    self.push(Finding::note(FindingCode::UnknownColumn, cell.span.clone(), message, help))
                }
            }
        }
        Some(columns)
    }

    fn flows(&mut self, table: &MarkdownTable, columns: &Columns) {
        // A table under a heading such as "Update routing (via gateway)" is one section of that
        // kind.
        let mut section = words::via_of(&table.heading).map_or_else(String::new, |_| table.heading.clone());
        for line in &table.rows {
            if !self.fits(table, line) {
                continue;
            }
            let mut filled = line.cells.iter().filter(|cell| !cell.text.is_empty());
            match (filled.next(), filled.next()) {
                (None, _) => {}
                (Some(cell), None) if cell.stressed => section.clone_from(&cell.text),
                _ => self.flow(line, columns, &section),
            }
            if self.matrix.rows.len() >= MAX_ROWS {
                let message = format!("the tables have more than {MAX_ROWS} rows");
                self.wrong(FindingCode::DocumentTooBig, &line.span, (message, "split the document"));
                return;
            }
        }
    }

    /// Returns whether the row has no more cells than the header. A surplus would be lost.
    fn fits(&mut self, table: &MarkdownTable, line: &MarkdownRow) -> bool {
        let written = self.text.get(line.span.clone()).map_or(0, cells_written);
        let most = table.header.len();
        if written > most {
            let message = format!("the row has {written} cells, and the table has {most} columns");
            self.wrong(FindingCode::TooManyCells, &line.span, (message, "write a bar that is text as \\|"));
        }
        written <= most
    }

    fn flow(&mut self, line: &MarkdownRow, columns: &Columns, section: &str) {
        let empty = MarkdownCell { span: line.span.start..line.span.start, ..MarkdownCell::default() };
        let cell = |kind: ColumnKind| columns.at(line, kind).unwrap_or(&empty);
        let (from, to) = (cell(ColumnKind::From), cell(ColumnKind::To));
        for (kind, cell) in [(ColumnKind::From, from), (ColumnKind::To, to)] {
            let word = kind.words().first().copied().unwrap_or_default();
            let unnamed = |part: &str| slug(part).is_empty() && !words::is_anybody(part);
            if words::is_blank(&cell.text) || words::parts(&cell.text).any(unnamed) {
                let message = format!("the row names nobody under `{word}`");
                let help = "name a host or somebody outside; the title of a section is one cell in **bold**";
                let span = if cell.text.is_empty() { &line.span } else { &cell.span };
                return self.wrong(FindingCode::UnnamedParty, span, (message, help));
            }
        }
        let (protocol, port, temp, net) = (
            cell(ColumnKind::Protocol),
            cell(ColumnKind::Port),
            cell(ColumnKind::Temp),
            cell(ColumnKind::Net),
        );
        let protocols = match words::protocols(&protocol.text) {
            Ok(protocols) => protocols,
            Err(wrong) => return self.wrong(FindingCode::BadProtocol, &protocol.span, wrong),
        };
        let ports = match words::ports(&port.text) {
            Ok(ports) => ports,
            Err(wrong) => return self.wrong(FindingCode::BadPort, &port.span, wrong),
        };
        let when = match words::temp(&temp.text) {
            Ok(when) => when,
            Err(wrong) => return self.wrong(FindingCode::BadTemp, &temp.span, wrong),
        };
        let granted = match grants(&protocols, ports) {
            Ok(granted) => granted,
            Err(wrong) => return self.wrong(FindingCode::BadPort, &port.span, wrong),
        };
        let (nets, in_overlay) = match &columns.overlay {
            Some((overlay, place)) => match self.address(line.cells.get(*place)) {
                Some(address) => (vec![overlay.clone()], Some(InOverlay { address })),
                None => return,
            },
            None => (words::parts(blank(&net.text)).map(str::to_owned).collect(), None),
        };
        let places = RowPositions {
            row: line.span.start..line.span.start + self.row_len(&line.span),
            from: from.span.clone(),
            to: to.span.clone(),
            net: net.span.clone(),
            protocol: protocol.span.clone(),
            port: port.span.clone(),
            temp: temp.span.clone(),
        };
        let purpose = &cell(ColumnKind::Purpose).text;
        for one in words::parts(&from.text) {
            for other in words::parts(&to.text) {
                for (protocol, ports) in &granted {
                    self.matrix.rows.push(MatrixRow {
                        section: section.to_owned(),
                        from: one.to_owned(),
                        to: other.to_owned(),
                        nets: nets.clone(),
                        in_overlay: in_overlay.clone(),
                        protocol: *protocol,
                        ports: ports.clone(),
                        purpose: purpose.clone(),
                        temp: when.clone(),
                        places: places.clone(),
                    });
                }
            }
        }
    }

    fn row_len(&self, span: &Span) -> usize {
        self.text.get(span.clone()).map_or(0, |row| row.trim_end().len())
    }

    /// Returns the address in a row of an overlay's table. `None` if the cell has other contents.
    fn address(&mut self, cell: Option<&MarkdownCell>) -> Option<Option<IpAddr>> {
        let Some(cell) = cell.filter(|cell| !words::is_blank(&cell.text)) else { return Some(None) };
        let address = cell.text.parse().ok();
        if address.is_none() {
            let message = format!("`{}` is no address", short(&cell.text));
            let help = "write the address that the receiver has in the overlay, or leave the cell empty";
            self.wrong(FindingCode::BadAddress, &cell.span, (message, help));
        }
        address.map(Some)
    }

    fn hosts(&mut self, table: &MarkdownTable) {
        let label_of = |cell: &MarkdownCell| words::overlay_of(&cell.text).unwrap_or(&cell.text).to_owned();
        let mut columns = Vec::new();
        for (place, head) in table.header.iter().enumerate().skip(1) {
            let cells = || table.rows.iter().filter_map(|line| line.cells.get(place));
            // In a column about another subject (a role, an operating system), no cell is an
            // address.
            let about = cells().any(|cell| {
                matches!(words::presence(&cell.text), Some(Presence::Dhcp | Presence::At { .. }))
            });
            let understood = cells().all(|cell| words::presence(&cell.text).is_some());
            if head.text.is_empty() || !(about || understood) {
                continue;
            }
            let label = label_of(head);
            let known = self.matrix.columns.iter().position(|column| slug(&column.label) == slug(&label));
            let column = known.unwrap_or_else(|| {
                self.matrix.columns.push(Column { label, span: head.span.clone() });
                self.matrix.columns.len() - 1
            });
            columns.push((place, column));
        }
        for line in &table.rows {
            if self.fits(table, line) && line.cells.iter().any(|cell| !cell.text.is_empty()) {
                self.host(line, &columns);
            }
        }
    }

    fn host(&mut self, line: &MarkdownRow, columns: &[(usize, usize)]) {
        let Some(name) = line.cells.first() else { return };
        if slug(&name.text).is_empty() {
            let wrong = ("the row has no name".to_owned(), "write the name of the host into its first cell");
            return self.wrong(FindingCode::UnnamedHost, &line.span, wrong);
        }
        let mut places = Vec::new();
        for (place, column) in columns {
            let Some(cell) = line.cells.get(*place) else { continue };
            let Some(presence) = words::presence(&cell.text) else {
                let message = format!("`{}` is no address", short(&cell.text));
                let help = "write addresses, or none, DHCP or yes";
                self.wrong(FindingCode::BadAddress, &cell.span, (message, help));
                continue;
            };
            places.push(HostPlace { column: *column, presence, span: cell.span.clone() });
        }
        let same = |host: &&mut MatrixHost| slug(&host.name) == slug(&name.text);
        let Some(host) = self.matrix.hosts.iter_mut().find(same) else {
            self.matrix.hosts.push(MatrixHost { name: name.text.clone(), span: name.span.clone(), places });
            return;
        };
        let twice = places.iter().find(|place| host.places.iter().any(|p| p.column == place.column)).cloned();
        host.places.extend(places);
        if let Some(twice) = twice {
            let message = format!("`{}` has this column twice", short(&name.text));
            self.wrong(FindingCode::RepeatedHost, &twice.span, (message, "keep one row for a host"));
        }
    }

    fn paragraph(&mut self, paragraph: &MarkdownCell) {
        if paragraph.text.starts_with('|') {
            let message = "this looks like rows of a table, and is none".to_owned();
            let help = "a table has a header row and below it one such as |---|---| with as many cells, and no empty line in it";
            return self.wrong(FindingCode::BrokenTable, &paragraph.span, (message, help));
        }
        match sentence::envelope(paragraph) {
            Some(Ok(envelope)) => self.envelope(envelope),
            Some(Err(wrong)) => self.wrong(FindingCode::BadEnvelope, &paragraph.span, wrong),
            None => {}
        }
    }

    fn envelope(&mut self, envelope: Envelope) {
        self.matrix.envelopes.push(envelope);
    }
}

/// Returns the cell, or an empty text for a blank one.
fn blank(cell: &str) -> &str {
    if words::is_blank(cell) { "" } else { cell }
}

fn header_span(table: &MarkdownTable) -> Span {
    let end = table.header.last().map_or(table.span.start, |cell| cell.span.end);
    table.span.start..end
}

/// Combines protocols and ports into grants.
fn grants(protocols: &[Protocol], ports: CellPorts) -> Result<Vec<(Protocol, Vec<u16>)>, CellError> {
    let ports = match (protocols, ports) {
        ([Protocol::Udp | Protocol::Dhcp], CellPorts::Dhcp) => return Ok(vec![(Protocol::Dhcp, Vec::new())]),
        (_, CellPorts::Dhcp) => {
            return Err(("67/68 is DHCP, which is UDP".into(), "write UDP under Proto, or other ports"));
        }
        (_, CellPorts::List(ports)) => ports,
    };
    let portless = |protocol: &Protocol| {
        matches!(protocol, Protocol::Any | Protocol::Icmp | Protocol::Dhcp | Protocol::Vrrp)
    };
    if !ports.is_empty() && protocols.iter().any(portless) {
        let message = "ports, and a protocol that has none".to_owned();
        return Err((message, "write TCP, UDP or SCTP under Proto, or leave the port empty"));
    }
    Ok(protocols.iter().map(|protocol| (*protocol, ports.clone())).collect())
}
