//! Dates of the file, in seconds since 1970-01-01 UTC.

use jiff::civil;
use toml::value::{Datetime, Offset};

const EPOCH: civil::DateTime = civil::DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// Returns the end of a UTC day, or the second of a date and time.
///
/// A time needs an offset, or it would mean different times on different hosts.
///
/// # Errors
///
/// When the text is no such date; the error describes the defect.
pub(in crate::network) fn seconds(text: &str) -> Result<u64, &'static str> {
    let Datetime { date: Some(date), time, offset } = text.parse().map_err(|_| "is not a date")? else {
        return Err("has no date");
    };
    let day: civil::Date = date.to_string().parse().map_err(|_| "is not a date")?;
    let midnight = day.at(0, 0, 0, 0).duration_since(EPOCH).as_secs();
    let (of_day, minutes) = match (time, offset) {
        (None, None) => (86_400, 0),
        (Some(_), None) => return Err("says no time zone"),
        (time, Some(offset)) => {
            let of_day = time.map_or(0, |time| {
                let second = time.second.unwrap_or_default();
                i64::from(time.hour) * 3600 + i64::from(time.minute) * 60 + i64::from(second)
            });
            let minutes = match offset {
                Offset::Z => 0,
                Offset::Custom { minutes } => i64::from(minutes),
            };
            (of_day, minutes)
        }
    };
    u64::try_from(midnight + of_day - minutes * 60).map_err(|_| "is before 1970")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers are the output of `date -u -d TEXT +%s`.
    #[test]
    fn seconds_are_those_of_date() {
        for (text, expected) in [
            ("1970-01-01", 86_400),
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:30:45Z", 951_827_445),
            ("2027-06-30", 1_814_400_000),
            ("2027-06-30T23:59:59Z", 1_814_399_999),
            ("2027-06-30T23:59:59+02:00", 1_814_392_799),
            ("2100-03-01 00:00:00Z", 4_107_542_400),
            ("2016-12-31T23:59:60Z", 1_483_228_800),
            ("9999-12-31", 253_402_300_800),
        ] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        assert_eq!(seconds("2027-06-30T12:00:00"), Err("says no time zone"));
        assert_eq!(seconds("12:00:00"), Err("has no date"));
        assert_eq!(seconds("2027-13-30"), Err("is not a date"));
        assert_eq!(seconds("2027-02-30"), Err("is not a date"));
        assert_eq!(seconds("soon"), Err("is not a date"));
        assert_eq!(seconds("1969-12-30"), Err("is before 1970"));
    }
}
