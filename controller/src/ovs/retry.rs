//! Makes Open vSwitch reconnect to a lost controller within a second.
//!
//! Open vSwitch 3.1 applies `max_backoff` only when the row changes while the controller is
//! connected. Until then it waits 1, 2, 4 and 8 seconds. `attach` cannot wait for a controller that
//! may not run yet. So the running controller changes the row once a bridge is connected. Open
//! vSwitch counts whole seconds, so 1,001 ms have the effect of 1,000.

use super::attach::not_run;
use super::database::DatabaseTable;
use super::vsctl::{Database, complaint};

/// Deadline of the database for an answer, in seconds.
const TIMEOUT: u32 = 3;
/// The value that `attach` sets, in milliseconds.
const ASKED: &str = "1000";
/// Another value with as many whole seconds.
const CHANGED: &str = "1001";

/// Sets the retry time of these bridges' controllers again, if it has the value of `attach`. The
/// bridges must be connected. Blocks for some seconds at most.
///
/// # Errors
/// A line for a person if the database does not answer, or a bridge changed meanwhile.
pub fn tell_retry_again(database: &Database, bridges: &[String]) -> Result<(), String> {
    let words = ["--no-wait", "--format=json", "--", "list", "bridge", "--", "list", "controller"];
    let tables = DatabaseTable::read_all(&run(database, &words)?).map_err(|error| error.to_string())?;
    let [rows, controllers] = <[DatabaseTable; 2]>::try_from(tables)
        .map_err(|tables| format!("ovs-vsctl gave {} tables, not 2", tables.len()))?;
    let named = rows.rows().filter(|row| row.value("name").is_some_and(|name| bridges.contains(&name)));
    let ids: Vec<String> = named.flat_map(|row| row.values("controller")).collect();
    let mut words = vec!["--no-wait".to_owned()];
    for row in controllers.with_ids(&ids) {
        let other = match row.value("max_backoff").as_deref() {
            Some(ASKED) => CHANGED,
            Some(CHANGED) => ASKED,
            // The user chose another value.
            _ => continue,
        };
        let set = ["--", "set", "controller", &row.id(), &format!("max_backoff={other}")].map(str::to_owned);
        words.extend(set);
    }
    if words.len() > 1 {
        run(database, &words.iter().map(String::as_str).collect::<Vec<_>>())?;
    }
    Ok(())
}

fn run(database: &Database, words: &[&str]) -> Result<String, String> {
    let output = database.run(&database.arguments(TIMEOUT, words)).map_err(|error| not_run(&error))?;
    if !output.status.success() {
        return Err(complaint(&output));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
