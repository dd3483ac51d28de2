//! The checks of a report that are verbs of their own, `kiln verify` and `kiln bench`: run in child processes, with their
//! documents read back. Verdicts and tolerances are those of the verbs.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use kiln_files::Fault;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::child::{self, Ended};
use super::step::{BatchLatency, Figures, Name, Step};
use crate::verbs::again::again;

/// One command and its result.
#[derive(Serialize)]
pub(super) struct Check {
    command: String,
    /// `None` if it was ended at its time limit, or by a signal.
    exit: Option<i32>,
    /// The document that it printed; none if it printed none.
    said: Option<Value>,
    /// Its text on stderr, and on the last line how it was ended if it did not end by itself.
    remarks: String,
}

impl Check {
    /// Runs a verb with this library, for at most `patience`.
    pub(super) fn run(library: &Path, arguments: &[String], patience: Duration) -> anyhow::Result<Self> {
        let mut command = again(Some(library), "warn")?;
        let ended = child::run(command.args(arguments), patience).context("cannot run this program again")?;
        let Ended { status, stdout, stderr } = ended;
        let exit = status.and_then(|status| status.code());
        let end = match status {
            None => Some(format!("it was ended after {} seconds", patience.as_secs())),
            Some(status) if exit.is_none() => Some(format!("its process was ended by {status}")),
            Some(_) => None,
        };
        let lines = stderr.lines().map(str::to_owned).chain(end).collect::<Vec<_>>();
        let said = serde_json::from_str(&stdout).ok();
        Ok(Self { command: arguments.join(" "), exit, said, remarks: lines.join("\n").trim().to_owned() })
    }

    /// The step of `kiln verify`.
    pub(super) fn parity(&self) -> Step {
        let Some(verified) = self.document::<Verified>() else { return self.error(Name::Parity) };
        let (passed, reason) = (verified.passed, verified.reason());
        self.verdict(Name::Parity, passed, reason, verified.into_figures())
    }

    /// The step of `kiln bench`.
    pub(super) fn latency(&self) -> Step {
        let Some(measured) = self.document::<Measured>() else { return self.error(Name::Latency) };
        let Measured { verdict, reasons, results, load_ms, first_ms, peak_memory_bytes } = measured;
        let (is_valid, reason) = (verdict == "VALID", format!("{verdict}: {}", reasons.join("; ")));
        let figures = Figures::Latency { verdict, batches: results, load_ms, first_ms, peak_memory_bytes };
        self.verdict(Name::Latency, is_valid, reason, figures)
    }

    /// A verb that printed a document. One that succeeded and then crashed or hung, as drivers do while they are unloaded, has
    /// failed too.
    fn verdict(&self, step: Name, passed: bool, reason: String, figures: Figures) -> Step {
        let verdict = match (passed, self.exit) {
            (true, Some(0)) => return Step::ok(step, Some(figures)),
            (true, _) => self.error(step),
            (false, _) => Step::failed(step, Fault::Check, reason),
        };
        verdict.with_figures(Some(figures))
    }

    fn document<T: DeserializeOwned>(&self) -> Option<T> {
        T::deserialize(self.said.as_ref()?).ok()
    }

    /// A verb that ended without a document, or badly after it.
    fn error(&self, step: Name) -> Step {
        let fault = match self.exit {
            Some(1) => Fault::Check,
            Some(2) => Fault::Input,
            _ => Fault::Environment,
        };
        let error = self.remarks.lines().find_map(|line| line.strip_prefix("error: "));
        let last = self.remarks.lines().next_back().filter(|line| !line.is_empty());
        let reason = match self.exit {
            Some(exit) => error.or(last).map_or_else(|| format!("it ended with exit status {exit}"), str::to_owned),
            None => last.unwrap_or("its process did not end by itself").to_owned(),
        };
        Step::failed(step, fault, reason)
    }
}

/// The part of the document of `kiln verify --json` that a report quotes. A figure that is not finite is null there.
#[derive(Deserialize)]
struct Verified {
    passed: bool,
    tiles: u64,
    decisions_changed: u64,
    outputs: Vec<VerifiedOutput>,
}

#[derive(Deserialize)]
struct VerifiedOutput {
    name: String,
    passed: bool,
    max_abs: Option<f64>,
    problem: Option<String>,
}

impl Verified {
    /// The outputs and decisions that missed.
    fn reason(&self) -> String {
        let missed = self.outputs.iter().filter(|output| !output.passed);
        let outputs = missed.map(|output| match &output.problem {
            Some(problem) => format!("{}: {problem}", output.name),
            None => format!("{} is over its tolerance", output.name),
        });
        let decisions = (self.decisions_changed > 0).then(|| format!("{} decisions changed", self.decisions_changed));
        let reasons: Vec<_> = outputs.chain(decisions).collect();
        match reasons.as_slice() {
            [] => "stain normalisation before the graph differs from training".to_owned(),
            reasons => reasons.join("; "),
        }
    }

    fn into_figures(self) -> Figures {
        let max_abs: BTreeMap<_, _> = self.outputs.into_iter().map(|output| (output.name, output.max_abs)).collect();
        Figures::Parity { tiles: self.tiles, decisions_changed: self.decisions_changed, max_abs }
    }
}

/// The part of the document of `kiln bench --json` that a report quotes.
#[derive(Deserialize)]
struct Measured {
    verdict: String,
    reasons: Vec<String>,
    results: Vec<BatchLatency>,
    load_ms: f64,
    first_ms: f64,
    peak_memory_bytes: Option<u64>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::step::Status;
    use super::*;

    fn check(exit: Option<i32>, said: Option<Value>, remarks: &str) -> Check {
        Check { command: "verify bundle".to_owned(), exit, said, remarks: remarks.to_owned() }
    }

    fn verified(passed: bool, max_abs: &Value) -> Value {
        let output = json!({ "name": "score", "passed": passed, "max_abs": max_abs, "problem": null, "cosine": 1.0 });
        json!({ "passed": passed, "tiles": 8, "decisions_changed": 0, "outputs": [output], "nodes": { "cpu": 9 } })
    }

    #[test]
    fn parity_is_the_verdict_of_verify() {
        let good = check(Some(0), Some(verified(true, &json!(1e-7))), "").parity();
        assert_eq!((good.status, good.fault), (Status::Ok, None));
        assert!(good.words().contains("8 tiles") && good.words().contains("score 1.00e-7"), "{}", good.words());
        let miss = check(Some(1), Some(verified(false, &Value::Null)), "").parity();
        assert_eq!((miss.status, miss.fault), (Status::Failed, Some(Fault::Check)));
        assert_eq!(miss.words(), "score is over its tolerance");
        let crash = "its process was ended by signal: 11 (SIGSEGV)";
        let late = check(None, Some(verified(true, &json!(1e-7))), crash).parity();
        assert_eq!((late.status, late.fault, late.words().as_str()), (Status::Failed, Some(Fault::Environment), crash));
    }

    #[test]
    fn a_verb_without_a_document_is_its_error() {
        let said = "some warning\nerror: provider `cuda` was asked for, but\nhint: `kiln doctor` lists";
        let lacking = check(Some(3), None, said).parity();
        assert_eq!((lacking.status, lacking.fault), (Status::Failed, Some(Fault::Environment)));
        assert_eq!(lacking.words(), "provider `cuda` was asked for, but");
        let ended = check(None, None, "error: of a library\nit was ended after 120 seconds").latency();
        assert_eq!((ended.fault, ended.words().as_str()), (Some(Fault::Environment), "it was ended after 120 seconds"));
        assert_eq!(check(Some(101), None, "").latency().words(), "it ended with exit status 101");
    }

    #[test]
    fn a_figure_that_is_not_valid_is_a_failed_check_with_its_reasons() {
        let result = json!({
            "batch": 1, "threads": 2, "p50_ms": 1.5, "p90_ms": 1.6, "p99_ms": 2.0, "cv": 0.01, "tiles_per_s": 600.0,
            "queries": 900, "provider": "cpu"
        });
        let report = |verdict: &str, reasons: &[&str]| json!({ "verdict": verdict, "reasons": reasons, "results": [result], "load_ms": 9.0, "first_ms": 2.0 });
        let valid = check(Some(0), Some(report("VALID", &[])), "").latency();
        assert_eq!((valid.status, valid.fault), (Status::Ok, None));
        assert!(valid.words().contains("batch 1 p50 1.50 ms"), "{}", valid.words());
        let busy = check(Some(1), Some(report("INVALID", &["not steady"])), "").latency();
        assert_eq!((busy.status, busy.words()), (Status::Failed, "INVALID: not steady".to_owned()));
        assert!(busy.figures.is_some());
    }
}
