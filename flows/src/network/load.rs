//! Reads a network file and its includes, expands its templates, and adds the run-time additions.

use std::cell::OnceCell;
use std::fmt;

use super::draft::{Draft, Spanned};
use super::{NetworkFile, names, read, resolve};
use crate::finding::Finding;
use crate::finding_code::FindingCode;
use crate::network::check::{addresses, containers, ports, rules};
use crate::network::model::additions::Additions;
use crate::network::read::fields::text_of;
use crate::network::read::template;
use crate::network::resolve::implied_rules;
use crate::network::text::report::{FindingReport, quote};
use crate::network::text::sources::SourceFiles;
use crate::network::text::tree::{TreeNode, Value};
use crate::network::text::{json, tree};

/// Limits one file, in bytes.
pub const MAX_FILE_LEN: usize = 4 << 20;

/// Limits all files of one network, in bytes.
pub const MAX_TOTAL_LEN: usize = 8 << 20;

/// Limits the files of one network.
pub const MAX_FILES: usize = 64;

/// Limits the networks of one file: their numbers fill a 16-bit register.
pub const MAX_NETWORKS: usize = u16::MAX as usize;

/// Limits the attachments of all endpoints.
pub const MAX_ATTACHMENTS: usize = 65_536;

/// A network without errors.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// The resolved model.
    pub file: NetworkFile,
    /// The warnings.
    pub findings: Vec<Finding>,
    /// The texts that were read.
    pub sources: SourceFiles,
}

/// A network with errors.
#[derive(Debug, Clone, Default)]
pub struct LoadFailure {
    /// All findings, warnings included, in the order of the texts.
    pub findings: Vec<Finding>,
    /// The texts that the findings point into.
    pub sources: SourceFiles,
}

impl fmt::Display for LoadFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sources.render_all(&self.findings).trim_end())
    }
}

impl std::error::Error for LoadFailure {}

/// Reads a network file: JSON if its name ends in `.json`, else TOML.
///
/// `read` returns the text of a file by its name: first that of `name`, then those of the included
/// files. Their names are relative to the including file. `read` receives them with that file's
/// directory in front.
///
/// # Errors
///
/// Returns all findings, warnings included, in the order of the texts, if one of them is an error.
pub fn load(
    name: &str,
    read: &mut dyn FnMut(&str) -> Result<String, String>,
    additions: &Additions,
) -> Result<Loaded, LoadFailure> {
    let texts: Vec<OnceCell<String>> = (0..MAX_FILES).map(|_| OnceCell::new()).collect();
    let mut report = FindingReport::default();
    let mut loader =
        Loader { texts: &texts, read, report: &mut report, files: Vec::new(), open: Vec::new(), total: 0 };
    loader.file(name.to_owned(), None);
    let (names, roots): (Vec<_>, Vec<_>) =
        loader.files.into_iter().map(|file| (file.name, file.root)).unzip();
    // If one text cannot be read, the others would seem full of unknown names.
    let roots: Option<Vec<TreeNode<'_>>> = roots.into_iter().collect();
    let file = roots.and_then(|roots| meaning(&roots, additions, &mut report));
    let (findings, _) = report.finish();
    let mut sources = SourceFiles::default();
    for (name, text) in names.into_iter().zip(texts) {
        sources.push(name, text.into_inner().unwrap_or_default());
    }
    match file {
        Some(file) => Ok(Loaded { file, findings, sources }),
        None => Err(LoadFailure { findings, sources }),
    }
}

/// Reads one text without includes: JSON if `file_name` ends in `.json`, else TOML.
///
/// Returns the model with the warnings.
///
/// # Errors
///
/// Returns all findings, warnings included, in the order of the text, if one of them is an error.
pub fn parse(text: &str, file_name: &str) -> Result<(NetworkFile, Vec<Finding>), Vec<Finding>> {
    let mut text = Some(text);
    let mut read = |_: &str| {
        text.take().map(str::to_owned).ok_or_else(|| "this text is read without others beside it".to_owned())
    };
    match load(file_name, &mut read, &Additions::default()) {
        Ok(loaded) => Ok((loaded.file, loaded.findings)),
        Err(failed) => Err(failed.findings),
    }
}

/// A file that was read.
struct File<'t> {
    name: String,
    /// The file's normalized name: without `.` and `..`.
    plain: String,
    root: Option<TreeNode<'t>>,
}

struct Loader<'t, 'r> {
    texts: &'t [OnceCell<String>],
    read: &'r mut dyn FnMut(&str) -> Result<String, String>,
    report: &'r mut FindingReport,
    files: Vec<File<'t>>,
    /// The chain of including files, the current one last, as places in `files`.
    open: Vec<usize>,
    total: usize,
}

impl<'t> Loader<'t, '_> {
    /// Reads a file and its includes. `at` is the place of the include.
    fn file(&mut self, name: String, at: Option<&Spanned<String>>) {
        let plain = plain(&name);
        if let (Some(index), Some(at)) = (self.files.iter().position(|file| file.plain == plain), at) {
            let (code, message) = if self.open.contains(&index) {
                (
                    FindingCode::IncludeCycle,
                    format!("{} includes itself, directly or by others", quote(&name)),
                )
            } else {
                (FindingCode::IncludeTwice, format!("{} is included twice", quote(&name)))
            };
            self.report.error(code, &at.span, message, "include each file once");
            return;
        }
        let index = self.files.len();
        let Some(cell) = self.texts.get(index) else {
            if let Some(at) = at {
                let message = format!("more than {MAX_FILES} files");
                self.report.error(FindingCode::TooMany, &at.span, message, "put some of them together");
            }
            return;
        };
        let text = match (self.read)(&name) {
            Ok(text) => cell.get_or_init(|| text),
            Err(why) => {
                let message = format!("{} cannot be read: {why}", quote(&name));
                match at {
                    Some(at) => {
                        let help = "names are relative to the file that includes";
                        self.report.error(FindingCode::Unreadable, &at.span, message, help);
                    }
                    None => self.report.whole(FindingCode::Unreadable, message, ""),
                }
                self.report.add_file(&name, "");
                self.files.push(File { name, plain, root: None });
                return;
            }
        };
        self.total = self.total.saturating_add(text.len());
        let base = self.report.add_file(&name, text);
        if text.len() > MAX_FILE_LEN || self.total > MAX_TOTAL_LEN {
            let message = if text.len() > MAX_FILE_LEN {
                format!("the file has {} bytes, more than {MAX_FILE_LEN}", text.len())
            } else {
                format!("all files together have more than {MAX_TOTAL_LEN} bytes")
            };
            let help = "split it by host: a controller reads one network";
            match at {
                Some(at) => self.report.error(FindingCode::FileTooBig, &at.span, message, help),
                None => self.report.whole(FindingCode::FileTooBig, message, help),
            }
            self.files.push(File { name, plain, root: None });
            return;
        }
        let root = if name.to_ascii_lowercase().ends_with(".json") {
            json::from_json(text, base, self.report)
        } else {
            tree::from_toml(text, base, self.report)
        };
        let includes = root.as_ref().map(|root| self.includes(root)).unwrap_or_default();
        self.files.push(File { name: name.clone(), plain, root });
        self.open.push(index);
        for include in includes {
            self.file(beside(&name, &include.value), Some(&include));
        }
        self.open.pop();
    }

    fn includes(&mut self, root: &TreeNode<'_>) -> Vec<Spanned<String>> {
        let Value::Table(sections) = &root.value else { return Vec::new() };
        let Some(include) = sections.iter().find(|entry| entry.key == "include") else { return Vec::new() };
        let items = match &include.node.value {
            Value::Array(items) => items.as_slice(),
            _ => std::slice::from_ref(&include.node),
        };
        let what = "an item of `include`";
        items.iter().take(MAX_FILES + 1).filter_map(|item| text_of(item, &what, self.report)).collect()
    }
}

/// Resolves a file name relative to the file that names it.
fn beside(file: &str, name: &str) -> String {
    match file.rfind('/') {
        Some(end) if !name.starts_with('/') => format!("{}{name}", file.get(..=end).unwrap_or_default()),
        _ => name.to_owned(),
    }
}

/// Returns a name without `.` and, as far as possible without file access, without `..`.
fn plain(name: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in name.split('/') {
        match part {
            "." => {}
            "" if !parts.is_empty() => {}
            ".." if parts.last().is_some_and(|last| !matches!(*last, "" | "..")) => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Resolves the files into the model; returns `None` after an error, which the report holds.
fn meaning(roots: &[TreeNode<'_>], additions: &Additions, report: &mut FindingReport) -> Option<NetworkFile> {
    let mut draft = Draft::default();
    let mut templates = Vec::new();
    for root in roots {
        read::file(root, &mut draft, report);
        template::read(root, &mut templates, report);
    }
    template::unique(&templates, report);
    template::add(&mut templates, additions, report);
    if !template::expand(&templates, &mut draft, report) {
        return None;
    }
    let services = containers::add(&mut draft, additions, report);
    let tried = report.next_base();
    template::expand_trials(&templates, &mut draft, report);
    template::attach(&mut draft, report);
    if !fits(&draft, report) {
        return None;
    }
    if draft.bridge_names().is_empty() {
        let help = "add [network.NAME] with bridge = \"BRIDGE\", or [bridge.NAME]";
        report.warning(
            FindingCode::NoBridge,
            &(0..0),
            "the file names no bridge, so nothing is controlled",
            help,
        );
    }
    let names = names::NameIndex::collect(&draft, report);
    let mut implied = implied_rules::rules(&draft, &names, report);
    implied.allows.extend(services);
    ports::check(&draft, &names, report);
    addresses::check(&draft, &names, report);
    containers::check(&draft, report);
    rules::check(&draft, &implied, &names, report);
    if report.has_errors() {
        return None;
    }
    resolve::leave_out(&mut draft, &mut implied, tried);
    let mut file = resolve::resolve(draft, implied, &|span| report.real(span));
    file.templates = template::resolved(templates, |span| report.real(span));
    Some(file)
}

/// Checks that the counts stay within their limits.
fn fits(draft: &Draft, report: &mut FindingReport) -> bool {
    if let Some(beyond) = draft.networks.get(MAX_NETWORKS) {
        let message = format!("there are more than {MAX_NETWORKS} networks");
        report.error(FindingCode::TooMany, &beyond.name.span, message, "split the file by host");
        return false;
    }
    let mut left = MAX_ATTACHMENTS;
    for endpoint in &draft.endpoints {
        let Some(rest) = left.checked_sub(endpoint.attachments.len().max(1)) else {
            let message = format!("there are more than {MAX_ATTACHMENTS} endpoints, or attachments of them");
            report.error(FindingCode::TooMany, &endpoint.name.span, message, "split the file by host");
            return false;
        };
        left = rest;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_relative_to_the_including_file() {
        assert_eq!(beside("a.toml", "b.toml"), "b.toml");
        assert_eq!(beside("/etc/p/a.toml", "../b.toml"), "/etc/p/../b.toml");
        assert_eq!(beside("p/a.toml", "/etc/b.toml"), "/etc/b.toml");
        assert_eq!(plain("/etc/p/../b.toml"), "/etc/b.toml");
        assert_eq!(plain("./p//./b.toml"), "p/b.toml");
        assert_eq!(plain("../../b.toml"), "../../b.toml");
        assert_eq!(plain("/../b.toml"), "/../b.toml");
    }
}
