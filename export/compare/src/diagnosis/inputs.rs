//! Hypotheses about the tiles that a model was given: one side is asked again about changed tiles, and the answers are
//! compared with the other side's.

use kiln_runtime::Outputs;
use kiln_tile::{SIDE, TILE_BYTES};

use super::fit::{percent, ratio};
use super::{Ask, Cause, Evidence, Finding};
use crate::engine::Sample;

/// The largest share of the difference that may be left.
const LEFT: f64 = 0.15;

/// Tiles that are asked about.
const TILES: usize = 6;

const WIDTH: usize = SIDE as usize;

/// A change of a tile, from pixel to pixel: row, column and channel of the source.
type Change = (Cause, &'static str, fn(&[u8]) -> Vec<u8>);

const CHANGES: [Change; 8] = [
    (Cause::InputChannels, "with the channels reversed (BGR for RGB)", |tile| {
        tile.chunks_exact(3).flat_map(|pixel| [pixel[2], pixel[1], pixel[0]]).collect()
    }),
    (Cause::InputChannels, "with red and green swapped", |tile| {
        tile.chunks_exact(3).flat_map(|pixel| [pixel[1], pixel[0], pixel[2]]).collect()
    }),
    (Cause::InputPixels, "transposed (rows and columns swapped)", |tile| moved(tile, |y, x| (x, y))),
    (Cause::InputPixels, "mirrored left to right", |tile| moved(tile, |y, x| (y, WIDTH - 1 - x))),
    (Cause::InputPixels, "mirrored top to bottom", |tile| moved(tile, |y, x| (WIDTH - 1 - y, x))),
    (Cause::InputPixels, "turned by 180 degrees", |tile| moved(tile, |y, x| (WIDTH - 1 - y, WIDTH - 1 - x))),
    (Cause::InputPixels, "inverted (255 minus each value)", |tile| tile.iter().map(|value| 255 - value).collect()),
    (Cause::InputPixels, "in grey", |tile| {
        let grey = |pixel: &[u8]| {
            let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(f32::from);
            (0.299 * red + 0.587 * green + 0.114 * blue).round() as u8
        };
        tile.chunks_exact(3).flat_map(|pixel| [grey(pixel); 3]).collect()
    }),
];

fn moved(tile: &[u8], source: fn(usize, usize) -> (usize, usize)) -> Vec<u8> {
    let pixel = |at: usize| {
        let (y, x) = source(at / WIDTH, at % WIDTH);
        let from = (y * WIDTH + x) * 3;
        [tile[from], tile[from + 1], tile[from + 2]]
    };
    (0..WIDTH * WIDTH).flat_map(pixel).collect()
}

/// Tiles that were changed before one side saw them.
pub(super) fn input(evidence: &Evidence<'_>, ask: Ask<'_>) -> Option<Finding> {
    let samples: Vec<&Sample> =
        evidence.samples.iter().filter(|sample| sample.pixels.len() == TILE_BYTES).take(TILES).collect();
    if samples.is_empty() {
        return None;
    }
    let mut best: Option<(f64, Cause, String)> = None;
    for (cause, words, change) in CHANGES {
        let pixels: Vec<u8> = samples.iter().flat_map(|sample| change(&sample.pixels)).collect();
        // The reference on changed tiles gives the candidate's answers; or, if it cannot be asked, the other way round.
        for side in [0, 1] {
            let Some(answers) = ask(side, &pixels) else { continue };
            let left = left(&samples, &answers, side);
            if left < LEFT && best.as_ref().is_none_or(|(least, ..)| left < *least) {
                let text = if side == 0 {
                    format!(
                        "the reference gives the candidate's answers on tiles {words}: the candidate sees tiles that way"
                    )
                } else {
                    format!(
                        "the candidate gives the reference's answers on tiles {words}: one side sees tiles that way"
                    )
                };
                best = Some((left, cause, format!("{text} (explains {})", percent(left))));
            }
            break;
        }
    }
    let (left, cause, text) = best?;
    let tiles =
        samples.iter().take(1).filter_map(|sample| evidence.tiles.get(sample.tile)).map(|tile| tile.path.clone());
    Some(Finding::new(cause, None, text).on(tiles.collect()).explains(left))
}

/// The share of the difference that is left, over all outputs that both sides have, each in units of its own difference.
/// Maps are left out: they turn with the tile.
fn left(samples: &[&Sample], answers: &Outputs, asked: usize) -> f64 {
    let (mut after, mut before, mut outputs) = (0.0, 0.0, 0);
    for (name, array) in &answers.arrays {
        let (mut new, mut old) = (0.0, 0.0);
        for (row, sample) in samples.iter().enumerate() {
            let sides = [&sample.reference, &sample.candidate].map(|outputs| outputs.arrays.get(name));
            let [Some(a), Some(b)] = sides else { return 1.0 };
            let (own, other) = if asked == 0 { (a, b) } else { (b, a) };
            let Some(answer) = array.outer_iter().nth(row) else { return 1.0 };
            if own.len() != other.len() || answer.len() != other.len() || other.ndim() > 2 {
                continue;
            }
            let square = |a: f32, b: f32| f64::from(a - b).powi(2);
            new += answer.iter().zip(other).map(|(a, b)| square(*a, *b)).sum::<f64>();
            old += own.iter().zip(other).map(|(a, b)| square(*a, *b)).sum::<f64>();
        }
        if old > 0.0 && new.is_finite() {
            after += new / old;
            before += 1.0;
            outputs += 1;
        }
    }
    if outputs == 0 { 1.0 } else { ratio(f64::sqrt(after), f64::sqrt(before)) }
}
