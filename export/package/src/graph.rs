//! What a graph file says of itself: its ports, and the files that hold its weights. Read from the file that will be
//! served, not from what the manifest says of it; the two are compared ([`Graph::agrees`]).

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use kiln_runtime::bundle::manifest::{Dim, Manifest, Port as Stated};
use protobuf::{CodedInputStream, Message as _};

use crate::element::Element;
use crate::error::{Error, Result};
use crate::proto::onnx::tensor_shape_proto::dimension::Value;
use crate::proto::onnx::{GraphProto, ModelProto, TensorProto, ValueInfoProto};

/// `TensorProto.DataLocation.EXTERNAL` in onnx.proto.
const EXTERNAL: i32 = 1;

/// A graph input or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Port {
    pub(crate) name: String,
    pub(crate) element: Element,
    /// Dimensions: a number, or the name of a symbolic axis.
    pub(crate) shape: Vec<Dim>,
}

/// How a graph takes its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BatchRule {
    /// The first axis of every port is symbolic: any number of tiles.
    Symbolic,
    /// The first axis is this number everywhere.
    Fixed(u64),
}

/// Ports and weight files of a graph.
#[derive(Debug, Clone)]
pub(crate) struct Graph {
    pub(crate) inputs: Vec<Port>,
    pub(crate) outputs: Vec<Port>,
    pub(crate) batch: BatchRule,
    /// Files that hold weights, as the graph names them: relative to the folder of the graph.
    pub(crate) external: BTreeSet<String>,
}

impl Graph {
    /// Reads a graph file.
    ///
    /// # Errors
    /// If it is no ONNX model, a port has no tensor type, or the ports do not agree on the batch axis.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let mut reader = BufReader::new(File::open(path).map_err(Error::read(path))?);
        let mut stream = CodedInputStream::from_buf_read(&mut reader);
        let model = ModelProto::parse_from(&mut stream)
            .map_err(|error| Error::argument(path.display(), format!("not an ONNX model: {error}")))?;
        let graph = model.graph.0.unwrap_or_default();
        let mut external = BTreeSet::new();
        collect_external(&graph, &mut external);
        let ports = |kind: &str, ports: &[ValueInfoProto]| -> Result<Vec<Port>> {
            let named = |(at, port)| read_port(port).map_err(|why| Error::mismatch(path, format!("{kind}[{at}]"), why));
            ports.iter().enumerate().map(named).collect()
        };
        let (inputs, outputs) = (ports("inputs", &graph.input)?, ports("outputs", &graph.output)?);
        let batch = batch_rule(path, &inputs, &outputs)?;
        Ok(Self { inputs, outputs, batch, external })
    }

    /// Compares with what the manifest states of the same graph.
    ///
    /// # Errors
    /// [`Error::Mismatch`] with the field of the manifest that differs.
    pub(crate) fn agrees(&self, manifest: &Manifest, path: &Path) -> Result<()> {
        compare("inputs", &manifest.inputs, &self.inputs, path)?;
        compare("outputs", &manifest.outputs, &self.outputs, path)
    }
}

fn compare(kind: &str, stated: &[Stated], found: &[Port], path: &Path) -> Result<()> {
    let differs = |field: String, says: &dyn std::fmt::Debug, has: &dyn std::fmt::Debug| {
        Err(Error::mismatch(path, field, format!("the manifest says {says:?} and the graph has {has:?}")))
    };
    if stated.len() != found.len() {
        let names: Vec<&str> = found.iter().map(|port| port.name.as_str()).collect();
        return differs(kind.to_owned(), &stated.iter().map(|port| &port.name).collect::<Vec<_>>(), &names);
    }
    for (at, (says, has)) in stated.iter().zip(found).enumerate() {
        if says.name != has.name {
            return differs(format!("{kind}[{at}].name"), &says.name, &has.name);
        }
        if says.dtype != has.element.name {
            return differs(format!("{kind}[{at}].dtype of {}", says.name), &says.dtype, &has.element.name);
        }
        if says.shape != has.shape {
            return differs(format!("{kind}[{at}].shape of {}", says.name), &says.shape, &has.shape);
        }
    }
    Ok(())
}

fn read_port(port: &ValueInfoProto) -> std::result::Result<Port, String> {
    let tensor = &port.type_.tensor_type;
    let number = tensor.elem_type;
    let element = Element::of_onnx(number)
        .ok_or_else(|| format!("`{}` has ONNX element type {number}, which no server here takes", port.name))?;
    let dims = tensor.shape.dim.iter().map(|dim| match &dim.value {
        Some(Value::DimValue(length)) => u64::try_from(*length).map_or(Dim::Symbolic(String::new()), Dim::Fixed),
        Some(Value::DimParam(name)) => Dim::Symbolic(name.clone()),
        None => Dim::Symbolic(String::new()),
    });
    Ok(Port { name: port.name.clone(), element, shape: dims.collect() })
}

/// Servers batch along the first axis of every port, or of none: one odd port is a server that does not start.
fn batch_rule(path: &Path, inputs: &[Port], outputs: &[Port]) -> Result<BatchRule> {
    let (first, rest) = inputs
        .split_first()
        .ok_or_else(|| Error::mismatch(path, "inputs", "the graph has none, so there is nothing to serve"))?;
    let rule = rule_of(path, first)?;
    for port in rest.iter().chain(outputs) {
        let other = rule_of(path, port)?;
        if other != rule {
            let reason = format!("its first axis is {other:?} and that of `{}` is {rule:?}", first.name);
            return Err(Error::mismatch(path, &port.name, reason));
        }
    }
    Ok(rule)
}

fn rule_of(path: &Path, port: &Port) -> Result<BatchRule> {
    match port.shape.first() {
        Some(Dim::Fixed(length)) => Ok(BatchRule::Fixed(*length)),
        Some(Dim::Symbolic(_)) => Ok(BatchRule::Symbolic),
        None => Err(Error::mismatch(path, &port.name, "a number without axes has no place for a batch")),
    }
}

/// Weight files of a graph and of the graphs inside its nodes.
fn collect_external(graph: &GraphProto, files: &mut BTreeSet<String>) {
    graph.initializer.iter().for_each(|tensor| add_location(tensor, files));
    for attribute in graph.node.iter().flat_map(|node| &node.attribute) {
        attribute.tensors.iter().chain(attribute.t.as_ref()).for_each(|tensor| add_location(tensor, files));
        attribute.graphs.iter().chain(attribute.g.as_ref()).for_each(|inner| collect_external(inner, files));
    }
}

fn add_location(tensor: &TensorProto, files: &mut BTreeSet<String>) {
    if tensor.data_location == EXTERNAL {
        let location = tensor.external_data.iter().find(|entry| entry.key == "location");
        files.insert(location.map(|entry| entry.value.clone()).unwrap_or_default());
    }
}
