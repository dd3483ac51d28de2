#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::{Config, Head, ModelConfig, Schedule};

const SMALL: &str = "name: small\nmodel: {kind: cnn, head: pooled}\n";

fn problem(text: &str, sets: &[&str]) -> String {
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    Config::parse(text, "small.yaml", &sets).expect_err("the configuration is wrong").to_string()
}

#[test]
fn defaults_are_the_papers() {
    let config = Config::parse(SMALL, "small.yaml", &[]).unwrap();
    let ModelConfig::Cnn(cnn) = &config.model else { panic!("not a cnn") };
    assert_eq!(cnn.filters, [32, 64, 128]);
    assert_eq!(cnn.dense, [512, 256]);
    assert!((config.training.learning_rate - 0.001).abs() < 1e-12);
    assert!((config.data.split.train - 0.8).abs() < 1e-12);
}

#[test]
fn an_unknown_key_is_named_with_the_nearest_known_one() {
    let message = problem("name: x\nmodel: {kind: cnn}\ntraining: {epocs: 3}\n", &[]);
    assert!(message.contains("epocs") && message.contains("did you mean `epochs`"), "{message}");
    let message = problem(SMALL, &["training.learning_rat=0.1"]);
    assert!(message.contains("did you mean `learning_rate`"), "{message}");
    let message = problem("name: x\nmodel: {kind: cnn, fliters: [1]}\n", &[]);
    assert!(message.contains("did you mean `filters`"), "{message}");
}

#[test]
fn wrong_values_name_their_key() {
    assert!(problem(SMALL, &["data.split.train=0.9"]).contains("data.split"));
    let device = problem(SMALL, &["training.device=gpu"]);
    assert!(device.starts_with("--set training.device=gpu: training.device: unknown device `gpu`"), "{device}");
    let threshold = problem(SMALL, &["threshold=best"]);
    assert!(threshold.starts_with("--set threshold=best: threshold: unknown threshold rule `best`"), "{threshold}");
    assert!(problem(SMALL, &["training.batch=1"]).contains("training.batch"));
    assert!(problem(SMALL, &["model.dropout=1.5"]).contains("model.dropout"));
    assert!(problem(SMALL, &["training"]).contains("key=value"));
    assert!(problem(SMALL, &["name.x=1"]).contains("holds no keys"));
    assert!(problem("name: v\nmodel: {kind: vae, stride: 3}\n", &[]).contains("model.stride"));
    for set in [
        "training.weight_decay=-1",
        "training.ema_decay=1",
        "training.ema_decay=0",
        "training.ema_decay=.nan",
        "training.early_stopping.min_delta=.nan",
        "training.early_stopping.patience=0",
        "training.schedule={kind: cosine, minimum: -3}",
        "data.micrometres_per_pixel=0",
        "data.augmentation.zoom=3",
    ] {
        let key = set.split('=').next().unwrap();
        assert!(problem(SMALL, &[set]).contains(key), "{set}: {}", problem(SMALL, &[set]));
    }
    assert!(problem("name: v\nmodel: {kind: vae, beta: -1}\n", &[]).contains("model.beta"));
    let hybrid = "name: h\nmodel: {kind: hybrid, reconstruction_weight: .nan}\n";
    assert!(problem(hybrid, &[]).contains("model.reconstruction_weight"));
}

/// Each configuration with a key set to a value has a problem with these words.
fn assert_problems(cases: &[(&str, &str, &str)]) {
    for (text, set, said) in cases {
        assert!(problem(text, &[set]).contains(said), "{set}: {}", problem(text, &[set]));
    }
}

#[test]
fn the_side_at_which_a_model_works_is_checked_and_written_only_if_it_is_not_a_tiles() {
    let transfer = "name: t\nmodel: {kind: transfer}\n";
    let bank = "name: m\nmodel: {kind: memory_bank}\n";
    let hybrid = "name: h\nmodel: {kind: hybrid}\n";
    assert_problems(&[
        (SMALL, "model.side=20", "model.side: 20 is not in 32..=256"),
        (transfer, "model.backbone.side=257", "model.backbone.side: 257 is not in 32..=256"),
        (bank, "training.ema_decay=0.9", "training.ema_decay: a memory_bank learns in one pass"),
        (bank, "model.backbone.side=0", "model.backbone.side: 0 is not in 32..=256"),
        (hybrid, "model.cnn.side=96", "model.cnn.side: must be 256 if the tile is rebuilt"),
        ("name: h\nmodel: {kind: hybrid, reconstruct: features}\n", "model.cnn.side=100", "100 is no multiple of 32"),
        (transfer, "model.pooling=centre", "mean_and_centre"),
        ("name: t\nmodel: {kind: transfer, backbone: {weights: random}}\n", "model.frozen=depthwise", "model.frozen: "),
    ]);
    // 32 is halved five times at most.
    let message = problem(SMALL, &["model.side=32", "model.filters=[1, 1, 1, 1, 1, 1]"]);
    assert!(message.contains("model.filters: give 1 to 5 convolutions"), "{message}");

    let written = |text: &str, sets: &[&str]| {
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        let config = Config::parse(text, "small.yaml", &sets).unwrap();
        let yaml = config.to_yaml().unwrap();
        assert_eq!(Config::parse(&yaml, "resolved", &[]).unwrap(), config);
        yaml
    };
    for text in [SMALL, transfer, bank, hybrid] {
        let yaml = written(text, &[]);
        assert!(!["side: 256", "pooling", "test_time"].iter().any(|key| yaml.contains(key)), "{yaml}");
    }
    assert!(written(SMALL, &["model.side=96"]).contains("side: 96"));
    let other = written(transfer, &["model.backbone.side=96", "model.pooling=mean_and_centre"]);
    assert!(other.contains("side: 96") && other.contains("pooling: mean_and_centre"), "{other}");
    for text in [SMALL, transfer] {
        let yaml = written(text, &["model.test_time_augmentation=flips_and_turns"]);
        assert!(yaml.contains("test_time_augmentation: flips_and_turns"), "{yaml}");
        assert!(problem(text, &["model.test_time_augmentation=turns"]).contains("flips_and_turns"));
    }
    assert!(written(transfer, &["model.test_time_side=144"]).contains("test_time_side: 144"));
    for side in ["31", "257"] {
        let message = problem(transfer, &[&format!("model.test_time_side={side}")]);
        assert!(message.contains(&format!("model.test_time_side: {side} is not in 32..=256")), "{message}");
    }
}

#[test]
fn a_window_must_be_whole_pixels_at_the_side_of_the_model() {
    // Three convolutions halve a window three times.
    let fits = |side: usize, crop: usize| {
        let sets = [format!("model.side={side}"), format!("training.crop={crop}")];
        Config::parse(SMALL, "small.yaml", &sets).is_ok()
    };
    for (side, crop) in [(256, 40), (128, 48), (96, 64), (96, 128), (96, 256)] {
        assert!(fits(side, crop), "{side} {crop}");
    }
    for (side, crop) in [(256, 36), (128, 40), (96, 96), (99, 128)] {
        assert!(!fits(side, crop), "{side} {crop}");
    }
    assert!(problem(SMALL, &["model.side=99", "training.crop=128"]).contains("at this model.side no window"));
}

#[test]
fn a_difference_is_named_by_its_key() {
    let config = |sets: &[&str]| {
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        Config::parse(SMALL, "small.yaml", &sets).unwrap()
    };
    let named = |sets| config(&[]).first_difference(&config(sets)).unwrap();
    assert_eq!(named(&[]), None);
    assert_eq!(named(&["training.epochs=3"]).as_deref(), Some("training.epochs"));
    assert_eq!(named(&["model.filters=[8]"]).as_deref(), Some("model.filters"));
    assert_eq!(named(&["model.side=96"]).as_deref(), Some("model.side"));
    assert_eq!(named(&["data.augmentation=null"]).as_deref(), Some("data.augmentation"));
}

#[test]
fn a_hybrid_has_convolutions_or_a_backbone() {
    let hybrid = "name: h\nmodel: {kind: hybrid}\n";
    let on_backbone = "name: h\nmodel: {kind: hybrid, cnn: null, transfer: {}, reconstruct: features}\n";
    assert_problems(&[
        (hybrid, "model.cnn=null", "model.cnn: the classifier is missing"),
        (hybrid, "model.transfer={}", "model.cnn: must be null with model.transfer"),
        (on_backbone, "model.reconstruct=image", "model.reconstruct: must be features with model.transfer"),
        (on_backbone, "model.stages=[4]", "model.stages: give some of model.transfer.backbone.stages, [3, 5, 7]"),
        (on_backbone, "model.stages=[5, 3]", "in ascending order"),
        (on_backbone, "model.transfer.backbone.side=96", "maps of 3 x 3 are no multiple of 4"),
        (on_backbone, "model.transfer.backbone.stages=[9]", "model.transfer.backbone.stages: give stages"),
        (on_backbone, "model.transfer.backbone.width=0.5", "set model.transfer.backbone.weights=random"),
        (on_backbone, "model.transfer.test_time_side=144", "model.transfer.test_time_side: "),
        (on_backbone, "model.transfer.backbone.side=112", "maps of 3 x 3 are no multiple of 4"),
        (on_backbone, "model.transfer.views=3", "model.transfer.views: "),
        (on_backbone, "model.stages=[]", "model.stages: give some of"),
        (on_backbone, "training.crop=128", "training.crop: this model needs whole tiles"),
        (on_backbone, "model.transfer.dropuot=0.1", "did you mean `dropout`"),
    ]);
    for (text, has, lacks) in [(hybrid, "head: pooled", "transfer"), (on_backbone, "transfer:", "head: pooled")] {
        let config = Config::parse(text, "hybrid.yaml", &[]).unwrap();
        let yaml = config.to_yaml().unwrap();
        assert_eq!(Config::parse(&yaml, "resolved", &[]).unwrap(), config);
        assert!(yaml.contains(has) && !yaml.contains(lacks), "{yaml}");
    }
}

#[test]
fn a_hybrids_classifier_is_pooled_unless_it_says_otherwise() {
    for (keys, head) in
        [("", Head::Pooled), (", cnn: {dropout: 0.1}", Head::Pooled), (", cnn: {head: flatten}", Head::Flatten)]
    {
        let text = format!("name: h\nmodel: {{kind: hybrid{keys}}}\n");
        let config = Config::parse(&text, "hybrid.yaml", &[]).unwrap();
        let ModelConfig::Hybrid(hybrid) = &config.model else { panic!("not a hybrid") };
        assert_eq!(hybrid.cnn.as_ref().unwrap().head, head, "{text}");
    }
    let message = problem("name: h\nmodel: {kind: hybrid, cnn: {fliters: [1]}}\n", &[]);
    assert!(message.contains("did you mean `filters`"), "{message}");
}

#[test]
fn a_set_wins_over_the_file() {
    let sets = ["training.epochs=3".to_owned(), "data.augmentation=null".to_owned()];
    let config = Config::parse(SMALL, "small.yaml", &sets).unwrap();
    assert_eq!(config.training.epochs, 3);
    assert_eq!(config.data.augmentation, None);
}

#[test]
fn the_resolved_configuration_reads_back_as_itself() {
    let config = Config::parse(SMALL, "small.yaml", &[]).unwrap();
    let again = Config::parse(&config.to_yaml().unwrap(), "resolved", &[]).unwrap();
    assert_eq!(config, again);
}

#[test]
fn subgroups_are_columns_or_colour() {
    use super::SubgroupKey;

    let config = Config::parse(SMALL, "small.yaml", &[]).unwrap();
    assert!(!config.to_yaml().unwrap().contains("subgroups"), "an older configuration keeps its text");
    let config = Config::parse(SMALL, "small.yaml", &["subgroups=[centre, colour]".to_owned()]).unwrap();
    assert_eq!(config.subgroups, [SubgroupKey::Column("centre".to_owned()), SubgroupKey::Colour]);
    assert_eq!(config, Config::parse(&config.to_yaml().unwrap(), "resolved", &[]).unwrap());
    assert!(problem(SMALL, &["subgroups=[label]"]).contains("subgroups: `label` is no subgroup"));
    assert!(problem(SMALL, &["subgroups=[centre, centre]"]).contains("subgroups: `centre` is listed twice"));
    assert!(problem(SMALL, &["subgroups=['']"]).contains("subgroups: \"\" is no name of a column"));
}

#[test]
fn the_cosine_schedule_warms_up_and_comes_down() {
    let schedule = Schedule::Cosine { warmup_steps: 10, minimum: 0.1 };
    assert!((schedule.factor(0, 110) - 0.1).abs() < 1e-12);
    assert!((schedule.factor(10, 110) - 1.0).abs() < 1e-12);
    assert!((schedule.factor(60, 110) - 0.55).abs() < 1e-12);
    assert!((schedule.factor(110, 110) - 0.1).abs() < 1e-12);
}

/// The value of `data.normal_classes`.
fn normal(text: &str, sets: &[&str]) -> Vec<String> {
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    Config::parse(text, "small.yaml", &sets).unwrap().data.normal_classes.unwrap()
}

/// Words that one version of YAML or another reads as something else than text.
const TYPED: [&str; 22] = [
    "0",
    "1",
    "01",
    "007",
    "+1",
    "1.0",
    "1.50",
    "1e3",
    "0x10",
    "0o7",
    "1_000",
    "12:30",
    "no",
    "yes",
    "on",
    "y",
    "true",
    "True",
    "null",
    "~",
    "2024-01-01",
    ".inf",
];

#[test]
fn a_label_is_taken_as_it_is_written() {
    for word in TYPED {
        for written in [word.to_owned(), format!("'{word}'"), format!("\"{word}\"")] {
            let text = format!("{SMALL}data: {{normal_classes: [{written}]}}\n");
            assert_eq!(normal(&text, &[]), [word], "{written}");
            // Another key that is set must not change how the file's labels are read.
            assert_eq!(normal(&text, &["training.epochs=3"]), [word], "{written}");
            assert_eq!(normal(SMALL, &[&format!("data.normal_classes=[{written}]")]), [word], "{written}");
            assert_eq!(normal(SMALL, &[&format!("data={{normal_classes: [{written}]}}")]), [word], "{written}");
        }
        let config = Config::parse(&format!("{SMALL}data: {{normal_classes: [{word}]}}\n"), "small.yaml", &[]).unwrap();
        let again = Config::parse(&config.to_yaml().unwrap(), "resolved", &["training.seed=1".to_owned()]).unwrap();
        assert_eq!(config.data, again.data, "{word}");
    }
}

#[test]
fn a_label_with_a_weight_is_taken_as_it_is_written() {
    for word in TYPED.iter().filter(|word| **word != "~") {
        let given = |text: &str, sets: &[String]| {
            let weights = Config::parse(text, "small.yaml", sets).unwrap().training.class_weights;
            let Some(super::ClassWeights::Given(weights)) = weights else { panic!("{text} gives no weights") };
            weights.into_iter().collect::<Vec<_>>()
        };
        let text = format!("{SMALL}training: {{class_weights: {{{word}: 2.5}}}}\n");
        let expected = [((*word).to_owned(), 2.5)];
        assert_eq!(given(&text, &[]), expected);
        assert_eq!(given(&text, &["training.seed=1".to_owned()]), expected);
        assert_eq!(given(SMALL, &[format!("training.class_weights={{{word}: 2.5}}")]), expected);
    }
    assert!(problem(SMALL, &["training.class_weights={a: many}"]).contains("training.class_weights"));
    assert!(problem(SMALL, &["training.class_weights=3"]).contains("class_weights"));
}

#[test]
fn a_key_that_is_there_twice_is_refused() {
    for (text, key) in [
        ("name: x\nname: y\nmodel: {kind: cnn}\n", "name"),
        ("name: x\nmodel: {kind: cnn}\ntraining: {epochs: 1, epochs: 2}\n", "epochs"),
        ("name: x\nmodel: {kind: cnn}\ntraining: {class_weights: {a: 1.0, a: 2.0}}\n", "a"),
        ("name: x\nmodel: {kind: cnn, filters: [1], filters: [2]}\n", "filters"),
        ("name: x\nmodel: {kind: cnn}\ndata: {normal_classes: [a]}\ndata: {normal_classes: [b]}\n", "data"),
        ("name: x\nmodel: {kind: cnn}\ndata: {normal_classes: [a], normal_classes: [b]}\n", "normal_classes"),
    ] {
        for sets in [&[][..], &["training.seed=1"]] {
            let message = problem(text, sets);
            assert!(message.contains(key) && message.contains("duplicate"), "{text}: {message}");
        }
    }
}

#[test]
fn normal_classes_that_cannot_be_are_refused_by_their_key() {
    for value in ["[]", "['']", "[' ']", "[a, a]", "benign", "{a: b}", "[[a]]", "[{a: b}]", "3"] {
        let message = problem(SMALL, &[&format!("data.normal_classes={value}")]);
        assert!(message.contains("data.normal_classes"), "{value}: {message}");
    }
}

#[test]
fn a_number_that_is_none_is_refused_at_every_key() {
    let models =
        ["{kind: cnn, head: pooled}", "{kind: vae}", "{kind: hybrid}", "{kind: transfer}", "{kind: memory_bank}"];
    let more = "training: {class_weights: {a: 1.0}, early_stopping: {patience: 2}}\n";
    for model in models {
        let with_classes = !(model.contains("vae") || model.contains("memory_bank"));
        let text = format!("name: x\nmodel: {model}\n{}", if with_classes { more } else { "" });
        let config = Config::parse(&text, "x.yaml", &[]).unwrap();
        let resolved: serde_yaml::Value = serde_yaml::from_str(&config.to_yaml().unwrap()).unwrap();
        let mut keys = Vec::new();
        numbers(&resolved, "", &mut keys);
        assert!(keys.len() > 15, "{keys:?}");
        for key in keys {
            let last = key.rsplit('.').next().unwrap();
            for value in [".nan", ".inf", "-.inf", "-1", "1e300", "99999999999999999999999", "many", "[1]"] {
                let set = format!("{key}={value}");
                let Err(error) = Config::parse(&text, "x.yaml", std::slice::from_ref(&set)) else {
                    panic!("{set} is taken");
                };
                let message = error.to_string();
                // A fraction of the split, or a size of the model, may be wrong only together with the others.
                let section = &key[..key.len() - last.len()];
                let named =
                    message.contains(last) || !section.is_empty() && message.contains(section.trim_end_matches('.'));
                assert!(named, "{set}: {message}");
            }
        }
    }
}

/// The dotted keys of all numbers.
fn numbers(value: &serde_yaml::Value, at: &str, keys: &mut Vec<String>) {
    match value {
        serde_yaml::Value::Number(_) => keys.push(at.to_owned()),
        serde_yaml::Value::Mapping(mapping) => {
            for (key, value) in mapping {
                let key = key.as_str().unwrap();
                numbers(value, &if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") }, keys);
            }
        }
        _ => {}
    }
}

#[test]
fn a_model_that_no_machine_holds_is_refused_before_it_is_made() {
    for set in [
        "model.filters=[100000, 100000]",
        "model.dense=[1000000, 1000000]",
        "training.batch=1000000000",
        "data.workers=1000000",
        "bootstrap_resamples=10000000000",
        "training.epochs=18446744073709551615",
    ] {
        let key = set.split(['=', '.']).next().unwrap();
        assert!(problem(SMALL, &[set]).contains(key), "{set}");
    }
    for model in [
        "{kind: vae, latent: 100000000}",
        "{kind: vae, latent_form: map, latent: 1, filters: [30000000, 1]}",
        "{kind: transfer, dense: [1000000000]}",
        "{kind: hybrid, latent_form: map, latent: 1, filters: [1000000, 1]}",
        "{kind: hybrid, cnn: null, transfer: {dense: [100000, 100000]}, reconstruct: features}",
        "{kind: memory_bank, tile: {entries: 10000000}}",
        "{kind: memory_bank, patch: {entries: 10000000}}",
    ] {
        let message = problem(&format!("name: x\nmodel: {model}\n"), &[]);
        assert!(message.contains("weights; at most 1e9"), "{model}: {message}");
    }
    Config::parse("name: v\nmodel: {kind: cnn}\n", "paper.yaml", &[]).unwrap();
}

#[test]
fn a_document_of_aliases_ends() {
    let mut text = "name: x\nmodel: {kind: cnn}\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let above = level - 1;
        let row = vec![format!("*a{above}"); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{row}]\n"));
    }
    problem(&text, &[]);
    problem(&text, &["training.seed=1"]);
    let deep = format!("name: x\nmodel: {{kind: cnn}}\ndata: {}{}\n", "[".repeat(50_000), "]".repeat(50_000));
    problem(&deep, &[]);
    // An anchor that is used once is like any other value.
    let shared = "name: x\nmodel: {kind: cnn}\ndata: {normal_classes: &n [benign]}\n";
    assert_eq!(normal(shared, &[]), ["benign"]);
    for text in
        ["name: x\nmodel: {kind: cnn}\n<<: {seed: 1}\n", "name: x\nmodel: {kind: cnn}\n---\nname: y\n", "", "- a\n"]
    {
        problem(text, &[]);
    }
}

#[test]
fn a_file_that_is_no_text_is_refused_as_input() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.yaml");
    std::fs::write(&path, b"name: x\nmodel: {kind: cnn}\ndata: {path: \xff}\n").unwrap();
    for (path, words) in [(path.as_path(), "line 3 is not UTF-8"), (folder.path(), "is a folder")] {
        let error = Config::read(path, &[]).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(error.fault(), kiln_files::Fault::Input);
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.yaml");
    std::fs::write(&path, "\u{feff}name: x\r\nmodel: {kind: cnn}\r\n").unwrap();
    assert_eq!(Config::read(&path, &[]).unwrap().name, "x");
}

#[test]
fn a_wrong_value_is_explained_without_type_names_and_with_its_source() {
    for (set, words) in [
        ("training.schedule=constant", "expected a mapping, {kind: constant}"),
        ("training.early_stopping=5", "expected a mapping, {patience: EPOCHS"),
        ("training.epochs=", "invalid type: no value, expected a whole number"),
        ("training.epochs=2.0", "expected a whole number"),
        ("training.learning_rate=fast", "expected a number"),
        ("training.label_smoothing=fast", "expected a number"),
        ("data.augmentation.zoom=3", "data.augmentation.zoom"),
        ("data=5", "expected a mapping, {...}"),
        ("training.epocs=3", "did you mean `epochs`"),
        ("epocs=3", "unknown field `epocs`"),
        ("training.schedule={kind: constant, warmup_steps: 3}", "unknown field `warmup_steps`, no other key belongs"),
        ("model.filters=[8, x]", "model.filters[1]"),
        // The message names only the section.
        ("training.device=gpu", "unknown device `gpu`"),
        ("training.schedule={kind: cosine, nonsense: 3}", "unknown field `nonsense`"),
        ("model.dense=[100000000000]", "weights; at most"),
        ("data.split.train=0.9", "the fractions add up to 1.1"),
        ("training.class_weights=balance", "invalid value: string \"balance\", expected `balanced`"),
        ("model=cnn", "model: expected a mapping with the kind, such as {kind: cnn}"),
    ] {
        let message = problem("name: x\nmodel: {kind: cnn}\n", &[set]);
        assert!(message.contains(words) && message.contains(&format!("--set {set}")), "{set}: {message}");
    }
}

#[test]
fn a_problem_is_that_of_the_change_without_which_it_would_not_be_there() {
    let vae = "name: v\nmodel: {kind: vae}\n";
    for sets in [["model.latent=0", "training.seed=3"], ["training.seed=3", "model.latent=0"]] {
        let message = problem(vae, &sets);
        assert!(message.starts_with("--set model.latent=0: model: latent and filters"), "{message}");
    }
    // The file's own problem.
    for text in ["name: v\nmodel: {kind: vae, latent: 0}\n", "name: v\nmodel: {kind: vae}\ntraining: {device: gpu}\n"] {
        let message = problem(text, &["training.seed=3"]);
        assert!(message.starts_with("small.yaml: "), "{message}");
    }
}

#[test]
fn a_document_that_is_no_mapping_is_named() {
    for sets in [&[][..], &["training.seed=1"]] {
        let message = problem("- name: x\n- model: {kind: cnn}\n", sets);
        assert!(message.contains("found a list"), "{message}");
        assert!(problem("cnn\n", sets).contains("expected keys, such as `name: NAME`"));
        let message = problem("name: x\nmodel: {kind: cnn}\n---\nname: y\n", sets);
        assert!(message.contains("more than one YAML document; remove `---`"), "{message}");
    }
}

#[test]
fn keys_without_an_effect_are_named_if_they_are_set() {
    let unused = |model: &str, sets: &[&str]| {
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        Config::parse(&format!("name: x\nmodel: {model}\n"), "x.yaml", &sets).unwrap().unused_keys()
    };
    let plain = "{kind: vae, beta: 1.0, beta_warmup_epochs: 0, variational: false}";
    assert!(unused(plain, &[]).is_empty() && unused("{kind: vae, beta: 0.5}", &[]).is_empty());
    let found = unused(plain, &["model.beta=0.5", "model.beta_warmup_epochs=2", "training.label_smoothing=0.1"]);
    let keys: Vec<&str> = found.iter().filter_map(|reason| reason.split(' ').next()).collect();
    assert_eq!(keys, ["model.beta", "model.beta_warmup_epochs", "training.label_smoothing"]);
    assert!(unused("{kind: cnn}", &["training.label_smoothing=0.1"]).is_empty());
}

#[test]
fn an_error_in_a_models_key_names_it_from_the_root() {
    for (model, words) in [
        ("{kind: cnn, dropout: many}", "model.dropout: invalid type"),
        ("{kind: cnn, filters: [a]}", "model.filters[0]: invalid type"),
        ("{kind: hybrid, cnn: {dropout: many}}", "model.cnn.dropout: invalid type"),
        ("{kind: transfer, backbone: {width: many}}", "model.backbone.width: invalid type"),
        ("{kind: cnn, fliters: [1]}", "did you mean `filters`"),
        ("{kind: [cnn]}", "model.kind: expected a word"),
        ("{kind: transformer}", "model.kind: unknown kind `transformer`; the kinds are cnn"),
        ("{dropout: 0.1}", "model.kind: missing; the kinds are cnn"),
    ] {
        for sets in [&[][..], &["training.seed=1"]] {
            let message = problem(&format!("name: x\nmodel: {model}\n"), sets);
            assert!(message.contains(words), "{model}: {message}");
        }
    }
}
