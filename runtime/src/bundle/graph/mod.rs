//! The parts of an ONNX file that a manifest describes: ports, metadata, and the other files that the graph reads. Weights
//! are skipped. Checking them against a manifest is left to the bundle.
//!
//! The reader looks everywhere that ONNX Runtime looks: initializers, sparse initializers, tensors in attributes, graphs
//! in attributes, functions and training graphs.

mod proto;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use prost::Message as _;

use super::file;
use super::manifest::Dim;
use crate::error::Error;
use proto::{
    AttributeProto, Dimension, Entry, GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto,
    ValueInfoProto, dimension, type_proto,
};

/// `TensorProto.DataLocation.EXTERNAL`.
const EXTERNAL: i32 = 1;

/// The identifier of ONNX Runtime's own flatbuffer format, at byte 4. ONNX Runtime would read such a file by other rules
/// than these.
const ORT_FORMAT: &[u8] = b"ORTM";

/// The ports, metadata and file references of an ONNX graph.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Graph {
    /// Inputs that a caller must give, in graph order.
    pub inputs: Vec<GraphPort>,
    /// Outputs, in graph order.
    pub outputs: Vec<GraphPort>,
    /// `metadata_props`.
    pub metadata: BTreeMap<String, String>,
    /// References to other files.
    pub external: Vec<ExternalData>,
}

/// A graph input or output.
#[derive(Debug, Clone, PartialEq)]
pub struct GraphPort {
    /// Name in the graph.
    pub name: String,
    /// Element type by its name in a manifest, such as `uint8`; for a port that is no tensor, a description.
    pub dtype: String,
    /// Dimensions; none where the graph states no shape.
    pub shape: Option<Vec<Dim>>,
}

/// A part of another file that the graph reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalData {
    /// The tensor or node that refers to the file.
    pub of: String,
    /// The file as the graph names it, relative to the graph's folder.
    pub location: String,
    /// First byte.
    pub offset: u64,
    /// Number of bytes; none for all bytes up to the end of the file.
    pub length: Option<u64>,
}

impl Graph {
    /// Reads an ONNX file. Nothing about it is checked: [`super::Bundle::graph`] returns graphs that agree with a manifest.
    ///
    /// # Errors
    /// [`Error::Graph`] if the file is unreadable, too long or no ONNX graph.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let bytes = file::read_at_most(path, super::GRAPH_LIMIT);
        let graph = bytes.and_then(|bytes| Self::from_bytes(&bytes));
        graph.map_err(|reason| Error::Graph { model: path.display().to_string(), reason })
    }

    /// Reads a graph from the bytes of its file.
    ///
    /// # Errors
    /// The reason why the bytes are no ONNX graph, or the reference that cannot be followed.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        if bytes.get(4..8) == Some(ORT_FORMAT) {
            return Err("in ONNX Runtime's own format (ORT); a bundle holds ONNX graphs".to_owned());
        }
        let model = ModelProto::decode(bytes).map_err(|error| format!("not an ONNX model: {error}"))?;
        let mut external = Vec::new();
        let graphs = model.graph.iter();
        let training = model.training_info.iter().flat_map(|info| info.initialization.iter().chain(&info.algorithm));
        graphs.chain(training).try_for_each(|graph| graph.collect(&mut external))?;
        for function in &model.functions {
            function.node.iter().try_for_each(|node| node.collect(&mut external))?;
            function.attribute_proto.iter().try_for_each(|attribute| attribute.collect(&mut external))?;
        }
        let graph = model.graph.ok_or("not an ONNX model: it holds no graph")?;
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
            return Err(format!("the metadata has `{}` twice", key.escape_debug()));
        }
    }
    Ok(metadata)
}

impl GraphProto {
    fn constants(&self) -> impl Iterator<Item = &str> {
        let sparse = self.sparse_initializer.iter().filter_map(|sparse| sparse.values.as_ref());
        self.initializer.iter().chain(sparse).map(|tensor| tensor.name.as_str())
    }

    fn collect(&self, found: &mut Vec<ExternalData>) -> Result<(), String> {
        self.initializer.iter().try_for_each(|tensor| tensor.collect(found))?;
        self.sparse_initializer.iter().try_for_each(|sparse| sparse.collect(found))?;
        self.node.iter().try_for_each(|node| node.collect(found))
    }
}

impl NodeProto {
    fn collect(&self, found: &mut Vec<ExternalData>) -> Result<(), String> {
        if self.op_type == "EPContext" {
            self.collect_context(found)?;
        }
        self.attribute.iter().try_for_each(|attribute| attribute.collect(found))
    }

    /// Adds a compiled engine in a separate file (ONNX Runtime, EP context design: `embed_mode` 0).
    fn collect_context(&self, found: &mut Vec<ExternalData>) -> Result<(), String> {
        let of = |name: &str| self.attribute.iter().find(|attribute| attribute.name == name);
        let embedded = of("embed_mode").is_none_or(|attribute| attribute.i != 0);
        let Some(context) = of("ep_cache_context").filter(|_| !embedded) else { return Ok(()) };
        let location = String::from_utf8(context.s.clone())
            .map_err(|_| "the file name of an EPContext node is not UTF-8".to_owned())?;
        found.push(ExternalData {
            of: format!("node `{}`", self.name.escape_debug()),
            location,
            offset: 0,
            length: None,
        });
        Ok(())
    }
}

impl AttributeProto {
    fn collect(&self, found: &mut Vec<ExternalData>) -> Result<(), String> {
        self.t.iter().chain(&self.tensors).try_for_each(|tensor| tensor.collect(found))?;
        self.sparse_tensor.iter().chain(&self.sparse_tensors).try_for_each(|sparse| sparse.collect(found))?;
        self.g.iter().chain(&self.graphs).try_for_each(|graph| graph.collect(found))
    }
}

impl SparseTensorProto {
    fn collect(&self, found: &mut Vec<ExternalData>) -> Result<(), String> {
        self.values.iter().chain(&self.indices).try_for_each(|tensor| tensor.collect(found))
    }
}

impl TensorProto {
    fn collect(&self, found: &mut Vec<ExternalData>) -> Result<(), String> {
        // Entries without the flag count too: some readers go by the flag, some by the entries.
        if self.data_location != EXTERNAL && self.external_data.is_empty() {
            return Ok(());
        }
        let of = format!("tensor `{}`", self.name.escape_debug());
        let wrong = |reason: String| format!("the external data of {of} {reason}");
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
        found.push(ExternalData { location: (*location).to_owned(), offset, length, of });
        Ok(())
    }
}

impl ValueInfoProto {
    fn port(&self) -> GraphPort {
        let tensor = match self.kind.as_ref().and_then(|kind| kind.value.as_ref()) {
            Some(type_proto::Value::Tensor(tensor)) => tensor,
            Some(type_proto::Value::Other(_)) => {
                return GraphPort { name: self.name.clone(), dtype: "not a tensor".to_owned(), shape: None };
            }
            None => return GraphPort { name: self.name.clone(), dtype: "no type".to_owned(), shape: None },
        };
        let dim = |dim: &Dimension| match &dim.value {
            Some(dimension::Value::Length(length)) => {
                u64::try_from(*length).map_or(Dim::Symbolic(String::new()), Dim::Fixed)
            }
            Some(dimension::Value::Name(name)) => Dim::Symbolic(name.clone()),
            None => Dim::Symbolic(String::new()),
        };
        GraphPort {
            name: self.name.clone(),
            dtype: dtype(tensor.elem_type),
            shape: tensor.shape.as_ref().map(|shape| shape.dim.iter().map(dim).collect()),
        }
    }
}

/// The manifest's name of a `TensorProto.DataType`.
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

#[cfg(test)]
mod tests;
