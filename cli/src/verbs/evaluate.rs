//! `kiln evaluate`: metrics with intervals for a run or a bundle, on its own test split or on other data.

mod reconstruction;
mod subgroups;

use std::path::{Path, PathBuf};
use std::slice::from_mut;

use anyhow::bail;
use kiln_files::publish;
use kiln_files::text::escaped;
use kiln_runtime::score::{self, PipelineOptions};
use kiln_runtime::{Bundle, DecisionRule, Providers, Session, SessionOptions, library};
use kiln_tile::Decoder;
use kiln_train::Error;
use kiln_train::config::SubgroupKey;
use kiln_train::data::{self, Dataset, LabelCount, SlideOptions, Split, SplitPlan};
use kiln_train::evaluation::{Evaluation, Findings, check_labels, require_columns, save, score_run};
use kiln_train::metrics::{Bootstrap, ColourClusters, Failures, Interval, Metrics};
use kiln_train::report::{self, Report};
use kiln_train::training::Run;
use serde::Serialize;

use crate::destination::{Destination, Refused};
use crate::exit::Exit;
use crate::output::Output;
use crate::verbs::number::cores;

/// Measure a run or a bundle: AUROC and other metrics, each with a 95 % interval over groups.
///
/// A run is measured through burn on its own test split; a bundle through ONNX Runtime. The AUROC by colour alone on the
/// same tiles is printed beside the model's. On a data set other than the training's, all tiles are measured, at the
/// threshold that was chosen on the validation split of the training: nothing is tuned on them. A bundle does not contain
/// its split: for the tiles of its training, give the run's split.csv with --split-file, or a list with a split column.
///
/// With --out, the folder gets metrics.json, roc_pr.png, scores.png and report.html.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiln evaluate runs/cnn\n  \
    kiln evaluate bundle/ --data tiles/ --split-file runs/cnn/split.csv --out evaluation/\n  \
    kiln --json evaluate bundle/ --data other-hospital/ | jq .auroc")]
pub(crate) struct Args {
    /// Run or bundle to measure.
    #[arg(value_name = "RUN|BUNDLE")]
    subject: PathBuf,

    /// Data set: a folder with one subfolder per class, a folder with a tiles.csv, a CSV file, or the list of `kiln slide
    /// tile`; required for a bundle [default: the run's data set].
    #[arg(long, value_name = "DIR|CSV")]
    data: Option<PathBuf>,

    /// Split to measure: train, val, test or all [default: test; all for a data set other than the training's].
    #[arg(long, value_name = "SPLIT", value_parser = part)]
    split: Option<Part>,

    /// CSV file with the split, such as split.csv of the run that a bundle was exported from.
    #[arg(long, value_name = "FILE")]
    split_file: Option<PathBuf>,

    /// Also measure subgroups of tiles: columns of the list, such as centre, or colour (pink and purple tiles)
    /// [default: the subgroups of the run].
    #[arg(long, value_name = "KEYS", value_delimiter = ',')]
    subgroups: Vec<SubgroupKey>,

    /// Folder to write metrics.json, figures and report.html into.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Bundle only: execution provider to run on, such as cpu, cuda, tensorrt or openvino. A single name never falls back;
    /// a list such as `cuda,cpu` allows it; @FILE is a YAML list with options [default: cpu].
    #[arg(long, value_name = "LIST|@FILE")]
    provider: Option<Providers>,

    /// Bundle only: precision to run: fp32, fp16, int8 [default: fp32].
    #[arg(long, value_name = "NAME")]
    precision: Option<String>,

    /// Number of bootstrap resamples behind each interval.
    #[arg(long, value_name = "N", default_value_t = 2000)]
    resamples: usize,

    /// Seed of the bootstrap.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

/// The tiles to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    All,
    Of(Split),
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Of(split) => split.name(),
        }
    }
}

fn part(text: &str) -> Result<Part, String> {
    let split = Split::ALL.into_iter().find(|split| split.name() == text).map(Part::Of);
    split.or((text == "all").then_some(Part::All)).ok_or_else(|| "train, val, test or all is expected".to_owned())
}

/// The scores of a run or a bundle, with everything that measuring them needs.
struct Subject {
    name: String,
    part: Part,
    dataset: std::sync::Arc<Dataset>,
    decoder: Decoder,
    classes: Vec<String>,
    normal_classes: Vec<String>,
    scores: Vec<(usize, f64)>,
    squared_errors: Option<Vec<f64>>,
    train: Vec<usize>,
    threshold: f64,
    subgroups: Vec<SubgroupKey>,
    /// The training's division by colour, if it has one.
    clusters: Option<ColourClusters>,
    /// Tiles without a score.
    failed: usize,
    labels: Vec<LabelCount>,
    facts: Vec<(String, String)>,
}

/// The JSON document: `metrics.json`, and the subject of the measurement.
#[derive(Serialize)]
struct Document<'a> {
    subject: &'a Path,
    data: &'a Path,
    split: &'static str,
    failed: usize,
    labels: &'a [LabelCount],
    #[serde(flatten)]
    metrics: &'a Metrics,
}

pub(crate) fn run(args: Args, out: &Output) -> anyhow::Result<Exit> {
    let bundle = args.subject.join("manifest.json").is_file();
    refuse_inputs(&args, bundle)?;
    let subject = if bundle { of_bundle(&args, out)? } else { of_run(&args, out)? };
    let evaluation = Evaluation {
        dataset: &subject.dataset,
        decoder: subject.decoder,
        classes: &subject.classes,
        normal_classes: &subject.normal_classes,
        scores: &subject.scores,
        squared_errors: subject.squared_errors.as_deref(),
        train: &subject.train,
        threshold: subject.threshold,
        subgroups: &subject.subgroups,
        clusters: subject.clusters,
        bootstrap: Bootstrap { resamples: args.resamples, seed: args.seed },
    };
    let findings = evaluation.measure()?;
    show(&args, &subject, &findings.metrics, out)?;
    let exit = if subject.failed == 0 { Exit::Done } else { Exit::Input };
    exit.after_report(args.out.iter().try_for_each(|folder| leave(folder, &subject, &evaluation, &findings)), out)
}

/// Refuses an `--out` that is the run, is in the bundle or among the tiles, or is the list or split that is read.
fn refuse_inputs(args: &Args, is_bundle: bool) -> Result<(), Refused> {
    let Some(folder) = &args.out else { return Ok(()) };
    let target = Destination::new("--out", folder);
    if is_bundle {
        target.is_not_in("the bundle", &args.subject)?;
    } else {
        target.is_not("the run", &args.subject)?;
    }
    if let Some(data) = &args.data {
        target.is_not_among_tiles(data)?;
    }
    args.split_file.iter().try_for_each(|file| target.is_not("the file", file))
}

/// Scores of a run's tiles, through burn.
fn of_run(args: &Args, out: &Output) -> anyhow::Result<Subject> {
    if args.provider.is_some() || args.precision.is_some() {
        bail!(
            "--provider and --precision are for a bundle, but {} is not one (it has no manifest.json)",
            args.subject.display()
        );
    }
    let mut run = Run { openslide: crate::environment::variable("KILN_OPENSLIDE"), ..Run::open(&args.subject)? };
    // The list may have these columns beside those of the configuration.
    run.config.subgroups.extend(args.subgroups.iter().cloned());
    let dataset = run.dataset(args.data.as_deref())?;
    require_columns(&dataset, &args.subgroups)?;
    let decoder = Decoder::new(run.config.data.size_policy);
    let part = match &args.data {
        Some(_) => part_of(args, &dataset, decoder, &run.facts.data_sha256, Some(&run), out)?,
        None => args.split.unwrap_or(Part::Of(Split::Test)),
    };
    let of = |split| match &args.split_file {
        Some(file) => SplitPlan::read_csv(&dataset, file).map(|plan| plan.indices(split)).map_err(Error::from),
        None => run.indices(&dataset, split),
    };
    let (indices, train) = match part {
        Part::All => ((0..dataset.len()).collect(), Vec::new()),
        Part::Of(Split::Train) => (of(Split::Train)?, Vec::new()),
        Part::Of(split) => (of(split)?, of(Split::Train)?),
    };
    let known = &run.facts.classes;
    let labels = checked_labels(&dataset, decoder, &indices, &known.names, known.normal_names(), out)?;
    let subgroups = subgroups::measurable(args, &run.config.subgroups, &dataset, out);
    let scored = score_run(&run, &dataset, indices)?;
    let threshold = &run.facts.threshold;
    Ok(Subject {
        name: run.config.name.clone(),
        part,
        decoder,
        classes: run.facts.classes.names.clone(),
        normal_classes: run.facts.classes.normal_names().to_vec(),
        scores: scored.iter().map(|tile| (tile.index, tile.score)).collect(),
        squared_errors: scored.iter().map(|tile| tile.squared_error).collect(),
        train,
        threshold: threshold.value,
        subgroups,
        clusters: run.facts.colour_clusters,
        failed: 0,
        labels,
        facts: facts(
            &dataset,
            args,
            part,
            format!("{} on the {}", threshold.rule, threshold.chosen_on),
            "burn".to_owned(),
        ),
        dataset,
    })
}

/// Scores of tiles, through ONNX Runtime. A tile that cannot be scored is named and left out.
fn of_bundle(args: &Args, out: &Output) -> anyhow::Result<Subject> {
    let bundle = Bundle::open(&args.subject)?;
    let Some(data) = &args.data else {
        bail!(
            "cannot evaluate {}: a bundle does not contain a data set\nhint: name one with --data DIR",
            args.subject.display()
        );
    };
    let manifest = &bundle.manifest;
    let slides = SlideOptions {
        micrometres_per_pixel: manifest.tile.micrometres_per_pixel,
        openslide: crate::environment::variable("KILN_OPENSLIDE"),
        ..SlideOptions::default()
    };
    let columns: Vec<&str> = args.subgroups.iter().filter_map(SubgroupKey::column).collect();
    let dataset = std::sync::Arc::new(Dataset::open_with_columns(data, &slides, &columns).map_err(Error::from)?);
    require_columns(&dataset, &args.subgroups)?;
    // The colour baseline is measured on tiles before stain normalisation.
    let decoder = Decoder::new(manifest.tile.size_policy);
    let brings_split = dataset.entries.iter().all(|entry| entry.split.is_some());
    let part = match args.split {
        None if brings_split => Part::Of(Split::Test),
        _ => part_of(args, &dataset, decoder, &manifest.provenance.data_sha256, None, out)?,
    };
    let (indices, train) = bundle_indices(args, part, &dataset)?;
    let labels = checked_labels(&dataset, decoder, &indices, &manifest.classes, &manifest.normal_classes, out)?;
    let mut session = open(args, &bundle, out)?;
    let rule = DecisionRule::from_manifest(manifest);
    let workers = cores();
    let options = PipelineOptions { batch: PipelineOptions::DEFAULT_BATCH, workers };
    let decoding = manifest.tile.decoder();
    let bar = out.progress(Some(indices.len() as u64), "score");
    let (mut scores, mut failed, mut next) = (Vec::with_capacity(indices.len()), 0, indices.iter());
    let source = dataset.tiles(&indices, decoding);
    score::run(from_mut(&mut session), &rule, &source, &options, &mut |row| {
        bar.inc(1);
        match (next.next(), row.score) {
            (Some(&index), Some(score)) => scores.push((index, f64::from(score))),
            _ => {
                failed += 1;
                out.note(format_args!("{}: {}", escaped(&row.path), row.status));
            }
        }
        Ok(())
    })?;
    bar.finish_and_clear();
    let scored: Vec<usize> = scores.iter().map(|(index, _)| *index).collect();
    let squared_errors = reconstruction::squared_errors(&mut session, &decoding, &dataset, &scored, out)?;
    let threshold = &manifest.threshold;
    let nodes: Vec<String> = session.nodes().iter().map(|(name, count)| format!("{count} nodes on {name}")).collect();
    Ok(Subject {
        name: manifest.model.name.clone(),
        part,
        decoder,
        classes: manifest.classes.clone(),
        normal_classes: manifest.normal_classes.clone(),
        scores,
        squared_errors,
        train,
        threshold: threshold.value,
        subgroups: args.subgroups.clone(),
        clusters: None,
        failed,
        labels,
        facts: facts(
            &dataset,
            args,
            part,
            format!("{} on the {}", threshold.rule, threshold.chosen_on),
            format!("ONNX Runtime, {}", nodes.join(", ")),
        ),
        dataset,
    })
}

/// Prints the table of labels before anything is scored, and refuses tiles that this model cannot be measured on.
fn checked_labels(
    dataset: &Dataset,
    decoder: Decoder,
    indices: &[usize],
    classes: &[String],
    normal: &[String],
    out: &Output,
) -> anyhow::Result<Vec<LabelCount>> {
    let labels = check_labels(dataset, indices, classes, normal)?;
    data::check_masks(dataset, &decoder).map_err(Error::from)?;
    super::labels::lines(&labels).iter().for_each(|line| out.note(line));
    if dataset.unlabelled > 0 {
        out.note(super::labels::unlabelled(dataset.unlabelled));
    }
    Ok(labels)
}

/// The part that was asked for, else the test split of the training's data set, or all tiles of another one. `trained_on`
/// is the digest of the training's data set; `run` is its run, if known.
fn part_of(
    args: &Args,
    dataset: &Dataset,
    decoder: Decoder,
    trained_on: &str,
    run: Option<&Run>,
    out: &Output,
) -> anyhow::Result<Part> {
    if let Some(part) = args.split {
        return Ok(part);
    }
    let test = Part::Of(Split::Test);
    if args.split_file.is_some() {
        return Ok(test);
    }
    let digests = data::tile_digests(dataset, &decoder).map_err(Error::from)?;
    if data::dataset_digest(dataset, &digests) == trained_on {
        return Ok(test);
    }
    if let Some(run) = run {
        refuse_seen(run, dataset, &run.seen(&digests)?)?;
    }
    out.note(format_args!(
        "{} is not the data set of the training, so all its tiles are measured",
        dataset.root.display()
    ));
    Ok(Part::All)
}

/// Refuses to measure a model on tiles that it was trained on, unless `--split` was given.
fn refuse_seen(run: &Run, dataset: &Dataset, seen: &[usize]) -> anyhow::Result<()> {
    let Some(&first) = seen.first() else { return Ok(()) };
    bail!(
        "{} is not the data set of the training, but contains training or validation tiles of the run {} \
         ({}, the first is {})\nhint: leave them out, or measure all tiles nevertheless with --split all",
        dataset.root.display(),
        run.layout.root().display(),
        seen.len(),
        data::shown(&dataset.entries[first].path.to_string_lossy())
    );
}

/// The tiles to measure, and the tiles to fit the colour baseline on.
fn bundle_indices(args: &Args, part: Part, dataset: &Dataset) -> anyhow::Result<(Vec<usize>, Vec<usize>)> {
    let Part::Of(split) = part else { return Ok(((0..dataset.len()).collect(), Vec::new())) };
    let splits: Vec<Option<Split>> = match &args.split_file {
        Some(file) => {
            SplitPlan::read_csv(dataset, file).map_err(Error::from)?.assignments.into_iter().map(Some).collect()
        }
        None => dataset.entries.iter().map(|entry| entry.split).collect(),
    };
    if splits.iter().any(Option::is_none) {
        bail!(
            "{} does not assign every tile to a split, so its {} split is unknown\nhint: give the run's split.csv with \
             --split-file, or measure all tiles with --split all",
            dataset.root.display(),
            split.name()
        );
    }
    let of = |wanted| (0..splits.len()).filter(|&at| splits[at] == Some(wanted)).collect();
    Ok((of(split), if split == Split::Train { Vec::new() } else { of(Split::Train) }))
}

fn open(args: &Args, bundle: &Bundle, out: &Output) -> anyhow::Result<Session> {
    let providers = args.provider.clone().map_or_else(|| "cpu".parse(), Ok)?;
    let runtime = library::load(&library::find_for(out.onnxruntime.as_deref(), &providers)?)?;
    let options = SessionOptions { providers, ..SessionOptions::default() };
    let model = bundle.model_path(args.precision.as_deref().unwrap_or("fp32"))?;
    let mut session = Session::open(runtime, &model, &options)?;
    session.select_outputs(DecisionRule::from_manifest(&bundle.manifest).outputs())?;
    for (provider, reason) in session.skipped() {
        out.note(format_args!("{provider} was skipped: {reason}"));
    }
    Ok(session)
}

fn facts(dataset: &Dataset, args: &Args, part: Part, threshold: String, scored_by: String) -> Vec<(String, String)> {
    let fact = |name: &str, value: String| (name.to_owned(), value);
    let data = dataset.root.file_name().map_or_else(|| ".".into(), |name| name.to_string_lossy());
    vec![
        fact("Data", data.into_owned()),
        fact("Split", part.name().to_owned()),
        fact("Threshold chosen by", threshold),
        fact("Scored by", scored_by),
        fact("Bootstrap seed", args.seed.to_string()),
    ]
}

/// Writes `metrics.json`, the figures and the report.
fn leave(folder: &Path, subject: &Subject, evaluation: &Evaluation<'_>, findings: &Findings) -> anyhow::Result<()> {
    let json = serde_json::to_vec_pretty(&findings.metrics)?;
    let path = folder.join("metrics.json");
    publish::write_file(&path, &json).map_err(|source| Error::Io { path, source })?;
    let figures = save(evaluation.figures(findings)?, folder)?;
    let report = Report {
        title: format!("{}, evaluated", subject.name),
        summary: format!(
            "{} tiles of the {} split were scored; {} had no score. For research; not for diagnosis.",
            findings.metrics.n,
            subject.part.name(),
            subject.failed
        ),
        facts: subject.facts.clone(),
        metrics: Some(findings.metrics.clone()),
        figures,
        ..Report::default()
    };
    report::write(&folder.join("report.html"), &report).map_err(Error::from)?;
    Ok(())
}

fn show(args: &Args, subject: &Subject, metrics: &Metrics, out: &Output) -> anyhow::Result<()> {
    if out.json {
        let data = &subject.dataset.root;
        let split = subject.part.name();
        return out.document(&Document {
            subject: &args.subject,
            data,
            split,
            failed: subject.failed,
            labels: &subject.labels,
            metrics,
        });
    }
    let interval = |figure: Interval| format!("{:.3} [{:.3}, {:.3}]", figure.value, figure.low, figure.high);
    let row = |name: &str, figure: Interval, remark: &str| {
        out.line(format_args!("{name:<12} {}  {remark}", interval(figure)).to_string().trim_end());
    };
    let normal = metrics.n - metrics.anomalous;
    out.line(format_args!(
        "{} tiles of {} groups, {} anomalous and {normal} normal; 95 % intervals over groups",
        metrics.n, metrics.groups, metrics.anomalous
    ));
    row("AUROC", metrics.auroc, "");
    if let Some(colour) = metrics.baseline.colour_auroc {
        row("  by colour", colour, "colour statistics alone, on the same tiles");
    }
    if let Some(neighbours) = metrics.baseline.neighbours_auroc {
        row("  normal only", neighbours, "distance to normal tiles by colour histograms");
    }
    if let Some(gain) = metrics.baseline.gain {
        row("  gain", gain, "over colour alone");
    }
    row("AUPR", metrics.aupr, "");
    row("accuracy", metrics.accuracy, &format!("at threshold {:.6}", metrics.threshold));
    row("precision", metrics.precision, "");
    row("recall", metrics.recall, "");
    row("specificity", metrics.specificity, "");
    row("F1", metrics.f1, "");
    for (name, figure) in
        [("TPR, 1 % FPR", metrics.tpr_at_1_percent_fpr), ("TPR, 5 % FPR", metrics.tpr_at_5_percent_fpr)]
    {
        if let Some(figure) = figure {
            row(name, figure, "at the threshold with that FPR");
        }
    }
    if let Some(calibration) = &metrics.calibration {
        row("Brier", calibration.brier, "0 is best");
        row("calibration", calibration.ece, "expected calibration error; 0 is best");
    }
    if let Some(reconstruction) = metrics.reconstruction {
        row("MSE normal", reconstruction.mse_normal, "of the reconstruction");
        row("MSE anomal.", reconstruction.mse_anomalous, "");
    }
    if let Some(failures) = &metrics.failures {
        show_failures(failures, out);
    }
    metrics.subgroups.iter().for_each(|found| subgroups::show(found, out));
    if let Some(caution) = &metrics.intervals.caution {
        out.line(format_args!("caution      {caution}"));
    }
    if let Some(folder) = &args.out {
        out.line(format_args!("report       {}", folder.join("report.html").display()));
    }
    Ok(())
}

/// Prints the wrong decisions by label, and the group with the most.
fn show_failures(failures: &Failures, out: &Output) {
    for class in &failures.classes {
        out.line(format_args!("wrong        {} of {} tiles labelled {}", class.wrong, class.n, class.label));
    }
    if let Some(worst) = failures.groups.first() {
        out.line(format_args!(
            "wrong        in {} groups, most in {}: {} of {} tiles",
            failures.groups_with_failures,
            worst.group,
            worst.wrong(),
            worst.n
        ));
    }
}
