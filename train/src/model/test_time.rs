//! The key `model.test_time_augmentation`: a classifier scores mirrored and turned forms of a tile, too, and the result is the
//! mean of their logits. Tissue has no upright, so every form is as good as the tile.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::Scores;

/// The forms of a tile that a classifier averages over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestTimeAugmentation {
    /// The tile alone.
    #[default]
    None,
    /// Four: the tile, mirrored left to right, top to bottom, and both.
    Flips,
    /// Eight: those four, and their quarter turns.
    FlipsAndTurns,
}

impl TestTimeAugmentation {
    /// Returns true for the default. By reference, because serde's `skip_serializing_if` takes one.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The meaning of an output of a classifier under this setting.
    pub(crate) fn meaning(self, output: &str) -> &'static str {
        match output {
            "score" if !self.is_default() => {
                "higher is more anomalous: probability of the anomalous classes together, 0..1, by the mean logits of mirrored or \
                 turned forms of the tile"
            }
            "probabilities" if !self.is_default() => {
                "probability of each class, in the order of `classes`, adding up to 1, by the mean logits of mirrored or turned \
                 forms of the tile"
            }
            _ => Scores::meaning(output),
        }
    }

    /// Mean of the logits over the forms of each tile, `[batch, classes]`, from tiles `[batch, channels, side, side]`. All forms
    /// are one batch for `logits`, so an exported graph has its operations once.
    pub(crate) fn mean_logits(self, tiles: Tensor<4>, logits: impl FnOnce(Tensor<4>) -> Tensor<2>) -> Tensor<2> {
        if self.is_default() {
            return logits(tiles);
        }
        let [batch, ..] = tiles.dims();
        let logits = logits(Tensor::cat(self.forms(tiles), 0));
        let [all, classes] = logits.dims();
        logits.reshape([all / batch, batch, classes]).mean_dim(0).squeeze_dim(0)
    }

    /// Of maps of all forms of so many `tiles`, as `logits` of [`mean_logits`](Self::mean_logits) gets them: those of the tiles
    /// themselves.
    pub(crate) fn of_tiles(self, maps: Tensor<4>, tiles: usize) -> Tensor<4> {
        if self.is_default() {
            return maps;
        }
        let [all, channels, height, width] = maps.dims();
        maps.reshape([all / tiles, tiles, channels, height, width]).narrow(0, 0, 1).squeeze_dim(0)
    }

    /// The forms of tiles, the tiles themselves first.
    fn forms(self, tiles: Tensor<4>) -> Vec<Tensor<4>> {
        match self {
            Self::None => vec![tiles],
            Self::Flips => flips(tiles),
            // A transposition and a flip make a quarter turn.
            Self::FlipsAndTurns => [flips(tiles.clone()), flips(tiles.swap_dims(2, 3))].concat(),
        }
    }
}

fn flips(tiles: Tensor<4>) -> Vec<Tensor<4>> {
    let upside_down = tiles.clone().flip([2]);
    vec![tiles.clone(), tiles.flip([3]), upside_down.clone(), upside_down.flip([3])]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use burn::tensor::Device;

    use super::*;
    use crate::model::tensors::read;

    /// Two tiles of 3 x 3 whose pixels are all different.
    fn tiles() -> Tensor<4> {
        let values: Vec<f32> = (0..18).map(|at| at as f32).collect();
        Tensor::<1>::from_floats(values.as_slice(), &Device::flex()).reshape([2, 1, 3, 3])
    }

    #[test]
    fn the_forms_are_the_distinct_symmetries_of_a_square() {
        for (kind, count) in [
            (TestTimeAugmentation::None, 1),
            (TestTimeAugmentation::Flips, 4),
            (TestTimeAugmentation::FlipsAndTurns, 8),
        ] {
            let forms: Vec<Vec<f64>> =
                kind.forms(tiles()).into_iter().map(|form| read(form.into_data()).unwrap()).collect();
            assert_eq!(forms.len(), count);
            let own = kind.of_tiles(Tensor::cat(kind.forms(tiles()), 0), 2);
            assert_eq!(read(own.into_data()).unwrap(), read(tiles().into_data()).unwrap());
            for (at, form) in forms.iter().enumerate() {
                assert!(!forms[..at].contains(form), "{kind:?} has form {at} twice");
                // Corners stay corners, the centre the centre, and tiles do not mix.
                let mut corners = [form[0], form[2], form[6], form[8]];
                corners.sort_by(f64::total_cmp);
                assert_eq!((corners, form[4], form[13]), ([0.0, 2.0, 6.0, 8.0], 4.0, 13.0));
            }
        }
    }

    #[test]
    fn the_mean_is_the_same_for_every_form_of_a_tile_and_each_tiles_own() {
        // Logits that depend on the place of a pixel: its left upper one, and its square.
        let logits = |forms: Tensor<4>| {
            let corner = forms.narrow(2, 0, 1).narrow(3, 0, 1).flatten::<2>(1, 3);
            Tensor::cat(vec![corner.clone(), corner.clone() * corner], 1)
        };
        let mean = |tiles: Tensor<4>| {
            read(TestTimeAugmentation::FlipsAndTurns.mean_logits(tiles, logits).into_data()).unwrap()
        };
        let found = mean(tiles());
        let expected = [4.0, (4.0 + 36.0 + 64.0) / 4.0, 13.0, (81.0 + 121.0 + 225.0 + 289.0) / 4.0];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4), "{found:?}");
        for form in TestTimeAugmentation::FlipsAndTurns.forms(tiles()) {
            assert_eq!(mean(form), found);
        }
    }
}
