//! TIFF and BigTIFF. This module reads directories and layouts ([`directory`], [`layout`]); libraries decompress the data
//! ([`compression`]). General TIFF decoders fail on valid layouts, or guess where the standard leaves the meaning of
//! samples open. A file with several pages is refused, because no rule selects the page to use.

mod compression;
mod directory;
mod layout;
mod samples;
mod stack;
mod tag;

use self::compression::Compression;
use self::directory::{Container, Directory, damaged};
use self::layout::{Extra, Layout, Photometric};
use super::format::ImageFormat;
use super::image::{Image, Notes, Pixels};
use super::jpeg::{self, Colour};
use super::limits::{Limits, MAX_DECODED_BYTES, too_much_memory};
use crate::error::TileError;

/// Decodes a TIFF file.
///
/// # Errors
/// If the file is damaged, too large or unsupported.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Image, TileError> {
    let (container, first) = Container::open(bytes)?;
    let pages = container.directories(first)?;
    let page = only_page(&pages)?;
    let layout = Layout::read(page, limits)?;
    let orientation = page.number(tag::ORIENTATION, 1)?;
    let sub_directories = page.numbers(tag::SUB_IFDS)?.map_or(0, |places| places.len());
    let notes = Notes {
        icc_profile: page.has(tag::ICC_PROFILE),
        orientation: u8::try_from(orientation).ok().filter(|orientation| (2..=8).contains(orientation)),
        further_images: pages.len() - 1 + sub_directories,
        ..Notes::new(ImageFormat::Tiff)
    };
    let samples = samples(&container, page, &layout, limits)?;
    let pixels = pixels(samples, page, &layout)?;
    Ok(Image { width: layout.width, height: layout.height, pixels, notes })
}

/// Reads the size in pixels from the first directory.
pub(super) fn dimensions(bytes: &[u8]) -> Result<(u32, u32), TileError> {
    let (container, first) = Container::open(bytes)?;
    let pages = container.directories(first)?;
    layout::size(pages.first().ok_or_else(no_page)?)
}

/// Returns the first page, if all others are reduced versions of it.
fn only_page<'a, 'b>(pages: &'b [Directory<'a>]) -> Result<&'b Directory<'a>, TileError> {
    let (first, further) = pages.split_first().ok_or_else(no_page)?;
    const REDUCED: u64 = 1;
    const MASK: u64 = 4;
    if first.number(tag::NEW_SUBFILE_TYPE, 0)? & (REDUCED | MASK) != 0 {
        return Err(TileError::Refused("a TIFF that begins with a reduced version or a mask".to_owned()));
    }
    for page in further {
        let kind = page.number(tag::NEW_SUBFILE_TYPE, 0)?;
        if kind & MASK != 0 {
            return Err(TileError::Refused("a TIFF with a transparency mask as a page".to_owned()));
        }
        if kind & REDUCED == 0 {
            return Err(TileError::Refused(format!("a TIFF with several pages ({} directories)", pages.len())));
        }
    }
    stack::check(first)?;
    Ok(first)
}

/// Returns `[height, width, samples]`, 8 bits each.
fn samples(
    container: &Container<'_>,
    page: &Directory<'_>,
    layout: &Layout,
    limits: &Limits,
) -> Result<Vec<u8>, TileError> {
    let (width, height) = (layout.width as usize, layout.height as usize);
    let total = width * height * layout.samples;
    if total > MAX_DECODED_BYTES {
        return Err(too_much_memory());
    }
    let mut image = vec![0; total];
    let (across, down) = layout.chunks();
    let planes = if layout.planar { layout.samples } else { 1 };
    let tables = page.bytes(tag::JPEG_TABLES)?;
    let places = layout.offsets.iter().zip(&layout.byte_counts).enumerate();
    for (index, (offset, count)) in places.take(planes * (across * down) as usize) {
        let in_plane = index as u32 % (across * down);
        let (x, y) = (in_plane % across * layout.chunk.0, in_plane / across * layout.chunk.1);
        let plane = index / (across * down) as usize;
        // Strips end with the image; tiles may extend past its edges.
        let rows = if layout.tiled { layout.chunk.1 } else { layout.chunk.1.min(layout.height - y) };
        let data = container.slice(*offset, *count)?;
        let chunk = if layout.compression == Compression::Jpeg {
            jpeg_chunk(tables, data, layout, rows, limits)?
        } else {
            samples::expanded(data, layout, rows, container.little_endian)?
        };
        let channels = layout.chunk_samples();
        let stride = layout.chunk.0 as usize * channels;
        let (left, shown) = (x as usize, (layout.chunk.0.min(layout.width - x)) as usize);
        for row in 0..rows.min(layout.height - y) as usize {
            let source = &chunk[row * stride..row * stride + shown * channels];
            let start = ((y as usize + row) * width + left) * layout.samples;
            let target = &mut image[start..start + shown * layout.samples];
            if layout.planar {
                target.iter_mut().skip(plane).step_by(layout.samples).zip(source).for_each(|(to, from)| *to = *from);
            } else {
                target.copy_from_slice(source);
            }
        }
    }
    Ok(image)
}

/// Returns the samples of a strip or tile of JPEG data.
fn jpeg_chunk(tables: &[u8], data: &[u8], layout: &Layout, rows: u32, limits: &Limits) -> Result<Vec<u8>, TileError> {
    if !data.starts_with(&[0xff, 0xd8]) {
        return Err(damaged("a strip or tile is not a JPEG stream"));
    }
    // The tags determine the colour space, not the markers in the stream: TIFF Technical Note 2.
    let colour = if layout.photometric == Photometric::YCbCr { Colour::YCbCr } else { Colour::Rgb };
    let image = jpeg::decode_as(&jpeg::with_tables(tables, data), colour, limits)?;
    let tall_enough = image.height == rows || (!layout.tiled && image.height >= rows);
    if image.width != layout.chunk.0 || !tall_enough {
        return Err(damaged("a strip or tile has another size than its tags"));
    }
    match (image.pixels, layout.chunk_samples()) {
        (Pixels::Grey8(pixels), 1) | (Pixels::Rgb8(pixels), 3) => Ok(pixels),
        _ => Err(damaged("a strip or tile has another number of samples than the image")),
    }
}

/// Converts samples to pixels by their photometric interpretation.
fn pixels(mut samples: Vec<u8>, page: &Directory<'_>, layout: &Layout) -> Result<Pixels, TileError> {
    let last = layout.samples - 1;
    if layout.photometric == Photometric::WhiteIsZero {
        // Alpha is not inverted.
        let colours = if layout.extra == Extra::None { layout.samples } else { last };
        samples
            .chunks_exact_mut(layout.samples)
            .for_each(|pixel| pixel[..colours].iter_mut().for_each(|v| *v = 255 - *v));
    }
    let grey = !matches!(layout.photometric, Photometric::Rgb | Photometric::YCbCr);
    match (layout.extra, grey) {
        (Extra::None, false) => Ok(Pixels::Rgb8(samples)),
        (Extra::None, true) if layout.photometric == Photometric::Palette => palette(&samples, page, layout.bits),
        (Extra::None, true) => Ok(Pixels::Grey8(samples)),
        (Extra::Associated, _) if layout.photometric == Photometric::WhiteIsZero => {
            Err(TileError::Refused("a TIFF with premultiplied alpha where white is zero".to_owned()))
        }
        (Extra::Associated, false) => Ok(Pixels::PremultipliedRgba8(samples)),
        (Extra::Associated, true) => Ok(Pixels::PremultipliedGreyAlpha8(samples)),
        (Extra::Unspecified, _) if samples.chunks_exact(layout.samples).any(|pixel| pixel[last] != u8::MAX) => {
            Err(TileError::Refused("a TIFF with a further channel that is not marked as alpha".to_owned()))
        }
        (_, false) => Ok(Pixels::Rgba8(samples)),
        (_, true) => Ok(Pixels::GreyAlpha8(samples)),
    }
}

fn palette(indices: &[u8], page: &Directory<'_>, bits: u32) -> Result<Pixels, TileError> {
    let map = page.numbers(tag::COLOR_MAP)?.ok_or_else(|| damaged("it has no palette"))?;
    let colours = 1_usize << bits;
    if map.len() != 3 * colours {
        return Err(damaged("its palette has another length than its indices need"));
    }
    if map.iter().all(|value| *value < 256) && map.iter().any(|value| *value > 0) {
        return Err(TileError::Refused("a TIFF with a palette of 8 bits instead of 16".to_owned()));
    }
    // Some writers fill the low byte with zeros, others repeat the high byte in it.
    let level = |index: usize| (map[index] >> 8) as u8;
    let rgb = indices.iter().map(|index| [0, 1, 2].map(|channel| level(channel * colours + usize::from(*index))));
    Ok(Pixels::Rgb8(rgb.collect::<Vec<_>>().into_flattened()))
}

fn no_page() -> TileError {
    damaged("it has no page")
}
