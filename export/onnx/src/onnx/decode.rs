//! Reads a model of another origin into the exporter's graph, so that its precision can be changed. Operators that the
//! passes look at become nodes like the exporter's own; all others are carried as they are.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::OnnxModel;
use super::proto::{
    AttributeProto, AttributeType, DimensionProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto,
};
use crate::element::Element;
use crate::error::{Error, Result};
use crate::graph::names::Names;
use crate::graph::{
    Attribute, Attributes, Constant, Draft, Foreign, ForeignHeader, Graph, Header, Node, Origin, ValueId,
};
use crate::precision::HALF;
use crate::symbolic::{Plan, Size, Symbol};

/// Operators that the passes look at beside those that are computed in 16 bits.
const OTHERS: [&str; 5] = ["Cast", "Div", "Flatten", "GlobalAveragePool", "Sub"];

/// Names of the attributes of both.
const ATTRIBUTES: [&str; 31] = [
    "allowzero",
    "alpha",
    "antialias",
    "auto_pad",
    "axes",
    "axis",
    "beta",
    "ceil_mode",
    "coordinate_transformation_mode",
    "count_include_pad",
    "cubic_coeff_a",
    "dilations",
    "exclude_outside",
    "extrapolation_value",
    "group",
    "keep_aspect_ratio_policy",
    "kernel_shape",
    "max",
    "min",
    "mode",
    "nearest_mode",
    "output_padding",
    "output_shape",
    "pads",
    "perm",
    "saturate",
    "storage_order",
    "strides",
    "to",
    "transA",
    "transB",
];

/// Texts in their attributes.
const TEXTS: [&str; 20] = [
    "NOTSET",
    "SAME_LOWER",
    "SAME_UPPER",
    "VALID",
    "align_corners",
    "asymmetric",
    "ceil",
    "cubic",
    "floor",
    "half_pixel",
    "half_pixel_symmetric",
    "linear",
    "nearest",
    "not_larger",
    "not_smaller",
    "pytorch_half_pixel",
    "round_prefer_ceil",
    "round_prefer_floor",
    "stretch",
    "tf_crop_and_resize",
];

impl OnnxModel {
    /// Reads a model of any origin, for [`OnnxModel::to_fp16`] and [`crate::Int8`]. `element` gives the element type of a
    /// value by its name (`TensorProto.DataType`), as a runtime infers it; the types of inputs, outputs and constants are in
    /// the model.
    ///
    /// An input with a default, that is, one of the name of an initializer, becomes a constant of this default. Models of
    /// IR version 3 list every weight so, and so does PyTorch with `keep_initializers_as_inputs`.
    ///
    /// Any opset can be read. A conversion to fp16 needs opset 7 or newer, one to int8 opset 13.
    ///
    /// # Errors
    /// [`Error::Foreign`] for a model with graphs in attributes (control flow), sparse constants, weights in other files,
    /// or constants of types without a counterpart in burn; for nodes that are not in the order of execution, or have too
    /// few inputs or outputs; for a value of unknown type, without a name, or of the name of another one; and for a
    /// constant whose data does not fit its shape.
    pub fn from_message(message: ModelProto, element: &dyn Fn(&str) -> Option<i32>) -> Result<Self> {
        let opset = message.opset("");
        let ModelProto { graph, opset_import, functions, metadata_props, doc_string, .. } = message;
        let mut graph = graph.ok_or_else(|| Error::Foreign("it holds no graph".to_owned()))?;
        drop_defaults(&mut graph);
        let opset = opset.ok_or_else(|| Error::Foreign("it imports no standard operators".to_owned()))?;
        let foreign = ForeignHeader {
            imports: opset_import.into_iter().filter(|import| !import.is_standard()).collect(),
            functions,
            producer: (message.producer_name, message.producer_version),
        };
        let mut metadata: Vec<(String, String)> =
            metadata_props.into_iter().map(|entry| (entry.key, entry.value)).collect();
        metadata.sort();
        let plan = plan(&graph);
        let header =
            Header { name: graph.name.clone(), description: doc_string, metadata, foreign: Some(Box::new(foreign)) };
        let graph = Reader::new(&graph, element, &plan).read(graph)?;
        Ok(Self::new(Draft { graph, plan, header, opset }))
    }
}

/// Drops the inputs whose values the model itself contains.
fn drop_defaults(graph: &mut GraphProto) {
    let defaults: HashSet<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    graph.input.retain(|port| !defaults.contains(port.name.as_str()));
}

/// The symbolic axes of inputs and outputs, by name.
fn plan(graph: &GraphProto) -> Plan {
    let mut symbols: BTreeMap<String, Symbol> = BTreeMap::new();
    for (input, port) in graph.input.iter().enumerate() {
        for (axis, dim) in port.dims().unwrap_or_default().iter().enumerate() {
            if let Some(name) = dim.dim_param().filter(|name| !name.is_empty()) {
                let (sizes, odd) = Symbol::usual_sizes(2);
                let symbol = Symbol { name: name.to_owned(), input, axis, sizes, odd };
                symbols.entry(name.to_owned()).or_insert(symbol);
            }
        }
    }
    Plan { symbols: symbols.into_values().collect(), odd: true, large: Vec::new() }
}

struct Reader<'a> {
    graph: Graph,
    ids: HashMap<String, ValueId>,
    /// The names in the model, for the constants that are added.
    names: Names,
    /// The transposed copy of each weight that has one.
    transposed: HashMap<ValueId, ValueId>,
    element: &'a dyn Fn(&str) -> Option<i32>,
    plan: &'a Plan,
}

impl<'a> Reader<'a> {
    fn new(graph: &GraphProto, element: &'a dyn Fn(&str) -> Option<i32>, plan: &'a Plan) -> Self {
        let ports = graph.input.iter().chain(&graph.output).map(|port| &port.name);
        let results = graph.node.iter().flat_map(|node| &node.output);
        let names = ports.chain(results).chain(graph.initializer.iter().map(|tensor| &tensor.name)).cloned().collect();
        Self { graph: Graph::default(), ids: HashMap::new(), names, transposed: HashMap::new(), element, plan }
    }

    fn read(mut self, proto: GraphProto) -> Result<Graph> {
        if let Some(sparse) = proto.sparse_initializer.first().and_then(|sparse| sparse.values.as_ref()) {
            return Err(Error::Foreign(format!("constant `{}` is sparse", sparse.name)));
        }
        self.graph.origins.push(Origin::default());
        for tensor in &proto.initializer {
            let constant = constant(tensor)?;
            self.constant(&tensor.name, constant)?;
        }
        for port in &proto.input {
            let id = self.port(port)?;
            self.graph.inputs.push(id);
        }
        let ports: HashMap<&str, &ValueInfoProto> =
            proto.output.iter().map(|port| (port.name.as_str(), port)).collect();
        for node in proto.node {
            self.node(node, &ports)?;
        }
        for port in &proto.output {
            let id = self.id(&port.name)?;
            self.graph.values[id].shape = self.shape(port);
            self.graph.outputs.push(id);
        }
        Ok(self.graph)
    }

    /// Adds a value. Every value is defined once, under a name.
    fn named(&mut self, name: &str, element: Element, shape: Option<Vec<Size>>) -> Result<ValueId> {
        if name.is_empty() {
            return Err(Error::Foreign("an input, a constant or the first result of a node has no name".to_owned()));
        }
        if self.ids.contains_key(name) {
            return Err(Error::Foreign(format!("two values are named `{name}`")));
        }
        let id = self.graph.value(element, shape);
        self.graph.values[id].name = Some(name.to_owned());
        self.ids.insert(name.to_owned(), id);
        Ok(id)
    }

    fn constant(&mut self, name: &str, constant: Constant) -> Result<ValueId> {
        let id = self.named(name, constant.element, None)?;
        self.graph.constants.insert(id, constant);
        Ok(id)
    }

    fn port(&mut self, port: &ValueInfoProto) -> Result<ValueId> {
        let code = port.tensor_type().map_or(0, |tensor| tensor.elem_type);
        let element = Element::from_code(code)
            .ok_or_else(|| Error::Foreign(format!("`{}` has elements of ONNX type {code}", port.name)))?;
        let shape = self.shape(port);
        self.named(&port.name, element, shape)
    }

    /// The shape of a port; none unless every axis is a number or a known symbol.
    fn shape(&self, port: &ValueInfoProto) -> Option<Vec<Size>> {
        port.dims()?.iter().map(|dim| self.size(dim)).collect()
    }

    fn size(&self, dim: &DimensionProto) -> Option<Size> {
        let recordings = 0..self.plan.recordings();
        if let Some(size) = dim.dim_value() {
            return Some(Size(recordings.map(|_| size).collect()));
        }
        let at = self.plan.symbols.iter().position(|symbol| Some(symbol.name.as_str()) == dim.dim_param())?;
        Some(Size(recordings.map(|recording| self.plan.sizes(recording)[at] as i64).collect()))
    }

    fn id(&self, name: &str) -> Result<ValueId> {
        let unknown = || Error::Foreign(format!("value `{name}` is read before it is computed"));
        self.ids.get(name).copied().ok_or_else(unknown)
    }

    fn node(&mut self, proto: NodeProto, ports: &HashMap<&str, &ValueInfoProto>) -> Result<()> {
        if proto.graphs().next().is_some() {
            let (operator, name) = (&proto.op_type, &proto.name);
            return Err(Error::Foreign(format!(
                "node `{name}` ({operator}) is control flow, whose graphs are not converted"
            )));
        }
        if let Some((name, constant)) = constant_node(&proto)? {
            self.constant(&name, constant)?;
            return Ok(());
        }
        check_arity(&proto)?;
        let input = |name: &String| if name.is_empty() { Ok(None) } else { self.id(name).map(Some) };
        let inputs = proto.input.iter().map(input).collect::<Result<Vec<_>>>()?;
        let mut outputs = Vec::with_capacity(proto.output.len());
        for (position, name) in proto.output.iter().enumerate() {
            let declared = ports.get(name.as_str()).and_then(|port| port.tensor_type()).map(|tensor| tensor.elem_type);
            let code = (self.element)(name).or(declared).filter(|code| *code != 0);
            // An omitted output, and text, which no pass looks at, have no counterpart in burn.
            let element = code.and_then(Element::from_code).unwrap_or(Element::Bool);
            if code.is_none() && !name.is_empty() {
                return Err(Error::Foreign(format!("the element type of `{name}` is unknown")));
            }
            // Recurrent layers may omit the first result.
            let is_omitted = name.is_empty() && (position > 0 || looked_at(&proto).is_none());
            outputs.push(if is_omitted { self.graph.value(element, None) } else { self.named(name, element, None)? });
        }
        let node = match known(&proto) {
            Some((op, attributes)) => Node { op, inputs, outputs, attributes, origin: 0, foreign: None },
            None => {
                let foreign = Foreign { proto: NodeProto { input: Vec::new(), output: Vec::new(), ..proto } };
                let foreign = Some(Box::new(foreign));
                Node { op: "", inputs, outputs, attributes: Vec::new(), origin: 0, foreign }
            }
        };
        let node = self.dense(node)?;
        self.graph.nodes.push(node);
        Ok(())
    }

    /// A dense layer in the exporter's form: the weight is stored as it is multiplied, and no attribute is needed.
    fn dense(&mut self, mut node: Node) -> Result<Node> {
        let plain = node.op == "Gemm"
            && [("alpha", 1.0), ("beta", 1.0)]
                .iter()
                .all(|(name, one)| node.float(name).is_none_or(|value| value == *one))
            && node.int("transA").is_none_or(|flag| flag == 0);
        let Some(weight) = node.input(1).filter(|_| plain) else { return Ok(node) };
        if node.int("transB").is_none_or(|flag| flag == 0) {
            node.attributes.clear();
            return Ok(node);
        }
        let id = match self.transposed.get(&weight) {
            Some(known) => *known,
            None => {
                let Some(turned) = self.graph.constants.get(&weight).and_then(transposed) else { return Ok(node) };
                let name = self.names.reserve(&format!("{}/transposed", self.graph.name(weight)));
                self.constant(&name, turned)?
            }
        };
        self.transposed.insert(weight, id);
        node.inputs[1] = Some(id);
        node.attributes.clear();
        Ok(node)
    }
}

/// Refuses a node without a result, and one of an operator that the passes look at with too few inputs.
fn check_arity(proto: &NodeProto) -> Result<()> {
    let (operator, name) = (&proto.op_type, &proto.name);
    if proto.output.is_empty() {
        return Err(Error::Foreign(format!("node `{name}` ({operator}) has no output")));
    }
    let Some(operator) = looked_at(proto) else { return Ok(()) };
    let least = match operator {
        "Add" | "Conv" | "ConvTranspose" | "Div" | "Expand" | "Gemm" | "MatMul" | "Mul" | "PRelu" | "Sub" => 2,
        _ => 1,
    };
    let given = proto.input.iter().take_while(|name| !name.is_empty()).count();
    if given < least {
        return Err(Error::Foreign(format!(
            "node `{name}` ({operator}) has {given} inputs, and needs at least {least}"
        )));
    }
    Ok(())
}

/// The operator, if the passes look at it.
fn looked_at(proto: &NodeProto) -> Option<&'static str> {
    HALF.into_iter().chain(OTHERS).find(|op| proto.is_standard() && *op == proto.op_type)
}

/// A matrix of 32-bit floats with its axes exchanged.
fn transposed(constant: &Constant) -> Option<Constant> {
    let [rows, columns] = constant.dims.as_slice() else { return None };
    let values = constant.floats()?;
    let turned = (0..*columns).flat_map(|column| (0..*rows).map(move |row| row * columns + column));
    Some(Constant::from_f32(vec![*columns, *rows], turned.filter_map(|at| values.get(at).copied())))
}

/// The operator and its attributes, if the passes look at it and every attribute is known.
fn known(proto: &NodeProto) -> Option<(&'static str, Attributes)> {
    let op = looked_at(proto)?;
    let attributes = proto.attribute.iter().map(attribute).collect::<Option<_>>()?;
    Some((op, attributes))
}

fn attribute(proto: &AttributeProto) -> Option<(&'static str, Attribute)> {
    let name = ATTRIBUTES.into_iter().find(|name| *name == proto.name).filter(|_| proto.ref_attr_name.is_empty())?;
    let value = match proto.r#type() {
        AttributeType::Int => Attribute::Int(proto.i()),
        AttributeType::Ints => Attribute::Ints(proto.ints.clone()),
        AttributeType::Float => Attribute::Float(proto.f()),
        AttributeType::String => Attribute::Text(TEXTS.into_iter().find(|text| text.as_bytes() == proto.s())?),
        _ => return None,
    };
    Some((name, value))
}

/// The constant of a `Constant` node.
fn constant_node(proto: &NodeProto) -> Result<Option<(String, Constant)>> {
    let ([name], [attribute]) = (proto.output.as_slice(), proto.attribute.as_slice()) else { return Ok(None) };
    match &attribute.t {
        Some(tensor) if proto.is_standard() && proto.op_type == "Constant" && attribute.name == "value" => {
            Ok(Some((name.clone(), constant(tensor)?)))
        }
        _ => Ok(None),
    }
}

/// A constant with its data in the form of ONNX's raw data.
fn constant(tensor: &TensorProto) -> Result<Constant> {
    let wrong = |reason: &str| Error::Foreign(format!("constant `{}` {reason}", tensor.name));
    if tensor.is_external() {
        return Err(wrong("is in another file"));
    }
    let element = Element::from_code(tensor.data_type)
        .ok_or_else(|| wrong(&format!("has elements of ONNX type {}", tensor.data_type)))?;
    let dims = tensor.dims.iter().map(|size| usize::try_from(*size).ok()).collect::<Option<Vec<_>>>();
    let dims = dims.ok_or_else(|| wrong("has a negative size"))?;
    // The product of some of the sizes must fit too, even if another size is 0.
    let fits = dims.iter().try_fold(1_usize, |all, size| all.checked_mul((*size).max(1)));
    let count = fits.map(|_| dims.iter().product::<usize>());
    let expected = count.and_then(|count| count.checked_mul(element.size()));
    let data = tensor.bytes().unwrap_or_default();
    if expected != Some(data.len()) {
        return Err(wrong(&format!("has {} bytes for the shape {dims:?}", data.len())));
    }
    Ok(Constant { element, dims, data: data.into() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{Activations, Calibration, Int8};

    fn node(operator: &str, inputs: &[&str], output: &str, attribute: Vec<AttributeProto>) -> NodeProto {
        NodeProto { attribute, ..NodeProto::new(operator, inputs.iter().copied(), [output]) }
    }

    /// Pixels in bytes, a convolution, an activation, pools, and a dense layer with a transposed weight.
    fn message() -> ModelProto {
        let weights = |count: usize| (0..count).map(|at| (at as f32).sin()).collect::<Vec<_>>();
        let port = |name: &str, kind, sizes: &[i64]| {
            ValueInfoProto::tensor(name, kind, sizes.iter().map(|size| DimensionProto::fixed(*size)))
        };
        let ints = |name: &str, values: &[i64]| AttributeProto::ints(name, values);
        let graph = GraphProto {
            node: vec![
                node("Transpose", &["x"], "turned", vec![ints("perm", &[0, 3, 1, 2])]),
                node("Cast", &["turned"], "float", vec![AttributeProto::int("to", 1)]),
                node("Div", &["float", "white"], "scaled", Vec::new()),
                node("Conv", &["scaled", "kernel"], "map", vec![ints("pads", &[1; 4]), ints("strides", &[1, 1])]),
                node("Relu", &["map"], "positive", Vec::new()),
                node("MaxPool", &["positive"], "pooled", vec![ints("kernel_shape", &[2, 2])]),
                node("GlobalAveragePool", &["pooled"], "mean", Vec::new()),
                node("Flatten", &["mean"], "row", Vec::new()),
                node("Gemm", &["row", "matrix", "bias"], "y", vec![AttributeProto::int("transB", 1)]),
            ],
            name: "foreign".to_owned(),
            initializer: vec![
                TensorProto::f32("white", [], &[255.0]),
                TensorProto::f32("kernel", [4, 3, 3, 3], &weights(108)),
                TensorProto::f32("matrix", [2, 4], &weights(8)),
                TensorProto::f32("bias", [2], &weights(2)),
            ],
            input: vec![port("x", 2, &[1, 8, 8, 3])],
            output: vec![port("y", 1, &[1, 2])],
            ..GraphProto::default()
        };
        let opset_import = vec![crate::proto::OperatorSetIdProto::standard(13)];
        ModelProto { ir_version: 8, opset_import, graph: Some(graph), ..ModelProto::default() }
    }

    fn read(message: ModelProto) -> Result<OnnxModel> {
        OnnxModel::from_message(message, &|name| Some(if name == "turned" { 2 } else { 1 }))
    }

    fn with(change: impl FnOnce(&mut GraphProto)) -> ModelProto {
        let mut message = message();
        change(message.graph.as_mut().unwrap());
        message
    }

    #[test]
    fn an_input_with_a_default_becomes_a_constant() {
        let weight = || ValueInfoProto::tensor("kernel", 1, [4, 3, 3, 3].map(DimensionProto::fixed));
        let first = read(with(|graph| graph.input.insert(0, weight()))).unwrap();
        assert_eq!(first.inputs(), ["x"]);
        assert!(first.initializers().contains(&"kernel"));
        let half = first.to_fp16().unwrap();
        assert_eq!(half.inputs(), ["x"]);
        assert!(half.initializers().contains(&"kernel_2"), "{:?}", half.initializers());
    }

    fn at_opset(opset: i64) -> OnnxModel {
        let mut message = message();
        message.opset_import[0].version = opset;
        read(message).unwrap()
    }

    fn eight_bits(model: &OnnxModel) -> Result<OnnxModel> {
        let int8 = Int8::new(model);
        let mut activations = Activations::default();
        int8.watched().into_iter().for_each(|name| activations.observe(name, [-1.0, 2.0]));
        int8.model(&activations, Calibration::MinMax, &Default::default())
    }

    /// Metadata of a key.
    fn noted(model: &OnnxModel, key: &str) -> Vec<String> {
        let entries = model.draft().header.metadata.iter().filter(|(other, _)| other == key);
        entries.map(|(_, value)| value.clone()).collect()
    }

    #[test]
    fn a_second_conversion_changes_nothing_or_is_refused() {
        let mut labelled = message();
        labelled.metadata_props.push(crate::proto::StringStringEntryProto::new("kiln.precision", "mine"));
        let model = read(labelled).unwrap();
        let half = model.to_fp16().unwrap();
        assert_eq!(noted(&half, "kiln.precision"), ["fp16"]);
        assert_eq!(half.to_fp16().unwrap().bytes().unwrap(), half.bytes().unwrap());
        let reason = |result: Result<OnnxModel>| result.unwrap_err().to_string();
        assert!(reason(eight_bits(&half)).contains("no convolution or dense layer with constant 32-bit weights"));
        let small = eight_bits(&model).unwrap();
        assert_eq!(noted(&small, "kiln.precision"), ["int8"]);
        let again = read(small.to_message().unwrap()).unwrap();
        for model in [small, again] {
            assert!(reason(eight_bits(&model)).contains("8-bit layers already"));
            assert!(reason(model.to_fp16()).contains("8-bit layers already"));
        }
    }

    #[test]
    fn an_old_opset_is_refused_with_the_least_that_a_precision_needs() {
        for (opset, fp16, int8) in [(6, false, false), (7, true, false), (12, true, false), (13, true, true)] {
            let model = at_opset(opset);
            let refused = |result: Result<OnnxModel>| result.map_err(|error| error.to_string()).err();
            let (half, small) = (refused(model.to_fp16()), refused(eight_bits(&model)));
            assert_eq!((half.is_none(), small.is_none()), (fp16, int8), "opset {opset}: {half:?} {small:?}");
            assert!(half.is_none_or(|error| error.contains("fp16 needs opset 7")));
            assert!(small.is_none_or(|error| error.contains("int8 needs opset 13")));
        }
    }

    /// Changes a graph.
    type Change = fn(&mut GraphProto);

    #[test]
    fn a_malformed_model_is_refused_with_the_place() {
        let cases: [(&str, Change); 12] = [
            ("`positive` (Relu) has no output", |graph| graph.node[4].output.clear()),
            ("`positive` (Relu) has 0 inputs, and needs at least 1", |graph| graph.node[4].input.clear()),
            ("`map` (Conv) has 1 inputs, and needs at least 2", |graph| drop(graph.node[3].input.pop())),
            ("`y` (Gemm) has 1 inputs, and needs at least 2", |graph| graph.node[8].input[1].clear()),
            ("no name", |graph| graph.node[3].output[0].clear()),
            ("no name", |graph| graph.initializer[1].name.clear()),
            ("no name", |graph| graph.input[0].name.clear()),
            ("two values are named `map`", |graph| graph.node[4].output[0] = "map".to_owned()),
            ("two values are named `bias`", |graph| graph.node[6].output[0] = "bias".to_owned()),
            ("`row` is read before it is computed", |graph| graph.node.swap(7, 8)),
            ("`x` has elements of ONNX type 0", |graph| graph.input[0].r#type = None),
            ("`kernel` has 432 bytes for the shape", |graph| graph.initializer[1].dims = vec![1 << 40, 1 << 40, 0]),
        ];
        for (expected, change) in cases {
            let error = read(with(change)).unwrap_err();
            let text = error.to_string();
            assert!(matches!(error, Error::Foreign(_)) && text.contains(expected), "{expected}: {text}");
        }
    }

    #[test]
    fn an_omitted_first_result_stays_omitted() {
        let last = |graph: &mut GraphProto| {
            graph.node.insert(0, NodeProto::new("LSTM", ["white", "white", "white"], ["", "last"]));
            graph.output.push(ValueInfoProto::tensor("last", 1, []));
        };
        let half = read(with(last)).unwrap().to_fp16().unwrap();
        assert_eq!(half.graph().node[0].output, ["", "last"]);
    }

    /// Reads a model and, if that succeeds, converts it in every way.
    fn convert(message: ModelProto) -> Result<()> {
        let model = read(message)?;
        let mut activations = Activations::default();
        let int8 = Int8::new(&model);
        for name in int8.watched() {
            activations.observe_channels(name, &[1, 4, 2], &[-1.0, 0.0, 1.0, 2.0, 0.5, 0.1, 3.0, 4.0]);
        }
        let even = int8.equalised(&activations)?;
        for model in [&model, &even] {
            eight_bits(model)?.bytes()?;
        }
        int8.observer().bytes()?;
        int8.model(&activations, Calibration::MinMax, &int8.layers().into_iter().map(str::to_owned).collect())?;
        model.to_fp16()?.bytes().map(drop)
    }

    #[test]
    fn a_bias_that_is_not_one_number_per_channel_is_no_part_of_an_8_bit_layer() {
        let layers = |dims: &[i64], values: &[f32]| {
            let model = read(with(|graph| graph.initializer[3] = TensorProto::f32("bias", dims, values))).unwrap();
            Int8::new(&model).layers().len()
        };
        assert_eq!([layers(&[2], &[1.0, 2.0]), layers(&[1, 2], &[1.0, 2.0])], [2, 2]);
        assert_eq!([layers(&[], &[1.0]), layers(&[1], &[1.0]), layers(&[2, 2], &[1.0; 4])], [1, 1, 1]);
    }

    fn window(pads: [i64; 4], strides: [i64; 2]) -> Vec<AttributeProto> {
        vec![AttributeProto::ints("pads", pads.as_slice()), AttributeProto::ints("strides", strides.as_slice())]
    }

    /// One change of a node or a constant, from a few numbers.
    fn change(graph: &mut GraphProto, (kind, at, number): (usize, usize, i64)) {
        let (nodes, constants) = (graph.node.len(), graph.initializer.len());
        let other = graph.node[at.wrapping_mul(7) % nodes].clone();
        let node = &mut graph.node[at % nodes];
        match kind {
            0 => drop(node.output.pop()),
            1 => drop(node.input.pop()),
            2 => node.input.iter_mut().for_each(String::clear),
            3 => node.input.push(String::new()),
            4 => node.output.push("extra".to_owned()),
            5 => node.op_type = other.op_type,
            6 => node.input.clone_from(&other.input),
            7 => node.attribute.clear(),
            8 => node.attribute = window([1; 4], [number, 0]),
            9 => node.attribute = window([number; 4], [1, 1]),
            10 => node.attribute.push(AttributeProto::int("group", number)),
            11 => graph.initializer[at % constants].dims = vec![number.rem_euclid(3), 0, number],
            12 => graph.initializer[at % constants].dims.insert(0, 1),
            13 => graph.initializer[at % constants].dims.reverse(),
            14 => graph.input[0] = ValueInfoProto::tensor("x", 2, [1, number, number, 3].map(DimensionProto::fixed)),
            _ => graph.initializer[at % constants].data_type = 6,
        }
    }

    proptest::proptest! {
        /// A conversion that panics returns `Unreadable`.
        #[test]
        fn no_malformed_model_panics(
            changes in proptest::collection::vec((0_usize..16, 0_usize..64, proptest::num::i64::ANY), 1..4),
            small in proptest::bool::ANY,
        ) {
            let mut message = message();
            for (kind, at, number) in changes {
                let number = if small { number % 6 } else { number };
                change(message.graph.as_mut().unwrap(), (kind, at, number));
            }
            let result = convert(message);
            proptest::prop_assert!(!matches!(result, Err(Error::Unreadable(_))), "{result:?}");
        }
    }
}
