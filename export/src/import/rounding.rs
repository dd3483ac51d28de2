//! Tells rounding from a wrong description. A framework and ONNX Runtime add the same numbers in another order, so their
//! outputs differ by as much as rounding moves them. That is measured: the pixels are changed in their last digit, and the
//! outputs that follow are compared. A wrong description changes pixels by thousands of such digits.

use kiln_runtime::Array;
use ndarray::ArrayD;

use super::answers::answers;
use super::compare::{ReferenceOutput, answer};
use super::plan::Plan;
use super::reference::Reference;
use super::spec::{Dtype, Input};
use super::untouched::{Raw, Untouched};

/// The largest difference that is taken for rounding, in units of the measured one: every layer rounds, not only the first.
const MOST: f64 = 64.0;

/// Outputs of the same tiles with pixels as they are, and with pixels that differ in their last digit.
pub(super) struct Rounding<'a> {
    pub(super) reference: &'a Reference,
    pub(super) input: &'a Input,
    pub(super) plan: &'a Plan,
    /// The model's outputs for the reference's tiles.
    pub(super) raw: &'a Raw,
}

/// Rounding explains a difference.
pub(super) struct Explained {
    /// The finding.
    pub(super) words: String,
    /// The tolerance that accepts it.
    pub(super) enough: f64,
}

impl Rounding<'_> {
    /// The finding, if rounding explains every difference that is too large; `None` if it does not, or cannot be measured.
    pub(super) fn explains(&self, untouched: &mut Untouched, compared: &[ReferenceOutput]) -> Option<Explained> {
        let tiles = &self.reference.tiles;
        let last_digit = last_digit(self.input.dtype)?;
        let moved = untouched.run_changed(tiles, self.input, |array| nudge(array, last_digit)).ok()?;
        let before = answers(self.plan, self.raw, tiles.len());
        let after = answers(self.plan, &moved, tiles.len());
        let mut largest: f64 = 0.0;
        let mut enough: f64 = 0.0;
        for output in compared.iter().filter(|output| !output.passed()) {
            let one = answer(&output.name, self.plan, &before, self.raw)?;
            let two = answer(&output.name, self.plan, &after, &moved)?;
            let change = distance(&one, &two);
            if !output.max_abs.is_finite() || output.max_abs > MOST * change {
                return None;
            }
            largest = largest.max(change);
            enough = enough.max(output.max_abs / output.unit);
        }
        let enough = rounded_up(enough);
        let words = format!(
            "the description is not the cause: a change of the pixels in their last digit already moves these outputs by up \
             to {largest:.1e}, so another program cannot give them more closely; a tolerance of {enough:.0e} accepts them"
        );
        Some(Explained { words, enough })
    }
}

/// The last digit of the model's input, as a fraction of a value. None for whole numbers, and for 16-bit floats, whose last
/// digit is as large as the error of a wrong resize.
fn last_digit(dtype: Dtype) -> Option<f32> {
    // The pixels of a model of 64-bit floats are computed in 32 bits too.
    matches!(dtype, Dtype::F32 | Dtype::F64).then_some(f32::EPSILON)
}

/// Every value a little larger or smaller, by a fixed rule.
fn nudge(array: Array, by: f32) -> Array {
    let sign = |at: usize| if (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 63 == 0 { 1.0 } else { -1.0 };
    match array {
        Array::F32(mut array) => {
            array.iter_mut().enumerate().for_each(|(at, value)| *value *= 1.0 + sign(at) * by);
            Array::F32(array)
        }
        Array::F64(mut array) => {
            let by = f64::from(by);
            array.iter_mut().enumerate().for_each(|(at, value)| *value *= 1.0 + f64::from(sign(at)) * by);
            Array::F64(array)
        }
        other => other,
    }
}

fn distance(one: &ArrayD<f32>, two: &ArrayD<f32>) -> f64 {
    one.iter().zip(two).map(|(one, two)| f64::from((one - two).abs())).fold(0.0, f64::max)
}

/// The next number of one digit above a tenth more: another processor rounds in another way.
fn rounded_up(value: f64) -> f64 {
    let value = 1.1 * value;
    let unit = 10.0_f64.powf(value.log10().floor());
    (value / unit).ceil() * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tolerance_has_one_digit_and_room() {
        for (value, shown) in [(2.1e-5, "3e-5"), (9.4e-4, "2e-3"), (1e-4, "2e-4"), (0.37, "5e-1")] {
            assert_eq!(format!("{:.0e}", rounded_up(value)), shown);
        }
    }

    #[test]
    fn pixels_change_in_their_last_digit_and_in_both_directions() {
        let values = ArrayD::from_elem(vec![1000], 0.75_f32);
        let Array::F32(moved) = nudge(Array::from(values), f32::EPSILON) else { panic!("f32") };
        let larger = moved.iter().filter(|value| **value > 0.75).count();
        assert!((400..600).contains(&larger), "{larger}");
        assert!(moved.iter().all(|value| *value != 0.75 && (value - 0.75).abs() <= f32::EPSILON));
    }
}
