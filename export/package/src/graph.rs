//! A graph as servers see it: every port is a tensor of a known element type, and all ports share one batch axis. Reading
//! graphs, and comparing them with the manifest, is left to `kiln_runtime::bundle`.

use std::collections::BTreeMap;
use std::path::Path;

use kiln_runtime::bundle::manifest::Dim;
use kiln_runtime::bundle::{Graph, GraphPort};

use crate::element::Element;
use crate::error::{Error, Result};

/// A graph that a server can load.
#[derive(Debug, Clone)]
pub(crate) struct ServedGraph {
    pub(crate) inputs: Vec<Port>,
    pub(crate) outputs: Vec<Port>,
    pub(crate) batch: BatchRule,
    /// The graph's metadata.
    pub(crate) metadata: BTreeMap<String, String>,
}

/// A graph input or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Port {
    pub(crate) name: String,
    pub(crate) element: Element,
    /// Dimensions: a number, or the name of a symbolic axis.
    pub(crate) shape: Vec<Dim>,
}

/// The batch axis of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BatchRule {
    /// The first axis of every port is symbolic: any number of tiles.
    Symbolic,
    /// The first axis of every port has this length.
    Fixed(u64),
}

impl ServedGraph {
    /// The graph that was read from the file at `path`.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if no server can load it: a port is no tensor of a known type, or the ports disagree on the
    /// batch axis.
    pub(crate) fn new(graph: &Graph, path: &Path) -> Result<Self> {
        let ports = |kind: &str, ports: &[GraphPort]| -> Result<Vec<Port>> {
            let named = |(at, found)| port(found).map_err(|why| Error::mismatch(path, format!("{kind}[{at}]"), why));
            ports.iter().enumerate().map(named).collect()
        };
        let (inputs, outputs) = (ports("inputs", &graph.inputs)?, ports("outputs", &graph.outputs)?);
        let batch = batch_rule(path, &inputs, &outputs)?;
        Ok(Self { inputs, outputs, batch, metadata: graph.metadata.clone() })
    }
}

fn port(port: &GraphPort) -> std::result::Result<Port, String> {
    let GraphPort { name, dtype, shape } = port;
    let element = Element::from_dtype(dtype).ok_or_else(|| format!("no server here supports `{name}`: {dtype}"))?;
    let shape = shape.clone().ok_or_else(|| format!("`{name}` has no shape"))?;
    Ok(Port { name: name.clone(), element, shape })
}

/// Servers batch along the first axis of every port, or of none: a server does not start on a graph with an odd port.
fn batch_rule(path: &Path, inputs: &[Port], outputs: &[Port]) -> Result<BatchRule> {
    let (first, rest) = inputs
        .split_first()
        .ok_or_else(|| Error::mismatch(path, "inputs", "the graph has none, so there is nothing to serve"))?;
    let rule = first_axis(path, first)?;
    for port in rest.iter().chain(outputs) {
        let other = first_axis(path, port)?;
        if other != rule {
            let reason = format!("its first axis is {other:?} and that of `{}` is {rule:?}", first.name);
            return Err(Error::mismatch(path, &port.name, reason));
        }
    }
    Ok(rule)
}

fn first_axis(path: &Path, port: &Port) -> Result<BatchRule> {
    match port.shape.first() {
        Some(Dim::Fixed(length)) => Ok(BatchRule::Fixed(*length)),
        Some(Dim::Symbolic(_)) => Ok(BatchRule::Symbolic),
        None => Err(Error::mismatch(path, &port.name, "a number without axes has no place for a batch")),
    }
}
