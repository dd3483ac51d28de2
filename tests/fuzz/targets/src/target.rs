//! A fuzz target.

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
    /// Inputs of the short run, which takes about three seconds.
    pub rounds: u64,
    /// Bytes that reading may allocate beside [`MEMORY_PER_BYTE`] for each byte of the input.
    pub memory: usize,
}

/// Bytes that reading may allocate for each byte of the input: parsed values, and copies of them in errors.
pub const MEMORY_PER_BYTE: usize = 128;
