//! Fuzz targets: every reader of untrusted bytes, as a function of bytes. Each target checks more than the absence of
//! panics: accepted input satisfies the promises of its reader, and refused input costs no more memory and time than its
//! length explains. Two engines share the targets: `cargo fuzz` (libFuzzer, nightly) through `tests/fuzz`, and [`Hunt`]
//! on a stable toolchain in `cargo test`. CONTRIBUTING.md, "Fuzz", has the commands.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

#[cfg(feature = "runtime")]
mod bundle;
mod corpus;
#[cfg(feature = "runtime")]
mod endpoint;
#[cfg(feature = "runtime")]
mod golden;
mod hunt;
#[cfg(feature = "runtime")]
mod journal;
pub mod libfuzzer;
#[cfg(feature = "runtime")]
mod list;
mod memory;
mod mutate;
#[cfg(feature = "runtime")]
mod part;
#[cfg(feature = "runtime")]
mod pbtxt;
#[cfg(feature = "runtime")]
mod progress;
#[cfg(feature = "runtime")]
mod protobuf;
mod registry;
#[cfg(feature = "runtime")]
mod rows;
#[cfg_attr(not(any(feature = "runtime", feature = "train")), allow(dead_code))]
mod scratch;
#[cfg(feature = "runtime")]
mod signature;
#[cfg(feature = "runtime")]
mod slide;
mod target;
mod tile;
#[cfg(feature = "train")]
mod tiles;
#[cfg(feature = "train")]
mod yaml;

pub use corpus::write_corpus;
pub use hunt::{Finding, Hunt, TIME_LIMIT, hunt};
pub use memory::Counting;
pub use mutate::{Mutator, input};
pub use registry::{target, targets};
pub use target::{MEMORY_PER_BYTE, Target};
