//! `kiln import`: a model of another framework becomes a bundle on which every other verb works, and a wrong description
//! leaves nothing behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Kind, Outcome, command, contents, finish, fixture, kiln, onnx, read_csv, scratch};

/// Tiles of the fixture that the imports use: an import with fp16 and int8 calibrates on half of them.
const TILES: usize = 12;

/// The bundle that the tests share: the model takes BGR in 0..1.
struct Imported {
    folder: TempDir,
    report: Value,
}

impl Imported {
    fn model(&self) -> PathBuf {
        self.folder.path().join("model.onnx")
    }

    fn tiles(&self) -> PathBuf {
        self.folder.path().join("tiles")
    }

    fn bundle(&self) -> PathBuf {
        self.folder.path().join("bundle")
    }

    /// Scores of the bundle's fp32 graph, by `kiln score`.
    fn scores(&self) -> PathBuf {
        self.folder.path().join("scores.csv")
    }
}

fn imported() -> &'static Imported {
    static IMPORTED: OnceLock<Imported> = OnceLock::new();
    IMPORTED.get_or_init(|| {
        let folder = scratch();
        let (model, tiles) = (folder.path().join("model.onnx"), folder.path().join("tiles"));
        onnx::foreign(&model);
        for number in 0..TILES {
            let from = fixture().tile(number);
            let to = tiles.join(from.strip_prefix(fixture().tiles()).unwrap());
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(from, to).unwrap();
        }
        let made = Imported { folder, report: Value::Null };
        let more = ["--channels", "BGR", "--precision", "fp16,int8"];
        let report = import(&made.model(), &made.tiles(), &made.bundle(), &more).code(0).json();
        kiln!("score", made.bundle(), made.tiles(), "--precision", "fp32", "--out", made.scores()).code(0);
        Imported { report, ..made }
    })
}

/// Imports the model with what is right in every test, and more words.
fn import(model: &Path, tiles: &Path, out: &Path, more: &[&str]) -> Outcome {
    let mut command = command();
    command.args(["--json", "import"]).arg(model).arg("--out").arg(out).arg("--data").arg(tiles);
    command.args(["--range", "0..1", "--classes", "benign,tumour"]).args(more);
    finish(command)
}

#[test]
fn a_model_of_another_framework_becomes_a_bundle_for_every_other_verb() {
    let (imported, folder) = (imported(), scratch());
    let (report, bundle) = (&imported.report, imported.bundle());
    assert_eq!((&report["parity"]["passed"], &report["batch"]), (&json!(true), &json!("dynamic")), "{report}");
    assert_eq!((&report["input"]["channels"], &report["threshold"]), (&json!("BGR"), &json!(0.5)));
    let published: Vec<_> = report["variants"].as_array().unwrap().iter().map(|one| &one["published"]).collect();
    assert_eq!(published, [true, true], "{report}");
    for precision in ["fp32", "fp16", "int8"] {
        kiln!("verify", &bundle, "--precision", precision).code(0);
    }
    let (_, rows) = read_csv(&fs::read_to_string(imported.scores()).unwrap());
    assert_eq!(rows.len(), TILES);
    for row in &rows {
        let [score, class] = ["score", "p_tumour"].map(|name| row[name].parse::<f64>().unwrap());
        assert!(row["status"] == "ok" && (0.0..=1.0).contains(&score) && (score - class).abs() < 1e-6, "{row:?}");
    }
    // Latencies are valid on a quiet machine alone.
    let quick = ["--seconds", "0.05", "--warm-up", "0", "--queries", "3", "--batch", "1", "--threads", "1"];
    let mut bench = command();
    bench.args(["--json", "bench"]).arg(&bundle).args(quick);
    assert!(finish(bench).json()["results"][0]["queries"].as_u64() >= Some(3));
    let models = folder.path().join("models");
    kiln!("package", &bundle, "--target", "triton", "--name", "m", "--out", &models).code(0);
    kiln!("package", "--check", &models).code(0);
    // Each precision in its own process has its own answers.
    let side = |precision: &str, providers: &str| format!("{}@{precision}:{providers}", bundle.display());
    let sides = [side("fp32", "cuda,cpu"), side("fp16", "openvino,cpu"), side("int8", "openvino,cpu")];
    let compared = kiln!("--json", "compare", &sides[0], &sides[1], &sides[2], "--data", imported.tiles()).json();
    let [half, eight] = compared["comparisons"].as_array().unwrap().as_slice() else { panic!("{compared}") };
    assert_eq!((&half["candidate"]["precision"], &eight["candidate"]["precision"]), (&json!("fp16"), &json!("int8")));
    let most = |pair: &Value| {
        let outputs = pair["outputs"].as_array().unwrap().iter();
        outputs.map(|output| output["max_abs"].as_f64().unwrap()).fold(0.0, f64::max)
    };
    assert!(most(eight) > most(half), "{} and {}", most(eight), most(half));
}

#[test]
fn the_frameworks_answers_show_a_wrong_channel_order_and_prove_the_right_one() {
    let (imported, folder) = (imported(), scratch());
    let out = folder.path().join("bundle");
    let scores = imported.scores();
    let reference = ["--reference-csv", scores.to_str().unwrap()];
    import(&imported.model(), &imported.tiles(), &out, &reference).code(1).says(&[
        "no bundle was written",
        "the reference agrees if `channels` is BGR",
        "hint: change the description",
    ]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left over");
    let right = [&reference[..], &["--channels", "BGR"]].concat();
    let report = import(&imported.model(), &imported.tiles(), &out, &right).code(0).json();
    let names: Vec<_> = report["reference"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["p_benign", "p_tumour", "score"], "{report}");
}

#[test]
fn wrong_descriptions_and_files_name_the_key_and_leave_nothing() {
    let (imported, folder) = (imported(), scratch());
    let (model, out) = (imported.model(), folder.path().join("bundle"));
    kiln!("import", &model, "--out", &out).code(2).says(&["`range`", "hint: set it with --range"]);
    let unit = ["--range", "0..1"];
    let refused = |more: &[&str]| {
        let mut import = command();
        import.arg("import").arg(&model).arg("--out").arg(&out).args(unit).args(more);
        finish(import).code(2)
    };
    refused(&["--layout", "NHWC"]).says(&["`layout` is NHWC", "[?, 3, 64, 64]", "--layout"]);
    refused(&["--classes", "benign,tumour,other"]).says(&["3 names", "`logits` has 2", "--classes"]);
    let file = fixture().tiles().join("tiles.csv");
    kiln!("import", &file, "--out", &out, "--range", "0..1").code(2).says(&["tiles.csv", "not an ONNX model"]);
    let missing = folder.path().join("missing.onnx");
    kiln!("import", &missing, "--out", &out, "--range", "0..1").code(2).says(&["missing.onnx", "no such file"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left over");
    // A bundle that exists is replaced on demand alone, and stays if its successor is refused.
    let before = contents(&imported.bundle());
    let mut again = command();
    again.arg("import").arg(&model).arg("--out").arg(imported.bundle()).args(unit);
    finish(again).code(2).says(&["is there already", "--replace"]);
    kiln!("import", &model, "--out", imported.bundle(), "--replace").code(2);
    assert_eq!(contents(&imported.bundle()), before);
}

#[test]
fn the_graph_of_a_bundle_is_a_model_like_any_other() {
    let (folder, tiles) = (scratch(), imported().tiles());
    for kind in [Kind::Cnn, Kind::Hybrid] {
        let own = fixture().bundle(kind);
        let [out, before, after] =
            ["", "-before.csv", "-after.csv"].map(|end| folder.path().join(format!("{}{end}", kind.name())));
        // Its outputs are named as a bundle's are, and its nodes after them. The score of a hybrid has no natural threshold.
        let mut import = command();
        import.args(["import", "--range", "0..255", "--classes", "benign,anomalous", "--threshold", "0.5"]);
        import.arg(own.join("model.onnx")).arg("--data").arg(&tiles).arg("--out").arg(&out);
        finish(import).code(0);
        for (bundle, scores) in [(&own, &before), (&out, &after)] {
            kiln!("score", bundle, &tiles, "--out", scores).code(0);
        }
        let [before, after] = [before, after].map(|file| read_csv(&fs::read_to_string(file).unwrap()).1);
        assert_eq!((before.len(), after.len()), (TILES, TILES));
        for (before, after) in before.iter().zip(&after) {
            for name in ["score", "p_benign", "p_anomalous"] {
                let [before, after] = [before, after].map(|row| row[name].parse::<f64>().unwrap());
                assert!((before - after).abs() < 1e-6, "{}: {name} {before} {after}", kind.name());
            }
        }
    }
}
