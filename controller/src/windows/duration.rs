//! Parses and prints the durations and times of windows.

use std::time::Duration;

use jiff::{SignedDuration, civil};

/// Longest duration of a window, in seconds: 30 days. Longer permissions belong into a rule.
pub const MAX: u64 = 30 * 24 * 3_600;
const EPOCH: civil::DateTime = civil::DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
/// The last second that RFC 3339 can express.
const LAST: civil::DateTime = civil::DateTime::constant(9999, 12, 31, 23, 59, 59, 0);

/// A text that is no valid duration of a window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// The text cannot be parsed.
    #[error("{text:?} is no duration: {why}")]
    Unreadable {
        /// The text.
        text: String,
        /// The error in it.
        why: String,
    },
    /// The duration is no whole number of seconds.
    #[error("{0:?} is no whole number of seconds")]
    Fraction(String),
    /// The duration is zero.
    #[error("a window that is open for no time is closed")]
    Zero,
    /// The duration exceeds the limit of a window.
    #[error("{} is too long: a window is open for at most {}", words(*.0), words(MAX))]
    TooLong(u64),
}

impl DurationError {
    /// Returns the remedy.
    pub fn help(&self) -> &'static str {
        match self {
            Self::TooLong(_) => "what has to be open for longer is an allow without temp",
            _ => "say how long as 45s, 30m, 2h or 1d, or together as in 1h30m",
        }
    }
}

/// Parses a duration: `45s`, `30m`, `2h`, `1d`, `1h30m`. Returns whole seconds.
///
/// # Errors
/// [`DurationError`] if the text is no duration, or the duration has a part of a second, is zero or
/// is longer than 30 days.
pub fn parse_duration(text: &str) -> Result<u64, DurationError> {
    let unreadable = |why: String| DurationError::Unreadable { text: text.to_owned(), why };
    if text.trim().parse::<u64>().is_ok() {
        return Err(unreadable("it has no unit".to_owned()));
    }
    let duration = humantime::parse_duration(text.trim()).map_err(|error| unreadable(error.to_string()))?;
    if duration.subsec_nanos() != 0 {
        return Err(DurationError::Fraction(text.to_owned()));
    }
    match duration.as_secs() {
        0 => Err(DurationError::Zero),
        seconds if seconds > MAX => Err(DurationError::TooLong(seconds)),
        seconds => Ok(seconds),
    }
}

/// Returns seconds since 1970-01-01 UTC as a person reads them: `2026-11-21T18:30:00Z` (RFC 3339).
pub fn utc(seconds: u64) -> String {
    let since = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
    format!("{}Z", EPOCH.saturating_add(since).min(LAST))
}

/// Returns a number of seconds as a person says it: `1h 30m`.
pub fn words(seconds: u64) -> String {
    humantime::format_duration(Duration::from_secs(seconds)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_people_write_them() {
        for (text, seconds) in [
            ("45s", 45),
            ("30m", 1_800),
            ("2h", 7_200),
            ("1d", 86_400),
            ("1h30m", 5_400),
            (" 1h 5s ", 3_605),
            ("30d", MAX),
        ] {
            assert_eq!(parse_duration(text), Ok(seconds), "{text}");
        }
        for text in ["", "30", "m", "half an hour", "-5m", "5 apples", "99999999999999999999d", "1h30"] {
            let error = parse_duration(text).unwrap_err();
            assert!(matches!(error, DurationError::Unreadable { .. }), "{text}: {error:?}");
            assert!(
                error.to_string().contains(&format!("{text:?}")) && error.help().contains("30m"),
                "{error}"
            );
        }
        assert_eq!(parse_duration("0s"), Err(DurationError::Zero));
        assert!(matches!(parse_duration("1500ms"), Err(DurationError::Fraction(_))));
        let long = parse_duration("31d").unwrap_err();
        assert_eq!(long, DurationError::TooLong(31 * 86_400));
        // humantime's month is 30.44 days.
        assert_eq!(long.to_string(), "1month 13h 26m 24s is too long: a window is open for at most 30days");
    }

    #[test]
    fn times_as_people_read_them() {
        assert_eq!(utc(1_795_285_800), "2026-11-21T18:30:00Z");
        assert_eq!(utc(u64::MAX), "9999-12-31T23:59:59Z");
        assert_eq!(words(5_405), "1h 30m 5s");
    }
}
