//! Help texts and error messages as snapshots, so that each change of them is reviewed. Accept one with
//! `cargo insta review`, or by running the tests with `INSTA_UPDATE=always`.

use std::path::Path;

use crate::support::{Kind, draw, draw_truncated, finish, fixture, kiln, scratch};

const VERBS: [&[&str]; 35] = [
    &[],
    &["demo"],
    &["runtime"],
    &["runtime", "install"],
    &["runtime", "list"],
    &["doctor"],
    &["slide"],
    &["slide", "inspect"],
    &["slide", "tile"],
    &["slide", "report"],
    &["slide", "evaluate"],
    &["weights"],
    &["pretrain"],
    &["data", "synth"],
    &["data", "inspect"],
    &["data", "split"],
    &["train"],
    &["evaluate"],
    &["study"],
    &["export"],
    &["import"],
    &["sign"],
    &["verify"],
    &["compare"],
    &["debug"],
    &["debug", "layers"],
    &["debug", "bisect"],
    &["score"],
    &["bench"],
    &["status"],
    &["merge"],
    &["package"],
    &["ship"],
    &["completions"],
    &["man"],
];

/// Snapshots in `tests/snapshots`, named by their contents, without anything that differs between machines.
fn snapshots() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

#[test]
fn help() {
    snapshots().bind(|| {
        for verb in VERBS {
            let mut command = crate::support::command();
            command.args(verb).arg("--help");
            let name = [&["help"], verb].concat().join("_");
            insta::assert_snapshot!(name, finish(command).code(0).stdout());
        }
    });
}

/// The errors of many calls, one after the other, in one snapshot.
#[test]
fn errors() {
    let fixture = fixture();
    let folder = scratch();
    let here = folder.path();
    draw(&here.join("small.png"), 300, 200);
    draw_truncated(&here.join("truncated.png"));
    std::fs::write(here.join("list.csv"), "path,lable\na.png,benign\n").unwrap();
    std::fs::create_dir(here.join("empty")).unwrap();
    let (bundle, run, tiles, config) =
        (fixture.bundle(Kind::Cnn), fixture.run(Kind::Cnn), fixture.tiles(), fixture.config(Kind::Cnn));
    let said = [
        (
            "an unknown key",
            kiln!("train", &config, "--data", &tiles, "--out", here.join("x"), "--set", "training.epoch=3").code(2),
        ),
        ("missing data", kiln!("train", &config, "--data", here.join("nowhere"), "--out", here.join("y")).code(2)),
        ("no data", kiln!("train", &config, "--out", here.join("z")).code(2)),
        ("an empty folder", kiln!("data", "inspect", here.join("empty")).code(2)),
        ("a wrong column", kiln!("data", "inspect", here.join("list.csv")).code(2)),
        ("a run that is there", kiln!("train", &config, "--data", &tiles, "--out", &run).code(2)),
        ("no run", kiln!("export", &tiles, "--out", here.join("bundle")).code(2)),
        ("a bundle that is there", kiln!("export", &run, "--out", &bundle).code(2)),
        ("no bundle", kiln!("verify", &tiles).code(2)),
        ("a missing bundle", kiln!("score", here.join("nowhere"), here.join("small.png")).code(2)),
        (
            "bad tiles",
            kiln!("score", &bundle, here.join("small.png"), here.join("truncated.png"), here.join("none.png")).code(2),
        ),
        ("an unknown provider", kiln!("score", &bundle, here.join("small.png"), "--provider", "gpu").code(2)),
        ("an unknown precision", kiln!("bench", &bundle, "--precision", "int3").code(2)),
        ("an unknown verb", kiln!("scores", &bundle).code(2)),
    ];
    let shown: String = said.iter().map(|(what, said)| format!("# {what}\n{}\n", said.stderr())).collect();
    let mut settings = snapshots();
    let root = tiles.parent().unwrap().to_owned();
    for (path, name) in
        [(here, "[FOLDER]"), (root.as_path(), "[FIXTURE]"), (Path::new(env!("CARGO_TARGET_TMPDIR")), "[TMP]")]
    {
        for path in [path.to_owned(), std::fs::canonicalize(path).unwrap()] {
            settings.add_filter(&escaped(path.to_str().unwrap()), name);
        }
    }
    settings.add_filter(
        r"scored in [^,]+, [0-9.]+ tiles/s, ([a-z0-9]+), [0-9]+ nodes",
        "scored in [TIME], [SPEED] tiles/s, $1, [N] nodes",
    );
    settings.bind(|| insta::assert_snapshot!("errors", shown));
}

/// A regular expression that matches this path alone.
fn escaped(path: &str) -> String {
    path.chars().flat_map(|letter| if letter.is_alphanumeric() { vec![letter] } else { vec!['\\', letter] }).collect()
}
