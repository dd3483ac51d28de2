//! Small ONNX models, written message by message, and what the tests share.

use std::path::{Path, PathBuf};

use burn_onnx_export::proto::{
    AttributeProto, DataType, DimensionProto, GraphProto, Message as _, ModelProto, NodeProto, OperatorSetIdProto,
    TensorProto, ValueInfoProto,
};
use kiln_export::import::{ImportRequest, Imported, InputSpec, Range, ReferenceFile, Spec, TOLERANCE, import};
use kiln_export::{Batch, BundleError};
use kiln_runtime::{Bundle, Outputs, Providers, Runtime, Session, SessionOptions, install, library};
use kiln_tile::{SizePolicy, Tile};
use kiln_train::data::synth;
use ndarray::ArrayD;
use ndarray_npy::NpzWriter;

/// ONNX Runtime, installed if it is missing.
pub(crate) fn runtime() -> &'static Runtime {
    let found = install::find_or_install(None, &Providers::default(), &mut |_| {}).expect("an ONNX Runtime");
    library::load(&found).expect("an ONNX Runtime that loads")
}

/// ImageNet's mean and deviation.
pub(crate) const MEAN: [f64; 3] = [0.485, 0.456, 0.406];
pub(crate) const STD: [f64; 3] = [0.229, 0.224, 0.225];

/// Numbers of a fixed sequence, in -1..1.
pub(crate) fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) as f32 / (1_u64 << 23) as f32) - 1.0
    };
    (0..count).map(|_| next()).collect()
}

pub(crate) fn node(operator: &str, inputs: &[&str], outputs: &[&str], attribute: Vec<AttributeProto>) -> NodeProto {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    NodeProto {
        op_type: operator.to_owned(),
        name: format!("{operator}_{}", outputs.first().unwrap_or(&"")),
        input: owned(inputs),
        output: owned(outputs),
        attribute,
        ..NodeProto::default()
    }
}

/// A dimension: a number, or a name for -1.
fn dims(sizes: &[i64]) -> Vec<DimensionProto> {
    let dim = |size: &i64| if *size < 0 { DimensionProto::symbolic("n") } else { DimensionProto::fixed(*size) };
    sizes.iter().map(dim).collect()
}

pub(crate) fn port(name: &str, kind: DataType, sizes: &[i64]) -> ValueInfoProto {
    ValueInfoProto::tensor(name, kind.into(), dims(sizes))
}

pub(crate) fn model(opset: i64, graph: GraphProto) -> ModelProto {
    ModelProto {
        ir_version: 8,
        producer_name: "test".to_owned(),
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: opset }],
        ..ModelProto::default()
    }
}

/// The order of the axes of a test model.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Axes {
    Nchw,
    Nhwc,
}

/// A convolutional classifier with random weights: two strided convolutions, the mean over the picture, a dense layer.
#[derive(Clone)]
pub(crate) struct Net {
    pub(crate) axes: Axes,
    pub(crate) batch: i64,
    pub(crate) size: i64,
    pub(crate) classes: usize,
    pub(crate) opset: i64,
    /// The operator after the dense layer, if any.
    pub(crate) end: Option<&'static str>,
    pub(crate) output: &'static str,
    pub(crate) scale: f32,
}

impl Default for Net {
    fn default() -> Self {
        Self { axes: Axes::Nchw, batch: -1, size: 256, classes: 2, opset: 17, end: None, output: "logits", scale: 1.0 }
    }
}

impl Net {
    pub(crate) fn graph(&self) -> GraphProto {
        let Self { batch, size, .. } = *self;
        let shape = match self.axes {
            Axes::Nchw => [batch, 3, size, size],
            Axes::Nhwc => [batch, size, size, 3],
        };
        let strides = || vec![AttributeProto::ints("strides", [4, 4]), AttributeProto::ints("pads", [1, 1, 1, 1])];
        let mut nodes = Vec::new();
        let image = match self.axes {
            Axes::Nchw => "x",
            Axes::Nhwc => {
                nodes.push(node("Transpose", &["x"], &["first"], vec![AttributeProto::ints("perm", [0, 3, 1, 2])]));
                "first"
            }
        };
        let end = if self.end.is_some() { "dense" } else { self.output };
        nodes.extend([
            node("Conv", &[image, "w1", "b1"], &["c1"], strides()),
            node("Relu", &["c1"], &["r1"], Vec::new()),
            node("Conv", &["r1", "w2"], &["c2"], strides()),
            node("Relu", &["c2"], &["r2"], Vec::new()),
            node("GlobalAveragePool", &["r2"], &["pooled"], Vec::new()),
            node("Flatten", &["pooled"], &["flat"], vec![AttributeProto::int("axis", 1)]),
            node("Gemm", &["flat", "w3", "b3"], &[end], Vec::new()),
        ]);
        if let Some(operator) = self.end {
            let axis = if operator == "Sigmoid" { Vec::new() } else { vec![AttributeProto::int("axis", 1)] };
            nodes.push(node(operator, &["dense"], &[self.output], axis));
        }
        let classes = self.classes as i64;
        let scaled = |values: Vec<f32>, scale: f32| values.into_iter().map(|value| value * scale).collect::<Vec<_>>();
        GraphProto {
            name: "net".to_owned(),
            node: nodes,
            input: vec![port("x", DataType::Float, &shape)],
            output: vec![port(self.output, DataType::Float, &[batch, classes])],
            initializer: vec![
                TensorProto::f32("w1", [6, 3, 3, 3], &scaled(numbers(1, 162), 0.4)),
                TensorProto::f32("b1", [6], &scaled(numbers(2, 6), 0.2)),
                TensorProto::f32("w2", [8, 6, 3, 3], &scaled(numbers(3, 432), 0.4)),
                TensorProto::f32("w3", [8, classes], &scaled(numbers(4, 8 * self.classes), 0.15 * self.scale)),
                TensorProto::f32("b3", [classes], &scaled(numbers(5, self.classes), 0.3)),
            ],
            ..GraphProto::default()
        }
    }

    pub(crate) fn model(&self) -> ModelProto {
        model(self.opset, self.graph())
    }
}

/// A folder of one test.
pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, model: &ModelProto) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, model.encode_to_vec()).unwrap();
        path
    }

    pub(crate) fn request(&self, model: PathBuf, spec: Spec) -> ImportRequest {
        ImportRequest {
            model,
            out: self.path("bundle"),
            spec,
            data: None,
            size_policy: SizePolicy::Error,
            reference: None,
            tolerance: TOLERANCE,
            batch: Batch::Dynamic,
            precisions: Vec::new(),
            calibration: kiln_export::Calibration::default(),
            slide_rule: None,
            replace: true,
        }
    }

    /// Imports a model.
    pub(crate) fn import(&self, model: &ModelProto, spec: Spec) -> Result<Imported, BundleError> {
        import(&self.request(self.write("model.onnx", model), spec), runtime(), |_| {})
    }

    /// Imports a model with a reference.
    pub(crate) fn import_with(
        &self,
        model: &ModelProto,
        spec: Spec,
        reference: PathBuf,
    ) -> Result<Imported, BundleError> {
        let file = if reference.extension().is_some_and(|extension| extension == "csv") {
            ReferenceFile::Csv(reference)
        } else {
            ReferenceFile::Npz(reference)
        };
        let request = self.request(self.write("model.onnx", model), spec);
        import(&ImportRequest { reference: Some(file), ..request }, runtime(), |_| {})
    }

    /// The reason why an import is refused.
    pub(crate) fn refusal(&self, model: &ModelProto, spec: Spec) -> String {
        let error = self.import(model, spec).expect_err("refused");
        assert!(!self.path("bundle").exists(), "a bundle in spite of: {error}");
        kiln_runtime::chain(&error)
    }

    /// The bundle's outputs for tiles.
    pub(crate) fn outputs(&self, tiles: &[Tile]) -> Outputs {
        let bundle = Bundle::open(&self.path("bundle")).unwrap();
        let mut session =
            Session::open(runtime(), &bundle.model_path("fp32").unwrap(), &SessionOptions::default()).unwrap();
        let pixels: Vec<u8> = tiles.iter().flat_map(Tile::pixels).copied().collect();
        session.run(&pixels, tiles.len()).unwrap()
    }

    /// Writes tiles and outputs as a reference.
    pub(crate) fn npz(&self, name: &str, tiles: &[Tile], arrays: &[(&str, ArrayD<f32>)]) -> PathBuf {
        let path = self.path(name);
        let mut file = NpzWriter::new(std::fs::File::create(&path).unwrap());
        let pixels: Vec<u8> = tiles.iter().flat_map(Tile::pixels).copied().collect();
        file.add_array("tile", &ArrayD::from_shape_vec(vec![tiles.len(), 256, 256, 3], pixels).unwrap()).unwrap();
        for (name, array) in arrays {
            file.add_array(*name, array).unwrap();
        }
        file.finish().unwrap();
        path
    }
}

/// Generated tiles, other than those of the import itself.
pub(crate) fn tiles(count: usize) -> Vec<Tile> {
    (0..count).map(|number| synth::tile(99, number).unwrap()).collect()
}

/// The description of a classifier by torchvision's habits.
pub(crate) fn usual() -> Spec {
    Spec {
        input: InputSpec { range: Some(Range::Unit), mean: Some(MEAN), std: Some(STD), ..InputSpec::default() },
        classes: ["benign", "tumour"].map(str::to_owned).to_vec(),
        ..Spec::default()
    }
}

/// Runs a bare model on an array of its own input.
pub(crate) fn run_bare(path: &Path, array: ArrayD<f32>) -> ArrayD<f32> {
    let mut session = Session::open(runtime(), path, &SessionOptions::default()).unwrap();
    let name = session.inputs()[0].name.clone();
    let array = kiln_runtime::Array::from(array);
    let mut outputs = session.run_named([(name.as_str(), &array)]).unwrap();
    let (_, first) = outputs.pop_first().unwrap();
    first.as_f32().unwrap().clone()
}

/// `[n, 3, 256, 256]` of tiles, scaled and normalised by hand; `bgr` exchanges red and blue first.
pub(crate) fn planes(tiles: &[Tile], bgr: bool, value: impl Fn(f32, usize) -> f32) -> ArrayD<f32> {
    ArrayD::from_shape_fn(vec![tiles.len(), 3, 256, 256], |at| {
        let colour = if bgr { 2 - at[1] } else { at[1] };
        value(f32::from(tiles[at[0]].pixels()[(at[2] * 256 + at[3]) * 3 + colour]), at[1])
    })
}

/// torchvision's normalisation.
pub(crate) fn imagenet(value: f32, channel: usize) -> f32 {
    (value / 255.0 - MEAN[channel] as f32) / STD[channel] as f32
}

/// Softmax of rows of two.
pub(crate) fn second_probability(logits: &ArrayD<f32>) -> Vec<f32> {
    let pairs: Vec<f32> = logits.iter().copied().collect();
    pairs.chunks(2).map(|pair| 1.0 / (1.0 + (pair[0] - pair[1]).exp())).collect()
}

/// The largest difference.
pub(crate) fn distance(one: &[f32], two: &[f32]) -> f32 {
    assert_eq!(one.len(), two.len());
    one.iter().zip(two).map(|(one, two)| (one - two).abs()).fold(0.0, f32::max)
}

/// Scores of a bundle.
pub(crate) fn scores(outputs: &Outputs) -> Vec<f32> {
    outputs.arrays["score"].iter().copied().collect()
}

/// True if tests that import dozens of models, or try hundreds of descriptions, are not asked for.
pub(crate) fn is_too_slow() -> bool {
    let is_skipped = std::env::var_os("KILN_SLOW_TESTS").is_none();
    if is_skipped {
        eprintln!("skipped: takes minutes; set KILN_SLOW_TESTS to run it");
    }
    is_skipped
}
