//! Conversion of a server's answer to outputs. Names, element types, shapes and lengths are checked against the request
//! before any value is used.

use bytes::Bytes;
use ndarray::{ArrayD, IxDyn};

use super::metadata::protocol_dtype;
use crate::bundle::manifest::{Dim, Port};
use crate::session::Outputs;

/// An output of the bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expected {
    /// Its name.
    pub(super) name: String,
    /// Element type as the protocol writes it.
    pub(super) dtype: String,
    /// Length of each axis behind the batch.
    pub(super) axes: Vec<usize>,
}

impl Expected {
    /// The output of a manifest's port; `None` if an axis after the batch is not a number, because nothing could be checked.
    pub(super) fn from_port(port: &Port) -> Option<Self> {
        let length = |dim: &Dim| match dim {
            Dim::Fixed(length) => usize::try_from(*length).ok(),
            Dim::Symbolic(_) => None,
        };
        let axes = port.shape.iter().skip(1).map(length).collect::<Option<_>>()?;
        Some(Self { name: port.name.clone(), dtype: protocol_dtype(&port.dtype), axes })
    }

    /// Elements for a batch.
    pub(super) fn elements(&self, batch: usize) -> usize {
        self.axes.iter().fold(batch, |elements, length| elements.saturating_mul(*length))
    }

    fn shape(&self, batch: usize) -> Vec<usize> {
        std::iter::once(batch).chain(self.axes.iter().copied()).collect()
    }
}

/// A server's answer for a batch.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// The model that answered, if the server reports it.
    pub(super) model: Option<String>,
    /// The model version that answered, if the server reports it.
    pub(super) version: Option<String>,
    /// The outputs, in the server's order.
    pub(super) tensors: Vec<Tensor>,
}

/// One output.
#[derive(Debug)]
pub(super) struct Tensor {
    /// Its name.
    pub(super) name: String,
    /// Its element type in the server's notation.
    pub(super) dtype: String,
    /// Its shape in the server's notation.
    pub(super) shape: Vec<i64>,
    /// Its values.
    pub(super) data: Data,
}

/// Values of a tensor, row-major.
#[derive(Debug)]
pub(super) enum Data {
    /// Little-endian.
    Raw(Bytes),
    /// As numbers.
    Values(Vec<f32>),
}

impl Answer {
    /// Refuses the answer of a model with none of these names: the one that was asked for, and the one in the metadata of
    /// that model, because behind a router a server has names of its own.
    ///
    /// # Errors
    /// The other model.
    pub(super) fn check_model(&self, names: [&str; 2]) -> Result<(), String> {
        match self.model.as_deref() {
            Some(model) if !names.contains(&model) => {
                Err(format!("it is the answer of the model `{}`", model.escape_debug()))
            }
            _ => Ok(()),
        }
    }

    /// Returns the requested outputs. Other outputs are ignored.
    ///
    /// # Errors
    /// The expected and the found value.
    pub(super) fn into_outputs(self, batch: usize, expected: &[Expected]) -> Result<Outputs, String> {
        let mut tensors = self.tensors;
        let repeated = expected.iter().map(|expected| &expected.name).find(|name| {
            let copies = tensors.iter().filter(|tensor| tensor.name == **name);
            copies.count() > 1
        });
        if let Some(name) = repeated {
            return Err(format!("output `{name}` is in it more than once"));
        }
        let arrays = expected.iter().map(|expected| {
            let place = tensors.iter().position(|tensor| tensor.name == expected.name).ok_or_else(|| {
                let given: Vec<_> = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
                format!("output `{}` was asked for, and there is {}", expected.name, list(&given))
            })?;
            Ok((expected.name.clone(), tensors.swap_remove(place).into_array(batch, expected)?))
        });
        Ok(Outputs { batch, arrays: arrays.collect::<Result<_, String>>()? })
    }
}

impl Tensor {
    fn into_array(self, batch: usize, expected: &Expected) -> Result<ArrayD<f32>, String> {
        let name = &self.name;
        let shape = expected.shape(batch);
        if self.dtype != expected.dtype || !same_shape(&shape, &self.shape) {
            let (dtype, found) = (&expected.dtype, &self.shape);
            return Err(format!("output `{name}` should be {dtype} {shape:?} and is {} {found:?}", self.dtype));
        }
        let elements = expected.elements(batch);
        let values = match self.data {
            Data::Raw(bytes) if bytes.len() != elements * size_of::<f32>() => {
                return Err(format!("output `{name}` should have {} bytes and has {}", 4 * elements, bytes.len()));
            }
            Data::Raw(bytes) => bytes.as_chunks().0.iter().map(|value| f32::from_le_bytes(*value)).collect(),
            Data::Values(values) if values.len() != elements => {
                return Err(format!("output `{name}` should have {elements} values and has {}", values.len()));
            }
            Data::Values(values) => values,
        };
        ArrayD::from_shape_vec(IxDyn(&shape), values).map_err(|error| format!("output `{name}`: {error}"))
    }
}

/// Equal, or with a 1 behind: see [`super::metadata`].
fn same_shape(expected: &[usize], found: &[i64]) -> bool {
    let equal = |found: &[i64]| {
        expected.len() == found.len() && expected.iter().zip(found).all(|(e, f)| usize::try_from(*f) == Ok(*e))
    };
    equal(found) || found.strip_suffix(&[1]).is_some_and(equal)
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn expected() -> Vec<Expected> {
        let output = |name: &str, axes: &[usize]| Expected {
            name: name.to_owned(),
            dtype: "FP32".to_owned(),
            axes: axes.to_vec(),
        };
        vec![output("score", &[]), output("probabilities", &[2])]
    }

    fn tensor(name: &str, dtype: &str, shape: &[i64], values: &[f32]) -> Tensor {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Tensor { name: name.to_owned(), dtype: dtype.to_owned(), shape: shape.to_vec(), data: Data::Raw(bytes.into()) }
    }

    fn outputs(score: Tensor) -> Result<Outputs, String> {
        let probabilities = Data::Values(vec![0.1, 0.9, 0.8, 0.2]);
        let probabilities = Tensor { data: probabilities, ..tensor("probabilities", "FP32", &[2, 2], &[]) };
        Answer { tensors: vec![probabilities, score], ..Answer::default() }.into_outputs(2, &expected())
    }

    #[test]
    fn an_output_that_is_there_twice_is_refused_by_name() {
        let score = || tensor("score", "FP32", &[2], &[0.5, 0.25]);
        let probabilities = || tensor("probabilities", "FP32", &[2, 2], &[0.5; 4]);
        let answer = |tensors| Answer { tensors, ..Answer::default() }.into_outputs(2, &expected());
        assert!(answer(vec![score(), probabilities()]).is_ok());
        let error = answer(vec![score(), probabilities(), probabilities(), score()]).unwrap_err();
        assert!(error.contains("`score` is in it more than once"), "{error}");
    }

    #[test]
    fn the_answer_of_another_model_is_refused_by_name() {
        let of = |model: Option<&str>| Answer { model: model.map(str::to_owned), ..Answer::default() };
        for model in [None, Some("tiles"), Some("tiles_1")] {
            assert!(of(model).check_model(["tiles", "tiles_1"]).is_ok(), "{model:?}");
        }
        assert!(of(Some("other")).check_model(["tiles", "tiles_1"]).unwrap_err().contains("`other`"));
    }

    #[test]
    fn raw_and_plain_values_become_arrays_of_the_bundles_shape() {
        for shape in [vec![2], vec![2, 1]] {
            let outputs = outputs(tensor("score", "FP32", &shape, &[0.5, f32::MIN_POSITIVE])).unwrap();
            assert_eq!(outputs.arrays["score"].shape(), [2]);
            assert_eq!(outputs.arrays["score"].as_slice().unwrap(), [0.5, f32::MIN_POSITIVE]);
            assert_eq!(outputs.arrays["probabilities"][[1, 0]], 0.8);
        }
    }

    #[test]
    fn another_type_shape_count_or_name_is_refused_with_both_sides() {
        let cases = [
            (tensor("score", "FP64", &[2], &[1.0, 2.0]), "FP32 [2] and is FP64"),
            (tensor("score", "FP32", &[3], &[1.0, 2.0, 3.0]), "[2] and is FP32 [3]"),
            (tensor("score", "FP32", &[2, 2], &[1.0; 4]), "[2, 2]"),
            (tensor("score", "FP32", &[-1], &[1.0, 2.0]), "[-1]"),
            (tensor("score", "FP32", &[2], &[1.0]), "8 bytes and has 4"),
            (tensor("points", "FP32", &[2], &[1.0, 2.0]), "there is probabilities, points"),
        ];
        for (tensor, word) in cases {
            let error = outputs(tensor).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
