//! What can go wrong with a lab.

use std::io;
use std::path::PathBuf;

/// Why the lab could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// A program that the lab runs is not installed.
    #[error("{program} is not installed (Debian package {package})")]
    MissingProgram {
        /// The program's name.
        program: String,
        /// The Debian package that has it.
        package: &'static str,
    },
    /// A program that the lab runs ended badly.
    #[error("`{command}` failed ({status}): {stderr}")]
    Command {
        /// The command line.
        command: String,
        /// How it ended.
        status: String,
        /// What it said.
        stderr: String,
    },
    /// The operating system refused something.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// A flow that the switch prints cannot be read.
    #[error("{line}: {why}")]
    Flow {
        /// What it printed.
        line: String,
        /// What is wrong with it.
        why: String,
    },
    /// Nothing in the lab has that name.
    #[error("nothing in the lab is called {0:?}")]
    NoSuchPlace(String),
    /// A Unix socket in the lab's directory would have a longer path than the kernel takes (107 bytes).
    #[error("{} is too long for Unix sockets in it: set PORTCULLIS_LAB_DIR to a shorter directory", .0.display())]
    DirectoryTooLong(PathBuf),
    /// Namespaces can only be made by root.
    #[error("a lab needs root (network namespaces): run it with sudo")]
    NotRoot,
    /// The lab's own record of what it made cannot be read.
    #[error("{}: not a lab's state: {reason}", .path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The network file has errors.
    #[error("{0}")]
    File(String),
    /// A bridge could not be pointed at the controller.
    #[error("{bridge} could not be attached: {reason}")]
    Attach {
        /// The bridge.
        bridge: String,
        /// Why not.
        reason: String,
    },
    /// The controller ended, or did not bring the bridges to their state; what it said.
    #[error("the controller did not bring every bridge to its state: {0}")]
    Controller(String),
    /// Something did not happen in the time it was given.
    #[error("gave up waiting for {0}")]
    Timeout(String),
    /// Something of the lab is still there after it was taken down.
    #[error("left behind: {0}")]
    LeftBehind(String),
    /// A thread that worked in a namespace died.
    #[error("a worker thread in {0} died")]
    Worker(String),
}

impl LabError {
    /// An I/O error with what was tried.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
