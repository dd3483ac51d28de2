//! A resize as products with constant matrices. The tile has one size, so the resize is a fixed linear map: every method,
//! with or without antialiasing, runs in every opset and on every provider, and gives the result of Pillow or PyTorch.
//! ONNX's own `Resize` has antialiasing only since opset 18, and several providers lack it.
//!
//! Pillow computes in whole numbers. Its weights have 22 bits of fraction, too many for sums in 32-bit floats, so each weight
//! is split into two digits of base 2^11: `weight = high * 2^11 + low`. Both sums are exact (at most 64 weights of 11 bits
//! times 8 bits), and with `sum = H * 2^11 + L` Pillow's `(sum + 2^21) >> 22` is
//! `floor((H + floor(L / 2^11) + 2^10) / 2^11)`.

use kiln_tile::SIDE;

use super::builder::Builder;
use crate::import::resample::{FRACTION, Resampling, Taps};

/// Bits of a digit.
const DIGIT: u32 = FRACTION / 2;

/// Resizes `[batch, 3, 256, 256]`, columns first, as Pillow does.
pub(super) fn resize(builder: &mut Builder<'_>, value: String, resampling: &Resampling) -> String {
    let columns = axis(builder, value, &resampling.columns, resampling.rounded, Side::Columns);
    axis(builder, columns, &resampling.rows, resampling.rounded, Side::Rows)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Rows,
    Columns,
}

fn axis(builder: &mut Builder<'_>, value: String, taps: &[Taps], rounded: bool, side: Side) -> String {
    let name = if side == Side::Rows { "resize/rows" } else { "resize/columns" };
    if taps.iter().all(|taps| taps.weights == [1.0]) {
        let indices: Vec<i64> = taps.iter().map(|taps| taps.first as i64).collect();
        if indices.len() == SIDE as usize {
            return value;
        }
        return builder.gather(name, &value, &indices, if side == Side::Rows { 2 } else { 3 });
    }
    if !rounded {
        let weights = matrix(taps, side, |taps| taps.weights.clone());
        return product(builder, name, &value, taps.len(), &weights, side);
    }
    let base = f64::from(1_u32 << DIGIT);
    // Digits of least magnitude: the low one is in -2^10..2^10.
    let high = |taps: &Taps| taps.whole().iter().map(|weight| (*weight as f64 / base).round()).collect::<Vec<_>>();
    let low =
        |taps: &Taps| taps.whole().iter().zip(high(taps)).map(|(weight, high)| *weight as f64 - high * base).collect();
    let lows = product(builder, &format!("{name}/low"), &value, taps.len(), &matrix(taps, side, low), side);
    let highs = product(builder, &format!("{name}/high"), &value, taps.len(), &matrix(taps, side, high), side);
    let carry = builder.with_number("Mul", &format!("{name}/carry"), &lows, (1.0 / base) as f32);
    let carry = builder.node("Floor", &format!("{name}/carry_floor"), &[&carry], Vec::new());
    let sum = builder.node("Add", &format!("{name}/sum"), &[&highs, &carry], Vec::new());
    let half = builder.with_number("Add", &format!("{name}/half"), &sum, (base / 2.0) as f32);
    let level = builder.with_number("Mul", &format!("{name}/level"), &half, (1.0 / base) as f32);
    let level = builder.node("Floor", &format!("{name}/level_floor"), &[&level], Vec::new());
    builder.clip(&format!("{name}/clip"), &level, 0.0, 255.0)
}

/// The weights as a dense matrix: `[target, 256]` for rows, which multiplies from the left, `[256, target]` for columns.
fn matrix(taps: &[Taps], side: Side, weights: impl Fn(&Taps) -> Vec<f64>) -> Vec<f32> {
    let (source, target) = (SIDE as usize, taps.len());
    let mut matrix = vec![0.0; source * target];
    for (to, one) in taps.iter().enumerate() {
        for (offset, weight) in weights(one).into_iter().enumerate() {
            let from = one.first + offset;
            matrix[if side == Side::Rows { to * source + from } else { from * target + to }] = weight as f32;
        }
    }
    matrix
}

fn product(builder: &mut Builder<'_>, name: &str, value: &str, target: usize, weights: &[f32], side: Side) -> String {
    let source = SIDE as usize;
    match side {
        Side::Rows => {
            let constant = builder.floats(&format!("{name}/weights"), &[target, source], weights);
            builder.node("MatMul", name, &[&constant, value], Vec::new())
        }
        Side::Columns => {
            let constant = builder.floats(&format!("{name}/weights"), &[source, target], weights);
            builder.node("MatMul", name, &[value, &constant], Vec::new())
        }
    }
}
