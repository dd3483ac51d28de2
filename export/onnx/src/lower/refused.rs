//! Operations of burn's intermediate representation that no ONNX model can contain, and the reasons.

/// Gradients.
pub(super) const BACKWARD: &str = "gradients belong to training; a model file holds the forward pass";
/// Collective operations.
pub(super) const DISTRIBUTED: &str = "operations between devices have no place in a model file";
/// Operations that users register.
pub(super) const CUSTOM: &str = "burn does not record the meaning of a custom operation";
/// Tensors made of data.
const INIT: &str = "not computed: tensors made of data become initializers";
/// The end of a tensor's life.
const DROP: &str = "not computed: it manages memory";
/// Quantisation inside the forward function.
pub(super) const QUANTISATION: &str =
    "burn's recording device has no quantised tensors; quantised parameters are exported dequantised";

/// Returns the reason why no ONNX model can contain an operation of burn; `None` if it can be exported. `kind` is its name in
/// [`Unsupported::kind`](crate::Unsupported), such as `Module::Conv2dXBackward`.
///
/// ```
/// use burn_onnx_export::not_expressible;
///
/// assert!(not_expressible("Module::Conv2dXBackward").is_some());
/// assert!(not_expressible("Module::Conv2d").is_none());
/// ```
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
