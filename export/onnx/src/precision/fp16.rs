//! 16-bit floats: half the size, and at least twice the speed on GPUs. Inputs and outputs keep their types. Operations
//! whose results exceed 16 bits, or in which small errors grow, stay in 32 bits: exponentials, powers, squares, sums over many
//! elements, normalisations, softmax. So do the elementwise operations on their results, up to the next layer, and those
//! between pixels and the first layer: pixels are numbers up to 255, and their colours may be normalised there.

use std::collections::HashMap;

use burn::tensor::f16;

use super::editor::Editor;
use crate::OnnxModel;
use crate::element::Element;
use crate::graph::{Constant, Node, ValueId, to};

/// Operators that are computed in 16 bits: products, and operators that only move or compare values.
pub(crate) const HALF: [&str; 22] = [
    "Add",
    "AveragePool",
    "Clip",
    "Concat",
    "Conv",
    "ConvTranspose",
    "Expand",
    "Gemm",
    "HardSigmoid",
    "HardSwish",
    "LeakyRelu",
    "MatMul",
    "MaxPool",
    "Mul",
    "PRelu",
    "Relu",
    "Reshape",
    "Resize",
    "Sigmoid",
    "Slice",
    "Tanh",
    "Transpose",
];

/// Operators at which a part in 16 bits begins. The others are computed in 16 bits only if all their operands were.
const LAYERS: [&str; 4] = ["Conv", "ConvTranspose", "Gemm", "MatMul"];

/// Returns true if an operand has the node's precision. The scales of a `Resize` always have 32 bits.
fn follows_precision(op: &str, position: usize) -> bool {
    op != "Resize" || position == 0
}

pub(super) fn convert(model: &OnnxModel, kept: &dyn Fn(&str) -> bool) -> OnnxModel {
    let mut editor = Editor::new(model);
    editor.note("kiln.precision", "fp16");
    let mut conversion = Conversion { halves: HashMap::new(), computed: HashMap::new(), nodes: Vec::new() };
    for node in editor.nodes().to_vec() {
        let narrow = |id: &ValueId| editor.element(*id) == Element::F32 && !kept(editor.graph().name(*id));
        let fits = HALF.contains(&node.op) && !is_square(&node) && node.outputs.iter().all(narrow);
        if fits && (LAYERS.contains(&node.op) || conversion.has_half_operands(&editor, &node)) {
            conversion.in_half(&mut editor, node);
        } else {
            conversion.in_full(&mut editor, node);
        }
    }
    editor.set_nodes(conversion.nodes);
    editor.finish()
}

/// A value times itself, which exceeds 16 bits from 256 on.
fn is_square(node: &Node) -> bool {
    node.op == "Mul" && node.inputs.first() == node.inputs.get(1)
}

struct Conversion {
    /// The 16-bit copy of each 32-bit value that has one.
    halves: HashMap<ValueId, ValueId>,
    /// Values that are computed in 16 bits, and their 32-bit copy once a node has needed it.
    computed: HashMap<ValueId, Option<ValueId>>,
    /// The new nodes.
    nodes: Vec<Node>,
}

impl Conversion {
    /// Returns true if the operands were computed in 16 bits, other than constants and those that are no floats.
    fn has_half_operands(&self, editor: &Editor, node: &Node) -> bool {
        let operands = || node.inputs.iter().flatten();
        let is_half = |id: &ValueId| self.computed.contains_key(id);
        let has_no_width = |id: &ValueId| editor.constant(*id).is_some() || editor.element(*id) != Element::F32;
        operands().any(is_half) && operands().all(|id| is_half(id) || has_no_width(id))
    }

    /// Keeps a node in 32 bits.
    fn in_full(&mut self, editor: &mut Editor, mut node: Node) {
        for id in node.inputs.iter_mut().flatten() {
            *id = self.full(editor, *id);
        }
        self.nodes.push(node);
    }

    /// Computes a node in 16 bits.
    fn in_half(&mut self, editor: &mut Editor, mut node: Node) {
        for (position, input) in node.inputs.iter_mut().enumerate() {
            let Some(id) = input else { continue };
            *id = if follows_precision(node.op, position) { self.half(editor, *id) } else { self.full(editor, *id) };
        }
        let mut casts = Vec::new();
        for output in &mut node.outputs {
            let narrow = editor.value(*output, "fp16", Element::F16);
            if editor.is_output(*output) {
                casts.push(editor.node("Cast", &[narrow], *output, vec![to(Element::F32)]));
            } else {
                self.computed.insert(*output, None);
            }
            self.halves.insert(*output, narrow);
            *output = narrow;
        }
        self.nodes.push(node);
        self.nodes.append(&mut casts);
    }

    /// A value in 16 bits, if it is a 32-bit float.
    fn half(&mut self, editor: &mut Editor, id: ValueId) -> ValueId {
        if let Some(known) = self.halves.get(&id) {
            return *known;
        }
        if editor.element(id) != Element::F32 {
            return id;
        }
        let narrow = match editor.constant(id).map(halved) {
            Some(constant) => editor.add_variant(id, constant),
            None => {
                let narrow = editor.value(id, "fp16", Element::F16);
                self.nodes.push(editor.node("Cast", &[id], narrow, vec![to(Element::F16)]));
                narrow
            }
        };
        self.halves.insert(id, narrow);
        narrow
    }

    /// A value in 32 bits; a copy if it was computed in 16.
    fn full(&mut self, editor: &mut Editor, id: ValueId) -> ValueId {
        let (Some(copy), Some(narrow)) = (self.computed.get(&id), self.halves.get(&id)) else { return id };
        if let Some(known) = copy {
            return *known;
        }
        let wide = editor.value(id, "fp32", Element::F32);
        self.nodes.push(editor.node("Cast", &[*narrow], wide, vec![to(Element::F32)]));
        self.computed.insert(id, Some(wide));
        wide
    }
}

/// A constant in 16 bits. Numbers beyond their range become the largest finite one, not infinity.
fn halved(constant: &Constant) -> Constant {
    let values = constant.floats().unwrap_or_default();
    let narrow = |value: f32| f16::from_f32(value.clamp(-65_504.0, 65_504.0));
    let data: Vec<u8> = values.into_iter().flat_map(|value| narrow(value).to_le_bytes()).collect();
    Constant { element: Element::F16, dims: constant.dims.clone(), data: data.into() }
}
