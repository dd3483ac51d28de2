//! Options of a session.

use std::path::PathBuf;

use crate::provider::{Providers, ShapeProfile};

/// Options of a session. The default runs on the CPU with every optimisation and ONNX Runtime's own number of threads (one
/// a physical core, or the whole cores of a control group's quota).
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// The providers, in order of preference.
    pub providers: Providers,
    /// Threads within an operator; `None` leaves it to the provider, within a control group's quota.
    pub threads: Option<usize>,
    /// Threads wait for work by spinning: lower latency back to back, at the price of a busy core between runs.
    pub spinning: bool,
    /// Level of the rewrites before the graph runs.
    pub optimisation: Optimisation,
    /// Path prefix of ONNX Runtime's profiling file, which [`crate::Session::end_profiling`] completes; none profiles
    /// nothing.
    pub profiling: Option<PathBuf>,
    /// Skips a provider that does not run every node, even if others are listed.
    pub require_all: bool,
    /// The batches of the session, for providers that compile for sizes (TensorRT's shape profiles). Without it, they
    /// compile for the first batch, and again for each batch outside of the range so far.
    pub shape_profile: Option<ShapeProfile>,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            providers: Providers::default(),
            threads: None,
            spinning: true,
            optimisation: Optimisation::All,
            profiling: None,
            require_all: false,
            shape_profile: None,
        }
    }
}

/// ONNX Runtime's levels of graph optimisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Optimisation {
    /// The graph runs as written: 20 to 40 % slower, to find out whether an optimisation is at fault.
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
