//! Running a plan: one session for each number of threads, one measurement for each scenario and batch size.

use std::time::Instant;

use kiln_tile::stain::StainNormaliser;
use kiln_tile::{TILE_BYTES, Tile};

use super::foreign::Reading;
use super::offline::{encoded, offline};
use super::scenario::{poisson, streams};
use super::stages::breakdown;
use super::statistics::blocks;
use super::{Latency, MULTI_STREAM_TILES, Machine, Measurement, Recording, Report, Scenario, Verdict, Window};
use super::{machine, server, verdict};
use crate::scorer::Scorer;
use crate::{Error, Result};

/// The measurements to make.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Tiles in a batch; each is measured. A scorer with a fixed batch is measured at that alone.
    pub batches: Vec<usize>,
    /// Threads in all; each number is measured.
    pub threads: Vec<usize>,
    /// Arrival patterns of queries; each is measured.
    pub scenarios: Vec<Scenario>,
    /// Warm-up and length of a measurement.
    pub window: Window,
    /// The precision to write into the report.
    pub precision: String,
    /// Queries a second of the server scenario; without it, the most that hold the bound are searched for.
    pub qps: Option<f64>,
    /// The bound of the server scenario's 99th percentile, in milliseconds.
    pub bound_ms: f64,
    /// Scorers side by side of the offline scenario, at most; the threads are shared among them.
    pub offline_scorers: usize,
    /// Stain normalisation of each decoded tile before the graph; its time counts as decoding.
    pub stain: Option<StainNormaliser>,
}

impl Plan {
    /// LoadGen's bound for image classification (MLPerf Inference, ResNet-50, server scenario): 15 ms.
    pub const DEFAULT_BOUND_MS: f64 = 15.0;
}

impl Default for Plan {
    /// Single stream, batch 1, one thread, fp32.
    fn default() -> Self {
        Self {
            batches: vec![1],
            threads: vec![1],
            scenarios: vec![Scenario::SingleStream],
            window: Window::default(),
            precision: "fp32".to_owned(),
            qps: None,
            bound_ms: Self::DEFAULT_BOUND_MS,
            offline_scorers: 1,
            stain: None,
        }
    }
}

/// A scorer that has just been opened.
#[derive(Debug)]
pub struct Opened<S> {
    /// The scorer, on which nothing has been run yet.
    pub scorer: S,
    /// Milliseconds that opening took, with every engine of the provider built before.
    pub load_ms: f64,
    /// Milliseconds of an opening that built an engine; `None` if none had to be built.
    pub engine_build_ms: Option<f64>,
    /// Providers that were asked for and skipped, each with the reason.
    pub skipped: Vec<(String, String)>,
}

/// Measures `plan` on scorers that `open` gives for a number of threads. `tiles` are the input, repeated as needed;
/// `on_step` is called with the name of each measurement before it begins.
///
/// # Errors
/// [`Error::Option`] for a wrong field of the plan; the error of a scorer that cannot be opened or run. Figures that may not be used are no error: see
/// [`Report::verdict`].
pub fn measure<S: Scorer + Send>(
    open: &mut dyn FnMut(usize) -> Result<Opened<S>>,
    tiles: &[Tile],
    plan: &Plan,
    on_step: &mut dyn FnMut(&str),
) -> Result<Report> {
    check(plan, tiles)?;
    let mut bench = Bench {
        tiles,
        files: encoded(tiles)?,
        plan,
        on_step,
        report: Report { machine: Machine::here(), ..Report::default() },
    };
    let mut offline_threads = Vec::new();
    for threads in distinct(&plan.threads) {
        if plan.scenarios.iter().any(|scenario| *scenario != Scenario::Offline) {
            bench.one_scorer(open(threads)?, threads)?;
        }
        let (count, each) = shares(threads, plan.offline_scorers);
        if plan.scenarios.contains(&Scenario::Offline) && !offline_threads.contains(&(count * each)) {
            offline_threads.push(count * each);
            bench.side_by_side(open, count, each)?;
        }
    }
    let mut report = bench.report;
    if let Some(first) = report.results.first() {
        (report.load_ms, report.first_ms) = (first.load_ms, first.first_ms);
    }
    if !report.reasons.is_empty() {
        report.verdict = Verdict::Invalid;
    }
    report.peak_memory_bytes = machine::peak_memory();
    Ok(report)
}

/// A bench run under way.
struct Bench<'a> {
    tiles: &'a [Tile],
    /// The same tiles, as files hold them.
    files: Vec<Vec<u8>>,
    plan: &'a Plan,
    on_step: &'a mut dyn FnMut(&str),
    report: Report,
}

/// Properties that all measurements of one session share.
struct Setting {
    threads: usize,
    scorers: usize,
    load_ms: f64,
    engine_build_ms: Option<f64>,
    first_ms: f64,
    skipped: Vec<(String, String)>,
}

/// Result of one window.
struct Taken {
    recording: Recording,
    foreign_share: Option<f64>,
    /// Without the tiles that fill the last batch of a graph with a fixed one.
    tiles_a_query: usize,
    qps: Option<f64>,
    engines_built: usize,
}

impl Bench<'_> {
    /// The scenarios in which queries go to one scorer.
    fn one_scorer<S: Scorer + Send>(&mut self, opened: Opened<S>, threads: usize) -> Result<()> {
        let mut scorer = opened.scorer;
        let mut setting = Setting {
            threads,
            scorers: 1,
            load_ms: opened.load_ms,
            engine_build_ms: opened.engine_build_ms,
            first_ms: 0.0,
            skipped: opened.skipped,
        };
        for (batch, scenarios) in self.batches_of_scenarios(&scorer) {
            let pixels = self.pixels(batch);
            if setting.first_ms == 0.0 {
                setting.first_ms = first_inference(&mut scorer, &pixels, batch)?;
            }
            let stages = breakdown(&mut scorer, self.tiles, &self.files, self.plan.stain, batch)?;
            for scenario in scenarios {
                (self.on_step)(&step(&scorer.provider(), &self.plan.precision, scenario, batch, threads));
                let taken = self.window(&mut scorer, scenario, &pixels, batch)?;
                self.note(&scorer, &setting, scenario, batch, taken, Some(stages))?;
            }
        }
        Ok(())
    }

    /// Offline: `count` scorers with `each` threads.
    fn side_by_side<S: Scorer + Send>(
        &mut self,
        open: &mut dyn FnMut(usize) -> Result<Opened<S>>,
        count: usize,
        each: usize,
    ) -> Result<()> {
        let threads = count * each;
        let opened = (0..count).map(|_| open(each)).collect::<Result<Vec<_>>>()?;
        let mut scorers = Vec::with_capacity(count);
        let mut setting = Setting {
            threads,
            scorers: count,
            load_ms: 0.0,
            engine_build_ms: None,
            first_ms: 0.0,
            skipped: Vec::new(),
        };
        for one in opened {
            if scorers.is_empty() {
                (setting.load_ms, setting.engine_build_ms) = (one.load_ms, one.engine_build_ms);
                setting.skipped = one.skipped;
            }
            scorers.push(one.scorer);
        }
        let fixed = scorers.first().and_then(Scorer::fixed_batch);
        let batches: Vec<_> = self.plan.batches.iter().map(|batch| Scenario::Offline.batch(*batch, fixed)).collect();
        for batch in distinct(&batches) {
            let pixels = self.pixels(batch);
            let Some(first) = scorers.first_mut() else { continue };
            if setting.first_ms == 0.0 {
                setting.first_ms = first_inference(first, &pixels, batch)?;
            }
            (self.on_step)(&step(&first.provider(), &self.plan.precision, Scenario::Offline, batch, threads));
            let before = first.engines_built();
            let mut reading = None;
            let mut start = || reading = Some(Reading::now());
            let recording = offline(&mut scorers, &self.files, self.plan.stain, batch, &self.plan.window, &mut start)?;
            let foreign_share = reading.and_then(|reading| reading.foreign_share());
            let Some(first) = scorers.first() else { continue };
            let engines_built = first.engines_built().saturating_sub(before);
            let taken = Taken { recording, foreign_share, tiles_a_query: batch, qps: None, engines_built };
            self.note(first, &setting, Scenario::Offline, batch, taken, None)?;
        }
        Ok(())
    }

    fn window(&self, scorer: &mut impl Scorer, scenario: Scenario, pixels: &[u8], batch: usize) -> Result<Taken> {
        let before = scorer.engines_built();
        let runs = runs(scenario, batch, scorer.fixed_batch().is_some());
        let mut reading = None;
        let mut query =
            || runs.iter().try_for_each(|tiles| scorer.run(&pixels[..tiles * TILE_BYTES], *tiles).map(drop));
        let mut start = || reading = Some(Reading::now());
        let window = &self.plan.window;
        let (recording, qps) = if scenario == Scenario::Server {
            let qps =
                self.plan.qps.map_or_else(|| server::search(self.plan.bound_ms, server::TRIAL, &mut query), Ok)?;
            (poisson(qps, window, &mut query, &mut start)?, Some(qps))
        } else {
            (streams(scenario, window, &mut query, &mut start)?, None)
        };
        let foreign_share = reading.and_then(|reading| reading.foreign_share());
        let engines_built = scorer.engines_built().saturating_sub(before);
        let tiles_a_query = if scenario == Scenario::MultiStream { MULTI_STREAM_TILES } else { batch };
        Ok(Taken { recording, foreign_share, tiles_a_query, qps, engines_built })
    }

    /// Writes one measurement into the report, with its reasons.
    fn note(
        &mut self,
        scorer: &impl Scorer,
        setting: &Setting,
        scenario: Scenario,
        batch: usize,
        taken: Taken,
        stages: Option<super::Breakdown>,
    ) -> Result<()> {
        let latencies = &taken.recording.latencies_ms;
        let latency =
            Latency::from_samples(latencies).ok_or_else(|| wrong("window", "it is too short for one query"))?;
        let (queries, seconds) = (latencies.len(), taken.recording.window.as_secs_f64());
        let measured = Measurement {
            provider: scorer.provider(),
            precision: self.plan.precision.clone(),
            scenario,
            batch,
            threads: setting.threads,
            blocks_ms: blocks(latencies),
            latency,
            onnxruntime: scorer.version(),
            scorers: setting.scorers,
            qps: taken.qps,
            bound_ms: taken.qps.map(|_| self.plan.bound_ms),
            stages,
            engine_build_ms: setting.engine_build_ms,
            engines_built: taken.engines_built,
            tiles_per_s: (queries * taken.tiles_a_query) as f64 / seconds,
            queries,
            seconds,
            foreign_share: taken.foreign_share.filter(|_| !scorer.is_served()),
            served: None,
            nodes: scorer.nodes(),
            load_ms: setting.load_ms,
            first_ms: setting.first_ms,
        };
        let name = measured.name();
        let reasons = verdict::reasons(&measured, &self.plan.window, &setting.skipped);
        self.report.reasons.extend(reasons.into_iter().map(|reason| format!("{name}: {reason}")));
        let warnings = verdict::warnings(&measured);
        self.report.warnings.extend(warnings.into_iter().map(|warning| format!("{name}: {warning}")));
        self.report.results.push(measured);
        Ok(())
    }

    /// The batches of all scenarios but offline, and the scenarios to measure at each; none twice.
    fn batches_of_scenarios(&self, scorer: &impl Scorer) -> Vec<(usize, Vec<Scenario>)> {
        let mut all: Vec<(usize, Vec<Scenario>)> = Vec::new();
        for asked in &self.plan.batches {
            for scenario in self.plan.scenarios.iter().filter(|scenario| **scenario != Scenario::Offline) {
                let batch = scenario.batch(*asked, scorer.fixed_batch());
                match all.iter_mut().find(|(known, _)| *known == batch) {
                    Some((_, scenarios)) if scenarios.contains(scenario) => {}
                    Some((_, scenarios)) => scenarios.push(*scenario),
                    None => all.push((batch, vec![*scenario])),
                }
            }
        }
        all
    }

    fn pixels(&self, batch: usize) -> Vec<u8> {
        let mut pixels = Vec::with_capacity(batch * TILE_BYTES);
        self.tiles.iter().cycle().take(batch).for_each(|tile| pixels.extend_from_slice(tile.pixels()));
        pixels
    }
}

/// Offline scorers for a number of threads, and the threads of each. A remainder is left idle, and is not in the report.
fn shares(threads: usize, most_scorers: usize) -> (usize, usize) {
    let count = most_scorers.clamp(1, threads);
    (count, threads / count)
}

/// Each number once, in the order of its first place.
fn distinct(numbers: &[usize]) -> Vec<usize> {
    let is_first = |(at, number): &(usize, &usize)| !numbers[..*at].contains(number);
    numbers.iter().enumerate().filter(is_first).map(|(_, number)| *number).collect()
}

/// The batches that make up one query: one, or a multi-stream query in parts.
fn runs(scenario: Scenario, batch: usize, fixed: bool) -> Vec<usize> {
    if scenario != Scenario::MultiStream {
        return vec![batch];
    }
    // A graph with a fixed batch runs whole ones, so that the last may be more than the query needs.
    let part = |first: usize| if fixed { batch } else { batch.min(MULTI_STREAM_TILES - first) };
    (0..MULTI_STREAM_TILES).step_by(batch).map(part).collect()
}

fn step(provider: &str, precision: &str, scenario: Scenario, batch: usize, threads: usize) -> String {
    format!("{provider} {precision} {scenario}, batch {batch}, {threads} threads")
}

fn first_inference(scorer: &mut impl Scorer, pixels: &[u8], batch: usize) -> Result<f64> {
    let started = Instant::now();
    scorer.run(pixels, batch)?;
    Ok(started.elapsed().as_secs_f64() * 1_000.0)
}

fn check(plan: &Plan, tiles: &[Tile]) -> Result<()> {
    for (name, values) in [("batches", &plan.batches), ("threads", &plan.threads)] {
        if values.is_empty() || values.contains(&0) {
            return Err(wrong(name, "at least one number is needed, each at least 1"));
        }
    }
    if plan.scenarios.is_empty() {
        return Err(wrong("scenarios", "at least one is needed"));
    }
    if plan.qps.is_some_and(|qps| !(qps > 0.0 && qps.is_finite())) {
        return Err(wrong("qps", "a number above 0 is needed"));
    }
    if !(plan.bound_ms > 0.0 && plan.bound_ms.is_finite()) {
        return Err(wrong("bound_ms", "a number above 0 is needed"));
    }
    if tiles.is_empty() { Err(wrong("tiles", "at least one is needed")) } else { Ok(()) }
}

fn wrong(option: &'static str, reason: &'static str) -> Error {
    Error::Option { option, reason }
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

    impl Scorer for Sleeps {
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
        Plan { batches: batches.to_vec(), threads: threads.to_vec(), window, ..Plan::default() }
    }

    fn report(fixed: Option<usize>, plan: &Plan, skipped: &[(String, String)]) -> Result<Report> {
        let tiles = [Tile::from_pixels(vec![7; TILE_BYTES]).unwrap()];
        let mut open = |threads: usize| {
            let load_ms = 10.0 + threads as f64;
            Ok(Opened { scorer: Sleeps(fixed), load_ms, engine_build_ms: None, skipped: skipped.to_vec() })
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
        assert!(
            report.reasons.iter().any(
                |reason| reason.starts_with("cpu fp32 single_stream, batch 1, 2 threads: it fell back from `cuda`")
            )
        );
    }

    #[test]
    fn an_empty_plan_is_refused() {
        for (batches, threads) in [(&[][..], &[1][..]), (&[0], &[1]), (&[1], &[])] {
            assert!(report(None, &plan(batches, threads), &[]).is_err());
        }
    }

    #[test]
    fn a_multi_stream_query_is_eight_tiles_in_parts_of_the_batch() {
        let parts = |batch, fixed| runs(Scenario::MultiStream, batch, fixed);
        assert_eq!(parts(1, false), [1; 8]);
        assert_eq!(parts(3, false), [3, 3, 2]);
        assert_eq!(parts(16, false), [8]);
        assert_eq!(parts(3, true), [3, 3, 3]);
        assert_eq!(runs(Scenario::Offline, 3, false), [3]);
    }

    #[test]
    fn figures_are_of_the_batch_the_threads_and_the_tiles_that_ran() {
        let figures = |fixed, batches: &[usize], scenario| {
            let plan = Plan { scenarios: vec![scenario], offline_scorers: 4, ..plan(batches, &[7]) };
            let report = report(fixed, &plan, &[]).unwrap();
            let tiles = |result: &Measurement| result.tiles_per_s * result.seconds / result.queries as f64;
            let one = |result: &Measurement| (result.batch, result.threads, tiles(result).round() as usize);
            report.results.iter().map(one).collect::<Vec<_>>()
        };
        assert_eq!(figures(None, &[1, 8, 16], Scenario::MultiStream), [(1, 7, 8), (8, 7, 8)]);
        assert_eq!(figures(Some(5), &[1], Scenario::MultiStream), [(5, 7, 8)], "padding is no throughput");
        assert_eq!(figures(None, &[2], Scenario::Offline), [(2, 4, 2)], "four sessions of one thread each");
    }

    #[test]
    fn a_measurement_is_made_once() {
        let scenarios = vec![Scenario::SingleStream, Scenario::Offline, Scenario::MultiStream, Scenario::Offline];
        let plan = Plan { scenarios, offline_scorers: 4, ..plan(&[8, 16, 8], &[5, 6, 5]) };
        for (fixed, expected) in [(None, 2 * 3 + 2), (Some(3), 2 * 2 + 1)] {
            let names: Vec<_> = report(fixed, &plan, &[]).unwrap().results.iter().map(Measurement::name).collect();
            let distinct: std::collections::BTreeSet<_> = names.iter().collect();
            assert_eq!((names.len(), distinct.len()), (expected, expected), "{names:?}");
        }
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        for number in [f64::NAN, f64::INFINITY, 0.0, -1.0] {
            assert!(report(None, &Plan { qps: Some(number), ..plan(&[1], &[1]) }, &[]).is_err(), "{number}");
            assert!(report(None, &Plan { bound_ms: number, ..plan(&[1], &[1]) }, &[]).is_err(), "{number}");
        }
    }

    #[test]
    fn every_scenario_counts_the_tiles_that_it_ran() {
        let scenarios = Scenario::ALL.map(|(_, scenario)| scenario).to_vec();
        let window = plan(&[1], &[1]).window;
        let plan = Plan {
            batches: vec![2],
            threads: vec![2],
            scenarios,
            window,
            qps: Some(200.0),
            bound_ms: 1_000.0,
            offline_scorers: 2,
            ..Plan::default()
        };
        let report = report(None, &plan, &[]).unwrap();
        let tiles_a_query =
            |result: &Measurement| (result.tiles_per_s * result.seconds / result.queries as f64).round();
        let found: Vec<_> = report
            .results
            .iter()
            .map(|result| (result.scenario, tiles_a_query(result) as usize, result.scorers, result.qps))
            .collect();
        let expected = [
            (Scenario::SingleStream, 2, 1, None),
            (Scenario::MultiStream, 8, 1, None),
            (Scenario::Server, 2, 1, Some(200.0)),
            (Scenario::Offline, 2, 2, None),
        ];
        assert_eq!(found, expected);
        let stages = report.results[0].stages.unwrap();
        assert!(stages.decode_ms > 0.0 && stages.compute_ms >= 0.5 && stages.transfer_ms == 0.0, "{stages:?}");
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
