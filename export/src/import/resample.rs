//! Resizing as a table of weights: each pixel of the result is a weighted sum of source pixels along one axis. The graph
//! and the independent preprocessing apply the same table in different ways.
//!
//! Antialiased tables are those of Pillow (`precompute_coeffs` in `Resample.c`), which PyTorch's `antialias=True` follows;
//! the others are those of `interpolate` in PyTorch and `resize` in TensorFlow 2, with half-pixel centres.

use kiln_tile::SIDE;

use super::spec::{Interpolation, Resize};

/// Bits of the fraction of Pillow's weights: 32 bits less 8 of a pixel and 2 of the sum's headroom.
pub(crate) const FRACTION: u32 = 22;

/// The weights of one pixel of the result.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Taps {
    /// The first source pixel.
    pub(crate) first: usize,
    /// Weights from there on; they sum to 1.
    pub(crate) weights: Vec<f64>,
}

impl Taps {
    /// The weights in Pillow's whole numbers: times 2^22, rounded away from zero at halves.
    pub(crate) fn whole(&self) -> Vec<i64> {
        let scale = f64::from(1_u32 << FRACTION);
        self.weights.iter().map(|weight| (weight * scale).round() as i64).collect()
    }
}

/// The tables of a resize of a 256x256 tile.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Resampling {
    /// For each row of the result, after the crop.
    pub(crate) rows: Vec<Taps>,
    /// For each column of the result, after the crop.
    pub(crate) columns: Vec<Taps>,
    /// True if rows and columns are rounded to whole numbers as Pillow does.
    pub(crate) rounded: bool,
}

impl Resampling {
    /// The tables for a resize and a crop of the middle. A tile that keeps its pixels has the identity, cropped.
    pub(crate) fn new(resize: Option<Resize>, size: [usize; 2]) -> Self {
        let axis = |at: usize| {
            let all = match resize {
                Some(resize) => taps(SIDE as usize, resize.to[at], &resize),
                None => (0..SIDE as usize).map(single).collect(),
            };
            let start = crop_start(all.len(), size[at]);
            all.into_iter().skip(start).take(size[at]).collect()
        };
        Self { rows: axis(0), columns: axis(1), rounded: resize.is_some_and(|resize| resize.rounded) }
    }

    /// True if each pixel of the result is a single source pixel, along both axes.
    pub(crate) fn selects(&self) -> bool {
        self.rows.iter().chain(&self.columns).all(|taps| taps.weights == [1.0])
    }

    /// True if the result is the tile.
    pub(crate) fn is_identity(&self) -> bool {
        let same = |axis: &[Taps]| axis.len() == SIDE as usize && axis.iter().enumerate().all(|(at, t)| t.first == at);
        self.selects() && same(&self.rows) && same(&self.columns)
    }
}

/// The first pixel of the middle `size` of `all`: Python's `int(round((all - size) / 2))`, as in torchvision, which rounds
/// halves to even.
fn crop_start(all: usize, size: usize) -> usize {
    let spare = all.saturating_sub(size);
    let half = spare / 2;
    if spare % 2 == 1 && half % 2 == 1 { half + 1 } else { half }
}

fn single(at: usize) -> Taps {
    Taps { first: at, weights: vec![1.0] }
}

/// The table of one axis.
fn taps(source: usize, target: usize, resize: &Resize) -> Vec<Taps> {
    if source == target {
        return (0..source).map(single).collect();
    }
    let scale = source as f64 / target as f64;
    let pixel = |at: usize| match (resize.interpolation, resize.antialias) {
        (Interpolation::Nearest, _) => single((((at as f64 + 0.5) * scale).floor() as usize).min(source - 1)),
        (method, true) => averaged(at, source, scale, method),
        (Interpolation::Bicubic, false) => cubic(at, source, scale),
        (_, false) => linear(at, source, target, scale, resize.align_corners),
    };
    (0..target).map(pixel).collect()
}

/// Pillow's weights: the kernel, widened when shrinking, over the source pixels within its support, made to sum to 1.
fn averaged(at: usize, source: usize, scale: f64, method: Interpolation) -> Taps {
    let (support, kernel): (f64, fn(f64) -> f64) = match method {
        Interpolation::Bicubic => (2.0, |x| keys(x, -0.5)),
        Interpolation::Lanczos => (3.0, lanczos),
        Interpolation::Nearest | Interpolation::Bilinear => (1.0, |x| (1.0 - x.abs()).max(0.0)),
    };
    let widened = scale.max(1.0);
    let support = support * widened;
    let centre = (at as f64 + 0.5) * scale;
    // Truncated towards zero, as a C cast.
    let first = (centre - support + 0.5).max(0.0) as usize;
    let end = ((centre + support + 0.5) as usize).min(source);
    let weight = |pixel: usize| kernel((pixel as f64 - centre + 0.5) / widened);
    let weights: Vec<f64> = (first..end).map(weight).collect();
    let sum: f64 = weights.iter().sum();
    Taps { first, weights: weights.into_iter().map(|weight| weight / sum).collect() }
}

/// Two pixels.
fn linear(at: usize, source: usize, target: usize, scale: f64, align_corners: bool) -> Taps {
    let place = if align_corners {
        at as f64 * (source - 1) as f64 / (target.max(2) - 1) as f64
    } else {
        ((at as f64 + 0.5) * scale - 0.5).max(0.0)
    };
    let first = (place.floor() as usize).min(source - 1);
    let part = place - first as f64;
    if first + 1 >= source || part == 0.0 {
        return single(first);
    }
    Taps { first, weights: vec![1.0 - part, part] }
}

/// Four pixels; the border pixel replaces pixels outside.
fn cubic(at: usize, source: usize, scale: f64) -> Taps {
    let place = (at as f64 + 0.5) * scale - 0.5;
    let base = place.floor();
    let part = place - base;
    let inside = |pixel: f64| pixel.clamp(0.0, (source - 1) as f64) as usize;
    let first = inside(base - 1.0);
    let mut weights = vec![0.0; inside(base + 2.0) - first + 1];
    for step in -1..=2 {
        weights[inside(base + f64::from(step)) - first] += keys(part - f64::from(step), -0.75);
    }
    Taps { first, weights }
}

/// Cubic convolution (Keys, IEEE Trans. ASSP 1981).
fn keys(x: f64, a: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * a
    } else {
        0.0
    }
}

fn lanczos(x: f64) -> f64 {
    let sinc = |x: f64| {
        let angle = x * std::f64::consts::PI;
        if x == 0.0 { 1.0 } else { angle.sin() / angle }
    };
    if (-3.0..3.0).contains(&x) { sinc(x) * sinc(x / 3.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resize(to: usize, interpolation: Interpolation, antialias: bool) -> Resize {
        Resize { to: [to; 2], interpolation, antialias, rounded: false, align_corners: false }
    }

    #[test]
    fn weights_sum_to_one_for_every_method_and_size() {
        use Interpolation::{Bicubic, Bilinear, Lanczos, Nearest};
        for (method, antialias) in
            [(Nearest, true), (Bilinear, true), (Bilinear, false), (Bicubic, true), (Bicubic, false), (Lanczos, true)]
        {
            for to in [16, 31, 96, 224, 255, 299, 512] {
                for taps in taps(256, to, &resize(to, method, antialias)) {
                    let sum: f64 = taps.weights.iter().sum();
                    assert!((sum - 1.0).abs() < 1e-12, "{method} {to}: {sum}");
                    assert!(taps.first + taps.weights.len() <= 256, "{method} {to}");
                }
            }
        }
    }

    /// `PIL.Image.resize` of a row 0, 10, 20, 30 to two pixels: the triangle covers the border on one side only.
    #[test]
    fn a_known_row_is_pillows() {
        let taps = taps(4, 2, &resize(2, Interpolation::Bilinear, true));
        let value = |taps: &Taps| -> f64 {
            taps.weights.iter().enumerate().map(|(at, weight)| weight * 10.0 * (taps.first + at) as f64).sum()
        };
        assert_eq!((value(&taps[0]).round(), value(&taps[1]).round()), (7.0, 23.0));
    }

    #[test]
    fn the_middle_is_torchvisions() {
        // int(round(x / 2)) of Python for spare pixels of 0 to 7.
        let expected = [0, 0, 1, 2, 2, 2, 3, 4];
        assert_eq!(std::array::from_fn(|spare| crop_start(100 + spare, 100)), expected);
    }

    #[test]
    fn a_crop_selects_and_a_resize_does_not() {
        let crop = Resampling::new(None, [224, 224]);
        assert!(crop.selects() && !crop.is_identity());
        assert_eq!((crop.rows.len(), crop.rows[0].first), (224, 16));
        assert!(Resampling::new(None, [256, 256]).is_identity());
        assert!(!Resampling::new(Some(resize(224, Interpolation::Bilinear, true)), [224, 224]).selects());
        assert!(Resampling::new(Some(resize(128, Interpolation::Nearest, true)), [128, 128]).selects());
    }
}
