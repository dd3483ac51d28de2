//! The calls of the protocol, whatever carries them. A transport is one connection: it keeps it open, and opens it again
//! at the next call when it broke. It never retries.

use super::answer::{Answer, Expected};
use super::failure::Failure;
use super::grpc::Grpc;
use super::http::Http;
use super::statistics::Statistics;
use super::{EndpointError, EndpointOptions, EndpointUrl, ModelMetadata, ServerMetadata};

/// Which model is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ModelId {
    /// Its name on the server.
    pub(super) name: String,
    /// Its version; `None` leaves it to the server.
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
    /// The outputs to be given.
    pub(super) outputs: &'a [Expected],
}

impl Query<'_> {
    /// Elements of all outputs together: what bounds an answer.
    pub(super) fn elements(&self) -> usize {
        self.outputs.iter().map(|output| output.elements(self.shape[0])).sum()
    }
}

/// One connection to one server.
pub(super) trait Transport: Send {
    /// Whether the server says that it can take requests.
    fn server_ready(&mut self) -> Result<bool, Failure>;
    /// What the server says about itself.
    fn server(&mut self) -> Result<ServerMetadata, Failure>;
    /// Whether the model can take requests.
    fn model_ready(&mut self, model: &ModelId) -> Result<bool, Failure>;
    /// What the server says about the model.
    fn model(&mut self, model: &ModelId) -> Result<ModelMetadata, Failure>;
    /// The largest batch by the extension `model_configuration`; `None` if the model has no batch of its own there.
    fn max_batch(&mut self, model: &ModelId) -> Result<Option<usize>, Failure>;
    /// What the server counted since it started, by the extension `statistics`.
    fn statistics(&mut self, model: &ModelId) -> Result<Statistics, Failure>;
    /// Runs a batch.
    fn infer(&mut self, query: &Query<'_>) -> Result<Answer, Failure>;
}

/// A connection that is opened at its first call.
///
/// # Errors
/// If certificates cannot be used.
pub(super) fn open(url: &EndpointUrl, options: &EndpointOptions) -> Result<Box<dyn Transport>, EndpointError> {
    Ok(if url.scheme().is_grpc() { Box::new(Grpc::new(url, options)?) } else { Box::new(Http::new(url, options)?) })
}
