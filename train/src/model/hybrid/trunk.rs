//! The classifier of a hybrid, with the feature maps that the autoencoder reads: convolutions of its own, or a pretrained
//! backbone.

use burn::module::{Module, ParamGroup};
use burn::tensor::Tensor;

use crate::model::{ClassifiedMaps, Classifier, Features, PixelValues, Reduction, TileModel, Transfer};

/// The parts of a hybrid that classify.
pub(super) enum Trunk<'a> {
    /// Convolutions and a dense head, on tiles in 0..1.
    Cnn { features: &'a Features, classifier: &'a Classifier, reduction: Reduction },
    /// A backbone and a dense head, on tiles in 0..255.
    Transfer(&'a Transfer),
}

impl Trunk<'_> {
    /// Tiles as the first layer takes them.
    pub(super) fn prepared(&self, tile: PixelValues) -> Tensor<4> {
        match self {
            Self::Cnn { reduction, .. } => reduction.prepared(tile),
            Self::Transfer(transfer) => transfer.reduced(tile),
        }
    }

    /// Logits, `[batch, classes]`, and maps after each stage, of [`prepared`](Self::prepared) tiles: every stage of the
    /// convolutions, or those that the classifier uses of a backbone.
    pub(super) fn forward(&self, prepared: Tensor<4>) -> (Tensor<2>, Vec<Tensor<4>>) {
        match self {
            Self::Cnn { features, classifier, .. } => {
                let maps = features.each(prepared.clone());
                (classifier.forward(maps.last().unwrap_or(&prepared).clone()), maps)
            }
            Self::Transfer(transfer) => {
                let maps = transfer.maps(prepared);
                (transfer.logits_of_maps(maps.clone()), maps)
            }
        }
    }

    /// Logits of prepared tiles, `[batch, classes]`. A pooled head takes tiles of any side that the stages divide.
    pub(super) fn logits(&self, prepared: Tensor<4>) -> Tensor<2> {
        self.forward(prepared).0
    }

    pub(super) fn parameters(&self) -> Vec<ParamGroup> {
        fn group<M: Module>(module: &M) -> ParamGroup {
            ParamGroup::ids_from_module(module.clone())
        }
        match self {
            Self::Cnn { features, classifier, .. } => vec![group(*features), group(*classifier)],
            Self::Transfer(transfer) => vec![group(*transfer)],
        }
    }

    pub(super) fn classified_maps(&self, tile: PixelValues) -> Option<ClassifiedMaps> {
        match self {
            Self::Cnn { features, classifier, reduction } => {
                Some(classifier.classified(features.forward(reduction.prepared(tile))))
            }
            Self::Transfer(transfer) => transfer.classified_maps(tile),
        }
    }
}
