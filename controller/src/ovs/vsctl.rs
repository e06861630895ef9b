//! Calls `ovs-vsctl`.

use std::io;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// Open vSwitch's run directory, unless `$OVS_RUNDIR` names another (ovs-vswitchd(8)).
const RUNDIR: &str = "/var/run/openvswitch";
/// The controller's socket in that directory. Open vSwitch connects to no socket elsewhere.
const SOCKET: &str = "portcullis.sock";

/// The Open vSwitch to talk to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Database {
    /// The database, as `ovs-vsctl --db` takes it. Defaults to the socket in the run directory.
    pub db: Option<String>,
    /// The run directory. Defaults to `$OVS_RUNDIR`, or the one that Open vSwitch was built with.
    pub rundir: Option<PathBuf>,
}

impl Database {
    /// Returns the run directory.
    pub fn run_directory(&self) -> PathBuf {
        let named = || std::env::var_os("OVS_RUNDIR").filter(|dir| !dir.is_empty()).map(PathBuf::from);
        self.rundir.clone().or_else(named).unwrap_or_else(|| PathBuf::from(RUNDIR))
    }

    /// Returns the default socket, at which the controller listens and to which bridges connect.
    pub fn controller_socket(&self) -> PathBuf {
        self.run_directory().join(SOCKET)
    }

    /// Returns the arguments of `ovs-vsctl`, with a limit on its run time in seconds.
    pub(super) fn arguments(&self, timeout: u32, words: &[&str]) -> Vec<String> {
        let mut arguments = Vec::new();
        if let Some(db) = &self.db {
            arguments.push(format!("--db={db}"));
        }
        arguments.push(format!("--timeout={timeout}"));
        arguments.extend(words.iter().map(|w| (*w).to_owned()));
        arguments
    }

    /// Runs `ovs-vsctl` to its end.
    pub(super) fn run(&self, arguments: &[String]) -> io::Result<Output> {
        let mut command = Command::new("ovs-vsctl");
        command.args(arguments).stdin(Stdio::null());
        if let Some(rundir) = &self.rundir {
            command.env("OVS_RUNDIR", rundir);
        }
        command.output()
    }
}

/// Returns a word as a shell takes it.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Returns a command line as a person types it.
pub(super) fn display_arguments(arguments: &[String]) -> String {
    let words = arguments.iter().map(|a| quoted(a));
    std::iter::once("ovs-vsctl".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

/// Returns the reason of a failure, in one line.
pub(super) fn complaint(output: &Output) -> String {
    use std::os::unix::process::ExitStatusExt;
    // ovs-vsctl ends itself by SIGALRM when its --timeout is over.
    if output.status.signal() == Some(14) {
        return "no answer in time".to_owned();
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().last().unwrap_or_default().trim();
    let line = line.strip_prefix("ovs-vsctl: ").unwrap_or(line);
    if line.is_empty() { output.status.to_string() } else { line.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_only_where_a_shell_needs_it() {
        assert_eq!(quoted("tcp:127.0.0.1:6653"), "tcp:127.0.0.1:6653");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("$x"), "'$x'");
    }

    #[test]
    fn commands_are_shown_as_a_person_types_them() {
        let database = Database { db: Some("unix:/a b/db.sock".to_owned()), rundir: None };
        let arguments = database.arguments(5, &["set", "bridge", "vmbr0", "other-config:x=$y"]);
        assert_eq!(
            display_arguments(&arguments),
            "ovs-vsctl '--db=unix:/a b/db.sock' --timeout=5 set bridge vmbr0 'other-config:x=$y'"
        );
    }
}
