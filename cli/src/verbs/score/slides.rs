//! `kiln score` on whole slides: tissue tiles from the slides, rows with their places, and heat maps from the rows.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use kiln_runtime::Bundle;
use kiln_runtime::score::{Columns, Format, ResumableFile};
use kiln_slide::openslide::Library;
use kiln_slide::{ListLimits, RESOLUTION_TOLERANCE, ReadOptions, SlideRow, SlideTiles, TileList, Tiling};
use kiln_tile::SlideTile;

use super::args::Args;
use super::loading::while_loading;
use super::slide_inputs::SlideInputs;
use super::{ScoreSource, refuse_named, score_source};
use crate::destination::Destination;
use crate::exit::Exit;
use crate::output::Output;
use crate::verbs::slide::{KnownSlides, report, slides_of};

/// File of the rows in the output folder, without its extension.
const ROWS: &str = "tiles";

/// The tiles of all slides, and a row for each slide that has none.
struct Found {
    tiles: Vec<SlideTile>,
    without: Vec<SlideRow>,
}

/// All that is known before the first tile is read.
struct Prepared {
    bundle: Bundle,
    /// Resolution of the tiles in µm/px.
    mpp: f64,
    library: Library,
    found: Found,
}

pub(super) fn run(args: &Args, inputs: &SlideInputs, out: &Output) -> anyhow::Result<Exit> {
    if args.size_policy.is_some() {
        bail!("--size-policy is for files of tiles, and the inputs are slides\nhint: leave it out");
    }
    let target = Target::new(args, out)?;
    refuse_pictures(args, &target)?;
    let Prepared { bundle, mpp, library, found } = while_loading(args, out, || prepare(args, inputs, out))?;
    let Found { tiles, without } = found;
    refuse_inputs(args, inputs, &target, &tiles)?;
    for row in &without {
        out.note(format_args!("{}: {}", row.slide, row.status));
    }
    if tiles.is_empty() {
        return finish_without_tiles(&target, &without, out);
    }
    let stain = bundle.manifest.tile.before_graph();
    let options = ReadOptions { stain, ..args.slide.library.reading(&args.slide.grid, mpp) };
    let settings = vec![
        format!("{mpp} µm/px, {:?}, {:?}, {}", options.slide_mpp, options.outside, options.enlarge),
        format!("OpenSlide {}", library.version()),
    ];
    let source = SlideTiles::from_tiles(library.clone(), &tiles, options);
    let columns: fn(&[String]) -> Columns = Columns::for_slides;
    let work = ScoreSource { source: &source, settings, columns, out: target.rows.clone(), format: target.format };
    let exit = score_source(args, &bundle, work, out)?;
    let exit = if exit == Exit::Done && !without.is_empty() { Exit::Input } else { exit };
    let Some(folder) = &target.folder else { return Ok(exit) };
    let Some(rows) = &target.rows else { return Ok(exit) };
    // The search for tiles has examined every slide.
    let open = |path: &Path| args.slide.library.open_examined(path, &library);
    let drawn = report::draw((&bundle, Some(mpp)), rows, folder, (&open, &*args.slide.pictures), without, out)?;
    Ok(if exit == Exit::Done { drawn } else { exit })
}

/// Checks the bundle and lists the tiles.
fn prepare(args: &Args, inputs: &SlideInputs, out: &Output) -> anyhow::Result<Prepared> {
    let bundle = super::open(args, out)?;
    let mpp = resolution(args, &bundle)?;
    let library = args.slide.library.load()?;
    let found = find(args, inputs, mpp, &library, out)?;
    Ok(Prepared { bundle, mpp, library, found })
}

/// The resolution of the tiles: the bundle's, or the one that the user names for a bundle without.
fn resolution(args: &Args, bundle: &Bundle) -> anyhow::Result<f64> {
    match (bundle.manifest.tile.micrometres_per_pixel, args.slide.mpp) {
        (Some(of_bundle), Some(asked)) if (asked / of_bundle - 1.0).abs() > RESOLUTION_TOLERANCE => bail!(
            "--mpp {asked} and the bundle's {of_bundle} µm/px differ; the model was trained on tiles of {of_bundle} µm/px"
        ),
        (Some(mpp), _) | (None, Some(mpp)) => Ok(mpp),
        (None, None) => bail!(
            "{}: the bundle does not state the resolution of its tiles; name it with --mpp (µm/px)",
            args.bundle.display()
        ),
    }
}

/// Lists the tiles of every slide, slide by slide. A slide that cannot be used gets a row with the reason, and the others are
/// scored.
fn find(args: &Args, inputs: &SlideInputs, mpp: f64, library: &Library, out: &Output) -> anyhow::Result<Found> {
    let mut known = KnownSlides::default();
    let Found { mut tiles, mut without } = listed(args, inputs, &mut known, library, out)?;
    let slides = slides_of(&inputs.slides, out)?;
    if let Some(path) = slides.iter().find(|path| known.contains(path)) {
        bail!(
            "{} is in a list of tiles and named as a slide; name one of the two, or its tiles would count twice",
            path.display()
        );
    }
    if slides.len() > 1 && args.slide.grid.mask().is_some() {
        bail!("--mask is for one slide, and {} are named", slides.len());
    }
    let bar = (slides.len() > 1).then(|| out.progress(Some(slides.len() as u64), "find tissue"));
    for path in &slides {
        let tiling = args.slide.library.open(path, library).and_then(|slide| {
            let mut tiling = Tiling::new(&slide, &args.slide.grid.options(mpp), None)?;
            tiling.doubts.extend(slide.cut_short().map(str::to_owned));
            Ok(tiling)
        });
        match tiling {
            Ok(tiling) if tiling.tiles.is_empty() => {
                let reason = match tiling.no_whole_tile() {
                    Some(reason) => format!("no_tissue: {reason}"),
                    None => format!("no_tissue: {:.2} % of the slide is tissue", tiling.tissue * 100.0),
                };
                without.push(SlideRow::failed(&path.to_string_lossy(), &reason));
            }
            Ok(tiling) => {
                out.note(format_args!("{}: {} tiles of {}", path.display(), tiling.tiles.len(), tiling.grid));
                for doubt in &tiling.doubts {
                    out.note(format_args!("{}: {doubt}", path.display()));
                }
                tiles.extend(tiling.tiles.into_iter().map(|(tile, _)| tile));
            }
            // A machine without a library, or a full disk, is no fault of the slide.
            Err(error) if crate::exit::of_error(&error) != Exit::Input => return Err(error),
            Err(error) if slides.len() == 1 && tiles.is_empty() => return Err(error),
            Err(error) => without.push(report::failed(&path.to_string_lossy(), &error)),
        }
        if let Some(bar) = &bar {
            bar.inc(1);
        }
    }
    Ok(Found { tiles, without })
}

/// Lists the tiles of the lists, those of one slide together: a slide's score is that of rows without others between them.
/// A slide that must not be opened gets a row with the reason.
fn listed(
    args: &Args,
    inputs: &SlideInputs,
    known: &mut KnownSlides,
    library: &Library,
    out: &Output,
) -> anyhow::Result<Found> {
    let (mut tiles, mut without) = (Vec::new(), Vec::new());
    let mut refused = HashSet::new();
    for file in &inputs.lists {
        let list = TileList::read(file, &ListLimits::default())?;
        if list.is_empty() {
            out.note(format_args!("{}: the list names no tile", file.display()));
        }
        let mut numbers = Vec::new();
        for slide in list.slides() {
            let path = list.slide_path(slide);
            let count = known.len();
            let number = known.number(&path);
            numbers.push(number);
            if number < count {
                continue;
            }
            match args.slide.library.examine(&path, library) {
                Ok(()) => {}
                Err(error) if crate::exit::of_error(&error) != Exit::Input => return Err(error),
                Err(error) => {
                    refused.insert(number);
                    without.push(report::failed(&path.to_string_lossy(), &error));
                }
            }
        }
        for (index, tile) in list.iter().enumerate() {
            let Some(number) = list.slide_of(index).and_then(|slide| numbers.get(slide).copied()) else { continue };
            if refused.contains(&number) {
                continue;
            }
            let first = known.get(number).map(|slide| slide.path.to_string_lossy().into_owned());
            let tile = SlideTile {
                slide: first.unwrap_or_default(),
                place: tile.place,
                level: tile.level,
                tissue_fraction: tile.tissue_fraction.map(|share| share as f32),
                tumour_fraction: tile.tumour_fraction.map(|share| share as f32),
            };
            tiles.push((number, tile));
        }
    }
    tiles.sort_by_key(|(number, _)| *number);
    let count = tiles.len();
    // Within one list a place occurs once, unless the list has two paths of one slide.
    let mut places = HashSet::new();
    tiles.retain(|(number, SlideTile { place, .. })| {
        !known.get(*number).is_some_and(|slide| slide.is_repeated) || places.insert((*number, place.minx, place.miny))
    });
    if tiles.len() < count {
        out.note(format_args!("{} tiles are listed twice and scored once", count - tiles.len()));
    }
    Ok(Found { tiles: tiles.into_iter().map(|(_, tile)| tile).collect(), without })
}

/// The target of the results.
struct Target {
    /// The folder of all results; `None` if only rows are asked for.
    folder: Option<PathBuf>,
    /// The file of the rows; `None` for stdout.
    rows: Option<PathBuf>,
    format: Format,
}

impl Target {
    /// A name with the extension of a format is a file of rows; any other is a folder.
    fn new(args: &Args, out: &Output) -> anyhow::Result<Self> {
        let Some(named) = args.out.as_deref().filter(|name| name.as_os_str() != crate::destination::STDOUT) else {
            return Ok(Self { folder: None, rows: None, format: args.format.resolve(None, out)? });
        };
        if Format::from_path(named).is_some() {
            let format = args.format.resolve(Some(named), out)?;
            return Ok(Self { folder: None, rows: Some(named.to_owned()), format });
        }
        if args.shard.is_named() {
            bail!("--shard writes rows alone; name a file such as part-0.csv with --out");
        }
        if named.exists() && !named.is_dir() {
            bail!("{} is a file; name a folder, or a file that ends with .csv, .jsonl or .parquet", named.display());
        }
        // The file gets the ending of a requested format, so it needs none here. Parquet needs a file, which this is.
        let file = named.join(if args.format.is_named() { ROWS.to_owned() } else { format!("{ROWS}.csv") });
        let format = args.format.resolve(Some(&file), out)?;
        std::fs::create_dir_all(named).with_context(|| format!("cannot make the folder {}", named.display()))?;
        let rows = named.join(format!("{ROWS}.{format}"));
        Ok(Self { folder: Some(named.to_owned()), rows: Some(rows), format })
    }
}

/// Refuses the flags of pictures and slides' scores where there is no folder for them.
fn refuse_pictures(args: &Args, target: &Target) -> anyhow::Result<()> {
    let flags = args.slide.pictures.flags();
    if target.folder.is_none() && !flags.is_empty() {
        let flags = flags.join(", ");
        let reason = if target.rows.is_some() { "--out is a file of rows" } else { "rows go to standard output" };
        bail!(
            "{flags}: no effect, because {reason}\nhint: leave out {flags}, or name a folder with --out; `kiln slide report` \
             draws pictures from rows"
        );
    }
    Ok(())
}

fn refuse_inputs(args: &Args, inputs: &SlideInputs, target: &Target, tiles: &[SlideTile]) -> anyhow::Result<()> {
    let Some(rows) = &target.rows else { return Ok(()) };
    let slides: HashSet<&str> = tiles.iter().map(|tile| tile.slide.as_str()).collect();
    let mask = args.slide.grid.mask();
    let table = target.folder.as_ref().map(|folder| folder.join(report::SLIDES));
    for file in [rows.clone(), ResumableFile::progress_of(rows)].into_iter().chain(table) {
        let file = Destination::new("--out", &file);
        file.is_not_in("the bundle", &args.bundle)?;
        refuse_named(args, &file)?;
        let mut named = inputs.lists.iter().chain(inputs.slides.iter().map(|argument| &argument.path));
        named.try_for_each(|input| file.is_not("the input", input))?;
        mask.iter().try_for_each(|mask| file.is_not("the mask", mask))?;
        slides.iter().try_for_each(|slide| file.is_not("the slide", Path::new(slide)))?;
    }
    Ok(())
}

/// The result of slides none of which has a tile: their rows, and no heat map of nothing.
fn finish_without_tiles(target: &Target, rows: &[SlideRow], out: &Output) -> anyhow::Result<Exit> {
    if let Some(folder) = &target.folder {
        let file = folder.join(report::SLIDES);
        kiln_slide::write_slides_file(&file, rows).with_context(|| format!("cannot write {}", file.display()))?;
        if out.json {
            out.document(&serde_json::json!({ "out": folder.to_string_lossy(), "slides": rows, "tiles": 0 }))?;
        }
        out.line(file.display());
    }
    Ok(Exit::Input)
}
