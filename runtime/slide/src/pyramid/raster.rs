//! RGB images in memory: halving, joining and cutting.

/// Samples of a pixel.
const RGB: usize = 3;

/// An RGB image, `[height, width, 3]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Raster {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) rgb: Vec<u8>,
}

impl Raster {
    pub(super) fn black(width: usize, height: usize) -> Self {
        Self { width, height, rgb: vec![0; width * height * RGB] }
    }

    fn row(&self, y: usize) -> &[u8] {
        &self.rgb[y * self.width * RGB..][..self.width * RGB]
    }

    /// Copies `part` to column `left` and row `top`, where it fits.
    pub(super) fn paste(&mut self, part: &Self, left: usize, top: usize) {
        for y in 0..part.height {
            let at = ((top + y) * self.width + left) * RGB;
            self.rgb[at..at + part.width * RGB].copy_from_slice(part.row(y));
        }
    }

    /// The mean of each 2 x 2 pixels, rounded to the nearest value. An odd last row or column is the mean of its own pixels.
    pub(super) fn halved(&self) -> Self {
        let mut half = Self::black(self.width.div_ceil(2), self.height.div_ceil(2));
        for y in 0..half.height {
            // At an odd edge the last row or column counts twice, which leaves its mean.
            let (upper, lower) = (self.row(2 * y), self.row((2 * y + 1).min(self.height - 1)));
            let target = &mut half.rgb[y * half.width * RGB..][..half.width * RGB];
            for (x, pixel) in target.chunks_exact_mut(RGB).enumerate() {
                let (left, right) = (2 * x * RGB, (2 * x + 1).min(self.width - 1) * RGB);
                for (channel, value) in pixel.iter_mut().enumerate() {
                    let sum =
                        [upper[left + channel], upper[right + channel], lower[left + channel], lower[right + channel]]
                            .map(u16::from)
                            .iter()
                            .sum::<u16>();
                    *value = ((sum + 2) / 4) as u8;
                }
            }
        }
        half
    }

    /// The square of `side` pixels whose upper left pixel is given. Beyond the image its last row and column are repeated,
    /// so that a compressed tile has no edge there.
    pub(super) fn square(&self, left: usize, top: usize, side: usize) -> Self {
        let mut square = Self::black(side, side);
        let inside = side.min(self.width - left);
        for (y, target) in square.rgb.chunks_exact_mut(side * RGB).enumerate() {
            let source = &self.row((top + y).min(self.height - 1))[left * RGB..];
            let (shown, beyond) = target.split_at_mut(inside * RGB);
            shown.copy_from_slice(&source[..inside * RGB]);
            let last = &source[(inside - 1) * RGB..inside * RGB];
            beyond.chunks_exact_mut(RGB).for_each(|pixel| pixel.copy_from_slice(last));
        }
        square
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(width: usize, values: &[u8]) -> Raster {
        Raster { width, height: values.len() / width, rgb: values.iter().flat_map(|value| [*value; 3]).collect() }
    }

    #[test]
    fn halving_takes_the_mean_and_edges_have_their_own() {
        assert_eq!(grey(2, &[0, 1, 2, 3]).halved(), grey(1, &[2]));
        assert_eq!(grey(3, &[10, 20, 7, 30, 40, 8, 1, 4, 9]).halved(), grey(2, &[25, 8, 3, 9]));
        assert_eq!(grey(1, &[9]).halved(), grey(1, &[9]));
        assert_eq!(grey(2, &[255; 4]).halved(), grey(1, &[255]));
    }

    #[test]
    fn a_square_beyond_the_image_repeats_the_edge() {
        let image = grey(3, &[1, 2, 3, 4, 5, 6]);
        assert_eq!(image.square(0, 0, 2), grey(2, &[1, 2, 4, 5]));
        assert_eq!(image.square(2, 1, 2), grey(2, &[6, 6, 6, 6]));
    }

    #[test]
    fn pasted_parts_make_the_whole() {
        let mut whole = Raster::black(3, 2);
        whole.paste(&grey(2, &[1, 2, 4, 5]), 0, 0);
        whole.paste(&grey(1, &[3, 6]), 2, 0);
        assert_eq!(whole, grey(3, &[1, 2, 3, 4, 5, 6]));
    }
}
