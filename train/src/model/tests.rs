#![allow(clippy::unwrap_used)]

use burn::tensor::TensorData;

use super::tensors::{label_tensor, normal_mask, tile_tensor};
use super::*;
use crate::Config;

/// A small model of each kind.
const SMALL: [&str; 5] = [
    "{kind: cnn, filters: [4, 4], head: pooled, dense: [4]}",
    "{kind: vae, filters: [4, 4], stride: 8, latent: 4}",
    "{kind: hybrid, cnn: {filters: [4, 4], dense: [4]}, filters: [4, 4], latent: 4}",
    "{kind: transfer, backbone: {name: resnet18, weights: random, stages: [1, 2], width: 0.25}, dense: [4]}",
    "{kind: memory_bank, backbone: {name: resnet18, weights: random, stages: [1], width: 0.25}, \
     tile: {entries: 4, neighbours: 1}, patch: {side: 4, entries: 4}}",
];

fn config(model: &str) -> ModelConfig {
    Config::parse(&format!("name: x\nmodel: {model}\n"), "x.yaml", &[]).unwrap().model
}

#[test]
fn every_kind_has_one_name_in_the_list_the_configuration_and_the_saved_one() {
    let kinds: Vec<&str> = SMALL.iter().map(|model| config(model).kind()).collect();
    assert!(ModelConfig::KINDS.iter().all(|kind| kinds.contains(kind)), "{kinds:?}");
    for kind in ModelConfig::KINDS {
        let config = config(&format!("{{kind: {kind}}}"));
        let written = serde_yaml::to_value(&config).unwrap();
        assert_eq!(written.get("kind").and_then(serde_yaml::Value::as_str), Some(*kind));
    }
}

#[test]
fn every_kind_has_a_score_and_a_loss_and_a_meaning_for_each_output() {
    let device = Device::flex();
    let classes = Classes { names: vec!["benign".to_owned(), "tumour".to_owned()], normal: 1 };
    let pixels: Vec<u8> = (0..2 * kiln_tile::TILE_BYTES).map(|at| (at * 31 % 251) as u8).collect();
    let tile = tile_tensor(pixels, &device);
    let (labels, normal) = (label_tensor(&[0, 1], &device), normal_mask(&[0, 1], &classes, &device));
    for model in SMALL {
        let config = config(model);
        let zoo = Zoo::new(&config, 2, 7, &device).valid();
        assert_eq!(zoo.learns_from_normal_only(), !config.has_classes(), "{model}");
        let scores = zoo.score(tile.clone(), 1);
        let options = LossOptions::default();
        for loss in [
            zoo.loss(tile.clone(), labels.clone(), normal.clone(), &options),
            zoo.loss_of_scores(&scores, labels.clone(), normal.clone(), &options),
        ] {
            let value: Vec<f32> = TensorData::try_into_vec(loss.total.into_data()).unwrap();
            assert!(value.len() == 1 && value[0].is_finite(), "{model}: {value:?}");
        }
        for (name, _) in scores.into_outputs() {
            assert!(!config.settings().output_meaning(name, false).is_empty(), "{model}: {name}");
        }
    }
}
