//! A model of any origin: read whole, checked for everything that a bundle cannot hold, and never executed here.

mod check;
mod external;
mod names;
mod walk;
mod zip_map;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use burn_onnx_export::proto::{DataType, GraphProto, Message as _, ModelProto, NodeProto, ValueInfoProto};
use kiln_files::digest::sha256_hex;
use prost::bytes::Bytes;

pub(super) use external::ExternalFile;
pub(super) use names::{Names, rename, separate_nodes};
pub(super) use walk::{for_each_graph, for_each_node, for_each_tensor};
pub(super) use zip_map::ZipMap;

use super::ImportError;
use crate::BundleError;

/// The longest graph file: protobuf's own limit.
const LIMIT: u64 = i32::MAX as u64;

/// The identifier of ONNX Runtime's own format, at byte 4.
const ORT_FORMAT: &[u8] = b"ORTM";

/// IR version from which initializers need not be inputs.
const FREE_INITIALIZERS: i64 = 4;

/// The newest IR version that a bundle's graph states. Readers refuse a version that they do not know, even if the model
/// uses nothing of it; versions 11 to 14 only added element types and annotations of devices.
const NEWEST_IR: i64 = 10;

/// A checked model.
#[derive(Debug, Clone)]
pub(super) struct Foreign {
    /// The file.
    pub(super) path: PathBuf,
    /// SHA-256 of the file.
    pub(super) sha256: String,
    /// The message, with weights in other files named as in the bundle.
    pub(super) proto: ModelProto,
    /// Files that hold weights.
    pub(super) external: Vec<ExternalFile>,
    /// Opset of the standard operators.
    pub(super) opset: i64,
    /// The only input.
    pub(super) input: DeclaredInput,
    /// Outputs that are tensors of numbers, in order.
    pub(super) outputs: Vec<DeclaredOutput>,
    /// Outputs that are left out, each with the reason.
    pub(super) skipped: Vec<(String, String)>,
    /// Class names that the model itself holds.
    pub(super) classes: Vec<String>,
    /// True if the file had to be changed before ONNX Runtime can read it, or exchange its inputs and outputs with Rust.
    pub(super) adapted: bool,
}

/// The input as the model declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DeclaredInput {
    pub(super) name: String,
    /// `TensorProto.DataType`.
    pub(super) element: i32,
    /// Axes, unknown ones as `None`; no list if the rank is unknown.
    pub(super) dims: Option<Vec<Option<usize>>>,
}

impl DeclaredInput {
    /// The element type in words.
    pub(super) fn kind(&self) -> String {
        element_name(self.element)
    }

    /// `[?, 3, 224, 224]`.
    pub(super) fn shape(&self) -> String {
        let Some(dims) = &self.dims else { return "of unknown rank".to_owned() };
        let sizes: Vec<String> = dims.iter().map(|size| size.map_or("?".to_owned(), |size| size.to_string())).collect();
        format!("[{}]", sizes.join(", "))
    }

    /// The batch, if it is a number.
    pub(super) fn batch(&self) -> Option<usize> {
        self.dims.as_ref()?.first().copied().flatten()
    }
}

/// An output that is a tensor of numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DeclaredOutput {
    /// Name in the graph.
    pub(super) name: String,
    /// `TensorProto.DataType`; 0 if the model does not declare it.
    pub(super) element: i32,
}

impl Foreign {
    /// Reads and checks a model.
    pub(super) fn open(path: &Path) -> Result<Self, BundleError> {
        let failed = BundleError::io(path);
        let not_onnx = |reason: String| ImportError::NotOnnx { path: path.to_owned(), reason };
        let metadata = match std::fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(not_onnx("no such file".to_owned()).into()),
            metadata => metadata.map_err(&failed)?,
        };
        if !metadata.is_file() {
            return Err(not_onnx("not a file; give the .onnx file of the model".to_owned()).into());
        }
        if metadata.len() > LIMIT {
            return Err(ImportError::TooLarge { path: path.to_owned(), bytes: metadata.len() }.into());
        }
        let bytes = std::fs::read(path).map_err(&failed)?;
        if bytes.get(4..8) == Some(ORT_FORMAT) {
            let reason = "in ONNX Runtime's own format (ORT), which cannot be changed; give the .onnx file";
            return Err(not_onnx(reason.to_owned()).into());
        }
        let sha256 = sha256_hex(&bytes);
        let proto = ModelProto::decode(Bytes::from(bytes));
        let proto = proto.map_err(|error| not_onnx(format!("not an ONNX model: {error}")))?;
        Ok(Self::checked(path, sha256, proto)?)
    }

    fn checked(path: &Path, sha256: String, mut proto: ModelProto) -> Result<Self, ImportError> {
        let not_onnx = |reason: &str| ImportError::NotOnnx {
            path: path.to_owned(),
            reason: format!("not an ONNX model: {reason}"),
        };
        if proto.graph.is_none() {
            return Err(not_onnx("it holds no graph"));
        }
        check::operators(path, &proto)?;
        let opset = check::opset(path, &mut proto)?;
        let external = external::resolve(path, &mut proto)?;
        // A bundle's graph is for inference, and its weights are constants.
        proto.training_info.clear();
        let graph = proto.graph.as_mut().ok_or_else(|| not_onnx("it holds no graph"))?;
        let constants = check::constants(graph);
        graph.input.retain(|port| !constants.contains(&port.name));
        let mut adapted = proto.ir_version > NEWEST_IR;
        proto.ir_version = proto.ir_version.clamp(FREE_INITIALIZERS, NEWEST_IR);
        let graph = proto.graph.as_mut().ok_or_else(|| not_onnx("it holds no graph"))?;
        let input = check::input(path, graph)?;
        let mut classes = Vec::new();
        for map in ZipMap::find(graph) {
            adapted = true;
            classes = map.classes.clone();
            map.bypass(graph);
        }
        adapted |= separate_nodes(graph);
        let mut outputs = Vec::new();
        let mut skipped = Vec::new();
        for port in &graph.output {
            match check::output(port) {
                Ok(output) => outputs.push(output),
                Err(reason) => skipped.push((port.name.clone(), reason)),
            }
        }
        let path = path.to_owned();
        Ok(Self { path, sha256, proto, external, opset, input, outputs, skipped, classes, adapted })
    }

    /// The graph.
    pub(super) fn graph(&self) -> &GraphProto {
        // Checked when the model was read.
        static EMPTY: std::sync::OnceLock<GraphProto> = std::sync::OnceLock::new();
        self.proto.graph.as_ref().unwrap_or_else(|| EMPTY.get_or_init(GraphProto::default))
    }

    /// Number of elements of all floating-point weights.
    pub(super) fn parameters(&self) -> u64 {
        let mut sum = 0_u64;
        for_each_tensor(&mut self.proto.clone(), &mut |tensor| {
            // Floats, and the 8-bit integers of quantised weights.
            let is_weight = |kind: DataType| kind.is_float() || matches!(kind, DataType::Uint8 | DataType::Int8);
            if DataType::from_code(tensor.data_type).is_some_and(is_weight) {
                sum = sum.saturating_add(tensor.elements().unwrap_or(0));
            }
        });
        sum
    }

    /// Nodes that draw random numbers.
    pub(super) fn random_nodes(&self) -> Vec<String> {
        const RANDOM: [&str; 6] =
            ["RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"];
        let mut found = Vec::new();
        for_each_node(&self.proto, &mut |node: &NodeProto| {
            if RANDOM.contains(&node.op_type.as_str()) {
                found.push(format!("{} `{}`", node.op_type, node.name));
            }
        });
        found
    }

    /// True if the model computes in 16-bit floats: weights, constants within nodes, or conversions.
    pub(super) fn is_half(&self) -> bool {
        let half =
            |element: i64| i32::try_from(element).ok().and_then(DataType::from_code).is_some_and(DataType::is_half);
        let mut found = self.graph().initializer.iter().any(|tensor| half(tensor.data_type.into()));
        for_each_node(&self.proto, &mut |node: &NodeProto| {
            let converts = |name: &str| node.op_type == "Cast" && name == "to";
            found |= node.attribute.iter().any(|attribute| {
                let constant = attribute.t.as_ref().is_some_and(|tensor| half(tensor.data_type.into()));
                constant || (converts(&attribute.name) && half(attribute.i()))
            });
        });
        found
    }
}

/// A type in words.
pub(super) fn type_name(port: &ValueInfoProto) -> String {
    let Some(kind) = &port.r#type else { return "of unknown type".to_owned() };
    if kind.sequence_type.is_some() {
        "a sequence".to_owned()
    } else if kind.map_type.is_some() {
        "a map".to_owned()
    } else if kind.optional_type.is_some() {
        "an optional value".to_owned()
    } else if kind.sparse_tensor_type.is_some() {
        "a sparse tensor".to_owned()
    } else if kind.opaque_type.is_some() {
        "a value of a custom type".to_owned()
    } else {
        kind.tensor_type.as_ref().map_or("of unknown type".to_owned(), |tensor| element_name(tensor.elem_type))
    }
}

/// `TensorProto.DataType` in words.
pub(super) fn element_name(code: i32) -> String {
    match DataType::from_code(code).and_then(DataType::name) {
        Some("string") => "strings".to_owned(),
        Some(name) => name.to_owned(),
        None => format!("of ONNX element type {code}"),
    }
}

/// The number of the type that ONNX Runtime names so; 0 for a name that is no type of ONNX.
pub(super) fn code_of(name: &str) -> i32 {
    DataType::from_name(name).unwrap_or(DataType::Undefined).code()
}
