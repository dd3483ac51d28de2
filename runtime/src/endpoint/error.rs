//! What can go wrong between Kiln and a model server, and whose turn it is then. Both sides stand in the message: what
//! was asked or what the bundle holds, and what the server has or said.

use std::path::PathBuf;

use kiln_files::Fault;

use super::TOKEN_VARIABLE;
use super::failure::Kind;

/// An error on the way to a model server and back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// An address that is none.
    #[error("the endpoint `{url}` {reason}; write http://HOST:PORT, https://…, grpc://HOST:PORT or grpcs://…")]
    Url {
        /// The address as written, without credentials.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Certificates that cannot be used.
    #[error("the certificates {}: {reason}", path.display())]
    Certificates {
        /// The file, or what the certificates are.
        path: PathBuf,
        /// What was found, and what to do.
        reason: String,
    },
    /// A bearer token that cannot be sent.
    #[error("{TOKEN_VARIABLE} {reason}")]
    Token {
        /// What is wrong with it.
        reason: String,
    },
    /// Options that cannot hold together.
    #[error("{option}: {reason}")]
    Option {
        /// The option.
        option: &'static str,
        /// What was found, and what to do.
        reason: String,
    },
    /// Nobody answers, or the connection broke and stayed broken.
    #[error("{url} did not answer: {reason}{}", tried(*attempts, *seconds))]
    Unreachable {
        /// The server, or the servers.
        url: String,
        /// What the network said.
        reason: String,
        /// How often it was tried.
        attempts: usize,
        /// Over how many seconds.
        seconds: f64,
    },
    /// The server is there and not ready, or too busy.
    #[error("{url} is not ready: {reason}{}", tried(*attempts, *seconds))]
    NotReady {
        /// The server.
        url: String,
        /// What is not ready.
        reason: String,
        /// How often it was tried.
        attempts: usize,
        /// Over how many seconds.
        seconds: f64,
    },
    /// The server does not have the model.
    #[error(
        "model `{model}` was asked for, and {url} does not have it: {said}; name the one that is there with --model"
    )]
    UnknownModel {
        /// The server.
        url: String,
        /// The model that was asked for.
        model: String,
        /// What the server said.
        said: String,
    },
    /// The server has the model, and it is another one than the bundle's.
    #[error("model `{model}` on {url} is not this bundle: {}", differences.join("; "))]
    Mismatch {
        /// The server.
        url: String,
        /// The model.
        model: String,
        /// One difference each, with both sides.
        differences: Vec<String>,
    },
    /// The server refused a request, or failed at it, and would do so again.
    #[error("{url} refused the {action} of model `{model}`: {status}: {said}{}", hint(*kind))]
    Refused {
        /// The server.
        url: String,
        /// The model.
        model: String,
        /// What was asked: `metadata`, `inference`.
        action: &'static str,
        /// The status, such as `HTTP 400`.
        status: String,
        /// What kind of status that is.
        kind: Kind,
        /// What the server said.
        said: String,
    },
    /// An answer that is not what was announced.
    #[error("model `{model}` on {url} gave an answer that cannot be used: {reason}")]
    Answer {
        /// The server.
        url: String,
        /// The model.
        model: String,
        /// What was expected and what was found.
        reason: String,
    },
}

impl EndpointError {
    /// Whose turn it is: the caller's input, the machine, or a check that did not hold.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Url { .. } | Self::Certificates { .. } | Self::Token { .. } | Self::Option { .. } => Fault::Input,
            Self::Unreachable { .. } | Self::NotReady { .. } => Fault::Environment,
            Self::UnknownModel { .. } | Self::Mismatch { .. } | Self::Answer { .. } => Fault::Check,
            Self::Refused { kind: Kind::Internal | Kind::Busy, .. } => Fault::Environment,
            Self::Refused { .. } => Fault::Input,
        }
    }
}

fn tried(attempts: usize, seconds: f64) -> String {
    if attempts > 1 { format!(" (tried {attempts} times in {seconds:.0} s; see --retry-for)") } else { String::new() }
}

fn hint(kind: Kind) -> String {
    match kind {
        Kind::Unauthorized => format!("; set {TOKEN_VARIABLE} to a token that the server accepts"),
        _ => String::new(),
    }
}
