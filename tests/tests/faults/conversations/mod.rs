//! After a change is acknowledged, no packet passes that the new file does not allow, but for learned state that the new file
//! would have let arise between the same two parties at the same two ports. Random files, random changes, conversations before
//! each, and all that anybody could say after it.
//!
//! `PORTCULLIS_RANDOM` says how many changes are tried in each mode, `PORTCULLIS_SEED` which (see the README of these tests).

mod ears;
mod world;

use std::process::Command;

use fastrand::Rng;
use lab::LabOptions;
use portcullis_tests::Running;
use portcullis_tests::running::binary;

use self::ears::{Ears, Word};
use self::world::{Conversation, Dice, Mode, RandomNetwork, WINDOW};

/// The modes that are tried.
const MODES: &[Mode] = &[Mode::Learn, Mode::Conntrack];
/// How many changes CI tries in each.
const CHANGES: u64 = 6;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|e| panic!("{name}: {e}")))
}

fn window(net: &Running, words: &[&str]) {
    let api = net.lab.control().to_string();
    let output = Command::new(binary()).arg("window").args(words).args(["--api", &api]).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Takes a file into force and waits until that is acknowledged.
fn reload(net: &Running, world: &RandomNetwork) {
    net.reload(&world.text());
    let mark = format!("tp_dst={}", world.mark);
    net.wait_for("the switch to have the file", || {
        net.flows("br0").iter().any(|flow| flow.contains(&mark)).then_some(())
    });
    net.settle();
}

/// The ports that a packet was heard at where the file does not want it.
fn astray(world: &RandomNetwork, conversation: &Conversation, to: usize, heard: &[usize]) -> bool {
    heard.iter().any(|port| *port != to) || !heard.is_empty() && !world.allows(conversation)
}

/// What came of some changes: conversations that were held before them, and that were held on afterwards.
#[derive(Debug, Default)]
struct Held {
    before: usize,
    revoked: usize,
    after: usize,
}

fn holds(mode: Mode, seed: u64, changes: u64) -> Held {
    let mut dice = Dice(Rng::with_seed(seed));
    let mut world = RandomNetwork::new(mode, &mut dice);
    while !world.fits() {
        world = RandomNetwork::new(mode, &mut dice);
    }
    let net = Running::start(&world.text(), LabOptions::default());
    window(&net, &["open", WINDOW, "--for", "1h", "--reason", "a test"]);
    let mut ears = Ears::new(&net);
    let mut held = Held::default();
    for change in 0..changes {
        let v6 = dice.below(2) == 0;
        let before = world.clone();
        let said = before.conversations(v6);
        let openings = ears.say(&said, Word::Opening);
        let answers = ears.say(&said, Word::Answer);
        for ((conversation, opening), answer) in said.iter().zip(&openings).zip(&answers) {
            let why = || format!("seed {seed}, before change {change}: {conversation:?}\n{}", before.text());
            let (opening, answer): (Vec<_>, Vec<_>) =
                (opening.iter().copied().collect(), answer.iter().copied().collect());
            assert!(!astray(&before, conversation, conversation.to.0, &opening), "{opening:?} {}", why());
            assert!(!astray(&before, conversation, conversation.from.0, &answer), "{answer:?} {}", why());
            held.before += usize::from(!answer.is_empty());
        }

        if world.open && dice.below(6) == 0 {
            window(&net, &["close", WINDOW]);
            world.open = false;
        } else {
            // The language refuses some.
            world = std::iter::repeat_with(|| before.edited(&mut dice)).flatten().next().unwrap();
            reload(&net, &world);
        }

        // What was said before, by whom it was said then, and what anybody else could say now.
        let mut all = said.clone();
        all.extend(world.conversations(v6).into_iter().filter(|c| !said.contains(c)));
        let heard = ears.say(&all, Word::More);
        for (n, (conversation, heard)) in all.iter().zip(&heard).enumerate() {
            let heard: Vec<usize> = heard.iter().copied().collect();
            assert!(
                !astray(&world, conversation, conversation.from.0, &heard),
                "seed {seed}, after change {change}: {conversation:?} is answered at {heard:?}\nbefore:\n{}\nafter \
                 (window open: {}):\n{}",
                before.text(),
                world.open,
                world.text()
            );
            let was = answers.get(n).is_some_and(|answer| !answer.is_empty());
            held.revoked += usize::from(was && heard.is_empty());
            held.after += usize::from(was && !heard.is_empty());
        }
        if !world.open && dice.below(2) == 0 {
            window(&net, &["open", WINDOW, "--for", "1h", "--reason", "a test"]);
            world.open = true;
        }
    }
    held
}

#[test]
fn no_packet_passes_that_the_new_file_does_not_allow() {
    let (seed, changes) = (number("PORTCULLIS_SEED", 3), number("PORTCULLIS_RANDOM", CHANGES));
    for mode in MODES {
        let held = holds(*mode, seed, changes);
        println!("{mode:?}: {held:?}");
        // Something was there to be revoked, and something to be left alone.
        assert!(held.before > 0 && held.revoked > 0 && held.after > 0, "{mode:?}: {held:?}");
    }
}
