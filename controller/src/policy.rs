//! The network file in force: read, checked, and compiled for the bridges that turn up.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use flows::check::{Checked, check};
use flows::compile::{Moment, PortMap, Program};
use flows::finding::{Finding, has_errors};
use flows::network::{self, NetworkFile};
use flows::never;
use ofproto::PortNo;

/// One network file without errors.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Where it was read from.
    pub path: PathBuf,
    /// Its text, for findings.
    pub text: String,
    /// What it says.
    pub file: NetworkFile,
    /// What is doubtful in it.
    pub warnings: Vec<Finding>,
    /// How its `never` assertions were checked.
    pub never: never::Report,
}

/// Why a network file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// It cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It has errors.
    #[error("{}", rendered(path, text, findings))]
    Findings {
        /// The file.
        path: PathBuf,
        /// Its text.
        text: String,
        /// All findings, warnings included.
        findings: Vec<Finding>,
    },
}

fn rendered(path: &Path, text: &str, findings: &[Finding]) -> String {
    let name = path.display().to_string();
    let lines: Vec<String> = findings.iter().map(|f| f.render(&name, text)).collect();
    lines.join("\n")
}

impl Policy {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// When it cannot be read or has errors.
    pub fn load(path: &Path) -> Result<Self, PolicyError> {
        let failed = |source| PolicyError::Io { path: path.to_owned(), source };
        let mut text = String::new();
        // One byte more than allowed, so that `parse` sees and says that it is too long.
        let limit = network::MAX_FILE_LEN as u64 + 1;
        std::fs::File::open(path).map_err(failed)?.take(limit).read_to_string(&mut text).map_err(failed)?;
        Self::from_text(path, text)
    }

    /// Checks a text.
    ///
    /// # Errors
    /// When it has errors.
    pub fn from_text(path: &Path, text: String) -> Result<Self, PolicyError> {
        let path = path.to_owned();
        let (file, mut warnings) = match network::parse(&text, &path.display().to_string()) {
            Ok(parsed) => parsed,
            Err(findings) => return Err(PolicyError::Findings { path, text, findings }),
        };
        let Checked { findings, never } = check(&file);
        warnings.extend(findings);
        if has_errors(&warnings) {
            return Err(PolicyError::Findings { path, text, findings: warnings });
        }
        Ok(Self { path, text, file, warnings, never })
    }

    /// Whether the file says what the bridge's flows are.
    pub fn owns(&self, bridge: &str) -> bool {
        flows::compile::owns(&self.file, bridge)
    }

    /// The names of all bridges of the file.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        self.file.bridges.iter().map(|b| b.name.as_str())
    }

    /// The names of the bridges whose flows the file says.
    pub fn bridges(&self) -> impl Iterator<Item = &str> {
        self.file.bridges.iter().map(|b| b.name.as_str()).filter(|b| self.owns(b))
    }

    /// The flows of a bridge that has these ports.
    pub fn compile(&self, bridge: &str, ports: &PortMap) -> Program {
        flows::compile::compile(&self.file, bridge, ports, &Moment::default())
    }

    /// Ports as a bridge of the file might have them, numbered from 1 in the file's order.
    pub fn assumed_ports(&self, bridge: &str) -> PortMap {
        let mut ports = never::numbered_ports(&self.file, bridge);
        ports.insert(bridge.to_owned(), PortNo::LOCAL);
        ports
    }
}
