//! Explains the weights of one graph by those of another: dropped, scaled, negated, shifted, transposed, permuted, a few
//! elements changed. Each hypothesis must explain every element.

use burn_onnx_export::proto::{DataType, TensorProto};

use crate::figures::index;
use crate::graph::numbers_of;

/// Elements that count as few.
const FEW: usize = 4;

/// The difference of two constants in words; none if they are equal.
pub(super) fn difference(reference: &TensorProto, tensor: &TensorProto) -> Option<String> {
    let nameless = |tensor: &TensorProto| TensorProto { name: String::new(), ..tensor.clone() };
    if nameless(reference) == nameless(tensor) {
        return None;
    }
    let (Some(a), Some(b)) = (numbers_of(reference), numbers_of(tensor)) else {
        return Some("their data differs".to_owned());
    };
    let is_half = |tensor: &TensorProto| DataType::from_code(tensor.data_type).is_some_and(DataType::is_half);
    let halved = is_half(reference) != is_half(tensor);
    let near =
        |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan()) || (halved && (a - b).abs() <= 1e-3 * a.abs() + 1e-7);
    let dims: Vec<usize> = reference.dims.iter().map(|size| *size as usize).collect();
    if reference.dims != tensor.dims {
        let transposed = reference.dims.iter().rev().eq(&tensor.dims) && transposes(&a, &b, &dims, &near);
        let what = if transposed { "they are transposed" } else { "their shape" };
        return Some(format!("{what}: {:?}, where the reference has {:?}", tensor.dims, reference.dims));
    }
    let changed: Vec<usize> = (0..a.len()).filter(|at| !near(a[*at], b[*at])).collect();
    if changed.is_empty() {
        return None;
    }
    let broken = b.iter().zip(&a).filter(|(b, a)| !b.is_finite() && a.is_finite()).count();
    if broken > 0 {
        let first = b.iter().position(|value| !value.is_finite()).unwrap_or_default();
        return Some(format!("{broken} of {} are NaN or infinite, the first at {:?}", b.len(), index(first, &dims)));
    }
    let moved = || (0..dims.len()).find_map(|axis| permuted(&a, &b, &dims, axis, &near));
    if let Some(moved) = (changed.len() > 1).then(moved).flatten() {
        return Some(moved);
    }
    if changed.len() <= FEW && changed.len() < a.len() {
        let one = |at: &usize| format!("{} at {:?}, where the reference has {}", b[*at], index(*at, &dims), a[*at]);
        return Some(changed.iter().map(one).collect::<Vec<_>>().join(", "));
    }
    if b.iter().all(|value| *value == 0.0) {
        return Some("all are zero".to_owned());
    }
    if let [one] = changed.as_slice()
        && a.len() == 1
    {
        return Some(format!("{}, where the reference has {}", b[*one], a[*one]));
    }
    whole(&a, &b, &dims, &near)
        .or_else(|| per_channel(&a, &b, &dims))
        .or_else(|| Some(format!("{} of {} elements, by up to {:.3e}", changed.len(), a.len(), largest(&a, &b))))
}

/// A change of all elements at once.
fn whole(a: &[f64], b: &[f64], dims: &[usize], near: &dyn Fn(f64, f64) -> bool) -> Option<String> {
    if let Some(factor) = factor(a, b) {
        return Some(if (factor + 1.0).abs() < 1e-6 {
            "their signs are flipped".to_owned()
        } else {
            format!("scaled by {}", short(factor))
        });
    }
    let shift = b[0] - a[0];
    let slack = 1e-5 * a.iter().chain(b).fold(0.0_f64, |most, value| most.max(value.abs()));
    if a.iter().zip(b).all(|(a, b)| (b - a - shift).abs() <= slack) && shift.abs() > 10.0 * slack {
        return Some(format!("shifted by {}", short(shift)));
    }
    if let [rows, columns] = dims
        && rows == columns
        && transposes(a, b, dims, near)
    {
        return Some("they are transposed".to_owned());
    }
    // Kernels whose last two axes are swapped.
    if let [.., rows, columns] = dims
        && dims.len() > 2
        && rows == columns
        && swapped_last(a, b, *rows, near)
    {
        return Some("their last two axes are swapped".to_owned());
    }
    None
}

/// The factor of all elements.
fn factor(a: &[f64], b: &[f64]) -> Option<f64> {
    let dot: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
    let norm: f64 = a.iter().map(|a| a * a).sum();
    let factor = dot / norm;
    let largest = a.iter().fold(0.0_f64, |most, a| most.max(a.abs()));
    let exact = a.iter().zip(b).all(|(a, b)| (b - factor * a).abs() <= 1e-5 * largest * factor.abs().max(1.0));
    (norm > 0.0 && factor.is_finite() && factor != 0.0 && exact).then_some(factor)
}

fn transposes(a: &[f64], b: &[f64], dims: &[usize], near: &dyn Fn(f64, f64) -> bool) -> bool {
    let [rows, columns] = dims else { return false };
    (0..rows * columns).all(|at| near(a[at], b[at % columns * rows + at / columns]))
}

fn swapped_last(a: &[f64], b: &[f64], side: usize, near: &dyn Fn(f64, f64) -> bool) -> bool {
    let square = side * side;
    (0..a.len()).all(|at| {
        let (base, inner) = (at / square * square, at % square);
        near(a[at], b[base + inner % side * side + inner / side])
    })
}

/// A permutation along an axis.
fn permuted(a: &[f64], b: &[f64], dims: &[usize], axis: usize, near: &dyn Fn(f64, f64) -> bool) -> Option<String> {
    let size = dims[axis];
    if !(2..=4096).contains(&size) {
        return None;
    }
    let inner: usize = dims[axis + 1..].iter().product();
    let outer: usize = dims[..axis].iter().product();
    let at = |o: usize, one: usize, i: usize| (o * size + one) * inner + i;
    let same = |x: usize, y: usize| (0..outer).all(|o| (0..inner).all(|i| near(a[at(o, x, i)], b[at(o, y, i)])));
    // Slices that are equal could be matched in several ways; those in place come first.
    let order: Vec<usize> =
        (0..size).map(|y| if same(y, y) { Some(y) } else { (0..size).find(|x| same(*x, y)) }).collect::<Option<_>>()?;
    let moved: Vec<usize> = (0..size).filter(|y| order[*y] != *y).collect();
    let reversed = (0..size).all(|y| order[y] == size - 1 - y);
    Some(match moved.as_slice() {
        [] => return None,
        [x, y] => format!("{x} and {y} are swapped along axis {axis}"),
        _ if reversed => format!("they are reversed along axis {axis}"),
        _ if moved.len() <= 8 => format!("they are permuted along axis {axis}: {order:?}"),
        moved => format!("{} of {size} are in other places along axis {axis}", moved.len()),
    })
}

/// Some channels along the first or the last axis changed, and the others not.
fn per_channel(a: &[f64], b: &[f64], dims: &[usize]) -> Option<String> {
    for axis in [0, dims.len().saturating_sub(1)] {
        let size = *dims.get(axis)?;
        let inner: usize = dims[axis + 1..].iter().product();
        let of = |at: usize| at / inner.max(1) % size.max(1);
        let mut channels: Vec<usize> = (0..a.len()).filter(|at| a[*at] != b[*at]).map(of).collect();
        channels.sort_unstable();
        channels.dedup();
        if !channels.is_empty() && channels.len() <= FEW && channels.len() * 2 <= size {
            return Some(format!("those of {channels:?} along axis {axis}, by up to {:.3e}", largest(a, b)));
        }
    }
    None
}

fn largest(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// A number with six digits.
fn short(value: f64) -> String {
    let digits = (5.0 - value.abs().max(1e-12).log10().floor()).clamp(0.0, 12.0) as usize;
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn tensor(dims: &[i64], values: &[f32]) -> TensorProto {
        let like = TensorProto { dims: dims.to_vec(), name: "w".to_owned(), ..Default::default() };
        crate::graph::floats(&like, values.iter().copied())
    }

    fn found(dims: &[i64], a: &[f32], b: &[f32]) -> Option<String> {
        difference(&tensor(dims, a), &tensor(dims, b))
    }

    #[test]
    fn each_change_is_named() {
        let w = [1.0, 2.0, 3.0, 4.0, 5.0, 7.0];
        assert_eq!(found(&[2, 3], &w, &w), None);
        assert_eq!(found(&[6], &w, &w.map(|x| -x)).unwrap(), "their signs are flipped");
        assert_eq!(found(&[6], &w, &w.map(|x| x * 1.5)).unwrap(), "scaled by 1.5");
        assert_eq!(found(&[6], &w, &w.map(|x| x + 1.0)).unwrap(), "shifted by 1");
        assert_eq!(found(&[6], &w, &[0.0; 6]).unwrap(), "all are zero");
        assert_eq!(
            found(&[2, 3], &w, &[1.0, 2.0, 3.0, 4.0, 9.0, 7.0]).unwrap(),
            "9 at [1, 1], where the reference has 5"
        );
        assert_eq!(found(&[2, 3], &w, &[4.0, 5.0, 7.0, 1.0, 2.0, 3.0]).unwrap(), "0 and 1 are swapped along axis 0");
        assert_eq!(found(&[6], &w, &[7.0, 5.0, 4.0, 3.0, 2.0, 1.0]).unwrap(), "they are reversed along axis 0");
        let nan = [1.0, f32::NAN, 3.0, 4.0, 5.0, 7.0];
        assert_eq!(found(&[6], &w, &nan).unwrap(), "1 of 6 are NaN or infinite, the first at [1]");
        let square = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.5];
        let turned = [1.0, 4.0, 7.0, 2.0, 5.0, 8.0, 3.0, 6.0, 9.5];
        assert_eq!(found(&[3, 3], &square, &turned).unwrap(), "they are transposed");
        assert_eq!(found(&[1, 3, 3], &square, &turned).unwrap(), "their last two axes are swapped");
        let other = difference(&tensor(&[2, 3], &w), &tensor(&[3, 2], &[1.0, 4.0, 2.0, 5.0, 3.0, 7.0])).unwrap();
        assert_eq!(other, "they are transposed: [3, 2], where the reference has [2, 3]");
        assert_eq!(found(&[1], &[0.5], &[0.25]).unwrap(), "0.25, where the reference has 0.5");
    }
}
