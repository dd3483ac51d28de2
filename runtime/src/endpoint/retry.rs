//! When a request is sent again. An inference changes nothing on the server, so that one that may have been lost can be
//! sent twice; what would fail in the same way is not sent twice. Waits grow and are drawn at random (exponential backoff
//! with jitter), so that many clients of one server do not come back at one moment.

use std::time::{Duration, Instant};

use backon::{BlockingRetryable as _, ExponentialBuilder};

use super::EndpointError;
use super::failure::{Failure, Kind};

/// The first wait, doubled each time, and the longest.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// Why an attempt came to nothing.
#[derive(Debug)]
pub(super) enum Trouble {
    /// What a server, or the way there, said.
    Failed {
        /// The server.
        url: String,
        /// What was asked.
        action: &'static str,
        /// What came.
        failure: Failure,
    },
    /// What no further attempt can change.
    Final(EndpointError),
}

impl Trouble {
    /// Whether the same may succeed later.
    pub(super) fn is_transient(&self) -> bool {
        matches!(self, Self::Failed { failure, .. } if failure.is_transient())
    }

    /// Whether the server is there, and asks to come later.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self, Self::Failed { failure: Failure::Status { kind: Kind::Busy, .. }, .. })
    }

    fn into_error(self, model: &str, attempts: usize, seconds: f64) -> EndpointError {
        let (url, action, failure) = match self {
            Self::Final(error) => return error,
            Self::Failed { url, action, failure } => (url, action, failure),
        };
        let model = model.to_owned();
        match failure {
            Failure::Transport(reason) => EndpointError::Unreachable { url, reason, attempts, seconds },
            Failure::Status { kind: Kind::Busy, status, said } => {
                EndpointError::NotReady { url, reason: format!("{status}: {said}"), attempts, seconds }
            }
            Failure::Status { kind, status, said } => {
                EndpointError::Refused { url, model, action, status, kind, said }
            }
            Failure::Answer(reason) => EndpointError::Answer { url, model, reason },
        }
    }
}

/// Tries until it succeeds, until `again` says no, or until `retry_for` is over.
///
/// # Errors
/// The last trouble, with how often and how long it was tried.
pub(super) fn retry<T>(
    model: &str,
    retry_for: Duration,
    again: impl Fn(&Trouble) -> bool,
    mut attempt: impl FnMut() -> Result<T, Trouble>,
) -> Result<T, EndpointError> {
    let started = Instant::now();
    let mut attempts = 0;
    let counted = || {
        attempts += 1;
        attempt()
    };
    let waits = ExponentialBuilder::new()
        .with_min_delay(FIRST_WAIT)
        .with_max_delay(LONGEST_WAIT)
        .without_max_times()
        .with_jitter();
    let result = counted
        .retry(waits)
        .when(|trouble| again(trouble) && started.elapsed() < retry_for)
        .notify(|trouble, wait| tracing::warn!("{}, trying again in {wait:.1?}", describe(trouble)))
        .call();
    result.map_err(|trouble| trouble.into_error(model, attempts, started.elapsed().as_secs_f64()))
}

fn describe(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Final(error) => error.to_string(),
        Trouble::Failed { url, failure: Failure::Transport(reason) | Failure::Answer(reason), .. } => {
            format!("{url}: {reason}")
        }
        Trouble::Failed { url, failure: Failure::Status { status, said, .. }, .. } => format!("{url}: {status}: {said}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn failed(failure: Failure) -> Trouble {
        Trouble::Failed { url: "http://x".to_owned(), action: "inference", failure }
    }

    fn attempts(retry_for: Duration, failure: &Failure, succeed_at: usize) -> (Result<usize, EndpointError>, usize) {
        let mut made = 0;
        let result = retry("m", retry_for, Trouble::is_transient, || {
            made += 1;
            if made == succeed_at { Ok(made) } else { Err(failed(failure.clone())) }
        });
        (result, made)
    }

    #[test]
    fn what_may_pass_is_tried_until_it_does() {
        let (result, made) = attempts(Duration::from_secs(60), &Failure::of_http(503, "later"), 3);
        assert_eq!((result.unwrap(), made), (3, 3));
    }

    #[test]
    fn what_will_not_pass_is_tried_once() {
        let (result, made) = attempts(Duration::from_secs(60), &Failure::of_http(400, "no"), 3);
        assert_eq!(made, 1);
        assert!(result.unwrap_err().to_string().contains("HTTP 400: no"));
    }

    #[test]
    fn the_time_is_kept_and_told() {
        let (result, made) = attempts(Duration::from_millis(300), &Failure::Transport("gone".to_owned()), 1000);
        assert!((2..6).contains(&made), "{made}");
        assert!(result.unwrap_err().to_string().contains(&format!("gone (tried {made} times")));
    }
}
