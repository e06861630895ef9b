//! The network file: read, checked, and compiled for the bridges that connect.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use flows::compile::{PortMap, Program, TimeContext};
use flows::finding::{Finding, has_errors};
use flows::network::{
    self, Additions, ContainError, Container, LoadFailure, Loaded, NetworkFile, SourceFile, SourceFiles,
};
use flows::verify::bridge_flows;
use flows::verify::check::{Checked, check};
use flows::verify::proof::ProofReport;
use ofproto::PortNo;

/// A network file without errors.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// The path of the file.
    pub path: PathBuf,
    /// The texts of the file and its includes, for findings.
    pub sources: SourceFiles,
    /// The parsed file.
    pub file: NetworkFile,
    /// The warnings about the file.
    pub warnings: Vec<Finding>,
    /// The verdicts on its assertions.
    pub proof: ProofReport,
    /// The additions to the file that were made at run time.
    pub additions: Additions,
    /// Containers without a place in the file any more, each with the reason. They are not active.
    pub set_aside: Vec<(Container, ContainError)>,
}

/// A failure to use a network file.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// It has errors.
    #[error("{0}")]
    Findings(LoadFailure),
    /// The file has no place for existing containers.
    #[error("{path} has no place for {}", places(containers))]
    NoPlace {
        /// The file.
        path: PathBuf,
        /// The containers, each with the reason.
        containers: Vec<(Container, ContainError)>,
    },
}

fn places(containers: &[(Container, ContainError)]) -> String {
    let line = |(container, why): &(Container, ContainError)| {
        let name = &container.name;
        format!("the container {name}: {why}; give it one, or `portcullis container delete {name}` first")
    };
    containers.iter().map(line).collect::<Vec<_>>().join("\n")
}

impl Policy {
    /// Reads and checks a file with its includes.
    ///
    /// # Errors
    /// [`PolicyError`] if the file cannot be read or has errors.
    pub fn load(path: &Path) -> Result<Self, PolicyError> {
        Self::with(path, &Additions::default())
    }

    /// Reads and checks a file with its includes and the additions made at run time.
    ///
    /// # Errors
    /// [`PolicyError`] if the file cannot be read, or has errors together with the additions.
    pub fn with(path: &Path, additions: &Additions) -> Result<Self, PolicyError> {
        // Containers are added one by one, so that one without a place is reported and the others
        // are kept.
        let file = Additions { containers: Vec::new(), ..additions.clone() };
        Self::checked(path, loaded(path, &file)?, additions)
    }

    /// Reads and checks a file for a start, without the additions that have no place in it any
    /// more. Returns the set-aside instances of templates too. The set-aside containers are in
    /// [`Policy::set_aside`].
    ///
    /// # Errors
    /// [`PolicyError`] if the file cannot be read or has errors by itself.
    pub fn resume(path: &Path, additions: &Additions) -> Result<(Self, Vec<(String, u32)>), PolicyError> {
        let whole = Self::with(path, additions);
        let Err(PolicyError::Findings(failed)) = &whole else { return whole.map(|p| (p, Vec::new())) };
        let why =
            failed.findings.iter().find(|f| f.is_error()).map(|f| f.message.clone()).unwrap_or_default();
        let Additions { instances, containers } = additions.clone();
        let alone = Self::with(path, &Additions::default())?;
        let fits = |(name, number): &(String, u32)| {
            let mut templates = alone.file.templates.iter().filter(|t| t.name == *name);
            templates.any(|t| (t.numbers.0..=t.numbers.1).contains(number))
        };
        let (fitting, unfit): (Vec<_>, Vec<_>) = instances.iter().cloned().partition(fits);
        // Tries first to set aside as little as possible.
        for (kept, aside, containers) in [
            (fitting.clone(), unfit.clone(), containers.as_slice()),
            (fitting, unfit, &[]),
            (Vec::new(), instances.clone(), containers.as_slice()),
        ] {
            let some = Additions { instances: kept, containers: containers.to_vec() };
            if let Ok(policy) = Self::with(path, &some) {
                return Ok((policy.setting_aside(additions, &why), aside));
            }
        }
        Ok((alone.setting_aside(additions, &why), instances))
    }

    /// Sets aside every container that is not active.
    fn setting_aside(mut self, additions: &Additions, why: &str) -> Self {
        for container in &additions.containers {
            let name = &container.name;
            if !self
                .additions
                .containers
                .iter()
                .chain(self.set_aside.iter().map(|(c, _)| c))
                .any(|c| c.name == *name)
            {
                self.set_aside.push((container.clone(), ContainError::Refused(why.to_owned())));
            }
        }
        self
    }

    /// Checks a text without includes.
    ///
    /// # Errors
    /// [`PolicyError`] if the text has errors.
    pub fn from_text(path: &Path, text: String) -> Result<Self, PolicyError> {
        let mut text = Some(text);
        let mut read = |_: &str| text.take().ok_or_else(|| "it is not beside this text".to_owned());
        let name = path.display().to_string();
        let loaded = network::load(&name, &mut read, &Additions::default()).map_err(PolicyError::Findings)?;
        Self::checked(path, loaded, &Additions::default())
    }

    fn checked(path: &Path, loaded: Loaded, additions: &Additions) -> Result<Self, PolicyError> {
        let Loaded { mut file, findings: mut warnings, sources } = loaded;
        let mut set_aside = Vec::new();
        let mut additions = additions.clone();
        additions.containers.retain(|container| match file.put(container) {
            Ok(()) => true,
            Err(why) => {
                set_aside.push((container.clone(), why));
                false
            }
        });
        let Checked { findings, proof } = check(&file);
        warnings.extend(findings);
        if has_errors(&warnings) {
            return Err(PolicyError::Findings(LoadFailure { findings: warnings, sources }));
        }
        Ok(Self { path: path.to_owned(), sources, file, warnings, proof, additions, set_aside })
    }

    /// Returns the policy with one more container.
    ///
    /// # Errors
    /// [`ContainError`] if the file has no place for the container.
    pub fn with_container(&self, container: &Container) -> Result<Self, ContainError> {
        let mut policy = self.clone();
        policy.file.put(container)?;
        policy.additions.containers.push(container.clone());
        Ok(policy)
    }

    /// Returns the policy without a container, or `None` if it has no such container.
    pub fn without_container(&self, name: &str) -> Option<Self> {
        let container = self.additions.containers.iter().find(|c| c.name == name)?;
        let mut policy = self.clone();
        policy.file.take(container);
        policy.additions.containers.retain(|c| c.name != name);
        Some(policy)
    }

    /// Returns whether reading the file with these additions would give the same policy. That holds
    /// if the file, its includes and the additions are unchanged.
    pub fn is_made_of(&self, path: &Path, additions: &Additions) -> bool {
        let files = self.sources.files();
        let as_it_was = |file: &SourceFile| read(Path::new(&file.name)).is_ok_and(|text| text == file.text);
        path == self.path
            && self.set_aside.is_empty()
            && self.additions.is_alike(additions)
            && !files.is_empty()
            && files.iter().all(as_it_was)
    }

    /// Returns whether the file defines the bridge's flows.
    pub fn owns(&self, bridge: &str) -> bool {
        flows::compile::owns(&self.file, bridge)
    }

    /// Returns the names of all bridges in the file.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        self.file.bridges.iter().map(|b| b.name.as_str())
    }

    /// Returns the names of the bridges whose flows the file defines.
    pub fn bridges(&self) -> impl Iterator<Item = &str> {
        self.file.bridges.iter().map(|b| b.name.as_str()).filter(|b| self.owns(b))
    }

    /// Returns the flows of a bridge with these ports.
    pub fn compile(&self, bridge: &str, ports: &PortMap) -> Program {
        flows::compile::compile(&self.file, bridge, ports, &TimeContext::default())
    }

    /// Returns ports as a bridge of the file might have them, numbered from 1 in the file's order.
    pub fn assumed_ports(&self, bridge: &str) -> PortMap {
        let mut ports = bridge_flows::numbered_ports(&self.file, bridge);
        ports.insert(bridge.to_owned(), PortNo::LOCAL);
        ports
    }
}

/// Reads a file with its includes and the additions made at run time. It is parsed, but not checked
/// further.
///
/// # Errors
/// [`PolicyError`] if the file cannot be read or has errors.
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

/// Returns the text of a file, up to `most` bytes and one more. The extra byte tells the caller
/// that the file is too long.
///
/// # Errors
/// [`std::io::Error`] if the file cannot be read, or is not UTF-8.
pub fn read_text(path: &Path, most: usize) -> std::io::Result<String> {
    let mut text = String::new();
    let limit = (most as u64).saturating_add(1);
    std::fs::File::open(path)?.take(limit).read_to_string(&mut text)?;
    Ok(text)
}
