//! A bundle on this machine: every provider that runs here with every precision, batch and number of threads, for half a
//! minute in all, and the best command line.

use std::collections::BTreeMap;

use anyhow::Context as _;
use kiln_files::text::shell_word;
use kiln_runtime::Bundle;
use serde::Serialize;

use super::trial::{self, Ask, Way};
use super::{LibraryReport, places};
use crate::output::Output;

/// The timings of a bundle, and the best of them.
#[derive(Serialize)]
pub(super) struct BundleReport {
    path: String,
    model: String,
    timings: Vec<Timing>,
    /// The line that scores the most tiles a second.
    fastest: Option<String>,
    /// The line that answers for one tile the soonest.
    lowest_latency: Option<String>,
}

/// One provider, precision and number of threads. A hint, not a benchmark.
#[derive(Serialize)]
struct Timing {
    provider: String,
    library: String,
    precision: Option<String>,
    threads: Option<usize>,
    /// The batch at which it is fastest.
    batch: Option<usize>,
    /// Tiles a second there, without decoding.
    tiles_per_s: Option<f64>,
    /// Median latency of one tile in milliseconds.
    p50_ms: Option<f64>,
    nodes: Option<BTreeMap<String, usize>>,
    /// The reason if it does not run the bundle.
    reason: Option<String>,
}

/// Tries each provider that runs, `budget` seconds in all.
pub(super) fn examine(bundle: &Bundle, libraries: &[LibraryReport], budget: f64) -> anyhow::Result<BundleReport> {
    bundle.manifest.variants.first().context("the bundle has no graph")?;
    let places = places(libraries);
    let seconds = budget / places.len().max(1) as f64;
    let mut timings = Vec::new();
    for (library, provider) in places {
        let ask = Ask::Tune { provider: provider.to_owned(), bundle: bundle.path.clone(), seconds };
        let ways = trial::ask::<Vec<Way>>(library.path.as_ref(), &ask)?;
        timings.extend(timings_of(provider, &library.path, ways));
    }
    let most = |figure: fn(&Timing) -> Option<f64>| {
        let ran = timings.iter().filter(|timing| figure(timing).is_some());
        ran.max_by(|a, b| figure(a).unwrap_or(f64::MIN).total_cmp(&figure(b).unwrap_or(f64::MIN)))
    };
    let fastest = most(|timing| timing.tiles_per_s).and_then(|best| line(bundle, best, libraries, best.batch?));
    let lowest_latency = most(|timing| timing.p50_ms.map(|ms| -ms)).and_then(|best| line(bundle, best, libraries, 1));
    let path = bundle.path.display().to_string();
    let model = format!("{} `{}`", bundle.manifest.model.kind, bundle.manifest.model.name);
    Ok(BundleReport { path, model, timings, fastest, lowest_latency })
}

fn timings_of(provider: &str, library: &str, ways: Result<Vec<Way>, String>) -> Vec<Timing> {
    let timing = |way: Option<Way>, reason| {
        let (provider, library) = (provider.to_owned(), library.to_owned());
        let none = Timing {
            provider,
            library,
            precision: None,
            threads: None,
            batch: None,
            tiles_per_s: None,
            p50_ms: None,
            nodes: None,
            reason,
        };
        match way {
            Some(way) => Timing {
                precision: Some(way.precision),
                threads: Some(way.threads),
                batch: Some(way.batch),
                tiles_per_s: Some(way.tiles_per_s),
                p50_ms: Some(way.p50_ms),
                nodes: Some(way.nodes),
                ..none
            },
            None => none,
        }
    };
    match ways {
        Ok(ways) => ways.into_iter().map(|way| timing(Some(way), None)).collect(),
        Err(reason) => vec![timing(None, Some(reason))],
    }
}

/// The command line. A cached library is found by the provider's name; any other has to be named.
fn line(bundle: &Bundle, best: &Timing, libraries: &[LibraryReport], batch: usize) -> Option<String> {
    let library = libraries.iter().find(|library| library.path == best.library);
    let cached = library.is_some_and(|library| library.package.is_some());
    let named = if cached { String::new() } else { format!("--onnxruntime {} ", shell_word(&best.library)) };
    let (precision, threads) = (best.precision.as_ref()?, best.threads?);
    Some(format!(
        "kiln {named}score {} --provider {} --precision {precision} --batch {batch} --threads {threads} TILES",
        shell_word(&bundle.path.to_string_lossy()),
        shell_word(&best.provider)
    ))
}

pub(super) fn print(bundle: &BundleReport, out: &Output) {
    out.line(format_args!("\nbundle {}: {}", bundle.path, bundle.model));
    out.line("  provider   precision  threads   one tile   best batch   tiles/s  nodes");
    for timing in &bundle.timings {
        out.line(row(timing));
    }
    if let Some(fastest) = &bundle.fastest {
        out.line(format_args!("most tiles a second here:\n  {fastest}"));
    }
    if let Some(soonest) = bundle.lowest_latency.as_ref().filter(|line| bundle.fastest.as_ref() != Some(*line)) {
        out.line(format_args!("soonest answer for one tile here:\n  {soonest}"));
    }
}

fn row(timing: &Timing) -> String {
    let Some((precision, threads)) = timing.precision.as_ref().zip(timing.threads) else {
        let reason = timing.reason.as_deref().unwrap_or("no reason was given");
        return format!("  {:<9}  does not run it: {reason}", timing.provider);
    };
    let nodes = timing.nodes.iter().flatten().map(|(provider, n)| format!("{n} on {provider}"));
    format!(
        "  {:<9}  {precision:<9}  {threads:>7}  {:>6.2} ms  {:>11}  {:>8.0}  {}",
        timing.provider,
        timing.p50_ms.unwrap_or_default(),
        timing.batch.unwrap_or_default(),
        timing.tiles_per_s.unwrap_or_default(),
        nodes.collect::<Vec<_>>().join(", ")
    )
}
