#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::OnceLock;

use burn::module::Module;
use burn::tensor::TensorData;
use kiln_files::Fault;
use kiln_runtime::{Providers, install};
use kiln_train::Config;
use kiln_train::features::TOLERANCE;
use kiln_train::model::Zoo;

use super::*;

const LITE: &str = "{name: efficientnet-lite0, weights: random, stages: [2, 3], width: 0.25}";
const RESNET: &str = "{name: resnet18, weights: random, stages: [1, 2], width: 0.25}";

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<&Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let found = install::find_or_install(None, &Providers::default(), &mut |_| {}).expect("an ONNX Runtime");
        library::load(&found).expect("a working ONNX Runtime")
    })
}

fn frozen(model: &str) -> FrozenBackbone {
    let config = Config::parse(&format!("name: small\nmodel: {model}\n"), "small.yaml", &[]).unwrap();
    Zoo::new(&config.model, 2, 7, &Device::flex()).valid().frozen_backbone().unwrap()
}

/// A backbone that works on 96 pixels a side.
fn at_96(backbone: &str) -> String {
    backbone.replace("width: 0.25", "width: 0.25, side: 96")
}

fn pixels(tiles: usize) -> Vec<u8> {
    (0..tiles * TILE_BYTES).map(|at| (at * 31 % 251 + at / TILE_BYTES % 5) as u8).collect()
}

fn burn(backbone: &FrozenBackbone, tiles: usize) -> (Vec<f32>, Option<Vec<f32>>) {
    let side = SIDE as usize;
    let data = TensorData::new(pixels(tiles), [tiles, side, side, 3]);
    let (features, patches) = backbone.forward(Tensor::<4, Int>::from_data(data, (&Device::flex(), DType::U8)));
    let values = |data: TensorData| data.try_into_vec::<f32>().unwrap();
    (values(features.into_data()), patches.map(|patches| values(patches.into_data())))
}

/// The largest difference, over the largest value of `expected`.
fn apart(found: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().map(|value| f64::from(value.abs())).fold(0.0, f64::max);
    assert!(scale > 0.0);
    let one = |(a, b): (&f32, &f32)| (f64::from(*a) - f64::from(*b)).abs();
    found.iter().zip(expected).map(one).fold(0.0, f64::max) / scale
}

#[test]
fn features_of_onnx_runtime_are_those_of_burn() {
    let banks = "tile: {entries: 4, neighbours: 1}, patch: {side: 8, entries: 4}";
    let models = [
        format!("{{kind: transfer, backbone: {LITE}}}"),
        format!("{{kind: transfer, backbone: {RESNET}}}"),
        format!("{{kind: transfer, backbone: {}, pooling: mean_and_centre}}", at_96(RESNET)),
        format!("{{kind: transfer, backbone: {}, pooling: means_and_deviations}}", at_96(LITE)),
        format!("{{kind: memory_bank, backbone: {LITE}, {banks}}}"),
        format!("{{kind: memory_bank, backbone: {}, {banks}}}", at_96(LITE)),
    ];
    for model in models {
        let backbone = frozen(&model);
        // More than one part, and the last one is not full.
        let tiles = PART + 3;
        let mut extractor = OnnxExtractor::new(runtime(), &backbone, 2).unwrap();
        let found = extractor.vectors(&pixels(tiles), tiles).unwrap();
        let (features, patches) = burn(&backbone, tiles);
        let worst = apart(&found.features, &features);
        assert!(worst < TOLERANCE, "{model}: {worst:e}");
        assert_eq!(found.patches.is_some(), model.contains("memory_bank"));
        if let (Some(found), Some(expected)) = (&found.patches, &patches) {
            assert_eq!(expected.len(), tiles * 8 * 8 * (features.len() / tiles));
            assert!(apart(found, expected) < TOLERANCE, "{model}: {:e}", apart(found, expected));
        }
    }
}

#[test]
fn neither_threads_nor_neighbours_change_a_bit() {
    let backbone = frozen(&format!("{{kind: transfer, backbone: {LITE}}}"));
    let open = |threads| OnnxExtractor::new(runtime(), &backbone, threads).unwrap();
    let (mut one, mut three) = (open(1), open(3));
    assert_eq!(one.identity(), three.identity());
    let tiles = 3 * PART + 1;
    let all = three.vectors(&pixels(tiles), tiles).unwrap().features;
    assert_eq!(one.vectors(&pixels(tiles), tiles).unwrap().features, all);
    let first = one.vectors(&pixels(1), 1).unwrap().features;
    assert_eq!(first, all[..all.len() / tiles]);
}

#[test]
fn other_weights_and_other_outputs_have_another_identity() {
    let identity = |model: &str| OnnxExtractor::new(runtime(), &frozen(model), 1).unwrap().identity().to_owned();
    let of = |backbone: &str| identity(&format!("{{kind: transfer, backbone: {backbone}}}"));
    let (lite, again, resnet) = (of(LITE), of(LITE), of(RESNET));
    let bank = identity(&format!("{{kind: memory_bank, backbone: {LITE}}}"));
    assert_eq!(lite, again);
    let centres = identity(&format!("{{kind: transfer, backbone: {LITE}, pooling: mean_and_centre}}"));
    assert!(lite != resnet && lite != bank && lite != of(&at_96(LITE)) && lite != centres);
    assert!(lite.starts_with("onnxruntime ") && lite.contains(runtime().version()), "{lite}");
}

#[test]
fn the_graph_of_a_backbone_is_in_full_precision() {
    let model = backbone_graph(&frozen(&format!("{{kind: transfer, backbone: {LITE}}}")), 2).unwrap();
    assert_eq!((model.inputs(), model.outputs()), (vec!["tile"], vec![FEATURES]));
    let lower = |operator: &&str| ["quant", "integer"].iter().any(|word| operator.to_lowercase().contains(word));
    assert!(!model.operators().iter().any(lower), "{:?}", model.operators());
}

#[test]
fn a_missing_library_is_an_error_of_the_machine() {
    let backbone = frozen(&format!("{{kind: transfer, backbone: {RESNET}}}"));
    let named = OnnxFeatures::new(Some("no/such/library.so".into()));
    let error = named.open(&backbone, 1).err().unwrap();
    assert_eq!(error.fault, Fault::Environment);
    assert!(error.source.to_string().contains("no/such/library.so"), "{}", error.source);
}
