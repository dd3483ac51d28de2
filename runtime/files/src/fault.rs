//! Error category; decides the exit status. Every error type of Kiln has one.

/// Error category; decides the exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A check failed: parity missed, a metric out of range, a gate not met. Exit status 1.
    Check,
    /// Wrong input, arguments or configuration. Exit status 2.
    Input,
    /// A problem of the machine: no ONNX Runtime, provider unavailable, disk full. Exit status 3.
    Environment,
}
