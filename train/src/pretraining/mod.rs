//! Self-supervised pre-training of a backbone on tiles without labels, by SimSiam (Chen and He, 2021, arXiv:2011.10566), which
//! learns similar vectors for two variations of a tile. The result is a file of weights that `transfer` and `memory_bank` load as
//! `model.backbone.weights`. The same seed gives the same weights. Tiles of the validation and test splits are never
//! used. Measuring the gain is left to a [`study`](crate::study) of models with both weights.

mod config;
mod event;
mod facts;
mod request;
mod simsiam;
mod tiles;
mod train;

pub use config::{Method, PretrainConfig, PretrainData, PretrainTraining};
pub use event::PretrainEvent;
pub use facts::{COLLAPSED, PretrainEpoch, PretrainFacts, facts_file};
pub use request::PretrainRequest;
pub use train::{Pretrained, pretrain};

#[cfg(test)]
mod tests;
