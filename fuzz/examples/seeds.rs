//! Writes what the property tests' strategies make into the corpora, so that a run of seconds starts deep inside.
//!
//! `seeds CORPUS`: a directory that gets one directory a target.

use std::io::Result;
use std::path::Path;

use flows::{Flow, FlowMatch};
// What instrumented crates call.
use libfuzzer_sys as _;
use ofctl::syntax::{NoNames, print_flow};
use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::testing::{actions, messages};
use ofproto::{EncodeError, TableId, Wire, Writer};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

/// Files for each target.
const COUNT: usize = 200;

fn main() -> Result<()> {
    let corpus = std::env::args_os().nth(1).unwrap_or_else(|| "corpus".into());
    let corpus = Path::new(&corpus);
    seed(&corpus.join("matches"), actions::matches(), |m, w| m.encode(w))?;
    seed(&corpus.join("actions"), actions::actions(), |l, w| Action::encode_list(l, w))?;
    seed(&corpus.join("instructions"), actions::instructions(), |l, w| Instruction::encode_list(l, w))?;
    seed(&corpus.join("message"), (messages::xid(), messages::message()), |(xid, m), w| {
        m.encode_into(*xid, w)
    })?;
    let stream = proptest::collection::vec((messages::xid(), messages::message()), 1..4);
    seed(&corpus.join("frame"), stream, |stream, w| {
        // First the size of the pieces.
        w.u8(7);
        stream.iter().try_for_each(|(xid, m)| m.encode_into(*xid, w))
    })?;
    seed(&corpus.join("flow_text"), (actions::matches(), actions::instructions()), |(fields, list), w| {
        let mut flow = Flow::new(TableId(0), 32_768, FlowMatch::from_wire(fields));
        flow.instructions.clone_from(list);
        w.bytes(print_flow(&flow, &NoNames).as_bytes());
        Ok(())
    })?;
    networks(&corpus.join("flow_text"), &corpus.join("network_file"))?;
    conversations(&corpus.join("session"))
}

/// The shipped files, and the flow lines in them.
fn networks(lines: &Path, files: &Path) -> Result<()> {
    std::fs::create_dir_all(files)?;
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../flows/networks");
    for entry in std::fs::read_dir(shipped)? {
        let path = entry?.path();
        let text = std::fs::read_to_string(&path)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        std::fs::write(files.join(&name), &text)?;
        for (n, line) in text.lines().filter(|l| l.contains("actions=")).enumerate() {
            std::fs::write(lines.join(format!("{name}-{n:02}")), line.trim_matches([' ', '"', ',']))?;
        }
    }
    Ok(())
}

/// Sequences for the session: a handshake and a first round, and then something else.
fn conversations(dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir)?;
    let settled = vec![0; 60];
    for (n, then) in [
        vec![],
        // A new file, the old one, time, and time without an answer.
        vec![7, 1],
        vec![7, 1, 0, 0, 7, 0],
        vec![6, 200, 0, 0, 0],
        vec![6, 200, 6, 200],
        // A port that goes, a foreign flow, an error, another version, garbage.
        vec![4, 12, 0, 72, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        vec![4, 19, 255, 16, 255, 255, 0, 0, 0, 0, 0, 0, 0x4f, 0x4e, 0x46, 0, 0, 0, 7, 0x4e],
        vec![4, 1, 0, 4, 0, 4, 0, 0],
        vec![5, 8, 1, 1, 0, 8, 0, 0, 0, 0],
        vec![5, 4, 4, 2, 0, 0],
    ]
    .into_iter()
    .enumerate()
    {
        std::fs::write(dir.join(format!("seed-{n:03}")), [settled.as_slice(), &then, &[0; 40]].concat())?;
    }
    Ok(())
}

/// The same files in every run.
fn seed<S: Strategy>(
    dir: &Path,
    strategy: S,
    encode: impl Fn(&S::Value, &mut Writer) -> std::result::Result<(), EncodeError>,
) -> Result<()> {
    std::fs::create_dir_all(dir)?;
    let mut runner = TestRunner::deterministic();
    for n in 0..COUNT {
        let value =
            strategy.new_tree(&mut runner).map_err(|e| std::io::Error::other(e.to_string()))?.current();
        let mut w = Writer::new();
        encode(&value, &mut w).map_err(std::io::Error::other)?;
        std::fs::write(dir.join(format!("seed-{n:03}")), w.as_slice())?;
    }
    Ok(())
}
