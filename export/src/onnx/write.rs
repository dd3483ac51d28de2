//! Writes a model as one protobuf message without holding it in memory: every weight is read from its module in parts,
//! which are written and let go.

use std::io::Write;

use onnx_ir::{GraphProto, ModelProto};
use protobuf::rt::{WireType, compute_raw_varint64_size, tag_size};
use protobuf::{CodedOutputStream, Message as _};

use super::encode::Initializer;

/// `ModelProto.graph`, `GraphProto.initializer`, `TensorProto.raw_data` in onnx.proto.
const GRAPH: u32 = 7;
const INITIALIZER: u32 = 5;
const RAW_DATA: u32 = 9;

/// The parts of a model's message.
#[derive(Clone)]
pub(crate) struct Parts {
    /// The model without its graph.
    pub(crate) model: ModelProto,
    /// The graph without its initializers.
    pub(crate) graph: GraphProto,
    pub(crate) initializers: Vec<Initializer>,
}

impl Parts {
    /// Bytes of the whole message.
    pub(crate) fn size(&self) -> u64 {
        self.model.compute_size() + field(GRAPH, self.graph_size())
    }

    /// Writes the whole message. Fields may stand in any order; the large ones come last.
    pub(crate) fn write(&self, out: &mut dyn Write) -> protobuf::Result<()> {
        let mut stream = CodedOutputStream::new(out);
        self.model.write_to(&mut stream)?;
        stream.write_tag(GRAPH, WireType::LengthDelimited)?;
        stream.write_raw_varint64(self.graph_size())?;
        self.graph.write_to(&mut stream)?;
        for initializer in &self.initializers {
            stream.write_tag(INITIALIZER, WireType::LengthDelimited)?;
            stream.write_raw_varint64(initializer_size(initializer))?;
            initializer.tensor.write_to(&mut stream)?;
            if initializer.is_inside() {
                stream.write_tag(RAW_DATA, WireType::LengthDelimited)?;
                stream.write_raw_varint64(initializer.constant.size() as u64)?;
                for part in initializer.constant.data.parts() {
                    stream.write_raw_bytes(&part)?;
                }
            }
        }
        stream.flush()
    }

    fn graph_size(&self) -> u64 {
        let each = self.initializers.iter().map(|initializer| field(INITIALIZER, initializer_size(initializer)));
        self.graph.compute_size() + each.sum::<u64>()
    }
}

fn initializer_size(initializer: &Initializer) -> u64 {
    let data = if initializer.is_inside() { field(RAW_DATA, initializer.constant.size() as u64) } else { 0 };
    initializer.tensor.compute_size() + data
}

/// Bytes of a field with its tag and its length.
fn field(number: u32, length: u64) -> u64 {
    tag_size(number) + compute_raw_varint64_size(length) + length
}
