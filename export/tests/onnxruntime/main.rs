//! Exported models against ONNX Runtime: what burn computes on its CPU backend, ONNX Runtime must compute from the file.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::type_complexity)]

mod architectures;
mod checker;
mod elementwise;
mod errors;
mod files;
mod generate;
mod layers;
mod opsets;
mod reduce;
mod shape;
mod support;
mod symbolic;
mod tile_models;
