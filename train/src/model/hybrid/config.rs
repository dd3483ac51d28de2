//! The keys of a `hybrid`.

use kiln_tile::SIDE;
use serde::{Deserialize, Deserializer, Serialize};
use serde_yaml::Mapping;

use crate::config::value::{keyed, not_negative};
use crate::model::LatentForm;
use crate::model::backbone::are_stages;
use crate::model::{CnnConfig, Head, ModelSettings, Part};

/// The target of the autoencoder's reconstruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reconstruct {
    /// The tile.
    Image,
    /// The feature maps that the encoder reads: subtle anomalies show there before they show in pixels.
    Features,
}

/// The score of a hybrid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HybridScore {
    /// The classifier's probability of the anomalous classes together.
    Probability,
    /// A logistic combination of the classifier's log-odds, the reconstruction error and the distance from normal tiles
    /// in the latent space, its weights fitted on the validation split.
    Combined,
}

/// The hybrid: the classifier's feature maps feed the autoencoder's encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HybridConfig {
    /// The classifier; its head is pooled by default.
    #[serde(deserialize_with = "pooled_by_default")]
    pub cnn: CnnConfig,
    /// Filters of the encoder's two convolutions, on top of the feature maps.
    pub filters: [usize; 2],
    /// Stride of each of them: 2 halves the side of the maps, 1 keeps it.
    pub stride: usize,
    /// Dimensions of the latent space; of a map, at each of its places.
    pub latent: usize,
    /// The latent space: one vector or a map.
    pub latent_form: LatentForm,
    /// Stages of the classifier whose maps the encoder reads, from 1, ascending; maps of several are resized to the
    /// smallest. `null` for the last stage alone.
    pub stages: Option<Vec<usize>>,
    /// The target of the decoder.
    pub reconstruct: Reconstruct,
    /// Weight of the KL divergence, as in the VAE.
    pub beta: f64,
    /// Epochs over which that weight grows from 0, counted from where the autoencoder begins to learn.
    pub beta_warmup_epochs: u64,
    /// Weight of reconstruction and KL beside the cross-entropy.
    pub reconstruction_weight: f64,
    /// Epochs of stage one, in which the classifier learns alone; the rest of `training.epochs` continue from its best
    /// epoch with both together. 0 for both together from the start.
    pub classifier_epochs: u64,
    /// Factor on the learning rate, in stage two, of the parts that stage one trained: the autoencoder starts from nothing
    /// and needs the full rate, under which the classifier would forget. 0 leaves the classifier unchanged.
    pub classifier_rate: f64,
    /// The score.
    pub score: HybridScore,
}

impl HybridConfig {
    /// The stages that the encoder reads, from 1.
    #[must_use]
    pub fn read_stages(&self) -> Vec<usize> {
        self.stages.clone().unwrap_or_else(|| vec![self.cnn.filters.len()])
    }

    /// Side of the maps that the encoder reads.
    pub(super) fn maps_side(&self) -> usize {
        self.cnn.side >> self.halvings()
    }

    /// The problem with a side that the stages and the encoder's convolutions do not divide without a remainder.
    fn side_problem(&self) -> Option<String> {
        let (side, step) = (self.cnn.side, (self.stride * self.stride) << self.halvings());
        let reason = "2 for each stage that is read, times the square of model.stride";
        (!side.is_multiple_of(step)).then(|| format!("model.cnn.side: {side} is no multiple of {step} ({reason})"))
    }

    /// Times that the side of tiles is halved in the maps that the encoder reads.
    fn halvings(&self) -> usize {
        self.read_stages().last().copied().unwrap_or(1)
    }
}

impl Default for HybridConfig {
    fn default() -> Self {
        Self {
            cnn: CnnConfig { head: Head::Pooled, ..CnnConfig::default() },
            filters: [64, 64],
            stride: 2,
            latent: 128,
            latent_form: LatentForm::Vector,
            stages: None,
            reconstruct: Reconstruct::Image,
            beta: 1.0,
            beta_warmup_epochs: 0,
            reconstruction_weight: 1.0,
            classifier_epochs: 0,
            classifier_rate: 0.1,
            score: HybridScore::Combined,
        }
    }
}

/// The classifier of a hybrid: keys and defaults of a `cnn`, except for the head.
fn pooled_by_default<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CnnConfig, D::Error> {
    let mut keys = Mapping::deserialize(deserializer)?;
    keys.entry("head".into()).or_insert_with(|| "pooled".into());
    keyed(&keys, "cnn")
}

impl ModelSettings for HybridConfig {
    fn problem(&self) -> Option<String> {
        if let Some(problem) = self.cnn.problem() {
            return Some(problem.replacen("model.", "model.cnn.", 1));
        }
        let count = self.cnn.filters.len();
        if !are_stages(&self.read_stages(), count) {
            return Some(format!("model.stages: give stages of the classifier in ascending order, of 1 to {count}"));
        }
        let whole = self.cnn.side == SIDE as usize || self.reconstruct == Reconstruct::Features;
        let checks = [
            (whole, "model.cnn.side: must be 256 if the tile is rebuilt; or set model.reconstruct to features"),
            (count <= 6, "model.cnn.filters: the encoder halves the maps twice more, so at most 6"),
            ([1, 2].contains(&self.stride), "model.stride: must be 1 or 2"),
            (self.latent > 0 && !self.filters.contains(&0), "model: latent and filters must be over 0"),
            ((0.0..=1.0).contains(&self.classifier_rate), "model.classifier_rate: must be in [0, 1]"),
            (not_negative(self.beta), "model.beta: must be 0 to 1000000"),
            (not_negative(self.reconstruction_weight), "model.reconstruction_weight: must be 0 to 1000000"),
        ];
        let problem = checks.into_iter().find(|(holds, _)| !holds).map(|(_, problem)| problem.to_owned());
        problem.or_else(|| self.side_problem())
    }

    fn estimated_weights(&self) -> f64 {
        let side = self.maps_side() as f64 / (self.stride * self.stride) as f64;
        self.cnn.estimated_weights() + self.latent_form.estimated_weights(self.filters, self.latent, side)
    }

    fn output_meaning(&self, output: &str, fitted_score: bool) -> &'static str {
        match output {
            "score" if fitted_score => {
                "higher is more anomalous: probability of an anomaly, 0..1, of the parts that `score` of this file names"
            }
            "error_map" if self.reconstruct == Reconstruct::Features => {
                "squared error of the rebuilt feature maps, mean over the channels, between their places by interpolation"
            }
            _ => self.cnn.output_meaning(output, fitted_score),
        }
    }

    fn classifier_epochs(&self) -> u64 {
        self.classifier_epochs
    }

    fn classifier_rate(&self) -> f64 {
        self.classifier_rate
    }

    fn beta_warmup_epochs(&self) -> u64 {
        self.beta_warmup_epochs
    }

    /// The autoencoder needs whole tiles; the classifier alone, in stage one, does not.
    fn window_step(&self, part: Part) -> Option<usize> {
        self.cnn.window_step(part).filter(|_| part == Part::Classifier && self.classifier_epochs > 0)
    }
}
