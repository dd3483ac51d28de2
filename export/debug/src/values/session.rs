//! ONNX Runtime's values. A value becomes visible as an output of the graph, and an output prevents the fusions that would
//! remove it. So a graph that runs as written gets all outputs at once, and an optimised graph runs once for each value (or
//! for a few values that are far apart in a large graph): everything before that value is then optimised as usual.

use std::collections::BTreeMap;

use burn_onnx_export::proto::{DataType, ModelProto};
use kiln_runtime::{Array, Optimisation, Runtime, Session, SessionOptions};
use prost::Message as _;

use super::{Execution, Values};
use crate::error::Result;
use crate::graph::{Graph, Port};

/// Most sessions for one optimised graph. In a larger graph, values share sessions.
const SESSIONS: usize = 64;

/// Opens models on the providers of a side.
#[derive(Clone)]
pub(crate) struct Runner {
    pub(crate) runtime: &'static Runtime,
    pub(crate) options: SessionOptions,
}

impl Runner {
    /// Opens a model.
    pub(crate) fn open(&self, name: &str, model: &ModelProto) -> Result<Session> {
        Ok(Session::open_bytes(self.runtime, name, &model.encode_to_vec(), &self.options)?)
    }

    /// Returns true if graphs run as written.
    pub(crate) fn as_written(&self) -> bool {
        self.options.optimisation == Optimisation::Off
    }
}

/// A graph whose intermediate values are outputs.
pub(crate) struct Tapped {
    sessions: Vec<(Session, Vec<Port>)>,
    /// Element type of each value that is a tensor.
    elements: BTreeMap<String, DataType>,
}

impl Tapped {
    /// Opens a graph with every value as an output.
    pub(crate) fn open(runner: &Runner, graph: &Graph) -> Result<Self> {
        let elements = elements(runner, graph)?;
        let wanted = |value: &&str| graph.maker(value).is_some() && elements.contains_key(*value);
        let ports: Vec<Port> = graph.values().into_iter().filter(wanted).map(|value| port(value, &elements)).collect();
        let sessions = if runner.as_written() {
            vec![(runner.open(graph.name(), &graph.tapped(&ports))?, ports)]
        } else {
            let groups = ports.len().clamp(1, SESSIONS);
            let group = |first: usize| -> Vec<Port> { ports.iter().skip(first).step_by(groups).cloned().collect() };
            let open = |ports: Vec<Port>| {
                let Some((first, more)) = ports.split_first() else { return Ok(None) };
                let session = runner.open(graph.name(), &graph.up_to(first, more))?;
                Ok(Some((session, ports)))
            };
            (0..groups).map(group).map(open).filter_map(Result::transpose).collect::<Result<_>>()?
        };
        Ok(Self { sessions, elements })
    }

    /// Element types by value.
    pub(crate) fn elements(&self) -> &BTreeMap<String, DataType> {
        &self.elements
    }

    /// The nodes that each provider ran, of the largest session: those of an optimised graph are cut off behind one value.
    pub(crate) fn nodes(&self) -> BTreeMap<String, usize> {
        let nodes = self.sessions.iter().map(|(session, _)| session.nodes());
        nodes.max_by_key(|nodes| nodes.values().sum::<usize>()).cloned().unwrap_or_default()
    }

    /// The provider, by the name that users type.
    pub(crate) fn provider(&self) -> String {
        self.sessions.first().map(|(session, _)| session.provider().to_owned()).unwrap_or_default()
    }
}

/// The type of every value, as ONNX Runtime infers it. Types do not depend on the provider, so the CPU is asked, without
/// optimisation.
pub(crate) fn elements(runner: &Runner, graph: &Graph) -> Result<BTreeMap<String, DataType>> {
    let values = graph.values();
    let untyped = |value: &&str| Port { value: (*value).to_owned(), element: None, dims: None };
    let computed = values.iter().filter(|value| graph.maker(value).is_some());
    let ports: Vec<Port> = computed.map(untyped).collect();
    let options = SessionOptions { optimisation: Optimisation::Off, ..SessionOptions::default() };
    let session = Runner { runtime: runner.runtime, options }.open(graph.name(), &graph.tapped(&ports))?;
    let known = session.outputs().iter().chain(session.inputs());
    Ok(known.filter_map(|port| Some((port.name.clone(), DataType::from_name(&port.dtype)?))).collect())
}

pub(crate) fn port(value: &str, elements: &BTreeMap<String, DataType>) -> Port {
    let element = Some(elements.get(value).copied().unwrap_or(DataType::Float));
    Port { value: value.to_owned(), element, dims: None }
}

impl Execution for Tapped {
    fn run(&mut self, inputs: &Values) -> Result<Values> {
        let mut values: BTreeMap<String, Array> = inputs.clone();
        for (session, ports) in &mut self.sessions {
            let wanted = session.inputs().iter().map(|port| port.name.clone()).collect::<Vec<_>>();
            let given = wanted.iter().filter_map(|name| Some((name.as_str(), inputs.get(name)?)));
            let outputs = session.run_named(given)?;
            values.extend(crate::graph::renamed(outputs, ports));
        }
        Ok(values)
    }
}
