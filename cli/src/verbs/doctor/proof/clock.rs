//! The time limit of a report.

use std::time::{Duration, Instant};

use super::super::trial::PATIENCE;

/// The moment after which no step begins.
pub(in crate::verbs::doctor) struct Clock {
    end: Instant,
}

impl Clock {
    /// Starts now.
    pub(in crate::verbs::doctor) fn new(minutes: f64) -> Self {
        Self { end: Instant::now() + Duration::from_secs_f64(minutes * 60.0) }
    }

    /// The time until the limit; zero after it.
    pub(in crate::verbs::doctor) fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    pub(in crate::verbs::doctor) fn is_over(&self) -> bool {
        self.left().is_zero()
    }

    /// The longest that a step may take which begins now: the rest of the time, or as long as any trial of the doctor.
    pub(super) fn patience(&self) -> Duration {
        self.left().max(PATIENCE)
    }
}

/// A number of minutes, from 0 to a day.
pub(in crate::verbs::doctor) fn minutes(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(minutes) if (0.0..=1440.0).contains(&minutes) => Ok(minutes),
        _ => Err("minutes between 0 and 1440 are expected".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_step_begins_at_a_limit_of_0_and_one_that_has_begun_gets_its_time() {
        let clock = Clock::new(0.0);
        assert!(clock.is_over() && clock.patience() == PATIENCE);
        assert!(!Clock::new(10.0).is_over() && Clock::new(10.0).patience() > PATIENCE);
        assert_eq!(minutes("0.5"), Ok(0.5));
        for wrong in ["-1", "nan", "1441", "", "ten"] {
            assert!(minutes(wrong).is_err(), "{wrong}");
        }
    }
}
