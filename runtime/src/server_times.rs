//! Times that model servers report, for measurements.

use serde::{Deserialize, Serialize};

/// Mean times of a request on the server, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ServerTimes {
    /// Requests over which the mean is taken. Other clients' requests count too.
    pub requests: u64,
    /// Tiles in a run of the model.
    pub tiles_per_execution: f64,
    /// Waiting in the queue.
    pub queue_ms: f64,
    /// Preparing inputs.
    pub compute_input_ms: f64,
    /// Running the model.
    pub compute_infer_ms: f64,
    /// Taking outputs.
    pub compute_output_ms: f64,
}

impl std::fmt::Display for ServerTimes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "on the server, a request of {}: queue {:.3}, input {:.3}, compute {:.3}, output {:.3} ms; {:.1} tiles a run",
            self.requests,
            self.queue_ms,
            self.compute_input_ms,
            self.compute_infer_ms,
            self.compute_output_ms,
            self.tiles_per_execution
        )
    }
}
