//! What a command prints goes to a reader that may have seen enough, such as head(1).

use std::fs::File;
use std::process::{Command, Stdio};

use portcullis_tests::PrivateOvs;
use portcullis_tests::running::binary;

use super::{BRIDGES, shipped};

/// A pipe that nobody reads.
fn closed() -> File {
    let (reader, writer) = nix::unistd::pipe().unwrap();
    drop(reader);
    File::from(writer)
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let ovs = PrivateOvs::new();
    for bridge in BRIDGES {
        ovs.add_bridge(bridge);
    }
    let (good, bad) = (shipped("dual-socket.toml"), shipped("dual-socket-health-check.toml"));
    for (words, code) in [
        (&["compile", &good][..], 0),
        (&["check", &good], 0),
        (&["check", &bad], 1),
        (&["dump-flows", "vmbr0"], 0),
        (&["attach", &good], 0),
        (&["detach", &good], 0),
        (&["attach", "--dry-run", &good], 0),
        (&["status", "--api", "unix:/no/such.sock"], 1),
        (&["compile", &good, "vmbr7"], 1),
        (&["lab", "down", "--id", "none"], 0),
    ] {
        // Both, as with `2>&1 | head`; the log of a panic would be lost, but not its exit code.
        let mut command = Command::new(binary());
        command.args(words).env("OVS_RUNDIR", ovs.rundir()).env("PORTCULLIS_LAB_DIR", "/nonexistent");
        let ended = command.stdin(Stdio::null()).stdout(closed()).stderr(closed()).status().unwrap();
        assert_eq!(ended.code(), Some(code), "{words:?}");
        if words[0] == "attach" && words.len() == 2 {
            for bridge in BRIDGES {
                let target = ovs.vsctl(&["get-controller", bridge]);
                assert!(target.starts_with("unix:"), "{bridge} was left out: {target}");
            }
        }
    }
}
