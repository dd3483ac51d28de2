//! Numbers and sentences that every form of the report has.

use crate::decisions::{Decisions, Flip};
use crate::difference::OutputDifference;
use crate::report::{PairReport, Report, SideReport};

/// A figure with two significant digits.
pub(super) fn small(value: f64) -> String {
    if value == 0.0 { "0".to_owned() } else { format!("{value:.1e}") }
}

/// A score.
pub(super) fn score(value: f64) -> String {
    if value != 0.0 && !(1e-3..1e5).contains(&value.abs()) { format!("{value:.3e}") } else { format!("{value:.4}") }
}

pub(super) fn percent(share: f64) -> String {
    match share {
        0.0 => "0 %".to_owned(),
        share if share < 1e-4 => format!("{:.1e} %", 100.0 * share),
        share => format!("{:.2} %", 100.0 * share),
    }
}

pub(super) fn verdict(passed: bool) -> &'static str {
    if passed { "passed" } else { "FAILED" }
}

/// Rows of the table of outputs, after [`OUTPUT_COLUMNS`].
pub(super) fn output_row(output: &OutputDifference) -> Vec<String> {
    let quantiles = &output.quantiles;
    vec![
        output.name.clone(),
        if output.passed { "✓" } else { "✗" }.to_owned(),
        small(output.max_abs),
        small(output.mean_abs),
        small(quantiles.p50),
        small(quantiles.p99),
        small(quantiles.p99_9),
        small(output.max_rel),
        output.ulp_max.to_string(),
        format!("{:.0}", output.ulp_p99),
        format!("{:.7}", output.cosine),
        output.snr_db.map_or_else(|| "—".to_owned(), |snr| format!("{snr:.1}")),
        percent(output.outside_share),
        small(output.tolerance),
    ]
}

pub(super) const OUTPUT_COLUMNS: [&str; 14] = [
    "output",
    "",
    "max abs",
    "mean abs",
    "p50",
    "p99",
    "p99.9",
    "max rel",
    "ULP max",
    "ULP p99",
    "cosine",
    "SNR dB",
    "outside",
    "tolerance",
];

/// One line about the decisions.
pub(super) fn decisions_line(decisions: &Decisions) -> String {
    let mut parts = vec![format!(
        "{} of {} decisions flip ({} to anomalous, {} to normal)",
        decisions.flips, decisions.tiles, decisions.to_anomalous, decisions.to_normal
    )];
    if decisions.class_changes > 0 {
        parts.push(format!("{} tiles have another most probable class", decisions.class_changes));
    }
    if decisions.undefined > 0 {
        parts.push(format!("{} scores are not finite", decisions.undefined));
    }
    if let Some(auroc) = &decisions.auroc {
        parts.push(format!(
            "AUROC {:.4} and {:.4}, difference {:+.4} ({:+.4} to {:+.4})",
            auroc.reference, auroc.candidate, auroc.difference.value, auroc.difference.low, auroc.difference.high
        ));
    }
    if let Some(calibration) = &decisions.calibration {
        parts.push(format!("calibration error {:.4} and {:.4}", calibration.reference, calibration.candidate));
    }
    parts.join("; ")
}

/// A row of the table of flipped tiles, after the columns tile, label, score and margin of both sides.
pub(super) fn flip_row(flip: &Flip) -> Vec<String> {
    vec![
        flip.path.clone(),
        flip.label.clone().unwrap_or_default(),
        score(f64::from(flip.reference)),
        score(f64::from(flip.candidate)),
        score(flip.reference_margin),
        score(flip.candidate_margin),
    ]
}

/// The first rows of the table of tiles that could not be read, after the columns tile and reason.
pub(super) fn failed_rows(report: &Report, most: usize) -> Vec<Vec<String>> {
    report.tiles.failed.iter().take(most).map(|tile| vec![tile.path.clone(), tile.status.clone()]).collect()
}

/// One line about a side: precision, provider, versions and machine.
pub(super) fn side_line(side: &SideReport) -> String {
    let facts = &side.facts;
    let mut parts = Vec::new();
    parts.extend(facts.precision.clone());
    parts.extend(facts.provider.clone());
    let nodes = facts.nodes.iter().map(|(provider, nodes)| format!("{nodes} nodes on {provider}"));
    parts.extend(nodes);
    parts.extend(facts.versions.iter().map(|(program, version)| format!("{program} {version}")));
    if let Some(machine) = &facts.machine {
        parts.extend(machine.cpu.clone());
        parts.push(format!("{} cores", machine.cores));
        parts.extend(machine.gpus.clone());
    }
    if facts.saved {
        parts.push("saved answers".to_owned());
    }
    parts.join(", ")
}

/// One line about the whole.
pub(super) fn summary(report: &Report) -> String {
    let failed = report.comparisons.iter().filter(|pair| !pair.passed).count();
    let tiles = format!("{} tiles ({})", report.tiles.count, report.tiles.source);
    match (report.comparisons.len(), failed) {
        (0, _) => format!("No candidate was compared on {tiles}."),
        (1, 0) => format!("The candidate answers as the reference does, on {tiles}."),
        (1, _) => format!("The candidate does not answer as the reference does, on {tiles}."),
        (all, 0) => format!("All {all} candidates answer as the reference does, on {tiles}."),
        (all, 1) => format!("1 of {all} candidates does not answer as the reference does, on {tiles}."),
        (all, failed) => format!("{failed} of {all} candidates do not answer as the reference does, on {tiles}."),
    }
}

/// Rows of the table of candidates, after [`MATRIX_COLUMNS`].
pub(super) fn matrix_row(pair: &PairReport) -> Vec<String> {
    let worst = pair.outputs.iter().max_by(|a, b| over(a).total_cmp(&over(b)));
    let score = pair.outputs.iter().find(|output| output.name == "score");
    let decisions = pair.decisions.as_ref();
    let dash = || "—".to_owned();
    let reason = pair.error.clone().or_else(|| pair.findings.first().map(|finding| finding.text.clone()));
    vec![
        pair.candidate.facts.label.clone(),
        if pair.passed {
            "✓ passed"
        } else if pair.error.is_some() {
            "✗ did not run"
        } else {
            "✗ differs"
        }
        .to_owned(),
        score.map_or_else(dash, |output| small(output.max_abs)),
        worst.map_or_else(dash, |output| format!("{} {}", output.name, small(output.max_abs))),
        worst.map_or_else(dash, |output| output.snr_db.map_or_else(dash, |snr| format!("{snr:.0}"))),
        decisions.map_or_else(dash, |decisions| decisions.flips.to_string()),
        decisions
            .and_then(|decisions| decisions.auroc)
            .map_or_else(dash, |auroc| format!("{:+.4}", auroc.difference.value)),
        pair.candidate.answer_seconds.map_or_else(dash, |seconds| format!("{seconds:.1}")),
        reason.unwrap_or_default(),
    ]
}

pub(super) const MATRIX_COLUMNS: [&str; 9] = [
    "candidate",
    "verdict",
    "score max abs",
    "worst output",
    "SNR dB",
    "flips",
    "AUROC change",
    "answering s",
    "finding",
];

/// The largest difference in units of the tolerance.
fn over(output: &OutputDifference) -> f64 {
    if output.problem.is_some() && output.elements == 0 {
        f64::INFINITY
    } else {
        output.max_abs / output.tolerance.max(1e-12)
    }
}
