//! The report of a run that scored every tile.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use kiln_runtime::Scorer;
use kiln_runtime::score::Summary;
use serde::Serialize;

use super::work::Work;
use crate::output::Output;

/// The document that `--json` prints beside a result file.
#[derive(Serialize)]
struct Document<'a, M> {
    #[serde(serialize_with = "kiln_files::text::lossy")]
    out: &'a PathBuf,
    format: String,
    #[serde(flatten)]
    summary: &'a Summary,
    provider: String,
    precision: &'a str,
    batch: usize,
    #[serde(flatten)]
    more: M,
    nodes: BTreeMap<String, usize>,
}

/// Notes the speed, then `place`, and prints the file or the document, to which `more` is added.
pub(super) fn report(
    work: &Work<'_>,
    scorer: &impl Scorer,
    batch: usize,
    summary: &Summary,
    (place, more): (&str, impl Serialize),
    out: &Output,
) -> anyhow::Result<()> {
    let Summary { tiles, scored, tiles_per_s, .. } = summary;
    let seconds = Duration::from_secs_f64(summary.seconds);
    out.note(format_args!("{scored} of {tiles} tiles scored in {seconds:.2?}, {tiles_per_s:.1} tiles/s, {place}"));
    let Some(file) = &work.out else { return Ok(()) };
    if !out.json {
        out.line(file.display());
        return Ok(());
    }
    let document = Document {
        out: file,
        format: work.format.to_string(),
        summary,
        provider: scorer.provider(),
        precision: work.precision,
        batch,
        more,
        nodes: scorer.nodes(),
    };
    out.document(&document).context("printing the summary")
}
