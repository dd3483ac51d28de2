//! The figures on stdout, as lines or as JSON.

use std::path::Path;

use kiln_train::data::LabelCount;
use kiln_train::metrics::{Failures, Interval, Metrics};
use serde::Serialize;

use super::subject::Subject;
use super::{Args, subgroups};
use crate::output::Output;
use crate::verbs::interval::interval;

/// The JSON document: `metrics.json`, and the subject of the measurement.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(serialize_with = "kiln_files::text::lossy")]
    subject: &'a Path,
    #[serde(serialize_with = "kiln_files::text::lossy")]
    data: &'a Path,
    split: &'static str,
    failed: usize,
    labels: &'a [LabelCount],
    #[serde(flatten)]
    metrics: &'a Metrics,
}

/// Prints the figures.
pub(super) fn show(args: &Args, subject: &Subject, metrics: &Metrics, out: &Output) -> anyhow::Result<()> {
    if out.json {
        return out.document(&Document {
            subject: &args.subject,
            data: &subject.dataset.root,
            split: subject.part.name(),
            failed: subject.failed,
            labels: &subject.labels,
            metrics,
        });
    }
    let normal = metrics.n - metrics.anomalous;
    out.line(format_args!(
        "{} tiles of {} groups, {} anomalous and {normal} normal; 95 % intervals over groups",
        metrics.n, metrics.groups, metrics.anomalous
    ));
    show_ranking(metrics, out);
    show_decisions(metrics, out);
    if let Some(failures) = &metrics.failures {
        show_failures(failures, out);
    }
    metrics.subgroups.iter().for_each(|found| subgroups::show(found, out));
    for caution in [&metrics.caution, &metrics.intervals.caution].into_iter().flatten() {
        out.line(format_args!("caution      {caution}"));
    }
    if let Some(folder) = &args.out {
        out.line(format_args!("report       {}", folder.join("report.html").display()));
    }
    Ok(())
}

/// One line: a figure, and a remark.
fn row(name: &str, figure: Interval, remark: &str, out: &Output) {
    out.line(format!("{name:<12} {}  {remark}", interval(figure)).trim_end());
}

/// Prints the figures that need no threshold, and the baselines.
fn show_ranking(metrics: &Metrics, out: &Output) {
    row("AUROC", metrics.auroc, "", out);
    let baseline = &metrics.baseline;
    for (name, figure, remark) in [
        ("  by colour", baseline.colour_auroc, "colour statistics alone, on the same tiles"),
        ("  normal only", baseline.neighbours_auroc, "distance to normal tiles by colour histograms"),
        ("  gain", baseline.gain, "over colour alone"),
    ] {
        if let Some(figure) = figure {
            row(name, figure, remark, out);
        }
    }
    row("AUPR", metrics.aupr, "", out);
}

/// Prints the figures at the threshold, and those of probabilities and reconstructions.
fn show_decisions(metrics: &Metrics, out: &Output) {
    row("accuracy", metrics.accuracy, &format!("at threshold {:.6}", metrics.threshold), out);
    row("precision", metrics.precision, "", out);
    row("recall", metrics.recall, "", out);
    row("specificity", metrics.specificity, "", out);
    row("F1", metrics.f1, "", out);
    for (name, figure) in
        [("TPR, 1 % FPR", metrics.tpr_at_1_percent_fpr), ("TPR, 5 % FPR", metrics.tpr_at_5_percent_fpr)]
    {
        if let Some(figure) = figure {
            row(name, figure, "at the threshold with that FPR", out);
        }
    }
    if let Some(calibration) = &metrics.calibration {
        row("Brier", calibration.brier, "0 is best", out);
        row("calibration", calibration.ece, "expected calibration error; 0 is best", out);
    }
    if let Some(reconstruction) = metrics.reconstruction {
        row("MSE normal", reconstruction.mse_normal, "of the reconstruction", out);
        row("MSE anomal.", reconstruction.mse_anomalous, "", out);
    }
}

/// Prints the wrong decisions by label, and the group with the most.
fn show_failures(failures: &Failures, out: &Output) {
    for class in &failures.classes {
        out.line(format_args!("wrong        {} of {} tiles labelled {}", class.wrong, class.n, class.label));
    }
    if let Some(worst) = failures.groups.first() {
        out.line(format_args!(
            "wrong        in {} groups, most in {}: {} of {} tiles",
            failures.groups_with_failures,
            worst.group,
            worst.wrong(),
            worst.n
        ));
    }
}
