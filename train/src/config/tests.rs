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
    let ModelConfig::Cnn(cnn) = &config.model else { panic!("a cnn was asked for") };
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
    assert!(problem(SMALL, &["training.batch=1"]).contains("training.batch"));
    assert!(problem(SMALL, &["model.dropout=1.5"]).contains("model.dropout"));
    assert!(problem(SMALL, &["training"]).contains("key=value"));
    assert!(problem(SMALL, &["name.x=1"]).contains("holds no keys"));
    assert!(problem("name: v\nmodel: {kind: vae, stride: 3}\n", &[]).contains("model.stride"));
    for set in [
        "training.weight_decay=-1",
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
    assert_eq!(named(&["data.augmentation=null"]).as_deref(), Some("data.augmentation"));
}

#[test]
fn a_hybrids_classifier_is_pooled_unless_it_says_otherwise() {
    for (keys, head) in
        [("", Head::Pooled), (", cnn: {dropout: 0.1}", Head::Pooled), (", cnn: {head: flatten}", Head::Flatten)]
    {
        let text = format!("name: h\nmodel: {{kind: hybrid{keys}}}\n");
        let config = Config::parse(&text, "hybrid.yaml", &[]).unwrap();
        let ModelConfig::Hybrid(hybrid) = &config.model else { panic!("a hybrid was asked for") };
        assert_eq!(hybrid.cnn.head, head, "{text}");
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
fn the_cosine_schedule_warms_up_and_comes_down() {
    let schedule = Schedule::Cosine { warmup_steps: 10, minimum: 0.1 };
    assert!((schedule.factor(0, 110) - 0.1).abs() < 1e-12);
    assert!((schedule.factor(10, 110) - 1.0).abs() < 1e-12);
    assert!((schedule.factor(60, 110) - 0.55).abs() < 1e-12);
    assert!((schedule.factor(110, 110) - 0.1).abs() < 1e-12);
}
