//! `kiln slide tile`: the tissue tiles of slides as a list of coordinates.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use kiln_files::publish;
use kiln_slide::openslide::Library;
use kiln_slide::{
    Labelling, ListedPlace, ReadOptions, Slide, SlideTiles, TileListWriter, Tiling, TilingError, TilingOptions,
    slide_reference,
};
use kiln_tile::{SlideTile, TileSource as _};
use serde::Serialize;

use super::annotations::AnnotationArgs;
use super::folder_names::FolderNames;
use super::grid::{GridArgs, resolution};
use super::library::LibraryArgs;
use super::named::slides;
use crate::destination::Destination;
use crate::exit::Exit;
use crate::output::Output;

/// List the tissue tiles of slides as coordinates, with labels from annotations. No picture is written.
///
/// The list has the columns slide, minx, miny, width, height (level-0 pixels), label, group, split, level,
/// tissue_fraction and tumour_fraction. `kiln train` and `kiln score` read tiles from the slides by it. A slide that cannot
/// be opened ends the run before the list appears; a slide without tissue is named, and the exit status is then 2. A slide
/// that is named twice, also by a link, is listed once.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiln slide tile slides/ --mpp 0.5 --out tiles.csv\n  \
    kiln slide tile slides/ --mpp 0.97 --annotations xml/ --normal-without-file --label-by 85 --out tiles.csv\n  \
    kiln slide tile tumor_001.tif --mpp 0.5 --annotations tumor_001.xml --out tiles.csv --images tiles/")]
pub(super) struct Args {
    /// Slides, or folders of slides.
    #[arg(required = true)]
    slides: Vec<PathBuf>,

    /// Resolution of the tiles in µm/px.
    #[arg(long, value_name = "UM", value_parser = resolution)]
    mpp: f64,

    /// List to write (`.csv`); an existing list is replaced.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// Folder to write the tiles to as PNG files as well, in a folder for each slide; it must be absent or empty.
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,

    #[command(flatten)]
    library: LibraryArgs,

    #[command(flatten)]
    grid: GridArgs,

    #[command(flatten)]
    annotations: AnnotationArgs,
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(serialize_with = "kiln_files::text::lossy")]
    out: &'a Path,
    slides: Vec<Listed>,
    tiles: usize,
    labels: BTreeMap<&'static str, usize>,
}

#[derive(Serialize)]
struct Listed {
    #[serde(serialize_with = "kiln_files::text::lossy")]
    slide: PathBuf,
    status: &'static str,
    tiles: usize,
    grid: u64,
    level: u32,
    mpp: f64,
    tissue: f64,
}

pub(super) fn run(args: &Args, out: &Output) -> anyhow::Result<Exit> {
    let slides = slides(&args.slides, out)?;
    if slides.len() > 1 && args.grid.mask().is_some() {
        bail!("--mask is for one slide, and {} are named", slides.len());
    }
    refuse_targets(args, &slides)?;
    let references = references(&slides, &args.out)?;
    args.annotations.check(&slides)?;
    args.annotations.note_unused(&slides, out)?;
    let library = args.library.load()?;
    let mut writer = TileListWriter::create(&args.out)?;
    let (mut listed, mut labels, mut total) = (Vec::new(), BTreeMap::new(), 0);
    let mut names = FolderNames::new(args.images.as_deref().unwrap_or(Path::new("")));
    for (path, reference) in slides.iter().zip(&references) {
        let slide = args.library.open(path, &library)?;
        let tiling = labelled(&slide, &args.grid.options(args.mpp), &args.annotations)?;
        let status = if tiling.tiles.is_empty() { "no_tissue" } else { "ok" };
        for (tile, label) in &tiling.tiles {
            if args.annotations.are_given() {
                *labels.entry(label.name().unwrap_or("unlabelled")).or_default() += 1;
            }
            writer.write(&listed_place(tile, reference, label.name()))?;
        }
        if let Some(folder) = &args.images {
            let folder = folder.join(names.name(path));
            write_images(&folder, &library, args.library.reading(&args.grid, args.mpp), &tiling)?;
        }
        total += tiling.tiles.len();
        for doubt in tiling.doubts.iter().map(String::as_str).chain(slide.cut_short()) {
            out.note(format_args!("{}: {doubt}", path.display()));
        }
        out.note(format_args!(
            "{}: {} of {} tiles, from level {}, {:.1} % tissue{}",
            path.display(),
            tiling.tiles.len(),
            tiling.grid,
            tiling.plan.level,
            tiling.tissue * 100.0,
            match (status, tiling.no_whole_tile()) {
                ("ok", _) => String::new(),
                (_, Some(reason)) => format!(": no_tissue: {reason}"),
                (_, None) => ": no_tissue".to_owned(),
            }
        ));
        listed.push(Listed {
            slide: path.clone(),
            status,
            tiles: tiling.tiles.len(),
            grid: tiling.grid,
            level: tiling.plan.level,
            mpp: tiling.mpp.mean(),
            tissue: tiling.tissue,
        });
    }
    writer.finish()?;
    let is_empty = listed.iter().any(|slide| slide.status != "ok");
    if out.json {
        out.document(&Document { out: &args.out, slides: listed, tiles: total, labels })?;
    } else {
        let by_label: Vec<_> = labels.iter().map(|(label, count)| format!("{count} {label}")).collect();
        let by_label = if by_label.is_empty() { String::new() } else { format!(": {}", by_label.join(", ")) };
        out.note(format_args!("{total} tiles of {} slides{by_label}", slides.len()));
        out.line(args.out.display());
    }
    Ok(if is_empty { Exit::Input } else { Exit::Done })
}

/// The row of a tile; `slide` is the slide's path as seen from the list.
fn listed_place<'a>(tile: &SlideTile, slide: &'a str, label: Option<&'a str>) -> ListedPlace<'a> {
    ListedPlace {
        label,
        level: tile.level,
        tissue_fraction: tile.tissue_fraction.map(f64::from),
        tumour_fraction: tile.tumour_fraction.map(f64::from),
        ..ListedPlace::new(slide, tile.place)
    }
}

/// Refuses targets that are inputs, and a folder of images that contains anything.
fn refuse_targets(args: &Args, slides: &[PathBuf]) -> anyhow::Result<()> {
    let list = Destination::new("--out", &args.out);
    list.ends_with("csv")?;
    let images = args.images.as_ref().map(|folder| Destination::new("--images", folder));
    for target in std::iter::once(&list).chain(&images) {
        slides.iter().try_for_each(|slide| target.is_not("the slide", slide))?;
        args.grid.mask().map_or(Ok(()), |mask| target.is_not("the mask", mask))?;
        args.annotations.are_not(target)?;
    }
    if let Some(images) = &images {
        images.is_not_target("--out", &args.out)?;
        images.is_absent_or_empty()?;
    }
    Ok(())
}

/// The text that names each slide in the list.
fn references(slides: &[PathBuf], list: &Path) -> anyhow::Result<Vec<String>> {
    let is_not_text = |slide: &&PathBuf| slide.to_str().is_none();
    if let Some(slide) = slides.iter().find(is_not_text) {
        return Err(TilingError::Name { slide: slide.clone() }.into());
    }
    let reference =
        |slide: &PathBuf| slide_reference(slide, list).with_context(|| format!("cannot find {}", slide.display()));
    slides.iter().map(reference).collect()
}

/// Writes the tiles of a slide as PNG files, `minx_miny.png`.
fn write_images(folder: &Path, library: &Library, reading: ReadOptions, tiling: &Tiling) -> anyhow::Result<()> {
    let tiles: Vec<SlideTile> = tiling.tiles.iter().map(|(tile, _)| tile.clone()).collect();
    let source = SlideTiles::from_tiles(library.clone(), &tiles, reading);
    for (index, tile) in tiles.iter().enumerate() {
        let file = folder.join(format!("{}_{}.png", tile.place.minx, tile.place.miny));
        let pixels = source.read(index).tile.map_err(|reason| anyhow!("{tile}: {reason}"))?;
        let png = kiln_slide::png_of(&pixels).with_context(|| format!("cannot encode {tile}"))?;
        publish::write_file(&file, &png).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// The tiles of a slide, labelled if there are annotations.
pub(super) fn labelled(slide: &Slide, options: &TilingOptions, annotations: &AnnotationArgs) -> anyhow::Result<Tiling> {
    let origin = slide.bounds().map_or((0, 0), |bounds| (bounds.x, bounds.y));
    let Some(mut found) = annotations.read(slide.path(), origin)? else {
        return Ok(Tiling::new(slide, options, None)?);
    };
    found.check_bounds(slide.size()).with_context(|| format!("annotations of {}", slide.path().display()))?;
    let labelling = Labelling { annotations: &found, labeller: annotations.labeller()? };
    let mut tiling = Tiling::new(slide, options, Some(labelling))?;
    tiling.doubts.extend_from_slice(found.doubts());
    Ok(tiling)
}
