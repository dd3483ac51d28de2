//! The promises of a kind of model, for one test in each kind's folder.
#![allow(clippy::unwrap_used)]

use burn::module::Module;
use burn::tensor::Device;
use kiln_tile::TILE_BYTES;

use super::tensors::{label_tensor, normal_mask, read, tile_tensor};
use super::{Classes, LossOptions, ModelConfig, Part, Scores, Zoo};
use crate::Config;

fn config(model: &str) -> ModelConfig {
    Config::parse(&format!("name: x\nmodel: {model}\n"), "x.yaml", &[]).unwrap().model
}

/// Checks a kind by the section `model` of a small configuration: defaults, names, scores, losses, meanings.
pub(crate) fn check_kind(model: &str) {
    let config = config(model);
    check_defaults(config.kind());
    let device = Device::flex();
    let zoo = Zoo::new(&config, 2, 7, &device).valid();
    assert_eq!(zoo.learns_from_normal_only(), !config.has_classes());

    let classes = Classes { names: vec!["benign".to_owned(), "tumour".to_owned()], normal: 1 };
    let pixels = (0..2 * TILE_BYTES).map(|at| (at * 31 % 251) as u8).collect();
    let tile = tile_tensor(pixels, &device);
    let scores = zoo.score(tile.clone(), 1);
    assert_eq!(
        read(scores.score.clone().into_data()).unwrap(),
        read(zoo.score(tile.clone(), 1).score.into_data()).unwrap()
    );

    let (labels, normal) = (label_tensor(&[0, 1], &device), normal_mask(&[0, 1], &classes, &device));
    let options = LossOptions::default();
    for loss in [
        zoo.loss(tile, labels.clone(), normal.clone(), &options),
        zoo.loss_of_scores(&scores, labels, normal, &options),
    ] {
        let value = read(loss.total.into_data()).unwrap();
        assert!(value.len() == 1 && value[0].is_finite(), "{value:?}");
    }
    for (name, _) in scores.into_outputs() {
        assert!(!config.settings().output_meaning(name, false).is_empty(), "{name}");
    }
}

/// The defaults of a kind are sound, and its name is the same in the list and in saved configurations.
fn check_defaults(kind: &str) {
    assert!(ModelConfig::KINDS.contains(&kind), "{kind} is not in the list");
    let config = config(&format!("{{kind: {kind}}}"));
    let written = serde_yaml::to_value(&config).unwrap();
    assert_eq!(written.get("kind").and_then(serde_yaml::Value::as_str), Some(kind));
}

/// A model with `flips_and_turns` gives a tile and a quarter turn of it the same probabilities, and other ones in the validation
/// after an epoch.
pub(crate) fn check_forms(zoo: &Zoo) {
    let device = Device::flex();
    let tile = tile_tensor((0..TILE_BYTES).map(|at| (at * 31 % 251) as u8).collect(), &device);
    let turned = tile.clone().swap_dims(1, 2).flip([2]);
    let first = |scores: Scores| read(scores.probabilities.unwrap().into_data()).unwrap()[0];
    let [own, other] = [&tile, &turned].map(|tile| first(zoo.score(tile.clone(), 1)));
    assert!((own - other).abs() < 1e-6, "{own} and {other}");
    let [own, other] = [&tile, &turned].map(|tile| first(zoo.score_part(Part::Whole, tile.clone(), 1)));
    assert!((own - other).abs() > 1e-6, "{own} and {other}");
}
