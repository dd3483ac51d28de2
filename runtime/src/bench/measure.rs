//! Running a plan: one session for each number of threads, one measurement for each batch size.

use std::time::Instant;

use kiln_tile::Tile;

use super::foreign::Reading;
use super::{Latency, Measurement, Report, Scenario, Verdict, Window, verdict};
use crate::engine::Engine;
use crate::{Error, Result};

/// What is to be measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Tiles in a query; each is measured. An engine with a fixed batch is measured at that alone.
    pub batches: Vec<usize>,
    /// Threads within an operator; each is measured.
    pub threads: Vec<usize>,
    /// How queries arrive.
    pub scenario: Scenario,
    /// When measuring begins and ends.
    pub window: Window,
    /// The precision to write into the report.
    pub precision: String,
}

/// An engine that has just been opened.
#[derive(Debug)]
pub struct Opened<E> {
    /// The engine, on which nothing has been run yet.
    pub engine: E,
    /// Milliseconds that opening took.
    pub load_ms: f64,
    /// Providers that were asked for and skipped, each with the reason.
    pub skipped: Vec<(String, String)>,
}

/// Measures `plan` on engines that `open` gives for a number of threads. `tiles` are the input, repeated as needed;
/// `on_step` hears what is about to be measured.
///
/// # Errors
/// If the plan is empty, or an engine cannot be opened or run. Figures that may not be used are no error: see
/// [`Report::verdict`].
pub fn measure<E: Engine>(
    open: &mut dyn FnMut(usize) -> Result<Opened<E>>,
    tiles: &[Tile],
    plan: &Plan,
    on_step: &mut dyn FnMut(&str),
) -> Result<Report> {
    check(plan, tiles)?;
    let mut report = Report {
        verdict: Verdict::Valid,
        reasons: vec![],
        warnings: vec![],
        results: vec![],
        load_ms: 0.0,
        first_ms: 0.0,
    };
    for threads in &plan.threads {
        let opened = open(*threads)?;
        measure_session(opened, *threads, tiles, plan, on_step, &mut report)?;
    }
    if let Some(first) = report.results.first() {
        (report.load_ms, report.first_ms) = (first.load_ms, first.first_ms);
    }
    if !report.reasons.is_empty() {
        report.verdict = Verdict::Invalid;
    }
    Ok(report)
}

fn measure_session<E: Engine>(
    mut opened: Opened<E>,
    threads: usize,
    tiles: &[Tile],
    plan: &Plan,
    on_step: &mut dyn FnMut(&str),
    report: &mut Report,
) -> Result<()> {
    let fixed = opened.engine.fixed_batch().map(|batch| vec![batch]);
    let mut first_ms = None;
    for batch in fixed.as_ref().unwrap_or(&plan.batches) {
        let pixels: Vec<u8> = tiles.iter().cycle().take(*batch).flat_map(Tile::pixels).copied().collect();
        let first_ms = match first_ms {
            Some(first_ms) => first_ms,
            None => *first_ms.insert(first_inference(&mut opened.engine, &pixels, *batch)?),
        };
        let name = format!("batch {batch}, {threads} threads");
        on_step(&name);
        let measured = measure_batch(&mut opened, &pixels, *batch, threads, plan, first_ms)?;
        let reasons = verdict::reasons(&measured, &plan.window, &opened.skipped);
        report.reasons.extend(reasons.into_iter().map(|reason| format!("{name}: {reason}")));
        report.warnings.extend(verdict::warnings(&measured).into_iter().map(|warning| format!("{name}: {warning}")));
        report.results.push(measured);
    }
    Ok(())
}

fn first_inference(engine: &mut impl Engine, pixels: &[u8], batch: usize) -> Result<f64> {
    let started = Instant::now();
    engine.run(pixels, batch)?;
    Ok(started.elapsed().as_secs_f64() * 1_000.0)
}

fn measure_batch<E: Engine>(
    opened: &mut Opened<E>,
    pixels: &[u8],
    batch: usize,
    threads: usize,
    plan: &Plan,
    first_ms: f64,
) -> Result<Measurement> {
    let engine = &mut opened.engine;
    let mut before = None;
    let mut query = || engine.run(pixels, batch).map(drop);
    let recording = plan.scenario.run(&plan.window, &mut query, &mut || before = Some(Reading::now()))?;
    let foreign_share = before.and_then(|before| before.foreign_share());
    let latency =
        Latency::of(&recording.latencies_ms).ok_or_else(|| wrong("window", "it is too short for one query"))?;
    let (queries, seconds) = (recording.latencies_ms.len(), recording.window.as_secs_f64());
    let tiles_per_s = (queries * batch) as f64 / seconds;
    Ok(Measurement {
        provider: engine.provider(),
        precision: plan.precision.clone(),
        scenario: plan.scenario,
        batch,
        threads,
        latency,
        tiles_per_s,
        queries,
        seconds,
        foreign_share,
        nodes: engine.nodes(),
        load_ms: opened.load_ms,
        first_ms,
    })
}

fn check(plan: &Plan, tiles: &[Tile]) -> Result<()> {
    for (name, values) in [("--batch", &plan.batches), ("--threads", &plan.threads)] {
        if values.is_empty() || values.contains(&0) {
            return Err(wrong(name, "give at least one number, each at least 1"));
        }
    }
    if tiles.is_empty() { Err(wrong("tiles", "at least one is needed")) } else { Ok(()) }
}

fn wrong(argument: &str, reason: &str) -> Error {
    Error::Argument { argument: argument.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;
    use std::time::Duration;

    use kiln_tile::TILE_BYTES;

    use super::*;
    use crate::session::Outputs;

    struct Sleeps(Option<usize>);

    impl Engine for Sleeps {
        fn run(&mut self, pixels: &[u8], batch: usize) -> Result<Outputs> {
            assert_eq!(pixels.len(), batch * TILE_BYTES);
            std::thread::sleep(Duration::from_millis(1));
            Ok(Outputs { batch, arrays: BTreeMap::new() })
        }
        fn fixed_batch(&self) -> Option<usize> {
            self.0
        }
        fn provider(&self) -> String {
            "cpu".to_owned()
        }
        fn nodes(&self) -> BTreeMap<String, usize> {
            [("cpu".to_owned(), 3)].into()
        }
    }

    fn plan(batches: &[usize], threads: &[usize]) -> Plan {
        let window = Window {
            warm_up: Duration::ZERO,
            min_duration: Duration::ZERO,
            min_count: 5,
            max_duration: Duration::from_secs(9),
        };
        Plan {
            batches: batches.to_vec(),
            threads: threads.to_vec(),
            scenario: Scenario::SingleStream,
            window,
            precision: "fp32".to_owned(),
        }
    }

    fn report(fixed: Option<usize>, plan: &Plan, skipped: &[(String, String)]) -> Result<Report> {
        let tiles = [Tile::from_pixels(vec![7; TILE_BYTES]).unwrap()];
        let mut open = |threads: usize| {
            Ok(Opened { engine: Sleeps(fixed), load_ms: 10.0 + threads as f64, skipped: skipped.to_vec() })
        };
        measure(&mut open, &tiles, plan, &mut |_| ())
    }

    #[test]
    fn every_batch_is_measured_at_every_number_of_threads() {
        let report = report(None, &plan(&[1, 4], &[1, 2]), &[]).unwrap();
        let measured: Vec<_> = report.results.iter().map(|result| (result.threads, result.batch)).collect();
        assert_eq!(measured, [(1, 1), (1, 4), (2, 1), (2, 4)]);
        assert!((report.load_ms - 11.0).abs() < 1e-9);
        assert!(report.first_ms >= 1.0);
        let [one, four, ..] = report.results.as_slice() else { unreachable!() };
        assert!(four.tiles_per_s > one.tiles_per_s);
    }

    #[test]
    fn a_fixed_batch_is_the_only_one() {
        let report = report(Some(3), &plan(&[1, 8], &[2]), &[]).unwrap();
        assert_eq!(report.results.iter().map(|result| result.batch).collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn a_fallback_makes_the_run_invalid_and_names_the_measurement() {
        let skipped = [("cuda".to_owned(), "no driver".to_owned())];
        let report = report(None, &plan(&[1], &[2]), &skipped).unwrap();
        assert_eq!(report.verdict, Verdict::Invalid);
        assert!(report.reasons.iter().any(|reason| reason.starts_with("batch 1, 2 threads: it fell back from `cuda`")));
    }

    #[test]
    fn an_empty_plan_is_refused() {
        for (batches, threads) in [(&[][..], &[1][..]), (&[0], &[1]), (&[1], &[])] {
            assert!(report(None, &plan(batches, threads), &[]).is_err());
        }
    }

    #[test]
    fn the_report_has_the_stable_names() {
        let json = serde_json::to_value(report(None, &plan(&[1], &[1]), &[]).unwrap()).unwrap();
        for name in ["verdict", "reasons", "results", "load_ms", "first_ms"] {
            assert!(json.get(name).is_some(), "{name}");
        }
        let names = [
            "provider",
            "precision",
            "batch",
            "threads",
            "p50_ms",
            "p90_ms",
            "p95_ms",
            "p99_ms",
            "tiles_per_s",
            "cv",
            "nodes",
        ];
        for name in names {
            assert!(json["results"][0].get(name).is_some(), "{name}");
        }
        assert!(["VALID", "INVALID"].contains(&json["verdict"].as_str().unwrap()));
    }
}
