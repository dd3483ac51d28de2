//! Printing a benchmark.

use kiln_runtime::bench::{Comparison, Measurement, Report, Verdict};
use serde::Serialize;

use crate::output::Output;

/// The JSON document: the report, and its comparison with the baseline.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    report: &'a Report,
    #[serde(skip_serializing_if = "<[Comparison]>::is_empty")]
    baseline: &'a [Comparison],
}

pub(super) fn show(report: &Report, comparisons: &[Comparison], out: &Output) -> anyhow::Result<()> {
    if out.json {
        return out.document(&Document { report, baseline: comparisons });
    }
    print(report, comparisons, out);
    Ok(())
}

fn print(report: &Report, comparisons: &[Comparison], out: &Output) {
    out.line(
        "provider  precision  scenario       batch  threads       judged by    p50 ms    p90 ms    p95 ms    p99 ms  p99.9 ms   \
         tiles/s     cv  nodes",
    );
    for result in &report.results {
        out.line(row(result));
    }
    stages(report, out);
    for warning in &report.warnings {
        out.note(format_args!("warning: {warning}"));
    }
    for comparison in comparisons {
        out.line(compared(comparison));
    }
    match report.verdict {
        Verdict::Valid => out.line("VALID"),
        Verdict::Invalid => out.line(format_args!("INVALID\n  {}", report.reasons.join("\n  "))),
    }
}

fn row(result: &Measurement) -> String {
    let latency = &result.latency;
    let nodes: Vec<_> = result.nodes.iter().map(|(provider, nodes)| format!("{provider}:{nodes}")).collect();
    let (judged, unit) = result.judged();
    format!(
        "{:<8}  {:<9}  {:<13}  {:>5}  {:>7}  {:>14}  {:>8.3}  {:>8.3}  {:>8.3}  {:>8.3}  {:>8.3}  {:>8.1}  {:>4.1}%  {}",
        result.provider,
        result.precision,
        result.scenario,
        result.batch,
        result.threads,
        format!("{judged:.2} {unit}"),
        latency.p50_ms,
        latency.p90_ms,
        latency.p95_ms,
        latency.p99_ms,
        latency.p999_ms,
        result.tiles_per_s,
        100.0 * latency.cv,
        nodes.join(" ")
    )
}

/// Prints the time to open each session, and the time of one tile by stage.
fn stages(report: &Report, out: &Output) {
    let mut printed = Vec::new();
    for result in &report.results {
        // The line is the same for every scenario that ran on one session.
        let session = (&result.provider, &result.precision, result.batch, result.threads, result.scorers);
        if printed.contains(&session) {
            continue;
        }
        printed.push(session);
        let build = result.engine_build_ms.map_or(String::new(), |ms| format!("TensorRT engine build {ms:.0} ms, "));
        let stages = result.stages.map_or(String::new(), |stages| {
            format!(
                "; per tile: decode {:.3}, preprocess {:.3}, transfer {:.3}, compute {:.3} ms",
                stages.decode_ms, stages.preprocess_ms, stages.transfer_ms, stages.compute_ms
            )
        });
        let (provider, precision, batch, threads, scorers) = session;
        let several = if scorers > 1 { format!(" in {scorers} sessions") } else { String::new() };
        out.line(format_args!(
            "{provider} {precision}, batch {batch}, {threads} threads{several}: {build}load {:.1} ms, first inference \
             {:.1} ms{stages}",
            result.load_ms, result.first_ms
        ));
        if let Some(served) = &result.served {
            out.line(served);
        }
    }
    if let Some(bytes) = report.peak_memory_bytes {
        out.line(format_args!("peak memory {} MiB", bytes >> 20));
    }
}

fn compared(comparison: &Comparison) -> String {
    let Comparison { measurement, ratio, low, high, outcome } = comparison;
    match (ratio, low, high) {
        (Some(ratio), Some(low), Some(high)) => {
            format!("{measurement}: {outcome}, {ratio:.3} [{low:.3}, {high:.3}] times the baseline")
        }
        _ => format!("{measurement}: {outcome}"),
    }
}
