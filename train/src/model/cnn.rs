//! The convolutional classifier: feature maps, then a dense head.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Dropout, DropoutConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::module::{adaptive_avg_pool2d, batch_norm};
use burn::tensor::{Device, Tensor};
use kiln_tile::SIDE;

use super::{Levels, Scores, identity, prepare};
use crate::config::{CnnConfig, Head};

/// One stage: 3x3 convolution, batch normalisation, ReLU, 2x2 max-pooling.
#[derive(Module, Debug)]
struct Stage {
    conv: Conv2d,
    norm: BatchNorm,
    pool: MaxPool2d,
}

impl Stage {
    fn new(channels: [usize; 2], number: usize, device: &Device) -> Self {
        // The normalisation's shift does what a bias would.
        let conv = Conv2dConfig::new(channels, [3, 3]).with_padding(PaddingConfig2d::Same).with_bias(false);
        let norm = BatchNormConfig::new(channels[1]);
        Self {
            conv: conv.init(device),
            norm: identity::normalisation(&norm, &norm_path(number), device),
            pool: MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init(),
        }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        self.pool.forward(relu(self.norm.forward(self.conv.forward(input))))
    }

    /// As in training: normalised by the batch's own figures, which are given too.
    fn observe(&self, input: Tensor<4>) -> (Tensor<4>, Figures) {
        let maps = self.conv.forward(input);
        let figures = Figures::of(&maps);
        let Figures { mean, variance } = figures.clone();
        let (gamma, beta) = (self.norm.gamma.val(), self.norm.beta.val());
        let normal = batch_norm(maps, gamma, beta, mean, variance, self.norm.epsilon);
        (self.pool.forward(relu(normal)), figures)
    }
}

/// Path of a stage's normalisation in every model of the zoo.
fn norm_path(number: usize) -> String {
    format!("features.stages.{number}.norm")
}

/// Mean and variance of each channel over a batch, `[channels]` each.
#[derive(Debug, Clone)]
struct Figures {
    mean: Tensor<1>,
    variance: Tensor<1>,
}

impl Figures {
    fn of(maps: &Tensor<4>) -> Self {
        let over = |values: Tensor<4>| values.mean_dim(0).mean_dim(2).mean_dim(3);
        let mean = over(maps.clone());
        let distance = maps.clone() - mean.clone();
        let variance = over(distance.clone() * distance);
        let [_, channels, _, _] = maps.dims();
        Self { mean: mean.reshape([channels]), variance: variance.reshape([channels]) }
    }
}

/// The convolutional part: `[batch, 3, 256, 256]` to `[batch, filters, side, side]`, the side halved by each stage.
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

    /// The maps after each stage, the first one's first.
    pub(crate) fn each(&self, input: Tensor<4>) -> Vec<Tensor<4>> {
        let after = |maps: &mut Tensor<4>, stage: &Stage| {
            *maps = stage.forward(maps.clone());
            Some(maps.clone())
        };
        self.stages.iter().scan(input, after).collect()
    }

    /// The same features whose running figures are the means over `batches` of prepared tiles, at least one.
    ///
    /// # Errors
    /// The first that `batches` gives.
    pub(crate) fn settled<E>(mut self, batches: impl Iterator<Item = Result<Tensor<4>, E>>) -> Result<Self, E> {
        let mut sums: Vec<Figures> = Vec::new();
        let mut count = 0.0_f32;
        for batch in batches {
            let mut maps = batch?;
            count += 1.0;
            for (number, stage) in self.stages.iter().enumerate() {
                let (next, figures) = stage.observe(maps);
                maps = next;
                match sums.get_mut(number) {
                    Some(sum) => {
                        sum.mean = sum.mean.clone() + figures.mean;
                        sum.variance = sum.variance.clone() + figures.variance;
                    }
                    None => sums.push(figures),
                }
            }
        }
        for (number, (stage, sum)) in self.stages.iter_mut().zip(sums).enumerate() {
            let (mean, variance) = (sum.mean.div_scalar(count), sum.variance.div_scalar(count));
            identity::set_running_figures(&mut stage.norm, &norm_path(number), mean, variance);
        }
        Ok(self)
    }

    /// Side of the feature maps in values, for `stages` stages over 256 pixels.
    #[must_use]
    pub fn side(stages: usize) -> usize {
        SIDE as usize >> stages
    }
}

/// The dense part: feature maps to one logit a class.
#[derive(Module, Debug)]
pub struct Classifier {
    dense: Vec<Linear>,
    dropout: Dropout,
    output: Linear,
    pooled: bool,
}

impl Classifier {
    /// Fresh weights for the maps of [`Features`] under the same configuration.
    #[must_use]
    pub fn new(config: &CnnConfig, classes: usize, device: &Device) -> Self {
        let filters = config.filters.last().copied().unwrap_or(3);
        let pooled = config.head == Head::Pooled;
        let inputs = if pooled { filters } else { filters * Features::side(config.filters.len()).pow(2) };
        let widths: Vec<usize> = std::iter::once(inputs).chain(config.dense.iter().copied()).collect();
        let last = widths.last().copied().unwrap_or(inputs);
        Self {
            dense: widths.windows(2).map(|pair| LinearConfig::new(pair[0], pair[1]).init(device)).collect(),
            dropout: DropoutConfig::new(config.dropout).init(),
            output: LinearConfig::new(last, classes).init(device),
            pooled,
        }
    }

    /// Logits, `[batch, classes]`.
    #[must_use]
    pub fn forward(&self, maps: Tensor<4>) -> Tensor<2> {
        let maps = if self.pooled { adaptive_avg_pool2d(maps, [1, 1]) } else { maps };
        let vector = maps.flatten(1, 3);
        let hidden = self.dense.iter().fold(vector, |values, layer| self.dropout.forward(relu(layer.forward(values))));
        self.output.forward(hidden)
    }
}

/// The whole classifier.
#[derive(Module, Debug)]
pub struct Cnn {
    features: Features,
    classifier: Classifier,
}

impl Cnn {
    /// Fresh weights.
    #[must_use]
    pub fn new(config: &CnnConfig, classes: usize, device: &Device) -> Self {
        Self { features: Features::new(&config.filters, device), classifier: Classifier::new(config, classes, device) }
    }

    /// Probabilities and score of decoded tiles (u8, `[batch, 256, 256, 3]`); the first `normal` classes are normal.
    #[must_use]
    pub fn score(&self, tile: impl Into<Levels>, normal: usize) -> Scores {
        Scores::of_classifier(self.logits(prepare(tile)), normal)
    }

    /// As [`Features::settled`].
    pub(crate) fn settled<E>(self, batches: impl Iterator<Item = Result<Tensor<4>, E>>) -> Result<Self, E> {
        Ok(Self { features: self.features.settled(batches)?, ..self })
    }

    /// The convolutional and the dense part.
    pub(crate) fn parts(&self) -> (&Features, &Classifier) {
        (&self.features, &self.classifier)
    }

    /// Logits of prepared tiles, `[batch, classes]`.
    #[must_use]
    pub fn logits(&self, prepared: Tensor<4>) -> Tensor<2> {
        self.classifier.forward(self.features.forward(prepared))
    }
}
