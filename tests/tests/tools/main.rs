//! The commands as their users type them, and the reference interpreter, on private switches.
//!
//! The tools that look at a switch print what the installed `ovs-ofctl` prints of the same switch: the same text for every
//! verb, filter and order.

mod ambiguous;
mod bench;
mod cli;
mod diff;
mod dumps;
mod errors;
mod held;
mod interp;
mod lab;
mod many;
mod snoop;

use std::process::{Command, Output, Stdio};

use portcullis_tests::{PrivateOvs, binary};

/// A switch with a bridge that has ports with awkward names, groups, meters and flows of every kind.
struct Bench {
    ovs: PrivateOvs,
}

impl Bench {
    fn new() -> Self {
        let ovs = PrivateOvs::new();
        ovs.add_bridge("br0");
        for (name, number) in [("warp0", 1), ("eth.1", 2), ("1st", 3), ("tap_x", 4)] {
            let number = format!("ofport_request={number}");
            let set = ["--", "set", "interface", name, "type=internal", &number];
            ovs.vsctl(&[&["add-port", "br0", name][..], &set].concat());
        }
        ovs.ofctl(&["add-group", "br0", "group_id=5,type=all,bucket=actions=output:1"]);
        let select =
            "group_id=6,type=select,bucket=weight:3,actions=output:3,bucket=weight:1,actions=output:4";
        ovs.ofctl(&["add-group", "br0", select]);
        let meter = "meter=3,kbps,burst,band=type=drop,rate=5,burst_size=7";
        ovs.ofctl(&["add-meter", "br0", meter]);
        Self { ovs }
    }

    /// Adds the flows of a file of that name.
    fn add(&self, bridge: &str, file: &str, flows: &str) {
        let path = self.ovs.rundir().join(file);
        std::fs::write(&path, flows).unwrap();
        self.ovs.ofctl(&["--bundle", "add-flows", bridge, path.to_str().unwrap()]);
    }

    /// `portcullis` with the bridges of this switch.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).env("OVS_RUNDIR", self.ovs.rundir()).current_dir(self.ovs.rundir());
        command.stdin(Stdio::null());
        command
    }

    fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What it prints; it must not fail.
    fn ours(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Compares with `ovs-ofctl`, which is given `theirs`.
    fn same(&self, theirs: &[&str], ours: &[&str]) {
        let expected = steady(&self.ovs.ofctl(theirs));
        let seen = steady(&self.ours(ours));
        assert_eq!(seen, expected, "{ours:?} against ovs-ofctl {theirs:?}");
    }
}

/// A text without what changes from one moment to the next.
fn steady(text: &str) -> String {
    let mut out = String::new();
    let mut left = text;
    while let Some(at) = left.find("duration") {
        let (before, after) = left.split_at(at + "duration=".len());
        out.push_str(before);
        left = after.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    }
    out + left
}
