//! The scores of a run or a bundle, with everything that measuring them needs.

use std::sync::Arc;

use kiln_tile::Decoder;
use kiln_train::Error;
use kiln_train::config::SubgroupKey;
use kiln_train::data::{self, Dataset, LabelCount};
use kiln_train::evaluation::{Evaluation, check_labels};
use kiln_train::metrics::{Bootstrap, ColourClusters};

use super::Args;
use super::part::Part;
use crate::output::Output;

/// The scores of a run or a bundle, with everything that measuring them needs.
pub(super) struct Subject {
    pub(super) name: String,
    pub(super) part: Part,
    pub(super) dataset: Arc<Dataset>,
    pub(super) decoder: Decoder,
    pub(super) classes: Vec<String>,
    pub(super) normal_classes: Vec<String>,
    pub(super) scores: Vec<(usize, f64)>,
    pub(super) squared_errors: Option<Vec<f64>>,
    pub(super) train: Vec<usize>,
    pub(super) threshold: f64,
    pub(super) subgroups: Vec<SubgroupKey>,
    /// The training's division by colour, if it has one.
    pub(super) clusters: Option<ColourClusters>,
    /// Tiles without a score.
    pub(super) failed: usize,
    pub(super) labels: Vec<LabelCount>,
    pub(super) facts: Vec<(String, String)>,
}

impl Subject {
    /// The measurement of the scores.
    pub(super) fn evaluation(&self, args: &Args) -> Evaluation<'_> {
        Evaluation {
            dataset: &self.dataset,
            decoder: self.decoder,
            classes: &self.classes,
            normal_classes: &self.normal_classes,
            scores: &self.scores,
            squared_errors: self.squared_errors.as_deref(),
            train: &self.train,
            threshold: self.threshold,
            subgroups: &self.subgroups,
            clusters: self.clusters,
            bootstrap: Bootstrap { resamples: args.resamples, seed: args.seed },
        }
    }
}

/// The facts of the report.
pub(super) fn facts(
    dataset: &Dataset,
    args: &Args,
    part: Part,
    threshold: String,
    scored_by: String,
) -> Vec<(String, String)> {
    let fact = |name: &str, value: String| (name.to_owned(), value);
    let data = dataset.root.file_name().map_or_else(|| ".".into(), |name| name.to_string_lossy());
    vec![
        fact("Data", data.into_owned()),
        fact("Split", part.name().to_owned()),
        fact("Threshold chosen by", threshold),
        fact("Scored by", scored_by),
        fact("Bootstrap seed", args.seed.to_string()),
    ]
}

/// Prints the table of labels before anything is scored, and refuses tiles that this model cannot be measured on.
pub(super) fn checked_labels(
    dataset: &Dataset,
    decoder: Decoder,
    indices: &[usize],
    classes: &[String],
    normal: &[String],
    out: &Output,
) -> anyhow::Result<Vec<LabelCount>> {
    let labels = check_labels(dataset, indices, classes, normal)?;
    data::check_masks(dataset, &decoder).map_err(Error::from)?;
    crate::verbs::labels::lines(&labels).iter().for_each(|line| out.note(line));
    if dataset.unlabelled > 0 {
        out.note(crate::verbs::labels::unlabelled(dataset.unlabelled));
    }
    Ok(labels)
}
