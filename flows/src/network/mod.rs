//! The network language: one TOML (or JSON) file that says which networks there are and who may talk.
//!
//! A text becomes a tree with places (`tree`, `json`), the tree a draft (`read`), the draft is checked
//! (`names`, `ports`, `addresses`, `rules`) and, where it has no error, becomes the model (`resolve`).

mod additions;
mod addresses;
mod draft;
mod fields;
mod json;
mod model;
mod names;
mod ports;
mod prefix;
mod read;
mod report;
mod resolve;
mod rules;
#[cfg(test)]
mod tests;
mod tree;
mod views;

pub use additions::*;
pub use model::*;
pub use views::Party;

use crate::finding::Finding;

/// The longest network file, in bytes.
pub const MAX_FILE_LEN: usize = 4 << 20;

/// The most networks of one file: their numbers fill a 16-bit register.
pub const MAX_NETWORKS: usize = u16::MAX as usize;

/// Reads a network file: JSON when `file_name` ends in `.json`, else TOML.
///
/// With the model come the warnings.
///
/// # Errors
///
/// All findings, warnings included, in the order of the text, where one of them is an error.
pub fn parse(text: &str, file_name: &str) -> Result<(NetworkFile, Vec<Finding>), Vec<Finding>> {
    if text.len() > MAX_FILE_LEN {
        return Err(vec![Finding::error(
            "file-too-big",
            None,
            format!("the file has {} bytes, more than {MAX_FILE_LEN}", text.len()),
            "split it by host: a controller reads one file",
        )]);
    }
    let mut report = report::Report::new(text);
    let root = if file_name.to_ascii_lowercase().ends_with(".json") {
        json::from_json(text, &mut report)
    } else {
        tree::from_toml(text, &mut report)
    };
    let Some(root) = root else { return Err(report.finish().0) };
    let draft = read::read(&root, &mut report);
    if let Some(beyond) = draft.networks.get(MAX_NETWORKS) {
        let message = format!("there are more than {MAX_NETWORKS} networks");
        report.error("too-many", &beyond.name.span, message, "split the file by host");
    }
    if draft.bridge_names().is_empty() {
        let help = "add [network.NAME] with bridge = \"BRIDGE\", or [bridge.NAME]";
        report.warning("no-bridge", &(0..0), "the file names no bridge, so nothing is controlled", help);
    }
    let names = names::Names::collect(&draft, &mut report);
    ports::check(&draft, &names, &mut report);
    addresses::check(&draft, &names, &mut report);
    rules::check(&draft, &names, &mut report);
    let (findings, failed) = report.finish();
    if failed { Err(findings) } else { Ok((resolve::resolve(draft), findings)) }
}
