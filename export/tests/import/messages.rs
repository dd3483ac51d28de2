//! Nothing of a model is lost by reading and writing it.

use std::process::Command;

use burn_onnx_export::proto::{
    AttributeProto, DataLocation, DataType, DeviceConfigurationProto, DimensionProto, FunctionProto, GraphProto,
    IntIntListEntryProto, MapTypeProto, Message as _, ModelProto, NodeDeviceConfigurationProto, NodeProto,
    OpaqueTypeProto, OperatorSetIdProto, OptionalTypeProto, Segment, SequenceTypeProto, ShardedDimProto,
    ShardingSpecProto, SimpleShardedDim, SimpleShardedDimProto, SparseTensorProto, StringStringEntryProto,
    TensorAnnotation, TensorProto, TensorTypeProto, TrainingInfoProto, TypeProto, ValueInfoProto,
};

use crate::support::Bench;

fn entries(key: &str) -> Vec<StringStringEntryProto> {
    vec![StringStringEntryProto::new(key, "value"), StringStringEntryProto::new("other", "")]
}

/// A tensor with every field.
fn tensor(name: &str) -> TensorProto {
    TensorProto {
        segment: Some(Segment { begin: 1, end: 2 }),
        float_data: vec![1.5, -2.0],
        int32_data: vec![-3],
        string_data: vec!["text".into(), b"\xff".as_slice().into()],
        int64_data: vec![i64::MIN, i64::MAX],
        double_data: vec![1e300],
        uint64_data: vec![u64::MAX],
        doc_string: "doc".to_owned(),
        external_data: entries("location"),
        data_location: DataLocation::External.into(),
        metadata_props: entries("tensor"),
        ..TensorProto::raw(name, [2, 0, 3], DataType::Float8E4M3Fn, vec![1, 2, 3])
    }
}

fn sparse(name: &str) -> SparseTensorProto {
    SparseTensorProto { values: Some(tensor(name)), indices: Some(TensorProto::i64("at", [1], &[4])), dims: vec![9] }
}

/// Every kind of type.
fn types() -> Vec<TypeProto> {
    let shape = TypeProto::tensor(
        1,
        [
            DimensionProto::fixed(3),
            DimensionProto { denotation: "DATA_BATCH".to_owned(), ..DimensionProto::symbolic("n") },
            DimensionProto::default(),
        ],
    );
    let sequence = SequenceTypeProto { elem_type: Some(shape.clone()) };
    let map = MapTypeProto { key_type: 8, value_type: Some(shape.clone()) };
    let optional = OptionalTypeProto { elem_type: Some(shape.clone()) };
    let opaque = OpaqueTypeProto { domain: "d".to_owned(), name: "n".to_owned() };
    vec![
        TypeProto { denotation: "IMAGE".to_owned(), ..shape.clone() },
        TypeProto { sequence_type: Some(Box::new(sequence)), ..TypeProto::default() },
        TypeProto { map_type: Some(Box::new(map)), ..TypeProto::default() },
        TypeProto { optional_type: Some(Box::new(optional)), ..TypeProto::default() },
        TypeProto { opaque_type: Some(opaque), ..TypeProto::default() },
        TypeProto {
            sparse_tensor_type: Some(TensorTypeProto { elem_type: 11, ..shape.tensor_type.clone().unwrap() }),
            ..TypeProto::default()
        },
    ]
}

fn value(name: &str) -> ValueInfoProto {
    ValueInfoProto {
        doc_string: "doc".to_owned(),
        metadata_props: entries("value"),
        ..ValueInfoProto::tensor(name, 1, [DimensionProto::fixed(1)])
    }
}

/// An attribute with every field, graphs in graphs included.
fn attribute(depth: usize) -> AttributeProto {
    AttributeProto {
        name: "everything".to_owned(),
        f: Some(-0.5),
        i: Some(i64::MIN),
        s: Some(b"\x00\xff".as_slice().into()),
        t: Some(tensor("t")),
        g: (depth > 0).then(|| graph(depth - 1)),
        floats: vec![f32::INFINITY, 1e-40],
        ints: vec![-1, 0, 1],
        strings: vec!["".into(), "b".into()],
        tensors: vec![tensor("a"), tensor("b")],
        graphs: if depth > 0 { vec![graph(depth - 1)] } else { Vec::new() },
        doc_string: "doc".to_owned(),
        tp: types().into_iter().next(),
        type_protos: types(),
        r#type: 14,
        ref_attr_name: "of the caller".to_owned(),
        sparse_tensor: Some(sparse("s")),
        sparse_tensors: vec![sparse("u")],
    }
}

fn graph(depth: usize) -> GraphProto {
    let sharding = ShardingSpecProto {
        tensor_name: "x".to_owned(),
        device: vec![0, 1],
        index_to_device_group_map: vec![IntIntListEntryProto { key: 1, value: vec![2, 3] }],
        sharded_dim: vec![ShardedDimProto {
            axis: 1,
            simple_sharding: vec![
                SimpleShardedDimProto { dim: Some(SimpleShardedDim::DimValue(4)), num_shards: 2 },
                SimpleShardedDimProto { dim: Some(SimpleShardedDim::DimParam("m".to_owned())), num_shards: 1 },
            ],
        }],
    };
    GraphProto {
        node: vec![NodeProto {
            input: vec!["x".to_owned(), String::new(), "y".to_owned()],
            output: vec!["z".to_owned()],
            name: "node".to_owned(),
            op_type: "Anything".to_owned(),
            attribute: vec![attribute(depth)],
            doc_string: "doc".to_owned(),
            domain: "d".to_owned(),
            overload: "o".to_owned(),
            metadata_props: entries("node"),
            device_configurations: vec![NodeDeviceConfigurationProto {
                configuration_id: "c".to_owned(),
                sharding_spec: vec![sharding],
                pipeline_stage: 1,
            }],
        }],
        name: "graph".to_owned(),
        initializer: vec![tensor("w")],
        doc_string: "doc".to_owned(),
        input: vec![value("x")],
        output: vec![value("z")],
        value_info: vec![value("v")],
        quantization_annotation: vec![TensorAnnotation {
            tensor_name: "w".to_owned(),
            quant_parameter_tensor_names: entries("SCALE_TENSOR"),
        }],
        sparse_initializer: vec![sparse("p")],
        metadata_props: entries("graph"),
    }
}

/// A model with every message and every field of the standard.
fn everything() -> ModelProto {
    let opset = |domain: &str| OperatorSetIdProto { domain: domain.to_owned(), version: 21 };
    ModelProto {
        ir_version: 13,
        producer_name: "p".to_owned(),
        producer_version: "1".to_owned(),
        domain: "d".to_owned(),
        model_version: 7,
        doc_string: "doc".to_owned(),
        graph: Some(graph(2)),
        opset_import: vec![opset(""), opset("d")],
        metadata_props: entries("model"),
        training_info: vec![TrainingInfoProto {
            initialization: Some(graph(0)),
            algorithm: Some(graph(1)),
            initialization_binding: entries("i"),
            update_binding: entries("u"),
        }],
        functions: vec![FunctionProto {
            name: "f".to_owned(),
            input: vec!["a".to_owned()],
            output: vec!["b".to_owned()],
            attribute: vec!["given".to_owned()],
            node: graph(1).node,
            doc_string: "doc".to_owned(),
            opset_import: vec![opset("")],
            domain: "d".to_owned(),
            attribute_proto: vec![attribute(0)],
            value_info: vec![value("b")],
            overload: "o".to_owned(),
            metadata_props: entries("function"),
        }],
        configuration: vec![DeviceConfigurationProto {
            name: "c".to_owned(),
            num_devices: 2,
            device: vec!["gpu:0".to_owned(), "gpu:1".to_owned()],
        }],
    }
}

#[test]
fn a_model_with_every_field_comes_back() {
    let model = everything();
    let bytes = model.encode_to_vec();
    let read = ModelProto::decode(bytes.as_slice()).unwrap();
    assert_eq!(read, model);
    assert_eq!(read.encode_to_vec(), bytes);
}

/// ONNX's own messages agree on every name and number: its reader finds no unknown field, and the text of both is equal.
const COMPARE: &str = "
import sys, onnx
from google.protobuf import text_format
from google.protobuf.unknown_fields import UnknownFieldSet

def repeated(field):
    return field.is_repeated if hasattr(field, 'is_repeated') else field.label == 3

def unknown(message, at):
    found = len(UnknownFieldSet(message))
    assert found == 0, f'{found} unknown fields at {at}'
    for field, value in message.ListFields():
        if field.message_type is not None:
            for one in (value if repeated(field) else [value]):
                unknown(one, f'{at}.{field.name}')

def fields(descriptor, seen):
    if descriptor.name in seen:
        return
    seen[descriptor.name] = {field.name for field in descriptor.fields}
    for field in descriptor.fields:
        if field.message_type is not None:
            fields(field.message_type, seen)

def used(message, seen):
    for field, value in message.ListFields():
        seen.setdefault(message.DESCRIPTOR.name, set()).add(field.name)
        if field.message_type is not None:
            for one in (value if repeated(field) else [value]):
                used(one, seen)

model = onnx.ModelProto()
model.ParseFromString(open(sys.argv[1], 'rb').read())
unknown(model, 'model')
known, found = {}, {}
fields(onnx.ModelProto.DESCRIPTOR, known)
used(model, found)
missing = {name: sorted(all - found.get(name, set())) for name, all in known.items() if all - found.get(name, set())}
print(missing)
";

#[test]
fn names_and_numbers_are_those_of_onnx() {
    let python = std::env::var("KILN_IMPORT_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    if !Command::new(&python)
        .args(["-c", "import google.protobuf, onnx; onnx.ModelProto"])
        .output()
        .is_ok_and(|output| output.status.success())
    {
        eprintln!("skipped: {python} has no module onnx; set KILN_IMPORT_PYTHON");
        return;
    }
    let bench = Bench::new();
    let path = bench.write("everything.onnx", &everything());
    let output = Command::new(&python).args(["-c", COMPARE]).arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let missing = text.trim();
    // Every field of the installed ONNX is one of ours; ours may have more, from a newer IR version.
    assert_eq!(missing, "{}", "fields of ONNX that the messages lack");
}
