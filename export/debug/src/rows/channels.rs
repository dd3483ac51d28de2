//! Channels whose scale a conversion to 8 bits has changed. Before it rounds, the exporter divides a factor out of each
//! channel of a layer's result and multiplies it into the weights of the next layer, which keeps the function. The values
//! in between then differ from the reference by that factor. It is found from the weights of both graphs: a factor counts
//! only if the next layer's weights undo it, so that a layer of wrong scale is not mistaken for one.

use std::borrow::Cow;
use std::collections::BTreeMap;

use burn_onnx_export::proto::NodeProto;
use kiln_runtime::Array;

use crate::graph::{Graph, numbers_of};

/// Operators that keep a positive factor of a channel.
const LINEAR: [&str; 6] = ["AveragePool", "Flatten", "GlobalAveragePool", "MaxPool", "Relu", "Reshape"];

/// A factor that rounding to 8 bits explains.
const ROUNDING: f64 = 0.02;

/// The factor of each channel by the first side's name of a value.
#[derive(Debug, Clone, Default)]
pub(crate) struct Channels {
    factors: BTreeMap<String, Vec<f64>>,
}

/// The weights of a layer, output channels first.
struct Weights {
    rows: usize,
    columns: usize,
    /// Elements of a row and a column: the kernel.
    inner: usize,
    values: Vec<f64>,
}

impl Channels {
    /// The factors by which the values of `b` differ from those of `a`. None unless `b` is a graph of 8-bit layers.
    pub(crate) fn new(a: &Graph, b: &Graph) -> Self {
        let mut channels = Self::default();
        if b.metadata("kiln.precision") != Some("int8") || a.metadata("kiln.precision") == Some("int8") {
            return channels;
        }
        for before in a.nodes() {
            let Some((ours, theirs)) = pair(a, b, before) else { continue };
            let given = before.input.first().and_then(|name| channels.factors.get(name)).cloned();
            let Some(factors) = row_factors(&ours, &theirs, given.as_deref()) else { continue };
            if factors.iter().all(|factor| (factor - 1.0).abs() <= ROUNDING) {
                continue;
            }
            let Some(output) = before.output.first() else { continue };
            let Some((between, next)) = next_layer(a, output) else { continue };
            let Some((next_ours, next_theirs)) = pair(a, b, next) else { continue };
            let plain = misfit(&next_ours, &next_theirs, None);
            let undone = misfit(&next_ours, &next_theirs, Some(&factors));
            if let (Some(plain), Some(undone)) = (plain, undone)
                && undone < 0.5 * plain
            {
                channels.factors.extend(between.into_iter().map(|value| (value, factors.clone())));
            }
        }
        channels
    }

    /// Returns true if the channels of a value have another scale.
    pub(crate) fn changed(&self, value: &str) -> bool {
        self.factors.contains_key(value)
    }

    /// The first side's value with the channel scales of the second side.
    pub(crate) fn applied<'v>(&self, value: &str, array: &'v Array) -> Cow<'v, Array> {
        let (Some(factors), Array::F32(floats)) = (self.factors.get(value), array) else { return Cow::Borrowed(array) };
        let Some(size) = floats.shape().get(1).copied().filter(|size| *size > 0 && size % factors.len() == 0) else {
            return Cow::Borrowed(array);
        };
        let places = size / factors.len();
        let inner: usize = floats.shape()[2..].iter().product::<usize>().max(1);
        let mut scaled = floats.as_standard_layout().into_owned();
        for (at, element) in scaled.iter_mut().enumerate() {
            *element = (f64::from(*element) * factors[at / inner % size / places]) as f32;
        }
        Cow::Owned(scaled.into())
    }
}

/// The weights of a layer in both graphs. A conversion keeps the name of a layer's result.
fn pair(a: &Graph, b: &Graph, before: &NodeProto) -> Option<(Weights, Weights)> {
    let after = &b.nodes()[b.maker(before.output.first()?)?];
    if after.op_type != before.op_type {
        return None;
    }
    Some((Weights::new(a, before)?, Weights::new(b, after)?))
}

impl Weights {
    fn new(graph: &Graph, node: &NodeProto) -> Option<Self> {
        let (dims, values) = weight(graph, node.input.get(1)?)?;
        match (node.op_type.as_str(), dims.as_slice()) {
            ("Conv", [rows, columns, kernel @ ..]) if node.int("group").unwrap_or(1) == 1 => {
                Some(Self { rows: *rows, columns: *columns, inner: kernel.iter().product(), values })
            }
            ("Gemm" | "MatMul", [columns, rows]) if node.int("transB").unwrap_or(0) == 0 => {
                let turned = (0..rows * columns).map(|at| values[at % columns * rows + at / columns]).collect();
                Some(Self { rows: *rows, columns: *columns, inner: 1, values: turned })
            }
            _ => None,
        }
    }

    fn row(&self, row: usize) -> &[f64] {
        let width = self.columns * self.inner;
        &self.values[row * width..(row + 1) * width]
    }

    /// A row whose columns are divided by the factors of the channels that they read.
    fn divided(&self, row: usize, factors: Option<&[f64]>) -> Option<Vec<f64>> {
        let Some(factors) = factors else { return Some(self.row(row).to_vec()) };
        if factors.is_empty() || !self.columns.is_multiple_of(factors.len()) {
            return None;
        }
        let places = self.columns / factors.len();
        Some(self.row(row).iter().enumerate().map(|(at, value)| value / factors[at / self.inner / places]).collect())
    }
}

/// The numbers of a weight; dequantised if it has 8 bits.
pub(crate) fn weight(graph: &Graph, name: &str) -> Option<(Vec<usize>, Vec<f64>)> {
    let dims = |tensor: &burn_onnx_export::proto::TensorProto| {
        tensor.dims.iter().map(|size| usize::try_from(*size).ok()).collect::<Option<Vec<_>>>()
    };
    if let Some(tensor) = graph.tensor(name) {
        return Some((dims(tensor)?, numbers_of(tensor)?));
    }
    let node = graph.nodes().get(graph.maker(name)?)?;
    if node.op_type != "DequantizeLinear" {
        return None;
    }
    let tensor = graph.tensor(node.input.first()?)?;
    let (dims, numbers) = (dims(tensor)?, numbers_of(tensor)?);
    let scales = numbers_of(graph.tensor(node.input.get(1)?)?)?;
    let zeros = node.input.get(2).and_then(|name| numbers_of(graph.tensor(name)?)).unwrap_or_default();
    let axis = node.int("axis").unwrap_or(1);
    let axis = usize::try_from(axis).ok().filter(|axis| *axis < dims.len())?;
    let inner: usize = dims[axis + 1..].iter().product();
    let channel = |at: usize| at / inner.max(1) % dims[axis].max(1);
    let pick = |list: &[f64], at: usize, other: f64| match list {
        [] => other,
        [one] => *one,
        _ => list.get(channel(at)).copied().unwrap_or(other),
    };
    let value = |(at, number): (usize, &f64)| (number - pick(&zeros, at, 0.0)) * pick(&scales, at, 1.0);
    Some((dims.clone(), numbers.iter().enumerate().map(value).collect()))
}

/// The factor of each output channel, given the factors of the input channels.
fn row_factors(ours: &Weights, theirs: &Weights, given: Option<&[f64]>) -> Option<Vec<f64>> {
    let norm = |row: &[f64]| row.iter().map(|value| value * value).sum::<f64>();
    if (ours.columns, ours.inner) != (theirs.columns, theirs.inner) {
        // A convolution over several pixels at once has the same filters in wider kernels.
        if !theirs.rows.is_multiple_of(ours.rows) {
            return None;
        }
        return (0..ours.rows).map(|row| finite((norm(theirs.row(row)) / norm(ours.row(row))).sqrt())).collect();
    }
    (0..ours.rows.min(theirs.rows))
        .map(|row| {
            let expected = ours.divided(row, given)?;
            let dot: f64 = expected.iter().zip(theirs.row(row)).map(|(a, b)| a * b).sum();
            finite(dot / norm(&expected))
        })
        .collect()
}

fn finite(factor: f64) -> Option<f64> {
    Some(if factor.is_finite() && factor > 0.0 { factor } else { 1.0 })
}

/// The relative misfit of a layer's weights and those of the reference, apart from a factor of each output channel.
fn misfit(ours: &Weights, theirs: &Weights, given: Option<&[f64]>) -> Option<f64> {
    if (ours.rows, ours.columns, ours.inner) != (theirs.rows, theirs.columns, theirs.inner) {
        return None;
    }
    let mut sum = 0.0;
    for row in 0..ours.rows {
        let expected = ours.divided(row, given)?;
        let found = theirs.row(row);
        let norm: f64 = expected.iter().map(|value| value * value).sum();
        let dot: f64 = expected.iter().zip(found).map(|(a, b)| a * b).sum();
        let factor = if norm > 0.0 { dot / norm } else { 0.0 };
        let size: f64 = found.iter().map(|value| value * value).sum();
        let rest: f64 = expected.iter().zip(found).map(|(a, b)| (b - factor * a).powi(2)).sum();
        sum += if size > 0.0 { rest / size } else { 0.0 };
    }
    Some(sum / ours.rows.max(1) as f64)
}

/// The next layer that reads a value through operators that keep factors, and the values on the way, this one included.
fn next_layer<'g>(graph: &'g Graph, value: &str) -> Option<(Vec<String>, &'g NodeProto)> {
    let mut between = vec![value.to_owned()];
    loop {
        let last = between.last()?.clone();
        let mut readers = graph.nodes().iter().filter(|node| node.input.contains(&last));
        let reader = readers.next().filter(|_| readers.next().is_none())?;
        if matches!(reader.op_type.as_str(), "Conv" | "Gemm" | "MatMul") {
            return Some((between, reader));
        }
        if !LINEAR.contains(&reader.op_type.as_str()) {
            return None;
        }
        between.push(reader.output.first()?.clone());
    }
}
