//! `portcullis attach` and `detach`: the settings that `attach.md` names, and what `run` and `status` say of them.

use lab::{HOST, Lab, LabOptions, Spawned};
use portcullis_tests::running::{PATIENCE, binary, network_file, read};
use portcullis_tests::traffic::{ping, ping_now};

use super::{BRIDGES, Ended, INTERNET, portcullis_in, shipped};

/// A lab whose bridges are as a person makes them with `ovs-vsctl add-br`, and a controller that nobody calls.
struct Unattached {
    lab: Lab,
    controller: Spawned,
    file: String,
}

impl Unattached {
    fn new() -> Self {
        let lab = Lab::up(&read(&network_file("dual-socket.toml")), LabOptions::default()).unwrap();
        for bridge in BRIDGES {
            lab.vsctl(&["remove", "bridge", bridge, "other-config", "disable-in-band"]).unwrap();
            lab.vsctl(&["clear", "bridge", bridge, "fail_mode"]).unwrap();
            lab.vsctl(&["clear", "bridge", bridge, "protocols"]).unwrap();
        }
        let (program, file) = (binary().display().to_string(), shipped("dual-socket.toml"));
        let api = format!("unix:{}", lab.rundir().join("api.sock").display());
        let state = lab.state_dir().display().to_string();
        let words = [&program, "run", &file, "--metrics", &api, "--state", &state];
        let controller = lab.spawn(HOST, &words).unwrap();
        Self { lab, controller, file }
    }

    fn run(&self, words: &[&str]) -> Ended {
        portcullis_in(self.lab.rundir(), words)
    }

    fn status(&self) -> Ended {
        let api = format!("unix:{}", self.lab.rundir().join("api.sock").display());
        self.run(&["status", "--api", &api])
    }

    /// Waits until the status ends so and fits.
    fn until(&self, code: i32, fits: impl Fn(&str) -> bool) -> String {
        let start = std::time::Instant::now();
        loop {
            let status = self.status();
            if status.code == Some(code) && fits(&status.out) {
                return status.out;
            }
            let said = self.controller.output();
            assert!(start.elapsed() < PATIENCE, "{}{}\nthe controller: {said}", status.out, status.err);
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    /// What the database says of bridges and controllers.
    fn settings(&self) -> String {
        let columns = "--columns=name,controller,fail_mode,protocols,other_config";
        let bridges = self.lab.vsctl(&[columns, "list", "bridge"]).unwrap();
        // Columns of a controller that nobody sets change by themselves: its state, for one.
        let columns = "--columns=target,connection_mode,max_backoff,inactivity_probe";
        // The running controller says the retry time again, as 1001.
        bridges + &self.lab.vsctl(&[columns, "list", "controller"]).unwrap().replace("1001", "1000")
    }

    /// The default socket, at which the controller listens and to which bridges connect.
    fn target(&self) -> String {
        format!("unix:{}/portcullis.sock", self.lab.rundir().display())
    }

    fn asked(&self, words: &[&str]) -> String {
        self.lab.vsctl(words).unwrap().trim().to_owned()
    }
}

#[test]
fn attach_sets_what_isolation_needs_and_detach_takes_the_controller_away() {
    let net = Unattached::new();
    let before = net.settings();
    let text =
        net.until(1, |t| BRIDGES.iter().all(|b| t.contains(&format!("\n{b}: NOT CONNECTED, NOT ISOLATED"))));
    assert_eq!(text.matches("NOT ISOLATED (in-band)").count(), 4, "{text}");
    assert_eq!(text.matches("NOT ISOLATED (not-secure)").count(), 4, "{text}");

    // A dry run prints, and that is all.
    let dry = net.run(&["attach", "--dry-run", &net.file]);
    assert_eq!((dry.code, &*dry.err), (Some(0), ""));
    assert_eq!(dry.out.lines().count(), 4, "{}", dry.out);
    assert_eq!(net.settings(), before);
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../controller/docs/attach.md");
    let page = std::fs::read_to_string(page).unwrap();
    // The page shows the default, without `$OVS_RUNDIR`.
    let rundir = net.lab.rundir().display().to_string();
    let first = dry.out.lines().next().unwrap().replace(&rundir, "/var/run/openvswitch");
    assert!(page.contains(&first), "attach.md shows another command than {first}");

    let done = net.run(&["attach", &net.file]);
    assert_eq!((done.code, &*done.err, &*done.out), (Some(0), "", &*dry.out));
    let target = net.target();
    for bridge in BRIDGES {
        for (words, value) in [
            (&["get-controller", bridge][..], &*target),
            (&["get-fail-mode", bridge], "secure"),
            (&["get", "bridge", bridge, "other-config:disable-in-band"], "\"true\""),
            (&["get", "bridge", bridge, "protocols"], "[OpenFlow13]"),
            (&["get", "controller", bridge, "connection-mode"], "out-of-band"),
            (&["get", "controller", bridge, "inactivity_probe"], "5000"),
        ] {
            assert_eq!(net.asked(words), value, "{words:?}");
        }
        let retry = net.asked(&["get", "controller", bridge, "max_backoff"]);
        assert!(["1000", "1001"].contains(&&*retry), "{retry}");
        assert_eq!(net.lab.hidden_flows(bridge).unwrap(), Vec::<String>::new());
    }
    let text = net.until(0, |_| true);
    assert!(!text.contains("NOT"), "{text}");
    assert_eq!(text.matches(": connected, as the file says; ").count(), 4, "{text}");

    // Again: nothing is different afterwards.
    let attached = net.settings();
    assert_eq!(net.run(&["attach", &net.file]).code, Some(0));
    let same = |text: &str| {
        text.lines().filter(|l| !l.starts_with("controller ")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(same(&net.settings()), same(&attached));
    net.until(0, |_| true);

    let attached = net.settings();
    assert_eq!(net.run(&["detach", "--dry-run", &net.file]).code, Some(0));
    assert_eq!(net.settings(), attached);
    // The flows stay, learned ones too.
    assert!(ping(&net.lab, "xray", INTERNET));
    let flows = || {
        BRIDGES.map(|b| {
            let text = net.lab.ofctl(&["--no-stats", "dump-flows", b]).unwrap();
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        })
    };
    let before = flows();
    assert!(before[0].iter().any(|f| f.contains(" table=1,") && f.contains("priority=110")));
    let done = net.run(&["detach", &net.file]);
    assert_eq!((done.code, &*done.err), (Some(0), ""));
    assert!(done.out.contains("stay in force"), "{}", done.out);
    assert_eq!(flows(), before, "the flows did not stay");
    for bridge in BRIDGES {
        assert_eq!(net.asked(&["get-controller", bridge]), "");
        assert_eq!(net.asked(&["get-fail-mode", bridge]), "secure");
    }
    net.until(1, |t| t.matches("NOT CONNECTED").count() == 4);
    assert!(net.controller.running());
    assert!(ping(&net.lab, "gateway", INTERNET) && !ping_now(&net.lab, "internet", "10.0.0.102"));

    let done = net.run(&["detach", "--standalone", &net.file]);
    assert_eq!(done.code, Some(0));
    assert!(done.out.contains("nothing is isolated any more"), "{}", done.out);
    assert!(BRIDGES.iter().all(|b| net.asked(&["get-fail-mode", b]) == "standalone"));
}

#[test]
fn a_bridge_that_is_not_there_is_named_and_the_exit_code_says_so() {
    let net = Unattached::new();
    net.lab.vsctl(&["del-br", "vmbr1"]).unwrap();
    for command in ["attach", "detach"] {
        let ended = net.run(&[command, &net.file]);
        assert_eq!(ended.code, Some(1), "{command}: {}", ended.out);
        assert!(ended.out.contains("# vmbr1: there is no such bridge; `ovs-vsctl add-br vmbr1` makes it"));
        let controller = if command == "attach" { net.target() } else { String::new() };
        for bridge in ["vmbr0", "mesh-privacy", "mesh-mgmt"] {
            assert_eq!(net.asked(&["get-controller", bridge]), controller, "{command}: {bridge}");
        }
    }
    // No Open vSwitch at all, and a file that is none.
    let ended = super::portcullis(&["attach", &net.file]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.out.contains("# vmbr0: "), "{}", ended.out);
    let ended = net.run(&["attach", "/no/such.toml"]);
    assert_eq!((ended.code, &*ended.out), (Some(1), ""));
}
