//! Operations of burn's intermediate representation that no ONNX model can hold, and why.

/// Gradients.
pub(super) const BACKWARD: &str = "gradients belong to training; a model file holds the forward pass";
/// Collective operations.
pub(super) const DISTRIBUTED: &str = "operations between devices have no place in a model file";
/// What a user registers.
pub(super) const CUSTOM: &str = "burn does not record what a custom operation means";
/// Tensors made of data.
const INIT: &str = "not computed: tensors made of data become initializers";
/// The end of a tensor's life.
const DROP: &str = "not computed: it manages memory";
/// Quantisation inside the forward function.
pub(super) const QUANTISATION: &str = "burn's recording device has no quantised tensors; quantised parameters are exported as the floats that they stand for";
/// Why no ONNX model can hold an operation of burn's, by its name as in [`Unsupported::kind`](crate::Unsupported), such as
/// `Module::Conv2dXBackward`; `None` for all that can be exported.
pub fn not_expressible(kind: &str) -> Option<&'static str> {
    match kind {
        "Init" => Some(INIT),
        "Drop" => Some(DROP),
        "Custom" => Some(CUSTOM),
        "Float::Quantize" | "Float::Dequantize" => Some(QUANTISATION),
        _ if kind.ends_with("Backward") => Some(BACKWARD),
        _ if kind.starts_with("Distributed::") => Some(DISTRIBUTED),
        _ => None,
    }
}
