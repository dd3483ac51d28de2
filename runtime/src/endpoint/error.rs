//! Errors between Kiln and a model server. Messages contain both sides: the request or the bundle's value, and the server's
//! value or message.

use std::path::PathBuf;

use kiln_files::Fault;

use super::TOKEN_VARIABLE;
use super::failure::Kind;

/// An error of a model server or of the connection to it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// An invalid address.
    #[error("the endpoint `{url}` {reason}; write http://HOST:PORT, https://…, grpc://HOST:PORT or grpcs://…")]
    Url {
        /// The address as written, without credentials.
        url: String,
        /// The fault.
        reason: String,
    },
    /// Unusable certificates.
    #[error("the certificates {}: {reason}", path.display())]
    Certificates {
        /// The file, or a description of the certificates.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
    /// A bearer token that no header can contain.
    #[error("{TOKEN_VARIABLE} {reason}")]
    Token {
        /// The fault.
        reason: String,
    },
    /// A wrong field of [`EndpointOptions`](super::EndpointOptions).
    #[error("{option}: {reason}")]
    Option {
        /// The field.
        option: &'static str,
        /// The allowed values.
        reason: &'static str,
    },
    /// No answer, or a broken connection that could not be restored.
    #[error("{url} did not answer: {reason}{}", tried(*attempts, *seconds))]
    Unreachable {
        /// The server, or the servers.
        url: String,
        /// The network's message.
        reason: String,
        /// True if the last attempt exceeded the time limit of a request.
        timed_out: bool,
        /// Number of attempts.
        attempts: usize,
        /// Seconds over all attempts.
        seconds: f64,
    },
    /// The server is reachable but not ready, or too busy.
    #[error("{url} is not ready: {reason}{}", tried(*attempts, *seconds))]
    NotReady {
        /// The server.
        url: String,
        /// The part that is not ready.
        reason: String,
        /// Number of attempts.
        attempts: usize,
        /// Seconds over all attempts.
        seconds: f64,
    },
    /// The server does not have the model.
    #[error("model `{model}` was asked for, and {url} does not have it: {said}")]
    UnknownModel {
        /// The server.
        url: String,
        /// The model that was asked for.
        model: String,
        /// The server's message.
        said: String,
    },
    /// The server's model differs from the bundle's.
    #[error("model `{model}` on {url} is not this bundle: {}", differences.join("; "))]
    Mismatch {
        /// The server.
        url: String,
        /// The model.
        model: String,
        /// One difference each, with both sides.
        differences: Vec<String>,
    },
    /// The model's version has changed since the first answer, or differs from the requested one.
    #[error(
        "model `{model}` on {url} has changed: version {first} was asked for or has answered so far, version {now} \
         answered now"
    )]
    VersionChanged {
        /// The server.
        url: String,
        /// The model.
        model: String,
        /// The requested version, or that of the first answer.
        first: String,
        /// The version that answered now.
        now: String,
    },
    /// The server refused a request or failed at it, and a retry would not help.
    #[error("{url} refused the {action} of model `{model}`: {status}: {said}{}", hint(*kind))]
    Refused {
        /// The server.
        url: String,
        /// The model.
        model: String,
        /// The request: `metadata`, `inference`.
        action: &'static str,
        /// The status, such as `HTTP 400`.
        status: String,
        /// Category of the status.
        kind: Kind,
        /// The server's message.
        said: String,
    },
    /// An answer that violates the protocol or the announced shapes.
    #[error("model `{model}` on {url} gave an answer that cannot be used: {reason}")]
    Answer {
        /// The server.
        url: String,
        /// The model.
        model: String,
        /// The expected and the found value.
        reason: String,
    },
}

impl EndpointError {
    /// Error category; decides the exit status.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Url { .. } | Self::Certificates { .. } | Self::Token { .. } | Self::Option { .. } => Fault::Input,
            Self::Unreachable { .. } | Self::NotReady { .. } => Fault::Environment,
            Self::UnknownModel { .. } | Self::Mismatch { .. } | Self::VersionChanged { .. } | Self::Answer { .. } => {
                Fault::Check
            }
            Self::Refused { kind: Kind::Internal | Kind::Busy, .. } => Fault::Environment,
            Self::Refused { .. } => Fault::Input,
        }
    }
}

fn tried(attempts: usize, seconds: f64) -> String {
    if attempts > 1 { format!(" (tried {attempts} times in {seconds:.0} s)") } else { String::new() }
}

fn hint(kind: Kind) -> String {
    match kind {
        Kind::Unauthorized => format!("; set {TOKEN_VARIABLE} to a token that the server accepts"),
        _ => String::new(),
    }
}
