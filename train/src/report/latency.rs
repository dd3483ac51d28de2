//! The latency section, from the names that `kiln bench --json` keeps.

use maud::{Markup, html};
use serde::Deserialize;

use super::page::{table, verdict};

/// How fast a bundle is. Reads `kiln bench --json`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Latency {
    /// `valid` where the figures can be trusted.
    pub verdict: String,
    /// Why they cannot.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// One entry a measured setting.
    pub results: Vec<LatencyResult>,
    /// Loading the model, in milliseconds.
    pub load_ms: Option<f64>,
    /// The first inference, in milliseconds.
    pub first_ms: Option<f64>,
}

/// Latency at one setting.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct LatencyResult {
    /// The provider that ran.
    pub provider: String,
    /// `fp32` and the like.
    pub precision: String,
    /// Tiles a batch.
    pub batch: u64,
    /// Threads inside an operation, where they were set.
    pub threads: Option<u64>,
    /// Median latency of a batch in milliseconds.
    pub p50_ms: f64,
    /// 90th percentile in milliseconds.
    pub p90_ms: f64,
    /// 95th percentile in milliseconds.
    pub p95_ms: f64,
    /// 99th percentile in milliseconds.
    pub p99_ms: f64,
    /// Tiles a second.
    pub tiles_per_s: f64,
    /// Standard deviation over mean of the batches' latencies.
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
