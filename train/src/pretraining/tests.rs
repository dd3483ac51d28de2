#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;

use burn::tensor::{Device, Tensor};
use kiln_tile::Tile;

use super::simsiam::{disagreement, spread};
use super::*;
use crate::config::{BackboneConfig, Weights};
use crate::data::{Dataset, SlideOptions, synth};
use crate::model::tensors::{read, tile_tensor};
use crate::{Error, Result, weights};

/// Two stages of a ResNet-18 with 16 and 32 channels.
const SMALL: &str = "
name: small
backbone: {name: resnet18, weights: random, stages: [1, 2], width: 0.25}
method: {kind: simsiam, projection: 16, prediction: 4}
training: {epochs: 1, batch: 4, learning_rate: 0.001}
";

fn number(value: Tensor<1>) -> f64 {
    read(value.into_data()).unwrap()[0]
}

fn vectors<const N: usize>(rows: [[f32; 4]; N], device: &Device) -> Tensor<2> {
    Tensor::from_floats(rows, device)
}

#[test]
fn equal_vectors_agree_opposed_ones_do_not_and_length_does_not_count() {
    let device = Device::flex();
    let one = || vectors([[1.0, 2.0, -1.0, 0.5], [0.0, 3.0, 0.0, 1.0]], &device);
    assert!((number(disagreement(one(), one())) + 1.0).abs() < 1e-6);
    assert!((number(disagreement(one(), one().mul_scalar(7.0))) + 1.0).abs() < 1e-6);
    assert!((number(disagreement(one(), one().neg())) - 1.0).abs() < 1e-6);
    let (east, north) = (vectors([[1.0, 0.0, 0.0, 0.0]], &device), vectors([[0.0, 1.0, 0.0, 0.0]], &device));
    assert!(number(disagreement(east, north)).abs() < 1e-6);
}

#[test]
fn no_gradient_reaches_the_target() {
    let device = Device::flex().autodiff();
    let prediction = vectors([[1.0, 2.0, -1.0, 0.5]], &device).require_grad();
    let start = vectors([[0.5, -1.0, 2.0, 1.0]], &device).require_grad();
    let gradients = disagreement(prediction.clone(), start.clone().mul_scalar(2.0)).backward();
    let moves = |gradient: Option<Tensor<2>>| {
        gradient.is_some_and(|values| read(values.into_data()).unwrap().iter().any(|value| value.abs() > 1e-6))
    };
    assert!(moves(prediction.grad(&gradients)) && !moves(start.grad(&gradients)));
}

#[test]
fn the_spread_is_zero_for_equal_vectors_and_one_for_all_directions() {
    let device = Device::flex();
    assert!(number(spread(vectors([[3.0, 1.0, 2.0, 5.0]; 6], &device))) < 1e-3);
    // The eight directions along the axes: the deviation in each of the four dimensions is a half.
    let mut axes = [[0.0; 4]; 8];
    for (at, axis) in axes.iter_mut().enumerate() {
        axis[at / 2] = if at.is_multiple_of(2) { 1.0 } else { -3.0 };
    }
    assert!((number(spread(vectors(axes, &device))) - 1.0).abs() < 1e-6);
    let near = vectors([[10.0, 10.0, 10.0, 10.1], [10.0, 10.0, 10.1, 10.0]], &device);
    assert!(number(spread(near)) < COLLAPSED);
}

fn request(folder: &Path, name: &str, sets: &[&str]) -> PretrainRequest {
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    PretrainRequest {
        config: PretrainConfig::parse(SMALL, "small.yaml", &sets).unwrap(),
        data: Some(folder.join("tiles")),
        split: None,
        out: folder.join(name),
        openslide: None,
    }
}

/// Sixteen generated tiles, of which the list puts the last four into other splits.
fn tiles(folder: &Path) -> Dataset {
    let path = folder.join("tiles");
    let dataset = synth::write(&path, &synth::SynthOptions { tiles: 16, seed: 3 }, &|| {}).unwrap();
    let split = |at: usize| if at < 12 { "train" } else { ["val", "test"][at % 2] };
    let row = |(at, entry): (usize, &crate::data::Entry)| format!("{},{}\n", entry.path.display(), split(at));
    let rows: String = dataset.entries.iter().enumerate().map(row).collect();
    fs::write(path.join("tiles.csv"), format!("path,split\n{rows}")).unwrap();
    dataset
}

fn silent(request: &PretrainRequest) -> Result<Pretrained> {
    pretrain(request, &mut |_| {})
}

#[test]
fn weights_are_of_the_training_tiles_alone_and_load_up_to_their_depth() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = tiles(folder.path());
    let first = silent(&request(folder.path(), "a.bpk", &[])).unwrap();
    let facts = &first.facts;
    assert_eq!((facts.tiles, facts.left_out, facts.by_split, facts.stages), (12, 4, true, 2));
    assert_eq!((facts.epochs.len(), facts.epochs[0].step), (1, 3));
    assert!((-1.0..=1.0).contains(&facts.epochs[0].loss) && facts.epochs[0].spread > 0.0, "{:?}", facts.epochs);
    let stored: PretrainFacts = serde_json::from_slice(&fs::read(facts_file(&first.weights)).unwrap()).unwrap();
    assert_eq!(stored.weights_sha256, facts.weights_sha256);
    // Tiles of the other splits are not even read.
    for entry in &dataset.entries[12..] {
        fs::write(folder.path().join("tiles").join(&entry.path), "no image").unwrap();
    }
    silent(&request(folder.path(), "b.bpk", &[])).unwrap();

    let backbone = |stages: &[usize]| BackboneConfig {
        weights: Weights::File(first.weights.clone()),
        stages: stages.to_vec(),
        ..facts.config.backbone.clone()
    };
    let device = Device::flex();
    for stages in [&[1, 2][..], &[1]] {
        let (loaded, digest) = weights::load(&first.weights, &backbone(stages), &device).unwrap();
        assert_eq!(digest, first.facts.weights_sha256);
        let pixels = synth::tile(3, 0).unwrap().pixels().to_vec();
        let maps = loaded.maps(tile_tensor(pixels, &device), stages);
        assert!(maps.into_iter().all(|maps| read(maps.into_data()).unwrap().iter().all(|value| value.is_finite())));
    }
    let deeper = weights::load(&first.weights, &backbone(&[1, 3]), &device).unwrap_err();
    assert!(matches!(deeper, Error::ShallowWeights { stages: 2, needed: 3, .. }), "{deeper}");
    let wider = weights::load(&first.weights, &BackboneConfig { width: 0.5, ..backbone(&[1]) }, &device).unwrap_err();
    assert!(matches!(wider, Error::OtherBackbone { .. }), "{wider}");
    let exists = silent(&request(folder.path(), "a.bpk", &[])).unwrap_err();
    assert!(matches!(exists, Error::WeightsExist { .. }), "{exists}");
}

#[test]
fn weights_can_start_from_weights_and_their_running_figures_fit_the_tiles() {
    let folder = tempfile::tempdir().unwrap();
    tiles(folder.path());
    let first = silent(&request(folder.path(), "a.bpk", &[])).unwrap();
    let start = format!("backbone.weights={}", first.weights.display());
    let further = silent(&request(folder.path(), "b.bpk", &[&start])).unwrap();
    assert_eq!(further.facts.start_sha256, Some(first.facts.weights_sha256));

    // Maps that were normalised by figures of these tiles neither vanish nor grow.
    let device = Device::flex();
    let config = BackboneConfig { stages: vec![1], ..first.facts.config.backbone.clone() };
    let (loaded, _) = weights::load(&further.weights, &config, &device).unwrap();
    let pixels: Vec<u8> = (0..12).flat_map(|at| synth::tile(3, at).map(Tile::into_pixels).unwrap()).collect();
    let means = read(loaded.features(tile_tensor(pixels, &device), &[1]).into_data()).unwrap();
    assert!(means.iter().all(|mean| (0.0..10.0).contains(mean)), "{means:?}");
    assert!(means.iter().any(|mean| *mean > 0.05), "{means:?}");
}

#[test]
fn too_few_tiles_and_wrong_keys_are_refused_with_the_key() {
    let folder = tempfile::tempdir().unwrap();
    tiles(folder.path());
    let few = silent(&request(folder.path(), "a.bpk", &["training.batch=13"])).unwrap_err().to_string();
    assert!(few.contains("training.batch") && few.contains("13 tiles, and 12"), "{few}");
    assert!(!folder.path().join("a.bpk").exists());
    let refused = |set: &str| PretrainConfig::parse(SMALL, "s.yaml", &[set.to_owned()]).unwrap_err().to_string();
    let off = "data.augmentation={rotation: false, flips: false, zoom: 0.0, \
               colour_jitter: {brightness: 0.0, contrast: 0.0, saturation: 0.0, hue: 0.0}}";
    for (set, words) in [
        ("training.batch=2", "training.batch: must be 4"),
        ("training.epochs=0", "training.epochs"),
        ("method.projection=1", "method.projection"),
        ("backbone.stages=[1, 5]", ": backbone.stages: give stages of resnet18"),
        ("frozen=true", "frozen: true leaves nothing to learn"),
        ("frozen=depthwise", "frozen: depthwise kernels would keep their random weights"),
        ("backbone.weights=fetch", "set backbone.weights=random"),
        ("training.epoch=3", "did you mean `epochs`"),
        ("method.kind=byol", "simsiam"),
        (off, "both variations of a tile would be equal"),
        ("data.augmentation.zoom=3", "data.augmentation.zoom"),
    ] {
        assert!(refused(set).contains(words), "{set}: {}", refused(set));
    }
}

#[test]
fn tiles_need_no_labels() {
    let folder = tempfile::tempdir().unwrap();
    let options = SlideOptions::default();
    for name in ["b.png", "a.png", "notes.txt"] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    let names = |dataset: &Dataset| -> Vec<String> {
        dataset.entries.iter().map(|entry| format!("{} {}", entry.path.display(), entry.label)).collect()
    };
    let direct = Dataset::open_unlabelled(folder.path(), &options).unwrap();
    assert_eq!(names(&direct), ["a.png unlabelled", "b.png unlabelled"]);
    assert!(Dataset::open(folder.path()).is_err());
    let list = folder.path().join("some.csv");
    fs::write(&list, "path,group\nb.png,s1\n").unwrap();
    assert_eq!(names(&Dataset::open_unlabelled(&list, &options).unwrap()), ["b.png unlabelled"]);
    assert!(Dataset::open(&list).is_err());
    fs::write(&list, "path,label\nb.png,benign\na.png,\n").unwrap();
    assert_eq!(names(&Dataset::open_unlabelled(&list, &options).unwrap()), ["b.png benign", "a.png unlabelled"]);
    // Without labels class folders are folders like others, so no tile beside them is lost.
    fs::create_dir(folder.path().join("benign")).unwrap();
    fs::write(folder.path().join("benign/c.png"), "").unwrap();
    let all = ["benign/c.png benign", "a.png unlabelled", "b.png unlabelled"];
    assert_eq!(names(&Dataset::open_unlabelled(folder.path(), &options).unwrap()), all);
}

#[test]
fn the_configuration_in_the_repository_reads_with_its_defaults() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/pretrain.yaml");
    let config = PretrainConfig::read(&path, &[]).unwrap();
    assert_eq!(config.method, Method::default());
    assert_eq!(config.training, PretrainTraining::default());
}
