#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::config::{StudyConfig, StudySplit};
use super::layout::StudyLayout;
use super::run::best_of;
use super::search::{Proposer, should_continue};
use super::trial::{Tested, TrialRecord, TrialSpec, TrialTime, refuse_stale};
use super::variant::{Variant, of_search};
use super::{Role, Stopping, folds};
use crate::Config;
use crate::config::SubgroupKey;
use crate::data::{ContentDigests, Dataset, Entry, Split};
use crate::model::Classes;
use crate::picture::EpochRecord;

const SMALL: &str = "
name: small
models:
  - name: net
    config: {name: x, model: {kind: cnn, head: pooled, filters: [4]}}
    set: [training.epochs=3]
ablations:
  - of: net
    changes:
      - {name: without augmentation, set: [data.augmentation=null]}
search:
  of: net
  method: tpe
  trials: 6
  space:
    training.learning_rate: {log: [0.0001, 0.1]}
    training.batch: {choice: [4, 8, 16]}
    model.dropout: {uniform: [0.0, 0.5]}
";

fn study(sets: &[&str]) -> StudyConfig {
    StudyConfig::parse(SMALL, "small.yaml", &owned(sets)).unwrap()
}

fn owned(sets: &[&str]) -> Vec<String> {
    sets.iter().map(|set| (*set).to_owned()).collect()
}

#[test]
fn a_study_names_what_is_wrong_with_it() {
    let cases = [
        ("seed=[1]", "did you mean `seeds`"),
        ("seeds=[1, 1]", "seeds"),
        ("seeds=[]", "seeds"),
        ("split.folds=2", "split.folds"),
        ("split={folds: 5, leave_one_out: centre}", "split.leave_one_out: each centre is a fold"),
        ("split.leave_one_out=label", "split.leave_one_out: `label` is no subgroup"),
        ("split={leave_one_out: centre, fractions: {val: 0.0}}", "split.leave_one_out: split.fractions"),
        ("reference=forest", "`forest` is none of colour, colour_neighbours, net, pca"),
        ("search.of=nets", "`nets` is no model"),
        ("search.trials=0", "search"),
        ("search.space={model.dropout: {uniform: [0.5, 0.1]}}", "search.space.model.dropout"),
        ("search.space={model.dropout: {log: [0.0, 0.1]}}", "over 0"),
        ("search.space={model.dropout: {uniform: [0.0, 0.1], choice: [1]}}", "one of uniform, log and choice"),
        ("baselines=[forest]", "forest"),
        ("models=[]", "is no model"),
        ("bootstrap_resamples=10", "bootstrap_resamples"),
        ("name=a/b", "name"),
        (
            "models=[{name: cnn, config: 3}]",
            "--set models=[{name: cnn, config: 3}]: models[0]: `config` must be the path of",
        ),
        ("threshold=best", "--set threshold=best: threshold: unknown threshold rule `best`"),
        ("threshold=0.5", "--set threshold=0.5: threshold: unknown threshold rule `0.5`"),
        ("threshold={specificity: 2}", "threshold: unknown threshold rule `specificity:2`"),
        (
            "data.micrometres_per_pixel=0",
            "--set data.micrometres_per_pixel=0: data.micrometres_per_pixel: must be over 0",
        ),
        ("data.micrometres_per_pixel=-1", "data.micrometres_per_pixel: must be over 0"),
        ("data.micrometres_per_pixel=.nan", "data.micrometres_per_pixel: must be over 0"),
        ("data.slides={mpp_override: -3}", "data.slides.mpp_override: must be over 0"),
    ];
    for (set, says) in cases {
        let message = StudyConfig::parse(SMALL, "small.yaml", &owned(&[set])).unwrap_err().to_string();
        assert!(message.contains(says), "{set}: {message}");
    }
    let text = format!("{SMALL}threshold: best\n");
    let message = StudyConfig::parse(&text, "small.yaml", &[]).unwrap_err().to_string();
    assert!(message.starts_with("small.yaml: threshold: unknown") && message.contains("at line"), "{message}");
    let study = study(&[]);
    let again = StudyConfig::parse(&serde_yaml::to_string(&study).unwrap(), "resolved", &[]).unwrap();
    assert_eq!(study, again);
    let text = serde_yaml::to_string(&study).unwrap();
    assert!(!text.contains("leave_one_out"), "an older study keeps its text: {text}");
}

#[test]
fn every_form_of_a_model_is_a_configuration_that_the_study_has_the_last_word_on() {
    let study = study(&["data.normal_classes=[healthy]", "set=[training.batch=4]"]);
    let variants = Variant::all(&study, &PathBuf::from(".")).unwrap();
    let names: Vec<(&str, Role)> = variants.iter().map(|variant| (variant.name.as_str(), variant.role)).collect();
    assert_eq!(names, [("net", Role::Model), ("net without augmentation", Role::Ablation)]);
    let config = variants[0].config(&study, 9).unwrap();
    assert_eq!((config.training.seed, config.training.batch, config.training.epochs), (9, 4, 3));
    assert_eq!(config.data.normal_classes, Some(vec!["healthy".to_owned()]));
    assert!(config.data.augmentation.is_some());
    let ablated = variants[1].config(&study, 9).unwrap();
    assert_eq!((ablated.name.as_str(), ablated.data.augmentation), ("net-without-augmentation", None));
    assert_eq!(ablated.training, config.training);
    assert!(config.subgroups.is_empty());
    let by_column = StudySplit { leave_one_out: Some(SubgroupKey::Column("centre".to_owned())), ..study.split.clone() };
    let by_column = variants[0].config(&StudyConfig { split: by_column, ..study.clone() }, 9).unwrap();
    assert_eq!(by_column.subgroups, [SubgroupKey::Column("centre".to_owned())], "the run accepts the column");
    let wrong = study.clone();
    let wrong = StudyConfig { set: vec!["training.epoch=1".to_owned()], ..wrong };
    let variants = Variant::all(&wrong, &PathBuf::from(".")).unwrap();
    let message = variants[0].config(&wrong, 1).unwrap_err().to_string();
    assert!(
        message.starts_with("models.net: training.epoch=1: ") && message.contains("did you mean `epochs`"),
        "{message}"
    );
    let wrong = StudyConfig { set: vec!["threshold=best".to_owned()], ..wrong };
    let message = Variant::all(&wrong, &PathBuf::from(".")).unwrap()[0].config(&wrong, 1).unwrap_err().to_string();
    assert!(message.starts_with("models.net: threshold=best: threshold: unknown threshold rule"), "{message}");
}

#[test]
fn labels_of_an_inline_configuration_and_of_choices_keep_their_spelling() {
    let weights = "{01: 1.0, 1e3: 2.0, true: 3.0}";
    let text = SMALL
        .replace(
            "head: pooled, filters: [4]}}",
            &format!("head: pooled, filters: [4]}}, training: {{class_weights: {weights}}}}}"),
        )
        .replace("space:\n", &format!("space:\n    training.class_weights: {{choice: [null, {weights}]}}\n"));
    let labels = ["01", "1e3", "true"].map(str::to_owned);
    let classes = Classes { names: labels.to_vec(), normal: 1 };
    for sets in [&[][..], &["seeds=[3]"]] {
        let study = StudyConfig::parse(&text, "small.yaml", &owned(sets)).unwrap();
        let variants = Variant::all(&study, &PathBuf::from(".")).unwrap();
        for variant in variants.iter().chain(&of_search(&study, &variants).unwrap()) {
            let config = variant.config(&study, 1).unwrap();
            let Some(weights) = config.training.class_weights else { continue };
            assert_eq!(weights.resolved(&classes, &[]).unwrap(), [1.0, 2.0, 3.0]);
        }
        let chosen = of_search(&study, &variants).unwrap();
        let weighted =
            |variant: &&Variant| variant.changed.iter().any(|set| set.contains(r#"{"01":1.0,"1e3":2.0,"true":3.0}"#));
        assert!(chosen.iter().filter(weighted).count() > 0, "{:?}", chosen[0].changed);
    }
}

/// Tiles by label and group, without files.
fn tiles() -> (Dataset, Vec<ContentDigests>) {
    let entry = |at: usize| Entry {
        path: PathBuf::from(format!("{at}.png")),
        label: ["benign", "tumour"][at % 2].to_owned(),
        group: Some(format!("slide-{}", at / 6)),
        split: None,
    };
    let digest = |at: usize| ContentDigests { file: at.to_string(), pixels: Some(at.to_string()), blank: false };
    let dataset = Dataset::from_files(PathBuf::from("tiles"), (0..120).map(entry).collect(), None);
    (dataset, (0..120).map(digest).collect())
}

#[test]
fn a_column_of_subgroups_that_is_missing_is_named_with_its_model() {
    let (dataset, _) = tiles();
    let study = study(&["set=['subgroups=[group, scanner]']"]);
    let variants = Variant::all(&study, &PathBuf::from(".")).unwrap();
    let message = variants[0].check_columns(&study, &dataset).unwrap_err().to_string();
    assert!(
        message.starts_with("model `net` of the study: subgroups: ") && message.contains("no column `scanner`"),
        "{message}"
    );
    // The folds check the column of held-out centres.
    let by_scanner = Some(SubgroupKey::Column("scanner".to_owned()));
    let held_out = StudySplit { leave_one_out: by_scanner, ..study.split.clone() };
    let study = StudyConfig { split: held_out, ..study };
    assert!(variants[0].check_columns(&study, &dataset).is_ok());
}

#[test]
fn every_tile_is_tested_on_in_one_fold_and_no_group_is_torn_apart() {
    let (dataset, digests) = tiles();
    let split = StudySplit { folds: Some(5), ..StudySplit::default() };
    let plans = folds::plans(&dataset, &digests, &split).unwrap();
    assert_eq!(plans.len(), 5);
    let mut tested: Vec<usize> = plans.iter().flat_map(|plan| plan.indices(Split::Test)).collect();
    tested.sort_unstable();
    assert_eq!(tested, (0..120).collect::<Vec<_>>());
    for plan in &plans {
        let mut parts = BTreeMap::<&str, BTreeSet<Split>>::new();
        for (entry, part) in dataset.entries.iter().zip(&plan.assignments) {
            parts.entry(entry.group.as_deref().unwrap()).or_default().insert(*part);
        }
        assert!(parts.values().all(|parts| parts.len() == 1), "a group is in two parts");
        for split in Split::ALL {
            let count = plan.indices(split).len();
            assert!(count >= 18, "{split} has {count} tiles");
        }
    }
    assert_eq!(plans, folds::plans(&dataset, &digests, &split).unwrap(), "the same seed gives the same folds");
    let many = StudySplit { folds: Some(21), ..split.clone() };
    let message = folds::plans(&dataset, &digests, &many).unwrap_err().to_string();
    assert!(message.contains("21 folds cannot be made"), "{message}");
    let mut brings = dataset;
    brings.entries.iter_mut().for_each(|entry| entry.split = Some(Split::Train));
    assert!(folds::plans(&brings, &digests, &split).unwrap_err().to_string().contains("split of its own"));
}

#[test]
fn proposals_depend_on_the_seed_and_the_trials_before_alone() {
    let study = study(&["search.trials=12"]);
    let search = study.search.as_ref().unwrap();
    // Small rates are better, whatever else is drawn.
    let quality = |sets: &[String]| {
        let rate: f64 = sets[2].strip_prefix("training.learning_rate=").unwrap().parse().unwrap();
        assert!((1e-4..=0.1).contains(&rate), "{rate}");
        1.0 - (rate.log10() + 4.0) / 10.0
    };
    let run = |seed: u64| {
        let search = super::Search { seed, ..search.clone() };
        let mut proposer = Proposer::new(&search).unwrap();
        let mut proposed = Vec::new();
        for _ in 0..12 {
            let proposal = proposer.propose().unwrap();
            assert_eq!(proposal, proposer.propose().unwrap(), "asking twice changes nothing");
            proposer.observe(&proposal, quality(&proposal.sets)).unwrap();
            proposed.push(proposal.sets);
        }
        proposed
    };
    let first = run(0);
    assert_eq!(first, run(0));
    assert_ne!(first, run(1));
    assert!(first[0][0].starts_with("model.dropout=0.") && first[0][1].starts_with("training.batch="), "{first:?}");
}

#[test]
fn what_a_search_learns_draws_it_to_better_values() {
    let mean = |method: &str| {
        let study = study(&["search.trials=40", &format!("search.method={method}")]);
        let mut proposer = Proposer::new(study.search.as_ref().unwrap()).unwrap();
        let mut rates = Vec::new();
        for _ in 0..40 {
            let proposal = proposer.propose().unwrap();
            let rate: f64 = proposal.sets[2].strip_prefix("training.learning_rate=").unwrap().parse().unwrap();
            proposer.observe(&proposal, 1.0 - (rate.log10() + 4.0) / 10.0).unwrap();
            rates.push(rate.log10());
        }
        rates[20..].iter().sum::<f64>() / 20.0
    };
    let (random, tpe) = (mean("random"), mean("tpe"));
    assert!((random + 2.5).abs() < 0.6, "uniform by the logarithm over 1e-4 to 1e-1: {random}");
    assert!(tpe < random - 0.4, "{tpe} is hardly below {random}");
}

#[test]
fn a_trial_below_the_median_of_those_before_ends() {
    let record = |epoch: u64, auroc: f64| EpochRecord {
        epoch,
        step: epoch,
        learning_rate: 0.1,
        train_loss: 1.0,
        val_loss: 1.0,
        val_auroc: Some(auroc),
        seconds: 1.0,
    };
    let stopping = Some(Stopping { after_trials: 3, after_epochs: 2 });
    let before = [vec![0.5, 0.6, 0.9], vec![0.6, 0.7, 0.8], vec![0.7, 0.8]];
    let goes = |history: &[EpochRecord]| should_continue(stopping, &before, history);
    assert!(goes(&[]), "nobody is stopped before the first epoch");
    assert!(goes(&[record(1, 0.1)]), "every trial gets two epochs");
    assert!(!goes(&[record(1, 0.1), record(2, 0.69)]), "the median by the second epoch is 0.7");
    assert!(goes(&[record(1, 0.75), record(2, 0.2)]), "what counts is the best epoch so far");
    assert!(goes(&[record(1, 0.1), record(2, 0.1), record(3, 0.1)]), "two trials alone reached the third epoch");
    assert!(should_continue(None, &before, &[record(1, 0.1), record(2, 0.1)]));
}

fn trial(curve: &[f64], best_epoch: Option<u64>) -> TrialRecord {
    let tested = |best_epoch| Tested { best_epoch, parameters: 1, threshold: 0.5, probabilities: true, scores: vec![] };
    TrialRecord {
        id: "net-search0-seed1-fold0".to_owned(),
        seed: 1,
        fold: 0,
        val_auroc: curve.iter().copied().map(Some).collect(),
        tested: best_epoch.map(tested),
        stopped_by: None,
        time: TrialTime { training_s: 1.0, features_s: None, inference_ms: None },
    }
}

#[test]
fn a_search_compares_the_epochs_whose_weights_are_kept() {
    // The first trial was better once, but kept the weights of another epoch; the last one was stopped.
    let trials = [trial(&[0.99, 0.7], Some(2)), trial(&[0.6, 0.8], Some(2)), trial(&[0.9, 0.5], None)];
    assert_eq!(best_of(&trials), Some(1));
    let compared: Vec<Option<f64>> = trials.iter().map(TrialRecord::searched_val_auroc).collect();
    assert_eq!(compared, [Some(0.7), Some(0.8), Some(0.9)]);
    assert_eq!(best_of(&trials[2..]), None);
}

#[test]
fn a_trial_that_another_rule_stopped_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let layout = StudyLayout::new(folder.path());
    let rule = Stopping { after_trials: 4, after_epochs: 1 };
    let spec = |stopping| {
        let config = Config::parse("name: net\nmodel: {kind: cnn}\n", "net.yaml", &[]).unwrap();
        TrialSpec { id: "net-search0-seed1-fold0".to_owned(), seed: 1, fold: 0, config, may_diverge: true, stopping }
    };
    let record = TrialRecord { stopped_by: Some(rule), ..trial(&[0.5], None) };
    let path = layout.trial(&record.id);
    let write = |record: &TrialRecord| std::fs::write(&path, serde_json::to_vec(record).unwrap()).unwrap();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    write(&record);
    assert!(refuse_stale(&layout, &[spec(Some(rule))]).is_ok());
    for other in [None, Some(Stopping { after_epochs: 2, ..rule })] {
        let message = refuse_stale(&layout, &[spec(other)]).unwrap_err().to_string();
        assert!(message.contains("net-search0-seed1-fold0 (another `search.stopping`)"), "{message}");
        write(&trial(&[0.5, 0.6], Some(1)));
        assert!(refuse_stale(&layout, &[spec(other)]).is_ok(), "a trial that finished counts under any rule");
        write(&record);
    }
}
