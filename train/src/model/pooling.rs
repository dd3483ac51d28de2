//! The numbers that a feature map becomes: the key `model.pooling`, and the pooled heads of a `cnn`.

use burn::tensor::Tensor;
use burn::tensor::module::adaptive_avg_pool2d;
use serde::{Deserialize, Serialize};

/// A number that a feature map becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// The mean.
    Mean,
    /// The mean over the central square, a third of the side.
    Centre,
    /// The standard deviation over all places: small for a uniform texture.
    Deviation,
    /// The standard deviation over the central square.
    CentreDeviation,
}

impl Statistic {
    /// The statistic of each map, concatenated over all stages, `[batch, features]`.
    fn of(self, maps: Vec<Tensor<4>>) -> Tensor<2> {
        match self {
            Self::Mean => means(maps),
            Self::Centre => means(maps.into_iter().map(centre).collect()),
            Self::Deviation => deviations(maps),
            Self::CentreDeviation => deviations(maps.into_iter().map(centre).collect()),
        }
    }
}

/// The pooling of feature maps to one vector for a tile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// The mean of each map.
    #[default]
    Mean,
    /// Also the mean of each map over the central square, a third of the side, for tiles whose label is decided there.
    MeanAndCentre,
    /// Also the standard deviation of each map.
    MeanCentreAndDeviation,
    /// The mean and the standard deviation of each map and of its central square.
    MeansAndDeviations,
}

impl Pooling {
    /// Length of the vector of so many maps.
    #[must_use]
    pub fn features(self, maps: usize) -> usize {
        maps * self.statistics().len()
    }

    /// The numbers that each map becomes. A vector has the first one of all maps, then the second one of all maps, and so on.
    #[must_use]
    pub fn statistics(self) -> &'static [Statistic] {
        match self {
            Self::Mean => &[Statistic::Mean],
            Self::MeanAndCentre => &[Statistic::Mean, Statistic::Centre],
            Self::MeanCentreAndDeviation => &[Statistic::Mean, Statistic::Centre, Statistic::Deviation],
            Self::MeansAndDeviations => {
                &[Statistic::Mean, Statistic::Centre, Statistic::Deviation, Statistic::CentreDeviation]
            }
        }
    }

    /// Returns true for the default. By reference, because serde's `skip_serializing_if` takes one.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Vectors `[batch, features]` of the maps of all stages.
    pub(crate) fn apply(self, maps: Vec<Tensor<4>>) -> Tensor<2> {
        match self.statistics() {
            [one] => one.of(maps),
            several => Tensor::cat(several.iter().map(|statistic| statistic.of(maps.clone())).collect(), 1),
        }
    }
}

/// The mean of each map, concatenated over all stages, `[batch, features]`.
pub(crate) fn means(maps: Vec<Tensor<4>>) -> Tensor<2> {
    Tensor::cat(maps.into_iter().map(|maps| adaptive_avg_pool2d(maps, [1, 1]).flatten(1, 3)).collect(), 1)
}

/// Added to variances: the gradient of a root has no bound at 0.
const LEAST_VARIANCE: f64 = 1e-6;

/// The standard deviation of each map, concatenated over all stages, `[batch, features]`.
fn deviations(maps: Vec<Tensor<4>>) -> Tensor<2> {
    let squares = maps.into_iter().map(|maps| {
        let from_mean = maps.clone() - adaptive_avg_pool2d(maps, [1, 1]);
        from_mean.clone() * from_mean
    });
    means(squares.collect()).add_scalar(LEAST_VARIANCE).sqrt()
}

/// The central square of maps.
fn centre(maps: Tensor<4>) -> Tensor<4> {
    let [_, _, height, width] = maps.dims();
    let ([top, rows], [left, columns]) = (middle(height), middle(width));
    maps.narrow(2, top, rows).narrow(3, left, columns)
}

/// Start and length of the middle third of a side, widened to whole cells.
fn middle(side: usize) -> [usize; 2] {
    let start = side / 3;
    [start, (2 * side).div_ceil(3) - start]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::model::tensors::read;

    #[test]
    fn the_middle_of_a_side_is_central_and_never_empty() {
        assert_eq!([3, 6, 8, 12, 32].map(middle), [[1, 1], [2, 2], [2, 4], [4, 4], [10, 12]]);
        for side in 1..=256 {
            let [start, length] = middle(side);
            assert!(length >= 1 && 2 * start + length == side, "side {side}");
        }
    }

    #[test]
    fn the_mean_of_the_centre_follows_the_mean_of_the_map() {
        // 6 where the centre of a map of 6 x 6 is; the second map is 2 everywhere.
        let is_centre = |at: usize| (2..4).contains(&(at / 6)) && (2..4).contains(&(at % 6));
        let first = (0..36).map(|at| if is_centre(at) { 6.0 } else { 0.0 });
        let values: Vec<f32> = first.chain([2.0; 36]).collect();
        let maps = Tensor::<4>::from_data(TensorData::new(values, [1, 2, 6, 6]), &Device::flex());
        // A coarser stage of one map.
        let coarse =
            Tensor::<4>::from_data(TensorData::new(vec![5.0_f32, 1.0, 1.0, 1.0], [1, 1, 2, 2]), &Device::flex());
        let pooled = |pooling: Pooling| read(pooling.apply(vec![maps.clone(), coarse.clone()]).into_data()).unwrap();
        let near = |found: &[f64], expected: &[f64]| {
            found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6)
        };
        let mean = [24.0 / 36.0, 2.0, 2.0];
        assert!(near(&pooled(Pooling::Mean), &mean));
        let found = pooled(Pooling::MeanAndCentre);
        assert!(near(&found[..3], &mean) && near(&found[3..], &[6.0, 2.0, 2.0]), "{found:?}");
        assert_eq!(found.len(), Pooling::MeanAndCentre.features(3));

        let found = pooled(Pooling::MeanCentreAndDeviation);
        // 4 of 36 values are 6: the variance is 36 * 4 / 36 - (2 / 3)^2.
        let deviations = [(4.0_f64 - 4.0 / 9.0).sqrt(), 1e-3, 3.0_f64.sqrt()];
        assert!(near(&found[..6], &pooled(Pooling::MeanAndCentre)) && near(&found[6..], &deviations), "{found:?}");
        assert_eq!(found.len(), Pooling::MeanCentreAndDeviation.features(3));

        // Both centres are 6 and 2 everywhere. The coarse map is its own centre.
        let all = pooled(Pooling::MeansAndDeviations);
        assert!(near(&all[..9], &found) && near(&all[9..], &[1e-3, 1e-3, 3.0_f64.sqrt()]), "{all:?}");
    }

    #[test]
    fn deviations_have_a_finite_gradient_where_a_map_is_constant() {
        let device = Device::flex().autodiff();
        let values: Vec<f32> = (0..32).map(|at| if at < 16 { 0.0 } else { at as f32 }).collect();
        let maps = Tensor::<4>::from_data(TensorData::new(values, [1, 2, 4, 4]), &device).require_grad();
        let gradients = Pooling::MeansAndDeviations.apply(vec![maps.clone()]).sum().backward();
        let found = read(maps.grad(&gradients).unwrap().into_data()).unwrap();
        // Of a constant map only the means have a gradient: 1 / 16, and 1 / 4 in the centre.
        let is_centre = |at: usize| (1..3).contains(&(at / 4)) && (1..3).contains(&(at % 4));
        for (at, value) in found[..16].iter().enumerate() {
            let expected = if is_centre(at) { 1.0 / 16.0 + 1.0 / 4.0 } else { 1.0 / 16.0 };
            assert!((value - expected).abs() < 1e-5, "{at}: {value}");
        }
        // A deviation grows where a value above the mean grows, by (x - mean) / (n deviation).
        let corner = 1.0 / 16.0 + (31.0 - 23.5) / (16.0 * 21.25_f64.sqrt());
        assert!((found[31] - corner).abs() < 1e-4, "{} is not {corner}", found[31]);
    }
}
