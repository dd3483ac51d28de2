//! Both backbones against PyTorch 2.9: the same weights by formula, the same tile by formula, and what PyTorch's models
//! (`efficientnet_lite_pytorch` 0.1.0, and ResNet-18 as torchvision has it) made of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

use std::collections::BTreeMap;

use burn::tensor::{DType, Int, Tensor, TensorData};
use burn_store::{BurnToPyTorchAdapter, ModuleSnapshot};
use safetensors::tensor::{Dtype, TensorView};
use tempfile::TempDir;

use super::*;
use crate::config::BackboneKind;
use crate::model::materialised;

/// Of each stage: first and last of the channels' means, and the sum of their sizes.
type Stage = [f32; 3];

const EFFICIENTNET: [Stage; 8] = [
    [-0.165_023, 0.716_793, 7.751_011],
    [-1.242_597, -0.294_427, 36.228_054],
    [-0.920_545, 0.764_698, 102.972_75],
    [-3.252_967, -2.537_102, 310.103_18],
    [-2.995_852, 2.220_293, 440.120_9],
    [-2.493_193, 13.839_878, 1_625.205_7],
    [0.107_235, -4.598_798, 925.978_3],
    [0.210_383, 0.007_817, 1_472.248_3],
];

const RESNET: [Stage; 4] = [
    [1.878_091, 2.600_476, 144.638_32],
    [1.099_984, 0.638_113, 186.519_75],
    [4.490_223, 5.609_588, 1_238.372_3],
    [21.721_766, 6.235_093, 6_308.768],
];

/// With the published ImageNet weights.
const EFFICIENTNET_IMAGENET: [Stage; 8] = [
    [0.355_976, -1.144_671, 11.443_48],
    [-5.339_228, -5.970_549, 129.745_62],
    [3.280_3, -4.188_303, 176.053_31],
    [-0.084_519, 3.901_647, 430.339_75],
    [0.278_99, 6.196_986, 330.869_08],
    [-1.417_814, -1.032_013, 655.964_54],
    [-4.222_375, -3.196_182, 568.203_6],
    [1.872_544, 0.0, 219.247_94],
];

fn reference(kind: BackboneKind) -> &'static [Stage] {
    match kind {
        BackboneKind::EfficientnetLite0 => &EFFICIENTNET,
        BackboneKind::Resnet18 => &RESNET,
    }
}

/// A tile whose every value follows from its place.
fn tile() -> Tensor<4, Int> {
    let value = |at: usize| {
        let (y, x, channel) = (at / 768, at / 3 % 256, at % 3);
        ((x * 7 + y * 13 + channel * 29 + x * y) % 256) as u8
    };
    let pixels: Vec<u8> = (0..256 * 256 * 3).map(value).collect();
    Tensor::from_data(TensorData::new(pixels, [1, 256, 256, 3]), (&Device::flex(), DType::U8))
}

/// Values in -1..1 that follow from the published name and the place.
fn values(name: &str, shape: &[usize]) -> Vec<f32> {
    let fan_in: usize = shape.iter().skip(1).product();
    let scaled = |unit: f64| match name {
        _ if name.ends_with("running_var") => 1.0 + 0.5 * unit,
        _ if shape.len() == 4 => unit * (6.0 / fan_in as f64).sqrt(),
        _ if name.ends_with(".weight") => 1.0 + 0.1 * unit,
        _ => 0.1 * unit,
    };
    let unit = |at: usize| ((at * 7919 + name.len() * 104_729) % 1009) as f64 / 1009.0 * 2.0 - 1.0;
    (0..shape.iter().product()).map(|at| scaled(unit(at)) as f32).collect()
}

type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// All tensors of a backbone under the names of one column, with a classifier and a counter as published files have.
fn published(kind: BackboneKind, column: usize) -> Tensors {
    let backbone = materialised(Backbone::new(kind, kind.channels(1.0).len(), 1.0, &Device::flex()));
    let adapter = || Some(Box::new(BurnToPyTorchAdapter) as Box<dyn burn_store::ModuleAdapter>);
    let ours = match &backbone {
        Backbone::EfficientNetLite0(network) => network.collect(None, adapter(), true),
        Backbone::ResNet18(network) => network.collect(None, adapter(), true),
    };
    let names = kind.published_names();
    let mut tensors = Tensors::new();
    for tensor in ours {
        let (layer, part) = tensor.name.rsplit_once('.').unwrap();
        let row = names.iter().find(|row| row[0] == layer).unwrap_or_else(|| panic!("{layer} has no published name"));
        let shape: Vec<usize> = tensor.shape.iter().copied().collect();
        let values = values(&format!("{}.{part}", row[1]), &shape);
        tensors.insert(format!("{}.{part}", row[column]), (shape, values));
        if part == "running_mean" {
            tensors.insert(format!("{}.num_batches_tracked", row[column]), (vec![1], vec![0.0]));
        }
    }
    tensors.insert(
        format!("{}weight", kind.classifier_names()[column.min(kind.classifier_names().len()) - 1]),
        (vec![1], vec![0.0]),
    );
    tensors
}

fn write(folder: &TempDir, tensors: &Tensors) -> PathBuf {
    let bytes: BTreeMap<&String, (Vec<usize>, Vec<u8>)> = tensors
        .iter()
        .map(|(name, (shape, values))| {
            (name, (shape.clone(), values.iter().flat_map(|value| value.to_le_bytes()).collect()))
        })
        .collect();
    let views =
        bytes.iter().map(|(name, (shape, bytes))| (*name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()));
    let path = folder.path().join("published.safetensors");
    fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
    path
}

fn config(kind: BackboneKind) -> BackboneConfig {
    let stages = (1..=kind.channels(1.0).len()).collect();
    BackboneConfig { name: kind, weights: Weights::Random, stages, ..BackboneConfig::default() }
}

/// Compares every stage with PyTorch's figures, to a few units in the fifth digit.
fn compare(backbone: &Backbone, kind: BackboneKind, reference: &[Stage]) {
    let stages: Vec<usize> = (1..=reference.len()).collect();
    let means = backbone.features(tile(), &stages).into_data().try_into_vec::<f32>().unwrap();
    let mut rest = means.as_slice();
    for (number, (channels, expected)) in kind.channels(1.0).into_iter().zip(reference).enumerate() {
        let (stage, behind) = rest.split_at(channels);
        rest = behind;
        let found = [stage[0], stage[channels - 1], stage.iter().map(|value| value.abs()).sum()];
        for (found, expected) in found.iter().zip(expected) {
            let near = 1e-4 + expected.abs() * 2e-5;
            assert!((found - expected).abs() <= near, "stage {}: {found} for {expected}", number + 1);
        }
    }
}

#[test]
fn the_same_weights_give_what_pytorch_gives() {
    for (kind, column) in
        [(BackboneKind::EfficientnetLite0, 1), (BackboneKind::EfficientnetLite0, 2), (BackboneKind::Resnet18, 1)]
    {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("backbone.bpk");
        let imported = import(&write(&folder, &published(kind, column)), kind, &out).unwrap();
        assert_eq!(imported.left.len(), 1, "{:?}", imported.left);
        let (backbone, digest) = load(&out, &config(kind), &Device::flex()).unwrap();
        assert_eq!(digest, imported.sha256);
        compare(&backbone, kind, reference(kind));
    }
}

#[test]
fn a_model_without_the_last_stages_gives_the_same_maps_before_them() {
    let kind = BackboneKind::Resnet18;
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("backbone.bpk");
    import(&write(&folder, &published(kind, 1)), kind, &out).unwrap();
    let (backbone, _) = load(&out, &BackboneConfig { stages: vec![2], ..config(kind) }, &Device::flex()).unwrap();
    compare(&backbone, kind, &RESNET[..2]);
}

#[test]
fn every_tensor_is_accounted_for() {
    let kind = BackboneKind::EfficientnetLite0;
    let whole = published(kind, 1);
    let refused = |tensors: &Tensors| {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("backbone.bpk");
        let error = import(&write(&folder, tensors), kind, &out).unwrap_err().to_string();
        assert!(!out.exists());
        error
    };
    let mut missing = whole.clone();
    missing.remove("_blocks.7._bn1.running_var");
    let error = refused(&missing);
    assert!(error.contains("stages.4.0") || error.contains("stages.3"), "{error}");
    assert!(error.contains("depthwise.norm.running_var") && error.contains("missing"), "{error}");

    let mut foreign = whole.clone();
    foreign.insert("_blocks.3._se_reduce.weight".to_owned(), (vec![1], vec![0.0]));
    assert!(refused(&foreign).contains("`_blocks.3._se_reduce.weight` has no place"));

    let mut wider = whole.clone();
    wider.insert("_conv_stem.weight".to_owned(), (vec![16, 3, 3, 3], vec![0.0; 432]));
    let error = refused(&wider);
    assert!(error.contains("stem.conv.weight` has the shape [16, 3, 3, 3] instead of [32, 3, 3, 3]"), "{error}");

    let strange = Tensors::from([("encoder.weight".to_owned(), (vec![1], vec![0.0]))]);
    let error = refused(&strange);
    assert!(error.contains("no layer of efficientnet-lite0") && error.contains("encoder.weight"), "{error}");
}

#[test]
fn damaged_weights_and_those_of_another_backbone_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("backbone.bpk");
    let resnet = BackboneKind::Resnet18;
    import(&write(&folder, &published(resnet, 1)), resnet, &out).unwrap();
    let other = load(&out, &config(BackboneKind::EfficientnetLite0), &Device::flex()).unwrap_err();
    assert!(other.to_string().contains("no weights of efficientnet-lite0"), "{other}");
    assert!(other.to_string().contains("as in a file of another backbone") && !other.to_string().contains('\n'));
    assert_eq!(other.fault(), kiln_files::Fault::Input);
    let missing = load(&folder.path().join("none"), &config(resnet), &Device::flex()).unwrap_err();
    assert!(missing.to_string().contains("no such file; backbone.weights is `fetch`, `random` or"), "{missing}");
    assert_eq!(missing.fault(), kiln_files::Fault::Input);
    let mut bytes = fs::read(&out).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&out, bytes).unwrap();
    let damaged = load(&out, &config(resnet), &Device::flex()).unwrap_err().to_string();
    assert!(damaged.contains("differs from the .sha256 file"), "{damaged}");
}

#[test]
fn the_published_weights_give_what_pytorch_gives() {
    let kind = BackboneKind::EfficientnetLite0;
    let folder = kiln_files::cache::dir().map(|folder| folder.join("weights"));
    let files = folder.and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let mut files = files.map(|entry| entry.path());
    let Some(file) = files.find(|path| path.extension().is_some_and(|extension| extension == "bpk")) else {
        eprintln!("skipped: the cache holds no weights; get them with `kiln weights fetch efficientnet-lite0`");
        return;
    };
    let (backbone, _) = load(&file, &config(kind), &Device::flex()).unwrap();
    compare(&backbone, kind, &EFFICIENTNET_IMAGENET);
}

#[test]
fn weights_with_a_value_that_is_no_number_are_refused_with_the_tensors_name() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("small.bpk");
    let config = BackboneConfig {
        name: BackboneKind::Resnet18,
        weights: Weights::File(path.clone()),
        stages: vec![1],
        width: 0.25,
        ..BackboneConfig::default()
    };
    let device = Device::flex();
    let backbone = Backbone::new(config.name, config.depth(), config.width, &device);
    save(&path, backbone, Some("0000\n")).unwrap();
    load(&path, &config, &device).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 4;
    bytes[last..].copy_from_slice(&f32::INFINITY.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    fs::remove_file(digest_file(&path)).unwrap();
    let error = load(&path, &config, &device).unwrap_err().to_string();
    assert!(error.contains("small.bpk: tensor `") && error.contains("NaN or infinite"), "{error}");
}

#[test]
fn weights_of_other_widths_are_converted_and_a_variance_below_0_is_refused() {
    let device = Device::flex();
    let backbone = Backbone::new(BackboneKind::Resnet18, 1, 0.25, &device);
    let plain = record(backbone.clone()).unwrap();
    let tensors = |record: &Bytes| burn_pack::Reader::from_bytes(record.clone()).unwrap().into_tensors().unwrap();
    let rewritten = |change: &dyn Fn(&str, TensorData) -> TensorData| {
        let changed = tensors(&plain).into_iter().map(|tensor| {
            let (name, dtype, shape, identity, bytes) = tensor.into_parts().unwrap();
            let data = change(&name, TensorData::from_bytes(bytes, shape.clone(), dtype));
            burn_pack::Tensor::new(name, data.dtype(), shape, identity, data.into_bytes())
        });
        burn_pack::Writer::new(changed.collect()).into_bytes().unwrap()
    };
    for (dtype, error) in [(DType::F16, 1e-3), (DType::BF16, 1e-2), (DType::F64, 1e-12)] {
        let converted = sound(rewritten(&|_, data| data.convert_dtype(dtype))).unwrap();
        for (before, after) in tensors(&plain).into_iter().zip(tensors(&converted)) {
            assert_eq!((&before.name, DType::F32), (&after.name, after.dtype));
            let [before, after] = [before, after].map(|tensor| tensor.into_bytes().unwrap());
            let values =
                |bytes: Bytes| bytes.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect();
            let [before, after]: [Vec<f32>; 2] = [values(before), values(after)];
            assert!(
                before
                    .iter()
                    .zip(&after)
                    .all(|(before, after)| (before - after).abs() <= error * before.abs().max(1e-4))
            );
        }
    }
    let huge = rewritten(&|_, data| {
        let values = vec![1e39_f64; data.num_elements()];
        TensorData::new(values, data.shape().clone())
    });
    assert!(sound(huge).unwrap_err().contains("infinite in 32 bits"));
    let negative = rewritten(&|name, data| {
        let value = if name.ends_with("running_var") { -0.5_f32 } else { 0.5 };
        TensorData::new(vec![value; data.num_elements()], data.shape().clone())
    });
    let error = sound(negative).unwrap_err();
    assert!(error.contains("running_var") && error.contains("below 0"), "{error}");
}

#[test]
fn no_file_beside_new_weights_is_replaced() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("new.bpk");
    refuse_existing(&path).unwrap();
    for neighbour in [digest_file(&path), seen_file(&path)] {
        fs::write(&neighbour, "mine").unwrap();
        let error = refuse_existing(&path).unwrap_err();
        assert!(matches!(&error, Error::WeightsExist { path } if *path == neighbour), "{error}");
        fs::remove_file(&neighbour).unwrap();
    }
}
