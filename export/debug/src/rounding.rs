//! The largest rounding error of an operation. The error of a node alone is judged against the bound of its operation: nothing for one
//! that moves or compares numbers, a few units in the last place for arithmetic, and for sums of products the usual bound
//! that grows with the root of their length (Higham, Accuracy and Stability of Numerical Algorithms, section 2.8), applied
//! to the sum of the magnitudes so that cancellation does not look like a fault.

/// Units in the last place of 32-bit floats at 1.
const EPSILON: f64 = f32::EPSILON as f64;

/// The same for 16-bit floats, whose significand has 11 bits.
const HALF: f64 = 9.765_625e-4;

/// Operators that only move, select or compare numbers: the same inputs give the same bits.
const EXACT: [&str; 50] = [
    "Abs",
    "And",
    "ArgMax",
    "ArgMin",
    "Cast",
    "Ceil",
    "Clip",
    "Compress",
    "Concat",
    "ConstantOfShape",
    "Constant",
    "DepthToSpace",
    "Equal",
    "Expand",
    "Flatten",
    "Floor",
    "Gather",
    "GatherElements",
    "GatherND",
    "Greater",
    "GreaterOrEqual",
    "Identity",
    "IsInf",
    "IsNaN",
    "Less",
    "LessOrEqual",
    "Max",
    "MaxPool",
    "Min",
    "Neg",
    "NonZero",
    "Not",
    "OneHot",
    "Or",
    "Pad",
    "Relu",
    "ReduceMax",
    "ReduceMin",
    "Reshape",
    "Round",
    "ScatterElements",
    "ScatterND",
    "Shape",
    "Sign",
    "Slice",
    "Split",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
    "Where",
];

/// Operators that add up products or elements.
pub(crate) const SUMS: [&str; 12] = [
    "AveragePool",
    "Conv",
    "ConvTranspose",
    "CumSum",
    "Einsum",
    "Gemm",
    "GlobalAveragePool",
    "MatMul",
    "ReduceL1",
    "ReduceMean",
    "ReduceSum",
    "Sum",
];

/// Operators that divide by a deviation or a sum of exponentials computed from their own input.
const NORMS: [&str; 12] = [
    "BatchNormalization",
    "GroupNormalization",
    "InstanceNormalization",
    "LayerNormalization",
    "LogSoftmax",
    "LpNormalization",
    "LRN",
    "MeanVarianceNormalization",
    "ReduceL2",
    "ReduceLogSumExp",
    "RMSNormalization",
    "Softmax",
];

/// The known properties of a piece when its bound is computed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Piece<'a> {
    /// Operators of the nodes that depend on an input.
    pub(crate) operators: Vec<&'a str>,
    /// Largest magnitude of the result.
    pub(crate) result: f64,
    /// Largest magnitude of the values that the piece reads.
    pub(crate) read: f64,
    /// Largest sum of magnitudes, for a single sum: the piece on the magnitudes of inputs and weights.
    pub(crate) sums: Option<f64>,
    /// Number of products or elements of one sum.
    pub(crate) length: f64,
    /// A value or a weight of the piece has 16 bits.
    pub(crate) half: bool,
    /// Steps of the quantised values that the piece writes: the scale of its `QuantizeLinear`.
    pub(crate) step: Option<f64>,
    /// The piece reads weights of 8 bits.
    pub(crate) quantised_weights: bool,
    /// The result consists of integers or booleans.
    pub(crate) whole: bool,
}

/// The largest difference that rounding explains.
pub(crate) fn allowed(piece: &Piece<'_>) -> f64 {
    if piece.whole {
        return 0.0;
    }
    let epsilon = if piece.half { HALF } else { EPSILON };
    let sums =
        piece.sums.unwrap_or(4.0 * if piece.quantised_weights { piece.result } else { piece.result.max(piece.read) });
    let mut bound: f64 = piece.operators.iter().map(|operator| one(operator, piece, sums, epsilon)).sum();
    if piece.half {
        // The result and the values that it was computed from have 16 bits.
        bound = bound.max(2.0 * HALF * piece.result.max(sums * 0.25));
    }
    if let Some(step) = piece.step {
        bound += 0.5 * step * 1.001;
    }
    if piece.quantised_weights {
        // A step of 8-bit weights is a 127th of the channel's largest; half of it, on average a third of the magnitude.
        bound += sums * 1.5 / 127.0;
    }
    bound
}

fn one(operator: &str, piece: &Piece<'_>, sums: f64, epsilon: f64) -> f64 {
    match operator {
        "QuantizeLinear" | "DequantizeLinear" | "DynamicQuantizeLinear" => EPSILON * piece.result,
        exact if EXACT.contains(&exact) => 0.0,
        "Add" | "Sub" => 2.0 * epsilon * piece.read.max(piece.result),
        "Mul" | "Div" | "Sqrt" | "Reciprocal" => 4.0 * epsilon * piece.result,
        // 16-bit weights are rounded once; the sums of most kernels have 32 bits.
        sum if SUMS.contains(&sum) && piece.half => (4.0 + piece.length.max(1.0).sqrt()) * epsilon * sums * 0.25,
        sum if SUMS.contains(&sum) => (16.0 + 4.0 * piece.length.max(1.0).sqrt()) * epsilon * sums,
        norm if NORMS.contains(&norm) => 256.0 * epsilon * piece.result.max(1.0),
        // Interpolation weights are computed in 32 bits from coordinates of hundreds of pixels.
        "Resize" | "GridSample" | "Upsample" => 1024.0 * epsilon * piece.read.max(piece.result),
        // Exponentials and the like: runtimes use polynomials of a few units in the last place, some of absolute accuracy.
        _ => 64.0 * epsilon * piece.result.max(1e-2 * piece.read.min(100.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_numbers_rounds_nothing_and_sums_grow_with_their_length() {
        let piece = |operator: &'static str, length| Piece {
            operators: vec![operator],
            result: 1.0,
            read: 1.0,
            sums: Some(10.0),
            length,
            ..Piece::default()
        };
        assert_eq!(allowed(&piece("Transpose", 0.0)), 0.0);
        assert!(allowed(&piece("Conv", 900.0)) < 2e-4 && allowed(&piece("Conv", 900.0)) > allowed(&piece("Conv", 9.0)));
        assert!(allowed(&Piece { half: true, ..piece("Conv", 9.0) }) > 1e-3);
        assert_eq!(allowed(&Piece { whole: true, ..piece("Conv", 9.0) }), 0.0);
    }
}
