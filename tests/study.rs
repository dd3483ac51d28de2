//! A study makes one report from one file; after a kill it resumes and gives the same figures.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::demo::assert_self_contained;
use crate::kill::turned;
use crate::support::{
    Killer, command, copy, finish, fixture, kill_when, kiln, names, read_csv, read_json, repetitions, scratch,
};

/// A study that runs in seconds and has every part that a study can have.
const STUDY: &str = "
name: tiny
data: {size_policy: error, normal_classes: [benign]}
split: {seed: 1, fractions: {train: 0.6, val: 0.2, test: 0.2}}
seeds: [1, 2]
set: [training.epochs=2, training.batch=8, training.checkpoint_seconds=1, bootstrap_resamples=100]
models:
  - name: net
    config:
      name: net
      model: {kind: cnn, filters: [4, 8], head: pooled, dense: [8], dropout: 0.1}
      training: {crop: 64, learning_rate: 0.01, schedule: {kind: constant}}
  - name: autoencoder
    config: vae.yaml
    set: [training.epochs=1, model.beta=0.0]
ablations:
  - of: net
    changes: [{name: without dropout, set: [model.dropout=0.0]}]
search:
  of: net
  method: tpe
  trials: 6
  space: {training.learning_rate: {log: [0.00001, 0.05]}, model.dropout: {choice: [0.0, 0.3]}}
  stopping: {after_trials: 2, after_epochs: 1}
bootstrap_resamples: 200
";

/// A folder with the study's file and the autoencoder's beside it.
fn prepare(folder: &Path) -> PathBuf {
    let vae = "name: ae\nmodel: {kind: vae, filters: [4, 8], stride: 8, latent: 8}\n";
    fs::write(folder.join("vae.yaml"), vae).unwrap();
    let path = folder.join("study.yaml");
    fs::write(&path, STUDY).unwrap();
    path
}

fn study(config: &Path, out: &Path) -> Command {
    let mut command = command();
    command.arg("study").arg(config).arg("--data").arg(fixture().tiles()).arg("--out").arg(out);
    command
}

/// A study that was not killed, and its duration.
fn whole() -> &'static (tempfile::TempDir, Duration) {
    static WHOLE: OnceLock<(tempfile::TempDir, Duration)> = OnceLock::new();
    WHOLE.get_or_init(|| {
        let folder = scratch();
        let config = prepare(folder.path());
        fixture();
        let started = Instant::now();
        finish(study(&config, &folder.path().join("study"))).code(0);
        (folder, started.elapsed())
    })
}

/// The report without its times, which depend on the clock.
fn figures(out: &Path) -> (String, String) {
    let markdown = fs::read_to_string(out.join("report.md")).unwrap();
    let (markdown, _) = markdown.split_once("## Time").unwrap();
    (fs::read_to_string(out.join("report.json")).unwrap(), markdown.to_owned())
}

#[test]
fn a_study_leaves_one_report_with_everything_compared_on_the_same_tiles() {
    let (folder, _) = whole();
    let out = folder.path().join("study");
    let report = read_json(&out.join("report.json"));
    let entries = report["entries"].as_array().unwrap();
    let found: Vec<(&str, &str)> =
        entries.iter().map(|one| (one["name"].as_str().unwrap(), one["role"].as_str().unwrap())).collect();
    let expected = [
        ("colour", "baseline"),
        ("colour_neighbours", "baseline"),
        ("pca", "baseline"),
        ("net", "model"),
        ("autoencoder", "model"),
        ("net without dropout", "ablation"),
        ("net-tuned", "tuned"),
    ];
    assert_eq!(found, expected);
    for entry in entries {
        for name in ["auroc", "aupr", "f1", "specificity", "tpr_at_1_percent_fpr"] {
            let part = |part: &str| entry["summary"][name][part].as_f64().unwrap();
            assert!(part("low") <= part("value") && part("value") <= part("high"), "{name} of {entry}");
        }
        assert_eq!(entry["summary"]["n"], entries[0]["summary"]["n"]);
        assert_eq!(entry["against_reference"].is_null(), entry["name"] == "colour");
        assert_eq!(entry["against_base"].is_null(), !["ablation", "tuned"].contains(&entry["role"].as_str().unwrap()));
        assert_eq!(entry["trials"].as_array().unwrap().len(), if entry["role"] == "baseline" { 1 } else { 2 });
    }
    let search = &report["search"];
    let best = search["trials"][search["best"].as_u64().unwrap() as usize]["val_auroc"].as_f64().unwrap();
    let complete = search["trials"].as_array().unwrap().iter().filter(|trial| trial["stopped"] == false);
    assert!(complete.map(|trial| trial["val_auroc"].as_f64().unwrap()).all(|auroc| auroc <= best));
    assert_self_contained(&fs::read_to_string(out.join("report.html")).unwrap());
    for picture in ["curves.png", "auroc.png", "ablation.png", "time.png"] {
        assert!(image::open(out.join("pictures").join(picture)).unwrap().width() > 500, "{picture}");
    }
    // Each trial is a run like any other.
    let run = out.join("trials/net-seed1-fold0/run");
    kiln!("evaluate", &run, "--resamples", "100").code(0);
}

#[test]
fn a_study_that_is_done_trains_nothing_again() {
    let (folder, _) = whole();
    let out = folder.path().join("study");
    let before = figures(&out);
    let trials = names(&out.join("trials"));
    let stamps = |trials: &[String]| -> Vec<_> {
        trials
            .iter()
            .map(|id| fs::metadata(out.join("trials").join(id).join("trial.json")).unwrap().modified().unwrap())
            .collect()
    };
    let times = stamps(&trials);
    let said = finish(study(&folder.path().join("study.yaml"), &out)).code(0);
    assert_eq!(said.stderr().matches("is done").count(), trials.len());
    assert!(!said.stderr().contains("epoch "), "{}", said.stderr());
    assert_eq!((figures(&out), stamps(&trials)), (before, times));
}

#[test]
fn a_study_killed_at_any_moment_ends_in_the_same_report() {
    let (folder, took) = whole();
    let own = scratch();
    let config = prepare(own.path());
    let out = own.path().join("study");
    // Once when a trial is finished, so that something is kept; then at random moments.
    let first = out.join("trials/net-seed1-fold0/trial.json");
    kill_when(&mut study(&config, &out), || first.is_file());
    let mut killer = Killer::new(5, took.mul_f64(0.5));
    for _ in 0..repetitions() {
        killer.kill(&mut study(&config, &out));
    }
    let last = finish(study(&config, &out)).code(0);
    assert!(last.stderr().contains("is done"), "nothing was kept:\n{}", last.stderr());
    assert_eq!(figures(&out), figures(&folder.path().join("study")));
}

#[test]
fn a_folder_keeps_to_one_study_and_one_set_of_tiles() {
    let (folder, _) = whole();
    let (config, out) = (folder.path().join("study.yaml"), folder.path().join("study"));
    let mut other = study(&config, &out);
    other.args(["--set", "split.seed=2"]);
    finish(other).code(2).says(&["other tiles, or with another `data` or `split`"]);
    let foreign = scratch();
    fs::write(foreign.path().join("notes.txt"), "mine").unwrap();
    finish(study(&config, foreign.path())).code(2).says(&["holds no study"]);
    let missing = scratch();
    let mut nowhere = study(&config, &missing.path().join("study"));
    nowhere.args(["--set", "models=[{name: net, config: gone.yaml}]", "--set", "ablations=[]", "--set", "search=null"]);
    finish(nowhere).code(2).says(&["gone.yaml"]);
}

#[test]
fn models_may_be_added_and_corrected_but_a_finished_trial_keeps_its_configuration() {
    let folder = scratch();
    let (config, out) = (prepare(folder.path()), folder.path().join("study"));
    let run = |more: &[&str]| {
        let mut command = study(&config, &out);
        command.args(["--set", "search=null", "--set", "ablations=[]", "--set", "baselines=[colour]"]).args(more);
        finish(command)
    };
    let net = "models=[{name: net, config: {name: net, model: {kind: cnn, filters: [4], head: pooled, dense: []}}}]";
    run(&["--set", "seeds=[1]", "--set", net]).code(0);
    let trial = out.join("trials/net-seed1-fold0");
    let scores = fs::read(trial.join("trial.json")).unwrap();

    // Another seed and another model.
    let vae = net.replace("models=[", "models=[{name: vae, config: vae.yaml}, ");
    let said = run(&["--set", "seeds=[1, 2]", "--set", &vae]).code(0);
    assert_eq!(said.stderr().matches("is done").count(), 1, "{}", said.stderr());
    assert_eq!(read_json(&out.join("report.json"))["entries"].as_array().unwrap().len(), 3);

    // A file of a model that has changed, and results of other trials.
    fs::write(folder.path().join("vae.yaml"), "name: ae\nmodel: {kind: vae, filters: [2, 4], stride: 8}\n").unwrap();
    let changed = run(&["--set", "seeds=[1, 2]", "--set", &vae]).code(2);
    changed.says(&["2 of its trials", "vae-seed1-fold0 (another `model.", "below trials/ to train them again"]);
    let other = String::from_utf8(scores.clone()).unwrap().replace("net-seed1-fold0", "net-seed2-fold0");
    fs::write(trial.join("trial.json"), other).unwrap();
    run(&["--set", "seeds=[1]", "--set", net]).code(2).says(&["trial.json", "is the result of `net-seed2-fold0`"]);
    let mut record: serde_json::Value = serde_json::from_slice(&scores).unwrap();
    record["tested"]["scores"].as_array_mut().unwrap().pop();
    fs::write(trial.join("trial.json"), record.to_string()).unwrap();
    run(&["--set", "seeds=[1]", "--set", net]).code(2).says(&["trial.json", "scores for", "test tiles"]);

    // Damaged files.
    record["time"]["training_s"] = serde_json::Value::Null;
    fs::write(trial.join("trial.json"), record.to_string()).unwrap();
    let words = ["trial.json", "is damaged", "null, expected a number", "remove it to run the trial again"];
    run(&["--set", "seeds=[1]", "--set", net]).code(2).says(&words);
    let begun = fs::read_to_string(out.join("study.yaml")).unwrap();
    for damaged in [begun.replace("seeds:", "seeds: ["), begun.split_once('\n').unwrap().1.to_owned()] {
        fs::write(out.join("study.yaml"), damaged).unwrap();
        let words = ["study.yaml: is damaged", "restore the file, or choose another folder with --out"];
        run(&["--set", "seeds=[1]", "--set", net]).code(2).says(&words);
    }
}

#[test]
fn a_study_is_checked_before_the_first_training() {
    let folder = scratch();
    let config = prepare(folder.path());
    let refused = |set: &str, words: &[&str]| {
        let out = folder.path().join("study");
        let mut command = study(&config, &out);
        command.args(["--set", "baselines=[colour]", "--set", set]);
        finish(command).code(2).says(words);
        assert!(!out.join("trials").exists(), "{set}");
    };
    let net = "config: {name: n, model: {kind: cnn, filters: [4], head: pooled, dense: []}}";
    let one = |rest: &str| format!("models=[{{name: net, {net}}}, {{name: {rest}}}]");
    refused(&one(&format!("NET, {net}")), &["`net` and `NET` would have one folder"]);
    refused(&one(&format!("net-tuned, {net}")), &["`net-tuned` is also the name of", "a trial of the search"]);
    refused(&one(&format!("net-search3, {net}")), &["`net-search3` is also the name of"]);
    refused(&one(&format!("net without dropout, {net}")), &["`net without dropout` is also the name of"]);
    refused(&one(&format!("net-without dropout, {net}")), &["would have one folder, `net-without-dropout`"]);
    refused("ablations=[{of: net, changes: [{name: same, set: [model.dropout=0.1]}]}]", &["changes nothing"]);
    for set in ["data.workers=1", "training.checkpoint_seconds=7", "bootstrap_resamples=500", "subgroups=[colour]"] {
        let ablation = format!("ablations=[{{of: net, changes: [{{name: same, set: ['{set}']}}]}}]");
        refused(&ablation, &[&format!("changes no figure of the study: {set}")]);
    }
    for set in
        ["training.seed=7", "data.split={train: 0.5, val: 0.25, test: 0.25}", "'data={size_policy: resize}'", "name=x"]
    {
        let set = set.trim_matches('\'');
        let ablation = format!("ablations=[{{of: net, changes: [{{name: same, set: [\"{set}\"]}}]}}]");
        refused(&ablation, &["would be ignored"]);
    }
    let search = |space: &str| format!("search={{of: net, trials: 2, space: {{{space}}}}}");
    refused(
        &search("training.learningrate: {log: [0.001, 0.1]}"),
        &["search.space.training.learningrate", "did you mean"],
    );
    refused(&search("training.seed: {choice: [1, 2]}"), &["search.space.training.seed", "would be ignored"]);
    refused(&search("training.batch: {choice: [8, -1]}"), &["search.space.training.batch: -1"]);
    refused(&search("training.batch: {choice: [8, 8]}"), &["make no difference"]);
    refused(&search("data.workers: {choice: [1, 2]}"), &["search.space.data.workers", "make no difference"]);
    let words = ["model `colour` of the study", "needs at least 99", "change split.fractions or split.folds"];
    refused("threshold=sensitivity:0.99", &words);
    let words = ["model `colour` of the study", "split test: no normal tile among its 0", "change split.fractions"];
    refused("split.fractions={train: 0.8, val: 0.2, test: 0.0}", &words);
    let value = |key: &str, choice: &str, words: &[&str]| {
        let place = format!("model `net` of the study: search.space.{key}: ");
        refused(&search(&format!("{key}: {{choice: [{choice}]}}")), &[&[place.as_str()], words].concat());
    };
    value("training.class_weights", "null, {tumor: 2.0}", &["no tile has the label `tumor`"]);
    value("threshold", "max_f1, 'sensitivity:0.99'", &["sensitivity:0.99", "needs at least 99", "split.fractions"]);
    value("training.device", "flex, cuda", &["cuda"]);
    let bank = "model: {kind: memory_bank, backbone: {name: resnet18, stages: [1], weights: random, width: 0.25}}";
    refused(
        &one(&format!("bank, config: {{name: b, {bank}}}")),
        &["model `bank` of the study: model.tile.entries: 128"],
    );
    refused(
        &one(&format!("typo, {net}, set: [training.epocs=2]")),
        &["models.typo: training.epocs=2", "did you mean `epochs`"],
    );
    refused(
        &one(&format!("sure, {net}, set: [\"threshold=sensitivity:0.99\"]")),
        &["model `sure`", "sensitivity:0.99", "needs at least 99", "split.fractions"],
    );
    let transfer = "model: {kind: transfer, backbone: {name: resnet18, stages: [1], weights: gone.bpk}}";
    refused(&one(&format!("t, config: {{name: t, {transfer}}}")), &["gone.bpk"]);
    refused(&one(&format!("gpu, {net}, set: [training.device=cuda]")), &["cuda"]);
}

#[test]
fn baselines_alone_make_a_study_over_folds() {
    let folder = scratch();
    let config = folder.path().join("baselines.yaml");
    fs::write(&config, "name: baselines\ndata: {normal_classes: [benign]}\nsplit: {folds: 4}\n").unwrap();
    let mut command = study(&config, &folder.path().join("study"));
    command.arg("--json");
    let report = finish(command).code(0).json();
    assert_eq!(report, read_json(&folder.path().join("study/report.json")));
    assert_eq!(report["folds"].as_array().unwrap().len(), 4);
    let entries = report["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 3);
    for entry in entries {
        assert_eq!(entry["summary"]["n"], 144, "each tile is tested on once: {entry}");
        assert_eq!(entry["trials"].as_array().unwrap().len(), 4);
    }
    // Other folds are welcome before a training, and leave nothing of the earlier ones.
    let mut fewer = study(&config, &folder.path().join("study"));
    fewer.args(["--set", "split.folds=3"]);
    finish(fewer).code(0);
    assert_eq!(names(&folder.path().join("study/folds")), ["fold-0.csv", "fold-1.csv", "fold-2.csv"]);
    let mut too_many = study(&config, &folder.path().join("other"));
    too_many.args(["--set", "split.folds=13"]);
    finish(too_many).code(2).says(&["split.folds", "13 folds cannot be made"]);
}

/// A copy of the generated tiles, whose slides are of two centres.
pub fn tiles_of_two_centres(folder: &Path) -> PathBuf {
    let tiles = folder.join("tiles");
    copy(&fixture().tiles(), &tiles);
    let list = fs::read_to_string(tiles.join("tiles.csv")).unwrap();
    let centre = |line: &str| {
        let slide = line.rsplit_once("slide-").unwrap().1;
        if slide.parse::<u32>().unwrap() % 2 == 0 { "south" } else { "north" }
    };
    let rows: Vec<String> = list.lines().skip(1).map(|line| format!("{line},{}\n", centre(line))).collect();
    fs::write(tiles.join("tiles.csv"), format!("path,label,group,centre\n{}", rows.concat())).unwrap();
    tiles
}

#[test]
fn each_centre_is_measured_by_models_that_never_saw_it() {
    let folder = scratch();
    let tiles = tiles_of_two_centres(folder.path());
    let config = folder.path().join("centres.yaml");
    let text = "
name: centres
data: {normal_classes: [benign]}
split: {leave_one_out: centre, fractions: {train: 0.6, val: 0.4, test: 0.0}}
seeds: [1]
baselines: [colour]
set: [training.epochs=1, training.batch=8, bootstrap_resamples=100, 'subgroups=[colour]']
models:
  - name: net
    config:
      name: net
      model: {kind: cnn, filters: [4, 8], head: pooled, dense: [8], dropout: 0.1}
      training: {crop: 64, learning_rate: 0.01, schedule: {kind: constant}}
bootstrap_resamples: 100
";
    fs::write(&config, text).unwrap();
    let out = folder.path().join("study");
    let study = |out: &Path| {
        let mut command = command();
        command.arg("--json").arg("study").arg(&config).arg("--data").arg(&tiles).arg("--out").arg(out);
        command
    };
    let report = finish(study(&out)).code(0).json();
    let centres = report["held_out"]["centres"].as_array().unwrap();
    let found: Vec<(&str, u64)> =
        centres.iter().map(|one| (one["name"].as_str().unwrap(), one["tiles"].as_u64().unwrap())).collect();
    assert_eq!(found, [("north", 72), ("south", 72)]);
    for (fold, name) in ["north", "south"].into_iter().enumerate() {
        let text = fs::read_to_string(out.join(format!("folds/fold-{fold}.csv"))).unwrap();
        let (_, rows) = read_csv(&text);
        assert_eq!(rows.iter().filter(|row| row["split"] == "test").count(), 72, "{name}");
    }
    for entry in report["entries"].as_array().unwrap() {
        assert_eq!(entry["summary"]["n"], 144, "each tile is tested on once: {entry}");
        let found = &entry["by_centre"];
        let auroc = |at: usize| found["centres"][at]["summary"]["auroc"]["value"].as_f64().unwrap();
        let mean = found["mean"]["auroc"].as_f64().unwrap();
        assert!((mean - f64::midpoint(auroc(0), auroc(1))).abs() < 1e-9, "{found}");
    }
    let markdown = fs::read_to_string(out.join("report.md")).unwrap();
    for part in ["On each held-out centre", "| net | north | 72 | 36 |", "| net | mean |", "0, without north"] {
        assert!(markdown.contains(part), "{part} is not in:\n{markdown}");
    }
    // The run of a trial measures subgroups, and so does its evaluation.
    let run = out.join("trials/net-seed1-fold0/run");
    let by = |figures: &serde_json::Value| -> Vec<String> {
        figures["subgroups"].as_array().unwrap().iter().map(|one| one["by"].as_str().unwrap().to_owned()).collect()
    };
    let metrics = read_json(&run.join("metrics.json"));
    assert_eq!(by(&metrics), ["colour", "centre"]);
    assert_eq!(metrics["subgroups"][1]["subgroups"][0]["name"], "north");
    let again = kiln!("--json", "evaluate", &run, "--resamples", "100").code(0).json();
    let boundary = |figures: &serde_json::Value| figures["subgroups"][0]["clusters"]["boundary"].as_f64().unwrap();
    assert!((boundary(&again) - boundary(&metrics)).abs() < 1e-12, "fitted once, on training tiles");
    assert_eq!(again["subgroups"][1]["subgroups"][0]["figures"]["auroc"]["value"], again["auroc"]["value"]);
    let asked = kiln!("--json", "evaluate", &run, "--resamples", "100", "--subgroups", "centre").code(0).json();
    assert_eq!(by(&asked), ["centre"]);
    kiln!("evaluate", &run, "--resamples", "100", "--subgroups", "scanner").code(2).says(&["no column `scanner`"]);
    kiln!("evaluate", &run, "--resamples", "100", "--subgroups", "label").code(2).says(&["`label` is no subgroup"]);

    // Finished trials have their scores in the order of the list.
    let list = fs::read_to_string(tiles.join("tiles.csv")).unwrap();
    fs::write(tiles.join("tiles.csv"), turned(&list)).unwrap();
    finish(study(&out)).code(2).says(&["rows of the list in another order", "fold-0.csv", "hint: restore the order"]);

    // Other centres are other folds, and finished trials have the scores of these.
    let swapped = list.replace("north", "x").replace("south", "north").replace(",x\n", ",south\n");
    fs::write(tiles.join("tiles.csv"), swapped).unwrap();
    finish(study(&out)).code(2).says(&["other tiles, or with another `data` or `split`"]);
    fs::write(tiles.join("tiles.csv"), list.replace(",south\n", ",north\n")).unwrap();
    finish(study(&folder.path().join("one"))).code(2).says(&["divides the tiles into 1 (`north`)"]);
}
