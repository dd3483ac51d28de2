//! Reassembles dense layers. burn decomposes a dense layer into reshapes, a matrix product and an addition, in a way that
//! depends on the number of rows, so that two recordings of one layer may differ. All forms are `x · weight + bias`, which
//! is one of burn's operations.

use std::collections::{HashMap, HashSet};

use burn::backend::capture::TensorId;
use burn::backend::ir::{
    BaseOperationIr, BinaryOpIr, FloatOperationIr, LinearOpIr, MatmulOpIr, ModuleOperationIr, NumericOperationIr,
    OperationIr, ShapeOpIr, TensorIr,
};

/// Replaces the operations of every dense layer by one.
pub(super) fn rejoin(operations: Vec<OperationIr>, outputs: &HashSet<TensorId>) -> Vec<OperationIr> {
    let flow = Flow::new(&operations, outputs);
    let mut gone = HashSet::new();
    let mut dense = HashMap::new();
    for (index, operation) in operations.iter().enumerate() {
        let OperationIr::Float(_, FloatOperationIr::Matmul(product)) = operation else { continue };
        if let Some(layer) = Layer::around(index, product, &operations, &flow) {
            gone.extend(layer.parts.iter().copied());
            dense.insert(layer.last, layer.operation);
        }
    }
    let kept = operations.into_iter().enumerate().filter_map(|(index, operation)| match dense.remove(&index) {
        Some(layer) => Some(OperationIr::Module(ModuleOperationIr::Linear(layer))),
        None => (!gone.contains(&index)).then_some(operation),
    });
    kept.collect()
}

/// The operations that compute and read each tensor.
struct Flow {
    maker: HashMap<TensorId, usize>,
    readers: HashMap<TensorId, Vec<usize>>,
}

impl Flow {
    fn new(operations: &[OperationIr], outputs: &HashSet<TensorId>) -> Self {
        let mut flow = Self { maker: HashMap::new(), readers: HashMap::new() };
        for (index, operation) in operations.iter().enumerate() {
            flow.maker.extend(operation.outputs().map(|out| (out.id, index)));
            operation.inputs().for_each(|input| flow.readers.entry(input.id).or_default().push(index));
        }
        // A graph output is read from outside, so its operation must stay.
        outputs.iter().for_each(|id| flow.readers.entry(*id).or_default().push(usize::MAX));
        flow
    }

    /// The only operation that reads a tensor.
    fn only_reader(&self, tensor: &TensorIr) -> Option<usize> {
        match self.readers.get(&tensor.id)?.as_slice() {
            [one] if *one != usize::MAX => Some(*one),
            _ => None,
        }
    }
}

/// A dense layer found in a recording.
struct Layer {
    operation: LinearOpIr,
    /// Position of the operation that computes the result.
    last: usize,
    /// Positions of all operations of the layer.
    parts: Vec<usize>,
}

impl Layer {
    fn around(index: usize, product: &MatmulOpIr, operations: &[OperationIr], flow: &Flow) -> Option<Self> {
        let reshaped = |tensor: &TensorIr| {
            let at = *flow.maker.get(&tensor.id)?;
            flow.only_reader(tensor)?;
            Some((at, reshape(operations.get(at)?)?))
        };
        let mut parts = vec![index];
        let mut last = index;
        let (mut x, mut out) = (product.lhs.clone(), product.out.clone());
        let weight = match reshaped(&product.rhs) {
            Some((at, op)) if op.input.shape.num_dims() == 2 && is_widened(op) => {
                parts.push(at);
                op.input.clone()
            }
            _ if product.rhs.shape.num_dims() == 2 => product.rhs.clone(),
            _ => return None,
        };
        let bias = flow.only_reader(&out).and_then(|at| {
            let sum = addition(operations.get(at)?).filter(|sum| sum.lhs.id == out.id)?;
            let (shaping, op) = reshaped(&sum.rhs)?;
            let fits = is_widened(op) && is_bias(&op.input, &out, &sum.out);
            fits.then(|| (at, shaping, sum.out.clone(), op.input.clone()))
        });
        let bias = bias.map(|(at, shaping, sum, bias)| {
            parts.extend([at, shaping]);
            last = at;
            out = sum;
            bias
        });
        let folded = reshaped(&x).filter(|(_, op)| op.input.shape.iter().last() == x.shape.iter().last());
        let opened = flow.only_reader(&out).and_then(|at| Some((at, reshape(operations.get(at)?)?)));
        if let (Some((before, fold)), Some((after, open))) = (folded, opened)
            && is_same_but_last(&fold.input, &open.out)
            && x.shape.num_dims() == 2
        {
            parts.extend([before, after]);
            last = after;
            (x, out) = (fold.input.clone(), open.out.clone());
        }
        (parts.len() > 1).then_some(Self { operation: LinearOpIr { x, weight, bias, out }, last, parts })
    }
}

fn reshape(operation: &OperationIr) -> Option<&ShapeOpIr> {
    match operation {
        OperationIr::BaseFloat(BaseOperationIr::Reshape(op)) => Some(op),
        _ => None,
    }
}

fn addition(operation: &OperationIr) -> Option<&BinaryOpIr> {
    match operation {
        OperationIr::NumericFloat(_, NumericOperationIr::Add(op)) => Some(op),
        _ => None,
    }
}

/// Returns true for a reshape that only prepends axes of size 1.
fn is_widened(op: &ShapeOpIr) -> bool {
    let (from, to) = (op.input.shape.to_vec(), op.out.shape.to_vec());
    let added = to.len().saturating_sub(from.len());
    to.ends_with(&from) && to[..added].iter().all(|size| *size == 1)
}

/// Returns true for a vector that a dense layer can add to its product: it has one number, or one for each column. A sum
/// that is wider than the product is an outer sum.
fn is_bias(bias: &TensorIr, product: &TensorIr, sum: &TensorIr) -> bool {
    let (bias, product) = (bias.shape.to_vec(), product.shape.to_vec());
    let counts = bias.len() == 1 && (bias[0] == 1 || product.last() == bias.last());
    counts && sum.shape.to_vec() == product
}

/// Returns true for shapes that are equal except for the last axis.
fn is_same_but_last(a: &TensorIr, b: &TensorIr) -> bool {
    let (a, b) = (a.shape.to_vec(), b.shape.to_vec());
    a.len() == b.len() && !a.is_empty() && a[..a.len() - 1] == b[..b.len() - 1]
}
