//! From rows of tiles to heat maps, pages and `slides.csv`.

mod rows;

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::ValueEnum;
use kiln_files::publish;
use kiln_runtime::score::ScoreRow;
use kiln_runtime::{Bundle, DecisionRule};
use kiln_slide::heatmap::{
    GeoJsonOptions, Heatmap, OmeTiffOptions, PageFacts, PageOptions, PngOptions, ScoreScale, ScoredSlide, ScoredTile,
    ThumbnailOptions, TileFeatures,
};
use kiln_slide::{GridOptions, Slide, SlideRow, SlideRule, write_slides_file};
use serde::Serialize;

use self::rows::scale;
pub(super) use self::rows::{Rows, by_slide};
use super::folder_names::FolderNames;
use super::library::LibraryArgs;
use crate::destination::Destination;
use crate::exit::Exit;
use crate::output::Output;

/// The file of the slides' scores in the output folder.
pub(in crate::verbs) const SLIDES: &str = "slides.csv";

/// The flags of the pictures.
#[derive(clap::Args)]
pub(crate) struct Pictures {
    /// Pictures for each slide: png (heat map, alone and over the slide), geojson (QuPath), tiff (pyramidal OME-TIFF of
    /// scores), page (HTML with a viewer), or none.
    #[arg(long, value_name = "KINDS", value_delimiter = ',', default_value = "png,geojson,tiff,page")]
    heatmap: Vec<Picture>,

    /// Tiles in the GeoJSON: `positive` (at or above the threshold), `all`, or `none` (regions alone).
    #[arg(long, value_name = "WHICH", default_value = "positive")]
    geojson_tiles: GeoJsonTiles,

    /// Rule of the slide's score: max, top_mean:N, or area_mm2:LEAST [default: the bundle's, else max].
    #[arg(long, value_name = "RULE")]
    slide_rule: Option<SlideRule>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Picture {
    Png,
    Geojson,
    Tiff,
    Page,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum GeoJsonTiles {
    Positive,
    All,
    None,
}

/// Draw heat maps, pages and slides.csv from the rows of scored tiles, such as the joined parts of `--shard`.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiln merge parts/*.csv --out tiles.csv\n  \
    kiln slide report bundle/ tiles.csv --out report/")]
pub(super) struct Args {
    /// Bundle that scored the tiles.
    bundle: PathBuf,

    /// Rows of `kiln score` on slides: CSV, JSON lines or Parquet.
    tiles: PathBuf,

    /// Folder to write: slides.csv, and a folder for each slide.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    #[command(flatten)]
    pictures: Pictures,

    #[command(flatten)]
    library: LibraryArgs,
}

pub(super) fn run(args: &Args, out: &Output) -> anyhow::Result<Exit> {
    let bundle = Bundle::open(&args.bundle)?;
    refuse_inputs(args)?;
    let library = args.library.load()?;
    std::fs::create_dir_all(&args.out).with_context(|| format!("cannot make the folder {}", args.out.display()))?;
    let open = |path: &Path| args.library.open(path, &library);
    let mpp = bundle.manifest.tile.micrometres_per_pixel;
    draw((&bundle, mpp), &args.tiles, &args.out, (&open, &args.pictures), Vec::new(), out)
}

/// Refuses an output in the bundle, and a `slides.csv` that is the file of rows.
fn refuse_inputs(args: &Args) -> anyhow::Result<()> {
    let table = args.out.join(SLIDES);
    for target in [&args.out, &table] {
        let target = Destination::new("--out", target);
        target.is_not_in("the bundle", &args.bundle)?;
        target.is_not("the file of rows", &args.tiles)?;
    }
    Ok(())
}

/// The report of `--json`.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(serialize_with = "kiln_files::text::lossy")]
    out: &'a Path,
    slides: &'a [SlideRow],
}

/// Opens a slide.
type OpenSlide<'a> = dyn Fn(&Path) -> anyhow::Result<Slide> + 'a;

/// Draws all slides of a file of rows; `without` are the rows of slides that have no tile. A slide that cannot be opened or
/// drawn gets a row with the reason.
pub(in crate::verbs) fn draw(
    (bundle, mpp): (&Bundle, Option<f64>),
    rows: &Path,
    folder: &Path,
    (open, pictures): (&OpenSlide<'_>, &Pictures),
    without: Vec<SlideRow>,
    out: &Output,
) -> anyhow::Result<Exit> {
    let rule = DecisionRule::from_manifest(&bundle.manifest);
    let scale = scale(rows, &rule)?;
    let slide_rule = slide_rule(pictures.slide_rule, bundle)?;
    let context = Context { bundle, rule: &rule, slide_rule, mpp, scale, folder, pictures };
    let mut table = Vec::new();
    let mut by_slide = by_slide(rows, &rule)?;
    let mut names = FolderNames::new(folder);
    while let Some(found) = by_slide.next().transpose()? {
        let drawn = open(Path::new(&found.slide)).and_then(|slide| {
            let name = names.name(Path::new(&found.slide));
            context.draw(&slide, &found, &name, out)
        });
        table.push(match drawn {
            Ok(row) => row,
            Err(error) => {
                let row = failed_rows(&found, error)?;
                out.note(format_args!("{}: {}", row.slide, row.status));
                row
            }
        });
    }
    table.extend(without);
    let file = folder.join(SLIDES);
    write_slides_file(&file, &table).with_context(|| format!("cannot write {}", file.display()))?;
    if out.json {
        out.document(&Document { out: folder, slides: &table })?;
    }
    for row in &table {
        let score = row.score.map_or_else(|| "no score".to_owned(), |score| format!("{score:.4}"));
        let label = row.label.as_deref().unwrap_or("-");
        out.line(format_args!("{score}  {label}  {}  [{}]", row.slide, row.status));
    }
    out.line(file.display());
    Ok(if table.iter().all(SlideRow::is_ok) { Exit::Done } else { Exit::Input })
}

/// The rule of slides: the requested one, else the bundle's, else the maximum.
pub(super) fn slide_rule(asked: Option<SlideRule>, bundle: &Bundle) -> anyhow::Result<SlideRule> {
    match (asked, &bundle.manifest.slide_rule) {
        (Some(rule), _) => Ok(rule),
        (None, Some(rule)) => rule.parse().context("slide_rule in the bundle's manifest"),
        (None, None) => Ok(SlideRule::default()),
    }
}

/// The row of a slide that could not be opened or drawn. Faults of the machine, such as a full disk, are returned.
fn failed_rows(found: &Rows, error: anyhow::Error) -> anyhow::Result<SlideRow> {
    let is_output = error.downcast_ref::<CannotWrite>().is_some();
    if is_output || crate::exit::of_error(&error) != Exit::Input {
        return Err(error);
    }
    let (tiles, failed_tiles) = found.counts();
    Ok(failed(&found.slide, &error).with_tiles(tiles, failed_tiles))
}

/// The row of a slide that cannot be used.
pub(in crate::verbs) fn failed(slide: &str, error: &anyhow::Error) -> SlideRow {
    SlideRow::failed(slide, &format!("{}: {}", code(error), kiln_runtime::chain(error.as_ref())))
}

/// A result file or folder that cannot be written; the other slides could not be written either.
#[derive(Debug)]
struct CannotWrite(String);

impl std::fmt::Display for CannotWrite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// All that is equal for every slide.
struct Context<'a> {
    bundle: &'a Bundle,
    rule: &'a DecisionRule,
    slide_rule: SlideRule,
    /// Resolution of the tiles in µm/px; none if neither the bundle nor the user states it.
    mpp: Option<f64>,
    scale: ScoreScale,
    folder: &'a Path,
    pictures: &'a Pictures,
}

impl Context<'_> {
    fn draw(&self, slide: &Slide, found: &Rows, name: &str, out: &Output) -> anyhow::Result<SlideRow> {
        let mpp = slide.mpp()?.mean();
        let side = self.mpp.map(|target| GridOptions::new(target).footprint(mpp));
        let stride = found.spacing(side, slide.size())?;
        let tile_side = f64::from(stride) * mpp / 1_000.0;
        let score = found.score(self.slide_rule, self.rule, (stride, mpp))?;
        let tiles: Vec<_> = found.rows.iter().filter_map(scored_tile).collect();
        let classes: Vec<_> = self.rule.classes().iter().map(String::as_str).collect();
        let (width, height) = slide.size();
        let scored = ScoredSlide {
            name,
            width,
            height,
            mpp,
            bounds: slide.bounds().and_then(|bounds| bounds.place()),
            stride,
            scale: self.scale,
            positive: self.rule.anomalous_label(),
            classes: &classes,
            tiles: &tiles,
        };
        let tissue: f64 = found.rows.iter().filter_map(|row| row.tile.as_ref()?.tissue_fraction).map(f64::from).sum();
        let rule_text = self.slide_rule.description();
        let facts = PageFacts {
            model: &self.bundle.manifest.model.name,
            score: score.score,
            rule: &rule_text,
            label: score.label.as_deref(),
            tissue_mm2: Some(tissue * tile_side * tile_side),
            more: &[],
        };
        self.write(&Heatmap::new(&scored)?, slide, &facts, name, out)?;
        let row = SlideRow::new(&found.slide, score, mpp, &slide.reader(0).to_string());
        Ok(row.with_bounds(slide.bounds()).with_size(slide.size()).with_rule(self.slide_rule))
    }

    /// Writes the pictures. Each file appears whole or not at all.
    fn write(
        &self,
        heatmap: &Heatmap<'_>,
        slide: &Slide,
        facts: &PageFacts<'_>,
        name: &str,
        out: &Output,
    ) -> anyhow::Result<()> {
        let has = |picture| self.pictures.heatmap.contains(&picture) && !self.pictures.heatmap.contains(&Picture::None);
        let folder = self.folder.join(name);
        let failed = || CannotWrite(format!("cannot make the folder {}", folder.display()));
        std::fs::create_dir_all(&folder).with_context(failed)?;
        let write = |file: &str, write: &mut dyn FnMut(&mut BufWriter<&File>) -> anyhow::Result<()>| {
            let path = folder.join(file);
            Destination::new("--out", &path).is_not("the slide", slide.path())?;
            let failed = || CannotWrite(format!("cannot write {}", path.display()));
            let scratch = publish::scratch_file(&path).with_context(failed)?;
            let mut buffer = BufWriter::new(scratch.as_file());
            // Pixels that cannot be read are a fault of the slide.
            write(&mut buffer).with_context(|| format!("cannot draw {}", path.display()))?;
            buffer.flush().with_context(failed)?;
            drop(buffer);
            publish::publish_file(scratch, &path).with_context(failed)
        };
        if has(Picture::Png) {
            write("heatmap.png", &mut |file| Ok(heatmap.write_png(file, &PngOptions::default()).map(drop)?))?;
            let options = ThumbnailOptions::default();
            write("overlay.png", &mut |file| Ok(heatmap.write_png_on_thumbnail(file, slide, &options).map(drop)?))?;
        }
        if has(Picture::Geojson) {
            let tiles = match self.pictures.geojson_tiles {
                GeoJsonTiles::Positive => TileFeatures::AtOrAbove,
                GeoJsonTiles::All => TileFeatures::All,
                GeoJsonTiles::None => TileFeatures::None,
            };
            let options = GeoJsonOptions { tiles, ..GeoJsonOptions::default() };
            write("heatmap.geojson", &mut |file| Ok(heatmap.write_geojson(file, &options).map(drop)?))?;
        }
        if has(Picture::Tiff) {
            let options = OmeTiffOptions::default();
            write("heatmap.ome.tif", &mut |file| Ok(heatmap.write_ome_tiff(file, &options).map(drop)?))?;
        }
        if has(Picture::Page) {
            let options = PageOptions::default();
            write("index.html", &mut |file| Ok(heatmap.write_page(file, slide, facts, &options).map(drop)?))?;
            out.note(format_args!("page: {}", folder.join("index.html").display()));
        }
        Ok(())
    }
}

fn scored_tile(row: &ScoreRow) -> Option<ScoredTile<'_>> {
    let place = row.tile.as_ref()?.place;
    Some(ScoredTile { place, score: row.score, label: row.label.as_deref(), status: &row.status })
}

/// The short stable word of an error about a slide, for its status.
fn code(error: &anyhow::Error) -> &'static str {
    let of = |error: &(dyn std::error::Error + 'static)| {
        if let Some(error) = error.downcast_ref::<kiln_slide::SlideError>() {
            return Some(error.code());
        }
        if let Some(error) = error.downcast_ref::<kiln_slide::ResolutionError>() {
            return Some(error.code());
        }
        if let Some(error) = error.downcast_ref::<kiln_slide::SpacingError>() {
            return Some(error.code());
        }
        match error.downcast_ref::<kiln_slide::TilingError>() {
            Some(kiln_slide::TilingError::Resolution(error)) => Some(error.code()),
            Some(kiln_slide::TilingError::Plan { source, .. }) => Some(source.code()),
            Some(kiln_slide::TilingError::Read { source, .. }) => Some(source.code()),
            _ => None,
        }
    };
    error.chain().find_map(of).unwrap_or("unreadable")
}
