//! Writes the report: figures as JSON, the same for people as Markdown and as one HTML page with pictures.

use kiln_files::publish;
use maud::{Markup, html};

use super::layout::StudyLayout;
use super::markdown;
use super::results::{Measured, Results, Role};
use super::tables::{Table, of_results, of_times, spread};
use super::times::Times;
use crate::metrics::Interval;
use crate::picture::{ComparedScores, Cost, compared_curves, interval_rows, quality_by_cost};
use crate::report::{Figure, figure_section, shell, table};
use crate::{Error, Result};

/// Writes every file of the report, each whole or not at all.
pub(super) fn write(layout: &StudyLayout, results: &Results, times: &Times, measured: &[Measured]) -> Result<()> {
    let save = |path: std::path::PathBuf, bytes: &[u8]| publish::write_file(&path, bytes).map_err(Error::io(&path));
    let json = |value: &dyn erased::Json| value.pretty().map_err(|error| Error::run(layout.root(), error));
    let figures = figures(results, times, measured)?;
    for (name, figure) in &figures {
        figure.picture.save(&layout.picture(name))?;
    }
    save(layout.times(), &json(times)?)?;
    save(layout.markdown(), markdown::render(results, times).as_bytes())?;
    save(layout.page(), page(results, times, &figures).as_bytes())?;
    save(layout.results(), &json(results)?)
}

/// Serialisation behind a pointer, so that one closure serves both files.
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

/// What was done, in two sentences.
pub(super) fn summary(results: &Results) -> String {
    let split = match results.folds.len() {
        1 => "one split by group".to_owned(),
        folds => format!("{folds} folds by group"),
    };
    let shared = match (&results.search, results.folds.len()) {
        (Some(_), 2..) => {
            " The search saw test tiles of other folds, so the tuned model's figures are a little too good."
        }
        _ => "",
    };
    format!(
        "{} baselines and models on {} tiles of {} groups, {split}, seeds {}. Thresholds, kept epochs and the search go by \
         validation tiles; figures are of test tiles, where a column does not say otherwise.{shared} For research; not for \
         diagnosis.",
        results.entries.len(),
        results.tiles,
        results.groups,
        results.seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
    )
}

/// Short facts in order.
pub(super) fn facts(results: &Results) -> Vec<(String, String)> {
    let fold = |(number, fold): (usize, &super::results::FoldFacts)| {
        format!("fold {number}: {} train, {} val, {} test", fold.train, fold.val, fold.test)
    };
    let folds: Vec<String> = results.folds.iter().enumerate().map(fold).collect();
    let intervals =
        format!("95 %, {} resamples of whole groups, seed {}", results.bootstrap.resamples, results.bootstrap.seed);
    let fact = |name: &str, value: String| (name.to_owned(), value);
    let mut facts = vec![
        fact("Tiles", folds.join("; ")),
        fact("Intervals", intervals),
        fact("Reference", results.reference.clone()),
        fact("Data SHA-256", results.data_sha256.clone()),
    ];
    facts.extend(results.caution().map(|caution| fact("Caution", caution.to_owned())));
    facts
}

fn page(results: &Results, times: &Times, figures: &[(&str, Figure)]) -> String {
    let tables: Vec<Table> = of_results(results);
    let main = html! {
        section { h2 { "Figures" } @for one in &tables[..3] { (markup(one)) } p.note { (NOTE) } }
        @for (_, figure) in figures { (figure_section(figure)) }
        section { h2 { "Ablation, search and trainings" } @for one in &tables[3..] { (markup(one)) } }
        @if let Some(one) = of_times(times) { section { h2 { "Time" } (markup(&one)) } }
    };
    shell(&results.name, &summary(results), &facts(results), &main)
}

/// How to read the tests.
const NOTE: &str = "Tests are two-sided and not corrected for their number. DeLong's takes tiles for independent and is \
                    too sure where tiles of a group resemble each other; the clustered test (Obuchowski 1997) and the \
                    bootstrap take groups for independent. None of them tells how much another seed would change.";

fn markup(one: &Table) -> Markup {
    table(&one.caption, &one.columns, &one.rows)
}

/// The pictures with their file names. Time is in the last one alone.
fn figures(results: &Results, times: &Times, measured: &[Measured]) -> Result<Vec<(&'static str, Figure)>> {
    let mut figures = vec![("curves.png", curves(results, measured)?), ("auroc.png", aurocs(results)?)];
    figures.extend(ablations(results)?.map(|figure| ("ablation.png", figure)));
    figures.extend(costs(results, times)?.map(|figure| ("time.png", figure)));
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
        alternative: "ROC and precision-recall curves of baselines and models; the figures are in the table".to_owned(),
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
        title: "AUROC side by side".to_owned(),
        alternative: "A dot and a 95 % interval for each model; the figures are in the table".to_owned(),
        caption: format!("The broken line stands at {}.", results.reference),
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
    let picture =
        interval_rows(["What each component was worth", "AUROC less that of the whole model"], &rows, Some(0.0))?;
    Ok(Some(Figure {
        title: "Ablation".to_owned(),
        alternative: "Difference in AUROC for each changed component, with its 95 % interval".to_owned(),
        caption: "Left of the broken line: the model is worse without it.".to_owned(),
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
        title: "Quality and its price".to_owned(),
        alternative: "AUROC of each model over its training time and its inference time".to_owned(),
        caption: best.map_or_else(String::new, |best| {
            format!("Highest: {} with {} after {:.0} s a training.", best.name, spread(best.auroc), best.training_s)
        }),
        picture: quality_by_cost(&costs)?,
    }))
}
