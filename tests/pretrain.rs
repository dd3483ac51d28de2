//! Pre-training without labels, the whole way: weights, a training that uses them, and what is refused.

use std::fs;
use std::path::Path;

use crate::support::{Kind, Outcome, command, finish, fixture, kiln, read_json, scratch};

const CONFIG: &str = "
name: small
backbone: {name: resnet18, weights: random, stages: [1, 2], width: 0.25, side: 64}
method: {kind: simsiam, projection: 16, prediction: 4}
training: {epochs: 1, batch: 16, learning_rate: 0.001}
";

fn config(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("pretrain.yaml");
    fs::write(&path, CONFIG).unwrap();
    path
}

/// Trains a classifier on the weights of a file, from these stages, on the split of a finished run.
fn train(folder: &Path, weights: &Path, stages: &str, width: f64) -> Outcome {
    let backbone = format!("{{name: resnet18, weights: {}, stages: {stages}, width: {width}}}", weights.display());
    let text = format!(
        "name: small\nmodel: {{kind: transfer, backbone: {backbone}, views: 1, dense: []}}\n\
         data: {{normal_classes: [benign], augmentation: null, split: {{train: 0.7, val: 0.15, test: 0.15}}}}\n\
         training: {{epochs: 2, batch: 8, features: burn}}\nbootstrap_resamples: 100\n"
    );
    let path = folder.join("transfer.yaml");
    fs::write(&path, text).unwrap();
    let mut kiln = command();
    kiln.env("KILN_CACHE", folder.join("cache")).arg("train").arg(&path);
    kiln.arg("--data").arg(fixture().tiles()).arg("--out").arg(folder.join("run"));
    kiln.arg("--split-file").arg(fixture().run(Kind::Cnn).join("split.csv"));
    finish(kiln)
}

#[test]
fn weights_learnt_from_training_tiles_are_the_start_of_a_training() {
    let (fixture, folder) = (fixture(), scratch());
    let config = config(folder.path());
    let (weights, split) = (folder.path().join("new/tissue.bpk"), fixture.run(Kind::Cnn).join("split.csv"));
    let outcome =
        kiln!("--json", "pretrain", &config, "--data", fixture.tiles(), "--split-file", &split, "--out", &weights);
    let outcome = outcome.code(0).says(&["validation and test splits are left out", "epoch 1  loss", "spread"]);
    assert!(!outcome.stderr().contains("no split is stated"));
    let result = outcome.json();
    let listed = fs::read_to_string(&split).unwrap();
    let trained_on = listed.lines().filter(|line| line.ends_with(",train")).count();
    assert_eq!(result["tiles"], trained_on);
    assert_eq!(result["collapsed"], result["spread"].as_f64().unwrap() < 0.1);
    let record = read_json(&folder.path().join("new/tissue.bpk.json"));
    assert_eq!(record["weights_sha256"], result["sha256"]);
    assert_eq!(record["stages"], 2);
    assert_eq!(record["by_split"], true);
    let noted = fs::read_to_string(folder.path().join("new/tissue.bpk.sha256")).unwrap();
    assert!(noted.starts_with(result["sha256"].as_str().unwrap()), "{noted}");
    let seen = fs::read_to_string(folder.path().join("new/tissue.bpk.seen.txt")).unwrap();
    assert_eq!(seen.lines().count(), trained_on);

    train(folder.path(), &weights, "[1, 2]", 0.25).code(0);
    let facts = read_json(&folder.path().join("run/run.json"));
    assert_eq!(facts["backbone_sha256"], result["sha256"]);
    fs::remove_dir_all(folder.path().join("run")).unwrap();
    let deeper = train(folder.path(), &weights, "[1, 3]", 0.25).code(2);
    deeper.says(&["has the first 2 stages of resnet18", "uses stage 3", "hint: use stages up to 2"]);
    fs::remove_dir_all(folder.path().join("run")).unwrap();
    train(folder.path(), &weights, "[1]", 1.0).code(2).says(&["no weights of resnet18", "kiln pretrain"]);

    let exists = kiln!("pretrain", &config, "--data", fixture.tiles(), "--out", &weights).code(2);
    exists.says(&["exists already", "choose another file with --out"]);
}

#[test]
fn without_a_split_all_tiles_are_used_with_a_caution() {
    let (fixture, folder) = (fixture(), scratch());
    let (config, weights) = (config(folder.path()), folder.path().join("tissue.bpk"));
    let outcome =
        kiln!("pretrain", &config, "--data", fixture.tiles(), "--out", &weights, "--set", "training.batch=48");
    let outcome = outcome.code(0).says(&["caution: no split is stated", "144 tiles;"]);
    assert!(outcome.stdout().contains("weights    ") && outcome.stdout().contains("spread     "));
    let tested = train(folder.path(), &weights, "[1, 2]", 0.25).code(2);
    tested.says(&["tissue.bpk: have learnt from", "of the test tiles", "hint: use the split"]);

    // The same seed gives the same weights, with any number of workers; another seed others.
    let bytes = |name: &str, set: &str| {
        let path = folder.path().join(name);
        kiln!(
            "pretrain",
            &config,
            "--data",
            fixture.tiles(),
            "--out",
            &path,
            "--set",
            "training.batch=48",
            "--set",
            set
        )
        .code(0);
        fs::read(path).unwrap()
    };
    let first = fs::read(&weights).unwrap();
    assert!(bytes("again.bpk", "data.workers=3") == first, "other weights with the same seed");
    assert!(bytes("other.bpk", "training.seed=7") != first, "the same weights with another seed");
}

#[test]
fn mistakes_are_named_before_anything_is_written() {
    let (fixture, folder) = (fixture(), scratch());
    let (config, weights) = (config(folder.path()), folder.path().join("tissue.bpk"));
    let refused = |set: &str, words: &[&str]| {
        let outcome = kiln!("pretrain", &config, "--data", fixture.tiles(), "--out", &weights, "--set", set);
        outcome.code(2).says(words);
        assert!(!weights.exists());
    };
    refused("training.batch=2", &["training.batch: must be 4"]);
    refused("training.batch=200", &["a step needs 200 tiles, and 144 may be used"]);
    refused("backbone.stages=[5]", &["backbone.stages", "1 to 4"]);
    refused("backbone.nmae=resnet18", &["nmae", "did you mean `name`"]);
    refused("backbone.weights=nowhere.bpk", &["nowhere.bpk"]);
    kiln!("pretrain", &config, "--out", &weights).code(2).says(&["data.path: no data set is named", "give --data"]);
    kiln!("pretrain", &config, "--data", folder.path().join("none"), "--out", &weights).code(2).says(&["none"]);
    let missing = kiln!("pretrain", &config, "--data", fixture.tiles());
    missing.code(2).says(&["--out"]);
}
