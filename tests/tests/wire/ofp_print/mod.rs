//! Whole messages: what we print of them, and what the installed `ovs-ofctl` prints.
//!
//! The number of random messages and where they begin come from the environment (see the README of `tests`).

mod fields;
mod fit;
mod messages;
mod oracle;
pub(crate) mod packets;
mod switch;

use ofctl::ofp_print::print_message;
use ofctl::syntax::NoNames;
use portcullis_tests::{hex, ofp_print, says_no_less};
use proptest::strategy::{BoxedStrategy, Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// A number from the environment.
pub(crate) fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |n| n.parse().unwrap_or_else(|_| panic!("{name}={n} is no number")))
}

/// That many values, the same ones for the same seed.
pub(crate) fn values<T: std::fmt::Debug>(strategy: &BoxedStrategy<T>, count: u64, salt: u8) -> Vec<T> {
    let mut seed = [salt; 32];
    seed[..8].copy_from_slice(&setting("PORTCULLIS_SEED", 1).to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// The error that a text names, if it does.
fn refusal(text: &str) -> Option<(&str, &str)> {
    let (before, rest) = text.split_once("***decode error: ")?;
    Some((before, rest.split_once("***").map_or(rest, |(_, behind)| behind)))
}

/// How two texts of one message compare.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Same,
    /// Both refuse the message, for reasons of different names.
    OtherReason,
    Different,
}

fn verdict(ours: &str, theirs: &str) -> Verdict {
    match (refusal(ours), refusal(theirs)) {
        _ if says_no_less(ours, theirs) => Verdict::Same,
        (Some(ours), Some(theirs)) if ours == theirs => Verdict::OtherReason,
        _ => Verdict::Different,
    }
}

/// Compares in batches, and returns how many both refuse for reasons of different names, of which `strict` allows none.
fn compare(messages: &[Vec<u8>], more: u8, strict: bool) -> usize {
    let mut other_reasons = 0;
    for batch in messages.chunks(5_000) {
        for (message, theirs) in batch.iter().zip(oracle::parse(batch, more)) {
            let ours = print_message(message, more + 2, &NoNames);
            match verdict(&ours, &theirs) {
                Verdict::Same => {}
                Verdict::OtherReason if !strict => other_reasons += 1,
                _ => {
                    panic!("{}\novs-ofctl:\n{theirs}\nours:\n{ours}", hex(message));
                }
            }
        }
    }
    other_reasons
}

#[test]
fn messages_that_make_sense_print_the_same() {
    let count = setting("PORTCULLIS_MESSAGES", 3_000);
    let messages = values(&messages::sensible(), count, 1);
    let (first, rest) = messages.split_at(messages.len() / 2);
    let (second, third) = rest.split_at(rest.len() / 2);
    for (messages, more) in [(first, 0), (second, 1), (third, 3)] {
        compare(messages, more, true);
    }
}

#[test]
fn flow_mods_whose_actions_do_not_fit_are_refused_alike() {
    let messages = values(&messages::mismatched(), setting("PORTCULLIS_MESSAGES", 3_000), 5);
    compare(&messages, 0, true);
    let texts = messages.iter().map(|message| print_message(message, 2, &NoNames));
    let (refused, taken): (Vec<_>, Vec<_>) = texts.partition(|text| text.contains("***decode error: "));
    for error in ["OFPBAC_MATCH_INCONSISTENT", "OFPBIC_BAD_TABLE_ID", "OFPFMFC_BAD_TABLE_ID"] {
        assert!(refused.iter().any(|text| text.contains(error)), "{error} is not among {}", refused.len());
    }
    assert!(taken.len() > messages.len() / 10, "{}", taken.len());
}

#[test]
fn messages_of_any_bits_print_the_same_but_for_the_reason() {
    let count = setting("PORTCULLIS_MESSAGES", 3_000);
    let messages = values(&messages::arbitrary(), count, 2);
    let other_reasons = compare(&messages, 0, false);
    // Of two mistakes in one match or action list, the other one may be named.
    let allowed = messages.len() / 20;
    println!("{} messages, {other_reasons} refused for a reason of another name", messages.len());
    assert!(other_reasons <= allowed, "{other_reasons} of {}", messages.len());
}

#[test]
fn every_verbosity_prints_the_same() {
    for message in values(&messages::sensible(), 60, 3) {
        for verbosity in [0, 1, 2, 3, 4, 5, 9] {
            let theirs = ofp_print(&message, verbosity);
            let ours = print_message(&message, verbosity, &NoNames);
            assert!(says_no_less(&ours, &theirs), "{}\nours\n{ours}\ntheirs\n{theirs}", hex(&message));
        }
    }
}

#[test]
fn what_is_cut_short_or_too_long_prints_the_same() {
    for (n, message) in values(&messages::sensible(), 60, 4).into_iter().enumerate() {
        let cut = &message[..n * message.len() / 60];
        let longer = [&message[..], &[0; 3]].concat();
        for bytes in [cut, &longer] {
            assert_eq!(print_message(bytes, 2, &NoNames), ofp_print(bytes, 2), "{}", hex(bytes));
        }
    }
}

#[test]
fn other_versions_are_said_to_be_what_they_are() {
    // What has the same bytes in every version prints the same.
    for version in [1, 2, 3, 4, 5, 6, 7, 0x99] {
        for (kind, body) in [(0, &b""[..]), (1, b"\0\x01\0\x06"), (2, b"ping"), (3, b"")] {
            let length = u8::try_from(8 + body.len()).unwrap();
            let message = [&[version, kind, 0, length, 0, 0, 0, 9], body].concat();
            let theirs = ofp_print(&message, 2);
            // Errors have other numbers in OpenFlow 1.0 and 1.1.
            if kind != 1 || version >= 3 {
                assert_eq!(print_message(&message, 2, &NoNames), theirs, "{}", hex(&message));
            }
        }
    }
    let flow_mod = [&[1, 14, 0, 72, 0, 0, 0, 9], &[0; 64][..]].concat();
    let text = print_message(&flow_mod, 2, &NoNames);
    assert!(text.contains("this is OpenFlow 1.0: only OpenFlow 1.3 is decoded"), "{text}");
    assert!(text.contains("00000000  01 0e 00 48"), "{text}");
}
