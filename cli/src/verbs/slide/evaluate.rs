//! `kiln slide evaluate`: figures over slides, from the rows of a scoring and annotations.

mod truth;

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use kiln_runtime::score::{Format, ScoreRow};
use kiln_runtime::{Bundle, DecisionRule};
use kiln_slide::lesion::DetectionRule;
use kiln_slide::{SlideRow, SlideRule, read_slides};
use kiln_train::evaluation::Patients;
use kiln_train::evaluation::slides::{ScoredSlide, SetFigures, SlideEvaluationOptions, SlideEvaluator, SlideFigures};
use kiln_train::metrics::Bootstrap;
use serde::Serialize;

use self::truth::without_scores;
use super::annotations::AnnotationArgs;
use super::grid::finite;
use super::report::{Rows, SLIDES, by_slide, slide_rule};
use crate::exit::Exit;
use crate::output::Output;

/// Names of the file of rows in a folder of results.
const ROWS: [&str; 3] = ["tiles.csv", "tiles.jsonl", "tiles.parquet"];

/// Annotation files without a scored slide that are named in the text; the JSON names all.
const NAMED: usize = 3;

/// Measure a model on annotated slides: AUROC by slide and by tile, FROC, and the true-positive rate of regions.
///
/// Nothing is scored, and no slide is opened: the rows of `kiln score BUNDLE SLIDES --out DIR` are compared with the
/// annotations. A slide is positive if tumour is annotated on it. FROC follows CAMELYON16: sensitivity on lesions, averaged at
/// 1/4, 1/2, 1, 2, 4 and 8 false positives a slide. Intervals of 95 % resample patients, or slides if patients are unknown. A
/// slide without a score is named and left out, and the exit status is then 2. Annotations with tumour whose slides were not
/// scored are counted as not_scored: the figures are those of the other slides.
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

    /// Rule of the slides' scores, which must be the one in slides.csv [default: that of slides.csv, else the bundle's].
    #[arg(long, value_name = "RULE")]
    slide_rule: Option<SlideRule>,

    /// CSV file with the columns slide and patient, which lists all slides that have a score; a slide is named by its
    /// path or file name, with or without the ending.
    #[arg(long, value_name = "FILE")]
    patients: Option<PathBuf>,

    /// Lowest score of a detection in FROC [default: 0.5 for probabilities, else the bundle's threshold].
    #[arg(long, value_name = "SCORE", value_parser = finite, allow_negative_numbers = true)]
    detections_from: Option<f64>,

    /// Include test_049 and test_114 in FROC, which CAMELYON16 takes out of the evaluation.
    #[arg(long)]
    keep_left_out: bool,

    /// Number of bootstrap resamples behind each interval, 40 to 1,000,000.
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = crate::verbs::number::resamples)]
    resamples: usize,

    /// Seed of the bootstrap.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

/// The JSON document.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(serialize_with = "kiln_files::text::lossy")]
    bundle: &'a Path,
    #[serde(serialize_with = "kiln_files::text::lossy")]
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
    let (rows, table_file) = files(&args.scores)?;
    let table = Table::read(&table_file)?;
    let slide_rule = table.rule(args.slide_rule, &bundle)?;
    let patients = args.patients.as_deref().map(Patients::read).transpose()?.unwrap_or_default();
    let slides: Vec<PathBuf> = table.rows.iter().map(|row| PathBuf::from(&row.slide)).collect();
    if let Some(file) = &args.patients {
        // No interval uses a slide without a score, so it needs no patient.
        let is_used = |row: &&SlideRow| row.is_ok() && row.score.is_some() || patients.of_slide(&row.slide).is_some();
        patients.check(file, &table.rows.iter().filter(is_used).map(|row| row.slide.as_str()).collect::<Vec<_>>())?;
    }
    args.annotations.check(&slides)?;
    args.annotations.note_unused(&slides, out)?;
    let mut evaluator = SlideEvaluator::new(options(args, slide_rule, &rule)?)?;
    let mut with_rows = HashSet::new();
    let bar = out.progress(Some(table.rows.len() as u64), "evaluate");
    for found in by_slide(&rows, &rule)? {
        let found = found?;
        let slide = found.slide.as_str();
        let Some(row) = table.rows.iter().find(|row| row.slide == slide) else {
            bail!("{SLIDES} has no row for {slide}\nhint: make it again with `kiln slide report`");
        };
        match (row.score.filter(|_| row.is_ok()), row.mpp) {
            (Some(score), Some(mpp)) => {
                check_score(row, score, &found, (slide_rule, &rule, mpp))
                    .with_context(|| table_file.display().to_string())?;
                let read = args.annotations.read(Path::new(slide), row.origin())?;
                let mut annotations = read.context("no annotations were read")?;
                if let Some(size) = row.size() {
                    annotations.check_bounds(size).with_context(|| format!("annotations of {slide}"))?;
                }
                for doubt in annotations.doubts() {
                    out.note(format_args!("{slide}: {doubt}"));
                }
                let place = |row: &ScoreRow| Some((row.tile.as_ref()?.place, row.score));
                let tiles: Vec<_> = found.rows.iter().filter_map(place).collect();
                let group = patients.of_slide(slide).unwrap_or(slide);
                let (score, annotations) = (f64::from(score), &annotations);
                evaluator.add(&ScoredSlide { slide, group, score, mpp, tiles: &tiles, annotations })?;
            }
            _ => evaluator.leave_out(slide, &row.status),
        }
        with_rows.insert(found.slide);
        bar.inc(1);
    }
    for row in table.rows.iter().filter(|row| !with_rows.contains(&row.slide)) {
        match row.is_ok() {
            true => evaluator.leave_out(&row.slide, &format!("no_rows: {} has no row of this slide", rows.display())),
            false => evaluator.leave_out(&row.slide, &row.status),
        }
    }
    without_scores(&args.annotations, &table.rows)?.into_iter().for_each(|file| evaluator.not_scored(file));
    bar.finish_and_clear();
    let figures = evaluator.finish()?;
    if out.json {
        out.document(&Document { bundle: &args.bundle, scores: &args.scores, figures: &figures })?;
    } else {
        show(&figures, out);
    }
    Ok(if figures.left_out.is_empty() { Exit::Done } else { Exit::Input })
}

fn options(args: &Args, of_slides: SlideRule, rule: &DecisionRule) -> anyhow::Result<SlideEvaluationOptions> {
    let threshold = rule.threshold();
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
    let found: Vec<PathBuf> = ROWS.map(|name| scores.join(name)).into_iter().filter(|rows| rows.is_file()).collect();
    match found.as_slice() {
        [rows] => Ok((rows.clone(), scores.join(SLIDES))),
        [] => bail!("{}: no {}", scores.display(), ROWS.join(", no ")),
        [one, other, ..] => bail!(
            "{} and {} may be of two runs; name the file of rows that {SLIDES} was made from",
            one.display(),
            other.display()
        ),
    }
}

/// `slides.csv`: one row for each slide, all scored by one rule.
struct Table {
    path: PathBuf,
    rows: Vec<SlideRow>,
}

impl Table {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let rows = File::open(path).and_then(read_slides);
        let rows =
            rows.with_context(|| format!("cannot read {} (`kiln slide report` makes it from rows)", path.display()))?;
        let mut seen = HashSet::new();
        if let Some(row) = rows.iter().find(|row| !seen.insert(row.slide.clone())) {
            bail!("{}: {} has two rows\nhint: make it again with `kiln slide report`", path.display(), row.slide);
        }
        Ok(Self { path: path.to_owned(), rows })
    }

    /// The rule of the scores. Tables of earlier versions do not state it: it is then the requested one, else the bundle's.
    fn rule(&self, asked: Option<SlideRule>, bundle: &Bundle) -> anyhow::Result<SlideRule> {
        let mut rules = self.rows.iter().filter_map(|row| row.rule);
        let Some(rule) = rules.next() else { return slide_rule(asked, bundle) };
        if let Some(other) = rules.find(|other| *other != rule) {
            bail!(
                "{}: scores of two rules, {rule} and {other}\nhint: make it again with `kiln slide report`",
                self.path.display()
            );
        }
        match asked {
            Some(asked) if asked != rule => bail!(
                "{}: the scores are by the rule {rule}, not {asked}\nhint: make it again with `kiln slide report \
                 --slide-rule {asked}`",
                self.path.display()
            ),
            _ => Ok(rule),
        }
    }
}

/// Compares a slide's score and its number of tiles with its rows. Rows without the slide's size are of an earlier version,
/// whose areas are not checked.
fn check_score(
    row: &SlideRow,
    score: f32,
    found: &Rows,
    (slide_rule, rule, mpp): (SlideRule, &DecisionRule, f64),
) -> anyhow::Result<()> {
    let slide = &row.slide;
    let (tiles, failed) = found.counts();
    if (row.tiles, row.failed) != (tiles, failed) {
        bail!(
            "{slide} has {} tiles, {} without a score, but its rows are {tiles} tiles, {failed} without a score\nhint: make \
             it again with `kiln slide report`",
            row.tiles,
            row.failed
        );
    }
    let spacing = match row.size() {
        Some(size) => found.spacing(None, size).with_context(|| format!("rows of {slide}"))?,
        None if matches!(slide_rule, SlideRule::TumourArea { .. }) => return Ok(()),
        None => 1,
    };
    let expected = found.score(slide_rule, rule, (spacing, mpp))?.score;
    if expected.is_none_or(|expected| (expected - score).abs() > 1e-4 * expected.abs().max(1e-2)) {
        let expected = expected.map_or_else(|| "none".to_owned(), |expected| expected.to_string());
        bail!(
            "{slide} has the score {score}, but the rule {slide_rule} over its rows gives {expected}\nhint: make it again \
             with `kiln slide report`"
        );
    }
    Ok(())
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
            for caution in [&metrics.caution, &metrics.intervals.caution].into_iter().flatten() {
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
    if !figures.not_scored.is_empty() {
        let (count, names) = (figures.not_scored.len(), figures.not_scored.iter().take(NAMED).map(String::as_str));
        let names: Vec<_> = names.collect();
        let more = if count > NAMED { ", …" } else { "" };
        out.line(format_args!(
            "not scored   {count} annotation files with tumour have no scored slide: {}{more}; the figures are those of the \
             other slides",
            names.join(", ")
        ));
    }
    let left_out = figures.left_out.iter().map(|slide| (&slide.slide, &slide.reason));
    let of_froc = froc.left_out.iter().map(|slide| (&slide.slide, &slide.reason));
    for (slide, reason) in left_out.chain(of_froc) {
        out.line(format_args!("left out     {slide}: {reason}"));
    }
}
