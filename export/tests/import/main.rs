//! `kiln_export::import` against ONNX Runtime: models of every form, refusals, references and their diagnosis.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod batch;
mod diagnosis;
mod frameworks;
mod messages;
mod models;
mod refusals;
mod support;
