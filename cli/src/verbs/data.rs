//! `kiln data`: generates tiles, inspects a data set, and writes a split as a file.

mod inspect;
mod split;

use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, Subcommand};
use kiln_tile::Limits;
use kiln_train::Error;
use kiln_train::data::{self, ColourCheck, Dataset, SlideOptions, SplitPlan, synth};
use serde_json::json;

use super::interval::interval;
use crate::exit::Exit;
use crate::output::Output;

/// The highest AUROC by colour alone that generated tiles may have.
const MOST_COLOUR: f64 = 0.65;

/// Generate synthetic tiles, inspect a data set, or split it.
#[derive(ClapArgs)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Generate H&E-like tiles, benign and anomalous, that differ in structure but not in colour.
    ///
    /// The folder gets one subfolder per class and a tiles.csv with the simulated slide of each tile as its group. The
    /// same seed gives the same files. At the end the AUROC by colour alone is printed: 0.5 is chance, and above 0.65 the
    /// exit status is 1.
    #[command(after_help = "Examples:\n  kiln data synth --out tiles/\n  \
        kiln data synth --out tiles/ --tiles 1000 --seed 8")]
    Synth(SynthArgs),

    /// List a data set's classes, groups, sizes, duplicates and unreadable files, and the AUROC by colour alone.
    ///
    /// The exit status is 2 if a file is not a tile, or if one image has two labels.
    #[command(after_help = "Examples:\n  kiln data inspect tiles/\n  kiln --json data inspect tiles/ | jq .classes")]
    Inspect(InspectArgs),

    /// Split a data set into train, val and test, and write the split as a CSV file (path,label,group,split).
    ///
    /// The tiles of a group stay together, as do identical tiles, and labels are spread evenly. The same seed gives the same
    /// split. `kiln train` makes its own split in this way, unless tiles.csv has a split column, as a copy of this file has.
    /// The columns centre and scanner of a list are kept.
    #[command(after_help = "Examples:\n  kiln data split tiles/ --out split.csv\n  \
        kiln data split tiles/ --out split.csv --fractions 0.7,0.15,0.15 --seed 8")]
    Split(SplitArgs),
}

#[derive(ClapArgs)]
struct SynthArgs {
    /// Folder to create; it must not exist yet.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Number of tiles, half of them anomalous; 12 per slide.
    #[arg(long, value_name = "N", default_value_t = synth::SynthOptions::default().tiles)]
    tiles: usize,

    /// Seed of the tiles; another seed gives other tissue.
    #[arg(long, value_name = "N", default_value_t = synth::SynthOptions::default().seed)]
    seed: u64,
}

#[derive(ClapArgs)]
struct InspectArgs {
    /// Data set: a folder with one subfolder per class, a folder with a tiles.csv, a CSV file, or the list of `kiln slide
    /// tile`.
    #[arg(value_name = "DIR|CSV")]
    data: PathBuf,

    /// Label that the colour check takes as anomalous [default: `anomalous`, else the last one by name].
    #[arg(long, value_name = "LABEL")]
    positive: Option<String>,

    /// Label that counts as normal; may be repeated [default: benign, normal, healthy, negative, colon_n].
    #[arg(long, value_name = "LABEL")]
    normal: Vec<String>,
}

#[derive(ClapArgs)]
struct SplitArgs {
    /// Data set: a folder with one subfolder per class, a folder with a tiles.csv, a CSV file, or the list of `kiln slide
    /// tile`.
    #[arg(value_name = "DIR|CSV")]
    data: PathBuf,

    /// CSV file to write [default: split.csv in the data set's folder].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Fractions of train, val and test; their sum is 1.
    #[arg(long, value_name = "TRAIN,VAL,TEST", value_delimiter = ',', default_values_t = SplitPlan::FRACTIONS)]
    fractions: Vec<f64>,

    /// Seed of the split; another seed gives another split.
    #[arg(long, value_name = "N", default_value_t = 7)]
    seed: u64,

    /// Replace the file if it exists.
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(args: Args, out: &Output) -> anyhow::Result<Exit> {
    match args.action {
        Action::Synth(args) => synthesise(&args, out),
        Action::Inspect(args) => inspect::inspect(&args, out),
        Action::Split(args) => split::split(&args, out),
    }
}

fn synthesise(args: &SynthArgs, out: &Output) -> anyhow::Result<Exit> {
    let bar = out.progress(Some(args.tiles as u64), "drawing");
    let options = synth::SynthOptions { tiles: args.tiles, seed: args.seed };
    let dataset = synth::write(&args.out, &options, &|| bar.inc(1)).map_err(Error::from)?;
    bar.finish_and_clear();
    let inspection = data::inspect(&dataset, None, Limits::default(), &|| {}).map_err(Error::from)?;
    let slides = inspection.groups.len();
    if out.json {
        out.document(&json!({
            "data": args.out.to_string_lossy(), "tiles": inspection.tiles, "groups": slides, "seed": args.seed,
            "classes": inspection.classes, "colour": inspection.colour, "data_sha256": inspection.data_sha256,
        }))?;
    }
    out.line(format_args!("drawn      {} tiles of {slides} slides in {}", inspection.tiles, args.out.display()));
    out.line(format_args!("colour     {}", colour(inspection.colour.as_ref())));
    if inspection.colour.is_some_and(|colour| colour.auroc.value > MOST_COLOUR) {
        out.note(format_args!(
            "error: colour alone separates the classes (AUROC over {MOST_COLOUR})\nhint: choose another seed with --seed"
        ));
        return Ok(Exit::CheckFailed);
    }
    Ok(Exit::Done)
}

/// A data set of files, or of slides at the resolution that the places of the list have.
fn open(data: &Path) -> Result<Dataset, Error> {
    let options = SlideOptions { openslide: crate::environment::variable("KILN_OPENSLIDE"), ..SlideOptions::default() };
    Ok(Dataset::open_with(data, &options)?)
}

fn colour(check: Option<&ColourCheck>) -> String {
    match check {
        Some(ColourCheck { auroc, positive, folds }) => format!(
            "AUROC {} for `{positive}` by colour statistics alone, {folds} folds by group; 0.5 is chance",
            interval(*auroc)
        ),
        None => "not measured: it needs two classes, each in several groups".to_owned(),
    }
}
