//! The few messages of ONNX's protobuf that small test graphs need. Field numbers as in onnx.proto3, IR version 8.

pub const F32: u64 = 1;
pub const U8: u64 = 2;
pub const I32: u64 = 6;
pub const I64: u64 = 7;
pub const BOOL: u64 = 9;

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn bytes(field: u64, value: impl AsRef<[u8]>) -> Vec<u8> {
    let value = value.as_ref();
    [varint(field << 3 | 2), varint(value.len() as u64), value.to_vec()].concat()
}

/// A dimension: a length, or a name.
pub enum Dim {
    Length(u64),
    Name(&'static str),
}

/// An attribute of a node.
pub enum Attribute {
    Int(&'static str, u64),
    Ints(&'static str, Vec<u64>),
}

pub fn value(name: &str, kind: u64, dims: &[Dim]) -> Vec<u8> {
    let dims = dims.iter().flat_map(|dim| match dim {
        Dim::Length(length) => bytes(1, number(1, *length)),
        Dim::Name(name) => bytes(1, bytes(2, name)),
    });
    let tensor = [number(1, kind), bytes(2, dims.collect::<Vec<u8>>())].concat();
    [bytes(1, name), bytes(2, bytes(1, tensor))].concat()
}

pub fn node(operator: &str, inputs: &[&str], output: &str, attributes: &[Attribute]) -> Vec<u8> {
    let inputs = inputs.iter().flat_map(|name| bytes(1, name)).collect::<Vec<u8>>();
    let attributes = attributes.iter().flat_map(|attribute| bytes(5, encode(attribute))).collect::<Vec<u8>>();
    [inputs, bytes(2, output), bytes(3, format!("{operator} of {output}")), bytes(4, operator), attributes].concat()
}

fn encode(attribute: &Attribute) -> Vec<u8> {
    match attribute {
        Attribute::Int(name, value) => [bytes(1, name), number(3, *value), number(20, 2)].concat(),
        Attribute::Ints(name, values) => {
            let values = values.iter().flat_map(|value| number(8, *value)).collect();
            [bytes(1, name), values, number(20, 7)].concat()
        }
    }
}

pub fn scalar(name: &str, value: f32) -> Vec<u8> {
    [number(2, F32), bytes(8, name), bytes(9, value.to_le_bytes())].concat()
}

pub fn model(nodes: &[Vec<u8>], constants: &[Vec<u8>], inputs: &[Vec<u8>], outputs: &[Vec<u8>]) -> Vec<u8> {
    let fields = [(1, nodes), (5, constants), (11, inputs), (12, outputs)];
    let parts = fields.iter().flat_map(|(field, parts)| parts.iter().flat_map(|part| bytes(*field, part)));
    let graph = [parts.collect::<Vec<u8>>(), bytes(2, "test")].concat();
    let metadata = [bytes(1, "kiln.classes"), bytes(2, "benign,anomalous")].concat();
    [number(1, 8), bytes(7, graph), bytes(8, number(2, 17)), bytes(14, metadata)].concat()
}

/// A tile graph: `score` is the mean of the pixels in 0..1, `[batch]`; `scaled` is the tile in 0..1. The `Relu` changes
/// nothing and makes four nodes: OpenVINO leaves a graph of three to the CPU.
pub fn tile_model(batch: Option<u64>) -> Vec<u8> {
    let batch = || batch.map_or(Dim::Name("batch"), Dim::Length);
    let tile = || [batch(), Dim::Length(256), Dim::Length(256), Dim::Length(3)];
    model(
        &[
            node("Cast", &["tile"], "float", &[Attribute::Int("to", F32)]),
            node("Div", &["float", "white"], "scaled", &[]),
            node("Relu", &["scaled"], "positive", &[]),
            node(
                "ReduceMean",
                &["positive"],
                "score",
                &[Attribute::Ints("axes", vec![1, 2, 3]), Attribute::Int("keepdims", 0)],
            ),
        ],
        &[scalar("white", 255.0)],
        &[value("tile", U8, &tile())],
        &[value("score", F32, &[batch()]), value("scaled", F32, &tile())],
    )
}

/// A tile graph with two classes: `score` is the mean of the pixels in 0..1, `[batch]`; `probabilities` are one minus that,
/// and that, `[batch, 2]`.
pub fn class_model(batch: Option<u64>) -> Vec<u8> {
    class_model_with(batch, &[], &[])
}

/// The same with more nodes and constants, as protobuf bytes.
pub fn class_model_with(batch: Option<u64>, nodes: &[Vec<u8>], constants: &[Vec<u8>]) -> Vec<u8> {
    let dim = || batch.map_or(Dim::Name("batch"), Dim::Length);
    let mean = |output, keep| {
        node(
            "ReduceMean",
            &["scaled"],
            output,
            &[Attribute::Ints("axes", vec![1, 2, 3]), Attribute::Int("keepdims", keep)],
        )
    };
    let own = [
        node("Cast", &["tile"], "float", &[Attribute::Int("to", F32)]),
        node("Div", &["float", "white"], "scaled", &[]),
        mean("score", 0),
        mean("cube", 1),
        node("Flatten", &["cube"], "anomalous", &[]),
        node("Sub", &["one", "anomalous"], "benign", &[]),
        node("Concat", &["benign", "anomalous"], "probabilities", &[Attribute::Int("axis", 1)]),
    ];
    model(
        &[&own, nodes].concat(),
        &[&[scalar("white", 255.0), scalar("one", 1.0)], constants].concat(),
        &[value("tile", U8, &[dim(), Dim::Length(256), Dim::Length(256), Dim::Length(3)])],
        &[value("score", F32, &[dim()]), value("probabilities", F32, &[dim(), Dim::Length(2)])],
    )
}

/// A tensor of two f32 whose data is in another file.
pub fn external(name: &str, entries: &[(&str, &str)]) -> Vec<u8> {
    let entry = |(key, value): &(&str, &str)| bytes(13, [bytes(1, key), bytes(2, value)].concat());
    let entries = entries.iter().flat_map(entry).collect::<Vec<u8>>();
    [number(1, 2), number(2, F32), bytes(8, name), entries, number(14, 1)].concat()
}

/// A `Constant` node with this tensor.
pub fn constant(output: &str, tensor: &[u8]) -> Vec<u8> {
    let attribute = [bytes(1, "value"), bytes(5, tensor), number(20, 4)].concat();
    [bytes(2, output), bytes(4, "Constant"), bytes(5, attribute)].concat()
}

/// A node with a graph inside that has this tensor as a weight.
pub fn subgraph(output: &str, tensor: &[u8]) -> Vec<u8> {
    let attribute = [bytes(1, "then_branch"), bytes(6, bytes(5, tensor)), number(20, 5)].concat();
    [bytes(2, output), bytes(4, "If"), bytes(5, attribute)].concat()
}

/// A node that wants a compiled engine from a file.
pub fn engine(file: &str) -> Vec<u8> {
    let context = [bytes(1, "ep_cache_context"), bytes(4, file), number(20, 3)].concat();
    let mode = [bytes(1, "embed_mode"), number(3, 0), number(20, 2)].concat();
    [bytes(4, "EPContext"), bytes(5, context), bytes(5, mode)].concat()
}

/// Fields of the model behind those of `model`: a function with this tensor, or one more entry of the metadata.
pub fn with_function(model: &[u8], tensor: &[u8]) -> Vec<u8> {
    [model.to_vec(), bytes(25, [bytes(1, "f"), bytes(7, constant("c", tensor))].concat())].concat()
}

pub fn with_metadata(model: &[u8], key: &str, value: &str) -> Vec<u8> {
    [model.to_vec(), bytes(14, [bytes(1, key), bytes(2, value)].concat())].concat()
}

/// `y = x` for one element type, any length.
pub fn identity(kind: u64) -> Vec<u8> {
    let dims = [Dim::Name("n"), Dim::Length(2)];
    model(&[node("Identity", &["x"], "y", &[])], &[], &[value("x", kind, &dims)], &[value("y", kind, &dims)])
}
