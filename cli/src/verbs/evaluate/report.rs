//! The folder of `--out`.

use std::path::Path;

use kiln_files::publish;
use kiln_train::Error;
use kiln_train::evaluation::{Evaluation, Findings, save};
use kiln_train::report::{self, Report};

use super::subject::Subject;

/// Every file of the folder.
pub(super) const FILES: [&str; 4] = ["metrics.json", "roc_pr.png", "scores.png", "report.html"];

/// Writes `metrics.json`, the figures and the report.
pub(super) fn write(
    folder: &Path,
    subject: &Subject,
    evaluation: &Evaluation<'_>,
    findings: &Findings,
) -> anyhow::Result<()> {
    let json = serde_json::to_vec_pretty(&findings.metrics)?;
    let path = folder.join("metrics.json");
    publish::write_file(&path, &json).map_err(|source| Error::Io { path, source })?;
    let figures = save(evaluation.figures(findings)?, folder)?;
    let report = Report {
        title: format!("{}, evaluated", subject.name),
        summary: format!(
            "{} tiles of the {} split were scored; {} had no score. For research; not for diagnosis.",
            findings.metrics.n,
            subject.part.name(),
            subject.failed
        ),
        facts: subject.facts.clone(),
        metrics: Some(findings.metrics.clone()),
        figures,
        ..Report::default()
    };
    report::write(&folder.join("report.html"), &report).map_err(Error::from)?;
    Ok(())
}
