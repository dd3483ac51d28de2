//! Masks in the place of tissue. A folder of masks beside the tiles looks like a class and is learnt perfectly, so a
//! label all of whose tiles are surely masks is refused. Sure means: grey, of at most three values, and some tile has
//! two. Blank tiles and drawings in many values are left alone.

use kiln_tile::{Decoder, Tile};

use super::labels::{example, shown};
use super::{DataError, Dataset, Result};

/// Values that a mask has at most.
const VALUES: usize = 3;
/// Part of the pixels that have these values where resizing has blurred the outlines.
const PART: f64 = 0.9;
/// Distance between the two commonest values of a blurred mask, in levels.
const APART: usize = 64;

/// Refuses a label all of whose tiles are surely masks. Tiles that cannot be decoded are left to others. A label costs
/// one tile to decode, unless that one looks like a mask.
///
/// # Errors
/// [`DataError::Dataset`], naming the label and a tile.
pub fn check_masks(dataset: &Dataset, decoder: &Decoder) -> Result<()> {
    let decoder = decoder.with_stain(None);
    for label in dataset.labels() {
        let tiles = (0..dataset.len()).filter(|index| dataset.entries[*index].label == label);
        let mut found = false;
        let mut looks = tiles.filter_map(|index| Some(look(&decoder.decode_file(&dataset.full_path(index)).ok()?)));
        let all = looks.all(|look| {
            found |= look == Look::Mask;
            look != Look::Tissue
        });
        if all && found {
            let tile = example(dataset, &label).map_or_else(String::new, |tile| shown(&tile.to_string_lossy()));
            let reason = format!(
                "every tile of the label {} (such as {tile}) is grey and has at most {VALUES} values: these are masks, not \
                 tissue\nhint: take them out of the data set",
                shown(&label)
            );
            return Err(DataError::dataset(&dataset.root, reason));
        }
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Tissue,
    /// One value.
    Blank,
    Mask,
}

fn look(tile: &Tile) -> Look {
    let mut counts = [0_usize; 256];
    for pixel in tile.pixels().chunks_exact(3) {
        if pixel[0] != pixel[1] || pixel[1] != pixel[2] {
            return Look::Tissue;
        }
        counts[usize::from(pixel[0])] += 1;
    }
    let mut values: Vec<usize> = (0..256).filter(|value| counts[*value] > 0).collect();
    values.sort_by_key(|value| std::cmp::Reverse(counts[*value]));
    let all: usize = counts.iter().sum();
    let common: usize = values.iter().take(VALUES).map(|value| counts[*value]).sum();
    let blurred = || {
        let apart = values[0].abs_diff(values[1]) >= APART && counts[values[1]] * 100 >= all;
        apart && common as f64 >= PART * all as f64
    };
    match values.len() {
        0 | 1 => Look::Blank,
        2..=VALUES => Look::Mask,
        _ if blurred() => Look::Mask,
        _ => Look::Tissue,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn tile(pixel: impl Fn(usize) -> [u8; 3]) -> Tile {
        Tile::from_pixels((0..65_536).flat_map(pixel).collect()).unwrap()
    }

    #[test]
    fn masks_are_told_from_blank_tiles_and_from_tissue() {
        let disc = |at: usize| (at % 256).abs_diff(128).pow(2) + (at / 256).abs_diff(128).pow(2) < 3600;
        assert_eq!(look(&tile(|at| [if disc(at) { 255 } else { 0 }; 3])), Look::Mask);
        assert_eq!(look(&tile(|at| [u8::from(disc(at)); 3])), Look::Mask);
        assert_eq!(look(&tile(|at| [[0, 127, 255][at % 3]; 3])), Look::Mask);
        // A mask that was made smaller: grey along the outline.
        assert_eq!(
            look(&tile(|at| [if at % 50 == 0 {
                (at % 251) as u8
            } else if disc(at) {
                255
            } else {
                0
            }; 3])),
            Look::Mask
        );
        assert_eq!(look(&tile(|_| [255; 3])), Look::Blank);
        assert_eq!(look(&tile(|at| [(at % 251) as u8; 3])), Look::Tissue);
        // Dark fluorescence: nearly all pixels have a few neighbouring values.
        assert_eq!(look(&tile(|at| [if at % 40 == 0 { 200 } else { (at % 4) as u8 }; 3])), Look::Tissue);
        // A drawing in two colours is no grey mask.
        assert_eq!(look(&tile(|at| if disc(at) { [200, 100, 150] } else { [255; 3] })), Look::Tissue);
    }
}
