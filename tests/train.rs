//! Training: the same seed gives the same run, a run is complete, and mistakes are refused before any work is done. Kills and
//! resuming are in `kill`.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::data::assert_no_group_crosses;
use crate::demo::assert_self_contained;
use crate::support::{Kind, command, contents, copy, finish, fixture, kiln, names, read_json, scratch};

/// Files that differ between two runs of one seed: they contain durations or the path of the tiles.
const NOT_FROM_THE_SEED: [&str; 4] = ["history.jsonl", "run.json", "report.html", "pictures/loss.png"];

#[test]
fn a_rate_of_the_threshold_is_checked_before_the_first_step() {
    let (fixture, folder) = (fixture(), scratch());
    let run = folder.path().join("run");
    let train = |rule: &str| {
        let set = format!("threshold={rule}");
        let epochs = "training.epochs=1";
        kiln!(
            "train",
            fixture.config(Kind::Cnn),
            "--data",
            fixture.tiles(),
            "--out",
            &run,
            "--set",
            epochs,
            "--set",
            set
        )
    };
    let few = train("sensitivity:0.999").code(2);
    few.says(&["`sensitivity:0.999` needs at least 999 anomalous tiles", "validation split", "lower rate"]);
    for wrong in ["sensitivity:1.5", "sensitivity", "0.5", "max_f2"] {
        train(wrong).code(2).says(&["threshold", wrong, "sensitivity:0.95"]);
    }
    assert!(!run.join("config.yaml").exists(), "a refused training left a configuration behind");
    train("specificity:0.5").code(0);
    assert_eq!(read_json(&run.join("run.json"))["threshold"]["rule"], "specificity:0.5");
}

#[test]
fn the_same_seed_gives_the_same_run_whatever_the_number_of_threads() {
    let fixture = fixture();
    let folder = scratch();
    for (threads, out) in [("1", "one"), ("3", "three")] {
        let mut again = command();
        again.env("RAYON_NUM_THREADS", threads).arg("train").arg(fixture.config(Kind::Hybrid));
        again.arg("--data").arg(fixture.tiles()).arg("--out").arg(folder.path().join(out));
        finish(again).code(0);
    }
    let of_seed = |name: &str| {
        let mut files = contents(&folder.path().join(name));
        files.retain(|path, _| !NOT_FROM_THE_SEED.iter().any(|other| path.as_path() == std::path::Path::new(other)));
        files
    };
    let (one, three) = (of_seed("one"), of_seed("three"));
    assert_eq!(one, three);
    assert!(one.contains_key(std::path::Path::new("model.bpk")));
    let first = contents(&fixture.run(Kind::Hybrid));
    assert_eq!(one[std::path::Path::new("model.bpk")], first[std::path::Path::new("model.bpk")]);
}

#[test]
fn a_run_holds_its_configuration_split_history_figures_and_pictures() {
    let fixture = fixture();
    for kind in Kind::MODELS {
        let run = fixture.run(kind);
        assert_no_group_crosses(&fs::read_to_string(run.join("split.csv")).unwrap());
        let facts = read_json(&run.join("run.json"));
        let history = fs::read_to_string(run.join("history.jsonl")).unwrap();
        let epochs: Vec<Value> = history.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(facts["epochs"], epochs.len());
        assert_stable_metrics(&read_json(&run.join("metrics.json")));
        assert_self_contained(&fs::read_to_string(run.join("report.html")).unwrap());
        let mut pictures = vec!["loss.png", "training_tiles.png", "roc_pr.png", "scores.png"];
        if kind != Kind::Cnn {
            pictures.extend(["reconstructions.png", "latent_map.png", "interpolation.png"]);
        }
        for picture in pictures {
            let image =
                image::open(run.join("pictures").join(picture)).unwrap_or_else(|error| panic!("{picture}: {error}"));
            assert!(image.width() > 100 && image.height() > 100, "{picture}");
        }
        assert!(!run.join("checkpoints").exists(), "a finished run needs no checkpoints");
        // The resolved configuration is itself one.
        let resolved = kiln!("train", run.join("config.yaml"), "--out", scratch().path().join("x"));
        resolved.code(2).says(&["no data set is named"]);
    }
}

/// Checks the names that other programs read.
pub fn assert_stable_metrics(metrics: &Value) {
    assert!(metrics["n"].is_u64() && metrics["threshold"].is_number());
    for name in ["auroc", "aupr", "accuracy", "precision", "recall", "f1"] {
        let part = |part: &str| metrics[name][part].as_f64().unwrap_or_else(|| panic!("{name}.{part} in {metrics}"));
        assert!(part("low") <= part("value") && part("value") <= part("high"), "{name}: {}", metrics[name]);
    }
    assert!(metrics["baseline"]["colour_auroc"]["value"].is_number());
}

#[test]
fn an_autoencoder_learns_from_normal_tiles_alone() {
    let fixture = fixture();
    let folder = scratch();
    let started = |kind: Kind, out: &str| {
        let out = folder.path().join(out);
        kiln!("train", fixture.config(kind), "--data", fixture.tiles(), "--out", out, "--set", "training.epochs=1")
            .code(0)
            .stderr()
    };
    assert!(started(Kind::Vae, "vae").contains("48 training"));
    assert!(started(Kind::Cnn, "cnn").contains("96 training"));
}

#[test]
fn trainings_that_are_compared_can_share_a_split() {
    let fixture = fixture();
    let folder = scratch();
    let split = fixture.run(Kind::Cnn).join("split.csv");
    let out = folder.path().join("run");
    let sets = ["training.epochs=1", "training.seed=7"];
    let train = kiln!(
        "train",
        fixture.config(Kind::Cnn),
        "--data",
        fixture.tiles(),
        "--out",
        &out,
        "--set",
        sets[0],
        "--set",
        sets[1],
        "--split-file",
        &split
    );
    train.code(0);
    assert_eq!(fs::read_to_string(out.join("split.csv")).unwrap(), fs::read_to_string(&split).unwrap());
    let other = folder.path().join("other.csv");
    fs::write(&other, "path,label,group,split\nnowhere.png,benign,a,train\n").unwrap();
    let out = folder.path().join("refused");
    kiln!("train", fixture.config(Kind::Cnn), "--data", fixture.tiles(), "--out", out, "--split-file", &other)
        .code(2)
        .says(&["is not in the split"]);
}

#[test]
fn an_unknown_key_is_named_with_the_nearest_known_one() {
    let fixture = fixture();
    let folder = scratch();
    let cases = [
        ("training.epoch=3", "`epoch`", "did you mean `epochs`?"),
        ("modle.kind=cnn", "`modle`", "did you mean `model`?"),
        ("model.filter=[4]", "`filter`", "did you mean `filters`?"),
        ("data.augmentation.rotate=true", "`rotate`", "did you mean `rotation`?"),
        ("data.size_polices=resize", "`size_polices`", "did you mean `size_policy`?"),
    ];
    for (set, unknown, nearest) in cases {
        let out = folder.path().join("run");
        kiln!("train", fixture.config(Kind::Cnn), "--data", fixture.tiles(), "--out", &out, "--set", set)
            .code(2)
            .says(&[unknown, nearest]);
        assert!(!out.exists(), "--set {set} left a folder behind");
    }
    let config = folder.path().join("typo.yaml");
    let text = fs::read_to_string(fixture.config(Kind::Cnn)).unwrap();
    fs::write(&config, text.replace("batch:", "btach:")).unwrap();
    kiln!("train", &config, "--data", fixture.tiles(), "--out", folder.path().join("run")).code(2).says(&[
        "typo.yaml",
        "`btach`",
        "did you mean `batch`?",
        "line",
    ]);
}

#[test]
fn a_value_that_cannot_be_is_refused_by_its_key() {
    let fixture = fixture();
    let folder = scratch();
    let cases = [
        ("training.epochs=many", "training.epochs"),
        ("training.epochs=0", "training.epochs"),
        ("training.batch=1", "training.batch"),
        ("training.learning_rate=-1", "training.learning_rate"),
        ("data.split.train=0.9", "data.split"),
        ("data.normal_classes=[healthy]", "data.normal_classes"),
        ("model.filters=[]", "model.filters"),
        ("training.epochs", "key=value"),
        ("model.kind=transformer", "transformer"),
    ];
    for (set, key) in cases {
        let out = folder.path().join("run");
        kiln!("train", fixture.config(Kind::Cnn), "--data", fixture.tiles(), "--out", &out, "--set", set)
            .code(2)
            .says(&[key]);
        let _ = fs::remove_dir_all(out);
    }
}

#[test]
fn a_start_that_failed_leaves_nothing_in_the_way_of_the_next() {
    let fixture = fixture();
    let folder = scratch();
    let run = folder.path().join("run");
    kiln!("train", fixture.config(Kind::Cnn), "--data", folder.path().join("nowhere"), "--out", &run).code(2);
    kiln!("train", fixture.config(Kind::Cnn), "--data", fixture.tiles(), "--out", &run, "--set", "training.epochs=1")
        .code(0);
}

#[test]
fn a_refused_configuration_leaves_nothing_in_the_way_of_the_corrected_one() {
    let (fixture, folder) = (fixture(), scratch());
    let run = folder.path().join("run");
    let train =
        |set: &str| kiln!("train", fixture.config(Kind::Cnn), "--data", fixture.tiles(), "--out", &run, "--set", set);
    train("training.class_weights={tumor: 2.0}").code(2).says(&["`tumor`"]);
    // Found after the tiles were read and split.
    train("model={kind: transfer, backbone: {name: resnet18, stages: [1], weights: nowhere.bpk}}")
        .code(2)
        .says(&["nowhere.bpk"]);
    let few = "model={kind: memory_bank, backbone: {name: resnet18, weights: random, stages: [1], width: 0.25}, patch: null, \
               tile: {entries: 5000}}";
    train(few).code(2).says(&["5000"]);
    train("training.epochs=1").code(0);
}

#[test]
fn a_split_that_lacks_a_class_is_refused_before_any_step() {
    let (fixture, folder) = (fixture(), scratch());
    let tiles = copy(&fixture.tiles(), &folder.path().join("tiles"));
    let (_, rows) = crate::support::read_csv(&fs::read_to_string(fixture.run(Kind::Cnn).join("split.csv")).unwrap());
    let train = |kind: Kind, lacking: &str| {
        let kept = rows.iter().filter(|row| row["split"] != lacking || row["label"] == "benign");
        let line = |row: &std::collections::BTreeMap<String, String>| {
            ["path", "label", "group", "split"].map(|name| row[name].as_str()).join(",") + "\n"
        };
        let list = tiles.join(format!("without-{lacking}.csv"));
        fs::write(&list, format!("path,label,group,split\n{}", kept.map(line).collect::<String>())).unwrap();
        let (out, config) = (folder.path().join(format!("{}-{lacking}", kind.name())), fixture.config(kind));
        let short = "training.epochs=1";
        (kiln!("train", config, "--data", &list, "--split-file", &list, "--out", &out, "--set", short), out)
    };
    for split in ["val", "test", "train"] {
        train(Kind::Cnn, split).0.code(2).says(&[&format!("split {split}"), "no anomalous tile"]);
    }
    // An autoencoder needs none to learn from.
    let (done, run) = train(Kind::Vae, "train");
    done.code(0);
    assert_eq!(read_json(&run.join("metrics.json"))["baseline"]["colour_auroc"], Value::Null);
}

#[test]
fn a_finished_run_keeps_to_its_configuration() {
    let (fixture, folder) = (fixture(), scratch());
    let run = folder.path().join("run");
    let train = |epochs: &str| {
        kiln!("train", fixture.config(Kind::Cnn), "--data", fixture.tiles(), "--out", &run, "--resume", "--set", epochs)
    };
    train("training.epochs=1").code(0);
    train("training.epochs=2").code(2).says(&["another `training.epochs`"]);
    train("training.epochs=1").code(0);
}

/// The split of a run with training and test tiles swapped.
fn changed_over(run: &Path) -> String {
    let split = fs::read_to_string(run.join("split.csv")).unwrap();
    let changed = split.replace(",train\n", ",kept\n").replace(",test\n", ",train\n").replace(",kept\n", ",test\n");
    assert_ne!(changed, split);
    changed
}

#[test]
fn a_finished_run_keeps_to_its_tiles_and_its_split() {
    let (fixture, folder) = (fixture(), scratch());
    let run = copy(&fixture.run(Kind::Cnn), &folder.path().join("run"));
    let tiles = copy(&fixture.tiles(), &folder.path().join("tiles"));
    let resume = |words: &[&Path]| {
        let mut again = command();
        again.arg("train").arg(fixture.config(Kind::Cnn)).arg("--out").arg(&run).arg("--resume").args(words);
        finish(again)
    };
    let [data, split] = ["--data", "--split-file"].map(Path::new);
    let (same, own, other) = (fixture.tiles(), run.join("split.csv"), folder.path().join("other.csv"));
    fs::write(&other, changed_over(&run)).unwrap();
    resume(&[data, &tiles, split, &own]).code(0);
    resume(&[data, &same, split, &other]).code(2).says(&["another split"]);
    resume(&[split, &other]).code(2).says(&["another split"]);
    resume(&[data, &folder.path().join("nowhere")]).code(2).says(&["nowhere"]);
    let tile = tiles.join(fixture.tile(0).strip_prefix(fixture.tiles()).unwrap());
    image::open(&tile).unwrap().fliph().save(&tile).unwrap();
    resume(&[data, &tiles]).code(2).says(&["other tiles"]);
    // Its tiles may be gone, where none are named.
    resume(&[]).code(0);
}

#[test]
fn a_run_is_read_by_the_split_that_it_was_left_with() {
    let (fixture, folder) = (fixture(), scratch());
    let run = copy(&fixture.run(Kind::Cnn), &folder.path().join("run"));
    fs::write(run.join("split.csv"), changed_over(&run)).unwrap();
    let words = ["split.csv does not match run.json"];
    let (tiles, bundle) = (fixture.tiles(), folder.path().join("bundle"));
    kiln!("evaluate", &run, "--resamples", "100").code(2).says(&words);
    kiln!("export", &run, "--out", &bundle).code(2).says(&words);
    assert!(!bundle.exists());
    kiln!("train", fixture.config(Kind::Cnn), "--data", tiles, "--out", &run, "--resume").code(2).says(&words);
    // A run that an older Kiln left holds no digest of it.
    let mut facts = read_json(&run.join("run.json"));
    facts.as_object_mut().unwrap().remove("split_sha256").unwrap();
    fs::write(run.join("run.json"), facts.to_string()).unwrap();
    kiln!("evaluate", &run, "--resamples", "100").code(0);
}

#[test]
fn a_tile_that_cannot_be_decoded_is_named_before_any_step() {
    let fixture = fixture();
    let folder = scratch();
    let tiles = copy(&fixture.tiles(), &folder.path().join("tiles"));
    let (_, rows) = crate::support::read_csv(&fs::read_to_string(fixture.run(Kind::Cnn).join("split.csv")).unwrap());
    let in_test = &rows.iter().find(|row| row["split"] == "test").unwrap()["path"];
    crate::support::draw_truncated(&tiles.join(in_test));
    let run = folder.path().join("run");
    let said = kiln!("train", fixture.config(Kind::Cnn), "--data", &tiles, "--out", &run)
        .code(2)
        .says(&[in_test, "truncated"]);
    assert!(!said.stderr().contains("epoch 1 "), "found only after training:\n{}", said.stderr());
}

#[test]
fn tiles_of_another_size_follow_the_policy() {
    let fixture = fixture();
    let folder = scratch();
    let tiles = copy(&fixture.tiles(), &folder.path().join("tiles"));
    for number in 0..144 {
        let label = ["benign", "anomalous"][number % 2];
        let path = tiles.join(label).join(fixture.tile(number).file_name().unwrap());
        image::open(&path).unwrap().crop_imm(0, 0, 224, 224).to_rgb8().save(&path).unwrap();
    }
    let train = |policy: &str, out: &str| {
        let (set, out) = (format!("data.size_policy={policy}"), folder.path().join(out));
        kiln!(
            "train",
            fixture.config(Kind::Cnn),
            "--data",
            &tiles,
            "--out",
            out,
            "--set",
            set,
            "--set",
            "training.epochs=1"
        )
    };
    train("error", "e").code(2).says(&["224", "256"]);
    train("resize", "r").code(0);
    train("stretch", "s").code(2).says(&["stretch", "center_crop"]);
}

#[test]
fn a_folder_that_is_there_is_not_trained_over() {
    let fixture = fixture();
    let before = contents(&fixture.run(Kind::Cnn));
    let train = |kind: Kind| (fixture.config(kind), fixture.run(Kind::Cnn));
    let (config, run) = train(Kind::Cnn);
    kiln!("train", &config, "--data", fixture.tiles(), "--out", &run).code(2).says(&["exists already", "--resume"]);
    // Resuming what is finished is done at once, and changes nothing.
    let started = Instant::now();
    kiln!("train", &config, "--data", fixture.tiles(), "--out", &run, "--resume").code(0);
    assert!(started.elapsed() < Duration::from_secs(20));
    assert_eq!(contents(&run), before);
}

#[test]
fn a_second_training_in_the_same_folder_waits_for_nobody_and_harms_nothing() {
    let fixture = fixture();
    let folder = scratch();
    let run = folder.path().join("run");
    let mut first = command();
    first.arg("train").arg(fixture.config(Kind::Cnn)).arg("--data").arg(fixture.tiles()).arg("--out").arg(&run);
    first.args(["--set", "training.epochs=50"]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut first = first.spawn().unwrap();
    let has_checkpoint = || names(&run.join("checkpoints")).iter().any(|name| name.starts_with("step-"));
    while !has_checkpoint() {
        assert!(first.try_wait().unwrap().is_none(), "the first training ended");
        std::thread::sleep(Duration::from_millis(5));
    }
    let second = kiln!(
        "train",
        fixture.config(Kind::Cnn),
        "--data",
        fixture.tiles(),
        "--out",
        &run,
        "--resume",
        "--set",
        "training.epochs=50"
    );
    first.kill().unwrap();
    first.wait().unwrap();
    second.code(2).says(&["another training is at work"]);
    // A killed training gives up its lock, and another configuration is not mixed into it.
    kiln!("train", fixture.config(Kind::Cnn), "--data", fixture.tiles(), "--out", &run, "--resume")
        .code(2)
        .says(&["another `training.epochs`"]);
    // Nor is a split that was edited since.
    fs::write(run.join("split.csv"), changed_over(&run)).unwrap();
    let (long, tiles) = ("training.epochs=50", fixture.tiles());
    kiln!("train", fixture.config(Kind::Cnn), "--data", tiles, "--out", &run, "--resume", "--set", long)
        .code(2)
        .says(&["split.csv does not match the checkpoint"]);
}

#[test]
fn resuming_touches_no_files_of_other_things_and_says_if_there_is_nothing_to_resume() {
    let (fixture, folder) = (fixture(), scratch());
    let (config, other) = (fixture.config(Kind::Cnn), folder.path().join("other"));
    fs::create_dir_all(other.join("checkpoints")).unwrap();
    for file in ["run.json", "config.yaml", "split.csv", "checkpoints/epoch3.pt"] {
        fs::write(other.join(file), "mine").unwrap();
    }
    let resume = |out: &Path| {
        kiln!("train", &config, "--data", fixture.tiles(), "--out", out, "--resume", "--set", "training.epochs=1")
    };
    resume(&other).code(2).says(&["other", "no training that could be resumed", "--out"]);
    for file in ["run.json", "config.yaml", "split.csv", "checkpoints/epoch3.pt"] {
        assert_eq!(fs::read_to_string(other.join(file)).unwrap(), "mine");
    }
    assert!(!other.join(".lock").exists());
    resume(&folder.path().join("new")).code(0).says(&["no checkpoint to resume"]);
}
