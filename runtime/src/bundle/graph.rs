//! The parts of an ONNX file that a manifest makes statements about: ports, metadata, and the other files that the graph
//! wants to read. Weights are skipped. Field numbers as in onnx.proto3 (ONNX 1.19, IR version 12).
//!
//! The reader looks everywhere that ONNX Runtime looks: initializers, sparse initializers, tensors in attributes, graphs
//! in attributes, functions and training graphs.

use std::collections::{BTreeMap, BTreeSet};

use prost::{Message, Oneof};

use super::manifest::Dim;

/// `TensorProto.DataLocation.EXTERNAL`.
const EXTERNAL: i32 = 1;

/// The identifier of ONNX Runtime's own flatbuffer format, at byte 4. ONNX Runtime would read such a file by other rules
/// than these.
const ORT_FORMAT: &[u8] = b"ORTM";

/// A graph as far as it is looked at.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Graph {
    /// Inputs that a caller must give, in graph order.
    pub(super) inputs: Vec<Port>,
    /// Outputs, in graph order.
    pub(super) outputs: Vec<Port>,
    /// `metadata_props`.
    pub(super) metadata: BTreeMap<String, String>,
    /// References to other files.
    pub(super) external: Vec<External>,
}

/// A graph input or output.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Port {
    pub(super) name: String,
    /// Element type as a manifest writes it; what it is instead, if it is no tensor.
    pub(super) dtype: String,
    /// Dimensions; none where the graph states no shape.
    pub(super) shape: Option<Vec<Dim>>,
}

/// A part of another file that the graph wants to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct External {
    /// The tensor, or the node, that refers to the file.
    pub(super) of: String,
    /// The file as the graph names it, relative to the graph's folder.
    pub(super) location: String,
    /// First byte.
    pub(super) offset: u64,
    /// Number of bytes; to the end of the file if it is not stated.
    pub(super) length: Option<u64>,
}

impl Graph {
    /// Reads a graph from the bytes of its file.
    ///
    /// # Errors
    /// Why it is no ONNX graph, or which reference cannot be followed.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        if bytes.get(4..8) == Some(ORT_FORMAT) {
            return Err("is in ONNX Runtime's own format (ORT); a bundle holds ONNX graphs".to_owned());
        }
        let model = ModelProto::decode(bytes).map_err(|error| format!("is not an ONNX model: {error}"))?;
        let mut external = Vec::new();
        let graphs = model.graph.iter();
        let training = model.training_info.iter().flat_map(|info| info.initialization.iter().chain(&info.algorithm));
        graphs.chain(training).try_for_each(|graph| graph.collect(&mut external))?;
        for function in &model.functions {
            function.node.iter().try_for_each(|node| node.collect(&mut external))?;
            function.attribute_proto.iter().try_for_each(|attribute| attribute.collect(&mut external))?;
        }
        let graph = model.graph.ok_or("is not an ONNX model: it holds no graph")?;
        // Up to IR version 3 a weight is an input too, which a caller need not give.
        let constants: BTreeSet<&str> = graph.constants().collect();
        let needed = |port: &&ValueInfoProto| !constants.contains(port.name.as_str());
        Ok(Self {
            inputs: graph.input.iter().filter(needed).map(ValueInfoProto::port).collect(),
            outputs: graph.output.iter().map(ValueInfoProto::port).collect(),
            metadata: metadata(&model.metadata_props)?,
            external,
        })
    }
}

fn metadata(entries: &[Entry]) -> Result<BTreeMap<String, String>, String> {
    let mut metadata = BTreeMap::new();
    for Entry { key, value } in entries {
        if metadata.insert(key.clone(), value.clone()).is_some() {
            return Err(format!("has the metadata key `{}` twice", key.escape_debug()));
        }
    }
    Ok(metadata)
}

impl GraphProto {
    fn constants(&self) -> impl Iterator<Item = &str> {
        let sparse = self.sparse_initializer.iter().filter_map(|sparse| sparse.values.as_ref());
        self.initializer.iter().chain(sparse).map(|tensor| tensor.name.as_str())
    }

    fn collect(&self, found: &mut Vec<External>) -> Result<(), String> {
        self.initializer.iter().try_for_each(|tensor| tensor.collect(found))?;
        self.sparse_initializer.iter().try_for_each(|sparse| sparse.collect(found))?;
        self.node.iter().try_for_each(|node| node.collect(found))
    }
}

impl NodeProto {
    fn collect(&self, found: &mut Vec<External>) -> Result<(), String> {
        if self.op_type == "EPContext" {
            self.collect_context(found)?;
        }
        self.attribute.iter().try_for_each(|attribute| attribute.collect(found))
    }

    /// A compiled engine in a file of its own (ONNX Runtime, EP context design: `embed_mode` 0).
    fn collect_context(&self, found: &mut Vec<External>) -> Result<(), String> {
        let of = |name: &str| self.attribute.iter().find(|attribute| attribute.name == name);
        let embedded = of("embed_mode").is_none_or(|attribute| attribute.i != 0);
        let Some(context) = of("ep_cache_context").filter(|_| !embedded) else { return Ok(()) };
        let location = String::from_utf8(context.s.clone())
            .map_err(|_| "has an EPContext node whose file name is not UTF-8".to_owned())?;
        found.push(External { of: format!("node `{}`", self.name.escape_debug()), location, offset: 0, length: None });
        Ok(())
    }
}

impl AttributeProto {
    fn collect(&self, found: &mut Vec<External>) -> Result<(), String> {
        self.t.iter().chain(&self.tensors).try_for_each(|tensor| tensor.collect(found))?;
        self.sparse_tensor.iter().chain(&self.sparse_tensors).try_for_each(|sparse| sparse.collect(found))?;
        self.g.iter().chain(&self.graphs).try_for_each(|graph| graph.collect(found))
    }
}

impl SparseTensorProto {
    fn collect(&self, found: &mut Vec<External>) -> Result<(), String> {
        self.values.iter().chain(&self.indices).try_for_each(|tensor| tensor.collect(found))
    }
}

impl TensorProto {
    fn collect(&self, found: &mut Vec<External>) -> Result<(), String> {
        // Entries without the flag are looked at too: readers differ in which of the two they go by.
        if self.data_location != EXTERNAL && self.external_data.is_empty() {
            return Ok(());
        }
        let of = format!("tensor `{}`", self.name.escape_debug());
        let wrong = |reason: String| format!("has a {of} whose external data {reason}");
        let mut entries = BTreeMap::new();
        for Entry { key, value } in &self.external_data {
            if entries.insert(key.as_str(), value.as_str()).is_some() {
                return Err(wrong(format!("states `{}` twice", key.escape_debug())));
            }
        }
        let number = |key: &str| match entries.get(key) {
            None => Ok(None),
            Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text
                .parse::<u64>()
                .map(Some)
                .map_err(|error| wrong(format!("has the {key} `{}`: {error}", text.escape_debug()))),
            Some(text) => Err(wrong(format!("has the {key} `{}`, which is no number of bytes", text.escape_debug()))),
        };
        let location = entries.get("location").ok_or_else(|| wrong("names no file (`location`)".to_owned()))?;
        let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
        found.push(External { location: (*location).to_owned(), offset, length, of });
        Ok(())
    }
}

impl ValueInfoProto {
    fn port(&self) -> Port {
        let tensor = match self.kind.as_ref().and_then(|kind| kind.value.as_ref()) {
            Some(type_proto::Value::Tensor(tensor)) => tensor,
            Some(type_proto::Value::Other(_)) => {
                return Port { name: self.name.clone(), dtype: "not a tensor".to_owned(), shape: None };
            }
            None => return Port { name: self.name.clone(), dtype: "no type".to_owned(), shape: None },
        };
        let dim = |dim: &Dimension| match &dim.value {
            Some(dimension::Value::Length(length)) => {
                u64::try_from(*length).map_or(Dim::Symbolic(String::new()), Dim::Fixed)
            }
            Some(dimension::Value::Name(name)) => Dim::Symbolic(name.clone()),
            None => Dim::Symbolic(String::new()),
        };
        Port {
            name: self.name.clone(),
            dtype: dtype(tensor.elem_type),
            shape: tensor.shape.as_ref().map(|shape| shape.dim.iter().map(dim).collect()),
        }
    }
}

/// `TensorProto.DataType` by the name that a manifest has for it.
fn dtype(number: i32) -> String {
    let name = match number {
        1 => "float32",
        2 => "uint8",
        3 => "int8",
        4 => "uint16",
        5 => "int16",
        6 => "int32",
        7 => "int64",
        8 => "string",
        9 => "bool",
        10 => "float16",
        11 => "float64",
        12 => "uint32",
        13 => "uint64",
        16 => "bfloat16",
        other => return format!("ONNX element type {other}"),
    };
    name.to_owned()
}

#[derive(Clone, PartialEq, Message)]
struct ModelProto {
    #[prost(message, optional, tag = "7")]
    graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "14")]
    metadata_props: Vec<Entry>,
    #[prost(message, repeated, tag = "20")]
    training_info: Vec<TrainingInfoProto>,
    #[prost(message, repeated, tag = "25")]
    functions: Vec<FunctionProto>,
}

/// `StringStringEntryProto`.
#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct TrainingInfoProto {
    #[prost(message, optional, tag = "1")]
    initialization: Option<GraphProto>,
    #[prost(message, optional, tag = "2")]
    algorithm: Option<GraphProto>,
}

#[derive(Clone, PartialEq, Message)]
struct FunctionProto {
    #[prost(message, repeated, tag = "7")]
    node: Vec<NodeProto>,
    #[prost(message, repeated, tag = "11")]
    attribute_proto: Vec<AttributeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    node: Vec<NodeProto>,
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    input: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "12")]
    output: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "15")]
    sparse_initializer: Vec<SparseTensorProto>,
}

#[derive(Clone, PartialEq, Message)]
struct NodeProto {
    #[prost(string, tag = "3")]
    name: String,
    #[prost(string, tag = "4")]
    op_type: String,
    #[prost(message, repeated, tag = "5")]
    attribute: Vec<AttributeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct AttributeProto {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(int64, tag = "3")]
    i: i64,
    #[prost(bytes = "vec", tag = "4")]
    s: Vec<u8>,
    #[prost(message, optional, tag = "5")]
    t: Option<TensorProto>,
    #[prost(message, optional, tag = "6")]
    g: Option<GraphProto>,
    #[prost(message, repeated, tag = "10")]
    tensors: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    graphs: Vec<GraphProto>,
    #[prost(message, optional, tag = "22")]
    sparse_tensor: Option<SparseTensorProto>,
    #[prost(message, repeated, tag = "23")]
    sparse_tensors: Vec<SparseTensorProto>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorProto {
    #[prost(string, tag = "8")]
    name: String,
    #[prost(message, repeated, tag = "13")]
    external_data: Vec<Entry>,
    #[prost(int32, tag = "14")]
    data_location: i32,
}

#[derive(Clone, PartialEq, Message)]
struct SparseTensorProto {
    #[prost(message, optional, tag = "1")]
    values: Option<TensorProto>,
    #[prost(message, optional, tag = "2")]
    indices: Option<TensorProto>,
}

#[derive(Clone, PartialEq, Message)]
struct ValueInfoProto {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    kind: Option<TypeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct TypeProto {
    #[prost(oneof = "type_proto::Value", tags = "1, 4")]
    value: Option<type_proto::Value>,
}

mod type_proto {
    use super::{Oneof, TensorType};

    #[derive(Clone, PartialEq, Oneof)]
    pub(super) enum Value {
        #[prost(message, tag = "1")]
        Tensor(TensorType),
        /// A sequence; maps, sparse tensors and optional values are unknown fields here, so no type at all.
        #[prost(bytes, tag = "4")]
        Other(Vec<u8>),
    }
}

#[derive(Clone, PartialEq, Message)]
struct TensorType {
    #[prost(int32, tag = "1")]
    elem_type: i32,
    #[prost(message, optional, tag = "2")]
    shape: Option<TensorShapeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorShapeProto {
    #[prost(message, repeated, tag = "1")]
    dim: Vec<Dimension>,
}

#[derive(Clone, PartialEq, Message)]
struct Dimension {
    #[prost(oneof = "dimension::Value", tags = "1, 2")]
    value: Option<dimension::Value>,
}

mod dimension {
    use super::Oneof;

    #[derive(Clone, PartialEq, Oneof)]
    pub(super) enum Value {
        #[prost(int64, tag = "1")]
        Length(i64),
        #[prost(string, tag = "2")]
        Name(String),
    }
}

#[cfg(test)]
mod tests;
