//! 16-bit floats: half the size, and on GPUs twice the speed and more. Inputs and outputs keep their types. Operations
//! whose results 16 bits cannot hold, or in which small errors grow, stay in 32 bits: exponentials, powers, sums over many
//! elements, normalisations, softmax, and whatever computes with pixels of 8 bits before the first layer: these are numbers up
//! to 255, and their colours may be normalised there.

use std::collections::{HashMap, HashSet};

use burn::tensor::f16;

use super::editor::{Editor, cast};
use crate::OnnxModel;
use crate::error::Result;
use crate::graph::Constant;
use crate::onnx::Element;
use crate::onnx::proto::NodeProto;

/// What is computed in 16 bits: products, and what only moves or compares values.
const HALF: [&str; 22] = [
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

/// Operands that are no numbers to compute with.
fn is_number(op: &str, position: usize) -> bool {
    match op {
        "Reshape" | "Expand" | "Slice" | "Resize" => position == 0,
        _ => true,
    }
}

pub(super) fn convert(model: &OnnxModel) -> Result<OnnxModel> {
    let mut editor = Editor::of(model);
    editor.note("kiln.precision", "fp16");
    let floats = float_values(&editor);
    let outputs = editor.outputs();
    let pixels = pixel_values(&editor);
    let mut conversion = Conversion { halves: HashMap::new(), wholes: HashMap::new(), nodes: Vec::new() };
    for node in editor.nodes().to_vec() {
        let narrow = |name: &String| floats.contains_key(name) && !pixels.contains(name);
        let half = HALF.contains(&node.op_type.as_str()) && node.output.iter().all(narrow);
        conversion.node(&mut editor, node, half, &floats, &outputs);
    }
    editor.set_nodes(conversion.nodes);
    Ok(editor.finish())
}

/// Values of 32-bit floats that do not come straight from scaled pixels: these are numbers up to 255 and their kin.
fn float_values(editor: &Editor) -> HashMap<String, ()> {
    let inputs = editor.inputs();
    let mut floats: HashMap<String, ()> = HashMap::new();
    let float = Element::F32.code();
    floats.extend(inputs.iter().filter(|(_, kind)| **kind == float).map(|(name, _)| (name.clone(), ())));
    for node in editor.nodes() {
        let reads_float = |(position, name): (usize, &String)| {
            is_number(&node.op_type, position)
                && (floats.contains_key(name) || editor.constant(name).is_some_and(|one| one.element == Element::F32))
        };
        let gives_float = match node.op_type.as_str() {
            "Cast" => super::editor::int_of(node, "to") == Some(i64::from(float)),
            "Shape" | "Size" | "Equal" | "Less" | "Greater" | "LessOrEqual" | "GreaterOrEqual" | "IsNaN" | "IsInf"
            | "ArgMax" | "ArgMin" | "Not" | "And" | "Or" | "Xor" => false,
            _ => node.input.iter().enumerate().any(reads_float),
        };
        if gives_float {
            // TopK and MaxPool give indices beside their values.
            floats.extend(node.output.first().map(|name| (name.clone(), ())));
        }
    }
    floats
}

/// Values that are made of 8-bit inputs alone, with no layer in between.
fn pixel_values(editor: &Editor) -> HashSet<String> {
    let bytes = i32::from(Element::U8.code() as u8);
    let inputs = editor.inputs();
    let mut pixels: HashSet<String> =
        inputs.iter().filter(|(_, kind)| **kind == bytes).map(|(name, _)| name.clone()).collect();
    for node in editor.nodes().iter().filter(|node| !LAYERS.contains(&node.op_type.as_str())) {
        let mut computed =
            node.input.iter().filter(|name| !name.is_empty() && editor.constant(name).is_none()).peekable();
        if computed.peek().is_some() && computed.all(|name| pixels.contains(name)) {
            pixels.extend(node.output.iter().cloned());
        }
    }
    pixels
}

/// What pixels end in.
const LAYERS: [&str; 4] = ["Conv", "ConvTranspose", "Gemm", "MatMul"];

struct Conversion {
    /// The 16-bit copy of each 32-bit value, and the other way round.
    halves: HashMap<String, String>,
    wholes: HashMap<String, String>,
    nodes: Vec<NodeProto>,
}

impl Conversion {
    fn node(
        &mut self,
        editor: &mut Editor,
        mut node: NodeProto,
        half: bool,
        floats: &HashMap<String, ()>,
        outputs: &std::collections::HashSet<String>,
    ) {
        let op = node.op_type.clone();
        for (position, name) in node.input.iter_mut().enumerate().filter(|(_, name)| !name.is_empty()) {
            if half && is_number(&op, position) {
                *name = self.half(editor, name, floats);
            } else {
                *name = self.whole(editor, name);
            }
        }
        if !half {
            self.nodes.push(node);
            return;
        }
        let mut casts = Vec::new();
        for name in &mut node.output {
            let narrow = editor.free(&format!("{name}/fp16"));
            if outputs.contains(name) {
                casts.push(cast(&narrow, name, Element::F32));
            } else {
                self.wholes.insert(narrow.clone(), String::new());
            }
            self.halves.insert(name.clone(), narrow.clone());
            *name = narrow;
        }
        node.name.clone_from(&node.output[0]);
        self.nodes.push(node);
        self.nodes.append(&mut casts);
    }

    /// The value in 16 bits.
    fn half(&mut self, editor: &mut Editor, name: &str, floats: &HashMap<String, ()>) -> String {
        if let Some(known) = self.halves.get(name) {
            return known.clone();
        }
        let narrow = match editor.constant(name).filter(|constant| constant.element == Element::F32) {
            Some(constant) => {
                let narrow = halved(constant);
                editor.add(name, narrow)
            }
            None if floats.contains_key(name) => {
                let narrow = editor.free(&format!("{name}/fp16"));
                self.nodes.push(cast(name, &narrow, Element::F16));
                narrow
            }
            None => return name.to_owned(),
        };
        self.halves.insert(name.to_owned(), narrow.clone());
        narrow
    }

    /// The value in 32 bits, if it was computed in 16.
    fn whole(&mut self, editor: &mut Editor, name: &str) -> String {
        let Some(narrow) = self.halves.get(name).filter(|narrow| self.wholes.contains_key(*narrow)).cloned() else {
            return name.to_owned();
        };
        if let Some(known) = self.wholes.get(&narrow).filter(|known| !known.is_empty()) {
            return known.clone();
        }
        let wide = editor.free(&format!("{name}/fp32"));
        self.nodes.push(cast(&narrow, &wide, Element::F32));
        self.wholes.insert(narrow, wide.clone());
        wide
    }
}

/// A constant in 16 bits. What these cannot hold becomes the largest that they can, not infinity.
fn halved(constant: &Constant) -> Constant {
    let values = constant.floats().unwrap_or_default();
    let narrow = |value: f32| f16::from_f32(value.clamp(-65_504.0, 65_504.0));
    let data: Vec<u8> = values.into_iter().flat_map(|value| narrow(value).to_le_bytes()).collect();
    Constant { element: Element::F16, dims: constant.dims.clone(), data: data.into() }
}
