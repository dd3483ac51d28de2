//! Configuration of the model zoo. The defaults are the paper's.

use serde::{Deserialize, Deserializer, Serialize};

use super::{BackboneConfig, MemoryBankConfig, TransferConfig};

/// Which model of the zoo, and its sizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
}

impl Default for VaeConfig {
    fn default() -> Self {
        Self { filters: [32, 64], stride: 2, latent: 128, beta: 1.0 }
    }
}

/// The hybrid: the classifier's feature maps feed the autoencoder's encoder; the decoder rebuilds the image.
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
    /// Weight of the KL divergence, as in the VAE.
    pub beta: f64,
    /// Weight of reconstruction and KL beside the cross-entropy.
    pub reconstruction_weight: f64,
}

impl Default for HybridConfig {
    fn default() -> Self {
        Self {
            cnn: CnnConfig { head: Head::Pooled, ..CnnConfig::default() },
            filters: [64, 64],
            latent: 128,
            beta: 1.0,
            reconstruction_weight: 1.0,
        }
    }
}

/// A classifier within a hybrid: the same keys and defaults, but for the head.
fn pooled_unless_said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CnnConfig, D::Error> {
    let mut keys = serde_yaml::Mapping::deserialize(deserializer)?;
    keys.entry("head".into()).or_insert_with(|| "pooled".into());
    serde_yaml::from_value(keys.into()).map_err(serde::de::Error::custom)
}
