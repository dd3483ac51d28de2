//! The finished model: bytes for whoever wants them, and a file that appears whole or not at all.

use std::fmt;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use onnx_ir::ModelProto;
use protobuf::{CodedOutputStream, Message as _};

use crate::error::{Error, Result};

/// protobuf messages end at 2 GiB.
const LARGEST: u64 = i32::MAX as u64;

/// An ONNX model, ready to be written.
///
/// The weights are shared with the message and streamed by [`OnnxModel::save`], so that saving needs no second copy.
#[derive(Clone)]
pub struct OnnxModel {
    message: ModelProto,
}

impl OnnxModel {
    pub(crate) fn new(message: ModelProto) -> Self {
        Self { message }
    }

    /// Names of the graph inputs, in order.
    pub fn inputs(&self) -> Vec<&str> {
        self.message.graph.input.iter().map(|port| port.name.as_str()).collect()
    }

    /// Names of the graph outputs, in order.
    pub fn outputs(&self) -> Vec<&str> {
        self.message.graph.output.iter().map(|port| port.name.as_str()).collect()
    }

    /// ONNX operator of every node, in the order of execution.
    pub fn operators(&self) -> Vec<&str> {
        self.message.graph.node.iter().map(|node| node.op_type.as_str()).collect()
    }

    /// The opset that the model needs.
    pub fn opset(&self) -> i64 {
        self.message.opset_import.first().map_or(0, |import| import.version)
    }

    /// The protobuf message, for passes of one's own.
    pub fn message(&self) -> &ModelProto {
        &self.message
    }

    /// The serialised model. The same module gives the same bytes.
    ///
    /// # Errors
    /// [`Error::TooLarge`] at 2 GiB.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        self.check_size()?;
        self.message.write_to_bytes().map_err(|error| Error::Encode(error.to_string()))
    }

    /// Writes the model to a file, replacing what is there; an interrupted write leaves the old file.
    ///
    /// # Errors
    /// [`Error::TooLarge`] at 2 GiB, [`Error::Write`] with what the file system said.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        self.check_size()?;
        let failed = |source| Error::Write { path: path.to_owned(), source };
        let scratch = kiln_tile::publish::scratch_file(path).map_err(failed)?;
        let mut file = BufWriter::new(scratch.as_file());
        let mut stream = CodedOutputStream::new(&mut file);
        let written = self.message.write_to(&mut stream).and_then(|()| stream.flush());
        drop(stream);
        written.map_err(|error| Error::Encode(error.to_string()))?;
        file.flush().map_err(failed)?;
        drop(file);
        kiln_tile::publish::publish_file(scratch, path).map_err(failed)
    }

    fn check_size(&self) -> Result<()> {
        let bytes = self.message.compute_size();
        if bytes > LARGEST { Err(Error::TooLarge { bytes }) } else { Ok(()) }
    }
}

impl fmt::Debug for OnnxModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnnxModel")
            .field("opset", &self.opset())
            .field("inputs", &self.inputs())
            .field("outputs", &self.outputs())
            .field("nodes", &self.message.graph.node.len())
            .finish()
    }
}
