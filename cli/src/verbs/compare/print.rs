//! The report of a comparison as text.

use kiln_compare::{Compared, Decisions, OutputDifference, PairReport};
use kiln_files::text::escaped;

use crate::output::Output;

/// Tiles that are named for an output or the decisions.
const NAMED: usize = 3;

pub(super) fn print(compared: &Compared, sides: usize, out: &Output) {
    let report = &compared.report;
    out.line(format_args!("reference  {}", escaped(&report.reference.facts.label)));
    for pair in &report.comparisons {
        print_pair(pair, out);
    }
    if report.comparisons.len() > 1 {
        out.line("");
        matrix(&report.comparisons, out);
    }
    for tile in report.tiles.failed.iter().take(20) {
        out.note(format_args!("{}: {}", escaped(&tile.path), tile.status));
    }
    let failed = match report.tiles.failed.len() {
        0 => String::new(),
        n => format!("; {n} tiles could not be read"),
    };
    let sides = if sides == 1 { "1 side".to_owned() } else { format!("{sides} sides") };
    out.line(format_args!("{} tiles ({}), {sides}{failed}", report.tiles.count, escaped(&report.tiles.source)));
    if !report.comparisons.is_empty() {
        out.line(if report.passed { "PASSED" } else { "FAILED" });
    }
}

fn print_pair(pair: &PairReport, out: &Output) {
    out.line(format_args!("\ncandidate  {}", escaped(&pair.candidate.facts.label)));
    if let Some(error) = &pair.error {
        out.line(format_args!("  did not answer: {}", escaped(error)));
        return;
    }
    out.line(
        "output                 max abs   mean abs        p99    max rel   ULP p99     cosine  SNR dB   outside  tolerance",
    );
    for output in &pair.outputs {
        print_output(output, out);
    }
    if let Some(decisions) = &pair.decisions {
        print_decisions(decisions, out);
    }
    for finding in &pair.findings {
        out.line(format_args!("finding    {}", escaped(&finding.text)));
    }
}

fn print_output(output: &OutputDifference, out: &Output) {
    let verdict = if output.passed { "ok" } else { "MISS" };
    let snr = output.snr_db.map_or_else(|| "-".to_owned(), |snr| format!("{snr:.1}"));
    out.line(format_args!(
        "{:<20}  {:>8.2e}   {:>8.2e}   {:>8.2e}   {:>8.2e}  {:>8.0}  {:>9.7}  {snr:>6}  {:>7.3}%   {:>8.1e}  {verdict}",
        escaped(&output.name),
        output.max_abs,
        output.mean_abs,
        output.quantiles.p99,
        output.max_rel,
        output.ulp_p99,
        output.cosine,
        100.0 * output.outside_share,
        output.tolerance,
    ));
    if output.passed {
        return;
    }
    if let Some(problem) = &output.problem {
        out.line(format_args!("  {}", escaped(problem)));
    }
    for tile in output.worst.iter().take(NAMED) {
        let at = if tile.at.is_empty() { String::new() } else { format!(" at {:?}", tile.at) };
        out.line(format_args!("  {}: {:.2e}{at}", escaped(&tile.path), tile.max_abs));
    }
}

fn print_decisions(decisions: &Decisions, out: &Output) {
    let verdict = if decisions.passed { "ok" } else { "MISS" };
    out.line(format_args!(
        "decisions  {} of {} flip: {} to anomalous, {} to normal; {} class changes  {verdict}",
        decisions.flips, decisions.tiles, decisions.to_anomalous, decisions.to_normal, decisions.class_changes
    ));
    if let Some(problem) = decisions.problem.as_ref().filter(|_| decisions.flips == 0) {
        out.line(format_args!("  {}", escaped(problem)));
    }
    for flip in decisions.flipped.iter().take(NAMED) {
        out.line(format_args!(
            "  {}: score {:.4} and {:.4}, margins {:+.4} and {:+.4}",
            escaped(&flip.path),
            flip.reference,
            flip.candidate,
            flip.reference_margin,
            flip.candidate_margin
        ));
    }
    if let Some(auroc) = &decisions.auroc {
        let difference = &auroc.difference;
        out.line(format_args!(
            "AUROC      {:.4} and {:.4}, difference {:+.4} [{:+.4}, {:+.4}] on {} labelled tiles",
            auroc.reference, auroc.candidate, difference.value, difference.low, difference.high, decisions.labelled
        ));
    }
    if let Some(calibration) = &decisions.calibration {
        out.line(format_args!("ECE        {:.4} and {:.4}", calibration.reference, calibration.candidate));
    }
}

fn matrix(pairs: &[PairReport], out: &Output) {
    out.line("candidate                          verdict         score     flips     AUROC   answering");
    for pair in pairs {
        let verdict = match (pair.passed, &pair.error) {
            (true, _) => "passed",
            (false, Some(_)) => "did not run",
            (false, None) => "FAILED",
        };
        let score = pair.outputs.iter().find(|output| output.name == "score");
        let dash = || "-".to_owned();
        let decisions = pair.decisions.as_ref();
        out.line(format_args!(
            "{:<34} {verdict:<12} {:>8}  {:>8}  {:>8}  {:>10}",
            escaped(&pair.candidate.facts.label),
            score.map_or_else(dash, |output| format!("{:.1e}", output.max_abs)),
            decisions.map_or_else(dash, |decisions| decisions.flips.to_string()),
            decisions
                .and_then(|decisions| decisions.auroc)
                .map_or_else(dash, |auroc| format!("{:+.4}", auroc.difference.value)),
            pair.candidate.answer_seconds.map_or_else(dash, |seconds| format!("{seconds:.1} s")),
        ));
    }
}
