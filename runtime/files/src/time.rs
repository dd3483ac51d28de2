//! Points in time as text: RFC 3339 in UTC with milliseconds, `2026-03-01T09:30:00.250Z`, for files and logs that other
//! programs read.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Days before 1970-01-01, counted from 0000-03-01 of the proleptic Gregorian calendar.
const EPOCH_DAYS: u64 = 719_468;
/// Days of 400 years.
const ERA_DAYS: u64 = 146_097;
const DAY: u64 = 86_400;

/// A point in time, of whole milliseconds since 1970.
///
/// ```
/// use kiln_files::time::Timestamp;
///
/// let time: Timestamp = serde_json::from_str("\"2026-03-01T09:30:00.250Z\"")?;
/// assert_eq!(time.to_string(), "2026-03-01T09:30:00.250Z");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    milliseconds: u64,
}

impl Timestamp {
    /// Now, by the clock of this machine.
    #[must_use]
    pub fn now() -> Self {
        Self::from(SystemTime::now())
    }

    /// Time since then by the clock of this machine; zero if it is in the future.
    #[must_use]
    pub fn age(self) -> Duration {
        Duration::from_millis(Self::now().milliseconds.saturating_sub(self.milliseconds))
    }

    /// Reads the form that `Display` writes.
    fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (23, b'Z')];
        if bytes.len() != 24 || !text.is_ascii() || marks.iter().any(|(at, mark)| bytes[*at] != *mark) {
            return None;
        }
        let number = |from: usize, to: usize| {
            text[from..to].bytes().all(|byte| byte.is_ascii_digit()).then(|| text[from..to].parse::<u64>().ok())?
        };
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        let sound = year >= 1970
            && (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60;
        let seconds = days(year, month, day).checked_sub(EPOCH_DAYS)? * DAY + hour * 3_600 + minute * 60 + second;
        sound.then_some(Self { milliseconds: seconds * 1_000 + number(20, 23)? })
    }
}

impl From<SystemTime> for Timestamp {
    /// Earlier than 1970 is 1970.
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { milliseconds: u64::try_from(since.as_millis()).unwrap_or(u64::MAX) }
    }
}

/// Days from 0000-03-01 to a date. A year begins in March here, so that the day that leap years add is its last.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.saturating_sub(1), month + 9) };
    year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day.saturating_sub(1)
}

/// Year, month and day of a number of days since 0000-03-01: the inverse of [`days`].
fn date(days: u64) -> (u64, u64, u64) {
    let (era, day) = (days / ERA_DAYS, days % ERA_DAYS);
    let year = (day - day / 1_460 + day / 36_524 - day / (ERA_DAYS - 1)) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month, day)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, milliseconds) = (self.milliseconds / 1_000, self.milliseconds % 1_000);
        let (year, month, day) = date(seconds / DAY + EPOCH_DAYS);
        let (hour, minute, second) = (seconds % DAY / 3_600, seconds % 3_600 / 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("expected a time such as 2026-03-01T09:30:00.250Z"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp { milliseconds: seconds * 1_000 }
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        // From `date --utc --date=@SECONDS`.
        let known = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, "2000-02-28T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199, "2024-02-29T23:59:59.000Z"),
            (1_735_689_600, "2025-01-01T00:00:00.000Z"),
            (4_107_542_399, "2100-02-28T23:59:59.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        ];
        for (seconds, text) in known {
            assert_eq!(at(seconds).to_string(), text);
            assert_eq!(Timestamp::parse(text), Some(at(seconds)));
        }
    }

    #[test]
    fn every_day_reads_back() {
        for day in (0..90_000).step_by(7) {
            let time = Timestamp { milliseconds: day * DAY * 1_000 + 86_399_999 };
            assert_eq!(Timestamp::parse(&time.to_string()), Some(time), "{time}");
        }
    }

    #[test]
    fn other_text_is_refused() {
        let wrong = [
            "",
            "2026-03-01",
            "2026-03-01T09:30:00Z",
            "2026-03-01T09:30:00.250+",
            "2026-13-01T09:30:00.250Z",
            "2026-03-00T09:30:00.250Z",
            "2026-03-01T24:30:00.250Z",
            "1969-12-31T23:59:59.000Z",
            "+026-03-01T09:30:00.250Z",
            "2026-03-01T09:30:00.25éZ",
        ];
        for text in wrong {
            assert_eq!(Timestamp::parse(text), None, "{text}");
            assert!(serde_json::from_str::<Timestamp>(&format!("\"{text}\"")).is_err(), "{text}");
        }
    }

    #[test]
    fn the_future_has_no_age() {
        assert_eq!(at(1 << 33).age(), Duration::ZERO);
        assert!(at(0).age() > Duration::from_secs(1_700_000_000));
    }
}
