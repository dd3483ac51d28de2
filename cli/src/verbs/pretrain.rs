//! `kiln pretrain`: trains a backbone without labels, and writes its weights.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use kiln_train::pretraining::{PretrainConfig, PretrainEvent, PretrainRequest, Pretrained, facts_file, pretrain};

use super::labels;
use super::steps::Steps;
use crate::destination::Destination;
use crate::exit::Exit;
use crate::memory;
use crate::output::Output;

/// Train a backbone on tiles without labels, and write its weights.
///
/// The file is for `model.backbone.weights` of a configuration. Beside it are its SHA-256 (WEIGHTS.sha256), its record (tiles,
/// configuration, loss and spread of each epoch; WEIGHTS.json), and a list of the tiles that it has learnt from
/// (WEIGHTS.seen.txt): a training on these weights refuses them in its test split. Labels are ignored and may be missing. Of
/// a list with splits only the training tiles are used.
#[derive(ClapArgs)]
#[command(after_help = "Examples:\n  kiln data split tiles/ --out split.csv\n  \
    kiln pretrain configs/pretrain.yaml --data tiles/ --split-file split.csv --out tissue.bpk\n  \
    kiln train configs/transfer.yaml --data tiles/ --split-file split.csv --set model.backbone.weights=tissue.bpk")]
pub(crate) struct Args {
    /// Configuration file (YAML), such as configs/pretrain.yaml.
    config: PathBuf,

    /// Tiles: a folder with tiles or with subfolders of tiles, a folder with a tiles.csv, a CSV file
    /// (path[,label][,group][,split]), or the list of `kiln slide tile` [default: data.path of the configuration].
    #[arg(long, value_name = "DIR|CSV")]
    data: Option<PathBuf>,

    /// CSV file with the split of the same tiles, such as a run's split.csv: its validation and test tiles are not used
    /// [default: the list's column split, else all tiles].
    #[arg(long, value_name = "FILE")]
    split_file: Option<PathBuf>,

    /// File of weights to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// Set one key of the configuration, such as training.epochs=3; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

pub(crate) fn run(args: Args, out: &Output) -> anyhow::Result<Exit> {
    memory::keep_freed_blocks();
    let config = PretrainConfig::read(&args.config, &args.set)?;
    if let Some(data) = args.data.as_ref().or(config.data.path.as_ref()) {
        Destination::new("--out", &args.out).is_not_among_tiles(data)?;
    }
    let openslide = crate::environment::variable("KILN_OPENSLIDE");
    let request = PretrainRequest { config, data: args.data, split: args.split_file, out: args.out, openslide };
    let mut display = Steps::new(out, "pre-training");
    let pretrained = pretrain(&request, &mut |event| show(event, &mut display))
        .map_err(|error| labels::with_origin(error, &args.config, &args.set))?;
    display.finish();
    summarise(&pretrained, out)?;
    Ok(Exit::Done)
}

/// Prints the result, as lines or as JSON.
fn summarise(pretrained: &Pretrained, out: &Output) -> anyhow::Result<()> {
    let facts = &pretrained.facts;
    let (loss, spread) = facts.epochs.last().map_or((f64::NAN, f64::NAN), |epoch| (epoch.loss, epoch.spread));
    let caution = facts.caution();
    if out.json {
        return out.document(&serde_json::json!({
            "weights": pretrained.weights.to_string_lossy(), "sha256": facts.weights_sha256, "tiles": facts.tiles,
            "left_out": facts.left_out, "epochs": facts.epochs.len(), "loss": loss, "spread": spread,
            "collapsed": facts.collapsed, "caution": caution,
        }));
    }
    out.line(format_args!("weights    {}", pretrained.weights.display()));
    out.line(format_args!("sha256     {}", facts.weights_sha256));
    out.line(format_args!("loss       {loss:.4}  from -1 (the variations of a tile agree) to 1"));
    out.line(format_args!("spread     {spread:.3}  of the projections: 1 is spread, 0 is collapsed"));
    if let Some(caution) = caution {
        out.line(format_args!("caution    {caution}"));
    }
    out.line(format_args!("record     {}", facts_file(&pretrained.weights).display()));
    Ok(())
}

/// Shows an event of a pre-training.
fn show(event: &PretrainEvent<'_>, display: &mut Steps<'_>) {
    match event {
        PretrainEvent::Preparing { what } => display.say(what),
        PretrainEvent::NoSplit => display.say(
            "caution: no split is stated, so all tiles are used, and a training on these weights needs other test tiles\n\
             hint: state a split in a column `split`, or with --split-file",
        ),
        PretrainEvent::Started { tiles, left_out, parameters, steps, epochs } => {
            let rest = if *left_out > 0 {
                format!(" ({left_out} of the validation and test splits are left out)")
            } else {
                String::new()
            };
            display.say(format!("{tiles} tiles{rest}; {parameters} parameters; {epochs} epochs of {steps} steps"));
        }
        PretrainEvent::Step { epoch, step, steps, loss } => display.step(*epoch, *step, *steps, *loss),
        PretrainEvent::Epoch { record } => display.say(format!(
            "epoch {}  loss {:.4}  spread {:.3}  {:.0} s",
            record.epoch, record.loss, record.spread, record.seconds
        )),
        PretrainEvent::Recalibrating => display.say("measuring the figures of batch normalisation"),
        _ => {}
    }
}
