//! Tags of a TIFF's first directory that OpenSlide does not report, and signs that a TIFF file is cut short.

use std::fs::File;
use std::io::{BufReader, ErrorKind};
use std::path::Path;

use kiln_files::read_head;
use tiff::decoder::Decoder;
use tiff::tags::Tag;
use tiff::{TiffError, TiffResult};

use crate::files::ending;
use crate::regular_file::open_regular;

/// Number of images whose tables are checked.
const MAX_IMAGES: usize = 64;
/// The name of the page that an image was scanned from.
const PAGE_NAME: Tag = Tag::Unknown(285);

/// Facts of the first directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TiffHeader {
    /// Compression, by its number in TIFF 6.0 and the registered extensions.
    pub(crate) compression: u16,
    /// Photometric interpretation: 2 is RGB, 6 is YCbCr.
    pub(crate) photometric: Option<u16>,
    /// Width and height of the first image in pixels.
    pub(crate) size: (u64, u64),
    /// True if the image is stored in tiles, false for strips.
    pub(crate) is_tiled: bool,
    /// Number of directories below the first one (SubIFDs), where OME-TIFFs keep their smaller levels.
    pub(crate) sub_directories: usize,
}

impl TiffHeader {
    /// Reads the header; `None` if the file is not a TIFF, or its first directory is damaged.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        let mut decoder = decoder(path).ok()?;
        let compression = decoder.find_tag_unsigned(Tag::Compression).ok()?.unwrap_or(1);
        let photometric = decoder.find_tag_unsigned(Tag::PhotometricInterpretation).ok()?;
        let side = |decoder: &mut Decoder<_>, tag| decoder.find_tag_unsigned::<u64>(tag).ok().flatten().unwrap_or(0);
        let size = (side(&mut decoder, Tag::ImageWidth), side(&mut decoder, Tag::ImageLength));
        let is_tiled = side(&mut decoder, Tag::TileWidth) > 0;
        let sub = decoder.find_tag_unsigned_vec::<u64>(Tag::SubIfd).ok().flatten();
        Some(Self { compression, photometric, size, is_tiled, sub_directories: sub.map_or(0, |offsets| offsets.len()) })
    }

    /// The field's name of the compression.
    pub(crate) fn compression_name(&self) -> String {
        match self.compression {
            1 => "none".to_owned(),
            5 => "LZW".to_owned(),
            6 | 7 => "JPEG".to_owned(),
            8 | 32_946 => "deflate".to_owned(),
            33_003 | 33_005 | 34_712 => "JPEG 2000".to_owned(),
            34_925 => "LZMA".to_owned(),
            50_000 => "Zstandard".to_owned(),
            50_001 => "WebP".to_owned(),
            50_002 => "JPEG XL".to_owned(),
            other => format!("TIFF compression {other}"),
        }
    }

    /// True if JPEG tiles hold RGB. A reader that trusts the JPEG alone would take them for YCbCr.
    pub(crate) fn is_rgb_jpeg(&self) -> bool {
        self.compression == 7 && self.photometric == Some(2)
    }
}

/// A decoder of a regular file; a pipe is not opened, since reading it may never end.
fn decoder(path: &Path) -> TiffResult<Decoder<BufReader<File>>> {
    let file = open_regular(path)?.ok_or_else(|| TiffError::IoError(ErrorKind::InvalidInput.into()))?;
    Decoder::new(BufReader::new(file))
}

/// True for an OME-TIFF whose header names Kiln as its creator: a heat map. Slides that Kiln draws have no such header.
pub(crate) fn is_heat_map(path: &Path) -> bool {
    let description = decoder(path).and_then(|mut decoder| decoder.get_tag_ascii_string(Tag::ImageDescription));
    description.is_ok_and(|text| text.contains("<OME ") && text.contains("Creator=\"kiln\""))
}

/// The images of a TIFF after the first whose description or page name calls them a label or a macro image, with the number of
/// their directory. An image that cannot be read ends the search.
pub(crate) fn label_images(path: &Path) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    let Ok(mut decoder) = decoder(path) else { return found };
    for image in 1..MAX_IMAGES {
        if !decoder.more_images() || decoder.next_image().is_err() {
            break;
        }
        let texts = [Tag::ImageDescription, PAGE_NAME].map(|tag| decoder.get_tag_ascii_string(tag).unwrap_or_default());
        let is_named = |name: &str| {
            let mut words = texts.iter().flat_map(|text| text.split(|letter: char| !letter.is_alphanumeric()));
            words.any(|word| word.eq_ignore_ascii_case(name))
        };
        found.extend(["label", "macro"].into_iter().find(|name| is_named(name)).map(|name| (image, name)));
    }
    found
}

/// The sign that a TIFF file is shorter than its header states: directories, tiles or strips beyond the end of the file.
/// `None` for whole files and for files that are no TIFF. Only offsets are read, no image data.
pub(crate) fn cut_short(path: &Path) -> Option<String> {
    const DIRECTORY: &str = "the first directory continues beyond the end of the file";
    let file = open_regular(path).ok().flatten()?;
    let length = file.metadata().ok()?.len();
    let head = read_head(file, 16).ok()?;
    let is_ndpi = ending(path) == "ndpi";
    match first_directory(&head, is_ndpi)? {
        0 => return Some("the header names no directory, so the file was not written to its end".to_owned()),
        at if at >= length => {
            return Some(format!("the first directory begins at byte {at}, and the file has {length} bytes"));
        }
        // The offsets of an NDPI directory have 64 bits, against the standard.
        _ if is_ndpi => return None,
        _ => {}
    }
    let mut decoder = match decoder(path) {
        Ok(decoder) => decoder,
        Err(error) => return is_end_of_file(&error).then(|| DIRECTORY.to_owned()),
    };
    for image in 0..MAX_IMAGES {
        if let Some(sign) = missing_parts(&mut decoder, image, length) {
            return Some(sign);
        }
        if !decoder.more_images() {
            break;
        }
        if let Err(error) = decoder.next_image() {
            return is_end_of_file(&error).then(|| format!("directory {} is beyond the end of the file", image + 1));
        }
    }
    None
}

/// The sign that tiles, strips or their tables are missing from the decoder's current image.
fn missing_parts(decoder: &mut Decoder<BufReader<File>>, image: usize, length: u64) -> Option<String> {
    for (name, offsets, lengths) in
        [("tiles", Tag::TileOffsets, Tag::TileByteCounts), ("strips", Tag::StripOffsets, Tag::StripByteCounts)]
    {
        let mut table = |tag| decoder.find_tag_unsigned_vec::<u64>(tag);
        let (offsets, lengths) = match (table(offsets), table(lengths)) {
            (Ok(Some(offsets)), Ok(Some(lengths))) => (offsets, lengths),
            (Err(error), _) | (_, Err(error)) if is_end_of_file(&error) => {
                return Some(format!("the table of {name} of image {image} is beyond the end of the file"));
            }
            _ => continue,
        };
        let ends = offsets.iter().zip(&lengths).map(|(offset, bytes)| offset.saturating_add(*bytes));
        let missing = ends.filter(|end| *end > length).count();
        if missing > 0 {
            return Some(format!(
                "{missing} of {} {name} of image {image} are beyond the end of the file",
                offsets.len()
            ));
        }
    }
    None
}

fn is_end_of_file(error: &TiffError) -> bool {
    matches!(error, TiffError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof)
}

/// The offset of the first directory in a TIFF's header.
fn first_directory(head: &[u8], is_ndpi: bool) -> Option<u64> {
    let is_little_endian = match head.get(..2)? {
        b"II" => true,
        b"MM" => false,
        _ => return None,
    };
    let number = |at: usize, bytes: usize| {
        let part = head.get(at..at + bytes)?;
        let push = |value: u64, byte: &u8| (value << 8) | u64::from(*byte);
        Some(if is_little_endian { part.iter().rev().fold(0, push) } else { part.iter().fold(0, push) })
    };
    match number(2, 2)? {
        42 if is_ndpi => number(4, 8),
        42 => number(4, 4),
        43 => number(8, 8),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{PyramidOptions, write_pyramid_file};

    #[test]
    fn a_cut_file_is_found_and_a_whole_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("slide.tif");
        let noise = |place: kiln_tile::Place| -> Vec<u8> {
            (0..3 * place.width * place.height).map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()[2]).collect()
        };
        let options = PyramidOptions::new(0.5);
        write_pyramid_file(&file, (2_048, 1_100), &options, &mut |place| Ok(noise(place))).unwrap();
        assert_eq!(cut_short(&file), None);
        let whole = fs::read(&file).unwrap();
        for length in [16, whole.len() / 4, whole.len() / 2, whole.len() - 100] {
            fs::write(&file, &whole[..length]).unwrap();
            assert!(cut_short(&file).is_some(), "{length} of {} bytes", whole.len());
        }
        fs::write(&file, "no TIFF at all").unwrap();
        assert_eq!(cut_short(&file), None);
        assert_eq!(cut_short(folder.path()), None);
    }

    #[test]
    fn a_label_in_a_later_directory_is_found_by_its_description() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("slide.tif");
        let mut encoder = tiff::encoder::TiffEncoder::new(fs::File::create(&file).unwrap()).unwrap();
        for description in ["label of no image", "Scanner 3\nMacro 20x10", "level 1", "label"] {
            let mut image = encoder.new_image::<tiff::encoder::colortype::Gray8>(4, 4).unwrap();
            image.encoder().write_tag(Tag::ImageDescription, description).unwrap();
            image.write_data(&[0; 16]).unwrap();
        }
        assert_eq!(label_images(&file), [(1, "macro"), (3, "label")]);
        fs::write(&file, "no TIFF").unwrap();
        assert!(label_images(&file).is_empty() && !is_heat_map(&file));
    }

    #[test]
    fn the_first_directory_is_found_in_every_form() {
        assert_eq!(first_directory(b"II\x2a\0\x10\0\0\0\x01\0\0\0", false), Some(16));
        assert_eq!(first_directory(b"II\x2a\0\x10\0\0\0\x01\0\0\0", true), Some((1 << 32) + 16));
        assert_eq!(first_directory(b"MM\0\x2a\0\0\0\x10", false), Some(16));
        assert_eq!(first_directory(b"II\x2b\0\x08\0\0\0\x10\0\0\0\0\0\0\0", false), Some(16));
        for junk in [&b""[..], b"II", b"II\x2a\0\x10", b"\x89PNG\r\n", b"II\x2c\0\x10\0\0\0"] {
            assert_eq!(first_directory(junk, false), None);
        }
    }
}
