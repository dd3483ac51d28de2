//! Retries. An inference changes nothing on the server, so a possibly lost one may be sent twice; a request that would fail
//! again is not. Waits grow exponentially with jitter, so that many clients of one server do not return at once.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use backon::{BlockingRetryable as _, ExponentialBuilder};

use super::EndpointError;
use super::failure::{Failure, Kind};

/// The first wait, doubled each time, and the longest.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Time of the last success over all connections: when the time limit is over for one batch, the others do not each wait
/// as long again.
#[derive(Debug, Default)]
pub(super) struct Outage(Mutex<Option<Instant>>);

impl Outage {
    fn began(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Instant::now);
    }

    fn is_over(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn lasts(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).map_or(Duration::ZERO, |since| since.elapsed())
    }
}

/// The reason why an attempt failed.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The server refused, or the connection failed.
    Failed {
        /// The server.
        url: String,
        /// The request: `metadata`, `inference`.
        action: &'static str,
        /// The failure.
        failure: Failure,
    },
    /// An error that no further attempt can change.
    Final(EndpointError),
}

impl Trouble {
    /// Returns true if the same request may succeed later.
    pub(super) fn is_transient(&self) -> bool {
        matches!(self, Self::Failed { failure, .. } if failure.is_transient())
    }

    /// Returns true if the server is reachable but busy.
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
            Failure::Transport(reason) => {
                EndpointError::Unreachable { url, reason, timed_out: false, attempts, seconds }
            }
            Failure::Timeout(reason) => EndpointError::Unreachable { url, reason, timed_out: true, attempts, seconds },
            Failure::Status { kind: Kind::Busy, status, said } => {
                EndpointError::NotReady { url, reason: format!("{status}: {said}"), attempts, seconds }
            }
            Failure::Status { kind, status, said } => EndpointError::Refused { url, model, action, status, kind, said },
            Failure::Answer(reason) => EndpointError::Answer { url, model, reason },
        }
    }
}

/// Time limits of retries.
#[derive(Clone, Copy)]
pub(super) struct Patience<'a> {
    /// Limit of one request over all attempts, and of all requests since the last success.
    pub(super) retry_for: Duration,
    /// State shared by all requests.
    pub(super) outage: &'a Outage,
}

/// Tries until success, until `again` returns false, or until the time limit.
///
/// # Errors
/// The last trouble, with the number of attempts and their duration.
pub(super) fn retry<T>(
    model: &str,
    patience: Patience<'_>,
    again: impl Fn(&Trouble) -> bool,
    mut attempt: impl FnMut() -> Result<T, Trouble>,
) -> Result<T, EndpointError> {
    let Patience { retry_for, outage } = patience;
    let started = Instant::now();
    let mut attempts = 0;
    let counted = || {
        attempts += 1;
        let result = attempt();
        match &result {
            Ok(_) => outage.is_over(),
            Err(_) => outage.began(),
        }
        result
    };
    let waits = ExponentialBuilder::new()
        .with_min_delay(FIRST_WAIT)
        .with_max_delay(LONGEST_WAIT)
        .without_max_times()
        .with_jitter();
    let result = counted
        .retry(waits)
        .when(|trouble| again(trouble) && started.elapsed().max(outage.lasts()) < retry_for)
        .notify(|trouble, wait| tracing::debug!("{trouble}, trying again in {wait:.1?}"))
        .call();
    result.map_err(|trouble| trouble.into_error(model, attempts, started.elapsed().as_secs_f64()))
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Final(error) => error.fmt(f),
            Self::Failed {
                failure: Failure::Transport(reason) | Failure::Timeout(reason) | Failure::Answer(reason),
                ..
            } => f.write_str(reason),
            Self::Failed { failure: Failure::Status { status, said, .. }, .. } => write!(f, "{status}: {said}"),
        }
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
        let patience = Patience { retry_for, outage: &Outage::default() };
        let result = retry("m", patience, Trouble::is_transient, || {
            made += 1;
            if made == succeed_at { Ok(made) } else { Err(failed(failure.clone())) }
        });
        (result, made)
    }

    #[test]
    fn what_may_pass_is_tried_until_it_does() {
        let (result, made) = attempts(Duration::from_secs(60), &Failure::from_http(503, "later"), 3);
        assert_eq!((result.unwrap(), made), (3, 3));
    }

    #[test]
    fn what_will_not_pass_is_tried_once() {
        let (result, made) = attempts(Duration::from_secs(60), &Failure::from_http(400, "no"), 3);
        assert_eq!(made, 1);
        assert!(result.unwrap_err().to_string().contains("HTTP 400: no"));
    }

    #[test]
    fn what_one_request_has_waited_for_the_next_does_not_wait_for_again() {
        let outage = Outage::default();
        let patience = Patience { retry_for: Duration::from_millis(200), outage: &outage };
        let mut made = [0; 2];
        for made in &mut made {
            let fail = || -> Result<(), _> {
                *made += 1;
                Err(failed(Failure::Transport("gone".to_owned())))
            };
            assert!(retry("m", patience, Trouble::is_transient, fail).is_err());
        }
        assert!(made[0] > 1 && made[1] == 1, "{made:?}");
        retry("m", patience, Trouble::is_transient, || Ok(())).unwrap();
        assert_eq!(outage.lasts(), Duration::ZERO);
    }

    #[test]
    fn the_time_is_kept_and_told() {
        let (result, made) = attempts(Duration::from_millis(300), &Failure::Transport("gone".to_owned()), 1000);
        assert!((2..6).contains(&made), "{made}");
        assert!(result.unwrap_err().to_string().contains(&format!("gone (tried {made} times")));
    }
}
