//! The commands `portcullis attach` and `detach`.
//!
//! Each bridge is one `ovs-vsctl` transaction, so the settings that isolation needs and the
//! controller take effect together. A bridge never has a controller while in-band control or
//! standalone mode is active.

use std::io::{self, Write};
use std::path::Path;

use flows::network::{ANY_BRIDGE, NetworkFile};

use super::vsctl::{Database, complaint, display_arguments};
use super::{eviction, preserve_flows};

/// The address for bridges that connect over TCP. Every local user can connect there.
pub const LOOPBACK_TARGET: &str = "tcp:127.0.0.1:6653";
/// Deadline of ovs-vswitchd for applying a change, in seconds.
const TIMEOUT: u32 = 10;

/// The options of `attach` and `detach`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttachOptions {
    /// The Open vSwitch of the bridges.
    pub database: Database,
    /// True if the commands are only printed.
    pub dry_run: bool,
    /// For [`detach`]: true if the bridge is left in standalone mode, in which it switches like any
    /// other bridge.
    pub standalone: bool,
}

/// The outcome of `attach` or `detach`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttachOutcome {
    /// The changed bridges. In a dry run, the bridges to change.
    pub done: Vec<String>,
    /// The bridges that could not be changed, each with the reason.
    pub failed: Vec<(String, String)>,
}

impl AttachOutcome {
    /// Returns whether every bridge was changed.
    pub fn complete(&self) -> bool {
        self.failed.is_empty()
    }
}

/// Attaches every bridge of the file to the controller `target` (such as `tcp:ADDR:PORT`), with the
/// settings that isolation needs. Prints each command to `out`. A bridge that cannot be changed is
/// reported there, and the others go on. Blocks until ovs-vswitchd has applied the changes.
///
/// # Errors
/// [`io::Error`] only if `out` cannot be written.
pub fn attach(
    file: &NetworkFile,
    target: &str,
    options: &AttachOptions,
    out: &mut dyn Write,
) -> io::Result<AttachOutcome> {
    if let Some(why) = unreachable(target, &options.database) {
        // A bridge drops its flows when it gets its first controller. That must not happen for a
        // controller that it cannot reach.
        let named = file.bridges.iter().map(|b| &b.name).filter(|name| *name != ANY_BRIDGE);
        let failed: Vec<_> = named.map(|name| (name.clone(), why.clone())).collect();
        writeln!(out, "# {why}")?;
        return Ok(AttachOutcome { done: Vec::new(), failed });
    }
    each_bridge(file, options, out, false, |bridge| {
        let mut words: Vec<String> = [
            // The settings that close the bridge go first, for the reader. All of them are one
            // transaction.
            &["set", "bridge", bridge, "fail_mode=secure", "other-config:disable-in-band=true"][..],
            &["set", "bridge", bridge, "protocols=OpenFlow13"],
            &["set-controller", bridge, target],
            &[
                "set",
                "controller",
                bridge,
                "connection-mode=out-of-band",
                // Once a controller was connected, its successor is found within a second (see the
                // module `retry`). A dead controller is noticed within ten.
                "max_backoff=1000",
                "inactivity_probe=5000",
            ],
        ]
        .join(&"--")
        .into_iter()
        .map(str::to_owned)
        .collect();
        if eviction::learns(file, bridge) {
            words.push("--".to_owned());
            words.extend(eviction::words(bridge));
        }
        words
    })
}

/// Returns the reason that bridges cannot connect to `target`, or `None` if no reason is known.
fn unreachable(target: &str, database: &Database) -> Option<String> {
    let path = Path::new(target.strip_prefix("unix:")?);
    let rundir = database.run_directory();
    // ovs-vswitchd only logs "Not connecting to socket controller".
    (path.is_absolute() && !path.starts_with(&rundir)).then(|| {
        format!("{target}: Open vSwitch connects to no socket outside of {} ($OVS_RUNDIR)", rundir.display())
    })
}

/// Detaches every bridge of the file from its controller. `fail_mode=secure` stays, and so do the
/// installed flows. Open vSwitch drops all flows with a bridge's last controller, as it does with
/// the first. So `ovs-ofctl` reads the flows before the change, and restores them at once. They go
/// on to learn, so the bounds of the learned tables stay too.
///
/// With `standalone`, the bridge switches freely again instead, and the bounds are removed.
///
/// # Errors
/// [`io::Error`] only if `out` cannot be written.
pub fn detach(file: &NetworkFile, options: &AttachOptions, out: &mut dyn Write) -> io::Result<AttachOutcome> {
    let words = |bridge: &str| {
        let mut words = vec!["del-controller", bridge];
        if options.standalone {
            words.extend(["--", "set", "bridge", bridge, "fail_mode=standalone"]);
        }
        let mut words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        if options.standalone && eviction::learns(file, bridge) {
            words.push("--".to_owned());
            words.extend(eviction::no_words(bridge));
        }
        words
    };
    let outcome = each_bridge(file, options, out, !options.standalone, words)?;
    if !outcome.done.is_empty() {
        let bridges = outcome.done.join(", ");
        if options.standalone {
            writeln!(out, "# {bridges}: standalone, nothing is isolated any more")?;
        } else {
            writeln!(out, "# {bridges}: fail_mode stays secure, the installed flows stay in force")?;
        }
    }
    Ok(outcome)
}

fn each_bridge(
    file: &NetworkFile,
    options: &AttachOptions,
    out: &mut dyn Write,
    keep_flows: bool,
    words: impl Fn(&str) -> Vec<String>,
) -> io::Result<AttachOutcome> {
    let mut outcome = AttachOutcome::default();
    // `*` stands for any bridge that connects. No bridge has that name.
    for bridge in file.bridges.iter().map(|b| b.name.as_str()).filter(|b| *b != ANY_BRIDGE) {
        if flows::network::is_datapath_id(bridge) {
            writeln!(
                out,
                "# {bridge}: a switch without a name of its own has its controller set where it is"
            )?;
            continue;
        }
        let words = words(bridge);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let arguments = options.database.arguments(TIMEOUT, &words);
        let mut commands = vec![display_arguments(&arguments)];
        if keep_flows {
            let (read, write) = (
                preserve_flows::display_words(&preserve_flows::read_words(bridge)),
                preserve_flows::display_words(&preserve_flows::write_words(bridge)),
            );
            commands.insert(0, format!("{read} > {bridge}.flows"));
            commands.push(format!("{write} < {bridge}.flows"));
        }
        if options.dry_run {
            writeln!(out, "{}", commands.join("\n"))?;
            outcome.done.push(bridge.to_owned());
            continue;
        }
        if let Err(reason) = exists(bridge, &options.database) {
            writeln!(out, "# {bridge}: {reason}")?;
            outcome.failed.push((bridge.to_owned(), reason));
            continue;
        }
        writeln!(out, "{}", commands.join("\n"))?;
        let done = if keep_flows {
            preserve_flows::over(&options.database, bridge, || run(&options.database, &arguments))
        } else {
            run(&options.database, &arguments)
        };
        match done {
            Ok(()) => outcome.done.push(bridge.to_owned()),
            Err(reason) => {
                writeln!(out, "# {bridge}: {reason}")?;
                outcome.failed.push((bridge.to_owned(), reason));
            }
        }
    }
    Ok(outcome)
}

fn run(database: &Database, arguments: &[String]) -> Result<(), String> {
    match database.run(arguments) {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(match complaint(&output) {
            late if late == "no answer in time" => {
                format!("ovs-vswitchd did not take it in within {TIMEOUT} s: is it running?")
            }
            reason => reason,
        }),
        Err(error) => Err(not_run(&error)),
    }
}

/// Returns the reason why `ovs-vsctl` could not be started.
pub(super) fn not_run(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "ovs-vsctl is not installed (Debian package openvswitch-common)".to_owned()
        }
        _ => format!("ovs-vsctl: {error}"),
    }
}

fn exists(bridge: &str, database: &Database) -> Result<(), String> {
    let output =
        database.run(&database.arguments(TIMEOUT, &["br-exists", bridge])).map_err(|e| not_run(&e))?;
    match output.status.code() {
        Some(0) => Ok(()),
        // ovs-vsctl(8): "If the bridge does not exist, exits with status 2".
        Some(2) => Err(format!("there is no such bridge; `ovs-vsctl add-br {bridge}` makes it")),
        _ => Err(complaint(&output)),
    }
}
