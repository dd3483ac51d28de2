//! One palette for the two tiles of a pair. Both get the same number of pixels of every colour, so colours without their
//! positions cannot separate them: no mean, no histogram, no pair of channels. Only the positions of the colours differ.
//!
//! The palette is every second colour of both pictures, in the order of a k-d tree over their pixels. A picture is mapped
//! to it by splitting its pixels and the palette at their medians along the same axis, recursively, until each pixel has
//! one colour: a nearly optimal transport, so dark stays dark, blue stays blue, and a colour changes little if the two
//! pictures have nearly the same amount of it. All arithmetic is on integers without ties, so it is the same everywhere.

/// Resolution before rounding, in parts of one pixel value: so fine that the scanner's noise leaves hardly a tie.
const PARTS: f32 = 64.0;

/// Scale of the variance along each axis, so that the three are comparable: 6 over the squared length of brightness
/// (1, 1, 1), red against blue (1, 0, -1), and both against green (1, -2, 1).
const SCALES: [i128; 3] = [2, 3, 1];

/// A pixel as a point on three colour axes.
#[derive(Debug, Clone, Copy)]
struct Pixel {
    /// Brightness, red against blue, and both against green, in parts of a pixel value.
    axes: [i32; 3],
    /// Its index, unique within a list.
    at: u32,
}

impl Pixel {
    fn new(colour: [f32; 3], at: usize) -> Self {
        // The bounds are far outside the pixel values, and far inside an i32.
        let [red, green, blue] = colour.map(|value| (value.clamp(-64.0, 320.0) * PARTS) as i32);
        Self { axes: [red + green + blue, red - blue, red - 2 * green + blue], at: at as u32 }
    }

    fn colour(&self) -> [u8; 3] {
        let [sum, across, both] = self.axes;
        let parts = [(2 * sum + 3 * across + both) / 6, (sum - both) / 3, (2 * sum - 3 * across + both) / 6];
        parts.map(|value| (value as f32 / PARTS + 0.5).clamp(0.0, 255.0) as u8)
    }
}

/// Converts pictures of equal size, f32 `[pixels, 3]` from 0 to 255, to bytes with one shared palette.
pub(super) fn shared(images: &[Vec<f32>; 2]) -> [Vec<u8>; 2] {
    let mut sides = images.each_ref().map(|image| pixels(image));
    // Equal colours are ordered by picture.
    let first = sides[0].len() as u32;
    let second = sides[1].iter().map(|pixel| Pixel { at: first + pixel.at, ..*pixel });
    let mut both: Vec<Pixel> = sides[0].iter().copied().chain(second).collect();
    let mut palette = Vec::with_capacity(both.len().div_ceil(2));
    thin(&mut both, &mut palette);
    sides.each_mut().map(|pixels| {
        let mut bytes = vec![0; 3 * pixels.len()];
        give(pixels, &mut palette, &mut bytes);
        bytes
    })
}

fn pixels(image: &[f32]) -> Vec<Pixel> {
    let (colours, _) = image.as_chunks::<3>();
    colours.iter().enumerate().map(|(at, colour)| Pixel::new(*colour, at)).collect()
}

/// Keeps one of each two pixels with neighbouring colours; the number of pixels is even.
fn thin(pixels: &mut [Pixel], kept: &mut Vec<Pixel>) {
    if let [one] | [one, _] = pixels {
        return kept.push(*one);
    }
    // Both halves are even again, so that exactly half is kept.
    let (axis, middle) = (widest(pixels), pixels.len() / 4 * 2);
    let (low, high) = halves(pixels, axis, middle.max(2));
    thin(low, kept);
    thin(high, kept);
}

/// Writes a colour of the palette for each pixel into `bytes`, `[pixels, 3]`; both have the same length.
fn give(pixels: &mut [Pixel], palette: &mut [Pixel], bytes: &mut [u8]) {
    if let ([pixel], [colour]) = (&*pixels, &*palette) {
        let at = 3 * pixel.at as usize;
        return bytes[at..at + 3].copy_from_slice(&colour.colour());
    }
    let (axis, middle) = (widest(palette), palette.len() / 2);
    let (low, high) = halves(pixels, axis, middle);
    let (palette_low, palette_high) = halves(palette, axis, middle);
    give(low, palette_low, bytes);
    give(high, palette_high, bytes);
}

/// The axis with the largest variance.
fn widest(pixels: &[Pixel]) -> usize {
    let mut sums = [(0_i64, 0_i64); 3];
    for pixel in pixels {
        for ((sum, squares), value) in sums.iter_mut().zip(pixel.axes) {
            *sum += i64::from(value);
            *squares += i64::from(value) * i64::from(value);
        }
    }
    let variance = |axis: &usize| {
        let (sum, squares) = sums[*axis];
        SCALES[*axis] * (pixels.len() as i128 * i128::from(squares) - i128::from(sum) * i128::from(sum))
    };
    (0..3).max_by_key(variance).unwrap_or_default()
}

/// The `middle` lowest pixels along an axis, and the others.
fn halves(pixels: &mut [Pixel], axis: usize, middle: usize) -> (&mut [Pixel], &mut [Pixel]) {
    pixels.select_nth_unstable_by_key(middle, |pixel| (pixel.axes[axis], pixel.at));
    pixels.split_at_mut(middle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(bytes: &[u8]) -> Vec<[u8; 3]> {
        let (pixels, _) = bytes.as_chunks::<3>();
        let mut pixels = pixels.to_vec();
        pixels.sort_unstable();
        pixels
    }

    #[test]
    fn greys_keep_their_order() {
        // 90 greys that rise, and 90 lighter ones that fall: of the 180 in order every second is kept.
        let image = |grey: &dyn Fn(usize) -> f32| (0..270).map(|at| grey(at / 3)).collect::<Vec<f32>>();
        let images = [image(&|at| 10.0 + at as f32), image(&|at| 240.5 - at as f32)];
        let [rising, falling] = shared(&images);
        assert_eq!(sorted(&rising), sorted(&falling));
        assert!(rising.windows(4).all(|run| run[0] <= run[3]) && falling.windows(4).all(|run| run[0] >= run[3]));
        let (darkest, lightest) = (sorted(&rising)[0], sorted(&rising)[89]);
        assert!(darkest[0] <= 12 && lightest[0] >= 239, "{darkest:?} to {lightest:?}");
    }

    #[test]
    fn flat_pictures_share_both_colours_equally() {
        let flat = |colour: [f32; 3]| colour.repeat(64);
        let [one, other] = shared(&[flat([200.0, 40.0, 90.0]), flat([-3.0, 120.0, 300.0])]);
        for bytes in [one, other] {
            let counts = [[200, 40, 90], [0, 120, 255]]
                .map(|colour| sorted(&bytes).iter().filter(|pixel| **pixel == colour).count());
            assert_eq!(counts, [32, 32]);
        }
    }
}
