//! Ports that a controller puts on a bridge at run time, and takes off again.
//!
//! Each carries a mark in the `external_ids` of its row of the table Port (ovs-vswitchd.conf.db(5)): a port without it is
//! somebody else's and never removed.

use super::attach::not_run;
use super::vsctl::{Database, complaint};

/// How long ovs-vswitchd has to take a change in, in seconds.
const TIMEOUT: u32 = 5;
/// The key of the mark.
const MARK: &str = "portcullis-container";

/// What a bridge says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BridgeKind {
    /// Whether its packets are switched by ovs-vswitchd itself (`datapath_type=netdev`), not by the kernel.
    pub userspace: bool,
}

/// Looks whether there is a bridge of that name, and of what kind.
///
/// # Errors
/// A line for a person: there is none, or nobody to ask.
pub fn bridge_kind(database: &Database, bridge: &str) -> Result<BridgeKind, String> {
    let found = run(database, &["get", "bridge", bridge, "datapath_type"])?;
    Ok(BridgeKind { userspace: found.trim().trim_matches('"') == "netdev" })
}

/// Puts a device on a bridge, marked, in one transaction, and waits until ovs-vswitchd has it.
///
/// # Errors
/// A line for a person: no such bridge, a port of that name, a device that cannot be opened, or nobody to ask. Nothing
/// was changed then, except where the device cannot be opened: [`remove_port`] takes that port off.
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

/// Takes a marked port off its bridge, if it is there. Gives whether it was.
///
/// # Errors
/// A line for a person: nobody to ask.
pub fn remove_port(database: &Database, port: &str, mark: &str) -> Result<bool, String> {
    let found = find_port(database, port)?;
    if found.as_deref() != Some(mark) {
        return Ok(false);
    }
    run(database, &["--if-exists", "del-port", port])?;
    Ok(true)
}

/// The mark of a port, empty where it has none; `None` where there is no such port.
///
/// # Errors
/// A line for a person: nobody to ask.
pub fn find_port(database: &Database, port: &str) -> Result<Option<String>, String> {
    // `--columns=name` for every port tells one without a mark from no port.
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
