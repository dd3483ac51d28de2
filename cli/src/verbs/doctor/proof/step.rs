//! The steps of a provider, with their figures. The field names are part of `report.json`: see docs/gpu.md.

use std::collections::BTreeMap;
use std::fmt;

use kiln_files::Fault;
use kiln_runtime::library::ProviderDevice;
use serde::{Deserialize, Serialize};

use super::super::opening::Opening;

/// A step, in the order in which a provider takes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Name {
    /// A library with the provider is on this machine.
    Installed,
    /// The library loads.
    Loads,
    /// A graph of one node runs on the provider.
    Runs,
    /// The devices that ONNX Runtime lists.
    Devices,
    /// The bundle's graph opens on the provider alone.
    Session,
    /// It opens again in a new process, from the cached engine.
    SecondStart,
    /// The EP-context model is written, and opens in a new process.
    Context,
    /// The golden outputs.
    Parity,
    /// Latency of single queries.
    Latency,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Installed => "installed",
            Self::Loads => "loads",
            Self::Runs => "runs",
            Self::Devices => "devices",
            Self::Session => "session",
            Self::SecondStart => "second_start",
            Self::Context => "context",
            Self::Parity => "parity",
            Self::Latency => "latency",
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    Ok,
    Failed,
    Skipped,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        })
    }
}

/// The figures of a step.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Figures {
    Library { library: String, onnxruntime: Option<String>, wheel: Option<&'static str> },
    Devices { devices: Vec<ProviderDevice> },
    Opening(Opening),
    Context { write_ms: f64, read_ms: f64 },
    Parity { tiles: u64, decisions_changed: u64, max_abs: BTreeMap<String, Option<f64>> },
    Latency { verdict: String, batches: Vec<BatchLatency>, load_ms: f64, first_ms: f64, peak_memory_bytes: Option<u64> },
}

/// One step and its result.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Step {
    pub(super) step: Name,
    pub(super) precision: Option<String>,
    pub(super) status: Status,
    /// The error of a failed step; the cause of a skipped one.
    pub(super) reason: Option<String>,
    /// The earlier step without which this one cannot be taken; `None` if it did not keep this one from being taken.
    pub(super) blocked_by: Option<Name>,
    pub(super) figures: Option<Figures>,
    /// The reason that the provider does not pass; `None` for a step that succeeded or does not apply.
    #[serde(skip)]
    pub(super) fault: Option<Fault>,
}

impl Step {
    fn new(step: Name, status: Status) -> Self {
        Self { step, precision: None, status, reason: None, blocked_by: None, figures: None, fault: None }
    }

    pub(super) fn ok(step: Name, figures: Option<Figures>) -> Self {
        Self { figures, ..Self::new(step, Status::Ok) }
    }

    pub(super) fn failed(step: Name, fault: Fault, reason: String) -> Self {
        Self { reason: Some(reason), fault: Some(fault), ..Self::new(step, Status::Failed) }
    }

    /// A step that does not apply.
    pub(super) fn skipped(step: Name, reason: String) -> Self {
        Self { reason: Some(reason), ..Self::new(step, Status::Skipped) }
    }

    /// A step that cannot be taken because an earlier one did not succeed.
    pub(super) fn blocked(step: Name, earlier: Name) -> Self {
        Self { blocked_by: Some(earlier), ..Self::skipped(step, format!("`{earlier}` did not succeed")) }
    }

    /// The same for a provider that need not be on this machine.
    pub(super) fn into_skipped(self) -> Self {
        Self { status: Status::Skipped, ..self }
    }

    /// A step that had not begun at the time limit.
    pub(super) fn out_of_time(step: Name) -> Self {
        Self { fault: Some(Fault::Check), ..Self::skipped(step, TIME.to_owned()) }
    }

    pub(super) fn with_figures(self, figures: Option<Figures>) -> Self {
        Self { figures, ..self }
    }

    pub(super) fn of(self, precision: Option<&str>) -> Self {
        Self { precision: precision.map(str::to_owned), ..self }
    }

    /// Engines that were built in the step; 0 if it opened no session.
    pub(super) fn engines_built(&self) -> usize {
        match &self.figures {
            Some(Figures::Opening(opening)) => opening.engines_built,
            _ => 0,
        }
    }

    /// The reason, or the figures in words.
    pub(super) fn words(&self) -> String {
        match (&self.reason, &self.figures) {
            (Some(reason), _) => kiln_files::text::one_line(reason).into_owned(),
            (None, Some(figures)) => figures.to_string(),
            (None, None) => String::new(),
        }
    }
}

/// The reason of a step that had not begun at the time limit.
pub(super) const TIME: &str = "the time limit was reached";

/// One provider with its steps.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ProviderProof {
    pub(super) provider: &'static str,
    /// True if the user named it: it must pass.
    pub(super) named: bool,
    pub(super) passed: bool,
    pub(super) steps: Vec<Step>,
}

impl ProviderProof {
    pub(super) fn new(provider: &'static str, named: bool, steps: Vec<Step>) -> Self {
        let passed = steps.iter().all(|step| step.fault.is_none());
        Self { provider, named, passed, steps }
    }

    /// The reason that it does not pass: a failed check rather than anything else, else the first fault.
    pub(super) fn fault(&self) -> Option<Fault> {
        let faults = || self.steps.iter().filter_map(|step| step.fault);
        faults().find(|fault| *fault == Fault::Check).or_else(|| faults().next())
    }

    /// True if outputs were computed and are wrong.
    pub(super) fn misses_parity(&self) -> bool {
        let missed = |step: &Step| step.status == Status::Failed && step.fault == Some(Fault::Check);
        self.steps.iter().any(|step| step.step == Name::Parity && missed(step))
    }

    /// True if a step had not begun at the time limit.
    pub(super) fn is_cut_short(&self) -> bool {
        self.steps.iter().any(|step| step.status == Status::Skipped && step.reason.as_deref() == Some(TIME))
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Library { onnxruntime, wheel, .. } => {
                let version = onnxruntime.as_deref().unwrap_or("of unknown version");
                write!(f, "ONNX Runtime {version} ({})", wheel.unwrap_or("no runtime wheel"))
            }
            Self::Devices { devices } => {
                let names: Vec<_> = devices.iter().map(|one| format!("{} {}", one.vendor, one.kind)).collect();
                f.write_str(names.join(", ").trim())
            }
            Self::Opening(opening) => write!(f, "{opening}"),
            Self::Context { write_ms, read_ms } => write!(f, "written in {write_ms:.0} ms, opened in {read_ms:.0} ms"),
            Self::Parity { tiles, decisions_changed, max_abs } => {
                let outputs = max_abs.iter().map(|(name, max)| match max {
                    Some(max) => format!("{name} {max:.2e}"),
                    None => format!("{name} not finite"),
                });
                let outputs = outputs.collect::<Vec<_>>().join(", ");
                write!(f, "{tiles} tiles, {decisions_changed} decisions changed, largest difference: {outputs}")
            }
            Self::Latency { verdict, batches, peak_memory_bytes, .. } => {
                let figures = batches.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                let peak = peak_memory_bytes.map(|bytes| format!("; peak memory {} MiB", bytes >> 20));
                write!(f, "{verdict}: {figures}{}", peak.unwrap_or_default())
            }
        }
    }
}

/// Latency and throughput at one batch size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct BatchLatency {
    batch: usize,
    threads: usize,
    p50_ms: f64,
    p90_ms: f64,
    p99_ms: f64,
    /// Coefficient of variation of the latencies.
    cv: f64,
    tiles_per_s: f64,
    queries: usize,
    /// Milliseconds to open the session while an engine was built; `None` if none was.
    engine_build_ms: Option<f64>,
}

impl fmt::Display for BatchLatency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { batch, p50_ms, p99_ms, tiles_per_s, .. } = self;
        write!(f, "batch {batch} p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms, {tiles_per_s:.1} tiles/s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(steps: Vec<Step>) -> ProviderProof {
        ProviderProof::new("cuda", true, steps)
    }

    #[test]
    fn a_step_that_does_not_apply_lets_the_provider_pass_and_one_out_of_time_does_not() {
        let good = || vec![Step::ok(Name::Loads, None), Step::skipped(Name::Devices, "none are listed".to_owned())];
        assert!(proof(good()).passed && proof(good()).fault().is_none());
        let cut = proof([good(), vec![Step::out_of_time(Name::Parity)]].concat());
        assert!(!cut.passed && cut.is_cut_short() && !cut.misses_parity());
        assert_eq!(cut.fault(), Some(Fault::Check));
    }

    #[test]
    fn wrong_outputs_are_a_failed_check_and_outrank_what_the_machine_lacks() {
        let steps = vec![
            Step::failed(Name::Context, Fault::Environment, "no space".to_owned()),
            Step::failed(Name::Parity, Fault::Check, "score is over its tolerance".to_owned()).of(Some("fp32")),
        ];
        let wrong = proof(steps);
        assert!(wrong.misses_parity() && wrong.fault() == Some(Fault::Check));
        let lacking = proof(vec![Step::failed(Name::Parity, Fault::Environment, "no driver".to_owned())]);
        assert!(!lacking.misses_parity() && lacking.fault() == Some(Fault::Environment));
    }

    #[test]
    fn a_reason_is_one_line() {
        let step = Step::failed(Name::Runs, Fault::Environment, "it needs a GPU:\n  no driver\n".to_owned());
        assert_eq!(step.words(), "it needs a GPU: no driver");
    }
}
