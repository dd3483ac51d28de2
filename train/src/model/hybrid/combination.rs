//! A hybrid's score: a logistic regression on the results of its parts. Its weights are not learnt with the model but
//! fitted afterwards, on the validation split; until then the score is the classifier's probability.

use burn::module::{Module, RunningState};
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor, TensorData};

use crate::model::{Standard, identity};

/// Parts of the score, in the order of its weights: the classifier's log-odds of an anomaly; the natural
/// logarithm of the mean squared reconstruction error; the distance of the latent mean from those of normal tiles.
pub(super) const PARTS: [&str; 3] = ["classifier_log_odds", "log_reconstruction_error", "latent_distance"];

/// Limit of the log-odds: larger ones add no information and would drown the other parts.
const LOG_ODDS: f64 = 15.0;

/// The distribution of normal tiles in the latent space, and the weights of the parts.
#[derive(Module, Debug)]
pub(super) struct Combination {
    /// Moments of the latent means of normal training tiles.
    normal: Standard,
    /// One for each of [`PARTS`], `[3]`.
    weights: RunningState<Tensor<1>>,
    /// `[1]`.
    intercept: RunningState<Tensor<1>>,
}

/// The fitted weights of a combination.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PartWeights {
    /// One for each of [`PARTS`], at least 0.
    pub(super) of_parts: [f64; 3],
    /// Log-odds of the score if all parts are 0.
    pub(super) intercept: f64,
}

impl PartWeights {
    /// The classifier alone.
    const CLASSIFIER: Self = Self { of_parts: [1.0, 0.0, 0.0], intercept: 0.0 };
}

impl Combination {
    /// The classifier's probability.
    pub(super) fn new(latent: usize, device: &Device) -> Self {
        Self::from_parts(Standard::new(latent, device), PartWeights::CLASSIFIER, device)
    }

    fn from_parts(normal: Standard, weights: PartWeights, device: &Device) -> Self {
        let state = |name: &str, values: &[f64]| {
            let values: Vec<f32> = values.iter().map(|value| *value as f32).collect();
            let shape = [values.len()];
            let values = Tensor::<1>::from_data(TensorData::new(values, shape), device);
            RunningState::with_id(identity::for_path(&format!("combination.{name}")), values)
        };
        Self {
            normal,
            weights: state("weights", &weights.of_parts),
            intercept: state("intercept", &[weights.intercept]),
        }
    }

    /// The combination with distances measured from these latent means of normal tiles, `[tiles, latent]`.
    pub(super) fn around(&self, latents: Tensor<2>) -> Self {
        Self { normal: Standard::from_features(latents, 1e-3), ..self.clone() }
    }

    /// The combination with other weights.
    pub(super) fn weighing(&self, weights: PartWeights) -> Self {
        let device = self.weights.value().device();
        Self::from_parts(self.normal.clone(), weights, &device)
    }

    /// The parts of a batch, `[batch, 3]`, from log-odds, squared errors and latent means.
    pub(super) fn parts(&self, log_odds: Tensor<1>, squared_error: Tensor<1>, latent_mean: Tensor<2>) -> Tensor<2> {
        let error = squared_error.add_scalar(1e-8).log();
        let parts = [log_odds.clamp(-LOG_ODDS, LOG_ODDS), error, self.distance(latent_mean)];
        Tensor::cat(parts.map(|part| part.unsqueeze_dim(1)).to_vec(), 1)
    }

    /// Distance from normal tiles, `[batch]`, about 1 for a normal one: the root of the mean square of its deviations over
    /// the dimensions.
    fn distance(&self, latent_mean: Tensor<2>) -> Tensor<1> {
        let away = self.normal.forward(latent_mean);
        (away.clone() * away).mean_dim(1).sqrt().squeeze_dim(1)
    }

    /// The probability of an anomaly, `[batch]`, from parts `[batch, 3]`.
    pub(super) fn score(&self, parts: Tensor<2>) -> Tensor<1> {
        let weighed = (parts * self.weights.value().unsqueeze()).sum_dim(1).squeeze_dim(1);
        sigmoid(weighed + self.intercept.value())
    }
}

/// Log-odds, `[batch]`, of the classes from `normal` on against the classes before it, from logits `[batch, classes]`.
pub(super) fn log_odds(logits: Tensor<2>, normal: usize) -> Tensor<1> {
    let classes = logits.dims()[1];
    let normal_part = log_sum_exp(logits.clone().narrow(1, 0, normal));
    (log_sum_exp(logits.narrow(1, normal, classes - normal)) - normal_part).squeeze_dim(1)
}

fn log_sum_exp(values: Tensor<2>) -> Tensor<2> {
    if values.dims()[1] == 1 {
        return values;
    }
    let largest = values.clone().max_dim(1);
    (values - largest.clone()).exp().sum_dim(1).log() + largest
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn tensor<const D: usize, A: Into<TensorData>>(values: A) -> Tensor<D> {
        Tensor::from_data(values.into(), &Device::flex())
    }

    fn values(tensor: Tensor<1>) -> Vec<f32> {
        tensor.into_data().try_into_vec().unwrap()
    }

    #[test]
    fn before_a_fit_the_score_is_the_classifiers_probability() {
        let combination = Combination::new(2, &Device::flex());
        let odds = log_odds(tensor::<2, _>([[0.3_f32, -0.4], [1.0, 3.0]]), 1);
        let latent = tensor::<2, _>([[9.0_f32, 9.0], [0.0, 0.0]]);
        let score = values(combination.score(combination.parts(odds, tensor::<1, _>([0.5_f32, 2.0]), latent)));
        let expected = [1.0 / (1.0 + 0.7_f32.exp()), 1.0 / (1.0 + (-2.0_f32).exp())];
        assert!(score.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-6), "{score:?}");
    }

    #[test]
    fn several_classes_count_together() {
        let odds = values(log_odds(tensor::<2, _>([[0.0_f32, 1.0, 2.0, -1.0]]), 2));
        let sum = |logits: [f32; 2]| logits.map(f32::exp).iter().sum::<f32>();
        assert!((odds[0] - (sum([2.0, -1.0]) / sum([0.0, 1.0])).ln()).abs() < 1e-6, "{odds:?}");
    }

    #[test]
    fn distance_is_one_where_normal_tiles_lie_a_deviation_out() {
        let combination = Combination::new(2, &Device::flex());
        let around = combination.around(tensor::<2, _>([[1.0_f32, 10.0], [3.0, 30.0]]));
        let distance = values(around.distance(tensor::<2, _>([[2.0_f32, 20.0], [3.0, 30.0]])));
        assert!(distance[0].abs() < 1e-6 && (distance[1] - 1.0).abs() < 2e-3, "{distance:?}");
    }
}
