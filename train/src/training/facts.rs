//! The content of `run.json`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use kiln_tile::ScoreRule;
use kiln_tile::stain::StainNormaliser;
use serde::{Deserialize, Serialize};

use crate::metrics::ColourClusters;
use crate::model::Classes;

/// Facts about a run: `run.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunFacts {
    /// Version of the file's format: 1.
    pub schema: u32,
    /// Labels as numbers.
    pub classes: Classes,
    /// The decision rule.
    pub threshold: ThresholdFacts,
    /// The data set, as an absolute path on the machine that trained.
    #[serde(serialize_with = "kiln_files::text::lossy")]
    pub data: PathBuf,
    /// SHA-256 over the data set's labels, groups and tile digests.
    pub data_sha256: String,
    /// SHA-256 of `split.csv`; missing in a run of an older Kiln.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split_sha256: Option<String>,
    /// SHA-256 of `seen.txt`; missing in a run of an older Kiln.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_sha256: Option<String>,
    /// SHA-256 of `model.bpk`.
    pub weights_sha256: String,
    /// SHA-256 of the file of the backbone's pretrained weights, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backbone_sha256: Option<String>,
    /// The source of the features that the model learnt from: program, version, operations, processor. Missing if it learnt
    /// from tiles, and in a run of an older Kiln.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<String>,
    /// Seconds that computing the features of training and validation tiles took, in this training or in the one that cached
    /// them. Missing unless they were computed once before the first step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features_s: Option<f64>,
    /// The rule of a score that was fitted after training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<ScoreRule>,
    /// The stain normalisation with its target, fitted on training tiles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stain_normalisation: Option<StainNormaliser>,
    /// The division by colour, fitted on training tiles. Missing unless subgroups by colour were measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub colour_clusters: Option<ColourClusters>,
    /// Trained weights.
    pub parameters: u64,
    /// Epochs done.
    pub epochs: u64,
    /// The epoch whose weights were kept, from 1.
    pub best_epoch: u64,
    /// Git revision of the working folder, if it was a repository.
    pub git_revision: Option<String>,
    /// Version of Kiln.
    pub kiln: String,
    /// Version of burn.
    pub burn: String,
}

/// The threshold of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThresholdFacts {
    /// `score >= value` is anomalous.
    pub value: f64,
    /// The rule's name.
    pub rule: String,
    /// The tiles that it was chosen on.
    pub chosen_on: String,
}

/// The tiles of one part of a split.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SplitFacts {
    /// Number of tiles.
    pub tiles: usize,
    /// Number of groups; equal to the number of tiles if groups are unknown.
    pub groups: usize,
    /// Groups are known.
    pub by_group: bool,
    /// Tiles of each label.
    pub labels: BTreeMap<String, usize>,
}
