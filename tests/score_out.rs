//! Result files: never written over an input or under a name that promises another format, and never broken by a line break in
//! a name or a reason.

use std::fs;
use std::path::Path;

use crate::support::{
    Kind, command, contents, copy, draw, finish, finish_with_input, fixture, kiln, names, read_csv, scratch,
};

#[test]
fn a_name_that_promises_no_format_or_another_one_is_refused_before_any_work() {
    let (bundle, folder) = (fixture().bundle(Kind::Cnn), scratch());
    for name in ["x.json", "x.xlsx", "x.csv.gz", "x.txt", "x", "x.png", ".csv"] {
        let out = folder.path().join(name);
        let says = [name, ".csv, .jsonl, .ndjson and .parquet", "hint:"];
        // No tile is there: the name is refused first.
        kiln!("score", &bundle, "no/such/folder/*.png", "--out", &out).code(2).says(&says);
        kiln!("merge", "no.csv", "--out", &out).code(2).says(&says);
    }
    for (name, format) in [("x.csv", "parquet"), ("x.jsonl", "csv"), ("x.parquet", "jsonl")] {
        let out = folder.path().join(name);
        kiln!("score", &bundle, fixture().tile(0), "--out", &out, "--format", format).code(2).says(&["promises"]);
        kiln!("merge", "no.csv", "--out", &out, "--format", format).code(2).says(&["promises"]);
    }
    assert!(names(folder.path()).is_empty());
    let report =
        kiln!("--json", "score", &bundle, fixture().tile(0), "--out", folder.path().join("x.txt"), "--format", "jsonl");
    assert_eq!(report.code(0).json()["format"], "jsonl");
}

#[test]
fn a_path_that_can_be_no_file_is_refused_before_any_work() {
    let (bundle, folder) = (fixture().bundle(Kind::Cnn), scratch());
    fs::write(folder.path().join("a.png"), "x").unwrap();
    let long = format!("{}.csv", "x".repeat(245));
    for (name, says) in
        [("a.png/x.csv", "is not a folder"), ("new.csv/", "names a folder"), (long.as_str(), "249 bytes")]
    {
        let out = folder.path().join(name);
        // No tile is there: the path is refused first.
        let says = [says, name, "hint: name another file with --out"];
        kiln!("score", &bundle, "no/such/folder/*.png", "--out", &out).code(2).says(&says);
        kiln!("merge", "no.csv", "--out", &out).code(2).says(&says);
        kiln!("score", &bundle, "--watch", folder.path(), "--out", &out).code(2).says(&says);
        kiln!("data", "split", fixture().tiles(), "--out", &out).code(2).says(&says);
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let out = folder.path().join("kept.csv");
        fs::write(&out, "kept").unwrap();
        fs::set_permissions(&out, fs::Permissions::from_mode(0o444)).unwrap();
        let says = ["kept.csv", "write-protected", "hint: name another file with --out"];
        kiln!("score", &bundle, fixture().tile(0), "--out", &out).code(2).says(&says);
        assert_eq!(fs::read_to_string(&out).unwrap(), "kept");
        fs::remove_file(out).unwrap();
    }
    assert_eq!(names(folder.path()), ["a.png"]);
}

#[test]
fn a_dash_is_standard_output() {
    let (bundle, folder) = (fixture().bundle(Kind::Cnn), scratch());
    let score = |arguments: &[&str]| {
        let mut command = command();
        command.current_dir(folder.path()).arg("score").arg(&bundle).arg(fixture().tile(0)).args(arguments);
        finish(command)
    };
    assert_eq!(score(&["--out", "-"]).code(0).stdout(), score(&[]).code(0).stdout());
    assert!(score(&["--out", "-", "--format", "jsonl"]).code(0).stdout().starts_with("{\"path\""));
    score(&["--out", "-", "--format", "parquet"]).code(2).says(&["Parquet cannot be streamed"]);
    score(&["--out", "-", "--shard", "0/1"]).code(2).says(&["--out -"]);
    score(&["--out", "-", "--restart"]).code(2).says(&["--out -"]);
    assert!(names(folder.path()).is_empty());
    score(&["--out", "part.csv", "--shard", "0/1"]).code(0);
    let mut merge = command();
    merge.current_dir(folder.path()).args(["merge", "part.csv", "--out", "-"]);
    assert_eq!(finish(merge).code(0).stdout(), score(&[]).code(0).stdout());
    assert_eq!(names(folder.path()), ["part.csv", "part.csv.shard.json"]);
}

#[test]
fn an_input_of_a_scoring_is_never_written_over() {
    let folder = scratch();
    let here = folder.path();
    let bundle = copy(&fixture().bundle(Kind::Cnn), &here.join("bundle"));
    draw(&here.join("a.png"), 256, 256);
    for name in ["a.csv", "b.csv.progress", "c.csv.shard.json"] {
        fs::copy(here.join("a.png"), here.join(name)).unwrap();
    }
    fs::write(here.join("list.csv"), "a.png\n").unwrap();
    let mut outs = vec![
        (vec!["a.png"], "a.png", "--format=csv", "is the tile"),
        (vec!["a.csv"], "a.csv", "--batch=1", "is the tile"),
        (vec!["a.csv"], "./bundle/../a.csv", "--batch=1", "is the tile"),
        (vec!["b.csv.progress"], "b.csv", "--batch=1", "is the tile"),
        (vec!["c.csv.shard.json"], "c.csv", "--shard=0/1", "is the tile"),
        (vec!["@list.csv"], "list.csv", "--batch=1", "is the list"),
        (vec!["a.png"], "bundle/manifest.json", "--format=csv", "is in the bundle"),
        (vec!["a.png"], "bundle/scores.csv", "--batch=1", "is in the bundle"),
    ];
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("a.png", here.join("link.csv")).unwrap();
        fs::hard_link(here.join("a.png"), here.join("hard.csv")).unwrap();
        std::os::unix::fs::symlink("bundle", here.join("linked")).unwrap();
        outs.push((vec!["a.png"], "link.csv", "--batch=1", "is the tile"));
        outs.push((vec!["a.png"], "hard.csv", "--batch=1", "is the tile"));
        outs.push((vec!["."], "link.csv", "--batch=1", "is the tile"));
        outs.push((vec!["a.png"], "linked/scores.csv", "--batch=1", "is in the bundle"));
    }
    fs::write(here.join("providers.csv"), "- cpu\n").unwrap();
    outs.push((vec!["a.png"], "providers.csv", "--provider=@providers.csv", "is the provider list"));
    let before = contents(here);
    #[cfg(unix)]
    {
        let mut score = command();
        score.current_dir(here).arg("score").arg(&bundle).args(["-", "--out", "list.csv"]);
        let output = score.stdin(fs::File::open(here.join("list.csv")).unwrap()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains("is the list on standard input"), "{said}");
    }
    for (inputs, out, more, says) in outs {
        let mut score = command();
        score.current_dir(here).arg("score").arg(&bundle).args(inputs).args(["--out", out, more]);
        finish(score).code(2).says(&[says, out, "hint: name another path"]);
        assert!(contents(here) == before, "{out} was written");
    }
}

#[test]
fn no_verb_writes_over_its_inputs() {
    let (fixture, folder) = (fixture(), scratch());
    let here = folder.path();
    let bundle = copy(&fixture.bundle(Kind::Cnn), &here.join("bundle"));
    let run = copy(&fixture.run(Kind::Cnn), &here.join("run"));
    let tiles = copy(&fixture.tiles(), &here.join("tiles"));
    let list = tiles.join("tiles.csv");
    let part = here.join("part.csv");
    kiln!("score", &bundle, fixture.tile(0), "--shard", "0/1", "--out", &part).code(0);
    let (scored, part_of_scored) = (here.join("scored.png"), here.join("part-of-scored.csv"));
    fs::copy(fixture.tile(0), &scored).unwrap();
    kiln!("score", &bundle, &scored, "--shard", "0/1", "--out", &part_of_scored).code(0);
    let nested = copy(&fixture.bundle(Kind::Cnn), &here.join("reports/bundle"));
    let report = here.join("reports");
    fs::write(report.join("bench.json"), "{}").unwrap();
    let before = contents(here);
    let quick = ["--seconds", "0.1", "--warm-up", "0"];
    kiln!("merge", &part, "--out", &part).code(2).says(&["is the part"]);
    let record = here.join("part.csv.shard.json");
    kiln!("merge", &part, "--out", record, "--format", "csv").code(2).says(&["is the record"]);
    kiln!("merge", &part_of_scored, "--out", &scored, "--format", "csv").code(2).says(&["is the tile"]);
    kiln!("evaluate", &run, "--out", &run).code(2).says(&["is the run"]);
    kiln!("evaluate", &bundle, "--data", &tiles, "--out", bundle.join("report")).code(2).says(&["is in the bundle"]);
    kiln!("bench", &bundle, "--out", &bundle, quick[0], quick[1]).code(2).says(&["is in the bundle"]);
    kiln!("bench", &nested, "--out", &report, quick[0], quick[1]).code(2).says(&["holds the bundle"]);
    let baseline = report.join("bench.json");
    kiln!("bench", &bundle, "--out", &report, "--baseline", &baseline).code(2).says(&["holds the baseline"]);
    kiln!("bench", &bundle, "--out", &report, quick[0], quick[1]).code(2).says(&["contains bundle"]);
    kiln!("doctor", &bundle, "--report", bundle.join("manifest.json")).code(2).says(&["is in the bundle"]);
    kiln!("data", "split", &tiles, "--out", &list, "--force").code(2).says(&["is the data set's"]);
    let tile = tiles.join(fixture.tile(0).strip_prefix(fixture.tiles()).unwrap());
    kiln!("data", "split", &tiles, "--out", &tile, "--force").code(2).says(&["is the data set's"]);
    kiln!("data", "synth", "--out", &tiles).code(2);
    kiln!("package", &bundle, "--target", "triton", "--out", bundle.join("m")).code(2).says(&["is in the bundle"]);
    kiln!("export", &run, "--out", &run, "--replace").code(2).says(&["holds the run"]);
    kiln!("export", &run, "--out", &tiles, "--data", &tiles, "--replace").code(2).says(&["holds the data set"]);
    kiln!("train", fixture.config(Kind::Cnn), "--data", &tiles, "--out", &tiles).code(2);
    let weights = run.join("model.bpk");
    kiln!("weights", "import", &weights, "--backbone", "resnet18", "--out", &weights).code(2).says(&["is the file"]);
    kiln!("demo", "--out", &tiles).code(2).says(&["not empty"]);
    assert!(contents(here) == before, "something was written");
}

/// Names of tiles that end a line, clear a terminal, or contain characters that CSV quotes.
const NAMES: [&str; 4] = ["two\nlines.png", "clear\u{1b}[2J.png", "quote \"x\", y.png", "carriage\rreturn.png"];

#[cfg(unix)]
#[test]
fn names_with_control_characters_are_read_back_and_escaped_on_a_terminal() {
    let (bundle, folder) = (fixture().bundle(Kind::Cnn), scratch());
    let here = folder.path();
    fs::create_dir(here.join("tiles")).unwrap();
    NAMES.iter().for_each(|name| fs::write(here.join("tiles").join(name), "no image").unwrap());
    let null: String = NAMES.iter().map(|name| format!("tiles/{name}\0")).collect();
    let score = |more: &[&str]| {
        let mut command = command();
        command.current_dir(here).arg("score").arg(&bundle).args(["-", "--null"]).args(more);
        finish_with_input(command, null.clone()).code(2)
    };
    let said = score(&[]);
    let (_, rows) = read_csv(&said.stdout());
    let paths: Vec<_> = rows.iter().map(|row| row["path"].clone()).collect();
    assert_eq!(paths, NAMES.map(|name| format!("tiles/{name}")));
    let words = said.stderr();
    assert!(words.contains("two\\nlines.png: unsupported") && words.contains("clear\\u{1b}[2J.png"), "{words}");
    assert!(!words.contains(['\u{1b}', '\r']), "{words:?}");
    for format in ["csv", "jsonl", "parquet"] {
        for index in 0..2 {
            score_part(here, &bundle, &null, index, format);
        }
        let whole = format!("whole.{format}");
        score(&["--out", &whole]);
        let mut merge = command();
        merge.current_dir(here).args(["merge", &format!("0.{format}"), &format!("1.{format}")]);
        finish({
            merge.args(["--out", &format!("joined.{format}")]);
            merge
        })
        .code(0);
        assert_eq!(fs::read(here.join(format!("joined.{format}"))).unwrap(), fs::read(here.join(whole)).unwrap());
    }
}

#[cfg(unix)]
fn score_part(here: &Path, bundle: &Path, null: &str, index: usize, format: &str) {
    let mut command = command();
    command.current_dir(here).arg("score").arg(bundle).args(["-", "--null"]);
    command.args(["--shard", &format!("{index}/2"), "--out", &format!("{index}.{format}")]);
    finish_with_input(command, null).code(2);
}

#[test]
fn a_status_is_one_line_in_every_format() {
    let folder = repository_cases().join("status-with-a-line-break");
    if !folder.is_dir() {
        return crate::support::skip("the case status-with-a-line-break is not here");
    }
    let (bundle, out) = (fixture().bundle(Kind::Cnn), scratch());
    for format in ["csv", "jsonl"] {
        let said = kiln!("score", &bundle, &folder, "--format", format);
        let text = said.stdout();
        let rows =
            fs::read_dir(&folder).unwrap().filter(|entry| kiln_tile::is_tile_path(&entry.as_ref().unwrap().path()));
        assert_eq!(text.lines().count(), rows.count() + usize::from(format == "csv"), "{text}");
    }
    let file = out.path().join("scores.parquet");
    let _ = kiln!("score", &bundle, &folder, "--out", &file);
    assert!(file.is_file());
}

fn repository_cases() -> std::path::PathBuf {
    crate::support::repository().join("../shared/cases")
}

#[test]
fn a_variable_that_is_set_and_empty_counts_as_unset() {
    let bundle = fixture().bundle(Kind::Cnn);
    let said = |variable: Option<&str>| {
        let mut score = command();
        score.arg("score").arg(&bundle).arg(fixture().tile(0));
        if let Some(variable) = variable {
            score.env(variable, "");
        }
        finish(score).code(0).stdout()
    };
    let expected = said(None);
    for variable in ["ORT_DYLIB_PATH", "KILN_CACHE", "KILN_CACHE_ENGINES", "LD_LIBRARY_PATH", "JOB_COMPLETION_INDEX"] {
        assert_eq!(said(Some(variable)), expected, "{variable}");
    }
    // A variable with a value is still followed.
    let mut score = command();
    score.arg("score").arg(&bundle).arg(fixture().tile(0)).env("ORT_DYLIB_PATH", "/no/such/library.so");
    finish(score).says(&["/no/such/library.so"]);
    // The flag is not a variable: an empty path is wrong.
    kiln!("--onnxruntime", "", "doctor").code(2);
}
