//! The sentence about an overlay's envelope: `Nebula itself uses UDP 4242 on vmbr1 between mesh and joi.`

use super::Envelope;
use super::markdown::MarkdownCell;
use super::words::{CellError, CellPorts, ports, protocols, short, slug};

/// Decodes the envelope that a paragraph describes. Returns `None` for a paragraph about another
/// subject.
///
/// # Errors
///
/// Returns the fault in a paragraph that describes an envelope and cannot be understood.
pub(super) fn envelope(paragraph: &MarkdownCell) -> Option<Result<Envelope, CellError>> {
    let text = paragraph.text.trim();
    let (overlay, rest) = text.split_once(" itself uses ")?;
    let overlay = overlay.trim().to_owned();
    if slug(&overlay).is_empty() || overlay.contains(". ") {
        return None;
    }
    Some(read(overlay, rest, paragraph))
}

fn read(overlay: String, rest: &str, paragraph: &MarkdownCell) -> Result<Envelope, CellError> {
    const HELP: &str = "write it like: Nebula itself uses UDP 4242 on vmbr1 between mesh and joi.";
    let not = |what: &str| (format!("what {} itself uses is not clear: {what}", short(&overlay)), HELP);
    let (what, between) = rest.split_once(" between ").ok_or_else(|| not("there is no `between`"))?;
    let (what, net) = what.split_once(" on ").unwrap_or((what, ""));
    let (protocol, port) = what.trim().split_once(' ').unwrap_or((what.trim(), ""));
    let protocols = protocols(protocol)?;
    let [protocol] = protocols.as_slice() else { return Err(not("name one protocol")) };
    let CellPorts::List(ports) = ports(&port.replace(" and ", ","))? else {
        return Err(not("67/68 is DHCP"));
    };
    if ports.is_empty() {
        return Err(not("it has no port"));
    }
    let between = between.split(". ").next().unwrap_or_default().trim_end_matches('.').replace(" and ", ",");
    let members: Vec<String> =
        between.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
    if members.len() < 2 {
        return Err(not("it takes two who send it to each other"));
    }
    let (protocol, net) = (*protocol, net.trim().to_owned());
    Ok(Envelope { overlay, protocol, ports, net, members, span: paragraph.span.clone() })
}
