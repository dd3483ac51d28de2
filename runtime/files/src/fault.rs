//! Whose turn it is after an error. Every error of Kiln knows its fault, and the binary turns it into an exit status.

/// The kinds of failure that a caller must tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A check did not hold: parity miss, figure not valid, gate not met. Exit status 1.
    Check,
    /// The input, the arguments or the configuration are wrong. Exit status 2.
    Input,
    /// The machine lacks something: no ONNX Runtime, provider unavailable, disk full. Exit status 3.
    Environment,
}
