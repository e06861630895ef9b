//! A ping that runs beside other work.

use std::time::{Duration, Instant};

use lab::{Lab, Spawned};
use nix::sys::signal::Signal;

use crate::running::PATIENCE;

/// A process that sends 50 echo requests per second until it is ended.
#[derive(Debug)]
pub struct Pinger(Spawned);

/// The result of a ping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinged {
    /// Number of requests sent.
    pub sent: u32,
    /// The sequence numbers without an answer. The last request does not count, because it may have
    /// been under way at the end.
    pub lost: Vec<u32>,
}

impl Pinger {
    /// Starts a ping at the place of `from`, and waits for the first answers.
    ///
    /// # Panics
    /// Panics if no answer arrives.
    pub fn start(lab: &Lab, from: &str, to: &str) -> Self {
        let pinger = Self(lab.spawn(from, &["ping", "-n", "-i", "0.02", to]).expect("ping"));
        pinger.until(5);
        pinger
    }

    /// Returns the number of answers so far.
    pub fn answers(&self) -> usize {
        sequence(&self.0.output()).len()
    }

    /// Waits for this many further answers.
    ///
    /// # Panics
    /// Panics if they do not arrive.
    pub fn more(&self, answers: usize) {
        self.until(self.answers() + answers);
    }

    fn until(&self, answers: usize) {
        let start = Instant::now();
        while self.answers() < answers {
            assert!(start.elapsed() < PATIENCE, "ping: {}", self.0.output());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends the ping, and returns its result.
    ///
    /// # Panics
    /// Panics if ping does not print its result.
    pub fn end(self) -> Pinged {
        self.0.signal(Signal::SIGINT);
        let start = Instant::now();
        while self.0.running() {
            assert!(start.elapsed() < PATIENCE, "ping does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
        pinged(&self.0.output())
    }
}

fn sequence(output: &str) -> Vec<u32> {
    let numbers = output.lines().filter(|l| l.contains("bytes from")).filter_map(|l| {
        let (_, rest) = l.split_once("icmp_seq=")?;
        rest.split(' ').next()?.parse().ok()
    });
    numbers.collect()
}

fn pinged(output: &str) -> Pinged {
    let summary = output.lines().find_map(|l| l.split_once(" packets transmitted, "));
    let (sent, _) = summary.unwrap_or_else(|| panic!("no summary: {output}"));
    let sent: u32 = sent.parse().expect("a number of packets");
    let answered = sequence(output);
    let mut lost: Vec<u32> = (1..=sent).filter(|n| !answered.contains(n)).collect();
    if lost.last() == Some(&sent) {
        lost.pop();
    }
    Pinged { sent, lost }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_answer_is_seen_but_for_the_last() {
        let answer = |n: u32| format!("64 bytes from 198.51.100.10: icmp_seq={n} ttl=63 time=0.1 ms\n");
        let end = "4 packets transmitted, 2 received, 50% packet loss, time 60ms\n";
        let output = format!("PING\n{}{}\n{end}", answer(1), answer(3));
        assert_eq!(pinged(&output), Pinged { sent: 4, lost: vec![2] });
    }
}
