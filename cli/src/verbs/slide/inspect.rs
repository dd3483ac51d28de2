//! `kiln slide inspect`: the facts of slides, and every doubt.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use kiln_files::text::escaped;
use kiln_slide::{Finding, Inspection, Slide, Tiling};
use serde::Serialize;

use super::annotations::AnnotationArgs;
use super::grid::{GridArgs, resolution};
use super::library::LibraryArgs;
use super::named::slides;
use super::tile::labelled;
use crate::destination::Destination;
use crate::exit::Exit;
use crate::hint::hint;
use crate::output::Output;

/// Show facts about slides: vendor, levels, µm/px and its origin, reader, bounds, ICC profile, and every doubt.
///
/// With --mpp also the tissue and the number of tiles at that resolution. Label and macro images, which may show the names
/// of patients, are neither read nor written. A slide that cannot be opened is named, and the exit status is then 2.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiln slide inspect slide.svs --mpp 0.5 --thumbnail slide.png\n  \
    kiln --json slide inspect slides/ --check-privacy | jq '.[].privacy'")]
pub(super) struct Args {
    /// Slides, or folders of slides.
    #[arg(required = true)]
    slides: Vec<PathBuf>,

    /// Resolution of tiles in µm/px, to count the tiles on tissue.
    #[arg(long, value_name = "UM", value_parser = resolution)]
    mpp: Option<f64>,

    /// PNG to write (`.png`): a picture of the slide, at most 1,024 pixels a side; with --mpp the tiles are drawn on it. For
    /// one slide.
    #[arg(long, value_name = "FILE")]
    thumbnail: Option<PathBuf>,

    /// List content that could identify a person: label images, and properties with names, dates and identifiers. Values
    /// are not shown. The exit status is 1 if anything is found.
    #[arg(long)]
    check_privacy: bool,

    #[command(flatten)]
    library: LibraryArgs,

    #[command(flatten)]
    grid: GridArgs,

    #[command(flatten)]
    annotations: AnnotationArgs,
}

/// The report of one slide.
#[derive(Serialize)]
struct Report {
    #[serde(serialize_with = "kiln_files::text::lossy")]
    slide: PathBuf,
    /// The reason why the slide cannot be used.
    error: Option<String>,
    /// The flag or command that solves the problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(flatten)]
    inspection: Option<Inspection>,
    tiles: Option<Tiles>,
    #[serde(skip_serializing_if = "Option::is_none")]
    privacy: Option<Vec<Finding>>,
}

#[derive(Serialize)]
struct Tiles {
    /// µm/px of the tiles.
    mpp: f64,
    /// Level that they are read from.
    level: u32,
    resampling: String,
    /// Side of a tile in level-0 pixels.
    footprint: u32,
    /// Tiles of the whole grid.
    grid: u64,
    /// Tiles on tissue.
    on_tissue: usize,
    /// Share of the slide that is tissue.
    tissue: f64,
    /// Tiles by label, if annotations were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<std::collections::BTreeMap<&'static str, usize>>,
    doubts: Vec<String>,
}

pub(super) fn run(args: &Args, out: &Output) -> anyhow::Result<Exit> {
    let slides = slides(&args.slides, out)?;
    if slides.len() > 1 && (args.thumbnail.is_some() || args.grid.mask().is_some()) {
        bail!("--thumbnail and --mask are for one slide, and {} are named", slides.len());
    }
    if args.annotations.are_given() && args.mpp.is_none() {
        bail!("--annotations label tiles, and these need --mpp");
    }
    if let Some(flag) = args.grid.of_tiles().filter(|_| args.mpp.is_none()) {
        bail!("{flag} is about tiles, and these need --mpp");
    }
    if let Some(file) = &args.thumbnail {
        let target = Destination::new("--thumbnail", file);
        target.ends_with("png")?;
        slides.iter().try_for_each(|slide| target.is_not("the slide", slide))?;
        args.grid.mask().map_or(Ok(()), |mask| target.is_not("the mask", mask))?;
        args.annotations.are_not(&target)?;
    }
    let unambiguous = args.annotations.unambiguous(&slides)?;
    args.annotations.check(&unambiguous)?;
    // The files of the other slides are not unused, and their errors name them.
    if unambiguous.len() == slides.len() {
        args.annotations.note_unused(&slides, out)?;
    }
    let library = args.library.load()?;
    let mut reports = Vec::new();
    for path in &slides {
        let report = match args.library.open(path, &library).and_then(|slide| inspect(args, &slide)) {
            Ok(report) => report,
            Err(error) => Report {
                slide: path.clone(),
                error: Some(kiln_runtime::chain(error.as_ref())),
                hint: hint(&error),
                inspection: None,
                tiles: None,
                privacy: None,
            },
        };
        if !out.json {
            print(&report, out);
        }
        reports.push(report);
    }
    if out.json {
        out.document(&reports)?;
    }
    let any = |test: fn(&Report) -> bool| reports.iter().any(test);
    if any(|report| report.error.is_some()) {
        return Ok(Exit::Input);
    }
    let found = any(|report| report.privacy.as_ref().is_some_and(|findings| !findings.is_empty()));
    Ok(if found { Exit::CheckFailed } else { Exit::Done })
}

fn inspect(args: &Args, slide: &Slide) -> anyhow::Result<Report> {
    let tiling = args.mpp.map(|mpp| labelled(slide, &args.grid.options(mpp), &args.annotations)).transpose()?;
    if let Some(file) = &args.thumbnail {
        write_thumbnail(slide, tiling.as_ref(), file)?;
    }
    Ok(Report {
        slide: slide.path().to_owned(),
        error: None,
        hint: slide.mpp().err().and_then(|error| hint(&error.into())),
        inspection: Some(Inspection::new(slide)),
        tiles: tiling.as_ref().map(|tiling| tiles(tiling, args.annotations.are_given())),
        privacy: args.check_privacy.then(|| slide.privacy_findings(false)),
    })
}

fn tiles(tiling: &Tiling, are_labelled: bool) -> Tiles {
    let mut labels = std::collections::BTreeMap::new();
    for (_, label) in &tiling.tiles {
        *labels.entry(label.name().unwrap_or("unlabelled")).or_default() += 1;
    }
    Tiles {
        mpp: tiling.plan.target_mpp,
        level: tiling.plan.level,
        resampling: tiling.plan.resampling.to_string(),
        footprint: tiling.plan.footprint(),
        grid: tiling.grid,
        on_tissue: tiling.tiles.len(),
        tissue: tiling.tissue,
        labels: are_labelled.then_some(labels),
        doubts: tiling.doubts.iter().cloned().chain(tiling.no_whole_tile()).collect(),
    }
}

fn write_thumbnail(slide: &Slide, tiling: Option<&Tiling>, file: &std::path::Path) -> anyhow::Result<()> {
    let picture = kiln_slide::thumbnail_with_tiles(slide, 1_024, tiling)?;
    kiln_files::publish::write_file(file, &picture).with_context(|| format!("cannot write {}", file.display()))
}

fn print(report: &Report, out: &Output) {
    let fact = |name: &str, value: String| out.line(format_args!("  {name:<11} {value}"));
    out.line(escaped(&report.slide.to_string_lossy()));
    if let Some(error) = &report.error {
        fact("error", error.clone());
        report.hint.iter().for_each(|hint| fact("hint", hint.clone()));
        return;
    }
    if let Some(facts) = &report.inspection {
        fact("vendor", escaped(&facts.vendor).into_owned());
        for (number, level) in facts.levels.iter().enumerate() {
            let mpp = level.mpp.map_or_else(String::new, |mpp| format!("  {mpp:.4} µm/px"));
            let text = format!(
                "{} x {}  downsample {:.4}{mpp}  read by {}",
                level.width, level.height, level.downsample, level.reader
            );
            fact(&format!("level {number}"), text);
        }
        let mpp = facts.mpp.as_ref().map(|mpp| format!("{mpp}"));
        fact("µm/px", mpp.unwrap_or_else(|| "unknown".to_owned()));
        if let Some(bounds) = &facts.bounds {
            fact("bounds", format!("{bounds}"));
        }
        fact("background", facts.background.clone());
        fact("ICC profile", facts.icc_bytes.map_or_else(|| "none".to_owned(), |bytes| format!("{bytes} bytes")));
        let images: Vec<_> = facts.associated_images.iter().map(|image| escaped(&image.name).into_owned()).collect();
        fact("images", if images.is_empty() { "none".to_owned() } else { format!("{} (not read)", images.join(", ")) });
    }
    if let Some(tiles) = &report.tiles {
        fact("tissue", format!("{:.1} % of the slide", tiles.tissue * 100.0));
        let labels = tiles.labels.iter().flatten().map(|(label, count)| format!(", {count} {label}"));
        fact(
            "tiles",
            format!(
                "{} of {} at {} µm/px, {} px of level 0 a side, from level {} ({}){}",
                tiles.on_tissue,
                tiles.grid,
                tiles.mpp,
                tiles.footprint,
                tiles.level,
                tiles.resampling,
                labels.collect::<String>()
            ),
        );
    }
    let of_slide = report.inspection.iter().flat_map(|facts| &facts.doubts);
    let of_tiles = report.tiles.iter().flat_map(|tiles| &tiles.doubts);
    for doubt in of_slide.chain(of_tiles) {
        fact("doubt", escaped(doubt).into_owned());
    }
    report.hint.iter().for_each(|hint| fact("hint", hint.clone()));
    for finding in report.privacy.iter().flatten() {
        fact("privacy", escaped(&finding.to_string()).into_owned());
    }
    if report.privacy.as_ref().is_some_and(Vec::is_empty) {
        fact("privacy", "nothing found; that is no proof that the slide is anonymous".to_owned());
    }
}
