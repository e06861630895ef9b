//! The commands as their users type them, against a real Open vSwitch.

mod attach;
mod check;
mod compile;
mod dump_flows;
mod matrix;
mod output;
mod pcap;
mod reach;
mod verbatim;

use std::path::Path;
use std::process::{Command, Output};

use portcullis_tests::running::{binary, network_file};

const BRIDGES: [&str; 4] = ["vmbr0", "vmbr1", "mesh-privacy", "mesh-mgmt"];
const INTERNET: &str = "198.51.100.10";

/// How a command ended.
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// `portcullis` with these arguments, and an Open vSwitch in that directory, or none.
fn portcullis_in(rundir: &Path, arguments: &[&str]) -> Ended {
    Command::new(binary()).args(arguments).env("OVS_RUNDIR", rundir).output().expect("portcullis").into()
}

/// `portcullis` with these arguments and no Open vSwitch to talk to.
fn portcullis(arguments: &[&str]) -> Ended {
    portcullis_in(Path::new("/nonexistent"), arguments)
}

/// The path of a shipped network file, as a word.
fn shipped(name: &str) -> String {
    network_file(name).to_str().expect("UTF-8").to_owned()
}

/// The shipped dual-socket.toml with something more.
fn dual_socket_and(more: &str) -> tempfile::NamedTempFile {
    let text = std::fs::read_to_string(network_file("dual-socket.toml")).unwrap();
    written(&format!("{text}\n{more}"))
}

/// How many lines have these words.
fn lines_with(text: &str, words: &str) -> usize {
    text.lines().filter(|line| line.contains(words)).count()
}

fn written(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn word(file: &tempfile::NamedTempFile) -> &str {
    file.path().to_str().expect("UTF-8")
}
