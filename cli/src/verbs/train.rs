//! `kiln train`: a configuration and tiles become a run.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args as ClapArgs;
use indicatif::ProgressBar;
use kiln_train::Config;
use kiln_train::training::{Event, Observer, Run, TrainRequest, train};

use super::destination::Destination;
use super::labels;
use crate::exit::Exit;
use crate::output::Output;

/// Train a model from a configuration, and leave a run.
///
/// A run is a folder: the resolved configuration, the split, the best epoch's weights, the history, figures on the
/// test split, pictures and report.html. A training that was killed goes on with --resume, to the same weights.
///
/// Example: kiln train configs/cnn.yaml --data tiles --out runs/cnn --set training.epochs=3
#[derive(ClapArgs)]
pub(crate) struct Args {
    /// The configuration, such as configs/cnn.yaml.
    config: PathBuf,

    /// The tiles: a folder with one subfolder a class, a folder with a tiles.csv, or a CSV (path,label[,group][,split]).
    #[arg(long, value_name = "DIR|CSV")]
    data: Option<PathBuf>,

    /// The run's folder [default: runs/NAME of the configuration].
    #[arg(long, value_name = "RUN")]
    out: Option<PathBuf>,

    /// Change one key of the configuration, as in training.epochs=3. May be given several times.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,

    /// Go on with the training that the run's folder holds.
    #[arg(long)]
    resume: bool,

    /// Use this split (path,label,group,split) instead of one made from the seed, as in another run's split.csv.
    #[arg(long, value_name = "FILE")]
    split_file: Option<PathBuf>,
}

pub(crate) fn run(args: Args, out: &Output) -> anyhow::Result<Exit> {
    let config = Config::read(&args.config, &args.set)?;
    let folder = args.out.unwrap_or_else(|| PathBuf::from("runs").join(&config.name));
    if let Some(data) = args.data.as_ref().or(config.data.path.as_ref()) {
        Destination::new("--out", &folder).is_not_among_tiles(data)?;
    }
    let request = TrainRequest { config, data: args.data, out: folder, resume: args.resume, split: args.split_file };
    let run =
        train(&request, &mut Display::new(out)).map_err(|error| labels::with_origin(error, &args.config, &args.set))?;
    summarise(&run, out)?;
    Ok(Exit::Done)
}

/// The run's figures, for a person or a program.
pub(crate) fn summarise(run: &Run, out: &Output) -> anyhow::Result<()> {
    let metrics = run.metrics()?;
    if out.json {
        return out.document(&serde_json::json!({
            "run": run.layout.root(), "epochs": run.facts.epochs, "best_epoch": run.facts.best_epoch,
            "parameters": run.facts.parameters, "threshold": run.facts.threshold, "labels": run.label_counts()?,
            "metrics": metrics,
        }));
    }
    let interval = |name: &str| {
        let part = |end: &str| metrics.pointer(&format!("/{name}/{end}")).and_then(serde_json::Value::as_f64);
        match (part("value"), part("low"), part("high")) {
            (Some(value), Some(low), Some(high)) => format!("{value:.3} [{low:.3}, {high:.3}]"),
            _ => "not measured".to_owned(),
        }
    };
    out.line(format_args!("run        {}", run.layout.root().display()));
    out.line(format_args!("kept       epoch {} of {}", run.facts.best_epoch, run.facts.epochs));
    out.line(format_args!(
        "AUROC      {}  on {} test tiles, 95 % interval over groups",
        interval("auroc"),
        metrics["n"]
    ));
    out.line(format_args!(
        "colour     {}  AUROC of colour statistics alone on the same tiles",
        interval("baseline/colour_auroc")
    ));
    out.line(format_args!("F1         {}  at threshold {:.4}", interval("f1"), run.facts.threshold.value));
    if let Some(caution) = metrics.pointer("/intervals/caution").and_then(serde_json::Value::as_str) {
        out.line(format_args!("caution    {caution}"));
    }
    out.line(format_args!("report     {}", run.layout.report().display()));
    Ok(())
}

/// A bar on a terminal, a plain line now and then elsewhere.
pub(crate) struct Display<'a> {
    out: &'a Output,
    bar: ProgressBar,
    terminal: bool,
    last_line: Instant,
}

impl<'a> Display<'a> {
    const BETWEEN_LINES: Duration = Duration::from_secs(15);

    pub(crate) fn new(out: &'a Output) -> Self {
        let bar = out.progress(Some(1), "training");
        Self { out, bar, terminal: std::io::stderr().is_terminal(), last_line: Instant::now() }
    }

    fn say(&self, text: String) {
        if self.terminal { self.bar.suspend(|| self.out.note(&text)) } else { self.out.note(text) }
    }
}

impl Observer for Display<'_> {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Labels { labels } => labels::lines(labels).into_iter().for_each(|line| self.say(line)),
            Event::Started { train, val, test, parameters, steps, epochs, resumed_at } => {
                self.say(format!(
                    "{train} training, {val} validation and {test} test tiles; {parameters} weights; up to {epochs} \
                     epochs of {steps} steps"
                ));
                if let Some(step) = resumed_at {
                    self.say(format!("resumed after step {step}"));
                }
            }
            Event::Preparing { what } => self.say((*what).to_owned()),
            Event::Features { done, tiles } => {
                self.bar.set_length(*tiles as u64);
                self.bar.set_prefix("features");
                self.bar.set_position(*done as u64);
                if !self.terminal && self.last_line.elapsed() >= Self::BETWEEN_LINES {
                    self.last_line = Instant::now();
                    self.out.note(format_args!("features of {done}/{tiles} tiles"));
                }
            }
            Event::Step { epoch, step, steps, loss } => {
                self.bar.set_length(*steps as u64);
                self.bar.set_prefix(format!("epoch {epoch}"));
                self.bar.set_position(*step as u64);
                self.bar.set_message(format!("loss {loss:.4}"));
                if !self.terminal && self.last_line.elapsed() >= Self::BETWEEN_LINES {
                    self.last_line = Instant::now();
                    self.out.note(format_args!("epoch {epoch}  step {step}/{steps}  loss {loss:.4}"));
                }
            }
            Event::Epoch { record, best } => {
                let auroc = record.val_auroc.map_or_else(String::new, |value| format!("  val AUROC {value:.4}"));
                let mark = if *best { "  best so far" } else { "" };
                self.say(format!(
                    "epoch {}  train loss {:.4}  val loss {:.4}{auroc}  {:.0} s{mark}",
                    record.epoch, record.train_loss, record.val_loss, record.seconds
                ));
            }
            Event::StageTwo { from } => self
                .say(format!("the classifier has learnt alone: from epoch {from} on, the autoencoder learns with it")),
            Event::StoppedEarly { best_epoch } => {
                self.say(format!("stopped early: no epoch was better than {best_epoch}"))
            }
            Event::Evaluating => {
                self.bar.finish_and_clear();
                self.say("scoring the test split".to_owned());
            }
            _ => {}
        }
    }
}
