//! The finished model: serialised in memory, or as files that appear whole or not at all.

use std::fmt;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use super::parts::Parts;
use super::proto::{GraphProto, ModelProto};
use super::{encode, external};
use crate::error::{Error, Result, Unsupported};
use crate::graph::Draft;
use crate::{panics, publish};

/// The largest protobuf message: 2 GiB.
const LARGEST: u64 = i32::MAX as u64;

/// An ONNX model, ready to be written.
///
/// The model shares the memory of the module's tensors. Weights are read in parts while they are written, so that writing
/// takes no second copy of them.
///
/// ```
/// use burn::nn::LinearConfig;
/// use burn::tensor::{Device, Tensor};
/// use burn_onnx_export::Exporter;
///
/// let device = Device::flex();
/// let module = LinearConfig::new(8, 2).init(&device);
/// let model = Exporter::new()
///     .input("features", Tensor::<2>::zeros([1, 8], &device), ["batch", ""])
///     .outputs(["logits"])
///     .export(&module, |module, features| module.forward(features))?;
/// assert_eq!((model.inputs(), model.outputs()), (vec!["features"], vec!["logits"]));
/// assert_eq!(model.initializers(), ["bias", "weight"]);
/// let folder = tempfile::tempdir().unwrap();
/// model.save(folder.path().join("dense.onnx"))?;
/// # Ok::<(), burn_onnx_export::Error>(())
/// ```
#[derive(Clone)]
pub struct OnnxModel {
    draft: Draft,
    /// The messages of `draft`.
    parts: Parts,
    newer_opset_for: Vec<Unsupported>,
}

impl OnnxModel {
    /// Encodes a draft.
    pub(crate) fn new(draft: Draft) -> Self {
        let parts = encode::encode(&draft);
        Self { draft, parts, newer_opset_for: Vec::new() }
    }

    pub(crate) fn with_newer_opset_for(self, refused: Vec<Unsupported>) -> Self {
        Self { newer_opset_for: refused, ..self }
    }

    /// The exporter's own form of the model, for passes.
    pub(crate) fn draft(&self) -> &Draft {
        &self.draft
    }

    /// Names of the graph inputs, in order.
    pub fn inputs(&self) -> Vec<&str> {
        self.parts.graph.input.iter().map(|port| port.name.as_str()).collect()
    }

    /// Names of the graph outputs, in order.
    pub fn outputs(&self) -> Vec<&str> {
        self.parts.graph.output.iter().map(|port| port.name.as_str()).collect()
    }

    /// ONNX operator of every node, in the order of execution.
    pub fn operators(&self) -> Vec<&str> {
        self.parts.graph.node.iter().map(|node| node.op_type.as_str()).collect()
    }

    /// Names of the weights and other constants, in the order in which they are written.
    pub fn initializers(&self) -> Vec<&str> {
        self.parts.initializers.iter().map(|initializer| initializer.tensor.name.as_str()).collect()
    }

    /// The opset that the model needs.
    pub fn opset(&self) -> i64 {
        self.parts.model.opset_import.first().map_or(0, |import| import.version)
    }

    /// The operations that [`DEFAULT_OPSET`](crate::DEFAULT_OPSET) cannot express, each with the reason. Empty unless the
    /// exporter raised the opset because of them.
    pub fn newer_opset_for(&self) -> &[Unsupported] {
        &self.newer_opset_for
    }

    /// The graph without its initializers: nodes, inputs and outputs.
    pub fn graph(&self) -> &GraphProto {
        &self.parts.graph
    }

    /// The whole protobuf message with a copy of the weights, for further processing.
    ///
    /// # Errors
    /// [`Error::Unreadable`] if a parameter cannot be read.
    pub fn to_message(&self) -> Result<ModelProto> {
        panics::reading(|| {
            let mut message = self.parts.model.clone();
            let mut graph = self.parts.graph.clone();
            for initializer in &self.parts.initializers {
                let mut tensor = initializer.tensor.clone();
                tensor.raw_data = initializer.constant.data.read();
                graph.initializer.push(tensor);
            }
            message.graph = Some(graph);
            Ok(message)
        })
    }

    /// Bytes of the model in one file.
    pub fn size(&self) -> u64 {
        self.parts.size()
    }

    /// The serialised model. The same module gives the same bytes.
    ///
    /// # Errors
    /// [`Error::TooLarge`] at 2 GiB; [`Error::Unreadable`] if a parameter cannot be read.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        let size = self.size();
        if size > LARGEST {
            return Err(Error::TooLarge { bytes: size });
        }
        panics::reading(|| {
            let mut bytes = Vec::with_capacity(size as usize);
            // Writing to a vector cannot fail.
            let _ = self.parts.write(&mut bytes);
            Ok(bytes)
        })
    }

    /// Writes the model to a file, replacing an existing one; an interrupted write leaves the old file. A model of 2 GiB
    /// or more is written as by [`save_external`](Self::save_external), since one file cannot hold it.
    ///
    /// # Errors
    /// [`Error::Write`] with the error of the file system; [`Error::Unreadable`] if a parameter cannot be read.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        if self.size() > LARGEST {
            return self.save_external(path).map(drop);
        }
        panics::reading(|| save(&self.parts, path.as_ref()))
    }

    /// Writes the model, and the weights to a separate file beside it. Returns that file's name, which contains a part of
    /// the SHA-256 of its content: `model.3f9a0c51e7d2.data` for `model.onnx`. Tensors of less than 1 KiB stay in the
    /// model. The others begin at multiples of 64 KiB, so that a runtime can map them into memory. The same module gives
    /// the same bytes.
    ///
    /// The weights appear first and the model last. The weights of an earlier model are not removed.
    ///
    /// # Errors
    /// [`Error::Write`] with the error of the file system; [`Error::Unreadable`] if a parameter cannot be read.
    pub fn save_external(&self, path: impl AsRef<Path>) -> Result<String> {
        panics::reading(|| {
            let (parts, name) = external::write(&self.parts, path.as_ref())?;
            save(&parts, path.as_ref())?;
            Ok(name)
        })
    }
}

fn save(parts: &Parts, path: &Path) -> Result<()> {
    let failed = |source| Error::Write { path: path.to_owned(), source };
    let scratch = publish::scratch_file(path).map_err(failed)?;
    let mut file = BufWriter::new(scratch.as_file());
    parts.write(&mut file).and_then(|()| file.flush()).map_err(failed)?;
    drop(file);
    publish::publish_file(scratch, path).map_err(failed)
}

impl fmt::Debug for OnnxModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnnxModel")
            .field("opset", &self.opset())
            .field("inputs", &self.inputs())
            .field("outputs", &self.outputs())
            .field("nodes", &self.parts.graph.node.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use burn::tensor::DType;

    use super::*;
    use crate::element::Element;
    use crate::graph::{Constant, Data, Graph, Header, Weight};
    use crate::symbolic::Plan;

    /// A model whose only weight is on a device that fails.
    fn lost() -> OnnxModel {
        let weight = Weight::new(DType::F32, vec![2], |_| panic!("the device is lost"));
        let mut graph = Graph::default();
        let id = graph.constant(Constant { element: Element::F32, dims: vec![2], data: Data::Weight(weight) });
        graph.values[id].name = Some("weight".to_owned());
        graph.outputs.push(id);
        let plan = Plan { symbols: Vec::new(), odd: false, large: Vec::new() };
        OnnxModel::new(Draft { graph, plan, header: Header::default(), opset: 18 })
    }

    #[test]
    fn a_weight_that_cannot_be_read_is_the_same_error_everywhere() {
        let (model, folder) = (lost(), tempfile::tempdir().unwrap());
        let path = folder.path().join("model.onnx");
        let results = [
            model.bytes().map(drop),
            model.to_message().map(drop),
            model.save(&path),
            model.save_external(&path).map(drop),
        ];
        for result in results {
            let error = result.unwrap_err();
            assert!(matches!(&error, Error::Unreadable(reason) if reason == "the device is lost"), "{error}");
        }
    }
}
