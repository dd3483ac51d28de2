//! Whole-path tests: they run the `kiln` binary as a user would and check exit status, output and files. Each module tests
//! one promise. All share one set of generated tiles and the small runs and bundles made from them; see [`support`].
//!
//! `KILN_SLOW_TESTS=1` repeats the kills twenty times. Tests that need something that a machine may lack (real tiles, Python
//! packages) are skipped with a printed reason: `cargo test --release --workspace --test whole_path -- --nocapture`.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod support;

mod backbone;
mod bench;
mod compare;
mod compare_children;
mod compare_served;
mod data;
mod debug;
mod demo;
mod distribution;
mod doctor_report;
mod endpoint;
mod environment;
mod evaluate;
mod exit_status;
mod export;
mod import;
mod json;
mod kill;
mod labels;
mod logs;
mod messages;
mod onnx_checker;
mod operations;
mod package;
mod pages;
mod pretrain;
mod real_tiles;
mod score;
mod score_input;
mod score_out;
mod score_resume;
mod shard;
mod sign;
mod slide;
mod snippet;
mod stain;
mod study;
mod telemetry;
mod train;
mod verify;
mod watch;
