//! From rows of tiles to heat maps, pages and `slides.csv`.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::ValueEnum;
use kiln_files::publish;
use kiln_runtime::score::{self, Columns, Format, ScoreRow};
use kiln_runtime::{Bundle, DecisionRule};
use kiln_slide::heatmap::{
    GeoJsonOptions, Heatmap, OmeTiffOptions, PageFacts, PageOptions, PngOptions, ScoreScale, ScoredSlide, ScoredTile,
    ThumbnailOptions, TileFeatures,
};
use kiln_slide::{Place, Slide, SlideRow, SlideRule, SlideScoreOptions, SlideScorer, write_slides_file};
use serde::Serialize;

use super::library::LibraryArgs;
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
    let library = args.library.load()?;
    std::fs::create_dir_all(&args.out).with_context(|| format!("cannot make the folder {}", args.out.display()))?;
    let open = |path: &Path| args.library.open(path, &library);
    draw(&bundle, &args.tiles, &args.out, (&open, &args.pictures), Vec::new(), out)
}

/// The report of `--json`.
#[derive(Serialize)]
struct Document<'a> {
    out: &'a Path,
    slides: &'a [SlideRow],
}

/// The rows of one slide.
pub(super) struct Rows {
    pub(super) slide: String,
    pub(super) rows: Vec<ScoreRow>,
}

/// Opens a slide.
type OpenSlide<'a> = dyn Fn(&Path) -> anyhow::Result<Slide> + 'a;

/// Draws all slides of a file of rows; `without` are the rows of slides that have no tile.
pub(in crate::verbs) fn draw(
    bundle: &Bundle,
    rows: &Path,
    folder: &Path,
    (open, pictures): (&OpenSlide<'_>, &Pictures),
    without: Vec<SlideRow>,
    out: &Output,
) -> anyhow::Result<Exit> {
    let rule = DecisionRule::from_manifest(&bundle.manifest);
    let scale = scale(rows, &rule)?;
    let context = Context { bundle, rule: &rule, scale, folder, pictures };
    let mut table = Vec::new();
    let mut by_slide = by_slide(rows, &rule)?;
    let mut names = Vec::new();
    while let Some(found) = by_slide.next().transpose()? {
        let name = context.name(&found.slide, &mut names);
        let slide = open(Path::new(&found.slide))?;
        table.push(context.draw(&slide, &found, &name, out)?);
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

/// All that is equal for every slide.
struct Context<'a> {
    bundle: &'a Bundle,
    rule: &'a DecisionRule,
    scale: ScoreScale,
    folder: &'a Path,
    pictures: &'a Pictures,
}

impl Context<'_> {
    /// The name of a slide's folder: that of its file, with a number if another slide has it.
    fn name(&self, slide: &str, taken: &mut Vec<String>) -> String {
        let stem = Path::new(slide).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut names = std::iter::once(stem.clone()).chain((2..).map(|number| format!("{stem}-{number}")));
        let name = names.find(|name| !taken.contains(name)).unwrap_or(stem);
        taken.push(name.clone());
        name
    }

    fn draw(&self, slide: &Slide, found: &Rows, name: &str, out: &Output) -> anyhow::Result<SlideRow> {
        let mpp = slide.mpp()?.mean();
        let stride = stride(&found.rows);
        let (tile_side, threshold) = (f64::from(stride) * mpp / 1_000.0, self.rule.threshold());
        let rule = match (&self.pictures.slide_rule, &self.bundle.manifest.slide_rule) {
            (Some(rule), _) => *rule,
            (None, Some(rule)) => rule.parse().context("slide_rule in the bundle's manifest")?,
            (None, None) => SlideRule::default(),
        };
        let options = SlideScoreOptions {
            tile_mm2: Some(tile_side * tile_side),
            negative: self.rule.normal_label().to_owned(),
            positive: self.rule.anomalous_label().to_owned(),
            ..SlideScoreOptions::new(rule, threshold)
        };
        let mut scorer = SlideScorer::new(options)?;
        found.rows.iter().for_each(|row| scorer.push(row.score));
        let score = scorer.finish();
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
        let rule_text = rule.description();
        let facts = PageFacts {
            model: &self.bundle.manifest.model.name,
            score: score.score,
            rule: &rule_text,
            label: score.label.as_deref(),
            tissue_mm2: Some(tissue * tile_side * tile_side),
            more: &[],
        };
        self.write(&Heatmap::new(&scored)?, slide, &facts, name, out)?;
        Ok(SlideRow::new(&found.slide, score, mpp, &slide.reader(0).to_string()).with_bounds(slide.bounds()))
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
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let write = |file: &str, write: &mut dyn FnMut(&mut BufWriter<&File>) -> anyhow::Result<()>| {
            let path = folder.join(file);
            let failed = || format!("cannot write {}", path.display());
            let scratch = publish::scratch_file(&path).with_context(failed)?;
            let mut buffer = BufWriter::new(scratch.as_file());
            write(&mut buffer).with_context(failed)?;
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

/// The rows of a file, one slide after the other.
pub(super) fn by_slide<'a>(
    file: &'a Path,
    rule: &DecisionRule,
) -> anyhow::Result<impl Iterator<Item = anyhow::Result<Rows>> + use<'a>> {
    let format = Format::from_path(file).with_context(|| {
        format!("{}: the name gives no format; rows are in .csv, .jsonl or .parquet files", file.display())
    })?;
    let mut rows = score::rows(file, format, &Columns::for_slides(rule.classes()))?.peekable();
    let mut seen = std::collections::HashSet::new();
    Ok(std::iter::from_fn(move || {
        let slide = match rows.peek()? {
            Ok(row) => slide_of(row).to_owned(),
            Err(reason) => return Some(Err(anyhow::anyhow!("{}: {reason}", file.display()))),
        };
        if !seen.insert(slide.clone()) {
            let reason = "its rows are in two places; sort the file by slide";
            return Some(Err(anyhow::anyhow!("{}: {slide}: {reason}", file.display())));
        }
        let mut found = Vec::new();
        while let Some(row) = rows.next_if(|row| row.as_ref().is_ok_and(|row| slide_of(row) == slide)) {
            found.extend(row.ok());
        }
        Some(Ok(Rows { slide, rows: found }))
    }))
}

fn slide_of(row: &ScoreRow) -> &str {
    row.tile.as_ref().map_or("", |tile| &tile.slide)
}

/// One scale for all slides, so that their colours can be compared: 0 to 1 where every score is in it.
fn scale(file: &Path, rule: &DecisionRule) -> anyhow::Result<ScoreScale> {
    let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
    for found in by_slide(file, rule)? {
        for score in found?.rows.iter().filter_map(|row| row.score) {
            (low, high) = (low.min(score), high.max(score));
        }
    }
    let threshold = rule.threshold() as f32;
    let is_probability = low >= 0.0 && high <= 1.0 && (0.0..=1.0).contains(&threshold);
    let is_empty = low > high;
    Ok(if is_probability || is_empty && (0.0..=1.0).contains(&threshold) {
        ScoreScale::probability(threshold)
    } else {
        ScoreScale::around(threshold, [low, high])
    })
}

/// The distance between neighbouring tiles: the least one between two columns. Without a second column, a tile's width.
fn stride(rows: &[ScoreRow]) -> u32 {
    let places: Vec<Place> = rows.iter().filter_map(|row| Some(row.tile.as_ref()?.place)).collect();
    let least = |edge: fn(&Place) -> i64| {
        let mut edges: Vec<i64> = places.iter().map(edge).collect();
        edges.sort_unstable();
        edges.dedup();
        edges.windows(2).map(|pair| pair[1].abs_diff(pair[0])).min()
    };
    let width = places.first().map_or(1, |place| place.width);
    let steps = [least(|place| place.minx), least(|place| place.miny)];
    let step = steps.into_iter().flatten().min().and_then(|step| u32::try_from(step).ok());
    step.map_or(width, |step| step.min(width)).max(1)
}

/// The short stable word of an error about a slide, for its status.
pub(in crate::verbs) fn code(error: &anyhow::Error) -> &'static str {
    let of = |error: &(dyn std::error::Error + 'static)| {
        if let Some(error) = error.downcast_ref::<kiln_slide::SlideError>() {
            return Some(error.code());
        }
        if let Some(error) = error.downcast_ref::<kiln_slide::ResolutionError>() {
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
