//! 8-bit models: finds the layers, names the values to observe, and converts all layers but those to be skipped.

use std::collections::BTreeSet;

use super::activations::Activations;
use super::calibration::Calibration;
use super::editor::Editor;
use super::equalise::equalise;
use super::layer::Layer;
use super::{INT8_OPSET, Precision, check_float, check_opset, qdq};
use crate::error::{Error, Result};
use crate::{OnnxModel, panics};

/// A model that can be converted to 8-bit layers once its activations have been observed.
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
/// let int8 = Int8::new(&model);
/// assert_eq!(int8.layers(), ["map"]);
/// // Run `int8.observer()` on real inputs, and pass the values of its additional outputs on.
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

impl Int8 {
    /// Finds the layers of a model that have an 8-bit form: convolutions and dense layers.
    #[must_use]
    pub fn new(model: &OnnxModel) -> Self {
        Self { model: model.clone(), layers: Layer::find(&Editor::new(model)) }
    }

    /// Names of the layers, in the order of execution. A layer is named after its result.
    #[must_use]
    pub fn layers(&self) -> Vec<&str> {
        self.layers.iter().map(|layer| self.model.draft().graph.name(layer.output)).collect()
    }

    /// Names of the values to observe: the inputs and results of the layers.
    #[must_use]
    pub fn watched(&self) -> Vec<&str> {
        let both = self.layers.iter().flat_map(|layer| [layer.input, layer.result]);
        both.map(|id| self.model.draft().graph.name(id)).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The model with the watched values as additional outputs, after its own.
    #[must_use]
    pub fn observer(&self) -> OnnxModel {
        let mut draft = self.model.draft().clone();
        let graph = &mut draft.graph;
        let mut watched: Vec<_> = self.layers.iter().flat_map(|layer| [layer.input, layer.result]).collect();
        watched.sort_by(|a, b| graph.name(*a).cmp(graph.name(*b)));
        watched.dedup();
        for id in watched {
            if !graph.outputs.contains(&id) && !graph.inputs.contains(&id) {
                // The runtime infers it.
                graph.values[id].shape = None;
                graph.outputs.push(id);
            }
        }
        OnnxModel::new(draft)
    }

    /// The same function in 32 bits, with channels equalised so that one scale fits all channels of a value; needs
    /// [`Activations::observe_channels`]. The activations of the new model differ, so they must be observed again.
    ///
    /// # Errors
    /// [`Error::Unreadable`] if a parameter cannot be read.
    pub fn equalised(&self, activations: &Activations) -> Result<OnnxModel> {
        panics::reading(|| Ok(equalise(&self.model, &self.layers, activations)))
    }

    /// The model with 8-bit layers, except those named in `skipped`. A layer without observations stays in 32 bits.
    ///
    /// # Errors
    /// [`Error::Unreadable`] if a parameter cannot be read; [`Error::Foreign`] for a model of an opset below 13, which has
    /// no scales by channel, for a model that has 8-bit layers already, and for one without layers to convert.
    pub fn model(
        &self,
        activations: &Activations,
        calibration: Calibration,
        skipped: &BTreeSet<String>,
    ) -> Result<OnnxModel> {
        check_opset(&self.model, Precision::Int8, INT8_OPSET)?;
        check_float(&self.model)?;
        if self.layers.is_empty() {
            let reason = "it has no convolution or dense layer with constant 32-bit weights, which int8 would convert";
            return Err(Error::Foreign(reason.to_owned()));
        }
        panics::reading(|| {
            let mut editor = Editor::new(&self.model);
            editor.note("kiln.precision", "int8");
            editor.note("kiln.calibration", &calibration.to_string());
            let is_skipped = |layer: &&Layer| skipped.contains(self.model.draft().graph.name(layer.output));
            let (skipped, converted): (Vec<_>, Vec<_>) = self.layers.iter().partition(is_skipped);
            skipped.into_iter().for_each(|layer| pool_first(&mut editor, layer));
            qdq::convert(&mut editor, converted, activations, calibration);
            Ok(editor.finish())
        })
    }
}

/// Swaps the activation and the pool between a skipped layer and an 8-bit one, which gives the same values. ONNX Runtime
/// would move the rounding before the pool, whose kernel for single bytes is twenty times slower than for floats.
fn pool_first(editor: &mut Editor, layer: &Layer) {
    let readers = editor.readers();
    let Some([pool]) = readers.get(&layer.result).map(Vec::as_slice) else { return };
    let relu = editor.nodes().iter().position(|node| node.op == "Relu" && node.outputs.first() == Some(&layer.result));
    let mut nodes = editor.nodes().to_vec();
    if let (Some(relu), Some(next)) = (relu, nodes.get(*pool).cloned())
        && next.op == "MaxPool"
        && let [pooled] = next.outputs.as_slice()
    {
        let attributes = std::mem::replace(&mut nodes[relu].attributes, next.attributes);
        nodes[relu].op = next.op;
        nodes[*pool].op = "Relu";
        nodes[*pool].attributes = attributes;
        editor.set_nodes(nodes);
        editor.copy_shape(*pooled, layer.result);
    }
}
