//! The errors of a lab.

use std::io;
use std::path::PathBuf;

/// A failure of the lab.
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
    /// A program that the lab runs failed.
    #[error("`{command}` failed ({status}): {stderr}")]
    Command {
        /// The command line.
        command: String,
        /// Its exit status.
        status: String,
        /// Its standard error.
        stderr: String,
    },
    /// The operating system refused an operation.
    #[error("{what}: {source}")]
    Io {
        /// The attempted operation.
        what: String,
        /// The system's error.
        source: io::Error,
    },
    /// A flow in the switch's output cannot be parsed.
    #[error("{line}: {why}")]
    Flow {
        /// The line of the output.
        line: String,
        /// The error in it.
        why: String,
    },
    /// The lab has nothing of that name.
    #[error("nothing in the lab is called {0:?}")]
    NoSuchPlace(String),
    /// A Unix socket in the lab's directory would have a longer path than the kernel takes (107 bytes).
    #[error("{} is too long for Unix sockets in it: set PORTCULLIS_LAB_DIR to a shorter directory", .0.display())]
    DirectoryTooLong(PathBuf),
    /// Namespaces can only be made by root.
    #[error("a lab needs root (network namespaces): run it with sudo")]
    NotRoot,
    /// The lab's state file cannot be read.
    #[error("{}: not a lab's state: {reason}", .path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The network file has errors.
    #[error("{0}")]
    File(String),
    /// A bridge could not be attached to the controller.
    #[error("{bridge} could not be attached: {reason}")]
    Attach {
        /// The bridge.
        bridge: String,
        /// The reason.
        reason: String,
    },
    /// The controller ended, or the bridges did not settle; with its output.
    #[error("the controller did not bring every bridge to its state: {0}")]
    Controller(String),
    /// A condition was not met before its deadline.
    #[error("gave up waiting for {0}")]
    Timeout(String),
    /// A part of the lab still exists after it was taken down.
    #[error("left behind: {0}")]
    LeftBehind(String),
    /// A thread that worked in a namespace died.
    #[error("a worker thread in {0} died")]
    Worker(String),
}

impl LabError {
    /// Returns an I/O error with the attempted operation.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
