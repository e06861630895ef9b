//! Bounds how many log lines a bridge or a peer can cause. Of each kind of line the first ones are
//! written, and one more line counts the rest.
//!
//! A kind is the place in the source that a line comes from. Only lines with a `bridge`, a `peer`
//! or a `listener` field count, because a remote peer can cause those at will. Lines about an
//! operator's actions are always written.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber, warn};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::printable::printable_name;

/// Time in which lines are counted together.
const WINDOW: Duration = Duration::from_secs(10);
/// Largest number of lines of one kind about one bridge in a [`WINDOW`].
const LINES: u64 = 20;
/// Largest number of lines of one kind about all bridges in a [`WINDOW`].
const LINES_OF_KIND: u64 = 500;
/// Interval of the checks for windows that have ended.
const TELL: Duration = Duration::from_secs(1);

/// The filter of written lines. It is a layer of the subscriber, and its clones share their
/// counters.
#[derive(Debug, Clone, Default)]
pub struct LogLimit(Arc<Mutex<LineCounts>>);

#[derive(Debug, Default)]
struct LineCounts {
    kinds: HashMap<Identifier, Window>,
    bridges: HashMap<(Identifier, String), Window>,
}

/// The number of lines since a moment.
#[derive(Debug)]
struct Window {
    began: Instant,
    lines: u64,
    /// The first suppressed line.
    first: Option<String>,
}

/// Describes lines that were held back.
#[derive(Debug, PartialEq, Eq)]
struct SuppressedLines {
    /// The bridge of these lines; empty if they name none or several.
    bridge: String,
    lines: u64,
    /// The text of the first one.
    first: String,
}

impl Window {
    fn new(now: Instant) -> Self {
        Self { began: now, lines: 0, first: None }
    }

    /// Counts a line. Returns whether it is within the limit.
    fn count(&mut self, limit: u64, line: &str) -> bool {
        self.lines += 1;
        if self.lines > limit && self.first.is_none() {
            self.first = Some(line.to_owned());
        }
        self.lines <= limit
    }

    fn held(&self, limit: u64, bridge: &str) -> Option<SuppressedLines> {
        let first = self.first.clone()?;
        Some(SuppressedLines { bridge: bridge.to_owned(), lines: self.lines.saturating_sub(limit), first })
    }
}

impl LogLimit {
    /// Logs the number of lines held back whenever a window ends.
    pub async fn report_periodically(self) {
        loop {
            tokio::time::sleep(TELL).await;
            self.tell(Some(Instant::now()));
        }
    }

    /// Logs the lines held back in windows that have ended by `now`, or in all windows if `now` is
    /// none.
    pub fn tell(&self, now: Option<Instant>) {
        for SuppressedLines { bridge, lines, first } in self.ended(now) {
            let first = printable_name(first.as_bytes());
            if bridge.is_empty() {
                warn!(lines, "held back lines such as: {first}");
            } else {
                warn!(bridge, lines, "held back lines such as: {first}");
            }
        }
    }

    /// Forgets the windows that have ended. Returns the lines that were held back in them.
    fn ended(&self, now: Option<Instant>) -> Vec<SuppressedLines> {
        let over = |window: &Window| now.is_none_or(|now| now.duration_since(window.began) >= WINDOW);
        let mut held = Vec::new();
        let mut counted = self.counted();
        counted.kinds.retain(|_, window| {
            let over = over(window);
            held.extend(window.held(LINES_OF_KIND, "").filter(|_| over));
            !over
        });
        counted.bridges.retain(|(_, bridge), window| {
            let over = over(window);
            held.extend(window.held(LINES, bridge).filter(|_| over));
            !over
        });
        held
    }

    /// Counts a line. Returns whether it is written.
    fn admit(&self, kind: Identifier, bridge: &str, line: &str, now: Instant) -> bool {
        let mut counted = self.counted();
        let of_kind = counted.kinds.entry(kind.clone()).or_insert_with(|| Window::new(now));
        // A peer chooses its own name, so no further names are kept once the kind is over its
        // limit.
        if of_kind.lines >= LINES_OF_KIND {
            return of_kind.count(LINES_OF_KIND, line);
        }
        let key = (kind.clone(), bridge.to_owned());
        if !counted.bridges.entry(key).or_insert_with(|| Window::new(now)).count(LINES, line) {
            return false;
        }
        if let Some(of_kind) = counted.kinds.get_mut(&kind) {
            of_kind.lines += 1;
        }
        true
    }

    fn counted(&self) -> MutexGuard<'_, LineCounts> {
        // Counters stay usable after a panic elsewhere.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Subscriber> Layer<S> for LogLimit {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        // An operator who enables debug lines wants all of them, and reports of held-back lines are
        // always written.
        if *metadata.level() > Level::INFO || metadata.target() == module_path!() {
            return true;
        }
        let mut line = LineFields::default();
        event.record(&mut line);
        let LineFields { about, bridge, message } = line;
        !about || self.admit(metadata.callsite(), &bridge, &message, Instant::now())
    }
}

/// Holds the fields of a line that decide whether it is written.
#[derive(Debug, Default)]
struct LineFields {
    /// True if the line is about a bridge, a peer or a listener.
    about: bool,
    bridge: String,
    message: String,
}

impl LineFields {
    fn take(&mut self, field: &Field, value: impl fmt::Display) {
        match field.name() {
            "bridge" => {
                self.about = true;
                self.bridge = value.to_string();
            }
            "peer" | "listener" => self.about = true,
            "message" => self.message = value.to_string(),
            _ => {}
        }
    }
}

impl Visit for LineFields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, format_args!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tracing::{debug, info};
    use tracing_subscriber::fmt::MakeWriter;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// Collects the output of a subscriber with a limit.
    #[derive(Debug, Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Written {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    fn lines(limit: &LogLimit, log: impl FnOnce()) -> Vec<String> {
        let written = Written::default();
        let fmt = tracing_subscriber::fmt::layer().with_writer(written.clone()).with_ansi(false);
        let subscriber = tracing_subscriber::registry().with(limit.clone()).with(fmt);
        tracing::subscriber::with_default(subscriber, log);
        let bytes = written.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    }

    fn flap(bridge: &str) {
        info!(bridge, "the port is {}", "there");
    }

    #[test]
    fn what_happens_again_and_again_is_counted_by_kind_and_bridge() {
        let limit = LogLimit::default();
        let written = lines(&limit, || {
            for _ in 0..1_000 {
                flap("br0");
                info!(bridge = "br0", "another kind");
            }
            flap("br1");
        });
        let count = |text: &str| written.iter().filter(|line| line.contains(text)).count();
        assert_eq!((count("the port is there bridge=\"br0\""), count("another kind")), (20, 20));
        assert_eq!(count("the port is there bridge=\"br1\""), 1);
        let told = lines(&limit, || limit.tell(None));
        assert_eq!(told.len(), 2, "{told:?}");
        let flaps = told.iter().find(|line| line.contains("the port is there")).unwrap();
        assert!(flaps.contains("bridge=\"br0\"") && flaps.contains("lines=980"), "{flaps}");
        assert_eq!(lines(&limit, || limit.tell(None)), Vec::<String>::new());
    }

    #[test]
    fn lines_are_held_back_for_a_while_only() {
        let limit = LogLimit::default();
        let start = Instant::now();
        let kind = || Identifier(&CALLSITE);
        let admitted = |at| (0..50).filter(|_| limit.admit(kind(), "br0", "a flap", at)).count();
        assert_eq!(admitted(start), 20);
        let soon = start + WINDOW / 2;
        assert_eq!((admitted(soon), limit.ended(Some(soon))), (0, Vec::new()));
        let held = SuppressedLines { bridge: "br0".to_owned(), lines: 80, first: "a flap".to_owned() };
        let later = start + WINDOW;
        assert_eq!(limit.ended(Some(later)), [held]);
        assert_eq!(admitted(later), 20);
    }

    #[test]
    fn whoever_has_a_new_name_each_time_is_limited_too() {
        let limit = LogLimit::default();
        let now = Instant::now();
        let admit = |n: usize| limit.admit(Identifier(&CALLSITE), &format!("br{n}"), "hello", now);
        assert_eq!((0..100_000).filter(|n| admit(*n)).count(), 500);
        assert!(limit.counted().bridges.len() <= 500);
        let held = SuppressedLines { bridge: String::new(), lines: 99_500, first: "hello".to_owned() };
        assert_eq!(limit.ended(None), [held]);
    }

    #[test]
    fn operators_and_details_are_written_in_full() {
        let limit = LogLimit::default();
        let written = lines(&limit, || {
            for n in 0..100 {
                info!(container = n, who = "root", "container made");
                debug!(bridge = "br0", "read");
            }
        });
        assert_eq!(written.iter().filter(|line| line.contains("container made")).count(), 100);
        assert_eq!(written.iter().filter(|line| line.contains("read")).count(), 100);
    }

    struct Callsite;

    static CALLSITE: Callsite = Callsite;

    impl tracing::Callsite for Callsite {
        fn set_interest(&self, _: tracing::subscriber::Interest) {}

        fn metadata(&self) -> &tracing::Metadata<'_> {
            unreachable!("it only has an address")
        }
    }
}
