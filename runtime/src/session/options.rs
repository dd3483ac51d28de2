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
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            providers: Providers::default(),
            threads: None,
            spinning: true,
            optimisation: Optimisation::All,
            profile: None,
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
