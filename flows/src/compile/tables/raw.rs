//! Raw lines of the file, installed verbatim: cookies, priorities and tables as written.

use flow_model::Flow;
use ofctl::syntax::{SyntaxError, SyntaxErrorKind, parse_flow};

use crate::canonical::canonical;
use crate::compile::PortMap;
use crate::compile::output::program::ProgramBuilder;
use crate::compile::vocabulary::origin::{Origin, OriginKind};
use crate::learner::Learner;
use crate::network::{LearnBy, NetworkFile, RawFlow};

/// Compiles the raw lines of a bridge. A line that names a missing port waits for it. The lints
/// report any other mistake, and a file with errors is not compiled.
pub(in crate::compile) fn compile(
    out: &mut ProgramBuilder<'_>,
    file: &NetworkFile,
    bridge: &str,
    ports: &PortMap,
) {
    for raw in file.bridge_for(bridge).iter().flat_map(|bridge| &bridge.flows) {
        match read(file, bridge, ports, raw) {
            Ok(Some(line)) => {
                let origin = Origin {
                    kind: OriginKind::Raw,
                    rule: OriginKind::Raw.label().to_owned(),
                    reason: None,
                    detail: raw.line.clone(),
                };
                match line {
                    RawFlowLine::Installed(flow) => out.verbatim(flow, origin),
                    RawFlowLine::Executed(learner) => out.reactive(learner, origin),
                }
            }
            // The lints report it, and a file with errors is not compiled.
            Ok(None) => {}
            Err(error) => {
                if let SyntaxErrorKind::UnknownPort(port) = error.kind {
                    out.missing(&port);
                }
            }
        }
    }
}

/// A raw line that yields a flow.
enum RawFlowLine {
    Installed(Flow),
    /// A flow whose actions the controller executes.
    Executed(Learner),
}

/// Returns `None` for a line that the controller is to execute and cannot.
fn read(
    file: &NetworkFile,
    bridge: &str,
    ports: &PortMap,
    raw: &RawFlow,
) -> Result<Option<RawFlowLine>, SyntaxError> {
    let mut flow = parse_flow(&raw.line, ports)?;
    flow.instructions = canonical(flow.instructions);
    let by_controller = file.bridge_for(bridge).is_some_and(|bridge| bridge.learn == LearnBy::Controller);
    Ok(match Learner::of(&flow).filter(|_| by_controller) {
        None => Some(RawFlowLine::Installed(flow)),
        Some(learner) => learner.ok().map(RawFlowLine::Executed),
    })
}

/// Returns the raw lines behind the last flows of a bridge's program, in order.
pub(crate) fn installed<'f>(file: &'f NetworkFile, bridge: &str, ports: &PortMap) -> Vec<&'f RawFlow> {
    let lines = file.bridge_for(bridge).into_iter().flat_map(|bridge| &bridge.flows);
    lines.filter(|raw| matches!(read(file, bridge, ports, raw), Ok(Some(_)))).collect()
}
