//! Dates of the file, in seconds since 1970-01-01 UTC.

use toml::value::{Datetime, Offset};

/// A date ends with its day, UTC; a date and time needs an offset, or it would mean another moment on another host.
///
/// # Errors
///
/// What is wrong with it.
pub(in crate::network) fn seconds(text: &str) -> Result<u64, &'static str> {
    let Datetime { date: Some(date), time, offset } = text.parse().map_err(|_| "is not a date")? else {
        return Err("has no date");
    };
    let days = days(i64::from(date.year), i64::from(date.month), i64::from(date.day));
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
    u64::try_from(days * 86_400 + of_day - minutes * 60).map_err(|_| "is before 1970")
}

/// Days since 1970-01-01 in the Gregorian calendar. Years begin in March here, so that the day that comes and goes is
/// the last one.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let before = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + before + (month * 153 + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers are those of `date -u -d TEXT +%s`.
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
