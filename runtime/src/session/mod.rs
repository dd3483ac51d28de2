//! A graph, loaded on the providers that the user named, ready to run. Opening one puts every node on a listed provider or
//! is an error. The placement of the nodes is read from ONNX Runtime, not assumed.

mod array;
mod binding;
mod context;
mod kept;
mod open;
mod options;
mod placement;
mod port;
mod probe;
mod run;
mod source;

use std::collections::BTreeMap;

use ndarray::ArrayD;
use ort::session::{HasSelectedOutputs, RunOptions};

use self::binding::Binding;
use crate::library::Runtime;
use crate::provider::CompiledGraphs;

pub use array::Array;
pub use binding::Stages;
pub use options::{Optimisation, SessionOptions};
pub use placement::PlacedNode;
pub use port::Port;
pub use probe::probe;

/// A loaded graph, ready to run.
pub struct Session {
    /// Device memory; declared before its session, so that it is dropped first.
    binding: Option<Binding>,
    inner: ort::session::Session,
    runtime: &'static Runtime,
    model: String,
    provider: String,
    skipped: Vec<(String, String)>,
    placed: Vec<PlacedNode>,
    nodes: BTreeMap<String, usize>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    load_ms: f64,
    selected: Option<RunOptions<HasSelectedOutputs>>,
    compiled: Option<CompiledGraphs>,
    /// Graphs that were compiled to open the session.
    built: usize,
}

/// The outputs of a run of a tile graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Outputs {
    /// Number of tiles.
    pub batch: usize,
    /// f32 arrays by output name; the first axis is the batch.
    pub arrays: BTreeMap<String, ArrayD<f32>>,
}

impl Session {
    /// The provider that the session runs on, by the name that users type: the first of the list that works.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The listed providers that were skipped, each with the whole reason. Empty unless the user listed several.
    #[must_use]
    pub fn skipped(&self) -> &[(String, String)] {
        &self.skipped
    }

    /// The number of nodes on each provider, by the name that users type. Counted when ONNX Runtime divides the graph among
    /// the providers, before each of them fuses its nodes.
    #[must_use]
    pub fn nodes(&self) -> &BTreeMap<String, usize> {
        &self.nodes
    }

    /// Every node with its provider.
    #[must_use]
    pub fn placement(&self) -> &[PlacedNode] {
        &self.placed
    }

    /// Time to load, optimise and place the graph, in milliseconds.
    #[must_use]
    pub fn load_ms(&self) -> f64 {
        self.load_ms
    }

    /// Engines that were built to open the session; [`Session::load_ms`] contains that time. 0 if the provider builds none,
    /// or found them in the cache.
    #[must_use]
    pub fn engines_built(&self) -> usize {
        self.built
    }

    /// Engines that were built within runs since the session was opened, for batches without an engine.
    #[must_use]
    pub fn engines_built_since(&self) -> usize {
        self.compiled.as_ref().map_or(0, |compiled| compiled.built().saturating_sub(self.built))
    }

    /// The last run's time by copying and computing; none if tiles are read in place.
    #[must_use]
    pub fn stages(&self) -> Option<Stages> {
        self.binding.as_ref()?.stages()
    }

    /// Graph inputs, in graph order.
    #[must_use]
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// Graph outputs, in graph order.
    #[must_use]
    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// The fixed batch of a tile graph, or `None` if it takes any.
    #[must_use]
    pub fn fixed_batch(&self) -> Option<usize> {
        self.inputs.first()?.fixed(0)
    }

    /// The ONNX Runtime that runs it.
    #[must_use]
    pub fn runtime(&self) -> &'static Runtime {
        self.runtime
    }

    /// The file, or the name given to the bytes.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = f.debug_struct("Session");
        text.field("model", &self.model).field("nodes", &self.nodes).finish_non_exhaustive()
    }
}
