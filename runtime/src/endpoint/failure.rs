//! Failures of a transport, without the context of model and batch. The decision to retry depends on these alone.

use kiln_files::text::one_line;

/// Characters of a server's message that are shown.
const MAX_MESSAGE: usize = 400;

/// The reason for a missing answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// No connection, or a broken one.
    Transport(String),
    /// No answer in time.
    Timeout(String),
    /// The server answered with an error status.
    Status {
        /// Category of the status.
        kind: Kind,
        /// The status in the protocol's notation: `HTTP 503`, `gRPC UNAVAILABLE`.
        status: String,
        /// The server's message.
        said: String,
    },
    /// The answer violates the protocol.
    Answer(String),
}

/// Category of a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Temporary: overload, a model that is being loaded, a gateway without a server.
    Busy,
    /// No such model or version.
    NotFound,
    /// Credentials are missing or do not suffice.
    Unauthorized,
    /// The request itself is wrong.
    Invalid,
    /// The server failed.
    Internal,
}

impl Failure {
    /// Category of an HTTP status (RFC 9110).
    pub(super) fn from_http(code: u16, said: &str) -> Self {
        let kind = match code {
            408 | 425 | 429 | 502 | 503 | 504 => Kind::Busy,
            404 => Kind::NotFound,
            401 | 403 => Kind::Unauthorized,
            400..500 => Kind::Invalid,
            _ => Kind::Internal,
        };
        Self::Status { kind, status: format!("HTTP {code}"), said: shown(said) }
    }

    /// Returns true if the same request may succeed later.
    pub(super) fn is_transient(&self) -> bool {
        matches!(self, Self::Transport(_) | Self::Timeout(_) | Self::Status { kind: Kind::Busy, .. })
    }
}

/// A server's message on one line, without control characters and shortened, fit for a terminal.
pub(super) fn shown(text: &str) -> String {
    let text = one_line(text);
    match text.char_indices().nth(MAX_MESSAGE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for (code, again) in
            [(503, true), (429, true), (502, true), (400, false), (404, false), (401, false), (500, false)]
        {
            assert_eq!(Failure::from_http(code, "").is_transient(), again, "{code}");
        }
        assert!(Failure::Transport(String::new()).is_transient());
        assert!(Failure::Timeout(String::new()).is_transient());
        assert!(!Failure::Answer(String::new()).is_transient());
    }

    #[test]
    fn a_server_cannot_write_to_the_terminal_what_it_likes() {
        assert_eq!(shown("a\u{1b}[31m\r\n b"), "a [31m b");
        assert_eq!(shown(&"ä".repeat(1000)).chars().count(), MAX_MESSAGE + 1);
    }
}
