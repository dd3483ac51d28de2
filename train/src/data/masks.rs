//! Detects masks among the tiles. A folder of masks beside the tiles kinds like a class and is learnt perfectly, so a
//! label is refused if all its tiles are masks or blank: grey, with at most three values, and some tile has two or more.

use kiln_tile::{Decoder, Tile};

use super::labels::{example, shown};
use super::{DataError, Dataset, Result};

/// Largest number of values in a mask.
const VALUES: usize = 3;
/// Fraction of the pixels with these values if resizing has blurred the outlines.
const PART: f64 = 0.9;
/// Smallest distance between the two commonest values of a blurred mask, of 255.
const APART: usize = 64;

/// Refuses a label if all its tiles are masks. Tiles that cannot be decoded are skipped. Usually decodes one tile of each
/// label.
///
/// # Errors
/// [`DataError::Dataset`], naming the label and a tile.
pub fn check_masks(dataset: &Dataset, decoder: &Decoder) -> Result<()> {
    let decoder = decoder.with_stain(None);
    for label in dataset.labels() {
        let tiles = (0..dataset.len()).filter(|index| dataset.entries[*index].label == label);
        let mut found = false;
        let mut kinds = tiles.filter_map(|index| Some(classify(&dataset.tile(index, &decoder).ok()?)));
        let all = kinds.all(|kind| {
            found |= kind == Kind::Mask;
            kind != Kind::Tissue
        });
        if all && found {
            let tile = example(dataset, &label).map_or_else(String::new, |tile| shown(&tile.to_string_lossy()));
            let reason = format!(
                "every tile of the label {} (such as {tile}) is grey and has at most {VALUES} values: these are masks, not \
                 tissue\nhint: remove them from the data set",
                shown(&label)
            );
            return Err(DataError::dataset(&dataset.root, reason));
        }
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tissue,
    /// One value.
    Blank,
    Mask,
}

fn classify(tile: &Tile) -> Kind {
    let mut counts = [0_usize; 256];
    for pixel in tile.pixels().chunks_exact(3) {
        if pixel[0] != pixel[1] || pixel[1] != pixel[2] {
            return Kind::Tissue;
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
        0 | 1 => Kind::Blank,
        2..=VALUES => Kind::Mask,
        _ if blurred() => Kind::Mask,
        _ => Kind::Tissue,
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
        assert_eq!(classify(&tile(|at| [if disc(at) { 255 } else { 0 }; 3])), Kind::Mask);
        assert_eq!(classify(&tile(|at| [u8::from(disc(at)); 3])), Kind::Mask);
        assert_eq!(classify(&tile(|at| [[0, 127, 255][at % 3]; 3])), Kind::Mask);
        // A mask that was made smaller: grey along the outline.
        assert_eq!(
            classify(&tile(|at| [if at % 50 == 0 {
                (at % 251) as u8
            } else if disc(at) {
                255
            } else {
                0
            }; 3])),
            Kind::Mask
        );
        assert_eq!(classify(&tile(|_| [255; 3])), Kind::Blank);
        assert_eq!(classify(&tile(|at| [(at % 251) as u8; 3])), Kind::Tissue);
        // Dark fluorescence: nearly all pixels have a few neighbouring values.
        assert_eq!(classify(&tile(|at| [if at % 40 == 0 { 200 } else { (at % 4) as u8 }; 3])), Kind::Tissue);
        // A drawing in two colours is no grey mask.
        assert_eq!(classify(&tile(|at| if disc(at) { [200, 100, 150] } else { [255; 3] })), Kind::Tissue);
    }
}
