//! Keeps the flows of a bridge over a change that makes Open vSwitch drop them.

use std::io::{self, Write as _};
use std::process::{Command, Output, Stdio};

use super::vsctl::{Database, complaint, quoted};

/// Returns the `ovs-ofctl` arguments that read the flows of a bridge.
pub(super) fn read_words(bridge: &str) -> [&str; 6] {
    ["-O", "OpenFlow13", "--timeout=10", "--no-stats", "dump-flows", bridge]
}

/// Returns the `ovs-ofctl` arguments that add flows to a bridge, all or none.
pub(super) fn write_words(bridge: &str) -> [&str; 7] {
    ["-O", "OpenFlow13", "--timeout=10", "--bundle", "add-flows", bridge, "-"]
}

/// Returns the command as a person types it.
pub(super) fn display_words(words: &[&str]) -> String {
    let words: Vec<_> = words.iter().map(|w| quoted(w)).collect();
    format!("ovs-ofctl {}", words.join(" "))
}

/// Makes a change, with the flows of the bridge read before and restored afterwards.
///
/// # Errors
/// The reason why the change was not made, or why the flows could not be restored. In the second
/// case they are lost.
pub(super) fn over(
    database: &Database,
    bridge: &str,
    change: impl FnOnce() -> Result<(), String>,
) -> Result<(), String> {
    let flows = ofctl(database, &read_words(bridge), "").map_err(|why| {
        format!("its flows cannot be read and would be lost, so nothing was changed: {why}")
    })?;
    change()?;
    ofctl(database, &write_words(bridge), &flows)
        .map(drop)
        .map_err(|why| format!("its flows are lost, and it drops everything: {why}"))
}

fn ofctl(database: &Database, words: &[&str], input: &str) -> Result<String, String> {
    let mut command = Command::new("ovs-ofctl");
    command.args(words);
    if let Some(rundir) = &database.rundir {
        command.env("OVS_RUNDIR", rundir);
    }
    let output = feed(&mut command, input).map_err(|error| format!("ovs-ofctl: {error}"))?;
    if !output.status.success() {
        return Err(complaint(&output));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn feed(command: &mut Command, input: &str) -> io::Result<Output> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut pipe) = child.stdin.take() {
        // The output of a program that ends early says more than the broken pipe.
        let _ = pipe.write_all(input.as_bytes());
    }
    child.wait_with_output()
}
