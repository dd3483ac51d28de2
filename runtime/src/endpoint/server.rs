//! What is known of one server: what it serves, and whether it was lately away. Shared by all connections to it, so that
//! one of them finding it dead spares the others the wait.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::{EndpointUrl, ModelMetadata, ServerMetadata};

/// For how long others are asked first after a server did not answer.
const REST: Duration = Duration::from_secs(2);

/// What a server serves, as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Served {
    /// The server's address.
    pub url: String,
    /// What it says about itself.
    pub server: ServerMetadata,
    /// What it says about the model.
    pub model: ModelMetadata,
    /// The only batch that it takes.
    pub fixed_batch: Option<usize>,
    /// The largest batch that it takes.
    pub max_batch: Option<usize>,
}

/// One server.
#[derive(Debug)]
pub(super) struct Server {
    /// Its address.
    pub(super) url: EndpointUrl,
    rests_until: Mutex<Option<Instant>>,
    unchecked: AtomicBool,
}

impl Server {
    pub(super) fn new(url: EndpointUrl) -> Self {
        Self { url, rests_until: Mutex::new(None), unchecked: AtomicBool::new(true) }
    }

    /// Whether it did not answer a moment ago.
    pub(super) fn rests(&self) -> bool {
        self.rests_until.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| Instant::now() < until)
    }

    /// It did not answer, for this reason: whoever comes back there must be checked.
    pub(super) fn was_lost(&self, reason: &str) {
        *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + REST);
        if !self.unchecked.swap(true, Ordering::AcqRel) {
            tracing::warn!("{} is lost: {reason}", self.url);
        }
    }

    /// Whether it must be checked before the next batch.
    pub(super) fn is_unchecked(&self) -> bool {
        self.unchecked.load(Ordering::Acquire)
    }

    /// It was checked.
    pub(super) fn was_checked(&self) {
        let rested = self.rests_until.lock().unwrap_or_else(PoisonError::into_inner).take().is_some();
        if self.unchecked.swap(false, Ordering::AcqRel) && rested {
            tracing::warn!("{} is there again, and serves the same model", self.url);
        }
    }
}
