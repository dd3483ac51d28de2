//! One side of a comparison: a graph, and an execution that gives every value by its name in the graph.

mod name;
mod open;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use burn_onnx_export::proto::{DataType, ModelProto};
use burn_onnx_export::{OnnxModel, Recorded};
use kiln_runtime::{Array, Optimisation, Runtime, SessionOptions};

pub use name::SideName;
pub use open::{OpenOptions, Opened, open};

use crate::error::Result;
use crate::graph::Graph;
use crate::values::{Execution as _, Recording, Runner, Tapped, Values};

/// Rows of a batch where graph and recording leave the choice: few, since every intermediate value is kept.
pub(crate) const BATCH: usize = 2;

/// One side of a comparison.
pub struct Side {
    label: String,
    graph: Graph,
    /// Runs pieces of the graph.
    runner: Runner,
    kind: Kind,
    /// Element types of the graph's values, from the first call of [`Side::elements`] without an open session.
    elements: OnceLock<BTreeMap<String, DataType>>,
}

/// The origin of the values.
enum Kind {
    /// burn, and ONNX Runtime for the values between the results of burn's operations.
    Burn { recording: Box<Recording>, between: Option<Box<Between>> },
    /// ONNX Runtime; none before the first run.
    Runtime(Option<Tapped>),
}

/// The nodes of the exported graph that compute values inside a lowering, which burn does not have.
struct Between {
    session: Option<kiln_runtime::Session>,
    inputs: Vec<crate::graph::Port>,
    outputs: Vec<crate::graph::Port>,
}

/// The values of a batch.
pub(crate) struct Given {
    pub(crate) values: Values,
    /// Names of values that the exported graph computed between burn's own.
    pub(crate) between: BTreeSet<String>,
}

impl Side {
    /// burn: the recording behind an exported model. Values inside a lowering, which burn does not have, are computed by
    /// the model's own nodes from burn's values around them.
    ///
    /// # Errors
    /// If a parameter cannot be read.
    pub fn from_recording(
        label: impl Into<String>,
        model: &OnnxModel,
        recorded: Recorded,
        runtime: &'static Runtime,
    ) -> Result<Self> {
        let label = label.into();
        let graph = Graph::new(&label, model.to_message()?)?;
        let options = SessionOptions { optimisation: Optimisation::Off, ..SessionOptions::default() };
        let kind = Kind::Burn { recording: Box::new(Recording::new(recorded)?), between: None };
        Ok(Self { label, graph, runner: Runner { runtime, options }, kind, elements: OnceLock::new() })
    }

    /// ONNX Runtime on a model whose weights are in the message.
    ///
    /// # Errors
    /// [`crate::DebugError::Graph`] if the model is no valid graph.
    pub fn from_model(
        label: impl Into<String>,
        model: ModelProto,
        runtime: &'static Runtime,
        options: SessionOptions,
    ) -> Result<Self> {
        let label = label.into();
        let graph = Graph::new(&label, model)?;
        Ok(Self::from_graph(label, graph, runtime, options))
    }

    /// ONNX Runtime on a graph.
    #[must_use]
    pub fn from_graph(
        label: impl Into<String>,
        graph: Graph,
        runtime: &'static Runtime,
        options: SessionOptions,
    ) -> Self {
        let (runner, kind) = (Runner { runtime, options }, Kind::Runtime(None));
        Self { label: label.into(), graph, runner, kind, elements: OnceLock::new() }
    }

    /// The name of the side in reports.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The graph; burn's is a fresh export.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The ONNX Runtime that runs the graph, or pieces of it.
    #[must_use]
    pub fn runtime(&self) -> &'static Runtime {
        self.runner.runtime
    }

    /// The options of the side's sessions.
    #[must_use]
    pub fn options(&self) -> &SessionOptions {
        &self.runner.options
    }

    pub(crate) fn runner(&self) -> &Runner {
        &self.runner
    }

    /// The only batch that the side runs, if there is one.
    pub(crate) fn fixed_batch(&self) -> Option<usize> {
        match &self.kind {
            Kind::Burn { recording, .. } => recording.batch(),
            Kind::Runtime(_) => self.graph.fixed_batch(),
        }
    }

    /// Every value for one batch of inputs, by its name in the graph. A side with a fixed batch accepts no other.
    ///
    /// # Errors
    /// If an input is missing or has another shape, or the side cannot be run.
    pub fn values(&mut self, inputs: &BTreeMap<String, Array>) -> Result<BTreeMap<String, Array>> {
        Ok(self.run(inputs)?.values)
    }

    /// Every value for a batch of inputs.
    pub(crate) fn run(&mut self, inputs: &Values) -> Result<Given> {
        let Self { graph, runner, kind, .. } = self;
        match kind {
            Kind::Runtime(tapped) => {
                let tapped = match tapped {
                    Some(tapped) => tapped,
                    None => tapped.insert(Tapped::open(runner, graph)?),
                };
                Ok(Given { values: tapped.run(inputs)?, between: BTreeSet::new() })
            }
            Kind::Burn { recording, between } => {
                let mut values = recording.run(inputs)?;
                let between = match between {
                    Some(between) => between,
                    None => between.insert(Box::new(Between::open(runner, graph, &values)?)),
                };
                let more = between.run(&values)?;
                let names = more.keys().cloned().collect();
                values.extend(more);
                Ok(Given { values, between: names })
            }
        }
    }

    /// Nodes that each provider runs; empty for burn, and before the first run.
    pub(crate) fn nodes(&self) -> BTreeMap<String, usize> {
        match &self.kind {
            Kind::Runtime(Some(tapped)) => tapped.nodes(),
            _ => BTreeMap::new(),
        }
    }

    /// The provider that runs the graph; `burn` for burn.
    pub(crate) fn provider(&self) -> String {
        match &self.kind {
            Kind::Burn { .. } => "burn".to_owned(),
            Kind::Runtime(Some(tapped)) => tapped.provider(),
            Kind::Runtime(None) => {
                let list = self.runner.options.providers.list();
                list.first().map(kiln_runtime::provider::Provider::name).unwrap_or_default()
            }
        }
    }

    /// Element types of the graph's values by name, as far as ONNX Runtime can infer them.
    pub(crate) fn elements(&self) -> &BTreeMap<String, DataType> {
        let infer = || crate::values::elements(&self.runner, &self.graph).unwrap_or_default();
        match &self.kind {
            Kind::Runtime(Some(tapped)) => tapped.elements(),
            _ => self.elements.get_or_init(infer),
        }
    }
}

impl std::fmt::Debug for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Side").field("label", &self.label).finish_non_exhaustive()
    }
}

impl Between {
    fn open(runner: &Runner, graph: &Graph, known: &Values) -> Result<Self> {
        let missing = |value: &&str| graph.maker(value).is_some() && !known.contains_key(*value);
        let missing: Vec<&str> = graph.values().into_iter().filter(missing).collect();
        if missing.is_empty() {
            return Ok(Self { session: None, inputs: Vec::new(), outputs: Vec::new() });
        }
        let elements = crate::values::elements(runner, graph)?;
        let (mut nodes, mut read) = (BTreeSet::new(), BTreeSet::new());
        for value in &missing {
            let piece = graph.piece(value, &|name| known.contains_key(name));
            nodes.extend(piece.nodes);
            read.extend(piece.inputs);
        }
        let dims = |name: &str| known.get(name).map(|array| array.shape().to_vec());
        let input = |name: &String| crate::graph::Port { dims: dims(name), ..crate::values::port(name, &elements) };
        let inputs: Vec<_> = read.iter().map(input).collect();
        let outputs: Vec<_> = missing.iter().map(|name| crate::values::port(name, &elements)).collect();
        let nodes: Vec<usize> = nodes.into_iter().collect();
        let session = runner.open(graph.name(), &graph.model_of(&nodes, &inputs, &outputs))?;
        Ok(Self { session: Some(session), inputs, outputs })
    }

    fn run(&mut self, known: &Values) -> Result<Values> {
        let Some(session) = &mut self.session else { return Ok(Values::new()) };
        let given = crate::values::feed(&self.inputs, known);
        let outputs = session.run_named(given.iter().map(|(name, array)| (name.as_str(), &**array)))?;
        Ok(crate::graph::renamed(outputs, &self.outputs))
    }
}
