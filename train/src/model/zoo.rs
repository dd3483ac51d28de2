//! Every model of the zoo behind one face: fresh weights from a configuration, a loss, scores.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};
use kiln_tile::TILE_BYTES;

use super::backbone::Backbone;
use super::loss::{cross_entropy, cross_entropy_of_probabilities, masked_mean, negative_bound, squared_error, squares};
use super::{
    Cnn, Encoded, Hybrid, Latent, Levels, Loss, LossOptions, MemoryBank, Part, Scores, Transfer, Vae, identity,
    materialised, prepare,
};
use crate::config::ModelConfig;

/// The labels of a data set as numbers: normal classes first, each part in alphabetical order.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Classes {
    /// Labels by class number.
    pub names: Vec<String>,
    /// How many of them, from the start, are normal.
    pub normal: usize,
}

impl Classes {
    /// Whether a class number is anomalous.
    #[must_use]
    pub fn is_anomalous(&self, class: usize) -> bool {
        class >= self.normal
    }

    /// The labels that count as normal.
    #[must_use]
    pub fn normal_names(&self) -> &[String] {
        &self.names[..self.normal]
    }

    /// The number of a label.
    #[must_use]
    pub fn number(&self, label: &str) -> Option<usize> {
        self.names.iter().position(|name| name == label)
    }
}

/// A model of the zoo.
#[derive(Module, Debug)]
pub enum Zoo {
    /// The classifier.
    Cnn(Cnn),
    /// The autoencoder.
    Vae(Vae),
    /// Both on shared feature maps.
    Hybrid(Hybrid),
    /// A classifier on a backbone.
    Transfer(Transfer),
    /// Distances from normal tiles in a backbone's features.
    MemoryBank(MemoryBank),
}

impl Zoo {
    /// Fresh weights drawn from `seed`: the same seed gives the same weights, parameter identities included.
    #[must_use]
    pub fn new(config: &ModelConfig, classes: usize, seed: u64, device: &Device) -> Self {
        device.seed(seed);
        let zoo = match config {
            ModelConfig::Cnn(config) => Self::Cnn(Cnn::new(config, classes, device)),
            ModelConfig::Vae(config) => Self::Vae(Vae::new(config, device)),
            ModelConfig::Hybrid(config) => Self::Hybrid(Hybrid::new(config, classes, device)),
            ModelConfig::Transfer(config) => Self::Transfer(Transfer::new(config, classes, device)),
            ModelConfig::MemoryBank(config) => Self::MemoryBank(MemoryBank::new(config, device)),
        };
        // Parameters are drawn when first used: here and now, so that the order is this one.
        materialised(zoo)
    }

    /// The same model with its backbone passed through `change`; a model without one as it is.
    ///
    /// # Errors
    /// What `change` gives.
    pub(crate) fn with_backbone<E>(self, change: impl FnOnce(Backbone) -> Result<Backbone, E>) -> Result<Self, E> {
        let zoo = match self {
            Self::Transfer(model) => {
                let backbone = change(model.backbone().clone())?;
                Self::Transfer(model.on(backbone))
            }
            Self::MemoryBank(model) => {
                let backbone = change(model.backbone().clone())?;
                Self::MemoryBank(model.on(backbone))
            }
            other => other,
        };
        Ok(identity::by_path(zoo))
    }

    /// The model whose frozen backbone gives features that need computing once, if it is one.
    #[must_use]
    pub fn frozen(&self) -> Option<&Transfer> {
        match self {
            Self::Transfer(model) if model.is_frozen() => Some(model),
            _ => None,
        }
    }

    /// Whether the model learns from normal tiles alone.
    #[must_use]
    pub fn learns_from_normal_only(&self) -> bool {
        matches!(self, Self::Vae(_) | Self::MemoryBank(_))
    }

    /// The loss of decoded tiles (u8, `[batch, 256, 256, 3]`) with class numbers `[batch]`; `normal` is 1 for normal
    /// tiles and 0 for others, `[batch]`: autoencoders learn from normal tiles alone.
    #[must_use]
    pub fn loss(&self, tile: Tensor<4, Int>, labels: Tensor<1, Int>, normal: Tensor<1>, options: &LossOptions) -> Loss {
        let total = match self {
            Self::Cnn(cnn) => cross_entropy(cnn.logits(prepare(tile)), labels, options),
            Self::Vae(vae) => {
                let image = prepare(tile);
                let latent = vae.encode(image.clone());
                let error = squared_error(squares(image, vae.decode(latent.sample())));
                let bound = negative_bound(error, &latent, vae.beta() * options.divergence, TILE_BYTES);
                masked_mean(bound, normal)
            }
            Self::Hybrid(hybrid) if options.part == Part::Classifier => {
                cross_entropy(hybrid.logits(prepare(tile)), labels, options)
            }
            Self::Hybrid(hybrid) => {
                let Encoded { logits, latent, target } = hybrid.encode(prepare(tile));
                // What is to be rebuilt must not be drawn towards what can be.
                let error = squared_error(squares(target.detach(), hybrid.decode(latent.sample())));
                let bound = negative_bound(error, &latent, hybrid.beta() * options.divergence, hybrid.rebuilt_values());
                let entropy = cross_entropy(logits, labels, options);
                entropy + masked_mean(bound, normal).mul_scalar(hybrid.reconstruction_weight())
            }
            Self::Transfer(model) => return model.loss(model.features(tile), labels, options),
            Self::MemoryBank(bank) => masked_mean(bank.score(tile).score, normal),
        };
        Loss { total }
    }

    /// The same model whose running figures of batch normalisation are those of `batches` (u8, `[batch, side, side, 3]`)
    /// under its present weights. While Adam moves weights by its full step, running figures lag behind them, and
    /// validation would judge a model that never was (precise batch normalisation: Wu and Johnson, 2021). For a model
    /// in inference mode.
    ///
    /// # Errors
    /// The first that `batches` gives.
    pub fn settled<E>(self, batches: impl Iterator<Item = Result<Tensor<4, Int>, E>>) -> Result<Self, E> {
        let prepared = batches.map(|batch| batch.map(prepare));
        Ok(match self {
            Self::Cnn(cnn) => Self::Cnn(cnn.settled(prepared)?),
            Self::Hybrid(hybrid) => Self::Hybrid(hybrid.settled(prepared)?),
            // What has no running figures of its own keeps what it has; a backbone keeps those of its weights.
            other @ (Self::Vae(_) | Self::Transfer(_) | Self::MemoryBank(_)) => other,
        })
    }

    /// The same loss from the answers of [`Zoo::score`], where an autoencoder rebuilds from the mean of its latent
    /// distribution: one pass gives validation both its loss and its scores.
    #[must_use]
    pub fn loss_of(&self, scores: &Scores, labels: Tensor<1, Int>, normal: Tensor<1>, options: &LossOptions) -> Loss {
        let entropy = scores
            .probabilities
            .clone()
            .map(|probabilities| cross_entropy_of_probabilities(probabilities, labels, options));
        let bound = |beta: f64, values: usize| {
            let latent = Latent { mean: scores.latent_mean.clone()?, log_variance: scores.latent_log_variance.clone() };
            let error = scores.squared_error.clone()?;
            Some(masked_mean(negative_bound(error, &latent, beta, values), normal.clone()))
        };
        let (bound, weight) = match self {
            Self::Cnn(_) | Self::Transfer(_) => (None, 0.0),
            Self::MemoryBank(_) => (Some(masked_mean(scores.score.clone(), normal.clone())), 1.0),
            Self::Vae(vae) => (bound(vae.beta(), TILE_BYTES), 1.0),
            Self::Hybrid(hybrid) => (bound(hybrid.beta(), hybrid.rebuilt_values()), hybrid.reconstruction_weight()),
        };
        let parts = [entropy, bound.map(|bound| bound.mul_scalar(weight))];
        let zero = Tensor::zeros([1], &scores.score.device());
        Loss { total: parts.into_iter().flatten().fold(zero, |sum, part| sum + part) }
    }

    /// As [`Zoo::score`], of the part that learns.
    #[must_use]
    pub(crate) fn score_of(&self, part: Part, tile: impl Into<Levels>, normal: usize) -> Scores {
        match (self, part) {
            (Self::Hybrid(hybrid), Part::Classifier) => hybrid.classify(tile, normal),
            _ => self.score(tile, normal),
        }
    }

    /// What the model answers for decoded tiles (u8, `[batch, 256, 256, 3]`) or for [`Levels`], the first `normal`
    /// classes being the normal ones. Draws nothing at random: an autoencoder rebuilds from the mean of its latent distribution.
    #[must_use]
    pub fn score(&self, tile: impl Into<Levels>, normal: usize) -> Scores {
        match self {
            Self::Cnn(cnn) => cnn.score(tile, normal),
            Self::Vae(vae) => vae.score(tile),
            Self::Hybrid(hybrid) => hybrid.score(tile, normal),
            Self::Transfer(model) => model.score(tile, normal),
            Self::MemoryBank(bank) => bank.score(tile),
        }
    }
}
