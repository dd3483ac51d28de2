//! Constants that a forward function computes from sizes: positions, masks, grids. Their data differs between recordings.
//! An even progression or a single repeated number can be continued to other sizes.

use burn::tensor::{DType, TensorData};

use super::Size;

/// A constant as a function of the sizes.
#[derive(Clone, Debug)]
pub(crate) struct VaryingConstant {
    pub(crate) dtype: DType,
    /// The sizes of the tensor.
    pub(crate) dims: Vec<Size>,
    pub(crate) progression: Progression,
}

/// The first element and the difference between successive elements, row-major, in each recording.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Progression {
    /// Of integers and booleans, exact. Unsigned 64-bit integers are wrapped.
    Whole { start: Vec<i64>, step: Vec<i64> },
    /// Of floats, within their rounding.
    Real { start: Vec<f64>, step: Vec<f64> },
}

impl VaryingConstant {
    /// The rule that explains the data of all recordings, base first; none if it is neither of the two.
    pub(crate) fn from_recordings(data: &[&TensorData]) -> Option<Self> {
        let dtype = data.first()?.dtype();
        let rank = data.first()?.shape().to_vec().len();
        if data.iter().any(|one| one.shape().to_vec().len() != rank) {
            return None;
        }
        let size = |axis| Size(data.iter().map(|one| one.shape()[axis] as i64).collect());
        let progression = if dtype.is_float() {
            let values: Vec<Vec<f64>> = data.iter().map(|one| one.iter::<f64>().collect()).collect();
            real(&values, slack(dtype))?
        } else {
            let lines = data.iter().map(|one| whole(&integers(one)));
            let (start, step) = lines.collect::<Option<Vec<_>>>()?.into_iter().unzip();
            Progression::Whole { start, step }
        };
        Some(Self { dtype, dims: (0..rank).map(size).collect(), progression })
    }
}

fn integers(data: &TensorData) -> Vec<i64> {
    match data.dtype() {
        DType::Bool(_) => data.iter::<bool>().map(i64::from).collect(),
        DType::U64 => data.iter::<u64>().map(u64::cast_signed).collect(),
        _ => data.iter::<i64>().collect(),
    }
}

/// The first element and the step of an even progression of integers.
fn whole(values: &[i64]) -> Option<(i64, i64)> {
    let first = *values.first()?;
    let step = values.get(1).map_or(0, |second| second.wrapping_sub(first));
    let next = |one: &[i64]| one[1].wrapping_sub(one[0]) == step;
    values.windows(2).all(next).then_some((first, step))
}

/// The allowed deviation from an even progression, relative to its largest element: an element is rounded several times to
/// 32 or 64 bits, or once to 16.
fn slack(dtype: DType) -> f64 {
    match dtype {
        DType::F64 => 4.0 * f64::EPSILON,
        DType::F16 => 2_f64.powi(-10),
        DType::BF16 => 2_f64.powi(-7),
        _ => 4.0 * f64::from(f32::EPSILON),
    }
}

/// The progressions of floats in all recordings, with one step if that explains them all.
fn real(recordings: &[Vec<f64>], slack: f64) -> Option<Progression> {
    let start: Vec<f64> = recordings.iter().map(|values| values.first().copied()).collect::<Option<_>>()?;
    let longest = recordings.iter().max_by_key(|values| values.len())?;
    let common = steps(longest).into_iter().find(|step| recordings.iter().all(|values| is_even(values, *step, slack)));
    let own = |values: &Vec<f64>| steps(values).into_iter().find(|step| is_even(values, *step, slack));
    let step = match common {
        Some(step) => vec![step; recordings.len()],
        None => recordings.iter().map(own).collect::<Option<_>>()?,
    };
    Some(Progression::Real { start, step })
}

/// Two measures of a progression's step: between the first two elements, which is exact if they are, and the mean, which
/// rounding affects least.
fn steps(values: &[f64]) -> [f64; 2] {
    match values {
        [first, second, .., last] => [second - first, (last - first) / (values.len() - 1) as f64],
        [first, second] => [second - first; 2],
        _ => [0.0; 2],
    }
}

fn is_even(values: &[f64], step: f64, slack: f64) -> bool {
    let Some(first) = values.first() else { return true };
    let last = first + step * values.len().saturating_sub(1) as f64;
    let slack = slack * first.abs().max(last.abs());
    values.iter().enumerate().all(|(at, value)| (value - (first + at as f64 * step)).abs() <= slack)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use burn::tensor::Element;

    use super::*;

    fn progression<E: Element>(value: impl Fn(usize) -> E) -> Option<Progression> {
        let data = [2, 4, 7, 67].map(|size| TensorData::new((0..size).map(&value).collect::<Vec<E>>(), [size]));
        VaryingConstant::from_recordings(&data.each_ref()).map(|constant| constant.progression)
    }

    fn rounds_to_one_step(step: f64, value: impl Fn(usize) -> f32) {
        let Progression::Real { step: found, .. } = progression(value).unwrap() else { unreachable!() };
        assert!(found.iter().all(|one| *one == found[0] && (one - step).abs() < 1e-8), "{found:?}");
    }

    #[test]
    fn integers_are_exact() {
        let large = (1_i64 << 53) + 1;
        let repeated = Progression::Whole { start: vec![large; 4], step: vec![0; 4] };
        assert_eq!(progression(|_| large), Some(repeated));
        let down = Progression::Whole { start: vec![large; 4], step: vec![-3; 4] };
        assert_eq!(progression(|at| large - 3 * at as i64), Some(down));
        let unsigned = Progression::Whole { start: vec![-1; 4], step: vec![0; 4] };
        assert_eq!(progression(|_| u64::MAX), Some(unsigned));
        assert_eq!(progression(|at| large + (at as i64).pow(2)), None);
    }

    #[test]
    fn floats_are_even_within_the_rounding_of_their_type() {
        let large = Progression::Real { start: vec![16_777_217.0; 4], step: vec![1.0; 4] };
        assert_eq!(progression(|at| 16_777_217.0 + at as f64), Some(large));
        assert_eq!(progression(|at| 1.0 + 1e-8 * (at as f64).powi(2)), None);
        assert_eq!(progression(|at| 1.0 + 1e-3 * (at as f32).powi(2)), None);
    }

    #[test]
    fn the_step_of_rounded_floats_comes_from_the_longest_recording() {
        rounds_to_one_step(0.02, |at| at as f32 * 0.02 - 1.0);
        rounds_to_one_step(0.1, |at| at as f32 * 0.1);
    }
}
