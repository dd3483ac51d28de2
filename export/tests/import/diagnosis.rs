//! A reference that the description does not give: the cause is named.

use burn_onnx_export::proto::{DataType, ModelProto, TensorProto};
use kiln_export::import::{Channels, InputSpec, Meaning, Range, Size, Spec, ThresholdSpec};
use ndarray::{Array1, ArrayD};

use crate::support::{
    Bench, Net, imagenet, model, node, numbers, planes, port, run_bare, scores, second_probability, tiles, usual,
};

/// Scores of the bundle that a description gives: the framework's side of a test.
fn reference_of(net: &Net, spec: Spec) -> Vec<f32> {
    let bench = Bench::new();
    bench.import(&net.model(), spec).unwrap_or_else(|error| panic!("{}", kiln_runtime::chain(&error)));
    scores(&bench.outputs(&tiles(6)))
}

fn column(values: &[f32]) -> ArrayD<f32> {
    Array1::from(values.to_vec()).into_dyn()
}

/// The error of `spec` against a reference of `truth`.
fn diagnosed(net: &Net, truth: Spec, spec: Spec) -> String {
    let expected = reference_of(net, truth);
    let bench = Bench::new();
    let reference = bench.npz("outputs.npz", &tiles(6), &[("score", column(&expected))]);
    let error = bench.import_with(&net.model(), spec, reference).expect_err("a difference");
    assert!(!bench.path("bundle").exists());
    error.to_string()
}

fn with(change: impl FnOnce(&mut InputSpec)) -> Spec {
    let mut spec = usual();
    change(&mut spec.input);
    spec
}

#[test]
fn a_reference_that_agrees_is_in_the_report() {
    let net = Net { size: 224, ..Net::default() };
    let expected = reference_of(&net, usual());
    let bench = Bench::new();
    let reference = bench.npz("outputs.npz", &tiles(6), &[("score", column(&expected))]);
    let imported = bench.import_with(&net.model(), usual(), reference).unwrap();
    assert!(imported.reference.len() == 1 && imported.reference[0].passed());
    assert!(imported.warnings.is_empty(), "{:?}", imported.warnings);
}

/// A score that follows the last digits of its input: the sine of a large number.
fn chaotic() -> ModelProto {
    let mut graph = Net { classes: 1, output: "dense", ..Net::default() }.graph();
    // A mean over the picture would hide the last digits.
    let pool = graph.node.iter_mut().find(|node| node.op_type == "GlobalAveragePool").unwrap();
    pool.op_type = "GlobalMaxPool".to_owned();
    graph.initializer.push(TensorProto::f32("frequency", Vec::new(), &[1e5]));
    graph.node.push(node("Mul", &["dense", "frequency"], &["angle"], Vec::new()));
    graph.node.push(node("Sin", &["angle"], &["score"], Vec::new()));
    graph.output = vec![port("score", DataType::Float, &[-1, 1])];
    model(17, graph)
}

#[test]
fn rounding_is_not_taken_for_a_wrong_description() {
    let (bench, chaotic) = (Bench::new(), chaotic());
    let tiles = tiles(6);
    // A framework whose pixels differ by some units in the last place.
    let mut pixels = planes(&tiles, false, imagenet);
    let signs = numbers(31, pixels.len());
    pixels.iter_mut().zip(signs).for_each(|(value, sign)| *value *= 1.0 + 8.0 * f32::EPSILON * sign.signum());
    let expected = run_bare(&bench.write("model.onnx", &chaotic), pixels);
    let expected: Vec<f32> = expected.iter().copied().collect();
    let spec = Spec { classes: Vec::new(), threshold: Some(ThresholdSpec::Value(0.0)), ..usual() };
    let reference = bench.npz("outputs.npz", &tiles, &[("score", column(&expected))]);
    let found = bench.import_with(&chaotic, spec, reference).expect_err("a difference").to_string();
    assert!(found.contains("the description is not the cause") && found.contains("a tolerance of"), "{found}");
}

#[test]
fn colours_in_the_other_order() {
    let found = diagnosed(&Net::default(), with(|input| input.channels = Some(Channels::Bgr)), usual());
    assert!(found.contains("the reference agrees if `channels` is BGR"), "{found}");
    let found = diagnosed(&Net::default(), usual(), with(|input| input.channels = Some(Channels::Bgr)));
    assert!(found.contains("the reference agrees if `channels` is RGB"), "{found}");
}

#[test]
fn mean_deviation_and_range() {
    if crate::support::is_too_slow() {
        return;
    }
    let none = |input: &mut InputSpec| (input.mean, input.std) = (None, None);
    let found = diagnosed(&Net::default(), with(none), usual());
    assert!(found.contains("`range` is 0..1, without mean and std"), "{found}");
    let found = diagnosed(&Net::default(), usual(), with(none));
    assert!(found.contains("ImageNet's"), "{found}");
    let half = |input: &mut InputSpec| (input.mean, input.std) = (Some([0.5; 3]), Some([0.5; 3]));
    let found = diagnosed(&Net::default(), with(half), usual());
    assert!(found.contains("`mean` and `std` are 0.5") || found.contains("-1..1"), "{found}");
    let bytes = |input: &mut InputSpec| (input.range, input.mean, input.std) = (Some(Range::Bytes), None, None);
    let net = Net { scale: 0.01, ..Net::default() };
    let found = diagnosed(&net, with(bytes), usual());
    assert!(found.contains("`range` is 0..255, without mean and std"), "{found}");
    let found = diagnosed(&net, with(|input| input.std = None), usual());
    assert!(found.contains("the deviation is not applied"), "{found}");
}

/// A change of the description.
type Change = fn(&mut InputSpec);

#[test]
fn resizes_and_crops() {
    if crate::support::is_too_slow() {
        return;
    }
    let net = Net { size: 192, ..Net::default() };
    let cases: [(Change, &str); 5] = [
        (|input| input.rounded = Some(false), "bilinear of floats"),
        (|input| input.antialias = Some(false), "without antialiasing"),
        (|input| input.align_corners = Some(true), "aligns corners"),
        (|input| input.interpolation = Some("bicubic".parse().unwrap()), "bicubic, as by Pillow"),
        (|input| input.resize = Some(Size::Square(256)), "without a resize (`resize: 256`)"),
    ];
    for (change, words) in cases {
        let found = diagnosed(&net, with(change), usual());
        assert!(found.contains("the reference agrees if") && found.contains(words), "{words}: {found}");
    }
}

#[test]
fn two_mistakes_at_once() {
    if crate::support::is_too_slow() {
        return;
    }
    let net = Net { size: 192, ..Net::default() };
    let found = diagnosed(
        &net,
        with(|input| {
            input.channels = Some(Channels::Bgr);
            input.antialias = Some(false);
        }),
        usual(),
    );
    assert!(found.contains("`channels` is BGR") && found.contains(" and ") && found.contains("antialias"), "{found}");
}

#[test]
fn softmax_and_classes() {
    if crate::support::is_too_slow() {
        return;
    }
    let net = Net { classes: 3, ..Net::default() };
    let named = |classes: [&str; 3], normal: &str| Spec {
        classes: classes.map(str::to_owned).to_vec(),
        normal_classes: vec![normal.to_owned()],
        ..usual()
    };
    let found = diagnosed(&net, named(["a", "b", "c"], "a"), named(["b", "a", "c"], "a"));
    assert!(found.contains("`classes` is [\"a\", "), "{found}");
    let found = diagnosed(&Net::default(), usual(), Spec { normal_classes: vec!["tumour".to_owned()], ..usual() });
    assert!(found.contains("`classes` is") || found.contains("exchanged"), "{found}");
    // The reference has logits where the bundle has probabilities.
    let bench = Bench::new();
    let path = bench.write("bare.onnx", &Net::default().model());
    let logits = run_bare(&path, planes(&tiles(4), false, imagenet));
    let reference = bench.npz("outputs.npz", &tiles(4), &[("probabilities", logits.clone())]);
    let found = bench.import_with(&Net::default().model(), usual(), reference).unwrap_err().to_string();
    assert!(found.contains("the softmax is left out"), "{found}");
    // Logits under their own name agree.
    let reference = bench.npz("outputs.npz", &tiles(4), &[("logits", logits.clone())]);
    bench.import_with(&Net::default().model(), usual(), reference).unwrap();
    // A sigmoid.
    let sigmoid = logits.mapv(|logit| 1.0 / (1.0 + (-logit).exp()));
    let reference = bench.npz("outputs.npz", &tiles(4), &[("probabilities", sigmoid)]);
    let found = bench.import_with(&Net::default().model(), usual(), reference).unwrap_err().to_string();
    assert!(found.contains("a sigmoid takes the place of the softmax"), "{found}");
}

#[test]
fn a_score_of_the_other_sign() {
    let net = Net { output: "y", classes: 1, ..Net::default() };
    let spec = |meaning| Spec {
        outputs: [("y".to_owned(), meaning)].into(),
        classes: Vec::new(),
        threshold: Some(kiln_export::import::ThresholdSpec::Value(0.0)),
        ..usual()
    };
    let found = diagnosed(&net, spec(Meaning::NegativeScore), spec(Meaning::Score));
    assert!(found.contains("`negative_score`"), "{found}");
}

#[test]
fn a_reference_of_another_model_is_not_explained() {
    let bench = Bench::new();
    let odd = column(&[0.3, 0.9, 0.1, 0.7]);
    let reference = bench.npz("outputs.npz", &tiles(4), &[("score", odd)]);
    let found = bench.import_with(&Net::default().model(), usual(), reference).unwrap_err().to_string();
    assert!(found.contains("none of the usual mistakes explains it"), "{found}");
}

#[test]
fn tables_name_tiles_by_path() {
    let bench = Bench::new();
    let dataset = kiln_train::data::synth::write(
        &bench.path("tiles"),
        &kiln_train::data::synth::SynthOptions { tiles: 6, seed: 5 },
        &|| {},
    )
    .unwrap();
    let decoder = kiln_tile::Decoder::new(kiln_tile::SizePolicy::Error);
    let tiles: Vec<_> = (0..6).map(|index| dataset.tile(index, &decoder).unwrap()).collect();
    let path = bench.write("bare.onnx", &Net::default().model());
    let expected = second_probability(&run_bare(&path, planes(&tiles, false, imagenet)));
    let table = |name: &str, columns: &str, row: &dyn Fn(f32) -> String| {
        let rows: String = dataset
            .entries
            .iter()
            .zip(&expected)
            .map(|(entry, score)| format!("tiles/{},{}\n", entry.path.display(), row(*score)))
            .collect();
        std::fs::write(bench.path(name), format!("path,{columns}\n{rows}")).unwrap();
        bench.path(name)
    };
    let good = table("scores.csv", "score", &|score| score.to_string());
    bench.import_with(&Net::default().model(), usual(), good).unwrap();
    let classes = table("classes.csv", "p_benign,p_tumour", &|score| format!("{},{score}", 1.0 - score));
    bench.import_with(&Net::default().model(), usual(), classes).unwrap();
    let bad = table("bad.csv", "score", &|score| (score + 0.01).to_string());
    let found = bench.import_with(&Net::default().model(), usual(), bad).unwrap_err().to_string();
    assert!(found.contains("tiles/"), "{found}");
    let infinite = table("infinite.csv", "score", &|_| "inf".to_owned());
    let found = bench.import_with(&Net::default().model(), usual(), infinite).unwrap_err().to_string();
    assert!(found.contains("`score` is inf for tiles/"), "{found}");
    for (text, reason) in [
        ("path,score\nnowhere.png,0.5\n", "nowhere.png"),
        ("file,score\nx,1\n", "no column `path`"),
        ("path,label\nx,1\n", "no column `score`"),
        ("path,score\nx,high\n", "`high`"),
        ("path,score\n", "no rows"),
    ] {
        std::fs::write(bench.path("odd.csv"), text).unwrap();
        let found = bench.import_with(&Net::default().model(), usual(), bench.path("odd.csv")).unwrap_err();
        assert!(kiln_runtime::chain(&found).contains(reason), "{found}");
    }
}

#[test]
fn references_that_cannot_be_read() {
    let bench = Bench::new();
    let import = |path| bench.import_with(&Net::default().model(), usual(), path).unwrap_err().to_string();
    std::fs::write(bench.path("text.npz"), "no archive").unwrap();
    assert!(import(bench.path("text.npz")).contains("not an .npz file"));
    let short = bench.npz("short.npz", &tiles(2), &[("score", column(&[0.5]))]);
    assert!(import(short).contains("2 tiles"));
    let unknown = bench.npz("unknown.npz", &tiles(2), &[("heat", column(&[0.5, 0.5]))]);
    let found = import(unknown);
    assert!(found.contains("`heat` is no output of the model") && found.contains("logits"), "{found}");
    for value in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
        let odd = bench.npz("odd.npz", &tiles(2), &[("score", column(&[0.5, value]))]);
        let found = import(odd);
        assert!(found.contains(&format!("`score` is {value} for tile 1")), "{found}");
    }
    let none = bench.npz("none.npz", &tiles(2), &[]);
    assert!(import(none).contains("no outputs beside `tile`"));
}
