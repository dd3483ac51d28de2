//! SimSiam: Chen and He, "Exploring Simple Siamese Representation Learning", CVPR 2021 (arXiv:2011.10566). A projection
//! behind the backbone, and a prediction of the projection of a tile's other variation. No gradient passes through the
//! target of the prediction; without this stop, every tile would soon have the same vector.

use burn::module::Module;
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use super::config::Method;
use crate::model::backbone::{Backbone, BackboneConfig, Extraction};
use crate::model::{PixelValues, Pooling, drawn, materialised};

/// Added to the squared length of a vector before it is divided by its length.
const EPSILON: f64 = 1e-12;
/// The part of each batch in the running figures of the backbone, as in published trainings. The running figures are
/// measured again after the last step.
const MOMENTUM: f64 = 0.1;

/// A dense layer without bias, then batch normalisation by the figures of the batch.
#[derive(Module, Debug)]
struct Normalised {
    linear: Linear,
    norm: BatchNorm,
}

impl Normalised {
    fn new(from: usize, to: usize, device: &Device) -> Self {
        let linear = LinearConfig::new(from, to).with_bias(false);
        Self { linear: linear.init(device), norm: BatchNormConfig::new(to).init(device) }
    }

    fn forward(&self, values: Tensor<2>) -> Tensor<2> {
        self.norm.forward(self.linear.forward(values))
    }
}

/// A backbone with the layers that pre-training needs behind it.
#[derive(Module, Debug)]
pub(super) struct SimSiam {
    backbone: Backbone,
    /// Two layers, as in the paper's trainings on small images.
    hidden: Normalised,
    projection: Normalised,
    bottleneck: Normalised,
    prediction: Linear,
    #[module(skip)]
    extraction: Extraction,
}

/// The result of a step on both variations of a batch.
pub(super) struct Outcome {
    /// The loss, `[1]`.
    pub(super) loss: Tensor<1>,
    /// The spread of the projections, `[1]`.
    pub(super) spread: Tensor<1>,
}

impl SimSiam {
    /// Draws the layers behind `backbone` from `seed`, and a backbone without weights; all learn from now on. The backbone normalises by the figures of each batch:
    /// the running figures of its start are of photographs, or of no image at all.
    pub(super) fn new(
        seed: u64,
        mut backbone: Backbone,
        config: &BackboneConfig,
        method: Method,
        device: &Device,
    ) -> Self {
        let Method::SimSiam { projection, prediction } = method;
        backbone.follow_batches(Some(MOMENTUM));
        drawn(seed, device, || Self {
            backbone,
            hidden: Normalised::new(config.features(), projection, device),
            projection: Normalised::new(projection, projection, device),
            bottleneck: Normalised::new(projection, prediction, device),
            prediction: LinearConfig::new(prediction, projection).init(device),
            extraction: Extraction::new(config, Pooling::Mean),
        })
    }

    /// Loss and spread for two variations of the same tiles.
    pub(super) fn compare(&self, one: PixelValues, other: PixelValues) -> Outcome {
        let [one, other] = [one, other].map(|tiles| self.project(tiles));
        let [from_one, from_other] = [one.clone(), other.clone()].map(|projection| self.predict(projection));
        let spread = spread(Tensor::cat(vec![one.clone(), other.clone()], 0).inner());
        let loss = (disagreement(from_one, other) + disagreement(from_other, one)).mul_scalar(0.5);
        Outcome { loss, spread }
    }

    /// Projections `[batch, projection]`.
    fn project(&self, tiles: PixelValues) -> Tensor<2> {
        let features = self.extraction.features(&self.backbone, tiles);
        self.projection.forward(relu(self.hidden.forward(features)))
    }

    fn predict(&self, projection: Tensor<2>) -> Tensor<2> {
        self.prediction.forward(relu(self.bottleneck.forward(projection)))
    }

    /// The backbone with running figures that are the means over `batches` of tiles (on the device without automatic
    /// differentiation) under its present weights (precise batch normalisation: Wu and Johnson, 2021), in inference mode.
    ///
    /// # Errors
    /// The first error that `batches` yields.
    pub(super) fn into_backbone<E>(self, batches: impl Iterator<Item = Result<PixelValues, E>>) -> Result<Backbone, E> {
        // Without automatic differentiation: the graph of a pass is freed by its gradient, and here there is none.
        let mut backbone = self.backbone.valid();
        for (before, batch) in batches.enumerate() {
            // With this momentum the running figures are the mean over all batches so far.
            backbone.follow_batches(Some(1.0 / (before + 1) as f64));
            let _ = self.extraction.maps(&backbone, batch?);
        }
        backbone.follow_batches(None);
        // Once more, for the newest running figures.
        Ok(materialised(backbone.valid()))
    }
}

/// The negative cosine similarity of predictions and targets, `[batch, projection]` each, in the mean over the batch: from
/// -1 to 1. No gradient reaches the target.
pub(super) fn disagreement(prediction: Tensor<2>, target: Tensor<2>) -> Tensor<1> {
    (of_unit_length(prediction) * of_unit_length(target.detach())).sum_dim(1).mean().neg()
}

/// The mean standard deviation of vectors of unit length, `[n, width]`, in each dimension, times the root of the width: 1
/// for vectors in all directions, 0 if all are the same (section 4.1 of the paper).
pub(super) fn spread(vectors: Tensor<2>) -> Tensor<1> {
    let [_, width] = vectors.dims();
    let vectors = of_unit_length(vectors);
    let distance = vectors.clone() - vectors.mean_dim(0);
    let deviation = (distance.clone() * distance).mean_dim(0).sqrt();
    deviation.mean().mul_scalar((width as f64).sqrt())
}

fn of_unit_length(vectors: Tensor<2>) -> Tensor<2> {
    let length = (vectors.clone() * vectors.clone()).sum_dim(1).add_scalar(EPSILON).sqrt();
    vectors / length
}
