//! The protocol over gRPC with raw tensors. A connection runs on the thread that waits for its answer, without background
//! threads.

use std::error::Error as _;
use std::time::Duration;

use ::http::uri::PathAndQuery;
use bytes::Bytes;
use tokio::runtime::{Builder, Runtime};
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

use super::answer::{Answer, Data, Tensor};
use super::failure::{Failure, Kind, shown};
use super::message;
use super::options::Token;
use super::statistics::Statistics;
use super::tls::Roots;
use super::transport::{ModelId, Query, Transport};
use super::{EndpointError, EndpointOptions, EndpointUrl, ModelMetadata, ServerMetadata, TensorMetadata};

/// Size limit in bytes of an answer without tensors, and of the fields around tensors.
const MAX_DOCUMENT: usize = 1 << 20;
/// Flow-control window in bytes: HTTP/2's default of 64 KiB stops a tile four times.
const STREAM_WINDOW: u32 = 4 << 20;

/// One gRPC connection.
pub(super) struct Grpc {
    runtime: Runtime,
    channel: Channel,
    timeout: Duration,
    token: Option<Token>,
    authorization: Option<AsciiMetadataValue>,
}

impl Grpc {
    /// A connection that is opened at its first call.
    ///
    /// # Errors
    /// If certificates or the token cannot be used.
    pub(super) fn new(url: &EndpointUrl, options: &EndpointOptions) -> Result<Self, EndpointError> {
        let wrong = |reason: String| EndpointError::Url { url: url.to_string(), reason };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| wrong(error.to_string()))?;
        let mut endpoint = Endpoint::from_shared(url.as_http())
            .and_then(|endpoint| endpoint.user_agent(concat!("kiln/", env!("CARGO_PKG_VERSION"))))
            .map_err(|error| wrong(crate::chain(&error)))?
            .connect_timeout(options.timeout)
            .tcp_nodelay(true)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(STREAM_WINDOW);
        if url.scheme().is_encrypted() {
            let tls = Roots::load(options.ca.as_deref())?.for_grpc();
            endpoint = endpoint.tls_config(tls).map_err(|error| wrong(crate::chain(&error)))?;
        }
        let authorization = options.token.as_ref().map(authorization).transpose()?;
        let channel = {
            let _inside = runtime.enter();
            endpoint.connect_lazy()
        };
        Ok(Self { runtime, channel, timeout: options.timeout, token: options.token.clone(), authorization })
    }

    /// Calls the service once. The answer may have up to `limit` bytes.
    fn call<Q, A>(&self, method: &'static str, question: Q, limit: usize) -> Result<A, Failure>
    where
        Q: prost::Message + 'static,
        A: prost::Message + Default + 'static,
    {
        let mut client = tonic::client::Grpc::new(self.channel.clone())
            .max_decoding_message_size(limit)
            .max_encoding_message_size(usize::MAX);
        let mut request = Request::new(question);
        if let Some(value) = &self.authorization {
            request.metadata_mut().insert("authorization", value.clone());
        }
        let path = PathAndQuery::from_static(method);
        let exchange = async {
            client.ready().await.map_err(|error| Failure::Transport(crate::chain(&error)))?;
            let codec: ProstCodec<Q, A> = ProstCodec::default();
            client.unary(request, path, codec).await.map_err(|status| self.failure(&status))
        };
        // tonic panics on a status whose details are no base64.
        let answer =
            kiln_files::caught(|| self.runtime.block_on(async { tokio::time::timeout(self.timeout, exchange).await }));
        let late = |_| Failure::Timeout(format!("no answer within {:?}", self.timeout));
        let damaged = |_| Failure::Answer("it is no gRPC that can be read".to_owned());
        Ok(answer.map_err(damaged)?.map_err(late)??.into_inner())
    }

    fn failure(&self, status: &Status) -> Failure {
        let said = match &self.token {
            Some(token) => shown(&token.hide(status.message())),
            None => shown(status.message()),
        };
        // A status with a source comes from this side: the connection broke or was never made.
        if let Some(source) = status.source() {
            return Failure::Transport(innermost(source));
        }
        let kind = match status.code() {
            Code::OutOfRange if said.contains("decoded message length too large") => return Failure::Answer(said),
            Code::Cancelled => return Failure::Transport(said),
            // tonic's message for a stream that ends in the middle of an answer.
            Code::Internal | Code::Unknown if is_broken(&said) => return Failure::Transport(said),
            // Same code as for overload, but this request can never succeed.
            Code::ResourceExhausted if said.contains("larger than max") => Kind::Invalid,
            Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded | Code::Aborted => Kind::Busy,
            Code::NotFound => Kind::NotFound,
            Code::Unauthenticated | Code::PermissionDenied => Kind::Unauthorized,
            Code::InvalidArgument | Code::OutOfRange | Code::FailedPrecondition | Code::Unimplemented => Kind::Invalid,
            _ => Kind::Internal,
        };
        Failure::Status { kind, status: format!("gRPC {:?}", status.code()), said }
    }

    fn ask<A: prost::Message + Default + 'static>(&self, method: &'static str, model: &ModelId) -> Result<A, Failure> {
        let version = model.version.clone().unwrap_or_default();
        self.call(method, message::ModelRequest { name: model.name.clone(), version }, MAX_DOCUMENT)
    }
}

impl Transport for Grpc {
    fn server_ready(&mut self) -> Result<bool, Failure> {
        let answer: message::ReadyResponse =
            self.call("/inference.GRPCInferenceService/ServerReady", message::ServerRequest {}, MAX_DOCUMENT)?;
        Ok(answer.ready)
    }

    fn server(&mut self) -> Result<ServerMetadata, Failure> {
        let answer: message::ServerMetadataResponse =
            self.call("/inference.GRPCInferenceService/ServerMetadata", message::ServerRequest {}, MAX_DOCUMENT)?;
        Ok(server_metadata(answer))
    }

    fn model_ready(&mut self, model: &ModelId) -> Result<bool, Failure> {
        let answer: message::ReadyResponse = self.ask("/inference.GRPCInferenceService/ModelReady", model)?;
        Ok(answer.ready)
    }

    fn model(&mut self, model: &ModelId) -> Result<ModelMetadata, Failure> {
        Ok(model_metadata(self.ask("/inference.GRPCInferenceService/ModelMetadata", model)?))
    }

    fn max_batch(&mut self, model: &ModelId) -> Result<Option<usize>, Failure> {
        Ok(max_batch(self.ask("/inference.GRPCInferenceService/ModelConfig", model)?))
    }

    fn statistics(&mut self, model: &ModelId) -> Result<Statistics, Failure> {
        let answer: message::StatisticsResponse = self.ask("/inference.GRPCInferenceService/ModelStatistics", model)?;
        Ok(total(&answer))
    }

    fn infer(&mut self, query: &Query<'_>) -> Result<Answer, Failure> {
        let limit = MAX_DOCUMENT + query.elements() * size_of::<f32>();
        let answer: message::InferResponse =
            self.call("/inference.GRPCInferenceService/ModelInfer", request(query), limit)?;
        into_answer(answer).map_err(Failure::Answer)
    }
}

fn request(query: &Query<'_>) -> message::InferRequest {
    let input = message::InferTensor {
        name: query.input.to_owned(),
        datatype: "UINT8".to_owned(),
        shape: query.shape.iter().map(|length| *length as i64).collect(),
        contents: None,
    };
    let output = |name: &String| message::RequestedOutput { name: name.clone() };
    message::InferRequest {
        model_name: query.model.name.clone(),
        model_version: query.model.version.clone().unwrap_or_default(),
        inputs: vec![input],
        outputs: query.outputs.iter().map(|expected| output(&expected.name)).collect(),
        raw_input_contents: vec![Bytes::copy_from_slice(query.pixels)],
    }
}

pub(super) fn server_metadata(answer: message::ServerMetadataResponse) -> ServerMetadata {
    let message::ServerMetadataResponse { name, version, extensions } = answer;
    ServerMetadata { name, version, extensions }
}

pub(super) fn model_metadata(answer: message::ModelMetadataResponse) -> ModelMetadata {
    let message::ModelMetadataResponse { name, versions, platform, inputs, outputs } = answer;
    let tensor = |tensor: message::TensorMetadata| {
        let message::TensorMetadata { name, datatype, shape } = tensor;
        TensorMetadata { name, datatype, shape }
    };
    let inputs = inputs.into_iter().map(tensor).collect();
    let outputs = outputs.into_iter().map(tensor).collect();
    ModelMetadata { name, versions, platform, inputs, outputs }
}

/// `None` if the model has no batch dimension.
pub(super) fn max_batch(answer: message::ModelConfigResponse) -> Option<usize> {
    let batch = answer.config.map_or(0, |config| config.max_batch_size);
    usize::try_from(batch).ok().filter(|batch| *batch > 0)
}

/// All versions together.
pub(super) fn total(answer: &message::StatisticsResponse) -> Statistics {
    answer.model_stats.iter().fold(Statistics::default(), |total, one| total.and(&counters(one)))
}

pub(super) fn into_answer(answer: message::InferResponse) -> Result<Answer, String> {
    let (outputs, raw) = (answer.outputs, answer.raw_output_contents);
    if !raw.is_empty() && raw.len() != outputs.len() {
        return Err(format!("it names {} outputs and holds the values of {}", outputs.len(), raw.len()));
    }
    let mut raw = raw.into_iter();
    let tensors = outputs.into_iter().map(|output| {
        let values = || Data::Values(output.contents.map(|contents| contents.fp32_contents).unwrap_or_default());
        let data = raw.next().map_or_else(values, Data::Raw);
        Tensor { name: output.name, dtype: output.datatype, shape: output.shape, data }
    });
    let stated = |text: String| Some(text).filter(|text| !text.is_empty());
    let (model, version) = (stated(answer.model_name), stated(answer.model_version));
    Ok(Answer { model, version, tensors: tensors.collect() })
}

fn counters(version: &message::VersionStatistics) -> Statistics {
    let stats = version.inference_stats.clone().unwrap_or_default();
    let ns = |duration: &Option<message::StatisticDuration>| duration.as_ref().map_or(0, |duration| duration.ns);
    Statistics {
        requests: stats.success.as_ref().map_or(0, |success| success.count),
        inferences: version.inference_count,
        executions: version.execution_count,
        queue_ns: ns(&stats.queue),
        compute_input_ns: ns(&stats.compute_input),
        compute_infer_ns: ns(&stats.compute_infer),
        compute_output_ns: ns(&stats.compute_output),
    }
}

fn authorization(token: &Token) -> Result<AsciiMetadataValue, EndpointError> {
    let value: Result<AsciiMetadataValue, _> = token.header().parse();
    let mut value = value.map_err(|_| EndpointError::Token { reason: "cannot be part of a header".to_owned() })?;
    value.set_sensitive(true);
    Ok(value)
}

/// The last reason of a chain: the message of the operating system or of TLS.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

fn is_broken(said: &str) -> bool {
    ["h2 protocol error", "Unexpected EOF", "transport error"].iter().any(|sign| said.contains(sign))
}
