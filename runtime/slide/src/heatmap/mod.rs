//! Heat maps, drawn from the scores of a slide's tiles. A [`Heatmap`] holds the scores on a lattice of cells and
//! writes a PNG, GeoJSON for QuPath, a pyramidal OME-TIFF and a self-contained page. Equal input gives equal bytes: no
//! output contains a date or a random number. Writers take an open output; the caller publishes it.
//!
//! Coordinates are level-0 pixels with the origin at the top left. QuPath shows a MIRAX slide cropped to its bounds, so
//! GeoJSON and OME-TIFF, which are for QuPath, are relative to [`ScoredSlide::bounds`].

mod colour;
mod error;
mod geojson;
mod lettering;
mod ome_tiff;
mod page;
mod png;
mod raster;
mod region;
mod slide;

pub use self::png::{PngOptions, PngSummary, ThumbnailOptions};
pub use colour::{FAILED, ScoreScale};
pub use error::HeatmapError;
pub use geojson::{GeoJsonOptions, GeoJsonSummary, TileFeatures};
pub use ome_tiff::{OmeTiffOptions, OmeTiffSummary, OverlayPixels};
pub use page::{PageFacts, PageOptions, PageSummary};
pub use raster::{Cell, Raster};
pub use region::Region;
pub use slide::{PixelError, ScoredSlide, ScoredTile, SlidePixels};

use std::io::{Seek, Write};

/// The scores of a slide on a lattice, ready to be drawn.
#[derive(Debug)]
pub struct Heatmap<'a> {
    slide: &'a ScoredSlide<'a>,
    raster: Raster,
}

impl<'a> Heatmap<'a> {
    /// Places the scores of `slide` on a lattice.
    ///
    /// # Errors
    /// If the slide's size, resolution, stride or scale is not usable.
    pub fn new(slide: &'a ScoredSlide<'a>) -> Result<Self, HeatmapError> {
        slide.check()?;
        Ok(Self { slide, raster: Raster::new(slide) })
    }

    /// The lattice of scores.
    #[must_use]
    pub fn raster(&self) -> &Raster {
        &self.raster
    }

    /// The areas of tiles at or above the threshold, highest score first.
    #[must_use]
    pub fn regions(&self) -> Vec<Region> {
        region::regions(self.slide, &self.raster)
    }

    /// Writes the heat map as PNG: transparent where there is no tile, hatched grey where a tile failed.
    ///
    /// # Errors
    /// If `out` cannot be written.
    pub fn write_png(&self, out: impl Write, options: &PngOptions) -> Result<PngSummary, HeatmapError> {
        png::write_heatmap(out, self.slide, &self.raster, options)
    }

    /// Writes the heat map over a thumbnail of the slide as PNG, with a legend below.
    ///
    /// # Errors
    /// If the thumbnail cannot be read or `out` cannot be written.
    pub fn write_png_on_thumbnail(
        &self,
        out: impl Write,
        pixels: &dyn SlidePixels,
        options: &ThumbnailOptions,
    ) -> Result<PngSummary, HeatmapError> {
        png::write_on_thumbnail(out, self.slide, &self.raster, pixels, options)
    }

    /// Writes tiles and regions as GeoJSON for QuPath 0.4 or later, one feature after the other.
    ///
    /// # Errors
    /// If `out` cannot be written.
    pub fn write_geojson(&self, out: impl Write, options: &GeoJsonOptions) -> Result<GeoJsonSummary, HeatmapError> {
        let regions = if options.regions { self.regions() } else { Vec::new() };
        geojson::write(out, self.slide, &regions, options)
    }

    /// Writes a tiled, pyramidal OME-TIFF with the extent of the slide as QuPath shows it.
    ///
    /// # Errors
    /// If `out` cannot be written.
    pub fn write_ome_tiff(
        &self,
        out: impl Write + Seek,
        options: &OmeTiffOptions,
    ) -> Result<OmeTiffSummary, HeatmapError> {
        ome_tiff::write(out, self.slide, &self.raster, options)
    }

    /// Writes the page: one HTML file that needs no network.
    ///
    /// # Errors
    /// If `out` cannot be written. Pixels that cannot be read are drawn grey and counted.
    pub fn write_page(
        &self,
        out: impl Write,
        pixels: &dyn SlidePixels,
        facts: &PageFacts<'_>,
        options: &PageOptions,
    ) -> Result<PageSummary, HeatmapError> {
        page::write(out, self.slide, &self.raster, pixels, facts, options)
    }
}
