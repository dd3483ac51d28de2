//! Search for the highest query rate that keeps the latency bound: each rate is tried for a short window.

use std::time::Duration;

use super::scenario::{poisson, warm_up};
use super::{Latency, Window};
use crate::Result;

/// Rates that are tried before the one that is measured.
const TRIALS: usize = 7;
/// Length of one trial.
pub(super) const TRIAL: Duration = Duration::from_secs(2);
/// The fewest queries of a trial; the second-longest latency approximates the 99th percentile.
const TRIAL_QUERIES: usize = 100;

/// Finds a rate by bisection between zero and the rate of back-to-back queries.
pub(super) fn search(bound_ms: f64, trial: Duration, query: &mut dyn FnMut() -> Result<()>) -> Result<f64> {
    let capacity = back_to_back(trial / 2, query)?;
    let trial =
        Window { warm_up: Duration::ZERO, min_duration: trial, min_count: TRIAL_QUERIES, max_duration: 5 * trial };
    let (mut low, mut high) = (0.0, capacity);
    for _ in 0..TRIALS {
        let middle = f64::midpoint(low, high);
        let recording = poisson(middle, &trial, query, &mut || ())?;
        let holds = Latency::from_samples(&recording.latencies_ms).is_some_and(|latency| latency.p99_ms <= bound_ms);
        if holds { low = middle } else { high = middle }
    }
    // A short trial is kinder than the window that follows: leave it a little room.
    Ok(if low > 0.0 { 0.97 * low } else { capacity / 100.0 })
}

/// Queries a second of back-to-back queries.
fn back_to_back(lasting: Duration, query: &mut dyn FnMut() -> Result<()>) -> Result<f64> {
    warm_up(&Window { warm_up: lasting, ..Window::default() }, query)?;
    let started = std::time::Instant::now();
    let mut made = 0_u32;
    while made < 10 || started.elapsed() < lasting {
        query()?;
        made += 1;
    }
    Ok(f64::from(made) / started.elapsed().as_secs_f64())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_that_nothing_holds_still_gives_a_rate_to_measure() {
        let mut query = || {
            std::thread::sleep(Duration::from_millis(2));
            Ok(())
        };
        // The window that follows reports that the bound does not hold.
        let rate = search(0.0001, Duration::from_millis(100), &mut query).unwrap();
        assert!(rate > 0.0 && rate < 20.0, "{rate}");
    }

    #[test]
    fn a_query_longer_than_a_trial_still_gives_a_rate_to_measure() {
        let mut query = || {
            std::thread::sleep(Duration::from_millis(10));
            Ok(())
        };
        for bound_ms in [0.0001, 1e6] {
            let rate = search(bound_ms, Duration::from_millis(1), &mut query).unwrap();
            let window =
                Window { warm_up: Duration::ZERO, max_duration: Duration::from_millis(5), ..Window::default() };
            let recording = poisson(rate, &window, &mut query, &mut || ()).unwrap();
            assert!(rate > 0.0 && recording.latencies_ms.len() == 1, "{rate}: {recording:?}");
        }
    }
}
