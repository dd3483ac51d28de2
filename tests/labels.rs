//! Mistakes in labels are refused by name before anything is trained or measured: a class without tiles, two labels that look
//! alike, a folder that is not a class. The table of labels is printed before the first step. A label that a CSV file can
//! contain reaches the columns of scores unchanged; any other is refused at the start.

use std::fs;
use std::path::{Path, PathBuf};

use image::{GrayImage, Luma};
use serde_json::Value;

use crate::support::{Kind, Outcome, contents, copy, fixture, kiln, read_csv, read_json, scratch};

/// Copies tiles of the fixture under another label; even numbers are benign tissue, odd ones anomalous.
fn place(root: &Path, label: &str, numbers: impl Iterator<Item = usize>) {
    let folder = root.join(label);
    fs::create_dir_all(&folder).unwrap();
    for number in numbers {
        fs::hard_link(fixture().tile(number), folder.join(format!("{number}.png"))).unwrap();
    }
}

fn even(range: std::ops::Range<usize>) -> impl Iterator<Item = usize> {
    range.filter(|number| number % 2 == 0)
}

fn odd(range: std::ops::Range<usize>) -> impl Iterator<Item = usize> {
    range.filter(|number| number % 2 == 1)
}

/// A valid data set of two classes.
fn sound(root: &Path) -> PathBuf {
    let tiles = root.join("tiles");
    place(&tiles, "benign", even(0..24));
    place(&tiles, "tumour", odd(0..24));
    tiles
}

fn train(tiles: &Path, run: &Path, sets: &[&str]) -> Outcome {
    let mut command = crate::support::command();
    command.arg("train").arg(fixture().config(Kind::Cnn)).arg("--data").arg(tiles).arg("--out").arg(run);
    for set in ["training.epochs=1"].iter().chain(sets) {
        command.args(["--set", set]);
    }
    crate::support::finish(command)
}

/// A study of one model on these tiles.
fn study(folder: &Path, tiles: &Path, text: &str) -> Outcome {
    let config = folder.join("study.yaml");
    fs::write(&config, text).unwrap();
    kiln!("study", &config, "--data", tiles, "--out", folder.join("study"))
}

#[test]
fn a_class_that_no_tile_has_is_refused_with_the_nearest_label_before_there_is_a_run() {
    let folder = scratch();
    let tiles = folder.path().join("tiles");
    place(&tiles, "benign", even(0..12));
    place(&tiles, "healthy", even(12..24));
    place(&tiles, "tumour", odd(0..24));
    let run = folder.path().join("run");
    for (set, words) in [
        ("data.normal_classes=[benign, helthy]", ["`helthy`", "nearest label is `healthy`"]),
        ("data.normal_classes=[benign, Healthy]", ["`Healthy`", "nearest label is `healthy`"]),
        ("data.normal_classes=[benign, 'healthy ']", ["`healthy\\u{20}`", "nearest label is `healthy`"]),
        ("data.normal_classes=[benign, h\u{435}althy]", ["`h\u{435}althy`", "nearest label is `healthy`"]),
        ("data.normal_classes=[benign, \"heal\\u200bthy\"]", ["`heal\\u{200b}thy`", "nearest label is `healthy`"]),
        ("data.normal_classes=[benign, normal]", ["`normal`", "the labels are `benign`, `healthy`, `tumour`"]),
        ("training.class_weights={tumor: 2.0}", ["`tumor`", "nearest label is `tumour`"]),
        ("training.class_weights={Tumour: 2.0}", ["`Tumour`", "nearest label is `tumour`"]),
        ("training.class_weights.tumor=2.0", ["`tumor`", "nearest label is `tumour`"]),
    ] {
        let key = set.split('=').next().unwrap();
        train(&tiles, &run, &[set]).code(2).says(&words).says(&["--set", key]);
        assert!(!run.join("config.yaml").exists(), "{set} left a configuration behind");
    }
    // The same words in the file are placed by file and key.
    let config = folder.path().join("mine.yaml");
    let text = fs::read_to_string(fixture().config(Kind::Cnn)).unwrap();
    fs::write(&config, text.replace("normal_classes: [benign]", "normal_classes: [benign, helthy]")).unwrap();
    kiln!("train", &config, "--data", &tiles, "--out", &run)
        .code(2)
        .says(&["mine.yaml: data.normal_classes", "`healthy`"]);
    kiln!("data", "inspect", &tiles, "--normal", "helthy").code(2).says(&["--normal", "`helthy`", "`healthy`"]);
    kiln!("data", "inspect", &tiles, "--positive", "tumor").code(2).says(&["`tumor`", "`tumour`"]);
    for text in [
        "name: s\ndata: {normal_classes: [benign, helthy]}\n",
        "name: s\ndata: {normal_classes: [benign, healthy]}\nmodels: [{name: m, config: {name: m, model: {kind: cnn}, \
         training: {class_weights: {tumor: 2}}}}]\n",
    ] {
        study(folder.path(), &tiles, text).code(2).says(&["nearest label is"]);
        assert!(!folder.path().join("study/study.yaml").exists());
    }
    // The pictures of a study in a folder of class folders would become tiles of a class.
    let text = "name: s\ndata: {normal_classes: [benign, healthy]}\n";
    study(&tiles, &tiles, text).code(2).says(&["--out", "is in the data set", "hint:"]);
    assert!(!tiles.join("study").exists());
    fs::remove_file(tiles.join("study.yaml")).unwrap();
    let text = "name: s\ndata: {normal_classes: [benign, healthy]}\nmodels: [{name: m, config: {name: m, model: {kind: cnn}}, \
                set: ['data.normal_classes=[benign]']}]\n";
    study(folder.path(), &tiles, text).code(2).says(&["models.m.set", "would be ignored"]);
}

#[test]
fn without_a_word_on_normal_classes_labels_must_be_the_known_ones() {
    let folder = scratch();
    let tiles = sound(folder.path());
    let run = folder.path().join("run");
    let set = "data.normal_classes=null";
    train(&tiles, &run, &[set]).code(0).says(&["12  normal     benign", "12  anomalous  tumour"]);
    for label in ["Normal", "NEGATIVE", "heal thy", "he\u{430}lthy"] {
        let tiles = folder.path().join(label);
        place(&tiles, "benign", even(24..30));
        place(&tiles, label, even(30..36));
        place(&tiles, "tumour", odd(24..36));
        train(&tiles, &folder.path().join("refused"), &[set]).code(2).says(&[&format!("`{label}` resembles")]);
        let shown = kiln!("data", "inspect", &tiles).code(0).stdout();
        assert!(shown.contains("not decided") && shown.contains("resembles"), "{shown}");
    }
}

#[test]
fn labels_that_a_reader_takes_for_one_are_refused_by_every_verb_with_a_tile_of_each() {
    let folder = scratch();
    for (number, other) in [
        "Benign",
        "BENIGN",
        "ben ign",
        "ben\u{a0}ign",
        "b\u{435}nign",
        "benig\u{578}",
        "\u{ff42}enign",
        "be\u{200b}nign",
        "be\u{ad}nign",
        "benign\u{200d}",
        "\u{feff}benign",
        "B\u{395}NIGN",
        "benign_",
        "Benign.",
    ]
    .iter()
    .enumerate()
    {
        let tiles = folder.path().join(number.to_string());
        place(&tiles, "benign", even(0..4));
        place(&tiles, other, even(4..8));
        place(&tiles, "tumour", odd(0..8));
        let said = kiln!("data", "inspect", &tiles).code(2).says(&["`benign`", "benign/0.png`", "/4.png`", "hint:"]);
        if number == 0 {
            let words = ["`benign`", "`Benign`", "benign/0.png", "Benign/4.png", "case"];
            said.says(&words);
            kiln!("data", "split", &tiles).code(2).says(&words);
            train(&tiles, &folder.path().join("run"), &[]).code(2).says(&words);
            study(folder.path(), &tiles, "name: s\ndata: {normal_classes: [benign]}\n").code(2).says(&words);
            for subject in [fixture().run(Kind::Cnn), fixture().bundle(Kind::Cnn)] {
                kiln!("evaluate", subject, "--data", &tiles, "--split", "all").code(2).says(&words);
            }
        }
    }
    // Both ways of writing an accent are names of one folder on some systems, and two labels on others.
    let tiles = folder.path().join("accents");
    place(&tiles, "caf\u{e9}", even(0..4));
    place(&tiles, "cafe\u{301}", even(4..8));
    kiln!("data", "inspect", &tiles).code(2).says(&["normalisation"]);
}

#[test]
fn a_folder_that_is_no_class_by_its_name_is_refused() {
    let folder = scratch();
    for name in [
        "masks",
        "annotations",
        "thumbnails",
        "results",
        "train",
        "Validation",
        "test set",
        "fold_1",
        "benign/masks",
        "tumour_mask",
        "tumourmask",
        "labels",
        "images",
        "split1",
        "nan",
        "benign copy",
        "benign_old",
        "benign (1)",
    ] {
        let tiles = folder.path().join(name.replace('/', "-"));
        place(&tiles, "benign", even(0..4));
        place(&tiles, "tumour", odd(0..8));
        place(&tiles, name, even(4..8));
        let last = name.rsplit('/').next().unwrap();
        kiln!("data", "inspect", &tiles).code(2).says(&[&format!("`{last}`"), "hint:"]);
        kiln!("data", "split", &tiles).code(2).says(&[&format!("`{last}`")]);
        train(&tiles, &folder.path().join("run"), &[]).code(2).says(&[&format!("`{last}`")]);
        // A list is taken at its word.
        let rows: String = contents(&tiles)
            .keys()
            .map(|path| format!("{},{}\n", path.display(), path.display().to_string().len() % 2))
            .collect();
        fs::write(tiles.join("tiles.csv"), format!("path,label\n{rows}")).unwrap();
        kiln!("data", "inspect", &tiles).code(0);
    }
    // Folders of operating systems are left out, as scoring leaves them out.
    for name in ["__MACOSX", "@eaDir"] {
        let tiles = folder.path().join(format!("with {name}"));
        place(&tiles, "benign", even(0..4));
        place(&tiles, "tumour", odd(0..8));
        place(&tiles, name, even(4..8));
        let found = kiln!("--json", "data", "inspect", &tiles).code(0).json();
        assert_eq!(found["tiles"], 6, "{name}");
    }
    // Folders that begin with a dot hold no tiles.
    let tiles = sound(folder.path());
    place(&tiles, ".ipynb_checkpoints", even(24..26));
    place(&tiles, "benign/.ipynb_checkpoints", even(26..28));
    assert_eq!(kiln!("--json", "data", "inspect", &tiles).code(0).json()["tiles"], 24);
}

#[test]
fn a_label_whose_tiles_are_all_masks_is_refused_by_every_verb() {
    let folder = scratch();
    let tiles = sound(folder.path());
    let side = |number: u32| if number.is_multiple_of(2) { 256 } else { 300 };
    for number in 0..4_u32 {
        let disc = |x: u32, y: u32| x.abs_diff(100 + 9 * number).pow(2) + y.abs_diff(120).pow(2) < 4000;
        let mask = GrayImage::from_fn(side(number), side(number), |x, y| Luma([if disc(x, y) { 255 } else { 0 }]));
        fs::create_dir_all(tiles.join("lesion")).unwrap();
        mask.save(tiles.join(format!("lesion/{number}.png"))).unwrap();
    }
    let words = ["`lesion`", "masks", "lesion/0.png"];
    kiln!("data", "inspect", &tiles).code(2).says(&words);
    kiln!("data", "split", &tiles).code(2).says(&words);
    train(&tiles, &folder.path().join("run"), &["data.size_policy=resize"]).code(2).says(&words);
    // One tile of tissue among them, and it is no longer sure.
    fs::hard_link(fixture().tile(30), tiles.join("lesion/tissue.png")).unwrap();
    kiln!("data", "inspect", &tiles).code(0);
}

#[test]
fn what_counts_as_normal_is_shown_before_the_first_step() {
    let folder = scratch();
    let tiles = sound(folder.path());
    place(&tiles, "tumours", odd(24..36));
    let run = folder.path().join("run");
    let said = train(&tiles, &run, &[]).code(0);
    let stderr = said.stderr();
    let (table, first) = (stderr.find("tumours").unwrap(), stderr.find("epoch 1 ").unwrap());
    assert!(table < first, "{stderr}");
    for row in ["tiles  counts as  label", "12  normal     benign", "12  anomalous  tumour"] {
        assert!(stderr[..first].contains(row), "`{row}` is not in:\n{stderr}");
    }
    let expected = serde_json::json!([
        {"label": "benign", "tiles": 12, "counts_as": "normal"},
        {"label": "tumour", "tiles": 12, "counts_as": "anomalous"},
        {"label": "tumours", "tiles": 6, "counts_as": "anomalous"},
    ]);
    let json = kiln!(
        "--json",
        "train",
        fixture().config(Kind::Cnn),
        "--data",
        &tiles,
        "--out",
        &run,
        "--resume",
        "--set",
        "training.epochs=1"
    );
    assert_eq!(json.code(0).json()["labels"], expected);
    assert_eq!(kiln!("--json", "data", "inspect", &tiles).code(0).json()["labels"], expected);
    let evaluated = kiln!("--json", "evaluate", &run, "--split", "all").code(0).says(&["counts as"]).json();
    assert_eq!(evaluated["labels"], expected);
    let shown = kiln!("data", "inspect", &tiles, "--normal", "benign", "--normal", "tumour").code(0).stdout();
    assert!(shown.contains("12  normal     tumour"), "{shown}");
    assert!(shown.contains("warning: `tumour` counts as normal and `tumours` as anomalous"), "{shown}");
    let text = "name: s\ndata: {normal_classes: [benign]}\nbaselines: [colour]\n";
    study(folder.path(), &tiles, text).code(0).says(&["counts as"]);
    assert_eq!(read_json(&folder.path().join("study/report.json"))["labels"], expected);
}

#[test]
fn a_model_is_not_measured_on_labels_that_it_does_not_know() {
    let fixture = fixture();
    let folder = scratch();
    let tree = |name: &str, normal: &str, other: &str| {
        let tiles = folder.path().join(name);
        place(&tiles, normal, even(0..12));
        place(&tiles, other, odd(0..12));
        tiles
    };
    let cases = [
        (tree("case", "Benign", "anomalous"), "`Benign`", "resembles `benign`"),
        (tree("cyrillic", "b\u{435}nign", "anomalous"), "`b\u{435}nign`", "resembles `benign`"),
        (tree("typo", "bening", "anomalous"), "`bening`", "nearest label is `benign`"),
        (tree("other", "benign", "adenoma"), "`adenoma`", "`anomalous`"),
    ];
    for (tiles, found, known) in &cases {
        for subject in [fixture.run(Kind::Cnn), fixture.bundle(Kind::Cnn)] {
            let said = kiln!("evaluate", &subject, "--data", tiles, "--split", "all").code(2).says(&[found, known]);
            assert_eq!(said.stdout(), "");
        }
    }
    // An autoencoder takes every other label for an anomaly, but not its own in another spelling.
    let vae = fixture.bundle(Kind::Vae);
    kiln!("evaluate", &vae, "--data", &cases[0].0, "--split", "all").code(2).says(&["resembles `benign`"]);
    kiln!("evaluate", &vae, "--data", &cases[2].0, "--split", "all").code(2).says(&[
        "is normal",
        "`bening`",
        "`benign`",
    ]);
    kiln!("evaluate", &vae, "--data", &cases[3].0, "--split", "all", "--resamples", "100").code(0);
    // The AUROC needs both kinds.
    for (label, numbers, lacking) in [("benign", 0, "is anomalous"), ("anomalous", 1, "is normal")] {
        let tiles = folder.path().join(format!("only-{label}"));
        place(&tiles, label, (0..12).filter(|number| number % 2 == numbers));
        for subject in [fixture.run(Kind::Cnn), fixture.bundle(Kind::Vae)] {
            kiln!("evaluate", subject, "--data", &tiles, "--split", "all").code(2).says(&[lacking, "AUROC needs both"]);
        }
    }
}

#[cfg(unix)]
#[test]
fn a_name_that_a_row_cannot_carry_is_refused_before_the_first_step() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = scratch();
    for (number, name) in [
        &b"benign /1.png"[..],
        b" benign/1.png",
        b"benign\xc2\xa0/1.png",
        b"\t/1.png",
        b"ben\nign/1.png",
        b"ben\rign/1.png",
        b"benign/1\n.png",
        b"benign/1\r.png",
        b"benign/a\tb.png",
        b"benign/a\x7fb.png",
        b"benign/a\xe2\x80\xa8b.png",
        b"ben\xe2\x80\xaeign/1.png",
        b"\xe2\x80\x8b/1.png",
        b"benign/\xff.png",
        b"\xff/1.png",
        b"benign/a\x1bb/1.png",
    ]
    .iter()
    .enumerate()
    {
        let tiles = folder.path().join(number.to_string());
        place(&tiles, "sound", even(2..8));
        place(&tiles, "tumour", odd(0..8));
        let path = tiles.join(std::ffi::OsStr::from_bytes(name));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::hard_link(fixture().tile(0), &path).unwrap();
        let run = folder.path().join("run");
        for said in [
            kiln!("data", "inspect", &tiles),
            kiln!("data", "split", &tiles),
            train(&tiles, &run, &["data.normal_classes=[sound]"]),
        ] {
            let stderr = said.code(2).stderr();
            assert!(stderr.contains("rename"), "{name:?}: {stderr}");
            assert!(!stderr.contains("epoch 1 "), "{name:?} was found after training");
        }
        assert!(!run.join("split.csv").exists() && !tiles.join("split.csv").exists());
    }
}

#[test]
fn a_name_that_a_row_carries_comes_through_from_the_folder_to_the_scores() {
    let folder = scratch();
    let tiles = folder.path().join("ti,les \"x\"");
    let normal = "benign, \"not\" <b>tumour";
    let labels = ["#1 tumour|necrosis", "=SUM(a,b)", "腫瘍 é 'x';\\y"];
    place(&tiles, normal, even(0..48));
    for (number, label) in labels.iter().enumerate() {
        place(&tiles, label, odd(number * 24..number * 24 + 24));
    }
    let long = "x".repeat(240);
    for (number, name) in [
        "# 1.png",
        " a.png",
        "a,b.png",
        "a\"b.png",
        "'a'.png",
        "caf\u{e9}.png",
        "cafe\u{301}.png",
        &format!("{long}.png"),
    ]
    .iter()
    .enumerate()
    {
        fs::hard_link(fixture().tile(96 + 2 * number), tiles.join(normal).join(name)).unwrap();
    }
    let run = folder.path().join("run");
    let set = format!("data.normal_classes=['{normal}']");
    let weights = format!("training.class_weights={{'{}': 2.0}}", labels[1]);
    train(&tiles, &run, &[&set, &weights]).code(0);
    let tree = |value: &Value| {
        value.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let classes = [&[normal][..], &labels].concat();
    assert_eq!(tree(&read_json(&run.join("run.json"))["classes"]["names"]), classes);
    let (_, rows) = read_csv(&fs::read_to_string(run.join("split.csv")).unwrap());
    assert_eq!(rows.len(), 24 + 36 + 8);
    assert!(rows.iter().all(|row| tiles.join(&row["path"]).is_file() && row["path"].starts_with(&row["label"])));
    // A finished run is read by its own list.
    kiln!("evaluate", &run, "--resamples", "100").code(0);
    kiln!("train", run.join("config.yaml"), "--data", &tiles, "--out", &run, "--resume").code(0);
    let report = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(!report.contains("<b>tumour") && report.contains("&lt;b&gt;tumour"));
    let bundle = folder.path().join("bundle");
    kiln!("export", &run, "--out", &bundle).code(0);
    assert_eq!(tree(&read_json(&bundle.join("manifest.json"))["classes"]), classes);
    let card = fs::read_to_string(bundle.join("README.md")).unwrap();
    for row in card.lines().filter(|line| line.starts_with("| split") || line.starts_with("| train")) {
        let cells = row.replace("\\|", "").matches('|').count();
        assert_eq!(cells, 3 + classes.len() + 1, "{row}");
    }
    let columns: Vec<String> = classes.iter().map(|class| format!("p_{class}")).collect();
    let scores = folder.path().join("scores.csv");
    kiln!("score", &bundle, &tiles, "--out", &scores).code(0);
    let (header, rows) = read_csv(&fs::read_to_string(&scores).unwrap());
    assert_eq!(header[4..], columns);
    assert_eq!(rows.len(), 68);
    for row in rows {
        let sum: f64 = columns.iter().map(|column| row[column].parse::<f64>().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-3, "{row:?}");
    }
    let lines = folder.path().join("scores.jsonl");
    kiln!("score", &bundle, &tiles, "--out", &lines).code(0);
    let first: Value = serde_json::from_str(fs::read_to_string(lines).unwrap().lines().next().unwrap()).unwrap();
    assert!(columns.iter().all(|column| first[column].is_f64()), "{first}");
    let split = run.join("split.csv");
    kiln!("evaluate", &bundle, "--data", &tiles, "--split-file", split, "--resamples", "100").code(0);
}

#[test]
fn labels_that_yaml_reads_as_numbers_and_truth_values_are_labels() {
    let folder = scratch();
    let words = ["0", "01", "1.50", "no", "true", "null", "2024-01-01", "~"];
    let tiles = folder.path().join("tiles");
    for (number, word) in words.iter().enumerate() {
        place(&tiles, word, number * 8..number * 8 + 8);
    }
    let normal = |labels: &Value| {
        let rows = labels.as_array().unwrap().iter().filter(|row| row["counts_as"] == "normal");
        rows.map(|row| row["label"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for (number, written) in ["[0, 1.50, no, null]", "['0', \"1.50\", 'no', 'null']"].iter().enumerate() {
        let run = folder.path().join(number.to_string());
        train(&tiles, &run, &[&format!("data.normal_classes={written}")]).code(0);
        let config = run.join("config.yaml");
        let json = kiln!("--json", "train", &config, "--data", &tiles, "--out", &run, "--resume").code(0).json();
        assert_eq!(normal(&json["labels"]), ["0", "1.50", "no", "null"]);
    }
    let text = "name: s\ndata: {normal_classes: [01, true, ~]}\n";
    study(folder.path(), &tiles, text).code(0);
    assert_eq!(normal(&read_json(&folder.path().join("study/report.json"))["labels"]), ["01", "true", "~"]);
    let run = folder.path().join("refused");
    train(&tiles, &run, &["data.normal_classes=[1]"]).code(2).says(&["`1`"]);
    train(&tiles, &run, &["data.normal_classes=[1.5]"]).code(2).says(&["`1.5`", "nearest label is `1.50`"]);
    train(&tiles, &run, &["data.normal_classes=[False]"]).code(2).says(&["`False`"]);
}

#[test]
fn a_resumed_training_keeps_to_labels_with_commas() {
    let folder = scratch();
    let tiles = copy(&sound(folder.path()), &folder.path().join("copied"));
    fs::rename(tiles.join("tumour"), tiles.join("tumour, grade 2")).unwrap();
    let run = folder.path().join("run");
    train(&tiles, &run, &[]).code(0);
    // As if it had been killed before its last file was written.
    fs::remove_file(run.join("run.json")).unwrap();
    kiln!("train", run.join("config.yaml"), "--data", &tiles, "--out", &run, "--resume").code(0);
    let names = read_json(&run.join("run.json"))["classes"]["names"].clone();
    assert_eq!(names, serde_json::json!(["benign", "tumour, grade 2"]));
}
