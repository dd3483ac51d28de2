//! The protocol over HTTP/1.1. Tensors are sent as bytes after the JSON. Servers that refuse bytes get numbers in JSON,
//! which is many times slower and gives a warning.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, PoisonError};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use ureq::Agent;
use ureq::http::Response;

use super::answer::Answer;
use super::failure::{Failure, Kind};
use super::json;
use super::options::Token;
use super::statistics::Statistics;
use super::tls::Roots;
use super::transport::{ModelId, Query, Transport};
use super::{EndpointError, EndpointOptions, EndpointUrl, ModelMetadata, ServerMetadata};

/// Size limit in bytes of an answer without tensors.
const MAX_DOCUMENT: u64 = 1 << 20;
/// Bytes of one number in JSON, with its comma: 24 digits are the longest double.
const MAX_NUMBER: u64 = 32;
/// Header with the length of the JSON part of a body with binary tensors.
const JSON_LENGTH: &str = "Inference-Header-Content-Length";
/// Characters of a path segment that need no escape (RFC 3986, unreserved).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// One HTTP connection.
pub(super) struct Http {
    agent: Agent,
    url: EndpointUrl,
    base: String,
    token: Option<Token>,
    tensors: Tensors,
    body: Vec<u8>,
}

/// Encoding of tensors.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tensors {
    /// As bytes; not yet confirmed that the server accepts them.
    Tried,
    /// As bytes.
    Binary,
    /// As JSON.
    Numbers,
}

struct Reply {
    status: u16,
    json: Option<usize>,
    body: Vec<u8>,
}

impl Http {
    /// A connection that is opened at its first call.
    ///
    /// # Errors
    /// If certificates cannot be used.
    pub(super) fn new(url: &EndpointUrl, options: &EndpointOptions) -> Result<Self, EndpointError> {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            // A redirection would send tiles and token to a server that the user did not name.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(options.timeout))
            .max_idle_connections_per_host(1)
            .user_agent(concat!("kiln/", env!("CARGO_PKG_VERSION")));
        if url.scheme().is_encrypted() {
            config = config.tls_config(Roots::load(options.ca.as_deref())?.for_http());
        }
        Ok(Self {
            agent: config.build().new_agent(),
            url: url.clone(),
            base: url.as_http(),
            token: options.token.clone(),
            tensors: Tensors::Tried,
            body: Vec::new(),
        })
    }

    fn get(&self, path: &str) -> Result<Reply, Failure> {
        let mut request = self.agent.get(format!("{}/v2{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("Authorization", token.header());
        }
        self.read(request.call(), MAX_DOCUMENT)
    }

    fn document<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let reply = self.get(path)?;
        self.success(&reply)?;
        let document = serde_json::from_slice(&reply.body);
        document.map_err(|error| Failure::Answer(format!("{path} violates the protocol: {error}")))
    }

    fn success(&self, reply: &Reply) -> Result<(), Failure> {
        if reply.status == 200 {
            return Ok(());
        }
        let said = json::error_text(&reply.body);
        Err(Failure::from_http(reply.status, &self.token.as_ref().map_or(said.clone(), |token| token.hide(&said))))
    }

    /// Sends `self.body`, whose first `json` bytes are JSON if tensors follow them.
    fn post(&self, path: &str, json: Option<usize>, limit: u64) -> Result<Reply, Failure> {
        let content = if json.is_some() { "application/octet-stream" } else { "application/json" };
        let mut request = self.agent.post(format!("{}/v2{path}", self.base)).header("Content-Type", content);
        if let Some(length) = json {
            request = request.header(JSON_LENGTH, length.to_string());
        }
        if let Some(token) = &self.token {
            request = request.header("Authorization", token.header());
        }
        self.read(request.send(self.body.as_slice()), limit)
    }

    /// Reads at most `limit` bytes, and nothing if more are announced.
    fn read(&self, response: Result<Response<ureq::Body>, ureq::Error>, limit: u64) -> Result<Reply, Failure> {
        let mut response = response.map_err(|error| failure(&error))?;
        if let Some(length) = response.body().content_length().filter(|length| *length > limit) {
            return Err(Failure::Answer(format!("it announces {length} bytes, and {limit} are the most that can be")));
        }
        let json = match response.headers().get(JSON_LENGTH) {
            None => None,
            Some(length) => {
                let length = length.to_str().ok().and_then(|length| length.parse().ok());
                Some(length.ok_or_else(|| Failure::Answer(format!("its header {JSON_LENGTH} is no number")))?)
            }
        };
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(limit).read_to_vec().map_err(|error| failure(&error))?;
        Ok(Reply { status, json, body })
    }

    fn send(&mut self, query: &Query<'_>, binary: bool) -> Result<Answer, Failure> {
        self.body.clear();
        let head = json::request(query, binary);
        serde_json::to_writer(&mut self.body, &head).map_err(|error| Failure::Answer(error.to_string()))?;
        let json = self.body.len();
        if binary {
            self.body.extend_from_slice(query.pixels);
        }
        // A server may answer in JSON although bytes were asked for.
        let limit = MAX_DOCUMENT + MAX_NUMBER * query.elements() as u64;
        let reply = self.post(&format!("{}/infer", path(query.model)), binary.then_some(json), limit)?;
        self.success(&reply)?;
        json::answer(reply.body, reply.json).map_err(Failure::Answer)
    }
}

impl Transport for Http {
    fn server_ready(&mut self) -> Result<bool, Failure> {
        // Triton answers 400, others 503.
        Ok(is_ready(self.get("/health/ready")?.status))
    }

    fn server(&mut self) -> Result<ServerMetadata, Failure> {
        let server: ServerMetadata = self.document("")?;
        if server.has("binary_tensor_data") {
            self.tensors = Tensors::Binary;
        }
        Ok(server)
    }

    fn model_ready(&mut self, model: &ModelId) -> Result<bool, Failure> {
        Ok(is_ready(self.get(&format!("{}/ready", path(model)))?.status))
    }

    fn model(&mut self, model: &ModelId) -> Result<ModelMetadata, Failure> {
        self.document(&path(model))
    }

    fn max_batch(&mut self, model: &ModelId) -> Result<Option<usize>, Failure> {
        Ok(max_batch(&self.document(&format!("{}/config", path(model)))?))
    }

    fn statistics(&mut self, model: &ModelId) -> Result<Statistics, Failure> {
        let body: json::StatisticsBody = self.document(&format!("{}/stats", path(model)))?;
        Ok(body.total())
    }

    fn infer(&mut self, query: &Query<'_>) -> Result<Answer, Failure> {
        if self.tensors == Tensors::Numbers {
            return self.send(query, false);
        }
        let answer = self.send(query, true);
        match &answer {
            Ok(_) => self.tensors = Tensors::Binary,
            // MLServer does not refuse them, it fails at them: 500.
            Err(Failure::Status { kind: Kind::Invalid | Kind::Internal, status, said })
                if self.tensors == Tensors::Tried =>
            {
                let numbers = self.send(query, false)?;
                self.tensors = Tensors::Numbers;
                say_once(&format!(
                    "{} takes no binary tensors ({status}: {said}); JSON is many times slower",
                    self.url
                ));
                return Ok(numbers);
            }
            Err(_) => {}
        }
        answer
    }
}

/// Every connection detects it separately; one warning is enough.
fn say_once(text: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if SAID.lock().unwrap_or_else(PoisonError::into_inner).insert(text.to_owned()) {
        tracing::warn!("{text}");
    }
}

/// `None` if the model has no batch dimension.
pub(super) fn max_batch(config: &json::Config) -> Option<usize> {
    usize::try_from(config.max_batch_size).ok().filter(|batch| *batch > 0)
}

fn is_ready(status: u16) -> bool {
    status == 200
}

fn path(model: &ModelId) -> String {
    let name = utf8_percent_encode(&model.name, SEGMENT);
    match &model.version {
        Some(version) => format!("/models/{name}/versions/{}", utf8_percent_encode(version, SEGMENT)),
        None => format!("/models/{name}"),
    }
}

fn failure(error: &ureq::Error) -> Failure {
    match error {
        ureq::Error::BodyExceedsLimit(limit) => {
            Failure::Answer(format!("it is longer than the {limit} bytes that it can be"))
        }
        ureq::Error::Timeout(step) => Failure::Timeout(format!("it took too long ({step})")),
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            Failure::Transport("nothing listens there (connection refused)".to_owned())
        }
        error => Failure::Transport(crate::chain(error)),
    }
}
