//! Options of a connection to model servers.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::{EndpointError, EndpointUrl};

/// The environment variable with the bearer token, which keeps it out of process lists.
pub const TOKEN_VARIABLE: &str = "KILN_ENDPOINT_TOKEN";

/// Servers, their model, and time limits.
#[derive(Debug, Clone)]
pub struct EndpointOptions {
    /// Servers of the same model; they share the load.
    pub urls: Vec<EndpointUrl>,
    /// The model's name on the servers.
    pub model: String,
    /// The model version that must answer. `None` leaves the choice to the server; it must then stay the same.
    pub version: Option<String>,
    /// Requests in flight at once, over all servers.
    pub concurrency: usize,
    /// Time limit of one request, from connecting to the last byte of the answer.
    pub timeout: Duration,
    /// Time limit of one batch, over all its attempts.
    pub retry_for: Duration,
    /// PEM file of certificates that are trusted in addition to the system's.
    pub ca: Option<PathBuf>,
    /// Sent as `Authorization: Bearer …`.
    pub token: Option<Token>,
}

impl EndpointOptions {
    /// Default of `concurrency`: one request is computed while another is in transit.
    pub const DEFAULT_CONCURRENCY: usize = 2;
    /// Default time limit of one request.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
    /// Default time limit of one batch: long enough for a server to load a model of some hundred megabytes.
    pub const DEFAULT_RETRY_FOR: Duration = Duration::from_secs(60);

    /// Options for one model on these servers, with defaults for the rest.
    #[must_use]
    pub fn new(urls: Vec<EndpointUrl>, model: impl Into<String>) -> Self {
        Self {
            urls,
            model: model.into(),
            version: None,
            concurrency: Self::DEFAULT_CONCURRENCY,
            timeout: Self::DEFAULT_TIMEOUT,
            retry_for: Self::DEFAULT_RETRY_FOR,
            ca: None,
            token: None,
        }
    }
}

/// A bearer token. It is never printed, and is removed from a server's messages.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Takes a token from the environment variable's value.
    ///
    /// # Errors
    /// [`EndpointError::Token`] if it is empty or cannot be part of a header.
    pub fn new(text: &str) -> Result<Self, EndpointError> {
        let text = text.trim();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let reason = "is empty or holds characters that no token has; unset it, or set it to the token alone";
            return Err(EndpointError::Token { reason: reason.to_owned() });
        }
        Ok(Self(text.to_owned()))
    }

    /// The header's value.
    pub(super) fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// The text without the token.
    pub(super) fn hide(&self, text: &str) -> String {
        text.replace(&self.0, "…")
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_token_is_shown_nowhere() {
        let token = Token::new("s3cret\n").unwrap();
        assert_eq!((token.header().as_str(), token.hide("bad s3cret!").as_str()), ("Bearer s3cret", "bad …!"));
        let options = EndpointOptions { token: Some(token), ..EndpointOptions::new(vec![], "m") };
        assert!(!format!("{options:?}").contains("s3cret"));
        for text in ["", "  ", "a b", "a\nb", "ä"] {
            assert!(Token::new(text).is_err(), "{text:?}");
        }
    }
}
