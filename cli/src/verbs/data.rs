//! `kiln data`: generates tiles, inspects a data set, and writes a split as a file.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::{Args as ClapArgs, Subcommand};
use kiln_tile::{Decoder, Limits, SizePolicy};
use kiln_train::Error;
use kiln_train::data::{self, ColourCheck, Dataset, Inspection, LabelCount, SlideOptions, Split, SplitPlan, synth};
use kiln_train::training::classes;
use serde::Serialize;
use serde_json::json;

use crate::destination::Destination;
use crate::exit::Exit;
use crate::output::Output;

/// The highest AUROC by colour alone that generated tiles may have.
const MOST_COLOUR: f64 = 0.65;
/// The number of findings of one kind that are printed; `--json` lists all.
const SHOWN: usize = 20;

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
        Action::Inspect(args) => inspect(&args, out),
        Action::Split(args) => split(&args, out),
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
            "data": args.out, "tiles": inspection.tiles, "groups": slides, "seed": args.seed,
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

fn inspect(args: &InspectArgs, out: &Output) -> anyhow::Result<Exit> {
    let dataset = open(&args.data)?;
    let labels = labels(&dataset, &args.normal)?;
    data::check_masks(&dataset, &Decoder::new(SizePolicy::Resize)).map_err(Error::from)?;
    let bar = out.progress(Some(dataset.len() as u64), "reading");
    let found =
        data::inspect(&dataset, args.positive.as_deref(), Limits::default(), &|| bar.inc(1)).map_err(Error::from)?;
    bar.finish_and_clear();
    if out.json {
        let (labels, undecided) = (labels.as_ref().ok(), labels.as_ref().err());
        out.document(&Document { labels, labels_undecided: undecided, found: &found })?
    } else {
        show(&found, &labels, out)
    }
    let sound = found.unreadable.is_empty() && found.label_conflicts.is_empty();
    Ok(if sound { Exit::Done } else { Exit::Input })
}

/// The JSON document: the findings, and the labels with their meaning, or the reason why a configuration must define it.
#[derive(Serialize)]
struct Document<'a> {
    labels: Option<&'a Vec<LabelCount>>,
    labels_undecided: Option<&'a String>,
    #[serde(flatten)]
    found: &'a Inspection,
}

/// The labels with their meaning (normal or anomalous), or the reason why a configuration must define it.
type Labels = Result<Vec<LabelCount>, String>;

fn labels(dataset: &Dataset, normal: &[String]) -> Result<Labels, Error> {
    let named = (!normal.is_empty()).then_some(normal);
    match (classes(dataset, named), named) {
        (Ok(classes), _) => Ok(Ok(data::label_counts(dataset, classes.normal_names()))),
        (Err(Error::Config { reason, .. }), Some(_)) => Err(Error::Config { origin: "--normal".to_owned(), reason }),
        (Err(Error::Config { reason, .. }), None) => Ok(Err(reason)),
        (Err(error), _) => Err(error),
    }
}

/// A data set of files, or of slides at the resolution that the places of the list have.
fn open(data: &Path) -> Result<Dataset, Error> {
    let options = SlideOptions { openslide: crate::environment::variable("KILN_OPENSLIDE"), ..SlideOptions::default() };
    Ok(Dataset::open_with(data, &options)?)
}

fn show(found: &Inspection, labels: &Labels, out: &Output) {
    out.line(format_args!("tiles      {} in {}", found.tiles, found.root.display()));
    if let Some(resolution) = found.micrometres_per_pixel {
        out.line(format_args!("resolution {resolution:.4} µm/px, by the places of the list"));
    }
    if found.unlabelled > 0 {
        out.line(format_args!("unlabelled {:6} tiles, left out", found.unlabelled));
    }
    for class in &found.classes {
        out.line(format_args!("class      {:6} tiles of {:5} groups  {}", class.tiles, class.groups, class.label));
    }
    match labels {
        Ok(labels) => super::labels::lines(labels).iter().for_each(|line| out.line(line)),
        Err(reason) => out.line(format_args!("labels     meaning not decided: {reason}")),
    }
    match (found.groups.iter().map(|group| group.tiles).max(), found.without_group) {
        (Some(most), 0) => out.line(format_args!("groups     {}, with at most {most} tiles", found.groups.len())),
        (Some(most), rest) => {
            out.line(format_args!(
                "groups     {}, with at most {most} tiles; {rest} tiles have no group",
                found.groups.len()
            ));
        }
        (None, _) => {
            out.line("groups     unknown: each tile is its own group, so tiles of one slide may be in different splits")
        }
    }
    for split in &found.splits {
        out.line(format_args!("split      {:6} tiles  {}", split.tiles, split.split));
    }
    for size in &found.sizes {
        out.line(format_args!("size       {:6} tiles  {}x{}", size.tiles, size.width, size.height));
    }
    for (what, tiles) in found.left_aside.counts().into_iter().filter(|(_, tiles)| *tiles > 0) {
        out.line(format_args!("aside      {tiles:6} tiles  {what}"));
    }
    out.line(format_args!("colour     {}", colour(found.colour.as_ref())));
    let twins = found.duplicates.iter();
    list(
        out,
        "duplicate",
        twins.map(|twin| format!("{} has the {} of {}", twin.path.display(), twin.same, twin.same_as.display())),
    );
    let conflicts = found.label_conflicts.iter();
    list(
        out,
        "conflict",
        conflicts.map(|conflict| {
            let [first, later] = &conflict.paths;
            format!("{} ({}) is {} ({})", first.display(), conflict.labels[0], later.display(), conflict.labels[1])
        }),
    );
    list(out, "unreadable", found.unreadable.iter().map(|file| format!("{}: {}", file.path.display(), file.reason)));
    if let Some(digest) = &found.data_sha256 {
        out.line(format_args!("sha256     {digest}"));
    }
}

/// Prints the first findings of a kind, and their number.
fn list(out: &Output, kind: &str, findings: impl ExactSizeIterator<Item = impl Display>) {
    let all = findings.len();
    for finding in findings.take(SHOWN) {
        out.line(format_args!("{kind:10} {finding}"));
    }
    if all > SHOWN {
        out.line(format_args!("{kind:10} {all} in all; --json lists them"));
    }
}

fn colour(check: Option<&ColourCheck>) -> String {
    match check {
        Some(ColourCheck { auroc, positive, folds }) => format!(
            "AUROC {:.3} [{:.3}, {:.3}] for `{positive}` by colour statistics alone, {folds} folds by group; 0.5 is chance",
            auroc.value, auroc.low, auroc.high
        ),
        None => "not measured: it needs two classes, each in several groups".to_owned(),
    }
}

fn split(args: &SplitArgs, out: &Output) -> anyhow::Result<Exit> {
    let [train, val, test] = args.fractions[..] else {
        bail!("--fractions takes three numbers: train,val,test\nhint: write for example --fractions 0.8,0.1,0.1");
    };
    let dataset = open(&args.data)?;
    let target = args.out.clone().unwrap_or_else(|| dataset.root.join("split.csv"));
    if target.symlink_metadata().is_ok() && !args.force {
        bail!("{} exists already\nhint: replace it with --force, or choose another file with --out", target.display());
    }
    data::check_masks(&dataset, &Decoder::new(SizePolicy::Resize)).map_err(Error::from)?;
    let file = Destination::new("--out", &target);
    let list = dataset.list.iter().cloned();
    for input in list.chain(dataset.files()) {
        file.is_not("the data set's file", &input)?;
    }
    if target.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("csv")) {
        bail!(
            "cannot write the split to {}: its name must end in .csv\nhint: name another file with --out",
            target.display()
        );
    }
    let digests = data::tile_digests(&dataset, &Decoder::new(SizePolicy::Resize)).map_err(Error::from)?;
    let plan = SplitPlan::with_digests(&dataset, &digests, [train, val, test], args.seed).map_err(Error::from)?;
    plan.write_csv(&dataset, &target).map_err(Error::from)?;
    if dataset.unlabelled > 0 {
        out.note(super::labels::unlabelled(dataset.unlabelled));
    }
    report(&dataset, &plan, &target, out)?;
    Ok(Exit::Done)
}

fn report(dataset: &Dataset, plan: &SplitPlan, target: &Path, out: &Output) -> anyhow::Result<()> {
    let counts = plan.counts(dataset);
    let groups = |split: Split| {
        let names = plan.indices(split).into_iter().map(|index| dataset.group_name(index));
        names.collect::<std::collections::BTreeSet<_>>().len()
    };
    if out.json {
        let splits: serde_json::Map<String, serde_json::Value> = counts
            .iter()
            .map(|(split, labels)| {
                let tiles: usize = labels.values().sum();
                (split.to_string(), json!({ "tiles": tiles, "groups": groups(*split), "labels": labels }))
            })
            .collect();
        return out.document(&json!({ "split": target, "tiles": dataset.len(), "seed": plan.seed, "splits": splits }));
    }
    for (split, labels) in &counts {
        let each: Vec<String> = labels.iter().map(|(label, tiles)| format!("{tiles} {label}")).collect();
        let tiles: usize = labels.values().sum();
        out.line(format_args!(
            "{:10} {tiles:6} tiles of {:5} groups: {}",
            split.name(),
            groups(*split),
            each.join(", ")
        ));
    }
    out.line(format_args!("written    {}", target.display()));
    Ok(())
}
