//! Hypotheses about maps and pictures: transposed, mirrored, turned, moved, channels in another order, another layout, and
//! differences at the border.

use ndarray::{ArrayD, Axis};

use super::fit::{percent, ratio, rms};
use super::{Cause, Evidence, Finding};
use crate::difference::OutputDifference;

/// The largest share of the difference that may be left.
const LEFT: f64 = 0.1;

/// Samples that a hypothesis is tried on.
const SAMPLES: usize = 4;

/// Pixels by which a map may have moved.
const SHIFT: isize = 4;

/// Root mean square at the border over that inside, from which padding is suspected.
const BORDER: f64 = 5.0;

/// Both sides of one output on one tile as planes `[channels, height, width]`.
pub(super) struct Planes {
    a: ArrayD<f32>,
    b: ArrayD<f32>,
}

impl Planes {
    /// The planes of the samples; empty if the output is no map or picture.
    pub(super) fn from_samples(evidence: &Evidence<'_>, output: &OutputDifference) -> Vec<Self> {
        let planes = |array: &ArrayD<f32>| -> Option<ArrayD<f32>> {
            let array = array.index_axis(Axis(0), 0).to_owned();
            match array.shape() {
                [height, width] if *height > 2 && *width > 2 => Some(array.insert_axis(Axis(0))),
                [channels, height, width] if *channels <= 4 && *height > 4 && *width > 4 => Some(array),
                // Channels last.
                [height, width, channels] if *channels <= 4 && *height > 4 && *width > 4 => {
                    Some(array.permuted_axes(ndarray::IxDyn(&[2, 0, 1])))
                }
                _ => None,
            }
        };
        let pair = |sample: &crate::engine::Sample| {
            let (a, b) = (sample.reference.arrays.get(&output.name)?, sample.candidate.arrays.get(&output.name)?);
            if a.shape() != b.shape() || a == b {
                return None;
            }
            Some(Self { a: planes(a)?, b: planes(b)? })
        };
        evidence.samples.iter().filter_map(pair).take(SAMPLES).collect()
    }

    /// The share of the difference that is left over all samples if the reference is changed.
    fn left(samples: &[Self], change: &dyn Fn(&ArrayD<f32>) -> Option<ArrayD<f32>>) -> f64 {
        let mut sums = (0.0, 0.0);
        for sample in samples {
            let Some(changed) = change(&sample.a).filter(|changed| changed.shape() == sample.b.shape()) else {
                return 1.0;
            };
            sums.0 += between(&changed, &sample.b).powi(2);
            sums.1 += between(&sample.a, &sample.b).powi(2);
        }
        ratio(sums.0.sqrt(), sums.1.sqrt())
    }
}

fn between(a: &ArrayD<f32>, b: &ArrayD<f32>) -> f64 {
    let finite = a.iter().zip(b).filter(|(a, b)| a.is_finite() && b.is_finite());
    rms(finite.map(|(a, b)| (f64::from(*a), f64::from(*b))))
}

fn flipped(array: &ArrayD<f32>, axes: &[usize]) -> ArrayD<f32> {
    let mut view = array.view();
    axes.iter().for_each(|axis| view.invert_axis(Axis(*axis)));
    view.to_owned()
}

fn transposed(array: &ArrayD<f32>) -> ArrayD<f32> {
    array.view().permuted_axes(ndarray::IxDyn(&[0, 2, 1])).to_owned()
}

/// A map that is transposed, mirrored or turned, or a picture with its channels reversed.
pub(super) fn turned(output: &OutputDifference, samples: &[Planes]) -> Option<Finding> {
    type Turn = (Cause, &'static str, fn(&ArrayD<f32>) -> Option<ArrayD<f32>>);
    const TURNS: [Turn; 8] = [
        (Cause::MapTurned, "transposed (rows and columns swapped)", |a| Some(transposed(a))),
        (Cause::MapTurned, "mirrored left to right", |a| Some(flipped(a, &[2]))),
        (Cause::MapTurned, "mirrored top to bottom", |a| Some(flipped(a, &[1]))),
        (Cause::MapTurned, "turned by 180 degrees", |a| Some(flipped(a, &[1, 2]))),
        (Cause::MapTurned, "turned by 90 degrees", |a| Some(flipped(&transposed(a), &[1]))),
        (Cause::MapTurned, "turned by 270 degrees", |a| Some(flipped(&transposed(a), &[2]))),
        (Cause::MapTurned, "transposed along the other diagonal", |a| Some(flipped(&transposed(a), &[1, 2]))),
        (Cause::MapChannels, "with its channels reversed (RGB and BGR)", |a| {
            (a.shape()[0] == 3).then(|| flipped(a, &[0]))
        }),
    ];
    if samples.is_empty() {
        return None;
    }
    let tried = TURNS.iter().map(|(cause, words, turn)| (*cause, *words, Planes::left(samples, turn)));
    let (cause, words, left) = tried.filter(|(.., left)| *left < LEFT).min_by(|a, b| a.2.total_cmp(&b.2))?;
    let what = if cause == Cause::MapChannels { "picture" } else { "map" };
    let text = format!("output `{}`: the {what} is {words} (explains {})", output.name, percent(left));
    Some(Finding::new(cause, Some(&output.name), text).explains(left))
}

/// A map that is moved by some pixels. The pixels that move in from outside are not compared.
pub(super) fn shifted(output: &OutputDifference, samples: &[Planes]) -> Option<Finding> {
    let first = samples.first()?;
    let (height, width) = (first.a.shape()[1].cast_signed(), first.a.shape()[2].cast_signed());
    if height.min(width) < 16 {
        return None;
    }
    let inner = |array: &ArrayD<f32>, dy: isize, dx: isize| {
        let range = |length: isize, shift: isize| ndarray::Slice::from((SHIFT - shift)..(length - SHIFT - shift));
        array.slice_axis(Axis(1), range(height, dy)).slice_axis(Axis(2), range(width, dx)).to_owned()
    };
    let still: Vec<ArrayD<f32>> = samples.iter().map(|sample| inner(&sample.b, 0, 0)).collect();
    let squares = |dy: isize, dx: isize| {
        let square = |(sample, b): (&Planes, &ArrayD<f32>)| between(&inner(&sample.a, dy, dx), b).powi(2);
        samples.iter().zip(&still).map(square).sum::<f64>()
    };
    let before = squares(0, 0).sqrt();
    let left = |dy: isize, dx: isize| ratio(squares(dy, dx).sqrt(), before);
    let shifts = (-SHIFT..=SHIFT).flat_map(|dy| (-SHIFT..=SHIFT).map(move |dx| (dy, dx)));
    let tried = shifts.filter(|shift| *shift != (0, 0)).map(|(dy, dx)| (dy, dx, left(dy, dx)));
    let (dy, dx, left) = tried.filter(|(.., left)| *left < LEFT).min_by(|a, b| a.2.total_cmp(&b.2))?;
    let text = format!(
        "output `{}`: the map is moved by {dy} rows down and {dx} columns to the right (explains {})",
        output.name,
        percent(left)
    );
    Some(Finding::new(Cause::MapShifted, Some(&output.name), text).explains(left))
}

/// The same elements in another layout, such as `[channels, height, width]` for `[height, width, channels]`.
pub(super) fn layout(evidence: &Evidence<'_>, output: &OutputDifference) -> Option<Finding> {
    let sample = evidence.samples.iter().find(|sample| {
        sample.reference.arrays.contains_key(&output.name) && sample.candidate.arrays.contains_key(&output.name)
    })?;
    let (a, b) = (&sample.reference.arrays[&output.name], &sample.candidate.arrays[&output.name]);
    if a.len() != b.len() {
        return None;
    }
    let finding = |words: String| Some(Finding::new(Cause::Layout, Some(&output.name), words));
    let (of_a, of_b) = (&a.shape()[1..], &b.shape()[1..]);
    for order in orders(a.ndim().saturating_sub(1)) {
        let axes: Vec<usize> = std::iter::once(0).chain(order.iter().map(|axis| axis + 1)).collect();
        let moved = a.view().permuted_axes(ndarray::IxDyn(&axes)).to_owned();
        if moved.shape() == b.shape() && close(&moved, b) {
            return finding(format!(
                "output `{}`: layout: the candidate has the reference's values with the axes {of_a:?} in the order {order:?}",
                output.name
            ));
        }
    }
    let same = a.as_standard_layout().iter().zip(b.as_standard_layout().iter()).all(|(a, b)| near(*a, *b));
    if same {
        return finding(format!("output `{}`: layout: the same values as {of_b:?} instead of {of_a:?}", output.name));
    }
    None
}

fn close(a: &ArrayD<f32>, b: &ArrayD<f32>) -> bool {
    a.iter().zip(b).all(|(a, b)| near(*a, *b))
}

fn near(a: f32, b: f32) -> bool {
    (a - b).abs() <= 1e-3 * a.abs().max(b.abs()).max(1e-3)
}

/// Every order of up to four axes.
fn orders(axes: usize) -> Vec<Vec<usize>> {
    if axes > 4 {
        return Vec::new();
    }
    let mut orders: Vec<Vec<usize>> = vec![Vec::new()];
    for _ in 0..axes {
        orders = orders
            .into_iter()
            .flat_map(|order| {
                let free: Vec<usize> = (0..axes).filter(|axis| !order.contains(axis)).collect();
                free.into_iter().map(move |axis| order.iter().copied().chain([axis]).collect::<Vec<usize>>())
            })
            .collect();
    }
    orders
}

/// Differences that gather at the border.
pub(super) fn border(output: &OutputDifference) -> Option<Finding> {
    let ratio = output.map.as_ref()?.border_ratio.filter(|ratio| *ratio > BORDER)?;
    let text = format!(
        "output `{}`: the difference is {ratio:.0} times as large in the outer 8 pixels as inside, as of another padding",
        output.name
    );
    Some(Finding::new(Cause::Border, Some(&output.name), text))
}
