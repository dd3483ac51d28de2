//! The heat map as a tiled, pyramidal OME-TIFF. Levels are SubIFDs, as Bio-Formats 6, QuPath and OMERO read them.
//!
//! [`OverlayPixels::Scores`] has one channel of 32-bit floats, NaN where no tile has a score: for measuring.
//! [`OverlayPixels::Colours`] has the colours of the heat map on white: for looking at. The base is coarser than the
//! slide; its pixel size in micrometres is stated, so that programs that align images by it lay it over the slide.

use std::io::{Seek, Write};
use std::ops::Range;

use tiff::TiffError;
use tiff::encoder::{DirectoryEncoder, TiffEncoder, TiffKind, TiffKindBig, TiffKindStandard};
use tiff::tags::Tag;

use super::colour::{FAILED, ScoreScale};
use super::error::HeatmapError;
use super::raster::{Cell, Raster};
use super::slide::ScoredSlide;
use crate::tiff_writer::{CLASSIC_LIMIT, DEFLATE, StoredTile, TileTable, deflated};

/// Width and height of the TIFF's tiles in pixels.
const TILE: u32 = 512;

/// The kind of an overlay's pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OverlayPixels {
    /// Scores: one channel of 32-bit floats, NaN outside.
    #[default]
    Scores,
    /// Colours: RGB, white outside.
    Colours,
}

/// Options of the OME-TIFF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OmeTiffOptions {
    /// The kind of pixels.
    pub pixels: OverlayPixels,
    /// The longer side of the base is at most this many pixels, unless the raster has more cells. Cells are drawn as
    /// squares of 1, 2, 4, 8 or 16 pixels.
    pub longer_side: u32,
}

impl Default for OmeTiffOptions {
    fn default() -> Self {
        Self { pixels: OverlayPixels::default(), longer_side: 4096 }
    }
}

/// The size and scale of an OME-TIFF.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OmeTiffSummary {
    /// Width of the base in pixels.
    pub width: u32,
    /// Height of the base in pixels.
    pub height: u32,
    /// Number of levels, the base among them.
    pub levels: u32,
    /// Level-0 pixels of the slide per pixel of the base.
    pub scale: f64,
    /// True if the file is a BigTIFF.
    pub big: bool,
}

/// The lattice of pixels: pixel `x` of level `n` covers the slide from `left + x * scale * 2^n`.
struct Grid<'a> {
    slide: &'a ScoredSlide<'a>,
    raster: &'a Raster,
    pixels: OverlayPixels,
    /// Pixels of the base along a cell.
    block: u64,
    width: u32,
    height: u32,
    levels: u32,
}

/// Writes the overlay.
pub(super) fn write(
    out: impl Write + Seek,
    slide: &ScoredSlide<'_>,
    raster: &Raster,
    options: &OmeTiffOptions,
) -> Result<OmeTiffSummary, HeatmapError> {
    let grid = Grid::new(slide, raster, options);
    let sample = if options.pixels == OverlayPixels::Scores { 4 } else { 3 };
    let big = u64::from(grid.width) * u64::from(grid.height) * sample / 3 * 4 > CLASSIC_LIMIT;
    if big { grid.write::<TiffKindBig>(out) } else { grid.write::<TiffKindStandard>(out) }.map_err(refused)?;
    let scale = raster.cell_side() / grid.block as f64;
    Ok(OmeTiffSummary { width: grid.width, height: grid.height, levels: grid.levels, scale, big })
}

impl<'a> Grid<'a> {
    fn new(slide: &'a ScoredSlide<'a>, raster: &'a Raster, options: &OmeTiffOptions) -> Self {
        let cells = raster.columns().max(raster.rows()) as u64;
        let fitting = u64::from(options.longer_side) / cells;
        let block = [16, 8, 4, 2].into_iter().find(|block| *block <= fitting).unwrap_or(1);
        let (numerator, denominator) = raster.side();
        let (shown, pixels) = (slide.shown(), |length: u32| {
            u32::try_from((u64::from(length) * denominator * block).div_ceil(numerator)).unwrap_or(u32::MAX)
        });
        let (width, height) = (pixels(shown.width), pixels(shown.height));
        let mut levels = 1;
        while (width.max(height) >> (levels - 1)) > TILE {
            levels += 1;
        }
        Self { slide, raster, pixels: options.pixels, block, width, height, levels }
    }

    fn size(&self, level: u32) -> (u32, u32) {
        (self.width.div_ceil(1 << level), self.height.div_ceil(1 << level))
    }

    /// Writes the coarser levels first: the directory of the base refers to theirs.
    fn write<K: TiffKind>(&self, out: impl Write + Seek) -> Result<(), TiffError> {
        let mut encoder = TiffEncoder::<_, K>::new_generic(out)?;
        let mut children = Vec::new();
        for level in 1..self.levels {
            let mut directory = encoder.extra_directory()?;
            directory.write_tag(Tag::NewSubfileType, 1_u32)?;
            self.write_level(&mut directory, level)?;
            children.push(directory.finish_with_offsets()?.offset);
        }
        let mut directory = encoder.image_directory()?;
        directory.write_tag(Tag::NewSubfileType, 0_u32)?;
        directory.write_tag(Tag::ImageDescription, self.ome_xml().as_str())?;
        directory.write_tag(Tag::Software, concat!("kiln ", env!("CARGO_PKG_VERSION")))?;
        if !children.is_empty() {
            directory.write_tag(Tag::SubIfd, K::convert_slice(&children))?;
        }
        self.write_level(&mut directory, 0)?;
        directory.finish()
    }

    fn write_level<W: Write + Seek, K: TiffKind>(
        &self,
        directory: &mut DirectoryEncoder<'_, W, K>,
        level: u32,
    ) -> Result<(), TiffError> {
        let (width, height) = self.size(level);
        let shown = self.slide.shown();
        let columns: Vec<_> = (0..width).map(|x| self.cells(shown.minx.unsigned_abs(), x, level)).collect();
        let rows: Vec<_> = (0..height).map(|y| self.cells(shown.miny.unsigned_abs(), y, level)).collect();
        let mut table = TileTable::new(width, height, TILE);
        // Tiles of one value, glass above all, are stored once.
        let mut plain: Vec<(Vec<u8>, StoredTile)> = Vec::new();
        let mut bytes = Vec::new();
        for (row, top) in (0..).zip((0..rows.len()).step_by(TILE as usize)) {
            for (column, left) in (0..).zip((0..columns.len()).step_by(TILE as usize)) {
                self.fill(&mut bytes, &columns[left..], &rows[top..]);
                let pixel = &bytes[..self.pixel_bytes()];
                let is_plain = bytes.chunks_exact(pixel.len()).all(|other| other == pixel);
                match plain.iter().find(|(known, _)| is_plain && known == pixel) {
                    Some((_, stored)) => table.set((column, row), *stored),
                    None => {
                        let stored = table.store(directory, (column, row), &deflated(&bytes)?)?;
                        if is_plain {
                            plain.push((pixel.to_vec(), stored));
                        }
                    }
                }
            }
        }
        table.write_tags(directory, DEFLATE)?;
        match self.pixels {
            OverlayPixels::Scores => {
                directory.write_tag(Tag::BitsPerSample, 32_u16)?;
                directory.write_tag(Tag::SampleFormat, FLOAT)?;
                directory.write_tag(Tag::SamplesPerPixel, 1_u16)?;
                directory.write_tag(Tag::PhotometricInterpretation, BLACK_IS_ZERO)
            }
            OverlayPixels::Colours => {
                directory.write_tag(Tag::BitsPerSample, [8_u16; 3])?;
                directory.write_tag(Tag::SamplesPerPixel, 3_u16)?;
                directory.write_tag(Tag::PhotometricInterpretation, RGB)
            }
        }
    }

    /// The cells of pixel `at` along one side, whose shown part begins `start` pixels from the edge of level 0. A pixel
    /// within cells has the one at its centre, so that the base has exact scores.
    fn cells(&self, start: u64, at: u32, level: u32) -> Range<usize> {
        let (numerator, denominator) = self.raster.side();
        // In units of 1 / (2 * denominator * block) pixels.
        let (start, cell) = (2 * start * denominator * self.block, 2 * numerator * self.block);
        let (pixel, at) = ((2 * numerator) << level, u64::from(at));
        if pixel <= cell {
            let centre = (start + at * pixel + pixel / 2) / cell;
            return centre as usize..centre as usize + 1;
        }
        ((start + at * pixel) / cell) as usize..(start + (at + 1) * pixel).div_ceil(cell) as usize
    }

    /// Fills `bytes` with the tile whose first column and row are given. Pixels beyond the image are outside.
    fn fill(&self, bytes: &mut Vec<u8>, columns: &[Range<usize>], rows: &[Range<usize>]) {
        bytes.clear();
        for row in 0..TILE as usize {
            for column in 0..TILE as usize {
                let cell = match (columns.get(column), rows.get(row)) {
                    (Some(columns), Some(rows)) if columns.len() == 1 && rows.len() == 1 => {
                        self.raster.cell(columns.start, rows.start)
                    }
                    (Some(columns), Some(rows)) => self.raster.mean(columns.clone(), rows.clone()),
                    _ => Cell::Outside,
                };
                match self.pixels {
                    OverlayPixels::Scores => {
                        let score = if let Cell::Score(score) = cell { score } else { f32::NAN };
                        bytes.extend_from_slice(&score.to_ne_bytes());
                    }
                    OverlayPixels::Colours => bytes.extend_from_slice(&match cell {
                        Cell::Outside => [255; 3],
                        Cell::Failed => FAILED,
                        Cell::Score(score) => self.slide.scale.colour(score),
                    }),
                }
            }
        }
    }

    fn pixel_bytes(&self) -> usize {
        if self.pixels == OverlayPixels::Scores { 4 } else { 3 }
    }

    /// OME-XML of schema 2016-06, in ASCII as a TIFF's description must be.
    fn ome_xml(&self) -> String {
        let scale = self.raster.cell_side() / self.block as f64;
        let size = self.slide.mpp * scale;
        let shown = self.slide.shown();
        let (x, y) = (shown.minx as f64 * self.slide.mpp, shown.miny as f64 * self.slide.mpp);
        let ScoreScale { low, threshold, high } = self.slide.scale;
        let (kind, channel, samples) = match self.pixels {
            OverlayPixels::Scores => ("float", "score", 1),
            OverlayPixels::Colours => ("uint8", "colour of the score", 3),
        };
        let description = format!(
            "Scores of {}: range {low} to {high}, threshold {threshold}, {scale} level-0 pixels per pixel, from level-0 \
             pixel ({}, {})",
            self.slide.positive, shown.minx, shown.miny
        );
        let (name, description) = (xml_text(self.slide.name), xml_text(&description));
        let endian = cfg!(target_endian = "big");
        let (width, height) = (self.width, self.height);
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
             <OME xmlns=\"http://www.openmicroscopy.org/Schemas/OME/2016-06\" \
             xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
             xsi:schemaLocation=\"http://www.openmicroscopy.org/Schemas/OME/2016-06 \
             http://www.openmicroscopy.org/Schemas/OME/2016-06/ome.xsd\" Creator=\"kiln\">\
             <Image ID=\"Image:0\" Name=\"{name}\"><Description>{description}</Description>\
             <Pixels ID=\"Pixels:0\" DimensionOrder=\"XYCZT\" Type=\"{kind}\" BigEndian=\"{endian}\" \
             Interleaved=\"{}\" SizeX=\"{width}\" SizeY=\"{height}\" SizeC=\"{samples}\" SizeZ=\"1\" SizeT=\"1\" \
             PhysicalSizeX=\"{size}\" PhysicalSizeXUnit=\"&#181;m\" PhysicalSizeY=\"{size}\" \
             PhysicalSizeYUnit=\"&#181;m\">\
             <Channel ID=\"Channel:0:0\" Name=\"{channel}\" SamplesPerPixel=\"{samples}\"/>\
             <TiffData IFD=\"0\" PlaneCount=\"1\"/>\
             <Plane TheZ=\"0\" TheT=\"0\" TheC=\"0\" PositionX=\"{x}\" PositionXUnit=\"&#181;m\" PositionY=\"{y}\" \
             PositionYUnit=\"&#181;m\"/></Pixels></Image></OME>",
            samples > 1
        )
    }
}

const FLOAT: u16 = 3;
const BLACK_IS_ZERO: u16 = 1;
const RGB: u16 = 2;

/// Escapes text for an attribute or element. Characters beyond ASCII become references; those that XML 1.0 does not
/// allow become U+FFFD.
fn xml_text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            ' '..='~' if !matches!(letter, '<' | '>' | '&' | '"' | '\'') => escaped.push(letter),
            '\t' | '\n' | '\r' => escaped.push_str(&format!("&#{};", letter as u32)),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push_str("&#65533;"),
            other => escaped.push_str(&format!("&#{};", other as u32)),
        }
    }
    escaped
}

fn refused(error: TiffError) -> HeatmapError {
    match error {
        TiffError::IoError(error) => HeatmapError::Write(error),
        error => HeatmapError::Encode { format: "TIFF", reason: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Cursor;

    use tiff::decoder::{Decoder, DecodingResult};

    use super::*;
    use crate::Place;
    use crate::heatmap::ScoredTile;

    #[test]
    fn both_kinds_of_tiff_have_the_same_pixels() {
        let place = Place { minx: 0, miny: 0, width: 256, height: 256 };
        let tiles = [ScoredTile { place, score: Some(0.75), label: None, status: "ok" }];
        let slide = ScoredSlide {
            name: "big",
            width: 25_600,
            height: 2_560,
            mpp: 0.5,
            bounds: None,
            stride: 256,
            scale: ScoreScale::probability(0.5),
            positive: "tumour",
            classes: &[],
            tiles: &tiles,
        };
        let raster = Raster::new(&slide);
        let grid = Grid::new(&slide, &raster, &OmeTiffOptions::default());
        let (mut classic, mut big) = (Cursor::new(Vec::new()), Cursor::new(Vec::new()));
        grid.write::<TiffKindStandard>(&mut classic).unwrap();
        grid.write::<TiffKindBig>(&mut big).unwrap();
        assert_eq!((classic.get_ref()[2], big.get_ref()[2]), (42, 43));
        if let Ok(folder) = std::env::var("KILN_SLIDE_KEEP") {
            std::fs::write(format!("{folder}/big.ome.tiff"), big.get_ref()).unwrap();
        }
        let [classic, big] = [classic, big].map(|file| {
            let mut decoder = Decoder::new(Cursor::new(file.into_inner())).unwrap();
            assert_eq!(decoder.dimensions().unwrap(), (1600, 160));
            let DecodingResult::F32(scores) = decoder.read_image().unwrap() else { panic!("not 32-bit floats") };
            scores.iter().map(|score| score.to_bits()).collect::<Vec<u32>>()
        });
        assert!(classic == big);
        assert_eq!((f32::from_bits(big[0]), f32::from_bits(big[16]).is_nan()), (0.75, true));
    }

    #[test]
    fn a_hostile_name_stays_text() {
        assert_eq!(xml_text("a<b> & \"c\"\u{0}\u{1b}µ"), "a&#60;b&#62; &#38; &#34;c&#34;&#65533;&#65533;&#181;");
    }
}
