//! What a transport can say when it has no answer, before anybody knows which batch was meant. Retrying is decided on
//! this alone.

use kiln_files::text::one_line;

/// Characters of a server's message that are shown.
const MAX_MESSAGE: usize = 400;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// No connection, a broken one, or no answer in time.
    Transport(String),
    /// The server answered with a status that is no success.
    Status {
        /// What follows from it.
        kind: Kind,
        /// As the protocol has it: `HTTP 503`, `gRPC UNAVAILABLE`.
        status: String,
        /// What the server said.
        said: String,
    },
    /// An answer came and is not one.
    Answer(String),
}

/// What follows from a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Later it may work: overload, a model that loads, a gateway without a server behind it.
    Busy,
    /// There is no such model or version.
    NotFound,
    /// Credentials are missing or do not suffice.
    Unauthorized,
    /// The request itself is wrong.
    Invalid,
    /// The server failed.
    Internal,
}

impl Failure {
    /// By HTTP's status (RFC 9110).
    pub(super) fn of_http(code: u16, said: &str) -> Self {
        let kind = match code {
            408 | 425 | 429 | 502 | 503 | 504 => Kind::Busy,
            404 => Kind::NotFound,
            401 | 403 => Kind::Unauthorized,
            400..500 => Kind::Invalid,
            _ => Kind::Internal,
        };
        Self::Status { kind, status: format!("HTTP {code}"), said: shown(said) }
    }

    /// Whether the same request may succeed later.
    pub(super) fn is_transient(&self) -> bool {
        matches!(self, Self::Transport(_) | Self::Status { kind: Kind::Busy, .. })
    }
}

/// A server's words on one line, without control characters and not too long: they go to a terminal.
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
            assert_eq!(Failure::of_http(code, "").is_transient(), again, "{code}");
        }
        assert!(Failure::Transport(String::new()).is_transient());
        assert!(!Failure::Answer(String::new()).is_transient());
    }

    #[test]
    fn a_server_cannot_write_to_the_terminal_what_it_likes() {
        assert_eq!(shown("a\u{1b}[31m\r\n b"), "a [31m b");
        assert_eq!(shown(&"ä".repeat(1000)).chars().count(), MAX_MESSAGE + 1);
    }
}
