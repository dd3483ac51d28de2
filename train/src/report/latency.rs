//! The latency section.

use maud::{Markup, html};
use serde::Deserialize;

use super::html::{table, verdict};

/// Latency of a bundle, with the field names of the benchmark's JSON.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Latency {
    /// `valid` if the measurements are reliable.
    pub verdict: String,
    /// Reasons why they are not.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// One entry per setting.
    pub results: Vec<LatencyResult>,
    /// Time to load the model in milliseconds.
    pub load_ms: Option<f64>,
    /// Time of the first inference in milliseconds.
    pub first_ms: Option<f64>,
}

/// Latency at one setting.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct LatencyResult {
    /// Execution provider.
    pub provider: String,
    /// Precision, such as `fp32`.
    pub precision: String,
    /// Tiles per batch.
    pub batch: u64,
    /// Threads within an operation, if set.
    pub threads: Option<u64>,
    /// Median latency of a batch in milliseconds.
    pub p50_ms: f64,
    /// 90th percentile in milliseconds.
    pub p90_ms: f64,
    /// 95th percentile in milliseconds.
    pub p95_ms: f64,
    /// 99th percentile in milliseconds.
    pub p99_ms: f64,
    /// Tiles per second.
    pub tiles_per_s: f64,
    /// Coefficient of variation of the batch latencies.
    pub cv: Option<f64>,
}

pub(super) fn section(latency: &Latency) -> Markup {
    let rows: Vec<Vec<String>> = latency.results.iter().map(row).collect();
    let words = if latency.reasons.is_empty() {
        format!("Verdict: {}", latency.verdict)
    } else {
        format!("Verdict: {} ({})", latency.verdict, latency.reasons.join("; "))
    };
    html! {
        section {
            h2 { "Latency" }
            (verdict(latency.verdict == "valid", &words))
            (table(
                "Latency of a batch in milliseconds, and throughput",
                &["provider", "precision", "batch", "threads", "p50", "p90", "p95", "p99", "tiles/s", "variation"],
                &rows,
            ))
            @if let (Some(load), Some(first)) = (latency.load_ms, latency.first_ms) {
                p.note { "Loading the model: " (format!("{load:.1}")) " ms; first inference: " (format!("{first:.1}")) " ms." }
            }
        }
    }
}

fn row(result: &LatencyResult) -> Vec<String> {
    let time = |milliseconds: f64| format!("{milliseconds:.2}");
    vec![
        result.provider.clone(),
        result.precision.clone(),
        result.batch.to_string(),
        result.threads.map_or_else(|| "all".to_owned(), |threads| threads.to_string()),
        time(result.p50_ms),
        time(result.p90_ms),
        time(result.p95_ms),
        time(result.p99_ms),
        format!("{:.1}", result.tiles_per_s),
        result.cv.map_or_else(String::new, |cv| format!("{:.1} %", 100.0 * cv)),
    ]
}
