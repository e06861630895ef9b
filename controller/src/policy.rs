//! The network file in force: read, checked, and compiled for the bridges that turn up.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use flows::compile::{Origin, OriginKind, PortMap, Program};
use flows::finding::{Finding, has_errors};
use flows::network::{self, NetworkFile};
use flows::syntax::print_flow;
use flows::{lint, never};
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
        let (file, mut findings) = match network::parse(&text, &path.display().to_string()) {
            Ok(parsed) => parsed,
            Err(findings) => return Err(PolicyError::Findings { path: path.to_owned(), text, findings }),
        };
        findings.extend(lint::lint_raw(&file));
        let this = Self { path: path.to_owned(), text, file, warnings: Vec::new() };
        findings.extend(this.contradictions());
        if has_errors(&findings) {
            return Err(PolicyError::Findings { path: this.path, text: this.text, findings });
        }
        Ok(Self { warnings: findings, ..this })
    }

    /// As [`Policy::load`], and a `never` that a packet breaks is an error too: for a file that is to be in force.
    ///
    /// # Errors
    /// When it cannot be read or has errors.
    pub fn load_checked(path: &Path) -> Result<Self, PolicyError> {
        let mut this = Self::load(path)?;
        let violations = this.violations();
        if has_errors(&violations) {
            return Err(PolicyError::Findings { path: this.path, text: this.text, findings: violations });
        }
        this.warnings.extend(violations);
        Ok(this)
    }

    /// Packets that get through where a `never` of the file says that none does. Takes a while: all kinds of packets
    /// are followed through all bridges.
    pub fn violations(&self) -> Vec<Finding> {
        never::check(&self.file, &never::compiled(&self.file)).findings(&self.file)
    }

    /// Compiled flows of one priority that a packet can match both of, and that do different things. Of two raw
    /// lines the lints tell.
    fn contradictions(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for bridge in self.bridges() {
            let ports = self.assumed_ports(bridge);
            let program = self.compile(bridge, &ports);
            let origin = |n: usize| program.flows.get(n).map(|f| (f, program.origins.get(&f.cookie)));
            for (a, b) in lint::overlaps(&program.flows) {
                let (Some((a, from_a)), Some((b, from_b))) = (origin(a), origin(b)) else { continue };
                let raw = |o: Option<&Origin>| o.is_none_or(|o| o.kind == OriginKind::Raw);
                if raw(from_a) && raw(from_b) {
                    continue;
                }
                let detail = |o: Option<&Origin>| o.map_or("a raw line", |o| o.detail.as_str()).to_owned();
                findings.push(Finding::error(
                    "overlap",
                    self.file.bridge(bridge).map(|b| b.span.clone()),
                    format!(
                        "on {bridge} two flows of one priority contradict each other: `{}` ({}) and `{}` ({})",
                        print_flow(a, &ports),
                        detail(from_a),
                        print_flow(b, &ports),
                        detail(from_b)
                    ),
                    "which of them a packet takes is undefined: give a raw line another priority",
                ));
            }
        }
        findings
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
        flows::compile::compile(&self.file, bridge, ports)
    }

    /// Ports as a bridge of the file might have them, numbered from 1 in the file's order.
    pub fn assumed_ports(&self, bridge: &str) -> PortMap {
        let mut ports: PortMap = PortMap::new();
        let mut next = 1;
        for name in self.file.bridge_ports(bridge) {
            if name != "LOCAL" && !ports.contains_key(name) {
                ports.insert(name.to_owned(), PortNo(next));
                next += 1;
            }
        }
        ports.insert(bridge.to_owned(), PortNo::LOCAL);
        ports
    }
}
