//! What a bench run says. Field names are those of `kiln bench --json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Latency, Scenario};

/// Whether the figures may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// Every measurement held to the rules.
    Valid,
    /// At least one did not, for the reasons given.
    Invalid,
}

/// A whole bench run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Whether all of the figures may be used.
    pub verdict: Verdict,
    /// Why not: one sentence each, beginning with the measurement meant.
    pub reasons: Vec<String>,
    /// What should be known and does not make a figure unusable.
    pub warnings: Vec<String>,
    /// One measurement for each precision, each number of threads and each batch size.
    pub results: Vec<Measurement>,
    /// Milliseconds to load, optimise and place the graph, at the first precision and number of threads.
    pub load_ms: f64,
    /// Milliseconds of the very first inference after that, at the first batch size.
    pub first_ms: f64,
}

impl Report {
    /// Both as one: VALID if both are. What is said of the second graph begins with its precision.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        let precision = other.results.first().map_or("", |result| result.precision.as_str()).to_owned();
        let named =
            |words: Vec<String>| words.into_iter().map(|words| format!("{precision}, {words}")).collect::<Vec<_>>();
        if other.verdict == Verdict::Invalid {
            self.verdict = Verdict::Invalid;
        }
        self.reasons.extend(named(other.reasons));
        self.warnings.extend(named(other.warnings));
        self.results.extend(other.results);
        self
    }
}

/// One measurement: one session at one batch size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// The provider that ran it.
    pub provider: String,
    /// The variant's precision, such as `fp32`.
    pub precision: String,
    /// How queries arrived.
    pub scenario: Scenario,
    /// Tiles in a query.
    pub batch: usize,
    /// Threads within an operator.
    pub threads: usize,
    /// Latency of a query.
    #[serde(flatten)]
    pub latency: Latency,
    /// Tiles a second over the whole window.
    pub tiles_per_s: f64,
    /// Queries in the window.
    pub queries: usize,
    /// Length of the window in seconds.
    pub seconds: f64,
    /// Share of the cores that other processes took during the window, 0 to 1; `None` where the kernel does not tell.
    pub foreign_share: Option<f64>,
    /// Nodes that each provider ran.
    pub nodes: BTreeMap<String, usize>,
    /// Milliseconds to load this session.
    pub load_ms: f64,
    /// Milliseconds of this session's first inference.
    pub first_ms: f64,
}
