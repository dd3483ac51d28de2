#![allow(clippy::unwrap_used)]
use super::proto::{FunctionProto, TrainingInfoProto};
use super::*;

fn tensor(entries: &[(&str, &str)]) -> TensorProto {
    let entries = entries.iter().map(|(key, value)| Entry { key: (*key).into(), value: (*value).into() });
    TensorProto { name: "w".into(), external_data: entries.collect(), data_location: EXTERNAL }
}

fn node(attribute: AttributeProto) -> NodeProto {
    NodeProto { attribute: vec![attribute], ..NodeProto::default() }
}

fn read(model: &ModelProto) -> Result<Graph, String> {
    Graph::from_bytes(&model.encode_to_vec())
}

fn with(graph: GraphProto) -> ModelProto {
    ModelProto { graph: Some(graph), ..ModelProto::default() }
}

/// A model for each place in which a tensor can be.
fn places(tensor: &TensorProto) -> Vec<(&'static str, ModelProto)> {
    let one = || tensor.clone();
    let sparse = |values, indices| SparseTensorProto { values, indices };
    let none = AttributeProto::default;
    let inside = |attribute| with(GraphProto { node: vec![node(attribute)], ..GraphProto::default() });
    let initialized = || GraphProto { initializer: vec![one()], ..GraphProto::default() };
    let nested = AttributeProto { g: Some(initialized()), ..none() };
    let nested = GraphProto { node: vec![node(nested)], ..GraphProto::default() };
    let function = |node, attribute_proto| ModelProto {
        functions: vec![FunctionProto { node, attribute_proto }],
        ..with(GraphProto::default())
    };
    let training = |initialization, algorithm| ModelProto {
        training_info: vec![TrainingInfoProto { initialization, algorithm }],
        ..with(GraphProto::default())
    };
    vec![
        ("initializer", with(initialized())),
        (
            "sparse initializer, values",
            with(GraphProto { sparse_initializer: vec![sparse(Some(one()), None)], ..GraphProto::default() }),
        ),
        (
            "sparse initializer, indices",
            with(GraphProto { sparse_initializer: vec![sparse(None, Some(one()))], ..GraphProto::default() }),
        ),
        ("attribute", inside(AttributeProto { t: Some(one()), ..none() })),
        ("attribute list", inside(AttributeProto { tensors: vec![one()], ..none() })),
        ("sparse attribute", inside(AttributeProto { sparse_tensor: Some(sparse(Some(one()), None)), ..none() })),
        ("sparse list", inside(AttributeProto { sparse_tensors: vec![sparse(None, Some(one()))], ..none() })),
        ("subgraph", inside(AttributeProto { g: Some(initialized()), ..none() })),
        ("subgraph list", inside(AttributeProto { graphs: vec![initialized()], ..none() })),
        ("subgraph of a subgraph", inside(AttributeProto { g: Some(nested), ..none() })),
        ("function", function(vec![node(AttributeProto { t: Some(one()), ..none() })], vec![])),
        ("function's default", function(vec![], vec![AttributeProto { t: Some(one()), ..none() }])),
        ("training, initialization", training(Some(initialized()), None)),
        ("training, algorithm", training(None, Some(initialized()))),
    ]
}

#[test]
fn an_external_file_is_found_wherever_a_tensor_can_be() {
    let tensor = tensor(&[("location", "w.data"), ("offset", "64"), ("length", "8")]);
    for (place, model) in places(&tensor) {
        let expected = ExternalData { of: "tensor `w`".into(), location: "w.data".into(), offset: 64, length: Some(8) };
        assert_eq!(read(&model).unwrap().external, [expected], "{place}");
    }
}

#[test]
fn references_that_two_readers_would_follow_differently_are_refused() {
    let cases: [(&[(&str, &str)], &str); 7] = [
        (&[], "names no file"),
        (&[("offset", "0")], "names no file"),
        (&[("location", "a"), ("location", "b")], "states `location` twice"),
        (&[("location", "a"), ("offset", "-1")], "`-1`, which is no number"),
        (&[("location", "a"), ("offset", "0x10")], "no number"),
        (&[("location", "a"), ("length", "99999999999999999999")], "the length `99999999999999999999`"),
        (&[("location", "a"), ("length", "")], "the length ``"),
    ];
    for (entries, expected) in cases {
        for (place, model) in places(&tensor(entries)) {
            let reason = read(&model).unwrap_err();
            assert!(reason.contains(expected), "{place}: {reason}");
        }
    }
}

#[test]
fn a_location_counts_even_without_the_flag() {
    let tensor = TensorProto { data_location: 0, ..tensor(&[("location", "w.data")]) };
    let graph = GraphProto { initializer: vec![tensor], ..GraphProto::default() };
    assert_eq!(read(&with(graph)).unwrap().external.len(), 1);
}

#[test]
fn a_compiled_engine_in_another_file_is_a_reference_and_an_embedded_one_is_not() {
    let attribute = |name: &str, i, s: &str| AttributeProto { name: name.into(), i, s: s.into(), ..Default::default() };
    let context = |mode: Option<i64>| {
        let mode = mode.map(|mode| attribute("embed_mode", mode, ""));
        let attribute = mode.into_iter().chain([attribute("ep_cache_context", 0, "../engine.bin")]).collect();
        let node = NodeProto { op_type: "EPContext".into(), name: "e".into(), attribute };
        read(&with(GraphProto { node: vec![node], ..GraphProto::default() })).unwrap().external
    };
    assert_eq!(context(Some(0))[0].location, "../engine.bin");
    assert!(context(Some(1)).is_empty() && context(None).is_empty());
}

#[test]
fn other_formats_junk_and_every_truncation_are_refused() {
    assert!(Graph::from_bytes(b"\x12\x10ab ORTM").is_err());
    assert!(Graph::from_bytes(b"\x20\0\0\0ORTM\0\0").unwrap_err().contains("own format"));
    assert!(Graph::from_bytes(b"").unwrap_err().contains("no graph"));
    assert!(Graph::from_bytes(b"not a model").is_err());
    let whole = places(&tensor(&[("location", "w.data")])).remove(0).1.encode_to_vec();
    for length in 0..whole.len() {
        assert!(Graph::from_bytes(&whole[..length]).is_err(), "{length} of {}", whole.len());
    }
}

#[test]
fn graphs_nested_without_end_are_refused_and_not_followed() {
    let mut graph = GraphProto::default();
    for _ in 0..200 {
        let attribute = AttributeProto { g: Some(graph), ..AttributeProto::default() };
        graph = GraphProto { node: vec![node(attribute)], ..GraphProto::default() };
    }
    assert!(read(&with(graph)).unwrap_err().contains("not an ONNX model"));
}

#[test]
fn metadata_keys_are_there_once() {
    let entry = |value: &str| Entry { key: "kiln.classes".into(), value: value.into() };
    let model = ModelProto { metadata_props: vec![entry("a"), entry("b")], ..with(GraphProto::default()) };
    assert!(read(&model).unwrap_err().contains("`kiln.classes` twice"));
}
