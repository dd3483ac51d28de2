//! The two traits that a kind of model implements: [`ModelSettings`] for the keys below `model:`, and [`TileModel`] for the
//! burn module. Everything else in the workspace (training, reports, export) asks these traits and matches on no kind.

use burn::module::{Module, ParamGroup};
use burn::tensor::{Device, Int, Tensor};
use kiln_tile::{SIDE, ScoreRule};

use super::backbone::{Backbone, BackboneConfig, FrozenBackbone};
use super::{Classes, LossOptions, Part, PixelValues, Preprocessing, Scores};
use crate::Result;
use crate::data::Loader;
use crate::features::TileVectors;

/// The settings of one kind of model: the keys below `model:`, their checks, and the decisions that follow from them.
pub trait ModelSettings {
    /// The first problem with the settings, beginning with its key (`model.stride: …`).
    fn problem(&self) -> Option<String>;

    /// Rough number of weights, by which a configuration that no machine can hold is refused.
    fn estimated_weights(&self) -> f64;

    /// The meaning of a graph output, for the manifest and the model card. `fitted_score` is true if
    /// [`TileModel::with_fitted_score`] returned a rule.
    fn output_meaning(&self, output: &str, fitted_score: bool) -> &'static str {
        let _ = fitted_score;
        Scores::meaning(output)
    }

    /// Keys that are set and have no effect beside the others, each with the reason.
    fn unused_keys(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// The pretrained backbone, if the model has one.
    fn backbone(&self) -> Option<&BackboneConfig> {
        None
    }

    /// Training changes the weights of the backbone.
    fn backbone_learns(&self) -> bool {
        false
    }

    /// Checks that `vectors` variations of normal training tiles are enough, for a model that learns in one pass.
    ///
    /// # Errors
    /// [`crate::Error::Config`] with the key that asks for more.
    fn check_room(&self, vectors: usize) -> Result<()> {
        let _ = vectors;
        Ok(())
    }

    /// Variations of each training tile that features are computed of.
    fn views(&self) -> u64 {
        1
    }

    /// Training uses features of the tiles instead of the tiles.
    fn learns_from_features(&self) -> bool {
        false
    }

    /// Pixels a side of the tiles that a step learns from: fewer than 256 for a model that works on fewer.
    fn learning_side(&self) -> usize {
        SIDE as usize
    }

    /// Training is a single pass over the vectors of a [`TileModel::frozen_backbone`], by [`TileModel::fitted`], without
    /// gradients.
    fn learns_in_one_pass(&self) -> bool {
        false
    }

    /// Epochs of a first stage in which the classifier learns alone; 0 for a single stage.
    fn classifier_epochs(&self) -> u64 {
        0
    }

    /// Factor on the learning rate of [`TileModel::first_stage_params`] in the second stage.
    fn classifier_rate(&self) -> f64 {
        1.0
    }

    /// Epochs over which the weight of the KL divergence grows from 0.
    fn beta_warmup_epochs(&self) -> u64 {
        0
    }

    /// A number of pixels of which the side of a window must be a multiple, if `part` can learn from windows of tiles; `None`
    /// if it needs whole tiles.
    fn window_step(&self, part: Part) -> Option<usize> {
        let _ = part;
        None
    }
}

/// A burn module that scores tiles. Field names are part of saved weights: renaming one makes older runs unreadable.
pub trait TileModel: Module {
    /// Type of the keys below `model:`.
    type Settings: ModelSettings;

    /// The name in configurations and manifests (`model.kind`): the module's name in snake case.
    const KIND: &'static str;

    /// Noun phrase for the description inside the exported graph.
    const PHRASE: &'static str;

    /// The model separates the labels of the data set. If false, it learns from normal tiles only.
    const HAS_CLASSES: bool = true;

    /// Fields whose computations have 32 bits in a graph of any precision. These are distances from normal tiles: the square of
    /// an unusual tile's distance exceeds 16 bits, and 8 bits are calibrated on usual tiles and would shorten it.
    const FULL_PRECISION: &'static [&'static str] = &[];

    /// A model with fresh weights.
    fn from_settings(settings: &Self::Settings, classes: usize, device: &Device) -> Self;

    /// The exported computation: scores of a batch. The first `normal` classes are normal. Must be deterministic.
    fn score(&self, tile: PixelValues, normal: usize) -> Scores;

    /// Scores in the validation after an epoch: by the part of the model that is learning, without test-time augmentation.
    fn score_part(&self, part: Part, tile: PixelValues, normal: usize) -> Scores {
        let _ = part;
        self.score(tile, normal)
    }

    /// Training loss, `[1]`, of tiles or windows of them with class numbers `labels`, `[batch]`; `normal` is 1 for normal tiles
    /// and 0 for others, `[batch]`.
    fn loss(&self, tile: PixelValues, labels: Tensor<1, Int>, normal: Tensor<1>, options: &LossOptions) -> Tensor<1>;

    /// Validation loss, `[1]`, computed from scores, so that one pass gives both.
    fn loss_of_scores(
        &self,
        scores: &Scores,
        labels: Tensor<1, Int>,
        normal: Tensor<1>,
        options: &LossOptions,
    ) -> Tensor<1>;

    /// The model with batch normalisation recalibrated on `batches` of tiles; see [`Zoo::recalibrated`].
    ///
    /// [`Zoo::recalibrated`]: super::Zoo::recalibrated
    ///
    /// # Errors
    /// The first error that `batches` yields.
    fn recalibrated<E>(self, batches: impl Iterator<Item = Result<PixelValues, E>>) -> Result<Self, E> {
        let _ = batches;
        Ok(self)
    }

    /// The pretrained backbone, if the model has one.
    fn backbone(&self) -> Option<&Backbone> {
        None
    }

    /// The model with another backbone of the same architecture.
    #[must_use]
    fn with_backbone(self, backbone: Backbone) -> Self {
        let _ = backbone;
        self
    }

    /// The model as one that classifies feature vectors, if it is one.
    fn feature_model(&self) -> Option<&dyn FeatureModel> {
        None
    }

    /// The part of the model whose weights training does not change, if its vectors are computed apart from the rest.
    fn frozen_backbone(&self) -> Option<FrozenBackbone> {
        None
    }

    /// The model with its features standardised by these, `[tiles, features]`, before the first step.
    #[must_use]
    fn standardised(self, features: Tensor<2>) -> Self {
        let _ = features;
        self
    }

    /// The model fitted in a single pass; for settings with [`ModelSettings::learns_in_one_pass`].
    ///
    /// # Errors
    /// A tile that cannot be decoded, or too few of them.
    fn fitted(self, settings: &Self::Settings, pass: &mut OnePass<'_>) -> Result<Self> {
        let _ = (settings, pass);
        Ok(self)
    }

    /// The model with a score that is fitted after training, and the rule that describes the score.
    ///
    /// # Errors
    /// A tile that cannot be decoded, or a validation split on which the score cannot be fitted.
    fn with_fitted_score(self, tiles: &FitTiles<'_>) -> Result<(Self, Option<ScoreRule>)> {
        let _ = tiles;
        Ok((self, None))
    }

    /// Parameters of the parts that the first of two stages trains.
    fn first_stage_params(&self) -> Vec<ParamGroup> {
        Vec::new()
    }

    /// Tiles in 0..1, `[batch, 3, 256, 256]`, decoded from points in the latent space, if the model rebuilds tiles.
    fn decoded(&self, latent: Tensor<2>) -> Option<Tensor<4>> {
        let _ = latent;
        None
    }

    /// The feature maps of a tile and the head that classifies them, for Grad-CAM; `None` without a convolutional
    /// classifier.
    fn classified_maps(&self, tile: PixelValues) -> Option<ClassifiedMaps> {
        let _ = tile;
        None
    }
}

/// A classifier of feature vectors. If its backbone is frozen, features are computed once and cached.
pub trait FeatureModel: Sync {
    /// The backbone's weights do not learn, and nothing but the classifier needs the backbone: features are computed once.
    fn is_frozen(&self) -> bool;

    /// Features of tiles, `[batch, features]`.
    fn features(&self, tile: PixelValues) -> Tensor<2>;

    /// Loss of features, `[batch, features]`, with class numbers, `[batch]`.
    fn loss_of_features(&self, features: Tensor<2>, labels: Tensor<1, Int>, options: &LossOptions) -> Tensor<1>;

    /// Probabilities and score of features; the first `normal` classes are normal.
    fn score_features(&self, features: Tensor<2>, normal: usize) -> Scores;
}

/// Feature maps of one tile and the classifier's head on them.
pub struct ClassifiedMaps {
    /// Maps of each stage that the head reads, without gradient history.
    pub maps: Vec<Tensor<4>>,
    /// Logits, `[batch, classes]`, of such maps; differentiable with respect to them, without dropout.
    pub head: Box<dyn Fn(Vec<Tensor<4>>) -> Tensor<2>>,
}

/// The tiles of a single-pass fit.
pub struct OnePass<'a> {
    /// Batches of the training tiles; each epoch of the loader is another variation.
    pub loader: &'a Loader,
    /// Variations of each tile.
    pub views: u64,
    /// Seed of every random choice.
    pub seed: u64,
    /// The device, without automatic differentiation.
    pub device: &'a Device,
    /// Computes the vectors of decoded tiles (u8, `[tiles, 256, 256, 3]`) by the model's frozen backbone.
    pub vectors: &'a mut dyn FnMut(&[u8], usize) -> Result<TileVectors>,
    /// Called with the number of tiles done and the number of all.
    pub on_batch: &'a mut dyn FnMut(usize, usize),
}

/// The tiles that a score is fitted on after training.
pub struct FitTiles<'a> {
    /// Opens a loader of the normal training tiles.
    pub normal: &'a dyn Fn() -> Result<Loader>,
    /// The validation tiles.
    pub val: &'a Loader,
    /// The operations of the exported graph before the model.
    pub preprocessing: Preprocessing,
    /// The classes of the data set.
    pub classes: &'a Classes,
    /// The device, without automatic differentiation.
    pub device: &'a Device,
}

/// An operation on a model of any kind, for [`Zoo::accept`](super::Zoo::accept).
pub trait ModelVisitor {
    /// Result of the operation.
    type Output;

    /// Runs the operation on the model.
    fn visit<M: TileModel>(self, model: &M) -> Self::Output;
}
