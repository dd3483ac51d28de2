//! The keys of a `hybrid`.

use kiln_tile::SIDE;
use serde::{Deserialize, Deserializer, Serialize};
use serde_yaml::Mapping;

use crate::config::value::{keyed, not_negative};
use crate::model::LatentForm;
use crate::model::backbone::{BackboneConfig, are_stages};
use crate::model::{CnnConfig, Head, ModelSettings, Part, TestTimeAugmentation, TransferConfig};

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
    /// The classifier; its head is pooled by default. `None` if `transfer` is the classifier.
    #[serde(deserialize_with = "pooled_by_default")]
    pub cnn: Option<CnnConfig>,
    /// The classifier on a pretrained backbone. Left out of written configurations without one, so that those of older
    /// versions stay the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transfer: Option<TransferConfig>,
    /// Filters of the encoder's two convolutions, on top of the feature maps.
    pub filters: [usize; 2],
    /// Stride of each of them: 2 halves the side of the maps, 1 keeps it.
    pub stride: usize,
    /// Dimensions of the latent space; of a map, at each of its places.
    pub latent: usize,
    /// The latent space: one vector or a map.
    pub latent_form: LatentForm,
    /// Stages of the classifier whose maps the encoder reads, from 1, ascending; maps of several are resized to the
    /// smallest. `null` for the last stage alone. Of a backbone, stages that the classifier uses.
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
        self.stages.clone().unwrap_or_else(|| self.classifier_stages().last().copied().into_iter().collect())
    }

    /// The stages of the classifier whose maps can be read, from 1.
    fn classifier_stages(&self) -> Vec<usize> {
        match (&self.transfer, &self.cnn) {
            (Some(transfer), _) => transfer.backbone.stages.clone(),
            (None, Some(cnn)) => (1..=cnn.filters.len()).collect(),
            (None, None) => Vec::new(),
        }
    }

    /// The places of the stages that the encoder reads among those of the classifier.
    pub(super) fn places_of_stages(&self) -> Vec<usize> {
        let all = self.classifier_stages();
        self.read_stages().iter().filter_map(|stage| all.iter().position(|other| other == stage)).collect()
    }

    /// Channels of the maps that the encoder reads.
    pub(super) fn maps_channels(&self) -> usize {
        let of_stages = match (&self.transfer, &self.cnn) {
            (Some(TransferConfig { backbone, .. }), _) => backbone.name.channels(backbone.width),
            (None, Some(cnn)) => cnn.filters.clone(),
            (None, None) => Vec::new(),
        };
        self.read_stages().iter().filter_map(|stage| of_stages.get(stage - 1)).sum()
    }

    /// Side of the maps that the encoder reads.
    pub(super) fn maps_side(&self) -> usize {
        let deepest = self.deepest();
        match &self.transfer {
            Some(TransferConfig { backbone, .. }) => backbone.name.map_side(deepest, backbone.side),
            None => self.side() >> deepest,
        }
    }

    /// Side at which the classifier works.
    pub(super) fn side(&self) -> usize {
        let of_cnn = self.cnn.as_ref().map(|cnn| cnn.side);
        self.transfer.as_ref().map(|transfer| transfer.backbone.side).or(of_cnn).unwrap_or(SIDE as usize)
    }

    pub(super) fn test_time_augmentation(&self) -> TestTimeAugmentation {
        let of_cnn = self.cnn.as_ref().map(|cnn| cnn.test_time_augmentation);
        self.transfer.as_ref().map(|transfer| transfer.test_time_augmentation).or(of_cnn).unwrap_or_default()
    }

    /// The settings of the classifier.
    fn classifier(&self) -> Option<&dyn ModelSettings> {
        match (&self.transfer, &self.cnn) {
            (Some(transfer), _) => Some(transfer),
            (None, Some(cnn)) => Some(cnn),
            (None, None) => None,
        }
    }

    /// The problem with the choice and the keys of the classifier.
    fn classifier_problem(&self) -> Option<String> {
        let (key, settings): (_, &dyn ModelSettings) = match (&self.cnn, &self.transfer) {
            (Some(cnn), None) => ("cnn", cnn),
            (None, Some(transfer)) => ("transfer", transfer),
            (Some(_), Some(_)) => {
                return Some("model.cnn: must be null with model.transfer, which is a classifier too".to_owned());
            }
            (None, None) => return Some("model.cnn: the classifier is missing; give cnn or transfer".to_owned()),
        };
        if let Some(problem) = settings.problem() {
            return Some(problem.replace("model.", &format!("model.{key}.")));
        }
        let transfer = self.transfer.as_ref()?;
        let checks = [
            (
                transfer.test_time_side.is_none(),
                "model.transfer.test_time_side: the autoencoder reads maps of one size; leave it out",
            ),
            (
                transfer.views == TransferConfig::default().views,
                "model.transfer.views: no features are computed once in a hybrid; leave it out",
            ),
            (self.reconstruct == Reconstruct::Features, "model.reconstruct: must be features with model.transfer"),
        ];
        checks.into_iter().find(|(holds, _)| !holds).map(|(_, problem)| problem.to_owned())
    }

    /// The problem with the stages that are read.
    fn stages_problem(&self) -> Option<String> {
        let (read, all) = (self.read_stages(), self.classifier_stages());
        let most = all.last().copied().unwrap_or(0);
        if are_stages(&read, most) && read.iter().all(|stage| all.contains(stage)) {
            return None;
        }
        Some(match self.transfer {
            Some(_) => {
                format!("model.stages: give some of model.transfer.backbone.stages, {all:?}, in ascending order")
            }
            None => format!("model.stages: give stages of the classifier in ascending order, of 1 to {most}"),
        })
    }

    /// The problem with a side that the stages and the encoder's convolutions do not divide without a remainder.
    fn side_problem(&self) -> Option<String> {
        let (side, maps) = (self.side(), self.maps_side());
        if self.transfer.is_some() {
            let step = self.stride * self.stride;
            return (!maps.is_multiple_of(step)).then(|| {
                format!(
                    "model.stages: their maps of {maps} x {maps} are no multiple of {step} (the square of model.stride); \
                     set model.stride=1, read earlier stages, or change model.transfer.backbone.side"
                )
            });
        }
        let step = (self.stride * self.stride) << self.deepest();
        let reason = "2 for each stage that is read, times the square of model.stride";
        (!side.is_multiple_of(step)).then(|| format!("model.cnn.side: {side} is no multiple of {step} ({reason})"))
    }

    /// The deepest stage that is read.
    fn deepest(&self) -> usize {
        self.read_stages().last().copied().unwrap_or(1)
    }
}

impl Default for HybridConfig {
    fn default() -> Self {
        Self {
            cnn: Some(CnnConfig { head: Head::Pooled, ..CnnConfig::default() }),
            transfer: None,
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
fn pooled_by_default<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<CnnConfig>, D::Error> {
    let Some(mut keys) = Option::<Mapping>::deserialize(deserializer)? else { return Ok(None) };
    keys.entry("head".into()).or_insert_with(|| "pooled".into());
    keyed(&keys, "cnn").map(Some)
}

impl ModelSettings for HybridConfig {
    fn problem(&self) -> Option<String> {
        if let Some(problem) = self.classifier_problem().or_else(|| self.stages_problem()) {
            return Some(problem);
        }
        let whole = self.side() == SIDE as usize || self.reconstruct == Reconstruct::Features;
        let few = self.cnn.as_ref().is_none_or(|cnn| cnn.filters.len() <= 6);
        let checks = [
            (whole, "model.cnn.side: must be 256 if the tile is rebuilt; or set model.reconstruct to features"),
            (few, "model.cnn.filters: the encoder halves the maps twice more, so at most 6"),
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
        let classifier = self.classifier().map_or(0.0, ModelSettings::estimated_weights);
        classifier + self.latent_form.estimated_weights(self.maps_channels(), self.filters, self.latent, side)
    }

    fn output_meaning(&self, output: &str, fitted_score: bool) -> &'static str {
        match output {
            "score" if fitted_score => {
                "higher is more anomalous: probability of an anomaly, 0..1, of the parts that `score` of this file names"
            }
            "error_map" if self.reconstruct == Reconstruct::Features => {
                "squared error of the rebuilt feature maps, mean over the channels, between their places by interpolation"
            }
            _ => self.test_time_augmentation().meaning(output),
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

    fn learning_side(&self) -> usize {
        self.side()
    }

    /// The autoencoder needs whole tiles; the classifier alone, in stage one, does not.
    fn window_step(&self, part: Part) -> Option<usize> {
        let alone = part == Part::Classifier && self.classifier_epochs > 0;
        self.classifier()?.window_step(part).filter(|_| alone)
    }

    fn backbone(&self) -> Option<&BackboneConfig> {
        self.transfer.as_ref().map(|transfer| &transfer.backbone)
    }

    fn backbone_learns(&self) -> bool {
        self.transfer.as_ref().is_some_and(ModelSettings::backbone_learns)
    }
}
