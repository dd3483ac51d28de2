//! The choice of what computes the features of a training: burn, or the backend of the request. Features of a backend are
//! compared with burn's on the first tiles. A resumed training keeps the choice that it began with, because features of two
//! programs differ in their last bits, and so would the weights.

use kiln_files::Fault;
use kiln_tile::TILE_BYTES;

use super::{Event, Observer};
use crate::config::{TrainingConfig, TrainingDevice};
use crate::features::{
    BackendError, BurnExtractor, FeatureBackend, FeatureExtractor, FeatureSource, FrozenBackbone, TOLERANCE,
    TileVectors, difference,
};
use crate::{Error, Result};

/// Tiles on which a backend is compared with burn.
const COMPARED: usize = 8;
/// Beginning of every identity of burn.
const BURN: &str = "burn ";

/// Computes the features of a training.
pub(crate) struct FeatureChoice {
    burn: BurnExtractor,
    other: Option<Other>,
    /// Writing the cache failed, and the observer has the event.
    pub(super) is_uncached: bool,
}

/// The extractor of a backend.
struct Other {
    extractor: Box<dyn FeatureExtractor>,
    /// Numbers that it gives for a tile; `None` before its features of the first tiles were found equal to burn's.
    width: Option<usize>,
    /// burn may take its place.
    replaceable: bool,
}

impl FeatureChoice {
    /// Chooses for a new training, or for one that `began` with features of this identity; an empty one is that of an older
    /// Kiln, which used burn.
    pub(crate) fn new(
        training: &TrainingConfig,
        backend: Option<&dyn FeatureBackend>,
        burn: BurnExtractor,
        began: Option<&str>,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let began_elsewhere = began.is_some_and(|began| !began.is_empty() && !began.starts_with(BURN));
        let asked = match (training.features, began) {
            (_, Some(_)) if began_elsewhere => FeatureSource::OnnxRuntime,
            (_, Some(_)) => FeatureSource::Burn,
            // A GPU and LibTorch are faster than what burn's own kernels do on the processor.
            (FeatureSource::Auto, None) if training.device != TrainingDevice::Flex => FeatureSource::Burn,
            (asked, None) => asked,
        };
        let replaceable = asked == FeatureSource::Auto;
        let other = match (asked, backend) {
            (FeatureSource::Burn, _) | (FeatureSource::Auto, None) => None,
            (FeatureSource::OnnxRuntime, None) => return Err(not_built()),
            (_, Some(backend)) => match backend.open(burn.backbone(), rayon::current_num_threads()) {
                Ok(extractor) => Some(Other { extractor, width: None, replaceable }),
                Err(error) => {
                    missing(error, replaceable, observer)?;
                    None
                }
            },
        };
        let choice = Self { burn, other, is_uncached: false };
        if let (true, Some(began)) = (began_elsewhere, began)
            && began != choice.identity()
        {
            let (began, now) = (began.to_owned(), choice.identity().to_owned());
            return Err(Error::OtherFeatures { began, now });
        }
        Ok(choice)
    }

    /// The backbone.
    pub(crate) fn backbone(&self) -> &FrozenBackbone {
        self.burn.backbone()
    }

    /// The identity of what computes the features: [`FeatureExtractor::identity`].
    pub(crate) fn identity(&self) -> &str {
        self.other.as_ref().map_or(self.burn.identity(), |other| other.extractor.identity())
    }

    /// The features are burn's.
    pub(crate) fn is_burn(&self) -> bool {
        self.other.is_none()
    }

    /// Tiles to compute at once.
    pub(crate) fn batch(&self) -> usize {
        self.other.as_ref().map_or(self.burn.batch(), |other| other.extractor.batch())
    }

    /// Vectors of decoded tiles, u8 `[tiles, 256, 256, 3]`.
    ///
    /// # Errors
    /// [`Error::Features`] if they cannot be computed, [`Error::FeaturesDiffer`] if they are not burn's.
    pub(crate) fn vectors(&mut self, pixels: &[u8], tiles: usize) -> Result<TileVectors> {
        let Some(other) = &mut self.other else { return Ok(self.burn.vectors(pixels, tiles)?) };
        let width = match other.width {
            Some(width) => width,
            None => *other.width.insert(compare(&mut *other.extractor, &mut self.burn, pixels, tiles)?),
        };
        let vectors = other.extractor.vectors(pixels, tiles)?;
        if numbers(&vectors) != width * tiles {
            let reason = format!("{}: {} numbers for {tiles} tiles", other.extractor.identity(), numbers(&vectors));
            return Err(BackendError::new(Fault::Environment, reason).into());
        }
        Ok(vectors)
    }

    /// Does `work` with the chosen extractor; if the extractor fails and the choice was automatic, does all of it again with
    /// burn, so that features of two programs never mix.
    pub(crate) fn or_burn<T>(
        &mut self,
        observer: &mut dyn Observer,
        mut work: impl FnMut(&mut Self, &mut dyn Observer) -> Result<T>,
    ) -> Result<T> {
        match work(self, observer) {
            Err(reason @ (Error::Features { .. } | Error::FeaturesDiffer { .. }))
                if self.other.as_ref().is_some_and(|other| other.replaceable) =>
            {
                observer.event(&Event::FeaturesByBurn { reason: &reason });
                self.other = None;
                work(self, observer)
            }
            other => other,
        }
    }
}

/// Compares an extractor with burn on the first tiles; returns the numbers for a tile.
fn compare(
    extractor: &mut dyn FeatureExtractor,
    burn: &mut BurnExtractor,
    pixels: &[u8],
    tiles: usize,
) -> Result<usize> {
    let some = tiles.clamp(1, COMPARED);
    let first = &pixels[..some * TILE_BYTES];
    let expected = burn.vectors(first, some)?;
    let found = difference(&extractor.vectors(first, some)?, &expected);
    if found > TOLERANCE {
        return Err(Error::FeaturesDiffer { by: extractor.identity().to_owned(), found });
    }
    Ok(numbers(&expected) / some)
}

fn numbers(vectors: &TileVectors) -> usize {
    vectors.features.len() + vectors.patches.as_ref().map_or(0, Vec::len)
}

/// Reports a backend that cannot be opened; an error unless burn may take its place.
fn missing(error: BackendError, replaceable: bool, observer: &mut dyn Observer) -> Result<()> {
    let reason = Error::from(error);
    if !replaceable {
        return Err(reason);
    }
    observer.event(&Event::FeaturesByBurn { reason: &reason });
    Ok(())
}

fn not_built() -> Error {
    let reason = "the caller of this training provides no ONNX Runtime; use `burn` or `auto`".to_owned();
    Error::Config { origin: "training.features".to_owned(), reason }
}

#[cfg(test)]
mod tests;
