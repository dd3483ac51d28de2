//! The way of a tile from its file to a model: decoding, size policy and stain normalisation.

use kiln_tile::stain::StainNormaliser;
use kiln_tile::{Decoder, SizePolicy};

use crate::model::Preprocessing;

/// A run's way from a file to a model.
#[derive(Debug, Clone, Copy)]
pub(super) struct TilePipeline {
    pub(super) size_policy: SizePolicy,
    pub(super) stain: Option<StainNormaliser>,
}

impl TilePipeline {
    /// Decodes tiles without stain normalisation.
    pub(super) fn raw(self) -> Decoder {
        Decoder::new(self.size_policy)
    }

    /// Decodes tiles to the exported graph's input: normalised, unless [`TilePipeline::in_graph`] does it.
    pub(super) fn for_graph(self) -> Decoder {
        self.raw().with_stain(self.stain.and_then(StainNormaliser::before_graph))
    }

    /// Decodes tiles to the model's input: normalised, also if the exported graph does it.
    pub(super) fn for_model(self) -> Decoder {
        self.raw().with_stain(self.stain)
    }

    /// The operations of the exported graph before the model.
    pub(super) fn in_graph(self) -> Preprocessing {
        Preprocessing::new(self.stain.as_ref())
    }
}
