//! The tiles of a slide: its tissue, a grid at a target resolution, and labels from annotations.

use std::path::PathBuf;

use kiln_files::Fault;

use crate::tissue::Thumbnail;
use crate::{
    Annotations, DEFAULT_TISSUE, Edge, Grid, GridError, GridOptions, Label, Labeller, Mpp, Overlap, PlanError,
    ReadError, ReadPlan, ResolutionError, Slide, SlideTile, TissueError, TissueMask, TissueOptions,
};

/// Resolution of the thumbnail that tissue is found on, in µm/px. Slides whose thumbnail would have more than
/// [`MAX_SIDE`] pixels a side get a coarser one.
const THUMBNAIL_MPP: f64 = 8.0;
/// Largest side of that thumbnail in pixels.
const MAX_SIDE: u32 = 8_192;

/// Parameters of the tiles.
#[derive(Debug, Clone, PartialEq)]
pub struct TilingOptions {
    /// Resolution of the tiles in µm/px. A tile has 256 x 256 pixels.
    pub target_mpp: f64,
    /// Part of a tile that the next tile repeats.
    pub overlap: Overlap,
    /// Treatment of tiles that exceed the slide.
    pub edge: Edge,
    /// Least share of tissue in a tile, 0 to 1. At 0 every tile that touches tissue is kept.
    pub min_tissue: f64,
    /// An image whose non-zero pixels are tissue, instead of the detection.
    pub mask: Option<PathBuf>,
    /// Allow tiles that are finer than level 0.
    pub enlarge: bool,
}

impl TilingOptions {
    /// Whole tiles on tissue, without overlap.
    #[must_use]
    pub fn new(target_mpp: f64) -> Self {
        Self {
            target_mpp,
            overlap: Overlap::default(),
            edge: Edge::default(),
            min_tissue: DEFAULT_TISSUE,
            mask: None,
            enlarge: false,
        }
    }
}

/// Labels of tiles.
#[derive(Debug, Clone, Copy)]
pub struct Labelling<'a> {
    /// The slide's annotations.
    pub annotations: &'a Annotations,
    /// The rule.
    pub labeller: Labeller,
}

/// The tiles of a slide, from the top in rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Tiling {
    /// The tiles, each with its label; [`Label::Unlabelled`] without annotations.
    pub tiles: Vec<(SlideTile, Label)>,
    /// Resolution of level 0.
    pub mpp: Mpp,
    /// The level that tiles are read from, and how.
    pub plan: ReadPlan,
    /// Tiles of the whole grid.
    pub grid: u64,
    /// Distance between neighbouring tiles in level-0 pixels.
    pub stride: u32,
    /// Share of the slide that is tissue, 0 to 1.
    pub tissue: f64,
    /// Doubts about the tissue and the labels, one sentence each. [`Slide::cut_short`] is a doubt about the slide.
    pub doubts: Vec<String>,
}

/// The reason why a slide has no tiles.
#[derive(Debug, thiserror::Error)]
pub enum TilingError {
    /// No usable resolution.
    #[error(transparent)]
    Resolution(#[from] ResolutionError),
    /// No level serves the resolution of the tiles.
    #[error("{}: {source}", .slide.display())]
    Plan {
        /// The slide.
        slide: PathBuf,
        /// The cause.
        source: PlanError,
    },
    /// Overlap or resolution out of range.
    #[error("{}: {source}", .slide.display())]
    Grid {
        /// The slide.
        slide: PathBuf,
        /// The cause.
        source: GridError,
    },
    /// The mask cannot be used, or no tissue can be searched for.
    #[error("{}: {source}", .slide.display())]
    Tissue {
        /// The slide.
        slide: PathBuf,
        /// The cause.
        source: TissueError,
    },
    /// A path that is not UTF-8, which lists of tiles cannot contain.
    #[error("{}: the path is not UTF-8, and a list of tiles cannot contain it", .slide.display())]
    Name {
        /// The slide.
        slide: PathBuf,
    },
    /// A picture cannot be made.
    #[error("the picture cannot be encoded: {0}")]
    Picture(String),
    /// The slide cannot be read.
    #[error("{}: {source}", .slide.display())]
    Read {
        /// The slide.
        slide: PathBuf,
        /// The cause.
        source: ReadError,
    },
}

impl TilingError {
    /// Returns the error category: always wrong input.
    #[must_use]
    pub fn fault(&self) -> Fault {
        Fault::Input
    }
}

impl Tiling {
    /// The tiles of a slide. A slide without tissue has none, which is no error.
    ///
    /// # Errors
    /// A path that is not UTF-8, no usable resolution, no level that serves it, an option out of range, an unreadable slide or
    /// mask.
    pub fn new(slide: &Slide, options: &TilingOptions, labels: Option<Labelling<'_>>) -> Result<Self, TilingError> {
        let path = || slide.path().to_owned();
        let name = slide.path().to_str().ok_or_else(|| TilingError::Name { slide: path() })?;
        let mpp = slide.mpp()?;
        let plan = ReadPlan::new(slide.levels(), mpp.mean(), options.target_mpp, options.enlarge)
            .map_err(|source| TilingError::Plan { slide: path(), source })?;
        let grid_options =
            GridOptions { overlap: options.overlap, edge: options.edge, ..GridOptions::new(options.target_mpp) };
        let grid = Grid::new(slide.size(), mpp.mean(), &grid_options)
            .map_err(|source| TilingError::Grid { slide: path(), source })?;
        let (mask, mut doubts) = tissue(slide, mpp.mean(), options)?;
        doubts.extend_from_slice(mask.doubts());
        let (len, stride) = (grid.len(), grid.stride());
        let tile = |(place, tissue): (_, f64)| {
            let labelled = labels.map(|labels| labels.labeller.label(labels.annotations, place));
            let tile = SlideTile {
                slide: name.to_owned(),
                place,
                level: Some(plan.level),
                tissue_fraction: Some(tissue as f32),
                tumour_fraction: labelled.map(|(_, tumour)| tumour as f32),
            };
            (tile, labelled.map_or(Label::Unlabelled, |(label, _)| label))
        };
        let tiles = grid.on_tissue(&mask, options.min_tissue).map(tile).collect();
        Ok(Self { tiles, mpp, plan, grid: len, stride, tissue: mask.share(), doubts })
    }

    /// The reason why the grid has no tile at all, whatever the tissue: the slide is smaller than one. `None` if it has some.
    #[must_use]
    pub fn no_whole_tile(&self) -> Option<String> {
        let side = self.plan.footprint();
        (self.grid == 0)
            .then(|| format!("no tile of {side} px of level 0 a side fits into the slide (`--edge pad` adds one)"))
    }
}

/// The tissue of a slide: the given mask, or the tissue found on a thumbnail.
fn tissue(slide: &Slide, mpp: f64, options: &TilingOptions) -> Result<(TissueMask, Vec<String>), TilingError> {
    let failed = |source| TilingError::Tissue { slide: slide.path().to_owned(), source };
    if let Some(mask) = &options.mask {
        return Ok((TissueMask::read(mask, slide.size()).map_err(failed)?, Vec::new()));
    }
    let (width, height) = slide.size();
    let side = (width.max(height) as f64 * mpp / THUMBNAIL_MPP).ceil().clamp(1.0, f64::from(MAX_SIDE));
    let thumbnail =
        slide.thumbnail(side as u32).map_err(|source| TilingError::Read { slide: slide.path().to_owned(), source })?;
    let region = &thumbnail.region;
    let picture = Thumbnail {
        rgb: &region.rgb,
        width: region.width,
        height: region.height,
        scale: [width as f64 / f64::from(region.width), height as f64 / f64::from(region.height)],
    };
    let mask = TissueMask::detect(&picture, mpp, &TissueOptions::default()).map_err(failed)?;
    let doubt = thumbnail.unreadable.first().map(|reason| {
        format!(
            "{} parts of the slide are unreadable and count as glass; the first: {reason}.",
            thumbnail.unreadable.len()
        )
    });
    Ok((mask, doubt.into_iter().collect()))
}

/// A PNG of a slide, at most `side` pixels a side, with the outlines of its tiles.
///
/// # Errors
/// A slide that cannot be read.
pub fn thumbnail_with_tiles(slide: &Slide, side: u32, tiling: Option<&Tiling>) -> Result<Vec<u8>, TilingError> {
    let region =
        slide.thumbnail(side).map_err(|source| TilingError::Read { slide: slide.path().to_owned(), source })?.region;
    let (width, height) = (region.width, region.height);
    let mut picture = image::RgbImage::from_raw(width, height, region.rgb).unwrap_or_default();
    let scale = f64::from(width) / slide.size().0.max(1) as f64;
    let edge = |level0: i64, last: u32| ((level0 as f64 * scale).round().max(0.0) as u32).min(last.saturating_sub(1));
    for (tile, label) in tiling.iter().flat_map(|tiling| &tiling.tiles) {
        let place = tile.place;
        let (left, right) = (edge(place.minx, width), edge(place.minx + i64::from(place.width), width));
        let (top, bottom) = (edge(place.miny, height), edge(place.miny + i64::from(place.height), height));
        let colour = image::Rgb(if *label == Label::Tumour { [200, 30, 30] } else { [30, 90, 200] });
        for x in left..=right {
            picture.put_pixel(x, top, colour);
            picture.put_pixel(x, bottom, colour);
        }
        for y in top..=bottom {
            picture.put_pixel(left, y, colour);
            picture.put_pixel(right, y, colour);
        }
    }
    let mut png = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut png, image::ImageFormat::Png).map_err(|error| TilingError::Picture(error.to_string()))?;
    Ok(png.into_inner())
}
