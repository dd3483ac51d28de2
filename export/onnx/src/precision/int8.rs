//! 8-bit integers by quantise and dequantise nodes (QDQ), the form that ONNX Runtime, OpenVINO and TensorRT fuse into
//! integer kernels: activations unsigned with a zero point, weights signed and symmetric, one scale for each output
//! channel (ONNX QuantizeLinear and DequantizeLinear, opset 13).
//!
//! Rounding the weights of a layer moves the mean of what it gives, most of all where a large bias cancels bright pixels, so
//! the bias takes the expected shift back.
//!
//! A layer reads its input and its weights through a pair of nodes; a convolution's result goes through one too, after its
//! activation, so that the whole chain stays in integers. Pixels are 8 bits already: where a graph begins with their cast
//! and scaling, the first layer takes them as they are.

use std::collections::{BTreeSet, HashMap};

use super::activations::Activations;
use super::editor::{Editor, int, ints, node, scalar};
use super::equalise::equalise;
use super::pixels::{Pixels, Turned};
use super::range::{Calibration, Levels};
use super::rowfold::Fold;
use super::weight::{Whole, drift, whole};
use crate::OnnxModel;
use crate::error::Result;
use crate::graph::Constant;
use crate::onnx::Element;
use crate::onnx::proto::{NodeProto, TensorTypeProto, TypeProto, ValueInfoProto};

/// Operators that hand 8 bits on as they are.
const PASSING: [&str; 4] = ["MaxPool", "Reshape", "Transpose", "Flatten"];

/// A model that can be written with 8-bit layers, once its activations have been observed.
///
/// ```
/// use burn::nn::conv::Conv2dConfig;
/// use burn::tensor::{Device, Tensor};
/// use burn_onnx_export::{Activations, Calibration, Exporter, Int8};
///
/// let device = Device::flex();
/// let module = Conv2dConfig::new([3, 4], [3, 3]).init(&device);
/// let exporter = Exporter::new().input("image", Tensor::<4>::zeros([1, 3, 8, 8], &device), ["batch", "", "", ""]);
/// let model = exporter.outputs(["map"]).export(&module, |module, image| module.forward(image))?;
/// let int8 = Int8::of(&model);
/// assert_eq!(int8.layers(), ["map"]);
/// // Run `int8.observer()` on real inputs, and hand over what its additional outputs gave.
/// let mut activations = Activations::default();
/// activations.observe("image", [-1.0, 0.5, 2.0]);
/// activations.observe("map", [0.0, 3.0]);
/// let small = int8.model(&activations, Calibration::MinMax, &Default::default())?;
/// assert!(small.operators().contains(&"QuantizeLinear"));
/// # Ok::<(), burn_onnx_export::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Int8 {
    model: OnnxModel,
    layers: Vec<Layer>,
}

/// A layer whose weights are constants.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    /// The value that it gives, which is its name.
    pub(super) name: String,
    /// What it reads.
    pub(super) input: String,
    /// What it gives after its activation.
    pub(super) result: String,
    /// Axis of the output channels in the weight.
    pub(super) axis: usize,
}

impl Int8 {
    /// Finds the layers of a model that 8 bits can serve: convolutions and dense layers.
    #[must_use]
    pub fn of(model: &OnnxModel) -> Self {
        let editor = Editor::of(model);
        let readers = editor.readers();
        let layer = |node: &NodeProto| {
            let axis = channel_axis(node)?;
            let weight = editor.constant(node.input.get(1)?)?;
            let name = node.output.first()?.clone();
            let fits = weight.element == Element::F32 && weight.dims.len() > axis;
            // An activation that nothing else sees belongs to the layer.
            let only = readers.get(&name).and_then(|readers| <[usize; 1]>::try_from(readers.clone()).ok());
            let relu = only.and_then(|[at]| editor.nodes().get(at)).filter(|node| node.op_type == "Relu");
            let result = relu.map_or(name.clone(), |node| node.output[0].clone());
            let bias = node.input.get(2).is_none_or(|bias| editor.constant(bias).is_some());
            (fits && bias).then(|| Layer { name, input: node.input[0].clone(), result, axis })
        };
        let layers = editor.nodes().iter().filter_map(layer).collect();
        Self { model: model.clone(), layers }
    }

    /// Names of the layers, in the order of execution: that of the value that each gives.
    #[must_use]
    pub fn layers(&self) -> Vec<&str> {
        self.layers.iter().map(|layer| layer.name.as_str()).collect()
    }

    /// Values that must be observed.
    #[must_use]
    pub fn watched(&self) -> Vec<&str> {
        let both = self.layers.iter().flat_map(|layer| [layer.input.as_str(), layer.result.as_str()]);
        both.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The model with the watched values as outputs, after its own.
    #[must_use]
    pub fn observer(&self) -> OnnxModel {
        let mut parts = self.model.parts().clone();
        let known: BTreeSet<String> =
            parts.graph.output.iter().chain(&parts.graph.input).map(|port| port.name.clone()).collect();
        for name in self.watched().into_iter().filter(|name| !known.contains(*name)) {
            let tensor = TensorTypeProto { elem_type: Element::F32.code(), shape: None };
            let kind = TypeProto { tensor_type: Some(tensor) };
            parts.graph.output.push(ValueInfoProto { name: name.to_owned(), r#type: Some(kind) });
        }
        OnnxModel::new(parts)
    }

    /// The same function in 32 bits, with channels evened out so that one scale fits all of a value; see
    /// [`Activations::observe_channels`]. Its activations differ from those observed, so they must be observed anew.
    #[must_use]
    pub fn equalised(&self, activations: &Activations) -> OnnxModel {
        equalise(&self.model, &self.layers, activations)
    }

    /// The model with 8-bit layers, but for those named in `floats`. A layer that was not observed stays as it is.
    ///
    /// # Errors
    /// [`crate::Error::Unreadable`] if a parameter cannot be read.
    pub fn model(
        &self,
        activations: &Activations,
        calibration: Calibration,
        floats: &BTreeSet<String>,
    ) -> Result<OnnxModel> {
        crate::capture::panics::reading(|| {
            let mut editor = Editor::of(&self.model);
            editor.note("kiln.precision", "int8");
            editor.note("kiln.calibration", &calibration.to_string());
            let kept = self.layers.iter().filter(|layer| floats.contains(&layer.name));
            kept.for_each(|layer| pool_first(&mut editor, layer));
            let chosen = self.layers.iter().filter(|layer| !floats.contains(&layer.name));
            let layers = chosen.map(|layer| (layer.name.clone(), layer.clone())).collect();
            let mut writer = Writer {
                activations,
                calibration,
                layers,
                pairs: HashMap::new(),
                folds: HashMap::new(),
                nodes: Vec::new(),
            };
            let pixels = Pixels::of(&editor);
            for node in editor.nodes().to_vec() {
                writer.node(&mut editor, node, &pixels);
            }
            editor.set_nodes(writer.nodes);
            Ok(editor.finish())
        })
    }
}

/// Between a layer in float and one of integers, an activation and a pool change places, which is the same: ONNX Runtime
/// would move the rounding before the pool, whose kernel for single bytes is twenty times slower than that for floats.
fn pool_first(editor: &mut Editor, layer: &Layer) {
    let readers = editor.readers();
    let Some([pool]) = readers.get(&layer.result).map(Vec::as_slice) else { return };
    let relu = editor.nodes().iter().position(|node| node.op_type == "Relu" && node.output[0] == layer.result);
    let mut nodes = editor.nodes().to_vec();
    if let (Some(relu), Some(next)) = (relu, nodes.get(*pool).cloned())
        && next.op_type == "MaxPool"
        && next.output.len() == 1
    {
        let attributes = std::mem::replace(&mut nodes[relu].attribute, next.attribute);
        nodes[relu].op_type = next.op_type;
        nodes[*pool].op_type = "Relu".to_owned();
        nodes[*pool].attribute = attributes;
        editor.set_nodes(nodes);
    }
}

/// Where an operator's weight has its output channels; none if it has no 8-bit form here.
fn channel_axis(node: &NodeProto) -> Option<usize> {
    match node.op_type.as_str() {
        "Conv" => Some(0),
        "Gemm" if node.attribute.is_empty() => Some(1),
        _ => None,
    }
}

/// Writes the nodes anew, with pairs where they are wanted.
struct Writer<'a> {
    activations: &'a Activations,
    calibration: Calibration,
    layers: HashMap<String, Layer>,
    /// The dequantised copy of each value that has one, and its levels.
    pairs: HashMap<String, (String, Levels)>,
    /// Results of folded convolutions, which must be unfolded.
    folds: HashMap<String, Fold>,
    nodes: Vec<NodeProto>,
}

impl Writer<'_> {
    fn node(&mut self, editor: &mut Editor, mut node: NodeProto, pixels: &Pixels) {
        let output = node.output.first().cloned().unwrap_or_default();
        match self.layers.get(&output).cloned() {
            Some(layer) => self.integers(editor, &mut node, &layer, pixels),
            None => self.read_pairs(editor, &mut node),
        }
        let handed_on = PASSING.contains(&node.op_type.as_str()).then(|| self.levels_of(&node)).flatten();
        self.nodes.push(node);
        if let Some(levels) = handed_on {
            self.make_pair(editor, &output, levels);
        }
        // A layer runs in integers only if its result is put into levels too; a dense layer without an activation may
        // give floats.
        let ended = self.layers.values().find(|layer| layer.result == output).cloned();
        if let Some(layer) = ended
            && (layer.axis == 0 || layer.name != layer.result)
            && !editor.outputs().contains(&layer.result)
        {
            self.pair(editor, &layer.result);
        }
    }

    fn integers(&mut self, editor: &mut Editor, node: &mut NodeProto, layer: &Layer, pixels: &Pixels) {
        let turned = pixels.of_value(&layer.input);
        let fold = turned.and_then(|turned| fold_of(editor, node, turned));
        let pair = match (turned, &fold) {
            (Some(turned), Some(fold)) => Some(self.folded_pixels(editor, &layer.input, turned, fold)),
            (Some(turned), None) => Some(self.pixels(editor, &layer.input, turned)),
            (None, _) => self.pair(editor, &layer.input),
        };
        let Some((input, levels)) = pair else { return };
        self.layer(editor, node, layer, &input, levels, fold.as_ref());
        if let Some(fold) = fold {
            self.folds.insert(layer.result.clone(), fold);
        }
    }

    /// The levels of what a node reads.
    fn levels_of(&self, node: &NodeProto) -> Option<Levels> {
        self.pairs.values().find(|(name, _)| Some(name) == node.input.first()).map(|(_, levels)| *levels)
    }

    /// What has a copy in levels is read from that by everyone, so that nothing keeps the float alive. Between a copy and
    /// a layer in float stands an operation that does nothing: without it, ONNX Runtime would make integers of the layer
    /// after all, and of its weights with one scale.
    fn read_pairs(&mut self, editor: &mut Editor, node: &mut NodeProto) {
        let in_float = channel_axis(node).is_some();
        for input in &mut node.input {
            let Some((copy, levels)) = self.pairs.get(input).cloned() else { continue };
            *input = if in_float { self.bounded(editor, &copy, levels) } else { copy };
        }
    }

    /// A copy, bounded by what its levels can say.
    fn bounded(&mut self, editor: &mut Editor, copy: &str, levels: Levels) -> String {
        let output = editor.free(&format!("{copy}/bounded"));
        if levels.zero == 0 {
            self.nodes.push(node("Relu", &[copy], &output, Vec::new()));
            return output;
        }
        let bound = |level: f32| scalar((level - f32::from(levels.zero)) * levels.scale);
        let (low, high) =
            (editor.add(&format!("{copy}/low"), bound(0.0)), editor.add(&format!("{copy}/high"), bound(255.0)));
        self.nodes.push(node("Clip", &[copy, &low, &high], &output, Vec::new()));
        output
    }

    /// The value through a pair of nodes.
    fn pair(&mut self, editor: &mut Editor, name: &str) -> Option<(String, Levels)> {
        if let Some(known) = self.pairs.get(name) {
            return Some(known.clone());
        }
        let levels = self.activations.levels(name, self.calibration)?;
        Some(self.make_pair(editor, name, levels))
    }

    fn make_pair(&mut self, editor: &mut Editor, name: &str, levels: Levels) -> (String, Levels) {
        let (scale, zero) = parameters(editor, name, levels);
        let (quantised, copy) = (editor.free(&format!("{name}/int8")), editor.free(&format!("{name}/dequantised")));
        self.nodes.push(node("QuantizeLinear", &[name, &scale, &zero], &quantised, Vec::new()));
        let flat = match self.folds.get(name).cloned() {
            Some(fold) => self.unfolded(editor, &quantised, &fold),
            None => quantised,
        };
        self.nodes.push(node("DequantizeLinear", &[&flat, &scale, &zero], &copy, Vec::new()));
        self.pairs.insert(name.to_owned(), (copy.clone(), levels));
        (copy, levels)
    }

    /// Results of a folded convolution, side by side again.
    fn unfolded(&mut self, editor: &mut Editor, name: &str, fold: &Fold) -> String {
        let last = self.turned(editor, name, &[0, 2, 3, 1]);
        let apart = self.reshaped(editor, &last, &fold.unfolded());
        self.turned(editor, &apart, &[0, 3, 1, 2])
    }

    fn turned(&mut self, editor: &mut Editor, name: &str, order: &[i64]) -> String {
        let output = editor.free(&format!("{name}/turned"));
        self.nodes.push(node("Transpose", &[name], &output, vec![ints("perm", order)]));
        output
    }

    fn reshaped(&mut self, editor: &mut Editor, name: &str, shape: &[i64]) -> String {
        let shape = editor.add(&format!("{name}/shape"), Constant::vector(shape));
        let output = editor.free(&format!("{name}/reshaped"));
        self.nodes.push(node("Reshape", &[name, &shape], &output, Vec::new()));
        output
    }

    /// Four pixels of a row as one of more channels. Only the folded convolution reads this.
    fn folded_pixels(&mut self, editor: &mut Editor, name: &str, turned: &Turned, fold: &Fold) -> (String, Levels) {
        let levels = Levels { scale: 1.0 / turned.divisor, zero: 0 };
        let folded = self.reshaped(editor, &turned.pixels, &fold.folded());
        let bytes = self.turned(editor, &folded, &[0, 3, 1, 2]);
        let (scale, zero) = parameters(editor, name, levels);
        let copy = editor.free(&format!("{name}/dequantised"));
        self.nodes.push(node("DequantizeLinear", &[&bytes, &scale, &zero], &copy, Vec::new()));
        (copy, levels)
    }

    /// Pixels as they are: turned as bytes, with the division as their scale.
    fn pixels(&mut self, editor: &mut Editor, name: &str, turned: &Turned) -> (String, Levels) {
        if let Some(known) = self.pairs.get(name) {
            return known.clone();
        }
        let levels = Levels { scale: 1.0 / turned.divisor, zero: 0 };
        let mut bytes = turned.pixels.clone();
        if let Some(turn) = &turned.turn {
            let output = editor.free(&format!("{name}/pixels"));
            self.nodes.push(node("Transpose", &[&bytes], &output, turn.attribute.to_vec()));
            bytes = output;
        }
        let (scale, zero) = parameters(editor, name, levels);
        let copy = editor.free(&format!("{name}/dequantised"));
        self.nodes.push(node("DequantizeLinear", &[&bytes, &scale, &zero], &copy, Vec::new()));
        self.pairs.insert(name.to_owned(), (copy.clone(), levels));
        (copy, levels)
    }

    /// Weights and bias of a layer become integers.
    fn layer(
        &mut self,
        editor: &mut Editor,
        node: &mut NodeProto,
        layer: &Layer,
        input: &str,
        levels: Levels,
        fold: Option<&Fold>,
    ) {
        let names = node.input.clone();
        let bias = names.get(2).and_then(|name| editor.constant(name)).and_then(Constant::floats);
        let weight = names.get(1).and_then(|name| editor.constant(name));
        let Some(mut weight) = weight.and_then(|one| whole(one, layer.axis, bias.as_deref(), levels)) else { return };
        let means = self.activations.means(&layer.input);
        let drift = means.and_then(|means| drift(editor.constant(&names[1])?, &weight, layer.axis, &means));
        let times = fold.map_or(1, Fold::at_once);
        if let Some(fold) = fold {
            weight = Whole { levels: fold.weight(&weight.levels), scales: weight.scales.repeat(times) };
            node.attribute = fold.attributes();
        }
        let scales = weight.scales.clone();
        node.input[0] = input.to_owned();
        node.input[1] = self.weight(editor, &names[1], weight, layer.axis);
        if let (Some(name), Some(mut bias)) = (names.get(2), bias) {
            // Rounding the weights moves a channel's mean; the bias takes that back (Nagel et al. 2019).
            for (bias, drift) in bias.iter_mut().zip(drift.into_iter().flatten()) {
                *bias = (f64::from(*bias) - drift) as f32;
            }
            node.input[2] = self.bias(editor, name, &bias.repeat(times), &scales, levels);
        }
    }

    fn weight(&mut self, editor: &mut Editor, name: &str, weight: Whole, axis: usize) -> String {
        let count = weight.scales.len();
        let scale = editor.add(&format!("{name}/scale"), vector(&weight.scales));
        let data = vec![0_u8; count].into();
        let zeros = Constant { element: Element::I8, dims: vec![count], data };
        let zero = editor.add(&format!("{name}/zero"), zeros);
        let levels = editor.add(&format!("{name}/int8"), weight.levels);
        self.dequantised(editor, name, &[&levels, &scale, &zero], axis)
    }

    /// A bias has the scale of the sums that it is added to.
    fn bias(&mut self, editor: &mut Editor, name: &str, bias: &[f32], scales: &[f32], input: Levels) -> String {
        let scales: Vec<f32> = scales.iter().map(|scale| scale * input.scale).collect();
        let level = |(bias, scale): (&f32, &f32)| (f64::from(*bias) / f64::from(*scale)).round() as i32;
        let levels: Vec<i32> = bias.iter().zip(&scales).map(level).collect();
        let data = levels.iter().flat_map(|level| level.to_le_bytes()).collect::<Vec<_>>().into();
        let levels = Constant { element: Element::I32, dims: vec![bias.len()], data };
        let levels = editor.add(&format!("{name}/int32"), levels);
        let scale = editor.add(&format!("{name}/scale"), vector(&scales));
        self.dequantised(editor, name, &[&levels, &scale], 0)
    }

    fn dequantised(&mut self, editor: &mut Editor, name: &str, inputs: &[&str], axis: usize) -> String {
        let copy = editor.free(&format!("{name}/dequantised"));
        self.nodes.push(node("DequantizeLinear", inputs, &copy, vec![int("axis", axis as i64)]));
        copy
    }
}

/// Scale and zero point of a value as constants.
fn parameters(editor: &mut Editor, name: &str, levels: Levels) -> (String, String) {
    let zero = Constant { element: Element::U8, dims: Vec::new(), data: vec![levels.zero].into() };
    (editor.add(&format!("{name}/scale"), scalar(levels.scale)), editor.add(&format!("{name}/zero"), zero))
}

fn vector(values: &[f32]) -> Constant {
    let data = values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>().into();
    Constant { element: Element::F32, dims: vec![values.len()], data }
}

/// The fold of a convolution over pixels that are only turned from channels last to channels first.
fn fold_of(editor: &Editor, conv: &NodeProto, turned: &Turned) -> Option<Fold> {
    let order = turned.turn.as_ref()?.attribute.iter().find(|one| one.name == "perm")?;
    let weight = editor.constant(conv.input.get(1)?)?;
    let image = editor.input_dims(&turned.pixels)?;
    (conv.op_type == "Conv" && order.ints == [0, 3, 1, 2]).then(|| Fold::of(conv, &weight.dims, &image))?
}
