//! State of one server: its model, and whether it was recently lost. All connections share it, so only the first one waits
//! for a dead server.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::{EndpointUrl, ModelMetadata, ServerMetadata};

/// Time for which other servers are preferred after a server did not answer.
const REST: Duration = Duration::from_secs(2);

/// A server and its model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Served {
    /// The server's address.
    pub url: String,
    /// Metadata of the server.
    pub server: ServerMetadata,
    /// Metadata of the model.
    pub model: ModelMetadata,
    /// The only batch size that it accepts; `None` if any.
    pub fixed_batch: Option<usize>,
    /// The largest batch that it accepts; `None` if it states none.
    pub max_batch: Option<usize>,
}

/// One server.
#[derive(Debug)]
pub(super) struct Server {
    /// Its address.
    pub(super) url: EndpointUrl,
    rests_until: Mutex<Option<Instant>>,
    unchecked: AtomicBool,
    /// The model's name in the metadata at the last check.
    model_name: Mutex<String>,
}

impl Server {
    pub(super) fn new(url: EndpointUrl) -> Self {
        Self {
            url,
            rests_until: Mutex::new(None),
            unchecked: AtomicBool::new(true),
            model_name: Mutex::new(String::new()),
        }
    }

    /// Returns true if it did not answer recently.
    pub(super) fn rests(&self) -> bool {
        self.rests_until.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| Instant::now() < until)
    }

    /// Marks the server as lost, with the reason; it must be checked again when it returns.
    pub(super) fn was_lost(&self, reason: &str) {
        *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + REST);
        if !self.unchecked.swap(true, Ordering::AcqRel) {
            tracing::warn!("{} is lost: {reason}", self.url);
        }
    }

    /// Returns true if it must be checked before the next batch.
    pub(super) fn is_unchecked(&self) -> bool {
        self.unchecked.load(Ordering::Acquire)
    }

    /// The model's name in the server's metadata; empty if the server was never checked.
    pub(super) fn model_name(&self) -> String {
        self.model_name.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Marks the server as checked; `model_name` is the model's name in its metadata.
    pub(super) fn was_checked(&self, model_name: &str) {
        model_name.clone_into(&mut self.model_name.lock().unwrap_or_else(PoisonError::into_inner));
        let rested = self.rests_until.lock().unwrap_or_else(PoisonError::into_inner).take().is_some();
        if self.unchecked.swap(false, Ordering::AcqRel) && rested {
            tracing::warn!("{} is reachable again and serves the same model", self.url);
        }
    }
}
