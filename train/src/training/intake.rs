//! How tiles of a data set become what a model takes: decoded, and brought to one look by whoever does that.

use kiln_tile::stain::StainNormaliser;
use kiln_tile::{Decoder, SizePolicy};

use crate::model::Front;

/// A run's way from a file to a model.
#[derive(Debug, Clone, Copy)]
pub(super) struct Intake {
    pub(super) size_policy: SizePolicy,
    pub(super) stain: Option<StainNormaliser>,
}

impl Intake {
    /// Makes tiles without stain normalisation.
    pub(super) fn raw(self) -> Decoder {
        Decoder::new(self.size_policy)
    }

    /// Makes tiles as the exported graph takes them: normalised, unless [`Intake::front`] does it.
    pub(super) fn for_graph(self) -> Decoder {
        self.raw().with_stain(self.stain.and_then(StainNormaliser::before_graph))
    }

    /// Makes tiles as the model sees them, whoever normalises them once it is exported.
    pub(super) fn for_model(self) -> Decoder {
        self.raw().with_stain(self.stain)
    }

    /// What the exported graph does with tiles before its model.
    pub(super) fn front(self) -> Front {
        Front::of(self.stain.as_ref())
    }
}
