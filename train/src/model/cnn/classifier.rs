//! The dense part of a classifier.

use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use super::CnnConfig;
use crate::model::{ClassifiedMaps, Pooling};

/// The dense part: feature maps to one logit a class.
#[derive(Module, Debug)]
pub struct Classifier {
    dense: Vec<Linear>,
    dropout: Dropout,
    output: Linear,
    #[module(skip)]
    pooling: Option<Pooling>,
}

impl Classifier {
    /// Fresh weights for the maps of [`Features`](super::Features) under the same configuration.
    #[must_use]
    pub fn new(config: &CnnConfig, classes: usize, device: &Device) -> Self {
        let filters = config.filters.last().copied().unwrap_or(3);
        let inputs = config.head.inputs(filters, config.last_side());
        let widths: Vec<usize> = std::iter::once(inputs).chain(config.dense.iter().copied()).collect();
        let last = widths.last().copied().unwrap_or(inputs);
        Self {
            dense: widths.windows(2).map(|pair| LinearConfig::new(pair[0], pair[1]).init(device)).collect(),
            dropout: DropoutConfig::new(config.dropout).init(),
            output: LinearConfig::new(last, classes).init(device),
            pooling: config.head.pooling(),
        }
    }

    /// Logits, `[batch, classes]`.
    #[must_use]
    pub fn forward(&self, maps: Tensor<4>) -> Tensor<2> {
        let vector = match self.pooling {
            Some(pooling) => pooling.apply(vec![maps]),
            None => maps.flatten(1, 3),
        };
        let hidden = self.dense.iter().fold(vector, |values, layer| self.dropout.forward(relu(layer.forward(values))));
        self.output.forward(hidden)
    }

    /// The maps of a tile with this head, for Grad-CAM. Weights are frozen and dropout has no effect, so that gradients
    /// reach the maps alone.
    pub(crate) fn classified(&self, maps: Tensor<4>) -> ClassifiedMaps {
        let head = self.clone().train().freeze();
        ClassifiedMaps { maps: vec![maps], head: Box::new(move |maps| head.forward(Tensor::cat(maps, 1))) }
    }
}
