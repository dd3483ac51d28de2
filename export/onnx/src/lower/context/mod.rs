//! The state of a lowering: values of burn tensors, new nodes, constants, and sizes at run time. The context converts
//! element types and finds the values from which symbolic sizes can be read, so that lowerings do neither.

mod refusal;
mod sizes;

use std::collections::{BTreeMap, HashMap};

use burn::backend::capture::TensorId;
use burn::backend::ir::{ScalarIr, TensorIr};
use burn::tensor::TensorData;

pub(crate) use refusal::{Lowered, Refusal, refuse};

use crate::element::{Element, scalar_bytes};
use crate::error::{Error, Result};
use crate::graph::{Attributes, Constant, Data, Graph, Node, Origin, ValueId, Weight, bytes_of, to};
use crate::symbolic::Size;
use crate::trace::Trace;

/// The user's settings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choices {
    pub(crate) opset: i64,
    pub(crate) allow_random: bool,
}

/// The state of a lowering in progress.
pub(crate) struct Context<'a> {
    pub(crate) trace: &'a Trace,
    choices: Choices,
    graph: Graph,
    values: BTreeMap<TensorId, TensorData>,
    weights: HashMap<TensorId, Weight>,
    bound: HashMap<TensorId, ValueId>,
    /// One-element integer tensors that hold a symbolic size.
    sizes: HashMap<Size, ValueId>,
    /// The first value with a size, and the axis.
    places: HashMap<Size, (ValueId, usize)>,
    index: usize,
}

impl<'a> Context<'a> {
    /// Starts with an empty graph. `values` and `weights` are the recorded constants, moved to the graph on first use.
    pub(crate) fn new(
        trace: &'a Trace,
        values: BTreeMap<TensorId, TensorData>,
        weights: HashMap<TensorId, Weight>,
        choices: Choices,
    ) -> Self {
        Self {
            trace,
            choices,
            graph: Graph::default(),
            values,
            weights,
            bound: HashMap::new(),
            sizes: HashMap::new(),
            places: HashMap::new(),
            index: 0,
        }
    }

    /// Declares the graph inputs with their names and sizes.
    pub(crate) fn inputs<'n>(&mut self, inputs: impl Iterator<Item = (&'n str, Vec<Size>)>) -> Result<()> {
        for (id, (name, shape)) in self.trace.base.inputs.iter().zip(inputs) {
            let data = self.values.remove(id);
            let element = data.as_ref().and_then(|data| Element::from_dtype(data.dtype()));
            let element =
                element.ok_or_else(|| Error::Setup(format!("input `{name}` has a type that ONNX does not have")))?;
            let value = self.graph.value(element, None);
            self.graph.values[value].name = Some(name.to_owned());
            self.remember(value, &shape);
            self.graph.values[value].shape = Some(shape);
            self.graph.inputs.push(value);
            self.bound.insert(*id, value);
        }
        Ok(())
    }

    /// Begins the operation at `index`.
    pub(crate) fn begin(&mut self, index: usize, origin: Origin) {
        self.index = index;
        self.graph.origins.push(origin);
    }

    /// The opset of the model.
    pub(crate) fn opset(&self) -> i64 {
        self.choices.opset
    }

    /// Returns true if the user allows random operations.
    pub(crate) fn allow_random(&self) -> bool {
        self.choices.allow_random
    }

    /// Position of the operation being lowered.
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// The value of an operand.
    pub(crate) fn value(&mut self, tensor: &TensorIr) -> Result<ValueId, Refusal> {
        if let Some(value) = self.bound.get(&tensor.id) {
            return Ok(*value);
        }
        if let Some(constant) = self.trace.varying.get(&tensor.id) {
            let value = self.varying_constant(constant)?;
            self.bound.insert(tensor.id, value);
            return Ok(value);
        }
        let known = self.captured(tensor.id)?;
        let value = known.ok_or_else(|| Refusal::Unsupported(format!("tensor {} has no source", tensor.id.value())))?;
        self.bound.insert(tensor.id, value);
        Ok(value)
    }

    /// The value of a constant or a parameter; none for another tensor.
    fn captured(&mut self, id: TensorId) -> Result<Option<ValueId>, Refusal> {
        let (data, dtype, dims): (Data, _, _) = match (self.weights.remove(&id), self.values.remove(&id)) {
            (Some(weight), _) => {
                let (dtype, dims) = (weight.dtype, weight.dims.clone());
                (Data::Weight(weight), dtype, dims)
            }
            (None, Some(data)) => {
                let (dtype, dims) = (data.dtype(), data.shape().to_vec());
                (bytes_of(data).into(), dtype, dims)
            }
            (None, None) => return Ok(None),
        };
        let Some(element) = Element::from_dtype(dtype) else {
            return Err(Refusal::Unsupported(format!("a constant has type {dtype:?}; dequantise the module first")));
        };
        let value = self.graph.constant(Constant { element, dims: dims.clone(), data });
        let shape = dims.iter().map(|size| self.fixed(*size)).collect();
        self.graph.values[value].shape = Some(shape);
        let name = self.trace.base.parameters.get(&id);
        self.graph.values[value].name = name.cloned().filter(|name| !name.is_empty());
        Ok(Some(value))
    }

    /// Binds the result of a burn operation to `value`, converted to the result's type.
    pub(crate) fn bind(&mut self, out: &TensorIr, value: ValueId) -> Result<(), Refusal> {
        let value = self.cast(value, self.element(out)?);
        let shape = self.trace.shape(out);
        if self.graph.values[value].shape.is_none() {
            self.remember(value, &shape);
            self.graph.values[value].shape = Some(shape);
        }
        self.bound.insert(out.id, value);
        Ok(())
    }

    /// Binds the result of a refused operation to a placeholder.
    pub(crate) fn placeholder(&mut self, out: &TensorIr) {
        let value =
            self.graph.value(Element::from_dtype(out.dtype).unwrap_or(Element::F32), Some(self.trace.shape(out)));
        self.bound.insert(out.id, value);
    }

    fn remember(&mut self, value: ValueId, shape: &[Size]) {
        for (axis, size) in shape.iter().enumerate().filter(|(_, size)| size.fixed().is_none()) {
            self.places.entry(size.clone()).or_insert((value, axis));
        }
    }

    /// Adds a node with one result of the given type.
    pub(crate) fn typed(
        &mut self,
        op: &'static str,
        inputs: &[ValueId],
        attributes: Attributes,
        element: Element,
    ) -> ValueId {
        let inputs = inputs.iter().copied().map(Some).collect();
        self.several(op, inputs, attributes, &[element])[0]
    }

    /// Adds a node with one result of its first input's type.
    pub(crate) fn node(&mut self, op: &'static str, inputs: &[ValueId], attributes: Attributes) -> ValueId {
        let element = inputs.first().map_or(Element::F32, |input| self.graph.values[*input].element);
        self.typed(op, inputs, attributes, element)
    }

    /// Adds a node with optional inputs and any number of results.
    pub(crate) fn several(
        &mut self,
        op: &'static str,
        inputs: Vec<Option<ValueId>>,
        attributes: Attributes,
        elements: &[Element],
    ) -> Vec<ValueId> {
        let outputs: Vec<_> = elements.iter().map(|element| self.graph.value(*element, None)).collect();
        let origin = self.graph.origins.len().saturating_sub(1);
        self.graph.nodes.push(Node { op, inputs, outputs: outputs.clone(), attributes, origin, foreign: None });
        outputs
    }

    /// The element type of a burn tensor.
    pub(crate) fn element(&self, tensor: &TensorIr) -> Result<Element, Refusal> {
        Element::from_dtype(tensor.dtype)
            .ok_or_else(|| Refusal::Unsupported(format!("{:?} has no ONNX type here", tensor.dtype)))
    }

    /// Returns true if a value is a constant of the graph.
    pub(crate) fn is_constant(&self, value: ValueId) -> bool {
        self.graph.constants.contains_key(&value)
    }

    /// The element type of a value.
    pub(crate) fn element_of(&self, value: ValueId) -> Element {
        self.graph.values[value].element
    }

    /// The element type for arithmetic on `element`. ONNX Runtime has kernels for floats and for integers of 32 and 64 bits
    /// almost everywhere, for other integers almost nowhere. Results are cast back, which preserves the wrap-around of
    /// the narrower type. Unsigned integers of 64 bits have no wider type; they are cast only for operators without
    /// their kernel (see [`kernels`](crate::graph::passes::kernels)).
    pub(crate) fn arithmetic(&self, element: Element) -> Element {
        match element {
            Element::I8 | Element::I16 | Element::U8 | Element::U16 | Element::Bool => Element::I32,
            Element::U32 => Element::I64,
            other => other,
        }
    }

    /// The value in another element type.
    pub(crate) fn cast(&mut self, value: ValueId, element: Element) -> ValueId {
        if self.element_of(value) == element {
            return value;
        }
        let cast = self.typed("Cast", &[value], vec![to(element)], element);
        self.graph.values[cast].shape = self.graph.values[value].shape.clone();
        cast
    }

    /// A scalar constant.
    pub(crate) fn scalar(&mut self, value: ScalarIr, element: Element) -> ValueId {
        let data = scalar_bytes(value, element).into();
        self.graph.constant(Constant { element, dims: Vec::new(), data })
    }

    /// A floating-point scalar constant of the type of `like`.
    pub(crate) fn number(&mut self, value: f64, like: ValueId) -> ValueId {
        self.scalar(ScalarIr::Float(value), self.element_of(like))
    }

    /// An integer scalar constant of the type of `like`.
    pub(crate) fn integer(&mut self, value: i64, like: ValueId) -> ValueId {
        self.scalar(ScalarIr::Int(value), self.element_of(like))
    }

    /// A vector of 64-bit integers.
    pub(crate) fn vector(&mut self, values: &[i64]) -> ValueId {
        self.graph.constant(Constant::vector(values))
    }

    /// Any constant.
    pub(crate) fn constant(&mut self, constant: Constant) -> ValueId {
        self.graph.constant(constant)
    }

    /// Sizes of a burn tensor.
    pub(crate) fn shape(&self, tensor: &TensorIr) -> Vec<Size> {
        self.trace.shape(tensor)
    }

    /// A size that is the same in every recording.
    pub(crate) fn fixed(&self, size: usize) -> Size {
        Size(vec![size as i64; self.trace.plan.recordings()])
    }

    /// A number with a special meaning among sizes, such as -1.
    pub(crate) fn all(&self, size: i64) -> Size {
        Size(vec![size; self.trace.plan.recordings()])
    }

    /// Declares the graph outputs. An input, a constant or a repeated output gets an `Identity` node.
    pub(crate) fn outputs(&mut self) -> Result<()> {
        for (position, (name, id)) in self.trace.base.outputs.iter().enumerate() {
            let name = name.clone().unwrap_or_else(|| format!("output_{position}"));
            self.begin(self.index, Origin { kind: "Output".to_owned(), ..Origin::default() });
            let missing = |reason: String| Error::Output { name: name.clone(), reason };
            let varying = self.trace.varying.get(id);
            let value = match (self.bound.get(id), varying) {
                (Some(value), _) => *value,
                (None, Some(constant)) => {
                    let value = self.varying_constant(constant);
                    value.map_err(|_| missing("its size cannot be derived from the symbolic axes".to_owned()))?
                }
                (None, None) => {
                    let known = self.captured(*id);
                    let known = known.map_err(|_| missing("its type has no ONNX form".to_owned()))?;
                    let value = known.ok_or_else(|| missing("no operation computes it".to_owned()))?;
                    self.bound.insert(*id, value);
                    value
                }
            };
            let own = self.graph.values[value].name.is_none() && !self.graph.constants.contains_key(&value);
            let value = if own { value } else { self.identity(value) };
            self.graph.values[value].name = Some(name);
            self.graph.outputs.push(value);
        }
        Ok(())
    }

    fn identity(&mut self, value: ValueId) -> ValueId {
        let copy = self.node("Identity", &[value], Vec::new());
        self.graph.values[copy].shape = self.graph.values[value].shape.clone();
        copy
    }

    /// Returns the finished graph, and the value of each recorded tensor.
    pub(crate) fn finish(self) -> (Graph, HashMap<TensorId, ValueId>) {
        (self.graph, self.bound)
    }
}
