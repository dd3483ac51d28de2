//! How queries arrive. Named as MLPerf LoadGen names them; a scenario is a loop of its own that fills a [`Recording`].

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::Result;

/// How queries arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scenario {
    /// One query at a time, the next as soon as the last has come back.
    SingleStream,
}

/// When measuring begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Queries before this time are not counted; at least [`Window::MIN_WARM_UP`] of them are made.
    pub warm_up: Duration,
    /// The window is at least so long.
    pub min_duration: Duration,
    /// And holds at least so many queries,
    pub min_count: usize,
    /// unless it has become so long.
    pub max_duration: Duration,
}

impl Window {
    /// Queries of a warm-up, however short it is.
    pub const MIN_WARM_UP: usize = 3;
}

impl Default for Window {
    /// One second of warm-up, five seconds and 200 queries, at most a minute.
    fn default() -> Self {
        Self {
            warm_up: Duration::from_secs(1),
            min_duration: Duration::from_secs(5),
            min_count: 200,
            max_duration: Duration::from_secs(60),
        }
    }
}

/// What a scenario measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// One latency a query, in milliseconds, in the order of time.
    pub latencies_ms: Vec<f64>,
    /// Length of the window.
    pub window: Duration,
}

impl Scenario {
    /// Makes queries until `window` is full. `on_start` is called where the warm-up ends.
    ///
    /// # Errors
    /// The first error of a query.
    pub fn run(
        self,
        window: &Window,
        query: &mut dyn FnMut() -> Result<()>,
        on_start: &mut dyn FnMut(),
    ) -> Result<Recording> {
        match self {
            Self::SingleStream => single_stream(window, query, on_start),
        }
    }
}

fn single_stream(
    window: &Window,
    query: &mut dyn FnMut() -> Result<()>,
    on_start: &mut dyn FnMut(),
) -> Result<Recording> {
    let warm_up = Instant::now();
    let mut made = 0;
    while made < Window::MIN_WARM_UP || warm_up.elapsed() < window.warm_up {
        query()?;
        made += 1;
    }
    // Room for more queries than are expected: growing would be timed as a query's latency.
    let mut latencies_ms = Vec::with_capacity(1 << 16);
    on_start();
    let started = Instant::now();
    let mut now = Duration::ZERO;
    while now < window.max_duration && (now < window.min_duration || latencies_ms.len() < window.min_count) {
        query()?;
        let end = started.elapsed();
        latencies_ms.push((end - now).as_secs_f64() * 1_000.0);
        now = end;
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
        let recording = Scenario::SingleStream.run(window, &mut query, &mut || before.set(made.get())).unwrap();
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
    fn an_error_ends_the_run() {
        let mut query = || Err(crate::Error::Argument { argument: "x".to_owned(), reason: "y".to_owned() });
        assert!(Scenario::SingleStream.run(&Window::default(), &mut query, &mut || ()).is_err());
    }
}
