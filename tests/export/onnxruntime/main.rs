//! Exported models in ONNX Runtime, which must compute the same results as burn's CPU backend.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::type_complexity)]

#[path = "../../../export/onnx/benches/architectures/mod.rs"]
mod architectures;
mod blocks;
mod checker;
mod elementwise;
mod errors;
mod files;
mod fusion;
mod generate;
mod layers;
mod nn_activations;
mod nn_layers;
mod nn_losses;
mod nn_sequences;
mod opsets;
mod precision;
mod quantised;
mod reduce;
mod shape;
mod strangers;
mod strangers_language;
mod strangers_pathology;
mod strangers_sequence;
mod strangers_tensors;
mod strangers_tokens;
mod strangers_vision;
mod support;
mod symbolic;
mod tile_models;
mod trained;
mod types;
