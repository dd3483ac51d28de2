//! Configuration of the model zoo. The defaults are the paper's.

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};
use serde_yaml::{Mapping, Value};

use super::backbone::are_stages;
use super::parse::not_negative;
use super::{BackboneConfig, MemoryBankConfig, TransferConfig};

/// Which model of the zoo, and its sizes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ModelConfig {
    /// A convolutional classifier.
    Cnn(CnnConfig),
    /// A variational autoencoder, trained on normal tiles only.
    Vae(VaeConfig),
    /// A classifier whose feature maps feed a variational autoencoder.
    Hybrid(HybridConfig),
    /// A classifier on a backbone whose weights come from elsewhere.
    Transfer(TransferConfig),
    /// Distances from normal tiles in the features of a backbone.
    MemoryBank(MemoryBankConfig),
}

impl<'de> Deserialize<'de> for ModelConfig {
    /// By hand, because a tagged enum reads its keys from a buffer, and an error in one of them would not name it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const KINDS: [&str; 5] = ["cnn", "vae", "hybrid", "transfer", "memory_bank"];
        let mut keys = Mapping::deserialize(deserializer)?;
        match keys.remove("kind") {
            Some(Value::String(kind)) => match kind.as_str() {
                "cnn" => keyed(&keys, "model").map(Self::Cnn),
                "vae" => keyed(&keys, "model").map(Self::Vae),
                "hybrid" => keyed(&keys, "model").map(Self::Hybrid),
                "transfer" => keyed(&keys, "model").map(Self::Transfer),
                "memory_bank" => keyed(&keys, "model").map(Self::MemoryBank),
                other => Err(D::Error::unknown_variant(other, &KINDS)),
            },
            Some(_) => Err(D::Error::custom("model.kind: expected a word, such as cnn")),
            None => Err(D::Error::missing_field("kind")),
        }
    }
}

/// Reads the keys below `section` through text, because only an error from text begins with the key that is wrong.
fn keyed<T: DeserializeOwned, E: Error>(keys: &Mapping, section: &str) -> Result<T, E> {
    let text = serde_yaml::to_string(keys).map_err(E::custom)?;
    serde_yaml::from_str(&text).map_err(|error| {
        let message = error.to_string();
        let reason = message.rsplit_once(" at line ").map_or(message.as_str(), |(reason, _)| reason);
        let is_key = |(key, _): &(&str, &str)| !key.contains(' ');
        let join = if reason.split_once(": ").is_some_and(|parts| is_key(&parts)) { "." } else { ": " };
        E::custom(format!("{section}{join}{reason}"))
    })
}

impl ModelConfig {
    /// The kind's name: `cnn`, `vae`, `hybrid`, `transfer` or `memory_bank`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Cnn(_) => "cnn",
            Self::Vae(_) => "vae",
            Self::Hybrid(_) => "hybrid",
            Self::Transfer(_) => "transfer",
            Self::MemoryBank(_) => "memory_bank",
        }
    }

    /// Epochs in which a hybrid's classifier learns alone; 0 for every other model.
    #[must_use]
    pub fn classifier_epochs(&self) -> u64 {
        match self {
            Self::Hybrid(config) => config.classifier_epochs,
            _ => 0,
        }
    }

    /// Epochs over which the weight of the KL divergence grows, where there is one.
    #[must_use]
    pub fn beta_warmup_epochs(&self) -> u64 {
        match self {
            Self::Vae(config) => config.beta_warmup_epochs,
            Self::Hybrid(config) => config.beta_warmup_epochs,
            _ => 0,
        }
    }

    /// Whether the model tells classes apart, rather than normal tiles from everything else.
    #[must_use]
    pub fn has_classes(&self) -> bool {
        !matches!(self, Self::Vae(_) | Self::MemoryBank(_))
    }

    /// Backbone of the model, if it has one, and where its weights come from.
    #[must_use]
    pub fn backbone(&self) -> Option<&BackboneConfig> {
        match self {
            Self::Transfer(config) => Some(&config.backbone),
            Self::MemoryBank(config) => Some(&config.backbone),
            _ => None,
        }
    }
}

/// What stands between the last feature map and the first dense layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    /// Every value of the feature map, as the paper has it: 128 x 32 x 32 = 131,072 inputs to the first dense layer.
    Flatten,
    /// Global average pooling: one mean a filter. Two hundred times fewer weights.
    Pooled,
}

/// The classifier: convolutions of 3x3, each with batch normalisation, ReLU and 2x2 max-pooling, then dense layers with
/// dropout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CnnConfig {
    /// Filters of each convolution.
    pub filters: Vec<usize>,
    /// Widths of the dense layers before the classes.
    pub dense: Vec<usize>,
    /// Fraction of dense activations dropped while training.
    pub dropout: f64,
    /// How feature maps become a vector.
    pub head: Head,
}

impl Default for CnnConfig {
    fn default() -> Self {
        Self { filters: vec![32, 64, 128], dense: vec![512, 256], dropout: 0.5, head: Head::Flatten }
    }
}

/// The variational autoencoder: two strided convolutions, dense mean and log-variance, and the mirror of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VaeConfig {
    /// Filters of the two convolutions.
    pub filters: [usize; 2],
    /// Stride of each convolution. 2 is the usual one and gives 101 million weights; 4 gives 6 million.
    pub stride: usize,
    /// Dimensions of the latent space.
    pub latent: usize,
    /// Weight of the KL divergence. 1 is the evidence lower bound for pixels of unit variance.
    pub beta: f64,
    /// Epochs over which that weight grows from 0, so that the decoder learns to use the latent space first.
    pub beta_warmup_epochs: u64,
    /// `false` makes a plain autoencoder: a point in the place of the latent Gaussian, no noise and no divergence.
    pub variational: bool,
}

impl Default for VaeConfig {
    fn default() -> Self {
        Self { filters: [32, 64], stride: 2, latent: 128, beta: 1.0, beta_warmup_epochs: 0, variational: true }
    }
}

/// What an autoencoder on feature maps rebuilds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reconstruct {
    /// The tile.
    Image,
    /// The feature maps that it read: what is subtly wrong shows there before it shows in pixels.
    Features,
}

/// What a hybrid's score is.
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
    /// The classifier; its head is pooled unless it says otherwise.
    #[serde(deserialize_with = "pooled_unless_said")]
    pub cnn: CnnConfig,
    /// Filters of the encoder's two convolutions, on top of the feature maps.
    pub filters: [usize; 2],
    /// Dimensions of the latent space.
    pub latent: usize,
    /// Stages of the classifier whose maps the encoder reads, from 1, ascending; maps of several are brought to the
    /// size of the smallest. `null` for the last stage alone.
    pub stages: Option<Vec<usize>>,
    /// What the decoder rebuilds.
    pub reconstruct: Reconstruct,
    /// Weight of the KL divergence, as in the VAE.
    pub beta: f64,
    /// Epochs over which that weight grows from 0, counted from where the autoencoder begins to learn.
    pub beta_warmup_epochs: u64,
    /// Weight of reconstruction and KL beside the cross-entropy.
    pub reconstruction_weight: f64,
    /// Epochs of stage one, in which the classifier learns alone; the rest of `training.epochs` go on from its best
    /// epoch with both together. 0 for both together from the start.
    pub classifier_epochs: u64,
    /// Factor on the learning rate of what stage one trained, in stage two: the autoencoder begins from nothing and needs
    /// the whole rate, under which the classifier would forget. 0 keeps the classifier as it is.
    pub classifier_rate: f64,
    /// What the score is.
    pub score: HybridScore,
}

impl HybridConfig {
    /// The stages that the encoder reads, from 1.
    #[must_use]
    pub fn read_stages(&self) -> Vec<usize> {
        self.stages.clone().unwrap_or_else(|| vec![self.cnn.filters.len()])
    }

    pub(super) fn problem(&self) -> Option<String> {
        let count = self.cnn.filters.len();
        if !are_stages(&self.read_stages(), count) {
            return Some(format!("model.stages: give stages of the classifier in ascending order, of 1 to {count}"));
        }
        let checks = [
            (count <= 6, "model.cnn.filters: the encoder halves the maps twice more, so at most 6"),
            (self.latent > 0 && !self.filters.contains(&0), "model: latent and filters must be over 0"),
            ((0.0..=1.0).contains(&self.classifier_rate), "model.classifier_rate: must be in [0, 1]"),
            (not_negative(self.beta), "model.beta: must be 0 to 1000000"),
            (not_negative(self.reconstruction_weight), "model.reconstruction_weight: must be 0 to 1000000"),
        ];
        checks.into_iter().find(|(holds, _)| !holds).map(|(_, problem)| problem.to_owned())
    }
}

impl Default for HybridConfig {
    fn default() -> Self {
        Self {
            cnn: CnnConfig { head: Head::Pooled, ..CnnConfig::default() },
            filters: [64, 64],
            latent: 128,
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

/// A classifier within a hybrid: the same keys and defaults, but for the head.
fn pooled_unless_said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CnnConfig, D::Error> {
    let mut keys = Mapping::deserialize(deserializer)?;
    keys.entry("head".into()).or_insert_with(|| "pooled".into());
    keyed(&keys, "cnn")
}
