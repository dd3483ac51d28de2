//! Errors of an import.

use std::path::PathBuf;

use kiln_files::Fault;

/// A model cannot become a bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The file is not an ONNX model.
    #[error("{}: {reason}", path.display())]
    NotOnnx {
        /// The file.
        path: PathBuf,
        /// The finding.
        reason: String,
    },
    /// The file is larger than a protobuf message can be.
    #[error(
        "{shown}: {bytes} bytes, more than the 2 GiB that one ONNX file can hold; save it with external data: \
         `python -c \"import onnx; onnx.save(onnx.load('{shown}'), 'model.onnx', save_as_external_data=True)\"`",
        shown = path.display()
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
    },
    /// The operator set is older than the operators that the preprocessing needs.
    #[error(
        "{shown}: opset {version} of the standard operators; opset 7 is the oldest that can be imported; raise it: \
         `python -c \"import onnx; from onnx import version_converter as v; \
         onnx.save(v.convert_version(onnx.load('{shown}'), 18), 'model.onnx')\"`",
        shown = path.display()
    )]
    Opset {
        /// The file.
        path: PathBuf,
        /// Its opset.
        version: i64,
    },
    /// Operators that ONNX Runtime does not have.
    #[error(
        "{}: operators of a custom domain, which ONNX Runtime does not have: {}; export the model without them",
        path.display(),
        operators.join(", ")
    )]
    CustomOperator {
        /// The file.
        path: PathBuf,
        /// `domain::Operator (node NAME)`, each operator once.
        operators: Vec<String>,
    },
    /// The model has no input, or several.
    #[error("{}: {} inputs, and a tile model has one: {}", path.display(), inputs.len(), list(inputs))]
    Inputs {
        /// The file.
        path: PathBuf,
        /// The inputs with their types.
        inputs: Vec<String>,
    },
    /// The input cannot take tiles, or not as the description states.
    #[error("{}: input `{input}`: {reason}", path.display())]
    Input {
        /// The file.
        path: PathBuf,
        /// The input.
        input: String,
        /// The finding and the remedy.
        reason: String,
    },
    /// Weights in other files cannot be used.
    #[error("{}: external data: {reason}", path.display())]
    External {
        /// The file.
        path: PathBuf,
        /// The finding.
        reason: String,
    },
    /// The description of the model is wrong.
    #[error("{origin}: {reason}")]
    Spec {
        /// The file and the key.
        origin: String,
        /// The finding and the remedy.
        reason: String,
    },
    /// An output does not have the meaning that was stated, or none was stated.
    #[error("output `{output}`: {reason}")]
    Output {
        /// The output.
        output: String,
        /// The finding and the remedy.
        reason: String,
    },
    /// The model gives other outputs for the same tile.
    #[error(
        "{}: output `{output}` of one tile differs by {difference:.1e} between two runs, so nothing can be verified; \
         export the model in inference mode, without dropout or random numbers{}",
        path.display(),
        if nodes.is_empty() { String::new() } else { format!(" ({})", nodes.join(", ")) }
    )]
    Random {
        /// The file.
        path: PathBuf,
        /// The output.
        output: String,
        /// The largest difference.
        difference: f64,
        /// Nodes that draw random numbers.
        nodes: Vec<String>,
    },
    /// The bundle's graph and the untouched model disagree.
    #[error(
        "the graph with the preprocessing inside and the untouched model disagree on the same tiles, so no bundle was \
         written:{}",
        lines.iter().map(|line| format!("\n  {line}")).collect::<String>()
    )]
    Graft {
        /// One line for each output, or the failure of ONNX Runtime.
        lines: Vec<String>,
    },
    /// The model and the reference disagree.
    #[error(
        "{}: the model as described does not give these outputs, so no bundle was written:{}\n  {diagnosis}",
        path.display(),
        lines.iter().map(|line| format!("\n  {line}")).collect::<String>()
    )]
    Reference {
        /// The file with the reference.
        path: PathBuf,
        /// One line for each output that differs.
        lines: Vec<String>,
        /// The change of the description with which they agree, if one was found.
        diagnosis: String,
        /// The tolerance that accepts the differences, if they come from rounding and not from the description.
        enough: Option<f64>,
    },
    /// The reference cannot be read.
    #[error("{}: {reason}", path.display())]
    ReferenceFile {
        /// The file.
        path: PathBuf,
        /// The finding.
        reason: String,
    },
}

impl ImportError {
    /// Category of the error; decides the exit status.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Random { .. } | Self::Graft { .. } | Self::Reference { .. } => Fault::Check,
            _ => Fault::Input,
        }
    }

    pub(super) fn spec(origin: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Spec { origin: origin.into(), reason: reason.into() }
    }

    pub(super) fn output(output: &str, reason: impl Into<String>) -> Self {
        Self::Output { output: output.to_owned(), reason: reason.into() }
    }
}

fn list(inputs: &[String]) -> String {
    if inputs.is_empty() { "all of them are constants".to_owned() } else { inputs.join("; ") }
}
