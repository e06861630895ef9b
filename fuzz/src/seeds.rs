//! Writes what the property tests' strategies make into the corpora, so that a run of seconds starts deep inside.
//!
//! `seeds CORPUS`: a directory that gets one directory a target.

use std::io::Result;
use std::path::Path;

use ofproto::action::Action;
use ofproto::instruction::Instruction;
use ofproto::testing::{actions, messages};
use ofproto::{EncodeError, Wire, Writer};
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
    })
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
