//! The walk over blocks and levels, and the tags of each level.

use std::io::{Seek, Write};

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageError};
use kiln_tile::Place;
use tiff::encoder::{DirectoryEncoder, Rational, TiffEncoder, TiffKind};
use tiff::tags::Tag;

use super::raster::Raster;
use super::{BLOCK_LEVEL, PYRAMID_TILE, PyramidError, PyramidOptions, RegionSource, TileCompression};
use crate::tiff_writer::{DEFLATE, JPEG, TileTable, deflated};

const TILE: usize = PYRAMID_TILE as usize;

/// Values of tags, TIFF 6.0.
const RGB: u16 = 2;
const YCBCR: u16 = 6;
const CENTIMETRE: u16 = 3;

/// Writes the levels, of which there is at least one.
pub(super) fn write<W: Write + Seek, K: TiffKind>(
    out: W,
    levels: &[(u32, u32)],
    options: &PyramidOptions,
    source: &mut RegionSource<'_>,
) -> Result<(), PyramidError> {
    let mut encoder = TiffEncoder::<_, K>::new_generic(out)?;
    // The tiles of all levels are written while the directory of level 0 is open: a tile belongs to the directory that
    // lists it, at any position in the file.
    let mut base = encoder.image_directory()?;
    let mut tables: Vec<TileTable> =
        levels.iter().map(|(width, height)| TileTable::new(*width, *height, PYRAMID_TILE)).collect();
    // Of a small slide a block exceeds the tiles of the coarsest level.
    let top = (levels.len() - 1).max(BLOCK_LEVEL);
    let [columns, rows] = [levels[0].0, levels[0].1].map(|side| side.div_ceil(PYRAMID_TILE << top));
    let mut walk = Walk { directory: &mut base, tables: &mut tables, compression: options.compression, source };
    for row in 0..rows {
        for column in 0..columns {
            walk.node(top, column, row)?;
        }
    }
    write_tags(&mut base, &tables[0], 0, options)?;
    base.finish()?;
    for (level, table) in tables.iter().enumerate().skip(1) {
        let mut directory = encoder.image_directory()?;
        write_tags(&mut directory, table, level, options)?;
        directory.finish()?;
    }
    Ok(())
}

/// The tiles of all levels, written from the finest to the coarsest within each tile of the coarsest level.
struct Walk<'a, 'b, W: Write + Seek, K: TiffKind> {
    directory: &'a mut DirectoryEncoder<'b, W, K>,
    tables: &'a mut [TileTable],
    compression: TileCompression,
    source: &'a mut RegionSource<'a>,
}

impl<W: Write + Seek, K: TiffKind> Walk<'_, '_, W, K> {
    /// Writes a tile and all tiles of finer levels that it covers. Returns its pixels, clipped to the level.
    fn node(&mut self, level: usize, column: u32, row: u32) -> Result<Raster, PyramidError> {
        if level == BLOCK_LEVEL {
            return self.block(column, row);
        }
        let (width, height) = self.clipped(level - 1, 2 * column, 2 * row, 2);
        let mut finer = Raster::black(width as usize, height as usize);
        let (columns, rows) = self.tables[level - 1].grid();
        for y in (0..2).filter(|y| 2 * row + y < rows) {
            for x in (0..2).filter(|x| 2 * column + x < columns) {
                let child = self.node(level - 1, 2 * column + x, 2 * row + y)?;
                finer.paste(&child, x as usize * TILE, y as usize * TILE);
            }
        }
        let pixels = finer.halved();
        self.tile(level, (column, row), &pixels.square(0, 0, TILE))?;
        Ok(pixels)
    }

    /// As [`Self::node`], for a tile of the level at which a block is one tile. A small slide does not have this level.
    fn block(&mut self, column: u32, row: u32) -> Result<Raster, PyramidError> {
        let tiles = 1 << BLOCK_LEVEL;
        let (width, height) = self.clipped(0, column * tiles, row * tiles, tiles);
        let [minx, miny] = [column, row].map(|at| i64::from(at * tiles * PYRAMID_TILE));
        let failed = |reason| PyramidError::Source { minx, miny, width, height, reason };
        let rgb = (self.source)(Place { minx, miny, width, height }).map_err(failed)?;
        let mut pixels = Raster { width: width as usize, height: height as usize, rgb };
        if pixels.rgb.len() != pixels.width * pixels.height * 3 {
            return Err(failed(format!("{} bytes were returned", pixels.rgb.len()).into()));
        }
        for level in 0..self.tables.len().min(BLOCK_LEVEL + 1) {
            if level > 0 {
                pixels = pixels.halved();
            }
            let (first_column, first_row) = (column << (BLOCK_LEVEL - level), row << (BLOCK_LEVEL - level));
            for (y, top) in (0..pixels.height).step_by(TILE).enumerate() {
                for (x, left) in (0..pixels.width).step_by(TILE).enumerate() {
                    let place = (first_column + x as u32, first_row + y as u32);
                    self.tile(level, place, &pixels.square(left, top, TILE))?;
                }
            }
        }
        Ok(pixels)
    }

    /// Size in pixels of `tiles` by `tiles` tiles of a level, clipped to the level.
    fn clipped(&self, level: usize, column: u32, row: u32, tiles: u32) -> (u32, u32) {
        let (width, height) = self.tables[level].size();
        let side = |at: u32, size: u32| (size - at * PYRAMID_TILE).min(tiles * PYRAMID_TILE);
        (side(column, width), side(row, height))
    }

    fn tile(&mut self, level: usize, place: (u32, u32), pixels: &Raster) -> Result<(), PyramidError> {
        let bytes = match self.compression {
            TileCompression::Jpeg(quality) => jpeg(pixels, quality)?,
            TileCompression::Deflate => deflated(&pixels.rgb)?,
        };
        self.tables[level].store(self.directory, place, &bytes)?;
        Ok(())
    }
}

fn jpeg(pixels: &Raster, quality: u8) -> Result<Vec<u8>, PyramidError> {
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
    match encoder.encode(&pixels.rgb, PYRAMID_TILE, PYRAMID_TILE, ExtendedColorType::Rgb8) {
        Ok(()) => Ok(bytes),
        Err(ImageError::IoError(error)) => Err(PyramidError::Write(error)),
        Err(error) => Err(PyramidError::Encode(error.to_string())),
    }
}

fn write_tags<W: Write + Seek, K: TiffKind>(
    directory: &mut DirectoryEncoder<'_, W, K>,
    table: &TileTable,
    level: usize,
    options: &PyramidOptions,
) -> Result<(), PyramidError> {
    // Bit 0: a reduced image of another one in this file.
    directory.write_tag(Tag::NewSubfileType, u32::from(level > 0))?;
    if level == 0 {
        if let Some(description) = &options.description {
            directory.write_tag(Tag::ImageDescription, description.as_str())?;
        }
        directory.write_tag(Tag::Software, "kiln")?;
    }
    directory.write_tag(Tag::BitsPerSample, [8_u16; 3])?;
    directory.write_tag(Tag::SamplesPerPixel, 3_u16)?;
    let resolution = rational(10_000.0 / options.mpp / f64::from(1_u32 << level));
    directory.write_tag(Tag::XResolution, resolution.clone())?;
    directory.write_tag(Tag::YResolution, resolution)?;
    directory.write_tag(Tag::ResolutionUnit, CENTIMETRE)?;
    let compression = match options.compression {
        TileCompression::Jpeg(_) => {
            directory.write_tag(Tag::PhotometricInterpretation, YCBCR)?;
            // The default is 2, 2. The encoder does not subsample.
            directory.write_tag(Tag::ChromaSubsampling, [1_u16; 2])?;
            JPEG
        }
        TileCompression::Deflate => {
            directory.write_tag(Tag::PhotometricInterpretation, RGB)?;
            DEFLATE
        }
    };
    table.write_tags(directory, compression)?;
    Ok(())
}

/// The closest fraction of two 32-bit numbers, by continued fractions: 10000 / 0.243 becomes 10000000 / 243. `value` is
/// between 0.001 and 4 million.
fn rational(value: f64) -> Rational {
    let (mut n, mut d, mut before) = (1_u64, 0_u64, (0_u64, 1_u64));
    let mut rest = value;
    loop {
        let whole = rest.floor();
        let next = (whole as u64).saturating_mul(n).saturating_add(before.0);
        let next = (next, (whole as u64).saturating_mul(d).saturating_add(before.1));
        let limit = u64::from(u32::MAX);
        if d > 0 && (next.0 > limit || next.1 > limit) {
            break;
        }
        (before, n, d) = ((n, d), next.0, next.1);
        let error = (n as f64 / d as f64 - value).abs() / value;
        rest = 1.0 / (rest - whole);
        if error < 1e-12 || !rest.is_finite() {
            break;
        }
    }
    Rational { n: n.min(u64::from(u32::MAX)) as u32, d: d.clamp(1, u64::from(u32::MAX)) as u32 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Cursor;

    use tiff::decoder::{Decoder, DecodingResult};
    use tiff::encoder::TiffKindBig;

    use super::*;

    #[test]
    fn a_bigtiff_has_the_same_pixels() {
        let options = PyramidOptions { compression: TileCompression::Deflate, ..PyramidOptions::new(0.5) };
        let mut out = Cursor::new(Vec::new());
        let mut source = |place: Place| Ok((0..3 * place.width * place.height).map(|at| (at % 251) as u8).collect());
        write::<_, TiffKindBig>(&mut out, &[(300, 200)], &options, &mut source).unwrap();
        let bytes = out.into_inner();
        assert!(bytes[2..4].contains(&43));
        let mut decoder = Decoder::new(Cursor::new(bytes)).unwrap();
        let DecodingResult::U8(rgb) = decoder.read_image().unwrap() else { panic!("not 8 bits") };
        assert!(rgb.iter().enumerate().all(|(at, value)| usize::from(*value) == at % 251) && rgb.len() == 180_000);
    }

    #[test]
    fn pixel_sizes_are_exact_where_a_fraction_is() {
        let exact = |mpp: f64| {
            let Rational { n, d } = rational(10_000.0 / mpp);
            (n, d)
        };
        assert_eq!(exact(0.5), (20_000, 1));
        assert_eq!(exact(0.243), (10_000_000, 243));
        assert_eq!(exact(0.25), (40_000, 1));
        for mpp in [0.05, 0.226_273_418, 0.499_2, 1.0 / 3.0, 7.123_456_789, 20.0, 20.0 * 512.0] {
            let (n, d) = exact(mpp);
            let read = 10_000.0 * f64::from(d) / f64::from(n);
            assert!((read / mpp - 1.0).abs() < 1e-9, "{mpp}: {n} / {d}");
        }
    }
}
