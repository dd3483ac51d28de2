//! The report of a benchmark. Its field names are part of Kiln's JSON output.

use std::collections::BTreeMap;

use kiln_files::digest::sha256_hex;
use serde::{Deserialize, Serialize};

use super::{Breakdown, Latency, Machine, Scenario};
use crate::bundle::MANIFEST;
use crate::bundle::manifest::FileEntry;
use crate::server_times::ServerTimes;
use crate::{Bundle, Error, Result};

/// Validity of the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// Every measurement kept the rules.
    #[default]
    Valid,
    /// At least one broke a rule; the reasons are in the report.
    Invalid,
}

/// A benchmark with one or several measurements.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Report {
    /// Valid only if every measurement is.
    pub verdict: Verdict,
    /// Reasons why figures must not be used: one sentence each, which begins with the measurement's name.
    pub reasons: Vec<String>,
    /// Warnings, which do not make a figure invalid.
    pub warnings: Vec<String>,
    /// One measurement for each precision, each number of threads and each batch size.
    pub results: Vec<Measurement>,
    /// Milliseconds to load, optimise and place the graph, at the first precision and number of threads.
    pub load_ms: f64,
    /// Milliseconds of the very first inference after that, at the first batch size.
    pub first_ms: f64,
    /// The machine of all measurements.
    #[serde(default)]
    pub machine: Machine,
    /// The model of all measurements; `None` in reports of older releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<MeasuredModel>,
    /// The most memory that the measuring process held, in bytes; of the larger one where there were several.
    #[serde(default)]
    pub peak_memory_bytes: Option<u64>,
}

/// The model of a benchmark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasuredModel {
    /// The bundle's name of the model.
    pub name: String,
    /// Its kind, such as `cnn`.
    pub kind: String,
    /// SHA-256 of the graph of each measured precision. If the graph has weights in other files: of the list of the SHA-256
    /// of all its files.
    pub graphs: BTreeMap<String, String>,
}

impl MeasuredModel {
    /// The model of a bundle, with the graphs of these precisions.
    ///
    /// # Errors
    /// [`Error::Bundle`] if the bundle has no such precision, or its manifest does not list the graph's file.
    pub fn from_bundle(bundle: &Bundle, precisions: &[String]) -> Result<Self> {
        let digest = |precision: &String| {
            let (graph, files) = (&bundle.variant(precision)?.file, bundle.graph_files(precision)?);
            let unlisted = || Error::Bundle {
                path: bundle.path.clone(),
                reason: format!("`files` of {MANIFEST} does not list {graph}, the graph of `{precision}`"),
            };
            Ok((precision.clone(), digest_of(graph, &files).ok_or_else(unlisted)?))
        };
        let model = &bundle.manifest.model;
        let graphs = precisions.iter().map(digest).collect::<Result<_>>()?;
        Ok(Self { name: model.name.clone(), kind: model.kind.clone(), graphs })
    }
}

/// The digest of a graph's files, the graph first: its own, or one of the digests of all files if there are others. `None`
/// if the graph is not the first file.
fn digest_of(graph: &str, files: &[&FileEntry]) -> Option<String> {
    match files {
        [only] if only.path == graph => Some(only.sha256.to_ascii_lowercase()),
        [first, ..] if first.path == graph => {
            let digests: Vec<String> = files.iter().map(|file| file.sha256.to_ascii_lowercase()).collect();
            Some(sha256_hex(digests.join("\n").as_bytes()))
        }
        _ => None,
    }
}

impl Report {
    /// Both as one: VALID if both are.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        if other.verdict == Verdict::Invalid {
            self.verdict = Verdict::Invalid;
        }
        self.reasons.extend(other.reasons);
        self.warnings.extend(other.warnings);
        self.results.extend(other.results);
        self.peak_memory_bytes = self.peak_memory_bytes.max(other.peak_memory_bytes);
        self
    }
}

/// One measurement: one session at one batch size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// The execution provider.
    pub provider: String,
    /// The variant's precision, such as `fp32`.
    pub precision: String,
    /// Arrival pattern of queries.
    pub scenario: Scenario,
    /// Tiles in a batch: in a query, or in each part of a multi-stream query.
    pub batch: usize,
    /// Threads of all scorers together.
    pub threads: usize,
    /// Latency of a query.
    #[serde(flatten)]
    pub latency: Latency,
    /// The ONNX Runtime that ran it, such as `1.31.1`; empty for a server.
    #[serde(default)]
    pub onnxruntime: String,
    /// Scorers side by side.
    #[serde(default = "one", rename = "engines")]
    pub scorers: usize,
    /// Arrival rate in queries a second; server scenario only.
    #[serde(default)]
    pub qps: Option<f64>,
    /// The bound of the 99th percentile, in milliseconds; server scenario only.
    #[serde(default)]
    pub bound_ms: Option<f64>,
    /// Time of one tile by stage.
    #[serde(default)]
    pub stages: Option<Breakdown>,
    /// Medians of twenty blocks in the order of time, in milliseconds; a later run is compared with these.
    #[serde(default)]
    pub blocks_ms: Vec<f64>,
    /// Milliseconds to open the session with building its TensorRT engine; `None` if none was built. `load_ms` is then the
    /// time of a second opening.
    #[serde(default)]
    pub engine_build_ms: Option<f64>,
    /// Engines that were built inside the window, which makes it invalid.
    #[serde(default)]
    pub engines_built: usize,
    /// Tiles a second over the whole window.
    pub tiles_per_s: f64,
    /// Queries in the window.
    pub queries: usize,
    /// Length of the window in seconds.
    pub seconds: f64,
    /// Share of the cores that other processes took during the window, 0 to 1; `None` if the kernel has no such counter.
    pub foreign_share: Option<f64>,
    /// Time of a request on the model servers by step, warm-up included; `None` without a server that has statistics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served: Option<ServerTimes>,
    /// Nodes that each provider ran.
    pub nodes: BTreeMap<String, usize>,
    /// Milliseconds to load this session.
    pub load_ms: f64,
    /// Milliseconds of this session's first inference.
    pub first_ms: f64,
}

fn one() -> usize {
    1
}

impl Measurement {
    /// The measurement's name: provider, precision, scenario, batch, threads.
    #[must_use]
    pub fn name(&self) -> String {
        let Self { provider, precision, scenario, batch, threads, .. } = self;
        format!("{provider} {precision} {scenario}, batch {batch}, {threads} threads")
    }

    /// Returns true if a model server ran it instead of an ONNX Runtime in this process.
    #[must_use]
    pub fn is_served(&self) -> bool {
        self.onnxruntime.is_empty()
    }

    /// The main figure of its scenario, and its unit.
    #[must_use]
    pub fn judged(&self) -> (f64, &'static str) {
        match self.scenario {
            Scenario::SingleStream => (self.latency.p90_ms, "ms p90"),
            Scenario::MultiStream => (self.latency.p99_ms, "ms p99"),
            Scenario::Server => (self.qps.unwrap_or_default(), "queries/s"),
            Scenario::Offline => (self.tiles_per_s, "tiles/s"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) mod tests {
    use super::*;

    pub(in crate::bench) fn measurement() -> Measurement {
        Measurement {
            provider: "cpu".to_owned(),
            precision: "fp32".to_owned(),
            scenario: Scenario::SingleStream,
            batch: 1,
            threads: 2,
            latency: Latency::from_samples(&[1.0, 1.01, 0.99, 1.0]).unwrap(),
            onnxruntime: "1.31.1".to_owned(),
            scorers: 1,
            qps: None,
            bound_ms: None,
            stages: None,
            blocks_ms: vec![1.0, 1.01, 0.99, 1.0],
            engine_build_ms: None,
            engines_built: 0,
            tiles_per_s: 1000.0,
            queries: 500,
            seconds: 5.0,
            foreign_share: Some(0.01),
            served: None,
            nodes: [("cpu".to_owned(), 9)].into(),
            load_ms: 10.0,
            first_ms: 2.0,
        }
    }

    #[test]
    fn the_digest_of_a_graph_is_of_its_weights_too() {
        let file = |path: &str, sha256: &str| FileEntry { path: path.to_owned(), bytes: 1, sha256: sha256.to_owned() };
        let (graph, weights, trained) = (file("model.onnx", "AA"), file("model.data", "bb"), file("model.data", "cc"));
        let digest = |files: &[&FileEntry]| digest_of("model.onnx", files);
        assert_eq!(digest(&[&graph]).unwrap(), "aa");
        assert_ne!(digest(&[&graph, &weights]).unwrap(), digest(&[&graph, &trained]).unwrap());
        assert_eq!((digest(&[]), digest(&[&weights])), (None, None));
    }

    #[test]
    fn two_reports_are_one_and_as_invalid_as_either() {
        let one = Report { results: vec![measurement()], ..Report::default() };
        let two = Report { verdict: Verdict::Invalid, reasons: vec!["r".to_owned()], ..one.clone() };
        let both = one.and(two);
        assert_eq!((both.verdict, both.results.len(), both.reasons.len()), (Verdict::Invalid, 2, 1));
    }

    #[test]
    fn each_scenario_is_judged_by_its_own_figure() {
        let judged = |scenario| Measurement { scenario, qps: Some(7.0), ..measurement() }.judged();
        assert_eq!(judged(Scenario::SingleStream), (1.01, "ms p90"));
        assert_eq!(judged(Scenario::Server), (7.0, "queries/s"));
        assert_eq!(judged(Scenario::Offline), (1000.0, "tiles/s"));
    }

    #[test]
    fn a_report_of_an_older_release_still_reads() {
        let text = r#"{"verdict":"VALID","reasons":[],"warnings":[],"results":[],"load_ms":1.0,"first_ms":2.0}"#;
        assert_eq!(serde_json::from_str::<Report>(text).unwrap().machine, Machine::default());
    }
}
