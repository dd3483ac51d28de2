//! Metadata of a server and its model, and their differences from a bundle's manifest.

use serde::{Deserialize, Serialize};

use crate::bundle::manifest::{Dim, Port};

/// Metadata of a server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerMetadata {
    /// Its name: `triton`.
    #[serde(default)]
    pub name: String,
    /// Its version.
    #[serde(default)]
    pub version: String,
    /// Protocol extensions of the server.
    #[serde(default)]
    pub extensions: Vec<String>,
}

impl ServerMetadata {
    /// Returns true if the server lists the extension.
    #[must_use]
    pub fn has(&self, extension: &str) -> bool {
        self.extensions.iter().any(|known| known == extension)
    }
}

/// Metadata of a model on a server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelMetadata {
    /// Its name on the server.
    pub name: String,
    /// Versions that are ready.
    #[serde(default)]
    pub versions: Vec<String>,
    /// The backend that runs it.
    #[serde(default)]
    pub platform: String,
    /// Its inputs.
    #[serde(default)]
    pub inputs: Vec<TensorMetadata>,
    /// Its outputs.
    #[serde(default)]
    pub outputs: Vec<TensorMetadata>,
}

/// An input or output in a server's metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorMetadata {
    /// Its name.
    pub name: String,
    /// Element type as the protocol writes it: `UINT8`, `FP32`.
    pub datatype: String,
    /// Length of each axis, -1 for any length. The first is the batch, unless the server omits it.
    pub shape: Vec<i64>,
}

impl std::fmt::Display for TensorMetadata {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.datatype, self.shape)
    }
}

impl ModelMetadata {
    /// Returns the differences between this model and the manifest, one sentence each. An output that is not `needed` may
    /// be missing; outputs that exist must agree.
    pub(super) fn differences(&self, inputs: &[Port], outputs: &[Port], needed: &[String]) -> Vec<String> {
        let mut found = Vec::new();
        for port in inputs {
            found.extend(difference("input", port, &self.inputs, true));
        }
        for extra in self.inputs.iter().filter(|served| !inputs.iter().any(|port| port.name == served.name)) {
            found.push(format!("input `{}`: the bundle has none, the server requires {extra}", extra.name));
        }
        for port in outputs {
            found.extend(difference("output", port, &self.outputs, needed.contains(&port.name)));
        }
        found
    }

    /// The only batch that the model takes, if the input's first axis is a number.
    pub(super) fn fixed_batch(&self, input: &Port) -> Option<usize> {
        let served = self.inputs.iter().find(|served| served.name == input.name)?;
        let batch = (served.shape.len() == input.shape.len()).then(|| served.shape.first().copied())??;
        usize::try_from(batch).ok().filter(|batch| *batch > 0)
    }
}

fn difference(side: &str, port: &Port, served: &[TensorMetadata], needed: bool) -> Option<String> {
    let name = &port.name;
    let bundle = format!("{} {}", protocol_dtype(&port.dtype), shape(port));
    let Some(found) = served.iter().find(|tensor| tensor.name == *name) else {
        let known: Vec<_> = served.iter().map(|tensor| tensor.name.as_str()).collect();
        let known = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
        return needed.then(|| format!("{side} `{name}`: the bundle has {bundle}, the server has {known}"));
    };
    let agrees = found.datatype == protocol_dtype(&port.dtype) && fits(port, &found.shape);
    (!agrees).then(|| format!("{side} `{name}`: the bundle has {bundle}, the server has {found}"))
}

/// Accepts the manifest's axes, with or without the first one, or followed by a 1: Triton's configuration cannot express
/// an output whose only axis is the batch, and so announces `[-1, 1]` for a score.
fn fits(port: &Port, served: &[i64]) -> bool {
    let axes = &port.shape;
    let all = |axes: &[Dim], served: &[i64]| {
        axes.len() == served.len() && axes.iter().zip(served).all(|(axis, length)| fits_axis(axis, *length))
    };
    let without_batch = axes.get(1..).unwrap_or_default();
    let trimmed = served.strip_suffix(&[1]);
    all(axes, served)
        || all(without_batch, served)
        || trimmed.is_some_and(|served| all(axes, served) || (axes.len() == 1 && served.is_empty()))
}

fn fits_axis(axis: &Dim, length: i64) -> bool {
    match axis {
        Dim::Symbolic(_) => length == -1 || length > 0,
        // A server that takes any length takes this one.
        Dim::Fixed(fixed) => length == -1 || u64::try_from(length) == Ok(*fixed),
    }
}

/// The protocol's name of an ONNX element type.
pub(super) fn protocol_dtype(onnx: &str) -> String {
    match onnx {
        "float16" => "FP16".to_owned(),
        "bfloat16" => "BF16".to_owned(),
        "float32" => "FP32".to_owned(),
        "float64" => "FP64".to_owned(),
        "string" => "BYTES".to_owned(),
        other => other.to_uppercase(),
    }
}

fn shape(port: &Port) -> String {
    let axis = |dim: &Dim| match dim {
        Dim::Fixed(length) => length.to_string(),
        Dim::Symbolic(name) => name.clone(),
    };
    format!("[{}]", port.shape.iter().map(axis).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(name: &str, dtype: &str, fixed: &[u64]) -> Port {
        let batch = std::iter::once(Dim::Symbolic("batch".to_owned()));
        let shape = batch.chain(fixed.iter().map(|length| Dim::Fixed(*length))).collect();
        Port { name: name.to_owned(), dtype: dtype.to_owned(), shape, meaning: String::new() }
    }

    fn tensor(name: &str, datatype: &str, shape: &[i64]) -> TensorMetadata {
        TensorMetadata { name: name.to_owned(), datatype: datatype.to_owned(), shape: shape.to_vec() }
    }

    fn differences(input: TensorMetadata, outputs: Vec<TensorMetadata>) -> Vec<String> {
        let metadata = ModelMetadata { inputs: vec![input], outputs, ..ModelMetadata::default() };
        let outputs = [port("score", "float32", &[]), port("probabilities", "float32", &[2])];
        metadata.differences(&[port("tile", "uint8", &[256, 256, 3])], &outputs, &["score".to_owned()])
    }

    #[test]
    fn every_way_to_announce_the_batch_is_understood() {
        for input in [vec![-1, 256, 256, 3], vec![256, 256, 3], vec![8, 256, 256, 3], vec![-1, -1, -1, 3]] {
            for score in [vec![-1], vec![-1, 1], vec![1], vec![], vec![8]] {
                let found = differences(tensor("tile", "UINT8", &input), vec![tensor("score", "FP32", &score)]);
                assert_eq!(found, Vec::<String>::new(), "{input:?} {score:?}");
            }
        }
    }

    #[test]
    fn what_differs_is_named_with_both_sides() {
        let right = || tensor("tile", "UINT8", &[-1, 256, 256, 3]);
        let score = || vec![tensor("score", "FP32", &[-1])];
        let cases = [
            (tensor("image", "UINT8", &[-1, 256, 256, 3]), score(), "`tile`"),
            (tensor("tile", "FP32", &[-1, 256, 256, 3]), score(), "the server has FP32"),
            (tensor("tile", "UINT8", &[-1, 3, 256, 256]), score(), "[-1, 3, 256, 256]"),
            (tensor("tile", "UINT8", &[-1, 224, 224, 3]), score(), "[batch, 256, 256, 3]"),
            (right(), vec![], "the server has nothing"),
            (right(), vec![tensor("score", "FP64", &[-1])], "FP64"),
            (right(), vec![tensor("score", "FP32", &[-1, 2])], "[-1, 2]"),
            (right(), vec![score().remove(0), tensor("probabilities", "FP32", &[-1, 3])], "[batch, 2]"),
        ];
        for (input, outputs, word) in cases {
            let found = differences(input, outputs);
            assert!(!found.is_empty() && found[0].contains(word), "{found:?} has no {word}");
        }
    }

    #[test]
    fn a_batch_that_is_a_number_is_the_only_one() {
        let tile = port("tile", "uint8", &[256, 256, 3]);
        for (shape, fixed) in
            [(vec![-1, 256, 256, 3], None), (vec![4, 256, 256, 3], Some(4)), (vec![256, 256, 3], None)]
        {
            let metadata = ModelMetadata { inputs: vec![tensor("tile", "UINT8", &shape)], ..ModelMetadata::default() };
            assert_eq!(metadata.fixed_batch(&tile), fixed);
        }
    }
}
