//! Raw lines of the file, installed verbatim: cookies, priorities and tables as written.

use ofproto::PortNo;

use super::PortMap;
use super::origin::{Origin, OriginKind};
use super::program::Builder;
use crate::network::NetworkFile;
use crate::syntax::{Names, SyntaxErrorKind, parse_flow};

impl Names for PortMap {
    fn port_by_name(&self, name: &str) -> Option<PortNo> {
        self.get(name).copied()
    }

    fn port_name(&self, port: PortNo) -> Option<&str> {
        self.iter().find(|(_, number)| **number == port).map(|(name, _)| name.as_str())
    }
}

/// A line that names a port the bridge lacks waits for it; any other mistake is the business of the lints, and
/// such a line never gets here: a file with errors is not compiled.
pub(super) fn compile(out: &mut Builder<'_>, file: &NetworkFile, bridge: &str, ports: &PortMap) {
    let Some(bridge) = file.bridge(bridge) else { return };
    for raw in &bridge.flows {
        match parse_flow(&raw.line, ports) {
            Ok(flow) => {
                let origin = Origin {
                    kind: OriginKind::Raw,
                    rule: OriginKind::Raw.label().to_owned(),
                    reason: None,
                    detail: raw.line.clone(),
                };
                out.verbatim(flow, origin);
            }
            Err(error) => {
                if let SyntaxErrorKind::UnknownPort(port) = error.kind {
                    out.missing(&port);
                }
            }
        }
    }
}
