//! From labelled tiles to a trained model: data sets and their splits ([`data`]), models ([`model`]), pretrained weights
//! ([`weights`]), weights learnt without labels ([`pretraining`]), features of frozen backbones ([`features`]), the training
//! loop and the run that it writes ([`training`]),
//! explanations of a model's decisions ([`explain`]), figures ([`metrics`]), baselines ([`baseline`]), pictures and reports
//! ([`picture`], [`report`]). A [`study`] compares several trainings. Depends on burn and not on ONNX; the export crate turns
//! a run into a bundle.

pub mod baseline;
pub mod config;
pub mod data;
mod error;
pub mod evaluation;
pub mod explain;
pub mod features;
mod lock;
pub mod metrics;
pub mod model;
mod parallel;
pub mod picture;
pub mod pretraining;
pub mod report;
pub mod study;
pub mod training;
pub mod weights;

pub use config::Config;
pub use error::{Error, Result};

/// Version of burn that this release is built with, for provenance.
pub const BURN_VERSION: &str = "0.22.1";
