//! A graph, loaded on the providers that the user named, ready to run. Opening one either puts every node where the
//! user allowed it to be or is an error; which provider got how many nodes is asked of ONNX Runtime, not assumed.

mod array;
mod binding;
mod context;
mod open;
mod options;
mod placement;
mod port;
mod run;

use std::collections::BTreeMap;

use ndarray::ArrayD;
use ort::session::{HasSelectedOutputs, RunOptions};

use self::binding::Binding;
use crate::library::Runtime;
use crate::provider::Engines;

pub use array::Array;
pub use binding::Stages;
pub use options::{Optimisation, Profile, SessionOptions};
pub use placement::PlacedNode;
pub use port::Port;

/// A loaded graph. See the module.
pub struct Session {
    /// Device memory; before the session that it belongs to, so that it goes first.
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
    /// Kept engines, and how many of them there were to build when the session was opened.
    engines: Option<Engines>,
    built: usize,
}

/// What a run of a tile graph gave.
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

    /// How many nodes each provider runs, by the name that users type. Counted when ONNX Runtime divides the graph among
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

    /// Engines that had to be built to open the session: [`Session::load_ms`] holds that time too. 0 where the provider
    /// builds none, or found them in the cache.
    #[must_use]
    pub fn engines_built(&self) -> usize {
        self.built
    }

    /// Engines that were built since the session was opened, within runs: a batch came that no engine was made for.
    #[must_use]
    pub fn engines_built_since(&self) -> usize {
        self.engines.as_ref().map_or(0, |engines| engines.built().saturating_sub(self.built))
    }

    /// How the last run's time went to copies and to computing; none where tiles are read where they lie.
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

    /// The batch that a tile graph insists on, or `None` if any will do.
    #[must_use]
    pub fn fixed_batch(&self) -> Option<usize> {
        self.inputs.first()?.fixed(0)
    }

    /// The ONNX Runtime that runs it.
    #[must_use]
    pub fn runtime(&self) -> &'static Runtime {
        self.runtime
    }

    /// The file, or what the bytes are.
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
