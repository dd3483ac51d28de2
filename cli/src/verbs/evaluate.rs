//! `kiln evaluate`: metrics with intervals for a run or a bundle, on its own test split or on other data.

mod bundle;
mod part;
mod reconstruction;
mod report;
mod run;
mod show;
mod subgroups;
mod subject;

use std::path::PathBuf;

use kiln_runtime::Providers;
use kiln_tile::SizePolicy;
use kiln_train::config::SubgroupKey;

use crate::destination::{Destination, Refused};
use crate::exit::Exit;
use crate::output::Output;
use crate::verbs::number::resamples;
use part::Part;
use subject::Subject;

/// Measure a run or a bundle: AUROC and other metrics, each with a 95 % interval over groups.
///
/// A run is measured through burn on its own test split; a bundle through ONNX Runtime. The AUROC by colour alone on the
/// same tiles is printed beside the model's. On a data set other than the training's, all tiles are measured, at the
/// threshold that was chosen on the validation split of the training: nothing is tuned on them. A bundle does not contain
/// its split: for the tiles of its training, give the run's split.csv with --split-file, or a list with a split column.
/// Such a list is measured on its test split, whatever its origin; --split all measures every tile.
///
/// With --out, the folder gets metrics.json, roc_pr.png, scores.png and report.html. Files of these names are replaced only if
/// nothing else is there.
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
    #[arg(long, value_name = "SPLIT", value_parser = Part::parse)]
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

    /// Bundle only: treatment of tiles that are not 256x256: resize, center_crop or error [default: the bundle's].
    #[arg(long, value_name = "POLICY")]
    size_policy: Option<SizePolicy>,

    /// Number of bootstrap resamples behind each interval, 40 to 1,000,000.
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = resamples)]
    resamples: usize,

    /// Seed of the bootstrap.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

pub(crate) fn run(args: Args, out: &Output) -> anyhow::Result<Exit> {
    let is_bundle = args.subject.join("manifest.json").is_file();
    refuse_inputs(&args, is_bundle)?;
    let subject = if is_bundle { Subject::from_bundle(&args, out)? } else { Subject::from_run(&args, out)? };
    let evaluation = subject.evaluation(&args);
    let findings = evaluation.measure()?;
    show::show(&args, &subject, &findings.metrics, out)?;
    let exit = if subject.failed == 0 { Exit::Done } else { Exit::Input };
    let write = |folder: &PathBuf| report::write(folder, &subject, &evaluation, &findings);
    exit.after_report(args.out.iter().try_for_each(write), out)
}

/// Refuses an `--out` that is the run, is in the bundle or among the tiles, is the list or split that is read, or in which
/// another thing's file of one of the names would be replaced.
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
    args.split_file.iter().try_for_each(|file| target.is_not("the file", file))?;
    target.replaces_only(&report::FILES)
}
