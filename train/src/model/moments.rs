//! The moments of feature maps by channel, for batch normalisation.

use burn::tensor::Tensor;

/// Mean and variance of each channel over a batch of maps, `[channels]` each.
#[derive(Debug, Clone)]
pub(super) struct Moments {
    pub(super) mean: Tensor<1>,
    pub(super) variance: Tensor<1>,
}

impl Moments {
    /// Of maps `[batch, channels, height, width]`.
    pub(super) fn measure(maps: &Tensor<4>) -> Self {
        let over = |values: Tensor<4>| values.mean_dim(0).mean_dim(2).mean_dim(3);
        let mean = over(maps.clone());
        let distance = maps.clone() - mean.clone();
        let variance = over(distance.clone() * distance);
        let [_, channels, _, _] = maps.dims();
        Self { mean: mean.reshape([channels]), variance: variance.reshape([channels]) }
    }
}

/// Means of the moments of one layer over batches.
#[derive(Debug, Default)]
pub(super) struct MeanMoments {
    sum: Option<Moments>,
    batches: f32,
}

impl MeanMoments {
    pub(super) fn add(&mut self, batch: Moments) {
        self.batches += 1.0;
        self.sum = Some(match self.sum.take() {
            Some(sum) => Moments { mean: sum.mean + batch.mean, variance: sum.variance + batch.variance },
            None => batch,
        });
    }

    /// `None` without batches.
    pub(super) fn mean(self) -> Option<Moments> {
        let batches = self.batches;
        self.sum.map(|sum| Moments { mean: sum.mean.div_scalar(batches), variance: sum.variance.div_scalar(batches) })
    }
}
