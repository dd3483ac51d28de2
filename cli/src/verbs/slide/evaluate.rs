//! `kiln slide evaluate`: figures over slides, from the rows of a scoring and annotations.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use kiln_runtime::score::Format;
use kiln_runtime::{Bundle, DecisionRule};
use kiln_slide::lesion::DetectionRule;
use kiln_slide::{SlideRow, SlideRule, read_slides};
use kiln_train::evaluation::Patients;
use kiln_train::evaluation::slides::{ScoredSlide, SetFigures, SlideEvaluationOptions, SlideEvaluator, SlideFigures};
use kiln_train::metrics::Bootstrap;
use serde::Serialize;

use super::annotations::AnnotationArgs;
use super::report::{Rows, SLIDES, by_slide};
use crate::exit::Exit;
use crate::output::Output;

/// Names of the file of rows in a folder of results.
const ROWS: [&str; 3] = ["tiles.csv", "tiles.jsonl", "tiles.parquet"];

/// Measure a model on annotated slides: AUROC by slide and by tile, FROC, and the true-positive rate of regions.
///
/// Nothing is scored, and no slide is opened: the rows of `kiln score BUNDLE SLIDES --out DIR` are compared with the
/// annotations. A slide is positive if tumour is annotated on it. FROC follows CAMELYON16: sensitivity on lesions, averaged at
/// 1/4, 1/2, 1, 2, 4 and 8 false positives a slide. Intervals of 95 % resample patients, or slides if patients are unknown. A
/// slide without a score is named and left out, and the exit status is then 2.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiln score bundle/ slides/ --out scores/\n  \
    kiln slide evaluate bundle/ scores/ --annotations xml/ --normal-without-file\n  \
    kiln --json slide evaluate bundle/ scores/ --annotations xml/ --patients patients.csv | jq .froc.score")]
pub(super) struct Args {
    /// Bundle that scored the tiles.
    bundle: PathBuf,

    /// Folder that `kiln score` wrote: tiles.csv (or .jsonl, .parquet) and slides.csv.
    scores: PathBuf,

    #[command(flatten)]
    annotations: AnnotationArgs,

    /// CSV file with the columns slide and patient; a slide is named by its path or file name.
    #[arg(long, value_name = "FILE")]
    patients: Option<PathBuf>,

    /// Lowest score of a detection in FROC [default: 0.5 for probabilities, else the bundle's threshold].
    #[arg(long, value_name = "SCORE")]
    detections_from: Option<f64>,

    /// Include test_049 and test_114 in FROC, which CAMELYON16 takes out of the evaluation.
    #[arg(long)]
    keep_left_out: bool,

    /// Number of bootstrap resamples behind each interval.
    #[arg(long, value_name = "N", default_value_t = 2000)]
    resamples: usize,

    /// Seed of the bootstrap.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

/// The JSON document.
#[derive(Serialize)]
struct Document<'a> {
    bundle: &'a Path,
    scores: &'a Path,
    #[serde(flatten)]
    figures: &'a SlideFigures,
}

pub(super) fn run(args: &Args, out: &Output) -> anyhow::Result<Exit> {
    if !args.annotations.are_given() {
        bail!("slides cannot be evaluated without annotations\nhint: name their folder with --annotations");
    }
    let bundle = Bundle::open(&args.bundle)?;
    let rule = DecisionRule::from_manifest(&bundle.manifest);
    let (rows, table) = files(&args.scores)?;
    let table = read_table(&table)?;
    let patients = args.patients.as_deref().map(Patients::read).transpose()?.unwrap_or_default();
    let mut evaluator = SlideEvaluator::new(options(args, &bundle, &rule)?)?;
    let by_name: HashMap<&str, &SlideRow> = table.iter().map(|row| (row.slide.as_str(), row)).collect();
    let mut with_rows: Vec<String> = Vec::new();
    let bar = out.progress(Some(table.len() as u64), "evaluate");
    for found in by_slide(&rows, &rule)? {
        let Rows { slide, rows } = found?;
        let Some(row) = by_name.get(slide.as_str()) else {
            bail!("{SLIDES} has no row for {slide}\nhint: make it again with `kiln slide report`");
        };
        match (row.score.filter(|_| row.is_ok()), row.mpp) {
            (Some(score), Some(mpp)) => {
                let found = args.annotations.read(Path::new(&slide), row.origin(), table.len())?;
                let annotations = found.context("no annotations were read")?;
                let tiles: Vec<_> = rows.iter().filter_map(|row| Some((row.tile.as_ref()?.place, row.score))).collect();
                let group = patients.of_slide(&slide).unwrap_or(&slide);
                let (score, annotations) = (f64::from(score), &annotations);
                evaluator.add(&ScoredSlide { slide: &slide, group, score, mpp, tiles: &tiles, annotations })?;
            }
            _ => evaluator.leave_out(&slide, &row.status),
        }
        with_rows.push(slide);
        bar.inc(1);
    }
    for row in table.iter().filter(|row| !with_rows.contains(&row.slide)) {
        evaluator.leave_out(&row.slide, &row.status);
    }
    bar.finish_and_clear();
    let figures = evaluator.finish()?;
    if out.json {
        out.document(&Document { bundle: &args.bundle, scores: &args.scores, figures: &figures })?;
    } else {
        show(&figures, out);
    }
    Ok(if figures.left_out.is_empty() { Exit::Done } else { Exit::Input })
}

fn options(args: &Args, bundle: &Bundle, rule: &DecisionRule) -> anyhow::Result<SlideEvaluationOptions> {
    let threshold = rule.threshold();
    let of_slides = match &bundle.manifest.slide_rule {
        Some(rule) => rule.parse().context("slide_rule in the bundle's manifest")?,
        None => SlideRule::default(),
    };
    let slide_threshold = match of_slides {
        // Without a tile at or above the threshold the area is 0, and the slide is negative.
        SlideRule::TumourArea { least_mm2 } => least_mm2.max(f64::MIN_POSITIVE),
        _ => threshold,
    };
    let are_probabilities = !rule.classes().is_empty();
    let detections_from = args.detections_from.unwrap_or(if are_probabilities { 0.5 } else { threshold });
    Ok(SlideEvaluationOptions {
        slide_threshold,
        labels: args.annotations.rule(),
        exhaustive: args.annotations.are_exhaustive(),
        detections: DetectionRule::suppression(detections_from),
        keep_left_out: args.keep_left_out,
        probabilities: are_probabilities,
        bootstrap: Bootstrap { resamples: args.resamples, seed: args.seed },
        ..SlideEvaluationOptions::new(threshold, detections_from)
    })
}

/// The file of rows and the table of slides beside it.
fn files(scores: &Path) -> anyhow::Result<(PathBuf, PathBuf)> {
    if !scores.is_dir() {
        return match Format::from_path(scores) {
            Some(_) => Ok((scores.to_owned(), scores.with_file_name(SLIDES))),
            None => bail!("{}: neither a folder of results nor a file of rows", scores.display()),
        };
    }
    let rows = ROWS.map(|name| scores.join(name)).into_iter().find(|rows| rows.is_file());
    let rows = rows.with_context(|| format!("{}: no {}", scores.display(), ROWS.join(", no ")))?;
    Ok((rows, scores.join(SLIDES)))
}

fn read_table(path: &Path) -> anyhow::Result<Vec<SlideRow>> {
    let read = File::open(path).and_then(read_slides);
    read.with_context(|| format!("cannot read {} (`kiln slide report` makes it from rows)", path.display()))
}

fn show(figures: &SlideFigures, out: &Output) {
    let line = |name: &str, value: f64, low: f64, high: f64, remark: &str| {
        out.line(format_args!("{name:<12} {value:.3} [{low:.3}, {high:.3}]  {remark}"));
    };
    let set = |what: &str, figures: &SetFigures| match &figures.metrics {
        Some(metrics) => {
            let (auroc, recall, specificity) = (metrics.auroc, metrics.recall, metrics.specificity);
            out.line(format_args!(
                "{what:<12} {}, {} with tumour, of {} groups; 95 % intervals over groups",
                metrics.n, metrics.anomalous, metrics.groups
            ));
            line("  AUROC", auroc.value, auroc.low, auroc.high, "");
            line("  recall", recall.value, recall.low, recall.high, &format!("at threshold {:.6}", metrics.threshold));
            line("  specificity", specificity.value, specificity.low, specificity.high, "");
            if let Some(caution) = &metrics.intervals.caution {
                out.line(format_args!("  caution    {caution}"));
            }
        }
        None => out.line(format_args!("{what:<12} {}", figures.status)),
    };
    set("slides", &figures.slides);
    set("tiles", &figures.tiles);
    for (count, what) in [(figures.unlabelled_tiles, "without a true label"), (figures.failed_tiles, "without a score")]
    {
        if count > 0 {
            out.line(format_args!("  left out   {count} tiles {what}"));
        }
    }
    let froc = &figures.froc;
    match (froc.score, &froc.interval) {
        (Some(_), Some(interval)) => {
            let remark = "mean sensitivity at the rates below";
            line("FROC", interval.value, interval.low, interval.high, remark);
            if let Some(complete) = froc.complete_score.filter(|complete| Some(*complete) != froc.score) {
                out.line(format_args!(
                    "  {:<10} {complete:.3}  with the lowest score, which CAMELYON16's script drops",
                    "complete"
                ));
            }
            for at in &froc.sensitivities {
                out.line(format_args!(
                    "  {:<10} {:.3}  at {} false positives a slide",
                    "sensitivity", at.sensitivity, at.rate
                ));
            }
            out.line(format_args!(
                "  lesions    {} of {} found, {} false positives on {} slides, {} isolated tumour cells not counted",
                froc.found, froc.lesions, froc.false_positives, froc.slides, froc.isolated
            ));
        }
        _ => out.line(format_args!("FROC         {}", froc.status)),
    }
    let regions = &figures.regions;
    match &regions.interval {
        Some(interval) => {
            let remark =
                format!("{} of {} lesions have a tile at or above the threshold", regions.found, regions.lesions);
            line("regions", interval.value, interval.low, interval.high, &remark);
        }
        None => out.line(format_args!("regions      {}", regions.status)),
    }
    let left_out = figures.left_out.iter().map(|slide| (&slide.slide, &slide.reason));
    let of_froc = froc.left_out.iter().map(|slide| (&slide.slide, &slide.reason));
    for (slide, reason) in left_out.chain(of_froc) {
        out.line(format_args!("left out     {slide}: {reason}"));
    }
}
