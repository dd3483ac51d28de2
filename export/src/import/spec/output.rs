//! The meaning of a model's outputs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::input::words;

words! {
    /// The meaning of one output of a model.
    Meaning "meaning" {
        /// Class scores before softmax, `[batch, classes]`; a single column is the logit of the second class, before a
        /// sigmoid.
        Logits = "logits",
        /// Logarithms of class probabilities, `[batch, classes]`.
        LogProbabilities = "log_probabilities",
        /// Class probabilities, `[batch, classes]`; a single column is the probability of the second class.
        Probabilities = "probabilities",
        /// The anomaly score, one number for each tile; higher is more anomalous.
        Score = "score",
        /// A score of which lower is more anomalous; its sign is changed.
        NegativeScore = "negative_score",
        /// A map over the tile, `[batch, height, width]` or `[batch, 1, height, width]`.
        Map = "map",
        /// A vector that describes the tile, `[batch, n]`.
        Embedding = "embedding",
        /// Any other output that the bundle keeps, under its name.
        Keep = "keep",
        /// An output that the bundle leaves out.
        Drop = "drop",
    }
}

impl Meaning {
    /// True for an output from which class probabilities follow.
    #[must_use]
    pub fn is_of_classes(self) -> bool {
        matches!(self, Self::Logits | Self::LogProbabilities | Self::Probabilities)
    }

    /// True for an output that becomes `score`.
    #[must_use]
    pub fn is_score(self) -> bool {
        matches!(self, Self::Score | Self::NegativeScore)
    }
}

/// Meanings of outputs by the names that tools always give them. Names are compared in lower case.
///
/// anomalib: `src/anomalib/data/dataclasses/torch/base.py` (`InferenceBatch`); skl2onnx: `output_label`,
/// `output_probability`, and `scores` of outlier detectors, which are lower for outliers.
pub(crate) fn known(name: &str) -> Option<Meaning> {
    Some(match name.to_lowercase().as_str() {
        "pred_score" | "anomaly_score" | "score" => Meaning::Score,
        "anomaly_map" | "anomaly_maps" | "error_map" => Meaning::Map,
        "pred_label" | "pred_mask" | "label" | "output_label" | "labels" => Meaning::Drop,
        "probabilities" | "probability" | "output_probability" | "probs" | "softmax" => Meaning::Probabilities,
        "logits" => Meaning::Logits,
        "embedding" | "embeddings" | "features" => Meaning::Embedding,
        _ => return None,
    })
}
