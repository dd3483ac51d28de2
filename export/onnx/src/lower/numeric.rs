//! Arithmetic that integers and floats share.

use burn::backend::ir::{ClampOpIr, NumericOperationIr, OperationIr, PadModeIr, PadOpIr, ScalarIr, TensorIr};

use super::blocks::arithmetic::{binary, binary_scalar, compare, compare_scalar, unary};
use super::blocks::recorded::number_of;
use super::context::{Context, Lowered, Refusal};
use super::create;
use super::divide;
use super::power;
use super::reduce;
use super::scan;
use super::sort;
use crate::element::Element;
use crate::graph::{ValueId, text};

pub(super) fn lower(cx: &mut Context<'_>, op: &NumericOperationIr) -> Lowered {
    use NumericOperationIr as Op;
    match op {
        Op::Add(op) => binary(cx, "Add", op),
        Op::AddScalar(op) => binary_scalar(cx, "Add", op),
        Op::Sub(op) => binary(cx, "Sub", op),
        Op::SubScalar(op) => binary_scalar(cx, "Sub", op),
        Op::Mul(op) => binary(cx, "Mul", op),
        Op::MulScalar(op) => binary_scalar(cx, "Mul", op),
        Op::Div(op) => divide::quotient(cx, op),
        Op::DivScalar(op) => divide::quotient_scalar(cx, op),
        Op::Rem(op) => divide::remainder(cx, op),
        Op::RemScalar(op) => divide::remainder_scalar(cx, op),
        Op::Abs(op) => unary(cx, "Abs", op),
        Op::Neg(op) => unary(cx, "Neg", op),
        Op::Sign(op) => unary(cx, "Sign", op),
        Op::Full(op) => create::full(cx, op),
        Op::Mean(op) => reduce::mean_all(cx, op),
        Op::MeanDim(op) => reduce::mean_dim(cx, op),
        Op::Sum(op) => reduce::all(cx, "ReduceSum", op),
        Op::SumDim(op) => reduce::dim(cx, "ReduceSum", op),
        Op::SumDims(op) => reduce::dims(cx, "ReduceSum", op),
        Op::Prod(op) => reduce::product_all(cx, op),
        Op::ProdDim(op) => reduce::product_dim(cx, op),
        Op::Max(op) => reduce::all(cx, "ReduceMax", op),
        Op::MaxDim(op) => reduce::dim(cx, "ReduceMax", op),
        Op::Min(op) => reduce::all(cx, "ReduceMin", op),
        Op::MinDim(op) => reduce::dim(cx, "ReduceMin", op),
        Op::MaxAbs(op) => reduce::max_abs(cx, op),
        Op::MaxAbsDim(op) => reduce::max_abs_dim(cx, op),
        Op::ArgMax(op) => reduce::arg(cx, "ArgMax", op),
        Op::ArgMin(op) => reduce::arg(cx, "ArgMin", op),
        Op::MaxDimWithIndices(op) => reduce::with_indices(cx, ["ReduceMax", "ArgMax"], op),
        Op::MinDimWithIndices(op) => reduce::with_indices(cx, ["ReduceMin", "ArgMin"], op),
        Op::Greater(op) => compare(cx, "Greater", op),
        Op::GreaterElem(op) => compare_scalar(cx, "Greater", op),
        Op::GreaterEqual(op) => compare(cx, "GreaterOrEqual", op),
        Op::GreaterEqualElem(op) => compare_scalar(cx, "GreaterOrEqual", op),
        Op::Lower(op) => compare(cx, "Less", op),
        Op::LowerElem(op) => compare_scalar(cx, "Less", op),
        Op::LowerEqual(op) => compare(cx, "LessOrEqual", op),
        Op::LowerEqualElem(op) => compare_scalar(cx, "LessOrEqual", op),
        Op::Clamp(op) => clamp(cx, op),
        Op::ClampMin(op) => clip(cx, &op.lhs, [Some((op.rhs, lower_bound)), None], &op.out),
        Op::ClampMax(op) => clip(cx, &op.lhs, [None, Some((op.rhs, upper_bound))], &op.out),
        Op::Powi(op) => power::tensor(cx, op),
        Op::PowiScalar(op) => power::scalar(cx, op),
        Op::CumSum(op) => scan::sum(cx, op),
        Op::CumProd(op) => scan::doubling(cx, op, "Mul"),
        Op::CumMin(op) => scan::doubling(cx, op, "Min"),
        Op::CumMax(op) => scan::doubling(cx, op, "Max"),
        Op::TopK(op) => sort::top_k(cx, op),
        Op::ArgTopK(op) => sort::arg_top_k(cx, op),
        Op::TopKWithIndices(op) => sort::top_k_with_indices(cx, op),
        Op::Sort(op) => sort::sort(cx, op),
        Op::ArgSort(op) => sort::arg_sort(cx, op),
        Op::SortWithIndices(op) => sort::sort_with_indices(cx, op),
        Op::Pad(op) => pad(cx, op),
        Op::IntRandom(op) => create::random(cx, op),
    }
}

fn clamp(cx: &mut Context<'_>, op: &ClampOpIr) -> Lowered {
    clip(cx, &op.tensor, [Some((op.min, lower_bound)), Some((op.max, upper_bound))], &op.out)
}

fn lower_bound(operation: &OperationIr) -> Option<f64> {
    use NumericOperationIr as Op;
    match operation {
        OperationIr::NumericFloat(_, Op::Clamp(op)) | OperationIr::NumericInt(_, Op::Clamp(op)) => Some(op.min.elem()),
        OperationIr::NumericFloat(_, Op::ClampMin(op)) | OperationIr::NumericInt(_, Op::ClampMin(op)) => {
            Some(op.rhs.elem())
        }
        _ => None,
    }
}

fn upper_bound(operation: &OperationIr) -> Option<f64> {
    use NumericOperationIr as Op;
    match operation {
        OperationIr::NumericFloat(_, Op::Clamp(op)) | OperationIr::NumericInt(_, Op::Clamp(op)) => Some(op.max.elem()),
        OperationIr::NumericFloat(_, Op::ClampMax(op)) | OperationIr::NumericInt(_, Op::ClampMax(op)) => {
            Some(op.rhs.elem())
        }
        _ => None,
    }
}

/// A bound, and the function that reads it from a recording.
type Bound = (ScalarIr, fn(&OperationIr) -> Option<f64>);

fn clip(cx: &mut Context<'_>, tensor: &TensorIr, bounds: [Option<Bound>; 2], out: &TensorIr) -> Lowered {
    let input = cx.value(tensor)?;
    let element = cx.arithmetic(cx.element_of(input));
    let input = cx.cast(input, element);
    let own = cx.element(tensor)?;
    let mut inputs = vec![Some(input)];
    for bound in bounds {
        let bound = bound.map(|(bound, read)| scalar_bound(cx, bounded(bound, own), element, read)).transpose()?;
        inputs.push(bound);
    }
    if inputs.last() == Some(&None) {
        inputs.pop();
    }
    let clipped = cx.several("Clip", inputs, Vec::new(), &[element])[0];
    cx.bind(out, clipped)
}

/// A bound as a scalar, which `Clip` requires.
fn scalar_bound(
    cx: &mut Context<'_>,
    base: ScalarIr,
    element: Element,
    read: fn(&OperationIr) -> Option<f64>,
) -> Result<ValueId, Refusal> {
    let bound = number_of(cx, base, element, read)?;
    Ok(if cx.is_constant(bound) { bound } else { cx.squeezed(bound) })
}

/// A bound clamped to the range of a type.
fn bounded(value: ScalarIr, element: Element) -> ScalarIr {
    let Some((low, high)) = element.bounds() else { return value };
    let number = match value {
        ScalarIr::Float(value) => value as i128,
        ScalarIr::Int(value) => i128::from(value),
        ScalarIr::UInt(value) => i128::from(value),
        ScalarIr::Bool(value) => i128::from(value),
    };
    let number = number.clamp(low, high);
    i64::try_from(number).map_or(ScalarIr::UInt(number as u64), ScalarIr::Int)
}

fn pad(cx: &mut Context<'_>, op: &PadOpIr) -> Lowered {
    let input = cx.value(&op.input)?;
    let element = cx.arithmetic(cx.element_of(input));
    let input = cx.cast(input, element);
    let (before, after): (Vec<i64>, Vec<i64>) = op.padding.iter().map(|(a, b)| (*a as i64, *b as i64)).unzip();
    let pads = cx.vector(&[before, after].concat());
    let mut inputs = vec![input, pads];
    let mode = match op.mode {
        PadModeIr::Constant(value) => {
            inputs.push(cx.scalar(value, element));
            "constant"
        }
        PadModeIr::Reflect => "reflect",
        PadModeIr::Edge => "edge",
    };
    let padded = cx.node("Pad", &inputs, vec![text("mode", mode)]);
    cx.bind(&op.out, padded)
}
