//! Writes the report: results as JSON, as Markdown, and as one HTML page with pictures.

use kiln_files::publish;
use maud::{Markup, html};

use super::layout::{PICTURES, StudyLayout};
use super::markdown;
use super::results::{Measured, Results, Role};
use super::summary::{facts, summary};
use super::tables::{Table, metric_tables, seconds, time_table, training_tables};
use super::times::Times;
use crate::metrics::Interval;
use crate::picture::{ComparedScores, Cost, compared_curves, interval_rows, quality_by_cost};
use crate::report::{Figure, figure_section, shell, table};
use crate::{Error, Result};

/// Writes all files of the report, each whole or not at all.
pub(super) fn write(layout: &StudyLayout, results: &Results, times: &Times, measured: &[Measured]) -> Result<()> {
    let save = |path: std::path::PathBuf, bytes: &[u8]| publish::write_file(&path, bytes).map_err(Error::io(&path));
    let json = |value: &dyn erased::Json| value.pretty().map_err(|error| Error::run(layout.root(), error));
    let figures = figures(results, times, measured)?;
    for (name, figure) in &figures {
        figure.picture.save(&layout.picture(name))?;
    }
    let written: Vec<&str> = figures.iter().map(|(name, _)| *name).collect();
    layout.remove_other_pictures(&written)?;
    save(layout.times(), &json(times)?)?;
    save(layout.markdown(), markdown::render(results, times).as_bytes())?;
    save(layout.page(), page(results, times, &figures).as_bytes())?;
    save(layout.results(), &json(results)?)
}

/// Object-safe serialisation, so that one closure writes both files.
mod erased {
    pub(super) trait Json {
        fn pretty(&self) -> Result<Vec<u8>, String>;
    }

    impl<T: serde::Serialize> Json for T {
        fn pretty(&self) -> Result<Vec<u8>, String> {
            serde_json::to_vec_pretty(self).map_err(|error| error.to_string())
        }
    }
}

fn page(results: &Results, times: &Times, figures: &[(&str, Figure)]) -> String {
    let (metrics, trainings) = (metric_tables(results), training_tables(results));
    let main = html! {
        section { h2 { "Metrics" } @for one in &metrics { (markup(one)) } p.note { (NOTE) } }
        @for (_, figure) in figures { (figure_section(figure)) }
        section { h2 { "Ablation, search and trainings" } @for one in &trainings { (markup(one)) } }
        @if let Some(one) = time_table(times) { section { h2 { "Time" } (markup(&one)) } }
    };
    shell(&results.name, &summary(results), &facts(results), &main)
}

/// Notes on the statistical tests.
const NOTE: &str = "Tests are two-sided and not corrected for multiple comparisons. DeLong's test assumes independent \
                    tiles, and its p-values are too small if tiles of a group are correlated; the clustered test \
                    (Obuchowski 1997) and the bootstrap assume independent groups. No test includes the variation \
                    between seeds.";

fn markup(one: &Table) -> Markup {
    table(&one.caption, &one.columns, &one.rows)
}

/// The pictures with their file names. Only the last one depends on time.
fn figures(results: &Results, times: &Times, measured: &[Measured]) -> Result<Vec<(&'static str, Figure)>> {
    let [of_curves, of_aurocs, of_ablations, of_times] = PICTURES;
    let mut figures = vec![(of_curves, curves(results, measured)?), (of_aurocs, aurocs(results)?)];
    figures.extend(ablations(results)?.map(|figure| (of_ablations, figure)));
    figures.extend(costs(results, times)?.map(|figure| (of_times, figure)));
    Ok(figures)
}

fn curves(results: &Results, measured: &[Measured]) -> Result<Figure> {
    let shown = results.entries.iter().zip(measured).filter(|(entry, _)| entry.role != Role::Ablation);
    let models: Vec<ComparedScores<'_>> = shown
        .map(|(entry, one)| ComparedScores {
            name: format!("{}, AUROC {:.3}", entry.name, entry.summary.auroc.value),
            lists: one.trials.iter().map(|trial| trial.scored.as_slice()).collect(),
        })
        .collect();
    Ok(Figure {
        title: "Ranking".to_owned(),
        alternative: "ROC and precision-recall curves of baselines and models; the values are in the table".to_owned(),
        caption:
            "Each curve is the mean over a model's trainings, at equal false-positive rate or recall. At most seven \
                  are drawn."
                .to_owned(),
        picture: compared_curves(&models)?,
    })
}

fn aurocs(results: &Results) -> Result<Figure> {
    let rows: Vec<(String, Interval)> =
        results.entries.iter().map(|entry| (entry.name.clone(), entry.summary.auroc)).collect();
    let reference = results.entries.iter().find(|entry| entry.name == results.reference);
    Ok(Figure {
        title: "AUROC".to_owned(),
        alternative: "A dot and a 95 % interval for each model; the values are in the table".to_owned(),
        caption: format!("The dashed line marks {}.", results.reference),
        picture: interval_rows(
            ["AUROC and its 95 % interval over groups", "area under the ROC curve"],
            &rows,
            reference.map(|entry| entry.summary.auroc.value),
        )?,
    })
}

fn ablations(results: &Results) -> Result<Option<Figure>> {
    let of = results.entries.iter().filter(|entry| entry.role == Role::Ablation);
    let rows: Vec<(String, Interval)> =
        of.filter_map(|entry| Some((entry.name.clone(), entry.against_base?.difference))).collect();
    if rows.is_empty() {
        return Ok(None);
    }
    let picture = interval_rows(["Effect of each component", "AUROC minus that of the whole model"], &rows, Some(0.0))?;
    Ok(Some(Figure {
        title: "Ablation".to_owned(),
        alternative: "Difference in AUROC for each changed component, with its 95 % interval".to_owned(),
        caption: "Left of the dashed line, the model is worse without the component.".to_owned(),
        picture,
    }))
}

fn costs(results: &Results, times: &Times) -> Result<Option<Figure>> {
    let cost = |entry: &super::times::EntryTimes| {
        let auroc = results.entries.iter().find(|one| one.name == entry.name)?.summary.auroc;
        let (training_s, inference_ms) = (entry.training_s, entry.inference_ms);
        Some(Cost { name: entry.name.clone(), auroc, training_s, inference_ms })
    };
    let costs: Vec<Cost> = times.entries.iter().filter_map(cost).collect();
    if costs.is_empty() {
        return Ok(None);
    }
    let best = costs.iter().max_by(|a, b| a.auroc.value.total_cmp(&b.auroc.value));
    Ok(Some(Figure {
        title: "AUROC and time".to_owned(),
        alternative: "AUROC of each model over its training time and its inference time".to_owned(),
        caption: best.map_or_else(String::new, |best| {
            let time = seconds(best.training_s);
            format!("Best: {} with {} after {time} s per training, features included.", best.name, best.auroc)
        }),
        picture: quality_by_cost(&costs)?,
    }))
}
