//! Differences of two maps: the place of the largest one, the overlap of the bright parts, and the difference at the border
//! relative to that inside, which another padding makes large. A map is an output of `[batch, height, width]` or
//! `[batch, 1, height, width]`.

use serde::{Deserialize, Serialize};

use crate::difference::TileDifference;

/// Width of the border in pixels; wide enough for the padding of several layers.
const BORDER: usize = 8;

/// The smallest map, in pixels of each side: below, a border is most of it.
const SMALLEST: usize = 32;

/// Places of the differences of a map, over all tiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MapDifference {
    /// The tile with the largest difference.
    pub path: String,
    /// Its row, from the top.
    pub y: usize,
    /// Its column, from the left.
    pub x: usize,
    /// Overlap of the bright parts of both maps, as intersection over union, mean over the tiles. A pixel is bright at or
    /// above the middle of the reference's range on that tile. 1 if both maps have the same bright part.
    pub iou_mean: f64,
    /// The smallest overlap of a tile.
    pub iou_min: f64,
    /// That tile.
    pub iou_min_path: String,
    /// Root mean square difference in the outer 8 pixels over that of the inner ones; none if the map is smaller than 32
    /// pixels or the inner ones do not differ.
    pub border_ratio: Option<f64>,
}

/// Figures of one map of one tile.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct MapTile {
    intersection: u32,
    union: u32,
    border_square: f64,
    inner_square: f64,
}

/// Height and width of a map; `None` for an output that is none. `shape` is behind the batch.
pub(crate) fn map_size(shape: &[usize]) -> Option<(usize, usize)> {
    match shape {
        [height, width] | [1, height, width] if *height > 1 && *width > 1 => Some((*height, *width)),
        _ => None,
    }
}

impl MapTile {
    /// Compares two maps of the same size, row by row.
    pub(crate) fn new(reference: &[f32], candidate: &[f32], (height, width): (usize, usize)) -> Self {
        let finite = reference.iter().filter(|value| value.is_finite());
        let (low, high) =
            finite.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)));
        let bright = low + (high - low) / 2.0;
        let mut map = Self::default();
        for (at, (reference, candidate)) in reference.iter().zip(candidate).enumerate() {
            let (of_reference, of_candidate) = (*reference >= bright, *candidate >= bright);
            map.intersection += u32::from(of_reference && of_candidate);
            map.union += u32::from(of_reference || of_candidate);
            let square = f64::from(reference - candidate).powi(2);
            if !square.is_finite() {
                continue;
            }
            let (y, x) = (at / width.max(1), at % width.max(1));
            let outer = y < BORDER || x < BORDER || y + BORDER >= height || x + BORDER >= width;
            *(if outer { &mut map.border_square } else { &mut map.inner_square }) += square;
        }
        map
    }

    fn iou(&self) -> f64 {
        if self.union == 0 { 1.0 } else { f64::from(self.intersection) / f64::from(self.union) }
    }
}

impl MapDifference {
    /// The figures over all tiles; `None` if the output is no map or was not compared.
    pub(crate) fn new(
        maps: &[(usize, MapTile)],
        tiles: &[(usize, TileDifference)],
        shape: &[usize],
        paths: &[String],
    ) -> Option<Self> {
        let (height, width) = map_size(shape)?;
        let (lowest_tile, lowest) = maps.iter().min_by(|a, b| a.1.iou().total_cmp(&b.1.iou()))?;
        let (worst_tile, worst) = tiles.iter().reduce(|a, b| if b.1.max_abs > a.1.max_abs { b } else { a })?;
        let path = |tile: usize| paths.get(tile).cloned().unwrap_or_default();
        Some(Self {
            path: path(*worst_tile),
            y: worst.at / width % height,
            x: worst.at % width,
            iou_mean: maps.iter().map(|(_, map)| map.iou()).sum::<f64>() / maps.len() as f64,
            iou_min: lowest.iou(),
            iou_min_path: path(*lowest_tile),
            border_ratio: border_ratio(maps, height, width),
        })
    }
}

fn border_ratio(maps: &[(usize, MapTile)], height: usize, width: usize) -> Option<f64> {
    if height.min(width) < SMALLEST {
        return None;
    }
    let sum = |of: fn(&MapTile) -> f64| maps.iter().map(|(_, map)| of(map)).sum::<f64>();
    let inner_pixels = (height - 2 * BORDER) * (width - 2 * BORDER);
    let border_pixels = height * width - inner_pixels;
    let inner = (sum(|map| map.inner_square) / inner_pixels as f64).sqrt();
    let border = (sum(|map| map.border_square) / border_pixels as f64).sqrt();
    (inner > 0.0).then(|| border / inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SIZE: (usize, usize) = (40, 40);

    fn map(value: impl Fn(usize, usize) -> f32) -> Vec<f32> {
        (0..40 * 40).map(|at| value(at / 40, at % 40)).collect()
    }

    #[test]
    fn a_map_has_two_axes_behind_the_batch() {
        assert_eq!(map_size(&[4, 5]), Some((4, 5)));
        assert_eq!(map_size(&[1, 4, 5]), Some((4, 5)));
        for shape in [&[][..], &[3], &[3, 4, 5], &[1, 7], &[1, 1, 1]] {
            assert_eq!(map_size(shape), None, "{shape:?}");
        }
    }

    #[test]
    fn overlap_is_that_of_the_bright_halves() {
        let left = map(|_, x| f32::from(u8::from(x < 20)));
        let shifted = map(|_, x| f32::from(u8::from((10..30).contains(&x))));
        let found = MapTile::new(&left, &shifted, SIZE);
        assert!((found.iou() - 1.0 / 3.0).abs() < 1e-9);
        assert_eq!(MapTile::new(&left, &left, SIZE).iou(), 1.0);
    }

    #[test]
    fn differences_at_the_border_show_in_the_ratio() {
        let flat = map(|_, _| 0.5);
        let padded = map(|y, x| if y == 0 || x == 0 { 0.9 } else { 0.500_01 });
        let tiles = [(0, TileDifference { max_abs: 0.4, at: 41, ..TileDifference::default() })];
        let maps = [(0, MapTile::new(&flat, &padded, SIZE))];
        let found = MapDifference::new(&maps, &tiles, &[40, 40], &["a".to_owned()]).unwrap();
        assert!(found.border_ratio.unwrap() > 100.0);
        assert_eq!((found.y, found.x, found.path.as_str()), (1, 1, "a"));
    }
}
