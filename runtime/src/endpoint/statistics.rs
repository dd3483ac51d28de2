//! Times measured by the server, from Triton's extension `statistics`: counters since the server started. Their difference
//! over a measurement gives the time of its requests by step.

use serde::Serialize;

use crate::server_times::ServerTimes;

/// Counters of a model since the server started, all versions together. Times are summed over requests, in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Statistics {
    /// Requests that were answered.
    pub requests: u64,
    /// Tiles in them.
    pub inferences: u64,
    /// Runs of the model: fewer than requests if the server batches them.
    pub executions: u64,
    /// Waiting in the queue.
    pub queue_ns: u64,
    /// Preparing inputs.
    pub compute_input_ns: u64,
    /// Running the model.
    pub compute_infer_ns: u64,
    /// Taking outputs.
    pub compute_output_ns: u64,
}

impl Statistics {
    /// Sum of two models' or servers' counters.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        self.zip(other, u64::saturating_add)
    }

    /// Difference since `earlier`; `None` if nothing was counted, or if the server restarted in between.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Option<ServerTimes> {
        if self.requests <= earlier.requests || self.executions <= earlier.executions {
            return None;
        }
        let new = self.zip(earlier, u64::saturating_sub);
        let ms = |ns: u64| ns as f64 / 1e6 / new.requests as f64;
        Some(ServerTimes {
            requests: new.requests,
            tiles_per_execution: new.inferences as f64 / new.executions as f64,
            queue_ms: ms(new.queue_ns),
            compute_input_ms: ms(new.compute_input_ns),
            compute_infer_ms: ms(new.compute_infer_ns),
            compute_output_ms: ms(new.compute_output_ns),
        })
    }

    fn zip(&self, other: &Self, with: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            requests: with(self.requests, other.requests),
            inferences: with(self.inferences, other.inferences),
            executions: with(self.executions, other.executions),
            queue_ns: with(self.queue_ns, other.queue_ns),
            compute_input_ns: with(self.compute_input_ns, other.compute_input_ns),
            compute_infer_ns: with(self.compute_infer_ns, other.compute_infer_ns),
            compute_output_ns: with(self.compute_output_ns, other.compute_output_ns),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_what_was_counted_in_between_is_told() {
        let earlier =
            Statistics { requests: 10, inferences: 80, executions: 5, queue_ns: 7_000_000, ..Statistics::default() };
        let later = Statistics { requests: 14, inferences: 112, executions: 7, queue_ns: 9_000_000, ..earlier };
        let times = later.since(&earlier).unwrap();
        assert_eq!((times.requests, times.tiles_per_execution, times.queue_ms), (4, 16.0, 0.5));
        assert_eq!(earlier.since(&later), None, "the server was started anew");
        assert_eq!(later.since(&later), None);
    }
}
