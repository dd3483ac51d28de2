//! `kiln study`: compares models, seeds, ablations, folds and a search, from one file, in one report.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use kiln_train::study::{self, CentreFigures, Results, StudyEvent, StudyLayout, StudyRequest};
use kiln_train::training::{Event, Observer};

use super::interval::interval;
use super::labels;
use super::train::{Display, feature_backend};
use crate::destination::Destination;
use crate::exit::Exit;
use crate::memory;
use crate::output::Output;

/// Compare models on the same tiles (baselines, seeds, ablations, folds, hyper-parameter search) in one report.
///
/// The same command resumes a study that was interrupted: a finished trial never runs twice, an unfinished one continues to
/// the same weights, and the figures equal those of an uninterrupted study.
///
/// The folder gets report.html, report.md, report.json (every figure), times.json, and one run per trial.
#[derive(ClapArgs)]
#[command(after_help = "Examples:\n  kiln study configs/study.yaml --data tiles/ --out studies/tiles\n  \
    kiln study configs/study.yaml --data tiles/ --set split.folds=5 --set 'seeds=[1, 2, 3]'")]
pub(crate) struct Args {
    /// Study file (YAML), such as configs/study.yaml.
    config: PathBuf,

    /// Data set: a folder with one subfolder per class, a folder with a tiles.csv, or a CSV file (path,label[,group])
    /// [default: data.path of the study].
    #[arg(long, value_name = "DIR|CSV")]
    data: Option<PathBuf>,

    /// Folder of the study [default: studies/NAME, with the study's name].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Set one key of the study, such as split.folds=5; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

pub(crate) fn run(args: Args, out: &Output) -> anyhow::Result<Exit> {
    memory::keep_freed_blocks();
    let mut request = StudyRequest::read(&args.config, &args.set, args.data, args.out)?;
    if let Some(data) = request.data.as_ref().or(request.config.data.path.as_ref()) {
        Destination::new("--out", &request.out).is_not_among_tiles(data)?;
    }
    request.openslide = crate::environment::variable("KILN_OPENSLIDE");
    request.features = feature_backend(out);
    let mut display = Display::new(out, false);
    let mut total = 0;
    let results = study::run(&request, &mut |event| match event {
        StudyEvent::Labels { labels } => labels::lines(labels).iter().for_each(|line| out.note(line)),
        StudyEvent::Started { tiles, folds, trials } => {
            total = *trials;
            out.note(format_args!("tiles: {tiles}, folds: {folds}, trainings: at most {trials}"));
        }
        StudyEvent::Trial { id, number, done } => {
            let state = if *done { "is done" } else { "" };
            out.note(format_args!("[{number}/{total}] {id} {state}").to_string().trim_end());
        }
        // A study shows epochs, and what slows it down; the start and end of each training are not worth a line here.
        StudyEvent::Training(
            event @ (Event::Step { .. }
            | Event::Epoch { .. }
            | Event::FeaturesByBurn { .. }
            | Event::NoFeatureCache { .. }
            | Event::UnlearntLabels { .. }),
        ) => {
            display.event(event);
        }
        StudyEvent::Stopped { id, epochs } => {
            out.note(format_args!("{id} stopped after {epochs} epoch(s): worse than the median trial"))
        }
        StudyEvent::Reporting => out.note("writing the report"),
        _ => {}
    })
    .map_err(|error| labels::with_origin(error, &args.config, &args.set))?;
    show(&request, &results, out)?;
    Ok(Exit::Done)
}

fn show(request: &StudyRequest, results: &Results, out: &Output) -> anyhow::Result<()> {
    if out.json {
        return out.document(results);
    }
    let width = results.entries.iter().map(|entry| entry.name.chars().count()).max().unwrap_or(0).max(5);
    out.line(format_args!("{:<width$}  {:<22}  {:<22}  minus {}", "model", "AUROC", "F1", results.reference));
    for entry in &results.entries {
        let against = entry.against_reference.map_or_else(String::new, |comparison| {
            let p = comparison.p_bootstrap.map_or_else(String::new, |p| format!("  p {p:.3}"));
            let difference = comparison.difference;
            format!("{:+.3} [{:+.3}, {:+.3}]{p}", difference.value, difference.low, difference.high)
        });
        let (auroc, f1) = (interval(entry.summary.auroc), interval(entry.summary.f1));
        out.line(format_args!("{:<width$}  {auroc:<22}  {f1:<22}  {against}", entry.name).to_string().trim_end());
    }
    for entry in &results.entries {
        let Some(found) = &entry.by_centre else { continue };
        let centre = |centre: &CentreFigures| format!("{} {:.3}", centre.name, centre.summary.auroc.value);
        let centres: Vec<String> = found.centres.iter().map(centre).collect();
        let mean = found.mean.auroc;
        out.line(format_args!("{:<width$}  AUROC on held-out {}; mean {mean:.3}", entry.name, centres.join(", ")));
    }
    if let Some(search) = &results.search {
        let best = &search.trials[search.best];
        out.line(format_args!(
            "search: trial {} of {} is the best: {}",
            search.best,
            search.trials.len(),
            best.set.join(", ")
        ));
    }
    for caution in results.score_cautions() {
        out.line(format_args!("caution: {caution}"));
    }
    if let Some(caution) = results.caution() {
        out.line(format_args!("caution: {caution}"));
    }
    out.line(format_args!("report: {}", StudyLayout::new(&request.out).page().display()));
    Ok(())
}
