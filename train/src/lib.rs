//! From labelled tiles to a trained model: data sets and their splits ([`data`]), the model zoo ([`model`]), weights
//! from elsewhere ([`weights`]), the training loop and the run that it leaves ([`training`]), a look inside the model
//! ([`explain`]), the figures ([`metrics`]), the baselines ([`baseline`]) and the pictures ([`picture`], [`report`]). Many
//! trainings that are compared make a [`study`]. Knows burn and nothing of ONNX: what a run becomes is the export
//! crate's business.

pub mod baseline;
pub mod config;
pub mod data;
mod error;
pub mod evaluation;
pub mod explain;
pub mod metrics;
pub mod model;
pub mod picture;
pub mod report;
pub mod study;
pub mod training;
pub mod weights;

pub use config::Config;
pub use error::{Error, Result};

/// Version of burn that this release is built with, for provenance.
pub const BURN_VERSION: &str = "0.22.1";
