//! Numbers in arguments, and their defaults.

use std::time::Duration;

use kiln_runtime::score::PipelineOptions;

/// A count of at least 1.
#[cfg(any(feature = "bench", feature = "compare"))]
pub(super) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("a whole number of at least 1 is expected".to_owned()),
        Ok(number) => Ok(number),
    }
}

/// Resamples of a bootstrap: enough for an interval, and few enough to end.
#[cfg(feature = "train")]
pub(super) fn resamples(text: &str) -> Result<usize, String> {
    const LEAST: usize = kiln_train::metrics::Bootstrap::LEAST;
    const MOST: usize = 1_000_000;
    let number = text.parse().ok().filter(|number| (LEAST..=MOST).contains(number));
    number.ok_or_else(|| format!("a number from {LEAST} to {MOST} is expected; 2000 is usual"))
}

/// A number above 0.
pub(super) fn above_zero(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        _ => Err("a number above 0 is expected".to_owned()),
    }
}

/// A finite number of at least 0.
#[cfg(any(feature = "bench", feature = "export"))]
pub(super) fn not_negative(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number >= 0.0 && number.is_finite() => Ok(number),
        _ => Err("a number of at least 0 is expected".to_owned()),
    }
}

/// The number of tiles in a batch.
pub(super) fn batch_size(text: &str) -> Result<usize, String> {
    from_one_to(PipelineOptions::MAX_BATCH, text)
}

/// A number of threads: more than machines have would fail where they are started, and ONNX Runtime would blame the model.
pub(super) fn thread_count(text: &str) -> Result<usize, String> {
    from_one_to(1024, text)
}

fn from_one_to(most: usize, text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if (1..=most).contains(&number) => Ok(number),
        _ => Err(format!("a whole number from 1 to {most} is expected")),
    }
}

/// The cores that this process may use, within the quota of its control group.
pub(super) fn cores() -> usize {
    kiln_files::limits::threads()
}

/// A time such as `200ms`, `60s`, `5m`, `1h`, or a number of seconds; more than nothing, and at most a day.
pub(super) fn time_span(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, f64); 4] = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3_600.0)];
    let expected = || "a time such as 200ms, 60s, 5m or 1h is expected, of at most a day".to_owned();
    let found = UNITS.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, *seconds)));
    let (number, unit) = found.unwrap_or((text, 1.0));
    let seconds = number.parse::<f64>().map_err(|_| expected())? * unit;
    if seconds > 0.0 && seconds <= 86_400.0 { Ok(Duration::from_secs_f64(seconds)) } else { Err(expected()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_above_zero_is_finite() {
        assert_eq!(above_zero("0.5"), Ok(0.5));
        for text in ["", "0", "-1", "nan", "inf", "1e999", "x"] {
            assert!(above_zero(text).is_err(), "{text}");
        }
    }

    #[cfg(any(feature = "bench", feature = "export"))]
    #[test]
    fn a_number_of_at_least_zero_is_finite() {
        assert_eq!((not_negative("0"), not_negative("1e-4")), (Ok(0.0), Ok(1e-4)));
        for text in ["", "-1", "-1e-9", "nan", "inf", "1e999", "x"] {
            assert!(not_negative(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_batch_has_a_largest_size() {
        assert_eq!((batch_size("1"), batch_size("4096")), (Ok(1), Ok(4096)));
        for text in ["0", "4097", "99999999999", "99999999999999999999999", "-1", "8.0", ""] {
            assert!(batch_size(text).is_err_and(|error| error.contains("4096")), "{text}");
        }
    }

    #[test]
    fn a_number_of_threads_has_a_limit() {
        assert_eq!((thread_count("1"), thread_count("1024")), (Ok(1), Ok(1024)));
        for text in ["0", "1025", "99999999999", "99999999999999999999999", "-1", ""] {
            assert!(thread_count(text).is_err_and(|error| error.contains("1024")), "{text}");
        }
    }

    #[test]
    fn times_have_units() {
        let milliseconds = |text| time_span(text).map(|time| time.as_millis());
        let known =
            [("200ms", 200), ("60s", 60_000), ("60", 60_000), ("0.5", 500), ("5m", 300_000), ("24h", 86_400_000)];
        for (text, expected) in known {
            assert_eq!(milliseconds(text), Ok(expected), "{text}");
        }
        for text in ["", "s", "0", "-1s", "25h", "1d", "nan", "inf", "1 s", "s60"] {
            assert!(time_span(text).is_err(), "{text}");
        }
    }
}
