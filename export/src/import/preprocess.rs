//! The preprocessing without a graph: plain loops over pixels, written independently of the nodes that the bundle's graph
//! gets. Golden answers are those of the untouched model on these arrays.

use kiln_runtime::Array;
use kiln_tile::{SIDE, Tile};
use ndarray::{ArrayD, IxDyn};

use super::resample::{FRACTION, Resampling, Taps};
use super::spec::{Channels, Dtype, Input, Layout};

const N: usize = SIDE as usize;

/// The model's input for a batch of tiles. 16-bit floats are returned as 32-bit ones, which the adapted model converts.
///
/// # Errors
/// None in practice: an array whose length is not that of its shape.
pub(super) fn batch(tiles: &[&Tile], input: &Input) -> Result<Array, ndarray::ShapeError> {
    let resampling = Resampling::new(input.resize, input.size);
    let values: Vec<f32> = tiles.iter().flat_map(|tile| one(tile.pixels(), input, &resampling)).collect();
    let shape = IxDyn(&input.shape(tiles.len()));
    let array = ArrayD::from_shape_vec(shape, values)?;
    Ok(match input.dtype {
        Dtype::F32 | Dtype::F16 => Array::from(array),
        Dtype::F64 => Array::from(array.mapv(f64::from)),
        Dtype::U8 => Array::from(array.mapv(|value| value as u8)),
        Dtype::I32 => Array::from(array.mapv(|value| value as i32)),
        Dtype::I64 => Array::from(array.mapv(|value| value as i64)),
    })
}

/// The values of one tile in the layout of the model.
fn one(pixels: &[u8], input: &Input, resampling: &Resampling) -> Vec<f32> {
    let [height, width] = input.size;
    // Planes of red, green and blue.
    let planes: Vec<Vec<f32>> = (0..3).map(|colour| plane(pixels, colour, resampling)).collect();
    let (divisor, shift) = input.range.scale();
    let value = |channel: usize, at: usize| {
        let colour = if input.channels == Channels::Bgr { 2 - channel } else { channel };
        let (mean, std) = (input.mean[channel] as f32, input.std[channel] as f32);
        ((planes[colour][at] / divisor - shift) - mean) / std
    };
    match input.layout {
        Layout::Nchw | Layout::FlatNchw => (0..3)
            .flat_map(|channel| (0..height * width).map(move |at| (channel, at)))
            .map(|(c, at)| value(c, at))
            .collect(),
        Layout::Nhwc | Layout::Flat => (0..height * width)
            .flat_map(|at| (0..3).map(move |channel| (channel, at)))
            .map(|(c, at)| value(c, at))
            .collect(),
    }
}

/// One colour, resized and cropped.
fn plane(pixels: &[u8], colour: usize, resampling: &Resampling) -> Vec<f32> {
    let source = |row: usize, column: usize| f64::from(pixels[(row * N + column) * 3 + colour]);
    let (rows, columns) = (&resampling.rows, &resampling.columns);
    let rounded = resampling.rounded;
    // Columns first, as in Pillow. Only rows that the second pass reads matter, but all are cheap.
    let mut wide = vec![0.0_f64; N * columns.len()];
    for row in 0..N {
        for (at, taps) in columns.iter().enumerate() {
            wide[row * columns.len() + at] = weighted(taps, rounded, |column| source(row, column));
        }
    }
    let mut result = Vec::with_capacity(rows.len() * columns.len());
    for taps in rows {
        for at in 0..columns.len() {
            result.push(weighted(taps, rounded, |row| wide[row * columns.len() + at]) as f32);
        }
    }
    result
}

/// A weighted sum of source pixels; in Pillow's whole numbers if `rounded`.
fn weighted(taps: &Taps, rounded: bool, source: impl Fn(usize) -> f64) -> f64 {
    if taps.weights.len() == 1 {
        return source(taps.first);
    }
    if rounded {
        let whole = taps.whole();
        let sum: i64 = whole.iter().enumerate().map(|(at, weight)| weight * source(taps.first + at) as i64).sum();
        return (((sum + (1 << (FRACTION - 1))) >> FRACTION).clamp(0, 255)) as f64;
    }
    taps.weights.iter().enumerate().map(|(at, weight)| weight * source(taps.first + at)).sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::import::spec::{Interpolation, Range, Resize};

    fn input() -> Input {
        Input {
            name: "x".to_owned(),
            layout: Layout::Nchw,
            channels: Channels::Rgb,
            range: Range::Bytes,
            mean: [0.0; 3],
            std: [1.0; 3],
            size: [256; 2],
            resize: None,
            dtype: Dtype::F32,
        }
    }

    /// Red counts rows, green columns; blue is 7.
    fn tile() -> Tile {
        let pixel = |at: usize| [(at / N) as u8, (at % N) as u8, 7];
        Tile::from_pixels((0..N * N).flat_map(pixel).collect()).unwrap()
    }

    fn values(input: &Input) -> ArrayD<f32> {
        let Array::F32(array) = batch(&[&tile()], input).unwrap() else { panic!("f32") };
        array
    }

    #[test]
    fn axes_and_colours_are_where_they_were_stated() {
        let nchw = values(&input());
        assert_eq!((nchw[[0, 0, 5, 9]], nchw[[0, 1, 5, 9]], nchw[[0, 2, 5, 9]]), (5.0, 9.0, 7.0));
        let nhwc = values(&Input { layout: Layout::Nhwc, channels: Channels::Bgr, ..input() });
        assert_eq!((nhwc[[0, 5, 9, 0]], nhwc[[0, 5, 9, 1]], nhwc[[0, 5, 9, 2]]), (7.0, 9.0, 5.0));
        let flat = values(&Input { layout: Layout::Flat, ..input() });
        assert_eq!((flat[[0, 3 * (5 * N + 9)]], flat[[0, 3 * (5 * N + 9) + 1]]), (5.0, 9.0));
    }

    #[test]
    fn scaling_comes_before_mean_and_deviation() {
        let normal = Input { range: Range::Unit, mean: [0.5; 3], std: [0.25; 3], ..input() };
        assert_eq!(values(&normal)[[0, 0, 255, 0]], (1.0 - 0.5) / 0.25);
        let signed = Input { range: Range::Signed, ..input() };
        assert_eq!((values(&signed)[[0, 0, 0, 0]], values(&signed)[[0, 0, 255, 0]]), (-1.0, 1.0));
    }

    #[test]
    fn a_ramp_stays_a_ramp_and_a_crop_takes_the_middle() {
        let resize = Resize {
            to: [128; 2],
            interpolation: Interpolation::Bilinear,
            antialias: true,
            rounded: false,
            align_corners: false,
        };
        let half = values(&Input { size: [128; 2], resize: Some(resize), ..input() });
        assert!((half[[0, 0, 64, 3]] - 128.5).abs() < 1e-4);
        let crop = values(&Input { size: [224; 2], ..input() });
        assert_eq!((crop[[0, 0, 0, 0]], crop[[0, 1, 0, 223]]), (16.0, 239.0));
    }
}
