//! Models that cannot become a bundle: each is refused by name, with what to do, and no folder appears.

use burn_onnx_export::proto::{
    AttributeProto, DataLocation, DataType, GraphProto, MapTypeProto, NodeProto, OperatorSetIdProto, SequenceTypeProto,
    StringStringEntryProto, TensorProto, TypeProto, ValueInfoProto,
};
use kiln_export::import::{InputSpec, Layout, Meaning, Range, Spec};

use crate::support::{Bench, Net, model, node, port, usual};

fn refused(graph: GraphProto, spec: Spec) -> String {
    Bench::new().refusal(&model(17, graph), spec)
}

#[test]
fn files_that_are_no_models() {
    let bench = Bench::new();
    for (name, bytes, reason) in [
        ("empty.onnx", &b""[..], "no graph"),
        ("text.onnx", b"a text, not a model", "not an ONNX model"),
        ("model.ort", b"\x00\x00\x00\x00ORTM\x00", "ONNX Runtime's own format"),
    ] {
        std::fs::write(bench.path(name), bytes).unwrap();
        let request = bench.request(bench.path(name), usual());
        let error = kiln_export::import::import(&request, crate::support::runtime(), |_| {}).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
    let request = bench.request(bench.path("missing.onnx"), usual());
    let error = kiln_export::import::import(&request, crate::support::runtime(), |_| {}).unwrap_err();
    assert!(error.to_string().contains("missing.onnx"), "{error}");
}

#[test]
fn several_inputs_are_listed() {
    let mut graph = Net::default().graph();
    graph.input.push(port("mask", DataType::Float, &[-1, 1, 64, 64]));
    let found = refused(graph, usual());
    assert!(found.contains("2 inputs") && found.contains("`mask`: float32 [n, 1, 64, 64]"), "{found}");
    let mut graph = Net::default().graph();
    graph.input.clear();
    assert!(refused(graph, usual()).contains("0 inputs"));
    // An initializer that is listed as an input, as before IR version 4, is no input.
    let mut graph = Net::default().graph();
    graph.input.push(port("b3", DataType::Float, &[2]));
    Bench::new().import(&model(17, graph), usual()).unwrap();
}

#[test]
fn inputs_that_are_no_pictures() {
    let with = |kind, sizes: &[i64]| {
        let mut graph = Net::default().graph();
        graph.input = vec![port("x", kind, sizes)];
        refused(graph, usual())
    };
    assert!(with(DataType::String, &[1]).contains("strings"));
    assert!(with(DataType::Float, &[1, 3, 256]).contains("rank 3"));
    assert!(with(DataType::Float, &[1, 1, 256, 256]).contains("3 colours"));
    assert!(with(DataType::Float, &[1, 100]).contains("no picture"));
    assert!(with(DataType::Int8, &[1, 3, 256, 256]).contains("int8"));
    let mut graph = Net::default().graph();
    let map = MapTypeProto { key_type: 7, value_type: None };
    let element = TypeProto { map_type: Some(Box::new(map)), ..TypeProto::default() };
    let sequence = SequenceTypeProto { elem_type: Some(element) };
    let r#type = Some(TypeProto { sequence_type: Some(Box::new(sequence)), ..TypeProto::default() });
    graph.input = vec![ValueInfoProto { name: "x".to_owned(), r#type, ..ValueInfoProto::default() }];
    assert!(refused(graph, usual()).contains("a sequence"));
}

#[test]
fn operators_that_onnx_runtime_does_not_have() {
    let mut graph = Net::default().graph();
    graph.node[1].domain = "my.company".to_owned();
    graph.node[1].op_type = "FancyRelu".to_owned();
    let found = refused(graph, usual());
    assert!(found.contains("my.company::FancyRelu (node `Relu_r1`)"), "{found}");
    // Its own contrib operators are known.
    let mut graph = Net::default().graph();
    let relu = graph.node.iter().position(|node| node.op_type == "Relu").unwrap();
    graph.node[relu].domain = "com.microsoft".to_owned();
    graph.node[relu].op_type = "QuickGelu".to_owned();
    let mut own = model(17, graph);
    own.opset_import.push(OperatorSetIdProto { domain: "com.microsoft".to_owned(), version: 1 });
    Bench::new().import(&own, usual()).unwrap();
}

#[test]
fn opsets_that_are_too_old() {
    let found = Bench::new().refusal(&Net { opset: 6, ..Net::default() }.model(), usual());
    assert!(found.contains("opset 6") && found.contains("version_converter"), "{found}");
}

#[test]
fn descriptions_that_contradict_the_model() {
    let input = |input: InputSpec| Spec { input, ..usual() };
    let nhwc = InputSpec { layout: Some(Layout::Nhwc), ..usual().input };
    let found = refused(Net::default().graph(), input(nhwc));
    assert!(found.contains("`layout` is NHWC") && found.contains("NCHW"), "{found}");
    let unknown = InputSpec::default();
    assert!(refused(Net::default().graph(), input(unknown)).contains("state `range`"));
    let bytes = InputSpec { range: Some(Range::Bytes), ..usual().input };
    assert!(refused(Net::default().graph(), input(bytes)).contains("unit of 0..1"));
    // Axes of unknown sizes: the wrong layout shows when the model runs.
    let mut graph = Net::default().graph();
    graph.input = vec![port("x", DataType::Float, &[-1, -1, -1, -1])];
    let found = refused(graph.clone(), usual());
    assert!(found.contains("state `layout`"), "{found}");
    let wrong = InputSpec { layout: Some(Layout::Nhwc), ..usual().input };
    let found = refused(graph, input(wrong));
    assert!(found.contains("cannot run the model on NHWC"), "{found}");
    // Outputs and classes.
    let spec = Spec { outputs: [("nothing".to_owned(), Meaning::Logits)].into(), ..usual() };
    assert!(refused(Net::default().graph(), spec).contains("no such output; it has logits"));
    let spec = Spec { classes: vec!["benign".to_owned()], ..usual() };
    assert!(refused(Net::default().graph(), spec).contains("has 2 classes"));
    let spec = Spec { classes: ["a", "b"].map(str::to_owned).to_vec(), ..usual() };
    assert!(refused(Net::default().graph(), spec).contains("are normal is unknown"));
    let spec = Spec { classes: Vec::new(), ..usual() };
    assert!(refused(Net::default().graph(), spec).contains("state their names"));
    let spec = Spec { normal_classes: ["benign", "tumour"].map(str::to_owned).to_vec(), ..usual() };
    assert!(refused(Net::default().graph(), spec).contains("all of the classes"));
    let spec = Spec { normal_classes: vec!["bening".to_owned()], ..usual() };
    assert!(refused(Net::default().graph(), spec).contains("`bening` is not one of"));
}

#[test]
fn a_model_that_draws_random_numbers_names_the_node() {
    let mut graph = Net::default().graph();
    let end = graph.node.len() - 1;
    graph.node[end].output = vec!["dense".to_owned()];
    let random = vec![AttributeProto::float("mean", 0.0), AttributeProto::float("scale", 1.0)];
    graph.node.push(node("RandomNormalLike", &["dense"], &["noise"], random));
    graph.node.push(node("Add", &["dense", "noise"], &["logits"], Vec::new()));
    let found = refused(graph, usual());
    assert!(found.contains("RandomNormalLike") && found.contains("inference mode"), "{found}");
}

#[test]
fn answers_that_are_not_finite() {
    let mut graph = Net::default().graph();
    let bias = graph.initializer.iter_mut().find(|tensor| tensor.name == "b3").unwrap();
    *bias = TensorProto::f32("b3", [2], &[f32::NAN, 0.0]);
    assert!(refused(graph, usual()).contains("48 values are NaN or infinite, the first on generated tile 0"));
}

#[test]
fn an_answer_that_is_not_finite_on_one_of_many_tiles() {
    // The logarithm of how much brighter than `least` a tile is: only the darkest two, which have one mean, are not brighter.
    let mut graph = Net::default().graph();
    let all: Vec<AttributeProto> = vec![AttributeProto::ints("axes", [1, 2, 3]), AttributeProto::int("keepdims", 0)];
    graph.node.truncate(0);
    graph.node.push(node("ReduceMean", &["x"], &["mean"], all));
    graph.node.push(node("Sub", &["mean", "least"], &["more"], Vec::new()));
    graph.node.push(node("Log", &["more"], &["score"], Vec::new()));
    graph.output = vec![port("score", DataType::Float, &[-1])];
    let tiles: Vec<_> = (0..24).map(|number| kiln_train::data::synth::tile(16, number).unwrap()).collect();
    let mean = |tile: &kiln_tile::Tile| {
        let pixels = tile.pixels();
        pixels.iter().map(|value| f64::from(*value) / 255.0).sum::<f64>() / pixels.len() as f64
    };
    let mut means: Vec<(f64, usize)> = tiles.iter().map(mean).zip(0..).collect();
    means.sort_by(|a, b| a.0.total_cmp(&b.0));
    let between = ((means[1].0 + means[2].0) / 2.0) as f32;
    graph.initializer = vec![TensorProto::f32("least", Vec::new(), &[between])];
    let input = InputSpec { range: Some(Range::Unit), ..InputSpec::default() };
    let threshold = Some(kiln_export::import::ThresholdSpec::Value(0.0));
    let found = refused(graph, Spec { input, threshold, ..Spec::default() });
    let first = means[0].1.min(means[1].1);
    let expected = format!("2 of 24 values are NaN or infinite, the first on generated tile {first};");
    assert!(found.contains(&expected), "{found}");
}

#[test]
fn an_output_without_a_batch_is_named_with_its_shape() {
    let squeezed = |axes: &[i64], perm: Option<[i64; 2]>| {
        let mut graph = Net { batch: 1, output: "dense", ..Net::default() }.graph();
        graph.node.push(match perm {
            Some(perm) => node("Transpose", &["dense"], &["y"], vec![AttributeProto::ints("perm", perm)]),
            None => node("Squeeze", &["dense"], &["y"], Vec::new()),
        });
        graph.output = vec![port("y", DataType::Float, axes)];
        graph
    };
    for meaning in [None, Some(Meaning::Logits), Some(Meaning::Probabilities), Some(Meaning::Keep)] {
        let outputs = meaning.map(|meaning| ("y".to_owned(), meaning)).into_iter().collect();
        let found = refused(squeezed(&[2], None), Spec { outputs, ..usual() });
        assert!(found.contains("`y`: its first axis is not the batch: its shape is [2] for a batch of 1"), "{found}");
    }
    let found = refused(squeezed(&[2, 1], Some([1, 0])), usual());
    assert!(found.contains("its shape is [2, 1] for a batch of 1"), "{found}");
}

#[test]
fn a_sigmoid_of_each_class_is_not_taken_for_logits() {
    let net = Net { end: Some("Sigmoid"), output: "y", ..Net::default() };
    for meaning in [None, Some(Meaning::Probabilities), Some(Meaning::LogProbabilities)] {
        let outputs = meaning.map(|meaning| ("y".to_owned(), meaning)).into_iter().collect();
        let found = refused(net.graph(), Spec { outputs, ..usual() });
        assert!(found.contains("multi-label") && !found.contains("`logits`"), "{found}");
    }
}

#[test]
fn the_score_of_an_outlier_detector_is_the_output_of_floats() {
    let mut graph = Net { classes: 1, output: "scores", ..Net::default() }.graph();
    graph.initializer.push(TensorProto::f32("zero", Vec::new(), &[0.0]));
    graph.node.push(node("Greater", &["scores", "zero"], &["above"], Vec::new()));
    graph.node.push(node("Cast", &["above"], &["label"], vec![AttributeProto::int("to", 7)]));
    graph.output.insert(0, port("label", DataType::Int64, &[-1, 1]));
    let found = refused(graph, Spec { classes: Vec::new(), ..usual() });
    assert!(found.contains("`scores: negative_score`") && !found.contains("label"), "{found}");
}

#[test]
fn the_output_with_as_many_columns_as_classes_is_the_result() {
    let mut graph = Net { output: "y", ..Net::default() }.graph();
    graph.output.insert(0, port("flat", DataType::Float, &[-1, 8]));
    // Logits that cannot be taken for a sigmoid's.
    graph.initializer.retain(|tensor| tensor.name != "b3");
    graph.initializer.push(TensorProto::f32("b3", [2], &[-3.0, 3.0]));
    let imported = Bench::new().import(&model(17, graph), usual()).unwrap();
    let from: Vec<&str> = imported.outputs.iter().map(|output| output.from.as_str()).collect();
    assert_eq!(from, ["y", "y", "flat"]);
}

/// A model whose first weight is in another file.
fn external(entries: &[(&str, &str)]) -> burn_onnx_export::proto::ModelProto {
    let mut graph = Net::default().graph();
    let weight = &mut graph.initializer[0];
    weight.raw_data = Vec::new().into();
    weight.data_location = DataLocation::External.into();
    weight.external_data = entries.iter().map(|(key, value)| StringStringEntryProto::new(*key, *value)).collect();
    model(17, graph)
}

#[test]
fn weights_in_other_files_are_copied_and_contained() {
    let bench = Bench::new();
    let bytes: Vec<u8> = crate::support::numbers(1, 162).iter().flat_map(|v| (v * 0.4).to_le_bytes()).collect();
    let mut file = vec![7; 64];
    file.extend(&bytes);
    std::fs::create_dir(bench.path("deep")).unwrap();
    std::fs::write(bench.path("deep/weights.bin"), &file).unwrap();
    let good = external(&[("location", "deep/weights.bin"), ("offset", "64"), ("length", "648")]);
    bench.import(&good, usual()).unwrap();
    let bundle = kiln_runtime::Bundle::open(&bench.path("bundle")).unwrap();
    assert!(bundle.manifest.files.iter().any(|file| file.path == "model.onnx.data" && file.bytes == 712));
    let found = crate::support::scores(&bench.outputs(&crate::support::tiles(2)));
    let inside = Bench::new();
    inside.import(&Net::default().model(), usual()).unwrap();
    let expected = crate::support::scores(&inside.outputs(&crate::support::tiles(2)));
    assert!(crate::support::distance(&found, &expected) < 1e-6);
    std::fs::remove_dir_all(bench.path("bundle")).unwrap();

    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("w.bin"), &file).unwrap();
    let absolute = outside.path().join("w.bin").display().to_string();
    #[cfg(unix)]
    std::os::unix::fs::symlink(outside.path().join("w.bin"), bench.path("link.bin")).unwrap();
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("location", "../w.bin")], "may lead out"),
        (&[("location", &absolute)], "may lead out"),
        (&[("location", "deep\\weights.bin")], "may lead out"),
        (&[("location", "")], "may lead out"),
        (&[("offset", "0")], "names no file"),
        (&[("location", "missing.bin")], "copy the file beside the model"),
        (&[("location", "deep")], "not a regular file"),
        #[cfg(unix)]
        (&[("location", "link.bin"), ("offset", "64"), ("length", "648")], "link out of"),
        (&[("location", "deep/weights.bin"), ("offset", "65"), ("length", "648")], "which has 712"),
        (&[("location", "deep/weights.bin"), ("offset", "18446744073709551615"), ("length", "648")], "which has 712"),
        (&[("location", "deep/weights.bin"), ("length", "100")], "needs 648 bytes"),
        (&[("location", "deep/weights.bin"), ("offset", "-1")], "no number of bytes"),
        (&[("location", "deep/weights.bin"), ("location", "x")], "twice"),
    ];
    for (entries, reason) in cases {
        let found = bench.refusal(&external(entries), usual());
        assert!(found.contains(reason), "{entries:?}: {found}");
    }
}

#[test]
fn control_flow_is_kept() {
    // If the mean of the picture is above 0, the logits are doubled; else they stay.
    let branch = |name: &str, factor: f32| GraphProto {
        name: name.to_owned(),
        node: vec![node("Mul", &["dense", "factor"], &[name], Vec::new())],
        output: vec![port(name, DataType::Float, &[-1, 2])],
        initializer: vec![TensorProto::f32("factor", [1], &[factor])],
        ..GraphProto::default()
    };
    let mut graph = Net { output: "dense", batch: 1, ..Net::default() }.graph();
    graph.initializer.push(TensorProto::f32("zero", Vec::new(), &[0.0]));
    let all = vec![AttributeProto::int("keepdims", 0)];
    graph.node.push(node("ReduceMean", &["x"], &["mean"], all));
    graph.node.push(node("Greater", &["mean", "zero"], &["bright"], Vec::new()));
    let branches = vec![
        AttributeProto::graph("then_branch", branch("twice", 2.0)),
        AttributeProto::graph("else_branch", branch("once", 1.0)),
    ];
    graph.node.push(node("If", &["bright"], &["score"], branches));
    graph.output = vec![port("score", DataType::Float, &[1, 2])];
    let bench = Bench::new();
    let spec = Spec { outputs: [("score".to_owned(), Meaning::Logits)].into(), ..usual() };
    let imported = bench.import(&model(13, graph), spec).unwrap();
    // The branch depends on the whole batch, so only one tile at a time is right.
    assert_eq!(imported.outputs[0].from, "score");
}

#[test]
fn scikit_learns_maps_are_read_as_the_tensor_before_them() {
    let ml = |operator: &str, inputs: &[&str], outputs: &[&str], attributes: Vec<AttributeProto>| NodeProto {
        domain: "ai.onnx.ml".to_owned(),
        ..node(operator, inputs, outputs, attributes)
    };
    let labels = || AttributeProto {
        strings: vec!["normal".into(), "tumour".into()],
        r#type: 8,
        name: "classlabels_strings".to_owned(),
        ..AttributeProto::default()
    };
    let floats = |name: &str, values: Vec<f32>| AttributeProto {
        name: name.to_owned(),
        floats: values,
        r#type: 6,
        ..AttributeProto::default()
    };
    let weights = crate::support::numbers(21, 2 * 3072).into_iter().map(|value| value * 0.05).collect();
    let classifier = vec![
        floats("coefficients", weights),
        floats("intercepts", vec![0.1, -0.1]),
        AttributeProto {
            strings: vec!["normal".into(), "tumour".into()],
            r#type: 8,
            name: "classlabels_strings".to_owned(),
            ..AttributeProto::default()
        },
        AttributeProto::string("post_transform", "SOFTMAX"),
        AttributeProto::int("multi_class", 1),
    ];
    let map = MapTypeProto { key_type: 8, value_type: Some(TypeProto::tensor(1, [])) };
    let element = TypeProto { map_type: Some(Box::new(map)), ..TypeProto::default() };
    let sequence = SequenceTypeProto { elem_type: Some(element) };
    let r#type = Some(TypeProto { sequence_type: Some(Box::new(sequence)), ..TypeProto::default() });
    let graph = GraphProto {
        name: "pipeline".to_owned(),
        node: vec![
            ml("LinearClassifier", &["X"], &["output_label", "table"], classifier),
            ml("ZipMap", &["table"], &["output_probability"], vec![labels()]),
        ],
        input: vec![port("X", DataType::Float, &[-1, 3072])],
        output: vec![
            port("output_label", DataType::String, &[-1]),
            ValueInfoProto { name: "output_probability".to_owned(), r#type, ..ValueInfoProto::default() },
        ],
        ..GraphProto::default()
    };
    let mut pipeline = model(15, graph);
    pipeline.opset_import.push(OperatorSetIdProto { domain: "ai.onnx.ml".to_owned(), version: 1 });
    let input = InputSpec { range: Some(Range::Unit), ..InputSpec::default() };
    let bench = Bench::new();
    let imported = bench.import(&pipeline, Spec { input, ..Spec::default() }).unwrap();
    assert_eq!(
        (imported.classes.as_slice(), imported.normal_classes.as_slice()),
        (&["normal".to_owned(), "tumour".to_owned()][..], &["normal".to_owned()][..])
    );
    assert_eq!(imported.dropped, [("output_label".to_owned(), "it is strings".to_owned())]);
    assert_eq!(imported.outputs[1].from, "output_probability");
}

#[test]
fn a_threshold_is_not_chosen_on_labels_that_are_no_class() {
    let bench = Bench::new();
    let options = kiln_train::data::synth::SynthOptions { tiles: 6, seed: 5 };
    kiln_train::data::synth::write(&bench.path("tiles"), &options, &|| {}).unwrap();
    let rule = kiln_export::import::ThresholdSpec::Rule(kiln_train::metrics::ThresholdRule::MaxF1);
    let spec = Spec { threshold: Some(rule), ..usual() };
    let request = kiln_export::import::ImportRequest {
        data: Some(bench.path("tiles")),
        ..bench.request(bench.write("model.onnx", &Net::default().model()), spec)
    };
    let error = kiln_export::import::import(&request, crate::support::runtime(), |_| {}).unwrap_err().to_string();
    assert!(error.contains("no class of the model (benign, tumour)") && error.contains("`anomalous`"), "{error}");
}

#[test]
fn a_quantised_model_is_imported_as_it_is() {
    // Weights in 8 bits behind a pair of nodes, as every quantiser writes them.
    let mut graph = Net::default().graph();
    let weights: Vec<u8> = crate::support::numbers(3, 432).iter().map(|value| (value * 100.0) as i8 as u8).collect();
    graph.initializer.retain(|tensor| tensor.name != "w2");
    graph.initializer.push(TensorProto::raw("w2q", [8, 6, 3, 3], DataType::Int8, weights));
    graph.initializer.push(TensorProto::f32("w2s", Vec::new(), &[0.004]));
    graph.initializer.push(TensorProto::raw("w2z", Vec::new(), DataType::Int8, vec![0]));
    graph.node.insert(0, node("DequantizeLinear", &["w2q", "w2s", "w2z"], &["w2"], Vec::new()));
    let bench = Bench::new();
    assert!(bench.import(&model(13, graph), usual()).unwrap().parity.passed);
}

#[test]
fn a_target_that_is_no_bundle_is_never_replaced() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("bundle")).unwrap();
    std::fs::write(bench.path("bundle/thesis.tex"), "x").unwrap();
    let error = bench.import(&Net::default().model(), usual()).unwrap_err();
    assert!(error.to_string().contains("not a bundle"), "{error}");
    assert!(bench.path("bundle/thesis.tex").exists());
}

#[test]
fn files_that_are_too_large_or_too_deep() {
    let bench = Bench::new();
    let file = std::fs::File::create(bench.path("large.onnx")).unwrap();
    // A hole: no byte of it is on the disk.
    file.set_len(1 << 31).unwrap();
    let request = bench.request(bench.path("large.onnx"), usual());
    let error = kiln_export::import::import(&request, crate::support::runtime(), |_| {}).unwrap_err().to_string();
    assert!(error.contains("2 GiB") && error.contains("save_as_external_data"), "{error}");

    let mut graph = GraphProto::default();
    for _ in 0..120 {
        let inner = AttributeProto::graph("body", graph);
        graph = GraphProto { node: vec![node("Loop", &[], &["y"], vec![inner])], ..GraphProto::default() };
    }
    assert!(refused(graph, usual()).contains("not an ONNX model"));
    // Every truncation of a model is refused or is another model; none is a crash.
    use burn_onnx_export::proto::Message as _;
    let bytes = Net::default().model().encode_to_vec();
    for length in (0..bytes.len()).step_by(bytes.len() / 23) {
        std::fs::write(bench.path("cut.onnx"), &bytes[..length]).unwrap();
        let request = bench.request(bench.path("cut.onnx"), usual());
        kiln_export::import::import(&request, crate::support::runtime(), |_| {}).unwrap_err();
    }
}
