//! Entry points for fuzzing: answers of model servers, parsed by the code of [`super::http`] and [`super::grpc`].

use prost::Message;

use super::answer::Expected;
use super::statistics::Statistics;
use super::{ModelMetadata, ServerMetadata, failure, grpc, http, json, message};
use crate::bundle::manifest::Port;
use crate::session::Outputs;

/// The documents that one body can be read as.
#[derive(Debug, Default)]
pub struct Documents {
    /// The server's metadata.
    pub server: Option<ServerMetadata>,
    /// The model's metadata.
    pub model: Option<ModelMetadata>,
    /// The largest batch of the model's configuration.
    pub max_batch: Option<usize>,
    /// The statistics.
    pub statistics: Option<Statistics>,
    /// The differences between the model's metadata and the ports of a bundle.
    pub differences: Vec<String>,
    /// The only batch that the model takes.
    pub fixed_batch: Option<usize>,
    /// The body as the message of an error.
    pub error: String,
}

impl Documents {
    fn compared(mut self, inputs: &[Port], outputs: &[Port]) -> Self {
        if let Some(model) = &self.model {
            let needed: Vec<String> = outputs.iter().map(|port| port.name.clone()).collect();
            self.differences = model.differences(inputs, outputs, &needed);
            self.fixed_batch = inputs.first().and_then(|input| model.fixed_batch(input));
        }
        self
    }
}

/// The answer to an inference over HTTP. `json` is the length of its JSON part, where binary tensors follow.
///
/// # Errors
/// The violation of the protocol.
pub fn http_answer(body: &[u8], json: Option<usize>, batch: usize, outputs: &[Port]) -> Result<Outputs, String> {
    json::answer(body.to_vec(), json)?.into_outputs(batch, &expected(outputs)?)
}

/// A body over HTTP as every other document of the protocol.
#[must_use]
pub fn http_documents(body: &[u8], inputs: &[Port], outputs: &[Port]) -> Documents {
    let documents = Documents {
        server: serde_json::from_slice(body).ok(),
        model: serde_json::from_slice(body).ok(),
        max_batch: serde_json::from_slice(body).ok().and_then(|config| http::max_batch(&config)),
        statistics: serde_json::from_slice::<json::StatisticsBody>(body).ok().map(|body| body.total()),
        error: failure::shown(&json::error_text(body)),
        ..Documents::default()
    };
    documents.compared(inputs, outputs)
}

/// The answer to an inference over gRPC, as a protobuf message.
///
/// # Errors
/// The violation of the protocol.
pub fn grpc_answer(message: &[u8], batch: usize, outputs: &[Port]) -> Result<Outputs, String> {
    let answer = message::InferResponse::decode(message).map_err(|error| error.to_string())?;
    grpc::into_answer(answer)?.into_outputs(batch, &expected(outputs)?)
}

/// A protobuf message as every other answer of the protocol.
#[must_use]
pub fn grpc_documents(message: &[u8], inputs: &[Port], outputs: &[Port]) -> Documents {
    let documents = Documents {
        server: message::ServerMetadataResponse::decode(message).ok().map(grpc::server_metadata),
        model: message::ModelMetadataResponse::decode(message).ok().map(grpc::model_metadata),
        max_batch: message::ModelConfigResponse::decode(message).ok().and_then(grpc::max_batch),
        statistics: message::StatisticsResponse::decode(message).ok().map(|answer| grpc::total(&answer)),
        ..Documents::default()
    };
    documents.compared(inputs, outputs)
}

fn expected(outputs: &[Port]) -> Result<Vec<Expected>, String> {
    outputs
        .iter()
        .map(|port| Expected::from_port(port).ok_or_else(|| format!("`{}` has no known size", port.name)))
        .collect()
}
