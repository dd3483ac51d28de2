//! `kiln train`: trains a model from a configuration and tiles, and writes a run.

use std::error::Error as _;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args as ClapArgs;
use kiln_train::Config;
use kiln_train::features::FeatureBackend;
use kiln_train::metrics::Interval;
use kiln_train::training::{Event, Observer, Run, TrainRequest, train};
use serde::Deserialize as _;

use super::interval::interval;
use super::labels;
use super::steps::Steps;
use crate::destination::Destination;
use crate::exit::Exit;
use crate::hint::hint_of;
use crate::memory;
use crate::output::Output;

/// Train a model from a configuration, and write a run.
///
/// A run is a folder with the resolved configuration, the split, the best epoch's weights, the history, the metrics on the
/// test split, figures and report.html. A training that was interrupted continues with --resume, to the same weights.
#[derive(ClapArgs)]
#[command(after_help = "Examples:\n  kiln train configs/cnn.yaml --data tiles/\n  \
    kiln train configs/cnn.yaml --data tiles/ --out runs/cnn --set training.epochs=3\n  \
    kiln train configs/cnn.yaml --data tiles/ --out runs/cnn --resume\n  \
    kiln train configs/slides.yaml --data tiles.csv")]
pub(crate) struct Args {
    /// Configuration file (YAML), such as configs/cnn.yaml.
    config: PathBuf,

    /// Data set: a folder with one subfolder per class, a folder with a tiles.csv, a CSV file (path,label[,group][,split]), or
    /// the list of `kiln slide tile` [default: data.path of the configuration].
    #[arg(long, value_name = "DIR|CSV")]
    data: Option<PathBuf>,

    /// CSV file with the split (path,label,group,split), such as another run's split.csv [default: a split made from the
    /// seed].
    #[arg(long, value_name = "FILE")]
    split_file: Option<PathBuf>,

    /// Folder of the run [default: runs/NAME, with the configuration's name].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Set one key of the configuration, such as training.epochs=3; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,

    /// Continue the training in the run's folder.
    #[arg(long)]
    resume: bool,
}

pub(crate) fn run(args: Args, out: &Output) -> anyhow::Result<Exit> {
    memory::keep_freed_blocks();
    let config = Config::read(&args.config, &args.set)?;
    config.unused_keys().iter().for_each(|key| out.note(key));
    let folder = args.out.unwrap_or_else(|| PathBuf::from("runs").join(&config.name));
    if let Some(data) = args.data.as_ref().or(config.data.path.as_ref()) {
        Destination::new("--out", &folder).is_not_among_tiles(data)?;
    }
    let openslide = crate::environment::variable("KILN_OPENSLIDE");
    let request = TrainRequest {
        config,
        data: args.data,
        out: folder,
        resume: args.resume,
        openslide,
        split: args.split_file,
        features: feature_backend(out),
    };
    let run = train(&request, &mut Display::new(out, request.resume))
        .map_err(|error| labels::with_origin(error, &args.config, &args.set))?;
    summarise(&run, out)?;
    Ok(Exit::Done)
}

/// ONNX Runtime for the features of frozen backbones, with the library of `--onnxruntime`; loaded only if it is needed.
#[cfg(feature = "export")]
pub(crate) fn feature_backend(out: &Output) -> Option<Arc<dyn FeatureBackend>> {
    Some(Arc::new(kiln_export::OnnxFeatures::new(out.onnxruntime.clone())))
}

/// Without the exporter burn computes the features.
#[cfg(not(feature = "export"))]
pub(crate) fn feature_backend(_out: &Output) -> Option<Arc<dyn FeatureBackend>> {
    None
}

/// Prints the run's metrics, as lines or as JSON.
pub(crate) fn summarise(run: &Run, out: &Output) -> anyhow::Result<()> {
    let metrics = run.metrics()?;
    if out.json {
        return out.document(&serde_json::json!({
            "run": run.layout.root().to_string_lossy(), "epochs": run.facts.epochs, "best_epoch": run.facts.best_epoch,
            "parameters": run.facts.parameters, "threshold": run.facts.threshold, "labels": run.label_counts()?,
            "metrics": metrics,
        }));
    }
    let figure = |name: &str| {
        let found = metrics.pointer(&format!("/{name}")).and_then(|found| Interval::deserialize(found).ok());
        found.map_or_else(|| "not measured".to_owned(), interval)
    };
    out.line(format_args!("run        {}", run.layout.root().display()));
    out.line(format_args!("best       epoch {} of {}", run.facts.best_epoch, run.facts.epochs));
    out.line(format_args!("AUROC      {}  on {} test tiles, 95 % interval over groups", figure("auroc"), metrics["n"]));
    out.line(format_args!(
        "colour     {}  AUROC of colour statistics alone on the same tiles",
        figure("baseline/colour_auroc")
    ));
    out.line(format_args!("F1         {}  at threshold {:.4}", figure("f1"), run.facts.threshold.value));
    if let Some(latent) = metrics.get("latent") {
        latent_line(latent, out);
    }
    for caution in ["/caution", "/intervals/caution", "/latent/caution"] {
        if let Some(caution) = metrics.pointer(caution).and_then(serde_json::Value::as_str) {
            out.line(format_args!("caution    {caution}"));
        }
    }
    out.line(format_args!("report     {}", run.layout.report().display()));
    Ok(())
}

/// Prints how much of its latent space an autoencoder uses.
fn latent_line(latent: &serde_json::Value, out: &Output) {
    let active = latent["active"].as_u64().map(|active| format!("{active} of {} units active", latent["units"]));
    let rebuilt = latent["rebuilt"].as_f64();
    let rebuilt = rebuilt.map(|share| format!("{:.0} % of the variance around one colour rebuilt", 100.0 * share));
    let parts: Vec<String> = active.into_iter().chain(rebuilt).collect();
    if !parts.is_empty() {
        out.line(format_args!("latent     {}", parts.join(", ")));
    }
}

/// One line on why burn computes features, with the command that changes it, if there is one.
fn features_by_burn(reason: &kiln_train::Error) -> String {
    // Only the cause of a backend's error: its purpose is in the line below.
    let cause = reason.source();
    let hint = cause.and_then(hint_of).map_or_else(String::new, |hint| format!("; {hint}"));
    let reason = match cause.and_then(|cause| cause.downcast_ref()) {
        // Without the list of all places that were searched.
        Some(kiln_runtime::Error::NoLibrary { .. }) => "it is not installed".to_owned(),
        _ => kiln_runtime::chain(cause.unwrap_or(reason)),
    };
    format!("burn computes the frozen backbone's features, which is slower than ONNX Runtime: {reason}{hint}")
}

/// The line about a cache of features that cannot be written.
pub(crate) fn no_feature_cache(reason: &kiln_train::Error) -> String {
    format!(
        "the cache of features cannot be written, so the next training computes them again ({}); KILN_CACHE moves it",
        kiln_runtime::chain(reason)
    )
}

/// Progress of a training.
pub(crate) struct Display<'a> {
    steps: Steps<'a>,
    /// `--resume` was given.
    resume: bool,
}

impl<'a> Display<'a> {
    pub(crate) fn new(out: &'a Output, resume: bool) -> Self {
        Self { steps: Steps::new(out, "training"), resume }
    }
}

impl Observer for Display<'_> {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Labels { labels } => labels::lines(labels).into_iter().for_each(|line| self.steps.say(line)),
            Event::Unlabelled { tiles } => self.steps.say(super::labels::unlabelled(*tiles)),
            Event::DividedSlides { slides } => self.steps.say(format!(
                "caution: by the list's split column, {slides} slide(s) have tiles in more than one split, so the figures are \
                 too good: tiles of one slide resemble each other"
            )),
            Event::Started { train, val, test, parameters, steps, epochs, resumed_at } => {
                self.steps.say(format!(
                    "{train} training, {val} validation and {test} test tiles; {parameters} parameters; up to {epochs} \
                     epochs of {steps} steps"
                ));
                match resumed_at {
                    Some(step) => self.steps.say(format!("resumed after step {step}")),
                    None if self.resume => self.steps.say("no checkpoint to resume, so the training begins"),
                    None => {}
                }
            }
            Event::Preparing { what } => self.steps.say(what),
            Event::FeaturesByBurn { reason } => self.steps.say(features_by_burn(reason)),
            Event::NoFeatureCache { reason } => self.steps.say(no_feature_cache(reason)),
            Event::UnlearntLabels { labels } => self.steps.say(format!(
                "caution: no training tile has the label {}, so the model cannot recognise it",
                labels.join(" or ")
            )),
            Event::Features { done, tiles } => {
                self.steps.show("features".to_owned(), [*done, *tiles], format_args!("features of {done}/{tiles} tiles"));
            }
            Event::Step { epoch, step, steps, loss } => self.steps.step(*epoch, *step, *steps, *loss),
            Event::Epoch { record, best } => {
                let auroc = record.val_auroc.map_or_else(String::new, |value| format!("  val AUROC {value:.4}"));
                let mark = if *best { "  best so far" } else { "" };
                self.steps.say(format!(
                    "epoch {}  train loss {:.4}  val loss {:.4}{auroc}  {:.0} s{mark}",
                    record.epoch, record.train_loss, record.val_loss, record.seconds
                ));
            }
            Event::StageTwo { from } => self.steps.say(format!(
                "first stage (classifier alone) done: from epoch {from} on, classifier and autoencoder are trained"
            )),
            Event::StoppedEarly { best_epoch } => {
                self.steps.say(format!("stopped early: no epoch since {best_epoch} was better"))
            }
            Event::Evaluating => {
                self.steps.finish();
                self.steps.say("scoring the test split");
            }
            _ => {}
        }
    }
}
