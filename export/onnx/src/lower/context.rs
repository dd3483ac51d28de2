//! What a lowering works with: values of burn tensors, new nodes, constants, and sizes at run time. It keeps element
//! types right, so that a lowering need not think of them, and it alone knows where a symbolic size can be read.

use std::collections::{BTreeMap, HashMap};

use burn::backend::capture::TensorId;
use burn::backend::ir::{ScalarIr, TensorIr};
use burn::tensor::TensorData;

use super::{Choices, int, to};
use crate::error::{Error, Result};
use crate::graph::{Attributes, Constant, Data, Graph, Node, Origin, ValueId, Weight, bytes_of};
use crate::onnx::{Element, scalar_bytes};
use crate::symbolic::{Form, Made, Size, Trace};

/// Why a lowering gave up.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// ONNX, or this exporter, has no form for it.
    Unsupported(String),
    /// A size depends on symbolic axes in an unknown way.
    Ambiguous,
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
    /// The first value that has a size, and on which axis.
    places: HashMap<Size, (ValueId, usize)>,
    index: usize,
}

impl<'a> Context<'a> {
    /// Starts with an empty graph; `values` and `weights` are the recorded constants, taken when they are first used.
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

    /// Declares the graph inputs under their names, with their sizes.
    pub(crate) fn inputs<'n>(&mut self, inputs: impl Iterator<Item = (&'n str, Vec<Size>)>) -> Result<()> {
        for (id, (name, shape)) in self.trace.base.inputs.iter().zip(inputs) {
            let data = self.values.remove(id);
            let element = data.as_ref().and_then(|data| Element::of(data.dtype()));
            let element = element.ok_or_else(|| Error::Setup(format!("input `{name}` has a type that ONNX lacks")))?;
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

    /// The opset that is written.
    pub(crate) fn opset(&self) -> i64 {
        self.choices.opset
    }

    /// Whether the user allows random operations.
    pub(crate) fn allow_random(&self) -> bool {
        self.choices.allow_random
    }

    /// Position of the operation being lowered.
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// The value of a burn tensor that the operation reads.
    pub(crate) fn value(&mut self, tensor: &TensorIr) -> Result<ValueId, Refusal> {
        if let Some(value) = self.bound.get(&tensor.id) {
            return Ok(*value);
        }
        if let Some(made) = self.trace.made.get(&tensor.id) {
            let value = self.made(made)?;
            self.bound.insert(tensor.id, value);
            return Ok(value);
        }
        let known = self.captured(tensor.id)?;
        let value = known.ok_or_else(|| Refusal::Unsupported(format!("tensor {} has no source", tensor.id.value())))?;
        self.bound.insert(tensor.id, value);
        Ok(value)
    }

    /// A constant or a parameter, if the tensor is one.
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
        let Some(element) = Element::of(dtype) else {
            return Err(Refusal::Unsupported(format!("a constant has type {dtype:?}; dequantise the module first")));
        };
        let value = self.graph.constant(Constant { element, dims: dims.clone(), data });
        let shape = dims.iter().map(|size| self.fixed(*size)).collect();
        self.graph.values[value].shape = Some(shape);
        let name = self.trace.base.parameters.get(&id);
        self.graph.values[value].name = name.cloned().filter(|name| !name.is_empty());
        Ok(Some(value))
    }

    /// A constant that counts up from the sizes.
    fn made(&mut self, made: &Made) -> Result<ValueId, Refusal> {
        let element = Element::of(made.dtype)
            .ok_or_else(|| Refusal::Unsupported(format!("a constant has type {:?}", made.dtype)))?;
        // Booleans and small integers are counted as numbers that every operator knows.
        let wide = if element.is_float() { Element::F32 } else { Element::I64 };
        let start = self.varying(&made.start, wide)?;
        let sizes = |cx: &mut Self, dims: &[Size]| cx.sizes(dims);
        let value = if made.step.iter().all(|step| *step == 0.0) {
            let sizes = sizes(self, &made.dims)?;
            self.node("Expand", &[start, sizes], Vec::new())
        } else {
            let count = (0..self.trace.plan.recordings()).map(|one| made.dims.iter().map(|size| size.0[one]).product());
            let count = Size(count.collect());
            let count = self.size(&count)?;
            let (count, zero, one) = (self.squeezed(count), self.whole_number(0), self.whole_number(1));
            let range = self.node("Range", &[zero, count, one], Vec::new());
            let range = self.cast(range, wide);
            let step = self.varying(&made.step, wide)?;
            let scaled = self.node("Mul", &[range, step], Vec::new());
            let moved = self.node("Add", &[scaled, start], Vec::new());
            if let [_] = made.dims.as_slice() {
                moved
            } else {
                let sizes = sizes(self, &made.dims)?;
                self.node("Reshape", &[moved, sizes], Vec::new())
            }
        };
        let value = self.cast(value, element);
        self.graph.values[value].shape = Some(made.dims.clone());
        Ok(value)
    }

    fn whole_number(&mut self, value: i64) -> ValueId {
        self.scalar(ScalarIr::Int(value), Element::I64)
    }

    /// A vector of one element as a scalar.
    pub(crate) fn squeezed(&mut self, value: ValueId) -> ValueId {
        let axes = self.vector(&[0]);
        self.node("Squeeze", &[value, axes], Vec::new())
    }

    /// A number that is what it was in each recording: a constant, or a size of the graph, or one by a size. A vector of
    /// one element if it is not constant.
    pub(crate) fn varying(&mut self, numbers: &[f64], element: Element) -> Result<ValueId, Refusal> {
        let first = numbers.first().copied().ok_or(Refusal::Ambiguous)?;
        if numbers.iter().all(|number| number.to_bits() == first.to_bits()) {
            return Ok(self.scalar(ScalarIr::Float(first), element));
        }
        let whole = |numbers: &[f64]| numbers.iter().all(|number| number.fract() == 0.0 && number.abs() < 1e15);
        let inverse: Vec<f64> = numbers.iter().map(|number| (1.0 / number).round()).collect();
        let is_inverse = numbers.iter().zip(&inverse).all(|(number, inverse)| (number * inverse - 1.0).abs() < 1e-6);
        let (sizes, inverted) = match (whole(numbers), is_inverse) {
            (true, _) => (numbers.to_vec(), false),
            (false, true) => (inverse, true),
            _ => return Err(Refusal::Ambiguous),
        };
        let size = self.size(&Size(sizes.into_iter().map(|size| size as i64).collect()))?;
        let size = self.cast(size, element);
        Ok(if inverted { self.node("Reciprocal", &[size], Vec::new()) } else { size })
    }

    /// Says that a burn result is `value`, converted to the result's type if need be.
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

    /// Stands in for the result of an operation that was refused.
    pub(crate) fn placeholder(&mut self, out: &TensorIr) {
        let value = self.graph.value(Element::of(out.dtype).unwrap_or(Element::F32), Some(self.trace.shape(out)));
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
        self.graph.nodes.push(Node { op, inputs, outputs: outputs.clone(), attributes, origin });
        outputs
    }

    /// The element type of a burn tensor.
    pub(crate) fn element(&self, tensor: &TensorIr) -> Result<Element, Refusal> {
        Element::of(tensor.dtype)
            .ok_or_else(|| Refusal::Unsupported(format!("{:?} has no ONNX type here", tensor.dtype)))
    }

    /// Whether a value is a constant of the graph.
    pub(crate) fn is_constant(&self, value: ValueId) -> bool {
        self.graph.constants.contains_key(&value)
    }

    /// The element type of a value.
    pub(crate) fn element_of(&self, value: ValueId) -> Element {
        self.graph.values[value].element
    }

    /// The element type in which arithmetic on `element` is done: ONNX Runtime computes 32- and 64-bit integers and
    /// floats everywhere, other integers hardly anywhere. Results are cast back, which keeps the wrap-around of the
    /// narrower type.
    pub(crate) fn arithmetic(&self, element: Element) -> Element {
        match element {
            Element::I8 | Element::I16 | Element::U8 | Element::U16 | Element::Bool => Element::I32,
            Element::U32 | Element::U64 => Element::I64,
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
    pub(crate) fn whole(&mut self, value: i64, like: ValueId) -> ValueId {
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

    /// A size that means something of its own to an operator, such as -1.
    pub(crate) fn all(&self, size: i64) -> Size {
        Size(vec![size; self.trace.plan.recordings()])
    }

    /// Sizes as an integer vector: a constant if all are fixed, read from the graph if not.
    pub(crate) fn sizes(&mut self, sizes: &[Size]) -> Result<ValueId, Refusal> {
        let mut parts: Vec<ValueId> = Vec::new();
        let mut run: Vec<i64> = Vec::new();
        for size in sizes {
            match size.fixed() {
                Some(fixed) => run.push(fixed),
                None => {
                    self.close(&mut run, &mut parts);
                    parts.push(self.size(size)?);
                }
            }
        }
        self.close(&mut run, &mut parts);
        match parts.as_slice() {
            [] => Ok(self.vector(&[])),
            [one] => Ok(*one),
            _ => Ok(self.node("Concat", &parts, vec![int("axis", 0)])),
        }
    }

    fn close(&mut self, run: &mut Vec<i64>, parts: &mut Vec<ValueId>) {
        if !run.is_empty() {
            parts.push(self.vector(run));
            run.clear();
        }
    }

    /// One size as an integer vector of one element.
    pub(crate) fn size(&mut self, size: &Size) -> Result<ValueId, Refusal> {
        if let Some(value) = self.sizes.get(size) {
            return Ok(*value);
        }
        let value = match self.places.get(size).copied() {
            Some((value, axis)) => {
                let span = vec![int("start", axis as i64), int("end", axis as i64 + 1)];
                self.typed("Shape", &[value], span, Element::I64)
            }
            None => self.computed(size)?,
        };
        self.sizes.insert(size.clone(), value);
        Ok(value)
    }

    fn computed(&mut self, size: &Size) -> Result<ValueId, Refusal> {
        let plan = &self.trace.plan;
        let symbol =
            |position: usize| Size((0..plan.recordings()).map(|one| plan.sizes(one)[position] as i64).collect());
        match size.form(plan).ok_or(Refusal::Ambiguous)? {
            Form::Fixed(fixed) => Ok(self.vector(&[fixed])),
            Form::Linear { constant, factors, divisor } => {
                let mut sum = None;
                for (position, factor) in factors.iter().enumerate().filter(|(_, factor)| **factor != 0) {
                    let term = self.term(&symbol(position), *factor)?;
                    sum = Some(sum.map_or(term, |sum| self.node("Add", &[sum, term], Vec::new())));
                }
                let sum = sum.ok_or(Refusal::Ambiguous)?;
                let constant = (constant != 0).then(|| self.vector(&[constant]));
                let sum = constant.map_or(sum, |constant| self.node("Add", &[sum, constant], Vec::new()));
                Ok(self.divided(sum, divisor))
            }
            Form::Product { factor, powers, divisor } => {
                let all = powers.iter().enumerate().flat_map(|(at, power)| std::iter::repeat_n(at, *power as usize));
                let all: Vec<Size> = all.map(symbol).collect();
                let (first, rest) = all.split_first().ok_or(Refusal::Ambiguous)?;
                let mut product = self.term(first, factor)?;
                for next in rest {
                    let next = self.size(next)?;
                    product = self.node("Mul", &[product, next], Vec::new());
                }
                Ok(self.divided(product, divisor))
            }
        }
    }

    fn divided(&mut self, size: ValueId, divisor: i64) -> ValueId {
        if divisor == 1 {
            return size;
        }
        let divisor = self.vector(&[divisor]);
        self.node("Div", &[size, divisor], Vec::new())
    }

    fn term(&mut self, symbol: &Size, factor: i64) -> Result<ValueId, Refusal> {
        // A symbol that no value shows would come back here for ever.
        if !self.places.contains_key(symbol) {
            return Err(Refusal::Ambiguous);
        }
        let value = self.size(symbol)?;
        if factor == 1 {
            return Ok(value);
        }
        let factor = self.vector(&[factor]);
        Ok(self.node("Mul", &[value, factor], Vec::new()))
    }

    /// Binds the graph outputs; one that is an input, a constant, or already an output gets a node of its own.
    pub(crate) fn outputs(&mut self) -> Result<()> {
        for (position, (name, id)) in self.trace.base.outputs.iter().enumerate() {
            let name = name.clone().unwrap_or_else(|| format!("output_{position}"));
            self.begin(self.index, Origin { kind: "Output".to_owned(), ..Origin::default() });
            let missing = |reason: String| Error::Output { name: name.clone(), reason };
            let made = self.trace.made.get(id);
            let value = match (self.bound.get(id), made) {
                (Some(value), _) => *value,
                (None, Some(made)) => {
                    let value = self.made(made);
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

    /// Gives the finished graph away.
    pub(crate) fn finish(self) -> Graph {
        self.graph
    }
}
