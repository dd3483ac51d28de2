//! Recovers the stored pixels of a level from OpenSlide's interpolated ones.
//!
//! If a read begins `f` pixels off the grid, OpenSlide returns `(1 - |f|) p[i] + |f| p[i ± 1]` along each axis. That is
//! solved from one end of a row to the other: an error at the first pixel shrinks by `|f| / (1 - |f|)` with each step, so a
//! read begins and ends [`super::grid::PADDING`] pixels outside the wanted ones. Only the rounding of OpenSlide's pixels
//! to 8 bits remains. Measured on noise, the hardest case, at offsets up to 0.25 along both axes: the largest difference
//! from the stored pixels is 5 of 255 levels and the mean 0.5; interpolated, the mean is 31.

/// Premultiplied red, green, blue and alpha.
type Pixel = [f32; 4];

/// Alpha within this distance of opaque or of nothing is a rounding error.
const ALPHA_NOISE: f32 = 6.0;

/// Replaces the interpolated pixels of a block of `width` pixels a row, which is `x` and `y` pixels off the grid.
pub(super) fn recover(argb: &mut [u32], width: usize, x: f64, y: f64) {
    let mut pixels: Vec<Pixel> = argb.iter().map(|pixel| unpack(*pixel)).collect();
    if x != 0.0 {
        let weights = Weights::new(x);
        for row in pixels.chunks_exact_mut(width) {
            along_row(row, &weights);
        }
    }
    if y != 0.0 {
        along_columns(&mut pixels, width, &Weights::new(y));
    }
    for (argb, pixel) in argb.iter_mut().zip(pixels) {
        *argb = pack(pixel);
    }
}

/// The weights of a solution step.
struct Weights {
    /// Weight of the neighbour that is known already.
    neighbour: f32,
    /// The reciprocal of the pixel's own weight.
    own: f32,
    /// True if the neighbour is the one before.
    forward: bool,
}

impl Weights {
    #[allow(clippy::cast_possible_truncation)]
    fn new(offset: f64) -> Self {
        let neighbour = offset.abs() as f32;
        Self { neighbour, own: 1.0 / (1.0 - neighbour), forward: offset < 0.0 }
    }

    fn solve(&self, pixel: &mut Pixel, neighbour: &Pixel) {
        for (sample, known) in pixel.iter_mut().zip(neighbour) {
            *sample = (*sample - self.neighbour * known) * self.own;
        }
    }
}

fn along_row(row: &mut [Pixel], weights: &Weights) {
    let step = |known: &mut Option<Pixel>, pixel: &mut Pixel| {
        if let Some(known) = known {
            weights.solve(pixel, known);
        }
        *known = Some(*pixel);
    };
    let mut known = None;
    if weights.forward {
        row.iter_mut().for_each(|pixel| step(&mut known, pixel));
    } else {
        row.iter_mut().rev().for_each(|pixel| step(&mut known, pixel));
    }
}

fn along_columns(pixels: &mut [Pixel], width: usize, weights: &Weights) {
    let rows = pixels.len() / width;
    for at in 1..rows {
        let (row, known) = if weights.forward { (at, at - 1) } else { (rows - 1 - at, rows - at) };
        let middle = row.max(known) * width;
        let (above, below) = pixels.split_at_mut(middle);
        let (above, below) = (&mut above[middle - width..], &mut below[..width]);
        let (row, known) = if weights.forward { (below, above) } else { (above, below) };
        for (pixel, known) in row.iter_mut().zip(known.iter()) {
            weights.solve(pixel, known);
        }
    }
}

fn unpack(argb: u32) -> Pixel {
    let [alpha, red, green, blue] = argb.to_be_bytes();
    // Written out: mapping an array is a call for each pixel.
    [f32::from(red), f32::from(green), f32::from(blue), f32::from(alpha)]
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn pack([red, green, blue, alpha]: Pixel) -> u32 {
    let alpha = match alpha {
        alpha if alpha >= 255.0 - ALPHA_NOISE => 255.0,
        alpha if alpha <= ALPHA_NOISE => return 0,
        alpha => alpha,
    };
    // Rounds, as no sample is negative. `round` is a call where the processor is not known to have SSE 4.1.
    let byte = |sample: f32| (sample.clamp(0.0, alpha) + 0.5) as u8;
    u32::from_be_bytes([byte(alpha), byte(red), byte(green), byte(blue)])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Interpolates as OpenSlide does, missing neighbours being nothing.
    fn interpolated(stored: &[u32], width: usize, x: f64, y: f64) -> Vec<u32> {
        let rows = stored.len() / width;
        let at = |column: Option<usize>, row: Option<usize>| match (column, row) {
            (Some(column), Some(row)) if column < width && row < rows => unpack(stored[row * width + column]),
            _ => [0.0; 4],
        };
        let neighbour = |at: usize, offset: f64| if offset < 0.0 { at.checked_sub(1) } else { Some(at + 1) };
        let (fx, fy) = (x.abs() as f32, y.abs() as f32);
        (0..stored.len())
            .map(|index| {
                let (column, row) = (index % width, index / width);
                let (side, next) = (neighbour(column, x), neighbour(row, y));
                let corners = [
                    (at(Some(column), Some(row)), (1.0 - fx) * (1.0 - fy)),
                    (at(side, Some(row)), fx * (1.0 - fy)),
                    (at(Some(column), next), (1.0 - fx) * fy),
                    (at(side, next), fx * fy),
                ];
                let mut sum = [0.0; 4];
                for (pixel, weight) in corners {
                    for (sum, sample) in sum.iter_mut().zip(pixel) {
                        *sum += sample * weight;
                    }
                }
                let [red, green, blue, alpha] = sum.map(|sample| sample.round() as u8);
                u32::from_be_bytes([alpha, red, green, blue])
            })
            .collect()
    }

    #[test]
    fn interpolated_noise_is_recovered_away_from_the_edges() {
        let (width, rows) = (64, 64);
        let mut state = 1_u32;
        let stored: Vec<u32> = (0..width * rows)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state | 0xff00_0000
            })
            .collect();
        for (x, y) in [(0.25, 0.25), (-0.25, 0.2), (0.1, -0.25), (-0.01, 0.0), (0.0, 0.12)] {
            let mut found = interpolated(&stored, width, x, y);
            recover(&mut found, width, x, y);
            for row in 16..rows - 16 {
                for column in 16..width - 16 {
                    let (found, stored) = (found[row * width + column], stored[row * width + column]);
                    let apart = found.to_be_bytes().into_iter().zip(stored.to_be_bytes()).map(|(a, b)| a.abs_diff(b));
                    assert!(apart.max() <= Some(3), "{x} {y}: {found:08x} for {stored:08x}");
                }
            }
        }
    }

    #[test]
    fn missing_pixels_stay_missing() {
        let mut stored = vec![0xff80_4020; 64 * 64];
        for row in stored.chunks_exact_mut(64) {
            row[32..].fill(0);
        }
        for (x, y) in [(0.25, 0.2), (-0.25, -0.1)] {
            let mut found = interpolated(&stored, 64, x, y);
            recover(&mut found, 64, x, y);
            assert!(found[32 * 64 + 16..32 * 64 + 32].iter().all(|pixel| pixel >> 24 == 255));
            assert!(found[32 * 64 + 32..32 * 64 + 48].iter().all(|pixel| *pixel == 0));
        }
    }
}
