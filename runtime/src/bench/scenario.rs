//! Arrival patterns of queries by MLPerf Inference's LoadGen. Each scenario has one main figure, and a loop that fills a
//! [`Recording`]; the loop of the offline scenario is in [`super::offline`].

use std::time::{Duration, Instant};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Tiles of a multi-stream query (LoadGen: samples per query).
pub const MULTI_STREAM_TILES: usize = 8;

/// Arrival pattern of queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scenario {
    /// One query at a time, the next as soon as the last one is answered. Main figure: 90th percentile.
    SingleStream,
    /// One query of [`MULTI_STREAM_TILES`] tiles at a time. Main figure: 99th percentile.
    MultiStream,
    /// Queries arrive at random (Poisson), independent of earlier answers. Main figure: the highest rate in queries a
    /// second at which the 99th percentile stays under a bound.
    Server,
    /// All encoded tiles are available from the start. Main figure: tiles a second, decoding included.
    Offline,
}

impl Scenario {
    /// Every scenario with its name.
    pub const ALL: [(&'static str, Self); 4] = [
        ("single_stream", Self::SingleStream),
        ("multi_stream", Self::MultiStream),
        ("server", Self::Server),
        ("offline", Self::Offline),
    ];

    /// The name that users type.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, scenario)| *scenario == self).map_or("", |(name, _)| name)
    }

    /// Default of the fewest queries of a window, by the percentile of the main figure (for the 99th LoadGen requires at
    /// least 662, for 99 % confidence within its margin).
    #[must_use]
    pub fn min_count(self) -> usize {
        match self {
            Self::SingleStream => 200,
            Self::MultiStream | Self::Server => 662,
            Self::Offline => 20,
        }
    }

    /// The tiles of a batch that is run for a batch size of a plan. A graph with a `fixed` batch runs that one alone, and a
    /// multi-stream query has no more tiles than [`MULTI_STREAM_TILES`]. Plans with equal batches are one measurement.
    #[must_use]
    pub fn batch(self, asked: usize, fixed: Option<usize>) -> usize {
        match (fixed, self) {
            (Some(fixed), _) => fixed,
            (None, Self::MultiStream) => asked.min(MULTI_STREAM_TILES),
            (None, _) => asked,
        }
    }
}

impl std::str::FromStr for Scenario {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let known = Self::ALL.iter().find(|(name, _)| *name == text);
        known.map(|(_, scenario)| *scenario).ok_or_else(|| Error::UnknownScenario { name: text.to_owned() })
    }
}

impl std::fmt::Display for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// Warm-up and length of a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Queries before this time are not counted; at least [`Window::MIN_WARM_UP`] of them are made.
    pub warm_up: Duration,
    /// The least length of the window.
    pub min_duration: Duration,
    /// The fewest queries in the window; 0 for the scenario's default.
    pub min_count: usize,
    /// The greatest length of the window, even with fewer queries.
    pub max_duration: Duration,
}

impl Window {
    /// The fewest queries of a warm-up.
    pub const MIN_WARM_UP: usize = 3;

    /// The fewest queries for a scenario.
    #[must_use]
    pub fn min_count(&self, scenario: Scenario) -> usize {
        if self.min_count == 0 { scenario.min_count() } else { self.min_count }
    }

    /// Returns true if a window of this length and number of queries must go on.
    pub(super) fn goes_on(&self, lasted: Duration, queries: usize, scenario: Scenario) -> bool {
        lasted < self.max_duration && (lasted < self.min_duration || queries < self.min_count(scenario))
    }
}

impl Default for Window {
    /// One second of warm-up, five seconds and as many queries as the scenario needs, at most a minute.
    fn default() -> Self {
        Self {
            warm_up: Duration::from_secs(1),
            min_duration: Duration::from_secs(5),
            min_count: 0,
            max_duration: Duration::from_secs(60),
        }
    }
}

/// Latencies of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// One latency a query, in milliseconds, in the order of time.
    pub latencies_ms: Vec<f64>,
    /// Length of the window.
    pub window: Duration,
}

/// Runs queries until the warm-up is over.
pub(super) fn warm_up(window: &Window, query: &mut dyn FnMut() -> Result<()>) -> Result<()> {
    let started = Instant::now();
    let mut made = 0;
    while made < Window::MIN_WARM_UP || started.elapsed() < window.warm_up {
        query()?;
        made += 1;
    }
    Ok(())
}

/// Runs one query after another until `window` is full; for single and multi stream. `on_start` is called at the end of
/// the warm-up.
///
/// # Errors
/// The first error of a query.
pub(super) fn streams(
    scenario: Scenario,
    window: &Window,
    query: &mut dyn FnMut() -> Result<()>,
    on_start: &mut dyn FnMut(),
) -> Result<Recording> {
    // Each is due when the last has come back.
    record(scenario, window, query, on_start, &mut |_, last| Some(last))
}

/// Runs queries at random times, `qps` a second on average, in order of arrival. A latency begins when the query was due,
/// so that queueing counts. The first query is due at once, so that every rate gives a latency; the window ends at its
/// greatest length if the next one would be due after it.
///
/// # Errors
/// The first error of a query.
pub(super) fn poisson(
    qps: f64,
    window: &Window,
    query: &mut dyn FnMut() -> Result<()>,
    on_start: &mut dyn FnMut(),
) -> Result<Recording> {
    // The same arrivals every time, as LoadGen's fixed seeds have it.
    let mut random = ChaCha8Rng::seed_from_u64(20_261_125);
    let mut next = Some(Duration::ZERO);
    record(Scenario::Server, window, query, on_start, &mut |started, _| {
        let due = next.filter(|due| *due <= window.max_duration)?;
        // The inverse of the exponential distribution; 1 - u is never 0.
        let gap = -(1.0_f64 - random.random::<f64>()).ln() / qps;
        next = Duration::try_from_secs_f64(gap).ok().and_then(|gap| due.checked_add(gap));
        if let Some(early) = due.checked_sub(started.elapsed()) {
            std::thread::sleep(early);
        }
        Some(due)
    })
}

/// Runs queries until `window` is full. `due` takes the begin of the window and the end of the last query, waits until the
/// next query may begin and returns the begin of its latency, or `None` if no query is due within the window, which then
/// lasts its greatest length.
fn record(
    scenario: Scenario,
    window: &Window,
    query: &mut dyn FnMut() -> Result<()>,
    on_start: &mut dyn FnMut(),
    due: &mut dyn FnMut(Instant, Duration) -> Option<Duration>,
) -> Result<Recording> {
    warm_up(window, query)?;
    // Room for more queries than are expected: growing would be timed as a query's latency.
    let mut latencies_ms = Vec::with_capacity(1 << 16);
    on_start();
    let started = Instant::now();
    let mut now = Duration::ZERO;
    while window.goes_on(now, latencies_ms.len(), scenario) {
        let Some(due) = due(started, now) else {
            now = window.max_duration;
            break;
        };
        query()?;
        now = started.elapsed();
        latencies_ms.push((now - due).as_secs_f64() * 1_000.0);
    }
    Ok(Recording { latencies_ms, window: now })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::cell::Cell;

    use super::*;

    fn window(min_ms: u64, min_count: usize, max_ms: u64) -> Window {
        let ms = Duration::from_millis;
        Window { warm_up: Duration::ZERO, min_duration: ms(min_ms), min_count, max_duration: ms(max_ms) }
    }

    fn queries(window: &Window, each: Duration) -> (Recording, usize, usize) {
        let (made, before) = (Cell::new(0), Cell::new(0));
        let mut query = || {
            made.set(made.get() + 1);
            std::thread::sleep(each);
            Ok(())
        };
        let mut start = || before.set(made.get());
        let recording = streams(Scenario::SingleStream, window, &mut query, &mut start).unwrap();
        (recording, before.get(), made.get())
    }

    #[test]
    fn the_warm_up_is_not_counted() {
        let (recording, before, made) = queries(&window(0, 10, 60_000), Duration::ZERO);
        assert_eq!((recording.latencies_ms.len(), before, made), (10, Window::MIN_WARM_UP, 10 + Window::MIN_WARM_UP));
    }

    #[test]
    fn the_window_is_long_enough_and_full_enough() {
        let (recording, ..) = queries(&window(30, 1, 60_000), Duration::from_millis(1));
        assert!(recording.window >= Duration::from_millis(30) && recording.latencies_ms.len() > 1);
        let sum: f64 = recording.latencies_ms.iter().sum();
        assert!((sum - recording.window.as_secs_f64() * 1_000.0).abs() < 1e-6);
    }

    #[test]
    fn a_slow_engine_ends_at_the_longest_window() {
        let (recording, ..) = queries(&window(0, 1_000_000, 20), Duration::from_millis(5));
        assert!(recording.latencies_ms.len() < 10);
    }

    #[test]
    fn a_window_without_a_count_asks_for_what_the_scenario_needs() {
        let window = Window::default();
        assert_eq!(window.min_count(Scenario::SingleStream), 200);
        assert_eq!(window.min_count(Scenario::Server), 662);
        assert_eq!(Window { min_count: 5, ..window }.min_count(Scenario::Server), 5);
    }

    #[test]
    fn an_error_ends_the_run() {
        let mut query = || Err(Error::Ended { worker: "x" });
        assert!(streams(Scenario::SingleStream, &Window::default(), &mut query, &mut || ()).is_err());
        assert!(poisson(1.0, &Window::default(), &mut query, &mut || ()).is_err());
    }

    #[test]
    fn poisson_queries_come_at_their_rate_and_wait_behind_one_another() {
        let query = |each| {
            move || {
                std::thread::sleep(each);
                Ok(())
            }
        };
        let idle = poisson(400.0, &window(0, 200, 60_000), &mut query(Duration::ZERO), &mut || ()).unwrap();
        let rate = 200.0 / idle.window.as_secs_f64();
        // A busy machine only makes it slower; 200 arrivals are within a fifth of the rate.
        assert!(rate < 480.0, "{rate}");
        // 5 ms of work at 400 queries a second: the queue grows, and so do the latencies.
        let full = poisson(400.0, &window(0, 60, 60_000), &mut query(Duration::from_millis(5)), &mut || ()).unwrap();
        let (first, last) = (full.latencies_ms[0], full.latencies_ms[59]);
        assert!(last > first + 50.0, "{first} {last}");
    }

    #[test]
    fn a_rare_query_runs_once_and_the_window_has_its_greatest_length() {
        let started = Instant::now();
        for qps in [0.01, 1e-30, f64::MIN_POSITIVE] {
            let recording = poisson(qps, &window(0, 5, 200), &mut || Ok(()), &mut || ()).unwrap();
            assert_eq!((recording.latencies_ms.len(), recording.window), (1, Duration::from_millis(200)), "{qps}");
        }
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn names_read_back() {
        for (name, scenario) in Scenario::ALL {
            assert_eq!(name.parse::<Scenario>().unwrap(), scenario);
            assert_eq!(scenario.to_string(), name);
        }
        assert!("burst".parse::<Scenario>().is_err());
    }
}
