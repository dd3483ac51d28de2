//! The result of a lowering.

/// Nothing, since a lowering adds its nodes to the context, or the reason why it failed.
pub(crate) type Lowered = Result<(), Refusal>;

/// The reason why a lowering failed.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// ONNX, or this exporter, has no form for the operation.
    Unsupported(String),
    /// A size depends on symbolic axes in an unknown way.
    Ambiguous,
}

/// Refuses an operation.
pub(crate) fn refuse<T>(reason: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::Unsupported(reason.into()))
}
