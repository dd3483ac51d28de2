//! Something that answers a batch of tiles.

use std::collections::BTreeMap;

use kiln_export::BurnModel;
use kiln_runtime::scorer::{Scorer, run_padded};
use kiln_runtime::{Error, Outputs};
use kiln_tile::TILE_BYTES;
use ndarray::{Axis, concatenate};

use crate::answers::SavedAnswers;
use crate::{CompareError, Result};

/// Answers batches of tiles.
pub enum Answerer {
    /// A session of ONNX Runtime, a model server, or any other scorer; with the largest batch that it takes, if known.
    Scorer(Box<dyn Scorer + Send>, Option<usize>),
    /// The trained model, by burn.
    Burn(Box<BurnModel>),
    /// Answers that were given before.
    Saved(Box<SavedAnswers>),
}

impl std::fmt::Debug for Answerer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Scorer(scorer, _) => write!(f, "Scorer({})", scorer.provider()),
            Self::Burn(_) => f.write_str("Burn"),
            Self::Saved(saved) => write!(f, "Saved({})", saved.path.display()),
        }
    }
}

impl Answerer {
    /// True if it computes, so that it can be asked about other pixels.
    #[must_use]
    pub fn is_live(&self) -> bool {
        !matches!(self, Self::Saved(_))
    }

    /// Answers tiles of the comparison; `pixels` are theirs, u8 `[tiles, 256, 256, 3]`. With `wanted`, other outputs are
    /// left out.
    pub(crate) fn answer(&mut self, tiles: &[usize], pixels: &[u8], wanted: Option<&[String]>) -> Result<Outputs> {
        let mut outputs = match self {
            Self::Scorer(scorer, most) => pieces(scorer.as_mut(), pixels, tiles.len(), *most)?,
            Self::Burn(burn) => burn.run(pixels.to_vec(), tiles.len())?,
            Self::Saved(saved) => saved.rows(tiles),
        };
        if let Some(wanted) = wanted {
            outputs.arrays.retain(|name, _| wanted.contains(name));
        }
        let wrong = outputs.arrays.iter().find(|(_, array)| array.shape().first() != Some(&tiles.len()));
        match wrong {
            None => Ok(outputs),
            Some((name, array)) => Err(CompareError::Runtime(Error::Graph {
                model: "the model".to_owned(),
                reason: format!("output `{name}` is {:?} for {} tiles", array.shape(), tiles.len()),
            })),
        }
    }

    /// A message without the address of a server: reports are sent to others.
    pub(crate) fn without_address(&self, message: String) -> String {
        match self {
            Self::Scorer(scorer, _) if scorer.is_served() => message.replace(&scorer.provider(), "the server"),
            _ => message,
        }
    }

    /// Answers pixels that belong to no tile of the comparison. The side must be live.
    pub(crate) fn answer_pixels(&mut self, pixels: &[u8]) -> Option<Result<Outputs>> {
        let tiles: Vec<usize> = (0..pixels.len() / TILE_BYTES).collect();
        self.is_live().then(|| self.answer(&tiles, pixels, None))
    }
}

/// Runs a batch in pieces of the scorer's fixed batch, or of the largest that it takes. A piece that is too short for a
/// fixed batch is filled up with black tiles, whose answers are cut off.
fn pieces(scorer: &mut (dyn Scorer + Send), pixels: &[u8], tiles: usize, most: Option<usize>) -> Result<Outputs> {
    let fixed = scorer.fixed_batch();
    let piece = fixed.or(most).unwrap_or(tiles).max(1);
    let mut parts = Vec::new();
    for first in (0..tiles).step_by(piece) {
        let n = piece.min(tiles - first);
        let part = &pixels[first * TILE_BYTES..(first + n) * TILE_BYTES];
        parts.push(match fixed {
            Some(batch) if batch > n => run_padded(scorer, &mut part.to_vec(), n)?,
            _ => scorer.run(part, n)?,
        });
    }
    joined(parts, tiles)
}

fn joined(mut parts: Vec<Outputs>, batch: usize) -> Result<Outputs> {
    if parts.len() == 1 {
        return Ok(parts.remove(0));
    }
    let names: Vec<String> = parts.first().map(|part| part.arrays.keys().cloned().collect()).unwrap_or_default();
    let mut arrays = BTreeMap::new();
    for name in names {
        let views: Vec<_> = parts.iter().filter_map(|part| part.arrays.get(&name)).map(|array| array.view()).collect();
        let whole = concatenate(Axis(0), &views).map_err(|error| Error::Graph {
            model: "the model".to_owned(),
            reason: format!("output `{name}` changes its shape between batches: {error}"),
        })?;
        arrays.insert(name, whole.as_standard_layout().into_owned());
    }
    Ok(Outputs { batch, arrays })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use ndarray::Array1;

    use super::*;

    /// Scores a tile by its first pixel; notes the batches.
    struct FirstPixel(Option<usize>);

    impl Scorer for FirstPixel {
        fn run(&mut self, pixels: &[u8], batch: usize) -> kiln_runtime::Result<Outputs> {
            assert!(self.0.is_none_or(|fixed| fixed == batch) && pixels.len() == batch * TILE_BYTES);
            let scores: Array1<f32> = pixels.chunks(TILE_BYTES).map(|tile| f32::from(tile[0])).collect();
            Ok(Outputs { batch, arrays: BTreeMap::from([("score".to_owned(), scores.into_dyn())]) })
        }
        fn fixed_batch(&self) -> Option<usize> {
            self.0
        }
        fn provider(&self) -> String {
            "test".to_owned()
        }
        fn nodes(&self) -> BTreeMap<String, usize> {
            BTreeMap::new()
        }
    }

    #[test]
    fn a_batch_is_divided_and_filled_up_as_the_scorer_needs() {
        let tiles: Vec<usize> = (0..7).collect();
        let pixels: Vec<u8> = tiles.iter().flat_map(|tile| vec![u8::try_from(*tile).unwrap(); TILE_BYTES]).collect();
        for (fixed, most) in [(None, None), (Some(3), None), (Some(8), None), (None, Some(2)), (Some(1), Some(4))] {
            let mut answerer = Answerer::Scorer(Box::new(FirstPixel(fixed)), most);
            let outputs = answerer.answer(&tiles, &pixels, None).unwrap();
            let scores: Vec<f32> = outputs.arrays["score"].iter().copied().collect();
            assert_eq!(scores, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "{fixed:?} {most:?}");
        }
        let mut answerer = Answerer::Scorer(Box::new(FirstPixel(None)), None);
        assert!(answerer.answer(&tiles, &pixels, Some(&[])).unwrap().arrays.is_empty());
    }
}
