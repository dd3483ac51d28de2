//! Fuzz targets: every reader of bytes that others made, as a function of bytes. Each target checks more than that
//! nothing panics: accepted input satisfies the promises of its reader, and refused input costs no more memory and time
//! than its length explains. Two engines share the targets: `cargo fuzz` (libFuzzer, nightly) through `tests/fuzz`, and
//! [`Hunt`] on a stable toolchain in `cargo test`. CONTRIBUTING.md, "Fuzz", has the commands.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

#[cfg(feature = "runtime")]
mod bundle;
mod corpus;
#[cfg(feature = "runtime")]
mod endpoint;
#[cfg(feature = "runtime")]
mod golden;
mod hunt;
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
#[cfg_attr(not(any(feature = "runtime", feature = "train")), allow(dead_code))]
mod room;
#[cfg(feature = "runtime")]
mod rows;
mod tile;
#[cfg(feature = "train")]
mod tiles;
#[cfg(feature = "train")]
mod yaml;

pub use corpus::write_corpus;
pub use hunt::{Finding, Hunt, TIME_LIMIT, hunt};
pub use memory::Counting;
pub use mutate::{Mutator, input};

/// A reader of untrusted bytes.
#[derive(Clone, Copy)]
pub struct Target {
    /// The target's name, the same in both engines.
    pub name: &'static str,
    /// Reads an input and returns whether it was accepted. Panics if a promise of the reader is broken.
    pub run: fn(&[u8]) -> bool,
    /// Inputs that the reader accepts.
    pub sound: fn() -> Vec<Vec<u8>>,
    /// Inputs of kinds that have broken readers, such as deep nesting.
    pub hostile: fn() -> Vec<Vec<u8>>,
    /// Words of the format, for the mutator.
    pub words: &'static [&'static str],
    /// Inputs of the short run: about three seconds of them.
    pub rounds: u64,
    /// Bytes that reading may allocate beside [`MEMORY_PER_BYTE`] for each byte of the input.
    pub memory: usize,
}

/// Bytes that reading may allocate for each byte of the input: parsed values, and copies of them in errors.
pub const MEMORY_PER_BYTE: usize = 128;

/// All targets.
#[must_use]
pub fn targets() -> Vec<Target> {
    [
        &[tile::TARGET][..],
        #[cfg(feature = "runtime")]
        &[bundle::MANIFEST, bundle::GRAPH, golden::TARGET, list::LINES, list::NUL, rows::TARGET, part::TARGET],
        #[cfg(feature = "runtime")]
        &[progress::TARGET, pbtxt::TARGET],
        #[cfg(feature = "runtime")]
        &[endpoint::HTTP, endpoint::GRPC],
        #[cfg(feature = "train")]
        &[yaml::CONFIG, yaml::STUDY, tiles::TARGET],
    ]
    .concat()
}

/// A target by its name.
#[must_use]
pub fn target(name: &str) -> Option<Target> {
    targets().into_iter().find(|target| target.name == name)
}
