//! Converts layers to 8-bit integers by pairs of quantise and dequantise nodes (QDQ), the form that ONNX Runtime, OpenVINO
//! and TensorRT fuse into integer kernels: activations unsigned with a zero point, weights signed and symmetric, with one
//! scale for each output channel (ONNX QuantizeLinear and DequantizeLinear, opset 13).
//!
//! A layer reads its input and its weights through a pair of nodes. A convolution's result goes through one too, after its
//! activation, so that the whole chain stays in integers. Pixels are 8 bits already: where a graph begins with their cast
//! and scaling, the first layer reads them directly.
//!
//! Rounding the weights of a layer shifts the mean of its result, most of all where a large bias cancels bright pixels, so
//! the bias compensates the expected shift.

use std::collections::HashMap;

use super::activations::Activations;
use super::calibration::Calibration;
use super::editor::Editor;
use super::layer::{Layer, channel_axis};
use super::pixels::{Pixels, Scaled};
use super::range::QuantParams;
use super::rowfold::Fold;
use super::weight::QuantizedWeight;
use crate::element::Element;
use crate::graph::{Attribute, Attributes, Constant, Node, ValueId, axis};

/// Operators that pass 8-bit numbers on unchanged.
const PASSING: [&str; 4] = ["MaxPool", "Reshape", "Transpose", "Flatten"];

/// Converts these layers. A layer without observations stays in 32 bits.
pub(super) fn convert(editor: &mut Editor, layers: Vec<&Layer>, activations: &Activations, calibration: Calibration) {
    let pixels = Pixels::find(editor);
    let nodes = editor.nodes().to_vec();
    let mut writer = Writer {
        editor,
        activations,
        calibration,
        pixels,
        layers: layers.into_iter().map(|layer| (layer.output, layer)).collect(),
        copies: HashMap::new(),
        folds: HashMap::new(),
        nodes: Vec::new(),
    };
    nodes.into_iter().for_each(|node| writer.node(node));
    let nodes = writer.nodes;
    editor.set_nodes(nodes);
}

/// The dequantised copy of a value.
#[derive(Clone, Copy)]
struct Dequantized {
    copy: ValueId,
    parameters: QuantParams,
}

/// Writes the nodes again, with pairs where a layer needs them.
struct Writer<'a> {
    editor: &'a mut Editor,
    activations: &'a Activations,
    calibration: Calibration,
    pixels: Pixels,
    /// The layers to convert, by their result.
    layers: HashMap<ValueId, &'a Layer>,
    /// The dequantised copy of each value that has one.
    copies: HashMap<ValueId, Dequantized>,
    /// Results of folded convolutions, which must be unfolded.
    folds: HashMap<ValueId, Fold>,
    nodes: Vec<Node>,
}

impl Writer<'_> {
    fn node(&mut self, mut node: Node) {
        let Some(output) = node.outputs.first().copied() else { return };
        match self.layers.get(&output).copied() {
            Some(layer) => self.convert(&mut node, layer),
            None => self.read_copies(&mut node),
        }
        let passed_on = PASSING.contains(&node.op).then(|| self.parameters_of_input(&node)).flatten();
        self.nodes.push(node);
        if let Some(parameters) = passed_on {
            self.quantize_with(output, parameters);
        }
        // A layer runs in integers only if its result is quantised too. A dense layer without an activation may give
        // floats.
        let ended = self.layers.values().copied().find(|layer| layer.result == output);
        if let Some(layer) = ended
            && (layer.is_convolution() || layer.output != layer.result)
            && !self.editor.is_output(layer.result)
        {
            self.quantize(layer.result);
        }
    }

    /// Converts a layer.
    fn convert(&mut self, node: &mut Node, layer: &Layer) {
        let scaled = self.pixels.behind(layer.input).cloned();
        let fold = scaled.as_ref().and_then(|scaled| fold_for(self.editor, node, scaled));
        let input = match (&scaled, &fold) {
            (Some(scaled), Some(fold)) => Some(self.folded_pixels(layer.input, scaled, fold)),
            (Some(scaled), None) => Some(self.quantized_pixels(layer.input, scaled)),
            (None, _) => self.quantize(layer.input),
        };
        let Some(input) = input else { return };
        self.quantize_layer(node, layer, input, fold.as_ref());
        if let Some(fold) = fold {
            self.folds.insert(layer.result, fold);
        }
    }

    /// The parameters of a node's first input, if that is a dequantised copy.
    fn parameters_of_input(&self, node: &Node) -> Option<QuantParams> {
        let input = node.input(0)?;
        self.copies.values().find(|known| known.copy == input).map(|known| known.parameters)
    }

    /// Makes a node read the dequantised copies of its inputs, so that nothing keeps the float values alive. An operation
    /// without effect separates a copy from a skipped layer: otherwise ONNX Runtime would convert the layer after all,
    /// and its weights with a single scale.
    fn read_copies(&mut self, node: &mut Node) {
        let is_layer = channel_axis(node).is_some();
        for input in node.inputs.iter_mut().flatten() {
            let Some(known) = self.copies.get(input).copied() else { continue };
            *input = if is_layer { self.bounded(known) } else { known.copy };
        }
    }

    /// A copy clipped to the range of its own parameters, which changes nothing.
    fn bounded(&mut self, Dequantized { copy, parameters }: Dequantized) -> ValueId {
        let output = self.editor.value(copy, "bounded", Element::F32);
        if parameters.zero_point == 0 {
            self.push("Relu", &[copy], output, Vec::new());
            return output;
        }
        let low = self.editor.add(copy, "low", scalar(parameters.real(0)));
        let high = self.editor.add(copy, "high", scalar(parameters.real(u8::MAX)));
        self.push("Clip", &[copy, low, high], output, Vec::new());
        output
    }

    /// Quantises a value by its observations and dequantises it again.
    fn quantize(&mut self, value: ValueId) -> Option<Dequantized> {
        if let Some(known) = self.copies.get(&value) {
            return Some(*known);
        }
        let parameters = self.activations.parameters(self.editor.graph().name(value), self.calibration)?;
        Some(self.quantize_with(value, parameters))
    }

    fn quantize_with(&mut self, value: ValueId, parameters: QuantParams) -> Dequantized {
        let [scale, zero] = self.parameters(value, parameters);
        let quantized = self.editor.value(value, "int8", Element::U8);
        let copy = self.editor.value(value, "dequantised", Element::F32);
        self.push("QuantizeLinear", &[value, scale, zero], quantized, Vec::new());
        let flat = match self.folds.get(&value).cloned() {
            Some(fold) => self.unfolded(quantized, &fold),
            None => quantized,
        };
        self.push("DequantizeLinear", &[flat, scale, zero], copy, Vec::new());
        let known = Dequantized { copy, parameters };
        self.copies.insert(value, known);
        known
    }

    /// Lays the results of a folded convolution side by side again.
    fn unfolded(&mut self, value: ValueId, fold: &Fold) -> ValueId {
        let last = self.transposed(value, &[0, 2, 3, 1]);
        let apart = self.reshaped(last, &fold.unfolded());
        self.transposed(apart, &[0, 3, 1, 2])
    }

    fn transposed(&mut self, value: ValueId, order: &[i64]) -> ValueId {
        let output = self.editor.value(value, "turned", self.editor.element(value));
        self.push("Transpose", &[value], output, vec![("perm", Attribute::Ints(order.to_vec()))]);
        output
    }

    fn reshaped(&mut self, value: ValueId, shape: &[i64]) -> ValueId {
        let shape = self.editor.add(value, "shape", Constant::vector(shape));
        let output = self.editor.value(value, "reshaped", self.editor.element(value));
        self.push("Reshape", &[value, shape], output, Vec::new());
        output
    }

    /// Four pixels of a row as one of more channels. Only the folded convolution reads this, so it is not remembered.
    fn folded_pixels(&mut self, value: ValueId, scaled: &Scaled, fold: &Fold) -> Dequantized {
        let folded = self.reshaped(scaled.pixels, &fold.folded());
        let bytes = self.transposed(folded, &[0, 3, 1, 2]);
        self.dequantized_pixels(value, bytes, scaled.divisor)
    }

    /// The bytes of pixels, transposed like the value that is computed from them, with the division as their scale.
    fn quantized_pixels(&mut self, value: ValueId, scaled: &Scaled) -> Dequantized {
        if let Some(known) = self.copies.get(&value) {
            return *known;
        }
        let mut bytes = scaled.pixels;
        if let Some(transpose) = &scaled.transpose {
            let output = self.editor.value(value, "pixels", Element::U8);
            self.push("Transpose", &[bytes], output, transpose.attributes.clone());
            bytes = output;
        }
        let known = self.dequantized_pixels(value, bytes, scaled.divisor);
        self.copies.insert(value, known);
        known
    }

    fn dequantized_pixels(&mut self, value: ValueId, bytes: ValueId, divisor: f32) -> Dequantized {
        let parameters = QuantParams { scale: 1.0 / divisor, zero_point: 0 };
        let [scale, zero] = self.parameters(value, parameters);
        let copy = self.editor.value(value, "dequantised", Element::F32);
        self.push("DequantizeLinear", &[bytes, scale, zero], copy, Vec::new());
        Dequantized { copy, parameters }
    }

    /// Converts the weights and the bias of a layer.
    fn quantize_layer(&mut self, node: &mut Node, layer: &Layer, input: Dequantized, fold: Option<&Fold>) {
        let (Some(weight_id), bias_id) = (node.input(1), node.input(2)) else { return };
        let Some(weight) = self.editor.constant(weight_id) else { return };
        let bias = bias_id.and_then(|id| self.editor.constant(id)).and_then(Constant::floats);
        let quantized = QuantizedWeight::new(weight, layer.axis, bias.as_deref(), input.parameters);
        let Some(mut quantized) = quantized else { return };
        let means = self.activations.means(self.editor.graph().name(layer.input));
        let shift = means.and_then(|means| quantized.mean_shift(weight, layer.axis, &means));
        let times = fold.map_or(1, Fold::at_once);
        if let Some(fold) = fold {
            quantized =
                QuantizedWeight { numbers: fold.weight(&quantized.numbers), scales: quantized.scales.repeat(times) };
            node.attributes = fold.attributes();
        }
        let scales = quantized.scales.clone();
        node.inputs[0] = Some(input.copy);
        node.inputs[1] = Some(self.weight(weight_id, quantized, layer.axis));
        if let (Some(id), Some(mut bias)) = (bias_id, bias) {
            // The bias compensates the shift of the channel's mean by rounding (Nagel et al. 2019).
            for (bias, shift) in bias.iter_mut().zip(shift.into_iter().flatten()) {
                *bias = (f64::from(*bias) - shift) as f32;
            }
            node.inputs[2] = Some(self.bias(id, &bias.repeat(times), &scales, input.parameters));
        }
    }

    fn weight(&mut self, id: ValueId, weight: QuantizedWeight, channel_axis: usize) -> ValueId {
        let count = weight.scales.len();
        let scale = self.editor.add(id, "scale", Constant::from_f32(vec![count], weight.scales));
        let zeros = Constant { element: Element::I8, dims: vec![count], data: vec![0_u8; count].into() };
        let zero = self.editor.add(id, "zero", zeros);
        let numbers = self.editor.add(id, "int8", weight.numbers);
        self.dequantized(id, &[numbers, scale, zero], channel_axis)
    }

    /// A bias has the scale of the sums that it is added to.
    fn bias(&mut self, id: ValueId, bias: &[f32], scales: &[f32], input: QuantParams) -> ValueId {
        let scales: Vec<f32> = scales.iter().map(|scale| scale * input.scale).collect();
        let number = |(bias, scale): (&f32, &f32)| (f64::from(*bias) / f64::from(*scale)).round() as i32;
        let numbers = bias.iter().zip(&scales).map(number);
        let data = numbers.flat_map(i32::to_le_bytes).collect::<Vec<_>>().into();
        let numbers = Constant { element: Element::I32, dims: vec![bias.len()], data };
        let numbers = self.editor.add(id, "int32", numbers);
        let scale = self.editor.add(id, "scale", Constant::from_f32(vec![scales.len()], scales));
        self.dequantized(id, &[numbers, scale], 0)
    }

    fn dequantized(&mut self, id: ValueId, inputs: &[ValueId], channel_axis: usize) -> ValueId {
        let copy = self.editor.value(id, "dequantised", Element::F32);
        self.push("DequantizeLinear", inputs, copy, vec![axis(channel_axis)]);
        copy
    }

    /// Scale and zero point of a value as constants.
    fn parameters(&mut self, value: ValueId, parameters: QuantParams) -> [ValueId; 2] {
        let zero = Constant { element: Element::U8, dims: Vec::new(), data: vec![parameters.zero_point].into() };
        [self.editor.add(value, "scale", scalar(parameters.scale)), self.editor.add(value, "zero", zero)]
    }

    fn push(&mut self, op: &'static str, inputs: &[ValueId], output: ValueId, attributes: Attributes) {
        let node = self.editor.node(op, inputs, output, attributes);
        self.nodes.push(node);
    }
}

fn scalar(value: f32) -> Constant {
    Constant::from_f32(Vec::new(), [value])
}

/// The fold of a convolution over pixels that are only transposed from channels last to channels first.
fn fold_for(editor: &Editor, conv: &Node, scaled: &Scaled) -> Option<Fold> {
    let order = scaled.transpose.as_ref()?.ints("perm")?;
    let weight = editor.constant(conv.input(1)?)?;
    let image = editor.sizes(scaled.pixels)?;
    (conv.op == "Conv" && order == [0, 3, 1, 2]).then(|| Fold::new(conv, &weight.dims, &image))?
}
