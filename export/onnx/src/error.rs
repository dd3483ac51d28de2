//! Errors of an export. Every message names the operation, its module path or the tensor, the finding and the remedy.

use std::fmt;
use std::path::PathBuf;

/// The result of an export.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An operation of the model that has no ONNX form here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// Position of the operation in the captured forward pass, counted from 0.
    pub index: usize,
    /// The burn operation, such as `Float::Quantize`.
    pub kind: String,
    /// Path of the module that the operation belongs to, empty for the root.
    pub module: String,
    /// The reason.
    pub reason: String,
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "operation {} {} in {}: {}", self.index, self.kind, place(&self.module), self.reason)
    }
}

/// The error of an export.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Invalid names, axes or opset of the exporter.
    #[error("{0}")]
    Setup(String),

    /// The module's forward function panicked while it was being recorded.
    #[error(
        "the forward function panicked while it was recorded{}: {message}{}; {}",
        with(.sizes),
        at(.location),
        remedy(.message, .sizes)
    )]
    Forward {
        /// The panic's message.
        message: String,
        /// `file:line:column` of the panic, if known.
        location: Option<String>,
        /// Sizes of the symbolic axes in that recording, such as `batch = 4`; empty if there are none.
        sizes: String,
    },

    /// burn's capture refused the graph.
    #[error("burn could not record the forward function: {0}")]
    Capture(String),

    /// A tensor returned by the forward function was not recorded.
    #[error("output `{name}` was not computed from the recorded module: {reason}")]
    Output {
        /// Name of the graph output.
        name: String,
        /// The finding.
        reason: String,
    },

    /// The numbers of output names and of tensors differ.
    #[error("{declared} output names were given, but the forward function returned {returned} tensors")]
    OutputCount {
        /// Names given to the exporter.
        declared: usize,
        /// Tensors that the forward function returned.
        returned: usize,
    },

    /// Two recordings that differ only in symbolic sizes or in input values have different graphs.
    #[error("operation {index} {kind} in {} differs between two recordings: {reason}", place(.module))]
    Unstable {
        /// Position of the operation.
        index: usize,
        /// The burn operation.
        kind: String,
        /// Module path.
        module: String,
        /// The difference.
        reason: String,
    },

    /// The recordings do not determine the formula by which a size depends on a symbolic axis.
    #[error(
        "operation {index} {kind} in {}: a size cannot be derived from the symbolic axes; shapes were {} in the \
         recordings; fix the axis, or set other sizes with `symbol_sizes`",
        place(.module),
        concrete(.shapes)
    )]
    Ambiguous {
        /// Position of the operation.
        index: usize,
        /// The burn operation.
        kind: String,
        /// Module path.
        module: String,
        /// The shape of the result in each recording.
        shapes: Vec<Vec<usize>>,
    },

    /// Every operation of the model that cannot be lowered.
    #[error("{}", list(.0))]
    Unsupported(Vec<Unsupported>),

    /// A parameter cannot be read from the module's device.
    #[error("a parameter of the module cannot be read from its device: {0}")]
    Unreadable(String),

    /// A model of another origin cannot be converted to another precision.
    #[error("the model cannot be converted: {0}")]
    Foreign(String),

    /// The model is too large for one protobuf message.
    #[error(
        "the model needs {bytes} bytes, more than the 2 GiB that one ONNX file can hold; save it with external data"
    )]
    TooLarge {
        /// Bytes of the whole message.
        bytes: u64,
    },

    /// The file could not be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The target.
        path: PathBuf,
        /// The error of the file system.
        source: std::io::Error,
    },
}

impl Error {
    /// Adds to the error of recordings that include larger sizes, which `sizes` describes, that they contradict the others.
    pub(crate) fn at_larger_sizes(self, sizes: &str) -> Self {
        if sizes.is_empty() {
            return self;
        }
        let explained = |finding: String| {
            format!(
                "the model behaves differently with {sizes}: {finding}; fix the axis, or set three sizes with \
                 `symbol_sizes`, which are then the only kind of size that the model may be used with"
            )
        };
        match self {
            Self::Unstable { index, kind, module, reason } => {
                Self::Unstable { index, kind, module, reason: explained(reason) }
            }
            Self::Ambiguous { index, kind, module, shapes } => {
                let finding = format!("a size or a number follows no formula; shapes were {}", concrete(&shapes));
                Self::Unstable { index, kind, module, reason: explained(finding) }
            }
            Self::Output { name, reason } => Self::Output { name, reason: explained(reason) },
            other => other,
        }
    }
}

/// A module path for messages.
fn place(module: &str) -> String {
    if module.is_empty() { "the root module".to_owned() } else { format!("`{module}`") }
}

fn at(location: &Option<String>) -> String {
    location.as_ref().map(|location| format!(" (at {location})")).unwrap_or_default()
}

/// Parts of burn's messages about a value that was read while it was recorded.
const READ_BACK: [&str; 3] = ["no concrete value", "Failed to read tensor data", "Error while reading data"];

/// Parts of burn's messages about operands on different devices.
const DEVICES: [&str; 4] = ["wrong backend", "on the same backend", "on the same device", "different devices"];

/// The remedy of a panic in the forward function, by its message.
fn remedy(message: &str, sizes: &str) -> &'static str {
    let is_about = |parts: &[&str]| parts.iter().any(|part| message.contains(part));
    if is_about(&READ_BACK) {
        "recording computes nothing, so a forward function must not read values back (`into_data`, `into_scalar`) or \
         branch on them"
    } else if is_about(&DEVICES) {
        "the module and its inputs are moved to another device for the recording, so a forward function must create \
         tensors on the device of an input (`x.device()`)"
    } else if sizes.is_empty() {
        "call the forward function on the sample inputs to find the cause"
    } else {
        "call the forward function on inputs of these sizes to find the cause; if it accepts only some sizes, set three \
         of them with `symbol_sizes`"
    }
}

fn with(sizes: &str) -> String {
    if sizes.is_empty() { String::new() } else { format!(" with {sizes}") }
}

fn concrete(shapes: &[Vec<usize>]) -> String {
    shapes.iter().map(|shape| format!("{shape:?}")).collect::<Vec<_>>().join(", ")
}

fn list(unsupported: &[Unsupported]) -> String {
    let lines: Vec<_> = unsupported.iter().map(|one| format!("\n  {one}")).collect();
    format!("{} operations of the model cannot be written as ONNX:{}", unsupported.len(), lines.concat())
}
