//! The network file in force: read, checked, and compiled for the bridges that turn up.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use flows::check::{Checked, check};
use flows::compile::{Moment, PortMap, Program};
use flows::finding::{Finding, has_errors};
use flows::network::{self, Additions, Failed, Loaded, NetworkFile, Sources};
use flows::never;
use ofproto::PortNo;

/// One network file without errors.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Where it was read from.
    pub path: PathBuf,
    /// Its texts, for findings.
    pub sources: Sources,
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
    #[error("{0}")]
    Findings(Failed),
}

impl Policy {
    /// Reads and checks a file, with what it includes.
    ///
    /// # Errors
    /// When it cannot be read or has errors.
    pub fn load(path: &Path) -> Result<Self, PolicyError> {
        Self::with(path, &Additions::default())
    }

    /// Reads and checks a file, with what it includes and what was added at run time.
    ///
    /// # Errors
    /// When it cannot be read, or both together have errors.
    pub fn with(path: &Path, additions: &Additions) -> Result<Self, PolicyError> {
        Self::checked(path, loaded(path, additions)?)
    }

    /// Checks a text that includes nothing.
    ///
    /// # Errors
    /// When it has errors.
    pub fn from_text(path: &Path, text: String) -> Result<Self, PolicyError> {
        let mut text = Some(text);
        let mut read = |_: &str| text.take().ok_or_else(|| "it is not beside this text".to_owned());
        let name = path.display().to_string();
        let loaded = network::load(&name, &mut read, &Additions::default()).map_err(PolicyError::Findings)?;
        Self::checked(path, loaded)
    }

    fn checked(path: &Path, loaded: Loaded) -> Result<Self, PolicyError> {
        let Loaded { file, findings: mut warnings, sources } = loaded;
        let Checked { findings, never } = check(&file);
        warnings.extend(findings);
        if has_errors(&warnings) {
            return Err(PolicyError::Findings(Failed { findings: warnings, sources }));
        }
        Ok(Self { path: path.to_owned(), sources, file, warnings, never })
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

/// Reads a file with what it includes and what was added at run time; it is not checked beyond what its words mean.
///
/// # Errors
/// When it cannot be read or has errors.
pub fn loaded(path: &Path, additions: &Additions) -> Result<Loaded, PolicyError> {
    let mut unreadable = None;
    let mut first = true;
    let mut text_of = |name: &str| {
        let first = std::mem::take(&mut first);
        read(Path::new(name)).map_err(|source| {
            let why = source.to_string();
            unreadable = Some(source).filter(|_| first);
            why
        })
    };
    let loaded = network::load(&path.display().to_string(), &mut text_of, additions);
    match unreadable {
        Some(source) => Err(PolicyError::Io { path: path.to_owned(), source }),
        None => loaded.map_err(PolicyError::Findings),
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    read_text(path, network::MAX_FILE_LEN)
}

/// The text of a file of at most that many bytes; one byte more than may be, so that whoever reads it sees and says that
/// it is too long.
///
/// # Errors
/// When it cannot be read, or is not UTF-8.
pub fn read_text(path: &Path, most: usize) -> std::io::Result<String> {
    let mut text = String::new();
    let limit = (most as u64).saturating_add(1);
    std::fs::File::open(path)?.take(limit).read_to_string(&mut text)?;
    Ok(text)
}
