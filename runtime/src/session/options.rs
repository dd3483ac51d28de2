//! How a session is opened.

use std::path::PathBuf;

use crate::provider::Providers;

/// How a session is opened. The default runs on the CPU with every optimisation and as many threads as ONNX Runtime
/// thinks right (one a physical core).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionOptions {
    /// The providers, in order of preference.
    pub providers: Providers,
    /// Threads within an operator; `None` leaves it to the provider.
    pub threads: Option<usize>,
    /// Threads wait for work by spinning: lower latency back to back, at the price of a busy core between runs.
    pub spinning: bool,
    /// How far the graph is rewritten before it runs.
    pub optimisation: Optimisation,
    /// Where to write ONNX Runtime's profile, as a path prefix; [`crate::Session::end_profile`] completes it.
    pub profile: Option<PathBuf>,
    /// A provider that does not run every node is skipped, whatever else is listed.
    pub require_all: bool,
    /// The batches that the session will be given, for providers that compile for sizes (TensorRT's optimisation
    /// profiles). Without it, they compile for the first that comes, and again for any outside of what they have seen.
    pub profile_shapes: Option<Profile>,
}

/// The batches that a compiled graph is to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The graph's input.
    pub input: String,
    /// Lengths of its axes after the batch.
    pub axes: Vec<u64>,
    /// The smallest batch.
    pub min: usize,
    /// The batch to be fastest at.
    pub opt: usize,
    /// The largest batch.
    pub max: usize,
}

impl Profile {
    /// The input's shape at a batch, as TensorRT reads it: `tile:8x256x256x3`.
    #[must_use]
    pub fn shape(&self, batch: usize) -> String {
        let axes = self.axes.iter().map(ToString::to_string);
        let axes: Vec<_> = std::iter::once(batch.to_string()).chain(axes).collect();
        format!("{}:{}", self.input, axes.join("x"))
    }
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            providers: Providers::default(),
            threads: None,
            spinning: true,
            optimisation: Optimisation::All,
            profile: None,
            require_all: false,
            profile_shapes: None,
        }
    }
}

/// ONNX Runtime's levels of graph optimisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Optimisation {
    /// The graph runs as written: 20 to 40 % slower, for finding out whether an optimisation is at fault.
    Off,
    /// Rewrites that hold on every provider: constant folding, redundant nodes.
    Basic,
    /// Fusions on top.
    Extended,
    /// Layouts on top.
    #[default]
    All,
}

impl Optimisation {
    pub(crate) fn level(self) -> ort::session::builder::GraphOptimizationLevel {
        use ort::session::builder::GraphOptimizationLevel as Level;
        match self {
            Self::Off => Level::Disable,
            Self::Basic => Level::Level1,
            Self::Extended => Level::Level2,
            Self::All => Level::All,
        }
    }
}
