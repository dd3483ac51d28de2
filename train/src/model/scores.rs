//! What a model answers for deployment, under the names of the exported graph.

use burn::tensor::activation::softmax;
use burn::tensor::{Tensor, TensorData};

use super::Latent;
use super::maps::enlarged;

/// A model's answers for a batch. `score` is always there, the rest where the model has it.
#[derive(Debug, Clone)]
pub struct Scores {
    /// Higher is more anomalous, `[batch]`.
    pub score: Tensor<1>,
    /// Probability of each class, `[batch, classes]`, adding up to 1.
    pub probabilities: Option<Tensor<2>>,
    /// Rebuilt tile in 0..1, `[batch, 256, 256, 3]`.
    pub reconstruction: Option<Tensor<4>>,
    /// Mean squared error of what is rebuilt, `[batch]`. Not an output of the graph: the error map holds it.
    pub squared_error: Option<Tensor<1>>,
    /// What is wrong where, `[batch, 256, 256]`: an autoencoder's squared error, mean over the channels; a memory bank's
    /// distance from normal patches.
    pub error_map: Option<Tensor<3>>,
    /// Mean of the latent Gaussian, `[batch, latent]`.
    pub latent_mean: Option<Tensor<2>>,
    /// Natural logarithm of its variance, `[batch, latent]`.
    pub latent_log_variance: Option<Tensor<2>>,
}

impl Scores {
    /// Scores of a classifier: the probability of all anomalous classes together. The first `normal` classes are the
    /// normal ones.
    pub(crate) fn of_classifier(logits: Tensor<2>, normal: usize) -> Self {
        let classes = logits.dims()[1];
        let probabilities = softmax(logits, 1);
        let anomalous = probabilities.clone().narrow(1, normal, classes - normal);
        let score = if classes - normal == 1 { anomalous } else { anomalous.sum_dim(1) };
        Self { probabilities: Some(probabilities), ..Self::bare(score.squeeze_dim(1)) }
    }

    /// A score, and nothing else.
    fn bare(score: Tensor<1>) -> Self {
        Self {
            score,
            probabilities: None,
            reconstruction: None,
            squared_error: None,
            error_map: None,
            latent_mean: None,
            latent_log_variance: None,
        }
    }

    /// Scores of a memory bank: distances of whole tiles, `[batch]`, and of the places in them, `[batch, 256, 256]`.
    pub(crate) fn of_distance(score: Tensor<1>, map: Option<Tensor<3>>) -> Self {
        Self { error_map: map, ..Self::bare(score) }
    }

    /// Scores of an autoencoder alone.
    pub(crate) fn of_autoencoder(score: Tensor<1>, squared_error: Tensor<1>) -> Self {
        Self { squared_error: Some(squared_error), ..Self::bare(score) }
    }

    /// Adds rebuilt tiles and the squares of their differences from the prepared ones, both `[batch, 3, 256, 256]`.
    #[must_use]
    pub(crate) fn with_image(self, rebuilt: Tensor<4>, squares: Tensor<4>) -> Self {
        let map = squares.mean_dim(1).squeeze_dim(1);
        Self { error_map: Some(map), reconstruction: Some(rebuilt.permute([0, 2, 3, 1])), ..self }
    }

    /// Adds where rebuilt feature maps differ from what they should be, of the squares of the differences, `[batch,
    /// channels, side, side]`; between their places by interpolation.
    #[must_use]
    pub(crate) fn with_maps(self, squares: Tensor<4>) -> Self {
        Self { error_map: Some(enlarged(squares.mean_dim(1))), ..self }
    }

    /// Adds where in the latent space the tiles lie.
    #[must_use]
    pub(crate) fn with_latent(self, latent: Latent) -> Self {
        Self { latent_mean: Some(latent.mean), latent_log_variance: latent.log_variance, ..self }
    }

    /// Reads the answers back: the graph's output name, and the values.
    #[must_use]
    pub fn into_data(self) -> Vec<(&'static str, TensorData)> {
        let mut data = vec![("score", self.score.into_data())];
        data.extend(self.probabilities.map(|values| ("probabilities", values.into_data())));
        data.extend(self.reconstruction.map(|values| ("reconstruction", values.into_data())));
        data.extend(self.error_map.map(|values| ("error_map", values.into_data())));
        data.extend(self.latent_mean.map(|values| ("latent_mean", values.into_data())));
        data.extend(self.latent_log_variance.map(|values| ("latent_log_variance", values.into_data())));
        data
    }
}
