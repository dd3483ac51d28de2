//! The result of a model, under the names of the exported graph's outputs.

use burn::tensor::activation::softmax;
use burn::tensor::{Tensor, TensorData};

use super::Latent;
use super::maps::enlarged;

/// Scores of a batch. `score` is always present, the other outputs only if the model has them.
#[derive(Debug, Clone)]
pub struct Scores {
    /// Higher is more anomalous, `[batch]`.
    pub score: Tensor<1>,
    /// Probability of each class, `[batch, classes]`, adding up to 1.
    pub probabilities: Option<Tensor<2>>,
    /// Rebuilt tile in 0..1, `[batch, 256, 256, 3]`.
    pub reconstruction: Option<Tensor<4>>,
    /// Mean squared error of the reconstruction (of tiles or of feature maps), `[batch]`. No output of the graph: it is
    /// the mean of the error map.
    pub squared_error: Option<Tensor<1>>,
    /// Anomaly by place, `[batch, 256, 256]`: an autoencoder's squared error, mean over the channels; a memory bank's
    /// distance from normal patches.
    pub error_map: Option<Tensor<3>>,
    /// Mean of the latent Gaussian, `[batch, latent]`.
    pub latent_mean: Option<Tensor<2>>,
    /// Natural logarithm of its variance, `[batch, latent]`.
    pub latent_log_variance: Option<Tensor<2>>,
}

/// A graph output of any rank.
#[derive(Debug, Clone)]
pub enum OutputTensor {
    /// `[batch]`.
    Rank1(Tensor<1>),
    /// `[batch, n]`.
    Rank2(Tensor<2>),
    /// `[batch, height, width]`.
    Rank3(Tensor<3>),
    /// `[batch, height, width, channels]`.
    Rank4(Tensor<4>),
}

impl OutputTensor {
    fn into_data(self) -> TensorData {
        match self {
            Self::Rank1(tensor) => tensor.into_data(),
            Self::Rank2(tensor) => tensor.into_data(),
            Self::Rank3(tensor) => tensor.into_data(),
            Self::Rank4(tensor) => tensor.into_data(),
        }
    }
}

impl Scores {
    /// A score without other outputs.
    #[must_use]
    pub fn new(score: Tensor<1>) -> Self {
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

    /// Scores of a classifier from its logits, `[batch, classes]`: the probability of all anomalous classes together. The
    /// first `normal` classes are the normal ones.
    #[must_use]
    pub fn from_logits(logits: Tensor<2>, normal: usize) -> Self {
        let classes = logits.dims()[1];
        let probabilities = softmax(logits, 1);
        let anomalous = probabilities.clone().narrow(1, normal, classes - normal);
        let score = if classes - normal == 1 { anomalous } else { anomalous.sum_dim(1) };
        Self { probabilities: Some(probabilities), ..Self::new(score.squeeze_dim(1)) }
    }

    /// Adds rebuilt tiles and the squares of their differences from the prepared ones, both `[batch, 3, 256, 256]`.
    #[must_use]
    pub(crate) fn with_image(self, rebuilt: Tensor<4>, squares: Tensor<4>) -> Self {
        let map = squares.mean_dim(1).squeeze_dim(1);
        Self { error_map: Some(map), reconstruction: Some(rebuilt.permute([0, 2, 3, 1])), ..self }
    }

    /// Adds an error map from the squared errors of rebuilt feature maps, `[batch, channels, side, side]`, interpolated to
    /// the size of the tile.
    #[must_use]
    pub(crate) fn with_maps(self, squares: Tensor<4>) -> Self {
        Self { error_map: Some(enlarged(squares.mean_dim(1))), ..self }
    }

    /// Adds the latent distribution.
    #[must_use]
    pub(crate) fn with_latent(self, latent: Latent) -> Self {
        Self { latent_mean: Some(latent.mean), latent_log_variance: latent.log_variance, ..self }
    }

    /// The graph's outputs with their names, in the graph's order.
    #[must_use]
    pub fn into_outputs(self) -> Vec<(&'static str, OutputTensor)> {
        let mut outputs = vec![("score", OutputTensor::Rank1(self.score))];
        outputs.extend(self.probabilities.map(|tensor| ("probabilities", OutputTensor::Rank2(tensor))));
        outputs.extend(self.reconstruction.map(|tensor| ("reconstruction", OutputTensor::Rank4(tensor))));
        outputs.extend(self.error_map.map(|tensor| ("error_map", OutputTensor::Rank3(tensor))));
        outputs.extend(self.latent_mean.map(|tensor| ("latent_mean", OutputTensor::Rank2(tensor))));
        outputs.extend(self.latent_log_variance.map(|tensor| ("latent_log_variance", OutputTensor::Rank2(tensor))));
        outputs
    }

    /// The values of the graph's outputs with their names.
    #[must_use]
    pub fn into_data(self) -> Vec<(&'static str, TensorData)> {
        self.into_outputs().into_iter().map(|(name, tensor)| (name, tensor.into_data())).collect()
    }

    /// The usual meaning of an output; a kind of model may have its own
    /// ([`ModelSettings::output_meaning`](super::ModelSettings::output_meaning)). Empty for an unknown output.
    #[must_use]
    pub fn meaning(output: &str) -> &'static str {
        match output {
            "score" => "higher is more anomalous: probability of the anomalous classes together, 0..1",
            "probabilities" => "probability of each class, in the order of `classes`, adding up to 1",
            "reconstruction" => "the tile as rebuilt, 0..1, layout as the input's",
            "error_map" => "squared error of each pixel in 0..1 units, mean over the channels",
            "latent_mean" => "mean of the latent Gaussian",
            "latent_log_variance" => "natural logarithm of the latent Gaussian's variance",
            _ => "",
        }
    }
}
