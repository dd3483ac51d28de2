//! Models of every form: each becomes a bundle whose scores are those of the bare model behind a preprocessing by hand.

use burn_onnx_export::proto::{AttributeProto, DataType, GraphProto, Message as _, ModelProto, TensorProto};
use kiln_export::import::{
    Channels, ImportRequest, InputSpec, Layout, Meaning, Range, Size, Spec, ThresholdSpec, import,
};
use kiln_runtime::parity::{GOLDEN_BATCHES, against_golden};
use kiln_runtime::{Bundle, DecisionRule, Session, SessionOptions, golden};

use crate::support::{
    Axes, Bench, Net, distance, imagenet, model, node, planes, port, run_bare, runtime, scores, second_probability,
    tiles, usual,
};

/// Imports the model and compares its scores with those of the bare model.
pub(crate) fn check(net: &Net, spec: Spec, bgr: bool, value: impl Fn(f32, usize) -> f32) {
    let bench = Bench::new();
    let tiles = tiles(3);
    bench.import(&net.model(), spec).unwrap_or_else(|error| panic!("{}", kiln_runtime::chain(&error)));
    let mut array = planes(&tiles, bgr, value);
    if net.axes == Axes::Nhwc {
        array = array.permuted_axes(vec![0, 2, 3, 1]).as_standard_layout().into_owned();
    }
    let batch = if net.batch > 0 { net.batch as usize } else { 3 };
    let logits: Vec<f32> = (0..3)
        .step_by(batch)
        .flat_map(|first| {
            let part = array.slice_axis(ndarray::Axis(0), (first..first + batch).into());
            second_probability(&run_bare(&bench.path("model.onnx"), part.as_standard_layout().into_owned()))
        })
        .collect();
    let found = scores(&bench.outputs(&tiles));
    assert!(distance(&found, &logits) < 1e-5, "{found:?} {logits:?}");
}

#[test]
fn every_layout_range_and_channel_order() {
    if crate::support::is_too_slow() {
        return;
    }
    check(&Net::default(), usual(), false, imagenet);
    check(&Net { axes: Axes::Nhwc, ..Net::default() }, usual(), false, imagenet);
    let plain = |range| Spec { input: InputSpec { range: Some(range), ..InputSpec::default() }, ..usual() };
    check(&Net { scale: 0.01, ..Net::default() }, plain(Range::Bytes), false, |value, _| value);
    check(&Net { axes: Axes::Nhwc, ..Net::default() }, plain(Range::Signed), false, |value, _| value / 127.5 - 1.0);
    let mut bgr = usual();
    bgr.input.channels = Some(Channels::Bgr);
    check(&Net::default(), bgr, true, imagenet);
    let mut caffe = plain(Range::Bytes);
    caffe.input.channels = Some(Channels::Bgr);
    caffe.input.mean = Some([103.939, 116.779, 123.68]);
    let caffe_value = |value: f32, channel: usize| value - [103.939, 116.779, 123.68][channel];
    check(&Net { axes: Axes::Nhwc, scale: 0.01, ..Net::default() }, caffe, true, caffe_value);
}

#[test]
fn old_and_new_opsets_are_grafted_in_their_own_words() {
    if crate::support::is_too_slow() {
        return;
    }
    for opset in [7, 9, 10, 11, 12, 13, 17, 18, 21] {
        // A resize and a crop exercise every operator of the preprocessing.
        let mut spec = usual();
        spec.input.resize = Some(Size::Square(120));
        let net = Net { opset, size: 96, ..Net::default() };
        let bench = Bench::new();
        let imported = bench.import(&net.model(), spec);
        let imported = imported.unwrap_or_else(|error| panic!("opset {opset}: {}", kiln_runtime::chain(&error)));
        assert_eq!((imported.opset, imported.batch.as_str()), (opset, "dynamic"));
    }
}

#[test]
fn a_newer_ir_version_than_onnx_runtime_reads_is_lowered() {
    let bench = Bench::new();
    // onnx 1.23 writes 14 by default.
    bench.import(&ModelProto { ir_version: 14, ..Net { size: 64, ..Net::default() }.model() }, usual()).unwrap();
    let bytes = std::fs::read(bench.path("bundle/model.onnx")).unwrap();
    assert_eq!(ModelProto::decode(bytes.as_slice()).unwrap().ir_version, 10);
}

#[test]
fn the_bundle_verifies_like_any_other() {
    let bench = Bench::new();
    let spec = Spec {
        name: Some("a, \"name\" | `odd`".to_owned()),
        licence: Some("CC-BY-4.0".to_owned()),
        micrometres_per_pixel: Some(0.5),
        threshold: Some(ThresholdSpec::Value(0.25)),
        ..usual()
    };
    let imported = bench.import(&Net::default().model(), spec).unwrap();
    assert_eq!(imported.threshold, 0.25);
    let bundle = Bundle::open(&bench.path("bundle")).unwrap();
    let manifest = &bundle.manifest;
    assert_eq!((manifest.model.kind.as_str(), manifest.tile.micrometres_per_pixel), ("imported", Some(0.5)));
    assert_eq!(manifest.provenance.config["import"]["licence"], "CC-BY-4.0");
    assert_eq!(manifest.normal_classes, ["benign"]);
    let golden = golden::read(&bundle.golden_path().unwrap()).unwrap();
    assert_eq!(golden.tiles.len(), 8);
    let mut session =
        Session::open(runtime(), &bundle.model_path("fp32").unwrap(), &SessionOptions::default()).unwrap();
    let rule = DecisionRule::from_manifest(manifest);
    let report = against_golden(&mut session, &golden, &rule, &GOLDEN_BATCHES).unwrap();
    assert!(report.passed, "{report:?}");
    let card = std::fs::read_to_string(bench.path("bundle/README.md")).unwrap();
    assert!(card.contains("CC-BY-4.0") && card.contains("No outputs of the framework"), "{card}");
    // No path of this machine is in the bundle.
    let folder = bench.folder.path().to_str().unwrap();
    for file in ["manifest.json", "README.md", "model.onnx"] {
        let text = std::fs::read(bench.path("bundle").join(file)).unwrap();
        assert!(!String::from_utf8_lossy(&text).contains(folder), "{file}");
    }
}

#[test]
fn the_same_model_gives_the_same_bytes() {
    let bench = Bench::new();
    bench.import(&Net::default().model(), usual()).unwrap();
    let first = std::fs::read(bench.path("bundle/model.onnx")).unwrap();
    let manifest = std::fs::read(bench.path("bundle/manifest.json")).unwrap();
    bench.import(&Net::default().model(), usual()).unwrap();
    assert_eq!(std::fs::read(bench.path("bundle/model.onnx")).unwrap(), first);
    assert_eq!(std::fs::read(bench.path("bundle/manifest.json")).unwrap(), manifest);
}

#[test]
fn outputs_of_every_meaning() {
    if crate::support::is_too_slow() {
        return;
    }
    let with = |end, output: &'static str, meaning: Option<Meaning>, classes| {
        let bench = Bench::new();
        let mut spec = usual();
        if classes == 1 {
            spec.classes.clear();
        }
        spec.outputs.extend(meaning.map(|meaning| (output.to_owned(), meaning)));
        // Logits that cannot be taken for a sigmoid's.
        let imported = bench.import(&Net { end, output, classes, scale: 50.0, ..Net::default() }.model(), spec);
        (imported, bench)
    };
    // Guessed from the values, or from a name.
    assert_eq!(with(None, "y", None, 2).0.unwrap().outputs[0].by, "1 less the probabilities of normal classes");
    assert_eq!(with(None, "y", None, 2).0.unwrap().outputs[1].by, "softmax");
    assert_eq!(with(Some("Softmax"), "y", None, 2).0.unwrap().outputs[1].by, "unchanged");
    assert_eq!(
        with(Some("LogSoftmax"), "y", Some(Meaning::LogProbabilities), 2).0.unwrap().outputs[1].by,
        "exponential"
    );
    assert_eq!(with(None, "y", Some(Meaning::Logits), 1).0.unwrap().outputs[0].by, "sigmoid");
    assert_eq!(with(Some("Sigmoid"), "y", Some(Meaning::Probabilities), 1).0.unwrap().outputs[0].by, "unchanged");
    // A score has no natural threshold.
    assert!(with(None, "y", Some(Meaning::Score), 1).0.unwrap_err().to_string().contains("threshold"));
    // A single number without a name is not guessed.
    let open = with(None, "y", None, 1).0.unwrap_err().to_string();
    assert!(open.contains("`y: score`"), "{open}");
    // A missing softmax and a second one.
    let missing = with(None, "y", Some(Meaning::Probabilities), 2).0.unwrap_err().to_string();
    assert!(missing.contains("no softmax"), "{missing}");
    let second = with(Some("Softmax"), "y", Some(Meaning::Logits), 2).0.unwrap_err().to_string();
    assert!(second.contains("has its softmax already"), "{second}");
}

#[test]
fn a_single_logit_of_two_named_classes_gives_both_probabilities() {
    let bench = Bench::new();
    let mut spec = usual();
    spec.outputs.insert("y".to_owned(), Meaning::Logits);
    bench.import(&Net { output: "y", classes: 1, ..Net::default() }.model(), spec).unwrap();
    let outputs = bench.outputs(&tiles(2));
    let both = &outputs.arrays["probabilities"];
    assert_eq!(both.shape(), [2, 2]);
    assert!(
        (both[[0, 0]] + both[[0, 1]] - 1.0).abs() < 1e-6 && (both[[1, 1]] - outputs.arrays["score"][[1]]).abs() < 1e-6
    );
}

#[test]
fn maps_and_embeddings_are_kept_and_their_names_made_plain() {
    let mut graph = Net::default().graph();
    graph.output.push(port("flat", DataType::Float, &[-1, 8]));
    graph.output.push(port("r2", DataType::Float, &[-1, 8, 16, 16]));
    // A name that is a port of the bundle, and one that no file can have.
    for node in &mut graph.node {
        for name in node.input.iter_mut().chain(&mut node.output) {
            *name = match name.as_str() {
                "flat" => "tile".to_owned(),
                "r2" => "block/relu:0".to_owned(),
                other => other.to_owned(),
            };
        }
    }
    graph.output[1].name = "tile".to_owned();
    graph.output[2].name = "block/relu:0".to_owned();
    let bench = Bench::new();
    let imported = bench.import(&model(17, graph), usual()).unwrap();
    let names: Vec<&str> = imported.outputs.iter().map(|output| output.name.as_str()).collect();
    assert_eq!(names, ["score", "probabilities", "tile_2", "block_relu_0"]);
    let outputs = bench.outputs(&tiles(2));
    assert_eq!(outputs.arrays["block_relu_0"].shape(), [2, 8, 16, 16]);
}

#[test]
fn flattened_pixels_of_a_linear_model() {
    if crate::support::is_too_slow() {
        return;
    }
    for (layout, seed) in [(Layout::Flat, 11), (Layout::FlatNchw, 12)] {
        let graph = GraphProto {
            node: vec![node("Gemm", &["x", "w", "b"], &["logits"], Vec::new())],
            input: vec![port("x", DataType::Float, &[-1, 3072])],
            output: vec![port("logits", DataType::Float, &[-1, 2])],
            initializer: vec![
                TensorProto::f32("w", [3072, 2], &crate::support::numbers(seed, 6144)),
                TensorProto::f32("b", [2], &[0.1, -0.1]),
            ],
            ..GraphProto::default()
        };
        let mut spec = usual();
        spec.input = InputSpec { range: Some(Range::Unit), layout: Some(layout), ..InputSpec::default() };
        let bench = Bench::new();
        assert_eq!(bench.import(&model(17, graph), spec).unwrap().input.size, [32, 32]);
    }
}

#[test]
fn element_types_beside_float32() {
    if crate::support::is_too_slow() {
        return;
    }
    for (kind, to) in [
        (DataType::Uint8, "uint8"),
        (DataType::Float16, "float16"),
        (DataType::Double, "float64"),
        (DataType::Int32, "int32"),
    ] {
        let mut graph =
            Net { scale: if to == "uint8" || to == "int32" { 0.01 } else { 1.0 }, ..Net::default() }.graph();
        let cast = vec![AttributeProto::int("to", 1)];
        graph.node.insert(0, node("Cast", &["raw"], &["x"], cast));
        graph.input = vec![port("raw", kind, &[-1, 3, 256, 256])];
        let whole = matches!(kind, DataType::Uint8 | DataType::Int32);
        let spec = if whole { Spec { input: InputSpec::default(), ..usual() } } else { usual() };
        let bench = Bench::new();
        let imported = bench.import(&model(17, graph), spec);
        let imported = imported.unwrap_or_else(|error| panic!("{to}: {}", kiln_runtime::chain(&error)));
        assert_eq!(imported.input.dtype.to_string(), to);
    }
}

#[test]
fn every_resize_in_the_graph_is_that_of_plain_loops() {
    if crate::support::is_too_slow() {
        return;
    }
    let methods: [(&str, bool, bool, bool); 9] = [
        ("bilinear", true, true, false),
        ("bilinear", true, false, false),
        ("bilinear", false, false, false),
        ("bilinear", false, false, true),
        ("bicubic", true, true, false),
        ("bicubic", true, false, false),
        ("bicubic", false, false, false),
        ("lanczos", true, true, false),
        ("nearest", false, false, false),
    ];
    for (method, antialias, rounded, align_corners) in methods {
        let small = if method == "lanczos" { 24 } else { 16 };
        for (size, resize) in [(96, None), (224, Some(Size::Sides([240, 232]))), (300, None), (small, None)] {
            let mut spec = usual();
            spec.input = InputSpec {
                interpolation: Some(method.parse().unwrap()),
                antialias: Some(antialias),
                rounded: Some(rounded),
                align_corners: Some(align_corners),
                resize,
                ..spec.input
            };
            let imported = Bench::new().import(&Net { size, ..Net::default() }.model(), spec);
            let imported = imported.unwrap_or_else(|error| panic!("{method} {size}: {}", kiln_runtime::chain(&error)));
            let worst = imported.parity.outputs.iter().map(|output| output.max_abs).fold(0.0, f64::max);
            assert!(worst < 2e-6, "{method} {size}: {worst}");
        }
    }
}

#[test]
fn other_precisions_pass_their_gate_or_are_left_out() {
    use kiln_export::Precision;
    let bench = Bench::new();
    let path = bench.write("model.onnx", &Net { size: 224, ..Net::default() }.model());
    let request = ImportRequest {
        precisions: vec![Precision::Fp16, Precision::Int8],
        ..bench.request(path, Spec { threshold: Some(ThresholdSpec::Value(0.45)), ..usual() })
    };
    let imported =
        import(&request, runtime(), |_| {}).unwrap_or_else(|error| panic!("{}", kiln_runtime::chain(&error)));
    assert_eq!(imported.variants.len(), 2);
    let fp16 = &imported.variants[0];
    assert!(fp16.published && fp16.tiles == 32, "{fp16:?}");
    let int8 = &imported.variants[1];
    assert!(int8.layers.len() + int8.kept_in_float.len() == 3, "{int8:?}");
    let bundle = Bundle::open(&bench.path("bundle")).unwrap();
    let published = imported.variants.iter().filter(|variant| variant.published).count();
    assert_eq!(bundle.manifest.variants.len(), 1 + published);
}

#[test]
fn int8_of_a_model_without_a_layer_to_quantise_is_refused() {
    use kiln_export::Precision;
    let graph = GraphProto {
        node: vec![node("ReduceMean", &["x"], &["score"], vec![AttributeProto::ints("axes", [1, 2, 3])])],
        input: vec![port("x", DataType::Float, &[-1, 3, 64, 64])],
        output: vec![port("score", DataType::Float, &[-1, 1, 1, 1])],
        ..GraphProto::default()
    };
    let bench = Bench::new();
    let threshold = Some(ThresholdSpec::Value(0.5));
    let plain = bench.request(bench.write("model.onnx", &model(17, graph)), Spec { threshold, ..usual() });
    let spec = Spec { classes: Vec::new(), ..plain.spec.clone() };
    let request = ImportRequest { precisions: vec![Precision::Int8], spec, ..plain };
    let error = import(&request, runtime(), |_| {}).unwrap_err();
    assert_eq!(error.fault(), kiln_files::Fault::Input);
    let error = error.to_string();
    assert!(error.contains("model.onnx") && error.contains("no 32-bit convolution or dense layer"), "{error}");
}

#[test]
fn control_flow_is_not_converted() {
    use kiln_export::Precision;
    let branch = |name: &str| GraphProto {
        name: name.to_owned(),
        node: vec![node("Identity", &["dense"], &[name], Vec::new())],
        output: vec![port(name, DataType::Float, &[-1, 2])],
        ..GraphProto::default()
    };
    let mut graph = Net { output: "dense", ..Net::default() }.graph();
    graph.initializer.push(TensorProto::raw("yes", Vec::new(), DataType::Bool, vec![1]));
    let branches =
        vec![AttributeProto::graph("then_branch", branch("one")), AttributeProto::graph("else_branch", branch("two"))];
    graph.node.push(node("If", &["yes"], &["logits"], branches));
    graph.output = vec![port("logits", DataType::Float, &[-1, 2])];
    let bench = Bench::new();
    let path = bench.write("model.onnx", &model(17, graph));
    let plain = bench.request(path, usual());
    let request = ImportRequest { precisions: vec![Precision::Fp16], ..plain.clone() };
    let error = import(&request, runtime(), |_| {}).unwrap_err().to_string();
    assert!(error.contains("control flow") && error.contains("without one"), "{error}");
    assert!(!bench.path("bundle").exists());
    import(&plain, runtime(), |_| {}).unwrap();
}

#[test]
fn a_model_with_8_bit_activations_has_no_other_precision() {
    use kiln_export::Precision;
    let mut graph = Net::default().graph();
    let reads = graph.node.iter_mut().flat_map(|node| &mut node.input).filter(|name| name.as_str() == "x");
    reads.for_each(|name| *name = "rounded".to_owned());
    graph.initializer.push(TensorProto::f32("step", Vec::new(), &[0.02]));
    graph.initializer.push(TensorProto::raw("zero", Vec::new(), DataType::Uint8, vec![128]));
    let pair = [
        node("QuantizeLinear", &["x", "step", "zero"], &["bytes"], Vec::new()),
        node("DequantizeLinear", &["bytes", "step", "zero"], &["rounded"], Vec::new()),
    ];
    graph.node.splice(0..0, pair);
    let bench = Bench::new();
    let plain = bench.request(bench.write("model.onnx", &model(13, graph)), usual());
    for precision in [Precision::Fp16, Precision::Int8] {
        let request = ImportRequest { precisions: vec![precision], ..plain.clone() };
        let error = import(&request, runtime(), |_| {}).unwrap_err().to_string();
        assert!(error.contains("model.onnx") && error.contains("8-bit layers already"), "{error}");
    }
}
