//! Writes a model as one protobuf message without holding it in memory: every weight is read from its module in parts,
//! and each part is dropped once it is written.

use std::io::{self, Write};

use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};

use super::parts::{Initializer, Parts};

/// `ModelProto.graph`, `GraphProto.initializer`, `TensorProto.raw_data` in onnx.proto.
const GRAPH: u32 = 7;
const INITIALIZER: u32 = 5;
const RAW_DATA: u32 = 9;

impl Parts {
    /// Bytes of the whole message.
    pub(crate) fn size(&self) -> u64 {
        self.model.encoded_len() as u64 + field(GRAPH, self.graph_size())
    }

    /// Writes the whole message. The order of fields is free in protobuf; the large ones come last.
    pub(crate) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&self.model.encode_to_vec())?;
        begin(out, GRAPH, self.graph_size())?;
        out.write_all(&self.graph.encode_to_vec())?;
        for initializer in &self.initializers {
            begin(out, INITIALIZER, initializer_size(initializer))?;
            out.write_all(&initializer.tensor.encode_to_vec())?;
            if initializer.is_inside() {
                begin(out, RAW_DATA, initializer.constant.size() as u64)?;
                for part in initializer.constant.data.parts() {
                    out.write_all(&part)?;
                }
            }
        }
        Ok(())
    }

    fn graph_size(&self) -> u64 {
        let each = self.initializers.iter().map(|initializer| field(INITIALIZER, initializer_size(initializer)));
        self.graph.encoded_len() as u64 + each.sum::<u64>()
    }
}

fn initializer_size(initializer: &Initializer) -> u64 {
    let data = if initializer.is_inside() { field(RAW_DATA, initializer.constant.size() as u64) } else { 0 };
    initializer.tensor.encoded_len() as u64 + data
}

/// Writes the tag and the length of a field.
fn begin(out: &mut dyn Write, number: u32, length: u64) -> io::Result<()> {
    let mut head = Vec::new();
    encode_key(number, WireType::LengthDelimited, &mut head);
    encode_varint(length, &mut head);
    out.write_all(&head)
}

/// Bytes of a field with its tag and its length.
fn field(number: u32, length: u64) -> u64 {
    (key_len(number) + encoded_len_varint(length)) as u64 + length
}
