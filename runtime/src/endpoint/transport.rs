//! The calls of the protocol, over HTTP or gRPC. A transport is one connection: it stays open, and is opened again at the
//! next call after a failure. It never retries.

use super::answer::{Answer, Expected};
use super::failure::Failure;
use super::statistics::Statistics;
use super::{ModelMetadata, ServerMetadata};

/// A model on a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ModelId {
    /// Its name on the server.
    pub(super) name: String,
    /// Its version; `None` leaves the choice to the server.
    pub(super) version: Option<String>,
}

/// A batch to run.
#[derive(Clone, Copy)]
pub(super) struct Query<'a> {
    /// The model.
    pub(super) model: &'a ModelId,
    /// The input's name.
    pub(super) input: &'a str,
    /// The input's shape: `[batch, 256, 256, 3]`.
    pub(super) shape: [usize; 4],
    /// The input, u8.
    pub(super) pixels: &'a [u8],
    /// The requested outputs.
    pub(super) outputs: &'a [Expected],
}

impl Query<'_> {
    /// Elements of all outputs together, which bound the size of an answer.
    pub(super) fn elements(&self) -> usize {
        self.outputs.iter().map(|output| output.elements(self.shape[0])).sum()
    }
}

/// One connection to one server.
pub(super) trait Transport: Send {
    /// Returns true if the server reports that it is ready.
    fn server_ready(&mut self) -> Result<bool, Failure>;
    /// Returns the server's metadata.
    fn server(&mut self) -> Result<ServerMetadata, Failure>;
    /// Returns true if the server reports that the model is ready.
    fn model_ready(&mut self, model: &ModelId) -> Result<bool, Failure>;
    /// Returns the model's metadata.
    fn model(&mut self, model: &ModelId) -> Result<ModelMetadata, Failure>;
    /// Returns the largest batch by the extension `model_configuration`; `None` if the model has no batch dimension.
    fn max_batch(&mut self, model: &ModelId) -> Result<Option<usize>, Failure>;
    /// Returns the counters of the extension `statistics`.
    fn statistics(&mut self, model: &ModelId) -> Result<Statistics, Failure>;
    /// Runs a batch.
    fn infer(&mut self, query: &Query<'_>) -> Result<Answer, Failure>;
}
