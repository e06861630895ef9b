//! Runs the programs of a lab.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use portcullis::ovs::quoted;

use super::error::LabError;

/// The programs that a lab needs.
pub(crate) const PROGRAMS: &[&str] =
    &["ip", "ethtool", "ovsdb-tool", "ovsdb-server", "ovs-vswitchd", "ovs-vsctl", "ovs-ofctl", "ovs-appctl"];

/// Returns the Debian package of a program, for the error about a missing one.
fn package_of(program: &str) -> &'static str {
    match program {
        "ip" => "iproute2",
        "ethtool" => "ethtool",
        "nft" => "nftables",
        "ovs-vswitchd" | "ovsdb-server" => "openvswitch-switch",
        _ => "openvswitch-common",
    }
}

/// Checks that all these programs are installed, before anything is made that needs them.
pub(crate) fn require(programs: &[&str]) -> Result<(), LabError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    for program in programs {
        if !std::env::split_paths(&path).any(|dir| dir.join(program).is_file()) {
            let package = package_of(program);
            return Err(LabError::MissingProgram { program: (*program).to_owned(), package });
        }
    }
    Ok(())
}

/// Returns a command line as a person types it.
pub(crate) fn display_command(command: &Command) -> String {
    let mut words = vec![quoted(&command.get_program().to_string_lossy())];
    words.extend(command.get_args().map(|a| quoted(&a.to_string_lossy())));
    words.join(" ")
}

/// Returns the error for a program that could not be started.
pub(crate) fn not_started(command: &Command, source: io::Error) -> LabError {
    let program = command.get_program().to_string_lossy().into_owned();
    if source.kind() == io::ErrorKind::NotFound {
        let package = package_of(&program);
        return LabError::MissingProgram { program, package };
    }
    LabError::Io { what: format!("starting `{}`", display_command(command)), source }
}

/// Runs a command to its end, with `input` on its standard input. The caller checks its exit
/// status.
pub(crate) fn output(command: &mut Command, input: Option<&str>) -> Result<Output, LabError> {
    let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
    command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|e| not_started(command, e))?;
    if let (Some(mut pipe), Some(text)) = (child.stdin.take(), input) {
        // A program that ends early breaks the pipe. Its own output then says more than the broken
        // pipe.
        let _ = pipe.write_all(text.as_bytes());
    }
    child.wait_with_output().map_err(LabError::io(format!("waiting for `{}`", display_command(command))))
}

/// Runs a command that has to succeed. Returns its standard output.
pub(crate) fn run(command: &mut Command, input: Option<&str>) -> Result<String, LabError> {
    let output = output(command, input)?;
    if !output.status.success() {
        return Err(LabError::Command {
            command: display_command(command),
            status: output.status.to_string(),
            stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs one `ip` command per line in the network namespace of the calling thread. Lines that begin
/// with `-6` run after all others: a batch takes no options in its lines.
pub(crate) fn ip_batch(lines: &[String]) -> Result<(), LabError> {
    let (ipv6, others): (Vec<&str>, Vec<&str>) =
        lines.iter().map(String::as_str).partition(|line| line.starts_with(IPV6));
    batch(&[], &others)?;
    batch(&["-6"], &ipv6.iter().map(|line| line.trim_start_matches(IPV6)).collect::<Vec<_>>())
}

/// Prefix of a line of [`ip_batch`] that concerns IPv6 although its words do not say so.
pub(crate) const IPV6: &str = "-6 ";

fn batch(options: &[&str], lines: &[&str]) -> Result<(), LabError> {
    if lines.is_empty() {
        return Ok(());
    }
    let text = lines.join("\n") + "\n";
    match run(Command::new("ip").args(options).args(["-batch", "-"]), Some(&text)) {
        Err(LabError::Command { stderr, status, .. }) => {
            // `ip` says only "Command failed -:N", so the error names that line.
            let line = stderr
                .lines()
                .find_map(|l| l.strip_prefix("Command failed -:")?.trim().parse::<usize>().ok())
                .and_then(|n| lines.get(n.saturating_sub(1)));
            let words = options.iter().copied().chain([line.copied().unwrap_or("-batch -")]);
            let command = format!("ip {}", words.collect::<Vec<_>>().join(" "));
            Err(LabError::Command { command, status, stderr })
        }
        other => other.map(drop),
    }
}

/// Returns an Open vSwitch tool that talks to the instance in `rundir`.
pub(crate) fn ovs_tool(program: &str, rundir: &Path) -> Command {
    let mut command = Command::new(program);
    command.env("OVS_RUNDIR", rundir);
    // The user's own settings must not lead the tool to another instance.
    command.env_remove("OVS_DBDIR").env_remove("OVS_SYSCONFDIR");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named_with_its_package() {
        let error = run(&mut Command::new("no-such-program-here"), None).unwrap_err();
        assert!(matches!(error, LabError::MissingProgram { .. }), "{error}");
        let error = require(&["ip", "ovs-vswitchd", "ovs-none"]).unwrap_err();
        assert_eq!(error.to_string(), "ovs-none is not installed (Debian package openvswitch-common)");
        require(PROGRAMS).unwrap();
    }

    #[test]
    fn a_failed_batch_names_its_line() {
        let lines = ["link show lo".to_owned(), "link show no-such-device".to_owned()];
        let error = ip_batch(&lines).unwrap_err().to_string();
        assert!(error.contains("ip link show no-such-device"), "{error}");
        let error = ip_batch(&["-6 link show no-such-device".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("ip -6 link show no-such-device"), "{error}");
    }
}
