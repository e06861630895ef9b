//! `portcullis bench` as a person starts it: against `ovs-testcontroller`, Open vSwitch's own learning switch, and the null
//! responder.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use portcullis_tests::binary;
use portcullis_tests::running::PATIENCE;
use serde_json::Value;

const OVS: &str = "ovs-testcontroller=ovs-testcontroller -O OpenFlow13 --unixctl=none ptcp:{port}:127.0.0.1";
const SHORT: [&str; 6] = ["--for", "200ms", "--warm-up", "50ms", "--timeout", "20s"];

fn bench(arguments: &[&str]) -> Output {
    Command::new(binary()).arg("bench").args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    // A line of an error may be broken where it is too long.
    text.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
}

/// Ends a process of ours, if the test does not.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A null responder, and where it listens.
fn null() -> (Guard, String) {
    let mut command = Command::new(binary());
    command.args(["bench", "null", "tcp:127.0.0.1:0"]).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    (Guard(child), line.split_whitespace().last().unwrap().to_owned())
}

#[test]
fn ovs_testcontroller_answers_right_and_is_put_in_relation() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    for buffered in [false, true] {
        let (json, svg) = (file("out.json"), file("out.svg"));
        let mut arguments = vec!["--compare", OVS, "--switches", "4", "--macs", "40", "--rounds", "2"];
        arguments.extend(SHORT);
        arguments.extend(["--json", &json, "--plot", &svg]);
        if buffered {
            arguments.push("--buffered");
        }
        let output = bench(&arguments);
        assert!(output.status.success(), "{output:?}");
        assert!(output.stderr.is_empty(), "no progress line without a terminal: {output:?}");
        let table = String::from_utf8(output.stdout).unwrap();
        assert!(table.contains("### 4 switches × 40 MACs, 128 outstanding each"), "{table}");
        let found: Value = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
        let rows = found["tables"][0]["rows"].as_array().unwrap();
        for (row, name) in rows.iter().zip(["null", "ovs-testcontroller"]) {
            assert_eq!((&row["controller"], &row["right"]), (&name.into(), &true.into()), "{row}");
            assert!(row["cpu_ns_per_answer"].as_f64().unwrap() > 0.0, "{row}");
            assert!(table.lines().any(|line| line.starts_with(&format!("| {name} "))), "{table}");
        }
        assert_eq!(rows[0]["cpu_ratio"], 1.0);
        let runs = found["runs"].as_array().unwrap();
        assert_eq!(runs.len(), 4);
        for run in runs {
            let report = &run["report"];
            assert_eq!(report["packet_ins_sent"], report["packet_ins_answered"], "{run}");
            assert_eq!(report["announcements_answered"], 160, "{run}");
            // It takes a buffered packet by its flow, and says it only once.
            let by_flow = buffered && run["controller"] == "ovs-testcontroller";
            assert_eq!(report["packet_outs"] == 0, by_flow, "{run}");
        }
        let drawn = fs::read_to_string(&svg).unwrap();
        assert!(drawn.starts_with("<svg ") && drawn.trim_end().ends_with("</svg>"), "{drawn}");
        for word in ["ovs-testcontroller", "null", "4 switches × 40", "prefers-color-scheme:dark"] {
            assert!(drawn.contains(word), "{word}: {drawn}");
        }
        assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
    }
}

#[test]
fn more_switches_than_it_takes_are_told_of() {
    // It serves 16; the others wait for ever.
    let arguments = ["--compare", OVS, "--connect", "20", "--rounds", "1", "--timeout", "3s"];
    let output = bench(&arguments);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let table = text(&output.stdout);
    assert!(table.contains("### 20 switches connecting at once"), "{table}");
    assert!(table.contains("16 of 20 switches served"), "{table}");
}

#[test]
fn the_null_responder_serves_all() {
    let (_null, address) = null();
    let pid = _null.0.id().to_string();
    for more in [&["--switches", "3"][..], &["--latency"], &["--frame", "udp"], &["--connect", "200"]] {
        let mut arguments = vec![address.as_str(), "--pid", &pid];
        arguments.extend(SHORT);
        arguments.extend(more);
        let output = bench(&arguments);
        assert!(output.status.success(), "{output:?}");
        let said = text(&output.stdout);
        assert!(said.contains("faults none"), "{said}");
        assert_eq!(said.contains("controller CPU"), more[0] != "--connect", "{said}");
        assert_eq!(said.contains("p99.9"), more[0] == "--latency", "{said}");
    }
}

#[test]
fn errors_of_use_say_what_to_do() {
    let cases: &[(&[&str], i32, &[&str])] = &[
        (&["tcp:127.0.0.1:1"], 1, &["cannot connect to tcp:127.0.0.1:1", "start the controller first"]),
        (&["unix:/nowhere"], 1, &["only TCP can be measured", "tcp:127.0.0.1:6653"]),
        (&["somewhere"], 64, &["\"somewhere\" is no address"]),
        (&["--switches", "0"], 1, &["at least 1"]),
        (&["--macs", "1"], 1, &["2 MACs or more"]),
        (&["--for", "5"], 64, &["time unit needed"]),
        (&["--suite"], 64, &["--compare"]),
        (&["--compare", "a=b"], 64, &["the command needs {port}"]),
        (&["--compare", "a=/nowhere/b {port}"], 1, &["a: cannot start /nowhere/b"]),
        (
            &["--compare", "a=false {port}", "--rounds", "1", "--for", "10ms"],
            1,
            &["a: it ended, exit status: 1"],
        ),
        (&["null", "tcp:192.0.2.1:6653"], 1, &["tcp:192.0.2.1:6653"]),
    ];
    for (arguments, code, wanted) in cases {
        let output = bench(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(*code), "{arguments:?}: {said}");
        for word in *wanted {
            assert!(said.contains(word), "{arguments:?}: {word:?} is not in {said}");
        }
    }
}

/// The processes that a process started and that have not ended.
fn children(pid: u32) -> Vec<i32> {
    let tasks =
        fs::read_dir(format!("/proc/{pid}/task")).map_or_else(|_| Vec::new(), |all| all.flatten().collect());
    let of = |path| fs::read_to_string(path).unwrap_or_default();
    let text: String = tasks.iter().map(|task| of(task.path().join("children"))).collect();
    text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

#[test]
fn whatever_was_started_is_ended_by_ctrl_c() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let mut command = Command::new(binary());
        command.args(["bench", "--compare", OVS, "--for", "60s", "--switches", "2"]).stdout(Stdio::null());
        let mut bench = Guard(command.spawn().unwrap());
        let deadline = Instant::now() + PATIENCE;
        let started = loop {
            assert!(Instant::now() < deadline, "nothing was started");
            match children(bench.0.id()).first() {
                // It has become the controller: its own name is on it.
                Some(pid)
                    if fs::read_to_string(format!("/proc/{pid}/cmdline"))
                        .is_ok_and(|c| c.contains("null")) =>
                {
                    break *pid;
                }
                _ => sleep(Duration::from_millis(10)),
            }
        };
        kill(Pid::from_raw(i32::try_from(bench.0.id()).unwrap()), signal).unwrap();
        assert_eq!(bench.0.wait().unwrap().code(), Some(130));
        assert!(kill(Pid::from_raw(started), None).is_err(), "the controller is still there");
    }
}
