//! Elastic deformation: tissue is stretched on the glass. A coarse grid of displacements is drawn and interpolated
//! smoothly over the tile (after Simard and others, 2003, who blur a field of single pixels).

use rand::Rng;

use super::random::between;

/// Cells of the grid along a side.
const CELLS: usize = 6;

/// Moves every point of `pixels` (RGB, interleaved, `side` x `side`) by at most `amount` of the side in each direction.
pub(super) fn apply(amount: f32, pixels: &[u8], side: usize, rng: &mut impl Rng) -> Vec<u8> {
    let reach = amount * side as f32;
    let grid: Vec<[f32; 2]> =
        (0..(CELLS + 1).pow(2)).map(|_| [between(rng, -reach, reach), between(rng, -reach, reach)]).collect();
    let mut target = Vec::with_capacity(pixels.len());
    for y in 0..side {
        let (row, down) = cell(y, side);
        for x in 0..side {
            let (column, right) = cell(x, side);
            let at = |row: usize, column: usize| grid[row * (CELLS + 1) + column];
            let corners = [at(row, column), at(row, column + 1), at(row + 1, column), at(row + 1, column + 1)];
            let moved = |axis: usize| {
                let top = mix(corners[0][axis], corners[1][axis], right);
                mix(top, mix(corners[2][axis], corners[3][axis], right), down)
            };
            sample(pixels, side, x as f32 + moved(0), y as f32 + moved(1), &mut target);
        }
    }
    target
}

/// The cell of a coordinate, and its position within the cell, eased at both ends so that cells join smoothly.
fn cell(place: usize, side: usize) -> (usize, f32) {
    let scaled = place as f32 * CELLS as f32 / side as f32;
    let part = scaled.fract();
    (scaled as usize, part * part * (3.0 - 2.0 * part))
}

fn mix(a: f32, b: f32, part: f32) -> f32 {
    a + (b - a) * part
}

/// Appends the bilinear colour at a point; the border is repeated outside.
fn sample(pixels: &[u8], side: usize, x: f32, y: f32, target: &mut Vec<u8>) {
    let last = (side - 1) as f32;
    let (x, y) = (x.clamp(0.0, last), y.clamp(0.0, last));
    let (left, top) = (x as usize, y as usize);
    let (right, bottom) = ((left + 1).min(side - 1), (top + 1).min(side - 1));
    let value = |x: usize, y: usize, channel: usize| f32::from(pixels[3 * (y * side + x) + channel]);
    for channel in 0..3 {
        let upper = mix(value(left, top, channel), value(right, top, channel), x.fract());
        let lower = mix(value(left, bottom, channel), value(right, bottom, channel), x.fract());
        target.push((mix(upper, lower, y.fract()) + 0.5) as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::random::stream;

    #[test]
    fn no_reach_is_no_change_and_no_pixel_moves_further_than_asked() {
        for side in [256, 96] {
            let pixels: Vec<u8> = (0..side * side).flat_map(|at| [(at % side) as u8, (at / side) as u8, 7]).collect();
            let apply = |amount| apply(amount, &pixels, side, &mut stream(1, b"test    ", 0, 0));
            assert_eq!(apply(0.0), pixels);
            let furthest = apply(0.03).iter().zip(&pixels).map(|(a, b)| a.abs_diff(*b)).max();
            let reach = (0.03 * side as f32) as u8 + 1;
            assert!((Some(reach / 4)..=Some(reach)).contains(&furthest), "{side}: {furthest:?}");
        }
    }
}
