//! Makes Open vSwitch call a controller that is gone again within a second.
//!
//! Open vSwitch 3.1 takes `max_backoff` over only when the row changes while the controller is connected, and waits 1, 2, 4 and
//! then 8 seconds until then. `attach` cannot wait for a controller that may not run yet, so the running one changes the
//! row once a bridge is connected: Open vSwitch counts whole seconds, and 1,001 ms are as many as 1,000.

use super::attach::not_run;
use super::database::DatabaseTable;
use super::vsctl::{Database, complaint};

/// How long the database has to answer, in seconds.
const TIMEOUT: u32 = 3;
/// What `attach` asks for, in milliseconds.
const ASKED: &str = "1000";
/// The same in seconds, and another value.
const CHANGED: &str = "1001";

/// Tells Open vSwitch the retry time of these bridges' controllers again, where it is what `attach` asks for. Their sessions
/// have to be there. Blocks for some seconds at most.
///
/// # Errors
/// A line for a person: nobody to ask, or a bridge changed meanwhile.
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
            // Somebody else's wish.
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
