//! The convolutional classifier: feature maps, then a dense head.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Dropout, DropoutConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::module::adaptive_avg_pool2d;
use burn::tensor::{Device, Int, Tensor};
use kiln_tile::SIDE;

use super::{Scores, identity, prepare};
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
            norm: identity::normalisation(&norm, &format!("features.stages.{number}.norm"), device),
            pool: MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init(),
        }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        self.pool.forward(relu(self.norm.forward(self.conv.forward(input))))
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
    pub fn score(&self, tile: Tensor<4, Int>, normal: usize) -> Scores {
        Scores::of_classifier(self.logits(prepare(tile)), normal)
    }

    /// The convolutional part.
    #[must_use]
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// Logits of prepared tiles, `[batch, classes]`.
    #[must_use]
    pub fn logits(&self, prepared: Tensor<4>) -> Tensor<2> {
        self.classifier.forward(self.features.forward(prepared))
    }
}
