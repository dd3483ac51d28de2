//! Configurations of trainings, pre-trainings and studies.

use kiln_train::Config;
use kiln_train::pretraining::PretrainConfig;
use kiln_train::study::StudyConfig;

use crate::target::Target;

/// Separator in an input between the file and the values of `--set`.
const SET: &str = "\n--set ";

pub(crate) const CONFIG: Target = Target {
    name: "config",
    run: run_config,
    sound: || {
        let configs = [
            include_str!("../../../../configs/cnn.yaml"),
            include_str!("../../../../configs/cnn-paper.yaml"),
            include_str!("../../../../configs/vae.yaml"),
            include_str!("../../../../configs/hybrid.yaml"),
            include_str!("../../../../configs/transfer.yaml"),
            include_str!("../../../../configs/memory-bank.yaml"),
            include_str!("../../../../configs/mixture-pcam.yaml"),
            include_str!("../../../../configs/pretrain.yaml"),
            "name: a\nmodel: {kind: cnn}\n--set training.epochs=3\n--set data.normal_classes=[benign, \"1\"]",
            "name: a\nmethod: {kind: simsiam, projection: 8}\nbackbone: {weights: random}\n--set training.epochs=3",
            "name: a\nmodel: {kind: vae, filters: [4, 8], stride: 8, latent: 8}\ndata: {augmentation: null}\n",
        ];
        // Comments are most of these files, and nothing is to be found in them.
        configs.map(|text| without_comments(text).into_bytes()).to_vec()
    },
    hostile: || hostile("name: a\nmodel: {kind: cnn}\n"),
    words: &[
        "name:",
        "model:",
        "kind:",
        "cnn",
        "vae",
        "hybrid",
        "transfer",
        "memory_bank",
        "filters:",
        "dense:",
        "dropout:",
        "head:",
        "pooled",
        "latent:",
        "stride:",
        "beta:",
        "data:",
        "split:",
        "train:",
        "val:",
        "test:",
        "normal_classes:",
        "augmentation:",
        "stain_normalisation:",
        "oversampling:",
        "synthesis:",
        "training:",
        "epochs:",
        "batch:",
        "learning_rate:",
        "schedule:",
        "cosine",
        "constant",
        "early_stopping:",
        "patience:",
        "min_delta:",
        "crop:",
        "class_weights:",
        "threshold:",
        "bootstrap_resamples:",
        "\n--set ",
        "data.normal_classes=",
        "training.epochs=",
        "model=",
        "null",
        "~",
        ".nan",
        ".inf",
        "-.inf",
        "!!binary ",
        "!tag ",
        "&a ",
        "*a",
        "<<: *a",
        "{",
        "}",
        "[",
        "]",
        "- ",
        "? ",
        ": ",
        "|\n",
        ">\n",
        "'",
        "\"",
        "\\x",
        "%YAML 1.2\n",
        "---\n",
        "...\n",
        "0x1f",
        "0o17",
        "1_000",
        "true",
    ],
    rounds: 12_000,
    memory: 16 << 20,
};

pub(crate) const STUDY: Target = Target {
    name: "study",
    run: run_study,
    sound: || {
        let studies = [
            include_str!("../../../../configs/study.yaml"),
            include_str!("../../../../configs/study-synthetic.yaml"),
            "name: a\nbaselines: [colour]\n--set seeds=[1, 2]",
            "name: a\nmodels: [{name: m, config: {name: x, model: {kind: cnn}}, set: [training.epochs=2]}]\nsearch: {of: m, trials: 3, space: {training.learning_rate: {log: [1e-5, 0.1]}, model.dropout: {choice: [0, 0.5]}}}\nablations: [{of: m, changes: [{name: plain, set: [data.augmentation=null]}]}]\n",
        ];
        studies.map(|text| without_comments(text).into_bytes()).to_vec()
    },
    hostile: || hostile("name: a\nbaselines: [colour]\n"),
    words: &[
        "name:",
        "data:",
        "split:",
        "folds:",
        "fractions:",
        "seeds:",
        "baselines:",
        "colour",
        "reference:",
        "set:",
        "models:",
        "config:",
        "ablations:",
        "of:",
        "changes:",
        "search:",
        "method:",
        "tpe",
        "random",
        "trials:",
        "space:",
        "uniform:",
        "log:",
        "choice:",
        "stopping:",
        "after_trials:",
        "after_epochs:",
        "threshold:",
        "bootstrap_resamples:",
        "normal_classes:",
        "\n--set ",
        "null",
        ".nan",
        ".inf",
        "!tag ",
        "&a ",
        "*a",
        "<<: *a",
        "[",
        "{",
        "? ",
    ],
    rounds: 12_000,
    memory: 16 << 20,
};

/// Reads a configuration of a training or of a pre-training, and changes to it. An accepted one is the same when written and
/// read back.
fn run_config(bytes: &[u8]) -> bool {
    let Some((text, sets)) = parts(bytes) else { return false };
    let Ok(config) = Config::parse(text, "fuzzed", &sets) else { return run_pretrain(text, &sets) };
    let written = config.to_yaml().unwrap();
    let read = Config::parse(&written, "written", &[]).unwrap_or_else(|error| panic!("{error}\n{written}"));
    assert_eq!(read, config, "{written}");
    true
}

fn run_pretrain(text: &str, sets: &[String]) -> bool {
    let Ok(config) = PretrainConfig::parse(text, "fuzzed", sets) else { return false };
    let written = serde_yaml::to_string(&config).unwrap();
    let read = PretrainConfig::parse(&written, "written", &[]).unwrap_or_else(|error| panic!("{error}\n{written}"));
    assert_eq!(read, config, "{written}");
    true
}

fn run_study(bytes: &[u8]) -> bool {
    let Some((text, sets)) = parts(bytes) else { return false };
    let Ok(study) = StudyConfig::parse(text, "fuzzed", &sets) else { return false };
    let written = serde_yaml::to_string(&study).unwrap();
    let read = StudyConfig::parse(&written, "written", &[]).unwrap_or_else(|error| panic!("{error}\n{written}"));
    assert_eq!(read, study, "{written}");
    true
}

/// Splits an input into a file and its changes; `None` if it is not UTF-8, which the file reader refuses.
fn parts(bytes: &[u8]) -> Option<(&str, Vec<String>)> {
    let mut parts = std::str::from_utf8(bytes).ok()?.split(SET);
    Some((parts.next().unwrap_or_default(), parts.map(str::to_owned).collect()))
}

fn without_comments(text: &str) -> String {
    let lines = text.lines().map(|line| line.split_once(" #").map_or(line, |(before, _)| before).trim_end());
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect::<Vec<_>>().join("\n")
}

fn hostile(sound: &str) -> Vec<Vec<u8>> {
    let bomb = (0..12).fold("a0: &a0 [x]\n".to_owned(), |text, level| {
        let aliases = vec![format!("*a{level}"); 9].join(", ");
        format!("{text}a{}: &a{} [{aliases}]\n", level + 1, level + 1)
    });
    let texts = [
        format!("{sound}x: {}", "[".repeat(60_000)),
        format!("{sound}x: {}", "{a: ".repeat(30_000)),
        format!("{sound}x: {}", "- ".repeat(30_000)),
        format!("{sound}x: {}", "? ".repeat(30_000)),
        format!("{sound}{bomb}"),
        format!("{sound}x: &a [*a]"),
        format!("{sound}{}: 1", "k".repeat(100_000)),
        format!("{sound}? \"{}`x`{}\"\n: 1", "a".repeat(30_000), "b".repeat(30_000)),
        format!("{sound}x: {}1", "!a ".repeat(1_000)),
        format!("{sound}x: \"{}\"", "\\x".repeat(1_000)),
        format!("{sound}{SET}{}=1", "a.".repeat(30_000)),
        format!("{sound}{SET}data={}", "[".repeat(60_000)),
        format!("{sound}{SET}={SET}a{SET}a="),
        format!("{sound}bootstrap_resamples: 18446744073709551615"),
        "\u{feff}".to_owned() + sound,
    ];
    texts.map(String::into_bytes).to_vec()
}
