//! The convolutional part of a classifier.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::MaxPool2d;
use burn::nn::{BatchNorm, BatchNormConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::module::batch_norm;
use burn::tensor::{Device, Tensor};

use crate::model::convolution::{
    Activation, AfterNormalisation, by_libtorch, convolved, folded, halving, normalised_by_batch, options,
};
use crate::model::identity;
use crate::model::moments::{MeanMoments, Moments};

/// Rows and columns of zeros before and after the maps, which keep their size.
const PADDING: (usize, usize) = (1, 1);

/// One stage: 3x3 convolution, batch normalisation, ReLU, 2x2 max-pooling.
#[derive(Module, Debug)]
struct Stage {
    conv: Conv2d,
    norm: BatchNorm,
    pool: MaxPool2d,
}

impl Stage {
    fn new(channels: [usize; 2], number: usize, device: &Device) -> Self {
        // The shift of the normalisation replaces a bias.
        let conv = Conv2dConfig::new(channels, [3, 3]).with_padding(PaddingConfig2d::Same).with_bias(false);
        let norm = BatchNormConfig::new(channels[1]);
        Self {
            conv: conv.init(device),
            norm: identity::normalisation(&norm, &norm_path(number), device),
            pool: halving(),
        }
    }

    /// In training, and with LibTorch, pooling comes before ReLU; in an exported graph ReLU, which ONNX Runtime makes part of the
    /// convolution.
    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        if input.device().is_autodiff() && self.norm.training.is_enabled() {
            let after = AfterNormalisation { pooling: true, activation: Activation::Relu };
            let norm = (&self.norm, self.norm.momentum);
            return normalised_by_batch(input, self.conv.weight.val(), options(&self.conv, PADDING), norm, after);
        }
        if by_libtorch(&input) {
            let weights = folded(self.conv.weight.val(), self.norm.gamma.val(), &self.norm);
            let maps = convolved(input, weights, options(&self.conv, PADDING), Activation::None);
            return Activation::Relu.of(self.pool.forward(maps));
        }
        self.activated(self.norm.forward(self.conv.forward(input)))
    }

    fn activated(&self, maps: Tensor<4>) -> Tensor<4> {
        self.pool.forward(relu(maps))
    }

    /// As in training: maps normalised by the moments of the batch, and these moments.
    fn observe(&self, input: Tensor<4>) -> (Tensor<4>, Moments) {
        let maps = self.conv.forward(input);
        let moments = Moments::measure(&maps);
        let Moments { mean, variance } = moments.clone();
        let (gamma, beta) = (self.norm.gamma.val(), self.norm.beta.val());
        let normal = batch_norm(maps, gamma, beta, mean, variance, self.norm.epsilon);
        (self.activated(normal), moments)
    }
}

/// Path of a stage's normalisation, in every kind of model.
fn norm_path(number: usize) -> String {
    format!("features.stages.{number}.norm")
}

/// The convolutional part: `[batch, 3, 256, 256]`, or smaller tiles, to `[batch, filters, side, side]`, the side halved by
/// each stage.
#[derive(Module, Debug)]
pub struct Features {
    stages: Vec<Stage>,
}

impl Features {
    /// Fresh weights for these numbers of filters.
    #[must_use]
    pub fn new(filters: &[usize], device: &Device) -> Self {
        let inputs = std::iter::once(3).chain(filters.iter().copied());
        let stages = inputs.zip(filters).enumerate();
        Self { stages: stages.map(|(number, (from, to))| Stage::new([from, *to], number, device)).collect() }
    }

    /// Feature maps of prepared tiles.
    #[must_use]
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        self.stages.iter().fold(input, |maps, stage| stage.forward(maps))
    }

    /// The maps after each stage, in order.
    pub(crate) fn each(&self, input: Tensor<4>) -> Vec<Tensor<4>> {
        let after = |maps: &mut Tensor<4>, stage: &Stage| {
            *maps = stage.forward(maps.clone());
            Some(maps.clone())
        };
        self.stages.iter().scan(input, after).collect()
    }

    /// The features with running figures that are the means over `batches` of prepared tiles; unchanged without batches.
    ///
    /// # Errors
    /// The first error that `batches` yields.
    pub(crate) fn recalibrated<E>(mut self, batches: impl Iterator<Item = Result<Tensor<4>, E>>) -> Result<Self, E> {
        let mut moments: Vec<MeanMoments> = self.stages.iter().map(|_| MeanMoments::default()).collect();
        for batch in batches {
            let mut maps = batch?;
            for (stage, moments) in self.stages.iter().zip(&mut moments) {
                let (next, of_batch) = stage.observe(maps);
                maps = next;
                moments.add(of_batch);
            }
        }
        for (number, (stage, moments)) in self.stages.iter_mut().zip(moments).enumerate() {
            if let Some(Moments { mean, variance }) = moments.mean() {
                identity::set_running_figures(&mut stage.norm, &norm_path(number), mean, variance);
            }
        }
        Ok(self)
    }
}
