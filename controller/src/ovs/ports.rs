//! Adds ports to bridges at run time, and removes them.
//!
//! Each port carries a mark in the `external_ids` of its row of the table Port
//! (ovs-vswitchd.conf.db(5)). A port without the mark is foreign and never removed.

use super::attach::not_run;
use super::vsctl::{Database, complaint};

/// Deadline of ovs-vswitchd for applying a change, in seconds.
const TIMEOUT: u32 = 5;
/// Key of the mark.
const MARK: &str = "portcullis-container";

/// The kind of a bridge, by Open vSwitch's database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BridgeKind {
    /// True if ovs-vswitchd itself switches the packets (`datapath_type=netdev`), not the kernel.
    pub userspace: bool,
}

/// Returns the kind of a bridge.
///
/// # Errors
/// A line for a person if there is no such bridge, or the database does not answer.
pub fn bridge_kind(database: &Database, bridge: &str) -> Result<BridgeKind, String> {
    let found = run(database, &["get", "bridge", bridge, "datapath_type"])?;
    Ok(BridgeKind { userspace: found.trim().trim_matches('"') == "netdev" })
}

/// Adds a device to a bridge with a mark, in one transaction. Waits until ovs-vswitchd has applied
/// it.
///
/// # Errors
/// A line for a person:
/// - if there is no such bridge, a port of that name exists, or the database does not answer;
///   nothing was changed then,
/// - if the device cannot be opened; [`remove_port`] removes that port.
pub fn add_port(database: &Database, bridge: &str, port: &str, mark: &str) -> Result<(), String> {
    let mark = format!("external_ids:{MARK}={mark}");
    run(database, &["add-port", bridge, port, "--", "set", "port", port, &mark])?;
    // ovs-vsctl succeeds although ovs-vswitchd could not open the device, and only warns of it.
    let number = run(database, &["--if-exists", "get", "interface", port, "ofport"])?;
    match number.trim().parse::<i64>() {
        Ok(number) if number > 0 => Ok(()),
        _ => {
            let why = run(database, &["--if-exists", "get", "interface", port, "error"])?;
            Err(format!("ovs-vswitchd cannot use the device {port}: {}", why.trim().trim_matches('"')))
        }
    }
}

/// Removes a marked port from its bridge, if it exists. Returns whether it did.
///
/// # Errors
/// A line for a person if the database does not answer.
pub fn remove_port(database: &Database, port: &str, mark: &str) -> Result<bool, String> {
    let found = find_port(database, port)?;
    if found.as_deref() != Some(mark) {
        return Ok(false);
    }
    run(database, &["--if-exists", "del-port", port])?;
    Ok(true)
}

/// Returns the mark of a port, empty if it has none, or `None` if there is no such port.
///
/// # Errors
/// A line for a person if the database does not answer.
pub fn find_port(database: &Database, port: &str) -> Result<Option<String>, String> {
    // `--columns=name` for every port distinguishes a port without a mark from no port.
    let found = run(database, &["--if-exists", "get", "port", port, "name", "external_ids"])?;
    if found.trim().is_empty() {
        return Ok(None);
    }
    let marks = found.lines().nth(1).unwrap_or_default();
    let mark = marks.split_once(&format!("{MARK}=")).map(|(_, rest)| {
        let rest = rest.trim_start_matches('"');
        rest.split(['"', ',', '}']).next().unwrap_or_default().to_owned()
    });
    Ok(Some(mark.unwrap_or_default()))
}

fn run(database: &Database, words: &[&str]) -> Result<String, String> {
    let output = database.run(&database.arguments(TIMEOUT, words)).map_err(|e| not_run(&e))?;
    if !output.status.success() {
        return Err(complaint(&output));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
