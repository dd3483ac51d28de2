//! Whole answers that are kept for pictures and for the search of a cause: those of the first tiles, and those of the tiles
//! with the largest differences.

use std::collections::BTreeMap;

use kiln_runtime::Outputs;
use kiln_runtime::scorer::rows;

/// Tiles at the beginning whose answers are kept.
pub(crate) const FIRST: usize = 6;

/// A tile with its pixels and the answers of both sides.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// Number of the tile.
    pub(crate) tile: usize,
    /// u8 `[256, 256, 3]`; empty if unknown.
    pub(crate) pixels: Vec<u8>,
    /// Answers of the reference, a batch of one.
    pub(crate) reference: Outputs,
    /// Answers of the candidate, a batch of one.
    pub(crate) candidate: Outputs,
}

/// Samples of one pair of sides.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Most tiles of each output.
    most: usize,
    samples: BTreeMap<usize, Sample>,
    /// The largest differences of each output: difference and tile, the largest first.
    largest: BTreeMap<String, Vec<(f64, usize)>>,
}

impl Kept {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    /// Offers a tile. `differences` are those of each output, infinite for values that are not finite.
    pub(crate) fn offer(&mut self, tile: usize, differences: &[(&str, f64)], sample: impl FnOnce() -> Sample) {
        let mut wanted = tile < FIRST;
        for (name, difference) in differences.iter().filter(|(_, difference)| *difference > 0.0) {
            // Under a lock of all threads: a name is copied only when it is new.
            if !self.largest.contains_key(*name) {
                self.largest.insert((*name).to_owned(), Vec::new());
            }
            let Some(list) = self.largest.get_mut(*name) else { continue };
            // Of equal differences the first tile is kept, so that the result does not depend on the threads.
            let place = list.partition_point(|(other, number)| (other, tile) > (difference, *number));
            if place < self.most {
                list.insert(place, (*difference, tile));
                list.truncate(self.most);
                wanted = true;
            }
        }
        if !wanted {
            return;
        }
        self.samples.insert(tile, sample());
        let largest = &self.largest;
        let is_kept =
            |number: usize| number < FIRST || largest.values().any(|list| list.iter().any(|(_, kept)| *kept == number));
        self.samples.retain(|number, _| is_kept(*number));
    }

    /// The samples, by the number of their tile.
    pub(crate) fn into_samples(self) -> Vec<Sample> {
        self.samples.into_values().collect()
    }
}

impl Sample {
    /// Row `row` of a batch.
    pub(crate) fn new(tile: usize, pixels: &[u8], row: usize, reference: &Outputs, candidate: &Outputs) -> Self {
        Self {
            tile,
            pixels: pixels.to_vec(),
            reference: rows(reference, row, row + 1),
            candidate: rows(candidate, row, row + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(tile: usize) -> Sample {
        let nothing = || Outputs { batch: 1, arrays: BTreeMap::new() };
        Sample { tile, pixels: Vec::new(), reference: nothing(), candidate: nothing() }
    }

    #[test]
    fn the_first_and_the_worst_are_kept_in_any_order_of_arrival() {
        let differences = |tile: usize| if tile % 10 == 7 { tile as f64 } else { 0.0 };
        for reversed in [false, true] {
            let mut kept = Kept::new(2);
            let mut tiles: Vec<usize> = (0..60).collect();
            if reversed {
                tiles.reverse();
            }
            for tile in tiles {
                kept.offer(tile, &[("score", differences(tile))], || sample(tile));
            }
            let found: Vec<usize> = kept.into_samples().iter().map(|sample| sample.tile).collect();
            assert_eq!(found, [0, 1, 2, 3, 4, 5, 47, 57], "{reversed}");
        }
    }

    #[test]
    fn of_equal_differences_the_first_tiles_are_kept() {
        for tiles in [[10, 11, 12], [12, 11, 10]] {
            let mut kept = Kept::new(2);
            tiles.iter().for_each(|tile| kept.offer(*tile, &[("score", 1.0)], || sample(*tile)));
            let found: Vec<usize> = kept.into_samples().iter().map(|sample| sample.tile).collect();
            assert_eq!(found, [10, 11]);
        }
    }
}
