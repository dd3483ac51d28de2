//! Casts operands to types that ONNX Runtime has kernels for. The standard allows more types than its CPU provider
//! implements, and a model with one of the others does not load. An operation without a kernel of a wider type is refused:
//! there is nothing wider than 64 bits.

use crate::element::Element;
use crate::element::Element::{Bf16, Bool, F16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64};
use crate::graph::{Graph, Node, ValueId, to};

/// A node without a kernel, with or without casts.
pub(crate) struct Missing {
    /// Position in [`Graph::origins`].
    pub(crate) origin: usize,
    pub(crate) op: &'static str,
    pub(crate) element: Element,
}

/// Inserts the casts that nodes need. Returns the nodes that have no kernel even so.
pub(crate) fn insert_casts(graph: &mut Graph, opset: i64) -> Vec<Missing> {
    let mut missing = Vec::new();
    let nodes = std::mem::take(&mut graph.nodes);
    for mut node in nodes {
        let element = operand(&node).map(|input| graph.values[input].element);
        let kernels = kernels(&node, opset);
        let (Some(element), Some(kernels)) = (element, kernels) else {
            graph.nodes.push(node);
            continue;
        };
        if kernels.contains(&element) {
            graph.nodes.push(node);
            continue;
        }
        let Some(wider) = wider(element, &kernels) else {
            missing.push(Missing { origin: node.origin, op: node.op, element });
            graph.nodes.push(node);
            continue;
        };
        for input in node.inputs.iter_mut().flatten() {
            if graph.values[*input].element == element {
                *input = cast(graph, *input, wider, node.origin);
            }
        }
        let narrow: Vec<ValueId> =
            node.outputs.iter().copied().filter(|out| graph.values[*out].element == element).collect();
        for output in &mut node.outputs {
            if narrow.contains(output) {
                let wide = graph.value(wider, graph.values[*output].shape.clone());
                *output = wide;
            }
        }
        let wide: Vec<ValueId> = node.outputs.clone();
        let (origin, outputs) = (node.origin, wide.iter().copied().filter(|out| graph.values[*out].element == wider));
        let back: Vec<(ValueId, ValueId)> = outputs.zip(narrow).collect();
        graph.nodes.push(node);
        for (wide, narrow) in back {
            graph.nodes.push(casting(wide, narrow, element, origin));
        }
    }
    missing
}

fn cast(graph: &mut Graph, value: ValueId, to: Element, origin: usize) -> ValueId {
    let shape = graph.values[value].shape.clone();
    let wide = graph.value(to, shape);
    graph.nodes.push(casting(value, wide, to, origin));
    wide
}

fn casting(from: ValueId, into: ValueId, element: Element, origin: usize) -> Node {
    Node {
        op: "Cast",
        inputs: vec![Some(from)],
        outputs: vec![into],
        attributes: vec![to(element)],
        origin,
        foreign: None,
    }
}

/// The operand whose type selects the kernel.
fn operand(node: &Node) -> Option<ValueId> {
    node.input(usize::from(node.op == "Where"))
}

/// The narrowest type with a kernel that holds every number of this type.
fn wider(element: Element, kernels: &[Element]) -> Option<Element> {
    let candidates: &[Element] = match element {
        F16 | Bf16 => &[F32],
        Bool => &[U8, I32],
        I8 | I16 | U8 | U16 => &[I32, I64],
        I32 | U32 | U64 => &[I64],
        F32 => &[F64],
        F64 | I64 => &[],
    };
    candidates.iter().copied().find(|candidate| kernels.contains(candidate))
}

/// The types for which ONNX Runtime 1.31's CPU provider has a kernel of an operator; none if it has all of them. Half
/// precision is included if the provider inserts casts itself.
fn kernels(node: &Node, opset: i64) -> Option<Vec<Element>> {
    const INTEGERS: [Element; 8] = [I8, I16, I32, I64, U8, U16, U32, U64];
    let with = |floats: &[Element], others: &[Element]| Some([floats, others].concat());
    let floats = [F32, F64, F16];
    match node.op {
        "Where" => with(&floats, &[I8, I32, I64, U8, U32]),
        "Max" | "Min" | "Clip" => with(&floats, &[I8, I32, I64, U8, U32, U64]),
        "Abs" | "Add" | "Sub" | "Mul" | "Div" | "Less" | "Greater" | "LessOrEqual" | "GreaterOrEqual" | "Mod" => {
            with(&floats, &INTEGERS)
        }
        "Equal" => with(&floats, &[INTEGERS.as_slice(), &[Bool]].concat()),
        "Sign" => with(&[F32, F64, F16, Bf16], &INTEGERS),
        "Neg" => with(&floats, &[I8, I16, I32, I64]),
        "Pow" | "CumSum" | "ReduceSum" | "ReduceMean" | "ReduceProd" => with(&floats, &[I32, I64]),
        "CumProd" => with(&floats, &[I32, I64, U32, U64]),
        "ReduceMax" | "ReduceMin" | "ArgMax" | "ArgMin" => with(&floats, &[I8, I32, I64, U8]),
        "TopK" => with(&floats, &[I8, I16, I32, I64, U8]),
        "MatMul" => with(&floats, &[I32, I64, U32, U64]),
        "Pad" => with(&floats, &[Bool, I8, I32, I64, U8, U32, U64]),
        "BitShift" => with(&[], &[U8, U32, U64]),
        "Trilu" => with(&floats, &[Bool, I32, I64]),
        "Tile" | "Expand" => with(&floats, &[INTEGERS.as_slice(), &[Bool]].concat()),
        "Exp" | "Log" | "Sqrt" | "Sin" | "Cos" | "Tanh" | "Sigmoid" | "Floor" | "Ceil" | "Round" | "Reciprocal"
        | "Softmax" | "LogSoftmax" | "BatchNormalization" | "Relu" | "Gemm" | "DeformConv" | "IsNaN" => {
            with(&floats, &[])
        }
        "IsInf" if opset < 20 => with(&[F32, F64], &[]),
        "IsInf" => with(&floats, &[]),
        "MaxPool" => with(&floats, &[I8, U8]),
        "Resize" => with(&[F32, F16], &[I32, I8, U8]),
        "GridSample" if opset >= 20 => with(&[F32, F64], &[]),
        "GridSample" => with(&[F32], &[]),
        "Softplus" => with(&[F32], &[]),
        "Acos" | "Acosh" | "Asin" | "Asinh" | "Atan" | "Atanh" | "Cosh" | "Sinh" | "Tan" | "Erf" | "Gelu" | "Conv"
        | "ConvTranspose" | "AveragePool" | "GlobalAveragePool" | "HardSigmoid" | "LeakyRelu" | "PRelu" => {
            with(&[F32, F16], &[])
        }
        // Updates that are combined with the old elements.
        "ScatterElements" | "ScatterND" if node.attributes.iter().any(|(name, _)| *name == "reduction") => {
            with(&[F32, F64], &INTEGERS)
        }
        _ => None,
    }
}
