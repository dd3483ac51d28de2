//! The tables of a report, for Markdown and HTML.

use super::by_centre::{CentreFigures, CentreMean};
use super::held_out::Centre;
use super::results::{Entry, Results, Role};
use super::times::Times;
use crate::metrics::{Comparison, Interval};

/// A table of text.
pub(super) struct Table {
    pub(super) caption: String,
    pub(super) columns: Vec<&'static str>,
    pub(super) rows: Vec<Vec<String>>,
}

/// The tables of a study's results, in the order of the report.
pub(super) fn result_tables(results: &Results) -> Vec<Table> {
    metric_tables(results).into_iter().chain(training_tables(results)).collect()
}

/// The tables of metrics.
pub(super) fn metric_tables(results: &Results) -> Vec<Table> {
    let mut tables = vec![ranking(results), decisions(results), against(results)];
    tables.extend(by_centre(results));
    tables
}

/// The tables of ablations, of the search and of all trainings.
pub(super) fn training_tables(results: &Results) -> Vec<Table> {
    let mut tables = Vec::new();
    if results.entries.iter().any(|entry| entry.role == Role::Ablation) {
        tables.push(ablations(results));
    }
    tables.extend(search(results));
    tables.push(trials(results));
    tables
}

fn ranking(results: &Results) -> Table {
    let row = |entry: &Entry| {
        let summary = &entry.summary;
        vec![
            entry.name.clone(),
            summary.auroc.to_string(),
            summary.auroc_sd.map_or_else(String::new, |deviation| format!("{deviation:.4}")),
            summary.aupr.to_string(),
            summary.tpr_at_1_percent_fpr.to_string(),
            summary.tpr_at_5_percent_fpr.to_string(),
            entry.parameters.map_or_else(String::new, |count| count.to_string()),
        ]
    };
    Table {
        caption: "Ranking of anomalous over normal tiles, with 95 % intervals over groups".to_owned(),
        columns: vec!["model", "AUROC", "SD over seeds", "AUPR", "TPR at 1 % FPR", "TPR at 5 % FPR", "parameters"],
        rows: results.entries.iter().map(row).collect(),
    }
}

fn decisions(results: &Results) -> Table {
    let row = |entry: &Entry| {
        let summary = &entry.summary;
        let maybe = |interval: Option<Interval>| interval.map_or_else(String::new, |figure| figure.to_string());
        vec![
            entry.name.clone(),
            summary.f1.to_string(),
            summary.precision.to_string(),
            summary.recall.to_string(),
            summary.specificity.to_string(),
            summary.accuracy.to_string(),
            maybe(summary.ece),
            maybe(summary.brier),
        ]
    };
    Table {
        caption: "Decisions at the threshold of each training, which is chosen on its validation tiles".to_owned(),
        columns: vec!["model", "F1", "precision", "recall", "specificity", "accuracy", "calibration error", "Brier"],
        rows: results.entries.iter().map(row).collect(),
    }
}

fn against(results: &Results) -> Table {
    let row = |entry: &Entry| Some(compared(entry.name.clone(), &entry.against_reference?));
    Table {
        caption: format!("AUROC minus that of {}, on the same tiles", results.reference),
        columns: vec!["model", "difference", "p, bootstrap over groups", "p, clustered", "p, DeLong (tiles)"],
        rows: results.entries.iter().filter_map(row).collect(),
    }
}

/// Each model on each held-out centre, then its mean over centres.
fn by_centre(results: &Results) -> Option<Table> {
    let held_out = results.held_out.as_ref()?;
    let of_entry = |entry: &Entry| -> Vec<Vec<String>> {
        let Some(found) = &entry.by_centre else { return Vec::new() };
        let row = |(centre, figures): (&Centre, &CentreFigures)| {
            let summary = &figures.summary;
            vec![
                entry.name.clone(),
                centre.name.clone(),
                centre.tiles.to_string(),
                centre.anomalous.to_string(),
                summary.auroc.to_string(),
                summary.f1.to_string(),
                summary.precision.to_string(),
                summary.recall.to_string(),
                summary.ece.map_or_else(String::new, |figure| figure.to_string()),
            ]
        };
        let mut rows: Vec<Vec<String>> = held_out.centres.iter().zip(&found.centres).map(row).collect();
        let CentreMean { auroc, f1, precision, recall, ece } = found.mean;
        let mut mean = vec![entry.name.clone(), "mean".to_owned(), String::new(), String::new()];
        mean.extend([auroc, f1, precision, recall].map(|value| format!("{value:.3}")));
        mean.push(ece.map_or_else(String::new, |value| format!("{value:.3}")));
        rows.push(mean);
        rows
    };
    Some(Table {
        caption: format!("On each held-out {}, by models that were trained on the others", held_out.by),
        columns: vec![
            "model",
            "held out",
            "tiles",
            "anomalous",
            "AUROC",
            "F1",
            "precision",
            "recall",
            "calibration error",
        ],
        rows: results.entries.iter().flat_map(of_entry).collect(),
    })
}

fn ablations(results: &Results) -> Table {
    let row = |entry: &Entry| Some(compared(entry.name.clone(), &entry.against_base?));
    Table {
        caption: "AUROC minus that of the whole model, on the same tiles: the effect of a component".to_owned(),
        columns: vec!["model", "difference", "p, bootstrap over groups", "p, clustered", "p, DeLong (tiles)"],
        rows: results.entries.iter().filter(|entry| entry.role == Role::Ablation).filter_map(row).collect(),
    }
}

fn compared(name: String, comparison: &Comparison) -> Vec<String> {
    let Interval { value, low, high } = comparison.difference;
    let p = |p: Option<f64>| {
        p.map_or_else(String::new, |p| if p < 0.001 { "< 0.001".to_owned() } else { format!("{p:.3}") })
    };
    vec![
        name,
        format!("{value:+.4} ({low:+.4} to {high:+.4})"),
        p(comparison.p_bootstrap),
        p(comparison.clustered.p),
        p(comparison.delong.p),
    ]
}

fn search(results: &Results) -> Option<Table> {
    let search = results.search.as_ref()?;
    let rows = search.trials.iter().enumerate().map(|(number, trial)| {
        vec![
            if number == search.best { format!("{number}, kept") } else { number.to_string() },
            trial.set.join(", "),
            trial.val_auroc.map_or_else(String::new, |auroc| format!("{auroc:.4}")),
            trial.epochs.to_string(),
            if trial.stopped { "stopped early".to_owned() } else { "completed".to_owned() },
        ]
    });
    Some(Table {
        caption: format!(
            "Search around {}, by the validation AUROC of the kept epoch (of a stopped trial: its best) on the first split, without \
             test tiles",
            search.of
        ),
        columns: vec!["trial", "values", "validation AUROC", "epochs", "state"],
        rows: rows.collect(),
    })
}

fn trials(results: &Results) -> Table {
    let of_entry = |entry: &Entry| -> Vec<Vec<String>> {
        let row = |trial: &super::results::TrialMetrics| {
            vec![
                entry.name.clone(),
                if entry.role == Role::Baseline { String::new() } else { trial.seed.to_string() },
                results.fold_name(trial.fold),
                format!("{:.4}", trial.auroc),
                trial.val_auroc.map_or_else(String::new, |auroc| format!("{auroc:.4}")),
                trial.best_epoch.map_or_else(String::new, |best| format!("{best} of {}", trial.epochs)),
                number(trial.threshold),
            ]
        };
        entry.trials.iter().map(row).collect()
    };
    Table {
        caption: "All trainings".to_owned(),
        columns: vec!["model", "seed", "fold", "test AUROC", "validation AUROC", "kept epoch", "threshold"],
        rows: results.entries.iter().flat_map(of_entry).collect(),
    }
}

/// Times of trainings; none without trainings.
pub(super) fn time_table(times: &Times) -> Option<Table> {
    let row = |entry: &super::times::EntryTimes| {
        vec![
            entry.name.clone(),
            seconds(entry.training_s),
            entry.features_s.map_or_else(String::new, seconds),
            entry.inference_ms.map_or_else(String::new, |time| format!("{time:.2}")),
        ]
    };
    (!times.entries.is_empty()).then(|| Table {
        caption: "Wall-clock time on the machine of the study, possibly shared with other processes".to_owned(),
        columns: vec![
            "model",
            "seconds per training",
            "of these for features (computed once and shared)",
            "milliseconds per tile (burn on the training's device, decoding included)",
        ],
        rows: times.entries.iter().map(row).collect(),
    })
}

/// Seconds with a decimal, and with two digits below one.
pub(super) fn seconds(time: f64) -> String {
    let decimals = if time > 0.0 && time < 1.0 { 1 - time.log10().floor() as i32 } else { 1 };
    format!("{time:.*}", usize::try_from(decimals).unwrap_or(1))
}

fn number(value: f64) -> String {
    if value != 0.0 && value.abs() < 0.01 { format!("{value:.3e}") } else { format!("{value:.4}") }
}
